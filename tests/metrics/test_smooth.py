"""The smooth calibration error against its definition."""

import numpy as np
import pytest
import torch

import calibkit
from tests.metrics.references import reference_smooth_error


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_smooth_calibration_error(seed):
    rng = np.random.default_rng(seed)
    confidence = 0.5 + rng.random(60) / 2
    confidence[:3] = 1, 0.5, 0.75
    correct = (rng.random(60) < confidence**3).astype(float)
    probabilities = torch.from_numpy(np.stack([confidence, 1 - confidence], 1))
    expected = reference_smooth_error(confidence, correct)
    labels = torch.from_numpy(1 - correct).long()
    found = calibkit.smooth_calibration_error(probabilities, labels)
    assert found == pytest.approx(expected, abs=1e-9)


def test_smooth_error_of_one_confidence_by_hand():
    # the kernel is never negative, so the integral is the gap whatever the width
    probabilities = torch.tensor([[0.6, 0.4]], dtype=torch.float64).repeat(50, 1)
    labels = (torch.arange(50) >= 15).long()
    found = calibkit.smooth_calibration_error(probabilities, labels)
    assert found == pytest.approx(0.3, abs=1e-11)


def test_smooth_error_falls_to_the_narrowest_width():
    probabilities = torch.tensor([[0.5, 0.5]]).repeat(50, 1)
    assert calibkit.smooth_calibration_error(probabilities, torch.arange(50) % 2) < 1e-12
