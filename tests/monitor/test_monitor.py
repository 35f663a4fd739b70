"""The monitor: its definition, batches, states, merging and errors."""

import json
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calibkit import CalibrationMonitor
from calibkit.metrics.base import Predictions
from calibkit.monitor import _evidence
from calibkit.monitor._bets import (
    BETS_ON_CLASSES,
    BETS_ON_EVENTS,
    bets_on,
    log_factors_of_events,
    outcomes_of,
)
from calibkit.monitor._evidence import log_kept, log_start_shares

EPS = torch.finfo(torch.float32).eps


def stream(n, seed=0, error=0.0, onset=0):
    g = torch.Generator().manual_seed(seed)
    p = 0.5 + 0.45 * torch.rand(n, generator=g, dtype=torch.float64)
    truth = p.clone()
    truth[onset:] -= error
    return p, torch.rand(n, generator=g, dtype=torch.float64) < truth


def many_classes(n, n_classes=5, seed=0, sharpness=1.0):
    g = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, n_classes, generator=g, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=g)[:, 0]
    return (sharpness * logits).softmax(1), labels


def kept(n):
    return 1.0 if n == 0 else (1 - _evidence._SHARE_AT_ONCE) / (1 + math.log1p(n / 1000))


def wealth_by_definition(factors, shares):
    """Return the wealth after every label, as a sum over bets and over start times."""
    n, n_bets = factors.shape
    path = []
    for t in range(1, n + 1):
        total = kept(t)
        for s in range(t):
            product = factors[s:t].prod(0)
            total += (kept(s) - kept(s + 1)) * sum(shares[b] * product[b] for b in range(n_bets))
        path.append(total)
    return np.array(path)


def factors_by_definition(p, y, tolerance=0.0):
    """Return the likelihood ratio of every bet to the accepted probability that is nearest."""
    found = np.empty((len(p), len(BETS_ON_EVENTS)))
    for i, (p_i, y_i) in enumerate(zip(p, y, strict=True)):
        for j, bet in enumerate(BETS_ON_EVENTS):
            inside = min(max(p_i, EPS), 1 - EPS)
            z = bet.shift + bet.slope * math.log(inside / (1 - inside))
            q = 1 / (1 + math.exp(-z))
            nearest = min(max(q, p_i - tolerance - EPS), p_i + tolerance + EPS)
            found[i, j] = q / nearest if y_i else (1 - q) / (1 - nearest)
    return found


def same(one, other):
    a, b = one.report(), other.report()
    assert (a.n_labels, a.alarm, a.alarm_at, a.direction, a.since) == (
        b.n_labels,
        b.alarm,
        b.alarm_at,
        b.direction,
        b.since,
    )
    assert a.log_e_value == pytest.approx(b.log_e_value, abs=1e-9)
    assert a.p_value == pytest.approx(b.p_value, rel=1e-9)
    if a.since is not None:
        assert a.confidence == pytest.approx(b.confidence)
        assert a.frequency == pytest.approx(b.frequency)
    np.testing.assert_allclose(one.history, other.history, atol=1e-9)


@pytest.mark.parametrize("tolerance", [0, 0.03])
def test_the_evidence_is_that_of_the_definition(tolerance):
    p, y = stream(60, error=0.3)
    shares = [bet.share for bet in BETS_ON_EVENTS]
    expected = wealth_by_definition(
        factors_by_definition(p.tolist(), y.tolist(), tolerance), shares
    )
    monitor = CalibrationMonitor(tolerance=tolerance)
    monitor.update(p, y)
    np.testing.assert_allclose(np.exp(monitor.history[:, 1]), expected, rtol=1e-9)
    assert monitor.e_value == pytest.approx(expected[-1])
    assert monitor.p_value == pytest.approx(1 / max(1, expected.max()))


def test_the_evidence_of_all_classes_is_that_of_the_definition():
    p, y = many_classes(40, sharpness=2)
    clipped, rows = p.clamp(min=EPS).numpy(), np.arange(len(p))
    tempered = np.empty((len(p), len(BETS_ON_CLASSES)))
    for column, bet in enumerate(BETS_ON_CLASSES):
        q = clipped**bet.slope / (clipped**bet.slope).sum(1, keepdims=True)
        tempered[:, column] = q[rows, y] / (clipped[rows, y] + EPS)
    confidence, winner = p.max(1)
    of_top = factors_by_definition(confidence.tolist(), (winner == y).tolist())
    shares = [bet.share for bet in bets_on("all")]
    expected = wealth_by_definition(np.concatenate([tempered, of_top], 1), shares)
    monitor = CalibrationMonitor(of="all")
    monitor.update(p, y)
    np.testing.assert_allclose(np.exp(monitor.history[:, 1]), expected, rtol=1e-9)


def test_all_wealth_is_given_away_once():
    n = 5000
    shares = np.exp(log_start_shares(0, n))
    left = np.exp(log_kept(np.arange(n + 1)))
    np.testing.assert_allclose(shares, left[:-1] - left[1:], rtol=1e-9)
    assert left[0] == 1
    for of in ("positive", "top", "all"):
        assert sum(bet.share for bet in bets_on(of)) == pytest.approx(1)


@given(
    p=st.floats(0, 1),
    truth=st.floats(0, 1),
    tolerance=st.sampled_from([0, 0.001, 0.02, 0.2]),
)
def test_no_bet_can_be_expected_to_win_if_the_truth_is_accepted(p, truth, tolerance):
    low, high = max(p - tolerance, 0), min(p + tolerance, 1)
    accepted = low + truth * (high - low)
    pays = np.exp(log_factors_of_events(np.array([p, p]), np.array([1, 0]), tolerance))
    assert np.isfinite(pays).all()
    assert (accepted * pays[0] + (1 - accepted) * pays[1] <= 1 + 1e-9).all()


@given(st.lists(st.floats(-30, 30), min_size=3, max_size=6))
def test_no_bet_on_classes_can_be_expected_to_win(logits):
    p = torch.tensor(logits, dtype=torch.float64).softmax(0)
    n = len(p)
    predictions = Predictions(p.expand(n, n), torch.arange(n))
    pays = np.exp(outcomes_of(predictions, "all", 0.0).log_factors)
    assert (p.numpy() @ pays <= 1 + 1e-9).all()


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 400), max_size=8),
    error=st.sampled_from([0, 0.2, 0.5]),
    seed=st.integers(0, 1000),
)
def test_batches_give_the_same_as_one_by_one(cuts, error, seed):
    p, y = stream(400, seed, error, onset=150)
    one_by_one, batches = CalibrationMonitor(), CalibrationMonitor()
    for confidence, correct in zip(p.tolist(), y.tolist(), strict=True):
        one_by_one.update(confidence, correct)
    edges = [0, *sorted(cuts), 400]
    for start, stop in pairwise(edges):
        batches.update(p[start:stop], y[start:stop])
    same(one_by_one, batches)


def test_a_batch_of_many_thousands_gives_the_same_as_small_ones():
    p, y = stream(20_000, error=0.01, onset=7000)
    whole, parts = CalibrationMonitor(), CalibrationMonitor()
    whole.update(p, y)
    for i in range(0, 20_000, 333):
        parts.update(p[i : i + 333], y[i : i + 333])
    same(whole, parts)


def test_the_sums_are_right_where_exponentials_would_underflow():
    rng = np.random.default_rng(0)
    parts = np.cumsum(rng.normal(3, 1, (700, 3)), 0)
    expected = np.logaddexp.accumulate(parts)
    before = np.full(3, -np.inf)
    np.testing.assert_allclose(_evidence._log_sums(before, parts), expected, rtol=1e-12)
    near = parts[:100] / 3
    expected = np.logaddexp.accumulate(np.concatenate([near[:1] - 1, near]))[1:]
    np.testing.assert_allclose(_evidence._log_sums(near[0] - 1, near), expected, rtol=1e-12)


def test_it_finds_the_beginning_and_the_direction():
    p, y = stream(4000, error=0.25, onset=2000)
    monitor = CalibrationMonitor()
    assert not monitor.update(p[:2000], y[:2000])
    assert monitor.report().direction is None
    assert monitor.since is None
    assert monitor.update(p[2000:], y[2000:])
    report = monitor.report()
    assert 2000 < report.alarm_at < 2200
    assert abs(monitor.since - 2000) < 60
    assert monitor.direction == "too high"
    assert report.confidence == pytest.approx(float(p[monitor.since :].mean()))
    assert report.frequency == pytest.approx(float(y[monitor.since :].double().mean()))
    assert report.confidence - report.frequency == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(
    ("direction", "slope", "shift"),
    [
        ("too high", 1, -0.8),
        ("too low", 1, 0.8),
        ("too extreme", 0.4, 0),
        ("not extreme enough", 2.5, 0),
    ],
)
def test_it_names_each_direction(direction, slope, shift):
    g = torch.Generator().manual_seed(1)
    z = 3 * torch.randn(3000, generator=g, dtype=torch.float64)
    y = torch.rand(3000, generator=g) < (slope * z + shift).sigmoid()
    monitor = CalibrationMonitor(input="logits")
    assert monitor.update(z, y)
    assert monitor.direction == direction
    assert direction in str(monitor.report())


@pytest.mark.parametrize("sharpness", [1.6, 0.6])
def test_all_classes_are_found_sooner_than_the_top_class(sharpness):
    p, y = many_classes(3000, 20, sharpness=sharpness)
    of_all, of_top = CalibrationMonitor(of="all"), CalibrationMonitor()
    of_all.update(p, y)
    of_top.update(p, y)
    assert of_all.direction == ("too extreme" if sharpness > 1 else "not extreme enough")
    assert of_all.report().alarm_at < of_top.report().alarm_at


def test_the_alarm_stays_and_reset_begins_anew():
    p, y = stream(300, error=0.4)
    monitor = CalibrationMonitor()
    monitor.update(p, y)
    assert monitor.update(*stream(3000, seed=1))
    assert monitor.p_value < 0.05
    assert monitor.e_value * monitor.p_value < 1e-9  # The evidence has shrunk since its maximum.
    monitor.reset()
    assert (monitor.n_labels, monitor.alarm, monitor.e_value, monitor.p_value) == (0, False, 1, 1)
    monitor.update(p, y)
    again = CalibrationMonitor()
    again.update(p, y)
    same(monitor, again)


def test_inputs_of_every_form_give_the_same():
    p, y = stream(200, error=0.3)
    both = torch.stack([1 - p, p], 1)
    expected = CalibrationMonitor()
    expected.update(p, y)
    logits = CalibrationMonitor(input="logits")
    logits.update(p.logit(), y.long())
    same(expected, logits)
    for scores, labels in [
        (both, y.long()),
        (p[:, None], y),
        (p.numpy(), y.numpy()),
        (p.tolist(), y.tolist()),
    ]:
        monitor = CalibrationMonitor()
        monitor.update(scores, labels)
        same(expected, monitor)


def test_single_samples_of_every_form_give_the_same():
    p, y = many_classes(50, sharpness=2)
    expected, rows, ones = CalibrationMonitor(), CalibrationMonitor(), CalibrationMonitor()
    expected.update(p, y)
    for row, label in zip(p, y, strict=True):
        rows.update(row, label)
        ones.update(row.numpy(), int(label))
    same(expected, rows)
    same(expected, ones)


def test_an_empty_batch_adds_nothing():
    monitor = CalibrationMonitor()
    assert not monitor.update(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    assert monitor.n_labels == 0
    monitor.update(*stream(5))


def test_an_error_at_a_probability_that_was_rounded_to_one_is_finite_evidence():
    monitor = CalibrationMonitor()
    monitor.update(torch.ones(1000), torch.arange(1000) != 500)
    assert math.isfinite(monitor.report().log_e_value)
    half = CalibrationMonitor()
    half.update(torch.ones(1000, dtype=torch.float16), torch.arange(1000) != 500)
    assert half.p_value > monitor.p_value


def test_a_tolerance_accepts_what_it_says():
    p, y = stream(30_000, error=0.02)
    strict, tolerant = CalibrationMonitor(), CalibrationMonitor(tolerance=0.02)
    assert strict.update(p, y)
    assert not tolerant.update(p, y)
    assert tolerant.update(*stream(30_000, seed=1, error=0.06))


def test_evidence_beyond_every_float_is_infinite_and_the_report_stays_finite():
    monitor = CalibrationMonitor()
    monitor.update(torch.full((3000,), 0.99), torch.zeros(3000, dtype=torch.bool))
    assert monitor.e_value == math.inf
    assert monitor.p_value == 0
    assert math.isfinite(json.loads(json.dumps(monitor.report().to_dict()))["log_e_value"])


def test_the_history_is_short_and_holds_the_path():
    p, y = stream(5000)
    monitor = CalibrationMonitor()
    path = []
    for i in range(0, 5000, 8):
        monitor.update(p[i : i + 8], y[i : i + 8])
        path.append((i + 8, math.log(monitor.e_value)))
    history = monitor.history
    assert len(history) <= 1000
    assert history[-1, 0] == 5000
    np.testing.assert_allclose(history, path, atol=1e-9)
    history[:] = 0  # This is a copy.
    assert monitor.history.any()


@pytest.mark.parametrize("options", [{}, {"of": "all"}, {"tolerance": 0.01, "alpha": 0.01}])
@pytest.mark.parametrize("n", [0, 1, 700])
def test_it_resumes_from_a_saved_state(tmp_path, options, n):
    p, y = many_classes(1500, sharpness=1.5)
    whole, first = CalibrationMonitor(**options), CalibrationMonitor(**options)
    whole.update(p, y)
    first.update(p[:n], y[:n])
    torch.save(first.state_dict(), tmp_path / "monitor.pt")
    first.update(p, y)  # The file does not share memory with the monitor.
    second = CalibrationMonitor(**options)
    second.load_state_dict(torch.load(tmp_path / "monitor.pt", weights_only=True))
    assert second.n_labels == n
    second = pickle.loads(pickle.dumps(second))
    second.update(p[n:], y[n:])
    same(whole, second)


def test_a_loaded_state_is_a_copy():
    first = CalibrationMonitor()
    first.update(*stream(100))
    state = first.state_dict()
    second = CalibrationMonitor().load_state_dict(state)
    second.update(*stream(100, seed=1))
    third = CalibrationMonitor().load_state_dict(state)
    same(first, third)


def test_one_monitor_merged_is_itself():
    monitor = CalibrationMonitor()
    monitor.update(*stream(500, error=0.2))
    merged = CalibrationMonitor.merge([monitor, CalibrationMonitor()])
    assert merged.log_e_value == pytest.approx(monitor.report().log_e_value)
    assert merged.alarm
    assert merged.direction == monitor.direction
    assert merged.since is None
    assert "since label" not in str(merged)


def test_merged_monitors_find_what_none_finds_alone():
    monitors = []
    for seed in range(8):
        monitor = CalibrationMonitor()
        monitor.update(*stream(40, seed=seed + 100, error=0.1))
        monitors.append(monitor)
    assert not any(monitor.alarm for monitor in monitors)
    merged = CalibrationMonitor.merge(monitors)
    assert merged.alarm
    assert merged.n_labels == 320
    assert merged.direction == "too high"


def test_merged_monitors_find_a_single_one_that_is_wrong():
    monitors = []
    for seed in range(8):
        monitor = CalibrationMonitor()
        monitor.update(*stream(1000, seed=seed, error=0.2 if seed == 3 else 0))
        monitors.append(monitor)
    assert CalibrationMonitor.merge(monitors).alarm


def test_merging_is_by_the_definition():
    monitors, wealth = [], []
    shares = np.array([bet.share for bet in BETS_ON_EVENTS])
    for seed in range(3):
        p, y = stream(20 + seed, seed=seed, error=0.3)
        monitor = CalibrationMonitor()
        monitor.update(p, y)
        monitors.append(monitor)
        factors = factors_by_definition(p.tolist(), y.tolist())
        wealth.append([wealth_by_definition(column[:, None], [1])[-1] for column in factors.T])
    wealth = np.array(wealth)
    expected = shares @ (0.5 * wealth.prod(0) + 0.5 * wealth.mean(0))
    assert CalibrationMonitor.merge(monitors).e_value == pytest.approx(expected)


NOTHING = CalibrationMonitor()
OF_TWO, OF_TOP = CalibrationMonitor(), CalibrationMonitor()
OF_TWO.update(*stream(5))
OF_TOP.update(*many_classes(5))
P, Y = many_classes(10)

REFUSED = {
    "an alpha of 5": (lambda: CalibrationMonitor(5), ValueError, "alpha must be a number between"),
    "a text as alpha": (lambda: CalibrationMonitor("5%"), TypeError, "alpha must be a number"),
    "a tolerance in points": (
        lambda: CalibrationMonitor(tolerance=2),
        ValueError,
        "tolerance must be a number between 0 and 0.5, got 2; 0.02 accepts errors of 2 points",
    ),
    "a tolerance for all classes": (
        lambda: CalibrationMonitor(of="all", tolerance=0.1),
        ValueError,
        'tolerance must be 0 with of="all", got 0.1; judge of="top" to accept small errors',
    ),
    "an unknown event": (
        lambda: CalibrationMonitor(of="bottom"),
        ValueError,
        "of must be one of 'positive', 'top', 'all', got 'bottom'",
    ),
    "an unknown input": (
        lambda: CalibrationMonitor(input="scores"),
        ValueError,
        "input must be one of 'probabilities', 'logits', got 'scores'",
    ),
    "logits": (
        lambda: CalibrationMonitor().update(P.log(), Y),
        ValueError,
        r"probabilities must lie in \[0, 1\] and every row must sum to 1",
    ),
    "a logit": (
        lambda: CalibrationMonitor().update(-2.5, True),
        ValueError,
        r"probabilities must lie in \[0, 1\], got values from -2.5 to -2.5; if these are logits",
    ),
    "probabilities as logits": (
        lambda: CalibrationMonitor(input="logits").update(P, Y),
        ValueError,
        "logits look like probabilities",
    ),
    "NaN": (
        lambda: CalibrationMonitor().update(math.nan, 1),
        ValueError,
        "probabilities must be finite, got NaN or infinity in 1 of 1 rows",
    ),
    "labels of another length": (
        lambda: CalibrationMonitor().update(P, Y[:-1]),
        ValueError,
        "labels must have one entry for every row of probabilities",
    ),
    "a label outside the classes": (
        lambda: CalibrationMonitor().update(P, Y + 5),
        ValueError,
        "labels must lie between 0 and 4 for 5 classes",
    ),
    "images": (
        lambda: CalibrationMonitor().update(P.T[None], Y[None]),
        ValueError,
        "pixels of one image are not independent, so pass one row per sample",
    ),
    "another model": (
        lambda: OF_TOP.update(*stream(5)),
        ValueError,
        "probabilities must have 5 classes as in the batches before, got 2; use one monitor",
    ),
    "a positive class among many": (
        lambda: CalibrationMonitor(of="positive").update(P, Y),
        ValueError,
        'of="positive" needs two classes, got 5',
    ),
    "all of two classes": (
        lambda: CalibrationMonitor(of="all").update(*stream(5)),
        ValueError,
        'of="all" needs three classes or more, got 2; pass of="positive"',
    ),
    "merging nothing": (
        lambda: CalibrationMonitor.merge([]),
        ValueError,
        "monitors are empty; pass one monitor or more",
    ),
    "merging one monitor without a list": (
        lambda: CalibrationMonitor.merge(NOTHING),
        TypeError,
        "monitors must be a list of monitors, got CalibrationMonitor; pass several monitors in a",
    ),
    "merging states": (
        lambda: CalibrationMonitor.merge([NOTHING.state_dict()]),
        TypeError,
        "monitors must be CalibrationMonitor, got dict; load a saved state",
    ),
    "merging other options": (
        lambda: CalibrationMonitor.merge([NOTHING, CalibrationMonitor(0.1)]),
        ValueError,
        "monitors must have the same options, got .* merge the monitors of one model",
    ),
    "merging other models": (
        lambda: CalibrationMonitor.merge([OF_TWO, OF_TOP]),
        ValueError,
        "monitors must judge the same probability, got 'positive' and 'top'; merge the monitors",
    ),
    "merging a monitor with itself": (
        lambda: CalibrationMonitor.merge([OF_TWO, NOTHING, OF_TWO]),
        ValueError,
        "monitors must be different, got one of them twice; pass it once",
    ),
    "a text as the label of one sample": (
        lambda: CalibrationMonitor().update(0.5, "yes"),
        TypeError,
        "labels must be a torch tensor or a numeric numpy array, got str; pass a tensor",
    ),
    "no label of one sample": (
        lambda: CalibrationMonitor().update(0.5, None),
        TypeError,
        "labels must be a torch tensor or a numeric numpy array, got NoneType; pass a tensor",
    ),
    "another alpha after labels": (
        lambda: setattr(OF_TWO, "alpha", 0.5),
        AttributeError,
        "alpha cannot change after the first label, got 0.5; call reset before",
    ),
    "another input after labels": (
        lambda: setattr(OF_TOP, "input", "logits"),
        AttributeError,
        "input cannot change after the first label, got 'logits'; call reset before",
    ),
    "another state": (
        lambda: CalibrationMonitor().load_state_dict({"temperature": 2}),
        ValueError,
        "state must be what state_dict of a CalibrationMonitor returned",
    ),
    "the state of other options": (
        lambda: CalibrationMonitor(0.1).load_state_dict(NOTHING.state_dict()),
        ValueError,
        "state must come from a monitor with the options .* make the monitor with those options",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_in_one_sentence(case):
    call, error, message = REFUSED[case]
    before = OF_TOP.report()
    with pytest.raises(error, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 320
    assert OF_TOP.report() == before


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("alpha", [0, 1, -1, 2, math.nan, "0.05", None, True]),
        ("tolerance", [-0.1, 0.5, 1, math.nan, "0", None, np.zeros(2)]),
        ("of", ["classes", 1, ["top"], np.array(["top", "all"])]),
        ("input", ["scores", None]),
    ],
)
def test_a_wrong_option_is_refused_on_assignment_too(name, wrong):
    monitor = CalibrationMonitor()
    before = getattr(monitor, name)
    for value in wrong:
        with pytest.raises((TypeError, ValueError), match=rf"{name} must be .*, got "):
            setattr(monitor, name, value)
        assert getattr(monitor, name) == before


def test_options_that_exclude_each_other_are_refused_on_assignment_too():
    monitor = CalibrationMonitor(of="all")
    with pytest.raises(ValueError, match=r'tolerance must be 0 with of="all", got 0.1'):
        monitor.tolerance = 0.1
    monitor = CalibrationMonitor(tolerance=0.1)
    with pytest.raises(ValueError, match=r'tolerance must be 0 with of="all", got 0.1'):
        monitor.of = "all"


def test_an_option_may_change_after_a_reset():
    monitor = CalibrationMonitor()
    monitor.update(torch.rand(5), torch.ones(5).long())
    monitor.reset()
    monitor.alpha = 0.01
    assert monitor.alpha == 0.01


def test_a_damaged_state_is_refused_and_changes_nothing():
    monitor = CalibrationMonitor(of="all")
    p = torch.rand(50, 5, generator=torch.Generator().manual_seed(0)).softmax(1)
    monitor.update(p, torch.arange(50) % 5)
    state, before = monitor.state_dict(), monitor.report()
    evidence = state["evidence"]
    damaged = [{**state, "evidence": wrong} for wrong in (None, {}, "a", {**evidence, "more": 1})]
    damaged += [{**state, "judged": "x"}, {**state, "judged": "top"}]
    damaged += [{**state, "judged": wrong} for wrong in (["all"], torch.zeros(2), None, 0)]
    damaged += [{**state, "n_classes": wrong} for wrong in ("5", True, None)]
    damaged += [{**state, "alarm_at": wrong} for wrong in (0.5, 0, True, 51)]
    suspicion = evidence["suspicion"]
    for i, wrong in enumerate(["sideways", -1, math.nan, "0.5"]):
        other = (*suspicion[:i], wrong, *suspicion[i + 1 :])
        damaged.append({**state, "evidence": {**evidence, "suspicion": other}})
    for name, value in evidence.items():
        wrong = ["a", -5, None, torch.tensor(math.nan), [1.0]]
        if isinstance(value, torch.Tensor):
            wrong += [value[:, None], value.float()]
        if isinstance(value, torch.Tensor) and name != "points":
            wrong.append(value[:1])
        if name == "suspicion":
            wrong.remove(None)
        if name == "log_wealth":
            wrong += [math.nan]
        damaged += [{**state, "evidence": {**evidence, name: one}} for one in wrong]
    for wrong in damaged:
        with pytest.raises(ValueError, match=r"^state must be what state_dict of a Calibration"):
            monitor.load_state_dict(wrong)
        assert monitor.report() == before
    assert CalibrationMonitor(of="all").load_state_dict(state).report() == before


def test_a_state_that_hides_or_invents_an_alarm_is_refused():
    alarmed, calm = CalibrationMonitor(), CalibrationMonitor()
    assert alarmed.update([0.9] * 100, [0] * 100)
    assert not calm.update([0.5] * 2, [0, 1])
    states = alarmed.state_dict(), calm.state_dict()
    contradictory = [
        {**states[0], "alarm_at": None},
        {**states[0], "evidence": {**states[0]["evidence"], "log_peak": 0.0}},
        {**states[0], "evidence": {**states[0]["evidence"], "suspicion": None}},
        {**states[1], "alarm_at": 1},
    ]
    for state in contradictory:
        with pytest.raises(ValueError, match=r"that contradicts the evidence; save it again"):
            CalibrationMonitor().load_state_dict(state)
    for state, monitor in zip(states, (alarmed, calm), strict=True):
        assert CalibrationMonitor().load_state_dict(state).report() == monitor.report()


@pytest.mark.parametrize(
    ("probabilities", "label"),
    [
        (0.5, 1.0),
        (0.5, np.float32(1)),
        ([0.5, 0.5], torch.tensor(1.0)),
        ([0.5, 0.3, 0.2], True),
        (np.array([0.5, 0.3, 0.2]), np.array(1.0)),
    ],
)
def test_the_advice_on_the_label_of_one_sample_works(probabilities, label):
    monitor = CalibrationMonitor()
    with pytest.raises(TypeError, match=r"class indices, got (1.0|True); pass int\(labels\) if"):
        monitor.update(probabilities, label)
    monitor.update(probabilities, int(label))
    assert monitor.n_labels == 1


def test_one_sample_without_a_label_is_refused():
    with pytest.raises(TypeError, match=r"got nan; .* leave the sample out if it has no label"):
        CalibrationMonitor().update(0.5, math.nan)


def test_it_prints_what_it_is():
    assert repr(CalibrationMonitor(0.1, of="top", tolerance=0.02)) == (
        "CalibrationMonitor(alpha=0.1, of='top', tolerance=0.02): 0 labels, no alarm"
    )
    assert str(CalibrationMonitor().report()).startswith("After 0 labels there is no alarm.")
