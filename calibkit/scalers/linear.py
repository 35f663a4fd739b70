"""Vector, matrix and Dirichlet scaling.

All three are softmax regressions whose penalties pull them towards temperature scaling.
"""

import math
from abc import abstractmethod
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import linear

from calibkit._attributes import CheckedAttributes
from calibkit._checks import check_number
from calibkit._rows import Rows
from calibkit._temperature_search import find_best_inverse_temperature
from calibkit.scalers._class_scaler import ClassScaler, FitDetails
from calibkit.scalers._gradient_check import describe_gradient

_MAX_ITERATIONS = 1000
_GRADIENT_TARGET = 1e-8  # the search ends below it, per sample


class _Parameters(NamedTuple):
    """Weights and biases, or one number for each of them, such as its penalty."""

    weight: Tensor
    bias: Tensor


def _check_penalty(value: float, name: str) -> float:
    return check_number(
        value, name, low=0, high=math.inf, advice="a large one gives temperature scaling"
    )


class _LinearScaler(CheckedAttributes, ClassScaler):
    """A scaler of the form softmax(W x + b), where W is a diagonal (C,) or a matrix (C, C)."""

    fitted_names = ("weight", "bias")
    _shapes: ClassVar = {"weight": "C", "bias": "C"}
    _attribute_checks: ClassVar = {
        name: partial(_check_penalty, name=name)
        for name in ("diagonal", "off_diagonal", "intercept")
    }

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.empty(0, dtype=torch.float64)
        self.bias = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        return len(self.bias)

    def _fit_classes(self, logits: Tensor, labels: Tensor) -> FitDetails:
        inverse_temperature = find_best_inverse_temperature(
            Rows(logits, labels)
        ).inverse_temperature
        centre, penalty = self._prior(logits.shape[1])
        objective = _PenalisedNLL(
            self, inverse_temperature * self._features(logits), labels, centre, penalty
        )
        found = minimize(
            objective.value_and_gradient,
            objective.join(centre).cpu().numpy(),
            jac=True,
            hessp=objective.hessian_product,
            method="trust-ncg",
            options={"gtol": _GRADIENT_TARGET, "maxiter": _MAX_ITERATIONS},
        )
        message = describe_gradient(
            float(np.abs(found.jac).max()),
            search=f"the weights stopped after {found.nit} steps",
            advice=", or raise the penalties",
        )
        weight, bias = (values.cpu() for values in objective.split(found.x))
        self.weight, self.bias = inverse_temperature * weight, bias
        return FitDetails(n_parameters=found.x.size, iterations=found.nit, message=message)

    def _calibrate(self, logits: Tensor) -> Tensor:
        weight, bias = self.weight.to(logits), self.bias.to(logits)
        return self._multiply(self._features(logits), weight) + bias

    def _features(self, logits: Tensor) -> Tensor:
        """Return the features x that the weights multiply."""
        # The softmax ignores a constant that is added to a row, so the weights must not see it.
        finite = _fill_masked(logits)
        return finite - finite.mean(-1, keepdim=True)

    @abstractmethod
    def _prior(self, n_classes: int) -> tuple[_Parameters, _Parameters]:
        """Return the values towards which W / b_T and b are pulled, and the penalties."""

    @abstractmethod
    def _multiply(self, features: Tensor, weight: Tensor) -> Tensor:
        """Return W x for every row x of the features."""

    @abstractmethod
    def _weight_gradient(self, residuals: Tensor, features: Tensor) -> Tensor:
        """Return the derivative of sum(residuals * multiply(features, W)) with respect to W."""


class VectorScaler(_LinearScaler):
    r"""Vector scaling, which gives every class a factor and a bias.

    $$\hat p = \mathrm{softmax}(w \odot z + b)$$

    The factors $w$ and the biases $b$ minimise the penalised NLL

    $$\sum_n \mathrm{NLL}_n + \mathrm{diagonal} \sum_i (w_i / b_T - 1)^2
    + \mathrm{intercept} \sum_i b_i^2$$

    where $b_T = 1 / T$ is the best inverse temperature of the same samples. With few samples the
    penalties dominate, and the fit is close to temperature scaling. The penalties correspond to a
    Gaussian prior and do not grow with the number of samples, so their influence fades as samples
    are added. They also make the problem strictly convex. There is therefore exactly one optimum,
    even if a class is separable, and Newton's method with a trust region finds it. The scaler first
    subtracts the mean of every row from the logits $z$, because the softmax ignores such a
    constant.

    Parameters
    ----------
    diagonal : float, default 500
        The penalty of factors that differ from the best inverse temperature.
    intercept : float, default 10
        The penalty of biases that differ from 0.

    Attributes
    ----------
    weight : Tensor of float64, shape (C,)
        The factors $w$. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases $b$. Empty before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    Raises
    ------
    TypeError
        If a penalty is not a number.
    ValueError
        If a penalty is not positive and finite.

    See Also
    --------
    calibkit.TemperatureScaler : Fit one factor for all classes, and no bias.
    calibkit.MatrixScaler : Let the logit of one class depend on those of all classes.
    calibkit.DirichletScaler : Do the same with log-probabilities.
    calibkit.compare : Find out which scaler is worth its parameters.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Section 4.2. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> import torch
    >>> from calibkit import VectorScaler
    >>> logits = torch.tensor([[3.0, 0.0]] * 10 + [[0.0, 3.0]] * 10).repeat(1000, 1)
    >>> labels = torch.tensor([0] * 9 + [1] + [1] * 6 + [0] * 4).repeat(1000)
    >>> scaler = VectorScaler().fit_logits(logits, labels)
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right 90 % of the time, class 1 60 %
    tensor([[0.8892, 0.1108],
            [0.4099, 0.5901]])
    """

    def __init__(self, diagonal: float = 500.0, intercept: float = 10.0) -> None:
        super().__init__()
        self.diagonal = diagonal
        self.intercept = intercept

    def _prior(self, n_classes: int) -> tuple[_Parameters, _Parameters]:
        one = torch.ones(n_classes, dtype=torch.float64)
        return _Parameters(one, 0 * one), _Parameters(self.diagonal * one, self.intercept * one)

    def _multiply(self, features: Tensor, weight: Tensor) -> Tensor:
        return features * weight

    def _weight_gradient(self, residuals: Tensor, features: Tensor) -> Tensor:
        return (residuals * features).sum(0)


class MatrixScaler(_LinearScaler):
    r"""Matrix scaling, which maps the logits linearly.

    $$\hat p = \mathrm{softmax}(W z + b)$$

    The matrix $W$ and the biases $b$ minimise the NLL with off-diagonal and intercept
    regularisation (ODIR), which pulls them towards temperature scaling:

    $$\begin{aligned}
    \sum_n \mathrm{NLL}_n &+ \mathrm{diagonal} \sum_i (W_{ii} / b_T - 1)^2 \\
    &+ \mathrm{off\_diagonal} \sum_{i \ne j} (W_{ij} / b_T)^2
    + \mathrm{intercept} \sum_i b_i^2
    \end{aligned}$$

    where $b_T = 1 / T$ is the best inverse temperature of the same samples. The original ODIR
    leaves the diagonal free. Here the diagonal has a penalty as in `VectorScaler`, so there is
    exactly one optimum, even if a class is separable, and Newton's method with a trust region
    finds it. The penalties correspond to a Gaussian prior and do not grow with the number of
    samples, so their influence fades as samples are added. The scaler first subtracts the mean of
    every row from the logits $z$, because the softmax ignores such a constant.

    Parameters
    ----------
    diagonal : float, default 500
        The penalty of diagonal weights that differ from the best inverse temperature.
    off_diagonal : float, default 100 000
        The penalty of all other weights that differ from 0.
    intercept : float, default 10
        The penalty of biases that differ from 0.

    Attributes
    ----------
    weight : Tensor of float64, shape (C, C)
        The matrix $W$. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases $b$. Empty before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    Raises
    ------
    TypeError
        If a penalty is not a number.
    ValueError
        If a penalty is not positive and finite.

    See Also
    --------
    calibkit.VectorScaler : Fit the diagonal only, which needs fewer samples.
    calibkit.DirichletScaler : Map log-probabilities in place of logits.
    calibkit.compare : Find out which scaler is worth its parameters.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Section 4.2. https://arxiv.org/abs/1706.04599

    Kull, Perello-Nieto, Kängsepp, Silva Filho, Song and Flach (2019). Beyond temperature scaling:
    Obtaining well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS. ODIR.
    https://arxiv.org/abs/1910.12656

    Examples
    --------
    >>> import torch
    >>> from calibkit import MatrixScaler
    >>> logits = torch.tensor([[3.0, 0.0]] * 10 + [[0.0, 3.0]] * 10).repeat(1000, 1)
    >>> labels = torch.tensor([0] * 9 + [1] + [1] * 6 + [0] * 4).repeat(1000)
    >>> scaler = MatrixScaler().fit_logits(logits, labels)
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right 90 % of the time, class 1 60 %
    tensor([[0.8893, 0.1107],
            [0.4099, 0.5901]])
    """

    _shapes: ClassVar = {"weight": "CC", "bias": "C"}

    def __init__(
        self, diagonal: float = 500.0, off_diagonal: float = 1e5, intercept: float = 10.0
    ) -> None:
        super().__init__()
        self.diagonal = diagonal
        self.off_diagonal = off_diagonal
        self.intercept = intercept

    def _prior(self, n_classes: int) -> tuple[_Parameters, _Parameters]:
        one = torch.ones(n_classes, dtype=torch.float64)
        identity = torch.diag(one)
        penalty = self.diagonal * identity + self.off_diagonal * (1 - identity)
        return _Parameters(identity, 0 * one), _Parameters(penalty, self.intercept * one)

    def _multiply(self, features: Tensor, weight: Tensor) -> Tensor:
        return linear(features, weight)

    def _weight_gradient(self, residuals: Tensor, features: Tensor) -> Tensor:
        return residuals.T @ features


class DirichletScaler(MatrixScaler):
    r"""Dirichlet calibration, which is matrix scaling of log-probabilities.

    $$\hat p = \mathrm{softmax}(W \ln p + b)$$

    If the model's probabilities follow a Dirichlet distribution in every class, the true
    posterior has this form. The scaler fits the same parameters with the same penalties as
    `MatrixScaler`, but uses $\ln p = \ln \mathrm{softmax}(z)$ in place of the logits $z$. The
    result therefore depends only on the model's probabilities.

    Parameters
    ----------
    diagonal : float, default 500
        The penalty of diagonal weights that differ from the best inverse temperature.
    off_diagonal : float, default 100 000
        The penalty of all other weights that differ from 0.
    intercept : float, default 10
        The penalty of biases that differ from 0.

    Attributes
    ----------
    weight : Tensor of float64, shape (C, C)
        The matrix $W$. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases $b$. Empty before a fit.
    summary : FitSummary or None
        What the fit did. None before a fit.

    Raises
    ------
    TypeError
        If a penalty is not a number.
    ValueError
        If a penalty is not positive and finite.

    See Also
    --------
    calibkit.BetaScaler : Calibrate a binary model in the same way, with three parameters.
    calibkit.MatrixScaler : Map the logits in place of log-probabilities.
    calibkit.compare : Find out which scaler is worth its parameters.

    References
    ----------
    Kull, Perello-Nieto, Kängsepp, Silva Filho, Song and Flach (2019). Beyond temperature scaling:
    Obtaining well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS. The
    linear parametrisation, with ODIR. https://arxiv.org/abs/1910.12656

    Examples
    --------
    >>> import torch
    >>> from calibkit import DirichletScaler
    >>> logits = torch.tensor([[3.0, 0.0]] * 10 + [[0.0, 3.0]] * 10).repeat(1000, 1)
    >>> labels = torch.tensor([0] * 9 + [1] + [1] * 6 + [0] * 4).repeat(1000)
    >>> scaler = DirichletScaler().fit_logits(logits, labels)
    >>> torch.allclose(scaler(logits), scaler(logits + 7), atol=1e-5)
    True
    """

    def _features(self, logits: Tensor) -> Tensor:
        return _fill_masked(logits.log_softmax(-1))


class _PenalisedNLL:
    """The penalised NLL per sample as a function of one vector, which holds W / b_T and b."""

    def __init__(
        self,
        scaler: _LinearScaler,
        features: Tensor,
        labels: Tensor,
        centre: _Parameters,
        penalty: _Parameters,
    ) -> None:
        self.scaler = scaler
        self.features = features
        self.labels = labels[:, None]
        self.weight_shape = centre.weight.shape
        self.centre = self.join(centre).to(features)
        self.penalty = self.join(penalty).to(features)
        self._evaluated_at: NDArray[np.float64] | None = None
        self._probabilities = torch.empty(0)

    def value_and_gradient(
        self, parameters: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        log_p = self._scores(parameters).log_softmax(1)
        self._evaluated_at, self._probabilities = parameters.copy(), log_p.exp()
        deviation = torch.from_numpy(self._evaluated_at).to(self.centre) - self.centre
        nll = -log_p.gather(1, self.labels).sum()
        residuals = self._probabilities.scatter_add(
            1, self.labels, torch.full_like(log_p[:, :1], -1.0)
        )
        value = nll + (self.penalty * deviation**2).sum()
        gradient = self._nll_gradient(residuals) + 2 * self.penalty * deviation
        return float(value) / len(self.labels), (gradient / len(self.labels)).cpu().numpy()

    def hessian_product(
        self, parameters: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if not np.array_equal(parameters, self._evaluated_at):  # type: ignore[arg-type]
            self.value_and_gradient(parameters)
        p, change = self._probabilities, self._scores(direction)
        residuals = p * (change - (p * change).sum(1, keepdim=True))
        penalty = 2 * self.penalty * torch.from_numpy(direction).to(self.centre)
        product: NDArray[np.float64] = (
            ((self._nll_gradient(residuals) + penalty) / len(self.labels)).cpu().numpy()
        )
        return product

    def join(self, parameters: _Parameters) -> Tensor:
        return torch.cat([parameters.weight.flatten(), parameters.bias])

    def split(self, values: NDArray[np.float64]) -> _Parameters:
        tensor = torch.from_numpy(values).to(self.features)
        n_weights = math.prod(self.weight_shape)
        return _Parameters(tensor[:n_weights].view(self.weight_shape), tensor[n_weights:])

    def _scores(self, values: NDArray[np.float64]) -> Tensor:
        weight, bias = self.split(values)
        return self.scaler._multiply(self.features, weight) + bias

    def _nll_gradient(self, residuals: Tensor) -> Tensor:
        weight = self.scaler._weight_gradient(residuals, self.features)
        return self.join(_Parameters(weight, residuals.sum(0)))


def _fill_masked(scores: Tensor) -> Tensor:
    """Return the scores (..., C), with the mean of the other classes in place of every -inf."""
    masked = scores.isneginf()
    n_others = (~masked).sum(-1, keepdim=True)
    mean = scores.masked_fill(masked, 0).sum(-1, keepdim=True) / n_others
    return torch.where(masked, mean, scores)
