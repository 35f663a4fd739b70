"""A short form of the simulation, and single problems that it does not draw."""

import numpy as np
import pytest
import torch

import calibkit as ck
from tests.helpers import calibrated_problem
from tests.simulations import probabilities_as_logits as simulation

PROBLEMS = 40


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", simulation.DISGUISES)
def test_no_disguise_is_taken_for_logits(name):
    assert simulation.count(simulation.DISGUISES[name], PROBLEMS) == PROBLEMS


@pytest.mark.parametrize("name", simulation.LOGITS)
def test_no_logits_are_taken_for_probabilities(name):
    assert simulation.count(simulation.LOGITS[name], 5 * PROBLEMS) == 0


def test_no_real_logits_are_taken_for_probabilities():
    for logits in simulation.real_logits().values():
        assert simulation.count(lambda logits=logits: simulation.draw(logits), 5 * PROBLEMS) == 0


def test_logits_that_are_never_negative_may_have_the_sums_of_percentages():
    for n_classes in (3, 30, 100, 150):
        for scale in (100, 255, 1000):
            logits = scale / n_classes * torch.randn(300, n_classes).abs() / 0.798
            assert not simulation.is_refused(logits), (n_classes, scale)


@pytest.mark.parametrize("scale", [5, 100, 255, 1000])
def test_one_hot_rows_times_a_number_are_logits(scale):
    one_hot = torch.eye(4)[torch.randint(4, (60,))]
    assert not simulation.is_refused(scale * one_hot)


SCALERS = [ck.TemperatureScaler, ck.VectorScaler, ck.HistogramScaler, ck.UniformMixtureScaler]


@pytest.mark.parametrize("kind", SCALERS)
def test_every_scaler_report_and_metric_refuses_a_disguise(kind):
    logits, labels = calibrated_problem(300, 3, 2)
    rounded = (logits.softmax(1) * 100).round() / 100
    spoilt = torch.cat([logits.softmax(1)[:-1], 1.2 * logits.softmax(1)[-1:]])
    fitted = kind().fit_logits(logits, labels)
    new_logits, new_labels = calibrated_problem(300, 3, 2, seed=1)
    for wrong in (rounded, spoilt, logits.sigmoid(), logits.sigmoid().half().numpy()):
        with pytest.raises(ValueError, match="look like probabilities"):
            kind().fit_logits(wrong, labels)
        with pytest.raises(ValueError, match="look like probabilities"):
            ck.evaluate(wrong, labels, scaler=fitted)
        with pytest.raises(ValueError, match="look like probabilities"):
            ck.temperature_curve(wrong, labels)
        with pytest.raises(ValueError, match="look like probabilities"):
            ck.CalibrationError(3, input="logits").update(torch.as_tensor(wrong), labels)
    ck.evaluate(new_logits, new_labels, scaler=fitted, n_resamples=40)


def test_ignored_pixels_neither_hide_probabilities_nor_cause_a_refusal():
    logits, labels = calibrated_problem(400, 3, 2)
    images, masks = logits.view(1, 20, 20, 3).movedim(-1, 1), labels.view(1, 20, 20)
    ignored = masks.clone()
    ignored[:, 2:] = 255
    p = images.softmax(1)
    p[:, :, 2:] = 40
    with pytest.raises(ValueError, match="look like probabilities"):
        ck.TemperatureScaler().fit_logits(p.float(), ignored, ignore_index=255)
    mixed = images.clone()
    mixed[:, :, 2:] = images.softmax(1)[:, :, 2:]
    ck.TemperatureScaler().fit_logits(mixed, ignored, ignore_index=255)
    single = (images[:, 1] - images[:, 0])[:, None]
    single[:, :, 2:] = 0.5
    outcomes = ignored.where(ignored == 255, ignored.clamp(max=1))
    ck.TemperatureScaler().fit_logits(single, outcomes, ignore_index=255)


def test_small_problems_are_logits_unless_every_row_sums_to_one():
    logits = np.array([[0.2, 0.6], [0.9, 0.3], [0.4, 0.1], [0.3, 0.8]])
    ck.TemperatureScaler().fit_logits(logits, np.array([1, 0, 1, 0]))
    p = logits / logits.sum(1, keepdims=True)
    with pytest.raises(ValueError, match=r"all lie in \[0, 1\] and every row sums to 1"):
        ck.TemperatureScaler().fit_logits(p, np.array([1, 0, 1, 0]))


@pytest.mark.slow
def test_false_alarms_are_rarer_than_one_in_ten_thousand():
    wrong = {"disguise": 0, "logits": 0, "real logits": 0}
    for kind, _, n in simulation.rows_of_tables(1000):
        wrong[kind] += n
    assert wrong["logits"] <= 1e-4 * 1000 * len(simulation.LOGITS)
    assert wrong["real logits"] == 0
    assert wrong["disguise"] <= 1e-4 * 1000 * len(simulation.DISGUISES)
