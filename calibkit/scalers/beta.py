"""Beta calibration, which maps the probability of a binary model with three parameters."""

import math
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import logsigmoid

from calibkit.scalers._class_scaler import (
    ClassScaler,
    FitDetails,
    logit_of_class_1,
    ones_unless_given,
)
from calibkit.scalers._exportable import log_sigmoid
from calibkit.scalers._gradient_check import describe_gradient

_MAX_ITERATIONS = 10_000
_GRADIENT_TARGET = 1e-10  # the search ends below it, per sample


class BetaScaler(ClassScaler):
    r"""Beta calibration of a binary model, which has three parameters.

    The scaler maps the model's probability $p$ of class 1 to $\hat p$:

    $$\mathrm{logit}\,\hat p = a \ln p - b \ln(1 - p) + c$$

    Neither $a$ nor $b$ is negative. If the model's probabilities follow a beta distribution in both
    classes, the true posterior has this form. With $a = b = 1$ and $c = 0$ the map changes nothing,
    and with $a = b$ it is Platt scaling of the logit. The NLL is convex in the three parameters,
    and the scaler finds its minimum under these bounds exactly. The map never reverses the order of
    two samples, but if $a$ or $b$ is 0, it may give both the same probability.

    Attributes
    ----------
    a, b, c : Tensor of float64, shape ()
        The parameters. Empty before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    See Also
    --------
    calibkit.DirichletScaler : Calibrate a model of several classes in the same way.
    calibkit.TemperatureScaler : Fit one parameter only.
    calibkit.IsotonicScaler : Fit any increasing curve.

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
    _shapes: ClassVar = {"a": "", "b": "", "c": ""}
    _bounds: ClassVar = {"a": (0, math.inf), "b": (0, math.inf)}

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.empty(0, dtype=torch.float64)
        self.b = torch.empty(0, dtype=torch.float64)
        self.c = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        """Number of classes, which is always 2."""
        return 2

    def _fit_classes(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> FitDetails:
        if logits.shape[1] != 2:
            raise ValueError(
                f"BetaScaler is for binary models, got logits of {logits.shape[1]} classes; use "
                "DirichletScaler, which is beta calibration for several classes"
            )
        z = logit_of_class_1(logits).cpu()
        labels = labels.cpu()
        _check_optimum(z, labels)
        each = ones_unless_given(weights, labels).cpu()
        objective = _StandardisedNLL(torch.stack(_features(z), 1), 2 * labels.double() - 1, each)
        found = minimize(
            objective.value_and_gradient,
            objective.identity,
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None), (0, None), (None, None)],
            options={"gtol": _GRADIENT_TARGET, "ftol": 0, "maxiter": _MAX_ITERATIONS},
        )
        message = describe_gradient(
            _largest_projected_gradient(found.x, found.jac),
            search=f"a, b and c stopped after {found.nit} steps",
            advice="",
        )
        self.a, self.b, self.c = objective.to_parameters(found.x)
        return FitDetails(n_parameters=3, iterations=found.nit, message=message)

    def _calibrate(self, logits: Tensor) -> Tensor:
        a, b, c = (value.to(logits) for value in (self.a, self.b, self.c))
        log_p, minus_log_q = _features(logit_of_class_1(logits))
        z = a * log_p + b * minus_log_q + c
        # Products of a masked class's logarithm with 0 are not numbers.
        z = z.masked_fill(logits.isneginf().any(-1), 0)
        return torch.stack([torch.zeros_like(z), z], -1)


class _StandardisedNLL:
    """The NLL per sample as a function of a slope for each feature and an intercept.

    Both features are shifted and scaled to mean 0 and standard deviation 1. The slopes are a and b
    times positive factors, so their bounds stay at 0. The intercept is c plus the contribution of
    the shift.
    """

    def __init__(self, features: Tensor, signs: Tensor, weights: Tensor) -> None:
        self.shares = weights / weights.sum()
        self.mean = self.shares @ features
        spread = (self.shares @ (features - self.mean) ** 2).sqrt()
        self.scale = spread.clamp(min=torch.finfo(features.dtype).tiny)
        ones = torch.ones_like(features[:, :1])
        design = torch.cat([(features - self.mean) / self.scale, ones], 1)
        self.signed_design = signs[:, None] * design
        # These coefficients mean a = b = 1 and c = 0, which leave the probabilities as they are.
        self.identity = torch.cat([self.scale, self.mean.sum()[None]]).numpy()

    def value_and_gradient(
        self, coefficients: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        margins = self.signed_design @ torch.from_numpy(coefficients)
        gradient = -((self.shares * (-margins).sigmoid()) @ self.signed_design)
        return -float(logsigmoid(margins) @ self.shares), gradient.numpy()

    def to_parameters(self, coefficients: NDArray[np.float64]) -> tuple[Tensor, Tensor, Tensor]:
        slopes = torch.from_numpy(coefficients[:2]) / self.scale
        c = torch.tensor(coefficients[2]) - slopes @ self.mean
        return slopes[0].clone(), slopes[1].clone(), c


def _largest_projected_gradient(
    coefficients: NDArray[np.float64], gradient: NDArray[np.float64]
) -> float:
    """Return the largest entry of the gradient, without entries that would push a or b below 0."""
    stepped = coefficients - gradient
    stepped[:2] = stepped[:2].clip(min=0)
    return float(np.abs(stepped - coefficients).max())


def _features(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return ln p and -ln(1 - p) for p = sigmoid(z), in full precision even near 0 and 1."""
    return log_sigmoid(z), -log_sigmoid(-z)


def _check_optimum(z: Tensor, labels: Tensor) -> None:
    n_values = len(z.unique())
    if n_values < 3:
        raise ValueError(
            f"a, b and c have no best values: the {len(z)} samples have {n_values} different "
            "probabilities, and three are needed to tell a, b and c apart; use TemperatureScaler"
        )
    if z[labels == 0].max() <= z[labels == 1].min():
        raise ValueError(
            f"a, b and c have no best values: in all {len(z)} samples the probabilities of class "
            "1 lie above those of class 0, so the NLL keeps falling as the curve gets steeper; use "
            "a larger calibration set, one that the model was not trained on, or LogisticScaler"
        )
