"""Calibration errors of probabilities, as plain functions."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit.bins import (
    Counts,
    Floats,
    Labels,
    Probabilities,
    binned_error,
    reliability_bins,
    top_label,
    uniform_bin,
)
from calibkit.checks import check_choice, check_n_bins, check_probabilities_and_labels
from calibkit.rows import Rows
from calibkit.smooth import GRID_SIZE, add_residuals, smooth_error

Weights = Counts | Floats
OfWeights = Callable[[Weights], Floats]


def calibration_error(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    norm: str = "l1",
    binning: str = "uniform",
    debias: bool = False,
    ignore_index: int | None = None,
) -> float:
    r"""Calibration error of the top class, in bins: ECE, RMSCE or MCE.

    With the gap between accuracy and confidence of bin b, and its share of the samples, the
    norms are l1, :math:`\sum_b \frac{n_b}{n} \lvert \mathrm{acc}_b - \mathrm{conf}_b \rvert`
    (ECE), l2, the root of the mean square (RMSCE), and max, the largest gap (MCE).

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins.
    norm : {"l1", "l2", "max"}, default "l1"
        How the bins' gaps are averaged.
    binning : {"uniform", "quantile"}, default "uniform"
        Bins of equal width over [0, 1], or of equal mass; see `reliability_bins`.
    debias : bool, default False
        For norm "l2", take from every bin's square gap what chance alone is expected to give,
        acc (1 - acc) / (n_b - 1), leave out bins of one sample, and never go below 0.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    float
        A fraction between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015). Obtaining Well Calibrated Probabilities Using Bayesian
    Binning. AAAI. https://arxiv.org/abs/1411.0160

    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Equations 3 and 5. https://arxiv.org/abs/1706.04599

    Kumar, Liang and Ma (2019). Verified Uncertainty Calibration. NeurIPS. The debiased l2, section
    5. https://arxiv.org/abs/1909.10155

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
    check_norm(norm, debias)
    bins = reliability_bins(
        probabilities, labels, n_bins=n_bins, binning=binning, ignore_index=ignore_index
    )
    return float(binned_error(bins.count, bins.correct, bins.confidence, norm, debias))


def classwise_calibration_error(
    probabilities: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    ignore_index: int | None = None,
) -> float:
    """Mean over classes of the ECE of "is it this class?".

    For every class all samples are binned by the probability of that class, in bins of equal
    width; the gap of a bin is between that probability and how often the class is the label.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    float
        A fraction between 0 and 1. With many classes it is small, because most probabilities
        are.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

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
    check_n_bins(n_bins)
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    counted = count_class_bins(scores, targets, n_bins)
    count, positive, total = (part.cpu() for part in counted)
    return float(binned_error(count.numpy(), positive.numpy(), total.numpy()).mean())


def smooth_calibration_error(
    probabilities: Probabilities, labels: Labels, *, ignore_index: int | None = None
) -> float:
    r"""Smooth calibration error (smECE) of the top class: no bins to choose.

    The residuals, correct minus confidence, are smoothed over the confidence by a Gaussian kernel
    that reflects at 0 and 1, and the size of the result is integrated. The kernel's width is the
    one that equals the error found with it, but no narrower than 0.00034.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    float
        A fraction between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Błasiok and Nakkiran (2024). Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing.
    ICLR. Section 3. https://arxiv.org/abs/2309.12236

    Examples
    --------
    >>> import torch
    >>> from calibkit import smooth_calibration_error
    >>> probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    >>> labels = (torch.arange(1000) >= 700).long()  # right in 70 %
    >>> round(smooth_calibration_error(probabilities, labels), 6)
    0.1
    """
    confidence, correct = _top_label(probabilities, labels, ignore_index)
    grid = torch.zeros(GRID_SIZE, dtype=torch.float64)
    add_residuals(grid, confidence, correct)
    return smooth_error(grid.numpy(), len(confidence))


def ks_calibration_error(
    probabilities: Probabilities, labels: Labels, *, ignore_index: int | None = None
) -> float:
    r"""Kolmogorov-Smirnov calibration error of the top class: no bins to choose.

    The largest distance between the cumulative sums, in order of confidence, of confidences and
    of correct predictions,
    :math:`\max_c \lvert \frac{1}{n} \sum_{i: p_i \le c} (p_i - \mathrm{correct}_i) \rvert`.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    float
        A fraction between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Gupta, Rahimi, Ajanthan, Mensink, Sminchisescu and Hartley (2021). Calibration of Neural
    Networks using Splines. ICLR. Section 3.1. https://arxiv.org/abs/2006.12800

    Examples
    --------
    >>> import torch
    >>> from calibkit import ks_calibration_error
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> round(ks_calibration_error(probabilities, torch.tensor([0, 1, 1])), 6)  # (1.5 - 1) / 3
    0.166667
    """
    confidence, correct = _top_label(probabilities, labels, ignore_index)
    return ks_distance(confidence.numpy(), correct.numpy())


def check_norm(norm: str, debias: bool) -> None:
    check_choice(norm, "norm", ("l1", "l2", "max"))
    if debias and norm != "l2":
        raise ValueError(f'debias is for norm "l2", got norm {norm!r}; pass norm="l2"')


def count_class_bins(
    probabilities: Tensor, labels: Tensor, n_bins: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples, samples of the class, and sums of probabilities, each of shape (C, n_bins)."""
    n_classes = probabilities.shape[1]
    size = n_classes * n_bins
    first_bin = torch.arange(n_classes, device=labels.device) * n_bins
    count, positive = torch.zeros(2, size, dtype=torch.int64, device=labels.device)
    total = torch.zeros(size, dtype=torch.float64, device=labels.device)
    for chunk, targets in Rows(probabilities, labels).chunks():
        p = chunk.to(torch.float64)
        index = uniform_bin(p.clamp(0, 1).contiguous(), n_bins) + first_bin
        count += torch.bincount(index.flatten(), minlength=size)
        positive += torch.bincount(index.gather(1, targets[:, None])[:, 0], minlength=size)
        total += torch.bincount(index.flatten(), p.flatten(), size)
    shape = (n_classes, n_bins)
    return count.view(shape), positive.view(shape), total.view(shape)


def ks_distance(confidence: Floats, correct: NDArray[np.bool_]) -> float:
    return float(ks_of_weights(confidence, correct)(np.ones((1, len(confidence))))[0])


def ks_of_weights(confidence: Floats, correct: NDArray[np.bool_]) -> OfWeights:
    """The Kolmogorov-Smirnov error of samples (N,) as a function of weights (R, N)."""
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    gap = ordered - correct[order]
    # samples of one confidence have no order among themselves
    last_of_equals = np.append(ordered[1:] != ordered[:-1], True)

    def of_weights(weights: Weights) -> Floats:
        distance = np.cumsum(weights[:, order] * gap, axis=1)[:, last_of_equals]
        return np.asarray(np.abs(distance).max(1) / len(gap))

    return of_weights


def _top_label(
    probabilities: Probabilities, labels: Labels, ignore_index: int | None
) -> tuple[Tensor, Tensor]:
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    confidence, correct = top_label(scores, targets)
    return confidence.cpu(), correct.cpu()
