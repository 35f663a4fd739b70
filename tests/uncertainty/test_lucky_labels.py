"""Labels that fit the probabilities better than chance allows, so that no error explains them."""

from functools import partial

import numpy as np
import pytest
import torch

import calibkit as ck

MEASURES = {
    "ECE": ck.calibration_error,
    "ECE, equal mass": partial(ck.calibration_error, binning="quantile"),
    "classwise ECE": ck.classwise_calibration_error,
    "smooth ECE": ck.smooth_calibration_error,
    "KS": ck.ks_calibration_error,
}
SHARPER = 1.0001, 1.1, 2.0


def luckiest(measure, n, n_classes, seed=0):
    """Draw logits, and the labels with the lowest error of 200 draws."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2.5 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    p = logits.softmax(1)
    draws = torch.multinomial(p, 200, replacement=True, generator=generator).T
    return logits, min(draws, key=lambda labels: measure(p, labels))


def check(interval):
    assert np.isfinite([interval.low, interval.high]).all()
    assert interval.low <= interval.value <= interval.high


@pytest.mark.parametrize("n_classes", [2, 10, 100])
@pytest.mark.parametrize("name", MEASURES)
def test_intervals_have_two_ends_in_the_right_order(name, n_classes):
    measure = MEASURES[name]
    logits, labels = luckiest(measure, 300, n_classes)
    after = logits.softmax(1)
    check(ck.bootstrap_interval(measure, after, labels, n_resamples=100))
    for factor in SHARPER:
        before = (factor * logits).softmax(1)
        check(ck.paired_difference(measure, before, after, labels, n_resamples=100))


@pytest.mark.parametrize("n_classes", [2, 10])
def test_a_report_shows_no_number_that_is_none(n_classes):
    logits, labels = luckiest(ck.classwise_calibration_error, 300, n_classes)
    fitted = ck.TemperatureScaler().fit_logits(
        *luckiest(ck.negative_log_likelihood, 500, n_classes, seed=1)
    )
    report = ck.evaluate(1.1 * logits, labels, scaler=fitted, n_resamples=100, progress=False)
    assert "nan" not in str(report)
    if n_classes > 2:
        assert "nan" not in str(report.by_class())
