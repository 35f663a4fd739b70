"""A check that the test set holds no sample that a scaler was fitted on."""

import numpy as np
from scipy.spatial import cKDTree
from torch import Tensor

from calibkit._fingerprints import fingerprints
from calibkit._rows import Rows
from calibkit._types import Floats

# Other batch sizes and other processors change logits by less, relative to their size.
_RELATIVE_TOLERANCE = 1e-5


def check_no_overlap(calibration: Tensor | None, n_calibration: int, test: Rows) -> None:
    """Refuse a test set that holds samples of the calibration set.

    The two are compared by the fingerprints of their logits. Where rows of the test set itself are
    equal, as those of a decision tree, equal fingerprints prove nothing.
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
    # This many are shared if the smaller set is completely inside the larger one.
    most = min(len(fitted), len(tested) * len(fitted) / n_calibration)
    # A data set may hold a few samples twice, as CIFAR-100 does.
    if shared > max(1, 0.01 * most) + 2 * by_chance:
        raise ValueError(
            f"the test set holds samples that the scaler was fitted on: the logits of {shared} of "
            f"{len(fitted)} calibration samples are among the {len(tested)} of the test set; keep "
            "the two apart, with split_calibration"
        )


def _finite_rows(fingerprint: Tensor) -> Floats:
    numbers = fingerprint.numpy()
    return np.asarray(numbers[np.isfinite(numbers).all(1)])
