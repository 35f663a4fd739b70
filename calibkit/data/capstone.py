"""The data of the last lesson: the logits of an unknown network, with faults to find."""

from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit.data.glyphs100 import ASSETS

CAPSTONE_FILE = ASSETS / "capstone.npz"


class CapstoneSamples(TypedDict):
    """The columns of a set: one entry for each sample."""

    logits: Tensor
    labels: Tensor
    camera: NDArray[np.str_]
    labelled_by: NDArray[np.str_]
    day: NDArray[np.str_]


def capstone_data() -> tuple[CapstoneSamples, CapstoneSamples]:
    """Return the calibration set and the test set of the last lesson, with its hidden faults.

    A museum of printing photographs single pieces of metal type. An unknown network says in which
    of ten drawers of a type case each piece belongs. The data have two faults, and the task of the
    lesson is to find them. The script ``calibkit/data/assets/make_capstone.py`` made the data and
    says what the faults are.

    Returns
    -------
    calibration, test : dict
        The 4000 samples of the calibration set and the 6000 samples of the test set. Each
        dictionary has one entry for each column of the set:

        - ``"logits"``: Tensor of shape (n, 10), float32, which was stored in float16
        - ``"labels"``: Tensor of shape (n,), int64, the drawer from 0 to 9
        - ``"camera"``: array of n strings, the camera that took the image
        - ``"labelled_by"``: array of n strings, the person who wrote the label
        - ``"day"``: array of n strings, the day of the week on which the image was taken

    See Also
    --------
    calibkit.evaluate : Measure the network on the test set, also for each group.
    calibkit.TemperatureScaler : Fit a temperature on the calibration set.
    calibkit.glyphs100_logits : Get the logits of a network without hidden faults.

    Examples
    --------
    >>> from calibkit import capstone_data
    >>> calibration, test = capstone_data()
    >>> list(test)
    ['logits', 'labels', 'camera', 'labelled_by', 'day']
    >>> calibration["logits"].shape, test["logits"].shape
    (torch.Size([4000, 10]), torch.Size([6000, 10]))
    """
    with np.load(CAPSTONE_FILE, allow_pickle=False) as file:
        arrays = dict(file)
    is_test = arrays.pop("is_test")
    return _rows(arrays, ~is_test), _rows(arrays, is_test)


def _rows(arrays: dict[str, NDArray[np.generic]], chosen: NDArray[np.bool_]) -> CapstoneSamples:
    return {
        "logits": torch.from_numpy(arrays["logits"][chosen]).float(),
        "labels": torch.from_numpy(arrays["labels"][chosen]).long(),
        "camera": arrays["camera"][chosen].astype(np.str_),
        "labelled_by": arrays["labelled_by"][chosen].astype(np.str_),
        "day": arrays["day"][chosen].astype(np.str_),
    }
