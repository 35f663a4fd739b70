"""Checks of the scores of a file, whose advice is about the command line, and rounded scores.

The calculator of the site follows the same rules, in docs/_static/calculator/checking.js.
"""

import math
import re
from typing import NamedTuple

import torch
from torch import Tensor

from calibkit import _sentences
from calibkit._checks import check_logits_and_labels, check_probability_rows
from calibkit._command_line import strays
from calibkit._command_line.named_numbers import NamedNumbers
from calibkit._command_line.names import shortly
from calibkit._rows import Rows

# A probability of 0 counts as this part of the smallest one in the file, because the logarithm of 0
# is no number. In tests/simulations/rounded_probabilities.py, the intervals of T then hold the true
# one most often.
_PART = 0.01
# What a probability of 0 counts as if all probabilities of the file are 0 or 1.
_FLOOR = 1e-12
# A little less than what the library accepts, so that both readers decide alike.
_EXACT = 0.95e-3
_MOST_DECIMALS = 6
# Rounding does not move the sum of two probabilities so far from 1.
_FAR_FROM_1 = 0.02
# Of so many probabilities, some are neither 0 nor 1.
_LEAST_ANSWERS = 20
# So many standard errors are more than chance.
_CLEAR = 3
_SUBTRACT_1 = "if they count from 1, subtract 1 from all of them"


def divided_by_sums(p: Tensor) -> tuple[Tensor, bool]:
    """Return probabilities whose rows sum to 1, and whether rounding made that necessary."""
    if p.ndim == 1 or p.shape[1] == 1 or p.numel() == 0 or p.dtype == torch.float16:
        return p, False
    sums = p.sum(1, keepdim=True)
    furthest = float((sums - 1).abs().max())
    if not _is_inside(p) or not _EXACT < furthest <= _tolerance(p):
        return p, False
    return p / sums, True


def _is_inside(p: Tensor) -> bool:
    return bool(((p >= 0) & (p <= 1)).all())


def _tolerance(p: Tensor) -> float:
    """Return how far from 1 the rows may sum to, if each number was rounded."""
    for digits in range(1, _MOST_DECIMALS + 1):
        scaled = p.double() * 10**digits
        if bool(((scaled - scaled.round()).abs() < 1e-3).all()):
            return float(min(0.5, p.shape[1] * 0.5 * 10**-digits) + 1e-6)
    return 0.0


def check_scores(
    source: NamedNumbers,
    scores: Tensor,
    labels: Tensor | None,
    are_probabilities: bool,
    ignore_index: int | None,
) -> Rows:
    """Return the checked rows. The advice of an error is about the command line."""
    found = labels
    if found is None:
        shape = scores.shape[:1] + scores.shape[2:]
        found = torch.zeros(shape, dtype=torch.int64)
        # A fitted scaler accepts a class that is masked.
        scores = scores.masked_fill(scores.isneginf(), -1e4)
    _refuse_answers(source, scores, found.numel())
    check = check_probability_rows if are_probabilities else check_logits_and_labels
    try:
        rows = check(scores, found, ignore_index=ignore_index)
    except (TypeError, ValueError) as error:
        said = _PLACE.sub(lambda place: source.place(int(place[1])), str(error))
        if said.startswith("probabilities must lie"):
            said = _said_of_few_rows(source, scores) or said
        if said.startswith("labels must lie") and scores.ndim > 1:
            said = _said_of_labels_from_1(found, scores.shape[1], ignore_index) or said
        for start, advice in _ADVICE.items():
            if said.startswith(start):
                said = f"{said.partition(';')[0]}; {advice}"
        if shape_advice := _advice_on_shapes(said, scores, found):
            said = f"{said.partition(';')[0]}; {shape_advice}"
        are_outcomes = bool((found[_kept(found, ignore_index)] <= 1).all())
        if said.startswith("logits look like"):
            said = f"{said.partition(';')[0]}; {_advice_on_likeness(said, scores, are_outcomes)}"
        elif said.startswith("probabilities must lie") and _are_no_classes(scores):
            are_models = _may_be_models(scores, are_outcomes)
            advice = _sentences.MODELS if are_models else _sentences.SIGMOIDS
            said = f"{said.partition(';')[0]}; {advice}"
        if scores.ndim == 1 and said.startswith("labels must lie"):
            said += "; a single column needs outcomes 0 and 1, such as whether the answer is right"
        raise ValueError(f"{source.path}: {said}") from error
    return rows


def _refuse_answers(source: NamedNumbers, scores: Tensor, n: int) -> None:
    """Raise an error if the scores are answers. A few probabilities may be rounded to 0 and 1."""
    is_1 = scores == 1
    are_both = bool(is_1.any()) and not bool(is_1.all())
    if n >= _LEAST_ANSWERS and are_both and bool((is_1 | (scores == 0)).all()):
        raise ValueError(f"{source.path}: {_sentences.ONLY_ANSWERS}")


def refuse_from_1(source: NamedNumbers, rows: Rows) -> None:
    """Raise an error if labels without 0 are right far more often if the first class is 1.

    If class 0 has no sample, the model may still take most samples of class 1 for it, as for a
    background. It may also take those of class 2 for class 1, such as a frequent class or the next
    grade. So both the labels 1 and those above 1 must tell.
    """
    if rows.n_classes == 2:
        return  # Labels of which all are 1 are refused as those of one class.
    scores, labels, _ = rows.flat()
    answers = scores.argmax(1)
    hits = [answers == found for found in (labels - 1, labels)]
    (right_1, as_given_1), (right, as_given) = (
        [int(hit[of].sum()) for hit in hits] for of in (labels == 1, labels > 1)
    )
    is_clear = right > 2 * as_given and right - as_given > _CLEAR * math.sqrt(right + as_given)
    if labels.min() != 1 or right_1 <= as_given_1 or not is_clear:
        return
    said = _sentences.SEEM_TO_COUNT_FROM_1.format(
        highest=int(labels.max()),
        right=f"{float(hits[0].double().mean()):.1%}",
        as_given=f"{float(hits[1].double().mean()):.1%}",
        advice=_SUBTRACT_1,
    )
    raise ValueError(f"{source.path}: {said}")


def _said_of_few_rows(source: NamedNumbers, p: Tensor) -> str | None:
    """Say which row does not sum to 1, if most of them do."""
    if p.ndim != 2 or p.shape[1] == 1 or bool((p < 0).any()):
        return None
    sums = p.double().sum(1)
    wrong = ((sums - 1).abs() > max(_EXACT, _tolerance(p))).nonzero()[:, 0].tolist()
    if not 0 < len(wrong) < len(p) / 2:
        return None
    place, total = source.place(wrong[0]), f"{float(sums[wrong[0]]):.4g}"
    return _sentences.WRONG_SUM.format(place=place, sum=total, n_wrong=len(wrong), n=len(p))


def _said_of_labels_from_1(labels: Tensor, n_classes: int, ignore_index: int | None) -> str | None:
    used = labels[_kept(labels, ignore_index)]
    if used.min() != 1 or used.max() != n_classes:
        return None
    return _sentences.LABELS_FROM_1.format(highest=n_classes, advice=_SUBTRACT_1)


def _kept(labels: Tensor, ignore_index: int | None) -> Tensor:
    """Return which samples are not left out."""
    every = torch.ones_like(labels, dtype=torch.bool)
    return every if ignore_index is None else labels != ignore_index


def _advice_on_shapes(said: str, scores: Tensor, labels: Tensor) -> str | None:
    """Return what to do if scores and labels have shapes that do not belong together."""
    if scores.ndim == 3 and labels.shape == scores.shape[:2]:
        of_tokens = _sentences.OF_TOKENS.format(n_classes=scores.shape[2])
        # Of as many tokens as classes, the shapes do not tell which axis is that of the classes.
        if said.startswith("labels must lie"):
            return f"{said.partition('; ')[2]}; {of_tokens}"
        return of_tokens if said.startswith("labels must have shape") else None
    if said.startswith("labels must have shape") and labels.ndim == 2 and scores.ndim <= 2:
        return _advice_on_rows(labels)
    is_transposed = scores.ndim == 2 and labels.shape == scores.shape[1:]
    is_short = said.startswith("labels must have one entry")
    return _sentences.TRANSPOSE if is_short and is_transposed else None


def _advice_on_rows(labels: Tensor) -> str:
    """Return what to do about labels of which each sample has a row."""
    if labels.shape[1] == 1:
        return _sentences.RAVEL
    if not set(labels.unique().tolist()) <= {0, 1}:
        return _sentences.ONE_LABEL
    is_one_hot = bool((labels.sum(1) == 1).all())
    return _sentences.ARGMAX if is_one_hot else _sentences.SEVERAL_LABELS


def refuse_models(
    source: NamedNumbers, names: list[str], scores: Tensor, labels: Tensor, ignore_index: int | None
) -> None:
    """Raise an error if columns whose names name no label seem to come from several models."""
    kept = _kept(labels, ignore_index)
    if set(labels[kept].tolist()) != {0, 1} or strays.are_numbered(names):
        return
    if _tell_of_one_event(scores[kept], labels[kept] == 1):
        advice = "name one of them with --score-names, or all if they are the classes of one model"
        said = _sentences.SEVERAL_MODELS.format(names=shortly(names), advice=advice)
        raise ValueError(f"{source.path}: {said}")


def _tell_of_one_event(scores: Tensor, is_1: Tensor) -> bool:
    """Say whether each column tells of label 1, and one of them as well as their difference.

    The scores of two classes of one model tell more by their difference than each of them alone,
    whatever was added to both.
    """
    n_1, n = int(is_1.sum()), len(is_1)
    chance = math.sqrt((n + 1) / (12 * n_1 * (n - n_1)))
    areas = [_area_under_curve(column, is_1) for column in scores.T]
    are_clear = min(areas) > 0.5 + _CLEAR * chance
    return are_clear and _area_under_curve(scores[:, 1] - scores[:, 0], is_1) <= max(areas)


def _area_under_curve(values: Tensor, is_1: Tensor) -> float:
    """Return how often a sample of class 1 has a higher value than one of class 0."""
    _, places, counts = values.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2).double()[places]
    n_1 = int(is_1.sum())
    above = float(ranks[is_1].sum()) - n_1 * (n_1 + 1) / 2
    return above / (n_1 * (len(is_1) - n_1))


# How the library names a row, which it counts from 0.
_PLACE = re.compile(r"(?<= (?:in|at) )(?:row|position) (\d+)\b")
# To subtract 1 from a single column of logits would change its probabilities.
_ADVICE_ON_ONE_COLUMN = _sentences.ONE_COLUMN_IN_0_1.format(advice="add --probabilities")
_ADVICE_ON_COLUMNS = (
    "add --probabilities if they are, or subtract 1 from all of them if they are logits, which "
    "changes no probability"
)
_SCALE = re.compile(r"\[0, (\d{2,})\]")


def _advice_on_likeness(said: str, scores: Tensor, are_outcomes: bool) -> str:
    """Return what to do about logits that look like probabilities."""
    if scale := _SCALE.search(said):
        return f"divide them by {scale[1]} and add --probabilities if they are"
    if _may_be_models(scores, are_outcomes):
        return f"{_sentences.MODELS}, or, if they are logits, subtract 1 from all of them"
    return _ADVICE_ON_ONE_COLUMN if scores.ndim == 1 else _ADVICE_ON_COLUMNS


def _may_be_models(p: Tensor, are_outcomes: bool) -> bool:
    """Say whether columns may hold the probability of one event by several models."""
    return _are_no_classes(p) and (are_outcomes or p.shape[1] == 2)


def _are_no_classes(p: Tensor) -> bool:
    """Say whether columns hold probabilities, but not those of the classes of one model."""
    if p.ndim != 2 or p.shape[1] == 1 or not _is_inside(p):
        return False
    return bool(((p.sum(1) - 1).abs() > _FAR_FROM_1).double().mean() > 0.5)


_ADVICE = {
    "probabilities must lie": "if they are logits, leave out --probabilities and give them a name "
    "such as logit; if they are percentages, divide them by 100; if one column holds labels, name "
    "it with --label-name",
    "labels must lie": "count classes from 0, and leave samples out with --ignore-index",
    "labels must have one entry": "pass the labels of exactly these samples",
    "labels must have shape": _sentences.ONE_LABEL,
}


class Zeros(NamedTuple):
    """Which probabilities are 0, and what these count as.

    Attributes
    ----------
    n_values : int
        How many numbers of the file are 0, or 1 in a single column.
    floor : str
        The small number that stands for 0, in words.
    n : int
        The number of samples.
    n_zero : int
        How many samples have a class with a probability of 0.
    n_of_label : int
        How many samples have a label with a probability of 0.
    """

    n_values: int
    floor: str
    n: int
    n_zero: int
    n_of_label: int


def as_logarithms(probabilities: Tensor, rows: Rows) -> tuple[Tensor, Zeros]:
    """Return logits with these probabilities, and which of these are 0. The rows are the same."""
    p = probabilities.double()
    if p.ndim == 1 or p.shape[1] == 1:
        sides = [p, 1 - p]
        logits = _logarithms(p) - _logarithms(1 - p)
    else:
        sides, logits = [p], _logarithms(p)
    counts = [int((side <= 0).sum()) for side in sides]
    floors = [f"{_floor(side):.2g}" for side, count in zip(sides, counts, strict=True) if count]
    of_classes, labels, _ = rows.flat()
    is_zero = of_classes <= 0
    n_zero, n_of_label = is_zero.any(1).sum(), is_zero.gather(1, labels[:, None]).sum()
    floor = " or ".join(dict.fromkeys(floors))
    return logits, Zeros(sum(counts), floor, len(labels), int(n_zero), int(n_of_label))


def _logarithms(p: Tensor) -> Tensor:
    return p.clamp(min=_floor(p)).log()


def _floor(p: Tensor) -> float:
    """Return what a probability of 0 counts as, which is less than any other in the file."""
    between = p[(p > 0) & (p < 1)]
    return max(_PART * float(between.min()), math.ulp(0.0)) if len(between) else _FLOOR
