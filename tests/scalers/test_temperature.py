import copy
import dataclasses
import io
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from calibkit import FitSummary, Scaler, TemperatureScaler, calibration_error
from tests.helpers import REAL, calibrated_problem, needs_real_data


def reference_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The root of dNLL/d log(1/T), from the definition, in float64."""
    z = np.asarray(logits, np.float64)
    z = z - z.max(1, keepdims=True)
    z_y = z[np.arange(len(z)), labels]

    def slope(log_b: float) -> float:
        return float(((softmax(np.exp(log_b) * z, axis=1) * z).sum(1) - z_y).mean())

    return float(np.exp(-brentq(slope, np.log(1e-5), np.log(1e5), xtol=1e-14, rtol=1e-14)))


def nll(logits, labels, temperature: float) -> float:
    log_p = log_softmax(np.asarray(logits, np.float64) / temperature, axis=1)
    return float(-log_p[np.arange(len(log_p)), labels].mean())


@settings(max_examples=150, deadline=None)
@given(
    temperature=st.floats(np.log(0.002), np.log(500)).map(np.exp),
    n=st.integers(50, 3000),
    n_classes=st.sampled_from([2, 3, 10, 100]),
    seed=st.integers(0, 1000),
)
def test_temperature_is_the_optimum(temperature, n, n_classes, seed):
    logits, labels = calibrated_problem(n, n_classes, temperature, seed)
    logits = logits.float()
    scaler = TemperatureScaler().fit_logits(logits, labels)
    expected = reference_temperature(logits.numpy(), labels.numpy())
    assert scaler.temperature == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("n_classes", [2, 100])
def test_slope_vanishes_and_curvature_gives_the_interval(temperature, n_classes):
    """Autograd differentiates torch's own cross entropy in the inverse temperature."""
    logits, labels = calibrated_problem(3000, n_classes, temperature)
    scaler = TemperatureScaler().fit_logits(logits, labels)
    b = torch.full((3000,), 1 / scaler.temperature, dtype=torch.float64, requires_grad=True)
    losses = cross_entropy(b[:, None] * logits, labels, reduction="none")
    (slopes,) = torch.autograd.grad(losses.sum(), b, create_graph=True)
    (curvatures,) = torch.autograd.grad(slopes.sum(), b)
    newton_step = slopes.mean() / curvatures.mean()
    assert abs(newton_step.item() * scaler.temperature) < 1e-9
    # the sandwich formula: the variance of the slope, divided by the curvature squared
    error = (slopes**2).mean().sqrt() / curvatures.mean() / np.sqrt(3000)
    relative = error.item() * scaler.temperature
    low, high = scaler.summary.temperature_interval
    assert np.log(high / scaler.temperature) == pytest.approx(1.959964 * relative, rel=1e-4)
    assert np.log(scaler.temperature / low) == pytest.approx(1.959964 * relative, rel=1e-4)
    assert scaler.summary.nll_after == pytest.approx(losses.mean().item(), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.001, 0.01, 1.0, 6.0, 100.0, 1000.0])
def test_converges_over_the_whole_range(temperature):
    logits, labels = calibrated_problem(4000, 10, temperature)
    scaler = TemperatureScaler().fit_logits(logits, labels)
    expected = reference_temperature(logits.numpy(), labels.numpy())
    assert scaler.temperature == pytest.approx(expected, rel=1e-9)
    assert scaler.temperature == pytest.approx(temperature, rel=0.1)


def test_a_fit_does_not_depend_on_what_came_before():
    scaler = TemperatureScaler(1e-310).fit_logits(*calibrated_problem(300, 5, 20))
    first = TemperatureScaler().fit_logits(*calibrated_problem(300, 5, 2)).temperature
    assert scaler.fit_logits(*calibrated_problem(300, 5, 2)).temperature == first


def test_newton_needs_few_steps():
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(2000, 10, 3))
    assert scaler.summary.iterations <= 7


def test_optimum_exactly_at_the_start():
    logits = torch.tensor([[np.log(3), 0.0], [0.0, np.log(3)]], dtype=torch.float64)
    scaler = TemperatureScaler().fit_logits(logits.repeat(2, 1), torch.tensor([0, 1, 0, 0]))
    assert scaler.temperature == pytest.approx(1, rel=1e-12)


def test_rows_may_be_shifted_by_any_constant():
    logits, labels = calibrated_problem(500, 10, 2)
    shifts = 1000 * torch.arange(500, dtype=torch.float64)[:, None]
    plain = TemperatureScaler().fit_logits(logits, labels).temperature
    shifted = TemperatureScaler().fit_logits(logits + shifts, labels).temperature
    assert shifted == pytest.approx(plain, rel=1e-8)


def test_a_few_mislabelled_samples_among_very_sure_ones():
    logits = torch.zeros(1000, 10)
    logits[:, 0] = 1000
    labels = torch.zeros(1000, dtype=torch.int64)
    labels[0] = 1
    scaler = TemperatureScaler().fit_logits(logits, labels)
    # 999 of 1000 right, nine other classes: exp(1000 / T) = 999 * 9
    assert scaler.temperature == pytest.approx(1000 / np.log(999 * 9), rel=1e-9)


@needs_real_data
@pytest.mark.parametrize(
    ("file", "temperature", "before", "after", "ece_before", "ece_after"),
    [
        ("densenet-bc-100-cifar-100", 2.142, 1.2252, 0.8772, 0.1412, 0.0122),
        ("wideresnet-16-4-cifar-100", 1.144, 0.9588, 0.9511, 0.0557, 0.0389),
    ],
)
def test_real_networks(file, temperature, before, after, ece_before, ece_after):
    with np.load(REAL / f"{file}.npz") as arrays:
        logits, labels = np.log(arrays["predictions"]), arrays["ground_truth"]
    order = np.random.default_rng(0).permutation(10_000)
    calibration, test = order[:1000], order[1000:]
    scaler = TemperatureScaler().fit_logits(logits[calibration], labels[calibration])
    expected = reference_temperature(logits[calibration], labels[calibration])
    assert scaler.temperature == pytest.approx(expected, rel=1e-6)
    assert scaler.temperature == pytest.approx(temperature, abs=5e-4)
    assert nll(logits[test], labels[test], 1) == pytest.approx(before, abs=5e-5)
    assert nll(logits[test], labels[test], scaler.temperature) == pytest.approx(after, abs=5e-5)
    scaled = scaler(torch.from_numpy(logits[test])).double().softmax(-1)
    unscaled = torch.from_numpy(logits[test]).double().softmax(-1)
    assert calibration_error(unscaled, labels[test]) == pytest.approx(ece_before, abs=5e-5)
    assert calibration_error(scaled, labels[test]) == pytest.approx(ece_after, abs=5e-5)


def test_forward_divides_and_keeps_shape_and_precision():
    scaler = TemperatureScaler(2.5)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        logits = torch.tensor([[5.0, -2.5]], dtype=dtype)
        assert scaler(logits).dtype == dtype
        assert scaler(logits).tolist() == [[2.0, -1.0]]
    assert scaler(torch.ones(2, 3, 4, 4)).shape == (2, 3, 4, 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_tiny_temperature_gives_no_infinite_logits(dtype):
    """The softmax of infinity is NaN. A masked class stays masked."""
    logits = torch.tensor([[3.0, -1.0, -math.inf], [0.5, 0.25, -0.5]], dtype=dtype)
    scaled = TemperatureScaler(1e-39)(logits)
    assert scaled.dtype == dtype
    assert torch.equal(scaled.isinf(), logits.isinf())
    assert torch.equal(scaled.softmax(1)[0], torch.tensor([1.0, 0.0, 0.0], dtype=dtype))
    assert torch.equal(TemperatureScaler(0.5)(logits), logits / 0.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_fit_as_their_float64_values_do(dtype):
    logits, labels = calibrated_problem(2000, 10, 2)
    half = logits.to(dtype)
    scaler = TemperatureScaler().fit_logits(half, labels)
    expected = reference_temperature(half.double().numpy(), labels.numpy())
    assert scaler.temperature == pytest.approx(expected, rel=1e-6)


def test_arrays_and_tensors_give_the_same():
    logits, labels = calibrated_problem(300, 5, 2)
    from_tensor = TemperatureScaler().fit_logits(logits, labels)
    from_array = TemperatureScaler().fit_logits(logits.numpy(), labels.numpy().astype(np.int32))
    assert from_tensor.temperature == from_array.temperature


@pytest.mark.parametrize(
    ("logits_as", "labels_as"),
    [
        (lambda z: z.astype(">f4"), lambda y: y.astype(">i4")),
        (np.asfortranarray, lambda y: y.astype(np.uint8)),
        (lambda z: z[::-1].copy()[::-1], lambda y: y.astype(np.uint16)),
        (lambda z: np.broadcast_to(z, z.shape), lambda y: np.broadcast_to(y, y.shape)),
        (lambda z: torch.from_numpy(z).requires_grad_(), lambda y: torch.from_numpy(y).short()),
    ],
    ids=["big endian", "Fortran order", "negative strides", "read-only", "requires grad"],
)
def test_any_layout_of_the_same_numbers_gives_the_same(logits_as, labels_as):
    logits, labels = (tensor.numpy() for tensor in calibrated_problem(300, 5, 2))
    logits = logits.astype(np.float32)
    plain = TemperatureScaler().fit_logits(logits, labels).temperature
    other = TemperatureScaler().fit_logits(logits_as(logits), labels_as(labels)).temperature
    assert other == plain


def test_state_dict_round_trip_is_exact_in_every_precision():
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(300, 5, 2))
    model = nn.Sequential(nn.Linear(4, 5), scaler).half()
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    restored = nn.Sequential(nn.Linear(4, 5), TemperatureScaler())
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert restored[1].temperature == scaler.temperature
    assert copy.deepcopy(model)[1].temperature == scaler.temperature


def test_repr_shows_the_temperature():
    assert repr(TemperatureScaler(1.5)) == "TemperatureScaler(temperature=1.5)"


class Classifier(nn.Module):
    """Batch normalisation, dropout, and one part frozen in eval mode."""

    def __init__(self, error: type[BaseException] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.error = error
        self.norm = nn.BatchNorm1d(6)
        self.frozen = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, 4)
        self.train()
        self.frozen.eval()

    def forward(self, inputs):
        if self.error:
            raise self.error
        return self.head(self.drop(self.frozen(self.norm(inputs))))


@pytest.fixture
def loader():
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * torch.randn(200, 6, generator=generator)
    labels = torch.randint(4, (200,), generator=generator)
    labels[:100] = Classifier().eval()(inputs[:100]).argmax(1)
    return DataLoader(TensorDataset(inputs, labels), batch_size=32)


def test_fit_runs_in_eval_mode_and_gives_the_model_back_as_it_came(loader):
    model = Classifier()
    before = copy.deepcopy(model.state_dict())
    scaler = TemperatureScaler()
    assert scaler.fit(model=model, calib_loader=loader, progress=False) is scaler
    inputs, labels = loader.dataset.tensors
    expected = reference_temperature(
        copy.deepcopy(model).eval()(inputs).detach().numpy(), labels.numpy()
    )
    assert scaler.temperature == pytest.approx(expected, rel=1e-5)
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_model_that_stops_in_the_middle_comes_back_as_it_was(loader, error):
    model = Classifier(error)
    with pytest.raises(error):
        TemperatureScaler().fit(model, loader, progress=False)
    assert [module.training for module in model.modules()] == [True, True, False, True, True]


def test_a_module_that_does_more_in_train_is_asked_to(loader):
    class Merging(nn.Dropout):
        merged = False

        def train(self, mode=True):
            self.merged = not mode
            return super().train(mode)

    model = nn.Sequential(Merging(), Classifier().eval())
    TemperatureScaler().fit(model, loader, progress=False)
    assert model[0].training
    assert not model[0].merged
    assert not model[1].training


def test_a_failed_fit_gives_model_and_scaler_back_as_they_came():
    model, scaler = Classifier(), TemperatureScaler(1.7)
    with pytest.raises(ValueError, match="labels must lie between 0 and 3"):
        scaler.fit(model, [(torch.ones(2, 6), torch.tensor([0, 7]))], progress=False)
    assert scaler.temperature == 1.7
    assert [module.training for module in model.modules()] == [True, True, False, True, True]


def test_progress_goes_to_stderr_and_can_be_silenced(loader, capsys):
    TemperatureScaler().fit(Classifier(), loader, progress=False)
    assert capsys.readouterr() == ("", "")
    TemperatureScaler().fit(Classifier(), loader)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "logits" in captured.err


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf"), "1", None])
def test_what_is_no_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match="a temperature must be a positive, finite number, got"):
        TemperatureScaler(temperature)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"scaler": "TemperatureScaler", "temperature": torch.tensor(-1.0), "summary": None},
            "positive, finite number, got -1.0",
        ),
        ({"weight": torch.ones(3), "summary": None}, r"holds .* got \['summary', 'weight'\]"),
        (
            {"scaler": "Other", "temperature": torch.tensor(1.0), "summary": None},
            "must come from a TemperatureScaler, got one that was saved from a Other",
        ),
        (torch.tensor(2.0), "got Tensor; load it into the kind of scaler"),
    ],
)
def test_a_state_that_holds_no_temperature_is_refused(state, message):
    scaler = TemperatureScaler(1.2)
    with pytest.raises(ValueError, match=message):
        scaler.load_state_dict({"_extra_state": state})
    assert scaler.temperature == 1.2


def test_all_right_has_no_optimum():
    logits = 5 * torch.eye(3).repeat(10, 1)
    with pytest.raises(ValueError, match=r"all 30 labels are the model's top class.*T goes to 0"):
        TemperatureScaler().fit_logits(logits, torch.arange(3).repeat(10))


def test_all_wrong_has_no_optimum():
    logits = 5 * torch.eye(3).repeat(10, 1)
    with pytest.raises(
        ValueError, match=r"do not favour the true labels.*no higher than the other logits"
    ):
        TemperatureScaler().fit_logits(logits, (torch.arange(3).repeat(10) + 1) % 3)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([torch.float32, torch.float64]))
def test_logits_that_say_nothing_have_no_optimum(seed, dtype):
    """A dead network, the same row for every sample of a balanced set: rounding must not help."""
    row = torch.randn(10, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    with pytest.raises(ValueError, match="do not favour the true labels"):
        TemperatureScaler().fit_logits(row.repeat(1000, 1), torch.arange(1000) % 10)


@pytest.mark.parametrize(("n_classes", "dtype"), [(256, np.uint8), (200, np.int16)])
def test_small_integer_labels_do_not_wrap(n_classes, dtype):
    logits, labels = calibrated_problem(1000, n_classes, 2)
    scaler = TemperatureScaler().fit_logits(logits, labels.numpy().astype(dtype))
    assert scaler.temperature == pytest.approx(2, rel=0.1)


def test_all_wrong_but_second_best_has_an_optimum():
    logits = torch.tensor([[3.0, 2.0, -9.0], [2.0, 3.0, -9.0]], dtype=torch.float64)
    labels = torch.tensor([1, 0])
    scaler = TemperatureScaler().fit_logits(logits, labels)
    expected = reference_temperature(logits.numpy(), labels.numpy())
    assert scaler.temperature == pytest.approx(expected, rel=1e-9)


LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, -3.0], [1.0, 1.5, 0.2]])
LABELS = torch.tensor([0, 1, 0])


def with_value(value: float) -> torch.Tensor:
    logits = LOGITS.clone()
    logits[1, 2] = value
    return logits


@pytest.mark.parametrize(
    ("logits", "labels", "error", "message"),
    [
        (list(LOGITS), LABELS, TypeError, "logits must be a torch tensor .* got list"),
        (LOGITS.numpy().astype(object), LABELS, TypeError, "got array of object"),
        (LOGITS.long(), LABELS, TypeError, "logits must be floating point, got torch.int64"),
        (LOGITS.to(torch.complex64), LABELS, TypeError, "must be real, got .*complex64"),
        (LOGITS[0, 0], LABELS, ValueError, r"shape \(samples, classes\).* got \(\)"),
        (LOGITS[None], LABELS, ValueError, r"labels must have shape \(1, 3\), got \(3,\)"),
        (LOGITS[:0], LABELS[:0], ValueError, r"logits are empty: got shape \(0, 3\)"),
        (LOGITS[:, :0], LABELS, ValueError, r"logits are empty: got shape \(3, 0\)"),
        (LOGITS[:, 0], LABELS[:2], ValueError, "got 2 labels for 3 rows"),
        (LOGITS[:, 0], LABELS + 1, ValueError, "between 0 and 1 for 2 classes, got 2 at"),
        (LOGITS[:, 0].sigmoid().repeat(7), LABELS.repeat(7), ValueError, "before the sigmoid"),
        (with_value(float("nan")), LABELS, ValueError, "finite, .* 1 of 3 rows, first in row 1"),
        (with_value(float("inf")), LABELS, ValueError, "NaN or infinity"),
        (with_value(float("-inf")), LABELS, ValueError, "NaN or infinity"),
        (1e120 * LOGITS.double(), LABELS, ValueError, "must not exceed 1e.100 in magnitude"),
        (LOGITS.to_sparse(), LABELS, TypeError, "logits must be dense"),
        (LOGITS.softmax(1), LABELS, ValueError, "logits look like probabilities"),
        (LOGITS.softmax(1).half(), LABELS, ValueError, "logits look like probabilities"),
        (LOGITS, list(LABELS), TypeError, "labels must be a torch tensor .* got list"),
        (LOGITS, LABELS.float(), TypeError, "labels must be integer .* got torch.float32"),
        (LOGITS, LABELS.bool(), TypeError, "labels must be integer .* got torch.bool"),
        (LOGITS, torch.eye(3).long(), ValueError, r"labels must have shape .* got \(3, 3\)"),
        (LOGITS, LABELS[:2], ValueError, "got 2 labels for 3 rows"),
        (LOGITS, torch.tensor([0, 3, 1]), ValueError, "between 0 and 2 .* got 3 at position 1"),
        (LOGITS, torch.tensor([0, 1, -1]), ValueError, "got -1 at position 2"),
        (LOGITS, torch.tensor([1, 1, 1]), ValueError, "one class only: all 3 are 1"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(logits, labels, error, message):
    scaler = TemperatureScaler(1.3)
    with pytest.raises(error, match=message):
        scaler.fit_logits(logits, labels)
    assert scaler.temperature == 1.3


def test_summary_tells_what_the_fit_did():
    logits, labels = calibrated_problem(1000, 10, 3)
    scaler = TemperatureScaler()
    assert scaler.summary is None
    assert not scaler.fitted
    summary = scaler.fit_logits(logits, labels).summary
    assert (summary.scaler, summary.n_samples, summary.n_parameters) == (
        "TemperatureScaler",
        1000,
        1,
    )
    assert summary.nll_before == pytest.approx(nll(logits, labels, 1), rel=1e-12)
    assert summary.nll_after == pytest.approx(nll(logits, labels, scaler.temperature), rel=1e-12)
    assert "  optimum     the next Newton step would move T by less than 1e-10" in str(summary)
    assert summary.temperature == scaler.temperature
    low, high = summary.temperature_interval
    assert low < scaler.temperature < high
    assert f"{scaler.temperature:.4g} (95%: {low:.4g} to {high:.4g})" in str(summary)


def test_interval_holds_the_true_temperature_95_times_of_100():
    held = []
    for seed in range(400):
        logits, labels = calibrated_problem(300, 5, 2, seed)
        low, high = TemperatureScaler().fit_logits(logits, labels).summary.temperature_interval
        held.append(low <= 2 <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_interval_is_right_where_the_model_is_wrong():
    """Labels in part at random: no temperature is true, the interval is for the best one."""

    def noisy(n, seed):
        logits, labels = calibrated_problem(n, 5, 2, seed)
        generator = torch.Generator().manual_seed(seed)
        labels[: n // 5] = torch.randint(5, (n // 5,), generator=generator)
        return logits, labels

    best = TemperatureScaler().fit_logits(*noisy(400_000, 1234)).temperature
    held = []
    for seed in range(400):
        low, high = TemperatureScaler().fit_logits(*noisy(500, seed)).summary.temperature_interval
        held.append(low <= best <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("n_classes", [2, 800])
def test_many_logits_in_float32_fit_as_their_float64_values_do(n_classes):
    """Above 2 ** 23 elements the sums are of float32 terms, and begin at a sample's optimum."""
    logits, labels = calibrated_problem(2**23 // n_classes + 5, n_classes, 3)
    logits = logits.float()
    found = TemperatureScaler().fit_logits(logits, labels)
    expected = TemperatureScaler().fit_logits(logits.double(), labels)
    assert found.temperature == pytest.approx(expected.temperature, rel=2e-7)
    assert found.summary.nll_before == pytest.approx(expected.summary.nll_before, rel=1e-6)
    assert found.summary.nll_after == pytest.approx(expected.summary.nll_after, rel=1e-6)
    assert found.summary.iterations <= 4


def test_few_rows_of_a_large_vocabulary_fit_exactly():
    """There are more than 2 ** 23 elements, but too few rows for their rounding to average out."""
    logits, labels = calibrated_problem(250, 40_000, 2)
    logits = logits.float()
    found = TemperatureScaler().fit_logits(logits, labels)
    expected = TemperatureScaler().fit_logits(logits.double(), labels)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-9)
    assert found.summary.nll_before == pytest.approx(expected.summary.nll_before, rel=1e-12)
    assert found.summary.iterations <= 2


@pytest.mark.parametrize("temperature", [0.001, 0.05, 1.0, 3.0, 1000.0])
@pytest.mark.parametrize("n_classes", [2, 100])
def test_a_search_in_float32_ends_at_the_same_temperature(n_classes, temperature):
    """Above 2 ** 17 elements, passes in float32 lead to the last one, which is in float64."""
    logits, labels = calibrated_problem(2**18 // n_classes, n_classes, temperature)
    logits = logits.float()
    found = TemperatureScaler().fit_logits(logits, labels)
    expected = TemperatureScaler().fit_logits(logits.double(), labels)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-9)
    assert found.summary.nll_before == pytest.approx(expected.summary.nll_before, rel=1e-12)
    assert found.summary.nll_after == pytest.approx(expected.summary.nll_after, rel=1e-12)
    interval = expected.summary.temperature_interval
    assert found.summary.temperature_interval == pytest.approx(interval, rel=1e-4)
    assert found.summary.iterations <= 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("factor", [1e3, 1e6, 1e9])
@pytest.mark.parametrize(("n", "n_classes"), [(2000, 10), (2000, 100), (20_000, 5)])
def test_a_row_that_dominates_does_not_spoil_the_certificate(
    n, n_classes, factor, dtype, monkeypatch
):
    """As in a large problem, the search is in float32, where one row's rounding error remains."""
    for name in ("_MIN_FLOAT32_ELEMENTS", "_MIN_FLOAT32_SAMPLES", "_MIN_ROUGH_ELEMENTS"):
        monkeypatch.setattr(f"calibkit._temperature_search.{name}", 1000)
    logits, labels = calibrated_problem(n, n_classes, 2)
    logits = logits.to(dtype)
    best, second = logits.topk(2).indices.T
    labels[0] = best[0]
    for rows in (1, 2):  # The row is right, and then one is wrong, too.
        logits[rows - 1] *= factor
        scaler = TemperatureScaler().fit_logits(logits, labels)
        z = logits.double() - logits.double().amax(1, keepdim=True)
        p = (z / scaler.temperature).softmax(1)
        slope = (p * z).sum(1) - z.gather(1, labels[:, None])[:, 0]
        curvature = (p * z * z).sum(1) - (p * z).sum(1) ** 2
        step = math.fsum(slope.tolist()) / math.fsum(curvature.tolist()) * scaler.temperature
        assert abs(step) < 1e-9
        labels[1] = second[1]


def test_a_signal_too_small_for_float32_is_found():
    """Pairs of rows cancel, and one row remains that says which way the labels lean."""
    n = 70_000
    generator = torch.Generator().manual_seed(0)
    logits = torch.zeros(n, 2)
    logits[:, 0] = torch.rand(n // 2, generator=generator).repeat_interleave(2)
    labels = torch.arange(n) % 2
    with pytest.raises(ValueError, match="do not favour the true labels"):
        TemperatureScaler().fit_logits(logits, labels)
    logits = torch.cat([logits, torch.tensor([[0.03, 0.0]])])
    labels = torch.cat([labels, torch.tensor([0])])
    found = TemperatureScaler().fit_logits(logits, labels)
    expected = TemperatureScaler().fit_logits(logits.double(), labels)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-7)
    assert found.temperature > 1e5


def test_a_sample_without_an_optimum_does_not_lead_astray(monkeypatch):
    """The rows that are looked at first are all right, the others are not."""
    logits, labels = calibrated_problem(1000, 10, 2)
    expected = TemperatureScaler().fit_logits(logits, labels).temperature
    monkeypatch.setattr("calibkit._temperature_search._SAMPLE_ELEMENTS", 1000)
    labels[::10] = logits[::10].argmax(1)
    expected = reference_temperature(logits.numpy(), labels.numpy())
    found = TemperatureScaler().fit_logits(logits, labels).temperature
    assert found == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(
    scale=st.floats(-6, 6).map(np.exp),
    n=st.integers(20, 300),
    n_classes=st.sampled_from([2, 3, 20]),
    seed=st.integers(0, 99),
)
def test_symmetries(scale, n, n_classes, seed):
    """T(c z) = c T(z), whatever the order of samples and of classes."""
    logits, labels = calibrated_problem(n, n_classes, 2, seed)
    try:
        expected = TemperatureScaler().fit_logits(logits, labels).temperature
    except ValueError:
        with pytest.raises(ValueError, match=r"no temperature is best|one class only"):
            TemperatureScaler().fit_logits(scale * logits, labels)
        return
    scaled = TemperatureScaler().fit_logits(scale * logits, labels)
    assert scaled.temperature == pytest.approx(scale * expected, rel=1e-9)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(n, generator=generator)
    columns = torch.randperm(n_classes, generator=generator)
    shuffled = logits[rows][:, columns], columns.argsort()[labels[rows]]
    found = TemperatureScaler().fit_logits(*shuffled)
    assert found.temperature == pytest.approx(expected, rel=1e-9)
    assert torch.equal(found(logits).argmax(1), logits.argmax(1))


@pytest.mark.parametrize("seed", range(5))
def test_calibrated_logits_ask_for_no_temperature(seed):
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(20_000, 10, 1, seed))
    assert scaler.temperature == pytest.approx(1, abs=0.03)


BINARY = {
    "(N,)": lambda z: z,
    "(N, 1)": lambda z: z[:, None],
    "(0, z)": lambda z: torch.stack([torch.zeros_like(z), z], 1),
    "(-z/2, z/2)": lambda z: torch.stack([-z / 2, z / 2], 1),
    "numpy (N,)": lambda z: z.numpy(),
}


@pytest.mark.parametrize("form", BINARY)
def test_binary_logits_in_every_form_give_the_same(form):
    logits, labels = calibrated_problem(500, 2, 3)
    z = logits[:, 1] - logits[:, 0]
    scaler = TemperatureScaler().fit_logits(BINARY[form](z), labels)
    expected = reference_temperature(logits.numpy(), labels.numpy())
    assert scaler.temperature == pytest.approx(expected, rel=1e-9)
    assert scaler(z).shape == z.shape
    assert scaler(z[:, None]).shape == (500, 1)


def test_a_binary_model_with_its_loader():
    logits, labels = calibrated_problem(500, 2, 3)
    z = logits[:, 1] - logits[:, 0]
    expected = TemperatureScaler().fit_logits(logits, labels).temperature
    for inputs in (z, z[:, None]):
        loader = DataLoader(TensorDataset(inputs, labels), batch_size=64)
        scaler = TemperatureScaler().fit(nn.Identity(), loader, progress=False)
        assert scaler.temperature == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("chunk", [7, 50, 2**20])
def test_pixels(chunk, monkeypatch):
    monkeypatch.setattr("calibkit._rows._CHUNK_ELEMENTS", (chunk, chunk))
    logits, labels = calibrated_problem(3 * 8 * 6, 5, 2)
    images = logits.view(3, 8, 6, 5).movedim(-1, 1)
    masks = labels.view(3, 8, 6)
    expected = TemperatureScaler().fit_logits(logits, labels)
    found = TemperatureScaler().fit_logits(images, masks)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-12)
    assert found(images).shape == images.shape

    masks = masks.clone()
    masks[1, 2:] = 255
    images = images.clone()
    images[1, :, 2:] = float("nan")  # what is not looked at may hold anything
    kept = masks.flatten() != 255
    expected = TemperatureScaler().fit_logits(logits[kept], labels[kept])
    found = TemperatureScaler().fit_logits(images, masks, ignore_index=255)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-12)
    assert found.summary.n_samples == int(kept.sum())
    loader = DataLoader(TensorDataset(images, masks), batch_size=2)
    found = TemperatureScaler().fit(nn.Identity(), loader, ignore_index=255, progress=False)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-12)


def test_the_first_faulty_pixel_is_named():
    images, masks = torch.randn(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.int64)
    masks[1, 2, 3] = 7
    with pytest.raises(ValueError, match=r"got 7 at position \(1, 2, 3\); .* ignore_index"):
        TemperatureScaler().fit_logits(images, masks)
    masks[1, 2, 3] = 2
    images[1, 0, 0, 4] = float("nan")
    with pytest.raises(ValueError, match=r"in 1 of 40 rows, first in position \(1, 0, 4\)"):
        TemperatureScaler().fit_logits(images, masks)


def test_fitted_and_summary_survive_saving(tmp_path):
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(300, 5, 2))
    torch.save(scaler.state_dict(), tmp_path / "scaler.pt")
    restored = TemperatureScaler()
    restored.load_state_dict(torch.load(tmp_path / "scaler.pt", weights_only=True))
    assert restored.fitted
    assert restored.summary == scaler.summary
    unfitted = TemperatureScaler(1.5)
    restored.load_state_dict(unfitted.state_dict())
    assert not restored.fitted
    assert restored.temperature == 1.5


@pytest.mark.parametrize(
    ("name", "value"), [("converged", True), ("message", None)], ids=["one more", "one less"]
)
def test_a_summary_of_another_version_is_refused_and_changes_nothing(name, value):
    state = TemperatureScaler().fit_logits(*calibrated_problem(300, 5, 2)).state_dict()
    summary = state["_extra_state"]["summary"]
    assert set(summary) == {field.name for field in dataclasses.fields(FitSummary)}
    if value is None:
        del summary[name]
    else:
        summary[name] = value
    scaler = TemperatureScaler(1.2)
    with pytest.raises(
        ValueError, match=r"got .*another version of calibkit .* fit the scaler again and save it"
    ) as raised:
        scaler.load_state_dict(state)
    assert "\n" not in str(raised.value)
    assert scaler.temperature == 1.2
    assert not scaler.fitted


def test_pickle_and_deepcopy():
    model = nn.Sequential(nn.Linear(4, 5), TemperatureScaler())
    model[1].fit_logits(*calibrated_problem(300, 5, 2))
    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(inputs), model(inputs))
        assert twin[1].summary == model[1].summary


def test_export_of_the_calibrated_model():
    model = nn.Sequential(nn.Linear(4, 5), TemperatureScaler(1.7)).eval()
    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(model, (inputs,), dynamic_shapes=({0: batch},))
    assert torch.equal(exported.module()(inputs), model(inputs))
    assert exported.module()(inputs.repeat(4, 1)).shape == (12, 5)


def test_compiled_model_gives_the_same_and_follows_a_new_fit():
    model = nn.Sequential(nn.Linear(4, 5), TemperatureScaler(1.7)).eval()
    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    # tracing and guards are torch.compile's; its code generator needs a C++ compiler
    compiled = torch.compile(model, backend="aot_eager")
    with torch.no_grad():
        assert torch.allclose(compiled(inputs), model(inputs))
        model[1].fit_logits(*calibrated_problem(300, 5, 2))
        assert torch.allclose(compiled(inputs), model(inputs))


def test_logits_are_held_once():
    """Peak memory of collecting 80 MB of logits from batches, in a process of its own."""
    code = """
import sys, torch
from pathlib import Path
from torch.utils.data import DataLoader, TensorDataset
from calibkit import collect_logits

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

class Wide(torch.nn.Module):
    def forward(self, inputs):
        return inputs.expand(-1, 1000).contiguous()

dataset = TensorDataset(torch.zeros(20_000, 1), torch.zeros(20_000, dtype=torch.int64))
batches = DataLoader(dataset, batch_size=200)
loader = list(batches) if sys.argv[1] == "list" else batches
collect_logits(Wide(), [next(iter(batches))], progress=False)
before = peak()
logits, labels = collect_logits(Wide(), loader, progress=False)
assert logits.shape == (20_000, 1000) and logits.untyped_storage().nbytes() == 80_000_000
print(peak() - before)
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc, which this system lacks")
    for kind in ("loader", "list"):
        command = [sys.executable, "-c", code, kind]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert float(output) < 1.3 * 80_000_000 / 2**20


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e90])
def test_very_small_and_very_large_logits(scale):
    logits, labels = calibrated_problem(300, 5, 2)
    expected = TemperatureScaler().fit_logits(logits, labels)
    found = TemperatureScaler().fit_logits(scale * logits, labels)
    assert found.temperature == pytest.approx(scale * expected.temperature, rel=1e-9)
    low, high = expected.summary.temperature_interval
    expected = pytest.approx((scale * low, scale * high), rel=1e-6)
    assert found.summary.temperature_interval == expected


def test_masked_classes_among_many_logits_in_float32():
    """Squares of -1e30 overflow in float32."""
    logits, labels = calibrated_problem(90_000, 100, 2)
    labels[labels == 7] = 8
    logits[:, 7] = -1e30
    seen = torch.arange(100) != 7
    expected = TemperatureScaler().fit_logits(logits[:, seen], labels - (labels > 7).long())
    found = TemperatureScaler().fit_logits(logits.float(), labels)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-6)


def test_sparsely_annotated_pixels(monkeypatch):
    """The sample that the search begins with may hold none of them."""
    monkeypatch.setattr("calibkit._temperature_search._SAMPLE_ELEMENTS", 1000)
    logits, labels = calibrated_problem(4000, 5, 2)
    images, masks = logits.T.reshape(1, 5, 20, 200), labels.clone()
    masks[::20] = 255
    masks[1::2] = 255
    kept = masks != 255
    found = TemperatureScaler().fit_logits(images, masks.view(1, 20, 200), ignore_index=255)
    expected = TemperatureScaler().fit_logits(logits[kept], labels[kept]).temperature
    assert found.temperature == pytest.approx(expected, rel=1e-9)


def test_an_interval_that_is_everything():
    logits = [[-8.6e-5, 2.09e-4], [-5.66e-4, 1.28e-7], [-7.2e-6, -2.76e-4]]
    logits = torch.tensor(logits, dtype=torch.float64)
    scaler = TemperatureScaler().fit_logits(logits, torch.tensor([0, 1, 1]))
    low, high = scaler.summary.temperature_interval
    assert low < 1e-100 < scaler.temperature < 1e100 < high


def test_the_common_base_cannot_be_used_by_itself():
    with pytest.raises(TypeError, match="abstract"):
        Scaler()
