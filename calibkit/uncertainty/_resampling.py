"""The values of metrics on bootstrap resamples.

A resample is a row of weights, which say how often each of the n samples was drawn. A metric is
turned into a function of many such rows at once.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from tqdm import tqdm

from calibkit._rows import Rows
from calibkit._types import Counts, Floats
from calibkit.metrics.base import MeanMetric, Predictions, ScoreKind

WeightedMetric = Callable[[Counts], Floats]

# At most about this many elements of several resamples are in memory at the same time.
_BLOCK_ELEMENTS = 2**20


def resample(
    metrics: Sequence[WeightedMetric], n: int, *, n_resamples: int, seed: int
) -> list[Floats]:
    """Return the values of each metric on all resamples, which are the same for all metrics."""
    blocks = [[metric(weights) for metric in metrics] for weights in _draw(n, n_resamples, seed)]
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
            weights = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
            del drawn  # It takes as much memory as the weights.
            yield weights
            bar.update(rows)


def weighted_mean(
    metric: MeanMetric, rows: Rows, scores_are: ScoreKind = "probabilities"
) -> WeightedMetric:
    """Turn the mean of one number per sample into a function of the samples' weights."""
    numbers = (metric.of_samples(Predictions(*chunk, scores_are)) for chunk in rows.chunks())
    terms = np.concatenate([_in_little_memory(part.cpu().numpy()) for part in numbers])
    if not np.isfinite(terms).all():
        # If the NLL is infinite on the samples, it counts as infinite on every resample.
        return lambda weights: np.full(len(weights), np.inf)
    return lambda weights: np.asarray(terms @ weights.T.astype(np.float64) / len(terms))


def sums_by_cell(cell: NDArray[Any], column: Floats, n_cells: int) -> Any:
    """Return the sparse matrix that maps the weights to the sums of the column in the cells."""
    order = cell.ravel().argsort(kind="stable")
    starts = np.searchsorted(cell.ravel()[order], np.arange(n_cells + 1))
    if cell.size < 2**31:
        order, starts = order.astype(np.int32), starts.astype(np.int32)
    samples = order if cell.ndim == 1 else order // cell.shape[1]
    return csr_array((column.ravel()[order], samples, starts), shape=(n_cells, len(cell)))


def _in_little_memory(column: Floats) -> NDArray[Any]:
    """Return numbers that are all 0 or 1 with one byte for each, and others as they are."""
    return column.astype(np.int8) if ((column == 0) | (column == 1)).all() else column


def weighted_by_calls(
    metric: Callable[[Tensor, Tensor], float], probabilities: Tensor, labels: Tensor
) -> WeightedMetric:
    """Turn any function of probabilities and labels into a function of the samples' weights."""

    def values(weights: Counts) -> Floats:
        samples = np.arange(len(labels))
        drawn = (torch.from_numpy(np.repeat(samples, row)) for row in weights)
        return np.array([number_from(metric, probabilities[i], labels[i]) for i in drawn])

    return values


def number_from(
    metric: Callable[[Tensor, Tensor], float], probabilities: Tensor, labels: Tensor
) -> float:
    """Return what a function returns for samples as a float, or raise an error if it cannot be."""
    value = metric(probabilities, labels)
    if isinstance(value, Tensor | np.ndarray) and math.prod(value.shape) == 1:
        value = value.item()
    if isinstance(value, int | float | np.number | np.bool_):
        return float(value)
    name = getattr(metric, "__name__", type(metric).__name__)
    advice = "return a number such as a mean over the samples"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        advice = f"choose a field, with lambda p, y: {name}(p, y).{value._fields[0]}"
    raise TypeError(f"metric must return one number, got {type(value).__name__}; {advice}")
