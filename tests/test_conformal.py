"""Conformal sets, compared with small cases, with the definition, and with their guarantee."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from calibkit import ConformalSets
from tests.helpers import calibrated_problem
from tests.metrics.references import draw

both_scores = pytest.mark.parametrize("score", ["lac", "aps"])
P = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.25, 0.0, 0.75, 0.0], [0.125, 0.375, 0.25, 0.25]])


def summed(probabilities: np.ndarray) -> float:
    """Add from the largest to the smallest, one by one."""
    total = 0.0
    for p in sorted(probabilities, reverse=True):
        total += p
    return total


def reference_score(p: np.ndarray, label: int, score: str) -> float:
    return 1 - p[label] if score == "lac" else summed(p[p >= p[label]])


def reference_threshold(probabilities, labels, coverage: str, score: str) -> float:
    scores = [reference_score(p, y, score) for p, y in zip(probabilities, labels, strict=True)]
    return sorted(scores)[math.ceil((len(scores) + 1) * Fraction(coverage)) - 1]


def reference_set(p: np.ndarray, threshold: float, score: str) -> list[bool]:
    inside = [reference_score(p, label, score) <= threshold for label in range(len(p))]
    if score == "aps":  # the class that reaches the threshold
        inside = [
            chosen or summed(p[p > p[label]]) < threshold for label, chosen in enumerate(inside)
        ]
    return inside


def covered(sets: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return sets.gather(1, labels[:, None])[:, 0]


def test_lac_by_hand():
    sets = ConformalSets(coverage=0.5, score="lac").fit(P, torch.tensor([0, 0, 3]))
    # The threshold is the second smallest of the scores .5, .75 and .75.
    assert sets.threshold == 0.75
    assert sets.n_samples == 3
    assert sets.predict(P).tolist() == [
        [True, True, False, False],  # the score of .25 equals the threshold
        [True, False, True, False],
        [False, True, True, True],
    ]


def test_lac_may_give_an_empty_set():
    sets = ConformalSets(coverage=0.25, score="lac").fit(P, torch.tensor([0, 0, 3]))
    assert sets.threshold == 0.5
    assert sets.predict(P).sum(1).tolist() == [1, 1, 0]


def test_aps_by_hand():
    sets = ConformalSets(coverage=0.5, score="aps").fit(P, torch.tensor([1, 0, 1]))
    # The threshold is the second smallest of the scores .75, 1 and .375.
    assert sets.threshold == 0.75
    assert sets.predict(P).tolist() == [
        [True, True, False, False],  # .5 + .25 reaches .75
        [False, False, True, False],  # .75 reaches it alone
        [False, True, True, True],  # .375, then two equally probable classes together
    ]


def test_aps_takes_the_class_that_reaches_the_threshold():
    sets = ConformalSets(coverage=0.25, score="aps").fit(P, torch.tensor([1, 2, 1]))
    assert sets.threshold == 0.375
    assert sets.predict(P).int().tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(9, 80),
    n_classes=st.integers(2, 6),
    seed=st.integers(0, 999),
    score=st.sampled_from(["lac", "aps"]),
    coverage=st.sampled_from(["0.1", "0.5", "0.55", "0.7", "0.9"]),
)
def test_definition(n, n_classes, seed, score, coverage):
    probabilities, labels = draw(n, n_classes, seed)  # with ties
    test = draw(20, n_classes, seed + 1)[0].numpy()
    sets = ConformalSets(float(coverage), score).fit(probabilities, labels)
    threshold = reference_threshold(probabilities.numpy(), labels.numpy(), coverage, score)
    assert sets.threshold == threshold
    expected = [reference_set(p, threshold, score) for p in test]
    assert sets.predict(test).tolist() == expected
    # The guarantee follows from this coverage of the calibration set itself.
    on_itself = covered(sets.predict(probabilities), labels)
    assert on_itself.sum() >= math.ceil((n + 1) * Fraction(coverage))


@both_scores
@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_coverage_is_what_theory_says(score, coverage):
    """Without ties, the expected coverage of "lac" is exactly rank / (n + 1)."""
    n, n_splits, n_test = 30, 4000, 25
    rng = np.random.default_rng(0)
    means = np.empty(n_splits)
    for split in range(n_splits):
        p = softmax(2 * rng.standard_normal((n + n_test, 4)), axis=1)
        # The guarantee must hold although the probabilities of this model are wrong.
        labels = np.where(rng.random(len(p)) < 0.3, rng.integers(4, size=len(p)), p.argmax(1))
        sets = ConformalSets(coverage, score).fit(p[:n], labels[:n])
        test = torch.from_numpy(labels[n:])
        means[split] = covered(sets.predict(p[n:]), test).double().mean()
    error = means.std() / np.sqrt(n_splits)
    rank = math.ceil((n + 1) * Fraction(str(coverage)))
    assert coverage <= rank / (n + 1) < coverage + 1 / (n + 1)
    if score == "lac":
        assert means.mean() == pytest.approx(rank / (n + 1), abs=4 * error)
        assert error < 0.003
    else:
        assert means.mean() > coverage + 4 * error


@both_scores
def test_order_of_classes_does_not_matter(score):
    p, labels = draw(200, 6, 1)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    sets = ConformalSets(score=score).fit(p, labels)
    permuted = ConformalSets(score=score).fit(p[:, order], order.argsort()[labels])
    assert permuted.threshold == sets.threshold
    assert torch.equal(permuted.predict(p[:, order]), sets.predict(p)[:, order])


@both_scores
def test_numpy_arrays_and_tensors_give_the_same_sets(score):
    logits, labels = calibrated_problem(300, 5, 1)
    p = logits.softmax(1)
    first = ConformalSets(score=score).fit(p, labels)
    second = ConformalSets(score=score).fit(p.numpy(), labels.numpy())
    assert first.threshold == second.threshold
    found = second.predict(p.numpy())
    assert found.dtype == torch.bool
    assert found.shape == p.shape
    assert torch.equal(found, first.predict(p))


@both_scores
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_other_precisions_are_computed_in_float64(score, dtype):
    rng = np.random.default_rng(0)
    # Multiples of 1 / 128 are exact in every precision.
    p = torch.from_numpy(rng.multinomial(128, [0.5, 0.2, 0.2, 0.1], 300) / 128).to(dtype)
    labels = torch.from_numpy(rng.integers(4, size=300))
    sets = ConformalSets(score=score).fit(p, labels)
    precise = ConformalSets(score=score).fit(p.double(), labels)
    assert sets.threshold == precise.threshold
    assert torch.equal(sets.predict(p), precise.predict(p.double()))


@both_scores
def test_samples_are_independent_of_each_other(score):
    logits, labels = calibrated_problem(5000, 40, 1)  # read in several chunks
    p = logits.softmax(1)
    sets = ConformalSets(score=score).fit(p, labels)
    order = torch.randperm(len(p), generator=torch.Generator().manual_seed(0))
    assert ConformalSets(score=score).fit(p[order], labels[order]).threshold == sets.threshold
    whole = sets.predict(p)
    assert torch.equal(sets.predict(p[order]), whole[order])
    assert torch.equal(torch.cat([sets.predict(row[None]) for row in p[:50]]), whole[:50])


@both_scores
def test_labels_without_probability_are_covered(score):
    """If a softmax rounds to 1 and 0, the sum of all probabilities equals the largest one."""
    p = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1e-30, 0.0]], dtype=torch.float64).repeat(10, 1)
    labels = torch.ones(20, dtype=torch.int64)
    sets = ConformalSets(score=score).fit(p, labels)
    assert sets.threshold == 1
    assert covered(sets.predict(p), labels).all()


def test_aps_sets_are_never_empty_and_grow_with_the_coverage():
    logits, labels = calibrated_problem(500, 8, 2)
    p = logits.softmax(1)
    smaller = torch.zeros_like(p, dtype=torch.bool)
    for coverage in (0.01, 0.1, 0.5, 0.9, 0.99):
        sets = ConformalSets(coverage, "aps").fit(p, labels).predict(p)
        assert sets.any(1).all()
        assert (sets | ~smaller).all()
        smaller = sets


@pytest.mark.parametrize(("coverage", "least"), [(0.9, 9), (0.5, 1), (0.95, 19), (0.55, 2)])
def test_too_few_samples_are_refused(coverage, least):
    p, labels = draw(40, 3, 0)
    sets = ConformalSets(coverage).fit(p[:least], labels[:least])
    assert sets.threshold == pytest.approx(float((1 - p[range(least), labels[:least]]).max()))
    if least > 1:
        kept = sets.threshold
        message = rf"at least {least} samples for a coverage of {coverage:g}, got {least - 1}; pass"
        with pytest.raises(ValueError, match=message):
            sets.fit(p[: least - 1], labels[: least - 1])
        assert (sets.threshold, sets.n_samples) == (kept, least)


def test_the_rank_is_exact():
    # In floating point, 100 * .55 is 55.000000000000007.
    p = torch.linspace(0.5, 1, 99, dtype=torch.float64)
    labels = torch.zeros(99, dtype=torch.int64)
    sets = ConformalSets(0.55).fit(torch.stack([p, 1 - p], 1), labels)
    assert sets.threshold == float((1 - p).sort().values[54])


def test_refusals():
    p, labels = draw(40, 3, 0)
    sets = ConformalSets()
    with pytest.raises(RuntimeError, match=r"this ConformalSets is not fitted; call fit first"):
        sets.predict(p)
    assert sets.threshold is None
    assert sets.n_samples is None
    sets.fit(p, labels)
    with pytest.raises(ValueError, match=r"must have 3 classes as in the fit, got \(40, 2\); fit"):
        sets.predict(torch.full((40, 2), 0.5))
    with pytest.raises(ValueError, match=r"if these are logits, pass logits.softmax"):
        sets.fit(p.log(), labels)
    with pytest.raises(ValueError, match=r"got 40 labels for 30 rows"):
        sets.fit(p[:30], labels)
    pixels = p.T.reshape(1, 3, 8, 5)
    with pytest.raises(ValueError, match=r"\(samples, classes\), got \(1, 3, 8, 5\); pixels"):
        sets.fit(pixels, labels.view(1, 8, 5))
    with pytest.raises(ValueError, match=r"pixels of one image are not exchangeable"):
        sets.predict(pixels)
    with pytest.raises(ValueError, match=r"coverage must be a number between 0 and 1, got 90; "):
        ConformalSets(90)
    with pytest.raises(ValueError, match=r"score must be one of 'lac', 'aps', got 'raps'"):
        ConformalSets(score="raps")


@both_scores
def test_pickled_sets_predict_the_same(score):
    p, labels = draw(40, 3, 0)
    sets = ConformalSets(score=score).fit(p, labels)
    again = pickle.loads(pickle.dumps(sets))
    assert torch.equal(again.predict(p), sets.predict(p))
