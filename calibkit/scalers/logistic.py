"""Logistic and quadratic calibration of a binary model, which are regressions on its logit."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from calibkit.scalers._class_scaler import (
    ClassScaler,
    FitDetails,
    logit_of_class_1,
    ones_unless_given,
)
from calibkit.scalers._gradient_check import describe_gradient

# The search ends if the NLL per sample can fall by half of this at most.
_DECREMENT_TARGET = 1e-20
_MAX_ITERATIONS = 100


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

    def _fit_classes(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> FitDetails:
        name = type(self).__name__
        if logits.shape[1] != 2:
            raise ValueError(
                f"{name} is for binary models, got logits of {logits.shape[1]} classes; use "
                "MatrixScaler, which is a regression on the logits of several classes"
            )
        z, labels = logit_of_class_1(logits).cpu(), labels.cpu()
        each = ones_unless_given(weights, labels).cpu()
        # A polynomial of this degree reaches any values at so many different logits.
        degree = min(self._degree, len(z.unique()) - 1)
        regression = _Regression(z, degree, _smoothed_targets(labels, each), each)
        found, steps = regression.minimise()
        coefficients = torch.zeros(self._degree + 1, dtype=torch.float64)
        coefficients[: degree + 1] = regression.to_coefficients(found)
        message = describe_gradient(
            # The coefficients themselves are rounded, so the gradient is measured where they are.
            regression.whitened_gradient(_polynomial(coefficients, z)),
            search=f"the coefficients stopped after {steps} steps",
            advice=", or subtract their mean from them if they are all nearly the same",
        )
        self.coefficients = coefficients
        return FitDetails(n_parameters=len(coefficients), iterations=steps, message=message)

    def _calibrate(self, logits: Tensor) -> Tensor:
        masked = logits.isneginf().any(-1)
        z = logit_of_class_1(logits.double()).masked_fill(masked, 0)
        new = _polynomial(self.coefficients, z)
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
    is reversed. Since no label counts as certain, a few logits of enormous size pull $a$ towards 0.
    In a fit, leave out samples one class of which is masked.

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
    The map is not monotone: beyond the vertex of the parabola, the order of samples is reversed. If
    the samples have only two different logits, they say nothing about $c$, which is then 0.

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


class _Regression:
    """A logistic regression on powers of z, whose targets are between 0 and 1.

    The powers are those of the standardised z, and they are standardised, too. The NLL is a
    weighted mean over samples.
    """

    def __init__(self, z: Tensor, degree: int, targets: Tensor, weights: Tensor) -> None:
        self.mean = z.mean()
        distances = z - self.mean
        # The squares of very large or very small distances have no float64.
        self.scale = distances.abs().max() if degree else torch.ones_like(self.mean)
        self.scale = self.scale * _spread(distances / self.scale)
        u = distances / self.scale
        powers = torch.stack([u**k for k in range(degree + 1)], 1)
        self.means, self.scales = powers.mean(0), _spread(powers)
        self.means[0], self.scales[0] = 0, 1
        self.design = (powers - self.means) / self.scales
        self.targets = targets
        self.shares = weights / weights.sum()

    def minimise(self) -> tuple[Tensor, int]:
        """Return the coefficients that Newton's method finds, and the number of its steps."""
        found = torch.zeros(self.design.shape[1], dtype=torch.float64)
        value = self._value(found)
        for n_steps in range(1, _MAX_ITERATIONS + 1):
            gradient, root = self._gradient_and_inverse_root(self.design @ found)
            whitened = root.T @ gradient
            step = -root @ whitened
            promised = float(whitened @ whitened)  # twice the distance to the minimum
            if promised <= _DECREMENT_TARGET:
                return found + step, n_steps
            # Rounding hides a smaller decrease.
            allowed = value - promised / 4 + 1e-14
            while self._value(found + step) > allowed and promised > _DECREMENT_TARGET:
                step, promised = step / 2, promised / 2
                allowed = value - promised / 4 + 1e-14
            found = found + step
            value = self._value(found)
        return found, _MAX_ITERATIONS

    def whitened_gradient(self, scores: Tensor) -> float:
        """Return the size of the gradient with respect to coefficients of curvature 1.

        It does not depend on how the features are scaled or mixed. Half of its square is about how
        much lower the minimum is.
        """
        gradient, root = self._gradient_and_inverse_root(scores)
        return float((root.T @ gradient).norm())

    def to_coefficients(self, found: Tensor) -> Tensor:
        """Return the coefficients of the powers of z, in place of those of the design."""
        of_u = found / self.scales
        of_u[0] -= of_u @ self.means
        of_z = torch.zeros_like(of_u)
        for coefficient in of_u.flip(0):
            # By Horner's rule, multiply with u = (z - mean) / scale and add the next coefficient.
            times_z = torch.cat([of_z.new_zeros(1), of_z[:-1]])
            of_z = (times_z - self.mean * of_z) / self.scale
            of_z[0] += coefficient
        return of_z

    def _value(self, found: Tensor) -> float:
        scores = self.design @ found
        return float((softplus(scores) - self.targets * scores) @ self.shares)

    def _gradient_and_inverse_root(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient, and a matrix R with R R' = the inverse of the Hessian."""
        p = scores.sigmoid()
        gradient = (self.shares * (p - self.targets)) @ self.design
        # The Hessian itself would have the square of the condition number.
        weights = (self.shares * p * (1 - p)).sqrt()
        factor = torch.linalg.qr(weights[:, None] * self.design, mode="r").R
        return gradient, torch.linalg.pinv(factor, rtol=1e-15)


def _smoothed_targets(labels: Tensor, weights: Tensor) -> Tensor:
    """Return what each label counts as, so that the NLL has a minimum in any case."""
    n_1 = labels.double() @ weights
    n_0 = weights.sum() - n_1
    return torch.where(labels == 1, (n_1 + 1) / (n_1 + 2), 1 / (n_0 + 2))


def _polynomial(coefficients: Tensor, z: Tensor) -> Tensor:
    value = torch.zeros_like(z)
    for coefficient in coefficients.flip(0).to(z):
        value = value * z + coefficient
    return value


def _spread(values: Tensor) -> Tensor:
    spread = values.std(0, correction=0)
    return torch.where(spread > 0, spread, 1)
