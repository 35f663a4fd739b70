"""The noise floor and the test of calibration: what they promise, by simulation and by hand."""

import numpy as np
import pytest
import torch

import calibkit
from calibkit import calibration_test
from tests.helpers import calibrated_problem


def relabel(probabilities: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def test_p_values_of_calibrated_models_are_uniform():
    generator = torch.Generator().manual_seed(0)
    probabilities = (2 * torch.randn(500, 10, generator=generator)).softmax(1)
    p_values = np.array(
        [
            calibration_test(
                probabilities, relabel(probabilities, generator), n_resamples=199, seed=seed
            ).p_value
            for seed in range(400)
        ]
    )
    for level in (0.05, 0.25, 0.5, 0.75):
        assert (p_values <= level).mean() == pytest.approx(level, abs=0.06)


def test_an_overconfident_model_is_found_out():
    logits, labels = calibrated_problem(1000, 10, 1.5)
    found = calibration_test(logits.softmax(1), labels)
    assert found.p_value == pytest.approx(1 / 1001)
    assert found.calibration_error == calibkit.calibration_error(logits.softmax(1), labels)
    assert found.floor == calibkit.noise_floor(logits.softmax(1))
    assert found.calibration_error > found.floor.high


def test_p_value_by_hand():
    # one sample of confidence .75: the ECE is .25 with probability .75, else .75
    probabilities = torch.tensor([[0.75, 0.25]])
    assert calibration_test(probabilities, torch.tensor([0])).p_value == 1
    wrong = calibration_test(probabilities, torch.tensor([1]), n_resamples=4000)
    assert wrong.p_value == pytest.approx(0.25, abs=0.03)
