"""Vector, matrix and Dirichlet scaling: softmax regression that shrinks towards one temperature."""

import math
from abc import abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import linear

from calibkit.checks import check_number
from calibkit.newton import find_optimum
from calibkit.rows import Rows
from calibkit.scalers import ClassScaler, FitOutcome

_MAX_ITERATIONS = 1000
# of the gradient a sample: the search goes on to the first, a fit is refused above the second
_AIM = 1e-8
_TOLERANCE = 1e-6


class _Parameters(NamedTuple):
    """Weights and biases, or one number for each of them."""

    weight: Tensor
    bias: Tensor


class _LinearScaler(ClassScaler):
    """softmax(W x + b), with W as a diagonal (C,) or as a matrix (C, C)."""

    fitted_names = ("weight", "bias")

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.empty(0, dtype=torch.float64)
        self.bias = torch.empty(0, dtype=torch.float64)

    @property
    def n_classes(self) -> int:
        return len(self.bias)

    def _fit_classes(self, logits: Tensor, labels: Tensor) -> FitOutcome:
        inverse_temperature = find_optimum(Rows(logits, labels)).inverse_temperature
        identity, penalty = self._prior(logits.shape[1])
        objective = _Objective(
            self, inverse_temperature * self._features(logits), labels, identity, penalty
        )
        found = minimize(
            objective.value_and_gradient,
            objective.flat(identity).cpu().numpy(),
            jac=True,
            hessp=objective.hessian_product,
            method="trust-ncg",
            options={"gtol": _AIM, "maxiter": _MAX_ITERATIONS},
        )
        largest = float(np.abs(found.jac).max())
        if not largest <= _TOLERANCE:
            raise RuntimeError(
                f"the search for the weights stopped after {found.nit} steps with a gradient of "
                f"{largest:.2g} a sample, above {_TOLERANCE:g}; look for logits of very different "
                "sizes, or raise the penalties"
            )
        weight, bias = (values.cpu() for values in objective.split(found.x))
        self.weight, self.bias = inverse_temperature * weight, bias
        return FitOutcome(
            n_parameters=found.x.size,
            iterations=found.nit,
            message=f"the largest entry of the gradient is {largest:.1g} a sample",
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        weight, bias = self.weight.to(logits), self.bias.to(logits)
        return self._product(self._features(logits), weight) + bias

    def _features(self, logits: Tensor) -> Tensor:
        """What the weights are multiplied with, x."""
        # the softmax knows no constant of a row, so neither shall the weights
        return logits - logits.mean(-1, keepdim=True)

    @abstractmethod
    def _prior(self, n_classes: int) -> tuple[_Parameters, _Parameters]:
        """Where W / b_T and b shrink to, and the penalty of every one of them."""

    @abstractmethod
    def _product(self, features: Tensor, weight: Tensor) -> Tensor:
        """W x for every row of the features."""

    @abstractmethod
    def _adjoint(self, residuals: Tensor, features: Tensor) -> Tensor:
        """The derivative in W of sum(residuals * product(features, W))."""


class VectorScaler(_LinearScaler):
    r"""Vector scaling: every class gets a factor and a bias.

    $$\hat p = \mathrm{softmax}(w \odot z + b)$$

    Fitted by the penalised likelihood

    $$\sum_n \mathrm{NLL}_n + \mathrm{diagonal} \sum_i (w_i / b_T - 1)^2
    + \mathrm{intercept} \sum_i b_i^2$$

    where $b_T = 1 / T$ is the best inverse temperature of the same samples: with little data the
    fit is temperature scaling. The penalties are those of a Gaussian prior and do not grow with
    the number of samples, so that their influence fades. They make the problem strictly convex:
    there is one optimum, also where a class is separable, and it is found exactly, by Newton's
    method with a trust region. Of the logits z the mean of a row is taken off first, so that a
    constant in them, which the softmax does not see, changes nothing.

    Parameters
    ----------
    diagonal : float, default 500
        The penalty of factors that differ from the best inverse temperature.
    intercept : float, default 10
        The penalty of biases.

    Attributes
    ----------
    weight : Tensor of float64, shape (C,)
        The factors w. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases b. Empty before a fit.
    summary : FitSummary or None
        What the fit did; None before a fit.

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
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right in 90 %, class 1 in 60 %
    tensor([[0.8892, 0.1108],
            [0.4099, 0.5901]])
    """

    def __init__(self, diagonal: float = 500.0, intercept: float = 10.0) -> None:
        super().__init__()
        self.diagonal = _check_penalty(diagonal, "diagonal")
        self.intercept = _check_penalty(intercept, "intercept")

    def _prior(self, n_classes: int) -> tuple[_Parameters, _Parameters]:
        one = torch.ones(n_classes, dtype=torch.float64)
        return _Parameters(one, 0 * one), _Parameters(self.diagonal * one, self.intercept * one)

    def _product(self, features: Tensor, weight: Tensor) -> Tensor:
        return features * weight

    def _adjoint(self, residuals: Tensor, features: Tensor) -> Tensor:
        return (residuals * features).sum(0)


class MatrixScaler(_LinearScaler):
    r"""Matrix scaling: a linear map of the logits.

    $$\hat p = \mathrm{softmax}(W z + b)$$

    Fitted by the likelihood with off-diagonal and intercept regularisation (ODIR), which
    shrinks towards temperature scaling,

    $$\begin{aligned}
    \sum_n \mathrm{NLL}_n &+ \mathrm{diagonal} \sum_i (W_{ii} / b_T - 1)^2 \\
    &+ \mathrm{off\_diagonal} \sum_{i \ne j} (W_{ij} / b_T)^2
    + \mathrm{intercept} \sum_i b_i^2
    \end{aligned}$$

    where $b_T = 1 / T$ is the best inverse temperature of the same samples. ODIR leaves the
    diagonal free; here it has a penalty as in `VectorScaler`, so that there is one optimum, also
    where a class is separable. It is found exactly, by Newton's method with a trust region. The
    penalties are those of a Gaussian prior and do not grow with the number of samples, so that
    their influence fades. Of the logits z the mean of a row is taken off first.

    Parameters
    ----------
    diagonal : float, default 500
        The penalty of a diagonal that differs from the best inverse temperature.
    off_diagonal : float, default 100 000
        The penalty of all other weights.
    intercept : float, default 10
        The penalty of biases.

    Attributes
    ----------
    weight : Tensor of float64, shape (C, C)
        The matrix W. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases b. Empty before a fit.
    summary : FitSummary or None
        What the fit did; None before a fit.

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
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right in 90 %, class 1 in 60 %
    tensor([[0.8893, 0.1107],
            [0.4099, 0.5901]])
    """

    def __init__(
        self, diagonal: float = 500.0, off_diagonal: float = 1e5, intercept: float = 10.0
    ) -> None:
        super().__init__()
        self.diagonal = _check_penalty(diagonal, "diagonal")
        self.off_diagonal = _check_penalty(off_diagonal, "off_diagonal")
        self.intercept = _check_penalty(intercept, "intercept")

    def _prior(self, n_classes: int) -> tuple[_Parameters, _Parameters]:
        one = torch.ones(n_classes, dtype=torch.float64)
        identity = torch.diag(one)
        penalty = self.diagonal * identity + self.off_diagonal * (1 - identity)
        return _Parameters(identity, 0 * one), _Parameters(penalty, self.intercept * one)

    def _product(self, features: Tensor, weight: Tensor) -> Tensor:
        return linear(features, weight)

    def _adjoint(self, residuals: Tensor, features: Tensor) -> Tensor:
        return residuals.T @ features


class DirichletScaler(MatrixScaler):
    r"""Dirichlet calibration: matrix scaling of log-probabilities.

    $$\hat p = \mathrm{softmax}(W \ln p + b)$$

    With Dirichlet distributed probabilities in every class this is the form of the true
    posterior. Penalties, optimum and parameters are those of `MatrixScaler`, with
    $\ln p = \ln \mathrm{softmax}(z)$ in place of the logits z: the result depends on the
    probabilities alone.

    Parameters
    ----------
    diagonal : float, default 500
        The penalty of a diagonal that differs from the best inverse temperature.
    off_diagonal : float, default 100 000
        The penalty of all other weights.
    intercept : float, default 10
        The penalty of biases.

    Attributes
    ----------
    weight : Tensor of float64, shape (C, C)
        The matrix W. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases b. Empty before a fit.
    summary : FitSummary or None
        What the fit did; None before a fit.

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
        return logits.log_softmax(-1)


class _Objective:
    """The penalised NLL in W / b_T and b, all in one vector, divided by the number of samples."""

    def __init__(
        self,
        scaler: _LinearScaler,
        features: Tensor,
        labels: Tensor,
        identity: _Parameters,
        penalty: _Parameters,
    ) -> None:
        self.scaler = scaler
        self.features = features
        self.labels = labels[:, None]
        self.shape = identity.weight.shape
        self.start = self.flat(identity).to(features)
        self.penalty = self.flat(penalty).to(features)
        self._at: NDArray[np.float64] | None = None
        self._probabilities = torch.empty(0)

    def value_and_gradient(
        self, parameters: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        log_p = self._scores(parameters).log_softmax(1)
        self._at, self._probabilities = parameters.copy(), log_p.exp()
        deviation = torch.from_numpy(self._at).to(self.start) - self.start
        nll = -log_p.gather(1, self.labels).sum()
        residuals = self._probabilities.scatter_add(
            1, self.labels, torch.full_like(log_p[:, :1], -1.0)
        )
        value = nll + (self.penalty * deviation**2).sum()
        gradient = self._adjoint(residuals) + 2 * self.penalty * deviation
        return float(value) / len(self.labels), (gradient / len(self.labels)).cpu().numpy()

    def hessian_product(
        self, parameters: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if not np.array_equal(parameters, self._at):  # type: ignore[arg-type]
            self.value_and_gradient(parameters)
        p, change = self._probabilities, self._scores(direction)
        residuals = p * (change - (p * change).sum(1, keepdim=True))
        penalty = 2 * self.penalty * torch.from_numpy(direction).to(self.start)
        product: NDArray[np.float64] = (
            ((self._adjoint(residuals) + penalty) / len(self.labels)).cpu().numpy()
        )
        return product

    def flat(self, parameters: _Parameters) -> Tensor:
        return torch.cat([parameters.weight.flatten(), parameters.bias])

    def split(self, values: NDArray[np.float64]) -> _Parameters:
        tensor = torch.from_numpy(values).to(self.features)
        n_weights = math.prod(self.shape)
        return _Parameters(tensor[:n_weights].view(self.shape), tensor[n_weights:])

    def _scores(self, values: NDArray[np.float64]) -> Tensor:
        weight, bias = self.split(values)
        return self.scaler._product(self.features, weight) + bias

    def _adjoint(self, residuals: Tensor) -> Tensor:
        weight = self.scaler._adjoint(residuals, self.features)
        return self.flat(_Parameters(weight, residuals.sum(0)))


def _check_penalty(value: float, name: str) -> float:
    return check_number(
        value, name, low=0, high=math.inf, advice="a large one gives temperature scaling"
    )
