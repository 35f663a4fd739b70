import copy
import io
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from calibkit import BetaScaler
from tests.helpers import calibrated_problem


def beta_problem(
    a: float,
    b: float,
    c: float,
    n: int = 500,
    mean: float = 0.0,
    spread: float = 2.0,
    seed: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of p whose truth is the beta map with a, b and c, and labels drawn from it."""
    generator = torch.Generator().manual_seed(seed)
    z = mean + spread * torch.randn(n, generator=generator, dtype=torch.float64)
    truth = (a * logsigmoid(z) - b * logsigmoid(-z) + c).sigmoid()
    labels = (torch.rand(n, generator=generator, dtype=torch.float64) < truth).long()
    return z, labels


def nll(parameters, z: torch.Tensor, labels: torch.Tensor) -> float:
    """From the definition, in numpy."""
    a, b, c = parameters
    log_p, log_q = -np.logaddexp(0, -z.numpy()), -np.logaddexp(0, z.numpy())
    score = a * log_p - b * log_q + c
    return float(np.logaddexp(0, np.where(labels.numpy() == 1, -score, score)).mean())


def fitted(scaler: BetaScaler) -> list[float]:
    return [scaler.a.item(), scaler.b.item(), scaler.c.item()]


PROBLEMS = {
    "inside": dict(a=0.5, b=2.0, c=0.3),
    "a at its bound": dict(a=-0.5, b=1.0, c=0.0),
    "b at its bound": dict(a=1.0, b=-0.5, c=0.0),
    "both at their bounds": dict(a=-1.0, b=-1.0, c=0.5),
    "probabilities near 1": dict(a=1.0, b=1.0, c=-6.0, mean=6.0, n=3000),
    "probabilities of 0 and 1": dict(a=0.02, b=0.01, c=0.0, spread=300.0),
    "probabilities alike": dict(a=1.0, b=1.0, c=0.0, mean=3.0, spread=0.01),
    "steep": dict(a=6.0, b=5.0, c=0.0, spread=0.5),
}
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@every_problem
def test_no_reference_search_finds_less(problem):
    z, labels = beta_problem(**problem)
    scaler = BetaScaler().fit_logits(z, labels)
    found = fitted(scaler)
    at_optimum = nll(found, z, labels)
    assert scaler.summary.nll_after == pytest.approx(at_optimum, abs=1e-12)
    for start in ([1, 1, 0], [0, 0, 0], found):
        reference = minimize(
            nll,
            start,
            args=(z, labels),
            method="Nelder-Mead",
            bounds=[(0, None), (0, None), (None, None)],
            options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 3000},
        )
        assert reference.fun >= at_optimum - 1e-11
    assert min(found[:2]) >= 0


@every_problem
def test_slopes_are_zero_inside_and_point_outwards_at_a_bound(problem):
    z, labels = beta_problem(**problem)
    found = np.array(fitted(BetaScaler().fit_logits(z, labels)))
    for index in range(3):
        unit = 1e-5 * np.eye(3)[index]
        slope = (nll(found + unit, z, labels) - nll(found - unit, z, labels)) / 2e-5
        if index < 2 and found[index] == 0:
            assert slope > 0
        else:
            assert slope == pytest.approx(0, abs=2e-6 * z.abs().max().clamp(min=1).item())


def test_bounds_hold_where_the_truth_lies_beyond():
    at_bounds = {
        name: fitted(BetaScaler().fit_logits(*beta_problem(**problem)))
        for name, problem in PROBLEMS.items()
    }
    assert at_bounds["a at its bound"][0] == 0 < at_bounds["a at its bound"][1]
    assert at_bounds["b at its bound"][1] == 0 < at_bounds["b at its bound"][0]
    assert at_bounds["both at their bounds"][:2] == [0, 0]
    assert min(at_bounds["inside"][:2]) > 0


def test_with_both_at_their_bounds_every_sample_gets_the_share_of_class_1():
    z, labels = beta_problem(-1, -1, 0.5)
    scaler = BetaScaler().fit_logits(z, labels)
    share = labels.double().mean().item()
    assert scaler.c.item() == pytest.approx(np.log(share / (1 - share)), abs=1e-7)


def test_a_large_sample_recovers_the_truth():
    z, labels = beta_problem(0.5, 2.0, 0.3, n=200_000)
    assert fitted(BetaScaler().fit_logits(z, labels)) == pytest.approx([0.5, 2.0, 0.3], abs=0.05)


def test_a_calibrated_model_stays():
    z, labels = beta_problem(1, 1, 0, n=200_000)
    assert fitted(BetaScaler().fit_logits(z, labels)) == pytest.approx([1, 1, 0], abs=0.05)


def test_identity_parameters_are_the_identity():
    scaler = BetaScaler().fit_logits(*beta_problem(0.5, 2.0, 0.3))
    scaler.a, scaler.b, scaler.c = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    z = torch.linspace(-80, 80, 41)
    assert torch.allclose(scaler(z), z, rtol=1e-6, atol=0)


@settings(max_examples=30, deadline=None)
@given(a=st.floats(0.1, 3), b=st.floats(0.1, 3), c=st.floats(-2, 2), seed=st.integers(0, 1000))
def test_order_is_kept_and_precision_of_no_harm(a, b, c, seed):
    z, labels = beta_problem(a, b, c, seed=seed)
    scaler = BetaScaler().fit_logits(z, labels)
    grid = torch.linspace(-200, 200, 801, dtype=torch.float64)
    calibrated = scaler(grid)
    assert (calibrated.diff() >= 0).all()
    single = scaler(grid.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), calibrated, rtol=1e-5, atol=1e-4)


def test_forward_is_the_definition_and_reads_what_lies_near_0_and_1():
    scaler = BetaScaler().fit_logits(*beta_problem(0.5, 2.0, 0.3))
    a, b, c = fitted(scaler)
    p = torch.tensor([0.001, 0.3, 0.5, 0.9])
    expected = a * p.log() - b * (1 - p).log() + c
    assert torch.allclose(scaler(p.logit()), expected, atol=1e-5)
    far = scaler(torch.tensor([-100.0, 100.0]))  # p = e-100 and 1 - e-100
    assert far.tolist() == pytest.approx([-100 * a + c, 100 * b + c], rel=1e-6)


def test_all_forms_of_binary_logits_give_the_same():
    z, labels = beta_problem(0.5, 2.0, 0.3)
    generator = torch.Generator().manual_seed(1)
    shift = torch.randn(len(z), generator=generator, dtype=torch.float64)
    pair = torch.stack([shift, z + shift], 1)
    flat, column, pairs = (BetaScaler().fit_logits(x, labels) for x in (z, z[:, None], pair))
    expected = flat(z).sigmoid()
    assert torch.allclose(column(z[:, None])[:, 0].sigmoid(), expected, rtol=0, atol=1e-12)
    assert torch.allclose(pairs(pair).softmax(1)[:, 1], expected, rtol=0, atol=1e-8)
    assert (pairs(pair)[:, 0] == 0).all()
    assert flat.summary.nll_after == pytest.approx(
        binary_cross_entropy_with_logits(flat(z), labels.double()).item(), abs=1e-12
    )


def test_pixels_are_samples():
    z, labels = beta_problem(0.5, 2.0, 0.3, n=240)
    marked = labels.clone()
    marked[::4] = 255
    kept = marked != 255
    flat = BetaScaler().fit_logits(z[kept], labels[kept])
    images = z.reshape(4, 1, 10, 6)
    dense = BetaScaler().fit_logits(images, marked.reshape(4, 10, 6), ignore_index=255)
    assert fitted(dense) == pytest.approx(fitted(flat), abs=1e-9)
    assert torch.allclose(dense(images).flatten(), flat(z), rtol=0, atol=1e-8)
    assert dense(images).shape == images.shape


def test_the_order_of_samples_does_not_matter():
    z, labels = beta_problem(0.5, 2.0, 0.3)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))
    one, other = (
        BetaScaler().fit_logits(z, labels),
        BetaScaler().fit_logits(z[order], labels[order]),
    )
    assert fitted(other) == pytest.approx(fitted(one), abs=1e-6)


def test_state_dict_pickle_and_copy_keep_everything():
    z, labels = beta_problem(0.5, 2.0, 0.3)
    scaler = BetaScaler().fit_logits(z, labels)
    file = io.BytesIO()
    torch.save(nn.Sequential(nn.Linear(4, 1), scaler).half().state_dict(), file)
    assert file.tell() < 10_000
    file.seek(0)
    loaded = nn.Sequential(nn.Linear(4, 1), BetaScaler())
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (loaded[1], pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert other.fitted
        assert other.summary == scaler.summary
        assert torch.equal(other(z), scaler(z))


def test_export():
    model = nn.Sequential(nn.Linear(6, 2), BetaScaler()).eval()
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * torch.randn(200, 6, generator=generator)
    logits = model[0](inputs)
    model[1].fit_logits(logits, logits.softmax(1).multinomial(1, generator=generator)[:, 0])
    batch = torch.export.Dim("batch")
    exported = torch.export.export(model, (inputs[:10],), dynamic_shapes=({0: batch},))
    assert torch.equal(exported.module()(inputs), model(inputs))


@pytest.mark.parametrize(
    ("z", "labels", "message"),
    [
        ([-3, -1, 1, 3], [0, 0, 1, 1], "in all 4 samples the probabilities of class 1 lie above"),
        ([-3, 1, 1, 3], [0, 0, 1, 1], "the NLL keeps falling as the curve gets steeper"),
        ([-3, -3, 3, 3], [0, 1, 0, 1], "the 4 samples have 2 different probabilities"),
        ([5, 5, 5, 5], [0, 1, 0, 1], "have 1 different probabilities, and three are needed"),
        ([-3, -1, 1, 3], [1, 1, 1, 1], r"no sample of 1 of the 2 classes \(0\)"),
    ],
)
def test_where_no_optimum_exists(z, labels, message):
    scaler = BetaScaler().fit_logits(*beta_problem(0.5, 2.0, 0.3))
    before = fitted(scaler)
    with pytest.raises(ValueError, match=message):
        scaler.fit_logits(torch.tensor(z).double(), torch.tensor(labels))
    assert fitted(scaler) == before


def test_only_binary_models():
    with pytest.raises(ValueError, match="for binary models, got logits of 3 classes; use Dirich"):
        BetaScaler().fit_logits(*calibrated_problem(200, 3, 2))
    scaler = BetaScaler()
    with pytest.raises(RuntimeError, match="this BetaScaler is not fitted"):
        scaler(torch.ones(3))
    scaler.fit_logits(*beta_problem(0.5, 2.0, 0.3))
    with pytest.raises(ValueError, match="must have 2 classes as in the fit"):
        scaler(torch.ones(3, 4))


def test_a_search_that_stops_early_is_refused(monkeypatch):
    monkeypatch.setattr("calibkit.scalers.beta._MAX_ITERATIONS", 1)
    scaler = BetaScaler()
    with pytest.raises(RuntimeError, match=r"stopped after 1 steps with a gradient of .* look for"):
        scaler.fit_logits(*beta_problem(0.5, 2.0, 0.3))
    assert not scaler.fitted
    assert scaler.a.numel() == 0
