"""The values of metrics on bootstrap resamples.

A resample is a row of weights, which say how often each of the n samples was drawn. A metric is
turned into a function of many such rows at once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from tqdm import tqdm

from calibkit._rows import Rows
from calibkit._types import Counts, Floats
from calibkit.metrics.base import Predictions, ScoreKind, SumsMetric, Terms

WeightedMetric = Callable[[Counts], Floats]

# At most about this many elements are in memory at the same time.
_BLOCK_ELEMENTS = 2**21


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
            drawn = generator.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
            bar.update(rows)


def weighted(
    metric: SumsMetric, rows: Rows, scores_are: ScoreKind = "probabilities"
) -> WeightedMetric:
    """Turn a function of sums over the samples into a function of the samples' weights."""
    chunks = [metric.terms(Predictions(*chunk, scores_are)) for chunk in rows.chunks()]
    terms = _matrix(chunks, metric.n_cells(rows.n_classes))
    if isinstance(terms, np.ndarray) and not np.isfinite(terms).all():
        # If the NLL is infinite on the samples, it counts as infinite on every resample.
        return lambda weights: np.full(len(weights), np.inf)

    def value(weights: Counts) -> Floats:
        sums = (terms @ weights.T.astype(np.float64)).T
        return metric.value(sums.reshape(len(weights), metric.n_columns, -1), len(rows))

    at_a_time = max(1, _BLOCK_ELEMENTS // terms.shape[0])
    return lambda weights: np.concatenate(
        [value(weights[i : i + at_a_time]) for i in range(0, len(weights), at_a_time)]
    )


def _matrix(chunks: list[Terms], n_cells: int) -> Any:
    """Return the dense or sparse matrix that maps the weights of the samples to the sums."""
    columns = zip(*(terms.columns for terms in chunks), strict=True)
    added = torch.stack([torch.cat(column) for column in columns], -1).cpu().numpy()
    if chunks[0].cells is None:
        return added.T
    cells = torch.cat([terms.cells for terms in chunks if terms.cells is not None]).cpu().numpy()
    n_samples, n_columns = len(cells), added.shape[-1]
    places = cells[..., None] + n_cells * np.arange(n_columns)
    starts = np.arange(n_samples + 1) * (places.size // n_samples)
    shape = (n_samples, n_cells * n_columns)
    by_sample = csr_array((added.ravel(), places.ravel(), starts), shape=shape)
    by_sample.eliminate_zeros()
    return by_sample.T.tocsr()


def weighted_by_calls(
    metric: Callable[[Tensor, Tensor], float], probabilities: Tensor, labels: Tensor
) -> WeightedMetric:
    """Turn any function of probabilities and labels into a function of the samples' weights."""

    def values(weights: Counts) -> Floats:
        samples = np.arange(len(labels))
        drawn = (torch.from_numpy(np.repeat(samples, row)) for row in weights)
        return np.array([metric(probabilities[i], labels[i]) for i in drawn], dtype=np.float64)

    return values
