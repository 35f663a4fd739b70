from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from calibkit.estimators._responses import (
    as_labels,
    class_indices,
    log_of_zero,
    log_probabilities,
    weight_parameter,
)

X = np.zeros((4, 1))


def estimator(**methods):
    """Return something with these methods, each with what it returns."""
    functions = {name: (lambda _, value=value: value) for name, value in methods.items()}
    return SimpleNamespace(get_params=dict, **functions)


def test_the_most_precise_method_is_asked():
    z, log_p, p = np.array([0.0, 1, 2, 3]), np.full((4, 2), np.log(0.5)), np.full((4, 2), 0.5)
    expected = log_softmax(np.column_stack([0 * z, z]), axis=1)
    every = estimator(decision_function=z, predict_log_proba=log_p, predict_proba=p)
    np.testing.assert_allclose(log_probabilities(every, X, np.arange(2)), expected)
    two = estimator(predict_log_proba=log_p, predict_proba=1 / p)
    np.testing.assert_allclose(log_probabilities(two, X, np.arange(2)), log_p)
    one = estimator(predict_proba=p)
    np.testing.assert_allclose(log_probabilities(one, X, np.arange(2)), log_p)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_one_number_is_the_log_odds_of_the_second_class(shape):
    z = np.array([-800.0, -1, 0, 800])
    log_p = log_probabilities(estimator(decision_function=z.reshape(shape)), X, np.arange(2))
    np.testing.assert_array_equal(log_p[:, 1] - log_p[:, 0], z)


def test_two_columns_of_two_classes_are_both_used():
    z = np.array([[1.0, 2.0]] * 4)
    log_p = log_probabilities(estimator(decision_function=z), X, np.arange(2))
    np.testing.assert_allclose(log_p, log_softmax(z, axis=1))


def test_a_probability_of_0_is_minus_infinity_without_a_warning():
    p = np.array([[0.0, 1.0]] * 4, dtype=np.float32)
    log_p = log_probabilities(estimator(predict_proba=p), X, np.arange(2))
    assert log_p.dtype == np.float64
    np.testing.assert_array_equal(log_p, [[-np.inf, 0.0]] * 4)
    tree = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
    np.testing.assert_array_equal(log_probabilities(tree, [[1.0]], np.arange(2)), [[-np.inf, 0]])


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        GaussianNB(),
        LinearDiscriminantAnalysis(),
        SVC(),
        RidgeClassifier(),
        OneVsRestClassifier(LogisticRegression()),
        SGDClassifier(random_state=0),
        make_pipeline(SVC()),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers_of_scikit_learn_put_the_same_class_on_top(model, n_classes):
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(60, 2)), np.arange(60) % n_classes
    features[:, 0] += labels
    model.fit(features, labels)
    log_p = log_probabilities(model, features, model.classes_)
    np.testing.assert_allclose(np.exp(log_p).sum(1), 1)
    assert (log_p.argmax(1) == model.predict(features)).mean() > 0.95


def test_columns_that_are_not_classes_are_refused():
    with pytest.raises(ValueError, match=r"one column for each of the 3 classes, got shape \(4, 6"):
        log_probabilities(estimator(decision_function=np.zeros((4, 6))), X, np.arange(3))
    # three pairs of three classes
    pairs = make_pipeline(SVC(decision_function_shape="ovo"))
    pairs.fit(np.eye(3).repeat(3, 0), np.arange(3).repeat(3))
    with pytest.raises(ValueError, match="each pair of classes unless decision_function_shape"):
        log_probabilities(pairs, np.eye(3), np.arange(3))
    with pytest.raises(TypeError, match="must have one of decision_function, predict_log_proba"):
        log_probabilities(estimator(predict=np.zeros(4)), X, np.arange(3))


@given(arrays(float, (5, 3), elements=st.sampled_from([0.0, 0.1, 0.25, 1.0, 3.0])))
def test_a_probability_of_0_counts_less_than_any_other_and_is_not_0(counts):
    counts[counts.sum(1) == 0] = 1
    with np.errstate(divide="ignore"):
        log_p = np.log(counts / counts.sum(1, keepdims=True))
    instead = np.exp(log_of_zero(log_p))
    positive = np.exp(log_p[np.isfinite(log_p)])
    assert instead == pytest.approx(min(positive.min(), 1 / 3) / 2)


@pytest.mark.parametrize("dtype", [int, str, object, bool])
def test_labels_become_the_indices_of_their_classes(dtype):
    classes = np.array([1, 0], dtype=dtype)  # in any order
    assert class_indices(classes[[1, 0, 1]], classes).tolist() == [1, 0, 1]


def test_an_unknown_label_is_named():
    with pytest.raises(ValueError, match=r"the classes 0, 1, 2, 3, 4, \.\.\., got 9; fit the cl"):
        class_indices(np.array([1, 9]), np.arange(7))


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_label_is_no_class(missing):
    with pytest.raises(ValueError, match="y must not lack a label, got 2 of 3 that are missing"):
        as_labels(np.array(["a", missing, missing], dtype=object))


def test_weights_are_named_as_the_fit_takes_them():
    assert weight_parameter(SVC()) == "sample_weight"
    assert weight_parameter(LinearDiscriminantAnalysis()) is None
    assert weight_parameter(make_pipeline(make_pipeline(SVC()))) == "pipeline__svc__sample_weight"
    assert weight_parameter(make_pipeline(LinearDiscriminantAnalysis())) is None
