"""Samples counted by their confidence, which is what a reliability diagram shows."""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from calibkit._checks import check_choice, check_n_bins, check_probabilities_and_labels
from calibkit._types import Binning, Counts, Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics._binning import (
    effective_counts,
    quantile_bin,
    quantile_edges,
    uniform_bin,
    uniform_edges,
)
from calibkit.metrics.base import JudgedSamples, Of, Predictions, what_is_judged
from calibkit.metrics.calibration_error import BinnedCalibrationError, binned_error


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """Samples counted by their confidence, with one entry per bin.

    Attributes
    ----------
    edges : ndarray of float64, shape (n_bins + 1,)
        The confidences at which the bins begin, and at which the last bin ends.
    count : ndarray of int64, shape (n_bins,)
        Number of samples in each bin. If the samples have weights, it is the sum of the weights, in
        float64.
    n_correct : ndarray of int64, shape (n_bins,)
        Number of samples in each bin whose top class is the label, or whose label is 1 if P(y = 1)
        is judged. If the samples have weights, it is the sum of their weights, in float64.
    confidence_sum : ndarray of float64, shape (n_bins,)
        Sum of the confidences in each bin, times their weights.
    of : {"positive", "top"}
        Whether the confidence is P(y = 1) or the probability of the top class.
    n_samples : ndarray of int64, shape (n_bins,), or None
        Number of samples in each bin if the samples have weights, otherwise None.
    effective_count : ndarray of float64, shape (n_bins,), or None
        How many samples of equal weight those in each bin are worth: the square of the sum of their
        weights, divided by the sum of their squares. None if the samples have no weights.

    See Also
    --------
    calibkit.reliability_bins : Count samples into these bins.
    calibkit.reliability_diagram : Plot the bins.

    Examples
    --------
    >>> import torch
    >>> from calibkit import reliability_bins
    >>> bins = reliability_bins(torch.tensor([[0.75, 0.25]]), torch.tensor([0]), n_bins=2)
    >>> bins.edges.tolist(), bins.calibration_error
    ([0.0, 0.5, 1.0], 0.25)
    >>> bins.mean_confidence, bins.accuracy
    (0.25, 0.0)
    """

    edges: Floats
    count: Counts | Floats
    n_correct: Counts | Floats
    confidence_sum: Floats
    of: Of = "top"
    n_samples: Counts | None = None
    effective_count: Floats | None = None

    @property
    def calibration_error(self) -> float:
        """The expected calibration error of these bins, a fraction between 0 and 1."""
        return float(binned_error(self.count, self.n_correct, self.confidence_sum))

    @property
    def mean_confidence(self) -> float:
        """The mean confidence of all samples, which is the mean of P(y = 1) if that is judged."""
        return float(self.confidence_sum.sum() / self.count.sum())

    @property
    def accuracy(self) -> float:
        """The accuracy of all samples, or the frequency of y = 1 if P(y = 1) is judged."""
        return float(self.n_correct.sum() / self.count.sum())


def reliability_bins(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    binning: Binning = "uniform",
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> ReliabilityBins:
    """Count samples by their confidence, and how many of them are correct.

    For two classes, the confidence is P(y = 1), and a sample counts as correct if its label is 1.
    For more classes, the confidence is the probability of the top class.

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
        With "uniform", the bins have equal width: bin ``k`` of ``n`` holds the confidences in
        [k / n, (k + 1) / n), and the last bin also holds 1. With "quantile", the bins have equal
        mass, which means that they hold equally many samples: the sample of rank ``r`` among ``N``
        falls into bin ``r n // N``, and equal confidences share a bin.
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
    ReliabilityBins
        The counts as integers and the sums in float64.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, if `n_bins` is not an integer, or if `ignore_index` is neither an integer
        nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, if
        `n_bins` is less than 1, or if `binning` is not one of its choices. The same holds if a
        weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.calibration_error : Compute the mean gap of these bins.
    calibkit.reliability_diagram : Plot these bins.

    Examples
    --------
    >>> import torch
    >>> from calibkit import reliability_bins
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> bins = reliability_bins(probabilities, torch.tensor([0, 1, 1]), n_bins=2)
    >>> bins.count.tolist(), bins.n_correct.tolist(), bins.confidence_sum.tolist()
    ([2, 1], [1, 1], [0.5, 1.0])
    """
    check_n_bins(n_bins)
    check_choice(binning, "binning", get_args(Binning))
    predictions = Predictions(
        *check_probabilities_and_labels(
            probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
        )
    )
    judged = what_is_judged(of, predictions.scores.shape[1])
    return count_into_bins(predictions.judged(of), judged, n_bins, binning)


def count_into_bins(
    judged: JudgedSamples, of: Of, n_bins: int, binning: Binning = "uniform"
) -> ReliabilityBins:
    """Count samples that have been checked."""
    confidence, _, weights = judged
    if binning == "uniform":
        bins, edges = uniform_bin(confidence, n_bins), uniform_edges(n_bins)
    else:
        bins = quantile_bin(confidence, n_bins, weights)
        edges = quantile_edges(confidence, bins, n_bins)
    count, n_correct, confidence_sum = BinnedCalibrationError(n_bins).sums_in(bins, *judged)
    if weights is None:
        counts = count.astype(np.int64), n_correct.astype(np.int64)
        return ReliabilityBins(edges.numpy(), *counts, confidence_sum, of)
    n_samples = np.bincount(bins.numpy(), minlength=n_bins)
    effective_count = effective_counts(bins.numpy(), weights.numpy(), n_bins)
    return ReliabilityBins(
        edges.numpy(), count, n_correct, confidence_sum, of, n_samples, effective_count
    )
