"""Labels from a file: as outcomes, as class indices, and what is refused."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit import _sentences
from calibkit._command_line.named_numbers import NamedNumbers
from calibkit._command_line.names import (
    BEFORE_POSITIVE,
    LABEL_NUMBERS,
    RIGHT,
    class_of,
    event_of,
    is_of_class,
    plain,
    positive_of,
    shortly,
)

# What a word stands for in a column of outcomes.
_NUMBER_OF_WORD = {"false": 0, "true": 1}
# So many probabilities of one class do not exceed 1/2 by chance.
_LEAST_CONFIDENCES = 20
_MISSING = {"", "<NA>", "None", "nan"}


def refuse_missing(labels: NDArray[Any], origin: NamedNumbers) -> None:
    """Raise an error if a sample has no label."""
    if labels.dtype.kind == "f":
        is_missing = np.isnan(labels)
    elif labels.dtype.kind == "O":
        is_missing = np.array([str(label) in _MISSING for label in labels.flat])
    else:
        is_missing = labels.astype(str) == ""
    wrong = np.flatnonzero(is_missing)
    if len(wrong):
        place = origin.place(int(wrong[0]))
        raise ValueError(_sentences.NO_LABEL.format(path=origin.path, place=place))


def refuse_confidences(source: NamedNumbers, column: str, label_name: str) -> None:
    """Raise an error if a column seems to say how sure the model is of one answer or the other."""
    p, labels = source.scores([column]), source.labels(label_name)
    names = sorted(set(labels.astype(str).flat))
    are_known = RIGHT.fullmatch(label_name.lower()) or positive_of(column, names) is not None
    if are_known or len(names) < 2 or len(p) < _LEAST_CONFIDENCES:
        return
    if bool(((p >= 0.5) & (p <= 1)).all()):
        words = {"name": column, "event": names[-1]}
        raise ValueError(_sentences.CONFIDENCES.format(path=source.path, **words))


def refuse_class_0(
    source: NamedNumbers, column: str, labels: NDArray[Any], are_probabilities: bool
) -> None:
    """Raise an error if a single column names class 0, although the labels are 0 and 1."""
    named = class_of(BEFORE_POSITIVE.sub("", column, count=1))
    if named != "0" or column == "0" or not {_number(label) for label in labels.flat} <= {0, 1}:
        return
    change = "1 - z" if are_probabilities else "-z"
    new = "1".join(column.rsplit("0", 1))
    words = {"name": column, "change": change, "new": new}
    raise ValueError(_sentences.CLASS_0.format(path=source.path, **words))


def refuse_many_classes(source: NamedNumbers, labels: set[str], label_name: str | None) -> None:
    """Raise an error if labels of more than two classes stand beside a single score."""
    if len(labels) < 3 or RIGHT.fullmatch((label_name or "").lower()):
        return
    if len({label.lower() for label in labels}) < 3:
        names = ", ".join(sorted(labels))
        raise ValueError(_sentences.SEVERAL_SPELLINGS.format(path=source.path, names=names))
    numbers = np.array([_number(label) for label in labels])
    are_indices = bool(((numbers >= 0) & (numbers == np.trunc(numbers))).all())
    if are_indices or np.isnan(numbers).all():
        words = {"n": len(labels), "names": shortly(sorted(labels))}
        raise ValueError(_sentences.ONE_SCORE.format(path=source.path, **words))


def refuse_names(
    source: NamedNumbers,
    names: list[str],
    classes: list[str] | None,
    labels: set[str],
    label_name: str | None,
) -> None:
    """Raise an error if the names of scores and labels do not fit together."""
    if label_name is not None and {_number(label) for label in labels} <= {0, 1}:
        _refuse_event_first(source, names, label_name)
        _refuse_one_of_several(source, names, label_name)
    _refuse_repeated_class(source, names, classes or [])


def _refuse_event_first(source: NamedNumbers, names: list[str], label_name: str) -> None:
    """Raise an error if labels of 0 and 1 tell of the class whose scores come first."""
    if len(names) != 2:
        return
    first, second = names
    event = class_of(first)
    if event.lower() == event_of(label_name):
        words = {"labels": label_name, "event": event, "first": first, "second": second}
        raise ValueError(_sentences.FIRST_IS_EVENT.format(path=source.path, **words))


def _refuse_one_of_several(source: NamedNumbers, names: list[str], label_name: str) -> None:
    """Raise an error if labels of 0 and 1 tell of one of several classes."""
    if len(names) < 3 or not is_of_class(label_name, names):
        return
    if label_name in (one_hot := source.one_hot()):
        raise ValueError(
            _sentences.ONE_HOT_COLUMNS.format(path=source.path, names=shortly(one_hot))
        )
    event = next(c for c in map(class_of, names) if c.lower() == event_of(label_name))
    words = {"labels": label_name, "event": event, "n": len(names) - 1}
    raise ValueError(_sentences.ONE_OF_SEVERAL.format(path=source.path, **words))


def _refuse_repeated_class(source: NamedNumbers, names: list[str], classes: list[str]) -> None:
    """Raise an error if two columns of scores name one class."""
    for one in classes:
        if classes.count(one) > 1:
            same = [name for name, own in zip(names, classes, strict=True) if own == one]
            words = {"names": " and ".join(same), "name": one}
            raise ValueError(_sentences.REPEATED_CLASS.format(path=source.path, **words))


def refuse_right_answers(
    source: NamedNumbers,
    scores: Tensor,
    labels: Tensor,
    occurring: set[str],
    label_name: str | None,
) -> None:
    """Raise an error if the labels of several scores seem to say whether an answer was right.

    ``occurring`` are the labels as the file writes them.
    """
    n_scores = scores.shape[1]
    are_words = {label.lower() for label in occurring} <= {"false", "true"}
    are_outcomes = {_number(label) for label in occurring} <= {0, 1}
    is_named = RIGHT.fullmatch((label_name or "").lower()) is not None
    is_right = n_scores > 2 or _tell_of_answers(scores, labels)
    if occurring and ((is_named and are_outcomes and is_right) or (are_words and n_scores > 2)):
        words = {"n": n_scores, "name": label_name or "False and True"}
        raise ValueError(_sentences.RIGHT_ANSWERS.format(path=source.path, **words))


def _tell_of_answers(scores: Tensor, labels: Tensor) -> bool:
    """Say whether labels of two scores tell which answers are right, and not the class.

    Among the samples to which the model answers class 0, it is then surer of those with label 1.
    """
    if scores.ndim != 2 or len(scores) != len(labels):
        return False
    lead = (scores[:, 0] - scores[:, 1]).double()
    leads = [lead[(lead > 0) & (labels == label)] for label in (0, 1)]
    of_0, of_1 = (float(some.mean()) if len(some) else 0.0 for some in leads)
    return of_1 > of_0


def as_outcomes(
    labels: NDArray[Any],
    column: str,
    are_probabilities: bool,
    source: NamedNumbers,
    ignore_index: int | None,
) -> tuple[NDArray[Any], list[str]]:
    """Return labels of two names as outcomes, and the names of their classes 0 and 1.

    Other labels stay as they are.
    """
    texts = labels.astype(str)
    names = sorted(set(texts.flat) - {str(ignore_index)})
    numbers = {_number(name) for name in names}
    are_fractions = any(number % 1 > 0 for number in numbers)
    if len(names) != 2 or numbers <= {0, 1} or are_fractions:
        return labels, []
    positive = positive_of(column, names)
    if positive is None:
        one, other = names
        prefix = "p" if are_probabilities else "score"
        new = "write the names of the columns into a new first row, and call the scores"
        change = f"rename the column {column} to" if source.has_names else new
        ways = (
            f"{prefix}_{one} if a high score means {one}, or {prefix}_{other} if it means {other}"
        )
        advice = f"{change} {ways}"
        raise ValueError(
            _sentences.TWO_NAMES.format(path=source.path, one=one, other=other, advice=advice)
        )
    outcomes = (texts == positive).astype(np.int64)
    if ignore_index is not None:
        outcomes[texts == str(ignore_index)] = ignore_index
    return outcomes, sorted(names, key=lambda name: name == positive)


def as_indices(
    found: NDArray[Any], classes: list[str] | None, origin: NamedNumbers
) -> tuple[Tensor, bool]:
    """Return labels as class indices, and whether the names of their columns gave these."""
    if found.dtype.kind in "iub":
        found, texts = found.astype(np.int64), found
    else:
        texts = found
    if classes is not None:
        index = {name: i for i, name in enumerate(classes)}
        texts = np.array([plain(str(text)) for text in texts])
        if set(texts) <= set(index):
            return torch.tensor([index[text] for text in texts]), True
    if found.dtype.kind == "i":
        return torch.from_numpy(found), False
    values = np.array([_number(value) for value in found.flat]).reshape(found.shape)
    wrong = np.flatnonzero(~(values == np.trunc(values)))
    if len(wrong) and classes is not None and set(texts) & set(classes):
        wrong = np.flatnonzero(~np.isin(texts, classes))  # The known names are not at fault.
    if len(wrong):
        expected = "class indices from 0"
        if classes is not None:
            expected += f", or among {', '.join(classes[:10])}"
        label = str(found.flat[wrong[0]])
        raise ValueError(
            _sentences.WRONG_LABEL.format(
                path=origin.path,
                classes=expected,
                found=repr(label),
                place=origin.place(int(wrong[0])),
            )
            + f"; {_advice_on_label(label, classes or [], origin.names)}"
        )
    return torch.from_numpy(values.astype(np.int64)), False


def _advice_on_label(label: str, classes: list[str], names: list[str]) -> str:
    """Return what to do about a label that is no class index and none of the classes."""
    if np.isfinite(_number(label)):
        return _sentences.NO_FRACTIONS
    alike = next((name for name in classes if name.lower() == label.lower()), None)
    if alike is not None:
        return _sentences.WRITE_ALIKE.format(name=alike)
    advice = _sentences.COUNT_CLASSES.format(label=label)
    numbers = next((name for name in names if LABEL_NUMBERS.fullmatch(name.lower())), None)
    return _sentences.OR_LABEL_NUMBERS.format(name=numbers, advice=advice) if numbers else advice


def _number(value: object) -> float:
    """Return the number that a label stands for, or NaN."""
    text = str(value).lower()
    try:
        return float(_NUMBER_OF_WORD.get(text, text))
    except ValueError:
        return np.nan
