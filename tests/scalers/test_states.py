"""What a fit, a default type, autocast, export or a masked class must not do to any scaler."""

import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
import torch

from calibkit import (
    BetaScaler,
    DirichletScaler,
    HistogramScaler,
    IsotonicScaler,
    LogisticScaler,
    MatrixScaler,
    QuadraticScaler,
    Scaler,
    TemperatureScaler,
    UniformMixtureScaler,
    VectorScaler,
    calibration_error,
)
from calibkit._distributed import count_over_processes
from calibkit.scalers import base
from tests.helpers import Failure, calibrated_problem

KINDS = [
    TemperatureScaler,
    VectorScaler,
    MatrixScaler,
    DirichletScaler,
    HistogramScaler,
    IsotonicScaler,
    BetaScaler,
    LogisticScaler,
    QuadraticScaler,
    UniformMixtureScaler,
]
BINARY = BetaScaler, LogisticScaler, QuadraticScaler
every_scaler = pytest.mark.parametrize("kind", KINDS)


def fit(kind: type[Scaler], logits: torch.Tensor, labels: torch.Tensor) -> Scaler:
    return kind().fit_logits(logits, labels)


def parameters(scaler: Scaler) -> list[list[float]]:
    return [
        torch.as_tensor(getattr(scaler, name), dtype=torch.float64).flatten().tolist()
        for name in scaler.fitted_names
    ]


def problem(kind: type[Scaler], n: int = 300, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return calibrated_problem(n, 2 if kind in BINARY else 5, 2.5, seed)


@every_scaler
def test_a_fit_that_fails_at_any_point_changes_nothing(kind):
    scaler = fit(kind, *problem(kind, seed=1))
    before = parameters(scaler), scaler.summary, scaler.calibration_fingerprints
    new = problem(kind)
    fresh = kind()
    with Failure(math.inf, MemoryError) as counter:
        fresh.fit_logits(*new)
    steps = range(1, counter.n_calls + 1)
    for at in sorted({*steps[:: max(1, len(steps) // 60)], *steps[-40:]}):
        error = KeyboardInterrupt if at % 2 else MemoryError
        with Failure(at, error), pytest.raises(error, match="injected"):
            scaler.fit_logits(*new)
        assert parameters(scaler) == before[0], at
        assert scaler.summary is before[1], at
        assert scaler.calibration_fingerprints is before[2], at
    scaler.fit_logits(*new)
    assert parameters(scaler) == parameters(fit(kind, *new))


@every_scaler
def test_a_first_fit_that_fails_at_its_end_leaves_the_scaler_unfitted(kind, monkeypatch):
    def fails(rows):
        raise MemoryError

    monkeypatch.setattr(base, "fingerprints", fails)
    scaler = kind()
    before = parameters(scaler)
    with pytest.raises(MemoryError):
        scaler.fit_logits(*problem(kind))
    assert not scaler.fitted
    assert parameters(scaler) == before


@every_scaler
def test_a_state_that_cannot_be_loaded_changes_nothing(kind):
    scaler = fit(kind, *problem(kind))
    before = parameters(scaler), scaler.summary
    state = scaler.get_extra_state()
    for name in kind.fitted_names:
        with pytest.raises((TypeError, ValueError)):
            scaler.set_extra_state({**state, name: "nonsense", "summary": {"scaler": "other"}})
    assert (parameters(scaler), scaler.summary) == before


def scalers_of_inference_mode(kind):
    """Return scalers that were fitted, copied, read or loaded in inference mode."""
    fitted = fit(kind, *problem(kind))
    new = kind()
    with torch.inference_mode():
        new.load_state_dict(fitted.state_dict())
        pickled = pickle.loads(pickle.dumps(fitted))
        return fit(kind, *problem(kind)), copy.deepcopy(fitted), pickled, new


@every_scaler
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_gradients_pass_a_scaler_that_was_made_in_inference_mode(kind, dtype):
    logits, _ = problem(kind)
    ordinary = fit(kind, *problem(kind))
    for scaler in scalers_of_inference_mode(kind):
        inputs = [logits.to(dtype, copy=True).requires_grad_() for _ in range(2)]
        scaled, expected = scaler(inputs[0]), ordinary(inputs[1])
        assert torch.equal(scaled, expected)
        if expected.requires_grad:  # the steps of a histogram have no slope
            scaled.sum().backward()
            expected.sum().backward()
            assert torch.equal(inputs[0].grad, inputs[1].grad)


@every_scaler
def test_a_scaler_shares_no_memory_with_a_state_or_with_what_was_assigned(kind):
    logits, labels = problem(kind)
    scaler, loaded, assigned = kind().fit_logits(logits, labels), kind(), kind()
    state = scaler.get_extra_state()
    loaded.set_extra_state(state)
    assigned.summary = scaler.summary
    for name in kind.fitted_names:
        setattr(assigned, name, state[name].item() if state[name].ndim == 0 else state[name])
    before = scaler(logits)
    for name in kind.fitted_names:
        state[name].zero_()
    for one in (scaler, loaded, assigned):
        assert torch.equal(one(logits), before)


@every_scaler
@pytest.mark.parametrize("factor", [1, 50, 1000])
@pytest.mark.parametrize("masked", [False, True])
def test_the_gradients_that_pass_a_scaler_are_finite(kind, factor, masked):
    logits, labels = problem(kind)
    x = factor * logits
    if masked:
        x[:, 0] = -torch.inf
    x.requires_grad_()
    scaled = fit(kind, logits, labels)(x).log_softmax(1)
    weights = torch.linspace(-1, 1, scaled.numel(), dtype=scaled.dtype).reshape(scaled.shape)
    if scaled.requires_grad:
        (weights * scaled)[scaled.isfinite()].sum().backward()
        assert x.grad.isfinite().all()


def test_the_gradient_of_isotonic_regression_is_the_slope_of_its_curve():
    logits, labels = problem(IsotonicScaler)
    scaler = fit(IsotonicScaler, logits, labels)
    # The corners of the curve are at the calibration samples, so these points are others.
    x = problem(IsotonicScaler, seed=1)[0][:20].double().requires_grad_()
    scaler(x).log_softmax(1)[:, 1].sum().backward()
    step = 1e-7
    for k in range(logits.shape[1]):
        ahead, behind = (x.detach().clone() for _ in range(2))
        ahead[:, k] += step
        behind[:, k] -= step
        after, before = (scaler(z).log_softmax(1)[:, 1] for z in (ahead, behind))
        slope = (after - before) / (2 * step)
        torch.testing.assert_close(x.grad[:, k], slope, rtol=1e-3, atol=1e-5)


@every_scaler
@pytest.mark.filterwarnings("ignore")  # The old tracer warns of itself.
def test_a_scaler_can_be_traced(kind):
    logits, _ = problem(kind)
    scaler = fit(kind, *problem(kind))
    traced = torch.jit.trace(scaler, (logits[:3],))
    torch.testing.assert_close(traced(logits), scaler(logits))


NONSENSE = [
    "text",
    None,
    [1.0],
    True,
    torch.tensor(True),
    torch.tensor(1j),
    torch.ones(3, 1, 2),
]


@every_scaler
@pytest.mark.parametrize("value", NONSENSE, ids=str)
def test_a_state_of_another_type_or_shape_is_refused_in_one_sentence(kind, value):
    scaler = fit(kind, *problem(kind))
    before = parameters(scaler), scaler.summary
    for name in kind.fitted_names:
        with pytest.raises(ValueError, match=r"save .* again from a fitted scaler") as raised:
            scaler.set_extra_state({**scaler.get_extra_state(), name: value})
        assert "\n" not in str(raised.value)
        assert (parameters(scaler), scaler.summary) == before


@every_scaler
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_state_of_numbers_that_cannot_be_is_refused(kind, value):
    scaler = fit(kind, *problem(kind))
    before = parameters(scaler), scaler.summary
    for name in kind.fitted_names:
        state = scaler.get_extra_state()
        state[name] = torch.full_like(state[name], value)
        with pytest.raises(ValueError, match=r"must hold|must be a positive, finite number"):
            scaler.set_extra_state(state)
        assert (parameters(scaler), scaler.summary) == before


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (TemperatureScaler, "temperature", -1),
        (UniformMixtureScaler, "uniform_weight", -0.1),
        (BetaScaler, "a", -1),
        (BetaScaler, "b", -1),
        (HistogramScaler, "values", 0.1),
        (IsotonicScaler, "values", 1.1),
        (IsotonicScaler, "thresholds", 0.1),
        (IsotonicScaler, "n_samples", -1),
    ],
)
def test_a_state_of_numbers_out_of_range_is_refused(kind, name, value):
    state = fit(kind, *problem(kind)).get_extra_state()
    state[name] = torch.full_like(state[name], value)
    scaler = kind()
    with pytest.raises(ValueError, match=r"must hold|must be a positive, finite number"):
        scaler.set_extra_state(state)
    assert not scaler.fitted


@pytest.mark.parametrize("summary", ["text", 1.0, {"n_samples": "many"}, {"nll_after": None}])
def test_a_state_with_a_summary_of_nonsense_is_refused(summary):
    scaler = TemperatureScaler().fit_logits(*problem(TemperatureScaler))
    state = scaler.get_extra_state()
    if isinstance(summary, dict):
        summary = {**state["summary"], **summary}
    with pytest.raises(ValueError, match=r"the saved summary must .*; save the scaler again"):
        TemperatureScaler().set_extra_state({**state, "summary": summary})


@every_scaler
def test_every_state_that_a_scaler_gives_can_be_loaded(kind):
    """Fitted or not, and in the precision to which a model was converted."""
    for scaler in (kind(), fit(kind, *problem(kind))):
        loaded = kind()
        loaded.load_state_dict(scaler.state_dict())
        assert loaded.fitted == scaler.fitted
        assert parameters(loaded) == parameters(scaler)
        fit(kind, *problem(kind, seed=1)).load_state_dict(scaler.state_dict())


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


every_default_dtype = pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str
)


@every_scaler
@every_default_dtype
def test_the_default_dtype_changes_nothing(kind, dtype):
    logits, labels = problem(kind, n=1501)
    logits = logits.float()
    expected = fit(kind, logits, labels)
    calibrated = expected(logits)
    masked = logits.clone()
    masked[:, 0] = -torch.inf
    calibrated_masked = expected(masked)
    with default_dtype(dtype):
        scaler = fit(kind, logits, labels)
        assert scaler.summary == expected.summary
        assert scaler.summary.n_samples == 1501
        assert parameters(scaler) == parameters(expected)
        assert torch.equal(scaler(logits), calibrated)
        assert torch.equal(scaler(masked), calibrated_masked)


@every_default_dtype
def test_more_samples_than_float16_can_hold(dtype):
    logits = torch.linspace(-1, 3, 70_001, dtype=torch.float32)
    labels = (torch.arange(70_001) % 3 > 0).long()
    with default_dtype(dtype):
        assert TemperatureScaler().fit_logits(logits, labels).summary.n_samples == 70_001


def test_more_samples_than_float32_can_count():
    n = 2**24 + 3
    logits, labels = torch.linspace(-1, 3, n), torch.ones(n, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"one class only: all {n} are 1"):
        TemperatureScaler().fit_logits(logits, labels)
    assert count_over_processes(n) == n


@cache
def fitted_on_2000(kind: type[Scaler], n_classes: int) -> tuple[Scaler, torch.Tensor]:
    """Return a scaler and some of the logits that it was fitted on."""
    logits, labels = calibrated_problem(2000, n_classes, 1.5)
    return fit(kind, logits, labels), logits[:7]


MASKED = [(5, [4]), (5, [0, 3]), (5, [1, 2, 3, 4]), (2, [0]), (2, [1])]


@every_scaler
@pytest.mark.parametrize(("n_classes", "masked"), MASKED)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_masked_class_stays_masked(kind, n_classes, masked, dtype):
    if kind in BINARY and n_classes > 2:
        pytest.skip("for binary models")
    scaler, logits = fitted_on_2000(kind, n_classes)
    rows = logits.to(dtype, copy=True)
    rows[:, masked] = -torch.inf
    kept = [k for k in range(n_classes) if k not in masked]
    for given in (rows, rows[:6].reshape(2, 3, n_classes).movedim(-1, 1)):
        found = scaler(given)
        assert found.dtype == dtype
        assert found.isneginf()[:, masked].all()
        assert found[:, kept].isfinite().all()
        p = found.double().softmax(1)
        assert (p[:, masked] == 0).all()
        torch.testing.assert_close(p.sum(1), torch.ones_like(p[:, 0]))
    alone = scaler(rows[2:3]).double()
    torch.testing.assert_close(alone, scaler(rows).double()[2:3], rtol=1e-2, atol=1e-2)


@every_scaler
def test_integers_and_a_single_sample_give_the_same_in_every_form(kind):
    logits, labels = calibrated_problem(400, 2, 2)
    z = (logits[:, 1] - logits[:, 0]).round()
    scaler = kind().fit_logits(z, labels)
    expected = scaler(z.float())
    for dtype in (torch.int64, torch.int8):
        assert torch.equal(scaler(z.to(dtype)), expected)
        assert torch.equal(scaler(z.to(dtype)[:, None])[:, 0], expected)
        both = scaler(torch.stack([0 * z, z], 1).to(dtype))
        assert both.dtype == expected.dtype
        torch.testing.assert_close(both[:, 1] - both[:, 0], expected)
    assert scaler(z[0].float()) == expected[0]
    assert torch.equal(scaler(z[:1].float()), expected[:1])


def test_a_single_row_needs_a_dimension_for_the_samples_and_the_advice_works():
    logits, labels = calibrated_problem(300, 3, 2)
    scaler = VectorScaler().fit_logits(logits, labels)
    with pytest.raises(ValueError, match=r"got \(3,\); pass logits\[None\]$"):
        scaler(logits[0])
    assert torch.equal(scaler(logits[0][None]), scaler(logits)[:1])


@every_scaler
def test_a_masked_class_of_a_single_binary_logit(kind):
    logits, labels = calibrated_problem(2000, 2, 1.5)
    scaler = fit(kind, logits[:, 1] - logits[:, 0], labels)
    z = torch.tensor([-torch.inf, torch.inf, 0.5])
    for given in (z, z[:, None], z[:, None, None]):
        p = scaler(given).sigmoid().flatten()
        assert p[:2].tolist() == [0, 1]
        assert 0 < p[2] < 1


def test_the_weight_of_a_masked_class_goes_to_the_others():
    scaler = UniformMixtureScaler()
    scaler.set_extra_state(
        {
            "scaler": "UniformMixtureScaler",
            "summary": UniformMixtureScaler()
            .fit_logits(*calibrated_problem(500, 4, 2))
            .get_extra_state()["summary"],
            "temperature": torch.tensor(2.0),
            "uniform_weight": torch.tensor(0.3),
        }
    )
    p = scaler(torch.tensor([[2.0, 0.0, -torch.inf]], dtype=torch.float64)).exp()[0].tolist()
    first = 0.7 / (1 + math.exp(-1)) + 0.15
    assert p == pytest.approx([first, 1 - first, 0])


@every_scaler
def test_a_fit_refuses_a_masked_class_and_its_advice_works(kind):
    logits, labels = problem(kind, n=2000)
    given = logits.clone()
    hidden = torch.arange(2000) < 200
    hidden &= labels != 1
    given[hidden, 1] = -torch.inf
    with pytest.raises(ValueError, match=r"large negative number such as -10000 in place of -inf"):
        kind().fit_logits(given, labels)
    scaler = kind().fit_logits(given.clamp(min=-10_000), labels)
    assert (scaler(given)[hidden].softmax(1)[:, 1] == 0).all()


@every_scaler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_autocast_changes_nothing(kind, dtype):
    logits, labels = problem(kind, n=500)
    logits = logits.to(dtype)
    expected = fit(kind, logits, labels)
    with torch.autocast("cpu", torch.bfloat16):
        scaler = fit(kind, logits, labels)
        found, again = scaler(logits), expected(logits)
    assert parameters(scaler) == parameters(expected)
    assert scaler.summary == expected.summary
    assert torch.equal(found, expected(logits))
    assert torch.equal(again, expected(logits))


EXPORT = """
import sys, torch, calibkit
from tests.scalers.test_states import problem
scaler = getattr(calibkit, sys.argv[1])()
logits, labels = problem(type(scaler))
fitted = torch.load(sys.argv[2], weights_only=True)
scaler.load_state_dict(fitted)
exported = torch.export.export(scaler, (logits[:4],)).module()
assert torch.equal(exported(logits[:4]), scaler(logits[:4]))
assert type(scaler(logits[:4])) is torch.Tensor
calibkit.calibration_error(logits.softmax(1), labels)
calibkit.classwise_calibration_error(logits.softmax(1), labels)
type(scaler)().fit_logits(logits, labels)
"""


@pytest.mark.parametrize("kind", [HistogramScaler])
def test_export_in_a_new_process_leaves_it_as_it_was(kind, tmp_path):
    file = tmp_path / "state.pt"
    torch.save(fit(kind, *problem(kind)).state_dict(), file)
    code = [sys.executable, "-W", "ignore", "-c", EXPORT, kind.__name__, str(file)]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@every_scaler
def test_export_and_autocast_leave_the_process_as_it_was(kind):
    logits, labels = problem(kind, n=500)
    logits = logits.float()
    scaler = fit(kind, logits, labels)
    expected, error = scaler(logits), calibration_error(logits.softmax(1), labels, n_bins=77)
    exported = torch.export.export(scaler, (logits,)).module()
    torch.testing.assert_close(exported(logits), expected)
    with torch.autocast("cpu", torch.bfloat16):
        exported = torch.export.export(scaler, (logits,)).module()
        torch.testing.assert_close(exported(logits), expected)
    masked = logits.clone()
    masked[:, 1] = -torch.inf
    assert exported(masked).isneginf()[:, 1].all()
    assert type(scaler(logits)) is torch.Tensor
    assert torch.equal(scaler(logits), expected)
    assert calibration_error(logits.softmax(1), labels, n_bins=77) == error


@pytest.mark.parametrize("kind", [HistogramScaler, MatrixScaler, UniformMixtureScaler])
def test_compile_leaves_the_process_as_it_was(kind):
    logits, labels = problem(kind, n=500)
    logits = logits.float()
    scaler = fit(kind, logits, labels)
    expected, error = scaler(logits), calibration_error(logits.softmax(1), labels, n_bins=78)
    compiled = torch.compile(scaler, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(logits), expected)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(compiled(logits), expected)
    assert torch.equal(scaler(logits), expected)
    assert calibration_error(logits.softmax(1), labels, n_bins=78) == error
    torch.compiler.reset()
