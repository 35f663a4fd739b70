"""Brier score, NLL and accuracy against their definitions."""

import numpy as np
import pytest
from hypothesis import given

import calibkit
from tests.metrics.references import draw, few_examples, problems, top


@few_examples
@given(**problems)
def test_proper_scores_and_accuracy(n, n_classes, seed):
    probabilities, labels = draw(n, n_classes, seed)
    p, y = probabilities.numpy(), labels.numpy()
    nll = np.mean([-np.log(p[i, y[i]]) for i in range(n)])
    brier = np.mean([((p[i] - np.eye(n_classes)[y[i]]) ** 2).sum() for i in range(n)])
    found = calibkit.negative_log_likelihood(probabilities, labels)
    assert found == pytest.approx(nll, abs=1e-9)
    assert calibkit.brier_score(probabilities, labels) == pytest.approx(brier, abs=1e-9)
    assert calibkit.accuracy(probabilities, labels) == pytest.approx(
        top(probabilities, labels)[1].mean()
    )
