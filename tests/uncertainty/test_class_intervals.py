"""The intervals of single classes, and of the classwise ECE, where a class is biased."""

from functools import cache

import numpy as np
import pytest
import torch

import calibkit as ck
from calibkit._rows import Rows
from calibkit.metrics.classwise import ClasswiseError
from calibkit.uncertainty._class_gaps import gaps_of_every_class
from calibkit.uncertainty._resampled_metrics import of_gaps
from calibkit.uncertainty.bootstrap import interval_of_value

# If the truth is missed in 5% of all cases, 12 or more of 100 simulations miss it in 1 of 230.
SIMULATIONS, MOST_MISSED = 100, 11


def constant(p, truth):
    """Return a model that gives all samples the same probabilities."""

    def draw(rng, n):
        return np.tile(p, (n, 1)), np.tile(truth, (n, 1))

    return draw


def changed(change):
    """Return a model of ten classes whose logits are changed."""

    def draw(rng, n):
        logits = torch.from_numpy(2 * rng.standard_normal((n, 10)))
        return change(logits).softmax(1).numpy(), logits.softmax(1).numpy()

    return draw


def first_class_lower(logits, by):
    return logits - by * torch.eye(10, dtype=logits.dtype)[0]


# name: model, and the class whose interval is checked
MODELS = {
    "calibrated": (changed(lambda logits: logits), 0),
    "a class 3 too low": (changed(lambda logits: first_class_lower(logits, 3)), 0),
    "a class 6 too low": (changed(lambda logits: first_class_lower(logits, 6)), 0),
    "a class 3 too high": (changed(lambda logits: first_class_lower(logits, -3)), 0),
    "20 times too sure": (changed(lambda logits: 20 * logits), 0),
    "a rare class": (constant([0.98, 0.01, 0.01], [0.85, 0.10, 0.05]), 1),
    "a class nearly excluded": (constant([0.997, 0.001, 0.002], [0.9, 0.05, 0.05]), 1),
    "a class excluded": (constant([1.0, 0.0, 0.0], [0.9, 0.05, 0.05]), 1),
}


@cache
def true_errors(model):
    """Return the errors (C,) of all classes."""
    p, truth = model(np.random.default_rng(99), 200_000)
    bins = np.minimum((15 * p).astype(int), 14)
    gaps = (np.bincount(*of_class) for of_class in zip(bins.T, (truth - p).T, strict=True))
    return np.array([np.abs(sums).sum() / len(p) for sums in gaps])


def draw_labels(rng, truth):
    return torch.from_numpy((rng.random((len(truth), 1)) > truth.cumsum(1)[:, :-1]).sum(1))


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("n", [500, 2000])
@pytest.mark.parametrize("name", MODELS)
def test_the_interval_of_a_class_holds_its_error(name, n):
    model, k = MODELS[name]
    truth = 0.0 if name == "calibrated" else true_errors(model)[k]
    rng = np.random.default_rng(n)
    missed = 0
    for seed in range(SIMULATIONS):
        p, q = model(rng, n)
        rows = Rows(torch.from_numpy(p), draw_labels(rng, q))
        gaps = gaps_of_every_class(ClasswiseError(15), rows, n_resamples=100, seed=seed)[k]
        found = interval_of_value(of_gaps(gaps))
        missed += not found.low - 1e-9 <= truth <= found.high + 1e-9
    assert missed <= MOST_MISSED


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("share_hard", [0.9, 1.0])
def test_the_interval_of_a_hard_classifier_holds_its_classwise_error(n_classes, share_hard):
    """Labels that are drawn from probabilities of 0 and 1 show no noise."""

    def draw(rng, n):
        q = torch.from_numpy(2 * rng.standard_normal((n, n_classes))).softmax(1).numpy()
        hard = (rng.random((n, 1)) < share_hard) & np.ones_like(q, dtype=bool)
        return np.where(hard, np.eye(n_classes)[q.argmax(1)], q), q

    truth = true_errors(draw).mean()
    rng = np.random.default_rng(0)
    missed = 0
    for seed in range(40):
        p, q = draw(rng, 2000)
        metric = ck.classwise_calibration_error
        options = {"n_resamples": 200, "seed": seed}
        found = ck.bootstrap_interval(metric, torch.from_numpy(p), draw_labels(rng, q), **options)
        missed += not found.low <= truth <= found.high
    assert missed <= 6  # 7 or more of 40 are missed in 1 of 290 tests.


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("name", ["a rare class", "a class nearly excluded"])
def test_the_interval_of_the_classwise_error_holds_it(name):
    model, _ = MODELS[name]
    truth = true_errors(model).mean()
    rng = np.random.default_rng(0)
    missed = 0
    for seed in range(SIMULATIONS):
        p, q = model(rng, 2000)
        labels = draw_labels(rng, q)
        metric = ck.classwise_calibration_error
        options = {"n_resamples": 200, "seed": seed}
        found = ck.bootstrap_interval(metric, torch.from_numpy(p), labels, **options)
        missed += not found.low <= truth <= found.high
    assert missed <= MOST_MISSED
