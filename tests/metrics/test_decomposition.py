"""The parts of a proper score against their definition."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax

import calibkit
from calibkit import (
    NegativeLogLikelihood,
    ScoreDecomposition,
)
from tests.helpers import calibrated_problem
from tests.metrics.references import draw


@settings(deadline=None, max_examples=15)
@given(n=st.integers(50, 300), n_classes=st.integers(2, 5), seed=st.integers(0, 99))
def test_decomposition(n, n_classes, seed):
    probabilities, labels = draw(n, n_classes, seed)
    assume(len(labels.unique()) > 1)
    logits, y = probabilities.log().numpy(), labels.numpy()

    def nll(log_b):
        p = softmax(np.exp(log_b) * logits, axis=1)
        return -np.log(p[np.arange(n), y]).mean()

    best = minimize_scalar(nll, bounds=(-8, 8), method="bounded", options={"xatol": 1e-10}).x
    p = softmax(np.exp(best) * logits, axis=1)
    brier = ((p - np.eye(n_classes)[y]) ** 2).sum(1).mean()
    parts = calibkit.score_decomposition(probabilities, labels)
    assert parts.refinement == pytest.approx(nll(best), abs=1e-6)
    nll_before = calibkit.negative_log_likelihood(probabilities, labels)
    assert parts.score == pytest.approx(nll_before, abs=1e-12)
    assert parts.calibration + parts.refinement == pytest.approx(parts.score, abs=1e-12)
    of_brier = calibkit.score_decomposition(probabilities, labels, score="brier")
    assert of_brier.refinement == pytest.approx(brier, abs=1e-4)
    assert of_brier.score == pytest.approx(calibkit.brier_score(probabilities, labels), abs=1e-12)


def test_decomposition_of_a_temperature_gives_it_all_to_calibration():
    logits, labels = calibrated_problem(20_000, 10, 1)
    sharp = calibkit.score_decomposition((3 * logits).softmax(1), labels)
    right = calibkit.score_decomposition(logits.softmax(1), labels)
    assert sharp.refinement == pytest.approx(right.refinement, abs=1e-9)
    assert right.calibration < 1e-3
    assert sharp.calibration > 0.5


def test_decomposition_takes_the_limit_where_no_temperature_is_best():
    even, labels = torch.full((40, 4), 0.25), torch.arange(40) % 4
    parts = calibkit.score_decomposition(even, labels)
    assert parts == pytest.approx((np.log(4), 0, np.log(4)))
    assert calibkit.score_decomposition(even, labels, score="brier").refinement == 0.75
    sure = 0.6 * torch.eye(4)[labels] + 0.1
    assert calibkit.score_decomposition(sure, labels).refinement == 0


def test_impossible_labels():
    probabilities, labels = torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([0, 1])
    assert calibkit.negative_log_likelihood(probabilities, labels) == np.inf
    with pytest.raises(ValueError, match=r"above 0 for every label, got 0 for 1 of 2, .* in row 1"):
        calibkit.score_decomposition(probabilities, labels)


def test_decomposition_of_far_apart_logits():
    logits = torch.tensor([[1000.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
    labels = torch.tensor([1, 1, 0])
    metric, nll = ScoreDecomposition(2, input="logits"), NegativeLogLikelihood(2, input="logits")
    metric.update(logits, labels)
    nll.update(logits, labels)
    assert metric.compute()["score"].item() == pytest.approx(nll.compute().item())


def test_decomposition_shares_what_ties_at_the_top():
    probabilities = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])
    parts = calibkit.score_decomposition(probabilities, torch.tensor([0, 1]))
    assert parts.refinement == pytest.approx(np.log(2) / 2)
