"""Find test samples that a scaler was fitted on."""

import torch
from torch import Tensor

from calibkit.rows import Rows

_MOST_ROWS = 1000


def fingerprints(rows: Rows) -> Tensor:
    """Two float64 numbers a row (N, 2) that the same logits give again."""
    parts = [
        torch.stack([logits.amax(1).double(), logits.double().mean(1)], 1)
        for logits, _ in rows.chunks()
    ]
    return torch.cat(parts).cpu() if parts else torch.empty(0, 2, dtype=torch.float64)


def sample_fingerprints(rows: Rows) -> Tensor:
    """Of some rows, spread over all."""
    n = rows.labels.numel()
    return fingerprints(rows.every(max(1, n // _MOST_ROWS)))


def check_no_overlap(calibration: Tensor | None, test: Rows) -> None:
    """Refuse a test set that holds samples of the calibration set.

    Models with few distinct outputs, such as trees, give equal rows for different samples: of
    them nothing can be told.
    """
    if calibration is None:
        return
    of_test = fingerprints(test)
    distinct, distinct_calibration = of_test.unique(dim=0), calibration.unique(dim=0)
    if len(distinct) < 0.999 * len(of_test) or len(distinct_calibration) < 0.99 * len(calibration):
        return
    _, counts = torch.cat([distinct, distinct_calibration]).unique(dim=0, return_counts=True)
    shared = int((counts > 1).sum())
    # a few samples may really be there twice, as in CIFAR-100
    if shared > max(1, 0.01 * len(calibration)):
        raise ValueError(
            f"the test set holds samples that the scaler was fitted on: the very logits of "
            f"{shared} of {len(calibration)} calibration samples are among the {len(of_test)} of "
            "the test set; keep the two apart, with split_calibration"
        )
