"""Selective prediction: the risk-coverage curve and the area under it."""

from collections.abc import Callable

import numpy as np
from scipy.special import digamma

from calibkit._checks import check_probabilities_and_labels
from calibkit._types import Counts, Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics._ties import starts_a_group
from calibkit.metrics.base import JudgedSamples, Of, Predictions


def area_under_risk_coverage_curve(
    probabilities: Probabilities,
    labels: Labels,
    *,
    of: Of = "top",
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    r"""Compute the area under the risk-coverage curve (AURC).

    Suppose that you answer only the k samples of the highest confidence. The risk :math:`r_k` is
    the error rate among them, and the area is the mean :math:`\frac{1}{n} \sum_k r_k`. It is small
    if there are few errors and if they have the lowest confidences. Only the order of the
    confidences matters, so a temperature hardly changes the area. Samples of equal confidence share
    their errors equally, which is the mean over all orders of these samples.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    of : {"top", "positive"}, default "top"
        Which probability orders the samples. With "top" a model answers with its top class. With
        "positive" a detector answers that y = 1, so every y = 0 is an error; pass this for pairs of
        a confidence and whether the detection matched.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. If not
        all weights are whole numbers, they are divided by their mean. By default every weight is 1.

    Returns
    -------
    float
        A fraction between 0 and 1. A model without an error has the area 0. If the confidences say
        nothing about the errors, the area is the error rate.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, or if `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, or
        if `of` is "positive" for more than two classes. The same holds if a weight is negative, NaN
        or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.AreaUnderRiskCoverageCurve : Compute the same metric batch by batch.
    calibkit.risk_coverage_curve : Plot the curve.
    calibkit.bootstrap_interval : Compute the interval of the area.
    calibkit.accuracy : Compute the accuracy, which is 1 minus the risk at full coverage.

    References
    ----------
    Geifman, Uziel and El-Yaniv (2019). Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers. ICLR. Section 2. https://arxiv.org/abs/1805.08206

    Examples
    --------
    >>> import torch
    >>> from calibkit import area_under_risk_coverage_curve
    >>> probabilities = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    >>> labels = torch.tensor([0, 0, 0, 1])  # The risks are 0, 0, 0 and 1/4.
    >>> area_under_risk_coverage_curve(probabilities, labels)
    0.0625
    """
    samples = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    return area_under(Predictions(*samples).judged(of))


def risk_coverage(judged: JudgedSamples) -> tuple[Floats, Floats]:
    """Return the coverage and the risk when the most confident samples are answered, one by one.

    Samples of equal confidence share their errors equally, whatever their order.
    """
    order, starts = _groups(judged)
    weights = _weights(judged)[order]
    sizes = np.diff(np.append(starts, len(order)))
    n_wrong = np.add.reduceat(weights * ~judged.correct.numpy()[order], starts)
    error_rate = np.repeat(n_wrong / np.add.reduceat(weights, starts), sizes)
    answered = np.cumsum(weights)
    return answered / answered[-1], np.cumsum(weights * error_rate) / answered


def area_under(judged: JudgedSamples) -> float:
    """Return the area under the risk-coverage curve."""
    return float(area_of_counts(judged)(np.ones((1, len(judged.confidence)), dtype=np.int64))[0])


def area_of_counts(judged: JudgedSamples) -> Callable[[Counts], Floats]:
    """Return the area as a function of how often each sample was drawn, in rows (R, N)."""
    order, starts = _groups(judged)
    each = _weights(judged)[order]
    wrong = each * ~judged.correct.numpy()[order]

    def area(counts: Counts) -> Floats:
        drawn = counts[:, order]
        size, n_wrong = (np.add.reduceat(drawn * x, starts, axis=1) for x in (each, wrong))
        error_rate = n_wrong / np.maximum(size, 1e-300)
        end = np.cumsum(size, axis=1)
        at_start = np.cumsum(n_wrong, axis=1) - n_wrong - error_rate * (end - size)
        # The risks of a group are error_rate + at_start / k for every number k of answers. The sum
        # of 1 / k is a difference of digammas, which also weights that are not whole can have.
        sums = np.diff(digamma(end + 1), axis=1, prepend=digamma(1.0))
        sums = np.where(size == 1, 1 / np.maximum(end, 1), sums)  # The difference would be rounded.
        return np.asarray((n_wrong + at_start * sums).sum(1) / end[:, -1])

    return area


def influence_on_area(judged: JudgedSamples) -> Floats:
    """Return how the area of many samples changes with the share of each sample (N,).

    An answer has the risk where it comes in, and it changes all risks after that.
    """
    order, starts = _groups(judged)
    weights, wrong = _weights(judged)[order], ~judged.correct.numpy()[order]
    _, risk = risk_coverage(judged)
    per_answer = weights / np.cumsum(weights)
    sizes = np.diff(np.append(starts, len(order)))
    at, later, risk_later = (
        np.repeat(np.add.reduceat(column * weights, starts), sizes)
        / np.repeat(np.add.reduceat(weights, starts), sizes)
        for column in (risk, _sum_from_here(per_answer), _sum_from_here(risk * per_answer))
    )
    of_one = at + wrong * later - risk_later
    influence = np.empty(len(order))
    influence[order] = weights * (of_one - np.average(of_one, weights=weights))
    return influence


def _sum_from_here(column: Floats) -> Floats:
    return np.asarray(np.cumsum(column[::-1])[::-1])


def _groups(judged: JudgedSamples) -> tuple[Counts, Counts]:
    """Return the order of falling confidence, and where groups of equal confidence start in it."""
    confidence = judged.confidence.numpy()
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    return order, np.flatnonzero(starts_a_group(ordered))


def _weights(judged: JudgedSamples) -> Floats:
    """Return how many samples each sample counts like.

    The area of n samples depends a little on n. Weights that are no counts, such as shares that sum
    to 1, therefore get the mean 1.
    """
    if judged.weights is None:
        return np.ones(len(judged.confidence))
    weights = judged.weights.numpy()
    return np.asarray(weights if (weights == weights.round()).all() else weights / weights.mean())
