"""Fingerprints of logits. With them, a report finds test samples that a scaler was fitted on."""

import math

import torch
from torch import Tensor

from calibkit._devices import without_autocast
from calibkit._rows import Rows

# Four numbers identify a row of many logits, and they take little memory beside the logits.
_MOST_NUMBERS = 4
# Logits that are further than this below the largest one, such as those of masked classes, count
# as equally far away.
FARTHEST = 1e4


def fingerprints(rows: Rows) -> Tensor:
    """Return up to four numbers for each row of logits, which identify the row.

    The numbers are the first coefficients of the row's cosine transform without the constant one.
    So two logits give one number, their difference, and three give two. The numbers change as
    little as the logits do if a model runs with another batch size, and a constant that is added to
    all logits of the row does not change them.
    """
    n_numbers = min(max(rows.n_classes - 1, 0), _MOST_NUMBERS)
    # If a row has a single number, chance matches are common and every digit counts.
    single = n_numbers <= 1
    dtype = torch.float64 if single else torch.float32
    computed_in = torch.promote_types(rows.scores.dtype, dtype)
    weights = _cosines(rows.n_classes, n_numbers).to(rows.scores.device, computed_in)
    parts = [torch.empty(0, n_numbers, dtype=dtype)]
    with without_autocast(rows.scores.device):
        for chunk, _, _ in rows.chunks(2**18):
            logits = chunk.to(computed_in)
            low, high = (extreme.item() for extreme in logits.aminmax())
            if not high - low <= FARTHEST:
                logits = (logits - logits.amax(1, keepdim=True)).clamp(min=-FARTHEST)
            elif single:
                logits = logits - logits[:, :1]  # Other forms of the logits give the same digits.
            # In this order, the product of few columns takes a fifth of the time.
            parts.append((weights.T @ logits.T).T.to("cpu", dtype))
    return torch.cat(parts)


def _cosines(n_classes: int, n_numbers: int) -> Tensor:
    n_classes = max(n_classes, 1)  # A process without samples may not know the classes.
    classes = torch.arange(n_classes, dtype=torch.float64) + 0.5
    orders = torch.arange(1, n_numbers + 1, dtype=torch.float64)
    angles = math.pi / n_classes * classes[:, None] * orders
    return angles.cos() * math.sqrt(2 / n_classes)
