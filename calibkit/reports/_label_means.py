"""Metrics of a multi-label model as means over its labels, on resamples of whole samples.

The labels of a sample may depend on each other. So a resample draws samples with all their labels.
"""

from functools import partial

import numpy as np
import torch

from calibkit._rows import Rows
from calibkit._types import Counts, Floats
from calibkit.metrics.base import MeanMetric, Predictions
from calibkit.uncertainty._resampling import resample
from calibkit.uncertainty.bootstrap import Resampled


def resampled_means(
    metric: MeanMetric, sets: list[Rows], n_resamples: int, seed: int
) -> list[Resampled]:
    """Return the means over the labels, on resamples of whole samples."""
    terms = [_terms(metric, rows) for rows in sets]
    n = len(terms[0])
    values = resample(
        [partial(_weighted, part) for part in terms], n, n_resamples=n_resamples, seed=seed
    )
    return [Resampled(float(part.mean()), True, v) for part, v in zip(terms, values, strict=True)]


def _weighted(terms: Floats, weights: Counts) -> Floats:
    return np.asarray(weights.astype(np.float64) @ terms / len(terms))


def _terms(metric: MeanMetric, rows: Rows) -> Floats:
    """Return a number for each sample, whose mean is the mean of a metric over the labels.

    If entries are missing, the samples of a label that have one count for those that have none.
    """
    n, n_labels = rows.labels.shape[:2]
    terms = torch.zeros(n, dtype=torch.float64)
    for k in range(n_labels):
        labels = rows.labels[:, k].reshape(n, -1)
        counted = torch.ones_like(labels, dtype=torch.bool)
        if rows.ignore_index is not None:
            counted = labels != rows.ignore_index
        one = Rows(rows.scores[:, :, k], rows.labels[:, k], rows.ignore_index)
        numbers = torch.zeros(labels.shape, dtype=torch.float64)
        numbers[counted] = metric.of_samples(Predictions(*one.flat(), "logits"))
        per_sample = counted.sum(1)
        mean = numbers.sum() / per_sample.sum()
        terms += mean + (numbers.sum(1) - per_sample * mean) * n / per_sample.sum()
    return np.asarray((terms / n_labels).numpy())
