"""The gaps of the calibration errors, as functions of how often each sample or label was drawn.

If the samples have weights, their mean must be 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import vstack

from calibkit._rows import Rows
from calibkit._types import Binning, Counts, Floats
from calibkit.metrics._binning import effective_counts, quantile_bin
from calibkit.metrics._ties import ROUNDING_ERROR
from calibkit.metrics.base import JudgedSamples, Predictions, ScoreKind, SumsMetric
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.metrics.smooth import SmoothError, error_at_its_own_width
from calibkit.uncertainty._resampling import joined_weights, sums_by_cell
from calibkit.uncertainty._test_inversion import (
    Gaps,
    SmoothGaps,
    largest_size,
    root_of_squares,
    sum_of_sizes,
)

# The noise of the errors without bins hardly changes within so narrow cells.
_N_COARSE_CELLS = 256

ErrorOfGaps = Callable[[Floats, Floats], Gaps]


@dataclass(frozen=True)
class GapsOfSamples:
    """What each sample adds to the gaps of an error.

    Attributes
    ----------
    matrix : sparse array, shape (K, N)
        What each of the N samples adds to n times each of the K gaps.
    with_noise : callable
        Makes the `Gaps` from the measured gaps and draws of their noise.
    weights : array, shape (N,), optional
        The weights of the samples, which the matrix includes.
    """

    matrix: Any
    with_noise: ErrorOfGaps
    weights: Floats | None = None

    @property
    def measured(self) -> Floats:
        """The gaps of all samples."""
        once_each = np.ones((1, self.matrix.shape[1]), dtype=np.int64)
        return np.asarray(self.of_counts(once_each)[0])

    def of_counts(self, counts: Counts) -> Floats:
        """Return the gaps (R, K) of resamples, which are rows of counts (R, N)."""
        drawn = counts.T.astype(np.float64)
        total = self.matrix.shape[1] if self.weights is None else self.weights @ drawn
        return np.asarray((self.matrix @ drawn / total).T)

    def on_resamples(self, resampled: Floats) -> Gaps:
        """Return the gaps with their noise, which the gaps of resamples (R, K) show."""
        measured = self.measured
        return self.with_noise(measured, resampled - measured)


def gaps_of_samples(
    metric: SumsMetric, rows: Rows, scores_are: ScoreKind, binning: Binning = "uniform"
) -> GapsOfSamples | None:
    """Return what the samples add to the gaps of a binned or a smooth error, or None."""
    if isinstance(metric, BinnedCalibrationError):
        return _binned(metric, rows, scores_are, binning)
    if isinstance(metric, SmoothError):
        return _smooth(metric, rows, scores_are)
    return None


def _binned(
    metric: BinnedCalibrationError, rows: Rows, scores_are: ScoreKind, binning: Binning
) -> GapsOfSamples:
    at_edges = None
    if binning == "quantile":
        cells, residual, weights, sums, at_edges = _in_bins_of_equal_mass(metric, rows, scores_are)
    else:
        cells, residual, weights, sums = _in_bins_of_equal_width(metric, rows, scores_are)
    weighted = residual if weights is None else residual * weights
    matrix = sums_by_cell(cells, weighted, metric.n_bins)
    count, n_correct, confidence_sum = sums
    positive = np.where(count > 0, count, 1)
    weight = count / len(cells)
    accuracy = n_correct / positive
    effective = count if weights is None else effective_counts(cells, weights, metric.n_bins)
    chance = accuracy * (1 - accuracy) / np.maximum(effective - 1, 1)

    relative = 1 / np.where(count, weight, np.inf)
    mean_confidence = confidence_sum / positive
    least = 0.5 / np.maximum(effective, 1)

    def variance(gaps: Floats) -> Floats:
        accuracy = np.clip(mean_confidence + gaps * relative, least, 1 - least)
        of_residuals = accuracy * (1 - accuracy) + (gaps * relative) ** 2
        if weights is not None:
            of_residuals *= size_of_weights(accuracy)
        return np.asarray(np.maximum(weight * of_residuals - gaps**2, 0) / len(cells))

    if weights is not None:
        size_of_weights = _size_of_weights(cells, residual, weights, mean_confidence)

    norm, units = {
        "l1": (sum_of_sizes, np.ones_like(relative)),
        "l2": (root_of_squares, np.sqrt(relative)),
        "max": (largest_size, relative),
    }[metric.norm]

    def debiased(gaps: Floats) -> Floats:
        square = (gaps * relative) ** 2
        share = np.where(effective > 1, weight, 0)
        return np.asarray(np.sqrt(np.maximum((share * (square - chance)).sum(-1), 0)))

    def with_noise(measured: Floats, noise: Floats) -> Gaps:
        estimate = debiased if metric.debias else None
        return Gaps(measured, noise, norm, units, estimate, variance)

    if at_edges is None:
        return GapsOfSamples(matrix, with_noise, weights)

    def with_moving_edges(measured: Floats, noise: Floats) -> Gaps:
        gaps = with_noise(measured[: metric.n_bins], noise[:, : metric.n_bins])
        gaps.noise_of_edges = _moved(at_edges, noise[:, metric.n_bins :])
        return gaps

    counts = sums_by_cell(cells, np.ones(len(cells)) if weights is None else weights, metric.n_bins)
    return GapsOfSamples(vstack([matrix, counts]), with_moving_edges, weights)


def _moved(residual_at_edge: Floats, share_noise: Floats) -> Floats:
    """Return the noise of the gaps (R, K) that comes from the edges of bins of equal mass.

    Other samples have other quantiles. If the shares (R, K) of fixed bins change, the edges move
    until the shares are equal again, and what they pass moves from one bin into the next.
    """
    passed = share_noise.cumsum(1)[:, :-1] * np.nan_to_num(residual_at_edge)
    return np.diff(-passed, axis=1, prepend=0.0, append=0.0)


def _in_bins_of_equal_width(
    metric: BinnedCalibrationError, rows: Rows, scores_are: ScoreKind
) -> tuple[Any, Floats, Floats | None, Floats]:
    """Return the bins, residuals and weights of all samples, and the sums in each bin."""
    small = np.min_scalar_type(metric.n_bins - 1)
    sums = metric.no_sums(rows.n_classes)
    cells, residuals, weights = [], [], []
    for chunk in rows.chunks():
        terms = metric.terms(Predictions(*chunk, scores_are))
        assert terms.cells is not None
        terms.add_to(sums, chunk.weights)
        _, correct, confidence = terms.columns
        cells.append(terms.cells.cpu().numpy().astype(small))
        residuals.append((correct - confidence).cpu().numpy())
        weights.append(chunk.weights)
    parts = np.concatenate(cells), np.concatenate(residuals), joined_weights(weights)
    return *parts, sums.numpy()


def _in_bins_of_equal_mass(
    metric: BinnedCalibrationError, rows: Rows, scores_are: ScoreKind
) -> tuple[Any, Floats, Floats | None, Floats, Floats]:
    """Return what bins of equal width give, and the mean residual around each edge.

    It is NaN for an edge that cannot move.
    """
    judged = Predictions(*rows.flat(), scores_are).judged(metric.of)
    bins = quantile_bin(judged.confidence, metric.n_bins, judged.weights)
    sums = metric.sums_in(bins, *judged)
    ordered = judged.confidence.sort().values.numpy()
    n = len(ordered)
    below = np.maximum(np.bincount(bins, minlength=metric.n_bins).cumsum()[:-1] - 1, 0)
    residual, weights = _residuals_and_weights(judged)
    order = judged.confidence.argsort().numpy()
    # Chance moves about so many samples past an edge. The residuals further away may be different.
    passed = max(int(np.sqrt(n)), 1)
    near = np.maximum(below + 1 - passed, 0), np.minimum(below + 1 + passed, n)
    of_order = np.ones(n) if weights is None else weights[order]
    total, weight = (_sum_between(near, x) for x in (residual[order] * of_order, of_order))
    at_edges = total / np.where(weight > 0, weight, 1)
    n_equal = below + 1 - np.searchsorted(ordered, ordered[below] - ROUNDING_ERROR)
    # Where more samples are equal than chance moves past an edge, the edge stays where it is.
    at_edges[n_equal > np.sqrt(n) / 2] = np.nan
    return bins.numpy(), residual, weights, sums, at_edges


def _sum_between(ends: tuple[Counts, Counts], values: Floats) -> Floats:
    """Return the sums of the values from each first place to the place before each last one."""
    total = np.concatenate([[0], values.cumsum()])
    first, last = ends
    return np.asarray(total[last] - total[first])


def _residuals_and_weights(judged: JudgedSamples) -> tuple[Floats, Floats | None]:
    confidence, correct, weights = judged
    residual: Floats = (correct.double() - confidence).numpy()
    return residual, None if weights is None else weights.numpy()


def _size_of_weights(
    cells: Any, residual: Floats, weights: Floats, confidence: Floats
) -> Callable[[Floats], Floats]:
    """Return the factor by which the weights multiply the variance of the residuals in the bins.

    It is a function of the accuracies (K,) of the bins. The weights of the right samples may differ
    from those of the wrong ones, because weights may belong to the classes.
    """
    n_cells = len(confidence)
    right = residual > 0
    both = [
        np.stack([np.bincount(cells, chosen * weights**power, n_cells) for power in (1, 2)])
        for chosen in (right, ~right)
    ]
    count, squares = both[0] + both[1]
    usual = np.where(count > 0, squares / np.where(count > 0, count, 1), 1)
    # A bin may hold no right sample, or no wrong one. So one more of usual weight is added to both.
    of_right, of_wrong = ((square + usual**2) / (sums + usual) for sums, square in both)

    def size(accuracy: Floats) -> Floats:
        right, wrong = accuracy * (1 - confidence) ** 2, (1 - accuracy) * confidence**2
        return np.asarray((of_right * right + of_wrong * wrong) / (right + wrong))

    return size


def _smooth(metric: SmoothError, rows: Rows, scores_are: ScoreKind) -> GapsOfSamples:
    cells, (residual,), weights = _terms(metric, rows, scores_are)
    coarse = cells // (metric.n_cells(rows.n_classes) // _N_COARSE_CELLS)
    weighted = residual if weights is None else residual * weights[:, None]
    matrix = sums_by_cell(coarse, weighted, _N_COARSE_CELLS)
    return GapsOfSamples(
        matrix,
        lambda measured, noise: SmoothGaps(measured, noise, error_at_its_own_width),
        weights,
    )


def gaps_of_ks(judged: JudgedSamples) -> GapsOfSamples:
    """Return what the samples add to the cumulative gaps of the Kolmogorov-Smirnov error."""
    cells = quantile_bin(judged.confidence, _N_COARSE_CELLS, judged.weights).numpy()
    residual, weights = _residuals_and_weights(judged)
    weighted = residual if weights is None else residual * weights

    def gaps(measured: Floats, noise: Floats) -> Gaps:
        return Gaps(measured.cumsum(), noise.cumsum(1), largest_size)

    matrix = sums_by_cell(cells, weighted, _N_COARSE_CELLS)
    return GapsOfSamples(matrix, gaps, weights)


def _terms(
    metric: SumsMetric, rows: Rows, scores_are: ScoreKind
) -> tuple[Any, list[Floats], Floats | None]:
    cells, columns, weights = [], [], []
    for chunk in rows.chunks():
        terms = metric.terms(Predictions(*chunk, scores_are))
        assert terms.cells is not None
        cells.append(terms.cells.cpu().numpy())
        columns.append([column.cpu().numpy() for column in terms.columns])
        weights.append(chunk.weights)
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    return np.concatenate(cells), joined, joined_weights(weights)
