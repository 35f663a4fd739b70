"""Refuse what cannot be calibrated, in one sentence: what came, what was expected, what to do."""

import numpy as np
import torch
from torch import Tensor

# a softmax computed in bfloat16 over 1000 classes still sums to 1 within this
_SUM_TOLERANCE = 1e-2
# an average of float32 probabilities may exceed 1 by this
_ROUNDING = 1e-6
# the squares of larger logits overflow in float64
_LARGEST = 1e100


def check_logits_and_labels(logits: object, labels: object) -> tuple[Tensor, Tensor]:
    """Return logits (N, C) and labels (N,) as tensors, or raise."""
    scores = _check_scores(logits, "logits")
    targets = _check_labels(labels, scores)
    if _are_probabilities(scores):
        raise ValueError(
            "logits look like probabilities: all lie in [0, 1] and every row sums to 1; "
            "pass what the model gives before the softmax, or the logarithm of the probabilities "
            "where none of them is 0"
        )
    return scores, targets


def check_probabilities_and_labels(probabilities: object, labels: object) -> tuple[Tensor, Tensor]:
    """Return probabilities (N, C) and labels (N,) as tensors, or raise."""
    scores = check_probabilities(probabilities)
    return scores, _check_labels(labels, scores)


def check_probabilities(probabilities: object) -> Tensor:
    """Return probabilities (N, C) as a tensor, or raise."""
    scores = _check_scores(probabilities, "probabilities")
    if not _are_probabilities(scores):
        raise ValueError(
            "probabilities must lie in [0, 1] and every row must sum to 1, got values from "
            f"{scores.min():.4g} to {scores.max():.4g} and row sums from "
            f"{scores.double().sum(1).min():.4g} to {scores.double().sum(1).max():.4g}; "
            "if these are logits, pass logits.softmax(-1)"
        )
    return scores


def check_integer(value: object, name: str, *, least: int, advice: str) -> None:
    """Refuse what is no integer, or a smaller one; True and 5.0 are none."""
    expected = f"{name} must be an integer of at least {least}, got {value!r}; {advice}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(expected)
    if value < least:
        raise ValueError(expected)


def check_seed(seed: object) -> None:
    check_integer(seed, "seed", least=0, advice="every run with the same seed is the same")


def check_n_bins(n_bins: object) -> None:
    check_integer(n_bins, "n_bins", least=1, advice="15 is usual")


def _check_scores(scores: object, name: str) -> Tensor:
    tensor = _as_tensor(scores, name).detach()
    if tensor.layout != torch.strided:
        raise TypeError(f"{name} must be dense, got {tensor.layout}; convert with to_dense()")
    if not tensor.is_floating_point():
        raise TypeError(
            f"{name} must be floating point, got {tensor.dtype}; "
            f"pass the model's {name}, not class indices"
        )
    if tensor.ndim != 2:
        raise ValueError(
            f"{name} must have shape (samples, classes), got {tuple(tensor.shape)}; "
            "bring them to one row a sample"
        )
    n_samples, n_classes = tensor.shape
    if n_samples == 0:
        raise ValueError(f"{name} are empty: got 0 samples; pass one row or more")
    if n_classes < 2:
        raise ValueError(
            f"{name} must have two classes or more, got {n_classes} column; "
            "for a binary model pass both classes: torch.stack([zeros, logit], 1)"
        )
    finite = tensor.isfinite().all(1)
    if not finite.all():
        row = int((~finite).nonzero()[0])
        raise ValueError(
            f"{name} must be finite, got NaN or infinity in {int((~finite).sum())} of "
            f"{n_samples} rows, first in row {row}; look for what the model does with that input"
        )
    if tensor.dtype == torch.float64 and tensor.abs().max() > _LARGEST:
        raise ValueError(
            f"{name} must not exceed {_LARGEST:g} in size, got {tensor.abs().max():g}; "
            "look for what the model does with that input"
        )
    return tensor


def _check_labels(labels: object, scores: Tensor) -> Tensor:
    tensor = _as_tensor(labels, "labels")
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(
            f"labels must be integer class indices, got {tensor.dtype}; "
            "convert with labels.long() if they are whole numbers"
        )
    tensor = tensor.to(scores.device, torch.int64)
    n_samples, n_classes = scores.shape
    if tensor.ndim != 1:
        raise ValueError(
            f"labels must have shape (samples,), got {tuple(tensor.shape)}; "
            "turn one-hot rows into indices with labels.argmax(1)"
        )
    if len(tensor) != n_samples:
        raise ValueError(
            f"labels must be as many as the rows of scores, got {len(tensor)} labels for "
            f"{n_samples} rows; pass the labels of exactly these samples"
        )
    outside = (tensor < 0) | (tensor >= n_classes)
    if outside.any():
        position = int(outside.nonzero()[0])
        raise ValueError(
            f"labels must lie between 0 and {n_classes - 1} for {n_classes} classes, got "
            f"{int(tensor[position])} at position {position}; count classes from 0"
        )
    return tensor


def check_several_classes(labels: Tensor) -> None:
    if (labels == labels[0]).all():
        raise ValueError(
            f"labels hold one class only: all {len(labels)} are {int(labels[0])}; "
            "calibrate on samples of all classes, drawn as the test samples are"
        )


def _as_tensor(values: object, name: str) -> Tensor:
    if isinstance(values, Tensor):
        return values
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked; pass the rows that count, without the mask")
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub" and values.itemsize <= 8:
        native = values.dtype.newbyteorder("=")
        return torch.from_numpy(np.require(values, native, ["C_CONTIGUOUS", "WRITEABLE"]))
    kind = f"array of {values.dtype}" if isinstance(values, np.ndarray) else type(values).__name__
    raise TypeError(
        f"{name} must be a torch tensor or a numeric numpy array, got {kind}; "
        "convert with torch.tensor(...)"
    )


def _are_probabilities(scores: Tensor) -> bool:
    within = bool((scores >= 0).all() and (scores <= 1 + _ROUNDING).all())
    return within and bool(((scores.double().sum(1) - 1).abs() < _SUM_TOLERANCE).all())
