"""Verdicts of a report: whether its model is calibrated and, if it is not, how it errs."""

from typing import NamedTuple

import numpy as np

from calibkit import _sentences
from calibkit.metrics.reliability_bins import ReliabilityBins
from calibkit.reports.report import Report
from calibkit.reports.values import MetricValues, p_value_text

# A model that is calibrated is called otherwise with this probability.
LEVEL = 0.05
# Larger p-values than this share of their limit are weak evidence.
_WEAK = 0.1
# A sum of gaps is told from 0 if it exceeds this many standard deviations.
_CLEAR = 1.96
_FIELDS = {"ECE": "ece", "classwise ECE": "classwise_ece"}


class Verdict(NamedTuple):
    """What one set of probabilities shows.

    Attributes
    ----------
    when : str
        Whether the model was scaled.
    values : MetricValues
        The metrics.
    bins : ReliabilityBins
        The bins of the reliability diagram.
    found : dict of str to float
        The names of the errors that chance does not explain, with their p-values.
    """

    when: str
    values: MetricValues
    bins: ReliabilityBins
    found: dict[str, float]


def verdicts(report: Report) -> list[str]:
    """Say whether the model is calibrated, before and after scaling."""
    if report.doubts.no_verdict:
        return [report.doubts.no_verdict]
    parts = _parts(report)
    if not any(part.found for part in parts):
        when = "Before and after scaling" if report.after else parts[0].when
        return [_not_found(when, report, parts)]
    said = [
        _found(part, report) if part.found else _not_found(part.when, report, [part])
        for part in parts
    ]
    return [_sentences.NO_DIRECTION, *said] if report.doubts.may_be_1 else said


def explanations(report: Report) -> list[str]:
    """Say how the verdicts follow from the p-values."""
    if report.doubts.no_verdict:
        return []
    return [_tests(part, report) for part in _parts(report)]


def rejected(values: MetricValues, level: float) -> dict[str, float]:
    """Return the p-values that speak against a calibrated model, with the names of the errors.

    If there are two tests, each may reject half as often. A calibrated model is then rejected with
    a probability of at most ``level``.
    """
    named = {"ECE": values.p_value, "classwise ECE": values.classwise_p_value}
    p_values = {name: p for name, p in named.items() if p is not None}
    return {name: p for name, p in p_values.items() if p < level / len(p_values)}


def words(bins: ReliabilityBins, event: str) -> tuple[str, str]:
    """Return the names of what the model claims and of what is true."""
    if bins.of == "positive":
        return f"P({event})", f"frequency of {event}"
    return "confidence", "accuracy"


def _parts(report: Report) -> list[Verdict]:
    whens = ["Before scaling", "After scaling"] if report.after else ["Without scaling"]
    values = [report.before, *([report.after] if report.after else [])]
    return [
        Verdict(when, one, bins, rejected(one, LEVEL))
        for when, one, bins in zip(whens, values, report.bins, strict=True)
    ]


def _not_found(when: str, report: Report, parts: list[Verdict]) -> str:
    # Labels that fit unusually well may make the interval end below what chance can hide.
    ends = [(part.values.noise_floor.high, "ECE if calibrated") for part in parts]
    ends += [(part.values.ece.high, "ECE") for part in parts]
    high, row = max(ends, key=lambda end: end[0])
    return _sentences.CALIBRATED.format(when=when, n=report.n_samples, high=f"{high:.1%}", row=row)


def _found(part: Verdict, report: Report) -> str:
    values = part.values
    errors = " and ".join(
        f"its {name} of {getattr(values, _FIELDS[name]).value:.1%} ({_p(report, p)})"
        for name, p in part.found.items()
    )
    verb = "are" if len(part.found) > 1 else "is"
    limit = _limit(values)
    is_weak = min(part.found.values()) > _WEAK * limit
    sentence = _sentences.SOME_EVIDENCE if is_weak else _sentences.NOT_CALIBRATED
    how, is_shift = _how(part, report)
    said = sentence.format(when=part.when, how=how, errors=errors, verb=verb, limit=f"{limit:g}")
    if part.when != "After scaling":
        return said
    assert report.summary is not None
    if is_shift and report.summary.temperature is not None:
        return f"{said} {_sentences.SHIFT_REMAINS}"
    return f"{said} {_sentences.CHOOSE} {_sentences.OTHER_DATA}"


def _limit(values: MetricValues) -> float:
    """Return below which p-value an error is called more than chance."""
    return LEVEL if values.classwise_p_value is None else LEVEL / 2


def _how(part: Verdict, report: Report) -> tuple[str, bool]:
    """Say how the model errs, and whether it gives one event too high or too low a probability."""
    bins, is_clear = part.bins, "ECE" in part.found
    if is_clear and bins.of == "positive":
        way = direction_of_event(bins)
        if way.endswith("ESTIMATES"):
            confidence, share = words(bins, report.event)
            numbers = {"mean": f"{bins.mean_confidence:.1%}", "rate": f"{bins.accuracy:.1%}"}
            how = getattr(_sentences, way).format(confidence=confidence, share=share, **numbers)
            return how, True
    else:
        way = _direction_of_confidence(bins)
    is_known = is_clear and not report.doubts.may_be_1
    return getattr(_sentences, way if is_known else "MISCALIBRATED"), False


def _direction_of_confidence(bins: ReliabilityBins) -> str:
    """Say whether the model is too sure or not sure enough, if that is most of its error."""
    gaps = bins.confidence_sum - bins.n_correct
    if abs(gaps.sum()) < np.abs(gaps).sum() / 2:
        return "MISCALIBRATED"
    return "OVERCONFIDENT" if gaps.sum() > 0 else "UNDERCONFIDENT"


def direction_of_event(bins: ReliabilityBins) -> str:
    """Say how P(y = 1) errs, if that is most of its error.

    An overconfident model errs outwards on both sides of one half. If it errs to one side only, it
    over- or underestimates the event.
    """
    gaps = bins.confidence_sum - bins.n_correct
    # Labels that are drawn from the probabilities would have this variance.
    variance = bins.confidence_sum * (1 - bins.confidence_sum / np.maximum(bins.count, 1))
    is_low = bins.confidence_sum < bins.count / 2
    ends = [_clear_sum(gaps[side], variance[side]) for side in (is_low, ~is_low)]
    error = np.abs(gaps).sum()
    if ends[0] * ends[1] < 0 and abs(ends[1] - ends[0]) >= error / 2:
        return "OVERCONFIDENT" if ends[1] > 0 else "UNDERCONFIDENT"
    shift = _clear_sum(gaps, variance)
    if shift == 0 or abs(shift) < error / 2:
        return "MISCALIBRATED"
    return "OVERESTIMATES" if shift > 0 else "UNDERESTIMATES"


def _clear_sum(gaps: np.ndarray, variance: np.ndarray) -> float:
    """Return the sum of the gaps, or 0 where chance alone may produce it."""
    total = float(gaps.sum())
    return total if abs(total) > _CLEAR * variance.sum() ** 0.5 else 0.0


def _p(report: Report, p_value: float) -> str:
    return f"p {p_value_text(p_value, report.n_resamples, '= ')}"


def _tests(part: Verdict, report: Report) -> str:
    """Say what the p-values mean."""
    values = part.values
    shown = {
        "when": part.when,
        "ece": f"{values.ece.value:.1%}",
        "share": f"{values.p_value:.1%}",
        "p": _p(report, values.p_value),
    }
    if values.classwise_p_value is None or values.classwise_ece is None:
        return _sentences.ONE_TEST.format(level=f"{LEVEL:.0%}", **shown)
    return _sentences.TWO_TESTS.format(
        level=f"{LEVEL / 2:.1%}",
        classwise_ece=f"{values.classwise_ece.value:.1%}",
        classwise_share=f"{values.classwise_p_value:.1%}",
        classwise_p=_p(report, values.classwise_p_value),
        **shown,
    )
