"""Signs that the classes of the scores are in another order than those of the labels.

The calculator of the site follows the same rules, in docs/_static/calculator/exchanged.js.
"""

import math
from typing import NamedTuple

import numpy as np

from calibkit import _result_sentences
from calibkit._rows import Rows

# So many samples of a class show which answer it mostly gets.
_LEAST_OF_CLASS = 10
# Chance hardly ever turns a score round by so many standard errors.
_CLEARLY_LOWER = 3
# A model that cannot tell two classes apart takes most samples of each for the other one in a
# quarter of all test sets. Even of 50 such pairs, chance hardly ever exchanges one by so many
# standard errors.
_CLEARLY_MORE = 4
# More classes than this are not all named.
_MOST_NAMED = 6


def exchanged_classes(test: Rows) -> list[str]:
    """Return what speaks for exchanged classes, in sentences."""
    if test.scores.shape[1] == 2:
        return [_result_sentences.WRONG_WAY_ROUND] if _is_wrong_way_round(test) else []
    usual = _usual_answers(test)
    answer_of = {label: answers.usual for label, answers in usual.items()}
    return [_sentence(ring) for ring in _rings(answer_of) if _is_clear(ring, usual)]


def _sentence(ring: list[int]) -> str:
    if len(ring) == 2:
        return _result_sentences.EXCHANGED.format(a=ring[0], b=ring[1])
    named = [str(label) for label in sorted(ring)[:_MOST_NAMED]]
    names = ", ".join([*named, *(["..."] if len(ring) > len(named) else [])])
    return _result_sentences.OTHER_ORDER.format(n=len(ring), names=names)


def _is_wrong_way_round(test: Rows) -> bool:
    """Say whether two classes have scores that clearly rise towards the other class."""
    p = (test.scores[:, 1] - test.scores[:, 0]).double().sigmoid().numpy()
    groups = [p[test.labels.numpy() == label] for label in (0, 1)]
    if min(map(len, groups)) < _LEAST_OF_CLASS:
        return False
    variance = sum(group.var(ddof=1) / len(group) for group in groups)
    return bool(groups[0].mean() - groups[1].mean() > _CLEARLY_LOWER * variance**0.5)


class _Answers(NamedTuple):
    """Which answer most samples of a class get, how many get it, and how many the right one."""

    usual: int
    n_usual: int
    n_right: int


def _usual_answers(test: Rows) -> dict[int, _Answers]:
    """Return the answer that most samples of a class get, for each class with enough samples."""
    labels, answers = test.labels.numpy(), test.scores.argmax(1).numpy()
    found = {}
    for label in np.unique(labels):
        own = answers[labels == label]
        answer = np.bincount(own).argmax()
        n_usual, n_right = int((own == answer).sum()), int((own == label).sum())
        if len(own) >= _LEAST_OF_CLASS and n_usual > len(own) / 2:
            found[int(label)] = _Answers(int(answer), n_usual, n_right)
    return found


def _is_clear(ring: list[int], usual: dict[int, _Answers]) -> bool:
    """Say whether the samples of a ring get the next class more often than chance turns answers."""
    n_next = sum(usual[label].n_usual for label in ring)
    n_right = sum(usual[label].n_right for label in ring)
    return n_next - n_right > _CLEARLY_MORE * math.sqrt(n_next + n_right)


def _rings(answer_of: dict[int, int]) -> list[list[int]]:
    """Return the classes that are mostly taken for the next of them, and the last for the first.

    A single class that is mostly taken for another one may just be a hard class.
    """
    rings = []
    for first in sorted(answer_of):
        ring, answer = [first], answer_of[first]
        while answer in answer_of and answer not in ring:
            ring.append(answer)
            answer = answer_of[answer]
        if answer == first == min(ring) and len(ring) > 1:
            rings.append(ring)
    return rings
