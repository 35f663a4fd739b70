"""The decomposition of a proper score into calibration and refinement."""

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from calibkit._checks import check_choice, check_probabilities_and_labels
from calibkit._distributed import single_process
from calibkit._rows import Rows
from calibkit._temperature_search import NoOptimumError, find_best_inverse_temperature
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import MeanMetric, Predictions
from calibkit.metrics.proper_scores import NLL, Brier

Score = Literal["nll", "brier"]

# A class of probability 0 is first given a logit that is this far below all others, and then one
# that is further away if the best temperature turns out to be high.
_FIRST_GAP, _LARGEST_GAP = 700.0, 1e12
# The exponential of minus this number is lost in the rounding errors.
_PRACTICALLY_INFINITE = 60

_DEFINITIONS: dict[Score, MeanMetric] = {"nll": NLL(), "brier": Brier()}


class Decomposition(NamedTuple):
    """A proper score in two parts: score = calibration + refinement.

    Attributes
    ----------
    score : float
        The NLL in nats, or the Brier score.
    calibration : float
        The part that recalibration removes.
    refinement : float
        The part that remains. It is small if the probabilities separate the classes well.

    See Also
    --------
    calibkit.score_decomposition : Compute the two parts.
    """

    score: float
    calibration: float
    refinement: float


def score_decomposition(
    probabilities: Probabilities,
    labels: Labels,
    *,
    score: Score = "nll",
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> Decomposition:
    """Split the NLL or the Brier score into calibration and refinement.

    Refinement is the score after the probabilities are recalibrated with the temperature that
    minimises the NLL of the same samples. Calibration is how much the recalibration lowers the
    score. It does not include everything that could be recalibrated, because an error that a single
    temperature cannot fix counts as refinement. For the Brier score, calibration can be slightly
    negative, because the temperature minimises the NLL. If no finite temperature is best,
    refinement is the score in the limit where the temperature goes to 0 or to infinity.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1, and the
        probability of every label is above 0. For two classes, P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    score : {"nll", "brier"}, default "nll"
        Which score to split.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.

    Returns
    -------
    Decomposition
        ``(score, calibration, refinement)``.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, or if `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, if
        `score` is not one of its choices, if a label has the probability 0, or if the labels hold
        one class only. The same holds if a weight is negative, NaN or infinite, or if all of them
        are 0.

    See Also
    --------
    calibkit.ScoreDecomposition : Compute the same decomposition batch by batch.
    calibkit.negative_log_likelihood : Compute the score itself.
    calibkit.TemperatureScaler : Recalibrate with a temperature.

    References
    ----------
    Bröcker (2009). Reliability, Sufficiency, and the Decomposition of Proper Scores. Quarterly
    Journal of the Royal Meteorological Society 135. https://doi.org/10.1002/qj.456

    Berta, Holzmüller, Jordan and Bach (2025). Rethinking Early Stopping: Refine, Then Calibrate.
    Section 3 uses temperature scaling as the recalibration. https://arxiv.org/abs/2501.19195

    Examples
    --------
    >>> import torch
    >>> from calibkit import score_decomposition
    >>> probabilities = torch.tensor([[0.9, 0.1]]).repeat(4, 1)
    >>> parts = score_decomposition(probabilities, torch.tensor([0, 0, 0, 1]))
    >>> f"{parts.score:.3f} = {parts.calibration:.3f} + {parts.refinement:.3f}"  # .9, not .75
    '0.655 = 0.092 + 0.562'
    """
    check_choice(score, "score", get_args(Score))
    predictions = Predictions(
        *check_probabilities_and_labels(
            probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
        )
    )
    check_labels_possible(predictions)
    return decompose(predictions, score)


def check_labels_possible(predictions: Predictions) -> None:
    """Raise an error if a label has the probability 0."""
    impossible = NLL().of_samples(predictions).isinf().nonzero()
    if len(impossible):
        raise ValueError(
            f"probabilities must be above 0 for every label, got 0 for {len(impossible)} of "
            f"{len(predictions.labels)}, first in row {int(impossible[0])}; the NLL is infinite "
            "there, so look at what the model does with that input"
        )


def decompose(predictions: Predictions, score: Score) -> Decomposition:
    """Return a score with its two parts."""
    whole = mean_score(predictions, score)
    log_probabilities = predictions.log_probabilities
    try:
        b = _best_inverse_temperature(predictions)
        best = (b * log_probabilities).log_softmax(1)
    except NoOptimumError as error:
        best = _log_probabilities_in_the_limit(log_probabilities, error.limit)
    recalibrated = Predictions(best, predictions.labels, predictions.weights, "log-probabilities")
    refinement = mean_score(recalibrated, score)
    return Decomposition(whole, whole - refinement, refinement)


def _best_inverse_temperature(predictions: Predictions) -> float:
    log_probabilities = predictions.log_probabilities
    impossible = log_probabilities.isneginf()
    finite = log_probabilities.masked_fill(impossible, 0)
    gap = _FIRST_GAP
    while gap < _LARGEST_GAP:
        # A probability of 0 gets a logit so low that it is practically 0 at the temperature, too.
        logits = finite.masked_fill(impossible, float(finite.min()) - gap)
        with single_process():
            rows = Rows(logits, predictions.labels, weights=predictions.weights)
            b = find_best_inverse_temperature(rows).inverse_temperature
        if b * gap > _PRACTICALLY_INFINITE or not impossible.any():
            return b
        gap *= 100
    raise NoOptimumError("the NLL falls for ever as T grows", limit=math.inf)


def _log_probabilities_in_the_limit(logits: Tensor, temperature: float) -> Tensor:
    """Return the log-probabilities in the limit of a temperature of 0 or infinity."""
    if temperature == 0:
        # If several classes are on top, they share the probability equally.
        top = (logits == logits.amax(1, keepdim=True)).double()
        return (top / top.sum(1, keepdim=True)).log()
    return torch.where(logits.isneginf(), logits, 0).log_softmax(1)


def mean_score(predictions: Predictions, score: Score) -> float:
    """Return the score, with the weights of the samples if they have some."""
    scores, weights = _DEFINITIONS[score].of_samples(predictions), predictions.weights
    return float(scores.mean() if weights is None else (scores * weights).sum() / weights.sum())
