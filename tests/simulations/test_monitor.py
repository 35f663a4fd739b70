"""A short form of the simulation, and the promises about false alarms and delays in full."""

from functools import partial

import numpy as np
import pytest

from calibkit.monitor._bets import bets_on
from calibkit.monitor._evidence import Evidence
from calibkit.monitor._merging import merged_report
from tests.simulations.monitor import (
    CALIBRATED,
    DELAY,
    STREAMS,
    THRESHOLD,
    alarms_of_a_repeated_test,
    drawn,
    false_alarms,
    find,
    first_alarm_of_a_monitor,
    first_alarms,
    labels_of_the_model,
    of_images,
    pool,
)

# The network takes long for an image. Streams of so few labels need no more different ones.
FEWER_IMAGES = partial(of_images, 0, n_images=10_000), partial(of_images, 2, n_images=5000)
labels_of_fewer_images = partial(labels_of_the_model, n_images=10_000)
by_name = pytest.mark.parametrize("case", CALIBRATED, ids=lambda case: f"{case.name}, {case.of}")


@pytest.mark.parametrize("case", [case for case in CALIBRATED if "Glyphs" not in case.name])
def test_false_alarms_are_rare_in_short_streams(case):
    # If the monitor errs in 5% of all streams, 14 or more of 100 err in 1 of 2000 tests.
    assert false_alarms(case._replace(n_labels=1000), 100) <= 13


def test_a_test_that_is_repeated_raises_many():
    assert alarms_of_a_repeated_test(200) >= 50


def merged_false_alarms(n_streams, n_monitors=4, n_looks=20, n_labels=50):
    """Count the streams in which merged monitors ever raise an alarm, at one of many looks."""
    samples = pool(CALIBRATED[0].draw, "positive", 0)
    n_alarms = 0
    for seed in range(n_streams):
        rng = np.random.default_rng(seed)
        monitors = [Evidence(bets_on("positive")) for _ in range(n_monitors)]
        for _ in range(n_looks):
            for monitor in monitors:
                monitor.add(drawn(samples, n_labels, rng), THRESHOLD)
            if merged_report(monitors, 0.05).alarm:
                n_alarms += 1
                break
    return n_alarms


def test_merged_monitors_raise_few_false_alarms():
    assert merged_false_alarms(60, n_looks=10) <= 9  # 10 or more of 60 do so in 1 of 900 tests.


@pytest.mark.slow
def test_merged_monitors_raise_false_alarms_in_one_of_twenty_cases_at_most():
    assert merged_false_alarms(1000) <= 70  # 71 or more of 1000 do so in 1 of 500 tests.


@pytest.mark.slow
@by_name
def test_false_alarms_come_in_one_of_twenty_streams_at_most(case):
    """The monitor itself is tried on every stream with an alarm, and on 100 others."""
    if case.draw is labels_of_the_model:
        case = case._replace(draw=labels_of_fewer_images)
    first = first_alarms(case, STREAMS)
    # 130 or more of 2000 streams are that in 1 of 600 tests.
    assert (first > 0).mean() <= 0.065
    for seed in {*np.flatnonzero(first).tolist(), *range(100)}:
        assert first_alarm_of_a_monitor(case, seed) == first[seed], seed


@pytest.mark.slow
def test_a_shift_at_once_is_found_within_500_labels_in_90_percent():
    found = find(0, "top", 0, STREAMS, draws=FEWER_IMAGES)
    assert (found.delay <= DELAY).mean() >= 0.9
    assert found.right[found.early == 0].mean() > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("onset", [0, 500, 2000])
def test_with_all_classes_a_late_shift_is_found_within_500_labels_too(onset):
    found = find(onset, "all", 0, 500, draws=FEWER_IMAGES)
    assert found.early.mean() <= 0.07
    assert (found.delay[found.early == 0] <= DELAY).mean() >= 0.9
