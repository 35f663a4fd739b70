"""Changed class proportions: Bayes' rule by hand, and the likelihood by scipy and by plain EM."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import betaln, softmax

import calibkit as ck
from calibkit import adjust_prior, estimate_prior
from calibkit._checks import check_logits
from calibkit._class_proportions import ProportionsLikelihood

few_examples = settings(deadline=None, max_examples=40)


def draw(n: int, proportions, separation: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are calibrated for equal proportions, and labels with these proportions.

    The features of a class are normally distributed around a unit vector of its own.
    """
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(proportions), n, p=proportions)
    x = rng.normal(size=(n, len(proportions)))
    x[np.arange(n), labels] += separation
    return torch.from_numpy(separation * x), torch.from_numpy(labels)


def probabilities(n: int, n_classes: int, seed: int) -> np.ndarray:
    return softmax(2 * np.random.default_rng(seed).normal(size=(n, n_classes)), axis=1)


# Adjusting


proportions = st.integers(2, 6).flatmap(
    lambda c: st.tuples(
        *[st.lists(st.floats(0.001, 1000), min_size=c, max_size=c) for _ in range(2)]
    )
)


@few_examples
@given(proportions, st.integers(0, 999))
def test_adjusted_probabilities_are_those_of_bayes_rule(pair, seed):
    source, target = pair
    p = probabilities(5, len(source), seed)
    expected = p * np.divide(target, np.sum(target)) / np.divide(source, np.sum(source))
    expected /= expected.sum(1, keepdims=True)
    found = adjust_prior(np.log(p), source, target)
    assert found.softmax(1).numpy() == pytest.approx(expected, abs=1e-12)
    back = adjust_prior(found, target, source)
    assert back.softmax(1).numpy() == pytest.approx(p, abs=1e-12)


@few_examples
@given(proportions, st.integers(0, 999))
def test_the_same_proportions_change_nothing_and_their_sum_does_not_matter(pair, seed):
    source, target = pair
    logits = torch.from_numpy(np.log(probabilities(5, len(source), seed)))
    assert torch.equal(adjust_prior(logits, source, source), logits)
    found = adjust_prior(logits, np.multiply(7, source), torch.tensor(target, dtype=torch.float64))
    assert found.numpy() == pytest.approx(adjust_prior(logits, source, target).numpy(), abs=1e-9)


@pytest.mark.parametrize("target", [0.1, 0.75, [3, 1], np.array([0.2, 0.8]), [1, 0], [0, 1]])
def test_every_form_of_two_classes_gives_the_same_probability(target):
    z = torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    single = adjust_prior(z, 0.3, target)
    column = adjust_prior(z[:, None], [0.7, 0.3], target)
    both = adjust_prior(torch.stack([torch.zeros(7), z], 1), [7, 3], target)
    assert single.shape == (7,)
    assert torch.equal(column[:, 0], single)
    assert both.softmax(1)[:, 1].numpy() == pytest.approx(single.sigmoid().numpy(), abs=1e-12)


@pytest.mark.parametrize("number", [0.25, np.float32(0.25), np.array(0.25), torch.tensor(0.25)])
def test_one_number_is_the_proportion_of_class_1(number):
    z = torch.tensor([-1.0, 0.5])
    expected = adjust_prior(z, [0.5, 0.5], [0.75, 0.25])
    assert torch.equal(adjust_prior(z, 0.5, number), expected)
    assert torch.equal(adjust_prior(z, 1 - torch.tensor(0.5), number), expected)


def test_images_arrays_and_precisions():
    z = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    source, target = [1, 2, 3], [3, 2, 1]
    rows = z.movedim(1, -1).reshape(-1, 3)
    expected = adjust_prior(rows, source, target).reshape(2, 4, 5, 3).movedim(-1, 1)
    assert torch.equal(adjust_prior(z, source, target), expected)
    assert torch.equal(adjust_prior(z.numpy(), source, target), expected)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        found = adjust_prior(z.to(dtype), source, target)
        assert found.dtype == dtype
        assert found.double().numpy() == pytest.approx(expected.double().numpy(), abs=0.03)


def test_gradients_pass_through():
    z = torch.tensor([[0.5, -1.0]], requires_grad=True)
    adjust_prior(z, 0.5, 0.2).sum().backward()
    assert z.grad.tolist() == [[1, 1]]


def test_a_class_without_target_is_ruled_out():
    found = adjust_prior(torch.tensor([[1.0, 2.0, 3.0]]), [1, 1, 1], [1, 1, 0])
    assert found.softmax(1)[0].tolist() == pytest.approx([0.26894, 0.73106, 0], abs=1e-5)
    both_0 = adjust_prior(torch.tensor([[1.0, 2.0, 3.0]]), [1, 1, 0], [1, 1, 0])
    assert both_0[0].tolist() == [1, 2, -np.inf]


# What a user trained with: the population has the counts of a feature's three values in two classes
# or three, and a model with a parameter for each value learns the weighted frequencies exactly.
POPULATION = np.array([[500, 300, 160], [30, 60, 90], [5, 20, 60]])
RECIPES = {
    "one in ten negatives is used": (np.array([0.1, 1, 1]), lambda n: [0.1 * n[0], n[1], n[2]]),
    "class weights": (np.array([1, 2, 6]), lambda n: np.array([1, 2, 6]) * n),
    "a balanced sampler": (1 / POPULATION.sum(1), lambda n: [1, 1, 1]),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_way_to_train_on_other_proportions_is_undone_in_one_call(recipe):
    weights, source = RECIPES[recipe]
    counts = POPULATION.sum(1)
    learned = POPULATION * weights[:, None]
    logits = np.log(learned / learned.sum(0)).T
    truth = (POPULATION / POPULATION.sum(0)).T
    found = adjust_prior(logits, source=source(counts), target=counts).softmax(1).numpy()
    assert found == pytest.approx(truth, abs=1e-12)


def test_pos_weight_is_undone_by_a_model_that_was_trained_with_it():
    x = np.arange(3).repeat(POPULATION[:2].sum(0))
    y = np.concatenate([np.repeat([0, 1], column) for column in POPULATION[:2].T])
    bias = torch.zeros(3, requires_grad=True, dtype=torch.float64)
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0))
    search = torch.optim.LBFGS([bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        value = loss(bias[x], torch.from_numpy(y).double())
        value.backward()
        return value

    search.step(closure)
    n_negative, n_positive = np.bincount(y)
    adjusted = adjust_prior(
        bias.detach(), source=[n_negative, 9 * n_positive], target=[n_negative, n_positive]
    )
    truth = POPULATION[1] / POPULATION[:2].sum(0)
    assert adjusted.sigmoid().numpy() == pytest.approx(truth, abs=1e-4)


# Estimating


def by_em(p: np.ndarray, source: np.ndarray, smoothing: float, steps: int) -> np.ndarray:
    """The algorithm of Saerens, Latinne and Decaestecker, with additional samples."""
    q, ratio = source, p / source
    for _ in range(steps):
        counts = q * ((1 / (ratio @ q)) @ ratio)  # the sums of the probabilities of each class
        q = (counts + smoothing * source) / (len(p) + smoothing)
    return q


def by_scipy(p: np.ndarray, source: np.ndarray, smoothing: float) -> np.ndarray:
    ratio = p / source

    def objective(q):
        value = -np.log(ratio @ q).sum() - smoothing * source @ np.log(q)
        slope = -(ratio / (ratio @ q)[:, None]).sum(0) - smoothing * source / q
        return value / len(p), slope / len(p)

    return minimize(
        objective,
        source,
        jac=True,
        method="SLSQP",
        bounds=[(1e-12, 1)] * len(source),
        constraints={"type": "eq", "fun": lambda q: q.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-16, "maxiter": 2000},
    ).x


PROBLEMS = {
    "two classes": (300, [0.9, 0.1], 1.0),
    "three classes": (400, [0.2, 0.1, 0.7], 1.5),
    "a class that is gone": (500, [0.5, 0.5, 0.0, 0.0], 2.0),
    "ten classes": (300, [0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03], 1.0),
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("smoothing", [0, 2, 30.0])
@pytest.mark.filterwarnings("ignore:with smoothing=0:UserWarning", "ignore:the logits:UserWarning")
def test_the_estimate_is_where_em_and_scipy_end(name, smoothing):
    n, truth, separation = PROBLEMS[name]
    logits, _ = draw(n, truth, separation, 0)
    source = np.full(len(truth), 1 / len(truth))
    p = logits.softmax(1).numpy()
    found = estimate_prior(logits, source, smoothing=smoothing).proportions.numpy()
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert found == pytest.approx(by_em(p, source, smoothing, 20_000), abs=1e-4)
    assert found == pytest.approx(by_scipy(p, source, smoothing), abs=1e-5)
    slope = (p / source / (p / source @ found)[:, None]).mean(0)
    if smoothing:  # The slope of the objective is the same for all classes.
        slope += smoothing / n * source / found
        assert slope == pytest.approx(np.full(len(truth), 1 + smoothing / n), abs=1e-8)
    else:  # The conditions of Karush, Kuhn and Tucker.
        assert slope.max() == pytest.approx(1, abs=1e-8)
        assert found * (1 - slope) == pytest.approx(np.zeros(len(truth)), abs=1e-8)


def test_a_hundred_steps_of_em_do_not_reach_what_is_found():
    logits, _ = draw(300, PROBLEMS["ten classes"][1], 0.5, 0)
    source = np.full(10, 0.1)
    with pytest.warns(UserWarning, match="the proportion of"):
        found = estimate_prior(logits, source, smoothing=0).proportions.numpy()
    p = logits.softmax(1).numpy()
    assert np.abs(found - by_em(p, source, 0, 100)).max() > 0.01
    assert found == pytest.approx(by_em(p, source, 0, 20_000), abs=1e-4)


@few_examples
@given(
    st.integers(1, 60),
    st.integers(2, 8),
    st.sampled_from([0.0, 0.1, 1.0, 10.0, 1000.0]),
    st.sampled_from([None, 0, 1e-6, 1, 1e6]),
    st.integers(0, 999),
)
def test_every_problem_has_a_certified_maximum(n, n_classes, spread, smoothing, seed):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(spread * rng.normal(size=(n, n_classes)) - 1)
    source = rng.dirichlet(np.ones(n_classes)) + 1e-4
    source /= source.sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = estimate_prior(logits, source, smoothing=smoothing)
    q, m = found.proportions.numpy(), found.smoothing / n
    assert q.sum() == pytest.approx(1, abs=1e-12)
    assert (q >= 0).all()
    assert found.standard_errors.isfinite().all()
    ratio = logits.softmax(1).numpy() / source
    slope = (ratio / (ratio @ q)[:, None]).mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope += np.where(q > 0, m * source / q, 0)
    assert slope.max() <= (1 + m) * (1 + 1e-6)


def test_forms_of_logits_and_of_the_source():
    z, _ = draw(200, [0.2, 0.8], 1.5, 0)
    single = z[:, 1] - z[:, 0]
    expected = estimate_prior(z, [1, 1])
    for logits in (single, single[:, None], z.numpy(), z.reshape(20, 10, 2).movedim(-1, 1)):
        found = estimate_prior(logits, 0.5)
        assert found.proportions.numpy() == pytest.approx(expected.proportions.numpy(), abs=1e-9)
        assert found.standard_errors.numpy() == pytest.approx(expected.standard_errors.numpy())
        assert found.smoothing == expected.smoothing


def test_many_samples_are_read_in_chunks(monkeypatch):
    z, _ = draw(3000, [0.2, 0.5, 0.3], 1.5, 0)
    expected = estimate_prior(z, [1, 1, 1]).proportions
    monkeypatch.setattr("calibkit._rows._CHUNK_ELEMENTS", (500, 500))
    monkeypatch.setattr("calibkit._class_proportions._MAX_KEPT_ELEMENTS", 1000)
    found = estimate_prior(z, [1, 1, 1]).proportions
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-9)


@pytest.mark.parametrize("smoothing", [None, 0, 5])
def test_integer_weights_equal_repetition(smoothing):
    z, _ = draw(300, [0.2, 0.5, 0.3], 1.5, 0)
    weights = torch.arange(300) % 4
    expected = estimate_prior(z.repeat_interleave(weights, 0), [1, 1, 2], smoothing=smoothing)
    found = estimate_prior(z, [1, 1, 2], smoothing=smoothing, sample_weight=weights)
    assert found.proportions.numpy() == pytest.approx(expected.proportions.numpy(), abs=1e-10)
    errors = found.standard_errors.numpy()
    assert errors == pytest.approx(expected.standard_errors.numpy(), abs=1e-10)
    assert found.smoothing == expected.smoothing
    with pytest.raises(ValueError, match="sample_weight must be finite and not negative"):
        estimate_prior(z, [1, 1, 2], sample_weight=-weights)


def posterior_by_quadrature(p: np.ndarray, source: float, strength: float) -> tuple[float, float]:
    """Of two classes: the logarithm of the evidence, and the standard deviation of P(y = 1)."""
    a = strength * source
    ratio = p / np.array([1 - source, source])
    peak = -np.inf

    def log_density(q):
        log_beta = (a - 1) * np.log(q) + (strength - a - 1) * np.log1p(-q) - betaln(a, strength - a)
        return np.log(ratio @ np.array([1 - q, q])).sum() + log_beta

    grid = np.linspace(1e-4, 1 - 1e-4, 2001)
    values = [log_density(q) for q in grid]
    peak, best = max(values), grid[int(np.argmax(values))]

    def moment(power):
        return quad(
            lambda q: q**power * np.exp(log_density(q) - peak), 0, 1, points=[best], limit=500
        )[0]

    total, mean = moment(0), moment(1) / moment(0)
    return peak + np.log(total), np.sqrt(moment(2) / total - mean**2)


@pytest.mark.parametrize("strength", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_evidence_and_standard_error_are_near_those_by_quadrature(share, strength):
    logits, _ = draw(200, [1 - share, share], 1.5, 3)
    likelihood = ProportionsLikelihood(check_logits(logits), np.array([0.6, 0.4]))
    optimum = likelihood.maximise(strength)
    evidence, deviation = posterior_by_quadrature(logits.softmax(1).numpy(), 0.4, strength)
    assert likelihood.log_evidence(optimum) == pytest.approx(evidence, abs=0.05)
    assert likelihood.variance(optimum)[1] ** 0.5 == pytest.approx(deviation, rel=0.05)


SIMULATED = [
    (300, [0.9, 0.1], 1.0),
    (300, [0.8, 0.2], 0.7),
    (500, [0.05, 0.1, 0.15, 0.3, 0.4], 1.2),
]


def share_held(n: int, truth, separation: float, n_simulations: int) -> np.ndarray:
    """How often each proportion is within 1.96 standard errors of its estimate."""
    held = []
    for seed in range(n_simulations):
        logits, _ = draw(n, truth, separation, seed)
        found = estimate_prior(logits, np.ones(len(truth)))
        distance = np.abs(found.proportions.numpy() - truth)
        held.append(distance <= 1.96 * found.standard_errors.numpy())
    return np.mean(held, 0)


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("problem", SIMULATED)
def test_estimates_are_as_far_from_the_truth_as_the_standard_errors_say(problem):
    assert share_held(*problem, n_simulations=40).min() >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("problem", SIMULATED)
def test_nine_in_ten_intervals_of_every_class_hold_the_truth(problem):
    assert share_held(*problem, n_simulations=500).min() >= 0.9


# Where nothing can be known


def informative(n: int, seed: int) -> torch.Tensor:
    return draw(n, [0.2, 0.3, 0.5], 2.0, seed)[0]


UNKNOWN = {
    "the same logits for all samples": (lambda n, s: torch.zeros(n, 3), r"3 classes \(0, 1, 2\)"),
    "two classes that look the same": (
        lambda n, s: informative(n, s)[:, [0, 1, 1]] - torch.tensor([0, 0.6931, 0.6931]),
        r"2 classes \(1, 2\)",
    ),
    "two classes that look nearly the same": (
        lambda n, s: (
            informative(n, s)[:, [0, 1, 1]]
            + 0.02 * torch.randn(n, 3, generator=torch.Generator().manual_seed(s))
        ),
        r"class [12]|2 classes \(1, 2\)",
    ),
}


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("smoothing", [None, 3])
def test_what_logits_do_not_determine_is_named_in_every_simulation(name, smoothing):
    make, classes = UNKNOWN[name]
    for seed in range(20):
        with pytest.warns(UserWarning, match="do not determine the proportion of") as caught:
            estimate_prior(make(400, seed), [1, 1, 1], smoothing=smoothing)
        assert re.search(classes, str(caught[0].message))
        assert caught[0].filename == __file__


def test_what_cannot_be_known_stays_as_in_the_source():
    with pytest.warns(UserWarning, match="one label per class would say more; label"):
        found = estimate_prior(torch.tensor([[0.7, 0.2, 0.1]] * 50).log(), [0.7, 0.2, 0.1])
    assert found.proportions.numpy() == pytest.approx([0.7, 0.2, 0.1], abs=1e-6)
    duplicates = informative(400, 0)[:, [0, 1, 1]] + torch.tensor([0.2, 0.6, 0.2]).log()
    with pytest.warns(UserWarning, match=r"2 classes \(1, 2\)"):
        found = estimate_prior(duplicates, [0.2, 0.6, 0.2]).proportions
    assert found[1] / found[2] == pytest.approx(3, rel=1e-4)


def test_a_few_samples_of_many_classes_are_too_few():
    logits, _ = draw(5, np.full(10, 0.1), 3.0, 0)
    with pytest.warns(UserWarning, match="on which one label per class would say more"):
        estimate_prior(logits, np.ones(10))


def test_informative_logits_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(20):
            estimate_prior(informative(400, seed), [1, 1, 1])
            estimate_prior(draw(300, [0.98, 0.02], 1.5, seed)[0], [0.9, 0.1])
            estimate_prior(draw(200, [0.5, 0.5, 0, 0], 3, seed)[0], [1, 1, 1, 1])


def test_a_maximum_at_the_border_is_named_and_its_cure_works():
    logits, _ = draw(300, [0.5, 0.5, 0, 0], 1.5, 0)
    with pytest.warns(UserWarning, match="with smoothing=0, the proportion of .* leave smoothing"):
        found = estimate_prior(logits, np.ones(4), smoothing=0)
    assert (found.proportions == 0).any()
    assert (estimate_prior(logits, np.ones(4)).proportions > 0).all()


# Whether it helps


def made_up_shifts():
    """Yield a model with a fitted scaler: its calibration set, new samples, and a test set."""
    cases = [
        ([0.5, 0.5], [0.9, 0.1], 1.5, ck.LogisticScaler),
        ([0.9, 0.1], [0.6, 0.4], 1.0, ck.VectorScaler),
        ([0.3, 0.3, 0.4], [0.7, 0.2, 0.1], 1.5, ck.TemperatureScaler),
        (np.full(10, 0.1), np.arange(1, 11) / 55, 2.0, ck.VectorScaler),
        (np.arange(1, 21) / 210, np.arange(20, 0, -1) / 210, 2.5, ck.TemperatureScaler),
    ]
    for seed, (source, target, separation, scaler) in enumerate(cases):
        shares = torch.from_numpy(np.log(source)).double()
        sets = [
            draw(n, q, separation, 10 * seed + i)
            for i, (n, q) in enumerate([(2000, source), (1000, target), (4000, target)])
        ]
        yield scaler(), [(2 * (z + shares), y) for z, y in sets]  # twice as sure as is right


def glyphs_shifts():
    logits, labels = ck.glyphs100_logits(progress=False)
    logits = logits.double()
    for seed, concentration in enumerate([0.3, 0.5, 1, 2, 5]):
        rng = np.random.default_rng(seed)
        weights = rng.dirichlet(np.full(100, concentration))[labels.numpy()]
        weights /= np.bincount(labels)[labels.numpy()]
        sets = [(logits[:3000], labels[:3000])]
        for part, n in ((np.arange(3000, 6000), 2000), (np.arange(6000, 10_000), 4000)):
            chosen = rng.choice(part, n, p=weights[part] / weights[part].sum())
            sets.append((logits[chosen], labels[chosen]))
        yield ck.TemperatureScaler(), sets


def nll_before_and_after(scaler, sets) -> tuple[float, float]:
    (cal, cal_labels), (new, _), (test, test_labels) = sets
    scaler.fit_logits(cal, cal_labels)
    source = scaler(cal).softmax(1).mean(0)
    target = estimate_prior(scaler(new), source).proportions
    after = adjust_prior(scaler(test), source, target)
    nll = partial(ck.negative_log_likelihood, labels=test_labels)
    return nll(scaler(test).softmax(1)), nll(after.softmax(1))


def test_the_estimate_lowers_the_nll_of_samples_that_it_has_not_seen():
    changes = [
        after - before
        for before, after in (nll_before_and_after(*case) for case in made_up_shifts())
    ]
    assert max(changes) < 0


def test_additional_samples_save_the_estimate_of_many_classes():
    """EM alone rules out classes that occur. Without a shift the source is all but kept."""
    rng = np.random.default_rng(0)
    shifted, same = rng.dirichlet(np.ones(50)), np.full(50, 0.02)
    for truth, most_lost in ((shifted, -0.1), (same, 0.02)):
        new, _ = draw(500, truth, 2.5, 1)
        test, labels = draw(2000, truth, 2.5, 2)
        before = ck.negative_log_likelihood(test.softmax(1), labels)
        found = []
        for smoothing in (None, 0):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target = estimate_prior(new, np.ones(50), smoothing=smoothing).proportions
            after = adjust_prior(test, np.ones(50), target).softmax(1)
            found.append(ck.negative_log_likelihood(after, labels))
        assert found[0] < before + most_lost
        assert found[1] == np.inf


@pytest.mark.slow
def test_the_estimate_lowers_the_nll_on_ten_shifts():
    cases = [*made_up_shifts(), *glyphs_shifts()]
    found = [nll_before_and_after(*case) for case in cases]
    assert len(found) == 10
    assert sum(after < before for before, after in found) >= 9
    assert np.mean([after - before for before, after in found]) < -0.1


# Bad input

Z = draw(60, [0.2, 0.3, 0.5], 1.0, 0)[0]
REFUSED = {
    "a negative proportion": ([0.5, -0.1, 0.6], "finite numbers of at least 0 .* got -0.1 to 0.6"),
    "no proportion at all": ([0, 0, 0], "one above 0, got 0 to 0; pass proportions or counts"),
    "NaN": ([0.5, float("nan"), 0.5], "finite numbers of at least 0"),
    "infinity": ([0.5, float("inf"), 0.5], "finite numbers of at least 0"),
    "too few": ([0.5, 0.5], r"each of the 3 classes, got shape \(2,\) for .*minlength=3"),
    "a row": ([[0.2, 0.3, 0.5]], r"each of the 3 classes, got shape \(1, 3\)"),
    "one number": (0.5, r"P\(y = 1\) of two classes or one number for each class, got 0.5 for 3"),
    "nothing": ([], r"got shape \(0,\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_proportions_are_refused_in_one_sentence(case):
    values, message = REFUSED[case]
    good = [1, 1, 1]
    for name, call in {
        "source": lambda: adjust_prior(Z, values, good),
        "target": lambda: adjust_prior(Z, good, values),
        "source of the estimate": lambda: estimate_prior(Z, values),
    }.items():
        with pytest.raises(ValueError, match=f"^{name.split()[0]} must .*{message}") as raised:
            call()
        assert len(str(raised.value)) < 320
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("values", [None, "0.5", True, {0: 0.5}, ["a", "b", "c"]])
def test_what_is_no_number_is_refused(values):
    for call in (
        lambda: adjust_prior(Z, values, [1, 1, 1]),
        lambda: adjust_prior(Z, [1, 1, 1], values),
        lambda: estimate_prior(Z, values),
    ):
        with pytest.raises(TypeError, match="must be a torch tensor or a numeric numpy array"):
            call()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_number_outside_0_and_1_is_no_probability(p):
    with pytest.raises(ValueError, match=r"target must be P\(y = 1\) of two classes"):
        adjust_prior(torch.tensor([0.3]), 0.5, p)


def test_a_single_sample_of_several_classes_is_told_its_shape():
    with pytest.raises(ValueError, match=r"got shape \(3,\) for .* pass logits\[None\] if these"):
        adjust_prior(Z[0], [1, 2, 3], [1, 1, 1])
    found = adjust_prior(Z[0][None], [1, 2, 3], [1, 1, 1])
    assert torch.equal(found, adjust_prior(Z, [1, 2, 3], [1, 1, 1])[:1])


def test_balanced_weights_of_scikit_learn_are_undone():
    from sklearn.linear_model import LogisticRegression

    x = np.arange(3).repeat(POPULATION[:2].sum(0))
    y = np.concatenate([np.repeat([0, 1], column) for column in POPULATION[:2].T])
    model = LogisticRegression(class_weight="balanced", C=1e6, tol=1e-8, max_iter=1000)
    logits = model.fit(np.eye(3)[x], y).decision_function(np.eye(3))
    found = adjust_prior(logits, source=[1, 1], target=np.bincount(y)).sigmoid()
    assert found.numpy() == pytest.approx(POPULATION[1] / POPULATION[:2].sum(0), abs=1e-3)


@pytest.mark.parametrize("size", [1e-300, 1e307, 5e307])
def test_only_the_ratios_of_proportions_count(size):
    logits = torch.tensor([[0.5, -1.0, 2.0]])
    expected = adjust_prior(logits, [1, 2, 3], [3, 1, 1])
    sizes = [size, 2 * size, 3 * size]
    torch.testing.assert_close(adjust_prior(logits, sizes, [3, 1, 1]), expected)


def test_a_class_that_was_never_seen_is_refused():
    with pytest.raises(ValueError, match=r"source must be above 0 .* got 0 for class 1; no logit"):
        adjust_prior(Z, [1, 0, 1], [1, 1, 1])
    with pytest.raises(ValueError, match="source must be above 0 for every class, got 0 for 2"):
        estimate_prior(Z, [1, 0, 0])


def test_a_table_out_of_order_is_refused_and_the_advice_works():
    pd = pytest.importorskip("pandas")
    labels = pd.Series([2] * 5 + [0] * 3 + [1] * 2)
    with pytest.raises(ValueError, match=r"got the index \[2, 0, 1\]; pass source.sort_index\(\)"):
        adjust_prior(Z, labels.value_counts(), [1, 1, 1])
    found = adjust_prior(Z, labels.value_counts().sort_index(), [1, 1, 1])
    assert torch.equal(found, adjust_prior(Z, [3, 2, 5], [1, 1, 1]))


@pytest.mark.parametrize("smoothing", [-1, float("inf"), float("nan")])
def test_bad_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match=r"smoothing must be a number .* None lets the logits"):
        estimate_prior(Z, [1, 1, 1], smoothing=smoothing)


@pytest.mark.parametrize("smoothing", [True, False, "1"])
def test_smoothing_that_is_no_number_is_refused(smoothing):
    with pytest.raises(TypeError, match="smoothing must be a number"):
        estimate_prior(Z, [1, 1, 1], smoothing=smoothing)


@pytest.mark.parametrize(
    "call",
    [
        lambda z: adjust_prior(z, np.ones(3), np.ones(3)),
        lambda z: estimate_prior(z, np.ones(3)),
    ],
)
def test_bad_logits_are_refused(call):
    with pytest.raises(ValueError, match="logits look like probabilities"):
        call(Z.softmax(1))
    with pytest.raises(ValueError, match="logits must be finite, got NaN or infinity in 60 of 60"):
        call(Z * float("nan"))
    with pytest.raises(ValueError, match="logits are empty"):
        call(Z[:0])
    with pytest.raises(TypeError, match="logits must be floating point"):
        call(Z.long())


def test_a_search_that_does_not_arrive_says_so(monkeypatch):
    monkeypatch.setattr("calibkit._class_proportions._MAX_ITERATIONS", 1)
    with pytest.raises(
        RuntimeError, match="stopped where the log-likelihood per sample could rise"
    ):
        estimate_prior(informative(100, 0), [1, 1, 1], smoothing=0)
