"""How sure a metric is: bootstrap intervals, and paired differences."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import one_hot
from tqdm import tqdm

from calibkit.bins import Floats, Labels, Probabilities, binned_error, top_label, uniform_bin
from calibkit.checks import (
    check_n_resamples,
    check_number,
    check_probabilities_and_labels,
    check_seed,
)
from calibkit.functional import (
    OfWeights,
    Weights,
    calibration_error,
    classwise_calibration_error,
    ks_calibration_error,
    ks_of_weights,
)
from calibkit.scores import (
    accuracy,
    brier_score,
    brier_terms,
    log_probabilities,
    negative_log_likelihood,
    nll_terms,
)

Metric = Callable[[Tensor, Tensor], float]

# weights held at a time
_BLOCK_ELEMENTS = 2**21


class Interval(NamedTuple):
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


def bootstrap_interval(
    metric: Metric,
    probabilities: Probabilities,
    labels: Labels,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    ignore_index: int | None = None,
) -> Interval:
    """A metric with its confidence interval, by the bootstrap.

    Of accuracy, Brier score and NLL, which are means, it is the percentile interval. An ECE grows
    by resampling: its noise comes on top of itself. So from the value and from the value less that
    bias, whichever is further out, the interval reaches as far as the quantiles lie from the mean
    of the resamples. Near 0 that is not enough: whether a small ECE differs from none is for
    `calibration_test` to say. Any other metric is treated as the ECE. In simulations these 95 %
    intervals of an ECE held the truth 92 to 95 times of 100.

    calibkit's accuracy, proper scores, errors in bins of equal width and Kolmogorov-Smirnov error
    are taken of all resamples at once; any other function is called once a resample.

    Parameters
    ----------
    metric : callable
        Maps probabilities (N, C) and labels (N,) to a number, such as `calibration_error`. Options
        go in with ``functools.partial(calibration_error, n_bins=30)``.
    probabilities : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    level : float, default 0.95
        Confidence of the interval.
    n_resamples : int, default 1000
        Number of times that N samples are drawn from the N, with replacement.
    seed : int, default 0
        Same seed, same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    Interval
        ``(value, low, high)``; the ends are not below 0 where no resample is.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Davison and Hinkley (1997). Bootstrap Methods and Their Application. Sections 5.2 and
    5.3. https://doi.org/10.1017/CBO9780511802843

    Examples
    --------
    >>> import torch
    >>> from calibkit import accuracy, bootstrap_interval
    >>> probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    >>> labels = (torch.arange(1000) >= 700).long()
    >>> interval = bootstrap_interval(accuracy, probabilities, labels)
    >>> f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
    '0.70 (0.67 to 0.73)'
    """
    scores, targets = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index
    )
    _check_bootstrap(metric, level, n_resamples, seed)
    value, resampled = _resample(metric, scores, targets, n_resamples, seed)
    interval = _interval(metric, value, resampled, level)
    if value >= 0 and (resampled >= 0).all():
        return interval._replace(low=max(interval.low, 0.0))
    return interval


def paired_difference(
    metric: Metric,
    before: Probabilities,
    after: Probabilities,
    labels: Labels,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    ignore_index: int | None = None,
) -> Interval:
    """How much a metric changes from one set of probabilities to another on the same samples.

    Both are taken of the same resamples, so that what is hard in a sample cancels.

    Parameters
    ----------
    metric : callable
        As in `bootstrap_interval`.
    before, after : Tensor or array, shape (N, C) or (N, C, ...)
        Rows in [0, 1] that sum to 1, of the same samples.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    level : float, default 0.95
        Confidence of the interval.
    n_resamples : int, default 1000
        Number of resamples.
    seed : int, default 0
        Same seed, same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.

    Returns
    -------
    Interval
        ``metric(after) - metric(before)`` and its ends. An interval without 0 says that the change
        is not chance.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Davison and Hinkley (1997). Bootstrap Methods and Their Application. Sections 5.2
    and 5.3. https://doi.org/10.1017/CBO9780511802843

    Examples
    --------
    >>> import torch
    >>> from calibkit import negative_log_likelihood, paired_difference
    >>> labels = (torch.arange(1000) >= 700).long()
    >>> before = torch.tensor([[0.9, 0.1]]).repeat(1000, 1)
    >>> after = torch.tensor([[0.7, 0.3]]).repeat(1000, 1)
    >>> difference = paired_difference(negative_log_likelihood, before, after, labels)
    >>> f"{difference.value:.3f} ({difference.low:.3f} to {difference.high:.3f})"
    '-0.154 (-0.196 to -0.117)'
    """
    first, targets = check_probabilities_and_labels(before, labels, ignore_index=ignore_index)
    second, _ = check_probabilities_and_labels(after, labels, ignore_index=ignore_index)
    if first.shape != second.shape:
        raise ValueError(
            f"before and after must have the same shape, got {tuple(first.shape)} and "
            f"{tuple(second.shape)} rows; pass probabilities of the same samples and classes"
        )
    _check_bootstrap(metric, level, n_resamples, seed)
    value, resampled = _resample(metric, first, targets, n_resamples, seed)
    value_after, resampled_after = _resample(metric, second, targets, n_resamples, seed)
    return _interval(metric, value_after - value, resampled_after - resampled, level)


def mean_interval(terms: Tensor, *, n_resamples: int, seed: int) -> Interval:
    """The mean of terms (N,) with its 95 % interval."""
    mean = _weighted_mean(terms)
    blocks = _weights(len(terms), n_resamples, seed)
    resampled = np.concatenate([mean(block) for block in blocks])
    return _percentile_interval(float(terms.mean()), resampled, 0.95)


def _check_bootstrap(metric: Metric, level: float, n_resamples: int, seed: int) -> None:
    if not callable(metric):
        raise TypeError(
            f"metric must be a function of probabilities and labels, got {metric!r}; "
            "pass for instance calibkit.calibration_error"
        )
    check_number(level, "level", low=0, high=1, advice="0.95 is usual")
    check_n_resamples(n_resamples)
    check_seed(seed)


def _interval(metric: Metric, value: float, resampled: Floats, level: float) -> Interval:
    low, high = _percentile_interval(value, resampled, level)[1:]
    if metric in (accuracy, brier_score, negative_log_likelihood):
        return Interval(value, low, high)
    mean = float(resampled.mean())
    unbiased = 2 * value - mean
    return Interval(
        value, min(value, unbiased) - (mean - low), max(value, unbiased) + (high - mean)
    )


def _percentile_interval(value: float, resampled: Floats, level: float) -> Interval:
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def _resample(
    metric: Metric, probabilities: Tensor, labels: Tensor, n_resamples: int, seed: int
) -> tuple[float, Floats]:
    """The metric, and the metric of every resample; the same seed draws the same samples."""
    value = float(metric(probabilities, labels))
    of_weights = _weighted(metric, probabilities.cpu(), labels.cpu())
    n = len(labels)
    blocks = _weights(n, n_resamples, seed)
    if of_weights is not None:
        return value, np.concatenate([of_weights(block) for block in blocks])
    rows = (torch.from_numpy(np.repeat(np.arange(n), row)) for block in blocks for row in block)
    resampled = [metric(probabilities[index], labels[index]) for index in rows]
    return value, np.array(resampled, dtype=np.float64)


def _weights(n: int, n_resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each of n samples was drawn, one row a resample, some rows at a time."""
    generator = np.random.default_rng(seed)
    size = max(1, _BLOCK_ELEMENTS // n)
    with tqdm(total=n_resamples, desc="resamples", delay=2) as bar:
        for start in range(0, n_resamples, size):
            rows = min(size, n_resamples - start)
            drawn = generator.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
            bar.update(rows)


def _weighted(metric: Metric, probabilities: Tensor, labels: Tensor) -> OfWeights | None:
    """The metric as a function of weights (R, N), for those that allow it."""
    function, options = metric, {}
    if isinstance(metric, partial) and not metric.args:
        function, options = metric.func, metric.keywords
    if "ignore_index" in options:
        return None
    makers: dict[object, Callable[..., OfWeights | None]] = {
        accuracy: _weighted_accuracy,
        brier_score: _weighted_brier_score,
        negative_log_likelihood: _weighted_nll,
        calibration_error: _weighted_calibration_error,
        classwise_calibration_error: _weighted_classwise_error,
        ks_calibration_error: _weighted_ks_error,
    }
    maker = makers.get(function)
    return None if maker is None else maker(probabilities, labels, **options)


def _weighted_accuracy(probabilities: Tensor, labels: Tensor) -> OfWeights:
    return _weighted_mean(top_label(probabilities, labels)[1].double())


def _weighted_brier_score(probabilities: Tensor, labels: Tensor) -> OfWeights:
    return _weighted_mean(brier_terms(probabilities, labels))


def _weighted_nll(probabilities: Tensor, labels: Tensor) -> OfWeights:
    return _weighted_mean(nll_terms(log_probabilities(probabilities), labels))


def _weighted_mean(terms: Tensor) -> OfWeights:
    if not terms.isfinite().all():
        return lambda weights: np.full(len(weights), np.inf)
    return lambda weights: weights @ terms.numpy() / len(terms)


def _weighted_calibration_error(
    probabilities: Tensor,
    labels: Tensor,
    n_bins: int = 15,
    norm: str = "l1",
    binning: str = "uniform",
    debias: bool = False,
) -> OfWeights | None:
    if binning != "uniform":
        return None
    confidence, correct = top_label(probabilities, labels)
    in_bin = one_hot(uniform_bin(confidence, n_bins), n_bins).double()
    parts = [in_bin, in_bin * correct[:, None], in_bin * confidence[:, None]]
    features = torch.cat(parts, 1).numpy()

    def of_weights(weights: Weights) -> Floats:
        count, hits, total = np.split(weights.astype(np.float64) @ features, 3, axis=1)
        return binned_error(count, hits, total, norm, debias)

    return of_weights


def _weighted_classwise_error(probabilities: Tensor, labels: Tensor, n_bins: int = 15) -> OfWeights:
    n, n_classes = probabilities.shape
    p = probabilities.double()
    column = uniform_bin(p.clamp(0, 1), n_bins) + n_bins * torch.arange(n_classes)
    gap = -p
    gap[torch.arange(n), labels] += 1
    gaps = csr_array(
        (gap.flatten().numpy(), column.flatten().numpy(), np.arange(n + 1) * n_classes),
        shape=(n, n_classes * n_bins),
    ).T.tocsr()
    return lambda weights: np.abs(gaps @ weights.T.astype(np.float64)).sum(0) / n / n_classes


def _weighted_ks_error(probabilities: Tensor, labels: Tensor) -> OfWeights:
    confidence, correct = top_label(probabilities, labels)
    return ks_of_weights(confidence.numpy(), correct.numpy())
