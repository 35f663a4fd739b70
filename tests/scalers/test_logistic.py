import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.calibration import _SigmoidCalibration
from torch import nn

from calibkit import LogisticScaler, QuadraticScaler, TemperatureScaler
from tests.helpers import calibrated_problem

every_scaler = pytest.mark.parametrize("kind", [LogisticScaler, QuadraticScaler])
DEGREE = {LogisticScaler: 1, QuadraticScaler: 2}


def binary_problem(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of class 1 that are normally distributed in both classes, with two variances."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(n, generator=generator) < 0.3).long()
    noise = torch.randn(n, generator=generator, dtype=torch.float64)
    return torch.where(labels == 1, 1 + 1.5 * noise, -1 + 0.7 * noise), labels


def definition(kind: type, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The coefficients that minimise the NLL of Platt's targets, by scipy from the formula."""
    n_1, n_0 = labels.sum(), (1 - labels).sum()
    targets = np.where(labels == 1, (n_1 + 1) / (n_1 + 2), 1 / (n_0 + 2))
    powers = z[:, None] ** np.arange(DEGREE[kind] + 1)

    def value(x: np.ndarray) -> float:
        scores = powers @ x
        return float((np.logaddexp(0, scores) - targets * scores).mean())

    def gradient(x: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-powers @ x)) - targets) @ powers / len(z)

    start = np.zeros(powers.shape[1])
    return minimize(value, start, jac=gradient, method="BFGS", options={"gtol": 1e-10}).x


@every_scaler
@pytest.mark.parametrize("n", [12, 100, 3000])
def test_the_fit_is_the_optimum_of_the_definition(kind, n):
    z, labels = binary_problem(n)
    scaler = kind().fit_logits(z, labels)
    expected = definition(kind, z.numpy(), labels.numpy())
    assert scaler.coefficients.tolist() == pytest.approx(expected.tolist(), rel=1e-5, abs=1e-6)
    assert scaler.summary.n_parameters == len(expected)
    polynomial = sum(c * z**k for k, c in enumerate(scaler.coefficients))
    assert torch.allclose(scaler(z), polynomial, rtol=0, atol=1e-9)


def test_logistic_scaling_is_what_scikit_learn_calls_sigmoid():
    z, labels = binary_problem(2000)
    peer = _SigmoidCalibration().fit(z.numpy(), labels.numpy())
    expected = peer.predict(z.numpy())
    found = LogisticScaler().fit_logits(z, labels)(z).sigmoid()
    assert found.numpy() == pytest.approx(expected, abs=1e-4)


def test_a_quadratic_map_finds_the_posterior_of_two_variances():
    z, labels = binary_problem(200_000)
    odds = torch.log(torch.tensor(0.3 / 0.7)) - np.log(1.5) + np.log(0.7)
    exact = odds - (z - 1) ** 2 / (2 * 1.5**2) + (z + 1) ** 2 / (2 * 0.7**2)
    found = QuadraticScaler().fit_logits(z, labels)
    assert (found(z).sigmoid() - exact.sigmoid()).abs().max() < 0.02
    linear = LogisticScaler().fit_logits(z, labels)
    assert found.summary.nll_after < linear.summary.nll_after - 0.01


@every_scaler
@pytest.mark.parametrize("shift", [0.0, 8.0, -500.0])
@pytest.mark.parametrize("size", [3.0, 1e20, 1e60])
def test_neither_a_bias_nor_the_size_of_logits_matters(kind, shift, size):
    z, labels = binary_problem(500)
    expected = kind().fit_logits(z, labels)(z)
    other = size * (z + shift)
    assert torch.allclose(kind().fit_logits(other, labels)(other), expected, rtol=0, atol=1e-6)


@every_scaler
def test_a_set_on_which_all_answers_are_right_has_an_optimum(kind):
    z = torch.tensor([-3.0, -2.0, -1.0, 1.0, 2.0, 4.0], dtype=torch.float64)
    scaler = kind().fit_logits(z, (z > 0).long())
    assert scaler.coefficients.isfinite().all()
    assert torch.equal(scaler(z) > 0, z > 0)


def test_logits_of_the_wrong_sign_reverse_the_map():
    z, labels = binary_problem(500)
    scaler = LogisticScaler().fit_logits(-z, labels)
    assert scaler.coefficients[1] < 0
    assert torch.allclose(scaler(-z), LogisticScaler().fit_logits(z, labels)(z), atol=1e-8)


@every_scaler
def test_logits_that_are_all_the_same_give_the_frequency_of_class_1(kind):
    labels = torch.tensor([0, 0, 0, 1]).repeat(1000)
    scaler = kind().fit_logits(torch.full((4000,), 2.5), labels)
    assert scaler(torch.tensor([2.5])).sigmoid().item() == pytest.approx(0.25, abs=1e-3)


@every_scaler
def test_all_forms_of_binary_logits_give_the_same(kind):
    z, labels = binary_problem(300)
    expected = kind().fit_logits(z, labels)(z)
    pair = torch.stack([torch.zeros_like(z), z], 1)
    of_pair = kind().fit_logits(pair + 7, labels)(pair)
    assert torch.allclose(of_pair[:, 1] - of_pair[:, 0], expected, atol=1e-9)
    column = z[:, None]
    assert torch.allclose(kind().fit_logits(column, labels)(column)[:, 0], expected, atol=1e-9)
    half = kind().fit_logits(z, labels)(z.half())
    assert half.dtype == torch.float16
    assert torch.allclose(half.double(), expected, atol=0.05)


@every_scaler
def test_a_model_of_more_classes_is_refused_with_a_way_out(kind):
    logits, labels = calibrated_problem(300, 3, 2)
    with pytest.raises(ValueError, match="binary models, got logits of 3 classes; use Matrix"):
        kind().fit_logits(logits, labels)


@every_scaler
def test_a_search_that_stops_early_is_refused(kind, monkeypatch):
    monkeypatch.setattr("calibkit.scalers.logistic._MAX_ITERATIONS", 1)
    with pytest.raises(RuntimeError, match="the coefficients stopped after 1 steps"):
        kind().fit_logits(*binary_problem(300))


@every_scaler
def test_export(kind):
    model = nn.Sequential(nn.Linear(6, 2), kind()).eval()
    inputs = 3 * torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    model[1].fit_logits(model[0](inputs), torch.arange(200) % 2)
    batch = torch.export.Dim("batch")
    exported = torch.export.export(model, (inputs[:10],), dynamic_shapes=({0: batch},))
    assert torch.equal(exported.module()(inputs), model(inputs))


def test_it_is_better_than_a_temperature_if_one_class_is_favoured():
    z, labels = binary_problem(2000)
    plain = TemperatureScaler().fit_logits(z + 1, labels).summary.nll_after
    assert LogisticScaler().fit_logits(z + 1, labels).summary.nll_after < plain - 0.05


@every_scaler
@pytest.mark.parametrize("size", [1e3, 1e6, 1e8])
@pytest.mark.parametrize("sign", [1, -1])
def test_one_enormous_logit_does_not_hide_the_optimum_of_the_others(kind, size, sign):
    """A quadratic map can be linear for all others, so it must be as good as without that one."""
    z, labels = binary_problem(500)
    labels[0], z[0] = 1, sign * size
    found = kind().fit_logits(z, labels)(z)
    n_1 = labels.double().sum()
    targets = torch.where(labels == 1, (n_1 + 1) / (n_1 + 2), 1 / (len(labels) - n_1 + 2))
    residuals = found.sigmoid() - targets
    # The slopes vanish in units of the enormous logit, and in those of the others.
    others = residuals[1:] @ z[1:] / len(z)
    assert abs(residuals.mean()) < 1e-9
    assert abs(others + residuals[0] * z[0] / len(z)) < 1e-9 * size
    if kind is QuadraticScaler:
        alone = LogisticScaler().fit_logits(z[1:], labels[1:])(z[1:])
        assert (found[1:] - alone).abs().max() < 0.1


def test_two_different_logits_say_nothing_about_the_bend():
    z, labels = binary_problem(500)
    linear, quadratic = (kind().fit_logits(z.sign(), labels) for kind in DEGREE)
    assert quadratic.coefficients[2] == 0
    assert quadratic(z).tolist() == pytest.approx(linear(z).tolist(), abs=1e-9)


def test_logits_that_rounding_hides_are_refused():
    z, labels = binary_problem(500)
    for given in (z + 1e8, 3 + 1e-9 * z):
        with pytest.raises(RuntimeError, match="subtract their mean from them"):
            QuadraticScaler().fit_logits(given, labels)
        centred = given - given.mean()
        size = centred.abs().max()
        expected = QuadraticScaler().fit_logits(z - z.mean(), labels)(z - z.mean())
        found = QuadraticScaler().fit_logits(centred / size * 5, labels)(centred / size * 5)
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3)


@every_scaler
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_no_finite_logit_becomes_infinite(kind, dtype):
    z, labels = binary_problem(500)
    scaler = kind().fit_logits(20 * z, labels)
    largest = torch.finfo(dtype).max
    extreme = torch.tensor([-largest, 0, largest], dtype=dtype)
    for given in (extreme, torch.stack([0 * extreme, extreme], 1)):
        assert scaler(given).dtype == dtype
        assert scaler(given).isfinite().all()
    assert scaler(torch.stack([0 * extreme, extreme], 1)).softmax(1).isfinite().all()
