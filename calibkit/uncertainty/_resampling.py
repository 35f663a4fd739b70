"""The values of metrics on bootstrap resamples.

A resample is a row of counts, which say how often each of the n samples was drawn. A metric is
turned into a function of many such rows at once. If the samples have weights, a sample counts as
often as it was drawn, times its weight, and the weights of a resample are divided by their sum.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import stdtrit
from torch import Tensor
from tqdm import tqdm

from calibkit._rows import Chunk, Rows
from calibkit._types import Counts, Floats
from calibkit.metrics.base import MeanMetric, Predictions, ScoreKind

MetricOfCounts = Callable[[Counts], Floats]

# At most about this many elements of several resamples are in memory at the same time. The cache of
# a core holds them, so that they are counted and summed in two thirds of the time of many more.
_BLOCK_ELEMENTS = 2**17


def resample(
    metrics: Sequence[MetricOfCounts], n: int, *, n_resamples: int, seed: int
) -> list[Floats]:
    """Return the values of each metric on all resamples, which are the same for all metrics."""
    blocks = [[metric(counts) for metric in metrics] for counts in _draw(n, n_resamples, seed)]
    return [np.concatenate(values) for values in zip(*blocks, strict=True)]


def _draw(n: int, n_resamples: int, seed: int) -> Iterator[Counts]:
    """Draw how often each of n samples is in each resample, and yield a few resamples at a time."""
    generator = np.random.default_rng(seed)
    size = max(1, _BLOCK_ELEMENTS // n)
    with tqdm(total=n_resamples, desc="resamples", delay=2) as bar:
        for start in range(0, n_resamples, size):
            rows = min(size, n_resamples - start)
            drawn = generator.integers(n, size=(rows, n))
            drawn += n * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
            del drawn  # It takes as much memory as the counts.
            yield counts
            bar.update(rows)


def mean_of_counts(
    metric: MeanMetric, rows: Rows, scores_are: ScoreKind = "probabilities"
) -> MetricOfCounts:
    """Turn the mean of one number per sample into a function of how often each was drawn."""
    numbers, weights = [], []
    for chunk in rows.chunks():
        part = metric.of_samples(Predictions(*chunk, scores_are))
        numbers.append(_in_little_memory(part.cpu().numpy()))
        weights.append(chunk.weights)
    terms, weight = np.concatenate(numbers), joined_weights(weights)
    if not np.isfinite(terms).all():
        # If the NLL is infinite on the samples, it counts as infinite on every resample.
        return lambda counts: np.full(len(counts), np.inf)
    if weight is None:
        return lambda counts: np.asarray(terms @ counts.T.astype(np.float64) / len(terms))
    weighted = terms * weight
    value, stretch = weighted.sum() / weight.sum(), _stretch(weight)
    most = 1.0 if terms.dtype == np.int8 else np.inf

    def mean(counts: Counts) -> Floats:
        drawn = counts.T.astype(np.float64)
        resampled = (weighted @ drawn) / (weight @ drawn)
        return np.asarray(np.clip(value + stretch * (resampled - value), 0, most))

    return mean


def _stretch(weight: Floats) -> float:
    """Return by what to multiply the spread of resamples, which is 1 for equal weights.

    If weights are very unequal, a few samples make up most of the variance of a mean, so that the
    resamples know it badly. Student's t distribution is wider than the normal one for this reason,
    with the degrees of freedom that Satterthwaite's formula gives to a sum of squares.
    """
    squares = weight**2
    freedom = np.array([len(weight), squares.sum() ** 2 / (squares**2).sum()])
    of_equal, of_these = stdtrit(freedom, 0.975)
    return float(of_these / of_equal)


def joined_weights(parts: Sequence[Tensor | None]) -> Floats | None:
    """Return the weights of all chunks in one array, or None if the samples have no weights."""
    weights = [part.cpu().numpy() for part in parts if part is not None]
    return np.concatenate(weights) if weights else None


def sums_by_cell(cell: NDArray[Any], column: Floats, n_cells: int) -> Any:
    """Return the sparse matrix that maps the counts to the sums of the column in the cells."""
    order = cell.ravel().argsort(kind="stable")
    starts = np.searchsorted(cell.ravel()[order], np.arange(n_cells + 1))
    if cell.size < 2**31:
        order, starts = order.astype(np.int32), starts.astype(np.int32)
    samples = order if cell.ndim == 1 else order // cell.shape[1]
    return csr_array((column.ravel()[order], samples, starts), shape=(n_cells, len(cell)))


def _in_little_memory(column: Floats) -> NDArray[Any]:
    """Return numbers that are all 0 or 1 with one byte for each, and others as they are."""
    return column.astype(np.int8) if ((column == 0) | (column == 1)).all() else column


def called_on_counts(metric: Callable[..., float], samples: Chunk) -> MetricOfCounts:
    """Turn any function of probabilities and labels into a function of how often each was drawn."""

    def values(counts: Counts) -> Floats:
        indices = np.arange(len(samples.labels))
        drawn = (torch.from_numpy(np.repeat(indices, row)) for row in counts)
        return np.array([number_from(metric, samples.chosen(i)) for i in drawn])

    return values


def number_from(metric: Callable[..., float], samples: Chunk) -> float:
    """Return what a function returns for samples as a float, or raise an error if it cannot be."""
    probabilities, labels, weights = samples
    if weights is None:
        value: Any = metric(probabilities, labels)
    else:
        value = metric(probabilities, labels, sample_weight=weights)
    if isinstance(value, Tensor | np.ndarray) and math.prod(value.shape) == 1:
        value = value.item()
    if isinstance(value, int | float | np.number | np.bool_):
        return float(value)
    name = getattr(metric, "__name__", type(metric).__name__)
    advice = "return a number such as a mean over the samples"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        advice = f"choose a field, with lambda p, y: {name}(p, y).{value._fields[0]}"
    raise TypeError(f"metric must return one number, got {type(value).__name__}; {advice}")
