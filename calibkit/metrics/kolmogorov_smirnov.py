"""The Kolmogorov-Smirnov calibration error, which needs the order of all samples."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calibkit._checks import check_probabilities_and_labels
from calibkit._types import Counts, Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics._ties import starts_a_group
from calibkit.metrics.base import JudgedSamples, Of, Predictions


def ks_calibration_error(
    probabilities: Probabilities,
    labels: Labels,
    *,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    r"""Compute the Kolmogorov-Smirnov calibration error.

    This error needs no bins. The samples are sorted by confidence, and their confidences and their
    correct predictions are summed up cumulatively. The error is the largest distance between the
    two cumulative sums, divided by the number of samples:
    :math:`\max_c \lvert \frac{1}{n} \sum_{i: p_i \le c} (p_i - \mathrm{correct}_i) \rvert`.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.

    Returns
    -------
    float
        A fraction between 0 and 1.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, or if `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, or if there is no sample.
        The same holds if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.KSCalibrationError : Compute the same metric batch by batch.
    calibkit.smooth_calibration_error : Compute another error without bins.

    References
    ----------
    Gupta, Rahimi, Ajanthan, Mensink, Sminchisescu and Hartley (2021). Calibration of Neural
    Networks using Splines. ICLR. Section 3.1. https://arxiv.org/abs/2006.12800

    Examples
    --------
    >>> import torch
    >>> from calibkit import ks_calibration_error
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> round(ks_calibration_error(probabilities, torch.tensor([0, 1, 1])), 6)  # (1.5 - 1) / 3
    0.166667
    """
    predictions = Predictions(
        *check_probabilities_and_labels(
            probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
        )
    )
    return ks_distance(predictions.judged(of))


def ks_distance(judged: JudgedSamples) -> float:
    """Return the largest distance between the cumulative sums."""
    confidence, correct, weights = judged
    each = np.ones(len(confidence)) if weights is None else weights.numpy()
    distance = weighted_ks_distance(confidence.numpy(), correct.numpy())
    return float(distance(each[None])[0])


def weighted_ks_distance(
    confidence: Floats, correct: NDArray[np.bool_]
) -> Callable[[Counts | Floats], Floats]:
    """Return the error of N samples as a function of R rows of weights, of shape (R, N)."""
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    gap = ordered - correct[order]
    # Samples with the same confidence have no order, so the sums count only after the last one.
    last_of_equals = np.append(starts_a_group(ordered)[1:], True)

    def distance(weights: Counts | Floats) -> Floats:
        cumulative = np.cumsum(weights[:, order] * gap, axis=1)[:, last_of_equals]
        return np.asarray(np.abs(cumulative).max(1) / weights.sum(1))

    return distance
