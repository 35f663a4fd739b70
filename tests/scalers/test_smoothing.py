import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch.nn.functional import cross_entropy

from calibkit import NoOptimumError, TemperatureScaler
from tests.helpers import calibrated_problem


def definition(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> float:
    """The root of the slope of the NLL of smoothed labels, in float64."""
    z, n = logits.double(), len(labels)
    targets = torch.nn.functional.one_hot(labels, z.shape[1]).double()
    targets = (n * targets + smoothing / z.shape[1]) / (n + smoothing)

    def slope(log_b: float) -> float:
        residual = (math.exp(log_b) * z).softmax(1) - targets
        return float((residual * z).sum())

    size = math.log(float(z.abs().mean()))
    return 1 / math.exp(brentq(slope, -12 - size, 12 - size, xtol=1e-13))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "n_classes"), [(8, 2), (200, 3), (5000, 10), (3000, 100)])
@pytest.mark.parametrize("smoothing", [0.01, 1, 7.5])
def test_the_temperature_is_the_optimum_of_the_definition(n, n_classes, smoothing, dtype):
    logits, labels = calibrated_problem(n, n_classes, 2)
    scaler = TemperatureScaler(smoothing=smoothing).fit_logits(logits.to(dtype), labels)
    expected = definition(logits.to(dtype), labels, smoothing)
    assert scaler.temperature == pytest.approx(expected, rel=1e-8)
    nll = cross_entropy(logits.to(dtype).double() / scaler.temperature, labels).item()
    assert scaler.summary.nll_after == pytest.approx(nll, rel=1e-8)


def test_no_smoothing_changes_no_bit():
    logits, labels = calibrated_problem(3000, 10, 2)
    plain = TemperatureScaler().fit_logits(logits, labels)
    zero = TemperatureScaler(smoothing=0).fit_logits(logits, labels)
    assert zero.temperature == plain.temperature
    assert zero.summary == plain.summary


@pytest.mark.parametrize("size", [1e-30, 1, 1e30])
@pytest.mark.parametrize("n", [4, 20, 1000])
def test_a_set_on_which_all_answers_are_right_gets_a_temperature(n, size):
    logits, _ = calibrated_problem(n, 5, 1)
    logits = logits * size
    labels = logits.argmax(1)
    with pytest.raises(NoOptimumError, match=r"or TemperatureScaler\(smoothing=1\)"):
        TemperatureScaler().fit_logits(logits, labels)
    scaler = TemperatureScaler(smoothing=1).fit_logits(logits, labels)
    assert scaler.temperature == pytest.approx(definition(logits, labels, 1), rel=1e-8)
    low, high = scaler.summary.temperature_interval
    assert 0 < low < scaler.temperature < high
    confidence = scaler(logits).softmax(1).amax(1).mean()
    assert confidence < 1


@given(st.floats(0.001, 50), st.floats(1.01, 5))
def test_more_random_labels_raise_the_temperature(smoothing, factor):
    logits, labels = calibrated_problem(50, 4, 2)
    less = TemperatureScaler(smoothing=smoothing).fit_logits(logits, labels).temperature
    more = TemperatureScaler(smoothing=factor * smoothing).fit_logits(logits, labels).temperature
    assert more > less


def test_with_many_samples_one_random_label_does_not_matter():
    logits, labels = calibrated_problem(20_000, 3, 2)
    plain, smoothed = (TemperatureScaler(smoothing=m).fit_logits(logits, labels) for m in (0, 1))
    assert smoothed.temperature == pytest.approx(plain.temperature, rel=1e-3)
    for one, other in zip(
        smoothed.summary.temperature_interval, plain.summary.temperature_interval, strict=True
    ):
        assert one == pytest.approx(other, rel=3e-3)


def test_smoothing_is_a_number_that_is_not_negative():
    scaler = TemperatureScaler()
    for value in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="smoothing must be a number between 0 and inf, got"):
            TemperatureScaler(smoothing=value)
        with pytest.raises(ValueError, match="smoothing"):
            scaler.smoothing = value
    for value in ("1", None, True):
        with pytest.raises(TypeError, match="0 adds no random label, and 1 adds one"):
            TemperatureScaler(smoothing=value)
    assert scaler.smoothing == 0
    assert TemperatureScaler(smoothing=np.float32(2)).smoothing == 2


@pytest.mark.parametrize("all_right", [True, False])
@pytest.mark.parametrize("smoothing", [1e-15, 1e-6, 1e3, 1e6])
def test_every_smoothing_is_exact(smoothing, all_right):
    logits, labels = calibrated_problem(200, 2, 2)
    labels = logits.argmax(1) if all_right else labels
    found = TemperatureScaler(smoothing=smoothing).fit_logits(logits, labels)
    # The slope of two classes depends on the distance between their logits, without cancellation.
    distance = (logits[:, 1] - logits[:, 0]) * (2 * labels - 1)
    share = smoothing / (200 + smoothing)

    def slope(log_b: float) -> float:
        wrong = (-math.exp(log_b) * distance).sigmoid() - share / 2
        return -float((wrong * distance).sum())

    expected = math.exp(-brentq(slope, math.log(1e-7), math.log(1e5), xtol=1e-14))
    assert found.temperature == pytest.approx(expected, rel=1e-8)


def test_a_smoothing_that_outweighs_all_labels_or_does_nothing_is_refused():
    logits, labels = calibrated_problem(200, 3, 2)
    for smoothing in (1e7, 1e300):
        with pytest.raises(ValueError, match=r"at most 10000 random labels .* got .* for 200"):
            TemperatureScaler(smoothing=smoothing).fit_logits(logits, labels)
    TemperatureScaler(smoothing=1).fit_logits(logits, labels)
    with pytest.raises(NoOptimumError, match=r"or TemperatureScaler\(smoothing=1\)"):
        TemperatureScaler(smoothing=1e-100).fit_logits(logits, logits.argmax(1))


@pytest.mark.parametrize("n", [10, 30])
def test_the_interval_of_few_samples_holds_the_true_temperature(n):
    held = []
    for seed in range(300):
        scaler = TemperatureScaler(smoothing=1).fit_logits(*calibrated_problem(n, 5, 2, seed))
        low, high = scaler.summary.temperature_interval
        held.append(low <= 2 <= high)
    assert np.mean(held) > 0.95


def test_the_printed_scaler_shows_the_smoothing():
    scaler = TemperatureScaler(smoothing=1)
    assert repr(scaler) == "TemperatureScaler(temperature=1, smoothing=1)"


def test_pixels_that_are_left_out_do_not_count():
    logits, labels = calibrated_problem(192, 3, 2)
    images, masks = logits.view(4, 6, 8, 3).movedim(-1, 1), labels.view(4, 6, 8).clone()
    masks[0] = 255
    found = TemperatureScaler(smoothing=3).fit_logits(images, masks, ignore_index=255)
    expected = TemperatureScaler(smoothing=3).fit_logits(logits[48:], labels[48:])
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-12)
