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


@pytest.mark.parametrize("n", [1, 2, 5, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_few_samples_never_make_a_clear_difference(n, weighted):
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(200, 5, 2.0))
    scaler.temperature = 3.0
    # All answers are wrong and sure, so that a temperature of 3 lowers the NLL of each of them.
    logits = 5 * torch.eye(5)[torch.arange(50) % 5]
    logits += torch.rand(50, 5, generator=torch.Generator().manual_seed(0))
    labels = (torch.arange(50) + 1) % 5
    chosen, weights = slice(n), None
    if weighted:
        chosen, weights = slice(50), torch.full((50,), 1e-9)
        weights[:n] = 1
    check = check_shift(scaler, logits[chosen], labels[chosen], sample_weight=weights)
    assert check.verdict == ("helps" if n == 6 else "makes no clear difference")
