"""The part of an ECE that is noise: the noise floor, and a test of calibration."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from calibkit._checks import (
    check_n_resamples,
    check_probabilities,
    check_probability_rows,
    check_seed,
)
from calibkit._types import Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics._binning import uniform_bin
from calibkit.metrics.base import Of, Predictions, confidences, measure
from calibkit.metrics.calibration_error import BinnedCalibrationError

# At most about this many random numbers are in memory at the same time.
_BLOCK_ELEMENTS = 2**18


class NoiseFloor(NamedTuple):
    """The ECE that a perfectly calibrated model would show, as its mean and its 95% range.

    Attributes
    ----------
    mean : float
        Mean of the ECE over the random draws of the labels.
    low, high : float
        The 2.5% and 97.5% quantiles of the ECE over the same draws.

    See Also
    --------
    calibkit.noise_floor : Compute the noise floor.
    """

    mean: float
    low: float
    high: float


class CalibrationTest(NamedTuple):
    """The result of a test of the hypothesis that the confidences are calibrated.

    Attributes
    ----------
    calibration_error : float
        The ECE that was measured.
    p_value : float
        How often a perfectly calibrated model would show this ECE or a larger one.
    floor : NoiseFloor
        The ECE that a perfectly calibrated model would show.

    See Also
    --------
    calibkit.calibration_test : Run the test.
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
    of: Of | None = None,
    sample_weight: SampleWeight | None = None,
) -> NoiseFloor:
    """Compute the ECE that would be measured if the model were perfectly calibrated.

    With finitely many samples, even a perfect model shows an ECE above 0. Labels are drawn at
    random so that a sample with confidence p is correct with probability p, and the ECE is
    computed for each draw.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    n_resamples : int, default 1000
        Number of times that labels are drawn, at least 40.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. The ECE counts a sample of weight 2 like two samples,
        but one label is drawn for every sample, whatever its weight. By default every weight is 1.

    Returns
    -------
    NoiseFloor
        The mean, the 2.5% quantile and the 97.5% quantile of the ECE.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, or if `n_bins`, `n_resamples`
        or `seed` is not an integer.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if there is no sample, if
        `n_bins` is less than 1, if `n_resamples` is less than 40, or if `seed` is negative. The
        same holds if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.calibration_test : Compare a measured ECE with the noise floor.
    calibkit.calibration_error : Measure an ECE.

    References
    ----------
    Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model
    Calibration in Classification. AISTATS. Section 4.2 describes consistency resampling.
    https://arxiv.org/abs/1902.06977

    Examples
    --------
    >>> import torch
    >>> from calibkit import noise_floor
    >>> probabilities = torch.tensor([[0.75, 0.25]]).repeat(1000, 1)
    >>> floor = noise_floor(probabilities)
    >>> f"{floor.mean:.1%}, {floor.low:.1%} to {floor.high:.1%}"
    '1.1%, 0.0% to 3.0%'
    """
    scores, _, weights = check_probabilities(probabilities, sample_weight=sample_weight)
    confidence, metric = confidences(scores, of), BinnedCalibrationError(n_bins)
    return _floor(_errors_if_calibrated(confidence, weights, None, metric, n_resamples, seed))


def calibration_test(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> CalibrationTest:
    """Test the hypothesis that the confidences are calibrated.

    For two classes, the confidences are P(y = 1). If these are calibrated, so is the top label, but
    the top label may look calibrated where P(y = 1) is wrong. For more classes, the confidences are
    the probabilities of the top classes.

    The measured ECE is compared with the ECEs that `noise_floor` draws. A small p-value means that
    chance alone does not explain the ECE. A large p-value does not prove that the model is
    calibrated. The p-value depends on the number of bins, so choose it before you look at the data.

    With weights, the hypothesis is that the model is calibrated for samples that are as frequent as
    the weights say. One label is drawn for every sample, whatever its weight, so only the ratios of
    the weights matter to the p-value. If the weights belong to the two classes of a binary model, a
    drawn label brings the weight of its class. Of other weights, the test assumes that they depend
    on the input and not on the label. Where they do depend on it, as weights of more than two
    classes do, take the p-value as a rough one.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    n_resamples : int, default 1000
        Number of times that labels are drawn, at least 40. The p-value is at least
        1 / (n_resamples + 1).
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. The ECE counts a sample of weight 2 like two samples.
        By default every weight is 1.

    Returns
    -------
    CalibrationTest
        The ECE, its p-value, and the noise floor.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, if `n_bins`, `n_resamples` or `seed` is not an integer, or if
        `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, if
        `n_bins` is less than 1, if `n_resamples` is less than 40, or if `seed` is negative. The
        same holds if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.noise_floor : Compute the ECE that a perfectly calibrated model would show.
    calibkit.bootstrap_interval : Compute the interval of the ECE, or of another metric.
    calibkit.evaluate : Report this test beside the metrics.

    References
    ----------
    Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model
    Calibration in Classification. AISTATS. Section 4.2. https://arxiv.org/abs/1902.06977

    Davison and Hinkley (1997). Bootstrap Methods and Their Application. Equation 4.11 is the
    p-value of a simulation. https://doi.org/10.1017/CBO9780511802843

    Examples
    --------
    >>> import torch
    >>> from calibkit import calibration_test
    >>> probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    >>> labels = (torch.arange(1000) >= 790).long()  # right in 79%
    >>> f"{calibration_test(probabilities, labels).p_value:.2f}"
    '0.45'
    """
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    metric = BinnedCalibrationError(n_bins, of=of)
    scores, targets, weights = rows.flat()
    confidence, of_outcomes = confidences(scores, of), None
    if weights is not None:
        of_outcomes = _weights_of_outcomes(Predictions(scores, targets).outcome(of), weights)
    errors = _errors_if_calibrated(confidence, weights, of_outcomes, metric, n_resamples, seed)
    (measured,) = measure(rows, metric)
    return compare_with_draws(measured, errors)


def compare_with_draws(measured: float, errors: Floats) -> CalibrationTest:
    """Compare a measured error with the errors of a calibrated model."""
    # Two errors that should be equal may differ by a rounding error.
    as_large = int((errors >= measured - 1e-12).sum())
    return CalibrationTest(measured, (1 + as_large) / (1 + len(errors)), _floor(errors))


def _errors_if_calibrated(
    confidence: Tensor,
    weights: Tensor | None,
    of_outcomes: tuple[float, float] | None,
    metric: BinnedCalibrationError,
    n_resamples: int,
    seed: int,
) -> Floats:
    """Draw many times which samples are correct, and return the error of each draw."""
    check_n_resamples(n_resamples)
    check_seed(seed)
    ordered, order = confidence.cpu().sort()
    chance = ordered.numpy()
    sorted_weights = None if weights is None else weights.cpu()[order]
    if of_outcomes is not None:
        wrong, right = of_outcomes
        chance = chance / right / (chance / right + (1 - chance) / wrong)
        sorted_weights = torch.full_like(ordered, wrong)
    bins = uniform_bin(ordered, metric.n_bins)
    sums = metric.sums_in(bins, ordered, torch.zeros_like(ordered), sorted_weights)
    first, end = np.searchsorted(bins.numpy(), [range(metric.n_bins), range(1, metric.n_bins + 1)])
    filled = first < end
    starts = first[filled]
    del order, bins  # Each takes as much memory as the confidences.
    n, p = len(ordered), ordered.numpy()
    sums_of_draws = np.tile(sums[:, filled], (n_resamples, 1, 1))
    generator = np.random.default_rng(seed)
    # Few samples need so little time that many draws are made at once.
    size = max(1, _BLOCK_ELEMENTS // n)
    starts = starts + n * np.arange(size)[:, None]
    with tqdm(total=n_resamples, desc="resamples", delay=2) as bar:
        for i in range(0, n_resamples, size):
            draws = min(size, n_resamples - i)
            correct = generator.random((draws, n)) < chance
            if sorted_weights is not None:
                correct = correct * sorted_weights.numpy()
            dtype = np.int64 if sorted_weights is None else np.float64
            counts = np.add.reduceat(correct.ravel(), starts[:draws].ravel(), dtype=dtype)
            sums_of_draws[i : i + draws, 1] = counts.reshape(draws, -1)
            if of_outcomes is not None:
                sum_p = np.add.reduceat((correct * p).ravel(), starts[:draws].ravel())
                more = right / wrong - 1  # So much more than a wrong sample counts a right one.
                sums_of_draws[i : i + draws, 2] += more * sum_p.reshape(draws, -1)
                sums_of_draws[i : i + draws, 0] += more * counts.reshape(draws, -1)
                sums_of_draws[i : i + draws, 1] *= right / wrong
            bar.update(draws)
    return metric.value(sums_of_draws, n)


def _weights_of_outcomes(correct: Tensor, weights: Tensor) -> tuple[float, float] | None:
    """Return the weights of wrong and of right samples if these are all that differs in weight.

    This is so if the classes of a binary model have weights. A label that is drawn then brings the
    weight of its class, and it is drawn from the chances that give, with these weights, the
    probabilities that are tested.
    """
    both = weights[~correct], weights[correct]
    if not all(len(some) and (some == some[0]).all() for some in both):
        return None
    wrong, right = (float(some[0]) for some in both)
    return None if wrong == right else (wrong, right)


def _floor(errors: Floats) -> NoiseFloor:
    low, high = np.quantile(errors, [0.025, 0.975])
    return NoiseFloor(float(errors.mean()), float(low), float(high))
