"""Logistic and quadratic calibration of a binary model, which are regressions on its logit."""

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import softplus

from calibkit.scalers._class_scaler import ClassScaler, FitDetails, logit_of_class_1
from calibkit.scalers._gradient_check import describe_gradient

_GRADIENT_TARGET = 1e-10  # The search ends below it, per sample.
_MAX_ITERATIONS = 1000


class _BinaryRegression(ClassScaler):
    """A scaler whose new logit is a polynomial of the logit of class 1."""

    _shapes: ClassVar = {"coefficients": "K"}
    fitted_names = ("coefficients",)
    _degree: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.coefficients = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        """Number of classes, which is always 2."""
        return 2

    def _fit_classes(self, logits: Tensor, labels: Tensor) -> FitDetails:
        name = type(self).__name__
        if logits.shape[1] != 2:
            raise ValueError(
                f"{name} is for binary models, got logits of {logits.shape[1]} classes; use "
                "MatrixScaler, which is a regression on the logits of several classes"
            )
        z = logit_of_class_1(logits).cpu()
        # The powers of very large or very small logits have no float64.
        unit = float(z.abs().max()) or 1.0
        powers = torch.stack([(z / unit) ** k for k in range(1, self._degree + 1)], 1)
        mean, scale = powers.mean(0), powers.std(0)
        scale = torch.where(scale > 0, scale, 1)
        design = torch.cat([torch.ones_like(z)[:, None], (powers - mean) / scale], 1)
        objective = _RegressionNLL(design.numpy(), _smoothed_targets(labels).numpy())
        found = minimize(
            objective.value,
            np.zeros(self._degree + 1),
            jac=objective.gradient,
            hess=objective.hessian,
            method="trust-exact",
            options={"gtol": _GRADIENT_TARGET, "maxiter": _MAX_ITERATIONS},
        )
        message = describe_gradient(
            float(np.abs(found.jac).max()),
            search=f"the coefficients stopped after {found.nit} steps",
            advice="",
        )
        constant, *slopes = torch.from_numpy(found.x).split(1)
        slopes = torch.cat(slopes) / scale
        exponents = torch.arange(1, self._degree + 1, dtype=torch.float64)
        self.coefficients = torch.cat([constant - slopes @ mean, slopes / unit**exponents])
        return FitDetails(n_parameters=len(found.x), iterations=found.nit, message=message)

    def _calibrate(self, logits: Tensor) -> Tensor:
        masked = logits.isneginf().any(-1)
        z = logit_of_class_1(logits.double()).masked_fill(masked, 0)
        new = torch.zeros_like(z)
        for coefficient in self.coefficients.flip(0).to(z):
            new = new * z + coefficient
        return torch.stack([torch.zeros_like(new), new], -1)


class LogisticScaler(_BinaryRegression):
    r"""Logistic calibration of a binary model, which is known as Platt scaling.

    $$\mathrm{logit}\,\hat p = a z + b$$

    where $z$ is the logit of class 1, which is the logit difference of the two classes. In contrast
    to a temperature, the intercept $b$ can repair a bias between the classes. The NLL is convex in
    $a$ and $b$, and Newton's method finds its minimum exactly. As Platt proposes, the label 1
    counts as $(n_1 + 1) / (n_1 + 2)$ and the label 0 as $1 / (n_0 + 2)$, where $n_1$ and $n_0$ are
    the numbers of samples of the two classes. There is therefore a minimum even if all answers are
    right. If higher logits mean class 1 less often, $a$ is negative, and the order of the samples
    is reversed.

    Attributes
    ----------
    coefficients : Tensor of float64, shape (2,)
        The numbers $b$ and $a$. Empty before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    See Also
    --------
    calibkit.QuadraticScaler : Bend the map with one more parameter.
    calibkit.BetaScaler : Treat the two ends of the scale differently.
    calibkit.VectorScaler : Calibrate a model of several classes with factors and biases.

    References
    ----------
    Platt (1999). Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized
    Likelihood Methods. Advances in Large Margin Classifiers. MIT Press.

    Examples
    --------
    >>> import torch
    >>> from calibkit import LogisticScaler
    >>> logits = torch.tensor([-3.0, -1.0, 1.0, 3.0]).repeat_interleave(1000)
    >>> labels = torch.tensor([0] * 9 + [1] + [0, 1] * 5 + [1] * 6 + [0] * 4 + [1] * 9 + [0])
    >>> labels = labels.reshape(4, 10).repeat_interleave(100, 0).flatten()
    >>> scaler = LogisticScaler().fit_logits(logits, labels)
    >>> scaler(logits[::1000]).sigmoid()
    tensor([0.1508, 0.3826, 0.6837, 0.8829])
    """

    _degree = 1


class QuadraticScaler(_BinaryRegression):
    r"""Quadratic calibration of a binary model.

    $$\mathrm{logit}\,\hat p = a z + b + c z^2$$

    where $z$ is the logit of class 1, which is the logit difference of the two classes. If $z$ is
    normally distributed in both classes, with any two variances, the true posterior has this form.
    Labels count as in `LogisticScaler`, and Newton's method finds the minimum of the convex NLL.
    The map is not monotone: beyond the vertex of the parabola, the order of samples is reversed.

    Attributes
    ----------
    coefficients : Tensor of float64, shape (3,)
        The numbers $b$, $a$ and $c$. Empty before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    See Also
    --------
    calibkit.LogisticScaler : Keep the map linear in the logit.
    calibkit.BetaScaler : Use a map of three parameters that is monotone.
    calibkit.IsotonicScaler : Fit any increasing curve.

    References
    ----------
    Berta, Holzmüller, Jordan and Bach (2025). Structured Matrix Scaling for Multi-Class
    Calibration. The quadratic map of binary models. https://arxiv.org/abs/2511.03685

    Platt (1999). Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized
    Likelihood Methods. Advances in Large Margin Classifiers. MIT Press. How labels count.

    Examples
    --------
    >>> import torch
    >>> from calibkit import QuadraticScaler
    >>> logits = torch.tensor([-3.0, -1.0, 1.0, 3.0]).repeat_interleave(1000)
    >>> labels = torch.tensor([0] * 9 + [1] + [0, 1] * 5 + [1] * 6 + [0] * 4 + [1] * 9 + [0])
    >>> labels = labels.reshape(4, 10).repeat_interleave(100, 0).flatten()
    >>> scaler = QuadraticScaler().fit_logits(logits, labels)
    >>> scaler(logits[::1000]).sigmoid()
    tensor([0.1336, 0.4006, 0.6993, 0.8665])
    """

    _degree = 2


class _RegressionNLL:
    """The mean NLL of a logistic regression as a function of its coefficients."""

    def __init__(self, design: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
        self.design = design
        self.targets = targets

    def value(self, coefficients: NDArray[np.float64]) -> float:
        scores = self.design @ coefficients
        positive = softplus(torch.from_numpy(scores)).numpy()
        return float((positive - self.targets * scores).mean())

    def gradient(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        return (self._probabilities(coefficients) - self.targets) @ self.design / len(self.targets)

    def hessian(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        p = self._probabilities(coefficients)
        return (self.design * (p * (1 - p))[:, None]).T @ self.design / len(p)

    def _probabilities(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        return torch.from_numpy(self.design @ coefficients).sigmoid().numpy()


def _smoothed_targets(labels: Tensor) -> Tensor:
    """Return what each label counts as, so that the NLL has a minimum in any case."""
    n_1 = labels.sum().double()
    n_0 = len(labels) - n_1
    return torch.where(labels.cpu() == 1, (n_1 + 1) / (n_1 + 2), 1 / (n_0 + 2)).cpu()
