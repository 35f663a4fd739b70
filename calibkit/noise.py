"""What of a measured calibration error is noise."""

from typing import NamedTuple

import numpy as np
from torch import Tensor
from tqdm import trange

from calibkit.bins import Floats, Labels, Probabilities, as_confidence, uniform_bin
from calibkit.checks import (
    check_n_bins,
    check_n_resamples,
    check_probabilities,
    check_probabilities_and_labels,
    check_seed,
)
from calibkit.functional import calibration_error


class NoiseFloor(NamedTuple):
    """The ECE that a perfectly calibrated model would show: its mean and 95 % range."""

    mean: float
    low: float
    high: float


class CalibrationTest(NamedTuple):
    """A test of the hypothesis that the confidences are calibrated.

    Attributes
    ----------
    calibration_error : float
        The ECE that was measured.
    p_value : float
        How often a calibrated model shows this ECE or a larger one.
    floor : NoiseFloor
        What a calibrated model shows.
    """

    calibration_error: float
    p_value: float
    floor: NoiseFloor


def noise_floor(
    probabilities: Probabilities,
    *,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
) -> NoiseFloor:
    """The ECE that would be measured if the model were perfectly calibrated.

    With finitely many samples a perfect model shows an ECE above 0. Labels are drawn anew
    so that a sample of confidence p is right with probability p, and the ECE is taken each time.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    n_resamples : int, default 1000
        Number of times that labels are drawn.
    seed : int, default 0
        Same seed, same result.

    Returns
    -------
    NoiseFloor
        Mean, 2.5 % and 97.5 % quantile of the ECE.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    References
    ----------
    Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model
    Calibration in Classification. AISTATS. Section 4.2, consistency resampling.
    https://arxiv.org/abs/1902.06977

    Examples
    --------
    >>> import torch
    >>> from calibkit import noise_floor
    >>> probabilities = torch.tensor([[0.75, 0.25]]).repeat(1000, 1)
    >>> floor = noise_floor(probabilities)
    >>> f"{floor.mean:.1%}, {floor.low:.1%} to {floor.high:.1%}"
    '1.1%, 0.0% to 3.2%'
    """
    scores = check_probabilities(probabilities)
    return _floor(_errors_if_calibrated(scores, n_bins, n_resamples, seed))


def calibration_test(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
    ignore_index: int | None = None,
) -> CalibrationTest:
    """Test the hypothesis that the confidences of the top class are calibrated.

    The measured ECE is compared with what `noise_floor` draws. A small p-value says that chance
    does not explain the ECE; a large one does not prove calibration.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    n_resamples : int, default 1000
        Number of times that labels are drawn; the p-value is at least 1 / (n_resamples + 1).
    seed : int, default 0
        Same seed, same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    CalibrationTest
        The ECE, its p-value, and the noise floor.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model
    Calibration in Classification. AISTATS. Section 4.2. https://arxiv.org/abs/1902.06977

    Davison and Hinkley (1997). Bootstrap Methods and Their Application. Equation 4.11, on the
    p-value of a simulation. https://doi.org/10.1017/CBO9780511802843

    Examples
    --------
    >>> import torch
    >>> from calibkit import calibration_test
    >>> probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    >>> labels = (torch.arange(1000) >= 790).long()  # right in 79 %
    >>> f"{calibration_test(probabilities, labels).p_value:.2f}"
    '0.46'
    """
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    errors = _errors_if_calibrated(scores, n_bins, n_resamples, seed)
    measured = calibration_error(scores, targets, n_bins=n_bins)
    # equal ECEs may differ by a rounding
    as_large = int((errors >= measured - 1e-12).sum())
    return CalibrationTest(measured, (1 + as_large) / (1 + n_resamples), _floor(errors))


def _errors_if_calibrated(
    probabilities: Tensor, n_bins: int, n_resamples: int, seed: int
) -> Floats:
    check_n_bins(n_bins)
    check_n_resamples(n_resamples)
    check_seed(seed)
    confidence = as_confidence(probabilities.amax(1)).cpu().sort().values
    starts = np.unique(uniform_bin(confidence, n_bins).numpy(), return_index=True)[1]
    confidences = confidence.numpy()
    expected = np.add.reduceat(confidences, starts)
    generator = np.random.default_rng(seed)
    errors = np.empty(n_resamples)
    for i in trange(n_resamples, desc="resamples", delay=2):
        hits = generator.random(len(confidences)) < confidences
        correct = np.add.reduceat(hits, starts, dtype=np.int64)
        errors[i] = np.abs(correct - expected).sum() / len(confidences)
    return errors


def _floor(errors: Floats) -> NoiseFloor:
    low, high = np.quantile(errors, [0.025, 0.975])
    return NoiseFloor(float(errors.mean()), float(low), float(high))
