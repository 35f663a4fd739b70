"""Intervals of calibration errors by test inversion.

A calibration error is a function of gaps, and it is not smooth where a gap is 0: noise can only add
to it. Its resamples are therefore not spread around it as it is spread around the truth. What
resamples do show is the noise of the gaps. Here the true gaps are moved along paths, on which they
shrink to 0 or grow. On each path, an interval ends at the last gaps with which the measured error
is not surprising. The outermost of these ends is returned. Of two sets of the same samples, the
difference of the gaps is often known much better than the gaps, and no path leads far from it.
"""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import dct, idct

from calibkit._types import Floats

# With more gaps than this, the paths of a change explain only the difference of two noises.
_MANY = 100
_STEPS = 16
# Gaps that are further away than so many standard errors are never plausible.
_FAR = 12.0
# How much faster the gaps after shrink than those before grow. Of both, one may explain a change.
_RATIOS = 1.0, 5.0, 0.2
# A true change of the gaps is at most so many times further from the measured one than the noise of
# the resamples reaches. These show too little of what samples add that cross the edge of a bin.
_MOST_MOVED = 2.0
# A gap that is so many standard errors away from 0 has a known sign.
_CLEAR = 2.0
# If less than this share of the noise is left in the change of the gaps, nearly all of it cancels.
_NEARLY_ALL_CANCELS = 0.2
# So many draws are enough where each costs several kernels.
_MOST_SMOOTHED_DRAWS = 300

Function = Callable[[Floats], Any]
Path = Callable[[float], Floats]


class Gaps:
    """The gaps of a calibration error, with draws of their noise.

    Parameters
    ----------
    measured : array, shape (K,)
        The measured gaps.
    noise : array, shape (R, K)
        Draws of their noise.
    error : callable
        The error (...) of true gaps (..., K).
    estimate : callable, optional
        The error as it is measured, of gaps with noise. By default, nothing is corrected.
    largest_of : array, shape (K,), optional
        If the error is the largest gap, what each gap is multiplied by before. Such an error can
        grow at one gap, which need not compete with the noise of the others.
    variance : callable, optional
        The variances (K,) of the noise if the true gaps are these (K,). By default, the noise is
        the same everywhere. But a bin whose samples are all correct seems to have none.
    mostly_noise : bool, default False
        Whether there are so many gaps that most of what is measured may be noise.
    """

    def __init__(
        self,
        measured: Floats,
        noise: Floats,
        error: Function,
        estimate: Function | None = None,
        largest_of: Floats | None = None,
        variance: Function | None = None,
        mostly_noise: bool = False,
    ) -> None:
        self.measured = measured
        self.noise = noise
        if variance is not None:
            self.noise = _with_noise_everywhere(noise, np.sqrt(variance(0 * measured)))
        self.error = error
        self.estimate = estimate or error
        self.largest_of = largest_of
        self.variance = variance
        self.same_sign = False
        self.mostly_noise = mostly_noise
        self.noise_of_edges: Floats | float = 0.0  # It is the same wherever the gaps are.

    @cached_property
    def value(self) -> float:
        """The error as it was measured."""
        return float(self.estimate(self.measured))

    @cached_property
    def standard_errors(self) -> Floats:
        """The standard errors of the gaps (K,)."""
        if self.variance is None:
            return _root_mean_square(self.noise)
        at_both_ends = self.variance(self.measured), self.variance(0 * self.measured)
        return np.asarray(np.sqrt(np.maximum(*at_both_ends)))

    @property
    def all_noise(self) -> Floats:
        """The noise (R, K) as the resamples show it."""
        return self.noise + self.noise_of_edges

    def _noise_at(self, true: Floats) -> Floats:
        if self.variance is None:
            return self.all_noise
        factors = np.sqrt(self.variance(true)) / np.maximum(self._size_of_noise, 1e-300)
        return np.asarray(self.noise * factors + self.noise_of_edges)

    @cached_property
    def _size_of_noise(self) -> Floats:
        return _root_mean_square(self.noise)

    def draws(self, true: Floats) -> Floats:
        """Draw measured errors if these are the true gaps."""
        return np.asarray(self.estimate(true + self._noise_at(true)))

    def least_draws(self, true: Floats) -> Floats:
        """Draw them if the error of the true gaps was given to as few gaps as can be."""
        if self.largest_of is None:
            return self.draws(true)
        i = int((np.abs(true) * self.largest_of).argmax())
        return np.asarray(np.abs(true[i] + self._noise_at(true)[:, i]) * self.largest_of[i])

    def each(self, distance: float, moved: Floats | float = 0.0) -> Floats:
        """Move every gap towards 0 by so many of its standard errors, once it has been moved."""
        first = self.measured + moved
        size = np.maximum(np.abs(first) - distance * self.standard_errors, 0)
        return np.asarray(np.where(first >= 0, size, -size))

    def all(self, distance: float) -> Floats:
        """Multiply all gaps by one factor, or shrink the largest if the error is the largest."""
        total = np.abs(self.measured).sum()
        share = self.standard_errors.sum() / total if total else 0.0
        factor = max(1 - distance * share, 0.0)
        if self.largest_of is None or factor > 1:
            return self.measured * factor
        # Of several gaps that are truly about as large as each other, noise chooses the largest.
        most = factor * self.value / np.maximum(self.largest_of, 1e-300)
        return self._signed(np.minimum(np.abs(self.measured), most))

    def even(self, distance: float) -> Floats:
        """Give all gaps the same ratio to their standard errors."""
        size = max(self._largest_ratio - distance, 0.0) * self.standard_errors
        if self.same_sign:
            return size if self.measured.sum() >= 0 else -size
        return self._signed(size)

    def minus(self, other: "Gaps") -> "Gaps":
        """Return how far these gaps are from others of the same samples."""
        noise = self.all_noise - other.all_noise
        return Gaps(self.measured - other.measured, noise, self.error)

    def reach_of_noise(self, level: float) -> float:
        """Return how far the noise moves the gaps in all but the upper tail of the draws."""
        return float(np.quantile(_norm(self.noise), (1 + level) / 2))

    @cached_property
    def _largest_ratio(self) -> float:
        ratios = np.abs(self.measured) / np.maximum(self.standard_errors, 1e-300)
        return float(min(ratios.max(), 1e6))

    @property
    def distance_to_zero(self) -> float:
        """How far to go on a path until all gaps are 0."""
        total, noise = np.abs(self.measured).sum(), self.standard_errors.sum()
        return max(self._largest_ratio, float(total / max(noise, 1e-300)))

    def _signed(self, size: Floats) -> Floats:
        return np.asarray(np.where(self.measured >= 0, size, -size))


def _root_mean_square(noise: Floats) -> Floats:
    return np.asarray(np.sqrt((noise**2).mean(0)))


def _with_noise_everywhere(noise: Floats, standard_errors: Floats) -> Floats:
    """Return the noise with normal draws for gaps that are the same in all resamples."""
    silent = _root_mean_square(noise) < 1e-12
    draws = np.random.default_rng(0).standard_normal((len(noise), 1))
    return np.where(silent, draws * standard_errors, noise) if silent.any() else noise


def _evened(gaps: Floats, n_parts: int) -> Floats:
    """Return gaps (..., K) with their mean in each of so many parts."""
    parts = gaps.reshape(*gaps.shape[:-1], n_parts, -1)
    means = np.broadcast_to(parts.mean(-1, keepdims=True), parts.shape)
    return np.asarray(means.reshape(gaps.shape))


class SmoothGaps(Gaps):
    """The residuals of the smooth calibration error in cells, with draws of their noise."""

    def __init__(self, measured: Floats, noise: Floats, error: Function) -> None:
        super().__init__(measured, noise[:_MOST_SMOOTHED_DRAWS], error)
        self.value = value = float(error(measured))
        # Within the width of the kernel, only the sum of the residuals matters. The paths move
        # such sums, because those of single cells are nearly all noise.
        self._n_parts = n_parts = 2 ** round(
            float(np.log2(np.clip(1 / max(value, 1e-9), 8, len(measured))))
        )
        self.measured = _evened(measured, n_parts)
        self.standard_errors = _root_mean_square(_evened(self.noise, n_parts))
        self.same_sign = True  # The kernel would cancel gaps whose signs alternate.
        self._widths = np.clip(value * np.geomspace(0.4, 2.5, 7), 1e-3, 1)
        frequencies = np.pi * np.arange(len(measured))
        self._damping = np.exp(-((self._widths[:, None] * frequencies) ** 2) / 2)
        # The kernel is linear, so the noise is smoothed only once.
        self._smooth_noise = self._smoothed(self.noise).astype(np.float32)

    def minus(self, other: Gaps) -> Gaps:
        """Return how far these gaps are from others of the same samples."""
        change = super().minus(other)
        change.noise = _evened(change.noise, self._n_parts)
        change.same_sign = True
        return change

    def _smoothed(self, gaps: Floats) -> Floats:
        """Smooth gaps (..., K) with every width, which gives (W, ..., K)."""
        coefficients = dct(gaps)
        damping = self._damping.reshape(len(self._damping), *(1,) * (gaps.ndim - 1), -1)
        return np.asarray(idct(coefficients * damping))

    def draws(self, true: Floats) -> Floats:
        """Draw measured errors, each the kernel's width at which the error equals the width."""
        smooth = self._smoothed(true).astype(np.float32)[:, None] + self._smooth_noise
        log_width = np.log(self._widths)[:, None]
        excess = np.log(np.maximum(np.abs(smooth).sum(-1), 1e-9)) - log_width  # falls with width
        # The error lies between the last width with an excess above 0 and the next one.
        last = np.clip((excess > 0).sum(0) - 1, 0, len(excess) - 2)
        draw = np.arange(excess.shape[1])
        left, right = excess[last, draw], excess[last + 1, draw]
        step = log_width[1, 0] - log_width[0, 0]
        share = np.clip(left / np.maximum(left - right, 1e-9), -1, 2)
        return np.asarray(np.exp(log_width[last, 0] + share * step), dtype=np.float64)


def ends_of_error(gaps: Gaps, level: float) -> tuple[float, float]:
    """Return the ends of the interval of an error.

    An error that is measured lower than chance allows is surprising with all true gaps. Then the
    upper end is 0, as it is with a measured error that chance only just allows.
    """
    return _lowest(None, gaps, level), max(0.0, -_lowest(gaps, None, level))


def ends_of_change(before: Gaps, after: Gaps, level: float) -> tuple[float, float]:
    """Return the ends of the interval of the change of an error."""
    if np.array_equal(before.measured, after.measured) and np.array_equal(
        before.noise, after.noise
    ):
        return 0.0, 0.0
    if after.mostly_noise and len(after.measured) > _MANY:
        return _combined(before, after, level)
    low, high = _lowest(before, after, level), -_lowest(after, before, level)
    # The kernel of a smooth error cancels some gaps, and no path knows which of them.
    if not (after.mostly_noise or isinstance(after, SmoothGaps)):
        return low, high
    lowest, highest = _combined(before, after, level)
    return min(low, lowest), max(high, highest)


def _combined(before: Gaps, after: Gaps, level: float) -> tuple[float, float]:
    """Return the interval of a change from the intervals of both errors and their correlation.

    If most of very many gaps are noise, both errors are measured much too large, and paths explain
    only the difference of the two. This is the method of variance estimates recovery (Zou 2007).
    Errors that were shrunk until one of them may be 0 are not spread evenly around the truth. So
    distances to ends add up as they are if the errors are independent, not as squares.
    """
    shrunk = [_shrunk(gaps) for gaps in (before, after)]
    draws = before.draws(shrunk[0]), after.draws(shrunk[1])
    correlation = float(np.corrcoef(*draws)[0, 1]) if min(map(np.ptp, draws)) > 0 else 0.0
    shared = 2 * correlation - 1
    b, a = (float(gaps.error(true)) for gaps, true in zip((before, after), shrunk, strict=True))
    (low_b, high_b), (low_a, high_a) = (ends_of_error(gaps, level) for gaps in (before, after))

    def distance(of_after: float, of_before: float) -> float:
        square = of_after**2 + of_before**2 - 2 * shared * of_after * of_before
        return float(np.sqrt(max(square, 0.0)))

    return a - b - distance(a - low_a, high_b - b), a - b + distance(high_a - a, b - low_b)


def _shrunk(gaps: Gaps) -> Floats:
    """Return the gaps, multiplied by the factor with which the measured error is the median."""
    near, far = 0.0, gaps.distance_to_zero
    for _ in range(_STEPS):
        middle = (near + far) / 2
        too_large = np.median(gaps.draws(gaps.all(middle))) > gaps.value
        near, far = (middle, far) if too_large else (near, middle)
    return gaps.all(far)


class _JointPath(NamedTuple):
    """What the growing and the shrinking gaps are at each distance, from the start to the end."""

    growing: Path | None
    shrinking: Path | None
    start: float = -_FAR
    end: float = _FAR
    tail: float = 1.0  # what part of the usual tail the measured error may not be in


def _lowest(growing: Gaps | None, shrinking: Gaps | None, level: float) -> float:
    """Return the lowest plausible value of the error of one set of gaps minus that of another."""
    measured = (shrinking.value if shrinking else 0.0) - (growing.value if growing else 0.0)
    change = growing.minus(shrinking) if growing and shrinking else None
    furthest = _MOST_MOVED * change.reach_of_noise(level) if change else np.inf

    def lowest_on(path: _JointPath) -> float:
        def plausible(distance: float) -> bool:
            draws: Any = 0.0
            if shrinking is not None and path.shrinking is not None:
                draws = shrinking.draws(path.shrinking(distance))
            if growing is not None and path.growing is not None:
                draws = draws - growing.least_draws(path.growing(distance))
            needed = max(1, int(path.tail * (1 - level) / 2 * (1 + len(draws)) + 1e-9))
            return bool((draws >= measured).sum() >= needed)

        def agrees_with_change(distance: float) -> bool:
            if change is None or path.growing is None or path.shrinking is None:
                return True
            moved = path.growing(distance) - path.shrinking(distance) - change.measured
            return bool(_norm(moved) <= furthest)

        distance = _last_plausible(plausible, path.start, path.end)
        if distance is not None:
            distance = _last_plausible(agrees_with_change, min(distance, 0.0), distance)
        if distance is None:  # Nothing on this path agrees with what was measured.
            return np.inf
        error = 0.0
        if shrinking is not None and path.shrinking is not None:
            error = float(shrinking.error(path.shrinking(distance)))
        if growing is not None and path.growing is not None:
            error -= float(growing.error(path.growing(distance)))
        return error

    return min(map(lowest_on, _paths(growing, shrinking)))


def _norm(gaps: Floats) -> Floats:
    return np.asarray(np.sqrt((gaps**2).sum(-1)))


def _last_plausible(plausible: Callable[[float], bool], start: float, end: float) -> float | None:
    if plausible(end):
        return end
    if not plausible(start):
        # Between two sets that share their noise, a difference is plausible only beyond some point.
        points = np.linspace(start, end, 2 * _STEPS)
        later = (i for i in range(len(points) - 2, 0, -1) if plausible(points[i]))
        last = next(later, None)
        if last is None:
            return None
        start, end = points[last], points[last + 1]
    for _ in range(_STEPS):
        middle = (start + end) / 2
        start, end = (middle, end) if plausible(middle) else (start, middle)
    return start


def _paths(growing: Gaps | None, shrinking: Gaps | None) -> Iterator[_JointPath]:
    if growing is None and shrinking is not None:
        for path in (shrinking.each, shrinking.all):
            yield _JointPath(None, path, end=shrinking.distance_to_zero)
        if shrinking.mostly_noise:
            unclear = np.abs(shrinking.measured) < _CLEAR * shrinking.standard_errors
            moved = np.where(unclear, -shrinking.measured, 0.0)
            path = partial(shrinking.each, moved=moved)
            yield _JointPath(None, path, start=0.0, end=shrinking.distance_to_zero)
    elif growing is not None and shrinking is None:
        for path in (growing.each, growing.all):
            yield _JointPath(partial(_back, path), None)
        yield _JointPath(partial(_back, growing.even), None, -growing.distance_to_zero)
    elif growing is not None and shrinking is not None:
        pairs = (growing.each, shrinking.each), (growing.all, shrinking.all)
        for (grow, shrink), ratio in product(pairs, _RATIOS):
            yield _JointPath(partial(_back, grow, 1 / ratio), partial(_on, shrink, ratio))
        moved = _until_signs_are_clear(growing, shrinking)
        yield _JointPath(lambda d: growing.each(-d, moved), lambda d: shrinking.each(d, moved))
        change = growing.minus(shrinking)
        if _norm(change.standard_errors) < _NEARLY_ALL_CANCELS * _norm(shrinking.standard_errors):
            # The change of each gap is known, but on which side of 0 it happens may not be.
            yield _JointPath(lambda d: shrinking.each(d) + change.measured, shrinking.each, 0.0)
        none = partial(_nothing, len(shrinking.measured))
        if not (shrinking.draws(none(0)) >= shrinking.value).any():
            return  # It cannot have shrunk to 0.
        # What changes may be known much better than what does not, because much noise is the same.
        # The direction of this path is itself measured, so it is followed somewhat further.
        for path, start in ((change.all, -_FAR), (change.even, -change.distance_to_zero)):
            yield _JointPath(partial(_back, path), none, start, tail=0.5)


def _until_signs_are_clear(one: Gaps, other: Gaps) -> Floats:
    """Return how far to move both gaps of a bin away from 0, if both have the same sign.

    Then neither error is larger for its noise, which nearly cancels where both sets share it.
    """
    clear = _CLEAR * np.maximum(one.standard_errors, other.standard_errors)
    lacking = clear - np.minimum(np.abs(one.measured), np.abs(other.measured))
    same_sign = one.measured * other.measured > 0
    return np.where(same_sign, np.sign(one.measured) * np.maximum(lacking, 0), 0.0)


def _on(path: Path, speed: float, distance: float) -> Floats:
    return path(speed * distance)


def _back(path: Path, *speed_and_distance: float) -> Floats:
    return path(-float(np.prod(speed_and_distance)))


def _nothing(n_gaps: int, distance: float) -> Floats:
    return np.zeros(n_gaps)
