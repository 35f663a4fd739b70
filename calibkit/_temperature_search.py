"""A search for the temperature that minimises the NLL. It is exact up to rounding."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from calibkit._distributed import sum_over_processes
from calibkit._rows import Rows

_MAX_ITERATIONS = 200
# The search ends when the next step would change T by less than this fraction. A relative error of
# about 1e-9 remains in sums of float32 terms.
_RELATIVE_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-9}
# A subsample with this many elements finds the optimum to about one percent.
_SAMPLE_ELEMENTS = 2**21
# With fewer samples than this, a subsample says too little about the optimum of all samples.
_MIN_SUBSAMPLE_SIZE = 100
# With more elements than this, the rounding errors of float32 terms average out. They change the
# temperature by less than a fraction of 1e-7.
_MIN_FLOAT32_ELEMENTS = 2**23
# If the mean square of the logits is between this and its inverse, their squares neither overflow
# nor vanish, not even in float32.
_MIN_MEAN_SQUARE = 1e-20


class NoOptimumError(ValueError):
    """No finite temperature is best, because the NLL keeps falling as T goes to 0 or to infinity.

    The same error is raised if every temperature is equally good, because the logits of each row
    are all the same. The limit is then infinity.

    Attributes
    ----------
    limit : float
        The temperature towards which the NLL falls. It is 0 if every label is the top class, and
        infinity if the logits say nothing about the labels. With `UniformMixtureScaler`, it is
        also 0 if label noise alone explains every wrong answer.

    See Also
    --------
    calibkit.TemperatureScaler : Fit a temperature, which may raise this error.
    calibkit.compare : Compare scalers, and count the fits that were refused.
    """

    def __init__(self, message: str, limit: float) -> None:
        super().__init__(message)
        self.limit = limit


class TemperatureOptimum(NamedTuple):
    """The best inverse temperature, with what the search measured on the way.

    Attributes
    ----------
    inverse_temperature : float
        The inverse temperature that minimises the NLL.
    relative_error : float
        The standard error of the inverse temperature, by the sandwich formula, divided by the
        inverse temperature.
    n_samples : int
        Number of samples, over all processes.
    nll_before, nll_after : float
        The NLL at T = 1 and at the optimum, in nats per sample.
    iterations : int
        Number of Newton or bracketing steps on all samples.
    tolerance : float
        The next step would change the inverse temperature by less than this fraction.
    """

    inverse_temperature: float
    relative_error: float
    n_samples: int
    nll_before: float
    nll_after: float
    iterations: int
    tolerance: float


class _Derivatives(NamedTuple):
    """Means over samples at one inverse temperature b: the NLL and what follows from its slope.

    For one sample, p = softmax(b z). The slope is the first derivative of the NLL in b, which is
    E_p[z] - z_y. The curvature is the second derivative, which is Var_p[z].
    """

    nll: float
    slope: float
    curvature: float
    squared_slope: float


class _StartingSums(NamedTuple):
    """Sums over samples that show whether there is an optimum, and near which b it is."""

    nll_before: float  # at T = 1
    descent_at_zero: float  # minus the slope of the NLL at b = 0
    curvature_at_zero: float
    distance_to_top: float  # from the mean logit of a row to the largest
    n_label_below_top: float
    label_sum: float
    squared_label_sum: float


class _ScaledNLL:
    """The NLL of softmax(b z) as a function of the inverse temperature b, over all processes.

    The logits z are divided by ``unit``, so that the squares of very large logits stay finite and
    those of very small logits stay positive.
    """

    def __init__(self, rows: Rows, dtype: torch.dtype, unit: float = 1.0) -> None:
        self.rows = rows
        self.dtype = dtype
        self.unit = unit
        self._shifted = torch.empty(0, dtype=dtype, device=rows.scores.device)
        self._weights = torch.empty_like(self._shifted)
        (self.n,) = sum_over_processes(torch.tensor([float(len(rows))]).double())

    def derivatives(self, inverse_temperature: float) -> _Derivatives:
        total = torch.zeros(4, dtype=torch.float64, device=self.rows.scores.device)
        for logits, labels in self.rows.chunks():
            z = self._minus_top(logits)
            z_y = z.gather(1, labels[:, None])[:, 0].double()
            buffer = _view_of_buffer(self._weights, z)
            weights = torch.mul(z, inverse_temperature, out=buffer).exp_()
            norm = weights.sum(1).double()
            mean = weights.mul_(z).sum(1).double() / norm
            mean_square = weights.mul_(z).sum(1).double() / norm
            slope = mean - z_y
            nll = norm.log() - inverse_temperature * z_y
            total += torch.stack([nll, slope, mean_square - mean**2, slope**2]).sum(1)
        return _Derivatives(*(entry / self.n for entry in sum_over_processes(total)))

    def starting_sums(self) -> _StartingSums:
        total = torch.zeros(7, dtype=torch.float64, device=self.rows.scores.device)
        for logits, labels in self.rows.chunks():
            z = self._minus_top(logits)
            z_y = z.gather(1, labels[:, None])[:, 0].double()
            mean = z.sum(1).double() / z.shape[1]
            squares = torch.mul(z, z, out=_view_of_buffer(self._weights, z))
            mean_square = squares.sum(1).double() / z.shape[1]
            nll = z.mul_(self.unit).exp_().sum(1).double().log() - self.unit * z_y
            y = labels.double()
            total += torch.stack(
                [nll, z_y - mean, mean_square - mean**2, -mean, (z_y < 0).double(), y, y**2]
            ).sum(1)
        return _StartingSums(*sum_over_processes(total))

    def _minus_top(self, logits: Tensor) -> Tensor:
        z = _view_of_buffer(self._shifted, logits).copy_(logits)
        z.sub_(logits.amax(1, keepdim=True))
        return z if self.unit == 1 else z.div_(self.unit)


class _SearchResult(NamedTuple):
    """The end of a search: the optimum, and the last point at which the NLL was measured."""

    optimum: float
    last_point: float
    derivatives: _Derivatives  # at the last point
    iterations: int
    converged: bool


def find_best_inverse_temperature(rows: Rows) -> TemperatureOptimum:
    """Minimise the NLL by a bracketed Newton iteration on sums over all samples.

    Raises
    ------
    NoOptimumError
        If no finite temperature is best.
    ValueError
        If the labels hold one class only.
    RuntimeError
        If the iteration does not converge.
    """
    (n_elements,) = sum_over_processes(torch.tensor([float(rows.scores.numel())]).double())
    low_precision = rows.scores.dtype != torch.float64 and n_elements > _MIN_FLOAT32_ELEMENTS
    nll = _ScaledNLL(rows, torch.float32 if low_precision else torch.float64)
    sums = nll.starting_sums()
    if not _MIN_MEAN_SQUARE < sums.curvature_at_zero / nll.n < 1 / _MIN_MEAN_SQUARE:
        nll = _ScaledNLL(rows, torch.float64, unit=_mean_spread(rows, nll.n) or 1.0)
        sums = nll.starting_sums()
    _check_optimum_exists(sums, nll)
    start = sums.descent_at_zero / sums.curvature_at_zero
    if n_elements > 2 * _SAMPLE_ELEMENTS:
        sample = rows.every_nth(math.ceil(n_elements / _SAMPLE_ELEMENTS))
        start = _start_from_sample(_ScaledNLL(sample, nll.dtype, nll.unit), start)
    tolerance = _RELATIVE_TOLERANCE[nll.dtype]
    found = _search(nll, start, tolerance, _MAX_ITERATIONS)
    if not found.converged:
        raise RuntimeError(
            f"the search for T did not converge within {_MAX_ITERATIONS} steps, 1 / T is near "
            f"{found.optimum / nll.unit:.6g}; look for logits of very different sizes"
        )
    last = found.derivatives
    # The last step is so small that the NLL after it follows from a Taylor series.
    step = found.optimum - found.last_point
    nll_after = last.nll + step * last.slope + step**2 * last.curvature / 2
    return TemperatureOptimum(
        inverse_temperature=found.optimum / nll.unit,
        relative_error=math.sqrt(last.squared_slope / nll.n) / last.curvature / found.optimum,
        n_samples=round(nll.n),
        nll_before=sums.nll_before / nll.n,
        nll_after=nll_after,
        iterations=found.iterations,
        tolerance=tolerance,
    )


def _check_optimum_exists(sums: _StartingSums, nll: _ScaledNLL) -> None:
    """Raise an error if the NLL has no minimum, or if all labels are the same.

    The NLL is convex in the inverse temperature b. It has a minimum if it falls at b = 0 and rises
    as b goes to infinity.
    """
    n = f"{nll.n:.0f}"
    if nll.n * sums.squared_label_sum == sums.label_sum**2:
        raise ValueError(
            f"labels hold one class only: all {n} are {sums.label_sum / nll.n:.0f}; "
            "calibrate on samples of all classes, drawn in the same way as the test samples"
        )
    if sums.distance_to_top == 0:
        raise NoOptimumError(
            f"logits must differ within a row, got the same value for all classes in each of the "
            f"{n} rows, so that every temperature gives the same probabilities; look at what the "
            "model does with its input",
            limit=math.inf,
        )
    rounding = 8 * torch.finfo(nll.dtype).eps * sums.distance_to_top
    if sums.descent_at_zero <= rounding:
        raise NoOptimumError(
            f"no temperature is best: over the {n} samples the logit of the label is on average "
            "no higher than the other logits, so the NLL falls for ever as T goes to infinity; "
            "check that labels and logits belong together and number the classes alike",
            limit=math.inf,
        )
    if sums.n_label_below_top == 0:
        raise NoOptimumError(
            f"no temperature is best: all {n} labels are the model's top class, so the NLL falls "
            "for ever as T goes to 0; use a larger calibration set, one that the model was not "
            "trained on",
            limit=0.0,
        )


def _mean_spread(rows: Rows, n: float) -> float:
    """Return the mean distance between the smallest and the largest logit of a row."""
    total = torch.zeros(1, dtype=torch.float64, device=rows.scores.device)
    for logits, _ in rows.chunks():
        total += (logits.amax(1).double() - logits.amin(1).double()).sum()
    return sum_over_processes(total)[0] / n


def _start_from_sample(sample_nll: _ScaledNLL, start: float) -> float:
    """Return the optimum of a subsample, or the given start if the subsample has none."""
    if sample_nll.n < _MIN_SUBSAMPLE_SIZE:
        return start
    found = _search(sample_nll, start, tolerance=1e-3, max_iterations=20)
    return found.optimum if found.converged else start


def _search(nll: _ScaledNLL, start: float, tolerance: float, max_iterations: int) -> _SearchResult:
    low, high = 0.0, math.inf
    b = start
    last_step = 0.0  # 0 says that there is no earlier Newton step to compare with
    for iteration in range(1, max_iterations + 1):
        derivatives = nll.derivatives(b)
        slope, curvature = derivatives.slope, derivatives.curvature
        low, high = (b, high) if slope < 0 else (low, b)
        newton = b - slope / curvature if curvature > 0 else math.nan
        step = abs(newton - b) / b
        # Steps shrink quadratically, so the step after this one is near step**3 / last_step**2.
        if step <= tolerance or (
            step < 0.01 and step < last_step and step**3 <= tolerance * last_step**2
        ):
            return _SearchResult(newton, b, derivatives, iteration, converged=True)
        last_step = step if low < newton < high else 0.0
        b = newton if low < newton < high else _point_within(low, high)
    return _SearchResult(b, b, derivatives, max_iterations, converged=False)


def _point_within(low: float, high: float) -> float:
    """Return a point well within a bracket: the geometric mean if both ends are positive."""
    if low == 0:
        return high / 16
    if high == math.inf:
        return low * 16
    return math.sqrt(low * high)


def _view_of_buffer(buffer: Tensor, like: Tensor) -> Tensor:
    """Return a view of the buffer in the shape of a tensor, and enlarge the buffer if necessary.

    The buffer is used again for every chunk, because new memory costs more than the arithmetic.
    """
    if buffer.numel() < like.numel():
        buffer.resize_(like.numel())
    return buffer[: like.numel()].view(like.shape)
