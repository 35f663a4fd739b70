"""The area under the risk-coverage curve: by its definition, over all orders of ties, resampled."""

from functools import partial
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import calibkit
from calibkit import area_under_risk_coverage_curve, bootstrap_interval, paired_difference
from calibkit.metrics.base import Predictions
from calibkit.metrics.risk_coverage import area_of_counts, influence_on_area, risk_coverage
from tests.helpers import calibrated_problem
from tests.metrics.references import draw, few_examples, judged, problems


def mean_of_risks(confidence, correct) -> float:
    """The definition, for samples whose confidences all differ."""
    wrong = 1 - np.asarray(correct)[np.argsort(-np.asarray(confidence))]
    return float(np.mean([wrong[:k].mean() for k in range(1, len(wrong) + 1)]))


@few_examples
@given(**problems, of=st.sampled_from(["top", "positive"]))
def test_the_area_is_the_mean_of_the_risks(n, n_classes, seed, of):
    n_classes = 2 if of == "positive" else n_classes
    probabilities, labels = draw(n, n_classes, seed)
    p = probabilities.numpy() + 1e-7 * np.random.default_rng(seed).random((n, n_classes))
    p = torch.from_numpy(p / p.sum(1, keepdims=True))
    expected = mean_of_risks(*judged(p, labels, None if of == "positive" else "top"))
    found = area_under_risk_coverage_curve(p, labels, of=of)
    assert found == pytest.approx(expected, abs=1e-12)


@few_examples
@given(st.lists(st.tuples(st.sampled_from([0.6, 0.7, 0.9]), st.booleans()), min_size=1, max_size=6))
def test_equal_confidences_count_as_the_mean_over_their_orders(pairs):
    confidence, correct = map(np.array, zip(*pairs, strict=True))
    values = []
    for order in permutations(range(len(pairs))):
        rank = np.empty(len(pairs))
        rank[list(order)] = np.arange(len(pairs))
        values.append(mean_of_risks(confidence - 1e-6 * rank, correct))
    p = torch.from_numpy(np.stack([confidence, 1 - confidence], 1))
    found = area_under_risk_coverage_curve(p, torch.from_numpy(1 - correct.astype(int)))
    assert found == pytest.approx(np.mean(values), abs=1e-12)


def test_the_order_of_the_samples_does_not_matter():
    probabilities, labels = draw(300, 4, 0)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    expected = area_under_risk_coverage_curve(probabilities, labels)
    found = area_under_risk_coverage_curve(probabilities[order], labels[order])
    assert found == pytest.approx(expected, abs=1e-14)


def test_what_is_known_without_a_calculation():
    p = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    assert area_under_risk_coverage_curve(p, torch.zeros(4, dtype=torch.int64)) == 0
    assert area_under_risk_coverage_curve(p, torch.ones(4, dtype=torch.int64)) == 1
    even = p[:1].repeat(10, 1)
    labels = (torch.arange(10) < 3).long()
    assert area_under_risk_coverage_curve(even, labels) == pytest.approx(0.3, abs=1e-15)


def test_two_classes_are_judged_by_the_top_class_unless_asked():
    confidence, matched = torch.tensor([0.9, 0.8, 0.3, 0.1]), torch.tensor([1, 1, 0, 0])
    assert area_under_risk_coverage_curve(confidence, matched) == 0
    found = area_under_risk_coverage_curve(confidence, matched, of="positive")
    assert found == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    metric = calibkit.AreaUnderRiskCoverageCurve(2, of="positive")
    metric.update(confidence, matched)
    assert metric.compute().item() == pytest.approx(found, abs=1e-15)


def test_a_million_samples_are_not_rounded():
    n = 1_000_000
    p = torch.linspace(0.51, 1, n, dtype=torch.float64)
    labels = (torch.arange(n) * 0.6180339887498949 % 1 < p).long()
    wrong = 1 - labels.flip(0).double()
    expected = (wrong.cumsum(0) / torch.arange(1, n + 1)).mean().item()
    found = area_under_risk_coverage_curve(p, labels)
    assert found == pytest.approx(expected, abs=1e-13)


def test_the_plot_shows_the_area():
    probabilities, labels = draw(300, 4, 0)
    ax = calibkit.risk_coverage_curve(probabilities, labels)
    area = area_under_risk_coverage_curve(probabilities, labels)
    assert ax.texts[0].get_text() == f"AURC {area:.1%}\nn = 300"
    assert np.mean(ax.lines[0].get_ydata()) == pytest.approx(area, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_resamples_at_once_are_those_one_by_one(weighted):
    probabilities, labels = draw(50, 3, 1)
    weights = torch.arange(50).double() % 4 + 1 if weighted else None
    counts = np.random.default_rng(0).multinomial(50, np.full(50, 1 / 50), size=20)
    found = area_of_counts(Predictions(probabilities, labels, weights).judged("top"))(counts)
    for row, value in zip(counts, found, strict=True):
        drawn = np.repeat(np.arange(50), row)
        expected = area_under_risk_coverage_curve(
            probabilities[drawn],
            labels[drawn],
            sample_weight=None if weights is None else weights[drawn],
        )
        assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_influence_of_a_sample_is_a_derivative(weighted):
    n, tried = 2000, np.arange(0, 2000, 20)
    probabilities, labels = draw(n, 3, 1)
    weights = torch.arange(n).double() % 4 + 1 if weighted else None
    area = area_of_counts(samples := Predictions(probabilities, labels, weights).judged("top"))
    more, less = (area(1 + sign * 1e-3 * np.eye(n)[tried]) for sign in (1, -1))
    derivative = (more - less) / 2e-3 * (n if weights is None else weights.sum().item())
    found = influence_on_area(samples)
    assert found.sum() == pytest.approx(0, abs=1e-6)
    assert found[tried] == pytest.approx(derivative, abs=0.01 * np.abs(found).max())


def test_the_interval_of_a_share_is_the_textbooks():
    """Where all confidences are equal, the area is the error rate."""
    p = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    labels = (torch.arange(1000) < 300).long()
    found = bootstrap_interval(area_under_risk_coverage_curve, p, labels, n_resamples=10_000)
    half = 1.959964 * np.sqrt(0.7 * 0.3 / 1000)
    assert found == pytest.approx([0.3, 0.3 - half, 0.3 + half], abs=2e-3)


def test_options_reach_the_resamples():
    probabilities, labels = draw(200, 2, 1)
    metric = partial(area_under_risk_coverage_curve, of="positive")
    found = bootstrap_interval(metric, probabilities, labels, n_resamples=200)
    assert found.low < metric(probabilities, labels) < found.high
    masked = labels.clone()
    masked[:20] = -1
    ignoring = partial(metric, ignore_index=-1)
    value = bootstrap_interval(metric, probabilities, masked, ignore_index=-1, n_resamples=40).value
    assert value == ignoring(probabilities, masked)


def test_a_model_without_errors_has_the_interval_0():
    p = torch.tensor([[0.9, 0.1]]).repeat(20, 1)
    labels = torch.zeros(20, dtype=torch.int64)
    found = bootstrap_interval(area_under_risk_coverage_curve, p, labels, n_resamples=50)
    assert found == (0, 0, 0)


@pytest.mark.parametrize(("level", "n_resamples"), [(0.5, 50), (0.9999, 20_000)])
def test_any_level_has_an_interval(level, n_resamples):
    p, labels = draw(30, 3, 2)
    metric = area_under_risk_coverage_curve
    found = bootstrap_interval(metric, p, labels, n_resamples=n_resamples, level=level)
    assert 0 <= found.low <= found.high <= 1


def test_better_order_is_told_from_noise_on_the_same_samples():
    logits, labels = calibrated_problem(500, 5, 1)
    after = logits.softmax(1)
    noise = torch.rand(500, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    before = ((0.1 + 3 * noise) * logits).softmax(1)
    metric = area_under_risk_coverage_curve
    change = paired_difference(metric, before, after, labels, n_resamples=500)
    assert change.value == metric(after, labels) - metric(before, labels)
    assert change.high < 0


def shares_held(
    n: int, n_classes: int, sharpness: float, n_simulations: int, n_resamples: int
) -> list[float]:
    """How often intervals hold the area of endless data, and changes that of other confidences."""

    def problem(n, seed):
        generator = torch.Generator().manual_seed(seed)
        logits = sharpness * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
        labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
        spoilt = logits * (0.2 + 2 * torch.rand(n, 1, generator=generator, dtype=torch.float64))
        return logits.softmax(1), spoilt.softmax(1), labels

    metric = area_under_risk_coverage_curve
    p, spoilt, labels = problem(300_000, 10**6)
    truth = metric(p, labels)
    true_change = truth - metric(spoilt, labels)
    held = []
    for seed in range(n_simulations):
        p, spoilt, labels = problem(n, seed)
        options = {"n_resamples": n_resamples, "seed": seed}
        value = bootstrap_interval(metric, p, labels, **options)
        change = paired_difference(metric, spoilt, p, labels, **options)
        held.append(
            [
                found.low <= true <= found.high
                for found, true in ((value, truth), (change, true_change))
            ]
        )
    return np.mean(held, 0).tolist()


CELLS = [(200, 2, 1.0), (1000, 2, 6.0), (500, 10, 2.0)]


def test_intervals_hold_the_area_of_endless_data():
    assert min(shares_held(*CELLS[2], n_simulations=25, n_resamples=200)) >= 0.76


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_95_percent_intervals_hold_the_area_as_often_as_they_say(cell):
    assert min(shares_held(*cell, n_simulations=200, n_resamples=400)) >= 0.9


def test_bad_input_is_refused():
    p, labels = draw(20, 3, 0)
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\]"):
        area_under_risk_coverage_curve(10 * p, labels)
    with pytest.raises(ValueError, match="labels must lie between 0 and 2"):
        area_under_risk_coverage_curve(p, labels + 1)
    with pytest.raises(ValueError, match='of="positive" needs two classes, got 3'):
        area_under_risk_coverage_curve(p, labels, of="positive")
    with pytest.raises(ValueError, match="of must be one of 'positive', 'top', got 'bottom'"):
        calibkit.AreaUnderRiskCoverageCurve(3, of="bottom")
    with pytest.raises(ValueError, match="sample_weight must be finite and not negative"):
        area_under_risk_coverage_curve(p, labels, sample_weight=-np.ones(20))


def test_the_curve_of_weights_that_are_no_counts():
    p, labels = draw(20, 3, 0)
    samples = Predictions(p, labels, torch.rand(20, dtype=torch.float64) + 0.1).judged("top")
    coverage, risk = risk_coverage(samples)
    assert coverage[-1] == 1
    error = (samples.weights * ~samples.correct).sum() / samples.weights.sum()
    assert risk[-1] == pytest.approx(error.item())
