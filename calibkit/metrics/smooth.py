"""The smooth calibration error, which uses a kernel in place of bins."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.fft import dct, idct
from scipy.optimize import brentq

from calibkit._checks import check_probability_rows
from calibkit._types import Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of, Predictions, SumsMetric, Terms, measure

_N_CELLS = 2**15
# A kernel of this width has a standard deviation of eleven cells, so the size of the cells hardly
# affects the error.
_NARROWEST_WIDTH = 8.6 / (math.pi * 2**13)
# If a frequency times the width exceeds this, exp(-39^2 / 2) = 0 is left of its coefficient.
_GONE = 39.0


@dataclass(frozen=True)
class SmoothError(SumsMetric):
    """The definition of the smooth calibration error.

    A sample adds its residual to a fine histogram over the confidence. The residual is 1 or 0 for
    whether the sample is correct, minus its confidence.
    Cubic interpolation divides the residual among the four cells around the confidence.
    """

    of: Of | None = None

    def n_cells(self, n_classes: int) -> int:
        """Return the number of cells of the histogram."""
        return _N_CELLS

    def terms(self, predictions: Predictions) -> Terms:
        """Return what each sample adds to its four cells."""
        confidence = predictions.confidence(self.of)
        residual = predictions.outcome(self.of).double() - confidence
        place = confidence * _N_CELLS - 0.5
        second = place.floor()
        t = place - second
        shares = [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ]
        cells = second.long()[:, None] + torch.arange(-1, 3, device=place.device)
        # The kernel reflects at 0 and at 1, and so do the cells.
        cells = torch.where(cells < 0, -1 - cells, cells)
        cells = torch.minimum(cells, 2 * _N_CELLS - 1 - cells)
        return Terms(cells, (residual[:, None] * torch.stack(shares, 1),))

    def value(self, sums: Floats, n: float) -> Floats:
        """Return the error at the kernel width that equals it, or at the narrowest width."""
        residuals = sums[..., 0, :] / n
        errors = [error_at_its_own_width(row) for row in residuals.reshape(-1, _N_CELLS)]
        return np.array(errors).reshape(residuals.shape[:-1])


def error_at_its_own_width(residuals: Floats) -> float:
    """Return the error of residuals in cells of equal width, divided by the number of samples."""
    coefficients = dct(residuals)
    frequencies = _frequencies()[: len(residuals)]

    def size_of_smoothed(width: float) -> float:
        # With reflecting ends, a Gaussian kernel damps each cosine coefficient independently.
        n_left = int(_GONE / (math.pi * width)) + 1
        damped = np.zeros_like(coefficients)
        damping = np.exp(-((width * frequencies[:n_left]) ** 2) / 2)
        damped[:n_left] = coefficients[:n_left] * damping
        return float(np.abs(idct(damped)).sum())

    def excess(width: float) -> float:
        return size_of_smoothed(width) - width

    if excess(_NARROWEST_WIDTH) <= 0:
        return size_of_smoothed(_NARROWEST_WIDTH)
    if (
        excess(1.0) >= 0
    ):  # Residuals of size 1 may exceed it by a rounding error, and gaps may grow.
        return 1.0
    return float(brentq(excess, _NARROWEST_WIDTH, 1.0, xtol=1e-13, rtol=1e-13))


@cache
def _frequencies() -> Floats:
    return np.asarray(math.pi * np.arange(_N_CELLS), dtype=np.float64)


def smooth_calibration_error(
    probabilities: Probabilities,
    labels: Labels,
    *,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    r"""Compute the smooth calibration error (smECE), which has no bins to choose.

    The residual of a sample is 1 or 0 for whether it is correct, minus its confidence. A Gaussian
    kernel that reflects at 0 and 1 smooths the residuals over the confidence, and the absolute
    value of the result is integrated. The width of the kernel is chosen so that it equals the
    resulting error, but it is never below 0.00033.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.

    Returns
    -------
    float
        A fraction between 0 and 1.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, or if `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, or if there is no sample.
        The same holds if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.SmoothCalibrationError : Compute the same metric batch by batch.
    calibkit.calibration_error : Compute the error in bins.
    calibkit.ks_calibration_error : Compute another error without bins.

    References
    ----------
    Błasiok and Nakkiran (2024). Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing.
    ICLR. Section 3. https://arxiv.org/abs/2309.12236

    Examples
    --------
    >>> import torch
    >>> from calibkit import smooth_calibration_error
    >>> probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    >>> labels = (torch.arange(1000) >= 700).long()  # right in 70%
    >>> round(smooth_calibration_error(probabilities, labels), 6)
    0.1
    """
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    return measure(rows, SmoothError(of))[0]
