"""Metrics of a multi-label model as means over its labels, on resamples of whole samples.

The labels of a sample may depend on each other. So a resample draws samples with all their labels.
"""

from functools import partial

import numpy as np
import torch

from calibkit._multi_label import rows_of_label
from calibkit._rows import Rows
from calibkit._types import Counts, Floats
from calibkit.metrics.base import MeanMetric, Predictions
from calibkit.reports.values import LabelMeans, MetricValues
from calibkit.uncertainty._resampled_metrics import Resampled
from calibkit.uncertainty._resampling import resample
from calibkit.uncertainty.bootstrap import interval_of_value

_SMALL_P_VALUE = 0.05


def resampled_means(
    metric: MeanMetric, sets: list[Rows], n_resamples: int, seed: int
) -> list[Resampled]:
    """Return the means over the labels, on resamples of whole samples."""
    terms = [_terms(metric, rows) for rows in sets]
    n = len(terms[0])
    values = resample(
        [partial(_mean, part) for part in terms], n, n_resamples=n_resamples, seed=seed
    )
    return [Resampled(float(part.mean()), True, v) for part, v in zip(terms, values, strict=True)]


def _mean(terms: Floats, counts: Counts) -> Floats:
    return np.asarray(counts.astype(np.float64) @ terms / len(terms))


def _terms(metric: MeanMetric, rows: Rows) -> Floats:
    """Return a number for each sample, whose mean is the mean of a metric over the labels.

    The mean of a label is a ratio if entries are missing or have weights. It is then replaced by
    the linear function of the samples that is next to it.
    """
    n, n_labels = rows.labels.shape[:2]
    terms = torch.zeros(n, dtype=torch.float64)
    for k in range(n_labels):
        one = rows_of_label(rows, k)
        counted = one.counted
        if counted is None:
            counted = torch.ones_like(one.labels, dtype=torch.bool)
        weights = counted.double() if one.weights is None else one.weights * counted
        numbers = torch.zeros_like(weights)
        numbers[counted] = metric.of_samples(Predictions(*one.flat(), "logits"))
        mean = (weights * numbers).sum() / weights.sum()
        excess = (weights * (numbers - mean)).reshape(n, -1).sum(1)
        terms += mean + excess * n / weights.sum()
    return np.asarray((terms / n_labels).numpy())


def means_over_labels(values: list[MetricValues], nll: Resampled, brier: Resampled) -> LabelMeans:
    """Return the means of a report from the values of its labels and two resampled means."""
    return LabelMeans(
        nll=interval_of_value(nll),
        brier=interval_of_value(brier),
        ece=float(np.mean([one.ece.value for one in values])),
        noise_floor=float(np.mean([one.noise_floor.mean for one in values])),
        n_small_p_values=sum(one.p_value < _SMALL_P_VALUE for one in values),
    )
