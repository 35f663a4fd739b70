"""The metrics that every report measures, and the logits that it measures."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn

from calibkit._checks import check_logits_and_labels
from calibkit._rows import Rows
from calibkit._types import Labels, Probabilities
from calibkit.inference import collect_logits
from calibkit.metrics.accuracy import Accuracy
from calibkit.metrics.base import Of, SumsMetric, measure, what_is_judged
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.metrics.classwise import ClasswiseError
from calibkit.metrics.proper_scores import NLL, Brier
from calibkit.scalers.base import Scaler
from calibkit.uncertainty.bootstrap import (
    Resampled,
    resample_all,
    resample_classwise,
    resampling_of,
)


def reported_metrics(n_bins: int, n_classes: int, of: Of | None) -> dict[str, SumsMetric]:
    """Return the metrics of a report, with the names of their fields as keys."""
    metrics: dict[str, SumsMetric] = {
        "accuracy": Accuracy(),
        "nll": NLL(),
        "brier": Brier(),
        "ece": BinnedCalibrationError(n_bins, of=of),
    }
    if what_is_judged(of, n_classes) == "positive":
        metrics["top_label_ece"] = BinnedCalibrationError(n_bins, of="top")
    return metrics


def measure_logits(rows: Rows, n_bins: int, of: Of | None = None) -> dict[str, float]:
    """Return the value of every reported metric."""
    metrics = reported_metrics(n_bins, rows.n_classes, of)
    values = measure(rows, *metrics.values(), scores_are="logits")
    return dict(zip(metrics, values, strict=True))


def resample_logits(
    sets: list[Rows], n_bins: int, n_resamples: int, seed: int, of: Of | None
) -> list[dict[str, Resampled]]:
    """Measure several sets of logits of the same samples on the same resamples."""
    metrics = reported_metrics(n_bins, sets[0].n_classes, of)
    values = [measure_logits(rows, n_bins, of) for rows in sets]
    resamplings = [
        resampling_of(metric, value[name], rows, "logits")
        for rows, value in zip(sets, values, strict=True)
        for name, metric in metrics.items()
    ]
    resampled = iter(resample_all(resamplings, len(sets[0]), n_resamples, seed))
    found = [dict(zip(metrics, resampled, strict=False)) for _ in sets]
    if sets[0].n_classes > 2:
        metric = ClasswiseError(n_bins)
        probabilities = [Rows(rows.scores.double().softmax(1), rows.labels) for rows in sets]
        classwise = resample_classwise(metric, probabilities, n_resamples, seed)
        for named, of_classes in zip(found, classwise, strict=True):
            named["classwise_ece"] = of_classes
    return found


def logits_of(
    model_or_logits: nn.Module | Probabilities,
    loader_or_labels: Iterable[object] | Labels,
    *,
    ignore_index: int | None,
    progress: bool,
    device: torch.device | str | None,
) -> Rows:
    """Run a model over a loader, or use the given logits and labels, and return checked rows."""
    logits, labels = model_or_logits, loader_or_labels
    if isinstance(model_or_logits, nn.Module):
        logits, labels = collect_logits(
            model_or_logits,
            cast(Iterable[object], loader_or_labels),
            progress=progress,
            device=device,
        )
    return check_logits_and_labels(logits, labels, ignore_index=ignore_index)


def check_fitted(scaler: object) -> None:
    """Raise an error unless this is a scaler that has been fitted."""
    if not isinstance(scaler, Scaler):
        raise TypeError(
            f"scaler must be a calibkit scaler, got {type(scaler).__name__}; "
            "pass for instance a fitted TemperatureScaler"
        )
    scaler.check_fitted()
