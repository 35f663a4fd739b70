"""The binned calibration error: ECE, RMSCE and MCE."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from calibkit._checks import check_choice, check_flag, check_n_bins, check_probability_rows
from calibkit._types import Binning, Counts, Floats, Labels, Probabilities, SampleWeight
from calibkit.metrics._binning import quantile_bin, uniform_bin
from calibkit.metrics.base import JudgedSamples, Of, Predictions, SumsMetric, Terms, measure

Norm = Literal["l1", "l2", "max"]


@dataclass(frozen=True)
class BinnedCalibrationError(SumsMetric):
    """The definition of the calibration error in bins of equal width.

    Every sample adds three numbers to its bin: 1 for the count, 1 or 0 for whether it is correct,
    and its confidence.
    """

    n_bins: int = 15
    norm: Norm = "l1"
    debias: bool = False
    of: Of | None = None

    n_columns: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check_n_bins(self.n_bins)
        check_choice(self.norm, "norm", get_args(Norm))
        check_flag(self.debias, "debias")
        if self.debias and self.norm != "l2":
            raise ValueError(f'debias is for norm "l2", got norm {self.norm!r}; pass norm="l2"')
        if self.of is not None:
            check_choice(self.of, "of", get_args(Of))

    def n_cells(self, n_classes: int) -> int:
        """Return the number of bins."""
        return self.n_bins

    def terms(self, predictions: Predictions) -> Terms:
        """Return what each sample adds to its bin."""
        confidence = predictions.confidence(self.of)
        outcome = predictions.outcome(self.of)
        return _terms_in(uniform_bin(confidence, self.n_bins), confidence, outcome)

    def sums_in(
        self, bins: Tensor, confidence: Tensor, correct: Tensor, weights: Tensor | None = None
    ) -> Floats:
        """Return the sums over samples whose bins were chosen in another way."""
        sums = self.no_sums(n_classes=2)
        _terms_in(bins, confidence, correct).add_to(sums, weights)
        return sums.numpy()

    def value(self, sums: Floats, n: float) -> Floats:
        """Return the calibration error of the bins along the last axis."""
        count, n_correct, confidence_sum = (sums[..., column, :] for column in range(3))
        return binned_error(count, n_correct, confidence_sum, self.norm, self.debias)


def _terms_in(bins: Tensor, confidence: Tensor, correct: Tensor) -> Terms:
    return Terms(bins, (torch.ones_like(confidence), correct.double(), confidence))


def binned_error(
    count: Counts | Floats,
    n_correct: Counts | Floats,
    confidence_sum: Floats,
    norm: Norm = "l1",
    debias: bool = False,
) -> Floats:
    """Return the calibration error of the bins along the last axis."""
    # The count of an empty bin does not matter, since everything else is 0 there. Another count is
    # positive, but less than 1 if the weights of its samples are small.
    positive = np.where(count > 0, count, 1)
    weight = count / count.sum(-1, keepdims=True)
    gap = np.abs(n_correct - confidence_sum) / positive
    if norm == "l1":
        return np.asarray((weight * gap).sum(-1))
    if norm == "max":
        return np.asarray(gap.max(-1))
    square = gap**2
    if debias:
        accuracy = n_correct / positive
        square -= accuracy * (1 - accuracy) / np.where(count > 1, count - 1, 1)
        weight = np.where(count > 1, weight, 0)
    return np.asarray(np.sqrt(np.maximum((weight * square).sum(-1), 0)))


def calibration_error(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    norm: Norm = "l1",
    binning: Binning = "uniform",
    debias: bool = False,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
) -> float:
    r"""Compute the binned calibration error: ECE, RMSCE or MCE.

    For two classes, the confidence of a sample is P(y = 1), and the sample counts as correct if its
    label is 1. For more classes, the confidence is the probability of the top class.

    Samples are sorted into bins by their confidence. Bin b holds n_b of the n samples, and its gap
    is the distance between its accuracy and its mean confidence. The norm "l1" gives
    :math:`\sum_b \frac{n_b}{n} \lvert \mathrm{acc}_b - \mathrm{conf}_b \rvert`, the expected
    calibration error (ECE). The norm "l2" gives the root of the mean square gap (RMSCE), and
    "max" gives the largest gap (MCE).

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins.
    norm : {"l1", "l2", "max"}, default "l1"
        How the gaps of the bins are combined.
    binning : {"uniform", "quantile"}, default "uniform"
        Whether the bins have equal width over [0, 1], or hold equally many samples. See
        `reliability_bins`.
    debias : bool, default False
        Whether to subtract from the squared gap of every bin what chance alone is expected to add,
        acc (1 - acc) / (n_b - 1). This needs the norm "l2". Bins with one sample are then left
        out, and the result is never below 0.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
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
        tensor or array, if `n_bins` is not an integer, if `debias` is neither True nor False, or if
        `ignore_index` is neither an integer nor None.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no sample, if
        `n_bins` is less than 1, if `norm` or `binning` is not one of its choices, or if `debias` is
        asked for another norm than "l2". The same holds if a weight is negative, NaN or infinite,
        or if all of them are 0.

    See Also
    --------
    calibkit.CalibrationError : Compute the same metric batch by batch.
    calibkit.reliability_bins : Return the bins themselves.
    calibkit.noise_floor : Compute the ECE that a perfectly calibrated model would show.
    calibkit.smooth_calibration_error : Compute a calibration error without bins.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015). Obtaining Well Calibrated Probabilities Using Bayesian
    Binning. AAAI. https://arxiv.org/abs/1411.0160

    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Equations 3 and 5. https://arxiv.org/abs/1706.04599

    Kumar, Liang and Ma (2019). Verified Uncertainty Calibration. NeurIPS. Section 5 defines
    the debiased error. https://arxiv.org/abs/1909.10155

    Examples
    --------
    >>> import torch
    >>> from calibkit import calibration_error
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> labels = torch.tensor([0, 1, 1])
    >>> calibration_error(probabilities, labels, n_bins=5)  # two thirds of .25
    0.16666666666666666
    >>> calibration_error(probabilities, labels, n_bins=5, norm="max")
    0.25
    """
    metric = BinnedCalibrationError(n_bins, norm, debias, of)
    check_choice(binning, "binning", get_args(Binning))
    rows = check_probability_rows(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    if binning == "uniform":
        return measure(rows, metric)[0]
    return quantile_error(metric, Predictions(*rows.flat()).judged(of))


def quantile_error(metric: BinnedCalibrationError, judged: JudgedSamples) -> float:
    """Return the error in bins of equal mass."""
    bins = quantile_bin(judged.confidence, metric.n_bins, judged.weights)
    return float(metric.value(metric.sums_in(bins, *judged), judged.total_weight))
