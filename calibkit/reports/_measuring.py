"""The metrics that every report measures, and the logits that it measures."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from calibkit._checks import check_logits_and_labels
from calibkit._rows import Rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.inference import collect_logits
from calibkit.metrics.accuracy import Accuracy
from calibkit.metrics.base import (
    JudgedSamples,
    Of,
    Predictions,
    SumsMetric,
    measure,
    what_is_judged,
)
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.metrics.classwise import ClasswiseError
from calibkit.metrics.proper_scores import NLL, Brier
from calibkit.metrics.reliability_bins import ReliabilityBins, count_into_bins
from calibkit.scalers.base import Scaler
from calibkit.scalers.multi_label import MultiLabelTemperatureScaler
from calibkit.uncertainty._classwise_test import classwise_gaps_and_tests
from calibkit.uncertainty._resampled_metrics import (
    Resampled,
    of_gaps,
    resample_all,
    resampling_of,
)
from calibkit.uncertainty.noise_floor import CalibrationTest, calibration_test

# At most about this many probabilities are in memory where only a number per sample is kept.
_CHUNK_ELEMENTS = 2**18


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


class MeasuredSet(NamedTuple):
    """The metrics of one set of logits with their resamples, its tests, and its bins."""

    metrics: dict[str, Resampled]
    test: CalibrationTest
    bins: ReliabilityBins
    test_of_classes: CalibrationTest | None


def measure_sets(
    sets: list[Rows], n_bins: int, n_resamples: int, seed: int, of: Of | None
) -> list[MeasuredSet]:
    """Measure several sets of logits of the same samples, on the same resamples."""
    relative = [rows.with_mean_weight_1() for rows in sets]
    resampled = _resample(sets, relative, n_bins, n_resamples, seed, of)
    tests_of_classes: list[CalibrationTest | None] = [None] * len(sets)
    if sets[0].n_classes > 2:  # For two classes, the test of P(y = 1) tests both.
        classwise = classwise_gaps_and_tests(
            ClasswiseError(n_bins), relative, "logits", n_resamples=n_resamples, seed=seed
        )
        for i, (gaps, tests_of_classes[i]) in enumerate(classwise):
            resampled[i]["classwise_ece"] = of_gaps(gaps)
    judged = what_is_judged(of, sets[0].n_classes)
    found = []
    for rows, metrics, test_of_classes in zip(sets, resampled, tests_of_classes, strict=True):
        confidence, correct, weights = samples = judged_confidences(rows, of)
        test = calibration_test(
            confidence,
            correct,
            n_bins=n_bins,
            n_resamples=n_resamples,
            seed=seed,
            sample_weight=weights,
        )
        bins = count_into_bins(samples, judged, n_bins)
        found.append(MeasuredSet(metrics, test, bins, test_of_classes))
    return found


def _resample(
    sets: list[Rows],
    relative: list[Rows],
    n_bins: int,
    n_resamples: int,
    seed: int,
    of: Of | None,
) -> list[dict[str, Resampled]]:
    metrics = reported_metrics(n_bins, sets[0].n_classes, of)
    values = [measure_logits(rows, n_bins, of) for rows in sets]
    resamplings = [
        resampling_of(metric, value[name], rows, "logits")
        for rows, value in zip(relative, values, strict=True)
        for name, metric in metrics.items()
    ]
    resampled = iter(resample_all(resamplings, len(sets[0]), n_resamples, seed))
    return [dict(zip(metrics, resampled, strict=False)) for _ in sets]


def judged_confidences(rows: Rows, of: Of | None) -> JudgedSamples:
    """Return what is judged of the probabilities that logits give."""
    confidence, correct, weights = zip(
        *(predictions.judged(of) for predictions in _predictions(rows)), strict=True
    )
    return JudgedSamples(
        torch.cat(confidence),
        torch.cat(correct),
        None if rows.weights is None else torch.cat(weights),
    )


def mean_probabilities(rows: Rows) -> Tensor:
    """Return the mean probability (C,) of each class that logits give."""
    total = torch.zeros(rows.n_classes, dtype=torch.float64)
    for predictions in _predictions(rows):
        p, weights = predictions.probabilities, predictions.weights
        total += p.sum(0) if weights is None else weights @ p
    return total / rows.total_weight


def _predictions(rows: Rows) -> Iterator[Predictions]:
    # A few rows at a time, because all probabilities together take much memory.
    return (Predictions(*chunk, "logits") for chunk in rows.chunks(_CHUNK_ELEMENTS))


def logits_of(
    model_or_logits: nn.Module | Probabilities,
    loader_or_labels: Iterable[object] | Labels,
    *,
    ignore_index: int | None,
    sample_weight: SampleWeight | None,
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
    return check_logits_and_labels(
        logits, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )


def effective_number(weights: Tensor | None) -> float | None:
    """Return how many samples of equal weight these are worth, or None if they have no weights."""
    return None if weights is None else float(weights.sum() ** 2 / (weights**2).sum())


def notes_on(effective_n_samples: float | None, leak_check: str | None) -> list[str]:
    """Return what stands under the tables of a report."""
    n, weights = effective_n_samples, None
    if n is not None:
        weights = f"The samples have weights. They are worth {n:.0f} samples of equal weight."
    return [note for note in (weights, leak_check) if note is not None]


def check_fitted(scaler: object) -> None:
    """Raise an error unless this is a scaler that has been fitted."""
    if not isinstance(scaler, Scaler):
        raise TypeError(
            f"scaler must be a calibkit scaler, got {type(scaler).__name__}; "
            "pass for instance a fitted TemperatureScaler"
        )
    if isinstance(scaler, MultiLabelTemperatureScaler):
        raise TypeError(
            "scaler must be one for a single label per sample, got MultiLabelTemperatureScaler; "
            "use evaluate_multi_label"
        )
    scaler.check_fitted()
