"""A proper score in two parts: calibration and refinement."""

from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from calibkit._checks import check_choice, check_probabilities_and_labels
from calibkit._distributed import single_process
from calibkit._rows import Rows
from calibkit._temperature_search import NoOptimumError, find_best_inverse_temperature
from calibkit._types import Labels, Probabilities
from calibkit.metrics._streaming import CalibrationMetric
from calibkit.metrics.base import MeanMetric, Predictions
from calibkit.metrics.proper_scores import NLL, Brier

Score = Literal["nll", "brier"]

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
        The part that remains: how well the probabilities tell the samples apart.

    See Also
    --------
    calibkit.score_decomposition : Compute it.
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
) -> Decomposition:
    """Split the NLL or the Brier score into calibration and refinement.

    Refinement is the score after the probabilities are recalibrated by the temperature that is
    best on these very samples. Calibration is what that removes. So calibration is a lower bound:
    what a single temperature cannot fix counts as refinement. For the Brier score, calibration can
    be slightly negative, because the temperature minimises the NLL. Where the best temperature is
    0 or infinite, the limit is taken.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1, and the
        probability of every label is above 0.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    score : {"nll", "brier"}, default "nll"
        Which score to split.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    Decomposition
        ``(score, calibration, refinement)``.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, or `labels` is not one of
        integers.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, or if there is no
        sample; also if `score` is not one of its choices, if a label has the probability 0,
        or if the labels hold one class only.

    See Also
    --------
    calibkit.ScoreDecomposition : The same decomposition, fed batch by batch.
    calibkit.negative_log_likelihood : The score itself.
    calibkit.TemperatureScaler : The recalibration that defines refinement.

    References
    ----------
    Bröcker (2009). Reliability, Sufficiency, and the Decomposition of Proper Scores. Quarterly
    Journal of the Royal Meteorological Society 135. https://doi.org/10.1002/qj.456

    Berta, Holzmüller, Jordan and Bach (2025). Rethinking Early Stopping: Refine, Then Calibrate.
    Section 3, on temperature scaling as the recalibration. https://arxiv.org/abs/2501.19195

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
        *check_probabilities_and_labels(probabilities, labels, ignore_index=ignore_index)
    )
    _check_labels_possible(predictions)
    return _decompose(predictions.log_probabilities, predictions.labels, score)


def _check_labels_possible(predictions: Predictions) -> None:
    impossible = NLL().of_samples(predictions).isinf().nonzero()
    if len(impossible):
        raise ValueError(
            f"probabilities must be above 0 for every label, got 0 for {len(impossible)} of "
            f"{len(predictions.labels)}, first in row {int(impossible[0])}; the NLL is infinite "
            "there, look at what the model does with that input"
        )


def _decompose(log_probabilities: Tensor, labels: Tensor, score: Score) -> Decomposition:
    whole = _mean_score(log_probabilities, labels, score)
    # A probability of 0 stays practically 0 at every temperature.
    impossible = log_probabilities.isinf()
    lowest = log_probabilities.masked_fill(impossible, 0).min()
    logits = log_probabilities.masked_fill(impossible, float(lowest) - 700)
    try:
        with single_process():
            b = find_best_inverse_temperature(Rows(logits, labels)).inverse_temperature
        best = (b * logits).log_softmax(1)
    except NoOptimumError as error:
        best = _log_probabilities_in_the_limit(logits, error.limit)
    refinement = _mean_score(best, labels, score)
    return Decomposition(whole, whole - refinement, refinement)


def _log_probabilities_in_the_limit(logits: Tensor, temperature: float) -> Tensor:
    """Return what scaling gives at a temperature of 0 or infinity."""
    if temperature == 0:
        # The top classes of a row share its probability equally.
        top = (logits == logits.amax(1, keepdim=True)).double()
        return (top / top.sum(1, keepdim=True)).log()
    return torch.zeros_like(logits).log_softmax(1)


def _mean_score(log_probabilities: Tensor, labels: Tensor, score: Score) -> float:
    predictions = Predictions.from_log_probabilities(log_probabilities, labels)
    return float(_DEFINITIONS[score].of_samples(predictions).mean())


class ScoreDecomposition(CalibrationMetric):
    """The decomposition of a proper score, fed batch by batch.

    The logarithms of all probabilities are kept.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    score : {"nll", "brier"}, default "nll"
        Which score to split.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

    Raises
    ------
    TypeError
        If ``num_classes`` or ``ignore_index`` is not an integer.
    ValueError
        If ``num_classes`` is less than 2, or if ``score`` or ``input`` is not one of its
        choices.

    See Also
    --------
    calibkit.score_decomposition : The same decomposition as a function.
    calibkit.NegativeLogLikelihood : The score itself, in constant memory.

    References
    ----------
    As for `score_decomposition`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import ScoreDecomposition
    >>> metric = ScoreDecomposition(num_classes=2)
    >>> metric.update(torch.tensor([[0.9, 0.1]]).repeat(4, 1), torch.tensor([0, 0, 0, 1]))
    >>> {name: round(value.item(), 3) for name, value in metric.compute().items()}
    {'score': 0.655, 'calibration': 0.092, 'refinement': 0.562}
    """

    log_probabilities: list[Tensor]
    labels: list[Tensor]

    def __init__(self, num_classes: int, score: Score = "nll", **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        check_choice(score, "score", get_args(Score))
        self.score = score
        no_rows = torch.empty(0, num_classes, dtype=torch.float64)
        self._add_list_state("log_probabilities", no_rows)
        self._add_list_state("labels", torch.empty(0, dtype=torch.int64))

    def _add(self, predictions: Predictions) -> None:
        _check_labels_possible(predictions)
        self.log_probabilities.append(predictions.log_probabilities)
        self.labels.append(predictions.labels)

    def _value(self) -> dict[str, Tensor]:
        parts = _decompose(
            dim_zero_cat(self.log_probabilities), dim_zero_cat(self.labels), self.score
        )
        return {name: self._as_tensor(value) for name, value in parts._asdict().items()}
