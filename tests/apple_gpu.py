"""A stand-in for Apple's GPUs, whose tensors cannot be of the type float64.

The tensors say that they are on the device "mps". The numbers are on the CPU, and every operation
that would give a float64 tensor raises what PyTorch raises on such a GPU.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map


class AppleTensor(torch.Tensor):
    """A tensor that says that it is on an Apple GPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "AppleTensor":
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device="mps:0"
        )
        tensor.inner = inner
        return tensor

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


class AppleGPU(TorchDispatchMode):
    """While this mode is active, the device "mps" exists."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


def compute(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    operands = [x for x in tree_iter((args, kwargs)) if isinstance(x, Tensor)]
    on_gpu = any(isinstance(x, AppleTensor) for x in operands)
    copies = func.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_)
    if on_gpu and not copies and any(type(x) is Tensor and x.ndim > 0 for x in operands):
        raise RuntimeError(f"Expected all tensors to be on the same device, in {func}")
    device = kwargs.get("device")
    if device is not None:
        on_gpu = torch.device(device).type == "mps"
        kwargs = {**kwargs, "device": torch.device("cpu") if on_gpu else device}
    inner_args, inner_kwargs = tree_map(
        lambda x: x.inner if isinstance(x, AppleTensor) else x, (args, kwargs)
    )
    found = func(*inner_args, **inner_kwargs)
    if func._schema.is_mutable:
        return kwargs.get("out", args[0])
    return tree_map(_to_gpu, found) if on_gpu else found


def _to_gpu(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    if value.dtype == torch.float64:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype: MPS does not support it")
    return AppleTensor(value)
