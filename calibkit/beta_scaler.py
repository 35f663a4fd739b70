"""Beta calibration of binary models."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import logsigmoid

from calibkit.scalers import ClassScaler, FitOutcome

_MAX_ITERATIONS = 10_000
# of the gradient a sample: the search goes on to the first, a fit is refused above the second
_AIM = 1e-10
_TOLERANCE = 1e-6


class BetaScaler(ClassScaler):
    r"""Beta calibration of a binary model's probability p, with three parameters,

    $$\mathrm{logit}\,\hat p = a \ln p - b \ln(1 - p) + c, \qquad a, b \ge 0.$$

    With beta distributed probabilities in both classes this is the form of the true posterior.
    It holds the identity (a = b = 1, c = 0), and with a = b Platt's scaling of the logit. The
    NLL is convex in the three, and its optimum under the bounds is found exactly. The order of
    samples stays; where a or b is 0, parts of it may become ties.

    Attributes
    ----------
    a, b, c : Tensor of float64, shape ()
        The parameters. Empty before a fit.
    summary : FitSummary or None
        What the fit did; None before a fit.

    References
    ----------
    Kull, Silva Filho and Flach (2017). Beta calibration: a well-founded and easily implemented
    improvement on logistic calibration for binary classifiers. AISTATS. Section 3.
    https://proceedings.mlr.press/v54/kull17a.html

    Examples
    --------
    >>> import torch
    >>> from calibkit import BetaScaler
    >>> logits = torch.tensor([-3.0, -1.0, 1.0, 3.0]).repeat_interleave(10)  # z = logit p
    >>> labels = torch.tensor([0] * 9 + [1] + [0, 1] * 5 + [1] * 6 + [0] * 4 + [1] * 9 + [0])
    >>> scaler = BetaScaler().fit_logits(logits, labels)
    >>> scaler(logits[::10]).sigmoid()
    tensor([0.1332, 0.4005, 0.6995, 0.8668])
    """

    fitted_names = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.empty(0, dtype=torch.float64)
        self.b = torch.empty(0, dtype=torch.float64)
        self.c = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        return 2

    def _fit_classes(self, logits: Tensor, labels: Tensor) -> FitOutcome:
        if logits.shape[1] != 2:
            raise ValueError(
                f"BetaScaler is for binary models, got logits of {logits.shape[1]} classes; use "
                "DirichletScaler, which is beta calibration for several classes"
            )
        z = _logit(logits).cpu()
        labels = labels.cpu()
        _check_optimum(z, labels)
        objective = _Objective(torch.stack(_features(z), 1), 2 * labels.double() - 1)
        found = minimize(
            objective.value_and_gradient,
            objective.start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None), (0, None), (None, None)],
            options={"gtol": _AIM, "ftol": 0, "maxiter": _MAX_ITERATIONS},
        )
        largest = _kkt_residual(found.x, found.jac)
        if not largest <= _TOLERANCE:
            raise RuntimeError(
                f"the search for a, b and c stopped after {found.nit} steps with a gradient of "
                f"{largest:.2g} a sample, above {_TOLERANCE:g}; look for logits of very different "
                "sizes"
            )
        self.a, self.b, self.c = objective.parameters(found.x)
        return FitOutcome(
            n_parameters=3,
            iterations=found.nit,
            message=f"the largest entry of the gradient is {largest:.1g} a sample",
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        a, b, c = (value.to(logits) for value in (self.a, self.b, self.c))
        log_p, minus_log_q = _features(_logit(logits))
        z = a * log_p + b * minus_log_q + c
        return torch.stack([torch.zeros_like(z), z], -1)


class _Objective:
    """The NLL a sample in a, b and c, where both features have mean 0 and deviation 1.

    So a and b change by positive factors, which keeps their bounds, and c takes up the means.
    """

    def __init__(self, features: Tensor, signs: Tensor) -> None:
        self.mean = features.mean(0)
        self.scale = features.std(0).clamp(min=torch.finfo(features.dtype).tiny)
        design = torch.cat([(features - self.mean) / self.scale, torch.ones(len(features), 1)], 1)
        self.signed = signs[:, None] * design
        self.start = torch.cat([self.scale, self.mean.sum()[None]]).numpy()  # a = b = 1, c = 0

    def value_and_gradient(
        self, parameters: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        margins = self.signed @ torch.from_numpy(parameters)
        gradient = -((-margins).sigmoid() @ self.signed) / len(margins)
        return float(-logsigmoid(margins).mean()), gradient.numpy()

    def parameters(self, found: NDArray[np.float64]) -> tuple[Tensor, Tensor, Tensor]:
        slopes, intercept = torch.from_numpy(found[:2]) / self.scale, torch.tensor(found[2])
        return slopes[0].clone(), slopes[1].clone(), intercept - slopes @ self.mean


def _kkt_residual(parameters: NDArray[np.float64], gradient: NDArray[np.float64]) -> float:
    """The largest entry of the gradient, without what pushes a or b below 0."""
    stepped = parameters - gradient
    stepped[:2] = stepped[:2].clip(min=0)
    return float(np.abs(stepped - parameters).max())


def _logit(logits: Tensor) -> Tensor:
    return logits[..., 1] - logits[..., 0]


def _features(z: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms ln p and -ln(1 - p) of p = sigmoid(z), with all their digits."""
    return logsigmoid(z), -logsigmoid(-z)


def _check_optimum(z: Tensor, labels: Tensor) -> None:
    n_values = len(z.unique())
    if n_values < 3:
        raise ValueError(
            f"no a, b and c are best: the {len(z)} samples have {n_values} different "
            "probabilities, and three are needed to tell a, b and c apart; use TemperatureScaler"
        )
    if z[labels == 0].max() <= z[labels == 1].min():
        raise ValueError(
            f"no a, b and c are best: in all {len(z)} samples the probabilities of class 1 lie "
            "above those of class 0, so the NLL falls for ever as the curve gets steeper; use a "
            "larger calibration set, one that the model was not trained on"
        )
