"""How often conformal sets hold the label, over simulated calibration sets."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import torch
from scipy.special import softmax

from calibkit import ConformalSets

N_CLASSES, N_TEST = 4, 50
WAYS = {
    "lac": {"score": "lac"},
    "aps": {"score": "aps"},
    "raps": {"score": "aps", "regularization": 0.2},
    "randomized aps": {"score": "aps", "randomized": True},
    "randomized raps": {"score": "aps", "randomized": True, "regularization": 0.2, "k_reg": 2},
}


def population(rng: np.random.Generator, n: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what an overconfident model says, and the truth."""
    if kind == "smooth":
        z = 1.5 * rng.standard_normal((n, N_CLASSES))
    else:  # few different rows, with equally probable classes in most of them
        z = rng.integers(-1, 2, (n, N_CLASSES)).astype(float)
    p = softmax(1.5 * z, axis=1)
    if kind == "ties and zeros":  # labels then have probability 0
        p[p < 0.08] = 0
        p /= p.sum(1, keepdims=True)
    return p, softmax(z, axis=1)


@cache
def expected(count: int, coverage: str) -> float:
    """Return the coverage of a threshold from so many scores if no two scores are equal."""
    return math.ceil((count + 1) * Fraction(coverage)) / (count + 1)


@cache
def fewest_scores(coverage: str) -> Fraction:
    """Return how many scores a threshold needs at least."""
    return Fraction(coverage) / (1 - Fraction(coverage))


def check_coverage(n, kind, per_class, coverages, n_simulations):
    cells = {
        (coverage, way): ConformalSets(float(coverage), **WAYS[way], per_class=per_class)
        for coverage in coverages
        for way in WAYS
    }
    excess = {cell: [] for cell in cells}
    for simulation in range(n_simulations):
        rng = np.random.default_rng([n, simulation])
        p, truth = population(rng, n + N_TEST, kind)
        labels = (truth[:n].cumsum(1) < rng.random((n, 1))).sum(1).clip(max=N_CLASSES - 1)
        counts = np.bincount(labels, minlength=N_CLASSES) if per_class else np.array([n])
        fewest = int(counts.min())
        calibration, test = torch.from_numpy(p).split([n, N_TEST])
        targets, truth = torch.from_numpy(labels), truth[n:]
        share = truth.mean(0) if per_class else np.ones(1)
        for (coverage, way), sets in cells.items():
            sets.seed = simulation
            if fewest < fewest_scores(coverage):
                with pytest.raises(ValueError, match="labels must hold at least"):
                    sets.fit(calibration, targets)
                continue
            inside = sets.fit(calibration, targets).predict(test).numpy()
            held = (truth * inside).mean(0)
            held = held if per_class else held.sum(keepdims=True)
            # Its mean is 0 for every class if the coverage is as expected.
            excess[coverage, way].append(held - share * [expected(m, coverage) for m in counts])
    n_checked = 0
    for (coverage, way), found in excess.items():
        if len(found) < n_simulations / 2:  # too few samples for this coverage
            continue
        mean, error = np.mean(found, 0), np.std(found, 0) / np.sqrt(len(found))
        where = f"{way}, coverage {coverage}, n {n}: {mean} +- {error}"
        assert (mean > -4 * error - 1e-9).all(), where
        # The most probable class alone covers more than .5, but less than .9.
        exact = kind == "smooth" and (way == "lac" or float(coverage) >= 0.9)
        if exact or "randomized" in way:
            assert (mean < 4 * error + 1e-9).all(), where
        n_checked += 1
    return n_checked


per_class_or_not = pytest.mark.parametrize("per_class", [False, True])


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("kind", ["smooth", "ties", "ties and zeros"])
@per_class_or_not
def test_coverage_in_some_simulations(kind, per_class):
    assert check_coverage(100, kind, per_class, ["0.5", "0.9"], 100) == 10


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["smooth", "ties and zeros"])
@per_class_or_not
@pytest.mark.parametrize(("n", "n_simulations"), [(50, 1000), (500, 1000), (5000, 100)])
def test_coverage_in_many_simulations(n, n_simulations, kind, per_class):
    n_checked = check_coverage(n, kind, per_class, ["0.5", "0.9", "0.99"], n_simulations)
    assert n_checked == (10 if n == 50 else 15)  # a coverage of .99 takes 99 samples


def calibrated(n, n_classes, sharpness, seed):
    generator = torch.Generator().manual_seed(seed)
    z = sharpness * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    p = z.softmax(1)
    return p, p.multinomial(1, generator=generator)[:, 0]


@pytest.mark.parametrize("sharpness", [0.5, 1.3, 2, 3])
@pytest.mark.parametrize("n_classes", [2, 3, 6, 30])
def test_aps_sets_cover_what_was_asked_for_and_little_more(n_classes, sharpness):
    coverages = []
    for seed in range(4, 12):
        p, y = calibrated(6000, n_classes, sharpness, seed)
        if (p.argmax(1) == y).double().mean() > 0.89:
            pytest.skip("the most probable class alone covers what was asked for")
        inside = ConformalSets(0.9, "aps").fit(p[:2000], y[:2000]).predict(p[2000:])
        coverages.append(float(inside[torch.arange(4000), y[2000:]].double().mean()))
    assert min(coverages) > 0.867  # 4 standard errors of one of them
    assert max(coverages) < 0.94
    assert np.mean(coverages) == pytest.approx(0.9, abs=0.012)  # 4 of their mean


def test_aps_sets_hold_only_the_top_class_if_it_is_right_often_enough():
    p, y = calibrated(6000, 6, 12, 0)
    assert (p.argmax(1) == y).double().mean() > 0.92
    sets = ConformalSets(0.9, "aps").fit(p[:2000], y[:2000])
    assert sets.threshold == 0
    assert (sets.predict(p[2000:]).sum(1) == 1).all()


def test_raps_makes_the_largest_sets_smaller():
    p, y = calibrated(4000, 100, 1, 0)
    rough = (4 * p.log()).softmax(1)  # an overconfident model
    sizes = []
    for regularization in (0, 0.1):
        sets = ConformalSets(0.9, "aps", regularization=regularization, k_reg=5)
        inside = sets.fit(rough[:2000], y[:2000]).predict(rough[2000:])
        assert inside[torch.arange(2000), y[2000:]].double().mean() > 0.88
        sizes.append(int(inside.sum(1).max()))
    assert sizes[1] < sizes[0]
