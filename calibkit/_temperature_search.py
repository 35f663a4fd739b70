"""A search for the temperature that minimises the NLL. It is exact up to rounding."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from calibkit._distributed import count_over_processes, sum_over_processes
from calibkit._rows import Rows

_MAX_ITERATIONS = 200
# The search ends when the next step would change T by less than this fraction. A relative error of
# about 1e-9 remains in sums of float32 terms.
_RELATIVE_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-9}
# A subsample with this many elements finds the optimum to about one percent.
_SAMPLE_ELEMENTS = 2**21
# With more elements than this, a search in float32 comes before the one in float64. It saves more
# time than it takes. It begins with a subsample, and each part of it stops at a relative error from
# which one more step suffices for the next part.
_MIN_ROUGH_ELEMENTS = 2**17
_ROUGH_SUBSAMPLE_STEP = 8
_ROUGH_SUBSAMPLE_TOLERANCE, _ROUGH_TOLERANCE = 1e-2, 1e-3
# The search keeps this many shifted logits at most. More are shifted in every pass, because new
# memory would cost more than the arithmetic.
_MAX_KEPT_ELEMENTS = 2**17
_MEDIUM_CHUNK_ELEMENTS = 2**18
# With at most this many classes, logits are laid out column by column.
_MAX_FEW_CLASSES = 32
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
    E_p[z] - z_y. The curvature is the second derivative, which is Var_p[z]. The third derivative is
    the third central moment of z under p. It is 0 if nobody asked for it.
    """

    nll: float
    slope: float
    curvature: float
    squared_slope: float
    third: float = 0.0


class _StartingSums(NamedTuple):
    """Sums over samples that show whether there is an optimum, and near which b it is."""

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

    Attributes
    ----------
    nll_before : float
        The mean NLL at T = 1, which the first call of `derivatives` measures if it is wanted.
    """

    def __init__(
        self,
        rows: Rows,
        dtype: torch.dtype,
        unit: float = 1.0,
        *,
        third: bool = False,
        before: bool = False,
        tops: list[Tensor] | None = None,
    ) -> None:
        self.rows = rows
        self.dtype = dtype
        self.unit = unit
        self.third = third
        self.nll_before = math.nan
        self._measures_before = before
        self._shifted = torch.empty(0, dtype=dtype, device=rows.scores.device)
        self._weights = torch.empty_like(self._shifted)
        self._kept: list[tuple[Tensor, Tensor, Tensor]] = []
        # The largest logits of the rows, chunk by chunk. All passes over the same rows share them.
        self.tops = [] if tops is None else tops
        self.n = count_over_processes(len(rows))

    def derivatives(self, inverse_temperature: float) -> _Derivatives:
        n_sums = 5 + self._measures_before
        total = torch.zeros(n_sums, dtype=torch.float64, device=self.rows.scores.device)
        for z, z_y, _ in self._chunks():
            weights = _view_of_buffer(self._weights, z)
            norm = _exp_(torch.mul(z, inverse_temperature, out=weights)).sum(1).double()
            mean = weights.mul_(z).sum(1).double().div_(norm)
            mean_square = weights.mul_(z).sum(1).double().div_(norm)
            slope = mean - z_y
            nll = norm.log() - inverse_temperature * z_y
            third = torch.zeros_like(mean)
            if self.third:
                mean_cube = weights.mul_(z).sum(1).double().div_(norm)
                third = mean_cube - mean * (3 * mean_square - 2 * mean * mean)
            terms = [nll, slope, mean_square - mean * mean, slope * slope, third]
            if self._measures_before:
                terms.append(self._nll_before(z, z_y, weights))
            total += torch.stack(terms).sum(1)
        means = [entry / self.n for entry in sum_over_processes(total)]
        if self._measures_before:
            self.nll_before = means.pop()
            self._measures_before = False
        return _Derivatives(*means)

    def _nll_before(self, z: Tensor, z_y: Tensor, weights: Tensor) -> Tensor:
        # If no later step needs z, its exponentials take its place. That saves a pass.
        scaled = torch.mul(z, self.unit, out=weights) if self._kept or self.unit != 1 else z
        return _exp_(scaled).sum(1).double().log() - self.unit * z_y

    def starting_sums(self) -> _StartingSums:
        total = torch.zeros(6, dtype=torch.float64, device=self.rows.scores.device)
        for z, z_y, labels in self._chunks():
            mean = z.sum(1).double().div_(z.shape[1])
            weights = _view_of_buffer(self._weights, z)
            mean_square = torch.mul(z, z, out=weights).sum(1).double().div_(z.shape[1])
            y = labels.double()
            total += torch.stack(
                [z_y - mean, mean_square - mean * mean, -mean, (z_y < 0).double(), y, y * y]
            ).sum(1)
        return _StartingSums(*sum_over_processes(total))

    def _chunks(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield the distances z of the logits to the top of their row, those of labels, labels."""
        if self._kept:
            yield from self._kept
            return
        n_elements = self.rows.scores.numel()
        keep = n_elements <= _MAX_KEPT_ELEMENTS
        # The buffers are used again, so that larger chunks than usual hide the cost of the calls.
        medium = _MAX_KEPT_ELEMENTS < n_elements < 32 * _MEDIUM_CHUNK_ELEMENTS
        chunks = self.rows.chunks(_MEDIUM_CHUNK_ELEMENTS if medium else None)
        for index, (logits, labels) in enumerate(chunks):
            z = torch.empty_like(self._shifted) if keep else self._shifted
            z = _view_of_buffer(z, logits)
            if index == len(self.tops):
                self.tops.append(logits.amax(1, keepdim=True))
            top = self.tops[index]
            if logits.dtype == self.dtype:
                torch.sub(logits, top, out=z)
            else:
                z.copy_(logits).sub_(top)
            if self.unit != 1:
                z.div_(self.unit)
            chunk = z, z.gather(1, labels[:, None])[:, 0].double(), labels
            if keep:
                self._kept.append(chunk)
            yield chunk


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
    n_elements = count_over_processes(rows.scores.numel())
    low_precision = rows.scores.dtype != torch.float64 and n_elements > _MIN_FLOAT32_ELEMENTS
    rough = rows.scores.dtype != torch.float64 and n_elements > _MIN_ROUGH_ELEMENTS
    nll = _ScaledNLL(rows, torch.float32 if rough else torch.float64, before=True)
    sums = nll.starting_sums()
    undecided = rough and not low_precision and sums.descent_at_zero <= _rounding(sums, nll)
    if not _MIN_MEAN_SQUARE < sums.curvature_at_zero / nll.n < 1 / _MIN_MEAN_SQUARE:
        unit = _mean_spread(rows, nll.n) or 1.0
        nll = _ScaledNLL(rows, torch.float64, unit, before=True)
        sums = nll.starting_sums()
    elif undecided:
        nll = _ScaledNLL(rows, torch.float64, before=True)
        sums = nll.starting_sums()
    _check_optimum_exists(sums, nll)
    start = sums.descent_at_zero / sums.curvature_at_zero
    if rough and not low_precision and nll.unit == 1:
        # A look at a subsample and one at all samples in float32 leave one pass in float64.
        part = _ScaledNLL(rows.every_nth(_ROUGH_SUBSAMPLE_STEP), torch.float32, third=True)
        start = _rough_optimum(part, start, _ROUGH_SUBSAMPLE_TOLERANCE)
        whole = _ScaledNLL(rows, torch.float32, third=True, tops=nll.tops)
        start = _rough_optimum(whole, start, _ROUGH_TOLERANCE)
        nll = _ScaledNLL(rows, torch.float64, third=True, before=True, tops=nll.tops)
    elif n_elements > 2 * _SAMPLE_ELEMENTS:
        sample = rows.every_nth(math.ceil(n_elements / _SAMPLE_ELEMENTS))
        start = _rough_optimum(_ScaledNLL(sample, nll.dtype, nll.unit), start, 1e-3)
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
    nll_after += step**3 * last.third / 6
    curvature = last.curvature + step * last.third
    return TemperatureOptimum(
        inverse_temperature=found.optimum / nll.unit,
        relative_error=math.sqrt(last.squared_slope / nll.n) / curvature / found.optimum,
        n_samples=nll.n,
        nll_before=nll.nll_before,
        nll_after=nll_after,
        iterations=found.iterations,
        tolerance=tolerance,
    )


def _check_optimum_exists(sums: _StartingSums, nll: _ScaledNLL) -> None:
    """Raise an error if the NLL has no minimum, or if all labels are the same.

    The NLL is convex in the inverse temperature b. It has a minimum if it falls at b = 0 and rises
    as b goes to infinity.
    """
    n = f"{nll.n}"
    # The sums of integers are exact, and so is Python's arithmetic with integers.
    if nll.n * int(sums.squared_label_sum) == int(sums.label_sum) ** 2:
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
    if sums.descent_at_zero <= _rounding(sums, nll):
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


def _rounding(sums: _StartingSums, nll: _ScaledNLL) -> float:
    """Return a bound of the rounding error of the descent at b = 0."""
    return 8 * torch.finfo(nll.dtype).eps * sums.distance_to_top


def _mean_spread(rows: Rows, n: int) -> float:
    """Return the mean distance between the smallest and the largest logit of a row."""
    total = torch.zeros(1, dtype=torch.float64, device=rows.scores.device)
    for logits, _ in rows.chunks():
        total += (logits.amax(1).double() - logits.amin(1).double()).sum()
    return sum_over_processes(total)[0] / n


def _rough_optimum(nll: _ScaledNLL, start: float, tolerance: float) -> float:
    """Return the optimum of a subsample or in float32, or the given start if there is none."""
    if nll.n < _MIN_SUBSAMPLE_SIZE:
        return start
    found = _search(nll, start, tolerance, max_iterations=20)
    return found.optimum if found.converged else start


def _search(nll: _ScaledNLL, start: float, tolerance: float, max_iterations: int) -> _SearchResult:
    low, high = 0.0, math.inf
    b = start
    last_step = 0.0  # 0 says that there is no earlier step to compare with
    for iteration in range(1, max_iterations + 1):
        derivatives = nll.derivatives(b)
        low, high = (b, high) if derivatives.slope < 0 else (low, b)
        better = b + _step(derivatives)
        step = abs(better - b) / b
        if step <= tolerance or _next_step(derivatives, b, step, last_step) <= tolerance:
            return _SearchResult(better, b, derivatives, iteration, converged=True)
        last_step = step if low < better < high else 0.0
        b = better if low < better < high else _point_within(low, high)
    return _SearchResult(b, b, derivatives, max_iterations, converged=False)


def _step(at: _Derivatives) -> float:
    """Return Newton's step or, if the third derivative is known and small, Halley's step."""
    if not at.curvature > 0:
        return math.nan
    newton = -at.slope / at.curvature
    bend = 1 + newton * at.third / at.curvature / 2
    return newton / bend if 0.5 < bend < 2 else newton


def _next_step(at: _Derivatives, b: float, step: float, last_step: float) -> float:
    """Return about how large the step after a small one will be, and infinity after a large one."""
    if not step < 0.1:
        return math.inf
    if at.third:
        # Halley's steps shrink cubically. The factor of 10 leaves room for the fourth derivative.
        bend = max(abs(at.third / at.curvature) * b / 2, 1.0)
        return 10 * bend * bend * step**3
    # Newton's steps shrink quadratically.
    return step**3 / last_step**2 if step < min(0.01, last_step) else math.inf


def _point_within(low: float, high: float) -> float:
    """Return a point well within a bracket: the geometric mean if both ends are positive."""
    if low == 0:
        return high / 16
    if high == math.inf:
        return low * 16
    return math.sqrt(low * high)


def _exp_(values: Tensor) -> Tensor:
    """Replace values by their exponentials, and return them."""
    # On one or two cores, numpy takes half of torch's time.
    if values.device.type == "cpu" and torch.get_num_threads() <= 2:
        array = values.numpy()
        np.exp(array, out=array)
        return values
    return values.exp_()


def _view_of_buffer(buffer: Tensor, like: Tensor) -> Tensor:
    """Return a view of the buffer in the shape of a tensor, and enlarge the buffer if necessary.

    The buffer is used again for every chunk, because new memory costs more than the arithmetic. Few
    classes are laid out column by column, because sums over short rows are slow.
    """
    if buffer.numel() < like.numel():
        buffer.resize_(like.numel())
    used = buffer[: like.numel()]
    if like.shape[1] <= _MAX_FEW_CLASSES:
        return used.view(like.shape[1], like.shape[0]).T
    return used.view(like.shape)
