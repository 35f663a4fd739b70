"""The intervals of changes on the same samples, from which most of the noise cancels."""

from functools import partial

import numpy as np
import pytest
import torch

import calibkit as ck
from calibkit._checks import check_probability_rows
from calibkit.metrics._binning import quantile_bin
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.uncertainty._gaps import gaps_of_samples
from calibkit.uncertainty._resampling import resample

equal_mass = partial(ck.calibration_error, binning="quantile")


def draw(n, seed):
    """Draw P(y = 1), the same 10% sharper, and calibrated labels."""
    rng = np.random.default_rng(seed)
    logit = 1.5 * rng.standard_normal(n)
    after, before = (torch.from_numpy(1 / (1 + np.exp(-k * logit))) for k in (1, 1.1))
    return before, after, torch.from_numpy(rng.random(n) < after.numpy()).long()


def gaps(probabilities, labels, seed=0):
    rows = check_probability_rows(probabilities, labels, ignore_index=None)
    samples = gaps_of_samples(BinnedCalibrationError(), rows, "probabilities", "quantile")
    (found,) = resample([samples.of_counts], len(labels), n_resamples=200, seed=seed)
    return samples.on_resamples(found)


def in_bins_of_equal_mass(p, labels):
    return np.bincount(quantile_bin(p, 15), labels - p, 15) / len(p)


def test_the_noise_of_a_change_follows_the_edges_of_bins_of_equal_mass():
    changes = []
    for seed in range(1000):
        before, after, labels = draw(1000, seed)
        changes.append(in_bins_of_equal_mass(after, labels) - in_bins_of_equal_mass(before, labels))
    expected = np.std(changes, axis=0)
    variances = []
    for seed in range(1000, 1020):
        before, after, labels = draw(1000, seed)
        of_after, of_before = (gaps(p, labels) for p in (after, before))
        of_labels = of_after.noise - of_before.noise
        of_edges = of_after.noise_of_edges - of_before.noise_of_edges
        variances.append(((of_labels + of_edges) ** 2).mean(0))
    found = np.sqrt(np.mean(variances, axis=0))
    np.testing.assert_allclose(found, expected, rtol=0.2, atol=1e-6)


def test_edges_between_many_equal_confidences_do_not_move():
    _, after, labels = draw(1000, 0)
    assert gaps(after, labels).noise_of_edges.any()
    assert not gaps((4 * after).round() / 4, labels).noise_of_edges.any()


@pytest.mark.parametrize("metric", [equal_mass, ck.ks_calibration_error], ids=["ECE", "KS"])
def test_a_change_that_is_known_well_has_a_narrow_interval(metric):
    before, after, labels = draw(500, 0)
    before = after + 0.1 * (before - after)  # 1% sharper
    change = ck.paired_difference(metric, before, after, labels, n_resamples=200)
    alone = ck.bootstrap_interval(metric, after, labels, n_resamples=200)
    assert change.high - change.low < (alone.high - alone.low) / 3


@pytest.mark.parametrize("metric", [ck.calibration_error, equal_mass, ck.ks_calibration_error])
def test_the_interval_of_a_large_change_is_narrower_at_a_lower_level(metric):
    _, after, labels = draw(500, 0)
    before = after**3 / (after**3 + (1 - after) ** 3)
    high, low = (
        ck.paired_difference(metric, before, after, labels, n_resamples=200, level=level)
        for level in (0.95, 0.8)
    )
    assert low.high - low.low < 0.97 * (high.high - high.low)


@pytest.mark.parametrize("metric", [ck.calibration_error, equal_mass, ck.ks_calibration_error])
def test_the_ends_of_both_errors_bound_the_change(metric):
    before, after, labels = draw(500, 0)
    of_before, of_after = (
        ck.bootstrap_interval(metric, p, labels, n_resamples=200) for p in (before, after)
    )
    change = ck.paired_difference(metric, before, after, labels, n_resamples=200)
    assert of_after.low - of_before.high <= change.low <= change.high
    assert change.high <= of_after.high - of_before.low


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_the_interval_of_no_change_is_a_point(norm):
    _, after, labels = draw(500, 0)
    metric = partial(ck.calibration_error, norm=norm)
    change = ck.paired_difference(metric, after, after.clone(), labels, n_resamples=200)
    assert change == (0, 0, 0)
