"""A check that a search reached its optimum, where the gradient is practically 0."""

_LARGEST_GRADIENT_ACCEPTED = 1e-6  # per sample


def describe_gradient(largest: float, *, search: str, advice: str) -> str:
    """Return the message of a summary, or raise if the search stopped before the optimum.

    Parameters
    ----------
    largest : float
        The largest absolute value among the entries of the gradient of the NLL per sample.
    search : str
        What was searched for and when the search stopped, in the words of the error message.
    advice : str
        What the user can do, apart from looking at the size of the logits.

    Returns
    -------
    str
        A clause that states the size of the gradient.

    Raises
    ------
    RuntimeError
        If the gradient is larger than 1e-6 or NaN.
    """
    if not largest <= _LARGEST_GRADIENT_ACCEPTED:
        raise RuntimeError(
            f"the search for {search} with a gradient of {largest:.2g} per sample, above "
            f"{_LARGEST_GRADIENT_ACCEPTED:g}; look for logits of very different magnitudes{advice}"
        )
    return f"the largest entry of the gradient is {largest:.1g} per sample"
