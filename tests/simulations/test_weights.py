"""Intervals and p-values of weighted samples, in simulations.

The weights are lognormal and independent of the samples, as importance weights without a shift are,
or they belong to the classes. A logarithm with a spread of 1 makes n samples worth n / e.
"""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import kstest

import calibkit
from tests.simulations.coverage import Cell, draw, truth_of

METRICS = {
    "ECE": calibkit.calibration_error,
    "NLL": calibkit.negative_log_likelihood,
    "classwise ECE": calibkit.classwise_calibration_error,
    "ECE, equal mass": partial(calibkit.calibration_error, binning="quantile"),
    "KS": calibkit.ks_calibration_error,
}


def draw_weights(n: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).lognormal(size=n))


def nll_of(cell: Cell) -> float:
    p, truth = draw(cell, 400_000, torch.Generator().manual_seed(0))
    return float(-(truth * p.clamp(min=1e-300).log()).sum(1).mean())


def share_held(cell: Cell, names: list[str], n_simulations: int) -> dict[str, float]:
    """Return how often the interval of each metric holds the truth."""
    truth = {"NLL": nll_of(cell)} | truth_of(cell)
    held = dict.fromkeys(names, 0)
    for seed in range(n_simulations):
        generator = torch.Generator().manual_seed(seed)
        p, q = draw(cell, cell.n, generator)
        labels = torch.multinomial(q, 1, generator=generator)[:, 0]
        weights = draw_weights(cell.n, seed)
        for name in names:
            found = calibkit.bootstrap_interval(
                METRICS[name], p, labels, n_resamples=200, seed=seed, sample_weight=weights
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
