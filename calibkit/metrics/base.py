"""Definitions of metrics: what each sample adds to sums, and which value the sums give.

A metric that is a function of sums over the samples is written once, as a `SumsMetric`. The plain
function, the streaming class, the bootstrap, the noise floor and the reports all use it.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from calibkit._checks import check_choice
from calibkit._rows import Rows
from calibkit._types import Floats

ScoreKind = Literal["probabilities", "logits", "log-probabilities"]
Of = Literal["positive", "top"]

# A larger chunk hides the cost of the calls better. But new memory is slow, so where a metric makes
# float64 copies of the rows, they must be small enough for memory to be used again.
_CHUNK_ELEMENTS, _CHUNK_ELEMENTS_IF_COPIED = 2**20, 2**18


class JudgedSamples(NamedTuple):
    """The confidences of samples, whether they are correct, and their weights, on the CPU.

    Attributes
    ----------
    confidence : Tensor of float64, shape (N,)
        The probabilities that are judged.
    correct : Tensor of bool, shape (N,)
        Whether what they predict is true.
    weights : Tensor of float64, shape (N,), or None
        How much each sample counts. None means that every weight is 1.
    """

    confidence: Tensor
    correct: Tensor
    weights: Tensor | None

    @property
    def total_weight(self) -> float:
        """The sum of the weights, which is the number of samples if all weights are 1."""
        return len(self.confidence) if self.weights is None else float(self.weights.sum())


class Predictions:
    """Predictions for labelled samples, computed from probabilities or from logits.

    Parameters
    ----------
    scores : Tensor, shape (N, C)
        Probabilities or logits.
    labels : Tensor of int64, shape (N,)
        Class indices.
    weights : Tensor of float64, shape (N,), optional
        How much each sample counts. By default every weight is 1.
    scores_are : {"probabilities", "logits", "log-probabilities"}, default "probabilities"
        What the scores are.
    """

    def __init__(
        self,
        scores: Tensor,
        labels: Tensor,
        weights: Tensor | None = None,
        scores_are: ScoreKind = "probabilities",
    ) -> None:
        self.scores = scores
        self.labels = labels
        self.weights = weights
        self.scores_are = scores_are

    @cached_property
    def probabilities(self) -> Tensor:
        """Probabilities (N, C): as they were given, or else in float64."""
        if self.scores_are == "logits":
            return self.scores.double().softmax(1)
        return self.scores if self.scores_are == "probabilities" else self.scores.double().exp()

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Logarithms of the probabilities (N, C), in float64."""
        if self.scores_are == "logits":
            return self.scores.double().log_softmax(1)
        scores = self.scores.double()
        return scores.clamp(max=1).log() if self.scores_are == "probabilities" else scores

    @cached_property
    def label_log_probability(self) -> Tensor:
        """Logarithms of the probabilities of the labels (N,), in float64."""
        label = self.labels[:, None]
        if self.scores_are == "probabilities":  # The other logarithms would be wasted.
            return self.scores.gather(1, label)[:, 0].double().clamp(max=1).log()
        return self.log_probabilities.gather(1, label)[:, 0]

    @cached_property
    def correct(self) -> Tensor:
        """Whether the top class is the label, as booleans (N,)."""
        return _argmax(self.probabilities) == self.labels

    def confidence(self, of: Of | None) -> Tensor:
        """Return the probabilities (N,) that are judged, in float64."""
        return confidences(self.probabilities, of)

    def judged(self, of: Of | None) -> JudgedSamples:
        """Return the confidences, whether they are correct, and the weights, on the CPU."""
        weights = None if self.weights is None else self.weights.cpu()
        return JudgedSamples(self.confidence(of).cpu(), self.outcome(of).cpu(), weights)

    def outcome(self, of: Of | None) -> Tensor:
        """Return whether what the confidences predict is true, as booleans (N,)."""
        judged = what_is_judged(of, self.scores.shape[1])
        return self.correct if judged == "top" else self.labels == 1


def what_is_judged(of: Of | None, n_classes: int) -> Of:
    """Return which probability is judged: for two classes P(y = 1), unless another is named."""
    if of is not None:
        check_choice(of, "of", get_args(Of))
    if of == "positive" and n_classes > 2:
        raise ValueError(
            f'of="positive" needs two classes, got {n_classes}; pass of="top", or judge class k '
            "with the probabilities probabilities[:, k] and the labels labels == k"
        )
    return of or ("positive" if n_classes == 2 else "top")


def confidences(probabilities: Tensor, of: Of | None = None) -> Tensor:
    """Return the probabilities (N,) of rows (N, C) that are judged, in float64."""
    judged = what_is_judged(of, probabilities.shape[1])
    confidence = probabilities.amax(1) if judged == "top" else probabilities[:, 1]
    # An average of float32 probabilities may leave [0, 1] by a rounding error.
    return confidence.double().clamp(0, 1)


def _argmax(probabilities: Tensor) -> Tensor:
    # On the CPU, numpy takes a quarter of torch's time.
    if probabilities.device.type == "cpu" and probabilities.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(probabilities.numpy().argmax(1))
    return probabilities.argmax(1)


class Terms(NamedTuple):
    """What each sample adds to the sums of a metric.

    Attributes
    ----------
    cells : Tensor of int64, shape (N,) or (N, K), or None
        The cells of the sums to which each sample adds. None means that there is only one cell.
    columns : tuple of Tensor of float64, each with the shape of the cells, or (N,)
        What each sample adds to the columns of its cells.
    """

    cells: Tensor | None
    columns: tuple[Tensor, ...]

    def add_to(self, sums: Tensor, weights: Tensor | None = None) -> None:
        """Add the terms of all samples, times their weights (N,), to sums (columns, cells)."""
        for total, unweighted in zip(sums, self.columns, strict=True):
            column = unweighted
            if weights is not None:
                column = unweighted * weights.view(-1, *[1] * (unweighted.ndim - 1))
            if self.cells is None:
                total.add_(column.sum())
            else:
                total.index_add_(0, self.cells.flatten(), column.flatten())


class SumsMetric(ABC):
    """The definition of a metric that is a function of sums over the samples."""

    n_columns: ClassVar[int] = 1
    # Whether the terms are computed from a float64 copy of the rows.
    copies_rows: ClassVar[bool] = False

    def n_cells(self, n_classes: int) -> int:
        """Return the number of cells in each column of the sums."""
        return 1

    def no_sums(self, n_classes: int) -> Tensor:
        """Return the sums (columns, cells) over no samples, which are zeros in float64."""
        return torch.zeros(self.n_columns, self.n_cells(n_classes), dtype=torch.float64)

    @abstractmethod
    def terms(self, predictions: Predictions) -> Terms:
        """Return what each sample adds to the sums."""

    @abstractmethod
    def value(self, sums: Floats, n: float) -> Floats:
        """Return the metric (...) of samples of total weight n from sums (..., columns, cells)."""


class MeanMetric(SumsMetric):
    """The definition of a metric that is the mean of one number per sample."""

    @abstractmethod
    def of_samples(self, predictions: Predictions) -> Tensor:
        """Return one number for each sample, as float64 of shape (N,)."""

    def terms(self, predictions: Predictions) -> Terms:
        """Return the numbers whose mean is the metric."""
        return Terms(None, (self.of_samples(predictions),))

    def value(self, sums: Floats, n: float) -> Floats:
        """Return the mean."""
        return np.asarray(sums[..., 0, 0] / n)


def measure(
    rows: Rows,
    *metrics: SumsMetric,
    scores_are: ScoreKind = "probabilities",
) -> tuple[float, ...]:
    """Return the value of each metric over all rows, which are read once."""
    sums = [metric.no_sums(rows.n_classes).to(rows.scores.device) for metric in metrics]
    copies = scores_are != "probabilities" or any(metric.copies_rows for metric in metrics)
    for chunk in rows.chunks(_CHUNK_ELEMENTS_IF_COPIED if copies else _CHUNK_ELEMENTS):
        predictions = Predictions(*chunk, scores_are)
        for metric, total in zip(metrics, sums, strict=True):
            metric.terms(predictions).add_to(total, predictions.weights)
    n = rows.total_weight
    values = (
        metric.value(total.cpu().numpy(), n) for metric, total in zip(metrics, sums, strict=True)
    )
    return tuple(map(float, values))
