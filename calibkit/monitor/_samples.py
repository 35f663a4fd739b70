"""The samples that the monitor accepts: a batch, or one sample whose label is a number."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from calibkit._checks import check_logits_and_labels, check_probability_rows
from calibkit._conversion import as_tensor

Input = Literal["probabilities", "logits"]

_NUMBERS = bool, int, float, np.bool_, np.number


def check_samples(scores: object, labels: object, name: Input) -> tuple[Tensor, Tensor] | None:
    """Return scores (N, C) and labels (N,), or None if there is no sample, or raise an error."""
    scores, labels = _as_batch(scores, labels, name)
    shape = tuple(as_tensor(scores, name).shape)
    if len(shape) > 2:
        raise ValueError(
            f"{name} must have shape (samples, classes) or (samples,), got {shape}; pixels of one "
            "image are not independent, so pass one row per sample"
        )
    check = check_logits_and_labels if name == "logits" else check_probability_rows
    rows = check(scores, labels, empty=True)
    return None if len(rows) == 0 else rows.flat()[:2]


def _as_batch(probabilities: object, labels: object, name: str) -> tuple[object, object]:
    """Return a batch of one sample if the label is a single number, or else what was given."""
    if isinstance(labels, _NUMBERS):
        labels = torch.tensor(labels)
    if isinstance(probabilities, _NUMBERS):
        labels = as_tensor(labels, "labels")
    if not isinstance(labels, Tensor | np.ndarray) or labels.ndim:
        return probabilities, labels
    if isinstance(probabilities, _NUMBERS):
        probabilities = torch.tensor(probabilities, dtype=torch.float64)
    scores, label = as_tensor(probabilities, name), as_tensor(labels, "labels")
    _check_single_label(label, scores.numel())
    return scores.reshape(1, *scores.shape), label.reshape(1)


def _check_single_label(label: Tensor, n_scores: int) -> None:
    """Raise an error if a label cannot be a class index. Two classes are also False and True."""
    if label.is_floating_point() or (label.dtype == torch.bool and n_scores > 2):
        raise TypeError(
            f"labels must be integer class indices, got {label.item()}; pass int(labels) if this "
            "is the index of a class, and leave the sample out if it has no label"
        )
