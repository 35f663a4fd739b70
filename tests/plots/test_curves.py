import numpy as np
import pytest
import torch

from calibkit import (
    TemperatureScaler,
    calibration_error,
    negative_log_likelihood,
    risk_coverage_curve,
    temperature_curve,
)
from tests.helpers import calibrated_problem


def test_temperature_curve_shows_the_metrics_and_marks_the_best_temperature():
    logits, labels = calibrated_problem(500, 5, 2)
    ax = temperature_curve(logits, labels, n_bins=10)
    curve, best = ax.lines
    temperature = TemperatureScaler().fit_logits(logits, labels).temperature
    assert best.get_xdata()[0] == temperature
    assert curve.get_xdata()[np.argmin(curve.get_ydata())] == pytest.approx(temperature)
    (right,) = (other for other in ax.figure.axes if other is not ax)
    ece, lowest = right.lines
    for i in (0, 20, 60):
        probabilities = (logits / curve.get_xdata()[i]).softmax(1)
        nll = negative_log_likelihood(probabilities, labels)
        assert curve.get_ydata()[i] == pytest.approx(nll)
        error = calibration_error(probabilities, labels, n_bins=10)
        assert ece.get_ydata()[i] == pytest.approx(error)
    assert lowest.get_ydata()[0] == min(ece.get_ydata())


def test_risk_and_coverage_by_hand():
    # In order of confidence: one right, two of equal confidence with one of them wrong, one wrong.
    probabilities = torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4]])
    ax = risk_coverage_curve(probabilities, torch.tensor([0, 0, 1, 1]))
    curve, best = ax.lines
    assert curve.get_xdata() == pytest.approx([0.25, 0.5, 0.75, 1])
    assert curve.get_ydata() == pytest.approx([0, 0.5 / 2, 1 / 3, 2 / 4])
    assert best.get_ydata() == pytest.approx([0, 0, 1 / 3, 2 / 4])
