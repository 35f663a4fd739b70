"""Bootstrap intervals of metrics, and of how much a metric changes on the same samples."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from calibkit._checks import (
    check_n_resamples,
    check_number,
    check_probability_rows,
    check_seed,
)
from calibkit._rows import Rows
from calibkit._types import Binning, Floats, Labels, Probabilities
from calibkit.metrics.accuracy import Accuracy, accuracy
from calibkit.metrics.base import MeanMetric, Predictions, ScoreKind, SumsMetric
from calibkit.metrics.calibration_error import BinnedCalibrationError, calibration_error
from calibkit.metrics.classwise import ClasswiseError, classwise_calibration_error
from calibkit.metrics.kolmogorov_smirnov import ks_calibration_error
from calibkit.metrics.proper_scores import NLL, Brier, brier_score, negative_log_likelihood
from calibkit.metrics.smooth import SmoothError, smooth_calibration_error
from calibkit.uncertainty._gaps import (
    GapsOfSamples,
    classwise_gaps,
    gaps_of_ks,
    gaps_of_samples,
)
from calibkit.uncertainty._resampling import (
    WeightedMetric,
    number_from,
    resample,
    weighted_by_calls,
    weighted_mean,
)
from calibkit.uncertainty._test_inversion import Gaps, ends_of_change, ends_of_error

Metric = Callable[[Tensor, Tensor], float]

_DEFINITIONS: dict[object, Callable[..., SumsMetric]] = {
    accuracy: Accuracy,
    brier_score: Brier,
    negative_log_likelihood: NLL,
    calibration_error: BinnedCalibrationError,
    classwise_calibration_error: ClasswiseError,
    smooth_calibration_error: SmoothError,
}


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

    Any other function is called once per resample. Its interval starts at the value, or at the
    value minus the bias of the resamples if that is further out, and from there each end is as far
    away as the quantile of the resamples is from their mean. It need not hold the truth as often as
    the level says if the function is a calibration error near 0.

    Parameters
    ----------
    metric : callable
        A function of probabilities (N, C) and labels (N,) that returns a number, such as
        `calibration_error`. Set its options with ``functools.partial(calibration_error,
        n_bins=30)``.
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    level : float, default 0.95
        Confidence level of the interval.
    n_resamples : int, default 1000
        Number of resamples.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

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
        number, if `n_resamples` or `seed` is not an integer, or if `ignore_index` is neither an
        integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, if
        `level` is not between 0 and 1, if `n_resamples` is less than 1, or if `seed` is negative.

    See Also
    --------
    calibkit.paired_difference : Compute the interval of a change.
    calibkit.calibration_test : Test whether an ECE is more than noise.
    calibkit.evaluate : Report several metrics with their intervals.

    References
    ----------
    Davison and Hinkley (1997). Bootstrap Methods and Their Application. Sections 5.2 and
    5.3, and Section 5.5 on test inversion. https://doi.org/10.1017/CBO9780511802843

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
    """
    rows = check_probability_rows(probabilities, labels, ignore_index=ignore_index)
    _check_bootstrap(metric, level, n_resamples, seed)
    (measured,) = _resampled(metric, [rows], n_resamples, seed)
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
) -> Interval:
    """Compute how much a metric changes from one set of probabilities to another.

    Both sets belong to the same samples, and the metric is computed on the same resamples of both.
    The difficulty of the samples therefore cancels out. The intervals are of the same kinds as
    those of `bootstrap_interval`. For calibration errors, the gaps of both sets move along paths on
    which one error grows while the other shrinks, with the noise that they share. The difference of
    the two gaps of each bin is often known much better than either gap, and no path leads further
    from it than its own noise explains. For the classwise error of more than a few classes, the
    intervals of both errors are combined with their correlation.

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
        Number of resamples.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

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
        is not a number, if `n_resamples` or `seed` is not an integer, or if `ignore_index` is
        neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if probabilities and labels differ in length, if there is no sample, if
        `before` and `after` differ in shape, if `level` is not between 0 and 1, if `n_resamples` is
        less than 1, or if `seed` is negative.

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
    first = check_probability_rows(before, labels, ignore_index=ignore_index)
    second = check_probability_rows(after, labels, ignore_index=ignore_index)
    if first.scores.shape != second.scores.shape:
        raise ValueError(
            f"before and after must have the same shape, got {tuple(first.scores.shape)} and "
            f"{tuple(second.scores.shape)}; pass probabilities of the same samples and classes"
        )
    _check_bootstrap(metric, level, n_resamples, seed)
    measured = _resampled(metric, [first, second], n_resamples, seed)
    return interval_of_change(measured[0], measured[1], level)


class Resampled(NamedTuple):
    """A metric of some samples, with its values on resamples, or with its gaps and their noise."""

    value: float
    is_mean: bool
    values: Floats
    gaps: Gaps | None = None


def of_gaps(gaps: Gaps) -> Resampled:
    """Return an error whose gaps have their noise already."""
    return Resampled(gaps.value, False, np.empty(0), gaps)


def interval_of_value(measured: Resampled, level: float = 0.95) -> Interval:
    """Return the interval of a metric."""
    value, gaps = measured.value, measured.gaps
    if gaps is None:
        interval = _bootstrapped(value, measured.values, measured.is_mean, level)
        if value >= 0 and (measured.values >= 0).all():
            return interval._replace(low=max(interval.low, 0.0))
        return interval
    low, high = ends_of_error(gaps, level)
    return Interval(value, max(0.0, min(low, value)), max(value, min(high, 1.0)))


def interval_of_change(before: Resampled, after: Resampled, level: float = 0.95) -> Interval:
    """Return the interval of the change of a metric on the same samples."""
    change = float(_differences(before.value, after.value))
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
        return Interval(value, low, high)
    mean = float(resampled.mean())
    unbiased = 2 * value - mean
    return Interval(
        value, min(value, unbiased) - (mean - low), max(value, unbiased) + (high - mean)
    )


def _differences(before: Any, after: Any) -> Floats:
    with np.errstate(invalid="ignore"):  # From infinite to infinite, the change is unknown.
        return np.asarray(np.subtract(after, before))


class Resampling(NamedTuple):
    """A metric of some samples, and the function of their weights that is resampled."""

    value: float
    of_weights: WeightedMetric
    is_mean: bool = False
    samples: GapsOfSamples | None = None

    def on(self, resampled: Floats) -> Resampled:
        """Return the metric with what the resamples say."""
        gaps = None if self.samples is None else self.samples.on_resamples(resampled)
        return Resampled(self.value, self.is_mean, resampled, gaps)


def resampling_of(
    definition: SumsMetric,
    value: float,
    rows: Rows,
    scores_are: ScoreKind = "probabilities",
    binning: Binning = "uniform",
) -> Resampling:
    """Return a metric of calibkit with the function of the weights that its interval needs."""
    samples = gaps_of_samples(definition, rows, scores_are, binning)
    if samples is not None:
        return Resampling(value, samples.of_weights, samples=samples)
    assert isinstance(definition, MeanMetric)
    return Resampling(value, weighted_mean(definition, rows, scores_are), is_mean=True)


def resample_all(
    resamplings: Sequence[Resampling], n: int, n_resamples: int, seed: int
) -> list[Resampled]:
    """Compute metrics of the same n samples on the same resamples."""
    functions = [resampling.of_weights for resampling in resamplings]
    values = resample(functions, n, n_resamples=n_resamples, seed=seed)
    return [resampling.on(found) for resampling, found in zip(resamplings, values, strict=True)]


def _resampled(metric: Metric, sets: list[Rows], n_resamples: int, seed: int) -> list[Resampled]:
    # The metric itself names a wrong option better than its definition does.
    values = [number_from(metric, *rows.flat()) for rows in sets]
    function, options = _function_and_options(metric)
    definition, binning = _definition(function, options)
    if isinstance(definition, ClasswiseError):
        gaps = classwise_gaps(definition, sets, n_resamples=n_resamples, seed=seed)
        return [of_gaps(found) for found in gaps]
    resamplings = []
    for value, rows in zip(values, sets, strict=True):
        if definition is not None:
            resamplings.append(resampling_of(definition, value, rows, binning=binning))
        elif function is ks_calibration_error:
            of = options.get("of")
            predictions = Predictions(*rows.flat())
            samples = gaps_of_ks(predictions.confidence(of).cpu(), predictions.outcome(of).cpu())
            resamplings.append(Resampling(value, samples.of_weights, samples=samples))
        else:
            resamplings.append(Resampling(value, weighted_by_calls(metric, *rows.flat())))
    return resample_all(resamplings, len(sets[0]), n_resamples, seed)


def _definition(function: Metric, options: dict[str, Any]) -> tuple[SumsMetric | None, Binning]:
    """Return the definition and binning that a function of calibkit uses, or None for others."""
    options = dict(options)
    binning = options.pop("binning", "uniform")
    if function not in _DEFINITIONS or "ignore_index" in options:
        return None, "uniform"
    return _DEFINITIONS[function](**options), binning


def _function_and_options(metric: Metric) -> tuple[Metric, dict[str, Any]]:
    if isinstance(metric, partial) and not metric.args:
        return metric.func, metric.keywords
    return metric, {}


def _check_bootstrap(metric: Metric, level: float, n_resamples: int, seed: int) -> None:
    if not callable(metric) or isinstance(metric, type):
        found = f"the class {metric.__name__}" if isinstance(metric, type) else repr(metric)
        raise TypeError(
            f"metric must be a function of probabilities and labels, got {found}; "
            "pass for instance calibkit.calibration_error"
        )
    check_number(level, "level", low=0, high=1, advice="0.95 is usual")
    check_n_resamples(n_resamples)
    check_seed(seed)
