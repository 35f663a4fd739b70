"""The noise floor and the test of calibration: what they promise, by simulation and by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import binom

import calibkit
from calibkit import calibration_error, calibration_test, noise_floor
from tests.helpers import calibrated_problem


def relabel(probabilities: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


@pytest.mark.parametrize(("n_classes", "of"), [(10, "top"), (2, "top"), (2, "positive")])
def test_p_values_of_calibrated_models_are_uniform(n_classes, of):
    generator = torch.Generator().manual_seed(0)
    probabilities = (2 * torch.randn(500, n_classes, generator=generator)).softmax(1)
    p_values = np.array(
        [
            calibration_test(
                probabilities, relabel(probabilities, generator), n_resamples=199, seed=seed, of=of
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


def random_probabilities(n: int, n_classes: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    return logits.softmax(1)


def test_noise_floor_range_holds_95_percent_of_a_binomial():
    # one bin, n = 400, p = .5: |binomial - 200| / 400 exceeds .0475 in 5% of draws
    floor = noise_floor(torch.tensor([[0.5, 0.5]]).repeat(400, 1), n_resamples=20_000)
    assert floor.high == pytest.approx(binom.ppf(0.9875, 400, 0.5) / 400 - 0.5, abs=1e-3)


def test_noise_floor_is_what_calibrated_models_really_show():
    generator = torch.Generator().manual_seed(0)
    probabilities = (2 * torch.randn(1000, 10, generator=generator)).softmax(1)
    floor = noise_floor(probabilities)
    shown = np.array(
        [
            calibration_error(
                probabilities, torch.multinomial(probabilities, 1, generator=generator)[:, 0]
            )
            for _ in range(400)
        ]
    )
    assert floor.mean == pytest.approx(shown.mean(), rel=0.05)
    assert ((floor.low <= shown) & (shown <= floor.high)).mean() == pytest.approx(0.95, abs=0.03)


def test_noise_floor_falls_with_the_square_root_of_n():
    probabilities = random_probabilities(40_000, 10)
    ratio = noise_floor(probabilities[:2500]).mean / noise_floor(probabilities).mean
    assert ratio == pytest.approx(4, rel=0.1)


def test_noise_floor_of_one_bin_by_hand():
    # one bin of n samples at p: mean of |binomial - n p| / n, near sqrt(2 p (1 - p) / (pi n))
    floor = noise_floor(torch.tensor([[0.7, 0.3]]).repeat(10_000, 1), n_resamples=4000)
    assert floor.mean == pytest.approx(np.sqrt(2 * 0.21 / np.pi / 10_000), rel=0.05)


def test_noise_floor_is_seeded():
    probabilities = random_probabilities(200, 5)
    assert noise_floor(probabilities, seed=1) == noise_floor(probabilities, seed=1)
    assert noise_floor(probabilities, seed=1) != noise_floor(probabilities, seed=2)
