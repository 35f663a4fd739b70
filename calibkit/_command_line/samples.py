"""Logits and labels from files: which of the named numbers are which, and what is refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit import _sentences
from calibkit._command_line import strays
from calibkit._command_line.checking import (
    Zeros,
    as_logarithms,
    check_scores,
    divided_by_sums,
    refuse_from_1,
    refuse_models,
)
from calibkit._command_line.files import open_numbers
from calibkit._command_line.labels import (
    as_indices,
    as_outcomes,
    refuse_class_0,
    refuse_confidences,
    refuse_many_classes,
    refuse_missing,
    refuse_names,
    refuse_right_answers,
)
from calibkit._command_line.named_numbers import NamedNumbers, is_number
from calibkit._command_line.names import (
    CONFIDENCE,
    END_IN_PROB,
    LABELS,
    LOGITS,
    OF_SET,
    PROBABILITIES,
    RIGHT,
    are_words,
    class_of,
    classes_of,
    declared,
    in_order,
    is_confidence,
    names_of_columns,
    names_of_other_set,
    names_of_set,
    shortly,
    whole_sets,
)
from calibkit._conversion import as_tensor
from calibkit._rows import Rows


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
    outcomes : list of str
        The names of classes 0 and 1 of two classes, if the file names them.
    zeros : Zeros or None
        Which probabilities are 0, if the file holds probabilities.
    are_by_name : bool
        Whether the labels are the names of their columns, and not the numbers of these.
    """

    logits: Tensor
    labels: Tensor | None
    are_probabilities: bool
    dtype: torch.dtype
    names: list[str]
    said: str
    source: NamedNumbers
    outcomes: list[str]
    zeros: Zeros | None
    are_by_name: bool

    @property
    def event(self) -> str | None:
        """The name of class 1 of two classes, if the file has one."""
        return self.outcomes[1] if self.outcomes else None

    @property
    def may_mean_class_0(self) -> bool:
        """Whether nothing says which class a high score of a single column means."""
        is_single = self.logits.ndim == 1 or self.logits.shape[1] == 1
        return is_single and not self.outcomes

    @property
    def are_in_order(self) -> bool:
        """Whether nothing but the order of two columns says which class each of them is."""
        return self.source.word == "column" and len(self.names) == 2 and not self.are_by_name

    @property
    def said_of_scores(self) -> str:
        """Which columns or which array the scores are, in words."""
        return _listed(self.source, self.names)

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
    values, from_where, origin = (
        _labels(source, choice, own_label) if labels_needed else (None, "", source)
    )
    # The names of two files say what these hold.
    label_name = own_label or (choice.labels.stem if choice.labels else None)
    names, are_probabilities = _names_of_scores(source, own, choice, own_label, values)
    outcomes: list[str] = []
    if values is not None and source.word == "column" and len(names) == 1:
        if own_label is not None:
            refuse_confidences(source, names[0], own_label)
        refuse_class_0(source, names[0], values, are_probabilities)
        values, outcomes = as_outcomes(
            values, names[0], are_probabilities, source, choice.ignore_index
        )
        from_where += f", where {outcomes[1]} is the positive class" if outcomes else ""
    scores = as_tensor(source.scores(names), "logits")
    is_single = scores.ndim == 1 or scores.shape[1] == 1
    labels, classes, by_name = None, None, False
    if values is not None:
        occurring = strays.occurring(values, choice.ignore_index)
        classes = source.class_names(names) and classes_of(names, occurring)
        refuse_names(source, names, classes, occurring, label_name)
        if is_single:
            refuse_many_classes(source, occurring, label_name)
        labels, by_name = as_indices(values, classes, origin)
        if values.ndim == 1 and not (by_name or is_single):
            refuse_right_answers(source, scores, labels, occurring, label_name)
        if classes and by_name and len(classes) == 2 and not is_number(classes[1]):
            outcomes = classes
    # The softmax of the logarithms divides each row by its sum, so only the check needs it here.
    checked, is_rounded = divided_by_sums(scores) if are_probabilities else (scores, False)
    rows = check_scores(source, checked, labels, are_probabilities, choice.ignore_index)
    if labels is not None and not by_name:
        refuse_from_1(source, rows)
        if classes and not choice.score_names:
            refuse_models(source, names, scores, labels, choice.ignore_index)
    dtype = scores.dtype
    kind = "probabilities" if are_probabilities else "logits"
    said = f"{path}: n = {_said_of_size(rows, labels, len(scores))}, {kind} of {rows.n_classes} "
    said += f"classes from {_listed(source, names)}"
    zeros = None
    if are_probabilities:
        scores, zeros = as_logarithms(scores, rows)
        # A sample may have several, so this is not the number of samples.
        words = {"n": zeros.n_values, "n_values": scores.numel(), "floor": zeros.floor}
        said += f" ({_sentences.COUNTED_AS_FLOOR.format(**words)})" if zeros.n_values else ""
    said += f", labels from {from_where}" if labels_needed else ""
    notes = [
        (_sentences.DECIMAL_COMMAS, source.has_decimal_commas),
        (_sentences.ROUNDED, is_rounded),
        (
            _sentences.OF_CONFIDENCE,
            labels_needed
            and are_probabilities
            and is_single
            and is_confidence(names[0] or path.stem, label_name or ""),
        ),
    ]
    said += "".join(f"; {note}" for note, is_so in notes if is_so)
    said += _said_of_classes(rows, classes if by_name else None, labels)
    said += _said_of_others(source, {"", *names, own_label}, own)
    return Samples(
        scores, labels, are_probabilities, dtype, names, said, source, outcomes, zeros, by_name
    )


def _said_of_size(rows: Rows, labels: Tensor | None, n_images: int) -> str:
    """Say how many samples or pixels count, and of how many."""
    n_given = len(rows) if labels is None else labels.numel()
    count = f"{len(rows)}" if n_given == len(rows) else f"{len(rows)} of {n_given}"
    return f"{count} pixels in {n_images} images" if rows.scores.ndim > 2 else count


def _said_of_classes(rows: Rows, classes: list[str] | None, labels: Tensor | None) -> str:
    """Say which classes no sample has."""
    if labels is None:
        return ""
    occurring = set(rows.flat()[1].tolist())
    names = classes or [str(k) for k in range(rows.n_classes)]
    missing = [name for k, name in enumerate(names) if k not in occurring]
    return f"; {_sentences.WITHOUT_SAMPLES.format(names=shortly(missing))}" if missing else ""


def _said_of_others(source: NamedNumbers, used: set[str | None], own: dict[str, str]) -> str:
    """Say which columns or arrays were left out, without those of the other set."""
    others = names_of_other_set(source.names, own) if source.word == "array" else set()
    left_out = [name for name in source.names if name not in used | others]
    return f"; not used: {', '.join(left_out)}" if left_out else ""


def _bare_names(source: NamedNumbers, choice: Choice) -> dict[str, str]:
    """Return the names to choose from, each with what it is without the word of its set.

    If a file holds the arrays of a calibration set and of a test set, these are the names of one.
    """
    every = {name: name for name in source.names}
    if source.word == "column":
        return names_of_columns(source.names)
    if choice.labels or declared(every, LABELS):
        return every
    named = choice.score_names[0] if choice.score_names else choice.label_name
    if named is not None:
        sets = (names_of_set(source.names, pattern) for pattern in OF_SET.values())
        return next((names for names in sets if named in names), every)
    whole = whole_sets(source.names)
    return whole.get(choice.which) or next(iter(whole.values()), every)


def _name_of_labels(
    source: NamedNumbers, own: dict[str, str], choice: Choice, *, needed: bool
) -> str | None:
    if choice.label_name is not None and choice.labels is None:
        return _known(source, choice.label_name)
    named = declared(own, LABELS)
    found = named if named or not needed else source.may_be_labels()
    scores = set(choice.score_names or declared(own, LOGITS, PROBABILITIES))
    found = [name for name in found if name not in scores]
    if len(found) > 1:
        # A class may be called true or target, and its scores are fractions.
        fractions = source.with_fractions()
        found = [name for name in found if name not in fractions] or found
        if len(scores) == 1 and CONFIDENCE.fullmatch(next(iter(scores)).lower()):
            found = [name for name in found if RIGHT.fullmatch(name.lower())] or found
    if len(found) == 1:
        return found[0]
    if not found and not needed:
        return None
    if one_hot := source.one_hot():
        words = {"path": source.path, "names": shortly(one_hot)}
        raise ValueError(_sentences.ONE_HOT_COLUMNS.format(**words))
    reason = _sentences.NO_NAME_OF_LABELS
    if found:
        reason = _sentences.TWO_NAMES_OF_LABELS if named else _sentences.SEVERAL_MAY_BE_LABELS
    advice = "name it with --label-name"
    if needed:
        advice += ", or pass the file of the labels with --labels or --calibration-labels"
    raise ValueError(
        _sentences.NO_LABELS.format(
            word=source.word,
            reason=reason.format(path=source.path),
            described=source.described(),
            advice=advice,
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
    logits, probabilities = declared(names, LOGITS), declared(names, PROBABILITIES)
    preferred = (probabilities, logits) if choice.probabilities else (logits, probabilities)
    others = source.may_be_scores(label_name)
    found = named or preferred[0] or preferred[1] or others
    if not found:
        raise ValueError(
            _sentences.NO_SCORES.format(path=source.path, described=source.described())
        )
    if found is others:
        occurring = strays.occurring(labels, choice.ignore_index)
        found = _without_columns_beside_scores(source, found, occurring)
        found = _without_strays(source, found, occurring)
    elif not named:
        declared_names = {label_name, *logits, *probabilities}
        beside = [name for name in source.beside_declared() if name not in declared_names]
        _refuse_overlooked(source, found, beside, "logit" if found is logits else "prob")
    if labels is not None:
        strays.refuse_other_sets(source, [*found, label_name])
    are_declared = set(found) <= set(declared(own, PROBABILITIES, END_IN_PROB))
    are_declared |= _is_y_score(source, own, found)
    return named or in_order(found), choice.probabilities or are_declared


def _refuse_overlooked(
    source: NamedNumbers, found: list[str], beside: list[str], word: str
) -> None:
    """Raise an error if a column beside the declared scores may be one as well."""
    name = strays.overlooked(found, beside, word)
    if name is not None:
        advice = "name the columns of the scores with --score-names"
        words = {"name": name, "used": found[0], "advice": advice}
        raise ValueError(_sentences.OVERLOOKED.format(path=source.path, **words))


def _is_y_score(source: NamedNumbers, own: dict[str, str], found: list[str]) -> bool:
    """Say whether these are probabilities by the name that scikit-learn gives to scores."""
    if len(found) != 1 or own.get(found[0], "").lower() != "y_score":
        return False
    values = source.scores(found)
    return bool(((values >= 0) & (values <= 1)).all())


def _without_columns_beside_scores(
    source: NamedNumbers, columns: list[str], classes: set[str]
) -> list[str]:
    """Return the columns without numbers of samples and answers. A label may name a class id."""
    others = {name for name in source.beside_scores() if class_of(name) not in classes}
    return [name for name in columns if name not in others] or columns


def _without_strays(source: NamedNumbers, columns: list[str], occurring: set[str]) -> list[str]:
    """Return the columns that are scores, without such as an identifier or a weight."""
    advice = "name the columns of the scores with --score-names"
    found = strays.Found(columns)
    if names := source.class_names(columns):
        found = strays.find_classes(columns, classes_of(names, occurring), occurring)
    if found.stray is None and len(found.columns) < len(columns) and are_words(occurring):
        fractions = set(columns) & set(source.with_fractions())
        beside = [name for name in columns if name in fractions]
        found = strays.with_classes_beside(found, beside, source.names, source.scores)
    columns = found.columns
    identifiers = source.identifiers(columns)
    if len(identifiers) == 1 and len(columns) - 1 == len(occurring) > 1:
        return [name for name in columns if name != identifiers[0]]
    if identifiers:
        name = identifiers[0]
        raise ValueError(
            _sentences.AN_IDENTIFIER.format(path=source.path, name=name, advice=advice)
        )
    if found.stray is not None:
        said = _sentences.A_STRAY.format(path=source.path, name=found.stray, advice=advice)
        raise ValueError(said)
    if not found.are_sure and strays.are_unclear(columns, occurring):
        words = {"n": len(columns), "names": shortly(columns), "advice": advice}
        raise ValueError(_sentences.UNCLEAR_SCORES.format(path=source.path, **words))
    return columns


def _known(source: NamedNumbers, name: str) -> str:
    if name not in source.names:
        raise ValueError(
            f"{source.path} has no {source.word} {name}; it holds {source.described()}"
        )
    return name


def _listed(source: NamedNumbers, names: list[str]) -> str:
    if names == [""]:
        return "its array"
    if len(names) == 1:
        return f"the {source.word} {names[0]}"
    return f"the columns {shortly(names)}"


def _labels(
    source: NamedNumbers, choice: Choice, own_label: str | None
) -> tuple[NDArray[Any], str, NamedNumbers]:
    """Return the labels, where they come from in words, and the file that holds them."""
    if choice.labels is None:
        assert own_label is not None  # A file without labels was refused.
        origin, name, said = source, own_label, f"the {source.word} {own_label}"
    else:
        origin, said = open_numbers(choice.labels), str(choice.labels)
        name = _name_in_file_of_labels(origin, choice)
    found = origin.labels(name)
    refuse_missing(found, origin)
    return found, said, origin


def _name_in_file_of_labels(origin: NamedNumbers, choice: Choice) -> str:
    if choice.label_name is None and len(origin.names) == 1:
        return origin.names[0]
    names = {name: name for name in origin.names}
    name = _name_of_labels(origin, names, choice._replace(labels=None), needed=True)
    assert name is not None  # It was needed.
    return name
