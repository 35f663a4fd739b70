"""The Kolmogorov-Smirnov calibration error against its definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibkit
from tests.metrics.references import draw, few_examples, judged, problems


@few_examples
@given(**problems, of=st.sampled_from([None, "top"]))
def test_ks_calibration_error(n, n_classes, seed, of):
    probabilities, labels = draw(n, n_classes, seed)
    confidence, correct = judged(probabilities, labels, of)
    expected = max(abs((confidence - correct)[confidence <= c].sum()) / n for c in confidence)
    found = calibkit.ks_calibration_error(probabilities, labels, of=of)
    assert found == pytest.approx(expected, abs=1e-9)
