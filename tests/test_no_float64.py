"""On a device without float64, metrics and scalers compute on the CPU and give the same numbers."""

import copy

import pytest
import torch

import calibkit
from calibkit import TemperatureScaler
from tests.apple_gpu import AppleGPU
from tests.helpers import calibrated_problem
from tests.metrics.test_torchmetrics_classes import all_classes, number
from tests.scalers.test_states import every_scaler, fit, parameters


@pytest.fixture(autouse=True)
def apple_gpu():
    with AppleGPU():
        yield


def test_the_stand_in_has_no_float64():
    assert torch.ones(2, device="mps:0").sum().item() == 2
    with pytest.raises(TypeError, match="float64"):
        torch.ones(2, device="mps:0").double()
    with pytest.raises(TypeError, match="float64"):
        torch.ones(2, dtype=torch.float64).to("mps:0")
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(2, device="mps:0") + torch.ones(2)


@all_classes
def test_metrics(metric, function, options):
    logits, labels = calibrated_problem(300, 5, 2)
    probabilities = logits.softmax(1).float()
    expected = number(function(probabilities, labels, **options))
    on_gpu = probabilities.to("mps:0"), labels.to("mps:0")
    assert number(function(*on_gpu, **options)) == expected
    for moved in (metric(5, **options).to("mps:0"), metric(5, **options)):
        first, second = zip(*(part.split([100, 200]) for part in on_gpu), strict=True)
        moved.update(*first)
        moved.to("mps:0")
        moved(*second)
        restored = copy.deepcopy(moved).to(torch.bfloat16)
        assert number(restored.compute()) == pytest.approx(expected, abs=1e-12)


def test_class_proportions():
    logits = calibrated_problem(300, 3, 1)[0].float()
    on_gpu = logits.to("mps:0")
    expected = calibkit.adjust_prior(logits, [1, 2, 3], [3, 2, 1])
    adjusted = calibkit.adjust_prior(on_gpu, [1, 2, 3], [3, 2, 1])
    assert adjusted.device.type == "mps"
    assert torch.equal(adjusted.cpu(), expected)
    found = calibkit.estimate_prior(on_gpu, [1, 1, 1])
    assert torch.equal(found.proportions, calibkit.estimate_prior(logits, [1, 1, 1]).proportions)


@every_scaler
def test_scalers(kind):
    binary = calibkit.BetaScaler, calibkit.LogisticScaler, calibkit.QuadraticScaler
    n_classes = 2 if kind in binary else 4
    logits, labels = calibrated_problem(400, n_classes, 2)
    logits = logits.float()
    expected = fit(kind, logits, labels)
    scaler = fit(kind, logits.to("mps:0"), labels.to("mps:0"))
    assert parameters(scaler) == parameters(expected)
    assert scaler.summary == expected.summary
    calibrated = scaler.to("mps:0")(logits.to("mps:0"))
    assert calibrated.device.type == "mps"
    assert calibrated.dtype == torch.float32
    torch.testing.assert_close(calibrated.cpu(), expected(logits))


@pytest.mark.parametrize("options", [{}, {"score": "aps"}, {"per_class": True}])
def test_conformal_sets_are_on_the_device_of_the_probabilities(options):
    logits, labels = calibrated_problem(600, 4, 1)
    probabilities = logits.softmax(1).float()
    sets = calibkit.ConformalSets(0.8, **options)
    expected = sets.fit(probabilities, labels).predict(probabilities)
    sets.fit(probabilities.to("mps:0"), labels.to("mps:0"))
    found = sets.predict(probabilities.to("mps:0"))
    assert found.device.type == "mps"
    assert torch.equal(found.cpu(), expected)
    assert expected.device.type == "cpu"


def test_a_report():
    logits, labels = calibrated_problem(400, 4, 2)
    scaler = TemperatureScaler().fit_logits(logits.float().to("mps:0"), labels.to("mps:0"))
    new_logits, new_labels = calibrated_problem(400, 4, 2, seed=1)
    expected = calibkit.evaluate(new_logits.float(), new_labels, scaler=scaler, n_resamples=40)
    on_gpu = new_logits.float().to("mps:0"), new_labels.to("mps:0")
    assert str(calibkit.evaluate(*on_gpu, scaler=scaler, n_resamples=40)) == str(expected)


@pytest.mark.parametrize("per_label", [False, True])
def test_a_multi_label_model(per_label):
    logits, _ = calibrated_problem(400, 4, 2)
    labels = (logits + logits.roll(1, 0) > 0).long()
    kind, report = calibkit.MultiLabelTemperatureScaler, calibkit.evaluate_multi_label
    expected = kind(per_label).fit_logits(logits.float(), labels)
    on_gpu = logits.float().to("mps:0"), labels.to("mps:0")
    scaler = kind(per_label).fit_logits(*on_gpu)
    assert parameters(scaler) == parameters(expected)
    assert scaler.summary == expected.summary
    calibrated = scaler.to("mps:0")(on_gpu[0])
    assert calibrated.device.type == "mps"
    torch.testing.assert_close(calibrated.cpu(), expected(logits.float()))
    options = {"n_resamples": 40, "progress": False}
    assert str(report(*on_gpu, **options)) == str(report(logits.float(), labels, **options))
