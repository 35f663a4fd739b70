"""Classes whose scores stand in another order than the labels count them are suspected."""

import pytest
import torch

from calibkit import _sentences, evaluate
from calibkit.reports._exchanged_classes import _rings

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
    assert found.no_verdict == _sentences.NO_VERDICT_WHEN_EXCHANGED


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
