"""The gaps of the calibration errors, as functions of the samples' weights or of drawn labels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, vstack
from torch import Tensor

from calibkit._rows import Rows
from calibkit._types import Binning, Counts, Floats
from calibkit.metrics._binning import quantile_bin
from calibkit.metrics.base import Predictions, ScoreKind, SumsMetric
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.metrics.classwise import ClasswiseError
from calibkit.metrics.smooth import SmoothError, error_at_its_own_width
from calibkit.uncertainty._drawn_labels import Block, DrawnLabels, draw_labels
from calibkit.uncertainty._resampling import resample, sums_by_cell
from calibkit.uncertainty._test_inversion import Function, Gaps, SmoothGaps

# The noise of the errors without bins hardly changes within so narrow cells.
_N_COARSE_CELLS = 256
# At most about this many draws of gaps are kept. With more gaps, fewer draws are enough.
_MOST_ELEMENTS = 2**19
# Above this ratio of the measured variance to that of drawn labels, their noise is not used.
_MOST_TIMES_DRAWN = 4.0
# So many labels in a bin are more than chance if hardly any is drawn there.
_FEWEST_SURPRISING = 10
# With fewer drawn labels in a bin than this, on average, a single one is more than chance.
_NEVER = 1e-3

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
    """

    matrix: Any
    with_noise: ErrorOfGaps

    @property
    def measured(self) -> Floats:
        """The gaps of all samples."""
        once_each = np.ones((1, self.matrix.shape[1]), dtype=np.int64)
        return np.asarray(self.of_weights(once_each)[0])

    def of_weights(self, weights: Counts) -> Floats:
        """Return the gaps (R, K) of resamples, which are rows of weights (R, N)."""
        return np.asarray((self.matrix @ weights.T.astype(np.float64)).T / self.matrix.shape[1])

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
    edges = None
    if binning == "quantile":
        cells, residual, sums, edges = _in_bins_of_equal_mass(metric, rows, scores_are)
    else:
        cells, residual, sums = _in_bins_of_equal_width(metric, rows, scores_are)
    matrix = sums_by_cell(cells, residual, metric.n_bins)
    count, n_correct, confidence_sum = sums
    weight = count / len(cells)
    accuracy = n_correct / np.maximum(count, 1)
    chance = accuracy * (1 - accuracy) / np.maximum(count - 1, 1)

    relative = 1 / np.where(count, weight, np.inf)
    mean_confidence = confidence_sum / np.maximum(count, 1)
    least = 0.5 / np.maximum(count, 1)

    def variance(gaps: Floats) -> Floats:
        accuracy = np.clip(mean_confidence + gaps * relative, least, 1 - least)
        of_residuals = accuracy * (1 - accuracy) + (gaps * relative) ** 2
        return np.asarray(np.maximum(weight * of_residuals - gaps**2, 0) / len(cells))

    def estimate(gaps: Floats) -> Floats:
        if metric.norm == "l1":
            return np.asarray(np.abs(gaps).sum(-1))
        if metric.norm == "max":
            return np.asarray(np.abs(gaps * relative).max(-1))
        square = (gaps * relative) ** 2
        if not metric.debias:
            return np.asarray(np.sqrt((weight * square).sum(-1)))
        share = np.where(count > 1, weight, 0)
        return np.asarray(np.sqrt(np.maximum((share * (square - chance)).sum(-1), 0)))

    def error(gaps: Floats) -> Floats:
        return np.sqrt((gaps**2 * relative).sum(-1)) if metric.debias else estimate(gaps)

    def with_noise(measured: Floats, noise: Floats) -> Gaps:
        largest_of = relative if metric.norm == "max" else None
        return Gaps(measured, noise, error, estimate, largest_of, variance)

    if edges is None:
        return GapsOfSamples(matrix, with_noise)

    def with_moving_edges(measured: Floats, noise: Floats) -> Gaps:
        gaps = with_noise(measured[: metric.n_bins], noise[:, : metric.n_bins])
        of_both = np.maximum(count[:-1] + count[1:], 1)
        residual_at_edge = (n_correct[:-1] + n_correct[1:]) / of_both - edges
        gaps.noise_of_edges = _moved(residual_at_edge, noise[:, metric.n_bins :])
        return gaps

    counts = sums_by_cell(cells, np.ones(len(cells)), metric.n_bins)
    return GapsOfSamples(vstack([matrix, counts]), with_moving_edges)


def _moved(residual_at_edge: Floats, share_noise: Floats) -> Floats:
    """Return the noise of the gaps (R, K) that comes from the edges of bins of equal mass.

    Other samples have other quantiles. If the shares (R, K) of fixed bins change, the edges move
    until the shares are equal again, and what they pass moves from one bin into the next. This is
    small for one gap, but not for a change on the same samples, from which the labels cancel.
    """
    passed = share_noise.cumsum(1)[:, :-1] * np.nan_to_num(residual_at_edge)
    return np.diff(-passed, axis=1, prepend=0.0, append=0.0)


def _in_bins_of_equal_width(
    metric: BinnedCalibrationError, rows: Rows, scores_are: ScoreKind
) -> tuple[Any, Floats, Floats]:
    """Return the bins and the residuals of all samples, and the sums in each bin."""
    small = np.min_scalar_type(metric.n_bins - 1)
    sums = metric.no_sums(rows.n_classes)
    cells, residuals = [], []
    for chunk in rows.chunks():
        terms = metric.terms(Predictions(*chunk, scores_are))
        assert terms.cells is not None
        terms.add_to(sums)
        _, correct, confidence = terms.columns
        cells.append(terms.cells.cpu().numpy().astype(small))
        residuals.append((correct - confidence).cpu().numpy())
    return np.concatenate(cells), np.concatenate(residuals), sums.numpy()


def _in_bins_of_equal_mass(
    metric: BinnedCalibrationError, rows: Rows, scores_are: ScoreKind
) -> tuple[Any, Floats, Floats, Floats]:
    """Return what bins of equal width give, and the edges, or NaN for an edge that cannot move."""
    predictions = Predictions(*rows.flat(), scores_are)
    confidence, correct = (
        part.cpu() for part in (predictions.confidence(metric.of), predictions.outcome(metric.of))
    )
    bins = quantile_bin(confidence, metric.n_bins)
    residual = (correct.double() - confidence).numpy()
    sums = metric.sums_in(bins, confidence, correct)
    ordered = confidence.sort().values.numpy()
    below = np.maximum(sums[0].cumsum()[:-1].astype(np.int64) - 1, 0)
    edges = (ordered[below] + ordered[np.minimum(below + 1, len(ordered) - 1)]) / 2
    n_equal = below + 1 - np.searchsorted(ordered, ordered[below])
    # Where more samples are equal than chance moves past an edge, the edge stays where it is.
    edges[n_equal > np.sqrt(len(ordered)) / 2] = np.nan
    return bins.numpy(), residual, sums, edges


def _smooth(metric: SmoothError, rows: Rows, scores_are: ScoreKind) -> GapsOfSamples:
    cells, (residual,) = _terms(metric, rows, scores_are)
    coarse = cells // (metric.n_cells(rows.n_classes) // _N_COARSE_CELLS)
    matrix = sums_by_cell(coarse, residual, _N_COARSE_CELLS)
    return GapsOfSamples(
        matrix,
        lambda measured, noise: SmoothGaps(measured, noise, error_at_its_own_width),
    )


def gaps_of_ks(confidence: Tensor, correct: Tensor) -> GapsOfSamples:
    """Return what the samples add to the cumulative gaps of the Kolmogorov-Smirnov error."""
    cells = quantile_bin(confidence, _N_COARSE_CELLS).numpy()
    residual = (correct.double() - confidence).numpy()

    def gaps(measured: Floats, noise: Floats) -> Gaps:
        one = np.ones(len(measured))
        return Gaps(
            measured.cumsum(), noise.cumsum(1), lambda d: np.abs(d).max(-1), None, largest_of=one
        )

    matrix = sums_by_cell(cells, residual, _N_COARSE_CELLS)
    return GapsOfSamples(matrix, gaps)


def classwise_gaps(
    metric: ClasswiseError, sets: list[Rows], *, n_resamples: int, seed: int
) -> list[Gaps]:
    """Return the gaps of all classes, with the noise of drawn labels, the same for all sets."""
    n_classes = sets[0].n_classes
    block = block_of_noise(metric.n_cells(n_classes), n_resamples)
    drawn = draw_labels(metric, sets, "probabilities", [block], seed)
    return [
        classwise_gaps_of(labels, block, metric, rows, "probabilities", seed)
        for labels, rows in zip(drawn, sets, strict=True)
    ]


def classwise_gaps_of(
    drawn: DrawnLabels,
    block: Block,
    metric: ClasswiseError,
    rows: Rows,
    scores_are: ScoreKind,
    seed: int,
) -> Gaps:
    """Return the gaps of all classes, with the noise of labels that were drawn.

    Most bins of most classes hold few labels or none, and resamples of none show no noise. So the
    labels are drawn from the probabilities. The variance of the measured gaps, summed over all of
    them, corrects the size of the noise where the gaps are not 0. Labels that are drawn from
    probabilities of 0 and 1 do not vary, so resamples show the noise of such gaps.
    """
    gaps = _with_drawn_noise(drawn, block)
    gaps = _resampled_where_surprising(gaps, metric, rows, scores_are, seed)
    return _with_variance(gaps, partial(_mean_over_classes, rows.n_classes))


def block_of_noise(n_cells: int, n_resamples: int) -> Block:
    """Return the draws that show the noise of so many gaps."""
    return Block(0, max(100, min(n_resamples, _MOST_ELEMENTS // n_cells)))


def gaps_of_every_class(
    metric: ClasswiseError,
    rows: Rows,
    scores_are: ScoreKind = "probabilities",
    *,
    n_resamples: int,
    seed: int,
) -> list[Gaps]:
    """Return the gaps of each class on its own, with the noise of drawn labels."""
    block = block_of_noise(metric.n_cells(rows.n_classes), n_resamples)
    (drawn,) = draw_labels(metric, [rows], scores_are, [block], seed)
    whole = _with_drawn_noise(drawn, block)
    mixed = _resampled_where_surprising(whole, metric, rows, scores_are, seed).noise
    error = partial(_mean_over_classes, 1)
    shares = [slice(k * metric.n_bins, (k + 1) * metric.n_bins) for k in range(rows.n_classes)]
    classes = (
        _normal_if_hardly_drawn(
            _GapsWithDrawnNoise(whole.measured[k], whole.variance[k], whole.noise[:, k]),
            mixed[:, k],
        )
        for k in shares
    )
    return [_with_variance(gaps, error) for gaps in classes]


class _GapsWithDrawnNoise(NamedTuple):
    """Measured gaps (K,), their estimated variances (K,), and draws of their noise (R, K)."""

    measured: Floats
    variance: Floats
    noise: Floats


def _with_drawn_noise(drawn: DrawnLabels, block: Block) -> _GapsWithDrawnNoise:
    measured, squares = drawn.excess / drawn.n, drawn.squares / drawn.n
    variance = (squares - measured**2) / drawn.n
    return _GapsWithDrawnNoise(measured, variance, drawn.noise(block))


def _resampled_where_surprising(
    gaps: _GapsWithDrawnNoise,
    metric: ClasswiseError,
    rows: Rows,
    scores_are: ScoreKind,
    seed: int,
) -> _GapsWithDrawnNoise:
    """Return the gaps with the noise of resamples where labels occur that are hardly ever drawn."""
    n = len(rows)
    n_drawn = (gaps.noise**2).mean(0) * n**2
    n_found = (gaps.variance * n + gaps.measured**2) * n
    surprising = (n_found > _MOST_TIMES_DRAWN * n_drawn) & (
        (n_found >= _FEWEST_SURPRISING) | ((n_drawn < _NEVER) & (n_found > 0.5))
    )
    if not surprising.any():
        return gaps
    row_of_cell = np.where(surprising, surprising.cumsum() - 1, -1)
    parts, first = [], 0
    for chunk in rows.chunks():
        terms = metric.terms(Predictions(*chunk, scores_are))
        assert terms.cells is not None
        excess, row = terms.columns[0].cpu().numpy(), row_of_cell[terms.cells.cpu().numpy()]
        used = (row >= 0) & (excess != 0)  # A hard classifier has few excesses that are not 0.
        parts.append((excess[used], row[used], first + used.nonzero()[0]))
        first += len(excess)
    excess, row, sample = (np.concatenate(part) for part in zip(*parts, strict=True))
    matrix = csr_array((excess, (row, sample)), shape=(surprising.sum(), n))
    samples = GapsOfSamples(matrix, partial(Gaps, error=np.sum))
    (resampled,) = resample([samples.of_weights], n, n_resamples=len(gaps.noise), seed=seed)
    noise = gaps.noise.copy()
    noise[:, surprising] = resampled - gaps.measured[surprising]
    return gaps._replace(noise=noise)


def _normal_if_hardly_drawn(gaps: _GapsWithDrawnNoise, mixed: Floats) -> _GapsWithDrawnNoise:
    """Return the gaps of one class with mixed noise, or with normal noise if it is hardly drawn.

    The counts of a class that is hardly ever drawn are 0 or 1. Multiplied until their variance is
    right, they are still not shaped like the counts of a class that is frequent. This is for one
    class alone, because independent noise would lose how the classes depend on each other.
    """
    if gaps.variance.sum() <= _MOST_TIMES_DRAWN * (gaps.noise**2).mean(0).sum():
        return gaps._replace(noise=mixed)
    normal = np.random.default_rng(0).standard_normal(gaps.noise.shape)
    normal *= np.sqrt(gaps.variance / (normal**2).mean(0))
    return gaps._replace(noise=normal)


def _with_variance(gaps: _GapsWithDrawnNoise, error: Function) -> Gaps:
    of_drawn = (gaps.noise**2).mean(0)
    excess = gaps.variance.sum() - of_drawn.sum()
    variance = partial(_variance_on_path, gaps.measured, excess, of_drawn)
    return Gaps(gaps.measured, gaps.noise, error, variance=variance, mostly_noise=True)


def _variance_on_path(measured: Floats, excess: float, of_drawn: Floats, gaps: Floats) -> Floats:
    """Return the variance of drawn labels where the gaps are 0, and more of it where they grow."""
    total = of_drawn.sum()
    share = np.abs(gaps).sum() / max(np.abs(measured).sum(), 1e-300)
    # A class that the model all but excludes has many times the variance of its drawn labels.
    factor = max(1 + share * excess / max(total, 1e-300), 0.25)
    return np.asarray(of_drawn * factor)


def _mean_over_classes(n_classes: int, gaps: Floats) -> Floats:
    return np.asarray(np.abs(gaps).sum(-1) / n_classes)


def _terms(metric: SumsMetric, rows: Rows, scores_are: ScoreKind) -> tuple[Any, list[Floats]]:
    cells, columns = [], []
    for chunk in rows.chunks():
        terms = metric.terms(Predictions(*chunk, scores_are))
        assert terms.cells is not None
        cells.append(terms.cells.cpu().numpy())
        columns.append([column.cpu().numpy() for column in terms.columns])
    return np.concatenate(cells), [np.concatenate(parts) for parts in zip(*columns, strict=True)]
