"""Vector, matrix and Dirichlet scaling.

All three are softmax regressions whose penalties pull them towards temperature scaling.
"""

import math
from abc import abstractmethod
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from calibkit._attributes import CheckedAttributes
from calibkit._checks import check_number
from calibkit._distributed import total_over_processes
from calibkit._temperature_search import NoOptimumError
from calibkit.scalers._class_scaler import ClassScaler, FitDetails
from calibkit.scalers._gradient_check import describe_gradient
from calibkit.scalers._linear_maps import ElementwiseMap, LinearMap, MatrixMap, Parameters
from calibkit.scalers._penalised_nll import minimise


def _check_penalty(value: float, name: str) -> float:
    return check_number(
        value, name, low=0, high=math.inf, advice="a large one gives temperature scaling"
    )


class _LinearScaler(CheckedAttributes, ClassScaler):
    """A scaler of the form softmax(W x + b), where W is a diagonal (C,) or a matrix (C, C)."""

    fitted_names = ("weight", "bias")
    _shapes: ClassVar = {"weight": "C", "bias": "C"}
    intercept: float
    _map: ClassVar[LinearMap] = ElementwiseMap()
    _sums_over_processes = True
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
        n_classes = logits.shape[1]
        bias_penalty = torch.full((n_classes,), self.intercept * n_classes, dtype=torch.float64)
        inverse_temperature, bias = _fit_temperature_and_bias(logits, labels, bias_penalty)
        features = inverse_temperature * self._features(logits)
        found = minimise(
            self._map,
            features,
            labels,
            offset=features,
            penalty=Parameters(self._weight_penalty(n_classes), bias_penalty),
            start_bias=bias,
        )
        message = describe_gradient(
            found.largest_gradient,
            search=f"the weights stopped after {found.iterations} steps",
            advice=", or raise the penalties",
        )
        weight, bias = (values.cpu() for values in found.parameters)
        self.weight = inverse_temperature * (self._identity(n_classes) + weight)
        self.bias = bias
        return FitDetails(
            n_parameters=weight.numel() + bias.numel(),
            iterations=found.iterations,
            message=message,
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        weight, bias = self.weight.to(logits), self.bias.to(logits)
        return self._map.multiply(self._features(logits), weight) + bias

    def _features(self, logits: Tensor) -> Tensor:
        """Return the features x that the weights multiply."""
        return _centred(logits)

    @abstractmethod
    def _identity(self, n_classes: int) -> Tensor:
        """Return the weights that change nothing."""

    @abstractmethod
    def _weight_penalty(self, n_classes: int) -> Tensor:
        """Return the penalties of the differences of W / b_T from these weights."""


class VectorScaler(_LinearScaler):
    r"""Vector scaling, which gives every class a factor and a bias.

    $$\hat p = \mathrm{softmax}(w \odot z + b)$$

    The factors $w$ and the biases $b$ minimise the penalised NLL

    $$\sum_n \mathrm{NLL}_n + C \, \mathrm{diagonal} \sum_i (w_i / b_T - 1)^2
    + C \, \mathrm{intercept} \sum_i 2 \left( \sqrt{1 + b_i^2} - 1 \right)$$

    where C is the number of classes. The inverse temperature $b_T = 1 / T$ is the best one beside
    biases with the same penalty, so that a class bias of any size leaves it as it is. To keep it
    finite if all answers are right, it is fitted with one more sample whose label is random. The
    penalty of a bias is close to $b_i^2$ if the bias is small, but it does not hold back a large
    one.

    With few samples the penalties dominate, and the fit is close to temperature scaling. They do
    not grow with the number of samples, so their influence fades as samples are added. They grow
    with the number of classes, because each class then has fewer samples. They also make the
    problem strictly convex. There is therefore exactly one optimum, even if a class is separable,
    and Newton's method with a trust region finds it. The scaler first subtracts the mean of every
    row from the logits $z$, because the softmax ignores such a constant. Under
    ``torch.distributed`` every process fits on its own part of the calibration set, and all
    processes get the parameters of the whole set.

    Parameters
    ----------
    diagonal : float, default 1
        The penalty of factors that differ from the best inverse temperature, per class.
    intercept : float, default 1
        The penalty of biases that differ from 0, per class.

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

    Berta, Holzmüller, Jordan and Bach (2025). Structured Matrix Scaling for Multi-Class
    Calibration. The penalties that grow with the number of parameters of each kind.
    https://arxiv.org/abs/2511.03685

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

    def __init__(self, diagonal: float = 1.0, intercept: float = 1.0) -> None:
        super().__init__()
        self.diagonal = diagonal
        self.intercept = intercept

    def _identity(self, n_classes: int) -> Tensor:
        return torch.ones(n_classes, dtype=torch.float64)

    def _weight_penalty(self, n_classes: int) -> Tensor:
        return self.diagonal * n_classes * self._identity(n_classes)


class MatrixScaler(_LinearScaler):
    r"""Matrix scaling, which maps the logits linearly.

    $$\hat p = \mathrm{softmax}(W z + b)$$

    The matrix $W$ and the biases $b$ minimise the NLL with structured penalties, which pull them
    towards temperature scaling:

    $$\begin{aligned}
    \sum_n \mathrm{NLL}_n &+ C \, \mathrm{diagonal} \sum_i (W_{ii} / b_T - 1)^2 \\
    &+ C (C - 1) \, \mathrm{off\_diagonal} \sum_{i \ne j} (W_{ij} / b_T)^2 \\
    &+ C \, \mathrm{intercept} \sum_i 2 \left( \sqrt{1 + b_i^2} - 1 \right)
    \end{aligned}$$

    where C is the number of classes. The inverse temperature $b_T$ and the penalty of the biases
    are those of `VectorScaler`. A matrix has C (C - 1) weights beside its diagonal, and their
    penalty grows with this number. The penalties do not grow with the number of samples, so their
    influence fades as samples are added. There is exactly one optimum, even if a class is
    separable, and Newton's method with a trust region finds it. The scaler first subtracts the
    mean of every row from the logits $z$, because the softmax ignores such a constant. Under
    ``torch.distributed`` all processes get the parameters of the whole calibration set.

    Parameters
    ----------
    diagonal : float, default 1
        The penalty of diagonal weights that differ from the best inverse temperature, per class.
    off_diagonal : float, default 1
        The penalty of all other weights that differ from 0, per weight of this kind.
    intercept : float, default 1
        The penalty of biases that differ from 0, per class.

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
    Obtaining well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS. The
    penalty of off-diagonal weights and biases. https://arxiv.org/abs/1910.12656

    Berta, Holzmüller, Jordan and Bach (2025). Structured Matrix Scaling for Multi-Class
    Calibration. The penalties that grow with the number of parameters of each kind.
    https://arxiv.org/abs/2511.03685

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
    _map: ClassVar[LinearMap] = MatrixMap()

    def __init__(
        self, diagonal: float = 1.0, off_diagonal: float = 1.0, intercept: float = 1.0
    ) -> None:
        super().__init__()
        self.diagonal = diagonal
        self.off_diagonal = off_diagonal
        self.intercept = intercept

    def _identity(self, n_classes: int) -> Tensor:
        return torch.eye(n_classes, dtype=torch.float64)

    def _weight_penalty(self, n_classes: int) -> Tensor:
        identity = self._identity(n_classes)
        off_diagonal = self.off_diagonal * n_classes * (n_classes - 1)
        return self.diagonal * n_classes * identity + off_diagonal * (1 - identity)


class DirichletScaler(MatrixScaler):
    r"""Dirichlet calibration, which is matrix scaling of log-probabilities.

    $$\hat p = \mathrm{softmax}(W \ln p + b)$$

    If the model's probabilities follow a Dirichlet distribution in every class, the true
    posterior has this form. The scaler fits the same parameters with the same penalties as
    `MatrixScaler`, but uses $\ln p = \ln \mathrm{softmax}(z)$ in place of the logits $z$. The
    result therefore depends only on the model's probabilities.

    Parameters
    ----------
    diagonal : float, default 1
        The penalty of diagonal weights that differ from the best inverse temperature, per class.
    off_diagonal : float, default 1
        The penalty of all other weights that differ from 0, per weight of this kind.
    intercept : float, default 1
        The penalty of biases that differ from 0, per class.

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
    linear parametrisation. https://arxiv.org/abs/1910.12656

    Berta, Holzmüller, Jordan and Bach (2025). Structured Matrix Scaling for Multi-Class
    Calibration. The penalties that grow with the number of parameters of each kind.
    https://arxiv.org/abs/2511.03685

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


def _fit_temperature_and_bias(
    logits: Tensor, labels: Tensor, bias_penalty: Tensor
) -> tuple[float, Tensor]:
    """Return the inverse temperature that is best beside biases, and these biases.

    One more sample with a random label keeps the inverse temperature finite on every set.
    """
    features = _centred(logits)
    # The search needs float32 to hold the features.
    unit = _mean_size(features)
    if unit == 0:
        raise NoOptimumError(
            "logits must differ within a row, got the same value for all classes in every row, so "
            "that no weight changes anything; look at what the model does with its input",
            limit=math.inf,
        )
    found = minimise(
        ElementwiseMap(),
        features / unit,
        labels,
        offset=0.0,
        penalty=Parameters(torch.zeros(1, dtype=torch.float64), bias_penalty),
        start_bias=torch.zeros_like(bias_penalty),
        smoothing=1,
    )
    inverse_temperature = float(found.parameters.weight) / unit
    if not inverse_temperature > 0:
        raise NoOptimumError(
            "no temperature is best, even beside a bias for each class: the logit of the label is "
            "on average no higher than the other logits; check that labels and logits belong "
            "together and number the classes alike",
            limit=math.inf,
        )
    return inverse_temperature, found.parameters.bias


def _mean_size(features: Tensor) -> float:
    size = features.abs().sum()
    total, n = total_over_processes(torch.stack([size, size.new_tensor(features.numel())]))
    return float(total / n)


def _centred(logits: Tensor) -> Tensor:
    """Return the logits minus their mean over each row.

    The softmax ignores a constant that is added to a row, so the weights must not see it.
    """
    finite = _fill_masked(logits)
    return finite - finite.mean(-1, keepdim=True)


def _fill_masked(scores: Tensor) -> Tensor:
    """Return the scores (..., C), with the mean of the other classes in place of every -inf."""
    masked = scores.isneginf()
    n_others = (~masked).sum(-1, keepdim=True)
    mean = scores.masked_fill(masked, 0).sum(-1, keepdim=True) / n_others
    return torch.where(masked, mean, scores)
