"""A short form of the simulation, in the cells that plain resamples get most wrong."""

import pytest

from tests.simulations.coverage import Cell, held

# With so many simulations, an interval that misses 5 % is outside these limits in 1 of 1000 tests.
SIMULATIONS, FEWEST = 60, 0.84

QUICK = [
    Cell(2, "over-confident", 0, None, 2000),
    Cell(10, "over-confident", 0.02, None, 500),
    Cell(10, "wave", 0.05, None, 500),
]
CHANGES = [
    Cell(2, "over-confident", 0, 1.1, 500),
    Cell(2, "over-confident", 0, 2.0, 2000),
]


@pytest.mark.parametrize("cell", QUICK, ids=str)
def test_intervals_hold_the_true_error(cell):
    for name, missed in held(cell, SIMULATIONS, n_resamples=200).items():
        assert 1 - sum(missed) >= FEWEST, name


@pytest.mark.parametrize("cell", CHANGES, ids=str)
def test_intervals_hold_the_true_change(cell):
    for name, missed in held(cell, SIMULATIONS // 2, n_resamples=200).items():
        assert 1 - sum(missed) >= FEWEST - 0.04, name
