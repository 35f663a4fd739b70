"""Sums over all processes of ``torch.distributed``, or over the only process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta

import torch
from torch import Tensor
from torch import distributed as dist

# How long a process that was interrupted waits for the others, to tell them.
_PATIENCE = timedelta(seconds=5)

_in_single_process = ContextVar("_in_single_process", default=False)


@contextmanager
def single_process() -> Iterator[None]:
    """Sum over this process only, because the other processes may not make the same calls."""
    token = _in_single_process.set(True)
    try:
        yield
    finally:
        _in_single_process.reset(token)


def n_processes() -> int:
    """Return how many processes share the calibration set, 1 without ``torch.distributed``."""
    if _in_single_process.get():
        return 1
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_processes(values: Tensor) -> list[float]:
    """Return the sums of float64 values over all processes. Every process gets the same sums."""
    return [float(value) for value in total_over_processes(values).tolist()]


def total_over_processes(values: Tensor) -> Tensor:
    """Return the sums of float64 values over all processes as a tensor on the same device."""
    if n_processes() == 1:
        return values
    total = values.to(_device(), copy=True)
    _refuse_if_one_failed()
    dist.all_reduce(total)
    return total.to(values.device)


def gather_rows(rows: Tensor) -> Tensor:
    """Return the rows (N, K) of all processes, in the order of the processes, on the CPU.

    A process without rows may give another K or another dtype than the others.
    """
    if n_processes() == 1:
        return rows
    here = torch.tensor(rows.shape, device=_device())
    shapes = [torch.empty_like(here) for _ in range(n_processes())]
    _refuse_if_one_failed()
    dist.all_gather(shapes, here)
    sizes = [int(shape[0]) for shape in shapes]
    width = max((int(shape[1]) for shape in shapes if shape[0]), default=rows.shape[1])
    padded = torch.zeros(max(sizes), width, dtype=torch.float64, device=_device())
    padded[: len(rows)] = rows if len(rows) else rows.new_empty(0, width)
    parts = [torch.empty_like(padded) for _ in sizes]
    _refuse_if_one_failed()
    dist.all_gather(parts, padded)
    found = torch.cat([part[:size].cpu() for part, size in zip(parts, sizes, strict=True)])
    return found.to(rows.dtype) if width == rows.shape[1] else found


def count_over_processes(count: int) -> int:
    """Return the sum of a count over all processes. Every process gets the same sum."""
    return sum(number for (number,) in gather_from_processes([count]))


def total_weight_over_processes(labels: Tensor, weights: Tensor | None) -> float:
    """Return the sum of the weights of all processes, which is their number if all are 1."""
    here = float(len(labels)) if weights is None else float(weights.sum())
    total = torch.tensor([here], dtype=torch.float64, device=labels.device)
    return sum_over_processes(total)[0]


def gather_from_processes(integers: Sequence[int]) -> list[list[int]]:
    """Return the integers of every process, ordered by rank. Every process passes equally many."""
    if n_processes() == 1:
        return [list(integers)]
    # Every process fills its own row, and the sum has all of them.
    rows = torch.zeros(n_processes(), len(integers), dtype=torch.int64)
    rows[dist.get_rank()] = torch.tensor(integers, dtype=torch.int64)
    rows = rows.to(_device())
    _refuse_if_one_failed()
    dist.all_reduce(rows)
    found: list[list[int]] = rows.tolist()
    return found


class _FailedElsewhereError(Exception):
    """Another process failed, and all processes know that."""


@contextmanager
def fail_together() -> Iterator[None]:
    """Raise an error in every process if one fails, so that the others do not wait forever.

    The processes meet before everything that they sum or gather, and at the end of the block. A
    process that fails goes to one more of these meetings, where the others learn of its failure. If
    it was interrupted, as with Ctrl-C, it waits there for a short time only.
    """
    try:
        yield
        _refuse_if_one_failed()
    except _FailedElsewhereError as error:
        raise RuntimeError(*error.args) from None
    except Exception:
        _count_failures(1)
        raise
    except BaseException:
        # Somebody who interrupts this process need not wait until the others come to a meeting.
        _count_failures(1, _PATIENCE)
        raise


def _refuse_if_one_failed() -> None:
    failures = _count_failures(0)
    if failures:
        raise _FailedElsewhereError(
            f"the fit was given up because {failures} of {n_processes()} processes refused "
            "their part of the calibration set; read their messages"
        )


def _count_failures(here: int, patience: timedelta | None = None) -> int:
    if n_processes() == 1:
        return here
    failures = torch.full((1,), here, dtype=torch.int64, device=_device())
    if patience is None:
        dist.all_reduce(failures)
        return int(failures)
    with suppress(RuntimeError):  # The others did not come in time, or are gone.
        dist.all_reduce(failures, async_op=True).wait(patience)
    return here


def refuse_several_processes(name: str) -> None:
    """Raise an error if several processes share the calibration set."""
    if n_processes() > 1:
        raise RuntimeError(
            f"{name} is fitted in one process, got {n_processes()} under torch.distributed; "
            "gather the logits and fit before the process group starts, or use TemperatureScaler, "
            "VectorScaler or MatrixScaler, which sum over the processes"
        )


def _device() -> torch.device:
    """Return the device on which the process group can add tensors."""
    if dist.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
