"""The robust temperature scaling from which the linear scalers start."""

import math
from typing import NamedTuple

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from calibkit._distributed import total_over_processes, total_weight_over_processes
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
# This penalty for each sample keeps a bias at 0.
_PROHIBITIVE = 1e4
# The search for a lower temperature multiplies 1 / T by this factor, up to this limit.
_STEP, _LARGEST_INVERSE_TEMPERATURE = 4.0, 1e300


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


def fit_starting_point(logits: Tensor, labels: Tensor, weights: Tensor | None) -> StartingPoint:
    """Fit a temperature, and biases for those classes that need one.

    Biases must gain much more than the log n / 2 each of the Bayesian information criterion, since
    a fit to few samples that are almost separable gains that much by chance. Only what exceeds 1 of
    a bias belongs to the starting point.

    A few huge logits that are wrong make the best temperature so high that it hides what all other
    samples say. In the NLL of the mixture, no sample counts without limit. If a lower temperature
    without biases improves that NLL by as much as a bias must, the fit starts from it.

    Raises
    ------
    NoOptimumError
        If there is no optimum with a positive inverse temperature, with biases or without.
    """
    rows, n_classes = Rows(logits, labels, weights=weights), logits.shape[1]
    no_temperature = None
    try:
        b = _best_inverse_temperature(rows)
    except NoOptimumError as error:
        no_temperature, b = error, 0.0
    plain = Parameters(logits.new_tensor([b]), logits.new_zeros(n_classes))
    needed = logits.new_ones(n_classes, dtype=torch.bool)
    if no_temperature is None:
        needed = _classes_that_need_a_bias(rows, plain)
    weight, bias = plain
    if needed.any():
        weight, bias = _fit_temperature_and_bias(rows, b, needed)
    if not weight > 0:
        weight, bias = plain
    n = total_weight_over_processes(labels, weights)
    start = StartingPoint(weight[0], bias, torch.full_like(weight[0], n))
    lower = _start_at_lower_temperature(rows, start)
    if lower is not None:
        return lower
    if no_temperature and not weight > 0:
        raise no_temperature
    class_bias = bias - bias.clamp(-_MOST_PENALISED_BIAS, _MOST_PENALISED_BIAS)
    return start._replace(class_bias=class_bias)


def _start_at_lower_temperature(rows: Rows, start: StartingPoint) -> StartingPoint | None:
    """Return a start without biases whose T is lower and much better, or None if there is none.

    The NLL of the mixture may have several minima. The search therefore tries ever lower
    temperatures until half of the samples have an answer that is certain.
    """
    unbiased = start._replace(class_bias=torch.zeros_like(start.class_bias))

    def measure(b: float) -> _MixedNLL:
        return _measure(unbiased._replace(inverse_temperature=start.n_samples.new_tensor(b)), rows)

    n = float(start.n_samples)
    b = float(start.inverse_temperature) or _reciprocal_of_spread(rows)
    best_nll, best_b = _measure(start, rows).nll - _cost_of_bias(n), None
    n_certain = 0.0
    while n_certain < n / 2 and b < _LARGEST_INVERSE_TEMPERATURE:
        b *= _STEP
        nll, n_certain = measure(b)
        if nll < best_nll:
            best_nll, best_b = nll, b
    if best_b is None:
        return None
    found = minimize_scalar(
        lambda log_b: measure(math.exp(log_b)).nll,
        bounds=(math.log(best_b / _STEP), math.log(best_b * _STEP)),
        method="bounded",
    )
    b = math.exp(found.x) if found.fun < best_nll else best_b
    return unbiased._replace(inverse_temperature=start.n_samples.new_tensor(b))


def _classes_that_need_a_bias(rows: Rows, plain: Parameters) -> Tensor:
    """Return True for the classes whose biases gain most, less what each of them costs.

    The search begins with a bias for each class. Then it leaves out the small biases, and those
    that do not earn their cost beside the others, until every bias that is left does.
    """
    cost_of_bias = _cost_of_bias(total_weight_over_processes(rows.labels, rows.weights))
    candidate = rows.scores.new_ones(rows.n_classes, dtype=torch.bool)
    best, least_cost = torch.zeros_like(candidate), _nll(plain, rows)
    while candidate.any():
        found = _fit_temperature_and_bias(rows, float(plain.weight), candidate, rough=True)
        # A constant in all biases changes nothing.
        n_biases = min(int(candidate.sum()), rows.n_classes - 1)
        cost = _nll(found, rows) + n_biases * cost_of_bias
        if cost < least_cost:
            best, least_cost = candidate, cost
        large = found.bias.abs() > _MOST_PENALISED_BIAS
        left = candidate & large & (_gain_of_each_bias(found, rows) > cost_of_bias)
        if torch.equal(left, candidate):
            break
        candidate = left
    return best


def _cost_of_bias(n: float) -> float:
    return _TIMES_CRITERION / 2 * math.log(max(n, 1))


def _gain_of_each_bias(parameters: Parameters, rows: Rows) -> Tensor:
    """Return by how much the NLL would rise if one class lost its bias, for each class."""
    weight, bias = parameters
    p = (weight * rows.scores + bias).softmax(1)
    rise = (p * torch.expm1(-bias)).log1p()
    rise[torch.arange(len(rows.labels)), rows.labels] += bias[rows.labels]
    return total_over_processes(rise.sum(0) if rows.weights is None else rows.weights @ rise)


def _best_inverse_temperature(rows: Rows) -> float:
    try:
        return find_best_inverse_temperature(rows).inverse_temperature
    except NoOptimumError as error:
        if error.limit > 0:
            raise
        # All answers are right.
        return find_best_inverse_temperature(rows, _SMOOTHING).inverse_temperature


def _fit_temperature_and_bias(
    rows: Rows, start: float, needed: Tensor, *, rough: bool = False
) -> Parameters:
    """Return the inverse temperature (1,) and the biases (C,) that are best together.

    Only the classes that need a bias get one, or else that of the others would be 0.
    """
    centred = rows.scores - rows.scores.mean(1, keepdim=True)
    # A bias that the model adds to all samples alike must not matter, whatever its size.
    mean = _mean_over_samples(centred, rows.weights) * needed
    features = centred - mean
    # The search needs features that float32 can hold.
    unit = _mean_over_samples(features.abs(), rows.weights).mean()
    if unit == 0:
        # The labels have no say, so 0 is as good as any other number.
        return Parameters(torch.zeros_like(mean[:1]), torch.zeros_like(mean))
    nothing = torch.zeros_like(mean)
    prohibitive = _PROHIBITIVE * total_weight_over_processes(rows.labels, rows.weights)
    found = minimise(
        ElementwiseMap(),
        features / unit,
        rows.labels,
        rows.weights,
        offset=start * centred,
        penalty=Parameters(nothing[:1], nothing.masked_fill(~needed, prohibitive)),
        smoothing=_SMOOTHING,
        rough=rough,
    )
    change = found.parameters.weight / unit
    bias = (found.parameters.bias - change * mean) * needed
    # Biases of all classes leave a constant open.
    return Parameters(start + change, bias - bias.quantile(0.5) if needed.all() else bias)


def _mean_over_samples(values: Tensor, weights: Tensor | None) -> Tensor:
    with_count = torch.cat([values, torch.ones_like(values[:, :1])], 1)
    total = total_over_processes(with_count.sum(0) if weights is None else weights @ with_count)
    return total[:-1] / total[-1]


def _nll(parameters: Parameters, rows: Rows) -> float:
    scores = parameters.weight * rows.scores + parameters.bias
    nll = cross_entropy(scores, rows.labels, reduction="none")
    total = nll.sum() if rows.weights is None else nll @ rows.weights
    return float(total_over_processes(total))


class _MixedNLL(NamedTuple):
    """The NLL of the mixture, and how many samples have an answer that is certain."""

    nll: float
    n_certain: float


def _measure(start: StartingPoint, rows: Rows) -> _MixedNLL:
    log_p = start.log_probabilities(rows.scores)
    nll = -log_p.gather(1, rows.labels[:, None])[:, 0]
    below_top = rows.scores < rows.scores.amax(1, keepdim=True)
    p_below_top = torch.where(below_top, log_p.exp(), 0).sum(1)
    # An answer is certain if the other classes have hardly more than the random sample gives them.
    certain = (p_below_top * (start.n_samples + 1) < 1).double()
    each = torch.stack([nll, certain])
    total = each.sum(1) if rows.weights is None else each @ rows.weights
    return _MixedNLL(*total_over_processes(total).tolist())


def _reciprocal_of_spread(rows: Rows) -> float:
    """Return an inverse temperature at which few logits of a row differ by more than 1."""
    spread = rows.scores.amax(1, keepdim=True) - rows.scores.amin(1, keepdim=True)
    return 1 / max(
        float(_mean_over_samples(spread, rows.weights)), 1 / _LARGEST_INVERSE_TEMPERATURE
    )
