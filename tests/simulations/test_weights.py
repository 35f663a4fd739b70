"""Intervals and p-values of weighted samples, in simulations.

Most weights are lognormal and independent of the samples. Their logarithms have a spread of 1, so
that n samples are worth n / e. Others belong to the classes.
"""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import kstest

import calibkit
from tests.simulations.coverage import Cell, draw, truth_of

METRICS = {"ECE": calibkit.calibration_error, "NLL": calibkit.negative_log_likelihood}
CELLS = [
    Cell(n_classes, "over-confident", error, None, n)
    for n, n_classes, error in product((500, 2000), (2, 10), (0, 0.05))
]


def draw_weights(n: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).lognormal(size=n))


def true_nll(cell: Cell) -> float:
    p, truth = draw(cell, 400_000, torch.Generator().manual_seed(0))
    return float(-(truth * p.clamp(min=1e-300).log()).sum(1).mean())


def share_held(cell: Cell, n_simulations: int) -> dict[str, float]:
    """Return how often the interval of each metric holds the truth."""
    truth = {"NLL": true_nll(cell), "ECE": truth_of(cell, 400_000)["ECE"]}
    held = dict.fromkeys(METRICS, 0)
    for seed in range(n_simulations):
        generator = torch.Generator().manual_seed(seed)
        p, q = draw(cell, cell.n, generator)
        labels = torch.multinomial(q, 1, generator=generator)[:, 0]
        weights = draw_weights(cell.n, seed)
        for name, metric in METRICS.items():
            found = calibkit.bootstrap_interval(
                metric, p, labels, n_resamples=200, seed=seed, sample_weight=weights
            )
            held[name] += found.low - 1e-9 <= truth[name] <= found.high + 1e-9
    return {name: count / n_simulations for name, count in held.items()}


def p_values(n_classes: int, n: int, n_simulations: int) -> list[float]:
    """Return the p-values of calibrated models."""
    found = []
    for seed in range(n_simulations):
        generator = torch.Generator().manual_seed(seed)
        p, q = draw(Cell(n_classes, "over-confident", 0, None, n), n, generator)
        labels = torch.multinomial(q, 1, generator=generator)[:, 0]
        weights = draw_weights(n, seed)
        test = calibkit.calibration_test(
            p, labels, n_resamples=199, seed=seed, sample_weight=weights
        )
        found.append(test.p_value)
    return found


def p_values_with_class_weights(weight: float, shift: float, n_simulations: int) -> list[float]:
    """Return the p-values of models that are calibrated where y = 1 has a weight."""
    found = []
    for seed in range(n_simulations):
        generator = np.random.default_rng(seed)
        odds = np.exp(1.5 * generator.normal(size=1000) + shift)
        labels = (generator.random(1000) < odds / (1 + odds)).astype(np.int64)
        test = calibkit.calibration_test(
            weight * odds / (1 + weight * odds),
            labels,
            n_resamples=199,
            seed=seed,
            sample_weight=np.where(labels, weight, 1.0),
        )
        found.append(test.p_value)
    return found


def test_weighted_intervals_hold_the_truth():
    shares = share_held(Cell(2, "over-confident", 0.05, None, 500), 20)
    assert min(shares.values()) >= 0.8


def test_weighted_p_values_are_not_small_by_chance():
    assert np.mean(np.array(p_values(2, 500, 40)) <= 0.05) <= 0.15
    assert np.mean(np.array(p_values_with_class_weights(9, -3, 40)) <= 0.05) <= 0.15


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_weighted_intervals_hold_the_truth_in_every_cell(cell):
    """If they hold it in 93%, fewer than 89% of 200 simulations are 1 case in 70."""
    shares = share_held(cell, 200)
    assert min(shares.values()) >= 0.89
    assert shares["ECE"] >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize(("n_classes", "n"), list(product((2, 10), (500, 2000))))
def test_weighted_p_values_are_uniform(n_classes, n):
    assert kstest(p_values(n_classes, n, 300), "uniform").pvalue > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("weight", "shift"), [(9, -3), (99, -5.5), (0.1, 0)])
def test_p_values_with_class_weights_are_uniform(weight, shift):
    found = p_values_with_class_weights(weight, shift, 300)
    assert kstest(found, "uniform").pvalue > 0.01
