"""A check for leaks: the test set must hold no sample that the scaler was fitted on."""

import numpy as np
from scipy.spatial import cKDTree
from torch import Tensor

from calibkit._fingerprints import fingerprints
from calibkit._rows import Rows
from calibkit._types import Floats

# Another batch size or another processor changes logits by a smaller fraction than this.
_RELATIVE_TOLERANCE = 1e-5


def check_no_overlap(calibration: Tensor | None, n_calibration: int, test: Rows) -> None:
    """Refuse a test set that holds samples of the calibration set.

    The two sets are compared by the fingerprints of their logits. If the test set itself has equal
    rows, as is usual for a decision tree, then equal fingerprints prove nothing.
    """
    if calibration is None:
        return
    tested, fitted = (_finite_rows(part) for part in (fingerprints(test), calibration))
    if not len(tested) or not len(fitted):
        return
    tree = cKDTree(tested)
    shared = int((tree.query(fitted, distance_upper_bound=_RELATIVE_TOLERANCE)[0] < np.inf).sum())
    equal_to_another = tree.query(
        tested[: len(fitted)], k=[2], distance_upper_bound=_RELATIVE_TOLERANCE
    )[0]
    by_chance = (equal_to_another < np.inf).mean() * len(fitted)
    # If one set contained the other completely, they would share this many fingerprints.
    most = min(len(fitted), len(tested) * len(fitted) / n_calibration)
    # A data set may hold a few samples twice, as CIFAR-100 does, so a few are accepted.
    if shared > max(1, 0.01 * most) + 2 * by_chance:
        raise ValueError(
            f"the test set holds samples that the scaler was fitted on: the logits of {shared} of "
            f"{len(fitted)} calibration samples are among the {len(tested)} of the test set; keep "
            "the two apart, with split_calibration"
        )


def _finite_rows(fingerprint: Tensor) -> Floats:
    numbers = fingerprint.numpy()
    return np.asarray(numbers[np.isfinite(numbers).all(1)])
