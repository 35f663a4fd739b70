"""Bins of equal width, and bins of equal mass, which hold equally many samples."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit._types import Floats
from calibkit.metrics._ties import ROUNDING_ERROR


def uniform_edges(n_bins: int) -> Tensor:
    """Return the n_bins + 1 edges k / n_bins of bins of equal width, in float64."""
    # torch.linspace may give edges that exceed k / n_bins by a rounding error.
    return torch.arange(n_bins + 1, dtype=torch.float64) / n_bins


def uniform_bin(confidence: Tensor, n_bins: int) -> Tensor:
    """Return the bin of equal width of every confidence. An edge belongs to the bin above it."""
    # An old trace cannot read an array, but it can make a tensor of the array's numbers.
    inner_edges = torch.tensor(_inner_edges(n_bins), device=confidence.device)
    return torch.bucketize(confidence, inner_edges, right=True)


@lru_cache
def _inner_edges(n_bins: int) -> Floats:
    # A tensor must not be kept. Under torch.export it would not be a real one, and a later call
    # could not compute with it.
    return np.arange(1, n_bins, dtype=np.float64) / n_bins - ROUNDING_ERROR


def quantile_bin(confidence: Tensor, n_bins: int, weights: Tensor | None = None) -> Tensor:
    """Return the bin of equal mass of every confidence. Equal confidences share a bin."""
    ordered, order = confidence.sort()
    n_below = torch.searchsorted(ordered, confidence - ROUNDING_ERROR)
    if weights is None:
        return n_below * n_bins // len(confidence)
    total = weights[order].cumsum(0)
    weight_below = torch.cat([total.new_zeros(1), total])[n_below]
    # Rounding could give the last samples a bin too many.
    return (weight_below * n_bins // total[-1]).long().clamp(max=n_bins - 1)


def quantile_edges(confidence: Tensor, bins: Tensor, n_bins: int) -> Tensor:
    """Return the lowest confidence in every bin of equal mass, and the highest one overall."""
    ordered, order = confidence.sort()
    starts = torch.searchsorted(bins[order], torch.arange(n_bins))
    return torch.cat([ordered[starts.clamp(max=len(ordered) - 1)], ordered[-1:]])


def effective_counts(cells: NDArray[np.integer], weights: Floats, n_cells: int) -> Floats:
    """Return how many samples of equal weight those in each cell are worth."""
    count, squares = (np.bincount(cells, weights**power, n_cells) for power in (1, 2))
    return np.asarray(count**2 / np.where(count > 0, squares, 1))
