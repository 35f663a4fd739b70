"""A short form of the simulation, and the promises about false alarms and delays in full."""

import pytest

from tests.simulations.monitor import (
    CALIBRATED,
    DELAY,
    STREAMS,
    alarms_of_a_repeated_test,
    false_alarms,
    find,
)

by_name = pytest.mark.parametrize("case", CALIBRATED, ids=lambda case: f"{case.name}, {case.of}")


@pytest.mark.parametrize("case", [case for case in CALIBRATED if "Glyphs" not in case.name])
def test_false_alarms_are_rare_in_short_streams(case):
    # If the monitor errs in 5 % of all streams, 14 or more of 100 err in 1 of 2000 tests.
    assert false_alarms(case._replace(n_labels=1000), 100) <= 13


def test_a_test_that_is_repeated_raises_many():
    assert alarms_of_a_repeated_test(200) >= 50


@pytest.mark.slow
@by_name
def test_false_alarms_come_in_one_of_twenty_streams_at_most(case):
    # 130 or more of 2000 streams are that in 1 of 600 tests.
    assert false_alarms(case, STREAMS) / STREAMS <= 0.065


@pytest.mark.slow
def test_a_shift_at_once_is_found_within_500_labels_in_90_percent():
    found = find(0, "top", 0, STREAMS)
    assert (found.delay <= DELAY).mean() >= 0.9
    assert found.right[found.early == 0].mean() > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("onset", [0, 500, 2000])
def test_with_all_classes_a_late_shift_is_found_within_500_labels_too(onset):
    found = find(onset, "all", 0, 500)
    assert found.early.mean() <= 0.07
    assert (found.delay[found.early == 0] <= DELAY).mean() >= 0.9
