"""Histogram binning and isotonic regression, which fit a curve to each class."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from calibkit._attributes import CheckedAttributes
from calibkit._checks import check_n_bins
from calibkit._rows import Rows
from calibkit.metrics._binning import uniform_bin
from calibkit.scalers._class_scaler import ClassScaler, FitDetails, ones_unless_given
from calibkit.scalers._exportable import expm1, log1p, log_add_exp, search_sorted


class HistogramScaler(CheckedAttributes, ClassScaler):
    r"""Histogram binning, which replaces a probability by the frequency of the class in its bin.

    Each class is calibrated on its own, against all other classes together. The scaler sorts the
    probabilities of the class on the calibration set into bins of equal width. If a bin holds $m$
    samples and $k$ of them belong to the class, a probability in this bin becomes

    $$\frac{k + \bar p}{m + 1}$$

    where $\bar p$ is the model's mean probability of the class in the bin. This mean acts as one
    more sample, which keeps every probability above 0. In an empty bin, a probability becomes the
    middle of the bin. At the end, every row is divided by its sum. The order of the classes in a
    row may change.

    Parameters
    ----------
    n_bins : int, default 15
        Number of bins of equal width over [0, 1], the same for every class.

    Attributes
    ----------
    values : Tensor of float64, shape (C, n_bins)
        The logarithms of the new probabilities, before every row is divided by its sum. Empty
        before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    Raises
    ------
    TypeError
        If `n_bins` is not an integer.
    ValueError
        If `n_bins` is less than 1.

    See Also
    --------
    calibkit.IsotonicScaler : Fit an increasing curve in place of a step function.
    calibkit.classwise_calibration_error : Measure the calibration of every class.
    calibkit.VectorScaler : Fit fewer parameters for each class.

    References
    ----------
    Zadrozny and Elkan (2001). Obtaining calibrated probability estimates from decision trees and
    naive Bayesian classifiers. ICML. https://dl.acm.org/doi/10.5555/645530.655658

    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Section 4.1, and section 4.2 for several classes. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> import torch
    >>> from calibkit import HistogramScaler
    >>> logits = torch.tensor([[3.0, 0.0]] * 10 + [[0.0, 3.0]] * 10).repeat(1000, 1)
    >>> labels = torch.tensor([0] * 9 + [1] + [1] * 6 + [0] * 4).repeat(1000)
    >>> scaler = HistogramScaler(n_bins=2).fit_logits(logits, labels)
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right 90% of the time, class 1 60%
    tensor([[0.9000, 0.1000],
            [0.4000, 0.6000]])
    """

    fitted_names = ("values",)
    _shapes: ClassVar = {"values": "CB"}
    _bounds: ClassVar = {"values": (-math.inf, 0)}
    _attribute_checks: ClassVar = {"n_bins": check_n_bins}

    def __init__(self, n_bins: int = 15) -> None:
        super().__init__()
        self.n_bins = n_bins
        self.values = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        """Number of classes that the scaler was fitted on."""
        return len(self.values)

    def _fit_classes(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> FitDetails:
        rows = Rows(logits.softmax(1), labels, weights=weights)
        count, positive, total = _count_class_bins(rows, self.n_bins)
        middle = (torch.arange(self.n_bins).to(total) + 0.5) / self.n_bins
        mean = torch.where(count > 0, total / torch.where(count > 0, count, 1), middle)
        # In float64 a mean may be rounded to 0, which has no logarithm.
        mean = mean.clamp(min=torch.finfo(mean.dtype).tiny)
        self.values = ((positive + mean) / (count + 1)).log().cpu()
        return FitDetails(
            n_parameters=int((count > 0).sum()), iterations=0, message="every bin has a formula"
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        n_classes, n_bins = self.values.shape
        # As in the fit, the type is float64, because rounding near an edge could change the bin.
        index = uniform_bin(logits.double().softmax(-1), n_bins)
        classes = torch.arange(n_classes, device=logits.device)
        return self.values.to(logits)[classes, index].log_softmax(-1)


class IsotonicScaler(ClassScaler):
    r"""Isotonic regression, which maps the probability of each class by an increasing curve.

    Each class is calibrated on its own, against all other classes together. Among all increasing
    functions of the model's probability $p$, the curve $\hat m$ has the least squared distance to
    the labels. The pool-adjacent-violators algorithm finds it. The curve is linear in $p$ between
    neighbouring samples and constant outside their range. For $n$ samples, the probability $p$
    becomes

    $$\frac{n \hat m(p) + p}{n + 1}$$

    where the model's own probability $p$ acts as one more sample, which keeps every probability
    above 0. At the end, every row is divided by its sum. The order of the classes in a row may
    change.

    Attributes
    ----------
    thresholds : Tensor of float64, shape (C, K)
        The logarithms of the probabilities at the corners of the curve of each class. In contrast
        to the probabilities themselves, they stay distinct near 0 and near 1. K is the largest
        number of corners, and a class with fewer corners repeats its last one. Empty before a fit.
    values : Tensor of float64, shape (C, K)
        The heights of the curve at these corners. Empty before a fit.
    n_samples : Tensor of float64, shape ()
        The number $n$ of samples, or the sum of their weights. Empty before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    See Also
    --------
    calibkit.HistogramScaler : Fit a step function in place of an increasing curve.
    calibkit.BetaScaler : Calibrate a binary model with three parameters.
    calibkit.classwise_calibration_error : Measure the calibration of every class.

    References
    ----------
    Zadrozny and Elkan (2002). Transforming classifier scores into accurate multiclass probability
    estimates. KDD. https://doi.org/10.1145/775047.775151

    Examples
    --------
    >>> import torch
    >>> from calibkit import IsotonicScaler
    >>> logits = torch.tensor([[3.0, 0.0]] * 10 + [[0.0, 3.0]] * 10).repeat(1000, 1)
    >>> labels = torch.tensor([0] * 9 + [1] + [1] * 6 + [0] * 4).repeat(1000)
    >>> scaler = IsotonicScaler().fit_logits(logits, labels)
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right 90% of the time, class 1 60%
    tensor([[0.9000, 0.1000],
            [0.4000, 0.6000]])
    """

    fitted_names = ("thresholds", "values", "n_samples")
    _shapes: ClassVar = {"thresholds": "CK", "values": "CK", "n_samples": ""}
    _bounds: ClassVar = {"thresholds": (-math.inf, 0), "values": (0, 1), "n_samples": (0, math.inf)}

    def __init__(self) -> None:
        super().__init__()
        self.thresholds = torch.empty(0, dtype=torch.float64)
        self.values = torch.empty(0, dtype=torch.float64)
        self.n_samples = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        """Number of classes that the scaler was fitted on."""
        return len(self.values)

    def _fit_classes(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> FitDetails:
        log_p = _precise_log_softmax(logits).cpu()
        y, w = labels.cpu(), ones_unless_given(weights, labels).cpu()
        curves = [_isotonic_curve(log_p[:, k], y == k, w) for k in range(logits.shape[1])]
        n_corners = max(len(thresholds) for thresholds, _ in curves)
        self.thresholds = torch.stack([_pad(x, n_corners) for x, _ in curves])
        self.values = torch.stack([_pad(y, n_corners) for _, y in curves])
        self.n_samples = w.sum()
        return FitDetails(
            n_parameters=sum(len(y.unique()) for _, y in curves),
            iterations=0,
            message="pooling adjacent violators ends at the optimum",
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        # Where the curve is steep, float32 has too few digits to tell the height.
        log_p = _classes_first(_precise_log_softmax(logits.double()))
        log_p = log_p.clamp(min=torch.finfo(log_p.dtype).min)  # A masked class has no slope.
        thresholds, values = self.thresholds.to(log_p), self.values.to(log_p)
        inside = torch.clamp(log_p, thresholds[:, :1], thresholds[:, -1:])
        above = search_sorted(thresholds, inside)
        below = (above - 1).clamp(min=0)
        low, high = thresholds.gather(1, below), thresholds.gather(1, above)
        # The weight is (p - p_low) / (p_high - p_low), in logarithms so that no digits cancel.
        span = torch.where(low < high, expm1(low - high), -1.0)
        weight = (inside - high).exp() * expm1(low - inside) / span
        curve = torch.lerp(values.gather(1, below), values.gather(1, above), weight)
        # In this form, log(n m + p) stays finite even if m is 0 and p is rounded to 0.
        mixed = log_add_exp(_log_or_infinity(curve * self.n_samples.to(log_p)), log_p)
        return _classes_last(mixed, logits).log_softmax(-1)


def _count_class_bins(rows: Rows, n_bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """Count samples and samples of the class, and sum the probabilities, each as (C, n_bins)."""
    shape = rows.n_classes, n_bins
    device = rows.labels.device
    first_bin = torch.arange(rows.n_classes, device=device) * n_bins
    sums = torch.zeros(3, rows.n_classes * n_bins, dtype=torch.float64, device=device)
    count, positive, total = sums
    for p, labels, weights in rows.chunks():
        each = ones_unless_given(weights, labels)
        cells = uniform_bin(p.clamp(0, 1).contiguous(), n_bins) + first_bin
        count.index_add_(0, cells.flatten(), each[:, None].expand(p.shape).flatten())
        positive.index_add_(0, cells.gather(1, labels[:, None])[:, 0], each)
        total.index_add_(0, cells.flatten(), (p * each[:, None]).flatten())
    return count.view(shape), positive.view(shape), total.view(shape)


def _isotonic_curve(log_p: Tensor, positives: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log-probabilities and the heights at the corners of the curve of one class."""
    # The import stands here because scikit-learn takes long to load.
    from sklearn.isotonic import IsotonicRegression

    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    regression.fit(log_p.numpy(), positives.double().numpy(), weights.numpy())
    return torch.tensor(regression.X_thresholds_), torch.tensor(regression.y_thresholds_)


def _pad(values: Tensor, length: int) -> Tensor:
    return torch.cat([values, values[-1:].expand(length - len(values))])


def _precise_log_softmax(logits: Tensor) -> Tensor:
    """Return torch's log_softmax, but keep all digits of log-probabilities near 0."""
    top, index = logits.max(-1, keepdim=True)
    z = logits - top
    others = z.exp().scatter(-1, index, 0.0).sum(-1, keepdim=True)
    return z - log1p(others)


def _log_or_infinity(values: Tensor) -> Tensor:
    """Return the logarithm, which is -inf with the slope 0 where a value is 0.

    The slope of the logarithm itself is infinite there, and times 0 it would be NaN.
    """
    positive = values > 0
    return torch.where(positive, torch.where(positive, values, 1.0).log(), -math.inf)


def _classes_first(scores: Tensor) -> Tensor:
    """Return scores (..., C) as (C, M), so that each class is searched in its own row."""
    return scores.reshape(-1, scores.shape[-1]).T.contiguous()


def _classes_last(class_scores: Tensor, like: Tensor) -> Tensor:
    return class_scores.T.reshape(like.shape)
