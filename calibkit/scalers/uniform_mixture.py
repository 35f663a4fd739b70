"""Temperature scaling mixed with the uniform distribution, for labels that are partly noise."""

import math
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from torch import Tensor

from calibkit._attributes import CheckedAttributes
from calibkit._checks import check_temperature
from calibkit._distributed import refuse_several_processes
from calibkit._rows import Rows
from calibkit._temperature_search import NoOptimumError, find_best_inverse_temperature
from calibkit.scalers._exportable import log_add_exp, log_sigmoid
from calibkit.scalers._gradient_check import describe_gradient
from calibkit.scalers.base import FitSummary, Scaler

# The search first tries these multiples of the 1 / T that is best without w. They are logarithms.
_LOG_RATIO_GRID = tuple(math.log(2) * power for power in range(-3, 13))
# A smaller weight changes the NLL by less than its rounding error.
_SMALLEST_WEIGHT = 1e-12
_NLL_ROUNDING = 1e-12
_Floats = NDArray[np.float64]


def _check_weight(value: object) -> float:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 <= value < 1:  # type: ignore[operator]
        raise ValueError(
            f"uniform_weight must be a number from 0 to below 1, got {value!r}; "
            "0 gives temperature scaling"
        )
    return float(value)  # type: ignore[arg-type]


class UniformMixtureScaler(CheckedAttributes, Scaler):
    r"""Temperature scaling mixed with the uniform distribution over the classes.

    The scaler has two parameters, which all C classes share:

    $$\hat p = (1 - w)\, \mathrm{softmax}(z / T) + w / C$$

    Here $T > 0$ and $0 \le w < 1$. If a share $w$ of the labels was replaced by uniformly random
    ones, the true posterior has this form. A temperature alone cannot produce it, because every
    class keeps a probability of at least $w / C$, however far its logit is below the largest one. A
    $w$ above 0 can also mean that the model is sometimes confident and wrong. Some classes may have
    no sample. The order of the classes stays the same, so no prediction changes.

    The scaler chooses $T$ and $w$ jointly, so that they minimise the NLL of the calibration set.
    The NLL is convex in $w$, so the best $w$ for a given $T$ is found exactly. The NLL need not be
    convex in $T$. The search therefore tries temperatures from 8 times the temperature that is
    best without $w$ down to about a 4000th of it, and goes downhill from the best of them. The
    gradient at the result is checked to be 0, and the NLL there is no higher than the NLL of
    temperature scaling. Only a narrow valley elsewhere could hold a lower NLL. If $w$ is exactly
    0, the result is temperature scaling.

    Attributes
    ----------
    temperature : float
        The number $T$ that the logits are divided by. It is 1 before a fit.
    uniform_weight : float
        The weight $w$ of the uniform distribution. It is 0 before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    See Also
    --------
    calibkit.TemperatureScaler : Fit the temperature only.
    calibkit.HistogramScaler : Calibrate without assuming any form of the map.
    calibkit.compare : Find out which scaler is worth its parameters.

    References
    ----------
    Zhang, Kailkhura and Han (2020). Mix-n-Match: Ensemble and Compositional Methods for
    Uncertainty Calibration in Deep Learning. ICML. Their ensemble temperature
    scaling mixes in softmax(z) as a third part. https://arxiv.org/abs/2003.07329

    Patrini, Rozza, Menon, Nock and Qu (2017). Making Deep Neural Networks Robust to Label Noise: a
    Loss Correction Approach. CVPR. They treat symmetric noise, among others.
    https://arxiv.org/abs/1609.03683

    Examples
    --------
    >>> import torch
    >>> from calibkit import UniformMixtureScaler
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 3 * torch.randn(20_000, 10, generator=generator)
    >>> labels = logits.softmax(1).multinomial(1, generator=generator)[:, 0]
    >>> noise = torch.rand(20_000, generator=generator) < 0.15
    >>> labels[noise] = torch.randint(10, (20_000,), generator=generator)[noise]
    >>> UniformMixtureScaler().fit_logits(2 * logits, labels)  # the truth is T = 2, w = 0.15
    UniformMixtureScaler(temperature=1.995, uniform_weight=0.1445)
    """

    fitted_names = ("temperature", "uniform_weight")
    _shapes: ClassVar = {"temperature": "", "uniform_weight": ""}
    _attribute_checks: ClassVar = {
        "temperature": check_temperature,
        "uniform_weight": _check_weight,
    }

    def __init__(self) -> None:
        super().__init__()
        # Plain floats stay exact in every precision of the model and on every device.
        self.temperature = 1.0
        self.uniform_weight = 0.0

    def _fit(self, rows: Rows) -> None:
        refuse_several_processes(type(self).__name__)
        without_weight = find_best_inverse_temperature(rows)

        @cache
        def fit_weight(log_ratio: float) -> _BestWeight:
            inverse_temperature = without_weight.inverse_temperature * math.exp(log_ratio)
            return _fit_weight(_label_terms(rows, inverse_temperature))

        tried = [fit_weight(log_ratio) for log_ratio in _LOG_RATIO_GRID]
        candidates = [min(_LOG_RATIO_GRID, key=lambda x: fit_weight(x).nll)]
        # Few samples may give several minima, and a deep one may lie between two grid points.
        for i in range(1, len(tried) - 1):
            if tried[i - 1].nll > tried[i].nll < tried[i + 1].nll:
                bracket = _LOG_RATIO_GRID[i - 1 : i + 2]
                found = minimize_scalar(lambda x: fit_weight(x).nll, bracket=bracket)
                candidates.append(float(found.x))
        # In the outermost intervals, values at three points cannot enclose a minimum.
        for i in (0, len(tried) - 2):
            if tried[i].slope < 0 < tried[i + 1].slope:
                ends = _LOG_RATIO_GRID[i : i + 2]
                candidates.append(float(brentq(lambda x: fit_weight(x).slope, *ends, xtol=1e-14)))
        log_ratio = min(candidates, key=lambda x: fit_weight(x).nll)
        best = fit_weight(log_ratio)
        falls = log_ratio == _LOG_RATIO_GRID[-1] and best.slope < 0
        _check_optimum_exists(rows, best, falls=falls)
        message = describe_gradient(
            max(abs(best.slope), abs(best.weight_slope)),
            search="T and w stopped",
            advice=", or use TemperatureScaler",
        )
        self.temperature = 1 / (without_weight.inverse_temperature * math.exp(log_ratio))
        self.uniform_weight = best.weight
        self.summary = FitSummary(
            scaler=type(self).__name__,
            n_samples=without_weight.n_samples,
            n_parameters=2,
            nll_before=without_weight.nll_before,
            nll_after=best.nll,
            iterations=fit_weight.cache_info().currsize,
            message=message,
        )

    def forward(self, logits: Tensor) -> Tensor:
        """Return log-probabilities, or one logit for each sample if the model is binary.

        A class whose logit is -inf is masked. It keeps the logit -inf, and the weight is shared
        among the other classes.

        The result has the shape and the precision of the logits.

        Raises
        ------
        RuntimeError
            If the scaler is not fitted.
        """
        self.check_fitted()
        # The type float16 cannot represent the logarithms of small probabilities.
        z = logits.to(torch.promote_types(logits.dtype, torch.float32)) / self.temperature
        if z.ndim < 2 or z.shape[1] == 1:
            calibrated = self._mix(log_sigmoid(z), 2) - self._mix(log_sigmoid(-z), 2)
            calibrated = torch.where(z.isinf(), z, calibrated)
        else:
            masked = z.isneginf()
            n_others = masked.logical_not().sum(1, keepdim=True, dtype=z.dtype)
            more = (z.shape[1] / n_others).log()  # 0 where no class is masked
            calibrated = self._mix(z.log_softmax(1), z.shape[1], more)
            calibrated = calibrated.masked_fill(masked, -math.inf)
        return calibrated.to(logits.dtype) if logits.is_floating_point() else calibrated

    def _mix(self, log_p: Tensor, n_classes: int, more: Tensor | float = 0.0) -> Tensor:
        """Mix with the uniform distribution, whose logarithm is larger by ``more``."""
        if self.uniform_weight == 0:
            return log_p
        uniform = log_p.new_full((), math.log(self.uniform_weight / n_classes))
        return log_add_exp(log_p + math.log1p(-self.uniform_weight), uniform + more)

    def _set_fitted(self, values: dict[str, Tensor]) -> None:
        temperature, weight = (float(values[name]) for name in self.fitted_names)
        if not (0 < temperature < math.inf and 0 <= weight < 1):
            raise ValueError(
                "a state must hold a positive, finite temperature and a uniform_weight from 0 to "
                f"below 1, got {temperature!r} and {weight!r}; save it again from a fitted scaler"
            )
        self.temperature, self.uniform_weight = temperature, weight

    def extra_repr(self) -> str:
        """Return the parameters as part of the printed scaler."""
        return f"temperature={self.temperature:.4g}, uniform_weight={self.uniform_weight:.4g}"


class _BestWeight(NamedTuple):
    """The best weight for one temperature.

    The slopes are the derivatives of the NLL with respect to log(1 / T) and to w. If w is 0, a
    positive slope in w counts as 0, because w cannot become smaller.
    """

    weight: float
    nll: float
    slope: float
    weight_slope: float


class _LabelTerms(NamedTuple):
    """ln s of the labels, its derivatives by ln b, the weights, and the number of classes."""

    log_s: _Floats
    derivatives: _Floats
    weights: _Floats | None
    n_classes: int

    def mean(self, values: _Floats) -> float:
        return float(np.average(values, weights=self.weights))


def _label_terms(rows: Rows, inverse_temperature: float) -> _LabelTerms:
    """Return the terms of s = softmax(b z) at the labels."""
    terms = []
    for logits, labels, _ in rows.chunks():
        z = logits.double()
        z = inverse_temperature * (z - z.amax(1, keepdim=True))
        log_p = z.log_softmax(1)
        derivative = z - (log_p.exp() * z).sum(1, keepdim=True)
        index = labels[:, None]
        terms.append(torch.cat([log_p.gather(1, index), derivative.gather(1, index)], 1).cpu())
    values, derivatives = torch.cat(terms).T.numpy()
    return _LabelTerms(values, derivatives, _weights(rows), rows.n_classes)


def _weights(rows: Rows) -> _Floats | None:
    weights = rows.counted_weights
    return None if weights is None else weights.cpu().numpy()


# A weight of 0 leads to log 0, and to a division by 0 where s is 0 as well.
@np.errstate(divide="ignore")
def _fit_weight(terms: _LabelTerms) -> _BestWeight:
    """Find the w that minimises the NLL of (1 - w) s + w / C, which is convex in w."""
    s, n_classes = np.exp(terms.log_s), terms.n_classes

    def slope_at(weight: float) -> float:
        return terms.mean((s - 1 / n_classes) / ((1 - weight) * s + weight / n_classes))

    if slope_at(_SMALLEST_WEIGHT) >= 0:
        weight = 0.0
    elif slope_at(1.0) <= 0:
        weight = 1.0
    else:
        log_smallest = math.log(_SMALLEST_WEIGHT)
        weight = math.exp(brentq(lambda x: slope_at(math.exp(x)), log_smallest, 0.0, xtol=1e-15))
    log_kept = np.log1p(-weight) + terms.log_s
    log_p = np.logaddexp(log_kept, np.log(weight / n_classes))
    return _BestWeight(
        weight=weight,
        nll=-terms.mean(log_p),
        slope=-terms.mean(np.exp(log_kept - log_p) * terms.derivatives),
        weight_slope=slope_at(weight) if weight > 0 else min(slope_at(weight), 0.0),
    )


def _check_optimum_exists(rows: Rows, best: _BestWeight, *, falls: bool) -> None:
    """Raise an error unless the NLL in the limit T = 0 is higher than at the best point.

    In that limit, the softmax gives the top class a probability of 1 and all other classes 0.
    """
    limits = []
    for logits, labels, _ in rows.chunks():
        top = logits == logits.amax(1, keepdim=True)
        limits.append((top.gather(1, labels[:, None])[:, 0] / top.sum(1)).double().cpu())
    s = torch.cat(limits).numpy()
    with np.errstate(divide="ignore"):
        log_s = np.log(s)
    limit = _fit_weight(_LabelTerms(log_s, np.zeros_like(s), _weights(rows), rows.n_classes))
    if falls or limit.nll <= best.nll + _NLL_ROUNDING:
        raise NoOptimumError(
            f"no temperature is best: with a uniform_weight of {limit.weight:.3g} the NLL is "
            "lowest in the limit of T = 0, as if label noise alone explained every wrong answer; "
            "use a larger calibration set, one that the model was not trained on",
            limit=0.0,
        )
