"""Calibration error, and what of it is noise."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit.checks import (
    check_integer,
    check_n_bins,
    check_probabilities,
    check_probabilities_and_labels,
    check_seed,
)

_Floats = NDArray[np.float64]
_Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """What a reliability diagram shows, one entry a bin of equal width.

    Attributes
    ----------
    count : ndarray of int64, shape (n_bins,)
        Samples in the bin.
    correct : ndarray of int64, shape (n_bins,)
        Samples in the bin whose top class is the label.
    confidence : ndarray of float64, shape (n_bins,)
        Sum of the confidences in the bin.
    """

    count: _Counts
    correct: _Counts
    confidence: _Floats

    @property
    def calibration_error(self) -> float:
        """The expected calibration error of these bins, a fraction between 0 and 1."""
        return float(np.abs(self.correct - self.confidence).sum() / self.count.sum())


class NoiseFloor(NamedTuple):
    """The ECE that a perfectly calibrated model would show: its mean and 95 % range."""

    mean: float
    low: float
    high: float


def reliability_bins(
    probabilities: Tensor | NDArray[np.floating],
    labels: Tensor | NDArray[np.integer],
    *,
    n_bins: int = 15,
) -> ReliabilityBins:
    """Count samples by the confidence of their top class.

    Bin ``k`` of ``n`` holds the confidences in [k / n, (k + 1) / n), the last one 1 as well.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].

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
    scores, targets = check_probabilities_and_labels(probabilities, labels)
    top, predicted = scores.max(1)
    confidences = _as_confidences(top)
    index = _bin_index(confidences, n_bins)
    hits = (predicted == targets).cpu().numpy()
    return ReliabilityBins(
        count=np.bincount(index, minlength=n_bins),
        correct=np.bincount(index[hits], minlength=n_bins),
        confidence=np.bincount(index, confidences, n_bins).astype(np.float64),
    )


def calibration_error(
    probabilities: Tensor | NDArray[np.floating],
    labels: Tensor | NDArray[np.integer],
    *,
    n_bins: int = 15,
) -> float:
    r"""Expected calibration error (ECE) of the top class, with bins of equal width.

    The mean over samples of the gap between accuracy and confidence in their bin,
    :math:`\sum_b \frac{n_b}{n} \lvert \mathrm{acc}_b - \mathrm{conf}_b \rvert`.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].

    Returns
    -------
    float
        A fraction between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015). Obtaining Well Calibrated Probabilities Using Bayesian
    Binning. AAAI. https://arxiv.org/abs/1411.0160

    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Equation 3. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> import torch
    >>> from calibkit import calibration_error
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> calibration_error(probabilities, torch.tensor([0, 1, 1]), n_bins=3)  # two thirds of .25
    0.16666666666666666
    """
    return reliability_bins(probabilities, labels, n_bins=n_bins).calibration_error


def noise_floor(
    probabilities: Tensor | NDArray[np.floating],
    *,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
) -> NoiseFloor:
    """The ECE that would be measured if the model were perfectly calibrated.

    With finitely many samples a perfect model shows an ECE above 0. Labels are drawn anew
    so that a sample of confidence p is right with probability p, and the ECE is taken each time.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C)
        Rows in [0, 1] that sum to 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    n_resamples : int, default 1000
        Number of times that labels are drawn.
    seed : int, default 0
        Same seed, same result.

    Returns
    -------
    NoiseFloor
        Mean, 2.5 % and 97.5 % quantile of the ECE.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    References
    ----------
    Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model
    Calibration in Classification. AISTATS. Section 4.2, consistency resampling.
    https://arxiv.org/abs/1902.06977

    Examples
    --------
    >>> import torch
    >>> from calibkit import noise_floor
    >>> probabilities = torch.tensor([[0.75, 0.25]]).repeat(1000, 1)
    >>> floor = noise_floor(probabilities)
    >>> f"{floor.mean:.1%}, {floor.low:.1%} to {floor.high:.1%}"
    '1.1%, 0.0% to 3.2%'
    """
    check_n_bins(n_bins)
    check_integer(n_resamples, "n_resamples", least=1, advice="1000 is usual")
    check_seed(seed)
    confidences = np.sort(_as_confidences(check_probabilities(probabilities).amax(1)))
    _, starts = np.unique(_bin_index(confidences, n_bins), return_index=True)
    expected = np.add.reduceat(confidences, starts)
    generator = np.random.default_rng(seed)
    errors = np.empty(n_resamples)
    for i in range(n_resamples):
        hits = generator.random(len(confidences)) < confidences
        correct = np.add.reduceat(hits, starts, dtype=np.int64)
        errors[i] = np.abs(correct - expected).sum() / len(confidences)
    low, high = np.quantile(errors, [0.025, 0.975])
    return NoiseFloor(float(errors.mean()), float(low), float(high))


def _as_confidences(top: Tensor) -> _Floats:
    # an average of float32 probabilities may exceed 1 by a rounding
    return top.clamp(max=1).to("cpu", torch.float64).numpy()


def _bin_index(confidences: _Floats, n_bins: int) -> NDArray[np.intp]:
    # not linspace, whose edges may lie above k / n by a rounding
    edges = np.arange(n_bins + 1) / n_bins
    return np.minimum(np.searchsorted(edges, confidences, side="right") - 1, n_bins - 1)
