"""The maps of the arena: what each is called, and how it is fitted to logits and labels.

A map is fitted by a function that takes logits and labels in float64 and returns a function from
logits to probabilities. The peers get what they take: probabilities, or logits.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor

import calibkit

Predict = Callable[[Tensor], Tensor]
Fit = Callable[[Tensor, Tensor], Predict]


class Map(NamedTuple):
    """How a map is fitted, and to how many classes."""

    fit: Fit
    most_classes: int = 1000


def no_scaling(logits: Tensor, labels: Tensor) -> Predict:
    return _softmax


def ours(make: Callable[[], calibkit.Scaler]) -> Fit:
    return chosen(lambda logits, labels: make().fit_logits(logits, labels))


def chosen(choose: Callable[[Tensor, Tensor], calibkit.Scaler]) -> Fit:
    """Return the fit of a function that returns a fitted scaler."""

    def fit(logits: Tensor, labels: Tensor) -> Predict:
        scaler = choose(logits, labels)
        return lambda other: _softmax(scaler(other))

    return fit


def probmetrics(make: Callable[[], object]) -> Fit:
    def fit(logits: Tensor, labels: Tensor) -> Predict:
        calibrator = make().fit(_softmax(logits).numpy(), labels.numpy())
        return lambda other: torch.from_numpy(calibrator.predict_proba(_softmax(other).numpy()))

    return fit


def _sms() -> object:
    from probmetrics.calibrators import SMSCalibrator

    return SMSCalibrator()


def _svs() -> object:
    from probmetrics.calibrators import SVSCalibrator

    return SVSCalibrator()


def _probmetrics_temperature() -> object:
    from probmetrics.calibrators import get_calibrator

    return get_calibrator("ts-mix")


def _probmetrics_logistic() -> object:
    """The quadratic map of two classes; for more classes the calibrator of that name is SMS."""
    from probmetrics.calibrators import LogisticCalibrator

    return LogisticCalibrator()


class _OutputsAsLogits(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose input is the logits that a model has returned."""

    def __init__(self, n_classes: int = 2) -> None:
        self.n_classes = n_classes
        self.classes_ = np.arange(n_classes)

    def fit(self, logits: np.ndarray, labels: np.ndarray) -> "_OutputsAsLogits":
        return self

    def decision_function(self, logits: np.ndarray) -> np.ndarray:
        return logits[:, 1] - logits[:, 0] if self.n_classes == 2 else logits

    def predict(self, logits: np.ndarray) -> np.ndarray:
        return logits.argmax(1)


class _OutputsAsProbabilities(_OutputsAsLogits):
    decision_function = None  # scikit-learn would prefer it

    def predict_proba(self, logits: np.ndarray) -> np.ndarray:
        return _softmax(torch.from_numpy(logits)).numpy()


def sklearn(method: str, outputs: type[_OutputsAsLogits]) -> Fit:
    def fit(logits: Tensor, labels: Tensor) -> Predict:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.frozen import FrozenEstimator

        model = FrozenEstimator(outputs(logits.shape[1]))
        calibrator = CalibratedClassifierCV(model, method=method)
        calibrator.fit(logits.numpy(), labels.numpy())
        return lambda other: torch.from_numpy(calibrator.predict_proba(other.numpy()))

    return fit


def netcal(name: str) -> Fit:
    def fit(logits: Tensor, labels: Tensor) -> Predict:
        import netcal.scaling

        calibrator = getattr(netcal.scaling, name)()
        calibrator.fit(_netcal_input(logits), labels.numpy())
        return lambda other: _two_columns(calibrator.transform(_netcal_input(other)))

    return fit


def _netcal_input(logits: Tensor) -> np.ndarray:
    probabilities = _softmax(logits).numpy()
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities


def _two_columns(probabilities: np.ndarray) -> Tensor:
    found = torch.as_tensor(np.asarray(probabilities, dtype=np.float64))
    if found.ndim == 2 and found.shape[1] > 1:
        return found
    found = found.flatten()
    return torch.stack([1 - found, found], 1)


def venn_abers(logits: Tensor, labels: Tensor) -> Predict:
    from venn_abers import VennAbersCalibrator

    def predict(other: Tensor) -> Tensor:
        probabilities = VennAbersCalibrator().predict_proba(
            p_cal=_softmax(logits).numpy(), y_cal=labels.numpy(), p_test=_softmax(other).numpy()
        )
        return torch.from_numpy(np.asarray(probabilities, dtype=np.float64))

    return predict


def _softmax(logits: Tensor) -> Tensor:
    return logits.double().softmax(1)


OURS = {
    "TemperatureScaler": Map(ours(calibkit.TemperatureScaler)),
    "VectorScaler": Map(ours(calibkit.VectorScaler)),
    "MatrixScaler": Map(ours(calibkit.MatrixScaler)),
    "DirichletScaler": Map(ours(calibkit.DirichletScaler)),
    "UniformMixtureScaler": Map(ours(calibkit.UniformMixtureScaler)),
    "LogisticScaler": Map(ours(calibkit.LogisticScaler), most_classes=2),
    "QuadraticScaler": Map(ours(calibkit.QuadraticScaler), most_classes=2),
    "BetaScaler": Map(ours(calibkit.BetaScaler), most_classes=2),
    "HistogramScaler": Map(ours(calibkit.HistogramScaler)),
    "IsotonicScaler": Map(ours(calibkit.IsotonicScaler)),
    "best_scaler": Map(chosen(partial(calibkit.best_scaler, progress=False))),
}
PEERS = {
    "probmetrics SMS": Map(probmetrics(_sms)),
    "probmetrics SVS": Map(probmetrics(_svs)),
    "probmetrics temperature": Map(probmetrics(_probmetrics_temperature)),
    "probmetrics logistic": Map(probmetrics(_probmetrics_logistic), most_classes=2),
    "scikit-learn sigmoid": Map(sklearn("sigmoid", _OutputsAsLogits)),
    "scikit-learn isotonic": Map(sklearn("isotonic", _OutputsAsProbabilities)),
    "scikit-learn temperature": Map(sklearn("temperature", _OutputsAsLogits)),
    "netcal temperature": Map(netcal("TemperatureScaling")),
    "netcal logistic": Map(netcal("LogisticCalibration"), most_classes=2),
    "netcal beta": Map(netcal("BetaCalibration"), most_classes=2),
    "venn-abers": Map(venn_abers, most_classes=30),
}
MAPS = {"no scaling": Map(no_scaling), **OURS, **PEERS}
