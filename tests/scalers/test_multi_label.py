"""Temperatures of multi-label models, beside binary fits and definitions in float64."""

import copy
import io
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import DataLoader, TensorDataset

from calibkit import MultiLabelTemperatureScaler, NoOptimumError, TemperatureScaler
from calibkit._multi_label import check_multi_label, samples_of

TRUTH = torch.tensor([1.0, 2.0, 4.0, 0.5])


def problem(
    n: int = 400, seed: int = 0, dependence: float = 0.0, temperatures: torch.Tensor = TRUTH
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, L) whose labels want these temperatures."""
    generator = torch.Generator().manual_seed(seed)

    def normal() -> torch.Tensor:
        common = torch.randn(n, 1, generator=generator, dtype=torch.float64)
        own = torch.randn(n, len(temperatures), generator=generator, dtype=torch.float64)
        return dependence**0.5 * common + (1 - dependence) ** 0.5 * own

    z = 2 * normal()
    uniform = torch.special.ndtr(normal())
    return z * temperatures, (uniform < z.sigmoid()).long()


LOGITS, LABELS = problem()
SHARED = MultiLabelTemperatureScaler().fit_logits(LOGITS, LABELS)
EACH = MultiLabelTemperatureScaler(per_label=True).fit_logits(LOGITS, LABELS)


def binary(logits: torch.Tensor, labels: torch.Tensor) -> TemperatureScaler:
    return TemperatureScaler().fit_logits(logits.flatten(), labels.flatten())


def best_by_scipy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    def nll(log_t: float) -> float:
        return bce(logits.double() / math.exp(log_t), labels.double()).item()

    return math.exp(minimize_scalar(nll, bounds=(-4, 4), options={"xatol": 1e-10}).x)


def test_one_temperature_is_that_of_all_entries():
    one = binary(LOGITS, LABELS)
    assert SHARED.temperatures.tolist() == [pytest.approx(one.temperature, rel=1e-9)]
    assert SHARED.temperatures.item() == pytest.approx(best_by_scipy(LOGITS, LABELS), rel=1e-6)
    assert SHARED.summary.temperature == SHARED.temperatures.item()
    assert SHARED.summary.n_samples == LABELS.numel()
    assert SHARED.summary.n_parameters == 1
    assert SHARED.summary.nll_before == pytest.approx(bce(LOGITS, LABELS.double()).item())
    after = bce(SHARED(LOGITS), LABELS.double()).item()
    assert SHARED.summary.nll_after == pytest.approx(after)


def test_one_temperature_each_is_that_of_binary_models():
    for k in range(4):
        expected = binary(LOGITS[:, k], LABELS[:, k]).temperature
        assert EACH.temperatures[k].item() == pytest.approx(expected, rel=1e-9)
        interval = binary(LOGITS[:, k], LABELS[:, k]).summary.temperature_interval
        assert EACH.temperature_intervals[k].tolist() == pytest.approx(interval, rel=1e-6)
        by_scipy = best_by_scipy(LOGITS[:, k], LABELS[:, k])
        assert EACH.temperatures[k].item() == pytest.approx(by_scipy, rel=1e-6)
    assert torch.allclose(EACH.temperatures.float(), TRUTH, rtol=0.3)
    after = bce(EACH(LOGITS), LABELS.double()).item()
    assert EACH.summary.nll_after == pytest.approx(after)
    assert EACH.summary.nll_after < SHARED.summary.nll_after
    assert EACH.summary.n_parameters == 4
    assert EACH.summary.temperature is None
    assert "each T" in str(EACH.summary)


@pytest.mark.parametrize("per_label", [False, True])
@pytest.mark.parametrize(
    "labels",
    [
        LABELS.bool(),
        LABELS.float(),
        LABELS.double().numpy(),
        LABELS.to(torch.uint8),
        LABELS.tolist(),
        LABELS.bool().numpy(),
    ],
    ids=["bool", "float", "array", "uint8", "list", "array of bool"],
)
def test_multi_hot_labels_may_have_any_type(labels, per_label):
    found = MultiLabelTemperatureScaler(per_label).fit_logits(LOGITS.numpy(), labels)
    expected = EACH if per_label else SHARED
    assert torch.equal(found.temperatures, expected.temperatures)


@pytest.mark.parametrize("per_label", [False, True])
def test_missing_entries_are_left_out(per_label):
    generator = torch.Generator().manual_seed(5)
    missing = torch.rand(LABELS.shape, generator=generator) < 0.3
    logits = LOGITS.masked_fill(missing, math.nan)
    labels = LABELS.masked_fill(missing, -1)
    scaler = MultiLabelTemperatureScaler(per_label)
    for given_labels in (labels, labels.float()):
        scaler.fit_logits(logits, given_labels, ignore_index=-1)
        columns = [slice(k, k + 1) for k in range(4)] if per_label else [slice(None)]
        for found, part in zip(scaler.temperatures.tolist(), columns, strict=True):
            there = ~missing[:, part]
            one = binary(LOGITS[:, part][there], LABELS[:, part][there])
            assert found == pytest.approx(one.temperature, rel=1e-9)
    assert scaler.summary.n_samples == int((~missing).sum())


def test_overlapping_masks_have_a_label_for_each_channel():
    logits, labels = LOGITS.view(4, 10, 10, 4).movedim(-1, 1), LABELS.view(4, 10, 10, 4)
    labels = labels.movedim(-1, 1)
    each = MultiLabelTemperatureScaler(per_label=True).fit_logits(logits, labels)
    torch.testing.assert_close(each.temperatures, EACH.temperatures)
    torch.testing.assert_close(each(logits).movedim(1, -1).reshape(-1, 4), EACH(LOGITS))


@pytest.mark.parametrize("size", [0.1, 10.0, 1e30])
def test_the_temperature_follows_the_size_of_the_logits(size):
    scaled = MultiLabelTemperatureScaler(per_label=True).fit_logits(size * LOGITS, LABELS)
    torch.testing.assert_close(scaled.temperatures, size * EACH.temperatures, rtol=1e-8, atol=0)
    shared = MultiLabelTemperatureScaler().fit_logits(size * LOGITS, LABELS)
    low, high = shared.summary.temperature_interval
    expected = [size * end for end in SHARED.summary.temperature_interval]
    assert [low, high] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(4)), st.booleans())
def test_order_and_complements_do_not_matter(seed, order, per_label):
    logits, labels = problem(60, seed)
    try:
        found = MultiLabelTemperatureScaler(per_label).fit_logits(logits, labels)
    except ValueError:
        return
    other = MultiLabelTemperatureScaler(per_label)
    other.fit_logits(-logits[:, order], 1 - labels[:, order])
    expected = found.temperatures[list(order)] if per_label else found.temperatures
    torch.testing.assert_close(other.temperatures, expected, rtol=1e-7, atol=0)


def test_the_interval_is_that_of_the_sandwich_formula_over_samples():
    t = SHARED.temperatures.item()
    p = (LOGITS / t).sigmoid()
    slopes = ((p - LABELS) * LOGITS).sum(1)
    curvature = (p * (1 - p) * LOGITS**2).sum()
    error = float(slopes.square().sum().sqrt() / curvature) * t
    low, high = SHARED.summary.temperature_interval
    assert SHARED.temperature_intervals.tolist() == [[low, high]]
    assert math.log(high / t) == pytest.approx(1.959964 * error)
    assert math.log(t / low) == pytest.approx(1.959964 * error)


@pytest.mark.parametrize("scaler", [SHARED, EACH], ids=["shared", "each"])
@pytest.mark.parametrize("smoothing", [0, 2])
def test_integer_weights_equal_repetition(scaler, smoothing):
    weights = torch.arange(400) % 4
    found = MultiLabelTemperatureScaler(scaler.per_label, smoothing)
    found.fit_logits(LOGITS, LABELS, sample_weight=weights)
    repeated = MultiLabelTemperatureScaler(scaler.per_label, smoothing).fit_logits(
        LOGITS.repeat_interleave(weights, 0), LABELS.repeat_interleave(weights, 0)
    )
    torch.testing.assert_close(found.temperatures, repeated.temperatures, rtol=1e-10, atol=0)
    assert not torch.equal(found.temperatures, scaler.temperatures)
    for name in ("nll_before", "nll_after"):
        value = getattr(repeated.summary, name)
        assert getattr(found.summary, name) == pytest.approx(value, rel=1e-10)
    assert found.summary.n_samples == 4 * 300
    assert len(found.calibration_fingerprints) == 300
    # One sample of weight 2 says less about the noise than two samples.
    widths = (one.temperature_intervals.log().diff()[:, 0] for one in (found, repeated))
    assert all(a > b for a, b in zip(*widths, strict=True))


def test_each_entry_may_have_a_weight_of_its_own():
    generator = torch.Generator().manual_seed(6)
    weights = torch.rand(LABELS.shape, generator=generator).clamp(min=0.3) - 0.3
    logits = LOGITS.masked_fill(weights == 0, math.nan)
    each = MultiLabelTemperatureScaler(per_label=True)
    each.fit_logits(logits, LABELS, sample_weight=weights)
    for k in range(4):
        one = TemperatureScaler().fit_logits(
            LOGITS[:, k], LABELS[:, k], sample_weight=weights[:, k]
        )
        assert each.temperatures[k].item() == pytest.approx(one.temperature, rel=1e-9)
        interval = one.summary.temperature_interval
        assert each.temperature_intervals[k].tolist() == pytest.approx(interval, rel=1e-6)
    shared = MultiLabelTemperatureScaler().fit_logits(logits, LABELS, sample_weight=weights)
    flat = LOGITS.flatten(), LABELS.flatten()
    one = TemperatureScaler().fit_logits(*flat, sample_weight=weights.flatten())
    assert shared.temperatures.item() == pytest.approx(one.temperature, rel=1e-9)
    with pytest.raises(ValueError, match="sample_weight must be finite and not negative"):
        each.fit_logits(LOGITS, LABELS, sample_weight=-weights)


def test_copies_of_a_label_make_the_interval_no_narrower():
    one = MultiLabelTemperatureScaler().fit_logits(LOGITS[:, :1], LABELS[:, :1])
    copies = MultiLabelTemperatureScaler().fit_logits(
        LOGITS[:, :1].expand(-1, 20), LABELS[:, :1].expand(-1, 20)
    )
    assert copies.summary.temperature_interval == pytest.approx(one.summary.temperature_interval)
    expected = binary(LOGITS[:, :1], LABELS[:, :1]).summary.temperature_interval
    assert one.summary.temperature_interval == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dependence", [0.0, 0.5, 0.95])
def test_the_interval_holds_the_temperature_whatever_depends_on_what(dependence):
    """If the entries of 20 labels counted as independent samples, it would hold it rarely."""
    held = {"of samples": 0, "of entries": 0}
    for seed in range(400):
        logits, labels = problem(300, seed, dependence, torch.ones(20))
        for name, fitted in (
            ("of samples", MultiLabelTemperatureScaler().fit_logits(logits, labels)),
            ("of entries", binary(logits, labels)),
        ):
            low, high = fitted.summary.temperature_interval
            held[name] += low <= 1 <= high
    assert 0.92 < held["of samples"] / 400 < 0.98
    assert (held["of entries"] / 400 < 0.5) == (dependence == 0.95)


RIGHT = (LOGITS > 0).long()
ZEROS = LABELS * torch.tensor([1, 1, 0, 1])


def test_a_label_without_a_temperature_is_named():
    each = MultiLabelTemperatureScaler(per_label=True)
    for wrong, found in {0: "400 times 0", 1: "400 times 1", -1: "no entry"}.items():
        labels = LABELS.clone()
        labels[:, 2] = wrong
        message = f"label 2 must hold both 0 and 1, got {found};.*or per_label=False"
        with pytest.raises(ValueError, match=message):
            each.fit_logits(LOGITS, labels, ignore_index=-1)
    mixed = torch.cat([LABELS[:, :2], RIGHT[:, 2:]], 1)
    with pytest.raises(
        NoOptimumError, match=r"label 2: .*\(smoothing=1\), or per_label=F"
    ) as raised:
        each.fit_logits(LOGITS, mixed)
    assert raised.value.limit == 0
    with pytest.raises(NoOptimumError, match=r"label 0: .* no higher where") as raised:
        each.fit_logits(-LOGITS, LABELS)
    assert raised.value.limit == math.inf
    assert not each.fitted
    for labels in (ZEROS, mixed):  # What the messages advise.
        MultiLabelTemperatureScaler(per_label=False).fit_logits(LOGITS, labels)
    smoothed = MultiLabelTemperatureScaler(True, smoothing=1).fit_logits(LOGITS, mixed)
    expected = TemperatureScaler(smoothing=1).fit_logits(LOGITS[:, 2], mixed[:, 2])
    assert smoothed.temperatures[2].item() == pytest.approx(expected.temperature, rel=1e-9)


def test_one_temperature_for_all_may_not_exist_either():
    one = MultiLabelTemperatureScaler()
    with pytest.raises(ValueError, match="the labels must hold both 0 and 1, got 1600 times 0"):
        one.fit_logits(LOGITS, 0 * LABELS)
    with pytest.raises(NoOptimumError, match=r"for the labels: .*Scaler\(smoothing=1\)$"):
        one.fit_logits(LOGITS, RIGHT)
    smoothed = MultiLabelTemperatureScaler(smoothing=1).fit_logits(LOGITS, RIGHT)
    expected = TemperatureScaler(smoothing=1).fit_logits(LOGITS.flatten(), RIGHT.flatten())
    assert smoothed.temperatures.item() == pytest.approx(expected.temperature, rel=1e-9)
    low, high = smoothed.summary.temperature_interval
    assert low < smoothed.temperatures.item() < high
    assert low <= expected.summary.temperature_interval[0]


def ragged(labels: torch.Tensor) -> list[list[int]]:
    return [row.nonzero()[:, 0].tolist() for row in labels]


BAD = {
    "class indices": (LOGITS, LABELS[:, 0], "use TemperatureScaler and evaluate"),
    "one logit": (LOGITS[:, 0], LABELS[:, 0], "use TemperatureScaler and evaluate"),
    "labels first": (LOGITS, LABELS.T, r"transpose them with labels\.T"),
    "other shape": (LOGITS, LABELS[:, :3], "pass 0 or 1 for every logit"),
    "names of labels": (
        LOGITS,
        ragged(LABELS),
        r"Binarizer\(\)\.fit_transform\(labels\)",
    ),
    "sets of labels": (LOGITS, list(map(set, ragged(LABELS))), "MultiLabelBinarizer"),
    "missing": (LOGITS, LABELS.float().masked_fill(LABELS == 1, math.nan), r"labels\.nan_to_num"),
    "missing as -1": (LOGITS, -LABELS, "got -1 at position .* pass ignore_index=-1"),
    "smooth": (LOGITS, 0.9 * LABELS + 0.05, r"got 0\.949.* such as labels > 0\.5"),
    "complex": (LOGITS, LABELS * 1j, r"pass the real part, labels\.real"),
    "probabilities": (LOGITS.sigmoid(), LABELS, r"torch\.logit\(logits\)"),
    "integers": (LABELS, LABELS, "logits must be floating point"),
    "NaN": (LOGITS.masked_fill(LOGITS > 8, math.nan), LABELS, "must be finite"),
    "nothing": (LOGITS[:0], LABELS[:0], "empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(name):
    logits, labels, message = BAD[name]
    scaler = copy.deepcopy(SHARED)
    with pytest.raises((TypeError, ValueError), match=message):
        scaler.fit_logits(logits, labels)
    assert torch.equal(scaler.temperatures, SHARED.temperatures)
    assert scaler.summary == SHARED.summary


def test_the_advice_works():
    fit = MultiLabelTemperatureScaler().fit_logits
    assert torch.equal(fit(LOGITS, LABELS.T.T).temperatures, SHARED.temperatures)
    sklearn = pytest.importorskip("sklearn.preprocessing")
    rows = sklearn.MultiLabelBinarizer().fit_transform(ragged(LABELS))
    assert torch.equal(fit(LOGITS, rows).temperatures, SHARED.temperatures)
    gaps = LABELS.float().masked_fill(LOGITS > 5, math.nan)
    left_out = fit(LOGITS, LABELS.masked_fill(LOGITS > 5, -1), ignore_index=-1).temperatures
    assert torch.equal(fit(LOGITS, gaps.nan_to_num(nan=-1), ignore_index=-1).temperatures, left_out)
    p = LOGITS.sigmoid()
    torch.testing.assert_close(fit(torch.logit(p), LABELS).temperatures, SHARED.temperatures)
    assert fit(LOGITS, (0.9 * LABELS + 0.05) > 0.5).temperatures.equal(SHARED.temperatures)


def test_forward_keeps_shape_precision_and_order():
    for scaler in (SHARED, EACH):
        expected = LOGITS / scaler.temperatures
        torch.testing.assert_close(scaler(LOGITS), expected)
        for dtype in (torch.float16, torch.bfloat16, torch.float32):
            found = scaler(LOGITS.to(dtype))
            assert found.dtype == dtype
            exact = LOGITS.to(dtype).double() / scaler.temperatures
            torch.testing.assert_close(found, exact.to(dtype))
        assert scaler(LOGITS.numpy()).dtype == torch.float64
        assert scaler(LABELS).dtype == torch.get_default_dtype()
        z = LOGITS.clone().requires_grad_()
        scaler(z).sum().backward()
        torch.testing.assert_close(z.grad, (1 / scaler.temperatures).expand_as(z))
    assert SHARED(LOGITS[:, 0]).shape == (400,)
    tiny = copy.deepcopy(EACH)
    tiny.temperatures = [1e-50, 1e-6, 1.0, 1e50]
    for dtype in (torch.float16, torch.float32):
        z = LOGITS.to(dtype)
        assert tiny(z).isfinite().all()
        assert torch.equal(tiny(z)[:, :3] > 0, z[:, :3] > 0)
        assert tiny(torch.full((1, 4), -math.inf, dtype=dtype)).isneginf().all()
    with pytest.raises(ValueError, match=r"must have 4 labels as in the fit, got \(400, 3\)"):
        EACH(LOGITS[:, :3])
    with pytest.raises(RuntimeError, match="not fitted"):
        MultiLabelTemperatureScaler()(LOGITS)


@pytest.mark.parametrize("scaler", [SHARED, EACH], ids=["shared", "each"])
def test_states_copies_and_programs_keep_the_temperatures(scaler):
    file = io.BytesIO()
    torch.save(nn.Sequential(nn.Identity(), scaler).state_dict(), file)
    file.seek(0)
    other = nn.Sequential(nn.Identity(), MultiLabelTemperatureScaler(scaler.per_label))
    other.load_state_dict(torch.load(file))
    assert other[1].summary == scaler.summary
    for found in (other, copy.deepcopy(scaler), pickle.loads(pickle.dumps(scaler))):
        assert torch.equal(found(LOGITS), scaler(LOGITS))
    program = torch.export.export(scaler, (LOGITS,)).module()
    torch.testing.assert_close(program(LOGITS), scaler(LOGITS))
    compiled = torch.compile(scaler, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(LOGITS), scaler(LOGITS))


def test_wrong_attributes_and_states_are_refused():
    for options in ({"per_label": 1}, {"per_label": None}, {"smoothing": -1}, {"smoothing": "1"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(options))):
            MultiLabelTemperatureScaler(**options)
    scaler = copy.deepcopy(EACH)
    for wrong in ([0.0], [-1.0, 1.0], [math.nan], [math.inf], [[1.0]], 1.0, "1"):
        with pytest.raises((TypeError, ValueError), match="temperatures must be"):
            scaler.temperatures = wrong
    assert torch.equal(scaler.temperatures, EACH.temperatures)
    scaler.temperatures = [1, 2, 3, 4]
    assert scaler.temperatures.dtype == torch.float64
    state = scaler.get_extra_state()
    for wrong in (torch.zeros(4), torch.ones(2, 2), torch.tensor([math.nan])):
        with pytest.raises(ValueError, match=r"temperatures|shapes"):
            scaler.set_extra_state({**state, "temperatures": wrong})
    assert scaler.temperatures.tolist() == [1, 2, 3, 4]


def test_printed_scalers_show_their_temperatures():
    assert repr(SHARED).endswith(f"(per_label=False, temperatures=[{SHARED.temperatures[0]:.4g}])")
    many = MultiLabelTemperatureScaler(per_label=True, smoothing=2)
    many.temperatures = [2.0] * 11
    assert "2, 2, ...], smoothing=2)" in repr(many)
    assert "temperatures=[]" in repr(MultiLabelTemperatureScaler())


@pytest.mark.parametrize("labels", [LABELS, LABELS.float()], ids=["integers", "floats"])
def test_a_model_and_a_loader(labels):
    loader = DataLoader(TensorDataset(LOGITS, labels), batch_size=64)
    scaler = MultiLabelTemperatureScaler(per_label=True)
    model = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
    assert torch.equal(scaler.fit(model, loader, progress=False).temperatures, EACH.temperatures)
    assert model.training
    assert torch.equal(scaler.calibration_fingerprints, EACH.calibration_fingerprints)
    with pytest.raises(ValueError, match=r"got \(64, 4\) for \(64,\).* 0 or 1 for every logit"):
        scaler.fit(model, DataLoader(TensorDataset(LOGITS, LABELS[:, 0]), batch_size=64))
    with pytest.raises(ValueError, match="gave no batch"):
        scaler.fit(model, [], progress=False)
    assert torch.equal(scaler.temperatures, EACH.temperatures)


def test_a_fit_that_fails_late_changes_nothing(monkeypatch):
    from calibkit.scalers import base

    def fails(rows):
        raise MemoryError

    monkeypatch.setattr(base, "fingerprints", fails)
    scaler = copy.deepcopy(SHARED)
    with pytest.raises(MemoryError):
        scaler.fit_logits(*problem(seed=1))
    assert torch.equal(scaler.temperatures, SHARED.temperatures)
    assert scaler.summary == SHARED.summary


def test_a_sample_is_known_by_the_logits_of_all_its_labels():
    rows = check_multi_label(LOGITS, LABELS)
    assert rows.scores.shape == (400, 2, 4)
    samples = samples_of(rows)
    assert torch.equal(samples.scores, torch.cat([torch.zeros(400, 1), LOGITS], 1))
    assert EACH.calibration_fingerprints.shape == (400, 4)
    assert np.isfinite(EACH.calibration_fingerprints.numpy()).all()
