"""Proper scores: the Brier score and the negative log-likelihood (NLL)."""

from typing import ClassVar

from torch import Tensor

from calibkit._checks import check_probability_rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import MeanMetric, Predictions, measure


class Brier(MeanMetric):
    """The definition of the Brier score."""

    copies_rows: ClassVar[bool] = True

    def of_samples(self, predictions: Predictions) -> Tensor:
        """Return the squared distance of each row from the one-hot label."""
        p = predictions.probabilities.double()
        p_label = p.gather(1, predictions.labels[:, None])[:, 0]
        return p.square().sum(1) - 2 * p_label + 1


class NLL(MeanMetric):
    """The definition of the negative log-likelihood."""

    def of_samples(self, predictions: Predictions) -> Tensor:
        """Return minus the logarithm of the probability of each label."""
        return -predictions.label_log_probability


def brier_score(
    probabilities: Probabilities,
    labels: Labels,
    *,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    r"""Compute the Brier score, the mean squared distance of the probabilities from the label.

    The label is represented by a one-hot row:
    :math:`\frac{1}{n} \sum_i \sum_c (p_{ic} - [y_i = c])^2`.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.

    Returns
    -------
    float
        A number from 0, the best value, to 2.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, or if `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, or if there is no sample.
        The same holds if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.BrierScore : Compute the same metric batch by batch.
    calibkit.negative_log_likelihood : Compute the other proper score.
    calibkit.score_decomposition : Split the score into calibration and refinement.

    References
    ----------
    Brier (1950). Verification of Forecasts Expressed in Terms of Probability. Monthly Weather
    Review 78. Equation 2. https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2

    Examples
    --------
    >>> import torch
    >>> from calibkit import brier_score
    >>> brier_score(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    0.625
    """
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    return measure(rows, Brier())[0]


def negative_log_likelihood(
    probabilities: Probabilities,
    labels: Labels,
    *,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    """Compute the NLL, the mean of minus the logarithm of the label's probability, in nats.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.

    Returns
    -------
    float
        A number from 0, the best value, to infinity. It is infinite if a label has the probability
        0.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, or if `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, or if there is no sample.
        The same holds if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.NegativeLogLikelihood : Compute the same metric batch by batch, also from logits.
    calibkit.brier_score : Compute the other proper score.
    calibkit.score_decomposition : Split the score into calibration and refinement.

    References
    ----------
    Good (1952). Rational Decisions. Journal of the Royal Statistical Society B 14. Section 6.
    https://doi.org/10.1111/j.2517-6161.1952.tb00104.x

    Examples
    --------
    >>> import torch
    >>> from calibkit import negative_log_likelihood
    >>> negative_log_likelihood(torch.tensor([[0.5, 0.5]]), torch.tensor([0]))
    0.6931471805599453
    """
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    return measure(rows, NLL())[0]
