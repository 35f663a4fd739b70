"""The bets of the monitor, and what each of them pays for an outcome.

A bet names another probability q in place of the judged probability p. It multiplies its wealth by
the likelihood ratio of the outcome, which is q / p if the event happened and (1 - q) / (1 - p) if
not. If p is right, then the expected factor is 1, whatever q is.

The monitor accepts every probability within a tolerance of p. The denominator is therefore the
accepted probability that is nearest to q, and a bet whose q is accepted itself pays the factor 1.
The expected factor is then at most 1 for every accepted probability, because it is a linear
function of the true probability that grows towards q and is 1 at the nearest accepted one.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from calibkit._types import Floats
from calibkit.metrics.base import Predictions

Direction = Literal["too high", "too low", "too extreme", "not extreme enough"]
Judged = Literal["positive", "top", "all"]

# Probabilities are rounded, at best as float32 is. Without this tolerance, a single error at a
# probability that was rounded to 1 would be infinite evidence.
_LEAST_ROUNDING = torch.finfo(torch.float32).eps
_CHUNK_ELEMENTS = 2**20


class Bet(NamedTuple):
    """A bet that the true logit is ``shift + slope * logit(p)``, with its share of the wealth."""

    direction: Direction
    shift: float
    slope: float
    share: float


def _both_ways(shift: float, slope: float, share: float) -> list[Bet]:
    if shift:
        return [Bet("too high", -shift, 1, share), Bet("too low", shift, 1, share)]
    return [Bet("too extreme", 0, 1 / slope, share), Bet("not extreme enough", 0, slope, share)]


def _bets(*sizes: tuple[float, float, float]) -> tuple[Bet, ...]:
    bets = [bet for size in sizes for bet in _both_ways(*size)]
    total = sum(bet.share for bet in bets)
    return tuple(bet._replace(share=bet.share / total) for bet in bets)


# A bet finds errors from half its own size on, so each size is two to three times the one before.
# Most of the wealth is on a shift of 0.4, which is an error of 10 points at a probability of 50%.
BETS_ON_EVENTS = _bets(
    (0.05, 1, 0.25),
    (0.15, 1, 1),
    (0.4, 1, 6),
    (0.9, 1, 1),
    (2, 1, 0.25),
    (0, 1.15, 0.25),
    (0, 1.4, 0.75),
    (0, 2.5, 0.25),
)
# These bets are on another temperature of all classes.
BETS_ON_CLASSES = _bets((0, 1.05, 0.5), (0, 1.15, 1), (0, 1.3, 1), (0, 1.7, 0.5), (0, 3, 0.25))
_SHARE_OF_TOP = 1 / 3


def bets_on(judged: Judged) -> tuple[Bet, ...]:
    """Return the bets on what is judged. If that is all classes, some are on the top class."""
    if judged != "all":
        return BETS_ON_EVENTS
    return _scaled(BETS_ON_CLASSES, 1 - _SHARE_OF_TOP) + _scaled(BETS_ON_EVENTS, _SHARE_OF_TOP)


def _scaled(bets: tuple[Bet, ...], factor: float) -> tuple[Bet, ...]:
    return tuple(bet._replace(share=factor * bet.share) for bet in bets)


class Outcomes(NamedTuple):
    """Labelled samples as the monitor sees them, in float64 arrays.

    Attributes
    ----------
    log_factors : array, shape (N, bets)
        The logarithms of the factors that the bets pay.
    confidence : array, shape (N,)
        The judged probabilities. If all classes are judged, it is the top-label probability.
    happened : array, shape (N,)
        Whether the event of this probability happened, as 0 or 1.
    """

    log_factors: Floats
    confidence: Floats
    happened: Floats


def outcomes_of(predictions: Predictions, judged: Judged, tolerance: float) -> Outcomes:
    """Return what all bets pay for the labels of predictions."""
    of = "top" if judged == "all" else judged
    p = predictions.confidence(of).cpu().numpy()
    happened = predictions.outcome(of).cpu().numpy()
    rounding = _rounding_of(predictions.scores)
    factors = log_factors_of_events(p, happened, tolerance, rounding)
    if judged == "all":
        factors = np.concatenate([_log_factors_of_classes(predictions, rounding), factors], 1)
    return Outcomes(factors, p, happened.astype(np.float64))


def log_factors_of_events(
    p: Floats, happened: Floats, tolerance: float, rounding: float = _LEAST_ROUNDING
) -> Floats:
    """Return the logarithms of the factors (N, bets) for events of probabilities p (N,)."""
    inside = p.clip(rounding, 1 - rounding)
    logit = np.log(inside) - np.log1p(-inside)
    shift, slope = np.array([(bet.shift, bet.slope) for bet in BETS_ON_EVENTS]).T
    z = shift + slope * logit[:, None]
    accepted = tolerance + rounding
    low, high = (p - accepted).clip(min=0)[:, None], (p + accepted).clip(max=1)[:, None]
    q = 1 / (1 + np.exp(-z))
    nearest = q.clip(low, high)
    yes = np.asarray(happened, dtype=bool)[:, None]
    towards = np.where(yes, -z, z)
    log_q = -np.maximum(towards, 0) - np.log(1 + np.exp(-np.abs(towards)))
    # A q that is rounded to 0 or 1 is accepted, or else the nearest accepted one is neither.
    at_edge = (nearest == 0) | (nearest == 1)
    against = np.where(at_edge, 0.5, np.where(yes, nearest, 1 - nearest))
    return np.where(nearest == q, 0.0, log_q - np.log(against))


def _log_factors_of_classes(predictions: Predictions, rounding: float) -> Floats:
    labels = predictions.labels[:, None]
    n, n_classes = predictions.scores.shape
    step = max(1, _CHUNK_ELEMENTS // n_classes)
    found = np.empty((n, len(BETS_ON_CLASSES)))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        part = Predictions(
            predictions.scores[rows], predictions.labels[rows], None, predictions.scores_are
        )
        log_p = part.log_probabilities.log_softmax(1).clamp(min=float(np.log(rounding)))
        log_p_label = log_p.gather(1, labels[rows])[:, 0]
        # All distributions are accepted that exceed no probability by more than the rounding.
        log_highest = torch.logaddexp(log_p_label, torch.tensor(rounding).double().log())
        for column, bet in enumerate(BETS_ON_CLASSES):
            log_q = bet.slope * log_p_label - torch.logsumexp(bet.slope * log_p, 1)
            found[rows, column] = (log_q - log_highest).cpu().numpy()
    return found


def _rounding_of(scores: Tensor) -> float:
    return max(torch.finfo(scores.dtype).eps, _LEAST_ROUNDING)
