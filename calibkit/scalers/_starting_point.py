"""The robust temperature scaling from which the linear scalers start."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from calibkit._distributed import count_over_processes, total_over_processes
from calibkit._rows import Rows
from calibkit._temperature_search import NoOptimumError, find_best_inverse_temperature
from calibkit.scalers._exportable import log_add_exp
from calibkit.scalers._linear_maps import ElementwiseMap, Parameters
from calibkit.scalers._penalised_nll import minimise

# This weight of one sample whose label is random keeps the parameters finite even if all answers
# are right.
_SMOOTHING = 0.01
# The penalties of a linear scaler can bear this bias of a class, but not a much larger one.
_MOST_PENALISED_BIAS = 1.0
_TIMES_CRITERION = 4


class StartingPoint(NamedTuple):
    """Temperature scaling, with a bias for each class if the model has one.

    Attributes
    ----------
    inverse_temperature : Tensor, shape ()
        The factor of the logits.
    class_bias : Tensor, shape (C,)
        What is added to the scaled logits. It is 0 if the classes need no bias.
    n_samples : Tensor, shape ()
        Number of samples of the calibration set, over all processes.
    """

    inverse_temperature: Tensor
    class_bias: Tensor
    n_samples: Tensor

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Return the logarithms of probabilities, mixed with those of one more random sample.

        The mixture keeps the logarithms of very small probabilities from dominating a fit. A class
        with the logit -inf keeps it.
        """
        n_classes = logits.shape[-1]
        b, c, n = (value.to(logits) for value in self)
        log_p = (b * (logits - logits.amax(-1, keepdim=True)) + c).log_softmax(-1)
        mixed = log_add_exp(log_p + n.log(), -torch.full_like(n, n_classes).log())
        return (mixed - (n + 1).log()).masked_fill(logits.isneginf(), -math.inf)


def fit_starting_point(logits: Tensor, labels: Tensor) -> StartingPoint:
    """Fit a temperature, and a bias for each class if it improves the fit by more than chance.

    The biases must gain much more than the (C - 1) / 2 log n of the Bayesian information criterion,
    since a fit to few samples that are almost separable gains that much by chance. Only what
    exceeds 1 of a bias belongs to the starting point.

    Raises
    ------
    NoOptimumError
        If there is no optimum with a positive inverse temperature, with biases or without.
    """
    n, n_classes = count_over_processes(len(labels)), logits.shape[1]
    no_temperature = None
    try:
        b = _best_inverse_temperature(Rows(logits, labels))
    except NoOptimumError as error:
        no_temperature, b = error, 0.0
    plain = Parameters(logits.new_tensor([b]), logits.new_zeros(n_classes))
    biased = _fit_temperature_and_bias(logits, labels, b, rough=True)
    gain = _nll(plain, logits, labels) - _nll(biased, logits, labels)
    least_gain = _TIMES_CRITERION * (n_classes - 1) / 2 * math.log(n)
    if biased.weight > 0 and (no_temperature or gain > least_gain):
        biased = _fit_temperature_and_bias(logits, labels, b)
        class_bias = biased.bias - biased.bias.clamp(-_MOST_PENALISED_BIAS, _MOST_PENALISED_BIAS)
        weight = biased.weight
    elif no_temperature:
        raise no_temperature
    else:
        weight, class_bias = plain
    return StartingPoint(weight[0], class_bias, torch.full_like(weight[0], n))


def _best_inverse_temperature(rows: Rows) -> float:
    try:
        return find_best_inverse_temperature(rows).inverse_temperature
    except NoOptimumError as error:
        if error.limit > 0:
            raise
        # All answers are right.
        return find_best_inverse_temperature(rows, _SMOOTHING).inverse_temperature


def _fit_temperature_and_bias(
    logits: Tensor, labels: Tensor, start: float, *, rough: bool = False
) -> Parameters:
    """Return the inverse temperature (1,) and the biases (C,) that are best together."""
    centred = logits - logits.mean(1, keepdim=True)
    # A bias that the model adds to all samples alike must not matter, whatever its size.
    mean = _mean_over_samples(centred)
    features = centred - mean
    # The search needs features that float32 can hold.
    unit = _mean_over_samples(features.abs()).mean()
    if unit == 0:
        # The labels have no say, so 0 is as good as any other number.
        return Parameters(torch.zeros_like(mean[:1]), torch.zeros_like(mean))
    nothing = torch.zeros_like(mean)
    found = minimise(
        ElementwiseMap(),
        features / unit,
        labels,
        offset=start * centred,
        penalty=Parameters(nothing[:1], nothing),
        smoothing=_SMOOTHING,
        rough=rough,
    )
    change = found.parameters.weight / unit
    bias = found.parameters.bias - change * mean
    return Parameters(start + change, bias - bias.quantile(0.5))


def _mean_over_samples(values: Tensor) -> Tensor:
    total = total_over_processes(torch.cat([values.sum(0), values.new_tensor([len(values)])]))
    return total[:-1] / total[-1]


def _nll(parameters: Parameters, logits: Tensor, labels: Tensor) -> float:
    scores = parameters.weight * logits + parameters.bias
    return float(total_over_processes(cross_entropy(scores, labels, reduction="sum")[None]))
