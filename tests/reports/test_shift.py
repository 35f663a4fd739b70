"""Checks of a fitted scaler on a shifted test set."""

import json

import pytest
import torch

from calibkit import TemperatureScaler, VectorScaler, check_shift
from tests.helpers import calibrated_problem


@pytest.mark.parametrize(
    ("sharpness", "verdict"),
    [(2.0, "helps"), (0.8, "hurts"), (1.405, "makes no clear difference")],
)
def test_shift(sharpness, verdict):
    """Fitted at T = 2, on sets that ask for another T."""
    logits, labels = calibrated_problem(4000, 10, 1)
    scaler = TemperatureScaler().fit_logits(2 * logits[:2000], labels[:2000])
    found = check_shift(scaler, sharpness * logits[2000:], labels[2000:], n_resamples=300)
    assert found.verdict == verdict
    asked = TemperatureScaler().fit_logits(sharpness * logits[2000:], labels[2000:])
    assert found.refit == asked.summary
    assert f"On these 2000 samples the fitted TemperatureScaler {verdict}." in str(found)
    assert f"this set asks for  {asked.temperature:.3g}" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["verdict"] == verdict


def test_shift_to_where_nothing_is_known():
    logits, labels = calibrated_problem(1000, 4, 2)
    scaler = TemperatureScaler().fit_logits(logits[:500], labels[:500])
    wrong = (logits[500:].argmax(1) + 1) % 4
    found = check_shift(scaler, logits[500:], wrong, n_resamples=50)
    assert found.verdict == "helps"
    assert found.refit is None


def test_shift_to_one_class_alone():
    logits, labels = calibrated_problem(600, 4, 2)
    scaler = TemperatureScaler().fit_logits(logits[:300], labels[:300])
    found = check_shift(scaler, logits[300:], torch.ones(300, dtype=torch.int64), n_resamples=40)
    assert found.refit is None


def test_what_is_not_known_is_not_printed():
    logits, labels = calibrated_problem(1000, 4, 2)
    wrong = (logits[500:].argmax(1) + 1) % 4
    scaler = VectorScaler().fit_logits(logits[:500], labels[:500])
    shown = str(check_shift(scaler, logits[500:], wrong, n_resamples=40))
    assert shown.startswith("On these 500 samples the fitted VectorScaler ")
    assert "temperature" not in shown
    assert "asks for" not in shown
