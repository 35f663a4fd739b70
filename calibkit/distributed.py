"""Sums over the processes of torch.distributed, where there are any."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch import distributed as dist

_alone = False


@contextmanager
def alone() -> Iterator[None]:
    """Fit in this process only, on what may differ between processes."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


def n_processes() -> int:
    """How many processes share the calibration set; 1 without torch.distributed."""
    if _alone:
        return 1
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_processes(values: Tensor) -> list[float]:
    """Add up float64 values over all processes; every one gets the same sums."""
    if n_processes() > 1:
        values = values.to(_device())
        dist.all_reduce(values)
    return [float(value) for value in values.tolist()]


@contextmanager
def fail_together() -> Iterator[None]:
    """Raise in every process when one of them raises, so that none waits for it for ever."""
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
    (failures,) = sum_over_processes(torch.tensor([float(failure is not None)]).double())
    if failure is not None:
        raise failure
    if failures:
        raise RuntimeError(
            f"the fit was given up because {failures:.0f} of {n_processes()} processes refused "
            "their part of the calibration set; read their messages"
        )


def refuse_several_processes(name: str) -> None:
    if n_processes() > 1:
        raise RuntimeError(
            f"{name} is fitted in one process, got {n_processes()} under torch.distributed; "
            "gather the logits and fit before the process group starts, or use TemperatureScaler"
        )


def _device() -> torch.device:
    if dist.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
