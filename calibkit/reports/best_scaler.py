"""A choice among scalers by cross-validation."""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from calibkit._checks import check_integer, check_logits_and_labels, check_seed
from calibkit._distributed import refuse_several_processes
from calibkit._rows import Chunk
from calibkit._types import Floats, Labels, Probabilities, SampleWeight
from calibkit.reports.compare import check_scalers
from calibkit.scalers.base import FitSummary, Scaler
from calibkit.scalers.beta import BetaScaler
from calibkit.scalers.linear import MatrixScaler, VectorScaler
from calibkit.scalers.logistic import LogisticScaler, QuadraticScaler
from calibkit.scalers.temperature import TemperatureScaler
from calibkit.scalers.uniform_mixture import UniformMixtureScaler

# By how many standard errors a scaler must be better than the simplest one. With 1 instead, it was
# worse on some problems of the arena by more than half a percent.
_LEAST_LEAD = 1.5
# Fewer samples do not tell how large the standard error is.
_FEWEST = 30
# How many times more samples a summary looks ahead to.
_LOOK_AHEAD = 2, 4
_LEAST_GAIN = 0.001  # A smaller share of the NLL is not worth more samples.


class _Tried(NamedTuple):
    """A candidate that was fitted on all parts but one, in turn, and on the whole."""

    name: str
    fitted: Scaler
    n_parameters: int
    nll: Floats  # of every sample that was held out
    nll_of_fit: float  # of all samples, after a fit to all
    weights: Floats | None = None  # of the samples that were held out

    def mean(self) -> float:
        return float(np.average(self.nll, weights=self.weights))

    def effective_n(self) -> float:
        """Return how many samples of equal weight those that were held out are worth."""
        if self.weights is None:
            return len(self.nll)
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    def mean_with(self, times: float) -> float:
        """Return about what the NLL of a held-out sample would be with times as many samples.

        A fit learns some of the noise of its samples. That lowers their NLL by about as much as it
        raises that of others, and by half as much if there are twice as many samples.
        """
        without_noise = (self.mean() + self.nll_of_fit) / 2
        return without_noise + (self.mean() - without_noise) / times


def best_scaler(
    logits: Probabilities,
    labels: Labels,
    candidates: Sequence[Scaler] | None = None,
    *,
    cv: int = 5,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Scaler:
    """Choose a scaler by cross-validation, and fit it on all samples.

    The samples are divided at random into `cv` parts of the same size. Each candidate is fitted
    `cv` times, on all parts but one, and its NLL is measured on the part that is left. The choice
    follows the one-standard-error rule: among the candidates whose mean NLL is within one standard
    error of the lowest, the one with the fewest parameters is chosen. The standard error is that of
    the mean difference of the two, sample by sample, so that it does not count what makes a sample
    hard for both.

    The candidate with the fewest parameters of all, usually temperature scaling, is kept unless the
    chosen one is better by more than one and a half standard errors. So a richer scaler is chosen
    only if it is better by more than chance explains. It is kept as well if fewer than 30 samples
    can be held out, because they do not tell how large the standard error is.

    The samples should be drawn at random. In a stratified set, such as one of ten samples of every
    class, a class that is rare in the other parts is frequent in the part that is left. Then the
    NLL of scalers with a bias for each class comes out too high, and too few of them are chosen.

    Parameters
    ----------
    logits : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        What the model returns before the softmax, or before the sigmoid for a binary model.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    candidates : sequence of Scaler, optional
        The scalers to choose from. Copies are fitted, so the scalers themselves do not change. By
        default they are temperature, uniform-mixture, vector and matrix scaling. For two classes,
        logistic, quadratic and beta scaling come on top, and for more classes matrix scaling with a
        tenth and a hundredth of the default penalty beside the diagonal.
    cv : int, default 5
        Number of parts.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts in the fits and in the NLL, as for `Scaler.fit_logits`.
        The standard errors count every sample, whatever its weight, as one independent observation.
        By default every weight is 1.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    progress : bool, default True
        Whether to show a progress bar on stderr.

    Returns
    -------
    Scaler
        The chosen scaler, fitted on all samples. Its `summary` prints what was compared: for
        each candidate its NLL, the difference from the NLL of the chosen one, and the standard
        error of this difference. It also names a candidate that is expected to be better with two
        or four times as many samples. Often there is one that the samples do not show.

    Raises
    ------
    TypeError
        If `candidates` is not a list of scalers or is empty, if `cv` or `seed` is not an integer,
        or for a reason that `Scaler.fit_logits` names.
    ValueError
        If `cv` is less than 2 or larger than the number of samples, if `seed` is negative, if fewer
        than two samples can be held out because each fit needs one of every class, if all
        candidates are refused, or if `logits` or `labels` are refused by every scaler, for a reason
        that `Scaler.fit_logits` names.
    RuntimeError
        If several processes share the calibration set.

    See Also
    --------
    calibkit.compare : Measure scalers on calibration sets of several sizes.
    calibkit.evaluate : Measure the chosen scaler on a test set.
    calibkit.FitSummary : Read what the fit and the choice found.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984). Classification and Regression Trees. Wadsworth.
    Section 3.4.3, the one-standard-error rule.

    Examples
    --------
    >>> import torch
    >>> from calibkit import best_scaler
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 2 * torch.randn(2000, 5, generator=generator)
    >>> labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    >>> scaler = best_scaler(2 * logits, labels, progress=False)
    >>> type(scaler).__name__
    'TemperatureScaler'
    >>> print(scaler.summary.comparison)
    6 scalers, by the NLL of 2000 samples that a fit did not see
    UniformMixtureScaler                  2 parameters  NLL 0.9221  -0.0000 ± 0.0000
    TemperatureScaler                     1 parameters  NLL 0.9221  chosen
    MatrixScaler                         30 parameters  NLL 0.9240  +0.0019 ± 0.0023
    MatrixScaler(off_diagonal=0.1)       30 parameters  NLL 0.9244  +0.0022 ± 0.0024
    MatrixScaler(off_diagonal=0.01)      30 parameters  NLL 0.9244  +0.0023 ± 0.0025
    VectorScaler                         10 parameters  NLL 0.9257  +0.0035 ± 0.0013
    These samples do not tell whether more of them would change the choice.
    """
    refuse_several_processes("best_scaler")
    rows = check_logits_and_labels(
        logits, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    samples = rows.flat()
    targets = samples.labels
    if candidates is None:
        candidates = _default_candidates(rows.n_classes)
    check_scalers(candidates, "candidates")
    check_seed(seed)
    check_integer(cv, "cv", least=2, advice="5 is usual")
    if cv > len(targets):
        raise ValueError(
            f"cv must be at most the number of samples, {len(targets)}, got {cv}; 5 is usual"
        )
    parts = _parts(targets, cv, seed)
    n_held_out = int((parts >= 0).sum())
    if n_held_out < 2:
        raise ValueError(
            f"a choice needs at least 2 samples that can be held out, got {n_held_out} among "
            f"{len(targets)}, because each fit needs one of every class; use a larger calibration "
            "set, or fit a TemperatureScaler"
        )
    tried, refusals = [], []
    for scaler in tqdm(candidates, "candidates", disable=not progress):
        try:
            tried.append(_try(scaler, samples, parts))
        except (ValueError, RuntimeError) as error:
            refusals.append(f"{_name(scaler)} was refused: {error}")
    if not tried:
        raise ValueError("no candidate can be fitted: " + "; ".join(refusals))
    chosen = _one_standard_error_rule(tried)
    comparison = "\n".join([*_table(chosen, tried), *refusals, _outlook(chosen, tried)])
    fitted = chosen.fitted
    fitted.summary = replace(_summary(fitted), comparison=comparison)
    return fitted


def _default_candidates(n_classes: int) -> list[Scaler]:
    general = [TemperatureScaler(), UniformMixtureScaler(), VectorScaler(), MatrixScaler()]
    if n_classes == 2:
        return [*general, LogisticScaler(), QuadraticScaler(), BetaScaler()]
    return [*general, MatrixScaler(off_diagonal=0.1), MatrixScaler(off_diagonal=0.01)]


def _parts(labels: Tensor, cv: int, seed: int) -> Tensor:
    """Return the part of every sample, or -1 for a sample that is never held out.

    The parts are not stratified. Equal shares of the classes in all parts would reward a scaler for
    learning by how much the samples have, by chance, too many of a class. But a fit needs samples
    of every class, so one sample of a class that is in a single part is not held out.
    """
    targets = labels.cpu().numpy()
    parts = np.empty(len(targets), np.int64)
    parts[np.random.default_rng(seed).permutation(len(targets))] = np.arange(len(targets)) % cv
    for k in np.unique(targets):
        of_class = np.flatnonzero(targets == k)
        if len(np.unique(parts[of_class])) == 1:
            parts[of_class[0]] = -1
    return torch.from_numpy(parts).to(labels.device)


def _name(scaler: Scaler) -> str:
    """Return the name of the scaler's class, with the options that are not the default ones."""
    options = [
        f"{name}={getattr(scaler, name):g}"
        for name, parameter in signature(type(scaler)).parameters.items()
        if getattr(scaler, name, parameter.default) != parameter.default
    ]
    return type(scaler).__name__ + (f"({', '.join(options)})" if options else "")


def _try(scaler: Scaler, samples: Chunk, parts: Tensor) -> _Tried:
    # It comes first, so that a refusal of all samples is not reported with the numbers of a part.
    fitted_on_all = _fit(scaler, samples)
    nll, weights = [], []
    for part in range(int(parts.max()) + 1):
        fitted = _fit(scaler, samples.chosen(parts != part))
        logits, labels, weights_of_part = samples.chosen(parts == part)
        scaled = fitted(logits.double())
        nll.append(cross_entropy(scaled, labels, reduction="none").cpu().numpy())
        if weights_of_part is not None:
            weights.append(weights_of_part.cpu().numpy())
    summary = _summary(fitted_on_all)
    return _Tried(
        _name(scaler),
        fitted_on_all,
        summary.n_parameters,
        np.concatenate(nll),
        summary.nll_after,
        np.concatenate(weights) if weights else None,
    )


def _fit(scaler: Scaler, samples: Chunk) -> Scaler:
    logits, labels, weights = samples
    return copy.deepcopy(scaler).fit_logits(logits, labels, sample_weight=weights)


def _summary(fitted: Scaler) -> FitSummary:
    assert fitted.summary is not None  # A fit sets it.
    return fitted.summary


def _one_standard_error_rule(tried: list[_Tried]) -> _Tried:
    """Return the candidate with the fewest parameters among those about as good as the best."""
    best = min(tried, key=_Tried.mean)
    near = [one for one in tried if one.mean() - best.mean() <= _standard_error(one, best)]
    chosen, simplest = (min(some, key=_by_parameters) for some in (near, tried))
    if len(simplest.nll) < _FEWEST:
        return simplest
    lead = simplest.mean() - chosen.mean()
    return chosen if lead > _LEAST_LEAD * _standard_error(simplest, chosen) else simplest


def _by_parameters(one: _Tried) -> tuple[int, float]:
    return one.n_parameters, one.mean()


def _standard_error(one: _Tried, other: _Tried) -> float:
    """Return the standard error of the mean difference, sample by sample."""
    difference, weights = one.nll - other.nll, one.weights
    n = len(difference)
    if weights is None:
        return float(difference.std(ddof=1)) / math.sqrt(n)
    residual = weights * (difference - np.average(difference, weights=weights))
    return float(math.sqrt((residual**2).sum() * n / (n - 1)) / weights.sum())


def _table(chosen: _Tried, tried: list[_Tried]) -> list[str]:
    n, width = len(chosen.nll), max(len(one.name) for one in tried)
    lines = [f"{len(tried)} scalers, by the NLL of {n} samples that a fit did not see"]
    for one in sorted(tried, key=_Tried.mean):
        compared = "chosen"
        if one is not chosen:
            difference = one.mean() - chosen.mean()
            compared = f"{difference:+.4f} ± {_standard_error(one, chosen):.4f}"
        start = f"{one.name:{width}}  {one.n_parameters:6} parameters"
        lines.append(f"{start}  NLL {one.mean():.4f}  {compared}")
    return lines


def _outlook(chosen: _Tried, tried: list[_Tried]) -> str:
    for times in _LOOK_AHEAD:
        for one in tried:
            gain = chosen.mean_with(times) - one.mean_with(times)
            # A penalty makes a fit gain more on its own samples than it loses on others, by at
            # most this much in expectation.
            n_more = max(0, one.n_parameters - chosen.n_parameters)
            gain -= n_more / (8 * one.effective_n())
            # What we expect is as uncertain as what we have measured.
            if gain > max(_standard_error(one, chosen), _LEAST_GAIN * chosen.mean()):
                return (
                    f"More samples may change the choice: with {times} times as many,\n{one.name} "
                    "is expected to be better by more than one standard error."
                )
    return "These samples do not tell whether more of them would change the choice."
