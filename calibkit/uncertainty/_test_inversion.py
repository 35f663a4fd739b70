"""Intervals of calibration errors by test inversion.

A calibration error is a function of gaps, and it is not smooth where a gap is 0: noise can only add
to it. Its resamples are therefore not spread around it as it is spread around the truth. What
resamples do show is the noise of the gaps. Here the true gaps are moved along paths, on which they
shrink to 0 or grow. An interval holds the errors of all gaps on a path with which the measured
error is not surprising, and the union over the paths is returned.
"""

from collections.abc import Callable
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
from scipy.fft import dct, idct

from calibkit._types import Floats

_STEPS = 24
# Gaps that are further away than so many standard errors are never plausible.
_FAR = 12.0
# How much faster the gaps after shrink than those before grow. Of both, one may explain a change.
_RATIOS = 1.0, 5.0, 0.2
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
    """

    def __init__(
        self,
        measured: Floats,
        noise: Floats,
        error: Function,
        estimate: Function | None = None,
        largest_of: Floats | None = None,
    ) -> None:
        self.measured = measured
        self.noise = noise
        self.error = error
        self.estimate = estimate or error
        self.largest_of = largest_of

    @property
    def value(self) -> float:
        """The error as it was measured."""
        return float(self.estimate(self.measured))

    @cached_property
    def standard_errors(self) -> Floats:
        """The standard errors of the gaps (K,)."""
        return np.asarray(np.sqrt((self.noise**2).mean(0)))

    def draws(self, true: Floats) -> Floats:
        """Draw measured errors if these are the true gaps."""
        return np.asarray(self.estimate(true + self.noise))

    def least_draws(self, true: Floats) -> Floats:
        """Draw them if the error of the true gaps was given to as few gaps as can be."""
        if self.largest_of is None:
            return self.draws(true)
        i = int((np.abs(true) * self.largest_of).argmax())
        return np.asarray(np.abs(true[i] + self.noise[:, i]) * self.largest_of[i])

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Ways from the measured gaps to 0, and from the measured gaps to larger ones."""
        return {"each": self._each, "all": self._all, "even": self._even}

    def _each(self, distance: float) -> Floats:
        """Move every gap towards 0 by so many of its standard errors."""
        return self._signed(np.maximum(np.abs(self.measured) - distance * self.standard_errors, 0))

    def _all(self, distance: float) -> Floats:
        """Multiply all gaps by one factor, or shrink the largest if the error is the largest."""
        total = np.abs(self.measured).sum()
        share = self.standard_errors.sum() / total if total else 0.0
        factor = max(1 - distance * share, 0.0)
        if self.largest_of is None or factor > 1:
            return self.measured * factor
        # Of several gaps that are truly about as large as each other, noise chooses the largest.
        most = factor * self.value / np.maximum(self.largest_of, 1e-300)
        return self._signed(np.minimum(np.abs(self.measured), most))

    def _even(self, distance: float) -> Floats:
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


class SmoothGaps(Gaps):
    """The residuals of the smooth calibration error in cells, with draws of their noise."""

    def __init__(self, measured: Floats, noise: Floats, error: Function) -> None:
        super().__init__(measured, noise[:_MOST_SMOOTHED_DRAWS], error)
        value = self.value
        self._value = value
        # Within the width of the kernel, only the sum of the residuals matters. The paths move
        # such sums, because those of single cells are nearly all noise.
        cells = 2 ** round(float(np.log2(np.clip(1 / max(value, 1e-9), 8, len(measured)))))
        self.measured = self._averaged(measured, cells)
        self._path_errors = np.sqrt((self._averaged(self.noise, cells) ** 2).mean(0))
        self._widths = np.clip(value * np.geomspace(0.4, 2.5, 7), 1e-3, 1)
        frequencies = np.pi * np.arange(len(measured))
        self._damping = np.exp(-((self._widths[:, None] * frequencies) ** 2) / 2)
        # The kernel is linear, so the noise is smoothed only once.
        self._smooth_noise = self._smoothed(self.noise).astype(np.float32)

    @staticmethod
    def _averaged(gaps: Floats, cells: int) -> Floats:
        """Return gaps (..., K) that are the same within each of so many parts."""
        parts = gaps.reshape(*gaps.shape[:-1], cells, -1)
        return np.asarray(np.broadcast_to(parts.mean(-1, keepdims=True), parts.shape)).reshape(
            gaps.shape
        )

    @property
    def value(self) -> float:
        """The error as it was measured."""
        return self._value if hasattr(self, "_value") else super().value

    @property
    def standard_errors(self) -> Floats:  # type: ignore[override]
        """The standard errors of the gaps (K,) that the paths move."""
        return self._path_errors

    def _even(self, distance: float) -> Floats:
        """Give all gaps the same sign too, so that the kernel makes none of them smaller."""
        sign = 1.0 if self.measured.sum() >= 0 else -1.0
        return sign * np.abs(super()._even(distance))

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
        share = left / np.maximum(left - right, 1e-9)
        return np.asarray(np.exp(log_width[last, 0] + share * step), dtype=np.float64)


def ends_of_error(gaps: Gaps, level: float) -> tuple[float, float]:
    """Return the ends of the interval of an error."""
    return _lowest(None, gaps, level), -_lowest(gaps, None, level)


def ends_of_change(before: Gaps, after: Gaps, level: float) -> tuple[float, float]:
    """Return the ends of the interval of the change of an error."""
    if np.array_equal(before.measured, after.measured) and np.array_equal(
        before.noise, after.noise
    ):
        return 0.0, 0.0
    return _lowest(before, after, level), -_lowest(after, before, level)


def _lowest(growing: Gaps | None, shrinking: Gaps | None, level: float) -> float:
    """Return the lowest plausible value of the error of one set of gaps minus that of another."""
    if growing is None or shrinking is None:
        names = ("each", "all") if growing is None else ("each", "all", "even")
        return min(_lowest_on_path(growing, shrinking, name, 1.0, level) for name in names)
    choices = product(("each", "all"), _RATIOS)
    return min(_lowest_on_path(growing, shrinking, *choice, level) for choice in choices)


def _lowest_on_path(
    growing: Gaps | None, shrinking: Gaps | None, path: str, ratio: float, level: float
) -> float:
    measured = (shrinking.value if shrinking else 0.0) - (growing.value if growing else 0.0)

    def difference(distance: float, of_shrinking: Any, of_growing: Any) -> Any:
        total: Any = 0.0
        if shrinking is not None:
            total = of_shrinking(shrinking)(shrinking.paths[path](distance * ratio))
        if growing is not None:
            total = total - of_growing(growing)(growing.paths[path](-distance / ratio))
        return total

    def plausible(distance: float) -> bool:
        draws = difference(distance, lambda g: g.draws, lambda g: g.least_draws)
        needed = max(1, int((1 - level) / 2 * (1 + len(draws)) + 1e-9))
        return bool((draws >= measured).sum() >= needed)

    error = partial(difference, of_shrinking=lambda g: g.error, of_growing=lambda g: g.error)
    end = _FAR if growing is not None else shrinking.distance_to_zero  # type: ignore[union-attr]
    if plausible(end):
        return float(error(end))
    start = -_FAR
    if growing is not None and path == "even":
        start = -growing.distance_to_zero
    for _ in range(_STEPS):
        middle = (start + end) / 2
        start, end = (middle, end) if plausible(middle) else (start, middle)
    return float(error(start))
