"""Learning curves."""

import numpy as np
import pytest

from calibkit import TemperatureScaler, compare, learning_curve
from tests.helpers import calibrated_problem


def test_learning_curve_shows_mean_and_standard_deviation_over_splits():
    logits, labels = calibrated_problem(600, 5, 2)
    found = compare([TemperatureScaler()], logits, labels, n_calibration=[50, 300], progress=False)
    for metric in ("nll", "ece", "brier", "accuracy"):
        ax = learning_curve(found, metric=metric)
        labels_shown = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels_shown == ["unscaled", "TemperatureScaler"]
        _, (line, _, (bars,)) = ax.containers
        values = [found.values("TemperatureScaler", n, metric) for n in (50, 300)]
        assert line.get_ydata() == pytest.approx([np.mean(v) for v in values])
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        assert np.diff(ends).ravel() / 2 == pytest.approx([np.std(v) for v in values])
