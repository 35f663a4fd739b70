"""Classes whose scores stand in another order than the labels count them are suspected."""

import pytest
import torch

from calibkit import _result_sentences, evaluate
from calibkit._rows import Rows
from calibkit.reports._exchanged_classes import _rings, exchanged_classes

N_CLASSES = 12


def good_model(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A calibrated model that is right in most cases of each class."""
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(n, N_CLASSES, generator=generator, dtype=torch.float64)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize(
    ("ring", "names"),
    [
        ([1, 4, 7], "3 classes 1, 4, 7 "),
        ([7, 4, 1], "3 classes 1, 4, 7 "),
        ([0, 2, 4, 6], "4 classes 0, 2, 4, 6 "),
        (list(range(9)), "9 classes 0, 1, 2, 3, 4, 5, ... "),
    ],
)
def test_columns_in_another_order_are_suspected(ring, names):
    logits, labels = good_model(3000)
    order = torch.arange(N_CLASSES)
    # What is true of a class is the next one's column.
    order[torch.tensor([*ring[1:], ring[0]])] = torch.tensor(ring)
    found = evaluate(logits[:, order], labels, n_resamples=40).doubts
    [said] = found.warnings
    assert f"the {names}(counted from 0)" in said
    assert found.no_verdict == _result_sentences.NO_VERDICT_WHEN_EXCHANGED


def test_a_class_that_is_mostly_taken_for_another_one_is_not_suspected():
    logits, labels = good_model(3000)
    logits[labels == 3, 5] = 99
    assert evaluate(logits, labels, n_resamples=40).doubts.no_verdict is None


@pytest.mark.parametrize(
    ("answers", "rings"),
    [
        ({0: 1, 1: 0, 2: 2}, [[0, 1]]),
        ({0: 1, 1: 2, 2: 0, 5: 7, 7: 5}, [[0, 1, 2], [5, 7]]),
        ({0: 1, 1: 2, 2: 1}, [[1, 2]]),
        ({0: 1, 1: 1, 2: 9}, []),
        ({}, []),
    ],
)
def test_rings_are_found_from_the_usual_answers(answers, rings):
    assert _rings(answers) == rings


def unable(n: int, n_classes: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A model that cannot tell a class with an even number from the next one."""
    labels = torch.randint(0, n_classes, (n,), generator=generator)
    answers = labels - labels % 2 + torch.randint(0, 2, (n,), generator=generator)
    noise = torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    return noise + 9 * torch.eye(n_classes)[answers], labels


@pytest.mark.parametrize(("n", "n_classes"), [(40, 4), (400, 4), (400, 10), (2000, 100)])
def test_classes_that_a_model_cannot_tell_apart_are_not_suspected(n, n_classes):
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        logits, labels = unable(n, n_classes, generator)
        assert exchanged_classes(Rows(logits, labels)) == []


@pytest.mark.parametrize("n", [100, 1000])
def test_two_columns_of_many_that_are_exchanged_are_suspected(n):
    logits, labels = good_model(12 * n)
    order = torch.tensor([1, 0, *range(2, N_CLASSES)])
    said = exchanged_classes(Rows(logits[:, order], labels))
    assert said == [_result_sentences.EXCHANGED.format(a=0, b=1)]
