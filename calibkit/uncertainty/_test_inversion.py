"""Intervals of calibration errors by test inversion.

A calibration error is a norm of gaps, and it is not smooth where a gap is 0: noise can only add
to it. Its resamples are therefore not spread around it as it is spread around the truth. What
resamples do show is the noise of the gaps. Here the true gaps are moved along paths, on which they
shrink to 0 or grow. On each path, an interval ends at the last gaps with which the measured error
is not surprising. The outermost of these ends is returned.

The interval of a change on the same samples combines the intervals of both errors.
"""

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import dct, idct

from calibkit._types import Floats

_STEPS = 16
# Gaps that are further away than so many standard errors are never plausible.
_FAR = 12.0
# A gap that is so many standard errors away from 0 has a known sign.
_CLEAR = 2.0
# An error changes by at most the norm of what the true gaps change by. Noise mostly adds to the
# norm that is measured, so that this multiple of it is enough.
_MOST_CHANGED = 2.0
# So many draws are enough where each costs several kernels.
_MOST_SMOOTHED_DRAWS = 300
# The kernel of a smooth error is never narrower than this.
_NARROWEST = 1e-3
_ALL, _MIDDLE = slice(None), slice(3, 4)  # of the seven widths of the kernel

Function = Callable[[Floats], Any]
Path = Callable[[float], Floats]


def sum_of_sizes(gaps: Floats) -> Floats:
    """Return the norm of an ECE."""
    return np.asarray(np.abs(gaps).sum(-1))


def largest_size(gaps: Floats) -> Floats:
    """Return the norm of a maximum calibration error."""
    return np.asarray(np.abs(gaps).max(-1))


def root_of_squares(gaps: Floats) -> Floats:
    """Return the norm of a root mean square calibration error."""
    return np.asarray(np.sqrt((gaps**2).sum(-1)))


class Gaps:
    """The gaps of a calibration error, with draws of their noise.

    Parameters
    ----------
    measured : array, shape (K,)
        The measured gaps.
    noise : array, shape (R, K)
        Draws of their noise.
    norm : callable
        The norm (...) of gaps (..., K). If it is the largest size, the error can grow at one gap,
        which need not compete with the noise of the others.
    units : array, shape (K,), or float, default 1.0
        What each gap is multiplied by before. The norm then gives the error.
    estimate : callable, optional
        The error as it is measured, of gaps with noise. By default, nothing is corrected.
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
        norm: Function,
        units: Floats | float = 1.0,
        estimate: Function | None = None,
        variance: Function | None = None,
        mostly_noise: bool = False,
    ) -> None:
        self.measured = measured
        self.noise = noise
        if variance is not None:
            self.noise = _with_noise_everywhere(noise, np.sqrt(variance(0 * measured)))
        self.norm = norm
        self.units = units
        self.estimate = estimate or self.error
        self.variance = variance
        self.mostly_noise = mostly_noise
        self.noise_of_edges: Floats | None = None  # It is the same wherever the gaps are.
        self._ends: dict[float, tuple[float, float]] = {}  # by level

    def error(self, true: Floats) -> Any:
        """Return the error (...) of true gaps (..., K)."""
        return self.norm(true * self.units)

    def ends(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval of the error.

        An error that is measured lower than chance allows is surprising with all true gaps. Then
        the upper end is 0, as it is with a measured error that chance only just allows.
        """
        # The interval of a change asks for them again.
        if level not in self._ends:
            self._ends[level] = _lower_end(self, level), _upper_end(self, level)
        return self._ends[level]

    @property
    def in_units_of_error(self) -> Floats:
        """The measured gaps as the norm takes them."""
        return self.measured * self.units

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

    def _noise_at(self, true: Floats) -> Floats:
        factors: Floats | float = 1.0
        if self.variance is not None:
            factors = np.sqrt(self.variance(true)) / np.maximum(self._size_of_noise, 1e-300)
        noise = np.asarray(self.noise * factors)
        if self.noise_of_edges is not None:
            noise += self.noise_of_edges
        return noise

    @cached_property
    def _size_of_noise(self) -> Floats:
        return _root_mean_square(self.noise)

    def draws(self, true: Floats) -> Floats:
        """Draw measured errors if these are the true gaps."""
        drawn = self._noise_at(true)
        drawn += true  # An interval takes a hundred of these sums, and new memory takes longer.
        return np.asarray(self.estimate(drawn))

    def least_draws(self, true: Floats) -> Floats:
        """Draw them if the error of the true gaps was given to as few gaps as can be."""
        if self.norm is not largest_size:
            return self.draws(true)
        i = int(np.abs(true * self.units).argmax())
        drawn = true[i] + self._noise_at(true)[:, i]
        return np.asarray(np.abs(drawn) * np.broadcast_to(self.units, true.shape)[i])

    def draws_from_value(self, true: Floats) -> Any:
        """Tell which of the draws are the measured error or more."""
        return self.draws(true) >= self.value

    def least_draws_to_value(self, true: Floats) -> Any:
        """Tell which of the least draws are the measured error or less."""
        return self.least_draws(true) <= self.value

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
        if self.norm is not largest_size or factor > 1:
            return self.measured * factor
        # Of several gaps that are truly about as large as each other, noise chooses the largest.
        most = factor * self.value / np.maximum(self.units, 1e-300)
        return self._signed(np.minimum(np.abs(self.measured), most))

    def even(self, distance: float) -> Floats:
        """Give all gaps the same ratio to their standard errors."""
        return self._signed(max(self._largest_ratio - distance, 0.0) * self.standard_errors)

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

    def __init__(self, measured: Floats, noise: Floats, norm: Function) -> None:
        super().__init__(measured, noise[:_MOST_SMOOTHED_DRAWS], norm)
        self.value = value = max(float(norm(measured)), _NARROWEST)
        self._in_cells = measured
        # Within the width of the kernel, only the sum of the residuals matters. The paths move
        # such sums, because those of single cells are nearly all noise.
        n_parts = 2 ** round(float(np.log2(np.clip(1 / value, 8, len(measured)))))
        self.measured = _evened(measured, n_parts)
        self.standard_errors = _root_mean_square(_evened(self.noise, n_parts))
        widths = np.maximum(value, 2.5 * _NARROWEST) * np.geomspace(0.4, 2.5, 7)
        self._widths = np.minimum(widths, 1)
        self._middle_is_value = bool(np.isclose(self._widths[_MIDDLE], value, rtol=1e-12).all())
        frequencies = np.pi * np.arange(len(measured))
        self._damping = np.exp(-((self._widths[:, None] * frequencies) ** 2) / 2)
        # The kernel is linear, so the noise is smoothed only once.
        self._smooth_noise = self._smoothed(self.noise).astype(np.float32)

    def even(self, distance: float) -> Floats:
        """Give all gaps the same ratio to their standard errors, and the same sign.

        The kernel would cancel gaps whose signs alternate.
        """
        size = np.abs(super().even(distance))
        return size if self.measured.sum() >= 0 else -size

    @property
    def in_units_of_error(self) -> Floats:
        """The residuals in cells, which the norm takes."""
        return self._in_cells

    def _smoothed(self, gaps: Floats, widths: slice = _ALL) -> Floats:
        """Smooth gaps (..., K) with these widths, which gives (W, ..., K)."""
        damping = self._damping[widths]
        damping = damping.reshape(len(damping), *(1,) * (gaps.ndim - 1), -1)
        return np.asarray(idct(dct(gaps) * damping))

    def _excess(self, true: Floats, widths: slice = _ALL) -> Floats:
        """Return how far the log error of each draw exceeds that of each width (W, R)."""
        smooth = self._smoothed(true, widths).astype(np.float32)[:, None]
        errors = np.abs(smooth + self._smooth_noise[widths]).sum(-1)
        return np.asarray(np.log(np.maximum(errors, 1e-9)) - np.log(self._widths[widths, None]))

    def draws_from_value(self, true: Floats) -> Any:
        """Tell which of the draws are the measured error or more.

        If this error is one of the widths, then the sign of the excess at this width says so.
        """
        if self._middle_is_value:
            return self._excess(true, _MIDDLE)[0] >= 0
        return super().draws_from_value(true)

    def least_draws_to_value(self, true: Floats) -> Any:
        """Tell which of the draws are the measured error or less."""
        if self._middle_is_value:
            return self._excess(true, _MIDDLE)[0] <= 0
        return super().least_draws_to_value(true)

    def draws(self, true: Floats) -> Floats:
        """Draw measured errors, each the kernel's width at which the error equals the width."""
        excess, log_width = self._excess(true), np.log(self._widths)[:, None]
        # It falls with the width. The error lies between the last width with an excess above 0
        # and the next one.
        last = np.clip((excess > 0).sum(0) - 1, 0, len(excess) - 2)
        draw = np.arange(excess.shape[1])
        left, right = excess[last, draw], excess[last + 1, draw]
        step = log_width[1, 0] - log_width[0, 0]
        share = np.clip(left / np.maximum(left - right, 1e-9), -1, 2)
        return np.asarray(np.exp(log_width[last, 0] + share * step), dtype=np.float64)


def ends_of_change(before: Gaps, after: Gaps, level: float) -> tuple[float, float]:
    """Return the ends of the interval of the change of an error on the same samples.

    The ends of both errors bound it. If both errors are above 0, much of their noise is the same
    and cancels. This is the method of variance estimates recovery (Zou 2007). An error that may be
    0 is not spread evenly around the truth, and then nothing is assumed to cancel. In any case, an
    error changes little if its gaps do.
    """
    (low_b, high_b), (low_a, high_a) = (gaps.ends(level) for gaps in (before, after))
    low, high = low_a - high_b, high_a - low_b
    if min(low_b, low_a) > 0:
        low, high = _where_noise_cancels(before, after, (low_b, high_b), (low_a, high_a))
    most = _MOST_CHANGED * float(after.norm(after.in_units_of_error - before.in_units_of_error))
    return max(low, -most), min(high, most)


def _where_noise_cancels(
    before: Gaps, after: Gaps, ends_before: tuple[float, float], ends_after: tuple[float, float]
) -> tuple[float, float]:
    shrunk = [_shrunk(gaps) for gaps in (before, after)]
    draws = before.draws(shrunk[0]), after.draws(shrunk[1])
    correlation = float(np.corrcoef(*draws)[0, 1]) if min(map(np.ptp, draws)) > 0 else 0.0
    b, a = (float(gaps.error(true)) for gaps, true in zip((before, after), shrunk, strict=True))

    def distance(of_after: float, of_before: float) -> float:
        square = of_after**2 + of_before**2 - 2 * correlation * of_after * of_before
        return float(np.sqrt(max(square, 0.0)))

    low, high = (distance(a - ends_after[i], ends_before[1 - i] - b) for i in (0, 1))
    return a - b - low, a - b + high


def _shrunk(gaps: Gaps) -> Floats:
    """Return the gaps, multiplied by the factor with which the measured error is the median."""
    near, far = 0.0, gaps.distance_to_zero
    for _ in range(_STEPS):
        middle = (near + far) / 2
        too_large = np.median(gaps.draws(gaps.all(middle))) > gaps.value
        near, far = (middle, far) if too_large else (near, middle)
    return gaps.all(far)


class _Path(NamedTuple):
    """What the true gaps are at each distance between the start and the end."""

    gaps_at: Path
    start: float = -_FAR
    end: float = _FAR


def _lower_end(gaps: Gaps, level: float) -> float:
    """Return the lowest error with which a measured one this high is no surprise."""
    zero = gaps.distance_to_zero
    paths = [_Path(gaps.each, end=zero), _Path(gaps.all, end=zero)]
    if gaps.mostly_noise:
        unclear = np.abs(gaps.measured) < _CLEAR * gaps.standard_errors
        moved = np.where(unclear, -gaps.measured, 0.0)
        paths.append(_Path(partial(gaps.each, moved=moved), 0.0, zero))

    def is_plausible(true: Floats) -> bool:
        return _is_common(gaps.draws_from_value(true), level)

    return min(_errors_at_ends(gaps, paths, is_plausible), default=0.0)


def _upper_end(gaps: Gaps, level: float) -> float:
    """Return the highest error with which a measured one this low is no surprise."""
    paths = [
        _Path(partial(_back, gaps.each)),
        _Path(partial(_back, gaps.all)),
        _Path(partial(_back, gaps.even), -gaps.distance_to_zero),
    ]

    def is_plausible(true: Floats) -> bool:
        return _is_common(gaps.least_draws_to_value(true), level)

    return max(_errors_at_ends(gaps, paths, is_plausible), default=0.0)


def _is_common(happened: Any, level: float) -> bool:
    """Whether something happened in so many draws that it is no surprise."""
    needed = max(1, int((1 - level) / 2 * (1 + len(happened)) + 1e-9))
    return bool(happened.sum() >= needed)


def _errors_at_ends(
    gaps: Gaps, paths: Iterable[_Path], is_plausible: Callable[[Floats], bool]
) -> Iterable[float]:
    """Yield the error of the last plausible gaps on each path that has any."""
    for gaps_at, start, end in paths:
        distance = _last_plausible(partial(_follow, gaps_at, is_plausible), start, end)
        if distance is not None:
            yield float(gaps.error(gaps_at(distance)))


def _last_plausible(plausible: Callable[[float], bool], start: float, end: float) -> float | None:
    if plausible(end):
        return end
    if not plausible(start):
        # An error that is measured lower than gaps of 0 allow may fit somewhat larger gaps.
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


def _follow(path: Path, is_plausible: Callable[[Floats], bool], distance: float) -> bool:
    return is_plausible(path(distance))


def _back(path: Path, distance: float) -> Floats:
    return path(-distance)
