import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from calibkit import split_calibration


def data_set(n: int) -> TensorDataset:
    return TensorDataset(torch.arange(n))


@given(st.integers(2, 300), st.data())
def test_sets_are_disjoint_and_cover_everything(n, data):
    n_calibration = data.draw(st.integers(1, n - 1))
    labels = data.draw(st.none() | st.lists(st.integers(0, 5), min_size=n, max_size=n))
    calibration, test = split_calibration(data_set(n), n_calibration, stratify=labels)
    assert len(calibration) == n_calibration
    assert sorted([*calibration.indices, *test.indices]) == list(range(n))


def test_same_seed_same_split_on_every_machine():
    calibration, _ = split_calibration(data_set(1000), 5, seed=3)
    assert calibration.indices == [334, 388, 590, 618, 679]
    labels = np.arange(1000) % 7
    calibration, _ = split_calibration(data_set(1000), 7, seed=3, stratify=labels)
    assert calibration.indices == [176, 298, 334, 388, 618, 679, 797]


def test_other_seed_other_split():
    splits = [split_calibration(data_set(100), 50, seed=seed)[0].indices for seed in (0, 1)]
    assert splits[0] != splits[1]


def test_without_stratify_every_sample_is_equally_likely():
    counts = np.zeros(10)
    for seed in range(2000):
        counts[split_calibration(data_set(10), 3, seed=seed)[0].indices] += 1
    assert np.abs(counts / 2000 - 0.3).max() < 0.04


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_stratified_sets_hold_the_classes_in_proportion(kind):
    labels = [0] * 500 + [1] * 300 + [2] * 200
    calibration, test = split_calibration(data_set(1000), 100, stratify=kind(labels))
    assert np.bincount(np.array(labels)[calibration.indices]).tolist() == [50, 30, 20]
    assert np.bincount(np.array(labels)[test.indices]).tolist() == [450, 270, 180]


@given(st.lists(st.integers(1, 60), min_size=2, max_size=8), st.floats(0.1, 0.9), st.integers(0, 9))
def test_stratified_counts_are_within_one_sample_of_webster_shares(sizes, fraction, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n_calibration = max(1, int(fraction * len(labels)))
    calibration, _ = split_calibration(
        data_set(len(labels)), min(n_calibration, len(labels) - 1), seed=seed, stratify=labels
    )
    counts = np.bincount(labels[calibration.indices], minlength=len(sizes))
    lowest = (counts - 0.5) / sizes
    highest = (counts + 0.5) / sizes
    # there is one share of the whole that rounds to the count of every class
    assert lowest.max() <= highest.min() + 1e-12


def test_stratification_still_draws_at_random_within_a_class():
    labels = np.zeros(100, int)
    first, second = (
        split_calibration(data_set(100), 10, seed=seed, stratify=labels)[0].indices
        for seed in (0, 1)
    )
    assert first != second


@pytest.mark.parametrize("n_calibration", [0, -1, 10, 11])
def test_a_set_without_samples_is_refused(n_calibration):
    with pytest.raises(ValueError, match=rf"n_calibration must be .*, got {n_calibration};"):
        split_calibration(data_set(10), n_calibration)


@pytest.mark.parametrize(
    ("n_calibration", "seed"), [(5.0, 0), (0.5, 0), (True, 0), ("5", 0), (5, None), (5, 1.5)]
)
def test_a_size_or_seed_that_is_not_an_integer_is_refused(n_calibration, seed):
    with pytest.raises(TypeError, match="must be an integer of at least"):
        split_calibration(data_set(10), n_calibration, seed=seed)


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"one label for each of the 10 samples, got shape \(9,\)"):
        split_calibration(data_set(10), 5, stratify=[0] * 9)
