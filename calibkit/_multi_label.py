"""Multi-hot labels, each entry of which says whether one label applies to one sample.

Every entry is an event with the logit of its label. So N samples with L labels are rows of two
classes and of shape (N, 2, L), just as if the labels were the pixels of an image.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

import torch
from torch import Tensor

from calibkit._checks import as_scores, check_ignore_index, check_logits_and_labels
from calibkit._conversion import as_code, as_tensor
from calibkit._disguises import find_disguise
from calibkit._rows import Rows


def check_multi_label(
    logits: object,
    labels: object,
    *,
    ignore_index: int | None = None,
    sample_weight: object = None,
    empty: bool = False,
) -> Rows:
    """Return logits (N, L, ...) and multi-hot labels of the same shape as rows, or raise an error.

    The rows have scores (N, 2, L, ...), which are 0 and the logit, and labels (N, L, ...). A weight
    of a sample counts for all its labels.
    """
    z = as_scores(logits, "logits")
    y = _as_multi_hot(labels)
    if empty and z.numel() == y.numel() == 0:
        z, y = z.reshape(0), y.reshape(0)
    else:
        _check_shapes(z, y)
    check_ignore_index(ignore_index)
    y = _as_integers(y, ignore_index, as_code(labels, "labels")).to(z.device)
    scores = torch.stack([torch.zeros_like(z), z], 1)
    if found := find_disguise(Rows(scores, y, ignore_index), single=True):
        raise ValueError(
            f"logits look like probabilities: {found}; pass what the model gives before the "
            f"sigmoid, or torch.logit({as_code(logits, 'logits')}) where none is 0 or 1"
        )
    return check_logits_and_labels(
        scores, y, ignore_index=ignore_index, sample_weight=sample_weight, empty=empty
    )


def samples_of(rows: Rows) -> Rows:
    """Return one row for each sample, which holds the logits of all its labels and a 0."""
    z = rows.scores[:, 1].flatten(1) if rows.scores.ndim > 2 else rows.scores[:, 1:]
    labels = torch.zeros(len(z), dtype=torch.int64, device=z.device)
    weights = None if rows.weights is None else rows.weights.reshape(z.shape).amax(1)
    return Rows(torch.cat([torch.zeros_like(z[:, :1]), z], 1), labels, weights=weights)


def rows_of_label(rows: Rows, k: int) -> Rows:
    """Return the rows of one label, as those of a binary model."""
    if rows.scores.ndim == 2:  # This process has no sample.
        return rows
    weights = None if rows.weights is None else rows.weights[:, k]
    scores = rows.scores[:, :, k].contiguous()
    return replace(rows, scores=scores, labels=rows.labels[:, k], weights=weights)


def _as_multi_hot(labels: object) -> Tensor:
    rows = labels if isinstance(labels, list | tuple) else []
    if _are_collections(rows) and (
        len(set(map(len, rows))) > 1 or any(isinstance(row, set) for row in rows)
    ):
        raise TypeError(
            "labels must hold 0 or 1 for every label of a sample, got lists of different lengths "
            "or sets; if they name the labels that apply, pass "
            "sklearn.preprocessing.MultiLabelBinarizer().fit_transform(labels)"
        )
    return as_tensor(labels, "labels")


def _are_collections(
    rows: Sequence[object],
) -> TypeGuard[Sequence[list[object] | tuple[object, ...] | set[object]]]:
    return all(isinstance(row, list | tuple | set) for row in rows)


def _check_shapes(z: Tensor, y: Tensor) -> None:
    if z.ndim > 1 and z.shape == y.shape:
        return
    advice = "pass 0 or 1 for every logit"
    if z.ndim > 1 and y.shape == z.shape[:1] + z.shape[2:]:
        advice = "if every sample has one label, use TemperatureScaler and evaluate"
    elif z.ndim == 1:
        advice = "for a single label, use TemperatureScaler and evaluate"
    elif y.shape == z.T.shape and z.ndim == 2:
        advice = "if the labels stand in the first dimension, transpose them with labels.T"
    raise ValueError(
        "logits and multi-hot labels must both have the shape (samples, labels), got "
        f"{tuple(z.shape)} and {tuple(y.shape)}; {advice}"
    )


def _as_integers(y: Tensor, ignore_index: int | None, code: str) -> Tensor:
    right = (y == 0) | (y == 1)
    if ignore_index is not None:
        right |= y == ignore_index
    if right.all():
        return y.to(torch.int64)
    index = int((~right).flatten().nonzero()[0])
    value = y.flatten()[index].item()
    if value != value:  # noqa: PLR0124 - it is NaN
        advice = (
            "if the label is missing there, pass "
            f"{code}.nan_to_num(nan=-1) and ignore_index=-1, which leaves such entries out"
        )
    elif isinstance(value, float) and 0 < value < 1:
        advice = f"choose a class for each entry, such as {code} > 0.5"
    elif isinstance(value, int | float) and value == int(value):
        advice = f"if the label is missing there, pass ignore_index={int(value)}"
    else:
        advice = "pass multi-hot rows"
    place = Rows(y, y).position(index)
    raise ValueError(
        f"labels must be 0 or 1 for every label of a sample, got {value} at {place}; {advice}"
    )
