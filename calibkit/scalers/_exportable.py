"""Functions of torch, written out where an export to ONNX would lose precision or fail.

ONNX has no operator for them. Torch's exporter writes log(exp(a) + exp(b)) for `torch.logaddexp`
and log(sigmoid(z)) for the logarithm of a sigmoid, which are infinite where the true values are
not. It writes log(1 + x) and exp(x) - 1 for `torch.log1p` and `torch.expm1`, which are 0 for a
small x. In all other cases, torch's own functions are used.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def log_add_exp(a: Tensor, b: Tensor) -> Tensor:
    """Return log(exp(a) + exp(b)), which is finite unless both are -inf."""
    if not torch.onnx.is_in_onnx_export():
        return torch.logaddexp(a, b)
    top = torch.maximum(a, b)
    # If both are -inf, their difference is no number.
    distance = torch.where(top.isinf(), 0.0, a - b).abs()
    return top + log1p((-distance).exp())


def log_sigmoid(z: Tensor) -> Tensor:
    """Return the logarithm of sigmoid(z)."""
    if not torch.onnx.is_in_onnx_export():
        return logsigmoid(z)
    return z.clamp(max=0) - log1p((-z.abs()).exp())


def log1p(x: Tensor) -> Tensor:
    """Return log(1 + x) with all digits, also for a small x."""
    if not torch.onnx.is_in_onnx_export():
        return torch.log1p(x)
    # By Kahan's method, the rounding of 1 + x cancels.
    rounded = 1 + x
    return torch.where(rounded == 1, x, rounded.log() * (x / (rounded - 1)))


def expm1(x: Tensor) -> Tensor:
    """Return exp(x) - 1 with all digits, also for a small x, for x up to 0."""
    if not torch.onnx.is_in_onnx_export():
        return torch.expm1(x)
    power = x.exp()
    small = torch.where(power == 1, x, (power - 1) * (x / power.log()))
    return torch.where(power < 0.5, power - 1, small)


def search_sorted(rows: Tensor, values: Tensor) -> Tensor:
    """Return how many entries of a sorted row (K,) are below each value, for rows (C, K)."""
    if not torch.onnx.is_in_onnx_export():
        return torch.searchsorted(rows, values)
    n = rows.shape[1]
    found = torch.zeros_like(values, dtype=torch.int64)
    for power in reversed(range(n.bit_length())):
        further = found + 2**power
        entry = rows.gather(1, further.clamp(max=n) - 1)
        found = torch.where((further <= n) & (entry < values), further, found)
    return found
