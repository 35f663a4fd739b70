"""Logits and labels from files: which of the named numbers are which, and what is refused."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit import _sentences
from calibkit._checks import check_logits_and_labels, check_probability_rows
from calibkit._command_line import strays
from calibkit._command_line.files import open_numbers
from calibkit._command_line.named_numbers import NamedNumbers, is_number
from calibkit._conversion import as_tensor
from calibkit._rows import Rows

# Smaller probabilities count as this one, because the logarithm of 0 is no number.
FLOOR = 1e-12
# Names, in lower case, that say what an array or a column holds.
LABELS = re.compile(
    r"labels?|true_labels?|y|y_true|targets?|outcomes?|(is_)?correct|matched|class|truth"
)
LOGITS = re.compile(r"logit.*")
PROBABILITIES = re.compile(r"(prob|conf).*|p|p[_(\[ ]?\d+.*|p_.*")
# Before the name of a class in the name of its column.
BEFORE_CLASS = re.compile(
    r"(logits?|prob(abilit(y|ies)|s)?|p)([ _.:-]+(?=.)|(?=[\d(\[]))", re.IGNORECASE
)
# Beside the name of an array, these words say which set it belongs to.
_SETS = {"calibration": "val|valid|validation|dev|cal|calib|calibration", "test": "test"}
OF_SET = {
    name: re.compile(rf"(?:{words})[_.-](.+)|(.+)[_.-](?:{words})", re.IGNORECASE)
    for name, words in _SETS.items()
}
BEFORE_POSITIVE = re.compile("score_", re.IGNORECASE)
# What a word stands for in a column of outcomes.
_OUTCOMES = {"false": 0, "true": 1}


class Choice(NamedTuple):
    """What the user says about a file, where its names do not say it."""

    labels: Path | None = None
    probabilities: bool = False
    score_names: list[str] | None = None
    label_name: str | None = None
    ignore_index: int | None = None
    # Which set of a file with two of them is read: "calibration" or "test".
    which: str = "test"


@dataclass(frozen=True)
class Samples:
    """The samples of a file, with the names of their scores.

    Attributes
    ----------
    logits : Tensor, shape (N, C), (N, C, ...), (N, 1) or (N,)
        The logits, or the logarithms of the probabilities.
    labels : Tensor of int64, or None
        Class indices, if the file has labels.
    are_probabilities : bool
        Whether the file holds probabilities.
    dtype : torch.dtype
        The precision of the scores in the file.
    names : list of str
        The names of the scores.
    said : str
        What was read, in one sentence.
    source : NamedNumbers
        The file.
    event : str or None
        The name of class 1 of two classes, if the file has one.
    """

    logits: Tensor
    labels: Tensor | None
    are_probabilities: bool
    dtype: torch.dtype
    names: list[str]
    said: str
    source: NamedNumbers
    event: str | None = None

    def write_scaled(self, scaled: Tensor, path: Path) -> None:
        """Write a copy of the file with these logits, or with their probabilities."""
        new = scaled
        if self.are_probabilities:
            single = scaled.ndim == 1 or scaled.shape[1] == 1
            new = scaled.sigmoid() if single else scaled.softmax(1)
        self.source.write(path, self.names, new.to(self.dtype).numpy())


def read_samples(path: Path, choice: Choice, *, labels_needed: bool) -> Samples:
    """Read the samples of a file, and refuse what cannot be meant in one sentence."""
    source = open_numbers(path)
    own = _bare_names(source, choice)
    own_label = _name_of_labels(source, own, choice, needed=labels_needed and choice.labels is None)
    values, from_where = _labels(source, choice, own_label) if labels_needed else (None, "")
    names, are_probabilities = _names_of_scores(source, own, choice, own_label, values)
    positive = None
    if values is not None and source.word == "column" and len(names) == 1:
        values, positive = _outcomes(values, names[0], are_probabilities, source, choice)
        from_where += f", where {positive} is the positive class" if positive else ""
    scores = as_tensor(source.scores(names), "logits")
    labels, event, classes = None, positive, source.class_names(names)
    if values is not None:
        labels, by_name = _as_labels(values, classes, source, choice)
        event = event or (_name_of_event(classes) if classes and by_name else None)
    rows = _check(source, scores, labels, are_probabilities, choice)
    dtype = scores.dtype
    kind = "probabilities" if are_probabilities else "logits"
    n_given = len(rows) if labels is None else labels.numel()
    count = f"{len(rows)}" if n_given == len(rows) else f"{len(rows)} of {n_given}"
    images = f" pixels in {len(scores)} images" if scores.ndim > 2 else ""
    said = f"{path}: n = {count}{images}, {kind} of {rows.n_classes} classes from "
    said += _listed(source, names)
    if are_probabilities:
        scores, n_raised = _logarithms(scores)
        said += f" ({n_raised} below {FLOOR:g} count as {FLOOR:g})" if n_raised else ""
    said += f", labels from {from_where}" if labels_needed else ""
    said += f"; {_sentences.DECIMAL_COMMAS}" if source.has_decimal_commas else ""
    left_out = [name for name in source.names if name not in {*names, own_label}]
    said += f"; not used: {', '.join(left_out)}" if left_out else ""
    return Samples(scores, labels, are_probabilities, dtype, names, said, source, event)


def _name_of_event(columns: list[str]) -> str | None:
    """Return the name of the second of two classes, of which the ECE is measured."""
    names = list(map(_class_of, columns))
    return names[1] if len(names) == 2 and not is_number(names[1]) else None


def _bare_names(source: NamedNumbers, choice: Choice) -> dict[str, str]:
    """Return the names to choose from, each with what it is without the word of its set.

    If a file holds the arrays of a calibration set and of a test set, these are the names of one.
    """
    every = {name: name for name in source.names}
    if source.word == "column" or choice.labels or _declared(every, LABELS):
        return every
    sets = {which: _names_of_set(source.names, pattern) for which, pattern in OF_SET.items()}
    named = choice.score_names[0] if choice.score_names else choice.label_name
    if named is not None:
        return next((names for names in sets.values() if named in names), every)
    whole = {
        which: names
        for which, names in sets.items()
        if _declared(names, LABELS) and _declared(names, LOGITS, PROBABILITIES)
    }
    return whole.get(choice.which) or next(iter(whole.values()), every)


def _names_of_set(names: list[str], pattern: re.Pattern[str]) -> dict[str, str]:
    found = {name: pattern.fullmatch(name) for name in names}
    return {name: match[1] or match[2] for name, match in found.items() if match}


def _name_of_labels(
    source: NamedNumbers, own: dict[str, str], choice: Choice, *, needed: bool
) -> str | None:
    if choice.label_name is not None and choice.labels is None:
        return _known(source, choice.label_name)
    named = _declared(own, LABELS)
    found = named if named or not needed else source.with_whole_numbers()
    scores = set(choice.score_names or _declared(own, LOGITS, PROBABILITIES))
    found = [name for name in found if name not in scores]
    if len(found) == 1:
        return found[0]
    if not found and not needed:
        return None
    how_many = "more than one" if found else "none"
    raise ValueError(
        _sentences.NO_LABELS.format(
            path=source.path,
            word=source.word,
            how_many=how_many,
            described=source.described(),
            advice="name it with --label-name, or pass the file of the labels with --labels",
        )
    )


def _names_of_scores(
    source: NamedNumbers,
    own: dict[str, str],
    choice: Choice,
    label_name: str | None,
    labels: NDArray[Any] | None,
) -> tuple[list[str], bool]:
    """Return the names of the scores, and whether these are probabilities."""
    named = choice.score_names and [_known(source, name) for name in choice.score_names]
    names = {name: bare for name, bare in own.items() if name != label_name}
    logits, probabilities = _declared(names, LOGITS), _declared(names, PROBABILITIES)
    preferred = (probabilities, logits) if choice.probabilities else (logits, probabilities)
    others = [name for name in source.may_be_scores() if name != label_name]
    found = named or preferred[0] or preferred[1] or others
    if not found:
        raise ValueError(
            _sentences.NO_SCORES.format(path=source.path, described=source.described())
        )
    if found is others:
        found = _without_numbers_of_samples(source, found, labels)
        found = _without_strays(source, found, labels)
    return found, choice.probabilities or set(found) <= set(probabilities)


def _without_numbers_of_samples(
    source: NamedNumbers, columns: list[str], labels: NDArray[Any] | None
) -> list[str]:
    """Return the columns that neither number nor name the samples. A label may name a class id."""
    classes = strays.occurring(labels)
    numbers = {name for name in source.numbers_of_samples() if _class_of(name) not in classes}
    return [name for name in columns if name not in numbers] or columns


def _without_strays(
    source: NamedNumbers, columns: list[str], labels: NDArray[Any] | None
) -> list[str]:
    """Return the columns that are scores, without such as an identifier or a weight."""
    advice = "name the columns of the scores with --score-names"
    occurring = strays.occurring(labels)
    stray = None
    if names := source.class_names(columns):
        classes = [_class_of(name) for name in names]
        columns, stray = strays.find_classes(columns, classes, occurring)
    identifiers = source.identifiers(columns)
    if len(identifiers) == 1 and len(columns) - 1 == len(occurring) > 1:
        return [name for name in columns if name != identifiers[0]]
    if identifiers:
        name = identifiers[0]
        raise ValueError(
            _sentences.AN_IDENTIFIER.format(path=source.path, name=name, advice=advice)
        )
    if stray is not None:
        raise ValueError(_sentences.A_STRAY.format(path=source.path, name=stray, advice=advice))
    return columns


def _declared(names: dict[str, str], *kinds: re.Pattern[str]) -> list[str]:
    """Return the names that say that they hold something of these kinds."""
    return [
        name for name, bare in names.items() if any(kind.fullmatch(bare.lower()) for kind in kinds)
    ]


def _known(source: NamedNumbers, name: str) -> str:
    if name not in source.names:
        raise ValueError(
            f"{source.path} has no {source.word} {name}, it holds {source.described()}"
        )
    return name


def _listed(source: NamedNumbers, names: list[str]) -> str:
    if names == [""]:
        return "its array"
    if len(names) == 1:
        return f"the {source.word} {names[0]}"
    shown = ", ".join(names) if len(names) < 5 else f"{names[0]}, {names[1]}, ..., {names[-1]}"
    return f"the columns {shown}"


def _labels(
    source: NamedNumbers, choice: Choice, own_label: str | None
) -> tuple[NDArray[Any], str]:
    """Return the labels, and where they come from."""
    if choice.labels is None:
        assert own_label is not None  # A file without labels was refused.
        return source.labels(own_label), f"the {source.word} {own_label}"
    others = open_numbers(choice.labels)
    if choice.label_name is None and len(others.names) == 1:
        return others.labels(others.names[0]), str(choice.labels)
    choice = choice._replace(labels=None)
    names = {name: name for name in others.names}
    name = _name_of_labels(others, names, choice, needed=True)
    assert name is not None  # It was needed.
    return others.labels(name), str(choice.labels)


def _outcomes(
    labels: NDArray[Any],
    column: str,
    are_probabilities: bool,
    source: NamedNumbers,
    choice: Choice,
) -> tuple[NDArray[Any], str | None]:
    """Return labels of two names as outcomes, and the name of the class that has the score.

    Other labels stay as they are.
    """
    texts = labels.astype(str)
    names = sorted(set(texts.flat) - {str(choice.ignore_index)})
    if len(names) != 2 or "" in names or {_number(name) for name in names} <= {0, 1}:
        return labels, None
    positive = _class_of(BEFORE_POSITIVE.sub("", column, count=1))
    if positive not in names:
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
    if choice.ignore_index is not None:
        outcomes[texts == str(choice.ignore_index)] = choice.ignore_index
    return outcomes, positive


def _as_labels(
    found: NDArray[Any], columns: list[str] | None, source: NamedNumbers, choice: Choice
) -> tuple[Tensor, bool]:
    """Return labels as class indices, and whether the names of their columns gave these."""
    if found.dtype.kind in "iub":
        found, texts = found.astype(np.int64), found
    else:
        texts = found
    if columns is not None:
        index = {_class_of(name): i for i, name in enumerate(columns)}
        texts = np.array([str(text) for text in texts])
        if set(texts) <= set(index):
            return torch.tensor([index[text] for text in texts]), True
    if found.dtype.kind == "i":
        return torch.from_numpy(found), False
    values = np.array([_number(value) for value in found.flat]).reshape(found.shape)
    wrong = np.flatnonzero(~(values == np.trunc(values)))
    if len(wrong):
        origin = open_numbers(choice.labels) if choice.labels else source
        classes = "class indices from 0"
        if columns is not None:
            classes += f", or among {', '.join(map(_class_of, columns[:10]))}"
        raise ValueError(
            _sentences.WRONG_LABEL.format(
                path=origin.path,
                classes=classes,
                found=repr(str(found.flat[wrong[0]])),
                place=(open_numbers(choice.labels) if choice.labels else source).place(
                    int(wrong[0])
                ),
            )
        )
    return torch.from_numpy(values.astype(np.int64)), False


def _number(value: object) -> float:
    """Return the number that a label stands for, or NaN."""
    text = str(value).lower()
    try:
        return float(_OUTCOMES.get(text, text))
    except ValueError:
        return np.nan


def _class_of(column: str) -> str:
    return BEFORE_CLASS.sub("", column, count=1).strip("()[]")


def _check(
    source: NamedNumbers,
    scores: Tensor,
    labels: Tensor | None,
    are_probabilities: bool,
    choice: Choice,
) -> Rows:
    """Return the checked rows. The advice of an error is about the command line."""
    found = labels
    if found is None:
        shape = scores.shape[:1] + scores.shape[2:]
        found = torch.zeros(shape, dtype=torch.int64)
        # A fitted scaler accepts a class that is masked.
        scores = scores.masked_fill(scores.isneginf(), -1e4)
    check = check_probability_rows if are_probabilities else check_logits_and_labels
    try:
        return check(scores, found, ignore_index=choice.ignore_index)
    except (TypeError, ValueError) as error:
        said = _PLACE.sub(lambda place: source.place(int(place[1])), str(error))
        for start, advice in _ADVICE.items():
            if said.startswith(start):
                said = f"{said.partition(';')[0]}; {advice}"
        if scores.ndim == 1 and said.startswith("logits look like"):
            said = f"{said.partition(';')[0]}; {_ADVICE_ON_ONE_COLUMN}"
        if scores.ndim == 1 and said.startswith("labels must lie"):
            said += "; a single column needs outcomes 0 and 1, such as whether the answer is right"
        raise ValueError(f"{source.path}: {said}") from error


# How the library names a row, which it counts from 0.
_PLACE = re.compile(r"(?<= (?:in|at) )(?:row|position) (\d+)\b")
# To subtract 1 from a single column of logits would change its probabilities.
_ADVICE_ON_ONE_COLUMN = (
    "add --probabilities if they are, or write two columns if they are logits: 0 and the logit"
)
_ADVICE = {
    "logits look like": "add --probabilities if they are, or subtract 1 from all of them if they "
    "are logits, which changes no probability",
    "probabilities must lie": "leave out --probabilities if they are logits, divide by 100 if they "
    "are percentages, and name the column of labels with --label-name if it was taken for one",
    "labels must lie": "count classes from 0, and leave samples out with --ignore-index",
    "labels must have one entry": "pass the labels of exactly these samples",
    "labels must have shape": "save one label for each sample",
}


def _logarithms(probabilities: Tensor) -> tuple[Tensor, int]:
    """Return logits with these probabilities, and how many of these were raised to the floor."""
    p = probabilities.double()
    n_raised = int((p < FLOOR).sum())
    if p.ndim == 1 or p.shape[1] == 1:
        n_raised += int((1 - p < FLOOR).sum())
        return p.clamp(min=FLOOR).log() - (1 - p).clamp(min=FLOOR).log(), n_raised
    return p.clamp(min=FLOOR).log(), n_raised
