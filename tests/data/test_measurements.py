import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from calibkit import Interval, NoiseFloor, cifar100_measurements
from calibkit.data.assets import measure_cifar100 as measuring
from calibkit.data.measurements import MEASUREMENTS_FILE
from tests.helpers import REAL, needs_real_data


def stored_record(network: str, batch_size: int | None, seed: int | None) -> dict:
    setting = {"network": network, "batch_size": batch_size, "seed": seed}
    records = json.loads(MEASUREMENTS_FILE.read_text())
    (found,) = (record for record in records if setting.items() <= record.items())
    return found


def numbers(value: object) -> list[float]:
    """All numbers inside a record, in their order."""
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, int | float) else []


def test_every_measurement_was_made_once_and_the_file_is_small():
    settings = [(m.network, m.mode, m.batch_size, m.seed) for m in cifar100_measurements()]
    modes = [("eval", None), *(("training", size) for size in measuring.BATCH_SIZES)]
    whole = [("ResNet-20", *mode, None) for mode in modes]
    of_splits = [("ResNet-20", "eval", None), ("ResNet-20", "training", 32)]
    of_splits += [(network, "eval", None) for network in measuring.NETCAL_FILES]
    assert settings == whole + [(*of, seed) for of in of_splits for seed in range(10)]
    assert MEASUREMENTS_FILE.stat().st_size < 300_000


def test_the_numbers_of_a_measurement_agree_with_its_bins():
    for m in cifar100_measurements():
        values = [m.before] if m.seed is None else [m.before, m.after]
        assert m.n_calibration == {616: 300, 9000: 1000, 916: 0}[m.n_test]
        for of, bins in zip(values, m.bins, strict=True):
            assert isinstance(of.ece, Interval)
            assert isinstance(of.noise_floor, NoiseFloor)
            assert of.ece.low <= of.ece.value <= of.ece.high
            assert bins.count.sum() == m.n_test
            assert bins.calibration_error == pytest.approx(of.ece.value, abs=1e-6)
            assert bins.n_correct.sum() / m.n_test == pytest.approx(of.accuracy.value, abs=1e-6)
        if m.seed is None:
            assert m.temperature is m.after is m.change is None
        else:
            assert m.temperature.low < m.temperature.value < m.temperature.high
            change = m.after.nll.value - m.before.nll.value
            assert m.change.nll.value == pytest.approx(change, abs=1e-6)
            assert m.before.accuracy == m.after.accuracy


def test_each_call_reads_the_file_anew():
    first = cifar100_measurements()[0]
    first.bins[0].count[:] = 0
    assert cifar100_measurements()[0].bins[0].count.sum() == 916
    assert asdict(first)["network"] == "ResNet-20"


@needs_real_data
@pytest.mark.parametrize("seed", [None, 0])
def test_the_measurement_in_eval_mode_can_be_repeated(seed):
    images, labels = measuring.images_and_labels(REAL)
    logits = measuring.logits_of(measuring.resnet20(REAL), images, batch_size=100)
    found = measuring.record("ResNet-20", None, logits, labels, seed)
    expected = stored_record("ResNet-20", None, seed)
    # An image at the edge of two bins may change its bin, and a p-value by a draw or two.
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=5e-3, atol=5e-3)


@needs_real_data
def test_training_mode_can_be_repeated():
    images, labels = measuring.images_and_labels(REAL)
    logits = measuring.logits_of(measuring.resnet20(REAL).train(), images, batch_size=32)
    found = measuring.record("ResNet-20", 32, logits, labels, None)
    for name in ("accuracy", "nll", "ece"):
        expected = stored_record("ResNet-20", 32, None)["before"][name]["value"]
        assert found["before"][name]["value"] == pytest.approx(expected, abs=4e-3)


@needs_real_data
@pytest.mark.parametrize("network", measuring.NETCAL_FILES)
def test_the_other_networks_have_the_published_temperature(network):
    with np.load(REAL / measuring.NETCAL_FILES[network]) as arrays:
        logits = torch.from_numpy(arrays["predictions"]).double().log()
        labels = torch.from_numpy(arrays["ground_truth"])
    found = measuring.record(network, None, logits, labels, seed=0)
    expected = stored_record(network, None, seed=0)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=5e-3, atol=5e-3)


@needs_real_data
@pytest.mark.slow
def test_the_program_writes_the_file_again(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "MEASUREMENTS_FILE", tmp_path / "measurements.json")
    measuring.main(REAL)
    found, expected = (
        json.loads(path.read_text()) for path in (tmp_path / "measurements.json", MEASUREMENTS_FILE)
    )
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert [one["network"], one["mode"]] == [other["network"], other["mode"]]
        tolerance = 5e-3 if one["mode"] == "eval" else 2e-2
        for name in ("before", "after"):
            np.testing.assert_allclose(
                numbers(one[name])[:2], numbers(other[name])[:2], atol=tolerance
            )
