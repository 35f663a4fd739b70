"""The data of the last lesson: the script makes the file, and its tools find both faults."""

import numpy as np
import pytest
import torch

from calibkit import TemperatureScaler, VectorScaler, capstone_data, estimate_prior, evaluate
from calibkit import negative_log_likelihood as nll
from calibkit.data.assets import make_capstone as making
from calibkit.data.capstone import CAPSTONE_FILE

COLUMNS = ("camera", "labelled_by", "day")


@pytest.fixture(scope="module")
def data():
    return capstone_data()


@pytest.fixture(scope="module")
def scaler(data):
    return fit(data[0])


@pytest.fixture(scope="module")
def made():
    return making.capstone_arrays()


def part_of(samples, chosen):
    return {name: column[chosen] for name, column in samples.items()}


def fit(samples):
    return TemperatureScaler().fit_logits(samples["logits"], samples["labels"])


def report_on(samples, column=None, **options):
    groups = None if column is None else samples[column]
    return evaluate(samples["logits"], samples["labels"], groups=groups, **options)


def scaled_by_camera(calibration, samples):
    logits = samples["logits"].clone()
    for camera in ("studio", "phone"):
        own = fit(part_of(calibration, calibration["camera"] == camera))
        i = samples["camera"] == camera
        logits[i] = own(logits[i])
    return samples | {"logits": logits}


@pytest.mark.slow
def test_the_script_makes_the_file(made):
    arrays, _ = made
    with np.load(CAPSTONE_FILE, allow_pickle=False) as stored:
        assert sorted(stored) == sorted(arrays)
        for name in set(arrays) - {"logits"}:
            assert np.array_equal(stored[name], arrays[name]), name
        assert stored["logits"].dtype == np.float16
        # Other machines round the last bit of float16 in another way.
        np.testing.assert_allclose(stored["logits"], arrays["logits"], atol=0.05, rtol=0)


@pytest.mark.slow
def test_only_one_person_writes_wrong_labels_and_the_cameras_share_no_image(made):
    arrays, true_labels = made
    wrong = arrays["labels"] != true_labels
    assert set(arrays["labelled_by"][wrong]) == {making.MISLABELLED_BY}
    assert set(true_labels[wrong]) == {making.MISLABELLED}
    assert set(arrays["labels"][wrong]) == {making.MISTAKEN_FOR}
    assert 0.025 < wrong.mean() < 0.035
    assert len(np.unique(arrays["logits"], axis=0)) == len(wrong)


def test_file_and_columns(data):
    assert CAPSTONE_FILE.stat().st_size < 600_000
    for samples, n in zip(data, (4000, 6000), strict=True):
        assert list(samples) == ["logits", "labels", *COLUMNS]
        assert samples["logits"].shape == (n, 10)
        assert samples["logits"].dtype == torch.float32
        assert samples["labels"].dtype == torch.int64
        assert set(samples["labels"].tolist()) == set(range(10))
        assert all(samples[column].shape == (n,) for column in COLUMNS)
        assert all(samples[column].dtype.kind == "U" for column in COLUMNS)


def test_the_first_ece_shows_no_fault_and_the_sets_share_no_sample(data, scaler):
    report = report_on(data[1], scaler=scaler)
    assert report.after.p_value > 0.05
    assert report.leak_check is None


def test_the_first_fault_is_found_by_camera_only(data, scaler):
    parts = {
        part.name: part
        for column in COLUMNS
        for part in report_on(data[1], column, scaler=scaler).by_group().parts
    }
    gaps = {name: part.frequency - part.mean_probability for name, part in parts.items()}
    assert gaps["studio"] > 0.05
    assert gaps["phone"] < -0.03
    assert parts["studio"].p_value < 0.005
    assert parts["phone"].p_value < 0.02
    others = set(parts) - {"studio", "phone"}
    assert all(parts[name].p_value > 0.05 for name in others)
    in_one_bin = report_on(data[1], "camera", scaler=scaler, n_bins=1).by_group().parts
    assert all(10 * part.p_value < 0.05 for part in in_one_bin)


def test_a_temperature_for_each_camera_repairs_the_first_fault_only(data):
    calibration, test = data
    repaired = report_on(scaled_by_camera(calibration, test), "camera")
    assert all(part.p_value > 0.05 for part in repaired.by_group().parts)
    worst = repaired.by_class().parts[:2]
    assert {part.name for part in worst} == {3, 8}
    assert all(part.error.low > 0.01 for part in worst)


def test_the_second_fault_is_in_the_labels_of_one_person(data, scaler):
    calibration, test = data
    source = scaler(calibration["logits"]).softmax(1).mean(0)
    for person in making.PEOPLE:
        part = part_of(test, test["labelled_by"] == person)
        estimate = estimate_prior(scaler(part["logits"]), source)
        for drawer in (making.MISLABELLED, making.MISTAKEN_FOR):
            share = (part["labels"] == drawer).double().mean()
            away = abs(estimate.proportions[drawer] - share) / estimate.standard_errors[drawer]
            assert (away > 5) == (person == making.MISLABELLED_BY), (person, drawer)


def test_a_bias_for_each_drawer_looks_better_and_is_worse(data, scaler):
    calibration, test = data
    tempting = VectorScaler().fit_logits(calibration["logits"], calibration["labels"])
    trusted = part_of(test, test["labelled_by"] != making.MISLABELLED_BY)
    change = [
        nll(tempting(samples["logits"]).softmax(1), samples["labels"])
        - nll(scaler(samples["logits"]).softmax(1), samples["labels"])
        for samples in (test, trusted)
    ]
    assert change[0] < -0.005
    assert change[1] > 0.005


def test_without_the_wrong_labels_the_repair_holds(data):
    kept, judged = (part_of(s, s["labelled_by"] != making.MISLABELLED_BY) for s in data)
    repaired = scaled_by_camera(kept, judged)
    for column in ("camera", "day"):
        assert all(part.p_value > 0.05 for part in report_on(repaired, column).by_group().parts)
    gaps = [p.frequency - p.mean_probability for p in report_on(repaired).by_class().parts]
    assert max(map(abs, gaps)) < 0.015
