"""Verdicts of a report: whether its model is calibrated and, if it is not, how it errs."""

import math
from typing import NamedTuple

import numpy as np

from calibkit import _result_sentences
from calibkit.metrics.reliability_bins import ReliabilityBins
from calibkit.reports._doubts import whens
from calibkit.reports.report import Report
from calibkit.reports.values import (
    LEVEL,
    MetricValues,
    p_value_is_bound,
    p_value_text,
    rejected,
)
from calibkit.scalers.base import FitSummary

# Larger p-values than this share of their limit are weak evidence.
_WEAK = 0.1
# A p-value may fall on the other side of its limit if it is no further away than so many standard
# errors of the random draws.
_CLOSE = 2
# A sum of gaps is told from 0 if it exceeds this many standard deviations.
_CLEAR = 1.96
# One bin with more than this share of the samples leaves little to see in the others.
_CROWDED = 0.8
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
    is_told_apart = any(part.found or _is_close(part, report) for part in parts)
    if is_told_apart or report.doubts.confident_errors:
        said = [" ".join([_verdict(part, report), *_on_p_value(part, report)]) for part in parts]
    else:
        when = "Before and after scaling" if report.after else parts[0].when
        of_p_values = [sentence for part in parts for sentence in _on_p_value(part, report)]
        said = [" ".join([_not_found(when, report, parts), *of_p_values])]
    return [*_of_temperature(report), *said]


def _verdict(part: Verdict, report: Report) -> str:
    if part.found:
        return _found(part, report)
    if part.when in report.doubts.confident_errors:
        return _result_sentences.ONLY_CONFIDENT_ERRORS.format(when=part.when)
    return _not_found(part.when, report, [part])


def warnings(report: Report) -> list[str]:
    """Return what makes the results doubtful, and what the correction spoils or leaves."""
    return [*report.doubts.warnings, *_nll_rises(report), *_shift_remains(report)]


def notes(report: Report) -> list[str]:
    """Return what to say below the printed report, which has no verdict."""
    if report.doubts.no_verdict:
        return []
    parts = [part for part in _parts(report) if _is_close(part, report)]
    close = [sentence for part in parts for sentence in _on_p_value(part, report)]
    return [*_nll_rises(report), *_shift_remains(report), *_outside_1(report), *close]


def outside_1(summary: FitSummary | None, *, is_shift: bool = False) -> list[str]:
    """Say in which direction the model errs, if the interval of T settles it."""
    interval = summary and summary.temperature_interval
    if not interval or interval[0] <= 1 <= interval[1]:
        return []
    how, side = (
        (_result_sentences.OVERCONFIDENT, "above")
        if interval[0] > 1
        else (_result_sentences.UNDERCONFIDENT, "below")
    )
    said = _result_sentences.OUTSIDE_1_OF_A_SHIFT if is_shift else _result_sentences.OUTSIDE_1
    return [said.format(how=how, side=side)]


def _outside_1(report: Report) -> list[str]:
    return outside_1(report.summary, is_shift=any(_is_shift(part) for part in _parts(report)))


def _of_temperature(report: Report) -> list[str]:
    """Say whether T may be 1, in the sentence that the verdicts follow."""
    on_1 = report.doubts.on_1
    return _outside_1(report) if on_1 is None else [on_1]


def _shift_remains(report: Report) -> list[str]:
    """Warn of an error that no temperature corrects."""
    is_spoilt = _is_worse(report) or _nll_rises(report)
    if not _has_temperature(report) or report.doubts.no_verdict or is_spoilt:
        return []
    return [_result_sentences.SHIFT_REMAINS] if _is_shift(_parts(report)[-1]) else []


def _has_temperature(report: Report) -> bool:
    return report.summary is not None and report.summary.temperature is not None


def _is_worse(report: Report) -> bool:
    """Say whether the model shows an error only if its logits are divided by T."""
    if not _has_temperature(report):
        return False
    before, after = _parts(report)
    return not before.found and bool(after.found)


def _nll_rises(report: Report) -> list[str]:
    """Warn of a correction without which the model is better, unless T may be 1."""
    doubts = report.doubts
    if report.change is None or doubts.no_verdict or doubts.on_1 or report.change.nll.low <= 0:
        return []
    nll = report.change.nll
    words = {name: f"{getattr(nll, name):.3f}" for name in ("value", "low", "high")}
    return [_result_sentences.NLL_RISES.format(**words, leave=_result_sentences.LEAVE_UNSCALED)]


def explanations(report: Report) -> list[str]:
    """Say how the verdicts follow from the p-values."""
    if report.doubts.no_verdict:
        return []
    return [_tests(part, report) for part in _parts(report)]


def words(bins: ReliabilityBins, event: str) -> tuple[str, str]:
    """Return the names of what the model claims and of what is true."""
    if bins.of == "positive":
        return f"P({event})", f"frequency of {event}"
    return "confidence", "accuracy"


def _parts(report: Report) -> list[Verdict]:
    values = [report.before, *([report.after] if report.after else [])]
    return [
        Verdict(when, one, bins, rejected(one, LEVEL))
        for when, one, bins in zip(whens(len(values)), values, report.bins, strict=True)
    ]


def _is_crowded(bins: ReliabilityBins) -> bool:
    """Say whether one bin of P(y = 1) holds so many samples that the ECE says little of them."""
    return bins.of == "positive" and bool(bins.count.max() > _CROWDED * bins.count.sum())


def _not_found(when: str, report: Report, parts: list[Verdict]) -> str:
    if any(map(_is_crowded, report.bins)):
        confidence, share = words(report.bins[0], report.event)
        return _result_sentences.ONE_BIN.format(when=when, confidence=confidence, share=share)
    # Labels that fit unusually well may make the interval end below what chance can hide.
    ends = [(part.values.noise_floor.high, "ECE if calibrated") for part in parts]
    ends += [(part.values.ece.high, "ECE") for part in parts]
    high, row = max(ends, key=lambda end: end[0])
    # "After scaling" alone says that T has corrected the error.
    is_unseen = parts[0].when == "Before scaling" and bool(_outside_1(report))
    sentence = _result_sentences.UNSEEN if is_unseen else _result_sentences.CALIBRATED
    return sentence.format(when=when, n=report.n_samples, high=f"{high:.1%}", row=row)


def _found(part: Verdict, report: Report) -> str:
    values = part.values
    errors = " and ".join(
        f"its {name} of {getattr(values, _FIELDS[name]).value:.1%} ({_p(report, p)})"
        for name, p in part.found.items()
    )
    verb = "are" if len(part.found) > 1 else "is"
    how = _how(part, report)
    if part.when == "After scaling" and _is_worse(report):
        leave, before = _result_sentences.LEAVE_UNSCALED, _p(report, _decisive(report.before)[0])
        words = {"how": how, "errors": errors, "verb": verb, "before": before, "leave": leave}
        return _result_sentences.MADE_WORSE.format(**words)
    limit, limit_text = _limit(values)
    is_weak = min(part.found.values()) > _WEAK * limit
    sentence = _result_sentences.SOME_EVIDENCE if is_weak else _result_sentences.NOT_CALIBRATED
    said = sentence.format(when=part.when, how=how, errors=errors, verb=verb, limit=limit_text)
    if part.when != "After scaling" or _shift_remains(report) or _nll_rises(report):
        return said
    # The sentence about T = 1 has said that another temperature need not help.
    is_best = _has_temperature(report) and not report.doubts.leaves_direction_open
    best = [_result_sentences.ALREADY_BEST] if is_best else []
    return " ".join([said, *best, _result_sentences.CHOOSE, _result_sentences.OTHER_DATA])


def _decisive(values: MetricValues) -> tuple[float, str]:
    """Return the p-value that decides the verdict, the smaller one of two tests, and its error."""
    tests = [(values.p_value, "ECE"), (values.classwise_p_value, "classwise ECE")]
    return min((p, error) for p, error in tests if p is not None)


def _is_close(part: Verdict, report: Report) -> bool:
    """Say whether other random draws could reverse the verdict."""
    p, _ = _decisive(part.values)
    error = math.sqrt(p * (1 - p) / report.n_resamples)
    return abs(p - _limit(part.values)[0]) <= _CLOSE * error


def _on_p_value(part: Verdict, report: Report) -> list[str]:
    """Explain a p-value that other random draws could turn, or that seems to be small enough."""
    (p, error), (limit, limit_text) = _decisive(part.values), _limit(part.values)
    words = {"error": error, "when": part.when.lower(), "p": f"{p:.3f}", "limit": limit_text}
    if _is_close(part, report):
        return [_result_sentences.CLOSE.format(n=report.n_resamples, **words)]
    return [_result_sentences.NOT_BELOW.format(**words)] if limit <= p < LEVEL else []


def _limit(values: MetricValues) -> tuple[float, str]:
    """Return below which p-value an error is called more than chance, and the same in words."""
    if values.classwise_p_value is None:
        return LEVEL, f"{LEVEL:g}"
    limit = LEVEL / 2
    return limit, _result_sentences.LIMIT_OF_TWO_TESTS.format(
        limit=f"{limit:g}", level=f"{LEVEL:g}"
    )


def _way(part: Verdict) -> str:
    """Return the name of the sentence that says how the model errs."""
    if "ECE" not in part.found:
        return "MISCALIBRATED"
    if part.bins.of == "positive":
        return direction_of_event(part.bins)
    return _direction_of_confidence(part.bins)


def _is_shift(part: Verdict) -> bool:
    """Say whether the model gives one event too high or too low a probability."""
    return _way(part).endswith("ESTIMATES")


def _how(part: Verdict, report: Report) -> str:
    """Say how the model errs."""
    bins, way = part.bins, _way(part)
    # If T may be 1, over- and underconfidence are both possible.
    is_open = report.doubts.on_1 is not None and not _is_shift(part)
    how: str = getattr(_result_sentences, "MISCALIBRATED" if is_open else way)
    confidence, share = words(bins, report.event)
    numbers = {"mean": f"{bins.mean_confidence:.1%}", "rate": f"{bins.accuracy:.1%}"}
    return how.format(confidence=confidence, share=share, **numbers)


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


def _share(report: Report, p_value: float) -> str:
    """Return a p-value as a share of test sets, of which the smallest one is only a bound."""
    share = f"{p_value:.1%}"
    is_bound = p_value_is_bound(p_value, report.n_resamples)
    return _result_sentences.AT_MOST.format(share=share) if is_bound else share


def _tests(part: Verdict, report: Report) -> str:
    """Say what the p-values mean."""
    values = part.values
    shown = {
        "when": part.when,
        "ece": f"{values.ece.value:.1%}",
        "share": _share(report, values.p_value),
        "p": _p(report, values.p_value),
    }
    if values.classwise_p_value is None or values.classwise_ece is None:
        return _result_sentences.ONE_TEST.format(level=f"{LEVEL:.0%}", **shown)
    return _result_sentences.TWO_TESTS.format(
        level=f"{LEVEL / 2:.1%}",
        classwise_ece=f"{values.classwise_ece.value:.1%}",
        classwise_share=_share(report, values.classwise_p_value),
        classwise_p=_p(report, values.classwise_p_value),
        **shown,
    )
