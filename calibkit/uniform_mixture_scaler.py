"""Temperature scaling mixed with the uniform distribution, for labels that are partly noise."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from torch import Tensor
from torch.nn.functional import logsigmoid

from calibkit.distributed import refuse_several_processes
from calibkit.newton import NoOptimumError, find_optimum
from calibkit.rows import Rows
from calibkit.scalers import FitSummary, Scaler

# where to look for 1 / T first: logarithms of multiples of that of temperature scaling
_FIRST_LOOK = tuple(math.log(2) * power for power in range(-3, 13))
# a smaller weight moves the NLL by less than its rounding error
_LEAST_WEIGHT = 1e-12
_ROUNDING = 1e-12
# of the gradient a sample: above it a fit is refused
_TOLERANCE = 1e-6

_Floats = NDArray[np.float64]


class UniformMixtureScaler(Scaler):
    r"""Temperature scaling mixed with the uniform distribution over the C classes,

    $$\hat p = (1 - w)\, \mathrm{softmax}(z / T) + w / C, \qquad T > 0, \quad 0 \le w < 1.$$

    Where a share w of the labels was replaced by uniformly random ones, this is the form of the
    true posterior, which no temperature gives: the mixture leaves to every class a probability of
    w / C. A w above 0 can also mean that the model is sometimes sure of nonsense. The two
    parameters are shared among all classes, of which some may have no sample, and the order of
    the classes stays: no answer changes.

    T and w are fitted jointly, by the NLL. It is convex in w, where the optimum is exact for
    every T. It need not be convex in T, where the search goes over temperatures from 8 times to a
    4000th of the best one without w, and downhill from the best among them. So it ends at a point
    that is certified to be stationary and has no higher NLL than temperature scaling; a lower one
    elsewhere would have to be narrow. A w of exactly 0 is temperature scaling.

    Attributes
    ----------
    temperature : float
        T, what the logits are divided by. 1 before a fit.
    uniform_weight : float
        The weight w of the uniform distribution. 0 before a fit.
    summary : FitSummary or None
        What the fit did; None before a fit.

    References
    ----------
    Zhang, Kailkhura and Han (2020). Mix-n-Match: Ensemble and Compositional Methods for
    Uncertainty Calibration in Deep Learning. ICML. Ensemble temperature scaling, with softmax(z)
    as a third part. https://arxiv.org/abs/2003.07329

    Patrini, Rozza, Menon, Nock and Qu (2017). Making Deep Neural Networks Robust to Label Noise: a
    Loss Correction Approach. CVPR. Symmetric noise. https://arxiv.org/abs/1609.03683

    Examples
    --------
    >>> import torch
    >>> from calibkit import UniformMixtureScaler
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 3 * torch.randn(20_000, 10, generator=generator)
    >>> labels = logits.softmax(1).multinomial(1, generator=generator)[:, 0]
    >>> noise = torch.rand(20_000, generator=generator) < 0.15
    >>> labels[noise] = torch.randint(10, (20_000,), generator=generator)[noise]
    >>> UniformMixtureScaler().fit_logits(2 * logits, labels)  # the truth: T = 2, w = 0.15
    UniformMixtureScaler(temperature=1.995, uniform_weight=0.1445)
    """

    fitted_names = ("temperature", "uniform_weight")

    def __init__(self) -> None:
        super().__init__()
        # plain floats: exact in every precision of the model and on every device
        self.temperature = 1.0
        self.uniform_weight = 0.0

    def _fit(self, rows: Rows) -> None:
        refuse_several_processes(type(self).__name__)
        plain = find_optimum(rows)

        @cache
        def at(log_ratio: float) -> _Point:
            return _best_point(*_label_terms(rows, plain.inverse_temperature * math.exp(log_ratio)))

        tried = [at(log_ratio) for log_ratio in _FIRST_LOOK]
        lowest = min(range(len(tried)), key=lambda i: tried[i].nll)
        log_ratio = _FIRST_LOOK[lowest]
        around = slice(max(lowest - 1, 0), lowest + 2)
        if sum(point.nll > tried[lowest].nll for point in tried[around]) == 2:
            bracket = _FIRST_LOOK[around]
            log_ratio = float(minimize_scalar(lambda x: at(x).nll, bracket=bracket).x)
        found = at(log_ratio)
        _check_optimum_exists(rows, found, falls=lowest == len(tried) - 1 and found.slope < 0)
        largest = max(abs(found.slope), abs(found.weight_slope))
        if not largest <= _TOLERANCE:
            raise RuntimeError(
                f"the search for T and w stopped with a gradient of {largest:.2g} a sample, above "
                f"{_TOLERANCE:g}; look for logits of very different sizes, or use TemperatureScaler"
            )
        self.temperature = 1 / (plain.inverse_temperature * math.exp(log_ratio))
        self.uniform_weight = found.weight
        self.summary = FitSummary(
            scaler=type(self).__name__,
            n_samples=plain.n_samples,
            n_parameters=2,
            nll_before=plain.nll_before,
            nll_after=found.nll,
            iterations=at.cache_info().currsize,
            converged=True,
            message=f"the largest entry of the gradient is {largest:.1g} a sample",
        )

    def forward(self, logits: Tensor) -> Tensor:
        """Return log-probabilities, of a single logit the logit, in its shape and precision."""
        self.check_fitted()
        # half a precision is too little for logarithms of small probabilities
        z = logits.to(torch.promote_types(logits.dtype, torch.float32)) / self.temperature
        if z.ndim == 1 or z.shape[1] == 1:
            calibrated = self._mixed(logsigmoid(z), 2) - self._mixed(logsigmoid(-z), 2)
        else:
            calibrated = self._mixed(z.log_softmax(1), z.shape[1])
        return calibrated.to(logits.dtype) if logits.is_floating_point() else calibrated

    def _mixed(self, log_p: Tensor, n_classes: int) -> Tensor:
        if self.uniform_weight == 0:
            return log_p
        uniform = log_p.new_full((), math.log(self.uniform_weight / n_classes))
        return torch.logaddexp(log_p + math.log1p(-self.uniform_weight), uniform)

    def _set_fitted(self, values: dict[str, object]) -> None:
        temperature, weight = (float(values[name]) for name in self.fitted_names)  # type: ignore[arg-type]
        if not (0 < temperature < math.inf and 0 <= weight < 1):
            raise ValueError(
                "a state must hold a positive, finite temperature and a uniform_weight from 0 to "
                f"below 1, got {temperature!r} and {weight!r}; save it anew from a fitted scaler"
            )
        self.temperature, self.uniform_weight = temperature, weight

    def extra_repr(self) -> str:
        return f"temperature={self.temperature:.4g}, uniform_weight={self.uniform_weight:.4g}"


class _Point(NamedTuple):
    """The best weight for one T, with NLL and slopes in log(1 / T) and, projected, in w."""

    weight: float
    nll: float
    slope: float
    weight_slope: float


def _label_terms(rows: Rows, inverse_temperature: float) -> tuple[_Floats, _Floats, int]:
    """Of log softmax(b z) at the labels: value and derivative in log b; and C."""
    terms = []
    for logits, labels in rows.chunks():
        z = logits.double()
        z = inverse_temperature * (z - z.amax(1, keepdim=True))
        log_p = z.log_softmax(1)
        change = z - (log_p.exp() * z).sum(1, keepdim=True)
        index = labels[:, None]
        terms.append(torch.cat([log_p.gather(1, index), change.gather(1, index)], 1).cpu())
    values, changes = torch.cat(terms).T.numpy()
    return values, changes, rows.n_classes


@np.errstate(divide="ignore")  # of log 0, and of slopes where the weight and s are 0
def _best_point(log_s: _Floats, changes: _Floats, n_classes: int) -> _Point:
    """Minimise the NLL of (1 - w) s + w / C in w, in which it is convex."""
    s = np.exp(log_s)

    def slope_at(weight: float) -> float:
        return float(np.mean((s - 1 / n_classes) / ((1 - weight) * s + weight / n_classes)))

    if slope_at(_LEAST_WEIGHT) >= 0:
        weight = 0.0
    elif slope_at(1.0) <= 0:
        weight = 1.0
    else:
        log_least = math.log(_LEAST_WEIGHT)
        weight = math.exp(brentq(lambda x: slope_at(math.exp(x)), log_least, 0.0, xtol=1e-15))
    log_kept = np.log1p(-weight) + log_s
    log_p = np.logaddexp(log_kept, np.log(weight / n_classes))
    return _Point(
        weight=weight,
        nll=-float(log_p.mean()),
        slope=-float(np.mean(np.exp(log_kept - log_p) * changes)),
        weight_slope=slope_at(weight) if weight > 0 else min(slope_at(weight), 0.0),
    )


def _check_optimum_exists(rows: Rows, found: _Point, *, falls: bool) -> None:
    """The NLL must be higher in the limit T = 0, where s is 1 for the top class and else 0."""
    limits = []
    for logits, labels in rows.chunks():
        top = logits == logits.amax(1, keepdim=True)
        limits.append((top.gather(1, labels[:, None])[:, 0] / top.sum(1)).double().cpu())
    s = torch.cat(limits).numpy()
    with np.errstate(divide="ignore"):
        log_s = np.log(s)
    limit = _best_point(log_s, np.zeros_like(s), rows.n_classes)
    if falls or limit.nll <= found.nll + _ROUNDING:
        raise NoOptimumError(
            f"no temperature is best: beside a uniform_weight of {limit.weight:.3g} the NLL is "
            "lowest in the limit of T = 0, as if every wrong answer were due to label noise alone; "
            "use a larger calibration set, one that the model was not trained on",
            limit=0.0,
        )
