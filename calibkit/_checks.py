"""Checks of arguments, which raise an error if an argument is wrong.

An error message is one sentence. It names the argument, says what was expected and what was
passed, and ends by saying what to do.
"""

import math
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from calibkit import _sentences
from calibkit._advice import LabelAdvice
from calibkit._conversion import as_code, as_tensor
from calibkit._devices import with_float64
from calibkit._disguises import find_disguise
from calibkit._rows import Chunk, Rows
from calibkit._weights import check_sample_weight

# In half and in full precision, the softmax over 1000 classes sums to 1 within these tolerances.
_SUM_TOLERANCE_HALF, _SUM_TOLERANCE = 1e-2, 1e-3
# Rounding may push an average of float32 probabilities this far outside [0, 1].
_ROUNDING = 1e-6
# The squares of larger logits could overflow in float64.
_LARGEST_VALUE = 1e100


def check_logits_and_labels(
    logits: object,
    labels: object,
    *,
    ignore_index: int | None = None,
    sample_weight: object = None,
    empty: bool = False,
) -> Rows:
    """Return logits and labels as rows, or raise an error. A binary logit z becomes (0, z)."""
    scores = as_scores(logits, "logits")
    single = _is_single(scores)
    code = as_code(logits, "logits")
    join = "stack" if scores.ndim == 1 else "cat"
    if single:
        z = _as_column(scores)
        scores = torch.cat([torch.zeros_like(z), z], 1)
    rows = _check_rows(scores, labels, "logits", code, ignore_index, sample_weight, empty)
    # One or two rows of logits may look like probabilities by chance.
    if _check_values(rows, "logits") and not single and len(rows) > 2:
        advice = (
            "pass what the model gives before the softmax, or the logarithm of the probabilities "
            "where none of them is 0"
        )
        raise ValueError(_sentences.ARE_PROBABILITIES.format(advice=advice))
    disguise = find_disguise(rows, single=single)
    if disguise:
        advice = (
            "pass what the model gives before the sigmoid, or both classes if these are logits: "
            f"torch.{join}([0 * {code}, {code}], 1)"
            if single
            else "pass what the model gives before the softmax or the sigmoid, or "
            f"{code} - 1 if these are logits, which has the same softmax"
        )
        raise ValueError(_sentences.LOOK_LIKE_PROBABILITIES.format(why=disguise, advice=advice))
    return rows


def check_probabilities_and_labels(
    probabilities: object,
    labels: object,
    *,
    ignore_index: int | None = None,
    sample_weight: object = None,
) -> Chunk:
    """Return probabilities (N, C), labels (N,) and weights (N,), or raise an error."""
    return check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    ).flat()


def check_probability_rows(
    probabilities: object,
    labels: object,
    *,
    ignore_index: int | None = None,
    sample_weight: object = None,
    empty: bool = False,
) -> Rows:
    """Return probabilities and labels as rows, or raise an error. P(y = 1) becomes both classes."""
    scores = as_scores(probabilities, "probabilities")
    single = _is_single(scores)
    code = as_code(probabilities, "probabilities")
    if single:
        p = _as_column(scores)
        scores = torch.cat([1 - p, p], 1)
    rows = _check_rows(scores, labels, "probabilities", code, ignore_index, sample_weight, empty)
    if not _check_values(rows, "probabilities"):
        if single:
            _refuse_as_events(rows, code)
        _refuse_as_probabilities(rows, code)
    return rows


def check_probabilities(probabilities: object, *, sample_weight: object = None) -> Chunk:
    """Return probabilities (N, C) and weights (N,), or raise an error. All labels are 0."""
    scores = as_scores(probabilities, "probabilities")
    one_each = torch.zeros(scores.shape[:1] + scores.shape[2:], dtype=torch.int64)
    return check_probabilities_and_labels(scores, one_each, sample_weight=sample_weight)


def check_logits(logits: object, *, sample_weight: object = None) -> Rows:
    """Return logits without labels as rows, or raise an error. A binary logit z becomes (0, z)."""
    scores = as_scores(logits, "logits")
    one_each = torch.zeros(scores.shape[:1] + scores.shape[2:], dtype=torch.int64)
    return check_logits_and_labels(scores, one_each, sample_weight=sample_weight)


def check_integer(value: object, name: str, *, least: int, advice: str) -> int:
    """Return an integer of at least ``least``, or raise an error. True and 5.0 are not integers."""
    expected = f"{name} must be an integer of at least {least}, got {value!r}; {advice}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(expected)
    if value < least:
        raise ValueError(expected)
    return int(value)


def check_number(value: object, name: str, *, low: float, high: float, advice: str) -> float:
    """Return a number strictly between ``low`` and ``high`` as a float, or raise an error."""
    expected = f"{name} must be a number between {low:g} and {high:g}, got {value!r}; {advice}"
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(expected)
    if not low < value < high:
        raise ValueError(expected)
    return float(value)


def check_not_negative(value: object, name: str, *, high: float, advice: str) -> float:
    """Return 0 or a number strictly between 0 and ``high`` as a float, or raise an error."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if is_number and value == 0:
        return 0.0
    return check_number(value, name, low=0, high=high, advice=advice)


def check_temperature(temperature: float) -> float:
    """Return a temperature as a float, or raise an error if it is not positive and finite."""
    number = isinstance(temperature, int | float | np.number) and not isinstance(temperature, bool)
    if not number or not 0 < temperature < math.inf:
        raise ValueError(
            f"a temperature must be a positive, finite number, got {temperature!r}; "
            "1.0 leaves the logits as they are"
        )
    return float(temperature)


def check_ignore_index(ignore_index: object) -> None:
    """Raise an error if the label to leave out is neither an integer nor None."""
    integer = isinstance(ignore_index, int | np.integer) and not isinstance(ignore_index, bool)
    if ignore_index is not None and not integer:
        raise TypeError(
            f"ignore_index must be an integer or None, got {ignore_index!r}; "
            "pass the label of the samples or pixels to leave out, such as 255"
        )


def check_choice(value: object, name: str, choices: tuple[str, ...]) -> None:
    """Raise an error if a value is not one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_flag(value: object, name: str) -> bool:
    """Return True or False, or raise an error if a value is neither of the two."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}; pass one of the two")
    return bool(value)


def check_seed(seed: object) -> int:
    """Return a seed, or raise an error if it is not an integer of at least 0."""
    return check_integer(seed, "seed", least=0, advice="the same seed gives the same result")


def check_n_bins(n_bins: object) -> int:
    """Return the number of bins, or raise an error if it is not an integer of at least 1."""
    return check_integer(n_bins, "n_bins", least=1, advice="15 is usual")


def check_n_resamples(n_resamples: object, level: float = 0.95) -> None:
    """Raise an error if the number of resamples is no integer or is too small for the level.

    One resample or more should lie beyond each end of an interval, on average.
    """
    least = max(40, math.ceil(2 / (1 - Fraction(str(level)))))
    advice = f"fewer cannot show where an interval of the level {level:g} ends"
    check_integer(n_resamples, "n_resamples", least=least, advice=advice)


def as_scores(scores: object, name: str) -> Tensor:
    tensor = as_tensor(scores, name).detach()
    if not tensor.is_floating_point():
        raise TypeError(
            f"{name} must be floating point, got {tensor.dtype}; "
            f"pass the model's {name}, not class indices"
        )
    return with_float64(tensor)


def _is_single(scores: Tensor) -> bool:
    """Return whether there is one number for each sample, which stands for two classes."""
    return scores.ndim == 1 or (scores.ndim >= 2 and scores.shape[1] == 1)


def _as_column(scores: Tensor) -> Tensor:
    return scores.reshape(len(scores), 1, *scores.shape[2:])


def _check_rows(
    scores: Tensor,
    labels: object,
    name: str,
    code: str,
    ignore_index: int | None,
    sample_weight: object,
    empty: bool,
) -> Rows:
    if scores.ndim < 2:
        advice = f"pass {code}.reshape(1) for a single sample"
        raise ValueError(
            _sentences.SHAPE_OF_LOGITS.format(name=name, shape=tuple(scores.shape), advice=advice)
        )
    if scores.numel() == 0 and not empty:
        raise ValueError(_sentences.EMPTY.format(name=name, shape=tuple(scores.shape)))
    targets = _check_labels(labels, scores, name, code, ignore_index)
    rows = Rows(scores, targets, ignore_index, check_sample_weight(sample_weight, targets))
    if not empty and len(rows) == 0 and rows.weights is not None:
        raise ValueError(
            "sample_weight must be above 0 for one sample or more, got 0 for all that have a "
            "label; leave sample_weight out to count all samples alike"
        )
    if not empty and len(rows) == 0:
        raise ValueError(
            f"labels must hold something to measure: all {targets.numel()} are the ignore_index "
            f"{ignore_index}; pass samples with other labels"
        )
    return rows


def _check_values(rows: Rows, name: str) -> bool:
    """Refuse NaN, infinity and excessive values, and return whether all rows are probabilities."""
    distributions = True
    for scores, _, _ in rows.chunks():
        if distributions and _are_distributions(scores):
            continue
        distributions = False
        lowest, highest = (extreme.item() for extreme in scores.aminmax())
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            _refuse_non_finite(rows, name)
        if scores.dtype == torch.float64 and max(highest, -lowest) > _LARGEST_VALUE:
            found = f"{max(highest, -lowest):g}"
            raise ValueError(
                _sentences.TOO_LARGE.format(
                    name=name,
                    most=f"{_LARGEST_VALUE:g}",
                    found=found,
                    advice=_sentences.LOOK_AT_THE_MODEL,
                )
            )
    return distributions


def _are_distributions(scores: Tensor) -> bool:
    """Return whether all rows lie in [0, 1] and sum to 1. Rows with NaN or infinity do not."""
    lowest, highest = scores.aminmax()
    if not (lowest.item() >= -_ROUNDING and highest.item() <= 1 + _ROUNDING):
        return False
    total = scores.sum(1, dtype=torch.promote_types(scores.dtype, torch.float32))
    least, most = total.aminmax()
    tolerance = _SUM_TOLERANCE_HALF if scores.dtype.itemsize < 4 else _SUM_TOLERANCE
    return least.item() > 1 - tolerance and most.item() < 1 + tolerance


def _refuse_non_finite(rows: Rows, name: str) -> None:
    counted = torch.ones_like(rows.labels, dtype=torch.bool)
    if rows.ignore_index is not None:
        counted = rows.labels != rows.ignore_index
    wrong = (~rows.scores.isfinite().all(1) & counted).flatten().nonzero()
    advice = _sentences.LOOK_AT_THE_MODEL
    if name == "logits" and not (rows.scores.isnan() | rows.scores.isposinf()).any():
        of_labels = rows.scores.gather(1, rows.labels.clamp(0, rows.n_classes - 1)[:, None])[:, 0]
        is_zero = (of_labels.isneginf() & counted).any()
        advice += f", or {_sentences.LOG_OF_ZERO if is_zero else _sentences.MASKED_CLASSES}"
    raise ValueError(
        _sentences.NOT_FINITE.format(
            name=name,
            n_wrong=len(wrong),
            n=len(rows),
            place=rows.position(int(wrong[0])),
            advice=advice,
        )
    )


def _refuse_as_probabilities(rows: Rows, code: str) -> None:
    scores = rows.flat()[0].double()
    total = scores.sum(1)
    advice = f"if these are logits, pass {code.replace('probabilities', 'logits')}.softmax(1)"
    if scores.min() >= 0 and (total / 100 - 1).abs().max() <= _SUM_TOLERANCE:
        advice = f"if these are percentages, pass {code} / 100"
    elif scores.min() >= 0 and scores.max() <= 1 and total.min() > 0:
        advice = f"if rounding did this, pass {code} / {code}.sum(1, keepdim=True)"
    raise ValueError(
        _sentences.NO_PROBABILITIES.format(
            lowest=f"{scores.min():.4g}",
            highest=f"{scores.max():.4g}",
            least=f"{total.min():.4g}",
            most=f"{total.max():.4g}",
            advice=advice,
        )
    )


def _refuse_as_events(rows: Rows, code: str) -> None:
    p = rows.flat()[0][:, 1].double()
    advice = f"if these are logits, pass torch.sigmoid({code})"
    if p.min() >= 0 and 1 < p.max() <= 100 and (p > 1).double().mean() > 0.5:
        advice = f"if these are percentages, pass {code} / 100"
    raise ValueError(
        _sentences.NO_EVENTS.format(
            lowest=f"{p.min():.4g}", highest=f"{p.max():.4g}", advice=advice
        )
    )


def _check_labels(
    labels: object, scores: Tensor, name: str, code: str, ignore_index: int | None
) -> Tensor:
    tensor = as_tensor(labels, "labels")
    n_classes, expected = scores.shape[1], (scores.shape[0], *scores.shape[2:])

    def advice() -> LabelAdvice:
        return LabelAdvice(tensor, scores, as_code(labels, "labels"), code)

    if tensor.dtype == torch.bool and n_classes == 2 and tensor.shape == expected:
        tensor = tensor.long()  # Outcomes: whether a detection matched, or whether y = 1.
    if tensor.shape == expected and tensor.numel() == 0:
        tensor = tensor.long()  # An empty list has no integers in it.
    if tensor.is_floating_point() or tensor.dtype == torch.bool:
        raise TypeError(
            _sentences.NO_INTEGER_LABELS.format(dtype=tensor.dtype, advice=advice().on_type())
        )
    check_ignore_index(ignore_index)
    tensor = tensor.to(scores.device, torch.int64)
    if tensor.ndim != len(expected):
        shape = "(samples,)" if scores.ndim == 2 else str(expected)
        raise ValueError(
            f"labels must have shape {shape}, got {tuple(tensor.shape)}; "
            f"{advice().on_shape('pass one label for each row')}"
        )
    if scores.ndim == 2 and len(tensor) != len(scores):
        raise ValueError(
            _sentences.NOT_ONE_LABEL_EACH.format(
                name=name,
                n_labels=len(tensor),
                n=len(scores),
                advice=advice().on_shape("pass the labels of exactly these samples"),
            )
        )
    if tuple(tensor.shape) != expected:
        raise ValueError(
            f"labels must have shape {expected} for {name} of shape {tuple(scores.shape)}, got "
            f"{tuple(tensor.shape)}; {advice().on_shape('pass the labels of exactly these pixels')}"
        )
    if tensor.numel() == 0:
        return tensor
    lowest, highest = tensor.aminmax()
    if lowest.item() >= 0 and highest.item() < n_classes:
        return tensor
    outside = (tensor < 0) | (tensor >= n_classes)
    if ignore_index is not None:
        outside &= tensor != ignore_index
    if outside.any():
        index = int(outside.flatten().nonzero()[0])
        place = Rows(scores, tensor).position(index).replace("row", "position")
        label = int(tensor.flatten()[index])
        raise ValueError(
            _sentences.LABEL_OUTSIDE.format(
                highest=n_classes - 1,
                n_classes=n_classes,
                label=label,
                place=place,
                advice=advice().on_range(label),
            )
        )
    return tensor
