"""A warning of wrong answers at a very high confidence, which an ECE hardly shows."""

from typing import NamedTuple

from scipy.special import gammainc

from calibkit import _result_sentences
from calibkit._rows import Rows
from calibkit.reports._doubts import Doubts, whens
from calibkit.reports.values import LEVEL, MetricValues, rejected

_CONFIDENCES = (0.99, 0.999, 0.9999, 0.99999)
# A calibrated model is warned of with at most this probability, at all confidences together.
_FALSE_ALARMS = 0.01


class ConfidentErrors(NamedTuple):
    """More wrong answers above a confidence than a calibrated model gives by chance.

    Attributes
    ----------
    confidence : float
        The answers have a higher confidence than this.
    n_wrong, n : int
        How many of these answers are wrong, and how many there are.
    expected : float
        How many a calibrated model would give on average.
    """

    confidence: float
    n_wrong: int
    n: int
    expected: float

    @property
    def p_value(self) -> float:
        """The probability of so many wrong answers or more.

        Their number is a sum of independent outcomes with unequal, small probabilities. A Poisson
        distribution with the same mean has heavier tails (Hoeffding 1956).
        """
        return float(gammainc(self.n_wrong, self.expected)) if self.n_wrong else 1.0


def confident_errors(rows: Rows) -> ConfidentErrors | None:
    """Return the most surprising errors at a very high confidence, or None if chance explains them.

    The rows count the same, because no model says how often a weighted sample is wrong.
    """
    p, answers = rows.scores.double().softmax(1).max(1)
    is_wrong = answers != rows.labels
    found = []
    for confidence in _CONFIDENCES:
        above = p > confidence
        expected = float((1 - p[above]).sum())
        n_wrong, n = int(is_wrong[above].sum()), int(above.sum())
        found.append(ConfidentErrors(confidence, n_wrong, n, expected))
    worst = min(found, key=lambda errors: errors.p_value)
    return worst if worst.p_value < _FALSE_ALARMS / len(_CONFIDENCES) else None


def with_confident_errors(doubts: Doubts, sets: list[Rows], values: list[MetricValues]) -> Doubts:
    """Warn of such errors before and after scaling, where no test has found another error."""
    found = {
        when: _sentence(when, errors)
        for when, rows, own in zip(whens(len(sets)), sets, values, strict=True)
        if rows.weights is None
        and not rejected(own, LEVEL)
        and (errors := confident_errors(rows)) is not None
    }
    warnings = [*doubts.warnings, *found.values()]
    return doubts._replace(warnings=warnings, confident_errors=tuple(found))


def _sentence(when: str, errors: ConfidentErrors) -> str:
    few = errors.expected < 0.1
    return _result_sentences.CONFIDENT_ERRORS.format(
        when=when,
        n_wrong=errors.n_wrong,
        n=errors.n,
        confidence=f"{100 * errors.confidence:g}%",
        expected="fewer than 0.1" if few else f"about {errors.expected:.1f}",
    )
