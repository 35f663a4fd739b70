"""Accuracy, proper scores, and their parts."""

from typing import NamedTuple

import torch
from torch import Tensor

from calibkit.bins import Labels, Probabilities
from calibkit.checks import check_choice, check_probabilities_and_labels
from calibkit.distributed import alone
from calibkit.newton import NoOptimumError, find_optimum
from calibkit.rows import Rows


def accuracy(
    probabilities: Probabilities, labels: Labels, *, ignore_index: int | None = None
) -> float:
    """Share of samples whose top class is the label.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    float
        A fraction between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    Examples
    --------
    >>> import torch
    >>> from calibkit import accuracy
    >>> accuracy(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    0.5
    """
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    return float((scores.argmax(1) == targets).double().mean())


def brier_score(
    probabilities: Probabilities, labels: Labels, *, ignore_index: int | None = None
) -> float:
    r"""Brier score: mean square distance of the probabilities from the one-hot label.

    :math:`\frac{1}{n} \sum_i \sum_c (p_{ic} - [y_i = c])^2`, from 0, the best, to 2.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    float
        Between 0 and 2.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Brier (1950). Verification of Forecasts Expressed in Terms of Probability. Monthly Weather
    Review 78. Equation 2. https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2

    Examples
    --------
    >>> import torch
    >>> from calibkit import brier_score
    >>> brier_score(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    0.625
    """
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    return float(brier_terms(scores, targets).mean())


def negative_log_likelihood(
    probabilities: Probabilities, labels: Labels, *, ignore_index: int | None = None
) -> float:
    """Mean of minus the logarithm of the label's probability, in nats.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    float
        From 0, the best, to infinity, where a label has the probability 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Good (1952). Rational Decisions. Journal of the Royal Statistical Society B 14. Section 6.
    https://doi.org/10.1111/j.2517-6161.1952.tb00104.x

    Examples
    --------
    >>> import torch
    >>> from calibkit import negative_log_likelihood
    >>> negative_log_likelihood(torch.tensor([[0.5, 0.5]]), torch.tensor([0]))
    0.6931471805599453
    """
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    return float(nll_terms(log_probabilities(scores), targets).mean())


class Decomposition(NamedTuple):
    """A proper score in two parts: score = calibration + refinement.

    Attributes
    ----------
    score : float
    calibration : float
        What recalibration takes off.
    refinement : float
        What is left: how well the probabilities tell the samples apart.
    """

    score: float
    calibration: float
    refinement: float


def score_decomposition(
    probabilities: Probabilities,
    labels: Labels,
    *,
    score: str = "nll",
    ignore_index: int | None = None,
) -> Decomposition:
    """Split the NLL or the Brier score into calibration and refinement.

    Refinement is the score after recalibration by the temperature that is best on these very
    samples, calibration what that takes off. So calibration is a lower bound: what one parameter
    cannot mend counts as refinement. Of the Brier score it can be slightly negative, because the
    temperature minimises the NLL. Where the best temperature is 0 or infinite, the limit is taken.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1; every label's above 0.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    score : {"nll", "brier"}, default "nll"
        Which score to split.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    Decomposition
        ``(score, calibration, refinement)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length, if a label has the
        probability 0, or if the labels hold one class only.

    References
    ----------
    Bröcker (2009). Reliability, Sufficiency, and the Decomposition of Proper Scores. Quarterly
    Journal of the Royal Meteorological Society 135. https://doi.org/10.1002/qj.456

    Berta, Holzmüller, Jordan and Bach (2025). Rethinking Early Stopping: Refine, Then Calibrate.
    Section 3, on temperature scaling as the recalibration. https://arxiv.org/abs/2501.19195

    Examples
    --------
    >>> import torch
    >>> from calibkit import score_decomposition
    >>> probabilities = torch.tensor([[0.9, 0.1]]).repeat(4, 1)
    >>> parts = score_decomposition(probabilities, torch.tensor([0, 0, 0, 1]))
    >>> f"{parts.score:.3f} = {parts.calibration:.3f} + {parts.refinement:.3f}"  # .9, not .75
    '0.655 = 0.092 + 0.562'
    """
    check_choice(score, "score", ("nll", "brier"))
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    logs = log_probabilities(scores)
    check_labels_possible(logs, targets)
    return decompose(logs, targets, score)


def brier_terms(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Every sample's part (N,) of the Brier score, in float64."""
    terms = torch.empty(len(labels), dtype=torch.float64, device=labels.device)
    start = 0
    for chunk, targets in Rows(probabilities, labels).chunks():
        p = chunk.to(torch.float64)
        p_y = p.gather(1, targets[:, None])[:, 0]
        terms[start : start + len(p)] = p.square().sum(1) - 2 * p_y + 1
        start += len(p)
    return terms


def nll_terms(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """Every sample's part (N,) of the NLL, in float64."""
    return -log_probabilities.gather(1, labels[:, None])[:, 0]


def log_probabilities(probabilities: Tensor) -> Tensor:
    return probabilities.to(torch.float64).clamp(max=1).log()


def check_labels_possible(log_probabilities: Tensor, labels: Tensor) -> None:
    impossible = nll_terms(log_probabilities, labels).isinf().nonzero()
    if len(impossible):
        raise ValueError(
            f"probabilities must be above 0 for every label, got 0 for {len(impossible)} of "
            f"{len(labels)}, first in row {int(impossible[0])}; the NLL is infinite there, look "
            "at what the model does with that input"
        )


def decompose(log_probabilities: Tensor, labels: Tensor, score: str) -> Decomposition:
    whole = _mean_score(log_probabilities, labels, score)
    # a probability of 0 stays as good as 0 at every temperature
    impossible = log_probabilities.isinf()
    lowest = log_probabilities.masked_fill(impossible, 0).min()
    logits = log_probabilities.masked_fill(impossible, float(lowest) - 700)
    try:
        with alone():
            b = find_optimum(Rows(logits, labels)).inverse_temperature
        best = (b * logits).log_softmax(1)
    except NoOptimumError as error:
        best = _log_limit(logits, error.limit)
    refinement = _mean_score(best, labels, score)
    return Decomposition(whole, whole - refinement, refinement)


def _log_limit(logits: Tensor, temperature: float) -> Tensor:
    """The log-probabilities at a temperature of 0, where the top classes share all, or infinity."""
    if temperature == 0:
        top = (logits == logits.amax(1, keepdim=True)).double()
        return (top / top.sum(1, keepdim=True)).log()
    return torch.zeros_like(logits).log_softmax(1)


def _mean_score(log_probabilities: Tensor, labels: Tensor, score: str) -> float:
    if score == "nll":
        return float(nll_terms(log_probabilities, labels).mean())
    return float(brier_terms(log_probabilities.exp(), labels).mean())
