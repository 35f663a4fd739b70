"""Noise floor, test and intervals: what they promise, by simulation, and the fast by the slow."""

from functools import partial

import numpy as np
import pytest
import torch

import calibkit
from calibkit import bootstrap_interval, calibration_test, paired_difference
from calibkit.bootstrap import _resample
from tests.helpers import calibrated_problem


def relabel(probabilities: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


METRICS = [
    calibkit.accuracy,
    calibkit.brier_score,
    calibkit.negative_log_likelihood,
    calibkit.calibration_error,
    partial(calibkit.calibration_error, n_bins=7, norm="l2", debias=True),
    partial(calibkit.calibration_error, norm="max"),
    partial(calibkit.classwise_calibration_error, n_bins=5),
    calibkit.ks_calibration_error,
]


@pytest.mark.parametrize("metric", METRICS)
def test_all_resamples_at_once_are_what_one_after_the_other_gives(metric):
    logits, labels = calibrated_problem(300, 4, 2)
    probabilities = (2 * logits).round().softmax(1)  # rounded: with equal confidences
    value, fast = _resample(metric, probabilities, labels, 50, 3)
    same, slow = _resample(lambda p, y: metric(p, y), probabilities, labels, 50, 3)
    assert value == same == metric(probabilities, labels)
    assert fast == pytest.approx(slow, abs=1e-12)


def test_a_difference_is_of_the_same_resamples():
    logits, labels = calibrated_problem(300, 4, 2)
    before, after = (2 * logits).softmax(1), logits.softmax(1)
    metric = calibkit.calibration_error
    found = paired_difference(metric, before, after, labels, n_resamples=50, seed=3, level=0.8)
    _, of_before = _resample(metric, before, labels, 50, 3)
    _, of_after = _resample(metric, after, labels, 50, 3)
    resampled = of_after - of_before
    low, high = np.quantile(resampled, [0.1, 0.9]) - resampled.mean()
    value = metric(after, labels) - metric(before, labels)
    ends = sorted([value, 2 * value - resampled.mean()])
    assert found == pytest.approx((value, ends[0] + low, ends[1] + high))


def test_interval_of_a_mean_is_the_textbooks():
    probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    labels = (torch.arange(1000) >= 700).long()
    found = bootstrap_interval(calibkit.accuracy, probabilities, labels, n_resamples=20_000)
    half = 1.959964 * np.sqrt(0.7 * 0.3 / 1000)
    assert found == pytest.approx([0.7, 0.7 - half, 0.7 + half], abs=1e-3)


@pytest.mark.parametrize(("sharpness", "n"), [(1.2, 300), (1.3, 1000), (1.5, 1000)])
def test_95_percent_intervals_hold_the_ece_of_endless_data(sharpness, n):
    logits, labels = calibrated_problem(1_000_000, 10, sharpness)
    truth = calibkit.calibration_error(logits.softmax(1), labels)
    held = []
    for seed in range(200):
        part = slice(seed * n, (seed + 1) * n)
        ece = bootstrap_interval(
            calibkit.calibration_error, logits[part].softmax(1), labels[part], n_resamples=200
        )
        held.append(ece.low <= truth <= ece.high)
    assert np.mean(held) >= 0.92


def test_the_interval_of_a_share_is_a_share():
    probabilities = torch.tensor([[0.9, 0.1]]).repeat(20, 1)
    labels = torch.tensor([1] + [0] * 19)
    found = bootstrap_interval(calibkit.accuracy, probabilities, labels)
    assert found.value == 0.95
    assert 0.8 <= found.low < found.high == 1


def test_pixels_to_ignore():
    logits, labels = calibrated_problem(2 * 8 * 5, 3, 2)
    images = logits.softmax(1).view(2, 8, 5, 3).movedim(-1, 1)
    masks = labels.clone()
    masks[::3] = 255
    kept = masks != 255
    dense, flat = (images, masks.view(2, 8, 5)), (logits.softmax(1)[kept], labels[kept])
    ece, options = calibkit.calibration_error, {"n_resamples": 20, "ignore_index": 255}
    assert bootstrap_interval(ece, *dense, **options) == pytest.approx(
        bootstrap_interval(ece, *flat, n_resamples=20)
    )
    assert calibration_test(*dense, **options)[:2] == pytest.approx(
        calibration_test(*flat, n_resamples=20)[:2]
    )
    found = paired_difference(ece, dense[0], *dense, **options)
    assert found == (0, 0, 0)


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


def test_pairing_takes_out_what_is_hard_in_a_sample():
    logits, labels = calibrated_problem(1000, 10, 1.2)
    before, after = logits.softmax(1), (logits / 1.2).softmax(1)
    change = paired_difference(calibkit.negative_log_likelihood, before, after, labels)
    alone = bootstrap_interval(calibkit.negative_log_likelihood, after, labels)
    assert change.high < 0
    assert change.high - change.low < (alone.high - alone.low) / 2


def test_same_seed_same_result():
    logits, labels = calibrated_problem(200, 5, 2)
    arguments = calibkit.calibration_error, logits.softmax(1), labels
    assert bootstrap_interval(*arguments, seed=1) == bootstrap_interval(*arguments, seed=1)
    assert bootstrap_interval(*arguments, seed=1) != bootstrap_interval(*arguments, seed=2)


def test_any_function_will_do_and_a_negative_one_is_not_cut_off():
    logits, labels = calibrated_problem(200, 5, 2)

    def minus_accuracy(probabilities, labels):
        return -float((probabilities.argmax(1) == labels).double().mean())

    found = bootstrap_interval(minus_accuracy, logits.softmax(1), labels, n_resamples=100)
    assert found.low < found.value < found.high < 0


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_an_infinite_nll_stays_infinite():
    probabilities = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    found = bootstrap_interval(
        calibkit.negative_log_likelihood, probabilities, torch.tensor([0, 1]), n_resamples=10
    )
    assert found.value == np.inf
