"""A sentence about a temperature that speaks for a mistake in the data."""

import numpy as np

from calibkit import _sentences
from calibkit._rows import Rows
from calibkit.scalers.base import FitSummary

# Networks that were trained in the usual way have temperatures between 0.5 and 5.
_LARGEST, _SMALLEST = 10, 0.1
# If the ends of the interval differ by more than this factor, 1 / T is hardly told from 0.
_WIDEST = 10
# A model gains so little over the most frequent class if its labels belong to other samples.
_LEAST_GAIN = 0.1


def doubt_about(summary: FitSummary | None, accuracy: float, test: Rows) -> str | None:
    """Say what is strange about the temperature of a scaler, what often causes it, what to check.

    The accuracy tells labels that do not belong to the logits from logits of an unusual scale.
    """
    if summary is None or summary.temperature is None or summary.temperature_interval is None:
        return None
    temperature, (low, high) = summary.temperature, summary.temperature_interval
    is_wide = high > _WIDEST * low
    weights = None if test.weights is None else test.weights.numpy()
    shares = np.bincount(test.labels.numpy(), weights) / test.total_weight
    majority = float(shares.max())
    is_chance = accuracy - majority < _LEAST_GAIN * (1 - majority)
    sentence = None
    if is_chance and (is_wide or temperature > _LARGEST):
        sentence = _sentences.UNRELATED
    elif temperature > _LARGEST:
        sentence = _sentences.LARGE_TEMPERATURE
    elif is_wide:
        sentence = _sentences.UNCERTAIN_TEMPERATURE
    elif temperature < _SMALLEST:
        sentence = _sentences.SMALL_TEMPERATURE
    return sentence and sentence.format(
        temperature=f"{temperature:.4g}",
        low=f"{low:.4g}",
        high=f"{high:.4g}",
        accuracy=f"{accuracy:.1%}",
        majority=f"{majority:.1%}",
    )
