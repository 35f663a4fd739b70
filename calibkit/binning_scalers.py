"""Histogram binning and isotonic regression: one step function or monotone curve a class."""

import torch
from sklearn.isotonic import IsotonicRegression
from torch import Tensor

from calibkit.bins import uniform_bin
from calibkit.checks import check_n_bins
from calibkit.functional import count_class_bins
from calibkit.scalers import ClassScaler, FitOutcome


class HistogramScaler(ClassScaler):
    r"""Histogram binning: a probability becomes the share of positives in its bin.

    Every class against the rest: its probabilities on the calibration set are counted in bins of
    equal width, and a bin of $m$ samples with $k$ of the class gives

    $$\frac{k + \bar p}{m + 1}$$

    where $\bar p$ is the model's mean probability of the class in the bin, a pseudo-sample
    that keeps every probability above 0; an empty bin gives its middle. Rows are then divided by
    their sum. Classes whose probabilities share a bin lose their order.

    Parameters
    ----------
    n_bins : int, default 15
        Bins of equal width over [0, 1], for every class.

    Attributes
    ----------
    values : Tensor of float64, shape (C, n_bins)
        The logarithm of what a bin gives, before rows are divided by their sum. Empty before a
        fit.
    summary : FitSummary or None
        What the fit did; None before a fit.

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
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right in 90 %, class 1 in 60 %
    tensor([[0.9000, 0.1000],
            [0.4000, 0.6000]])
    """

    fitted_names = ("values",)

    def __init__(self, n_bins: int = 15) -> None:
        super().__init__()
        check_n_bins(n_bins)
        self.n_bins = int(n_bins)
        self.values = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        return len(self.values)

    def _fit_classes(self, logits: Tensor, labels: Tensor) -> FitOutcome:
        count, positive, total = count_class_bins(logits.softmax(1), labels, self.n_bins)
        middle = (torch.arange(self.n_bins).to(total) + 0.5) / self.n_bins
        mean = torch.where(count > 0, total / count.clamp(min=1), middle)
        # a mean that float64 rounds to 0
        mean = mean.clamp(min=torch.finfo(mean.dtype).tiny)
        self.values = ((positive + mean) / (count + 1)).log().cpu()
        return FitOutcome(
            n_parameters=int((count > 0).sum()), iterations=0, message="every bin has a formula"
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        n_classes, n_bins = self.values.shape
        # as in the fit: at an edge a rounding would choose another bin
        index = uniform_bin(logits.double().softmax(-1), n_bins)
        of_class = torch.arange(n_classes, device=logits.device)
        return self.values.to(logits)[of_class, index].log_softmax(-1)


class IsotonicScaler(ClassScaler):
    r"""Isotonic regression: a probability goes through the best increasing curve of its class.

    Every class against the rest: $\hat m$ is the increasing function of the model's probability
    $p$ that is nearest to the labels in squares, found by pooling adjacent violators; between
    samples it is linear in $p$, beyond the last ones constant. It becomes

    $$\frac{n \hat m(p) + p}{n + 1}$$

    for $n$ samples, a pseudo-sample at the model's own probability that keeps every probability
    above 0. Rows are then divided by their sum. Classes may change their order in a row.

    Attributes
    ----------
    thresholds : Tensor of float64, shape (C, K)
        Where the curve of a class has its corners, in log-probabilities, which tell apart also
        what is near 0 or 1. K is the largest number of corners; a class with fewer repeats its
        last one. Empty before a fit.
    values : Tensor of float64, shape (C, K)
        The heights of the corners.
    n_samples : Tensor of float64, shape ()
        The number n of samples.
    summary : FitSummary or None
        What the fit did; None before a fit.

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
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right in 90 %, class 1 in 60 %
    tensor([[0.9000, 0.1000],
            [0.4000, 0.6000]])
    """

    fitted_names = ("thresholds", "values", "n_samples")

    def __init__(self) -> None:
        super().__init__()
        self.thresholds = torch.empty(0, dtype=torch.float64)
        self.values = torch.empty(0, dtype=torch.float64)
        self.n_samples = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        return len(self.values)

    def _fit_classes(self, logits: Tensor, labels: Tensor) -> FitOutcome:
        log_p = _log_softmax(logits).cpu()
        curves = [_isotonic_curve(log_p[:, k], labels.cpu() == k) for k in range(logits.shape[1])]
        n_corners = max(len(thresholds) for thresholds, _ in curves)
        self.thresholds = torch.stack([_padded(x, n_corners) for x, _ in curves])
        self.values = torch.stack([_padded(y, n_corners) for _, y in curves])
        self.n_samples = torch.tensor(float(len(labels)), dtype=torch.float64)
        return FitOutcome(
            n_parameters=sum(len(y.unique()) for _, y in curves),
            iterations=0,
            message="pooling adjacent violators ends at the optimum",
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        log_p = _by_class(_log_softmax(logits))
        thresholds, values = self.thresholds.to(logits), self.values.to(logits)
        inside = torch.clamp(log_p, thresholds[:, :1], thresholds[:, -1:])
        above = torch.searchsorted(thresholds, inside)
        below = (above - 1).clamp(min=0)
        low, high = thresholds.gather(1, below), thresholds.gather(1, above)
        # (p - p_low) / (p_high - p_low), without cancellation
        span = (low - high).expm1().clamp(max=-torch.finfo(low.dtype).tiny)
        weight = (inside - high).exp() * (low - inside).expm1() / span
        curve = torch.lerp(values.gather(1, below), values.gather(1, above), weight)
        # log(n m + p), which is finite also where m = 0 and p rounds to 0
        mixed = torch.logaddexp((curve * self.n_samples.to(logits)).log(), log_p)
        return _by_row(mixed, logits).log_softmax(-1)


def _isotonic_curve(log_p: Tensor, positives: Tensor) -> tuple[Tensor, Tensor]:
    """The corners of the isotonic regression: log-probabilities and heights."""
    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    regression.fit(log_p.numpy(), positives.double().numpy())
    return torch.tensor(regression.X_thresholds_), torch.tensor(regression.y_thresholds_)


def _padded(values: Tensor, length: int) -> Tensor:
    return torch.cat([values, values[-1:].expand(length - len(values))])


def _log_softmax(logits: Tensor) -> Tensor:
    """As torch's, but also log-probabilities near 0 have all their digits."""
    top, index = logits.max(-1, keepdim=True)
    z = logits - top
    others = z.exp().scatter(-1, index, 0.0).sum(-1, keepdim=True)
    return z - others.log1p()


def _by_class(scores: Tensor) -> Tensor:
    """Scores (..., C) as (C, M): every class is looked up in its own table."""
    return scores.reshape(-1, scores.shape[-1]).T.contiguous()


def _by_row(by_class: Tensor, like: Tensor) -> Tensor:
    return by_class.T.reshape(like.shape)
