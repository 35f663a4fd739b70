"""Rounded probabilities are equal, and lie on edges, also after a logarithm and a softmax."""

import numpy as np
import pytest
import torch

from calibkit import (
    area_under_risk_coverage_curve,
    calibration_error,
    classwise_calibration_error,
    ks_calibration_error,
    noise_floor,
    reliability_bins,
    smooth_calibration_error,
)
from calibkit.metrics._ties import starts_a_group


def written_and_from_logits(n_classes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    tenths = rng.multinomial(10, np.full(n_classes, 1 / n_classes), 2000)
    written = torch.from_numpy(np.maximum(tenths / 10, 1e-30))
    labels = torch.from_numpy((tenths.cumsum(1) <= rng.integers(10, size=(2000, 1))).sum(1))
    return written, written.log().softmax(1), labels


def test_a_softmax_moves_some_confidences_off_the_edge_on_which_they_lie():
    written, from_logits, _ = written_and_from_logits(3)
    assert (from_logits.amax(1) < written.amax(1)).any()
    assert len(from_logits.amax(1).unique()) > len(written.amax(1).unique())


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize(
    "metric",
    [
        calibration_error,
        lambda p, y: calibration_error(p, y, binning="quantile"),
        lambda p, y: calibration_error(p, y, of="top"),
        classwise_calibration_error,
        ks_calibration_error,
        smooth_calibration_error,
        area_under_risk_coverage_curve,
        lambda p, y: noise_floor(p, n_resamples=100).mean,
    ],
)
def test_a_metric_of_rounded_probabilities_does_not_notice_a_softmax(metric, n_classes):
    written, from_logits, labels = written_and_from_logits(n_classes)
    assert metric(from_logits, labels) == pytest.approx(metric(written, labels), abs=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_confidence_of_one_decimal_keeps_its_bin_after_a_softmax(n_classes):
    written, from_logits, labels = written_and_from_logits(n_classes)
    bins = reliability_bins(from_logits, labels, n_bins=15, of="top")
    tenths = (10 * written.amax(1)).round().long().numpy()
    expected = np.bincount(np.minimum(tenths * 15 // 10, 14), minlength=15)
    assert bins.count.tolist() == expected.tolist()


def test_numbers_that_differ_by_more_than_rounding_are_different():
    ordered = np.array([0.1, 0.4 - 1e-16, 0.4, 0.4 + 1e-13, 1 - 1e-13, 1])
    assert starts_a_group(ordered).tolist() == [True, True, False, True, True, True]
    assert starts_a_group(ordered[::-1]).tolist() == [True, True, True, True, False, True]
