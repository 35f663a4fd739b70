"""Metrics on resamples: which of the ways to resample a metric needs, and what it finds."""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from calibkit._rows import Rows
from calibkit._types import Binning, Floats
from calibkit.metrics.accuracy import Accuracy, accuracy
from calibkit.metrics.base import MeanMetric, Predictions, ScoreKind, SumsMetric
from calibkit.metrics.calibration_error import BinnedCalibrationError, calibration_error
from calibkit.metrics.classwise import ClasswiseError, classwise_calibration_error
from calibkit.metrics.kolmogorov_smirnov import ks_calibration_error
from calibkit.metrics.proper_scores import NLL, Brier, brier_score, negative_log_likelihood
from calibkit.metrics.risk_coverage import (
    area_of_counts,
    area_under_risk_coverage_curve,
    influence_on_area,
)
from calibkit.metrics.smooth import SmoothError, smooth_calibration_error
from calibkit.uncertainty._class_gaps import classwise_gaps
from calibkit.uncertainty._gaps import (
    GapsOfSamples,
    gaps_of_ks,
    gaps_of_samples,
)
from calibkit.uncertainty._resampling import (
    MetricOfCounts,
    called_on_counts,
    mean_of_counts,
    number_from,
    resample,
)
from calibkit.uncertainty._test_inversion import Gaps

# A metric takes probabilities and labels, and the keyword sample_weight if samples have weights.
Metric = Callable[..., float]

_DEFINITIONS: dict[object, Callable[..., SumsMetric]] = {
    accuracy: Accuracy,
    brier_score: Brier,
    negative_log_likelihood: NLL,
    calibration_error: BinnedCalibrationError,
    classwise_calibration_error: ClasswiseError,
    smooth_calibration_error: SmoothError,
}


class Resampled(NamedTuple):
    """A metric of some samples, with its values on resamples, or with its gaps and their noise.

    If it is known how much each sample influences a smooth metric, the interval corrects its skew.
    """

    value: float
    is_mean: bool
    values: Floats
    gaps: Gaps | None = None
    influence: Floats | None = None


def of_gaps(gaps: Gaps) -> Resampled:
    """Return an error whose gaps have their noise already."""
    return Resampled(gaps.value, False, np.empty(0), gaps)


class Resampling(NamedTuple):
    """A metric of some samples, and the function of their counts that is resampled."""

    value: float
    of_counts: MetricOfCounts
    is_mean: bool = False
    samples: GapsOfSamples | None = None
    influence: Floats | None = None

    def on(self, resampled: Floats) -> Resampled:
        """Return the metric with what the resamples say."""
        gaps = None if self.samples is None else self.samples.on_resamples(resampled)
        return Resampled(self.value, self.is_mean, resampled, gaps, self.influence)


def resampling_of(
    definition: SumsMetric,
    value: float,
    rows: Rows,
    scores_are: ScoreKind = "probabilities",
    binning: Binning = "uniform",
) -> Resampling:
    """Return a metric of calibkit with the function of the counts that its interval needs.

    If the rows have weights, their mean must be 1.
    """
    samples = gaps_of_samples(definition, rows, scores_are, binning)
    if samples is not None:
        return Resampling(value, samples.of_counts, samples=samples)
    assert isinstance(definition, MeanMetric)
    return Resampling(value, mean_of_counts(definition, rows, scores_are), is_mean=True)


def resample_all(
    resamplings: Sequence[Resampling], n: int, n_resamples: int, seed: int
) -> list[Resampled]:
    """Compute metrics of the same n samples on the same resamples."""
    functions = [resampling.of_counts for resampling in resamplings]
    values = resample(functions, n, n_resamples=n_resamples, seed=seed)
    return [resampling.on(found) for resampling, found in zip(resamplings, values, strict=True)]


def resampled(metric: Metric, sets: list[Rows], n_resamples: int, seed: int) -> list[Resampled]:
    """Compute a metric on sets of probabilities of the same samples, and on the same resamples."""
    # The metric itself names a wrong option better than its definition does.
    values = [number_from(metric, rows.flat()) for rows in sets]
    function, options = _function_and_options(metric)
    definition, binning = _definition(function, options)
    relative = [rows.with_mean_weight_1() for rows in sets]
    if isinstance(definition, ClasswiseError):
        gaps = classwise_gaps(definition, relative, n_resamples=n_resamples, seed=seed)
        return [of_gaps(found) for found in gaps]
    resamplings = []
    for value, rows, given in zip(values, relative, sets, strict=True):
        if definition is not None:
            resamplings.append(resampling_of(definition, value, rows, binning=binning))
        elif function is ks_calibration_error:
            samples = gaps_of_ks(Predictions(*rows.flat()).judged(options.get("of")))
            resamplings.append(Resampling(value, samples.of_counts, samples=samples))
        elif function is area_under_risk_coverage_curve and "ignore_index" not in options:
            judged = Predictions(*given.flat()).judged(options.get("of", "top"))
            influence = influence_on_area(judged)
            resamplings.append(Resampling(value, area_of_counts(judged), influence=influence))
        else:
            resamplings.append(Resampling(value, called_on_counts(metric, given.flat())))
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


def check_metric(metric: Metric, rows: Rows) -> None:
    """Raise an error unless this is a function that can be called on these rows."""
    if not callable(metric) or isinstance(metric, type):
        found = f"the class {metric.__name__}" if isinstance(metric, type) else repr(metric)
        raise TypeError(
            f"metric must be a function of probabilities and labels, got {found}; "
            "pass for instance calibkit.calibration_error"
        )
    if _function_and_options(metric)[1].get("sample_weight") is not None:
        raise ValueError(
            "metric must not hold sample_weight, because a resample holds other samples than the "
            "weights belong to; pass sample_weight to this function instead"
        )
    if rows.weights is not None and not _takes_weights(metric):
        name = getattr(metric, "__name__", type(metric).__name__)
        raise TypeError(
            f"metric must take the weights of the samples, got {name} without the argument "
            f"sample_weight; define it as def {name}(probabilities, labels, sample_weight)"
        )


def _takes_weights(metric: Metric) -> bool:
    try:
        signature(metric).bind(None, None, sample_weight=None)
    except TypeError:
        return False
    except ValueError:  # Some functions that are not written in Python have no signature.
        return True
    return True
