"""The parts of a proper score against their definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from torch.nn.functional import cross_entropy

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


@pytest.mark.parametrize("score", ["nll", "brier"])
@pytest.mark.parametrize("overconfidence", [1, 5, 100])
def test_masked_classes_change_nothing_at_any_temperature(overconfidence, score):
    logits, labels = calibrated_problem(400, 5, 1.5)
    probabilities = (overconfidence * logits.double()).softmax(1)
    possible = probabilities.gather(1, labels[:, None])[:, 0] > 0
    probabilities, labels = probabilities[possible], labels[possible]
    masked = torch.cat([probabilities, torch.zeros(len(labels), 2)], 1)
    expected = calibkit.score_decomposition(probabilities, labels, score=score)
    found = calibkit.score_decomposition(masked, labels, score=score)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_masked_class_keeps_its_probability_in_both_limits():
    probabilities = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.4, 0.6]], dtype=torch.float64)
    masked = torch.cat([probabilities, torch.zeros(3, 3)], 1)
    for labels in (probabilities.argmax(1), probabilities.argmin(1)):
        expected = calibkit.score_decomposition(probabilities, labels)
        found = calibkit.score_decomposition(masked, labels)
        assert found == pytest.approx(expected, abs=1e-12)


def test_classes_masked_in_some_rows_at_a_high_temperature():
    """The reference minimises the NLL among the classes that each row leaves."""
    logits, labels = calibrated_problem(300, 5, 1.5)
    hidden = torch.rand(300, 5, generator=torch.Generator().manual_seed(0)) < 0.3
    hidden[torch.arange(300), labels] = False
    log_p = (40 * logits.double()).masked_fill(hidden, -torch.inf).log_softmax(1)
    possible = log_p.gather(1, labels[:, None])[:, 0] > -700
    log_p, labels = log_p[possible], labels[possible]

    def nll(log_b: float) -> float:
        return cross_entropy(math.exp(log_b) * log_p, labels).item()

    expected = minimize_scalar(nll, bounds=(-9, 3), method="bounded", options={"xatol": 1e-12}).fun
    found = calibkit.score_decomposition(log_p.exp(), labels)
    assert found.refinement == pytest.approx(expected, abs=1e-9)
