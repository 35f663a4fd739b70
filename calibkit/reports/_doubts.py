"""Sentences about a temperature that speaks for a mistake in the data, or that nobody needs."""

from typing import NamedTuple

import numpy as np

from calibkit import _result_sentences
from calibkit._rows import Rows
from calibkit.reports._copies import copies
from calibkit.reports._exchanged_classes import exchanged_classes
from calibkit.reports._measuring import effective_number
from calibkit.reports.values import LEVEL, MetricValues, rejected
from calibkit.scalers.base import FitSummary

# Networks that were trained in the usual way have temperatures between 0.5 and 5.
_LARGEST, _SMALLEST = 10, 0.1
# If the ends of the interval differ by more than this factor, 1 / T is hardly told from 0.
_WIDEST = 10
# A model gains so little over the most frequent class if its labels belong to other samples.
_LEAST_GAIN = 0.1
# The command line and the calculator take no weights, so they do not share this sentence.
_FEW_BY_WEIGHT = (
    "The weights leave about as much information as {n:.0f} samples of equal weight hold, which "
    "are very few, so all results are uncertain. Use more samples of large weight, or weights that "
    "differ less."
)
# With fewer samples, an accuracy is uncertain by 10 percentage points, and an ECE says nothing.
LEAST_SAMPLES = 100


def whens(n_sets: int) -> list[str]:
    """Return how every sentence says which logits it is about: those of the model, or scaled."""
    return ["Before scaling", "After scaling"] if n_sets > 1 else ["Without scaling"]


class Doubts(NamedTuple):
    """What makes the results of a report doubtful.

    Attributes
    ----------
    warnings : list of str
        Sentences about a strange temperature, exchanged classes, or very few samples.
    no_verdict : str or None
        Why the samples allow no verdict on the calibration: the labels seem to belong to other
        samples than the logits, or to other classes.
    on_1 : str or None
        What to do if T = 1 fits the samples, which then show neither over- nor underconfidence.
    confident_errors : tuple of str
        When ("Before scaling") no test finds an error, but too many answers with a very high
        confidence are wrong.
    """

    warnings: list[str]
    no_verdict: str | None
    on_1: str | None
    confident_errors: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """The warnings, and whether T is of any use."""
        return [*self.warnings, *([self.on_1] if self.on_1 else [])]

    @property
    def leaves_direction_open(self) -> bool:
        """Whether the model errs, but may be over- or underconfident."""
        return self.on_1 == _result_sentences.NO_DIRECTION


def doubts_about(
    summary: FitSummary | None, accuracy: float, test: Rows, values: MetricValues | None = None
) -> Doubts:
    """Look for what speaks for a mistake in the data, and for a temperature that nobody needs.

    Only the values of a test show whether the unscaled model errs, and nobody needs to scale.
    """
    sizes = [test.labels.numel()] if summary is None else [test.labels.numel(), summary.n_samples]
    exchanged = exchanged_classes(test)
    warnings = [
        *copies(test),
        *exchanged,
        *_one_class(test, values),
        *_few_samples(min(sizes), effective_number(test.weights)),
    ]
    if summary is None or summary.temperature is None or summary.temperature_interval is None:
        return Doubts(warnings, _why_no_verdict(None, exchanged), on_1=None)
    temperature, (low, high) = summary.temperature, summary.temperature_interval
    majority = _majority(test)
    sentence = _sentence_about(temperature, (low, high), accuracy, majority)
    if sentence is not None:
        # It says what often causes this, and what to check.
        words = {"temperature": temperature, "low": low, "high": high}
        better = "hardly better" if accuracy > majority else "not better"
        shares = {"accuracy": f"{accuracy:.1%}", "majority": f"{majority:.1%}", "better": better}
        texts = {name: f"{number:.4g}" for name, number in words.items()}
        warnings.insert(0, sentence.format(**texts, **shares))
    no_verdict = _why_no_verdict(sentence, exchanged)
    if no_verdict is not None or not low <= 1 <= high:
        return Doubts(warnings, no_verdict, on_1=None)
    is_good = values is not None and not rejected(values, LEVEL)
    on_1 = _result_sentences.NEED_NOT_SCALE if is_good else _result_sentences.NO_DIRECTION
    return Doubts(warnings, no_verdict, on_1)


def _one_class(test: Rows, values: MetricValues | None) -> list[str]:
    """Warn of a test of one class only, whose samples may have been chosen by their label."""
    labels, n = test.labels.unique().tolist(), test.labels.numel()
    if values is None or len(labels) > 1 or n == 1:
        return []
    return [_result_sentences.ONE_CLASS_IN_TEST.format(n=n, label=labels[0])]


def _few_samples(n: int, effective_n: float | None) -> list[str]:
    """Warn if there are few samples, or if a few of them have nearly all of the weight."""
    if n < LEAST_SAMPLES:
        return [_result_sentences.FEW_SAMPLES.format(n=n, least=LEAST_SAMPLES)]
    few_by_weight = effective_n is not None and effective_n < LEAST_SAMPLES
    return [_FEW_BY_WEIGHT.format(n=effective_n)] if few_by_weight else []


def _why_no_verdict(of_temperature: str | None, exchanged: list[str]) -> str | None:
    if of_temperature == _result_sentences.UNRELATED:
        return _result_sentences.NO_VERDICT
    return _result_sentences.NO_VERDICT_WHEN_EXCHANGED if exchanged else None


def _sentence_about(
    temperature: float, interval: tuple[float, float], accuracy: float, majority: float
) -> str | None:
    """Return what is strange about a temperature.

    The accuracy tells labels that do not belong to the logits from logits of an unusual scale.
    """
    low, high = interval
    is_wide = high > _WIDEST * low
    is_chance = accuracy - majority < _LEAST_GAIN * (1 - majority)
    # If a usual T may be 1, the labels may fit the logits: few samples make all this uncertain.
    if is_chance and (temperature > _LARGEST or (is_wide and not low <= 1 <= high)):
        return _result_sentences.UNRELATED
    if temperature > _LARGEST:
        return _result_sentences.LARGE_TEMPERATURE
    if is_wide:
        return _result_sentences.UNCERTAIN_TEMPERATURE
    return _result_sentences.SMALL_TEMPERATURE if temperature < _SMALLEST else None


def _majority(test: Rows) -> float:
    """Return the share of the most frequent class."""
    weights = None if test.weights is None else test.weights.numpy()
    shares = np.bincount(test.labels.numpy(), weights) / test.total_weight
    return float(shares.max())
