"""Samples that stand in a test set more than once are found, and equal scores alone are none."""

import pytest
import torch

from calibkit import _result_sentences, evaluate
from calibkit._rows import Rows
from calibkit.reports._copies import count_copies
from tests.helpers import calibrated_problem


def drawn_again(labels: torch.Tensor, kind: str) -> torch.Tensor:
    """Return the places of samples, of which some are drawn more than once."""
    every = torch.arange(len(labels))
    generator = torch.Generator().manual_seed(0)
    return {
        "with replacement": torch.randint(0, len(labels), (len(labels),), generator=generator),
        "a class four times": torch.cat([every, *[every[labels == 1]] * 3]),
        "every sample twice": every.repeat(2),
        "a part again": torch.cat([every, every[:100]]),
    }[kind]


KINDS = ["with replacement", "a class four times", "every sample twice", "a part again"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 5])
def test_copies_are_counted_and_warned_of(kind, n_classes, dtype):
    if dtype == torch.bfloat16 and n_classes == 2 and kind != "every sample twice":
        pytest.skip("two numbers of three digits are equal by chance")
    logits, labels = calibrated_problem(600, n_classes, 1.0, seed=3)
    logits = logits.to(dtype)
    assert evaluate(logits, labels, n_resamples=40).doubts.warnings == []
    at = drawn_again(labels, kind)
    said = _result_sentences.COPIES.format(n_copies=len(at) - len(at.unique()), n=len(at))
    assert evaluate(logits[at], labels[at], n_resamples=40).doubts.warnings == [said]


def test_a_few_samples_that_stand_there_twice_are_not_mentioned():
    logits, labels = calibrated_problem(2000, 5, 1.0)
    at = torch.cat([torch.arange(2000), torch.arange(15)])
    assert count_copies(Rows(logits[at], labels[at])) == 0


@pytest.mark.parametrize("n_values", [5, 20, 100, 1000])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_scores_that_are_equal_by_chance_are_no_copies(n_values, n_classes):
    """A tree, or a file with two decimals, gives many samples the same scores."""
    generator = torch.Generator().manual_seed(n_values)
    for n in (100, 500, 5000):
        for _ in range(60):
            leaves = 2 * torch.randn(n_values, n_classes, generator=generator, dtype=torch.float64)
            logits = leaves[torch.randint(0, n_values, (n,), generator=generator)]
            labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
            assert count_copies(Rows(logits, labels)) == 0


@pytest.mark.parametrize("n_trees", [100, 500])
def test_equal_scores_of_a_forest_in_a_test_of_one_class_are_no_copies(n_trees):
    generator = torch.Generator().manual_seed(n_trees)
    for n in (300, 2000):
        p = torch.rand(n, generator=generator).double()
        votes = torch.binomial(torch.full_like(p, n_trees), p, generator=generator)
        logits = torch.stack([torch.zeros(n).double(), (votes / n_trees).logit(eps=1e-6)], 1)
        assert count_copies(Rows(logits, torch.zeros(n, dtype=torch.int64))) == 0


@pytest.mark.parametrize("share", [0.03, 0.1, 0.5])
@pytest.mark.parametrize("decimals", [2, 3])
@pytest.mark.parametrize("shift", [-9, -6, 1.5])
def test_rounded_scores_of_classes_that_hardly_overlap_are_no_copies(share, decimals, shift):
    """The model tells the classes apart, but answers many samples of one class with the other."""
    generator = torch.Generator().manual_seed(decimals)
    for n in (200, 1000):
        labels = (torch.rand(n, generator=generator) < share).long()
        logits = torch.randn(n, generator=generator).double() + 8 * labels + shift
        rounded = logits.sigmoid().round(decimals=decimals).logit(eps=1e-6)
        rows = Rows(torch.stack([torch.zeros(n).double(), rounded], 1), labels)
        assert count_copies(rows) == 0


def test_different_samples_of_a_model_that_is_never_wrong_are_no_copies():
    logits = 9.0 * torch.eye(3).double()[torch.arange(300) % 3]
    logits[:7] += 0.1
    assert count_copies(Rows(logits, logits.argmax(1))) == 0


def test_samples_that_a_model_cannot_tell_apart_are_no_copies():
    """It gives all of them the same scores, and each of 40 classes has as many samples."""
    logits, labels = torch.arange(40.0).double().tile(800, 1), torch.arange(800) % 40
    assert count_copies(Rows(logits, labels)) == 0


@pytest.mark.parametrize("masked", [-1e4, -1e30])
def test_a_masked_class_hides_no_difference(masked):
    logits, _ = calibrated_problem(800, 40, 1.0)
    labels = torch.arange(800) % 40
    logits[:, 7] = masked
    assert count_copies(Rows(logits, labels)) == 0
    assert count_copies(Rows(logits.repeat(2, 1), labels.repeat(2))) == 800


def test_samples_that_differ_by_the_sign_of_0_are_copies():
    logits, labels = calibrated_problem(800, 3, 1.0)
    both = torch.cat([logits, logits])
    both[:, 1] = torch.tensor([0.0, -0.0]).double().repeat_interleave(800)
    assert count_copies(Rows(both, labels.repeat(2))) == 800
