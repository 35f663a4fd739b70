"""Comparisons of scalers, and learning curves."""

import json

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import calibkit
from calibkit import Comparison, TemperatureScaler, compare, evaluate, learning_curve
from tests.helpers import calibrated_problem


@pytest.fixture(scope="module")
def comparison():
    logits, labels = calibrated_problem(1500, 5, 2)
    scalers = [TemperatureScaler(), TemperatureScaler(3.0)]
    return compare(scalers, logits, labels, n_calibration=[1000, 20], repeats=4, progress=False)


def test_comparison_measures_what_the_split_leaves_over(comparison):
    logits, labels = calibrated_problem(1500, 5, 2)
    dataset = TensorDataset(labels)
    calibration, _ = calibkit.split_calibration(dataset, 20, seed=2, stratify=labels)
    _, test = calibkit.split_calibration(dataset, 1000, seed=2, stratify=labels)
    scaler = TemperatureScaler().fit_logits(
        logits[calibration.indices], labels[calibration.indices]
    )
    after = scaler(logits[test.indices]).softmax(1)
    (trial,) = (
        trial
        for trial in comparison.trials
        if (trial.scaler, trial.n_calibration, trial.repeat) == ("TemperatureScaler 1", 20, 2)
    )
    assert trial.n_test == 500
    assert trial.temperature == scaler.temperature
    assert trial.nll == pytest.approx(calibkit.negative_log_likelihood(after, labels[test.indices]))
    assert trial.ece == pytest.approx(calibkit.calibration_error(after, labels[test.indices]))


def test_comparison_knows_every_trial(comparison):
    assert comparison.scalers == ["unscaled", "TemperatureScaler 1", "TemperatureScaler 2"]
    assert comparison.sizes == [20, 1000]
    assert len(comparison.trials) == 3 * 2 * 4
    few, many = (comparison.values("TemperatureScaler 1", n, "temperature") for n in (20, 1000))
    assert np.std(few) > 2 * np.std(many)
    nll = np.mean(comparison.values("TemperatureScaler 1", 1000, "nll"))
    assert f"{nll:.3f} ±" in str(comparison)
    assert f"{nll:.3f} ±" in comparison._repr_html_()
    assert json.loads(json.dumps(comparison.to_dict()))["trials"][0]["scaler"] == "unscaled"


def test_comparison_leaves_the_scalers_alone():
    logits, labels = calibrated_problem(300, 3, 2)
    scaler = TemperatureScaler(1.5)
    compare([scaler], logits, labels, n_calibration=100, repeats=1, progress=False)
    assert (scaler.temperature, scaler.fitted) == (1.5, False)


def test_refused_fits_are_counted_with_their_reason():
    logits, labels = calibrated_problem(400, 100, 2)
    found = compare(
        [calibkit.VectorScaler()], logits, labels, n_calibration=[50], repeats=3, progress=False
    )
    refused = [trial.refused for trial in found.trials if trial.scaler == "VectorScaler"]
    assert len(refused) == 3
    assert all("labels must hold every class" in reason for reason in refused)
    assert "3 of 3" in str(found)
    assert learning_curve(found).get_ylabel() == "NLL on 350 test samples"


def test_the_ece_of_two_classes_judges_the_event_unless_the_top_class_is_asked_for():
    logits, labels = calibrated_problem(500, 2, 2)
    scalers, options = [TemperatureScaler()], {"n_calibration": 100, "repeats": 1}
    found = [
        compare(scalers, logits, labels, of=of, progress=False, **options).trials[0]
        for of in (None, "positive", "top")
    ]
    test = calibkit.split_calibration(TensorDataset(labels), 100, seed=0, stratify=labels)[1]
    p, y = logits[test.indices].softmax(1), labels[test.indices]
    assert found[0].ece == found[1].ece == pytest.approx(calibkit.calibration_error(p[:, 1], y))
    assert found[2].ece == pytest.approx(calibkit.calibration_error(p, y, of="top"))


def test_comparison_shows_its_progress(capsys):
    logits, labels = calibrated_problem(300, 3, 2)
    compare([TemperatureScaler()], logits, labels, n_calibration=[50, 100], repeats=2)
    captured = capsys.readouterr()
    assert "8/8" in captured.err
    assert captured.out == ""


def test_numpy_numbers_are_numbers_too():
    logits, labels = calibrated_problem(300, 3, 2)
    found = compare(
        [TemperatureScaler()],
        logits,
        labels,
        n_calibration=np.array([50, 100]),
        repeats=1,
        progress=False,
    )
    assert json.loads(json.dumps(found.to_dict()))
    assert json.loads(json.dumps(evaluate(logits, labels, n_bins=np.int64(9)).to_dict()))


def test_the_sizes_may_be_any_list_of_integers():
    logits, labels = calibrated_problem(300, 3, 2)
    for sizes in ([50, 100], np.array([50, 100]), torch.tensor([100, 50]), range(50, 101, 50)):
        found = compare(
            [TemperatureScaler()], logits, labels, n_calibration=sizes, repeats=1, progress=False
        )
        assert found.sizes == [50, 100]
    for size in (50, np.int64(50), torch.tensor(50)):
        found = compare(
            [TemperatureScaler()], logits, labels, n_calibration=size, repeats=1, progress=False
        )
        assert found.sizes == [50]
    for wrong, got in (("50", "'50'"), (torch.tensor([0.5]), "0.5"), (None, "None")):
        with pytest.raises(TypeError, match=f"n_calibration must be an integer .*, got {got};"):
            compare([TemperatureScaler()], logits, labels, n_calibration=wrong)


def test_a_comparison_without_trials_has_no_curve():
    with pytest.raises(ValueError, match="comparison must hold one trial or more, got none"):
        learning_curve(Comparison(()))
