"""The decomposition of proper scores, batch by batch."""

import math
from typing import Any, get_args

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from calibkit._checks import check_choice
from calibkit.metrics.base import Predictions
from calibkit.metrics.decomposition import (
    Decomposition,
    Score,
    check_labels_possible,
    decompose,
    mean_score,
)
from calibkit.metrics.streamed._base import CalibrationMetric, weights_of


class ScoreDecomposition(CalibrationMetric):
    """The decomposition of a proper score, computed batch by batch.

    The logarithms of all probabilities are kept. Besides the errors that every metric raises,
    `update` raises a ValueError if a label has the probability 0, and `compute` raises one if the
    labels hold one class only.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    score : {"nll", "brier"}, default "nll"
        Which score to split.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        Further options, which are passed to ``torchmetrics.Metric``.

    Raises
    ------
    TypeError
        If ``num_classes`` is not an integer, or if ``ignore_index`` is neither an integer nor None.
    ValueError
        If ``num_classes`` is less than 2, or if ``score`` or ``input`` is not one of its
        choices.

    See Also
    --------
    calibkit.score_decomposition : Compute the same decomposition with a function.
    calibkit.NegativeLogLikelihood : Compute the score itself, in constant memory.

    References
    ----------
    See `score_decomposition`.

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
    weights: list[Tensor]

    def __init__(self, num_classes: int, score: Score = "nll", **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        check_choice(score, "score", get_args(Score))
        self.score = score
        no_rows = torch.empty(0, num_classes, dtype=torch.float64)
        self._add_list_state("log_probabilities", no_rows)
        self._add_list_state("labels", torch.empty(0, dtype=torch.int64))
        self._add_list_state("weights", torch.empty(0, dtype=torch.float64))

    def _add(self, predictions: Predictions) -> None:
        check_labels_possible(predictions)
        # The labels may share their memory with the batch, which a stream may use again. All are
        # computed before one is kept, so that a failure leaves lists of equal length.
        log_probabilities, labels = predictions.log_probabilities, predictions.labels.clone()
        weights = weights_of(predictions)
        self.log_probabilities.append(log_probabilities)
        self.labels.append(labels)
        self.weights.append(weights)

    def _value(self) -> dict[str, Tensor]:
        predictions = Predictions(
            dim_zero_cat(self.log_probabilities),
            dim_zero_cat(self.labels),
            dim_zero_cat(self.weights),
            "log-probabilities",
        )
        try:
            parts = decompose(predictions, self.score)
        except (ValueError, RuntimeError):
            if not self._computes_one_batch:
                raise
            # A batch of one class only has no best temperature, but all batches together may.
            whole = mean_score(predictions, self.score)
            parts = Decomposition(whole, math.nan, math.nan)
        return {name: self._as_tensor(value) for name, value in parts._asdict().items()}

    def _value_of_no_samples(self) -> dict[str, Tensor]:
        return {name: self._as_tensor(math.nan) for name in Decomposition._fields}
