"""Fingerprints of logits. With them, a report finds test samples that a scaler was fitted on."""

import math

import torch
from torch import Tensor

from calibkit._rows import Rows

# If two sets share rows, a subsample of this size almost surely holds some of them. It costs little
# compared with a fit.
_MAX_SAMPLED_ELEMENTS = 2**20


def fingerprints(rows: Rows) -> Tensor:
    """Return two numbers for each row of logits, of shape (N, 2), that identify the row.

    The numbers are the logarithms of the mean and of the root mean square of the distances to the
    largest logit of the row. They hardly change if the logits were computed in batches of another
    size, and a constant that is added to all logits of the row does not change them.
    """
    parts = []
    for logits, _ in rows.chunks():
        below = logits.amax(1, keepdim=True) - logits
        root_mean_square = torch.linalg.vector_norm(below, dim=1) / math.sqrt(logits.shape[1])
        parts.append(torch.stack([below.mean(1), root_mean_square], 1).cpu())
    return torch.cat(parts).double().log() if parts else torch.empty(0, 2, dtype=torch.float64)


def sample_fingerprints(rows: Rows) -> Tensor:
    """Return the fingerprints of a subsample of the rows, which is spread evenly over all rows."""
    step = math.ceil(max(1, rows.scores.numel()) / _MAX_SAMPLED_ELEMENTS)
    return fingerprints(rows.every_nth(step))
