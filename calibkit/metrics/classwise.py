"""The classwise calibration error, which is the mean over classes of their ECEs."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from calibkit._checks import check_n_bins, check_probability_rows
from calibkit._types import Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics._binning import uniform_bin
from calibkit.metrics.base import Predictions, SumsMetric, Terms, measure


@dataclass(frozen=True)
class ClasswiseError(SumsMetric):
    """The definition of the classwise calibration error.

    For every class, a sample adds one number to the bin that holds the probability of that class:
    1 or 0 for whether the class is the label, minus the probability. No counts are needed, because
    the share of a bin times its gap is the absolute value of this sum, divided by the number of all
    samples.
    """

    n_bins: int = 15

    copies_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_n_bins(self.n_bins)

    def n_cells(self, n_classes: int) -> int:
        """Return the number of bins of all classes together."""
        return n_classes * self.n_bins

    def terms(self, predictions: Predictions) -> Terms:
        """Return what each sample adds to one bin of every class."""
        p = predictions.probabilities.double()
        bins = uniform_bin(p.clamp(0, 1).contiguous(), self.n_bins)
        first_bin = torch.arange(p.shape[1], device=p.device) * self.n_bins
        excess = (-p).scatter_add_(1, predictions.labels[:, None], torch.ones_like(p[:, :1]))
        return Terms(bins + first_bin, (excess,))

    def value(self, sums: Floats, n: float) -> Floats:
        """Return the mean over classes of the sum of the gaps, each times the share of its bin."""
        n_classes = sums.shape[-1] // self.n_bins
        return np.asarray(np.abs(sums[..., 0, :]).sum(-1) / n / n_classes)


def classwise_calibration_error(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    """Compute the classwise calibration error, the mean over classes of the ECE of each class.

    For each class, all samples are sorted into bins of equal width by the probability of that
    class. The gap of a bin is the distance between the mean of that probability and the share of
    samples whose label is the class.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.

    Returns
    -------
    float
        A fraction between 0 and 1. With many classes it is small, because most probabilities
        are small.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, if `n_bins` is not an integer, or if `ignore_index` is neither an integer
        nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, or
        if `n_bins` is less than 1. The same holds if a weight is negative, NaN or infinite, or if
        all of them are 0.

    See Also
    --------
    calibkit.ClasswiseCalibrationError : Compute the same metric batch by batch.
    calibkit.calibration_error : Compute the error of the top class alone.

    References
    ----------
    Kull, Perello-Nieto, Kängsepp, Silva Filho, Song and Flach (2019). Beyond Temperature Scaling.
    NeurIPS. Section 2. https://arxiv.org/abs/1910.12656

    Nixon, Dusenberry, Zhang, Jerfel and Tran (2019). Measuring Calibration in Deep Learning. CVPR
    Workshops. The static calibration error. https://arxiv.org/abs/1904.01685

    Examples
    --------
    >>> import torch
    >>> from calibkit import classwise_calibration_error
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
    >>> classwise_calibration_error(probabilities, torch.tensor([0, 0]))
    0.25
    """
    metric = ClasswiseError(n_bins)
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    return measure(rows, metric)[0]
