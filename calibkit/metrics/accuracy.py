"""The share of samples whose top class is the label."""

from torch import Tensor

from calibkit._checks import check_probability_rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import MeanMetric, Predictions, measure


class Accuracy(MeanMetric):
    """The definition of the accuracy."""

    def of_samples(self, predictions: Predictions) -> Tensor:
        """Return 1 where the top class is the label, otherwise 0."""
        return predictions.correct.double()


def accuracy(
    probabilities: Probabilities,
    labels: Labels,
    *,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    """Compute the share of samples whose top class is the label.

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
        A fraction between 0 and 1.

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
    calibkit.calibration_error : Measure how far the confidences are from the accuracy.
    calibkit.evaluate : Report the accuracy with its interval, beside the other metrics.

    Examples
    --------
    >>> import torch
    >>> from calibkit import accuracy
    >>> accuracy(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    0.5
    """
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    return measure(rows, Accuracy())[0]
