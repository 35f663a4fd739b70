"""Bins of equal width, and bins of equal mass, which hold equally many samples."""

from functools import lru_cache

import torch
from torch import Tensor


def uniform_edges(n_bins: int) -> Tensor:
    """Return the n_bins + 1 edges k / n_bins of bins of equal width, in float64."""
    # torch.linspace may give edges that exceed k / n_bins by a rounding error.
    return torch.arange(n_bins + 1, dtype=torch.float64) / n_bins


def uniform_bin(confidence: Tensor, n_bins: int) -> Tensor:
    """Return the bin of equal width of every confidence. An edge belongs to the bin above it."""
    return torch.bucketize(confidence, _inner_edges(n_bins, confidence.device), right=True)


@lru_cache
def _inner_edges(n_bins: int, device: torch.device) -> Tensor:
    return uniform_edges(n_bins)[1:-1].to(device)


def quantile_bin(confidence: Tensor, n_bins: int) -> Tensor:
    """Return the bin of equal mass of every confidence. Equal confidences share a bin."""
    ordered = confidence.sort().values
    return torch.searchsorted(ordered, confidence) * n_bins // len(confidence)


def quantile_edges(confidence: Tensor, n_bins: int) -> Tensor:
    """Return the lowest confidence in every bin of equal mass, and the highest one overall."""
    ordered, order = confidence.sort()
    starts = torch.searchsorted(quantile_bin(confidence, n_bins)[order], torch.arange(n_bins))
    return torch.cat([ordered[starts.clamp(max=len(ordered) - 1)], ordered[-1:]])
