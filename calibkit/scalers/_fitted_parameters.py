"""What a fitted parameter may be, whether it is loaded or assigned."""

import math

import torch
from torch import Tensor

from calibkit._conversion import as_tensor

_ADVICE = "fit the scaler, or save its state again from a fitted scaler"


def check_parameter(
    value: object,
    name: str,
    scaler: str,
    dimensions: str | None,
    bounds: tuple[float, float] | None,
) -> Tensor:
    """Return a fitted parameter as float64, or raise an error if it cannot be right.

    There is one letter for each dimension. Before a fit, the parameters are empty.
    """
    array = value if isinstance(value, int | float) else as_tensor(value, name)
    parameter = as_float64(array, name, scaler)
    if dimensions is not None and parameter.numel() and parameter.ndim != len(dimensions):
        raise ValueError(
            f"a {scaler} must hold a tensor with {len(dimensions)} dimensions as {name}, got the "
            f"shape {tuple(parameter.shape)}; {_ADVICE}"
        )
    least, most = bounds or (-math.inf, math.inf)
    wrong = parameter[~(parameter.isfinite() & (parameter >= least) & (parameter <= most))]
    if len(wrong):
        raise ValueError(
            f"a {scaler} must hold finite numbers from {least:g} to {most:g} as {name}, got "
            f"{wrong[0]:g}; {_ADVICE}"
        )
    return parameter


def as_float64(value: object, name: str, scaler: str) -> Tensor:
    """Return a number or a copy of a real tensor as float64, or raise an error."""
    if isinstance(value, Tensor) and not value.is_complex() and value.dtype != torch.bool:
        return own_copy(value.detach()).double()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return torch.tensor(value, dtype=torch.float64)
    found = value.dtype if isinstance(value, Tensor) else type(value).__name__
    raise ValueError(f"a {scaler} must hold numbers as {name}, got {found}; {_ADVICE}")


def own_copy(parameter: Tensor) -> Tensor:
    """Return a copy that nobody else can change and that gradients may pass.

    They may not pass a tensor that was made in inference mode, even after this mode has ended.
    """
    with torch.inference_mode(False):
        return parameter.clone()
