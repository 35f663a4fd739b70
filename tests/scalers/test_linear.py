import copy
import io
import pickle
import re
import time

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn.functional import cross_entropy

from calibkit import (
    DirichletScaler,
    MatrixScaler,
    NoOptimumError,
    TemperatureScaler,
    VectorScaler,
)
from tests.helpers import REAL, calibrated_problem, distorted_problem, needs_real_data

SCALERS = [VectorScaler, MatrixScaler, DirichletScaler]
every_scaler = pytest.mark.parametrize("kind", SCALERS)


def minimum(value, n_parameters: int) -> np.ndarray:
    """The minimum of a function of a float64 tensor, by scipy and autograd."""

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        point = torch.from_numpy(x).requires_grad_()
        total = value(point)
        (gradient,) = torch.autograd.grad(total, point)
        return total.item(), gradient.numpy()

    options = {"gtol": 1e-9, "maxiter": 10_000}
    return minimize(value_and_gradient, np.zeros(n_parameters), jac=True, options=options).x


def starting_point(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, np.ndarray]:
    """1 / T and the class biases of the docstring of VectorScaler, from the definition alone."""
    n, n_classes = logits.shape
    unit = logits.std()
    needed = np.ones(n_classes, dtype=bool)

    def all_biases(x: torch.Tensor) -> torch.Tensor:
        return x.new_zeros(n_classes).index_put((torch.from_numpy(needed.nonzero()[0]),), x[1:])

    def smoothed_nll(x: torch.Tensor) -> torch.Tensor:
        """The mean NLL, with a hundredth of a sample whose label is random."""
        log_p = (x[0] * logits / unit + all_biases(x)).log_softmax(1)
        random = -log_p.mean() / 100
        return cross_entropy(log_p, labels) + random / n

    def nll(b: float, bias: np.ndarray) -> float:
        scores = b * logits / unit + torch.from_numpy(bias)
        return cross_entropy(scores, labels, reduction="sum").item()

    plain = minimum(lambda x: cross_entropy(x * logits / unit, labels), 1)
    best, least = (plain[0], np.zeros(n_classes)), nll(plain[0], np.zeros(n_classes))
    while needed.any():
        found = minimum(smoothed_nll, 1 + int(needed.sum()))
        bias = all_biases(torch.from_numpy(found)).numpy()
        if needed.all():
            bias = bias - np.median(bias)
        cost = nll(found[0], bias) + min(needed.sum(), n_classes - 1) * 4 / 2 * np.log(n)
        if cost < least:
            best, least = (found[0], bias), cost
        others = [np.where(np.arange(n_classes) == k, 0, bias) for k in range(n_classes)]
        gains = np.array([nll(found[0], other) for other in others]) - nll(found[0], bias)
        left = needed & (np.abs(bias) > 1) & (gains > 4 / 2 * np.log(n))
        if (left == needed).all():
            break
        needed = left
    b, bias = best
    return b / unit.item(), bias - bias.clip(-1, 1)


def features_of(kind: type, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The features x of the docstrings."""
    n, n_classes = logits.shape
    b, class_bias = starting_point(logits, labels)
    p = (b * logits + torch.from_numpy(class_bias)).softmax(1)
    log_p = ((n * p + 1 / n_classes) / (n + 1)).log()
    return log_p if kind is DirichletScaler else log_p - log_p.mean(1, keepdim=True)


def penalised_nll(scaler, features, labels, weight, bias) -> torch.Tensor:
    """The sum of the docstrings, for a matrix W."""
    n_classes = features.shape[1]
    nll = cross_entropy(features @ weight.T + bias, labels, reduction="sum")
    off = weight[~torch.eye(n_classes, dtype=torch.bool)]
    penalty = scaler.diagonal * ((weight.diagonal() - 1) ** 2).sum()
    penalty = penalty + scaler.intercept * (bias**2).sum()
    if not isinstance(scaler, VectorScaler):
        penalty = penalty + scaler.off_diagonal * (n_classes - 1) * (off**2).sum()
    return nll + n_classes * penalty


def as_matrix(kind: type, weight: torch.Tensor) -> torch.Tensor:
    return torch.diag(weight) if kind is VectorScaler else weight


@every_scaler
@pytest.mark.parametrize("bias", [0.0, 5.0])
@pytest.mark.parametrize(("n", "penalty"), [(400, 0.3), (400, 20.0), (60, 0.1), (3000, 5.0)])
def test_the_fit_is_the_optimum_of_the_definition(kind, n, penalty, bias):
    logits, labels = distorted_problem(n, 3)
    logits[:, 1] += bias
    options = {"off_diagonal": 3 * penalty} if kind is not VectorScaler else {}
    scaler = kind(diagonal=penalty, intercept=penalty / 2, **options).fit_logits(logits, labels)
    expected = starting_point(logits, labels)
    assert scaler.inverse_temperature.item() == pytest.approx(expected[0], rel=1e-6)
    assert scaler.class_bias.tolist() == pytest.approx(expected[1].tolist(), abs=1e-5)
    features, shape = features_of(kind, logits, labels), scaler.weight.shape

    def value(x: torch.Tensor) -> torch.Tensor:
        weight = as_matrix(kind, x[:-3].view(shape))
        return penalised_nll(scaler, features, labels, weight, x[-3:]) / n

    found = minimum(value, scaler.weight.numel() + 3)
    fitted = torch.cat([scaler.weight.flatten(), scaler.bias])
    assert fitted.tolist() == pytest.approx(found.tolist(), abs=2e-5)
    assert scaler.summary.n_parameters == len(fitted)
    calibrated = scaler(logits)
    nll = cross_entropy(calibrated, labels).item()
    assert scaler.summary.nll_after == pytest.approx(nll, abs=1e-12)
    weight = as_matrix(kind, scaler.weight)
    assert torch.allclose(calibrated, features @ weight.T + scaler.bias, atol=2e-5)


@every_scaler
def test_gradient_of_the_definition_vanishes_at_the_fit(kind):
    """Autograd differentiates the definition, in float64 and without a line of the scaler's."""
    logits, labels = distorted_problem(600, 4)
    scaler = kind().fit_logits(logits, labels)
    weight, bias = (x.clone().requires_grad_() for x in (scaler.weight, scaler.bias))
    p = (scaler.inverse_temperature * logits + scaler.class_bias).softmax(1)
    features = ((600 * p + 1 / 4) / 601).log()
    if kind is not DirichletScaler:
        features = features - features.mean(1, keepdim=True)
    total = penalised_nll(scaler, features, labels, as_matrix(kind, weight), bias)
    gradients = torch.autograd.grad(total / len(labels), [weight, bias])
    assert max(gradient.abs().max().item() for gradient in gradients) < 1e-9
    stated = float(re.search(r"gradient is (\S+) per sample", scaler.summary.message)[1])
    assert stated < 1e-9


@every_scaler
def test_newton_needs_few_steps(kind):
    """A wrong curvature would still end at the optimum, but only after many steps."""
    scaler = kind(0.1, 0.1).fit_logits(*distorted_problem(600, 4))
    assert scaler.summary.iterations <= 12


def test_a_rejected_step_costs_few_more():
    """The search tries a step that is too long, and takes the curvature of where it goes back."""
    logits, labels = distorted_problem(200, 3, seed=3)
    logits[:, 0] += torch.where(labels == 0, 40.0, -40.0)
    logits[3:40] *= 20
    labels[:3] = torch.tensor([1, 2, 0])
    scaler = VectorScaler(1e-4, 1e-4).fit_logits(logits, labels)
    assert scaler.summary.iterations <= 13  # 11, or 16 with the curvature of the rejected point


@every_scaler
def test_large_penalties_leave_temperature_scaling(kind):
    logits, labels = calibrated_problem(5000, 5, 2)
    options = {"off_diagonal": 1e12} if kind is not VectorScaler else {}
    scaler = kind(diagonal=1e12, intercept=1e12, **options).fit_logits(logits, labels)
    expected = TemperatureScaler().fit_logits(logits, labels)(logits).softmax(1)
    mixed = (5000 * expected + 1 / 5) / 5001
    assert scaler(logits).softmax(1).numpy() == pytest.approx(mixed.numpy(), abs=1e-8)
    assert torch.equal(scaler(logits).argmax(1), logits.argmax(1))


@every_scaler
@pytest.mark.parametrize("bias", [0.0, 3.0, -8.0, 50.0, -1000.0])
def test_a_class_bias_of_any_size_is_absorbed(kind, bias):
    """Logistic regression of the same feature repairs it, so these scalers must, too."""
    generator = np.random.default_rng(3)
    labels = (generator.random(1600) < 0.35).astype(int)
    z = 1.8 * (2 * labels - 1 + generator.normal(size=1600))
    best = LogisticRegression(C=1e6).fit(z[:, None], labels).predict_proba(z[:, None])
    scaler = kind().fit_logits(np.stack([0 * z, z + bias], 1), labels)
    assert scaler.summary.nll_after < 1.01 * -np.log(best[np.arange(1600), labels]).mean()


@every_scaler
@pytest.mark.parametrize("bias", [4.0, -30.0, 200.0])
def test_a_bias_of_one_of_five_classes_is_absorbed(kind, bias):
    logits, labels = calibrated_problem(3000, 5, 2)
    biased = logits + bias * torch.eye(5)[2]
    without = kind().fit_logits(logits, labels).summary.nll_after
    assert kind().fit_logits(biased, labels).summary.nll_after < without + 0.006


@every_scaler
@pytest.mark.parametrize("bias", [5.0, -30.0])
def test_biases_of_two_of_a_hundred_classes_are_absorbed(kind, bias):
    """The 98 classes that need no bias do not hide the two that do."""
    logits, labels = calibrated_problem(1000, 100, 2)
    biased = logits + bias * torch.eye(100)[[7, 50]].sum(0)
    without = kind().fit_logits(logits, labels)
    assert not without.class_bias.any()
    scaler = kind().fit_logits(biased, labels)
    assert scaler.class_bias.nonzero().flatten().tolist() == [7, 50]
    assert scaler.summary.nll_after < without.summary.nll_after + 0.03


@every_scaler
def test_labels_that_were_lost_to_one_of_a_hundred_classes_are_found(kind):
    """A seventh of the labels became 0, so that class 0 lacks a bias."""
    logits, labels = calibrated_problem(1000, 100, 2)
    lost = labels.masked_fill(torch.arange(1000) % 7 == 0, 0)
    temperature = TemperatureScaler().fit_logits(logits, lost).summary.nll_after
    scaler = kind().fit_logits(logits, lost)
    assert scaler.class_bias.nonzero().flatten().tolist() == [0]
    assert scaler.summary.nll_after < temperature - 0.1


@every_scaler
@pytest.mark.parametrize(("n", "n_classes"), [(12, 2), (200, 3), (500, 20)])
def test_a_set_on_which_all_answers_are_right_has_an_optimum(kind, n, n_classes):
    logits, labels = distorted_problem(n, n_classes)
    labels = labels.clone()
    labels[:n_classes] = torch.arange(n_classes)
    logits = logits + 30 * torch.eye(n_classes)[labels]
    with pytest.raises(NoOptimumError, match=r"all .* labels are the model's top class"):
        TemperatureScaler().fit_logits(logits, labels)
    scaler = kind().fit_logits(logits, labels)
    gradient = float(re.search(r"gradient is (\S+) per sample", scaler.summary.message)[1])
    assert gradient < 1e-7
    confidence = scaler(logits).softmax(1).amax(1)
    assert 1 - 1 / n < confidence.mean() < 1
    assert torch.equal(scaler(logits).argmax(1), labels)


@every_scaler
def test_classes_that_are_masked_by_a_large_negative_number_do_no_harm(kind):
    """Each row masks one class that is not its label, as the message about -inf advises."""
    logits, labels = distorted_problem(400, 5)
    masked = (labels + 1 + torch.arange(400) % 4) % 5
    logits[torch.arange(400), masked] = -10_000
    temperature = TemperatureScaler().fit_logits(logits, labels).summary.nll_after
    scaler = kind().fit_logits(logits, labels)
    assert scaler.summary.nll_after < temperature + 0.01
    assert scaler(logits).softmax(1)[torch.arange(400), masked].max() < 0.01


def split_problem_with_outliers(change) -> tuple[torch.Tensor, ...]:
    """Logits and labels to fit and to test on, and the clean logits of those to fit."""
    logits, labels = calibrated_problem(1600, 5, 2)
    changed = change(logits.clone(), labels)
    return changed[:800], labels[:800], changed[800:], labels[800:], logits[:800]


def with_huge_wrong_logits(size: float):
    def change(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        wrong = torch.arange(0, 1600, 200)
        logits[wrong, labels[wrong]] = -size
        return logits

    return change


def with_rows_of_another_scale(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    logits[::7] *= 1e6
    return logits


def with_a_masked_class(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A fifth of the rows mask class 3, which is the label of some of them."""
    logits[::5, 3] = torch.finfo(torch.float32).min
    return logits


@every_scaler
@pytest.mark.parametrize(
    "change",
    [
        with_huge_wrong_logits(1e4),
        with_huge_wrong_logits(1e9),
        with_huge_wrong_logits(3e38),
        with_rows_of_another_scale,
        with_a_masked_class,
    ],
)
def test_a_few_huge_wrong_logits_do_not_hide_what_the_others_say(kind, change):
    fit, fit_labels, test, test_labels, clean = split_problem_with_outliers(change)
    scaler = kind().fit_logits(fit, fit_labels)
    scaled = scaler(test)
    without = TemperatureScaler().fit_logits(clean, fit_labels).summary.nll_after
    assert scaler.summary.nll_after < without + 0.2
    assert cross_entropy(scaled, test_labels) < without + 0.35
    right, right_before = (
        (scores.argmax(1) == test_labels).double().mean() for scores in (scaled, test)
    )
    assert right > right_before - 0.03


@every_scaler
def test_biases_that_are_chance_stay_out_of_the_starting_point(kind):
    """The temperature is then that of the samples, not one that biases have bent."""
    for seed in range(20):
        logits, labels = calibrated_problem(150, 5, 2, seed)
        scaler = kind().fit_logits(logits, labels)
        temperature = TemperatureScaler().fit_logits(logits, labels).temperature
        assert torch.equal(scaler.class_bias, torch.zeros(5, dtype=torch.float64))
        assert 1 / scaler.inverse_temperature.item() == pytest.approx(temperature, rel=1e-9)


@every_scaler
def test_logits_that_say_nothing_about_the_labels_are_refused(kind):
    logits, labels = calibrated_problem(400, 3, 1)
    with pytest.raises(NoOptimumError, match="no temperature is best") as refusal:
        kind().fit_logits(-logits, labels)
    assert refusal.value.limit == np.inf
    with pytest.raises(NoOptimumError, match="the same value for all classes in each"):
        kind().fit_logits(torch.ones(400, 3) * torch.arange(400)[:, None], labels)


@pytest.mark.parametrize("kind", [VectorScaler, MatrixScaler])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_the_size_of_logits_does_not_matter(kind, size):
    logits, labels = distorted_problem(300, 4)
    one = kind().fit_logits(logits, labels)
    other = kind().fit_logits(size * logits, labels)
    assert torch.allclose(other(size * logits), one(logits), rtol=0, atol=1e-6)


@every_scaler
def test_logits_far_from_zero_have_their_optimum_too(kind):
    logits, labels = distorted_problem(300, 4)
    scaler = kind().fit_logits(logits + 1000, labels)
    assert (
        scaler.summary.nll_after < TemperatureScaler().fit_logits(logits, labels).summary.nll_after
    )


@every_scaler
def test_recovers_a_bias_of_one_class(kind):
    logits, labels = calibrated_problem(20_000, 3, 1)
    bias = torch.tensor([1.0, 0.0, 0.0])
    before = cross_entropy(logits + bias, labels)
    scaler = kind().fit_logits(logits + bias, labels)
    after = cross_entropy(scaler(logits + bias), labels)
    assert after < before - 0.03
    assert after == pytest.approx(cross_entropy(logits, labels).item(), abs=1e-3)


def test_a_matrix_that_may_not_mix_is_a_vector():
    logits, labels = distorted_problem(500, 4)
    vector = VectorScaler().fit_logits(logits, labels)
    matrix = MatrixScaler(off_diagonal=1e12).fit_logits(logits, labels)
    assert matrix.weight.diagonal().tolist() == pytest.approx(vector.weight.tolist(), abs=1e-7)
    assert matrix.bias.tolist() == pytest.approx(vector.bias.tolist(), abs=1e-7)


@every_scaler
def test_a_constant_in_a_row_changes_nothing(kind):
    logits, labels = distorted_problem(300, 4)
    shifts = 50 * torch.arange(300, dtype=torch.float64)[:, None]
    plain = kind().fit_logits(logits, labels)
    shifted = kind().fit_logits(logits + shifts, labels)
    assert torch.allclose(shifted.weight, plain.weight, atol=1e-7)
    assert torch.allclose(shifted(logits).softmax(1), plain(logits + shifts).softmax(1), atol=1e-6)


@every_scaler
def test_a_separable_class_has_a_finite_optimum(kind):
    logits, labels = calibrated_problem(600, 3, 1)
    logits[:, 0] = torch.where(labels == 0, 40.0, -40.0)
    scaler = kind().fit_logits(logits, labels)
    assert scaler.weight.isfinite().all()
    assert scaler.summary.message.startswith("the largest entry of the gradient is")


@every_scaler
def test_forward_keeps_the_precision(kind):
    logits, labels = distorted_problem(300, 4)
    scaler = kind().fit_logits(logits, labels)
    assert scaler(logits.float()).dtype == torch.float32
    assert torch.allclose(scaler(logits.float()).double(), scaler(logits), rtol=0, atol=1e-4)
    assert scaler(logits.half()).dtype == torch.float16


@every_scaler
def test_the_order_of_samples_does_not_matter(kind):
    logits, labels = distorted_problem(500, 5)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    one = kind().fit_logits(logits, labels)
    other = kind().fit_logits(logits[order], labels[order])
    assert torch.allclose(one.weight, other.weight, rtol=0, atol=1e-9)


@every_scaler
def test_single_binary_logits_are_those_of_zero_and_z(kind):
    logits, labels = calibrated_problem(400, 2, 2)
    z = logits[:, 1] - logits[:, 0]
    pair = logits  # of the same difference
    expected = kind().fit_logits(pair, labels)(pair).softmax(1)[:, 1]
    flat = kind().fit_logits(z, labels)
    column = kind().fit_logits(z[:, None], labels)
    assert torch.allclose(flat(z).sigmoid(), expected, rtol=0, atol=1e-12)
    assert torch.allclose(column(z[:, None])[:, 0].sigmoid(), expected, rtol=0, atol=1e-12)


@every_scaler
def test_pixels_are_samples(kind):
    logits, labels = distorted_problem(2 * 6 * 5, 3)
    images = logits.reshape(2, 6, 5, 3).movedim(-1, 1)
    marked = labels.clone()
    marked[::4] = 255
    kept = marked != 255
    flat = kind().fit_logits(logits[kept], labels[kept])
    dense = kind().fit_logits(images, marked.reshape(2, 6, 5), ignore_index=255)
    assert torch.allclose(dense.weight, flat.weight, rtol=0, atol=1e-10)
    assert dense.summary.n_samples == 45
    by_pixel = dense(images).movedim(1, -1).reshape(-1, 3)
    assert torch.allclose(by_pixel, flat(logits), rtol=0, atol=1e-8)


@every_scaler
def test_state_dict_pickle_and_copy_keep_everything(kind):
    logits, labels = distorted_problem(300, 4)
    scaler = kind().fit_logits(logits, labels)
    file = io.BytesIO()
    torch.save(nn.Sequential(nn.Linear(4, 4), scaler).half().state_dict(), file)
    file.seek(0)
    loaded = nn.Sequential(nn.Linear(4, 4), kind())
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (loaded[1], pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert other.fitted
        assert other.summary == scaler.summary
        assert torch.equal(other(logits), scaler(logits))


@every_scaler
def test_export(kind):
    model = nn.Sequential(nn.Linear(6, 4), kind()).eval()
    inputs = 3 * torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(200) % 4
    labels[:150] = model[0](inputs)[:150].argmax(1)
    model[1].fit_logits(model[0](inputs), labels)
    batch = torch.export.Dim("batch")
    exported = torch.export.export(model, (inputs[:10],), dynamic_shapes=({0: batch},))
    assert torch.equal(exported.module()(inputs), model(inputs))


@every_scaler
def test_what_cannot_be_fitted_is_refused_and_changes_nothing(kind):
    logits, labels = distorted_problem(200, 3)
    with pytest.raises(RuntimeError, match=r"this \w+Scaler is not fitted; call fit"):
        kind()(logits)
    scaler = kind().fit_logits(logits, labels)
    before = scaler(logits)
    with pytest.raises(ValueError, match=r"no sample of 1 of the 3 classes \(2\)"):
        scaler.fit_logits(logits, labels.clamp(max=1))
    with pytest.raises(ValueError, match="no temperature is best"):
        scaler.fit_logits(-logits, labels)
    with pytest.raises(ValueError, match="logits must have 3 classes as in the fit"):
        scaler(logits[:, :2])
    assert torch.equal(scaler(logits), before)


@every_scaler
def test_a_search_that_stops_early_is_refused(kind, monkeypatch):
    monkeypatch.setattr("calibkit.scalers._penalised_nll._MAX_ITERATIONS", 1)
    scaler = kind(1e-3, 1e-3)
    with pytest.raises(
        RuntimeError, match=r"stopped after 1 steps with a gradient of .* raise the"
    ):
        scaler.fit_logits(*distorted_problem(300, 4))
    assert not scaler.fitted
    assert scaler.weight.numel() == 0


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((VectorScaler, name) for name in ("diagonal", "intercept")),
        *((MatrixScaler, name) for name in ("diagonal", "off_diagonal", "intercept")),
    ],
)
def test_penalties_are_positive_numbers(kind, name):
    for value in (0.0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"{name} must be a number between 0 and inf, got"):
            kind(**{name: value})
    with pytest.raises(TypeError, match="temperature scaling"):
        kind(**{name: "1"})


@every_scaler
def test_a_hundred_classes_take_seconds(kind):
    logits, labels = calibrated_problem(1000, 100, 2)
    labels[:100] = torch.arange(100)
    start = time.process_time()
    kind().fit_logits(logits.float(), labels)
    assert time.process_time() - start < 10


@needs_real_data
@pytest.mark.parametrize("file", ["densenet-bc-100-cifar-100", "wideresnet-16-4-cifar-100"])
@pytest.mark.parametrize(("n", "most"), [(1000, 0.002), (5000, -0.002)])
def test_real_networks_gain_on_temperature_scaling(file, n, most):
    with np.load(REAL / f"{file}.npz") as arrays:
        logits = torch.from_numpy(np.log(arrays["predictions"].clip(1e-30)))
        labels = torch.from_numpy(arrays["ground_truth"])
    order = np.random.default_rng(0).permutation(10_000)
    calibration, test = order[:n], order[5000:]

    def test_nll(scaler) -> float:
        scaler.fit_logits(logits[calibration], labels[calibration])
        return cross_entropy(scaler(logits[test]), labels[test]).item()

    temperature = test_nll(TemperatureScaler())
    for kind in (VectorScaler, DirichletScaler):
        assert test_nll(kind()) < temperature + most


def test_the_state_of_another_kind_is_refused():
    logits, labels = distorted_problem(300, 4)
    state = DirichletScaler().fit_logits(logits, labels).state_dict()
    for kind in (MatrixScaler, VectorScaler):
        with pytest.raises(ValueError, match="got one that was saved from a DirichletScaler"):
            kind().load_state_dict(state)


def test_whole_numbers_are_not_cut_off():
    scaler = VectorScaler().fit_logits(*distorted_problem(300, 4))
    whole = torch.tensor([[1, 2, 0, -1]])
    assert torch.allclose(scaler(whole), scaler(whole.float()))


def test_the_summary_of_a_scaler_without_a_temperature_prints_none():
    logits, labels = calibrated_problem(300, 3, 2)
    shown = str(VectorScaler().fit_logits(logits, labels).summary)
    assert "NLL after" in shown
    assert "temperature" not in shown
