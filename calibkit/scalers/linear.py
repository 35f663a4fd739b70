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
from calibkit.scalers._class_scaler import ClassScaler, FitDetails
from calibkit.scalers._gradient_check import describe_gradient
from calibkit.scalers._linear_maps import ElementwiseMap, LinearMap, MatrixMap, Parameters
from calibkit.scalers._penalised_nll import minimise
from calibkit.scalers._starting_point import StartingPoint, fit_starting_point


def _check_penalty(value: float, name: str) -> float:
    return check_number(
        value,
        name,
        low=0,
        high=math.inf,
        advice="a large one keeps the fit close to temperature scaling",
    )


class _LinearScaler(CheckedAttributes, ClassScaler):
    """A scaler of the form softmax(W x + b), where W is a diagonal (C,) or a matrix (C, C)."""

    fitted_names = ("weight", "bias", "inverse_temperature", "class_bias", "n_samples")
    _shapes: ClassVar = {
        "weight": "C",
        "bias": "C",
        "inverse_temperature": "",
        "class_bias": "C",
        "n_samples": "",
    }
    _bounds: ClassVar = {"inverse_temperature": (0, math.inf), "n_samples": (0, math.inf)}
    _map: ClassVar[LinearMap] = ElementwiseMap()
    _sums_over_processes = True
    intercept: float
    _attribute_checks: ClassVar = {
        name: partial(_check_penalty, name=name)
        for name in ("diagonal", "off_diagonal", "intercept")
    }

    def __init__(self) -> None:
        super().__init__()
        for name in self.fitted_names:
            setattr(self, name, torch.empty(0, dtype=torch.float64))

    @property
    def n_classes(self) -> int:
        return len(self.bias)

    def _fit_classes(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> FitDetails:
        n_classes = logits.shape[1]
        start = fit_starting_point(logits, labels, weights)
        features = self._features(start.log_probabilities(logits))
        bias_penalty = torch.full((n_classes,), self.intercept * n_classes, dtype=torch.float64)
        found = minimise(
            self._map,
            features,
            labels,
            weights,
            offset=features,
            penalty=Parameters(self._weight_penalty(n_classes), bias_penalty),
        )
        message = describe_gradient(
            found.largest_gradient,
            search=f"the weights stopped after {found.iterations} steps",
            advice=", or raise the penalties",
        )
        weight, self.bias = (values.cpu() for values in found.parameters)
        self.weight = self._identity(n_classes) + weight
        self.inverse_temperature, self.class_bias, self.n_samples = (x.cpu() for x in start)
        return FitDetails(
            n_parameters=weight.numel() + self.bias.numel(),
            iterations=found.iterations,
            message=message,
        )

    def _calibrate(self, logits: Tensor) -> Tensor:
        start = StartingPoint(self.inverse_temperature, self.class_bias, self.n_samples)
        features = self._features(start.log_probabilities(logits))
        return self._map.multiply(features, self.weight.to(logits)) + self.bias.to(logits)

    def _features(self, log_probabilities: Tensor) -> Tensor:
        """Return the features x that the weights multiply."""
        finite = _fill_masked(log_probabilities)
        return finite - finite.mean(-1, keepdim=True)

    @abstractmethod
    def _identity(self, n_classes: int) -> Tensor:
        """Return the weights that change nothing."""

    @abstractmethod
    def _weight_penalty(self, n_classes: int) -> Tensor:
        """Return the penalties of weights that differ from these."""


class VectorScaler(_LinearScaler):
    r"""Vector scaling, which gives every class a factor and a bias.

    $$\hat p = \mathrm{softmax}(w \odot x + b)$$

    The scaler starts from temperature scaling, whose probabilities are
    $p = \mathrm{softmax}(z / T)$. The features $x$ are the logarithms of $(n p + 1 / C) / (n + 1)$,
    minus their mean over the C classes. This mixture of $p$ with one random sample among the $n$
    samples of the fit changes little, but it keeps the logarithms of very small probabilities from
    dominating the fit. With $w = 1$ and $b = 0$ the features stay as they are. The factors $w$ and
    the biases $b$ minimise the penalised NLL

    $$\begin{aligned}
    \sum_{j=1}^n \mathrm{NLL}_j &+ C \, \mathrm{diagonal} \sum_i (w_i - 1)^2 \\
    &+ C \, \mathrm{intercept} \sum_i b_i^2
    \end{aligned}$$

    With few samples the penalties dominate, and the fit is close to temperature scaling. They do
    not grow with the number of samples, so their influence fades as samples are added. They grow
    with the number of classes, because each class then has fewer samples. They make the problem
    strictly convex. There is therefore exactly one optimum, even if all answers are right, and
    Newton's method with a trust region finds it.

    A large bias of a class would spoil the temperature. Therefore the fit looks for classes whose
    biases improve the sum of the NLL by more than $2 \log n$ each, four times what the Bayesian
    information criterion asks for. What exceeds 1 of these biases is added to $z / T$, and the
    temperature is the one that is best beside them.

    A few huge logits that are wrong would spoil it, too. An example is naive Bayes, whose
    log-probabilities may fall below -1e9. In the NLL of the mixture, no sample counts for more than
    $\log(C (n + 1))$. If a lower temperature without biases improves the sum of this NLL by more
    than $2 \log n$, the fit starts from it.

    Under ``torch.distributed`` every process fits on its own part of the calibration set, and all
    processes get the parameters of the whole set.

    Parameters
    ----------
    diagonal : float, default 3
        The penalty, per class, of factors that differ from 1.
    intercept : float, default 3
        The penalty, per class, of biases that differ from 0.

    Attributes
    ----------
    weight : Tensor of float64, shape (C,)
        The factors $w$. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases $b$. Empty before a fit.
    inverse_temperature : Tensor of float64, shape ()
        The factor 1 / T of the logits. Empty before a fit.
    class_bias : Tensor of float64, shape (C,)
        What is added to the scaled logits. It is 0 unless a class has a large bias. Empty before a
        fit.
    n_samples : Tensor of float64, shape ()
        The number $n$ of samples, or the sum of their weights. Empty before a fit.
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
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right 90% of the time, class 1 60%
    tensor([[0.8997, 0.1003],
            [0.3997, 0.6003]])
    """

    def __init__(self, diagonal: float = 3.0, intercept: float = 3.0) -> None:
        super().__init__()
        self.diagonal = diagonal
        self.intercept = intercept

    def _identity(self, n_classes: int) -> Tensor:
        return torch.ones(n_classes, dtype=torch.float64)

    def _weight_penalty(self, n_classes: int) -> Tensor:
        return self.diagonal * n_classes * self._identity(n_classes)


class MatrixScaler(_LinearScaler):
    r"""Matrix scaling, where every new logit depends on all classes.

    $$\hat p = \mathrm{softmax}(W x + b)$$

    The features $x$ are those of `VectorScaler`: robust logarithms of the probabilities of
    temperature scaling, minus their mean over the C classes. The matrix $W$ and the biases $b$
    minimise the NLL with structured penalties, which pull them towards temperature scaling:

    $$\begin{aligned}
    &\sum_{j=1}^n \mathrm{NLL}_j + C \, \mathrm{diagonal} \sum_i (W_{ii} - 1)^2 \\
    &+ C (C - 1) \, \mathrm{off\_diagonal} \sum_{i \ne j} W_{ij}^2 \\
    &+ C \, \mathrm{intercept} \sum_i b_i^2
    \end{aligned}$$

    The penalty of the C (C - 1) weights beside the diagonal grows with their number. The penalties
    do not grow with the number of samples, so their influence fades as samples are added. There is
    exactly one optimum, even if all answers are right, and Newton's method with a trust region
    finds it. Under ``torch.distributed`` all processes get the parameters of the whole calibration
    set.

    Parameters
    ----------
    diagonal : float, default 3
        The penalty, per class, of diagonal weights that differ from 1.
    off_diagonal : float, default 1
        The penalty, per weight of this kind, of all other weights that differ from 0.
    intercept : float, default 3
        The penalty, per class, of biases that differ from 0.

    Attributes
    ----------
    weight : Tensor of float64, shape (C, C)
        The matrix $W$. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases $b$. Empty before a fit.
    inverse_temperature : Tensor of float64, shape ()
        The factor 1 / T of the logits. Empty before a fit.
    class_bias : Tensor of float64, shape (C,)
        What is added to the scaled logits. It is 0 unless a class has a large bias. Empty before a
        fit.
    n_samples : Tensor of float64, shape ()
        The number $n$ of samples, or the sum of their weights. Empty before a fit.
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
    >>> scaler(logits[[0, -1]]).softmax(-1)  # class 0 is right 90% of the time, class 1 60%
    tensor([[0.8997, 0.1003],
            [0.3997, 0.6003]])
    """

    _shapes: ClassVar = {**_LinearScaler._shapes, "weight": "CC"}
    _map: ClassVar[LinearMap] = MatrixMap()

    def __init__(
        self, diagonal: float = 3.0, off_diagonal: float = 1.0, intercept: float = 3.0
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

    $$\hat p = \mathrm{softmax}(W x + b)$$

    If the model's probabilities follow a Dirichlet distribution in every class, the true
    posterior has this form with $x = \ln p$. Here $x$ is the robust logarithm of the probabilities
    of temperature scaling, as in `MatrixScaler`, but the mean over the classes is not subtracted.
    The weights therefore see how small the probabilities of a row are altogether. The penalties are
    those of `MatrixScaler`. By default the one beside the diagonal is larger, because these
    features are.

    Parameters
    ----------
    diagonal : float, default 3
        The penalty, per class, of diagonal weights that differ from 1.
    off_diagonal : float, default 3
        The penalty, per weight of this kind, of all other weights that differ from 0.
    intercept : float, default 3
        The penalty, per class, of biases that differ from 0.

    Attributes
    ----------
    weight : Tensor of float64, shape (C, C)
        The matrix $W$. Empty before a fit.
    bias : Tensor of float64, shape (C,)
        The biases $b$. Empty before a fit.
    inverse_temperature : Tensor of float64, shape ()
        The factor 1 / T of the logits. Empty before a fit.
    class_bias : Tensor of float64, shape (C,)
        What is added to the scaled logits. It is 0 unless a class has a large bias. Empty before a
        fit.
    n_samples : Tensor of float64, shape ()
        The number $n$ of samples, or the sum of their weights. Empty before a fit.
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

    def __init__(
        self, diagonal: float = 3.0, off_diagonal: float = 3.0, intercept: float = 3.0
    ) -> None:
        super().__init__(diagonal, off_diagonal, intercept)

    def _features(self, log_probabilities: Tensor) -> Tensor:
        return _fill_masked(log_probabilities)


def _fill_masked(scores: Tensor) -> Tensor:
    """Return the scores (..., C), with the mean of the other classes in place of every -inf."""
    masked = scores.isneginf()
    n_others = (~masked).sum(-1, keepdim=True)
    mean = scores.masked_fill(masked, 0).sum(-1, keepdim=True) / n_others
    return torch.where(masked, mean, scores)
