"""Proper scores and their parts as torchmetrics classes, fed batch by batch."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from calibkit.checks import check_choice
from calibkit.metrics import CalibrationMetric
from calibkit.scores import brier_terms, check_labels_possible, decompose, nll_terms


class MeanScore(CalibrationMetric):
    """A proper score: the mean of one float64 term a sample."""

    total: Tensor

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self.add_state("total", torch.tensor(0, dtype=torch.float64), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        """The mean over all samples so far."""
        self._check_not_empty()
        return self.total / self.n


class BrierScore(MeanScore):
    """`brier_score`, batch by batch; the state is one count and one float64 sum.

    Parameters
    ----------
    num_classes : int
        Number of classes; 2 for a binary model.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

    References
    ----------
    As for `brier_score`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import BrierScore
    >>> metric = BrierScore(num_classes=2)
    >>> metric.update(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> metric.compute().item()
    0.625
    """

    def _add(self, scores: Tensor, labels: Tensor) -> None:
        self.total.add_(brier_terms(self._probabilities(scores), labels).sum())


class NegativeLogLikelihood(MeanScore):
    """`negative_log_likelihood`, batch by batch; the state is one count and one float64 sum.

    Parameters
    ----------
    num_classes : int
        Number of classes; 2 for a binary model.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

    References
    ----------
    As for `negative_log_likelihood`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import NegativeLogLikelihood
    >>> metric = NegativeLogLikelihood(num_classes=2, input="logits")
    >>> metric.update(torch.tensor([[1000.0, 0.0]]), torch.tensor([1]))
    >>> metric.compute().item()
    1000.0
    """

    def _add(self, scores: Tensor, labels: Tensor) -> None:
        self.total.add_(nll_terms(self._log_probabilities(scores), labels).sum())


class ScoreDecomposition(CalibrationMetric):
    """`score_decomposition`, batch by batch; the logarithms of all probabilities are
    kept.

    Parameters
    ----------
    num_classes : int
        Number of classes; 2 for a binary model.
    score : {"nll", "brier"}, default "nll"
        Which score to split.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

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

    def __init__(
        self,
        num_classes: int,
        score: str = "nll",
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        check_choice(score, "score", ("nll", "brier"))
        self.score = score
        self._keep("log_probabilities", torch.empty(0, num_classes, dtype=torch.float64))
        self._keep("labels", torch.empty(0, dtype=torch.int64))

    def _add(self, scores: Tensor, labels: Tensor) -> None:
        log_probabilities = self._log_probabilities(scores)
        check_labels_possible(log_probabilities, labels)
        self.log_probabilities.append(log_probabilities)
        self.labels.append(labels)

    def compute(self) -> dict[str, Tensor]:
        """Score, calibration and refinement of all samples so far."""
        self._check_not_empty()
        parts = decompose(
            dim_zero_cat(self.log_probabilities), dim_zero_cat(self.labels), self.score
        )
        return {name: self._value(value) for name, value in parts._asdict().items()}
