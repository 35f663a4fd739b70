"""Signs that numbers passed as logits are probabilities: rounded, in half precision, or sigmoids.

Which logits lie in [0, 1]? Hardly any that a trained model gives, because some are negative and
some are above 1. Constant outputs of an untrained model and cosine similarities do, but they fill
only a narrow range.
"""

import torch
from torch import Tensor

from calibkit._rows import Rows

# So many rows, spread over all of them, are looked at.
_SAMPLE_SIZE = 1024
# Rounding to half precision and averaging may push a probability this far outside [0, 1].
_ROUNDING = 1e-2
# With fewer values than this, logits may all lie in [0, 1] by chance.
_MIN_VALUES, _MIN_SINGLE_VALUES, _MIN_ROWS = 60, 20, 5
# The smallest share of rows that are probabilities. The others were spoilt, for instance by noise.
_SHARE_SUMMING_TO_ONE, _SHARE_INSIDE, _SHARE_SINGLE_INSIDE = 0.5, 0.98, 0.995
# Sigmoids of one class spread over at least this range, or crowd near 0.
_RANGE, _NEAR_ZERO, _SHARE_NEAR_ZERO = (0.7, 0.5), 0.05, 0.02  # of up to 3 classes, of more
# Probabilities are also written as percentages, as the bytes of a quantised model, and per mille.
_SCALES = 100, 255, 1000
# So many single percentages spread over at least this range.
_MIN_PERCENTAGES, _RANGE_PERCENT = 100, 50
# The sums of rows must vary less than this share of what they would if the classes were
# independent. The rounding of many classes makes them vary more.
_FEW_CLASSES, _LARGEST_SPREAD = 200, (0.1, 0.5)


def find_disguise(rows: Rows, *, single: bool) -> str | None:
    """Return what makes logits look like probabilities, as a clause, or None if nothing does.

    A single logit z of a binary model is given as the row (0, z).
    """
    sample = _sample(rows)
    # Rows of which one value is negative are no probabilities, and nearly all logits end here.
    if len(sample) < _MIN_ROWS or (sample.amin(1) >= -_ROUNDING).double().mean() < 0.5:
        return None
    x = sample.double()
    if single:
        return _single_sigmoids(x[:, 1])
    # A one-hot row times a number is a way to write logits that are sure of their class.
    if x.amax() > 1 and ((x > 0).sum(1) > 1).any():
        for scale in _SCALES:
            said = f"[0, {scale}] and sum to nearly {scale}"
            if scaled := _sums_to_one(x / scale, said):
                return scaled
    return (
        _sums_to_one(x, "[0, 1] and sum to nearly 1")
        or _sums_to_one(1 - x, f"[0, 1] and sum to nearly {x.shape[1] - 1}")
        or _sigmoids(x)
    )


def _sample(rows: Rows) -> Tensor:
    scores, labels = rows.scores, rows.labels
    if scores.ndim > 2:
        step = max(1, len(scores) // _SAMPLE_SIZE)
        scores, labels = scores[::step].flatten(2), labels[::step].flatten(1)
        step = max(1, labels.numel() // _SAMPLE_SIZE)
        scores, labels = scores[..., ::step], labels[:, ::step]
    else:
        step = max(1, len(scores) // _SAMPLE_SIZE)
        scores, labels = scores[::step], labels[::step]
    sample = Rows(scores, labels, rows.ignore_index).flat()[0]
    if rows.ignore_index is None or len(sample) >= _MIN_VALUES:
        return sample
    # Most samples are ignored, so the others must be looked for.
    parts: list[Tensor] = []
    for counted, _, _ in rows.chunks():
        parts.append(counted[:_SAMPLE_SIZE])
        if sum(map(len, parts)) >= _SAMPLE_SIZE:
            break
    return torch.cat(parts) if parts else sample


def _sums_to_one(x: Tensor, said: str) -> str | None:
    """Say how many rows are probabilities, if that is no coincidence."""
    n, n_classes = x.shape
    sums = x.sum(1)
    # Rounding to two digits changes each of the C terms of a sum by up to 0.005.
    tolerance = min(0.1, 0.01 + 0.005 * n_classes)
    near = _inside(x) & ((sums - 1).abs() <= tolerance)
    n_near = int(near.sum())
    if n_near < max(_MIN_ROWS, _SHARE_SUMMING_TO_ONE * n):
        return None
    # The sums may be near 1 by chance. But then the sums of different rows vary about as much as
    # independent entries would make them.
    spread = x[near].var(0).sum().sqrt()
    if not sums[near].std() < _LARGEST_SPREAD[n_classes > _FEW_CLASSES] * spread:
        return None
    share = f"all {n} rows" if n_near == n else f"{n_near} of {n} rows"
    return f"{share} looked at are in {said}"


def _sigmoids(x: Tensor) -> str | None:
    n, n_classes = x.shape
    inside = _inside(x)
    if x.numel() < _MIN_VALUES or inside.double().mean() < _SHARE_INSIDE:
        return None
    negative = int((x < 0).sum())
    x = x[inside]
    lowest, highest = x.amin(0), x.amax(0)
    # A row (0, z) is the way to pass a single logit z that lies in [0, 1].
    if n_classes == 2 and (highest == lowest).any() and lowest.amin() == 0:
        return None
    crowded = int(((x <= _NEAR_ZERO * highest) & (highest > lowest)).sum())
    # Values that spread over 0 are as often just below it.
    crowds = crowded >= max(20, _SHARE_NEAR_ZERO * x.numel(), 10 * negative)
    if not crowds and (highest - lowest).amax() < _RANGE[n_classes > 3]:
        return None
    share = "all rows" if len(x) == n else f"{len(x)} of {n} rows"
    return f"{share} looked at lie in [0, 1]"


def _single_sigmoids(z: Tensor) -> str | None:
    low, high = z.amin(), z.amax()
    wide = high - low >= _RANGE_PERCENT
    if len(z) >= _MIN_PERCENTAGES and low >= 0 and high <= 100 and wide:
        return "all lie in [0, 100], as percentages do"
    inside = _inside(z[:, None])
    if len(z) < _MIN_SINGLE_VALUES or inside.double().mean() < _SHARE_SINGLE_INSIDE:
        return None
    if (z == 0).all():  # These say nothing, which is another error.
        return None
    n_inside = int(inside.sum())
    return "all lie in [0, 1]" if n_inside == len(z) else f"{n_inside} of {len(z)} lie in [0, 1]"


def _inside(x: Tensor) -> Tensor:
    return (x.amin(1) >= -_ROUNDING) & (x.amax(1) <= 1 + _ROUNDING)
