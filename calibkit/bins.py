"""Samples counted by the confidence of their top class."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit.checks import check_choice, check_n_bins, check_probabilities_and_labels

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Probabilities = Tensor | NDArray[np.floating]
Labels = Tensor | NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """What a reliability diagram shows, one entry a bin.

    Attributes
    ----------
    edges : ndarray of float64, shape (n_bins + 1,)
        Where the bins begin, and where the last one ends.
    count : ndarray of int64, shape (n_bins,)
        Samples in the bin.
    correct : ndarray of int64, shape (n_bins,)
        Samples in the bin whose top class is the label.
    confidence : ndarray of float64, shape (n_bins,)
        Sum of the confidences in the bin.
    """

    edges: Floats
    count: Counts
    correct: Counts
    confidence: Floats

    @property
    def calibration_error(self) -> float:
        """The expected calibration error of these bins, a fraction between 0 and 1."""
        return float(binned_error(self.count, self.correct, self.confidence))


def reliability_bins(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    binning: str = "uniform",
    ignore_index: int | None = None,
) -> ReliabilityBins:
    """Count samples by the confidence of their top class.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins.
    binning : {"uniform", "quantile"}, default "uniform"
        Bins of equal width, where bin ``k`` of ``n`` holds the confidences in
        [k / n, (k + 1) / n), the last one 1 as well; or of equal mass, where the sample of rank
        ``r`` among ``N`` is in bin ``r n // N`` and equal confidences stay together.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    ReliabilityBins
        Counts as integers, sums in float64.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    Examples
    --------
    >>> import torch
    >>> from calibkit import reliability_bins
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> bins = reliability_bins(probabilities, torch.tensor([0, 1, 1]), n_bins=2)
    >>> bins.count.tolist(), bins.correct.tolist(), bins.confidence.tolist()
    ([0, 3], [0, 2], [0.0, 2.5])
    """
    check_n_bins(n_bins)
    check_choice(binning, "binning", ("uniform", "quantile"))
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    confidence, correct = top_label(scores, targets)
    if binning == "quantile":
        return quantile_bins(confidence.cpu(), correct.cpu(), n_bins)
    counted = count_bins(uniform_bin(confidence, n_bins), confidence, correct, n_bins)
    return ReliabilityBins(uniform_edges(n_bins).numpy(), *(x.cpu().numpy() for x in counted))


def quantile_bins(confidence: Tensor, correct: Tensor, n_bins: int) -> ReliabilityBins:
    """Bins of equal mass; equal confidences stay together."""
    n = len(confidence)
    ordered = confidence.sort().values
    bin_of_ordered = torch.searchsorted(ordered, ordered) * n_bins // n
    index = torch.searchsorted(ordered, confidence) * n_bins // n
    starts = torch.searchsorted(bin_of_ordered, torch.arange(n_bins))
    edges = torch.cat([ordered[starts.clamp(max=n - 1)], ordered[-1:]])
    counted = count_bins(index, confidence, correct, n_bins)
    return ReliabilityBins(edges.numpy(), *(x.numpy() for x in counted))


def top_label(probabilities: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The confidence (N,) of the top class in float64, and whether it is the label (N,)."""
    return as_confidence(probabilities.amax(1)), _argmax(probabilities) == labels


def _argmax(probabilities: Tensor) -> Tensor:
    # on a processor numpy takes a fourth of torch's time
    if probabilities.device.type == "cpu" and probabilities.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(probabilities.numpy().argmax(1))
    return probabilities.argmax(1)


def as_confidence(top: Tensor) -> Tensor:
    # an average of float32 probabilities may exceed 1 by a rounding
    return top.to(torch.float64).clamp(max=1)


def uniform_edges(n_bins: int) -> Tensor:
    # not linspace, whose edges may lie above k / n by a rounding
    return torch.arange(n_bins + 1, dtype=torch.float64) / n_bins


def uniform_bin(confidence: Tensor, n_bins: int) -> Tensor:
    """The bin of every confidence, by edges that belong to the bin above."""
    return torch.bucketize(confidence, _inner_edges(n_bins, confidence.device), right=True)


@lru_cache
def _inner_edges(n_bins: int, device: torch.device) -> Tensor:
    return uniform_edges(n_bins)[1:-1].to(device)


def count_bins(
    index: Tensor, confidence: Tensor, correct: Tensor, n_bins: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples, samples that are right, and the sum of confidences, bin by bin."""
    outcomes = count_outcomes(index, correct, n_bins)
    return outcomes.sum(1), outcomes[:, 1], torch.bincount(index, confidence, n_bins)


def count_outcomes(index: Tensor, correct: Tensor, n_bins: int) -> Tensor:
    """Samples that are wrong and samples that are right, of shape (n_bins, 2)."""
    outcome = torch.add(correct, index, alpha=2)
    return torch.bincount(outcome, minlength=2 * n_bins).view(n_bins, 2)


def binned_error(
    count: Counts | Floats,
    correct: Counts | Floats,
    confidence: Floats,
    norm: str = "l1",
    debias: bool = False,
) -> Floats:
    """The calibration error of bins along the last axis."""
    n = np.maximum(count, 1)
    weight = count / count.sum(-1, keepdims=True)
    gap = np.abs(correct - confidence) / n
    if norm == "l1":
        return np.asarray((weight * gap).sum(-1))
    if norm == "max":
        return np.asarray(gap.max(-1))
    square = gap**2
    if debias:
        accuracy = correct / n
        square -= accuracy * (1 - accuracy) / np.maximum(count - 1, 1)
        weight = np.where(count > 1, weight, 0)
    return np.asarray(np.sqrt(np.maximum((weight * square).sum(-1), 0)))
