"""A fitted estimator with the scaler of what it returns."""

import copy
import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from calibkit._types import Floats
from calibkit.estimators._cross_fitting import HeldOut, Samples
from calibkit.estimators._responses import log_of_zero, log_probabilities
from calibkit.reports.best_scaler import best_scaler
from calibkit.scalers.base import Scaler
from calibkit.scalers.binning import HistogramScaler
from calibkit.scalers.temperature import TemperatureScaler

# With fewer samples than this, a choice among scalers is mostly chance.
_LEAST_FOR_CHOICE = 100


class Calibrated(NamedTuple):
    """A fitted estimator, the scaler of its log-probabilities, and what stands for that of 0."""

    estimator: Any
    scaler: Scaler
    log_of_zero: float

    def logits(self, X: Any, classes: NDArray[np.generic]) -> Floats:
        """Return what the scaler gets: log-probabilities that are finite."""
        log_p = log_probabilities(self.estimator, X, classes)
        return np.where(np.isneginf(log_p), self.log_of_zero, log_p)

    def log_probabilities(self, X: Any, classes: NDArray[np.generic]) -> Floats:
        """Return the logarithms of the calibrated probabilities."""
        scaled = self.scaler(torch.from_numpy(self.logits(X, classes)))
        log_p: Floats = scaled.log_softmax(1).numpy()
        return log_p


def calibrate(held_out: HeldOut, samples: Samples, scaler: Scaler | Literal["auto"]) -> Calibrated:
    """Fit a copy of the scaler, or one that is chosen, to held-out samples."""
    estimator, indices, log_p = held_out
    instead = log_of_zero(log_p)
    logits = np.where(np.isneginf(log_p), instead, log_p)
    labels = samples.labels[indices]
    weights = None if samples.weights is None else samples.weights[indices]
    if isinstance(scaler, Scaler):
        fitted = copy.deepcopy(scaler).fit_logits(logits, labels, sample_weight=weights)
    else:
        fitted = _choose_and_fit(logits, labels, weights)
    return Calibrated(estimator, fitted, instead)


def _choose_and_fit(logits: Floats, labels: NDArray[np.int64], weights: Floats | None) -> Scaler:
    try:
        if len(labels) < _LEAST_FOR_CHOICE:
            return TemperatureScaler(smoothing=1).fit_logits(logits, labels, sample_weight=weights)
        return best_scaler(logits, labels, sample_weight=weights, progress=False)
    except ValueError as error:
        # If the input is wrong, this fit refuses it, too.
        frequencies = HistogramScaler(n_bins=1).fit_logits(logits, labels, sample_weight=weights)
        warnings.warn(
            "the probabilities are the frequencies of the classes, because no scaler can be fitted "
            f"to what the estimator returns: {error}",
            stacklevel=4,
        )
        return frequencies
