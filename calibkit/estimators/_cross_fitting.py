"""Classifiers that are each fitted on all folds but one, and what they say about that one."""

import warnings
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils.metaestimators import _safe_split

from calibkit._types import Floats
from calibkit.estimators._responses import log_probabilities, weight_parameter


class Samples(NamedTuple):
    """What a fit is given, with the labels as they are and as indices of the classes."""

    X: Any
    y: NDArray[np.generic]
    labels: NDArray[np.int64]
    weights: Floats | None
    classes: NDArray[np.generic]

    def class_counts(self, indices: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.int64]:
        """Return the number of samples of each class, without those whose weight is 0."""
        labels = self.labels[indices]
        if self.weights is not None:
            labels = labels[self.weights[indices] > 0]
        return np.bincount(labels, minlength=len(self.classes))


class HeldOut(NamedTuple):
    """Samples with their log-probabilities, from an estimator that was not fitted on them."""

    estimator: Any
    indices: NDArray[np.int64]
    log_p: Floats


def check_classes(samples: Samples) -> None:
    """Raise an error if the samples are of fewer than two classes."""
    n_classes = int((samples.class_counts() > 0).sum())
    if n_classes == 0 and len(samples.y):
        raise ValueError(
            "sample_weight must not be zero for all samples; give the samples that count a weight "
            "above 0"
        )
    if n_classes < 2:
        raise ValueError(
            f"y must hold two classes or more, got {n_classes} class{'es' * (n_classes == 0)}; add "
            "samples of another class, with a weight above 0"
        )


def cross_fit(estimator: Any, samples: Samples, cv: Any) -> list[HeldOut]:
    """Fit a copy of the estimator for each fold, and return what it says about the fold."""
    if isinstance(cv, Integral):
        _check_n_folds(int(cv), samples)
    folds = list(check_cv(cv, samples.y, classifier=True).split(samples.X, samples.y))
    if not folds:
        raise ValueError(
            "cv must give a fold or more, got none, as a generator gives when it is used twice; "
            "pass a splitter of scikit-learn, or list(cv) of a new generator"
        )
    return [
        _fit_fold(estimator, samples, train, held_out, number)
        for number, (train, held_out) in enumerate(folds, start=1)
    ]


def in_order(folds: list[HeldOut], estimator: Any) -> HeldOut:
    """Return the held-out samples of all folds in their original order, for this estimator."""
    indices = np.concatenate([fold.indices for fold in folds])
    order = np.argsort(indices, kind="stable")
    log_p = np.concatenate([fold.log_p for fold in folds])
    return HeldOut(estimator, indices[order], log_p[order])


def fit_copy(estimator: Any, X: Any, y: NDArray[np.generic], weights: Floats | None) -> Any:
    """Fit a copy of the estimator, with the weights if its fit takes any."""
    name = None if weights is None else weight_parameter(estimator)
    return clone(estimator).fit(X, y, **({} if name is None else {name: weights}))


def warn_if_weights_are_lost(estimator: Any, weights: Floats | None) -> None:
    """Say that the fit of an estimator takes no weights."""
    if weights is not None and weight_parameter(estimator) is None:
        warnings.warn(
            f"only the scaler is fitted with sample_weight, because the fit of "
            f"{type(estimator).__name__} takes no weights; choose a classifier that takes them if "
            "it needs them, too",
            stacklevel=3,
        )


def _fit_fold(
    estimator: Any,
    samples: Samples,
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    number: int,
) -> HeldOut:
    train, held_out = _as_indices(train), _as_indices(held_out)
    _check_held_out(train, held_out, number)
    seen = samples.class_counts(train)
    if not seen.all():
        unseen = samples.classes.tolist()[seen.argmin()]
        raise ValueError(
            f"a classifier must be fitted on samples of every class, got none of class {unseen!r} "
            f"outside fold {number} of cv; use fewer folds or a stratified splitter"
        )
    X, y = _safe_split(estimator, samples.X, samples.y, train)
    weights = None if samples.weights is None else samples.weights[train]
    fitted = fit_copy(estimator, X, y, weights)
    X, _ = _safe_split(estimator, samples.X, samples.y, held_out, train)
    return HeldOut(fitted, held_out, log_probabilities(fitted, X, samples.classes))


def _check_held_out(train: NDArray[np.int64], held_out: NDArray[np.int64], number: int) -> None:
    """Raise an error unless there are samples on which the classifier is not fitted."""
    n_seen = int(np.isin(held_out, train).sum())
    if n_seen:
        raise ValueError(
            f"cv must hold out samples that the classifier is not fitted on, got {n_seen} of "
            f"{len(held_out)} in fold {number} on which it is; leave them out of one of the two "
            'parts, or pass a fitted classifier with cv="prefit" and samples that it has not seen'
        )
    if not len(held_out):
        raise ValueError(
            f"cv must hold out a sample or more in every fold, got none in fold {number}; leave "
            "this fold out"
        )


def _as_indices(selection: Any) -> NDArray[np.int64]:
    """Return indices, also if a list of splits holds masks."""
    array = np.asarray(selection)
    return np.flatnonzero(array) if array.dtype == bool else array


def _check_n_folds(n_folds: int, samples: Samples) -> None:
    counts = samples.class_counts()
    rarest = counts.argmin()
    n, label = counts[rarest], samples.classes.tolist()[rarest]
    if n >= n_folds:
        return
    advice = f"use cv={n}, or add samples" if n > 1 else "add samples or leave out the class"
    raise ValueError(
        f"cv must be at most the number of samples of the rarest class, got {n_folds} folds and "
        f"{n} sample{'s' if n > 1 else ''} of class {label!r}; {advice}"
    )
