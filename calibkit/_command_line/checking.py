"""Checks of the scores of a file, whose advice is about the command line, and rounded scores.

The calculator of the site follows the same rules, in docs/_static/calculator/checking.js.
"""

import re

import torch
from torch import Tensor

from calibkit import _sentences
from calibkit._checks import check_logits_and_labels, check_probability_rows
from calibkit._command_line.named_numbers import NamedNumbers
from calibkit._rows import Rows

# Smaller probabilities count as this one, because the logarithm of 0 is no number.
FLOOR = 1e-12
# A little less than what the library accepts, so that both readers decide alike.
_EXACT = 0.95e-3
_MOST_DECIMALS = 6
# Rounding does not move the sum of two probabilities so far from 1.
_FAR_FROM_1 = 0.02


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
    check = check_probability_rows if are_probabilities else check_logits_and_labels
    try:
        return check(scores, found, ignore_index=ignore_index)
    except (TypeError, ValueError) as error:
        said = _PLACE.sub(lambda place: source.place(int(place[1])), str(error))
        if said.startswith("probabilities must lie"):
            said = _said_of_few_rows(source, scores) or said
        if said.startswith("labels must lie") and scores.ndim > 1:
            said = _said_of_labels_from_1(found, scores.shape[1], ignore_index) or said
        for start, advice in _ADVICE.items():
            if said.startswith(start):
                said = f"{said.partition(';')[0]}; {advice}"
        if said.startswith("labels must have shape") and found.ndim == 2:
            advice = _sentences.RAVEL if found.shape[1] == 1 else _sentences.ARGMAX
            said = f"{said.partition(';')[0]}; {advice}"
        if said.startswith("logits look like"):
            said = f"{said.partition(';')[0]}; {_advice_on_likeness(said, scores)}"
        elif said.startswith("probabilities must lie") and _may_be_models(scores):
            said = f"{said.partition(';')[0]}; {_sentences.MODELS}"
        if scores.ndim == 1 and said.startswith("labels must lie"):
            said += "; a single column needs outcomes 0 and 1, such as whether the answer is right"
        raise ValueError(f"{source.path}: {said}") from error


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
    used = labels if ignore_index is None else labels[labels != ignore_index]
    if used.min() != 1 or used.max() != n_classes:
        return None
    advice = "if they count from 1, subtract 1 from all of them"
    return _sentences.LABELS_FROM_1.format(highest=n_classes, advice=advice)


# How the library names a row, which it counts from 0.
_PLACE = re.compile(r"(?<= (?:in|at) )(?:row|position) (\d+)\b")
# To subtract 1 from a single column of logits would change its probabilities.
_ADVICE_ON_ONE_COLUMN = (
    "add --probabilities if they are, or write two columns if they are logits: 0 and the logit"
)
_ADVICE_ON_COLUMNS = (
    "add --probabilities if they are, or subtract 1 from all of them if they are logits, which "
    "changes no probability"
)
_SCALE = re.compile(r"\[0, (\d{2,})\]")


def _advice_on_likeness(said: str, scores: Tensor) -> str:
    """Return what to do about logits that look like probabilities."""
    if scale := _SCALE.search(said):
        return f"divide them by {scale[1]} and add --probabilities if they are"
    if _may_be_models(scores):
        return f"{_sentences.MODELS}, or, if they are logits, subtract 1 from all of them"
    return _ADVICE_ON_ONE_COLUMN if scores.ndim == 1 else _ADVICE_ON_COLUMNS


def _may_be_models(p: Tensor) -> bool:
    """Say whether two columns hold probabilities that belong to no two classes of one model."""
    if p.ndim != 2 or p.shape[1] != 2 or not _is_inside(p):
        return False
    return bool(((p.sum(1) - 1).abs() > _FAR_FROM_1).double().mean() > 0.5)


_ADVICE = {
    "probabilities must lie": "leave out --probabilities if they are logits, divide by 100 if they "
    "are percentages, and name the column of labels with --label-name if it was taken for one",
    "labels must lie": "count classes from 0, and leave samples out with --ignore-index",
    "labels must have one entry": "pass the labels of exactly these samples",
    "labels must have shape": "save one label for each sample",
}


def as_logarithms(probabilities: Tensor) -> tuple[Tensor, int]:
    """Return logits with these probabilities, and how many of these were raised to the floor."""
    p = probabilities.double()
    n_raised = int((p < FLOOR).sum())
    if p.ndim == 1 or p.shape[1] == 1:
        n_raised += int((1 - p < FLOOR).sum())
        return p.clamp(min=FLOOR).log() - (1 - p).clamp(min=FLOOR).log(), n_raised
    return p.clamp(min=FLOOR).log(), n_raised
