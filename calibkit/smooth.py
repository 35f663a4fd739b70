"""The smooth calibration error: no bins, a kernel whose width the data choose.

On [0, 1] with reflecting ends a Gaussian kernel is a cosine series,
K(t, f) = 1 + 2 sum_k exp(-(s pi k)^2 / 2) cos(pi k t) cos(pi k f). So the smoothed residual needs
of the samples only the sums of residual x cos(pi k confidence): constant memory, any number of
samples. The sums are taken by gridding (Greengard and Lee 2004, Accelerating the Nonuniform Fast
Fourier Transform, SIAM Review 46, equations 9 to 12).
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from torch import Tensor

_Floats = NDArray[np.float64]

_N_MODES = 2**13
GRID_SIZE = 4 * _N_MODES
_SPREAD = 12  # grid points to each side: errors near 1e-12
_TAU = math.pi * _SPREAD / (3 * (2 * _N_MODES) ** 2)
# beyond this many widths the Gaussian is below 1e-16
_NARROWEST = 8.6 / (math.pi * _N_MODES)


def add_residuals(grid: Tensor, confidence: Tensor, correct: Tensor) -> None:
    """Add correct - confidence, spread around each confidence, to a grid over the circle [0, 2)."""
    residual = correct.to(torch.float64) - confidence
    place = confidence * (GRID_SIZE / 2)
    nearest = place.round()
    for offset in range(-_SPREAD, _SPREAD + 1):
        angle = (nearest + offset - place) * (2 * math.pi / GRID_SIZE)
        index = (nearest + offset).long() % GRID_SIZE
        grid.index_add_(0, index, residual * torch.exp(-(angle**2) / (4 * _TAU)))


def smooth_error(grid: _Floats, n: float) -> float:
    """The error at the kernel width that it equals, or at the narrowest one."""
    cosine_sums = _cosine_sums(grid) / n

    def excess(width: float) -> float:
        return _smoothed(cosine_sums, width) - width

    if excess(_NARROWEST) <= 0:
        return _smoothed(cosine_sums, _NARROWEST)
    return float(brentq(excess, _NARROWEST, 1.0, xtol=1e-13, rtol=1e-13))


def _cosine_sums(grid: _Floats) -> _Floats:
    k = np.arange(_N_MODES)
    spread_sums = np.fft.rfft(grid)[:_N_MODES].real / GRID_SIZE
    return np.asarray(spread_sums * math.sqrt(math.pi / _TAU) * np.exp(k**2 * _TAU))


def _smoothed(cosine_sums: _Floats, width: float) -> float:
    """Integral over [0, 1] of the smoothed residual's size."""
    n_modes = min(_N_MODES, math.ceil(8.6 / (math.pi * width)) + 1)
    k = np.arange(n_modes)
    modes = cosine_sums[:n_modes] * np.exp(-((width * math.pi * k) ** 2) / 2)
    n_mesh = 2 ** math.ceil(math.log2(max(256, 64 / width)))
    step = 1 / n_mesh
    residual = np.fft.irfft(modes, 2 * n_mesh)[: n_mesh + 1] * 2 * n_mesh
    waves = np.zeros(n_modes, complex)
    waves[1:] = -1j * modes[1:] / (math.pi * k[1:])
    integral = np.fft.irfft(waves, 2 * n_mesh)[: n_mesh + 1] * 2 * n_mesh
    integral += modes[0] * np.linspace(0, 1, n_mesh + 1)

    left, right = residual[:-1], residual[1:]
    size = np.abs(np.diff(integral))
    crossing = left * right < 0
    left, right = left[crossing], right[crossing]
    start, end = integral[:-1][crossing], integral[1:][crossing]
    middle = _hermite(left / (left - right), start, end, step * left, step * right)
    size[crossing] = np.abs(middle - start) + np.abs(end - middle)
    return float(size.sum())


def _hermite(
    x: _Floats, start: _Floats, end: _Floats, slope_start: _Floats, slope_end: _Floats
) -> _Floats:
    """The cubic on [0, 1] with these values and slopes at its ends."""
    y = 1 - x
    return np.asarray(
        y**2 * ((1 + 2 * x) * start + x * slope_start) + x**2 * ((1 + 2 * y) * end - y * slope_end)
    )
