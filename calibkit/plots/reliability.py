"""The reliability diagram, and the histogram of confidences."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from calibkit._types import Binning, Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of
from calibkit.metrics.reliability_bins import ReliabilityBins, reliability_bins
from calibkit.plots._axes import axes_or_new, format_as_percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colour-blind readers can tell Okabe and Ito's blue and vermilion apart. The two also differ in
# lightness, so that they can be told apart in a grey print.
BLUE, VERMILION, GREY, LIGHT_GREY = "#0072B2", "#D55E00", "#8C8C8C", "#C8C8C8"


class _Words(NamedTuple):
    """How a plot names what it shows."""

    confidence: str
    confidence_axis: str
    share: str
    right: str
    wrong: str


# The name of a class of more letters would push the diagram aside.
_LONGEST_NAME = 20
_WORDS: dict[Of, _Words] = {
    "top": _Words("confidence", "confidence of the top class", "accuracy", "right", "wrong"),
    "positive": _Words("P(y = 1)", "P(y = 1)", "frequency of y = 1", "y = 1", "y = 0"),
}


def reliability_diagram(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    binning: Binning = "uniform",
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    title: str = "Reliability diagram",
    ax: "Axes | None" = None,
) -> "Axes":
    r"""Plot accuracy against confidence, bin by bin, and print the ECE of the same bins.

    Each bar shows the accuracy of the samples in a bin, and the dot shows their mean confidence.
    For two classes, the confidence is P(y = 1), and the bar shows how often y = 1.
    The line between the two is the gap that the ECE averages. The grey band of a bin shows where
    the accuracy of this bin would be in 95% of all test sets if the model were perfectly
    calibrated. Its ends are binomial quantiles. The upper panel shows how many samples are in each
    bin.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins.
    binning : {"uniform", "quantile"}, default "uniform"
        Whether the bins have equal width over [0, 1], or hold equally many samples.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. The bars and the ECE count a sample of weight 2 like
        two samples. The grey bands are those of as many samples of equal weight as the samples of a
        bin are worth. By default every weight is 1.
    title : str, default "Reliability diagram"
        Title of the plot, which should say in one sentence what to see.
    ax : matplotlib.axes.Axes, optional
        Where to plot. By default the plot goes into a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the diagram.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, if `n_bins` is not an integer, if `ignore_index` is neither an integer nor
        None, or if `ax` is not axes of matplotlib.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, if
        `n_bins` is less than 1, or if `binning` is neither "uniform" nor "quantile". The same holds
        if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.reliability_bins : Return the numbers that this diagram shows.
    calibkit.calibration_error : Compute the ECE.
    calibkit.confidence_histogram : Plot a histogram of the confidences.
    calibkit.evaluate : Compare the diagrams before and after a scaler.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Figure 4. https://arxiv.org/abs/1706.04599

    Bröcker and Smith (2007). Increasing the Reliability of Reliability Diagrams. Weather and
    Forecasting 22. It describes the consistency band. https://doi.org/10.1175/WAF993.1

    Examples
    --------
    >>> import torch
    >>> from calibkit import reliability_diagram
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> ax = reliability_diagram(probabilities, torch.tensor([0, 1, 1]), n_bins=3)
    >>> print(ax.get_xlabel())
    P(y = 1)
    ECE 16.7%, n = 3, 3 bins
    """
    bins = reliability_bins(
        probabilities,
        labels,
        n_bins=n_bins,
        binning=binning,
        of=of,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
    )
    ax = axes_or_new(ax, (4.8, 5.2))
    plot_bins(ax, bins, title)
    return ax


def confidence_histogram(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    title: str = "Confidence histogram",
    ax: "Axes | None" = None,
) -> "Axes":
    """Plot a histogram of the confidences, with wrong predictions stacked on right ones.

    For two classes, it is a histogram of P(y = 1), with y = 0 stacked on y = 1. Two lines mark the
    accuracy, or the frequency of y = 1, and the mean confidence. A single number, such as the
    temperature, can close the gap between them.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.
    title : str, default "Confidence histogram"
        Title of the plot, which should say in one sentence what to see.
    ax : matplotlib.axes.Axes, optional
        Where to plot. By default the plot goes into a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the histogram.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, if `n_bins` is not an integer, if `ignore_index` is neither an integer nor
        None, or if `ax` is not axes of matplotlib.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, or
        if `n_bins` is less than 1. The same holds if a weight is negative, NaN or infinite, or if
        all of them are 0.

    See Also
    --------
    calibkit.reliability_diagram : Compare the accuracy and the mean confidence of every bin.
    calibkit.accuracy : Compute the accuracy.
    calibkit.TemperatureScaler : Lower or raise the confidences with one number.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Figure 1 shows it in the upper row. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> import torch
    >>> from calibkit import confidence_histogram
    >>> probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])
    >>> ax = confidence_histogram(probabilities, torch.tensor([0, 1, 2]), n_bins=3)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['accuracy 66.7%', 'mean confidence 80.0%', 'right', 'wrong']
    """
    bins = reliability_bins(
        probabilities,
        labels,
        n_bins=n_bins,
        of=of,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
    )
    words = _WORDS[bins.of]
    ax = axes_or_new(ax, (4.8, 3.6))
    centre, width = _bars(bins)
    n = bins.count.sum()
    right, wrong = bins.n_correct, bins.count - bins.n_correct
    ax.bar(centre, right, width, color=BLUE, label=words.right)
    hatched = ax.bar(centre, wrong, width, right, color=VERMILION, label=words.wrong)
    for bar in hatched:
        bar.set(hatch="//", edgecolor="white")
    share, mean = bins.accuracy, bins.mean_confidence
    ax.axvline(share, color="black", label=f"{words.share} {share:.1%}")
    ax.axvline(mean, color="black", linestyle="--", label=f"mean {words.confidence} {mean:.1%}")
    ax.set(title=title, xlim=(0, 1), xlabel=words.confidence_axis)
    ax.set_ylabel(
        f"samples of {n}" if bins.n_samples is None else f"weight of {bins.n_samples.sum()} samples"
    )
    format_as_percent(ax.xaxis)
    if bins.of == "positive":  # There are bars below the legend, which need not end there.
        ax.set_ylim(0, 1.6 * bins.count.max())
    ax.legend(loc="upper left")
    return ax


def plot_bins(ax: "Axes", bins: ReliabilityBins, title: str, event: str = "y = 1") -> None:
    """Plot the reliability diagram of bins that have been counted."""
    ax.set_title(title)
    _plot_accuracy(ax, bins, event)
    _plot_counts(ax.inset_axes((0, 1.03, 1, 0.16), sharex=ax), bins)


def _plot_accuracy(ax: "Axes", bins: ReliabilityBins, event: str) -> None:
    from scipy.stats import binom

    # A dollar sign would begin a formula.
    plain = _shortened(event).replace("$", r"\$")
    words = _Words(*(text.replace("y = 1", plain) for text in _WORDS[bins.of]))
    filled = bins.count > 0
    centre, width = (values[filled] for values in _bars(bins))
    count = bins.count[filled]
    share = bins.n_correct[filled] / count
    confidence = bins.confidence_sum[filled] / count
    n_equal = count
    if bins.effective_count is not None:
        n_equal = bins.effective_count[filled].round().astype(np.int64)
    low, high = binom.ppf([[0.025], [0.975]], n_equal, confidence) / n_equal

    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, zorder=1)
    # The bar is narrower than the band behind it, so that both ends of the band can be seen.
    ax.bar(centre, share, 0.6 * width, color=BLUE, label=words.share, zorder=3)
    ax.bar(centre, high - low, width, low, color=LIGHT_GREY, label="95% if calibrated", zorder=2)
    ax.vlines(confidence, share, confidence, color=VERMILION, linewidth=2, zorder=4)
    ax.plot(confidence, confidence, "o", color=VERMILION, label=words.confidence, zorder=5)
    # A box inside the axes would cover bars.
    measured = f"ECE {bins.calibration_error:.1%}, {_caption(bins)}"
    ax.set(xlim=(0, 1), ylim=(0, 1), ylabel=words.share)
    ax.set_xlabel(f"{words.confidence_axis}\n{measured}")
    format_as_percent(ax.xaxis, ax.yaxis)
    ax.legend(loc="upper left")


def _shortened(event: str) -> str:
    """Return a name that leaves room for the diagram."""
    return event if len(event) <= _LONGEST_NAME else f"{event[: _LONGEST_NAME - 1]}…"


def _plot_counts(ax: "Axes", bins: ReliabilityBins) -> None:
    centre, width = _bars(bins)
    ax.bar(centre, bins.count, width, color=GREY)
    ax.set(ylabel="samples" if bins.n_samples is None else "weight")
    ax.tick_params(labelbottom=False)


def _caption(bins: ReliabilityBins) -> str:
    n = bins.count.sum() if bins.n_samples is None else f"{bins.n_samples.sum()} with weights"
    return f"n = {n}, {len(bins.count)} bins"


def _bars(bins: ReliabilityBins) -> tuple[Floats, Floats]:
    """Return centres and widths of bars that leave gaps and are never too narrow to see."""
    left, right = bins.edges[:-1], bins.edges[1:]
    return (left + right) / 2, np.maximum(0.92 * (right - left), 0.004)
