"""The temperature that minimises the NLL, found exactly."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from calibkit.distributed import sum_over_processes
from calibkit.rows import Rows

_MAX_ITERATIONS = 200
# of the next step, relative; float32 sums are no more exact than that
_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-9}
# so many elements show where the optimum is to about one percent
_SAMPLE_ELEMENTS = 2**21
# above it the rounding errors of float32 average out: below 1e-7 in the temperature
_MANY_ELEMENTS = 2**23
# of samples; fewer say too little about the optimum of all
_FEWEST = 100
# the mean square of logits whose squares neither overflow nor vanish, in float32 too
_LEAST_SQUARE = 1e-20


class NoOptimumError(ValueError):
    """No finite temperature is best; the best is the limit, 0 or infinity."""

    def __init__(self, message: str, limit: float) -> None:
        super().__init__(message)
        self.limit = limit


class Optimum(NamedTuple):
    """The best inverse temperature, with what the search saw on its way.

    Attributes
    ----------
    inverse_temperature : float
    relative_error : float
        The standard error of the inverse temperature by the sandwich formula, as a fraction of it.
    n_samples : int
    nll_before, nll_after : float
        In nats a sample, at T = 1 and at the optimum.
    iterations : int
    tolerance : float
        The next step would change the inverse temperature by less, as a fraction of it.
    """

    inverse_temperature: float
    relative_error: float
    n_samples: int
    nll_before: float
    nll_after: float
    iterations: int
    tolerance: float


class _Sums(NamedTuple):
    """Of NLL(b) = mean(logsumexp(b z) - b z_y): slope E_p[z] - z_y, curvature Var_p[z]."""

    value: float
    slope: float
    curvature: float
    square_slope: float


class _FirstLook(NamedTuple):
    """Sums over samples that tell whether there is an optimum, and near which b."""

    nll: float
    fall: float
    curvature: float
    spread: float
    below_top: float
    label: float
    square_label: float


class _Loss:
    """The NLL and its derivatives in the inverse temperature b, over all processes.

    Logits are taken in a unit, so that the squares of very large and very small ones stay finite.
    """

    def __init__(self, rows: Rows, dtype: torch.dtype, unit: float = 1.0) -> None:
        self.rows = rows
        self.dtype = dtype
        self.unit = unit
        self._shifted = torch.empty(0, dtype=dtype, device=rows.scores.device)
        self._weights = torch.empty_like(self._shifted)
        (self.n,) = sum_over_processes(torch.tensor([float(len(rows))]).double())

    def at(self, inverse_temperature: float) -> _Sums:
        total = torch.zeros(4, dtype=torch.float64, device=self.rows.scores.device)
        for logits, labels in self.rows.chunks():
            z = self._below_top(logits)
            z_y = z.gather(1, labels[:, None])[:, 0].double()
            weights = torch.mul(z, inverse_temperature, out=_room(self._weights, z)).exp_()
            norm = weights.sum(1).double()
            mean = weights.mul_(z).sum(1).double() / norm
            mean_square = weights.mul_(z).sum(1).double() / norm
            slope = mean - z_y
            value = norm.log() - inverse_temperature * z_y
            total += torch.stack([value, slope, mean_square - mean**2, slope**2]).sum(1)
        return _Sums(*(entry / self.n for entry in sum_over_processes(total)))

    def first_look(self) -> _FirstLook:
        total = torch.zeros(7, dtype=torch.float64, device=self.rows.scores.device)
        for logits, labels in self.rows.chunks():
            z = self._below_top(logits)
            z_y = z.gather(1, labels[:, None])[:, 0].double()
            mean = z.sum(1).double() / z.shape[1]
            square = torch.mul(z, z, out=_room(self._weights, z)).sum(1).double() / z.shape[1]
            value = z.mul_(self.unit).exp_().sum(1).double().log() - self.unit * z_y
            y = labels.double()
            total += torch.stack(
                [value, z_y - mean, square - mean**2, -mean, (z_y < 0).double(), y, y**2]
            ).sum(1)
        return _FirstLook(*sum_over_processes(total))

    def _below_top(self, logits: Tensor) -> Tensor:
        z = _room(self._shifted, logits).copy_(logits)
        z.sub_(logits.amax(1, keepdim=True))
        return z if self.unit == 1 else z.div_(self.unit)


def find_optimum(rows: Rows) -> Optimum:
    """Minimise the NLL by a bracketed Newton iteration on sums over all samples.

    Raises
    ------
    NoOptimumError
        If no finite temperature is best.
    ValueError
        If the labels hold one class only.
    RuntimeError
        If the iteration does not settle.
    """
    (n_elements,) = sum_over_processes(torch.tensor([float(rows.scores.numel())]).double())
    low_precision = rows.scores.dtype != torch.float64 and n_elements > _MANY_ELEMENTS
    loss = _Loss(rows, torch.float32 if low_precision else torch.float64)
    look = loss.first_look()
    if not _LEAST_SQUARE < look.curvature / loss.n < 1 / _LEAST_SQUARE:
        loss = _Loss(rows, torch.float64, unit=_mean_spread(rows, loss.n) or 1.0)
        look = loss.first_look()
    _check_optimum_exists(look, loss)
    start = look.fall / look.curvature
    if n_elements > 2 * _SAMPLE_ELEMENTS:
        sample = rows.every(math.ceil(n_elements / _SAMPLE_ELEMENTS))
        start = _start_from_sample(_Loss(sample, loss.dtype, loss.unit), start)
    tolerance = _TOLERANCE[loss.dtype]
    best, last, sums, steps = _search(loss, start, tolerance, _MAX_ITERATIONS)
    if steps > _MAX_ITERATIONS:
        raise RuntimeError(
            f"the search for T did not settle within {_MAX_ITERATIONS} steps, 1 / T is near "
            f"{best / loss.unit:.6g}; look for logits of very different sizes"
        )
    step = best - last
    return Optimum(
        inverse_temperature=best / loss.unit,
        relative_error=math.sqrt(sums.square_slope / loss.n) / sums.curvature / best,
        n_samples=round(loss.n),
        nll_before=look.nll / loss.n,
        nll_after=sums.value + step * sums.slope + step**2 * sums.curvature / 2,
        iterations=steps,
        tolerance=tolerance,
    )


def _check_optimum_exists(look: _FirstLook, loss: _Loss) -> None:
    """The NLL, convex in b, has a minimum if it falls at 0 and rises at infinity."""
    n = f"{loss.n:.0f}"
    if loss.n * look.square_label == look.label**2:
        raise ValueError(
            f"labels hold one class only: all {n} are {look.label / loss.n:.0f}; "
            "calibrate on samples of all classes, drawn as the test samples are"
        )
    if look.fall <= 8 * torch.finfo(loss.dtype).eps * look.spread:
        raise NoOptimumError(
            f"no temperature is best: over the {n} samples the logit of the label is on average "
            "no higher than the other logits, so the NLL falls for ever as T goes to infinity; "
            "check that labels and logits belong together and count classes alike",
            limit=math.inf,
        )
    if look.below_top == 0:
        raise NoOptimumError(
            f"no temperature is best: all {n} labels are the model's top class, so the NLL falls "
            "for ever as T goes to 0; use a larger calibration set, one that the model was not "
            "trained on",
            limit=0.0,
        )


def _mean_spread(rows: Rows, n: float) -> float:
    """How far the lowest logit of a row lies below the top, on average."""
    total = torch.zeros(1, dtype=torch.float64, device=rows.scores.device)
    for logits, _ in rows.chunks():
        total += (logits.amax(1).double() - logits.amin(1).double()).sum()
    return sum_over_processes(total)[0] / n


def _start_from_sample(sample: _Loss, start: float) -> float:
    if sample.n < _FEWEST:
        return start
    found, _, _, steps = _search(sample, start, tolerance=1e-3, max_iterations=20)
    return found if steps <= 20 else start


def _search(
    loss: _Loss, start: float, tolerance: float, max_iterations: int
) -> tuple[float, float, _Sums, int]:
    """Return the optimum, the point before it with its sums, and the number of steps."""
    low, high = 0.0, math.inf
    here = start
    last_step = 0.0  # none to judge by
    for iteration in range(1, max_iterations + 1):
        sums = loss.at(here)
        low, high = (here, high) if sums.slope < 0 else (low, here)
        newton = here - sums.slope / sums.curvature if sums.curvature > 0 else math.nan
        step = abs(newton - here) / here
        # steps shrink quadratically: the one after this one is near step**3 / last_step**2
        if step <= tolerance or (
            step < 0.01 and step < last_step and step**3 <= tolerance * last_step**2
        ):
            return newton, here, sums, iteration
        last_step = step if low < newton < high else 0.0
        here = newton if low < newton < high else _middle(low, high)
    return here, here, sums, max_iterations + 1


def _middle(low: float, high: float) -> float:
    """A point well inside the bracket, by ratio, where it has two positive ends."""
    if low == 0:
        return high / 16
    if high == math.inf:
        return low * 16
    return math.sqrt(low * high)


def _room(buffer: Tensor, like: Tensor) -> Tensor:
    """A part of the buffer, grown on demand: new memory costs more than the arithmetic."""
    if buffer.numel() < like.numel():
        buffer.resize_(like.numel())
    return buffer[: like.numel()].view(like.shape)
