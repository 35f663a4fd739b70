"""A search for the temperature that minimises the NLL. It is exact up to rounding."""

import math
from typing import NamedTuple

import torch

from calibkit import _sentences
from calibkit._distributed import count_over_processes, sum_over_processes
from calibkit._rows import Rows
from calibkit._scaled_nll import Derivatives, ScaledNLL, StartingSums

_MAX_ITERATIONS, _MAX_ROUGH_ITERATIONS = 200, 20
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
# With fewer samples than this, a subsample says too little about the optimum of all samples.
_MIN_SUBSAMPLE_SIZE = 100
# With more elements and samples than these, the rounding errors of float32 terms average out. They
# change the temperature by less than a fraction of 1e-7. With fewer samples, however long their
# rows, a last pass in float64 would be needed anyway.
_MIN_FLOAT32_ELEMENTS, _MIN_FLOAT32_SAMPLES = 2**23, 10_000
# If the mean square of the logits is between this and its inverse, their squares neither overflow
# nor vanish, not even in float32.
_MIN_MEAN_SQUARE = 1e-20
# More random labels for each sample would hide the slope of its own label behind rounding errors.
# Fewer of them would matter only at temperatures that the search does not reach.
_RANDOM_LABELS_PER_SAMPLE = 1e-20, 1e4


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
        The standard error of the inverse temperature, divided by the inverse temperature.
    n_samples : int
        Number of samples, over all processes, whatever their weights are.
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


class _SearchResult(NamedTuple):
    """The end of a search: the optimum, and the last point at which the NLL was measured."""

    optimum: float
    last_point: float
    derivatives: Derivatives  # at the last point
    iterations: int
    converged: bool


def find_best_inverse_temperature(rows: Rows, smoothing: float = 0) -> TemperatureOptimum:
    """Minimise the NLL by a bracketed Newton iteration on sums over all samples.

    With smoothing m, there are m more samples with random labels.

    Raises
    ------
    NoOptimumError
        If no finite temperature is best.
    ValueError
        If the labels hold one class only, or if the smoothing outweighs them.
    RuntimeError
        If the iteration does not converge.
    """
    n_elements = count_over_processes(rows.scores.numel())
    rough = rows.scores.dtype != torch.float64 and n_elements > _MIN_ROUGH_ELEMENTS
    nll = ScaledNLL(rows, torch.float32 if rough else torch.float64, before=True)
    many = n_elements > _MIN_FLOAT32_ELEMENTS and nll.n_samples > _MIN_FLOAT32_SAMPLES
    low_precision = rough and many
    sums = nll.starting_sums()
    undecided = rough and not low_precision and sums.descent_at_zero <= _rounding(sums, nll)
    extreme = not _MIN_MEAN_SQUARE < sums.curvature_at_zero / nll.n < 1 / _MIN_MEAN_SQUARE
    if extreme or undecided:
        unit = (_mean_spread(rows, nll.n) or 1.0) if extreme else 1.0
        nll = ScaledNLL(rows, torch.float64, unit, before=True)
        sums = nll.starting_sums()
    _check_optimum_exists(sums, nll, smoothing)
    # Random labels take their share of the descent at b = 0, and of the slope everywhere.
    pull = nll.pull = smoothing / (nll.n + smoothing) * sums.descent_at_zero / nll.n
    start = sums.descent_at_zero / sums.curvature_at_zero
    if rough and not low_precision and nll.unit == 1:
        # A look at a subsample and one at all samples in float32 leave one pass in float64.
        nth = max(1, min(_ROUGH_SUBSAMPLE_STEP, nll.n_samples // _MIN_SUBSAMPLE_SIZE))
        part = ScaledNLL(rows.every_nth(nth), torch.float32, third=None, pull=pull)
        start = _rough_optimum(part, start, _ROUGH_SUBSAMPLE_TOLERANCE)
        whole = ScaledNLL(rows, torch.float32, third=None, tops=nll.tops, pull=pull)
        found = _search(whole, start, _ROUGH_TOLERANCE, _MAX_ROUGH_ITERATIONS)
        # The last steps are so small that the third derivative need not be measured again.
        third = found.derivatives.third if found.converged else None
        start = found.optimum if found.converged else start
        nll = ScaledNLL(rows, torch.float64, third=third, before=True, tops=nll.tops, pull=pull)
    elif n_elements > 2 * _SAMPLE_ELEMENTS:
        sample = rows.every_nth(math.ceil(n_elements / _SAMPLE_ELEMENTS))
        start = _rough_optimum(ScaledNLL(sample, nll.dtype, nll.unit, pull=pull), start, 1e-3)
    found = _search(nll, start, _RELATIVE_TOLERANCE[nll.dtype], _MAX_ITERATIONS)
    if nll.dtype == torch.float32 and not _is_precise(found, nll):
        nll = ScaledNLL(rows, torch.float64, third=None, before=True, tops=nll.tops, pull=pull)
        found = _search(nll, found.optimum, _RELATIVE_TOLERANCE[nll.dtype], _MAX_ITERATIONS)
    if not found.converged:
        raise RuntimeError(
            _sentences.NO_CONVERGENCE.format(
                steps=_MAX_ITERATIONS, found=f"{found.optimum / nll.unit:.6g}"
            )
        )
    last = found.derivatives
    # The last step is so small that the NLL after it follows from a Taylor series.
    step = found.optimum - found.last_point
    nll_after = (
        last.nll - nll.pull * found.optimum + step * last.slope + step**2 * last.curvature / 2
    )
    nll_after += step**3 * last.third / 6
    return TemperatureOptimum(
        inverse_temperature=found.optimum / nll.unit,
        relative_error=_relative_error(found, nll, smoothing),
        n_samples=nll.n_samples,
        nll_before=nll.nll_before,
        nll_after=nll_after,
        iterations=found.iterations,
        tolerance=_RELATIVE_TOLERANCE[nll.dtype],
    )


def _relative_error(found: _SearchResult, nll: ScaledNLL, smoothing: float = 0) -> float:
    """Return the standard error of the optimum, divided by the optimum.

    It follows from the sandwich formula or, with random labels, from the curvature alone. A sample
    of weight 2 is not two independent samples, so unequal weights widen the error.
    """
    last = found.derivatives
    curvature = last.curvature + (found.optimum - found.last_point) * last.third
    if smoothing:
        variance = nll.sum_of_squared_weights / nll.n / (nll.n + smoothing) / curvature
        return math.sqrt(variance) / found.optimum
    return math.sqrt(last.squared_slope / nll.n) / curvature / found.optimum


def _is_precise(found: _SearchResult, nll: ScaledNLL) -> bool:
    """Return whether the rounding errors of the rows average out, which a few large ones do not."""
    rounding = torch.finfo(nll.dtype).eps
    return found.converged and (
        rounding * _relative_error(found, nll) <= _RELATIVE_TOLERANCE[nll.dtype]
    )


def _check_optimum_exists(sums: StartingSums, nll: ScaledNLL, smoothing: float) -> None:
    """Raise an error if the NLL has no minimum, or if all labels are the same.

    The NLL is convex in the inverse temperature b. It has a minimum if it falls at b = 0 and rises
    as b goes to infinity.
    """
    n = f"{nll.n_samples}"
    # The sums of integers are exact, and so is Python's arithmetic with integers.
    if nll.n_samples * int(sums.squared_label_sum) == int(sums.label_sum) ** 2:
        label = f"{sums.label_sum / nll.n_samples:.0f}"
        raise ValueError(_sentences.ONE_CLASS.format(n=n, label=label))
    least, most = _RANDOM_LABELS_PER_SAMPLE
    if smoothing > most * nll.n:
        raise ValueError(
            f"smoothing must be at most {most:g} random labels for each sample, got {smoothing:g} "
            f"for {n} samples, beside which their own labels do not count; 1 is usual"
        )
    if sums.distance_to_top == 0:
        raise NoOptimumError(_sentences.SAME_LOGITS.format(n=n), limit=math.inf)
    if sums.descent_at_zero <= _rounding(sums, nll):
        raise NoOptimumError(_sentences.TEMPERATURE_INFINITE.format(n=n), limit=math.inf)
    if sums.n_label_below_top == 0 and smoothing < least * nll.n:
        advice = (
            "use a larger calibration set, one that the model was not trained on, or "
            "TemperatureScaler(smoothing=1)"
        )
        raise NoOptimumError(_sentences.TEMPERATURE_ZERO.format(n=n, advice=advice), limit=0.0)


def _rounding(sums: StartingSums, nll: ScaledNLL) -> float:
    """Return a bound of the rounding error of the descent at b = 0."""
    return 8 * torch.finfo(nll.dtype).eps * sums.distance_to_top


def _mean_spread(rows: Rows, n: float) -> float:
    """Return the mean distance between the smallest and the largest logit of a row."""
    total = torch.zeros(1, dtype=torch.float64, device=rows.scores.device)
    for logits, _, _ in rows.chunks():
        total += (logits.amax(1).double() - logits.amin(1).double()).sum()
    return sum_over_processes(total)[0] / n


def _rough_optimum(nll: ScaledNLL, start: float, tolerance: float) -> float:
    """Return the optimum of a subsample or in float32, or the given start if there is none."""
    if nll.n_samples < _MIN_SUBSAMPLE_SIZE:
        return start
    found = _search(nll, start, tolerance, _MAX_ROUGH_ITERATIONS)
    return found.optimum if found.converged else start


def _search(nll: ScaledNLL, start: float, tolerance: float, max_iterations: int) -> _SearchResult:
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


def _step(at: Derivatives) -> float:
    """Return Newton's step or, if the third derivative is known and small, Halley's step."""
    if not at.curvature > 0:
        return math.nan
    newton = -at.slope / at.curvature
    bend = 1 + newton * at.third / at.curvature / 2
    return newton / bend if 0.5 < bend < 2 else newton


def _next_step(at: Derivatives, b: float, step: float, last_step: float) -> float:
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
