"""Bootstrap intervals of metrics, and of how much a metric changes on the same samples."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from calibkit._checks import (
    check_n_resamples,
    check_number,
    check_probability_rows,
    check_seed,
)
from calibkit._rows import Rows
from calibkit._types import Floats, Labels, Probabilities, SampleWeight
from calibkit.uncertainty._resampled_metrics import Metric, Resampled, check_metric, resampled
from calibkit.uncertainty._test_inversion import ends_of_change


class Interval(NamedTuple):
    """A value with its confidence interval.

    Attributes
    ----------
    value : float
        The value that was measured.
    low, high : float
        The ends of the interval.

    See Also
    --------
    calibkit.bootstrap_interval : Compute the interval of a metric.
    calibkit.paired_difference : Compute the interval of a change.
    """

    value: float
    low: float
    high: float


def bootstrap_interval(
    metric: Metric,
    probabilities: Probabilities,
    labels: Labels,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> Interval:
    """Compute a metric and its bootstrap confidence interval.

    A resample draws as many samples as there are, with replacement. The accuracy, the Brier score
    and the NLL are means, and for them the function returns the percentile interval.

    The calibration errors of calibkit are larger on resamples, because noise can only add to an
    absolute gap. For them, the resamples show the noise of each gap, and the interval inverts a
    test. It holds the errors of all true gaps, on paths from 0 to far beyond the measured gaps,
    with which the measured error is neither surprisingly large nor surprisingly small. For the
    classwise error, the noise comes from labels that are drawn from the probabilities, or from the
    resamples where probabilities near 0 and 1 leave little to draw. The interval always holds the
    measured value, although the true error may be well below a small one. How often such intervals
    hold the truth in simulations is shown in :ref:`coverage`.

    The area under the risk-coverage curve has the BCa interval, the percentile interval with
    corrections for bias and skew.

    Any other function is called once per resample. Its interval starts at the value, or at the
    value minus the bias of the resamples if that is further out, and from there each end is as far
    away as the quantile of the resamples is from their mean. It need not hold the truth as often as
    the level says if the function is a calibration error near 0.

    Weights of samples are importance weights or class weights. The value counts a sample of weight
    2 like two samples, but a resample draws whole samples, each of which brings its weight. So only
    the ratios of the weights matter to the interval. Very unequal weights make few samples count,
    and the interval of a mean is then somewhat wider, as Student's t distribution is.

    Parameters
    ----------
    metric : callable
        A function of probabilities (N, C) and labels (N,) that returns a number, such as
        `calibration_error`. Set its options with ``functools.partial(calibration_error,
        n_bins=30)``. If there are weights, a function of your own is called with the keyword
        ``sample_weight``.
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    level : float, default 0.95
        Confidence level of the interval.
    n_resamples : int, default 1000
        Number of resamples, at least 40 and at least 2 / (1 - level).
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. By default every weight is 1.

    Returns
    -------
    Interval
        ``(value, low, high)``. The lower end is not negative, unless the value or the metric on a
        resample is. It is 0 if noise alone may explain a calibration error. If a NLL is infinite,
        so are both ends.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, if `metric` is no function or does not return a number, if `level` is not a
        number, if `n_resamples` or `seed` is not an integer, if `ignore_index` is neither an
        integer nor None, or if there are weights and `metric` does not take `sample_weight`.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, if
        `level` is not between 0 and 1, if `n_resamples` is too small, if `seed` is negative, or
        if `metric` holds weights of its own. The same holds if a weight is negative, NaN or
        infinite, or if all of them are 0.

    See Also
    --------
    calibkit.paired_difference : Compute the interval of a change.
    calibkit.calibration_test : Test whether an ECE is more than noise.
    calibkit.evaluate : Report several metrics with their intervals.

    References
    ----------
    Davison and Hinkley (1997). Bootstrap Methods and Their Application. Sections 5.2 and
    5.3, which has the BCa interval, and Section 5.5 on test inversion.
    https://doi.org/10.1017/CBO9780511802843

    Fang and Santos (2019). Inference on Directionally Differentiable Functions. Review of Economic
    Studies. Why resamples fail where a gap may be 0. https://arxiv.org/abs/1404.3763

    Examples
    --------
    >>> import torch
    >>> from calibkit import accuracy, bootstrap_interval
    >>> probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    >>> labels = (torch.arange(1000) >= 700).long()
    >>> interval = bootstrap_interval(accuracy, probabilities, labels)
    >>> f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
    '0.70 (0.67 to 0.73)'

    In the population of interest, the wrong answers are twice as frequent:

    >>> weights = torch.where(labels == 0, 1.0, 2.0)
    >>> interval = bootstrap_interval(accuracy, probabilities, labels, sample_weight=weights)
    >>> f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
    '0.54 (0.50 to 0.57)'
    """
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    _check_bootstrap(metric, level, n_resamples, seed, rows)
    (measured,) = resampled(metric, [rows], n_resamples, seed)
    return interval_of_value(measured, level)


def paired_difference(
    metric: Metric,
    before: Probabilities,
    after: Probabilities,
    labels: Labels,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> Interval:
    """Compute how much a metric changes from one set of probabilities to another.

    Both sets belong to the same samples, and the metric is computed on the same resamples of both.
    The difficulty of the samples therefore cancels out. The intervals are of the same kinds as
    those of `bootstrap_interval`. For calibration errors, the ends of both intervals bound the
    change. If both errors are clearly above 0, they are combined with their correlation, which
    makes the interval narrower. If the probabilities hardly differ, the change is also at most
    twice the norm of what the gaps change by, and this bound is the same at every level.

    Parameters
    ----------
    metric : callable
        A function of probabilities (N, C) and labels (N,), as for `bootstrap_interval`.
    before, after : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes for the same samples. Every row lies in [0, 1] and sums to
        1. For two classes, P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    level : float, default 0.95
        Confidence level of the interval.
    n_resamples : int, default 1000
        Number of resamples, at least 40 and at least 2 / (1 - level).
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts, as for `bootstrap_interval`. By default every weight
        is 1.

    Returns
    -------
    Interval
        ``metric(after) - metric(before)`` and the ends of its interval. If the interval does not
        contain 0, chance alone does not explain the change. From one infinite NLL to another, the
        change is NaN and its interval has no ends.

    Raises
    ------
    TypeError
        If `before` or `after` is not a floating-point tensor or array, if `labels` is not an
        integer tensor or array, if `metric` is no function or does not return a number, if `level`
        is not a number, if `n_resamples` or `seed` is not an integer, if `ignore_index` is
        neither an integer nor None, or if there are weights and `metric` does not take
        `sample_weight`.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if probabilities and labels differ in length, if there is no sample, if
        `before` and `after` differ in shape, if `level` is not between 0 and 1, if `n_resamples` is
        too small, if `seed` is negative, or if `metric` holds weights of its own. The same holds
        if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.bootstrap_interval : Compute the interval of one value.
    calibkit.evaluate : Report several metrics before and after scaling.

    References
    ----------
    Davison and Hinkley (1997). Bootstrap Methods and Their Application. Sections 5.2 and
    5.3, and Section 5.5 on test inversion. https://doi.org/10.1017/CBO9780511802843

    Fang and Santos (2019). Inference on Directionally Differentiable Functions. Review of Economic
    Studies. Why resamples fail where a gap may be 0. https://arxiv.org/abs/1404.3763

    Zou (2007). Toward Using Confidence Intervals to Compare Correlations. Psychological Methods 12.
    It combines two intervals. https://doi.org/10.1037/1082-989X.12.4.399

    Examples
    --------
    >>> import torch
    >>> from calibkit import negative_log_likelihood, paired_difference
    >>> labels = (torch.arange(1000) >= 700).long()
    >>> before = torch.tensor([[0.9, 0.1]]).repeat(1000, 1)
    >>> after = torch.tensor([[0.7, 0.3]]).repeat(1000, 1)
    >>> difference = paired_difference(negative_log_likelihood, before, after, labels)
    >>> f"{difference.value:.3f} ({difference.low:.3f} to {difference.high:.3f})"
    '-0.154 (-0.196 to -0.117)'
    """
    first, second = (
        check_probability_rows(p, labels, ignore_index=ignore_index, sample_weight=sample_weight)
        for p in (before, after)
    )
    if first.scores.shape != second.scores.shape:
        raise ValueError(
            f"before and after must have the same shape, got {tuple(first.scores.shape)} and "
            f"{tuple(second.scores.shape)}; pass probabilities of the same samples and classes"
        )
    _check_bootstrap(metric, level, n_resamples, seed, first)
    measured = resampled(metric, [first, second], n_resamples, seed)
    return interval_of_change(measured[0], measured[1], level)


def interval_of_value(measured: Resampled, level: float = 0.95) -> Interval:
    """Return the interval of a metric."""
    value, gaps = measured.value, measured.gaps
    if measured.influence is not None:
        return _accelerated(value, measured.values, measured.influence, level)
    if gaps is None:
        interval = _bootstrapped(value, measured.values, measured.is_mean, level)
        if value >= 0 and (measured.values >= 0).all():
            return interval._replace(low=max(interval.low, 0.0))
        return interval
    low, high = gaps.ends(level)
    return Interval(value, max(0.0, min(low, value)), max(value, min(high, 1.0)))


def interval_of_change(before: Resampled, after: Resampled, level: float = 0.95) -> Interval:
    """Return the interval of the change of a metric on the same samples."""
    change = float(_differences(before.value, after.value))
    if before.influence is not None and after.influence is not None:
        influence = after.influence - before.influence
        return _accelerated(change, after.values - before.values, influence, level)
    if before.gaps is None or after.gaps is None:
        return _bootstrapped(
            change, _differences(before.values, after.values), before.is_mean, level
        )
    low, high = ends_of_change(before.gaps, after.gaps, level)
    return Interval(change, min(max(low, -1.0), change), max(min(high, 1.0), change))


def _bootstrapped(value: float, resampled: Floats, is_mean: bool, level: float) -> Interval:
    if not np.isfinite(resampled).all():
        # An infinite NLL is infinite on every resample. From infinite to infinite, any change fits.
        unknown = bool(np.isnan(resampled).any())
        low = -np.inf if unknown else float(resampled.min())
        return Interval(value, low, np.inf if unknown else float(resampled.max()))
    quantiles = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    low, high = (float(quantile) for quantile in quantiles)
    if is_mean:
        return _around(value, low, high)
    mean = float(resampled.mean())
    unbiased = 2 * value - mean
    return Interval(
        value, min(value, unbiased) - (mean - low), max(value, unbiased) + (high - mean)
    )


def _accelerated(value: float, resampled: Floats, influence: Floats, level: float) -> Interval:
    """Return the BCa interval, which is right to the second order for a smooth metric."""
    n_below = (resampled < value).sum() + (resampled == value).sum() / 2
    bias = ndtri((n_below + 0.5) / (len(resampled) + 1))
    squares = (influence**2).sum()
    acceleration = (influence**3).sum() / (6 * squares**1.5) if squares else 0.0
    z = bias + ndtri([(1 - level) / 2, (1 + level) / 2])
    # Where a level is so high that the formula has no answer, the ends are the last resamples.
    shares = ndtr(bias + z / np.maximum(1 - acceleration * z, 1e-3))
    low, high = np.quantile(resampled, shares).tolist()
    return _around(value, low, high)


def _around(value: float, low: float, high: float) -> Interval:
    """Return an interval that holds the value, which few resamples or a low level may miss."""
    return Interval(value, min(low, value), max(high, value))


def _differences(before: Any, after: Any) -> Floats:
    with np.errstate(invalid="ignore"):  # From infinite to infinite, the change is unknown.
        return np.asarray(np.subtract(after, before))


def _check_bootstrap(metric: Metric, level: float, n_resamples: int, seed: int, rows: Rows) -> None:
    check_metric(metric, rows)
    level = check_number(level, "level", low=0, high=1, advice="0.95 is usual")
    check_n_resamples(n_resamples, level)
    check_seed(seed)
