"""A short form of the simulation, in cells that plain resamples get wrong."""

from functools import partial

import pytest

from tests.simulations import coverage
from tests.simulations.coverage import Cell

# No simulation has more than 10 000 samples, so the noise of the truth is small beside its own.
held = partial(coverage.held, n_resamples=200, n_true=200_000)

# If the truth is missed in 5% of all cases, 5 or more of 20 simulations miss it in 1 of 400 tests.
SIMULATIONS, MOST_MISSED = 20, 0.2


def check(cell: Cell, n_simulations: int, most_missed: float) -> None:
    for name, missed in held(cell, n_simulations).items():
        assert sum(missed) <= most_missed, name


def test_intervals_hold_an_error_of_0():
    check(Cell(2, "over-confident", 0, None, 2000), SIMULATIONS, MOST_MISSED)


def test_intervals_hold_a_small_change_to_0():
    check(Cell(2, "over-confident", 0, 1.1, 500), SIMULATIONS, MOST_MISSED)


def test_intervals_hold_a_change_from_which_the_labels_cancel():
    # Here the edges of the bins of equal mass, and the signs of small gaps, are all that varies.
    cell = Cell(2, "over-confident", 0.05, 1.01, 2000)
    missed = held(cell, 40, measures=["ECE, equal mass"])
    assert sum(missed["ECE, equal mass"]) <= 0.15  # 7 or more of 40 are missed in 1 of 290 tests.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "measure"),
    [
        (Cell(2, "over-confident", 0.05, 1.1, 2000), "ECE, equal mass"),
        (Cell(2, "wave", 0.05, 1.1, 2000), "ECE, equal mass"),
        (Cell(10, "wave", 0.05, 2.0, 500), "smooth ECE"),
        (Cell(10, "wave", 0.05, 1.1, 500), "smooth ECE"),
    ],
    ids=str,
)
def test_intervals_hold_changes_that_are_known_well(cell, measure):
    missed = held(cell, 150, measures=[measure])
    assert sum(missed[measure]) <= 0.095  # 15 or more of 150 are missed in 1 of 100 tests.


@pytest.mark.slow
def test_intervals_hold_the_change_of_a_large_classwise_error_to_0():
    # Both errors are shrunk, one up to 0, so they are not spread evenly around the truth.
    cell = Cell(10, "over-confident", 0, 2.0, 10_000)
    missed = held(cell, 150, measures=["classwise ECE"])
    assert sum(missed["classwise ECE"]) <= 0.05  # 8 or more of 150 would be 1 of 30 at 2.5%.


@pytest.mark.slow
def test_intervals_hold_where_the_residuals_change_sign_within_bins_of_equal_mass():
    # The mean residual of a bin then says nothing about that at its edges.
    cell = Cell(2, "wave", 0.14, None, 2000)
    missed = held(cell, 300, measures=["ECE, equal mass"])
    assert sum(missed["ECE, equal mass"]) <= 0.07  # 22 or more of 300 are missed in 1 of 25 tests.


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        Cell(2, "over-confident", 0, None, 2000),
        Cell(10, "over-confident", 0.02, None, 500),
        Cell(10, "wave", 0.05, None, 500),
        Cell(2, "over-confident", 0, 1.1, 2000),
        Cell(2, "over-confident", 0, 2.0, 2000),
    ],
    ids=str,
)
def test_intervals_hold_errors_and_changes(cell):
    check(cell, 60, 0.15)  # 10 or more of 60 are missed in 1 of 900 tests.
