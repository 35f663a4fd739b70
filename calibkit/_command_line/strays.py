"""Columns of a table that are no class, such as a weight beside the scores, by name and labels.

The calculator of the site follows the same rules, in docs/_static/calculator/strays.js.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from calibkit import _sentences
from calibkit._command_line.named_numbers import NamedNumbers
from calibkit._command_line.names import NUMBERED, SET, TRAINED, are_words, numbers_of, plain

FIRST_WORD = re.compile(r"^[^\W\d_]+(?=[\W\d_])")
LAST_WORD = re.compile(r"(?<=[\W\d_])[^\W\d_]+$")
# Names, in lower case, of columns that number or name the samples.
NUMBERS_OF_SAMPLES = re.compile(
    r"(.*[_ .-])?(id|ids|uid|uuid|index|idx)|sample|row|nr|file_?name|"
    r"(sample|row|line|image|item|record|case|file)[_ .-]?(id|nr|no|num|number|index|idx|name)"
)
# Names, in lower case, of columns that hold the model's answers.
PREDICTIONS = re.compile(r"(y_?)?(preds?|predicted|predictions?|hat)([_ .-]?(labels?|class))?")
# So many rows do not count up by chance, and so many not one by one.
_LEAST_RISING, _LEAST_COUNTING = 20, 5
# Beside so many classes, another column hardly ever keeps the order of the alphabet by chance.
_LEAST_IN_ORDER = 3
# A class without samples has about such a part of the probability, and a weight or an age has none
# or all of it.
_PLAUSIBLE_SHARE = 0.01, 0.9

Floats = NDArray[np.float64]


class Found(NamedTuple):
    """The columns that seem to be classes, a column that may be none, and whether names say so."""

    columns: list[str]
    stray: str | None = None
    are_sure: bool = False


def find_classes(columns: list[str], classes: list[str], labels: set[str]) -> Found:
    """Return the columns that are classes.

    ``classes`` are the classes that the names of the columns name, and ``labels`` the labels that
    occur.
    """
    named = _named(columns, classes, labels)
    siblings = _siblings(columns)
    if siblings and len(siblings) >= len(labels) and set(named) <= set(siblings):
        return Found(siblings, are_sure=True)
    if named:
        first = columns.index(named[0])
        span = columns[first : columns.index(named[-1]) + 1]
        # A column among the others may be a class that no sample has, as the alphabet may say.
        unnamed = [column for column in span if column not in named]
        if unnamed and len(named) >= _LEAST_IN_ORDER and span == sorted(span):
            return Found(span, are_sure=True)
        return Found(columns, stray=unnamed[0]) if unnamed else Found(named, are_sure=True)
    if 0 < len(labels) < len(columns) and (stray := _odd_one(columns)):
        return Found(columns, stray)
    return Found(columns, are_sure=_share_a_word(columns))


def with_classes_beside(
    found: Found, columns: list[str], names: list[str], scores: Callable[[list[str]], Floats]
) -> Found:
    """Add those of the columns that stand next to the classes and are classes without samples.

    Where probabilities sum to 1 only with such a column, it is a class. Beside logits, it may be
    one if it would take neither nearly none nor nearly all of the probability. ``names`` are those
    of the file, and ``scores`` returns the values (N, C) of some columns.
    """
    kept = found.columns
    first, last = names.index(kept[0]), names.index(kept[-1])
    before = list(takewhile(columns.__contains__, reversed(names[:first])))[::-1]
    after = list(takewhile(columns.__contains__, names[last + 1 :]))
    if not before and not after:
        return found
    values = scores(kept)
    if ((values >= 0) & (values <= 1)).all():
        columns = _summing_to_1(values.sum(1), before, kept, after, scores)
        return found._replace(columns=columns)
    least, most = _PLAUSIBLE_SHARE
    of_kept = logsumexp(values, 1)
    for name in [*before, *after]:
        if least < expit(scores([name]) - of_kept).mean() < most:
            return Found(columns, stray=name)
    return found


def _summing_to_1(
    sums: Floats,
    before: list[str],
    kept: list[str],
    after: list[str],
    scores: Callable[[list[str]], Floats],
) -> list[str]:
    """Return those of the columns around the kept ones with which the rows sum to 1, if any do."""
    choices = {float(abs(sums - 1).mean()): kept}
    total, columns = sums, kept
    for name in after:
        total, columns = total + scores([name]), [*columns, name]
        choices.setdefault(float(abs(total - 1).mean()), columns)
    of_after = total - sums
    total, columns = sums, kept
    for name in reversed(before):
        total, columns = total + scores([name]), [name, *columns]
        choices.setdefault(float(abs(total - 1).mean()), columns)
    choices.setdefault(float(abs(total + of_after - 1).mean()), [*columns, *after])
    return choices[min(choices)] if 4 * min(choices) < next(iter(choices)) else kept


def are_unclear(columns: list[str], labels: set[str]) -> bool:
    """Say whether one of these columns may be no class, if their names share no pattern.

    A second column may be the other class, or stand beside the single score of two classes.
    """
    are_letters = all(len(column) == 1 for column in columns)
    return 0 < len(labels) < len(columns) or (len(columns) == 2 and not are_letters)


def overlooked(scores: list[str], others: list[str], word: str) -> str | None:
    """Return one of the other columns that may be a score, as those that are called scores.

    It has the same ``word`` in its name, or the numbers of the logits do not count up without it.
    Rows of probabilities that lack one do not sum to 1.
    """
    called = [name for name in others if word in name.lower()]
    lacking = others if word == "logit" and _lack_numbers(scores) else []
    return next(iter(called or lacking), None)


def _lack_numbers(columns: list[str]) -> bool:
    """Say whether columns have numbers that do not count up from 0 or from 1."""
    numbers = sorted(numbers_of(columns))
    if not numbers:
        return False
    first = min(numbers[0], 1)
    return len(numbers) == 1 or numbers != list(range(first, first + len(numbers)))


def are_numbered(columns: list[str]) -> bool:
    """Say whether columns have the numbers of classes, from 0 up."""
    found = [NUMBERED.fullmatch(column) for column in columns]
    return sorted(int(one[2]) for one in found if one) == list(range(len(columns)))


def is_number_of_samples(name: str, values: NDArray[Any] | None) -> bool:
    """Say whether a column numbers or names the samples; ``values`` is None if it holds words."""
    is_named = NUMBERS_OF_SAMPLES.fullmatch(name.lower()) is not None
    if values is None:
        return is_named
    steps = np.diff(values)
    counts = len(values) >= _LEAST_COUNTING and bool((steps == 1).all())
    rises = len(values) >= _LEAST_RISING and bool((steps > 0).all())
    is_whole = bool((values == np.trunc(values)).all())
    return is_whole and (is_named or counts or rises)


def is_prediction(name: str, values: NDArray[Any] | None) -> bool:
    """Say whether a column holds the model's answers: words or whole numbers, by its name."""
    is_named = PREDICTIONS.fullmatch(name.lower()) is not None
    return is_named and (values is None or bool((values == np.trunc(values)).all()))


def occurring(labels: NDArray[Any] | None, ignore_index: int | None) -> set[str]:
    """Return the labels that occur, as text, without that of samples that are left out."""
    found = set() if labels is None else set(map(plain, np.unique(labels.astype(str)).tolist()))
    return found - {str(ignore_index)}


def _named(columns: list[str], classes: list[str], labels: set[str]) -> list[str]:
    """Return the columns that labels name, if the labels are words and every one names a column."""
    if len(labels) < 2 or not labels <= set(classes) or not are_words(labels):
        return []
    return [column for column, name in zip(columns, classes, strict=True) if name in labels]


def _siblings(columns: list[str]) -> list[str]:
    """Return the only columns of one name with the numbers from 0 or from 1, in this order."""
    numbers: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for column in columns:
        if found := NUMBERED.fullmatch(column):
            numbers[found[1]].append((int(found[2]), column))
    families = [sorted(family) for family in numbers.values() if len(family) > 1]
    if len(families) != 1:
        return []
    first = families[0][0][0]
    is_whole = first <= 1 and all(k == i for i, (k, _) in enumerate(families[0], first))
    return [column for _, column in families[0]] if is_whole else []


def _odd_one(columns: list[str]) -> str | None:
    """Return the first column that lacks the word with which most names begin or end."""
    for words in _words(columns):
        for common, n in Counter(words).most_common(1):
            if common is not None and len(columns) / 2 < n < len(columns):
                return next(c for c, w in zip(columns, words, strict=True) if w != common)
    return None


def _share_a_word(columns: list[str]) -> bool:
    """Say whether all names begin or end with the same word."""
    return any(None not in words and len(set(words)) == 1 for words in _words(columns))


def _words(columns: list[str]) -> list[list[str | None]]:
    """Return the words with which the names begin, and those with which they end."""
    return [
        [found and found[0] for found in map(word.search, columns)]
        for word in (FIRST_WORD, LAST_WORD)
    ]


def refuse_other_sets(source: NamedNumbers, used: list[str | None]) -> None:
    """Raise an error if another column says that some samples belong to another set."""
    splits = source.splits([name for name in source.names if name not in used])
    for name, words in splits.items():
        for word in words:
            if TRAINED.fullmatch(word.lower()):
                said = _sentences.TRAINED_ON.format(path=source.path, name=name, word=word)
                raise ValueError(said)
        if len(words) > 1 and all(SET.fullmatch(word.lower()) for word in words):
            named = {"name": name, "words": ", ".join(words)}
            raise ValueError(_sentences.SEVERAL_SETS.format(path=source.path, **named))
