"""What the devices of tensors can do, and which precision they compute in."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def has_float64(device: torch.device) -> bool:
    """Return whether tensors on the device can be of the type float64. Apple's GPUs cannot."""
    return device.type != "mps"


def with_float64(tensor: Tensor) -> Tensor:
    """Return the tensor on a device that has float64, which is the CPU if its own has not."""
    return tensor if has_float64(tensor.device) else tensor.cpu()


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Compute in the precision of the operands, even where the caller asked for autocast."""
    kind = device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()
