import copy
import io
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import OptimizeResult, minimize
from scipy.special import log_softmax
from torch import nn

from calibkit import (
    NoOptimumError,
    TemperatureScaler,
    UniformMixtureScaler,
    calibration_error,
    compare,
)
from tests.helpers import calibrated_problem


def noisy_problem(
    n: int = 2000, n_classes: int = 10, temperature: float = 2.0, rate: float = 0.15, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """A calibrated problem of which a share of the labels is replaced by uniform ones."""
    logits, labels = calibrated_problem(n, n_classes, temperature, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    replaced = torch.rand(n, generator=generator) < rate
    return logits, torch.where(
        replaced, torch.randint(n_classes, (n,), generator=generator), labels
    )


def nll(log_b: float, weight: float, logits: torch.Tensor, labels: torch.Tensor) -> float:
    """From the definition, in numpy."""
    n_classes = logits.shape[1]
    log_s = log_softmax(np.exp(log_b) * logits.double().numpy(), axis=1)
    log_s = log_s[np.arange(len(labels)), labels.numpy()]
    with np.errstate(divide="ignore"):
        log_p = np.logaddexp(np.log1p(-weight) + log_s, np.log(weight / n_classes))
    return float(-log_p.mean())


def fitted(scaler: UniformMixtureScaler) -> list[float]:
    return [scaler.temperature, scaler.uniform_weight]


PROBLEMS = {
    "noise": dict(),
    "much noise": dict(rate=0.6),
    "little noise": dict(rate=0.01),
    "no noise": dict(rate=0.0),
    "two classes": dict(n_classes=2),
    "many classes": dict(n_classes=100, n=500),
    "a class in ten": dict(n_classes=100, n=10),
    "cold": dict(temperature=0.01),
    "hot": dict(temperature=1000.0),
    "few samples": dict(n=30),
}
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@every_problem
def test_no_reference_search_finds_less(problem):
    logits, labels = noisy_problem(**problem)
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    found = -np.log(scaler.temperature), scaler.uniform_weight
    at_optimum = nll(*found, logits, labels)
    assert scaler.summary.nll_after == pytest.approx(at_optimum, abs=1e-12)
    plain = -np.log(TemperatureScaler().fit_logits(logits, labels).temperature)
    for start in ((plain, 0.0), (plain, 0.3), (plain + 1, 0.1), (plain - 1, 0.0), found):
        reference = minimize(
            lambda x: nll(*x, logits, labels),
            start,
            method="Nelder-Mead",
            bounds=[(plain - 5, plain + 7), (0, 0.999)],
            options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 400},
        )
        assert reference.fun >= at_optimum - 1e-10


@every_problem
def test_no_point_of_a_grid_is_better(problem):
    logits, labels = noisy_problem(**{"n": 300, **problem})
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    plain = -np.log(TemperatureScaler().fit_logits(logits, labels).temperature)
    for log_b in plain + np.linspace(-3, 9, 61):
        for weight in (0, 0.003, 0.01, 0.03, *np.linspace(0.05, 0.95, 10)):
            assert nll(log_b, weight, logits, labels) >= scaler.summary.nll_after - 1e-12


@every_problem
def test_slopes_are_zero_inside_and_point_outwards_at_a_weight_of_0(problem):
    logits, labels = noisy_problem(**problem)
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    log_b, weight = -np.log(scaler.temperature), scaler.uniform_weight
    step = 1e-5
    slope = nll(log_b + step, weight, logits, labels) - nll(log_b - step, weight, logits, labels)
    assert slope / (2 * step) == pytest.approx(0, abs=1e-6)
    if weight == 0:
        assert nll(log_b, 1e-8, logits, labels) > nll(log_b, 0, logits, labels)
    else:
        step = min(1e-5, weight / 100)
        change = nll(log_b, weight + step, logits, labels) - nll(
            log_b, weight - step, logits, labels
        )
        assert change / (2 * step) == pytest.approx(0, abs=1e-5)


@every_problem
def test_gradient_of_the_definition_vanishes_at_the_fit(problem):
    """Autograd differentiates the mixture as the docstring writes it."""
    logits, labels = noisy_problem(**problem)
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    numbers = [-np.log(scaler.temperature), scaler.uniform_weight]
    log_b, weight = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers)
    p = (1 - weight) * (log_b.exp() * logits).softmax(1) + weight / logits.shape[1]
    loss = -p.gather(1, labels[:, None]).log().mean()
    slope, weight_slope = (part.item() for part in torch.autograd.grad(loss, [log_b, weight]))
    assert slope == pytest.approx(0, abs=1e-6)
    assert weight_slope > -1e-6
    assert scaler.uniform_weight == 0 or weight_slope < 1e-6
    assert scaler.summary.nll_after == pytest.approx(loss.item(), abs=1e-10)
    stated = float(re.search(r"gradient is (\S+) per sample", scaler.summary.message)[1])
    assert stated <= 1e-6


@settings(max_examples=60, deadline=None)
@given(
    temperature=st.floats(np.log(0.01), np.log(100)).map(np.exp),
    rate=st.floats(0, 0.7),
    n=st.integers(100, 1000),
    n_classes=st.sampled_from([2, 3, 10, 100]),
    seed=st.integers(0, 1000),
)
@example(temperature=1.0, rate=0.65625, n=344, n_classes=2, seed=227)  # near the end of the grid
def test_never_worse_than_temperature_scaling_and_no_answer_changes(
    temperature, rate, n, n_classes, seed
):
    logits, labels = noisy_problem(n, n_classes, temperature, rate, seed)
    try:
        plain = TemperatureScaler().fit_logits(logits, labels)
        scaler = UniformMixtureScaler().fit_logits(logits, labels)
    except NoOptimumError:
        return
    assert scaler.summary.nll_after <= plain.summary.nll_after + 1e-9
    assert 0 <= scaler.uniform_weight < 1
    assert torch.equal(scaler(logits).argmax(1), logits.argmax(1))
    single = scaler(logits.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), scaler(logits), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.15, 0.5])
@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_a_large_sample_recovers_the_truth(rate, n_classes):
    logits, labels = noisy_problem(20_000, n_classes, 2.0, rate)
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    # of two classes sure samples, from which the noise is read, are fewer
    assert scaler.uniform_weight == pytest.approx(rate, abs=0.07 if n_classes == 2 else 0.025)
    assert scaler.temperature == pytest.approx(2, rel=0.2 if n_classes == 2 else 0.05)


def test_estimates_scatter_around_the_truth():
    found = np.array(
        [
            fitted(UniformMixtureScaler().fit_logits(*noisy_problem(1000, 20, seed=seed)))
            for seed in range(0, 100, 2)
        ]
    )
    error = found.std(0) / np.sqrt(len(found))
    assert (np.abs(found.mean(0) - [2, 0.15]) < 4 * error).all()
    assert (found.std(0) < [0.2, 0.04]).all()


def test_corrects_label_noise_as_no_temperature_does():
    logits, labels = noisy_problem(20_000, 10, 2.0)
    calibration, test = slice(0, 5000), slice(5000, None)
    errors = [
        calibration_error(
            kind().fit_logits(logits[calibration], labels[calibration])(logits[test]).softmax(1),
            labels[test],
        )
        for kind in (TemperatureScaler, UniformMixtureScaler)
    ]
    assert errors[0] > 0.025
    assert errors[1] < 0.015


def test_without_noise_it_is_often_temperature_scaling():
    exactly_zero = 0
    for seed in range(10):
        logits, labels = calibrated_problem(2000, 10, 2, seed)
        scaler = UniformMixtureScaler().fit_logits(logits, labels)
        assert scaler.uniform_weight < 0.02
        if scaler.uniform_weight == 0:
            exactly_zero += 1
            plain = TemperatureScaler().fit_logits(logits, labels)
            assert scaler.temperature == pytest.approx(plain.temperature, rel=1e-6)
            assert torch.equal(scaler(logits), (logits / scaler.temperature).log_softmax(1))
    assert 1 <= exactly_zero <= 9


def test_forward_is_the_definition():
    logits, labels = noisy_problem()
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    temperature, weight = fitted(scaler)
    expected = (1 - weight) * (logits / temperature).softmax(1) + weight / 10
    calibrated = scaler(logits)
    assert torch.allclose(calibrated.exp(), expected, rtol=1e-12, atol=0)
    assert torch.allclose(calibrated.softmax(1), expected, rtol=1e-12, atol=0)
    far = scaler(torch.tensor([[3000.0, 0.0, 0.0, 0.0]]))  # the softmax rounds to 0
    assert far.exp()[0].tolist() == pytest.approx([1 - 0.75 * weight, *[weight / 4] * 3], rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_shape_and_precision_stay(dtype):
    scaler = UniformMixtureScaler().fit_logits(*noisy_problem(n_classes=3))
    for shape in ((5,), (5, 1), (5, 3), (2, 3, 4, 6), (2, 1, 4, 6), (0, 3)):
        logits = torch.ones(shape, dtype=dtype)
        assert scaler(logits).dtype == dtype
        assert scaler(logits).shape == shape


def test_all_forms_of_binary_logits_give_the_same():
    logits, labels = noisy_problem(n_classes=2)
    z = logits[:, 1] - logits[:, 0]
    pairs = UniformMixtureScaler().fit_logits(logits, labels)
    for form in (z, z[:, None]):
        scaler = UniformMixtureScaler().fit_logits(form, labels)
        assert fitted(scaler) == pytest.approx(fitted(pairs), abs=1e-8)
        assert torch.allclose(
            scaler(form).flatten().sigmoid(), pairs(logits).softmax(1)[:, 1], rtol=0, atol=1e-8
        )
        assert torch.equal(scaler(form) > 0, form > 0)


def test_pixels_are_samples():
    logits, labels = noisy_problem(n=240, n_classes=5)
    marked = labels.clone()
    marked[::4] = 255
    kept = marked != 255
    flat = UniformMixtureScaler().fit_logits(logits[kept], labels[kept])
    images = logits.reshape(4, 10, 6, 5).movedim(-1, 1)
    dense = UniformMixtureScaler().fit_logits(images, marked.reshape(4, 10, 6), ignore_index=255)
    assert dense.summary.n_samples == 180
    assert fitted(dense) == pytest.approx(fitted(flat), abs=1e-9)
    assert torch.allclose(
        dense(images).movedim(1, -1).reshape(-1, 5), flat(logits), rtol=0, atol=1e-8
    )


def test_classes_without_a_sample_are_welcome():
    logits, labels = noisy_problem(n=60, n_classes=100)
    assert len(labels.unique()) < 60
    assert UniformMixtureScaler().fit_logits(logits, labels).fitted


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(np.log(1e-3), np.log(1e3)).map(np.exp), seed=st.integers(0, 100))
def test_symmetries(scale, seed):
    logits, labels = noisy_problem(n=400, n_classes=5, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    rows, classes = (torch.randperm(n, generator=generator) for n in (400, 5))
    shifts = 100 * torch.randn(400, 1, generator=generator)
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    other = UniformMixtureScaler().fit_logits(
        scale * (logits + shifts)[rows][:, classes], classes.argsort()[labels][rows]
    )
    assert other.temperature == pytest.approx(scale * scaler.temperature, rel=1e-5)
    assert other.uniform_weight == pytest.approx(scaler.uniform_weight, abs=1e-6)


def test_summary_tells_what_the_fit_did():
    logits, labels = noisy_problem()
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    summary = scaler.summary
    assert (summary.scaler, summary.n_samples, summary.n_parameters) == (
        "UniformMixtureScaler",
        2000,
        2,
    )
    assert summary.nll_before == pytest.approx(nll(0, 0, logits, labels), abs=1e-12)
    measured = nn.functional.cross_entropy(scaler(logits), labels).item()
    assert summary.nll_after == pytest.approx(measured, abs=1e-12)
    assert summary.message.startswith("the largest entry of the gradient is")
    assert repr(scaler).startswith("UniformMixtureScaler(temperature=")


def test_a_model_with_its_loader_and_a_comparison():
    logits, labels = noisy_problem(n=400)
    loader = [(logits[:200], labels[:200]), (logits[200:], labels[200:])]
    scaler = UniformMixtureScaler().fit(nn.Identity(), loader, progress=False)
    assert fitted(scaler) == fitted(UniformMixtureScaler().fit_logits(logits, labels))
    found = compare([scaler], logits, labels, n_calibration=200, repeats=2, progress=False)
    before, after = (
        found.values(name, 200, "accuracy") for name in ("unscaled", "UniformMixtureScaler")
    )
    assert before == after


def test_state_dict_pickle_and_copy_keep_everything():
    logits, labels = noisy_problem()
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    file = io.BytesIO()
    torch.save(nn.Sequential(nn.Linear(4, 10), scaler).half().state_dict(), file)
    assert file.tell() < 10_000
    file.seek(0)
    loaded = nn.Sequential(nn.Linear(4, 10), UniformMixtureScaler())
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (loaded[1], pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert other.fitted
        assert other.summary == scaler.summary
        assert fitted(other) == fitted(scaler)
        assert torch.equal(other(logits), scaler(logits))


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 0.0), ("temperature", float("nan")), ("uniform_weight", 1.0)],
)
def test_a_state_that_holds_no_mixture_is_refused(name, value):
    state = UniformMixtureScaler().fit_logits(*noisy_problem()).state_dict()
    state["_extra_state"][name] = torch.tensor(value)
    scaler = UniformMixtureScaler()
    with pytest.raises(ValueError, match="a state must hold a positive, finite temperature and"):
        scaler.load_state_dict(state)
    assert not scaler.fitted


def test_export():
    model = nn.Sequential(nn.Linear(6, 4), UniformMixtureScaler()).eval()
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * torch.randn(200, 6, generator=generator)
    logits = model[0](inputs)
    model[1].fit_logits(logits, logits.softmax(1).multinomial(1, generator=generator)[:, 0])
    model[1].uniform_weight = 0.1
    batch = torch.export.Dim("batch")
    exported = torch.export.export(model, (inputs[:10],), dynamic_shapes=({0: batch},))
    assert torch.equal(exported.module()(inputs), model(inputs))


def all_right_but(wrong: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels are the top class, of margins that grow, but for some rows."""
    logits = torch.zeros(100, 5, dtype=torch.float64)
    labels = torch.arange(100) % 5
    logits[range(100), labels] = 1 + torch.arange(100).double() / 10
    labels[wrong] = (labels[wrong] + 1) % 5
    return logits, labels


def test_wrong_answers_that_are_label_noise_alone_have_no_optimum():
    logits, labels = all_right_but(list(range(9, 100, 10)))
    assert TemperatureScaler().fit_logits(logits, labels).fitted
    scaler = UniformMixtureScaler()
    with pytest.raises(
        NoOptimumError,
        match=r"with a uniform_weight of 0.125 the NLL is lowest in the limit of T = 0, .* use",
    ) as raised:
        scaler.fit_logits(logits, labels)
    assert raised.value.limit == 0
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 320
    assert not scaler.fitted
    assert fitted(scaler) == [1, 0]


@pytest.mark.parametrize("seed", [182, 1388, 3449])
def test_two_valleys(seed):
    """Temperature scaling is stationary at w = 0, and a lower point lies elsewhere."""
    rng = np.random.default_rng(seed)
    z = torch.tensor(3 * rng.normal(size=15))
    labels = torch.tensor(rng.random(15)) < z.sigmoid()
    logits, labels = torch.stack([0 * z, z], 1), labels.long()
    plain = TemperatureScaler().fit_logits(logits, labels)
    log_b = -np.log(plain.temperature)
    assert nll(log_b, 1e-6, logits, labels) > nll(log_b, 0, logits, labels)
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    assert scaler.uniform_weight > 0.1
    assert scaler.summary.nll_after < plain.summary.nll_after - 1e-4
    for step in np.linspace(-3, 8, 111):
        for weight in np.linspace(0, 0.9, 31):
            assert nll(log_b + step, weight, logits, labels) >= scaler.summary.nll_after - 1e-12


def test_wrong_answers_where_the_model_is_unsure_have_an_optimum():
    logits, labels = all_right_but([0, 1, 2, *range(9, 100, 10)])
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    plain = TemperatureScaler().fit_logits(logits, labels)
    assert scaler.temperature < plain.temperature / 3
    assert scaler.uniform_weight > 0.1


@pytest.mark.parametrize(
    ("labels", "limit", "message"),
    [
        (lambda z: z.argmax(1), 0.0, "labels are the model's top class"),
        (lambda z: z.argmin(1), float("inf"), "no higher than the other logits"),
    ],
)
def test_refuses_as_temperature_scaling_does(labels, limit, message):
    logits, _ = noisy_problem(n=100)
    with pytest.raises(NoOptimumError, match=message) as raised:
        UniformMixtureScaler().fit_logits(logits, labels(logits))
    assert raised.value.limit == limit


def add_the_same_row(values):
    if values.ndim == 2:  # a row for each process
        values[1] = values[0]


def test_what_else_is_refused(monkeypatch):
    logits, labels = noisy_problem(n=100)
    scaler = UniformMixtureScaler()
    with pytest.raises(RuntimeError, match="this UniformMixtureScaler is not fitted; call fit"):
        scaler(logits)
    with pytest.raises(ValueError, match="logits look like probabilities"):
        scaler.fit_logits(logits.softmax(1), labels)
    with pytest.raises(ValueError, match="labels hold one class only"):
        scaler.fit_logits(logits, torch.zeros_like(labels))
    # a process group of two, of which the other one passes the same
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_backend", lambda: "gloo")
    monkeypatch.setattr(torch.distributed, "all_reduce", add_the_same_row)
    with pytest.raises(RuntimeError, match="UniformMixtureScaler is fitted in one process"):
        scaler.fit_logits(logits, labels)
    assert not scaler.fitted


def test_a_search_that_does_not_reach_a_slope_of_0_is_refused(monkeypatch):

    def stop_at_once(*_, bracket):
        return OptimizeResult(x=bracket[0])

    monkeypatch.setattr("calibkit.scalers.uniform_mixture.minimize_scalar", stop_at_once)
    scaler = UniformMixtureScaler()
    with pytest.raises(
        RuntimeError, match=r"stopped with a gradient of .* per sample, above 1e-06"
    ):
        scaler.fit_logits(*noisy_problem())
    assert not scaler.fitted


def test_few_samples_with_a_deep_valley_between_grid_points():
    """The NLL is lower there than in the limit of T = 0, to which the grid falls elsewhere."""
    logits, labels = calibrated_problem(20, 3, 1.5, seed=152)
    generator = torch.Generator().manual_seed(152)
    noise = torch.rand(20, generator=generator) < 0.15
    labels = torch.where(noise, torch.randint(3, (20,), generator=generator), labels)
    scaler = UniformMixtureScaler().fit_logits(logits, labels)
    assert scaler.temperature == pytest.approx(0.257, abs=2e-3)
    assert scaler.uniform_weight == pytest.approx(0.202, abs=1e-3)
    assert scaler.summary.nll_after < 0.6375
