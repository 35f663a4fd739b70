"""The Kolmogorov-Smirnov calibration error against its definition."""

import pytest
from hypothesis import given

import calibkit
from tests.metrics.references import draw, few_examples, problems, top


@few_examples
@given(**problems)
def test_ks_calibration_error(n, n_classes, seed):
    probabilities, labels = draw(n, n_classes, seed)
    confidence, correct = top(probabilities, labels)
    expected = max(abs((confidence - correct)[confidence <= c].sum()) / n for c in confidence)
    found = calibkit.ks_calibration_error(probabilities, labels)
    assert found == pytest.approx(expected, abs=1e-9)
