"""The classwise calibration error against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibkit
from tests.metrics.references import draw, few_examples, problems, reference_error


@few_examples
@given(**problems, n_bins=st.integers(1, 25))
def test_classwise_calibration_error(n, n_classes, seed, n_bins):
    probabilities, labels = draw(n, n_classes, seed)
    expected = np.mean(
        [
            reference_error(probabilities[:, c].numpy(), (labels == c).numpy(), n_bins, "l1")
            for c in range(n_classes)
        ]
    )
    found = calibkit.classwise_calibration_error(probabilities, labels, n_bins=n_bins)
    assert found == pytest.approx(expected, abs=1e-9)
