"""The linear maps of logits, with coordinates in which their weights are easy to find."""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

from calibkit._distributed import total_over_processes


class Parameters(NamedTuple):
    """Weights and biases, or one number for each of them, such as its penalty."""

    weight: Tensor
    bias: Tensor

    def flat(self) -> Tensor:
        """Return all numbers in one dimension, the weights first."""
        return torch.cat([self.weight.flatten(), self.bias])

    def like(self, flat: Tensor) -> "Parameters":
        """Return numbers in one dimension in the shapes of these parameters."""
        n = self.weight.numel()
        return Parameters(flat[:n].view(self.weight.shape), flat[n:])


class Coordinates(Protocol):
    """A linear map from the coordinates in which a search moves to the parameters."""

    size: int

    def to_parameters(self, coordinates: Tensor) -> Parameters:
        """Return the parameters that some coordinates stand for."""

    def gradient(self, by_parameters: Parameters) -> Tensor:
        """Return the derivatives by the coordinates, given the derivatives by the parameters."""


class LinearMap(Protocol):
    """How weights act on features (N, C)."""

    def multiply(self, features: Tensor, weight: Tensor) -> Tensor:
        """Return W x for every row x of the features."""

    def weight_gradient(self, residuals: Tensor, features: Tensor, like: Tensor) -> Tensor:
        """Return the derivative of sum(residuals * multiply(features, W)) with respect to W."""

    def coordinates(
        self,
        probabilities: Tensor,
        features: Tensor,
        weights: Tensor | None,
        penalty: Parameters,
        n: float,
    ) -> Coordinates:
        """Return coordinates in which the curvature of the penalised NLL per sample is about 1.

        The closer the curvature is to 1 in all directions, the fewer steps does a search take.
        """


class ElementwiseMap:
    """A map with one weight for each class, or with a single weight for all classes."""

    def multiply(self, features: Tensor, weight: Tensor) -> Tensor:
        return features * weight

    def weight_gradient(self, residuals: Tensor, features: Tensor, like: Tensor) -> Tensor:
        return (residuals * features).sum_to_size(like.shape)

    def coordinates(
        self,
        probabilities: Tensor,
        features: Tensor,
        weights: Tensor | None,
        penalty: Parameters,
        n: float,
    ) -> Coordinates:
        variance = _weighted(probabilities * (1 - probabilities), weights)
        here = Parameters(
            (variance * features**2).sum_to_size(penalty.weight.shape), variance.sum(0)
        )
        curvature = total_over_processes(here.flat()) + 2 * penalty.flat()
        return _Multiples((curvature / n).rsqrt(), penalty)


class MatrixMap:
    """A map with one weight for each pair of classes."""

    def multiply(self, features: Tensor, weight: Tensor) -> Tensor:
        return linear(features, weight)

    def weight_gradient(self, residuals: Tensor, features: Tensor, like: Tensor) -> Tensor:
        return residuals.T @ features

    def coordinates(
        self,
        probabilities: Tensor,
        features: Tensor,
        weights: Tensor | None,
        penalty: Parameters,
        n: float,
    ) -> Coordinates:
        # If probabilities and features were independent, the curvature of the NLL would be the
        # Kronecker product of two small matrices, whose eigenvectors are quickly found. A bias is
        # the weight of one more feature, of a size that gives it the penalty of the other weights.
        off_diagonal = float(penalty.weight[0, 1])
        constant = math.sqrt(off_diagonal / float(penalty.bias[0]))
        variance = _weighted(probabilities * (1 - probabilities) * features**2, weights).sum(0)
        features = torch.cat([features, torch.full_like(features[:, :1], constant)], 1)
        weighted = _weighted(probabilities, weights)
        by_class = torch.diag(weighted.sum(0)) - weighted.T @ probabilities
        by_feature = _weighted(features, weights).T @ features
        by_class, by_feature, variance = (
            total_over_processes(part) / n for part in (by_class, by_feature, variance)
        )
        of_classes, left = torch.linalg.eigh(by_class)
        of_features, right = torch.linalg.eigh(by_feature)
        curvature = of_classes.clamp(min=0)[:, None] * of_features.clamp(min=0)
        return _Rotated(
            left,
            right,
            (curvature + 2 * off_diagonal / n).rsqrt(),
            constant,
            (variance + 2 * penalty.weight.diagonal() / n).rsqrt(),
        )


def _weighted(rows: Tensor, weights: Tensor | None) -> Tensor:
    return rows if weights is None else rows * weights[:, None]


class _Multiples:
    """Coordinates that are multiples of the single weights and biases."""

    def __init__(self, factors: Tensor, like: Parameters) -> None:
        self.factors = factors
        self.like = like
        self.size = len(factors)

    def to_parameters(self, coordinates: Tensor) -> Parameters:
        return self.like.like(self.factors * coordinates)

    def gradient(self, by_parameters: Parameters) -> Tensor:
        return self.factors * by_parameters.flat()


class _Rotated:
    """Coordinates along the eigenvectors of a Kronecker product, and more along the diagonal.

    The penalty of the diagonal may be much smaller than that of the other weights. Its own
    coordinates let it move as far as its penalty allows.
    """

    def __init__(
        self, left: Tensor, right: Tensor, scale: Tensor, constant: float, diagonal: Tensor
    ) -> None:
        self.left = left  # (C, C)
        self.right = right  # (C + 1, C + 1)
        self.scale = scale  # (C, C + 1)
        self.constant = constant  # the feature whose weight is the bias
        self.diagonal = diagonal  # (C,)
        self.size = scale.numel() + len(diagonal)

    def to_parameters(self, coordinates: Tensor) -> Parameters:
        along, diagonal = coordinates.split([self.scale.numel(), len(self.diagonal)])
        joint = self.left @ (self.scale * along.view(self.scale.shape)) @ self.right.T
        weight = joint[:, :-1] + torch.diag(self.diagonal * diagonal)
        return Parameters(weight, self.constant * joint[:, -1])

    def gradient(self, by_parameters: Parameters) -> Tensor:
        weight, bias = by_parameters
        joint = torch.cat([weight, self.constant * bias[:, None]], 1)
        along = self.scale * (self.left.T @ joint @ self.right)
        return torch.cat([along.flatten(), self.diagonal * weight.diagonal()])
