"""Find test samples that a scaler was fitted on."""

import math

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from calibkit.bins import Floats
from calibkit.rows import Rows

# enough rows to meet a shared one, few enough to cost little beside a fit
_MOST_ELEMENTS = 2**20
# other batches and other processors change logits by less, relatively
_TOLERANCE = 1e-5


def fingerprints(rows: Rows) -> Tensor:
    """How far the logits lie below the top of their row: mean and root mean square (N, 2).

    Logarithms, which other forms and other sizes of batches of the same logits give again.
    """
    parts = []
    for logits, _ in rows.chunks():
        below = logits.amax(1, keepdim=True) - logits
        root_mean_square = torch.linalg.vector_norm(below, dim=1) / math.sqrt(logits.shape[1])
        parts.append(torch.stack([below.mean(1), root_mean_square], 1).cpu())
    return torch.cat(parts).double().log() if parts else torch.empty(0, 2, dtype=torch.float64)


def sample_fingerprints(rows: Rows) -> Tensor:
    """Of some rows, spread over all."""
    return fingerprints(rows.every(math.ceil(max(1, rows.scores.numel()) / _MOST_ELEMENTS)))


def check_no_overlap(calibration: Tensor | None, n_calibration: int, test: Rows) -> None:
    """Refuse a test set that holds samples of the calibration set.

    Rows that are alike in the test set itself, as those of a decision tree, tell nothing.
    """
    if calibration is None:
        return
    of_test, known = (_finite(part) for part in (fingerprints(test), calibration))
    if not len(of_test) or not len(known):
        return
    tree = cKDTree(of_test)
    shared = int((tree.query(known, distance_upper_bound=_TOLERANCE)[0] < np.inf).sum())
    alike = tree.query(of_test[: len(known)], k=[2], distance_upper_bound=_TOLERANCE)[0]
    by_chance = (alike < np.inf).mean() * len(known)
    # so many if all of the smaller set were in the other
    most = min(len(known), len(of_test) * len(known) / n_calibration)
    # a few samples may really be there twice, as in CIFAR-100
    if shared > max(1, 0.01 * most) + 2 * by_chance:
        raise ValueError(
            f"the test set holds samples that the scaler was fitted on: the logits of {shared} of "
            f"{len(known)} calibration samples are among the {len(of_test)} of the test set; keep "
            "the two apart, with split_calibration"
        )


def _finite(rows: Tensor) -> Floats:
    found = rows.numpy()
    return np.asarray(found[np.isfinite(found).all(1)])
