"""The gaps of the calibration errors of single classes, with the noise of labels that are drawn.

If the samples have weights, their mean must be 1.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from calibkit._rows import Rows
from calibkit._types import Floats
from calibkit.metrics.base import Predictions, ScoreKind
from calibkit.metrics.classwise import ClasswiseError
from calibkit.uncertainty._drawn_labels import Block, DrawnLabels, draw_labels
from calibkit.uncertainty._gaps import GapsOfSamples
from calibkit.uncertainty._resampling import resample
from calibkit.uncertainty._test_inversion import Gaps, sum_of_sizes

# At most about this many draws of gaps are kept. With more gaps, fewer draws are enough.
_MOST_ELEMENTS = 2**19
# Above this ratio of the measured variance to that of drawn labels, their noise is not used.
_MOST_TIMES_DRAWN = 4.0
# So many labels in a bin are more than chance if hardly any is drawn there.
_FEWEST_SURPRISING = 10
# With fewer drawn labels in a bin than this, on average, a single one is more than chance.
_NEVER = 1e-3


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
    return _with_variance(gaps, rows.n_classes)


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
    shares = [slice(k * metric.n_bins, (k + 1) * metric.n_bins) for k in range(rows.n_classes)]
    classes = (
        _normal_if_hardly_drawn(
            _GapsWithDrawnNoise(whole.measured[k], whole.variance[k], whole.noise[:, k]),
            mixed[:, k],
        )
        for k in shares
    )
    return [_with_variance(gaps, 1) for gaps in classes]


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
        if chunk.weights is not None:
            excess = excess * chunk.weights.cpu().numpy()[:, None]
        used = (row >= 0) & (excess != 0)  # A hard classifier has few excesses that are not 0.
        parts.append((excess[used], row[used], first + used.nonzero()[0]))
        first += len(excess)
    excess, row, sample = (np.concatenate(part) for part in zip(*parts, strict=True))
    matrix = csr_array((excess, (row, sample)), shape=(surprising.sum(), n))
    weights = rows.counted_weights
    of_samples = None if weights is None else weights.cpu().numpy()
    samples = GapsOfSamples(matrix, partial(Gaps, norm=sum_of_sizes), of_samples)
    (resampled,) = resample([samples.of_counts], n, n_resamples=len(gaps.noise), seed=seed)
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


def _with_variance(gaps: _GapsWithDrawnNoise, n_classes: int) -> Gaps:
    """Return the gaps of an error that is the mean over so many classes."""
    of_drawn = (gaps.noise**2).mean(0)
    excess = gaps.variance.sum() - of_drawn.sum()
    variance = partial(_variance_on_path, gaps.measured, excess, of_drawn)
    return Gaps(
        gaps.measured,
        gaps.noise,
        sum_of_sizes,
        1 / n_classes,
        variance=variance,
        mostly_noise=True,
    )


def _variance_on_path(measured: Floats, excess: float, of_drawn: Floats, gaps: Floats) -> Floats:
    """Return the variance of drawn labels where the gaps are 0, and more of it where they grow."""
    total = of_drawn.sum()
    share = np.abs(gaps).sum() / max(np.abs(measured).sum(), 1e-300)
    # A class that the model all but excludes has many times the variance of its drawn labels.
    factor = max(1 + share * excess / max(total, 1e-300), 0.25)
    return np.asarray(of_drawn * factor)
