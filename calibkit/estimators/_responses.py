"""What a classifier of scikit-learn returns, as logits, and its labels as class indices."""

from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import column_or_1d
from sklearn.utils.validation import has_fit_parameter

from calibkit._conversion import is_missing
from calibkit._types import Floats

# From the most precise to the least. A decision function often is the logit itself. A probability
# near 1 has lost most of the digits of its logit, and it may be 0 or 1.
_METHODS = "decision_function", "predict_log_proba", "predict_proba"


def log_probabilities(estimator: Any, X: Any, classes: NDArray[np.generic]) -> Floats:
    """Return what the estimator returns as log-probabilities (N, C), with -inf for a 0.

    They are the log-softmax of its decision function, if it has one. On any other scale than that
    of log-probabilities, a decision function therefore needs a scaler with a slope.
    """
    method = next((name for name in _METHODS if hasattr(estimator, name)), None)
    if method is None:
        raise TypeError(
            f"estimator must have one of {', '.join(_METHODS)}, got {type(estimator).__name__}, "
            "which has none; set it up so that it returns more than classes"
        )
    with np.errstate(divide="ignore"):  # The logarithm of 0 gets a floor later.
        values = np.asarray(getattr(estimator, method)(X), dtype=np.float64)
        if method == "predict_proba":
            values = np.log(values)
    n_classes = len(classes)
    if n_classes == 2 and values.size == len(values):
        z = values.reshape(-1)  # the log-odds of the second class
        values = np.column_stack([np.zeros_like(z), z])
    if values.ndim != 2 or values.shape[1] != n_classes or _compares_pairs(estimator, method):
        raise ValueError(
            f"{method} of the estimator must return one column for each of the {n_classes} "
            f"classes, got shape {values.shape} from {type(estimator).__name__}; "
            'an SVC returns one for each pair of classes unless decision_function_shape="ovr"'
        )
    largest = values.max(1, keepdims=True)
    log_p: Floats = values - largest - np.log(np.exp(values - largest).sum(1, keepdims=True))
    return log_p


def _compares_pairs(estimator: Any, method: str) -> bool:
    """Return whether the columns stand for pairs of classes, of which 3 classes have 3, too."""
    return method == "decision_function" and any(
        name.split("__")[-1] == "decision_function_shape" and value == "ovo"
        for name, value in estimator.get_params().items()
    )


def log_of_zero(log_p: Floats) -> float:
    """Return the logarithm that replaces that of 0.

    It is that of half the smallest positive probability, or of half of 1 / C if that is smaller.
    """
    positive = log_p[np.isfinite(log_p)]
    return float(min(positive.min(initial=0), -np.log(log_p.shape[1])) - np.log(2))


def weight_parameter(estimator: Any) -> str | None:
    """Return the name under which the fit of an estimator takes weights, if it takes any.

    A search hands on whatever its fit is given, so its estimator decides.
    """
    routing = sklearn.get_config().get("enable_metadata_routing", False)
    if isinstance(estimator, Pipeline) and not routing:
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    if isinstance(estimator, BaseSearchCV) and not routing:
        return weight_parameter(estimator.estimator)
    is_routed = isinstance(estimator, Pipeline | BaseSearchCV)
    takes_weights = is_routed or has_fit_parameter(estimator, "sample_weight")
    return "sample_weight" if takes_weights else None


def as_labels(y: Any, **options: Any) -> NDArray[np.generic]:
    """Return labels as an array (N,), or raise an error if some of them are masked or missing."""
    if isinstance(y, np.ma.MaskedArray):
        raise TypeError("y must not be masked; pass only the samples to use, without a mask")
    labels: NDArray[np.generic] = column_or_1d(y, **options)
    _refuse_missing_labels(labels)
    return labels


def sorted_classes(y: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the different labels in sorted order, or raise an error if they have no order."""
    try:
        return np.unique(y)
    except TypeError:
        kinds = " and ".join(sorted({type(label).__name__ for label in y.tolist()}))
        raise TypeError(
            f"y must hold labels of one kind, which have an order, got {kinds}; make all of them "
            "text, with np.asarray(y).astype(str)"
        ) from None


def class_indices(y: NDArray[np.generic], classes: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return the index of each label among the classes, or raise an error if one is not there."""
    index = {label: k for k, label in enumerate(classes.tolist())}
    labels = y.tolist()
    try:
        return np.array([index[label] for label in labels], dtype=np.int64)
    except KeyError as error:
        known = ", ".join(map(repr, list(index)[:5])) + (", ..." if len(index) > 5 else "")
        raise ValueError(
            f"y must hold only the classes {known}, got {error.args[0]!r}; fit the classifier on "
            "samples of every class"
        ) from None


def _refuse_missing_labels(y: NDArray[np.generic]) -> None:
    """Raise an error if a label is missing, as it may be in a column of a table."""
    n_missing = sum(map(is_missing, y.tolist())) if y.dtype.kind in "fO" else 0
    if n_missing:
        raise ValueError(
            f"y must not lack a label, got {n_missing} of {len(y)} that are missing; leave these "
            "samples out"
        )
