"""A check of the weights of samples."""

import torch
from torch import Tensor

from calibkit._conversion import as_tensor
from calibkit._devices import with_float64
from calibkit._rows import Rows

# The squares of larger weights could overflow in float64, and those of smaller ones vanish.
_LARGEST_VALUE = 1e100


def check_sample_weight(sample_weight: object, labels: Tensor) -> Tensor | None:
    """Return weights in the shape of the labels, as float64, or raise an error. None is None.

    A weight of each of N images counts for all pixels of the image.
    """
    if sample_weight is None:
        return None
    weights = as_tensor(sample_weight, "sample_weight").detach()
    if weights.shape not in {labels.shape, labels.shape[:1]}:
        raise ValueError(
            f"sample_weight must have shape {tuple(labels.shape)}, as labels have, got "
            f"{tuple(weights.shape)}; pass one weight for each sample"
        )
    weights = with_float64(weights).to(labels.device, torch.float64)
    wrong = ~(weights.isfinite() & (weights >= 0))
    if wrong.any():
        index = int(wrong.flatten().nonzero()[0])
        raise ValueError(
            f"sample_weight must be finite and not negative, got {weights.flatten()[index]:g} at "
            f"{Rows(weights[:, None], weights).position(index).replace('row', 'position')}; give "
            "a sample that must not count the weight 0"
        )
    largest = float(weights.max()) if weights.numel() else 0.0
    if largest and not 1 / _LARGEST_VALUE <= largest <= _LARGEST_VALUE:
        raise ValueError(
            f"the largest sample_weight must lie between {1 / _LARGEST_VALUE:g} and "
            f"{_LARGEST_VALUE:g}, got {largest:g}; divide all weights by their mean"
        )
    return weights.reshape(-1, *[1] * (labels.ndim - weights.ndim), *weights.shape[1:]).expand(
        labels.shape
    )
