"""The minimum of a penalised NLL over the weights and biases of a linear map."""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, cg
from torch import Tensor

from calibkit._distributed import total_over_processes, total_weight_over_processes
from calibkit._scaled_nll import exp_
from calibkit.scalers._linear_maps import LinearMap, Parameters

_MAX_ITERATIONS = 1000
# The search ends when the gradient per sample is shorter than this, in coordinates in which the
# curvature is about 1. One more Newton step then leads to the minimum, up to rounding.
_GRADIENT_TARGET = 1e-5
_ROUGH_GRADIENT_TARGET = 1e-3
_LAST_STEP_TOLERANCE = 1e-5


class Minimum(NamedTuple):
    """The end of a search.

    Attributes
    ----------
    parameters : Parameters
        The weights and biases that minimise the penalised NLL.
    largest_gradient : float
        The largest entry of the gradient there, per sample. A rough search does not tell.
    iterations : int
        Number of steps.
    """

    parameters: Parameters
    largest_gradient: float
    iterations: int


def minimise(
    linear_map: LinearMap,
    features: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    *,
    offset: Tensor | float,
    penalty: Parameters,
    smoothing: float = 0,
    rough: bool = False,
) -> Minimum:
    r"""Minimise the penalised NLL by Newton's method with a trust region.

    A row x of the features has the scores offset + W x + b, and the penalised NLL is

    $$\sum_j \mathrm{NLL}_j + \sum_i \lambda_i W_i^2 + \sum_k \mu_k b_k^2$$

    where the penalty holds the numbers $\lambda$ and $\mu$. The NLL of a sample counts as often as
    its weight says. With smoothing m, there are m more
    samples with random labels. A rough search stops when the NLL of a sample is within about 1e-6
    of its minimum. The sums are over all processes.
    """
    objective = _PenalisedNLL(linear_map, features, labels, weights, offset, penalty, smoothing)
    found = minimize(
        objective.value_and_gradient,
        np.zeros(objective.coordinates.size),
        jac=True,
        hessp=objective.hessian_product,
        method="trust-ncg",
        options={
            "gtol": _ROUGH_GRADIENT_TARGET if rough else _GRADIENT_TARGET,
            "maxiter": _MAX_ITERATIONS,
        },
    )
    if rough:
        return Minimum(objective.to_parameters(found.x), math.nan, found.nit)
    # The rounding of the NLL hides what the last steps gain, but not where the gradient vanishes.
    last_step, _ = cg(objective.hessian(found.x), -found.jac, rtol=_LAST_STEP_TOLERANCE)
    parameters = objective.to_parameters(found.x + last_step)
    _, gradient = objective.sums(parameters)
    return Minimum(parameters, float(gradient.flat().abs().max()) / objective.n, found.nit)


class _PenalisedNLL:
    """The penalised NLL as a function of the coordinates of the search, which start at 0."""

    def __init__(
        self,
        linear_map: LinearMap,
        features: Tensor,
        labels: Tensor,
        weights: Tensor | None,
        offset: Tensor | float,
        penalty: Parameters,
        smoothing: float,
    ) -> None:
        self.linear_map = linear_map
        self.features = features
        self.rough_features = features.float()
        self.labels = labels[:, None]
        self.offset = offset
        self.penalty = Parameters(penalty.weight.to(features), penalty.bias.to(features))
        self.flat_penalty = self.penalty.flat()
        self.weights = weights
        self.n = total_weight_over_processes(labels, weights)
        self.random_share = smoothing / self.n
        self._evaluated_at: NDArray[np.float64] | None = None
        self._evaluate(self.penalty.like(torch.zeros_like(self.flat_penalty)))
        self.coordinates = linear_map.coordinates(
            self.probabilities, features, weights, self.penalty, self.n
        )

    def value_and_gradient(
        self, coordinates: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64]]:
        self._evaluated_at = coordinates.copy()
        value, gradient = self.sums(self.to_parameters(coordinates))
        return value / self.n, self._by_coordinates(gradient)

    def sums(self, parameters: Parameters) -> tuple[float, Parameters]:
        """Return the penalised NLL of all samples and its gradient."""
        nll = self._evaluate(parameters)
        residuals = self.probabilities * (1 + self.random_share)
        residuals -= self.random_share / residuals.shape[1]
        residuals.scatter_add_(1, self.labels, torch.full_like(residuals[:, :1], -1))
        gradient = self._nll_gradient(residuals, self.features)
        total = total_over_processes(torch.cat([nll[None], gradient.flat()]))
        flat = parameters.flat()
        penalty = self.flat_penalty * flat
        value = total[0] + (penalty * flat).sum()
        return float(value), self.penalty.like(total[1:] + 2 * penalty)

    def hessian_product(
        self, coordinates: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if not np.array_equal(coordinates, self._evaluated_at):  # type: ignore[arg-type]
            self.value_and_gradient(coordinates)
        change = self.to_parameters(direction)
        # The curvature only steers the search, so float32 is precise enough.
        p = self.rough_probabilities
        scores = self._scores(Parameters(*(part.float() for part in change)), self.rough_features)
        scores *= p
        residuals = scores.addcmul_(p, scores.sum(1, keepdim=True), value=-1)
        gradient = self._nll_gradient(residuals, self.rough_features).flat().double()
        nll = (1 + self.random_share) * total_over_processes(gradient)
        return self._by_coordinates(self.penalty.like(nll + 2 * self.flat_penalty * change.flat()))

    def hessian(self, coordinates: NDArray[np.float64]) -> LinearOperator:
        size = len(coordinates)
        return LinearOperator((size, size), partial(self.hessian_product, coordinates))

    def _evaluate(self, parameters: Parameters) -> Tensor:
        """Return the NLL of the samples of this process, and keep their probabilities."""
        # One exponential gives the probabilities and the NLL.
        scores = self._scores(parameters, self.features).add_(self.offset)
        scores -= scores.amax(1, keepdim=True)
        expected = scores.gather(1, self.labels)[:, 0] + self.random_share * scores.mean(1)
        self.probabilities = exp_(scores)
        total = self.probabilities.sum(1, keepdim=True)
        self.probabilities /= total
        self.rough_probabilities = self.probabilities.float()
        nll = (1 + self.random_share) * total.log()[:, 0] - expected
        return nll.sum() if self.weights is None else nll @ self.weights

    def _scores(self, parameters: Parameters, features: Tensor) -> Tensor:
        return self.linear_map.multiply(features, parameters.weight) + parameters.bias

    def _nll_gradient(self, residuals: Tensor, features: Tensor) -> Parameters:
        if self.weights is not None:
            residuals *= self.weights[:, None]
        weight = self.linear_map.weight_gradient(residuals, features, self.penalty.weight)
        return Parameters(weight, residuals.sum(0))

    def to_parameters(self, coordinates: NDArray[np.float64]) -> Parameters:
        return self.coordinates.to_parameters(torch.from_numpy(coordinates).to(self.features))

    def _by_coordinates(self, gradient: Parameters) -> NDArray[np.float64]:
        flat: NDArray[np.float64] = self.coordinates.gradient(gradient).cpu().numpy()
        return flat / self.n
