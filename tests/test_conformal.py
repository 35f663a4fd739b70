"""Conformal sets, compared with small cases, with the definition, and with their guarantee."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calibkit import ConformalSets
from calibkit.conformal import _pair_of_rank
from tests.helpers import Failure, calibrated_problem
from tests.metrics.references import draw

both_scores = pytest.mark.parametrize("score", ["lac", "aps"])
P = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.25, 0.0, 0.75, 0.0], [0.125, 0.375, 0.25, 0.25]])


def summed(probabilities: np.ndarray) -> float:
    """Add from the smallest to the largest, one by one."""
    total = 0.0
    for p in sorted(probabilities):
        total += p
    return total


def reference_score(p: np.ndarray, label: int, score: str) -> tuple[float, float]:
    """The score, for "aps" less 1, which keeps the digits of sums near 1, and the tie-break."""
    if score == "lac":
        return 1 - p[label], 0
    return -summed(p[p < p[label]]), -p[label] if p[label] > 0 else 1


def reference_threshold(probabilities, labels, coverage: str, score: str) -> tuple[float, float]:
    scores = [
        (-1, -1) if score == "aps" and p[y] == p.max() else reference_score(p, y, score)
        for p, y in zip(probabilities, labels, strict=True)
    ]
    return sorted(scores)[math.ceil((len(scores) + 1) * Fraction(coverage)) - 1]


def reference_set(p: np.ndarray, threshold: tuple[float, float], score: str) -> list[bool]:
    inside = [reference_score(p, label, score) <= threshold for label in range(len(p))]
    if score == "aps" and not any(inside):
        return (p == p.max()).tolist()
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
    # The threshold is the second smallest of the scores .75, 1 and, for the top class, 0.
    assert sets.threshold == 0.75
    assert sets.predict(P).tolist() == [
        [True, True, False, False],  # .5 + .25 equals .75
        [False, False, True, False],  # .75 equals it alone
        [False, True, False, False],  # .375, but the next two together make it .875
    ]


def test_aps_takes_equally_probable_classes_together():
    sets = ConformalSets(coverage=0.5, score="aps").fit(P, torch.tensor([0, 1, 3]))
    # The scores are 0 for the top class, 1 for a class of probability 0, and .875.
    assert sets.threshold == 0.875
    assert sets.predict(P).int().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 1]]


def test_aps_takes_the_top_class_where_no_class_is_within_the_threshold():
    sets = ConformalSets(coverage=0.25, score="aps").fit(P, torch.tensor([1, 2, 1]))
    assert sets.threshold == 0
    assert sets.predict(P).int().tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


def test_of_equal_scores_the_larger_probability_comes_first():
    """The least probable class always has the score 1, which is no reason to take it always."""
    p = torch.tensor([[0.75, 0.25], [0.625, 0.375], [0.875, 0.125], [0.5, 0.5], [1, 0]])
    sets = ConformalSets(0.5, "aps").fit(p, torch.tensor([1, 1, 1, 0, 0]))
    # In order: 0, 0, and then 1 with the probabilities .375, .25 and .125.
    assert sets.threshold == 1
    expected = [[True, False], [True, True], [True, False], [True, True], [True, False]]
    assert sets.predict(p).tolist() == expected


def test_raps_by_hand():
    """The score grows for every class by which the rank exceeds k_reg."""
    sets = ConformalSets(0.5, "aps", regularization=0.125).fit(P, torch.tensor([1, 0, 1]))
    # The scores are .75 + .125 for rank 2, 1 + .125 for rank 2, and 0 for the top class.
    assert sets.threshold == 0.875
    assert sets.predict(P).int().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    sets = ConformalSets(0.5, "aps", regularization=0.125, k_reg=2).fit(P, torch.tensor([1, 0, 3]))
    # The scores are .75, 1, and .875 + .125 for rank 3, which two classes share.
    assert sets.threshold == 1
    assert sets.predict(P).int().tolist() == [[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 1]]


def test_thresholds_per_class_by_hand():
    p = torch.tensor([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0.875, 0.125]])
    sets = ConformalSets(0.5, per_class=True).fit(p, torch.tensor([0, 0, 1, 1]))
    # Of the scores .25 and .5 of class 0, and .25 and .875 of class 1, these are the second.
    assert sets.threshold.tolist() == [0.5, 0.875]
    assert sets.predict(p).int().tolist() == [[1, 1], [1, 1], [0, 1], [1, 1]]


def test_the_draws_are_those_of_the_documentation():
    p, labels = draw(40, 3, 0)
    sets = ConformalSets(0.8, "aps", randomized=True, seed=7).fit(p, labels)

    def scores(probabilities, stream):
        u = 1 - np.random.default_rng(stream).random(len(probabilities))
        larger = [[row[row > q].sum() for q in row] for row in probabilities.numpy()]
        equal = [[row[row == q].sum() for q in row] for row in probabilities.numpy()]
        return torch.tensor(np.array(larger) + u[:, None] * np.array(equal))

    of_labels = scores(p, [7, 0]).gather(1, labels[:, None])[:, 0]
    assert sets.threshold == pytest.approx(float(of_labels.sort().values[32]), abs=1e-12)
    assert torch.equal(sets.predict(p), scores(p, [7, 1]) <= sets.threshold)
    assert torch.equal(sets.predict(p, seed=3), scores(p, [3, 1]) <= sets.threshold)
    again = ConformalSets(0.8, "aps", randomized=True, seed=7).fit(p, labels)
    assert again.threshold == sets.threshold
    assert torch.equal(again.predict(p), sets.predict(p))
    assert not torch.equal(sets.predict(p, seed=3), sets.predict(p))
    assert ConformalSets(0.8, "aps", randomized=True).fit(p, labels).threshold != sets.threshold


CERTAIN = torch.tensor([[1.0, 0, 0, 0]] * 40 + [[0.5, 0.3, 0.2, 0.0]] * 60, dtype=torch.float64)
CERTAIN_LABELS = torch.tensor([0] * 40 + [0] * 20 + [1] * 20 + [2] * 20)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.98])
@pytest.mark.parametrize(
    "options", [{}, {"regularization": 0.5}, {"regularization": 1e-20}, {"k_reg": 9}]
)
def test_aps_sets_of_a_certain_answer_hold_one_class(dtype, coverage, options):
    p = CERTAIN.to(dtype)
    sets = ConformalSets(coverage, "aps", **options).fit(p, CERTAIN_LABELS)
    assert sets.predict(p[:1]).tolist() == [[True, False, False, False]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sharpness", [1, 10, 300])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"randomized": True},
        {"regularization": 0.1, "k_reg": 2},
        {"regularization": 0.1, "k_reg": 2, "randomized": True},
        {"per_class": True},
        {"per_class": True, "randomized": True},
    ],
)
def test_no_class_of_probability_0_is_added_to_a_complete_set(dtype, sharpness, options):
    """The rows sum to a little less or more than 1, and to 1 before the last class is added."""
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(sharpness * rng.standard_normal((3000, 8)))
    logits[torch.from_numpy(rng.random((3000, 8)) < 0.3)] = -torch.inf
    logits[:, 0] = logits[:, 0].clamp(min=-5)  # A row must not be empty.
    p = logits.to(torch.float32).softmax(1).to(dtype)
    labels = p.double().multinomial(1, generator=torch.Generator().manual_seed(0))[:, 0]
    assert (p.gather(1, labels[:, None]) > 0).all()
    for coverage in (0.5, 0.9, 0.98):
        sets = ConformalSets(coverage, "aps", **options).fit(p, labels)
        inside = sets.predict(p)
        assert not (inside & (p == 0)).any()
        assert covered(inside, labels).double().mean() > coverage - 0.03


def test_scores_near_1_keep_their_order():
    """In float64, 1 - 1e-30 is 1, but the score of the second class is still below the third's."""
    p = torch.tensor([[1.0, 1e-20, 1e-30, 1e-40]], dtype=torch.float64).repeat(300, 1)
    labels = torch.arange(300) % 4
    for coverage, size in [(0.2, 1), (0.45, 2), (0.7, 3), (0.9, 4)]:
        sets = ConformalSets(coverage, "aps").fit(p, labels)
        assert sets.predict(p[:1]).sum() == size


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
    assert sets.threshold == threshold[0] + (score == "aps")
    expected = [reference_set(p, threshold, score) for p in test]
    assert sets.predict(test).tolist() == expected
    # The guarantee follows from this coverage of the calibration set itself.
    on_itself = covered(sets.predict(probabilities), labels)
    assert on_itself.sum() >= math.ceil((n + 1) * Fraction(coverage))


@pytest.mark.parametrize("randomized", [False, True])
@pytest.mark.parametrize("regularization", [0, 0.1])
@pytest.mark.parametrize("per_class", [False, True])
def test_order_of_classes_does_not_matter_to_aps(randomized, regularization, per_class):
    options = {
        "score": "aps",
        "randomized": randomized,
        "regularization": regularization,
        "per_class": per_class,
    }
    p, labels = draw(200, 6, 1)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    sets = ConformalSets(**options).fit(p, labels)
    permuted = ConformalSets(**options).fit(p[:, order], order.argsort()[labels])
    assert torch.equal(permuted.predict(p[:, order]), sets.predict(p)[:, order])


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
    for options in ({"randomized": True}, {"regularization": 0.1}):
        with pytest.raises(
            ValueError, match=r"must be left out for the score \"lac\", got .*; pass"
        ):
            ConformalSets(**options)
        ConformalSets(score="aps", **options)  # as the message advises
    message = r"regularization must be a number between 0 and inf, got -1; 0 leaves it out"
    with pytest.raises(ValueError, match=message):
        ConformalSets(score="aps", regularization=-1)
    for zero in (0, 0.0, np.float32(0), np.int64(0)):  # as the message advises
        assert ConformalSets(score="aps", regularization=zero).regularization == 0
    for wrong in (False, "0", None, np.zeros(2)):
        with pytest.raises(TypeError, match=r"regularization must be a number between 0 and inf"):
            ConformalSets(score="aps", regularization=wrong)
    for wrong in (np.array(["aps", "lac"]), np.array("aps"), ["aps"], 1, None):
        with pytest.raises(ValueError, match=r"score must be one of 'lac', 'aps', got "):
            ConformalSets(score=wrong)
    with pytest.raises(ValueError, match=r"k_reg must be an integer of at least 0, got -1; 1"):
        ConformalSets(score="aps", regularization=0.1, k_reg=-1)
    with pytest.raises(TypeError, match=r"seed must be an integer of at least 0, got 0.5; the"):
        ConformalSets(score="aps", randomized=True, seed=0.5)
    with pytest.raises(ValueError, match=r"seed must be an integer of at least 0, got -1; the"):
        sets.predict(p, seed=-1)


def test_what_a_fit_found_cannot_be_set():
    logits, labels = calibrated_problem(40, 3, 1)
    p = logits.softmax(1)
    sets = ConformalSets().fit(p, labels)
    expected = sets.predict(p)
    for name in ("threshold", "n_samples"):
        for value in (math.nan, 0.5, None, torch.ones(3)):
            with pytest.raises(AttributeError, match=rf"{name} is what a fit found and cannot be"):
                setattr(sets, name, value)
    assert torch.equal(sets.predict(p), expected)


@pytest.mark.parametrize(
    "option",
    [
        {"coverage": 0.5},
        {"score": "lac", "randomized": False},
        {"randomized": False},
        {"regularization": 0.1},
        {"k_reg": 2},
        {"per_class": True},
    ],
)
def test_sets_forget_a_threshold_that_other_options_gave(option):
    logits, labels = calibrated_problem(40, 3, 1)
    p = logits.softmax(1)
    sets = ConformalSets(score="aps", randomized=True).fit(p, labels)
    for name, value in reversed(option.items()):
        setattr(sets, name, value)
    assert sets.threshold is None
    assert sets.n_samples is None
    with pytest.raises(RuntimeError, match="not fitted; call fit first"):
        sets.predict(p)
    alone = ConformalSets(**{"score": "aps", "randomized": True, **option}).fit(p, labels)
    assert torch.equal(sets.fit(p, labels).predict(p), alone.predict(p))


def test_options_that_exclude_each_other_are_refused_on_assignment_too():
    sets = ConformalSets(score="aps", randomized=True)
    with pytest.raises(ValueError, match=r"left out for the score \"lac\", got True"):
        sets.score = "lac"
    sets = ConformalSets()
    with pytest.raises(ValueError, match=r"left out for the score \"lac\", got False and 0.1"):
        sets.regularization = 0.1
    assert sets.regularization == 0


@pytest.mark.parametrize(("coverage", "least"), [(0.9, 9), (0.5, 1), (0.99, 99)])
def test_too_few_samples_of_one_class_are_refused(coverage, least):
    labels = torch.tensor([0] * least + [1] * least + [2] * least)
    p = torch.full((3 * least, 3), 1 / 3)
    sets = ConformalSets(coverage, per_class=True).fit(p, labels)
    kept = sets.threshold
    message = (
        rf"at least {least} samples of every class for a coverage of {coverage:g} in each, "
        rf"got {least - 1} of class 2, and too few of 1 in 3 classes; pass more"
    )
    with pytest.raises(ValueError, match=message):
        sets.fit(p[:-1], labels[:-1])
    assert torch.equal(sets.threshold, kept)
    with pytest.raises(ValueError, match=r"got 0 of class 1, and too few of 2 in 3 classes"):
        sets.fit(p[:least], labels[:least])


@both_scores
def test_pickled_sets_predict_the_same(score):
    p, labels = draw(40, 3, 0)
    sets = ConformalSets(score=score).fit(p, labels)
    again = pickle.loads(pickle.dumps(sets))
    assert torch.equal(again.predict(p), sets.predict(p))


def test_a_fit_that_fails_at_any_point_changes_nothing():
    logits, labels = calibrated_problem(60, 3, 1)
    p, other = logits.softmax(1), (2 * logits).softmax(1)
    sets = ConformalSets().fit(p, labels)
    threshold, expected = sets.threshold, sets.predict(p)
    fresh = ConformalSets().fit(other[:50], labels[:50])  # A first fit may make more calls.
    with Failure(math.inf, MemoryError) as counter:
        fresh.fit(other[:50], labels[:50])
    for at in range(1, counter.n_calls + 1):
        with Failure(at, MemoryError), pytest.raises(MemoryError):
            sets.fit(other[:50], labels[:50])
        assert sets.threshold == threshold
        assert sets.n_samples == 60
        assert torch.equal(sets.predict(p), expected)


def test_the_pair_of_a_rank_is_that_of_the_sorted_pairs():
    pairs = torch.randint(4, (40, 2), generator=torch.Generator().manual_seed(0)).double()
    for rank, expected in enumerate(sorted(pairs.tolist()), 1):
        assert _pair_of_rank(pairs, rank).tolist() == expected
