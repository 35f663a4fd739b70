import pickle

import numpy as np
import pytest
import sklearn
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version

from calibkit import (
    CalibratedClassifier,
    HistogramScaler,
    LogisticScaler,
    TemperatureScaler,
    VectorScaler,
    calibration_error,
    evaluate,
)

NAMES = np.array(["cat", "ant", "bee"])  # not in sorted order
needs_temperature_of_scikit_learn = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="scikit-learn has temperature scaling since 1.8",
)


def problem(n: int = 400, n_classes: int = 3, seed: int = 0):
    return make_classification(
        n, n_informative=6, n_classes=n_classes, flip_y=0.1, class_sep=0.7, random_state=seed
    )


X3, Y3 = problem()
X2, Y2 = problem(n_classes=2)


# the same as a composition by hand


@pytest.mark.parametrize("scaler", [TemperatureScaler(), VectorScaler()], ids=["T", "vector"])
@pytest.mark.parametrize(("X", "y"), [(X2, Y2), (X3, Y3)], ids=["2 classes", "3 classes"])
def test_it_is_cross_val_predict_with_a_fit_to_the_logits(scaler, X, y):
    model = LogisticRegression()
    calibrated = CalibratedClassifier(model, scaler, ensemble=False).fit(X, y)

    held_out = cross_val_predict(model, X, y, cv=StratifiedKFold(5), method="decision_function")
    by_hand = type(scaler)().fit_logits(held_out, y)
    refitted = clone(model).fit(X, y)
    scaled = by_hand(refitted.decision_function(X))
    if scaled.ndim == 1:
        scaled = torch.stack([torch.zeros_like(scaled), scaled], 1)
    expected = scaled.log_softmax(1).numpy()
    np.testing.assert_allclose(calibrated.predict_log_proba(X), expected, rtol=1e-5, atol=1e-8)
    nll = calibrated.scalers_[0].summary.nll_after
    assert nll == pytest.approx(by_hand.summary.nll_after, abs=1e-10)


def test_an_ensemble_averages_the_calibrated_probabilities_of_the_folds():
    calibrated = CalibratedClassifier(GaussianNB(), TemperatureScaler(), cv=3, ensemble=True)
    calibrated.fit(X3, Y3)
    total = np.zeros((len(X3), 3))
    for train, held_out in StratifiedKFold(3).split(X3, Y3):
        model = GaussianNB().fit(X3[train], Y3[train])
        scaler = TemperatureScaler()
        scaler.fit_logits(model.predict_log_proba(X3[held_out]), Y3[held_out])
        total += scaler(model.predict_log_proba(X3)).softmax(1).numpy() / 3
    np.testing.assert_allclose(calibrated.predict_proba(X3), total, rtol=1e-9)
    assert len(calibrated.estimators_) == len(calibrated.scalers_) == 3


@needs_temperature_of_scikit_learn
@pytest.mark.parametrize("ensemble", [False, True])
def test_the_temperatures_are_those_of_scikit_learn(ensemble):
    options = {"cv": 4, "ensemble": ensemble}
    ours = CalibratedClassifier(LogisticRegression(), TemperatureScaler(), **options).fit(X3, Y3)
    theirs = CalibratedClassifierCV(LogisticRegression(), method="temperature", **options)
    theirs.fit(X3, Y3)
    expected = [1 / one.calibrators[0].beta_ for one in theirs.calibrated_classifiers_]
    found = [scaler.temperature for scaler in ours.scalers_]
    assert found == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X3), theirs.predict_proba(X3), rtol=1e-5)


@needs_temperature_of_scikit_learn
def test_two_classes_give_half_of_scikit_learns_temperature():
    """It doubles the logit, with (-z, z) as the logits of the two classes."""
    ours = CalibratedClassifier(LogisticRegression(), TemperatureScaler()).fit(X2, Y2)
    theirs = CalibratedClassifierCV(
        LogisticRegression(), method="temperature", cv=5, ensemble=False
    ).fit(X2, Y2)
    beta = theirs.calibrated_classifiers_[0].calibrators[0].beta_
    assert ours.scalers_[0].temperature == pytest.approx(1 / (2 * beta), rel=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X2), theirs.predict_proba(X2), rtol=1e-5)


def test_logistic_scaling_is_scikit_learns_sigmoid():
    ours = CalibratedClassifier(LinearSVC(random_state=0), LogisticScaler()).fit(X2, Y2)
    theirs = CalibratedClassifierCV(LinearSVC(random_state=0), cv=5, ensemble=False).fit(X2, Y2)
    sigmoid = theirs.calibrated_classifiers_[0].calibrators[0]
    found = ours.scalers_[0].coefficients.tolist()
    assert found == pytest.approx([-sigmoid.b_, -sigmoid.a_], rel=1e-4, abs=1e-5)


# what it takes


@pytest.mark.parametrize("ensemble", [False, True])
def test_labels_may_be_strings(ensemble):
    numbered = CalibratedClassifier(GaussianNB(), VectorScaler(), ensemble=ensemble)
    numbered.fit(X3, np.argsort(np.argsort(NAMES))[Y3])
    named = clone(numbered).fit(X3, NAMES[Y3])
    assert named.classes_.tolist() == ["ant", "bee", "cat"]
    np.testing.assert_array_equal(named.predict_proba(X3), numbered.predict_proba(X3))
    assert named.score(X3, NAMES[Y3]) > 0.6


def test_an_estimator_gets_the_labels_as_they_are():
    """Class weights have the names of the classes."""
    weighted = LogisticRegression(class_weight={"ant": 1.0, "bee": 1.0, "cat": 50.0})
    calibrated = CalibratedClassifier(weighted, TemperatureScaler()).fit(X3, NAMES[Y3])
    expected = clone(weighted).fit(X3, NAMES[Y3]).predict(X3)
    np.testing.assert_array_equal(calibrated.predict(X3), expected)


def test_a_frame_of_pandas_with_named_columns_and_string_labels():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X3, columns=[f"feature {i}" for i in range(X3.shape[1])])
    frame.index = frame.index[::-1]  # not the positions of the rows
    y = pandas.Series(NAMES[Y3], index=frame.index, name="animal")
    for labels in (y, y.astype("category")):
        calibrated = CalibratedClassifier(GaussianNB(), VectorScaler()).fit(frame, labels)
        assert calibrated.feature_names_in_[1] == "feature 1"
        assert calibrated.n_features_in_ == X3.shape[1]
        by_array = clone(calibrated).fit(X3, NAMES[Y3])
        np.testing.assert_allclose(
            calibrated.predict_proba(frame), by_array.predict_proba(X3), rtol=1e-9
        )
        assert calibrated.evaluate(frame, labels).n_samples == len(X3)


def test_sparse_features_and_precomputed_kernels():
    model = LogisticRegression()
    dense = CalibratedClassifier(model, TemperatureScaler()).fit(X2, Y2).predict_proba(X2)
    by_sparse = CalibratedClassifier(model, TemperatureScaler()).fit(sparse.csr_array(X2), Y2)
    np.testing.assert_allclose(by_sparse.predict_proba(sparse.csr_array(X2)), dense, rtol=1e-4)

    kernel = X2 @ X2.T
    linear = CalibratedClassifier(SVC(kernel="linear"), TemperatureScaler()).fit(X2, Y2)
    precomputed = CalibratedClassifier(SVC(kernel="precomputed"), TemperatureScaler())
    precomputed.fit(kernel, Y2)
    np.testing.assert_allclose(
        precomputed.predict_proba(kernel), linear.predict_proba(X2), atol=1e-3
    )


def test_a_list_of_splits_keeps_groups_together():
    groups = np.arange(len(X3)) % 20
    splits = list(GroupKFold(4).split(X3, Y3, groups))
    masks = [
        (np.isin(np.arange(len(X3)), train), np.isin(np.arange(len(X3)), test))
        for train, test in splits
    ]
    by_splits = CalibratedClassifier(GaussianNB(), TemperatureScaler(), cv=splits).fit(X3, Y3)
    by_masks = CalibratedClassifier(GaussianNB(), TemperatureScaler(), cv=masks).fit(X3, Y3)
    held_out = cross_val_predict(
        GaussianNB(), X3, Y3, groups=groups, cv=GroupKFold(4), method="predict_log_proba"
    )
    expected = TemperatureScaler().fit_logits(held_out, Y3).temperature
    assert by_splits.scalers_[0].temperature == pytest.approx(expected, rel=1e-10)
    assert by_masks.scalers_[0].temperature == by_splits.scalers_[0].temperature


# what it gives


def test_log_probabilities_are_precise_where_probabilities_are_0_or_1():
    X = np.linspace(-1, 1, 200)[:, None] ** 3
    y = (X[:, 0] > 0).astype(int)
    y[95:105] = 1 - y[95:105]
    calibrated = CalibratedClassifier(LogisticRegression(C=100), LogisticScaler()).fit(X, y)
    far = np.array([[-1e4], [1e4]])
    assert calibrated.predict_proba(far).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    z = calibrated.decision_function(far)
    assert np.isfinite(calibrated.predict_log_proba(far)).all()
    assert z[0] < -1e4
    assert z[1] > 1e4


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize(("X", "y"), [(X2, Y2), (X3, Y3)], ids=["2 classes", "3 classes"])
def test_the_methods_agree(ensemble, X, y):
    calibrated = CalibratedClassifier(LogisticRegression(), VectorScaler(), ensemble=ensemble)
    calibrated.fit(X, y)
    p, z = calibrated.predict_proba(X), calibrated.decision_function(X)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.log(p), calibrated.predict_log_proba(X), atol=1e-9)
    if z.ndim == 1:
        z = np.column_stack([np.zeros_like(z), z])
    np.testing.assert_allclose(torch.from_numpy(z).softmax(1).numpy(), p, rtol=1e-9)
    np.testing.assert_array_equal(calibrated.predict(X), z.argmax(1))


def test_it_calibrates_naive_bayes_on_digits():
    X, y = load_digits(return_X_y=True)
    X_train, y_train, X_test, y_test = X[:900], y[:900], X[900:], y[900:]
    plain = GaussianNB(var_smoothing=1e-3).fit(X_train, y_train)
    calibrated = CalibratedClassifier(plain).fit(X_train, y_train)
    before = log_loss(y_test, plain.predict_proba(X_test))
    after = log_loss(y_test, calibrated.predict_proba(X_test))
    assert after < before / 2


def test_log_probabilities_far_below_those_of_floats_do_no_harm():
    """Some are below -1e9. A temperature alone has an NLL of 2, or of 0.6 with a floor of 1e-12."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=900, random_state=0, stratify=y
    )
    plain = GaussianNB().fit(X_train, y_train)
    assert plain.predict_log_proba(X_train).min() < -1e9
    calibrated = CalibratedClassifier(GaussianNB()).fit(X_train, y_train)
    assert log_loss(y_test, calibrated.predict_proba(X_test)) < 0.6
    assert calibrated.score(X_test, y_test) > plain.score(X_test, y_test) - 0.02


def test_a_forest_needs_no_floor_from_its_user():
    forest = RandomForestClassifier(30, random_state=0)
    calibrated = CalibratedClassifier(forest, TemperatureScaler()).fit(X3, Y3)
    unseen, _ = problem(seed=1)
    assert (calibrated.estimators_[0].predict_proba(X3) == 0).any()
    assert np.isfinite(calibrated.predict_log_proba(unseen)).all()


def test_the_usual_floor_costs_nearest_neighbours_a_tenth_of_the_nll():
    """A probability of 0 among 5 neighbours is not 1e-12."""
    X, y = problem(3000, n_classes=2)
    neighbours = KNeighborsClassifier(5)
    calibrated = CalibratedClassifier(neighbours, TemperatureScaler()).fit(X[:600], y[:600])
    ours = log_loss(y[600:], calibrated.predict_proba(X[600:]))
    held_out = cross_val_predict(
        neighbours, X[:600], y[:600], cv=StratifiedKFold(5), method="predict_proba"
    )
    scaler = TemperatureScaler().fit_logits(np.log(held_out + 1e-12), y[:600])
    p = neighbours.fit(X[:600], y[:600]).predict_proba(X[600:])
    usual = log_loss(y[600:], scaler(np.log(p + 1e-12)).softmax(1).numpy())
    assert ours < 0.9 * usual


def test_an_average_of_calibrated_trees_is_right_more_often_but_too_cautious():
    X, y = problem(3000, n_classes=2)
    tree = CalibratedClassifier(DecisionTreeClassifier(random_state=0), TemperatureScaler())
    alone = tree.fit(X[:600], y[:600])
    trees = clone(tree).set_params(ensemble=True).fit(X[:600], y[:600])
    assert trees.score(X[600:], y[600:]) > alone.score(X[600:], y[600:]) + 0.02
    p, average = alone.predict_proba(X[600:]), trees.predict_proba(X[600:])
    assert average.max(1).mean() < trees.score(X[600:], y[600:]) - 0.05
    assert calibration_error(average, y[600:]) > calibration_error(p, y[600:]) + 0.05


# inside scikit-learn


def test_it_works_in_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), CalibratedClassifier(LogisticRegression(), cv=3))
    grid = {
        "calibratedclassifier__scaler": [TemperatureScaler(), VectorScaler()],
        "calibratedclassifier__estimator__C": [1e-4, 1.0],
    }
    search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=3).fit(X3, NAMES[Y3])
    assert search.best_params_["calibratedclassifier__estimator__C"] == 1.0
    best = search.best_estimator_[-1]
    assert best.scalers_[0].fitted
    assert not best.scaler.fitted, "a copy of the scaler is fitted"
    labels = np.searchsorted(search.classes_, NAMES[Y3])
    report = evaluate(search.decision_function(X3), labels)
    assert report.before.accuracy.value == pytest.approx(
        search.best_estimator_.score(X3, NAMES[Y3])
    )


def test_a_clone_has_a_scaler_of_its_own_with_the_same_options():
    calibrated = CalibratedClassifier(GaussianNB(), VectorScaler(diagonal=7)).fit(X3, Y3)
    copied = clone(calibrated)
    assert copied.scaler is not calibrated.scaler
    assert copied.scaler.diagonal == 7
    assert not hasattr(copied, "scalers_")
    copied.set_params(estimator__var_smoothing=0.1, scaler=TemperatureScaler())
    assert copied.estimator.var_smoothing == 0.1
    assert "VectorScaler" in repr(calibrated)


@pytest.mark.parametrize("scaler", [TemperatureScaler(), VectorScaler(), "auto"], ids=str)
def test_it_can_be_stored(scaler):
    calibrated = CalibratedClassifier(GaussianNB(), scaler).fit(X3, Y3)
    loaded = pickle.loads(pickle.dumps(calibrated))
    np.testing.assert_array_equal(loaded.predict_proba(X3), calibrated.predict_proba(X3))


def test_cross_validation_measures_it():
    scores = cross_val_score(
        CalibratedClassifier(GaussianNB(), TemperatureScaler()), X3, Y3, scoring="neg_log_loss"
    )
    plain = cross_val_score(GaussianNB(), X3, Y3, scoring="neg_log_loss")
    assert scores.mean() > plain.mean()


# an estimator that is already fitted


def test_a_fitted_estimator_stays_as_it_is():
    model = GaussianNB().fit(X3[:200], Y3[:200])
    prefit = CalibratedClassifier(model, TemperatureScaler(), cv="prefit")
    prefit.fit(X3[200:], Y3[200:])
    assert prefit.estimators_ == [model]
    expected = TemperatureScaler().fit_logits(model.predict_log_proba(X3[200:]), Y3[200:])
    assert prefit.scalers_[0].temperature == pytest.approx(expected.temperature, rel=1e-10)
    frozen = CalibratedClassifier(FrozenEstimator(model), TemperatureScaler(), ensemble=True)
    frozen.fit(X3[200:], Y3[200:])
    np.testing.assert_array_equal(frozen.predict_proba(X3), prefit.predict_proba(X3))


def test_a_frozen_estimator_stays_fitted_in_a_search():
    model = FrozenEstimator(GaussianNB().fit(X3[:200], Y3[:200]))
    grid = {"scaler": [TemperatureScaler(), VectorScaler()]}
    search = GridSearchCV(CalibratedClassifier(model), grid, cv=3).fit(X3[200:], Y3[200:])
    assert search.best_estimator_.estimators_[0].estimator is model.estimator


def test_a_fitted_estimator_may_know_classes_that_the_calibration_set_lacks():
    """scikit-learn raises an IndexError here."""
    model = GaussianNB().fit(X3, NAMES[Y3])
    few = Y3 != 2
    prefit = CalibratedClassifier(model, TemperatureScaler(), cv="prefit")
    prefit.fit(X3[few], NAMES[Y3[few]])
    assert prefit.predict_proba(X3).shape == (len(X3), 3)
    with pytest.raises(ValueError, match="labels must hold every class"):
        prefit.set_params(scaler=VectorScaler()).fit(X3[few], NAMES[Y3[few]])


# the report


def test_it_reports_before_and_after_scaling():
    calibrated = CalibratedClassifier(GaussianNB(), VectorScaler()).fit(X3[:200], NAMES[Y3[:200]])
    report = calibrated.evaluate(X3[200:], NAMES[Y3[200:]], n_bins=10)
    model = calibrated.estimators_[0]
    assert report.n_bins == 10
    assert report.before.nll.value == pytest.approx(
        log_loss(NAMES[Y3[200:]], model.predict_proba(X3[200:])), rel=1e-6
    )
    assert report.after.nll.value == pytest.approx(
        log_loss(NAMES[Y3[200:]], calibrated.predict_proba(X3[200:])), rel=1e-6
    )
    by_hand = evaluate(
        calibrated.decision_function(X3[200:]),
        np.searchsorted(calibrated.classes_, NAMES[Y3[200:]]),
        n_bins=10,
    )
    assert by_hand.before.nll.value == pytest.approx(report.after.nll.value, rel=1e-9)


def test_an_ensemble_reports_after_scaling_only():
    calibrated = CalibratedClassifier(GaussianNB(), TemperatureScaler(), ensemble=True)
    report = calibrated.fit(X2[:200], Y2[:200]).evaluate(X2[200:], Y2[200:])
    assert report.after is None
    assert report.before.nll.value == pytest.approx(
        log_loss(Y2[200:], calibrated.predict_proba(X2[200:])), rel=1e-9
    )


def test_a_report_on_the_calibration_set_is_refused():
    model = GaussianNB().fit(X3[:200], Y3[:200])
    prefit = CalibratedClassifier(model, TemperatureScaler(), cv="prefit")
    prefit.fit(X3[200:], Y3[200:])
    with pytest.raises(ValueError, match="fitted on"):
        prefit.evaluate(X3[200:], Y3[200:])


# the choice of a scaler


def test_auto_chooses_among_scalers():
    calibrated = CalibratedClassifier(GaussianNB()).fit(X3, Y3)
    assert "scalers, by the NLL of 400 samples" in calibrated.scalers_[0].summary.comparison


def test_auto_smooths_one_temperature_if_samples_are_few():
    few = slice(99)
    calibrated = CalibratedClassifier(LogisticRegression()).fit(X2[few], Y2[few])
    (scaler,) = calibrated.scalers_
    assert isinstance(scaler, TemperatureScaler)
    assert scaler.smoothing == 1
    separable = np.repeat([[-1.0], [1.0]], 10, axis=0)
    right = CalibratedClassifier(LogisticRegression()).fit(separable, [0] * 10 + [1] * 10)
    assert 0 < right.scalers_[0].temperature < np.inf


class Against(ClassifierMixin, BaseEstimator):
    """A classifier that says the opposite of the last feature, which is the label."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return -np.eye(len(self.classes_))[X[:, -1].astype(int)]


@pytest.mark.parametrize(("n", "n_classes"), [(60, 2), (60, 3), (200, 3)])
def test_auto_gives_the_frequencies_of_classes_that_nothing_tells_apart(n, n_classes):
    y = np.arange(n) % (n_classes + 1) % n_classes  # class 0 is twice as frequent as the others
    against = CalibratedClassifier(FrozenEstimator(Against().fit(None, y)))
    with pytest.warns(UserWarning, match="frequencies of the classes, because no scaler"):
        against.fit(y[:, None], y)
    assert isinstance(against.scalers_[0], HistogramScaler)
    frequencies = np.bincount(y) / n
    np.testing.assert_allclose(against.predict_proba(np.ones((1, 1))), [frequencies], atol=0.01)


def test_auto_still_refuses_wrong_input():
    class Broken(Against):
        def decision_function(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(ValueError, match="logits must be finite"):
        CalibratedClassifier(FrozenEstimator(Broken().fit(X2, Y2))).fit(X2, Y2)


# weights


@pytest.mark.parametrize("ensemble", [False, True])
def test_integer_weights_equal_repetition(ensemble):
    weights = np.random.default_rng(0).integers(0, 4, len(X3))
    repeated = np.repeat(np.arange(len(X3)), weights)
    fold = np.arange(len(X3)) % 4

    def splits(folds):
        return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(4)]

    options = {"scaler": TemperatureScaler(), "ensemble": ensemble}
    weighted = CalibratedClassifier(GaussianNB(), cv=splits(fold), **options)
    weighted.fit(X3, Y3, sample_weight=weights)
    by_hand = CalibratedClassifier(GaussianNB(), cv=splits(fold[repeated]), **options)
    by_hand.fit(X3[repeated], Y3[repeated])
    np.testing.assert_allclose(
        weighted.predict_log_proba(X3), by_hand.predict_log_proba(X3), rtol=1e-6
    )


def test_a_choice_among_scalers_gets_the_weights_of_the_held_out_samples(monkeypatch):
    weights = np.random.default_rng(0).integers(1, 4, len(X3))
    given = {}

    def choose(logits, labels, **options):
        given.update(options, labels=labels)
        return TemperatureScaler().fit_logits(logits, labels)

    monkeypatch.setattr("calibkit.estimators._calibrated.best_scaler", choose)
    CalibratedClassifier(GaussianNB()).fit(X3, Y3, sample_weight=weights)
    np.testing.assert_array_equal(given["sample_weight"], weights)
    np.testing.assert_array_equal(given["labels"], Y3)


def test_weights_reach_the_last_step_of_a_pipeline():
    weights = np.where(Y2 == 1, 10.0, 1.0)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    inside = CalibratedClassifier(pipeline, TemperatureScaler())
    inside.fit(X2, Y2, sample_weight=weights)
    by_hand = clone(pipeline).fit(X2, Y2, logisticregression__sample_weight=weights)
    np.testing.assert_allclose(
        inside.estimators_[0].predict_proba(X2), by_hand.predict_proba(X2), rtol=1e-6
    )


def test_weights_go_through_a_pipeline_with_metadata_routing():
    weights = np.where(Y2 == 1, 10.0, 1.0)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    plain = CalibratedClassifier(pipeline, TemperatureScaler())
    expected = plain.fit(X2, Y2, sample_weight=weights).predict_proba(X2)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline[0].set_fit_request(sample_weight=False)
        pipeline[1].set_fit_request(sample_weight=True)
        routed = CalibratedClassifier(pipeline, TemperatureScaler())
        routed.fit(X2, Y2, sample_weight=weights)
        search = GridSearchCV(
            routed.set_fit_request(sample_weight=True).set_score_request(sample_weight=False),
            {"cv": [3]},
        )
        assert search.fit(X2, Y2, sample_weight=weights).best_params_ == {"cv": 3}
    np.testing.assert_allclose(routed.predict_proba(X2), expected, rtol=1e-9)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_weights_go_through_a_search(routing, in_pipeline):
    weights = np.where(Y2 == 1, 10.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=routing):
        model = LogisticRegression()
        if routing:
            model.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        if in_pipeline and not routing:
            model = make_pipeline(StandardScaler(), model)
        name = "logisticregression__" * isinstance(model, Pipeline)
        search = GridSearchCV(model, {f"{name}C": [1.0]}, cv=2)
        inside = CalibratedClassifier(search, TemperatureScaler(), cv=2)
        inside.fit(X2, Y2, sample_weight=weights)
        by_hand = clone(search).fit(X2, Y2, **{f"{name}sample_weight": weights})
    np.testing.assert_allclose(
        inside.estimators_[0].predict_proba(X2), by_hand.predict_proba(X2), rtol=1e-6
    )


def test_weights_that_only_the_scaler_gets_are_said():
    weights = np.where(Y2 == 1, 10.0, 1.0)
    with pytest.warns(UserWarning, match="fit of KNeighborsClassifier takes no weights"):
        calibrated = CalibratedClassifier(KNeighborsClassifier(), VectorScaler()).fit(
            X2, Y2, sample_weight=weights
        )
    plain = CalibratedClassifier(KNeighborsClassifier(), VectorScaler()).fit(X2, Y2)
    assert calibrated.predict_proba(X2)[:, 1].mean() > plain.predict_proba(X2)[:, 1].mean() + 0.2


# bad input


def fitting(estimator=None, scaler="auto", X=X3, y=NAMES[Y3], **options):
    estimator = GaussianNB() if estimator is None else estimator
    return lambda: CalibratedClassifier(estimator, scaler, **options).fit(X, y)


SORTED = np.argsort(Y3)
RARE = np.flatnonzero((Y3 != 2) | (np.cumsum(Y3 == 2) <= 3))  # three samples of class 2
ALL = np.arange(len(Y3))
MIXED = np.array([label or "none" for label in Y3.tolist()], dtype=object)
USED = (fold for fold in ())
ONE = np.flatnonzero((Y3 != 2) | (np.cumsum(Y3 == 2) <= 1))


@pytest.mark.parametrize(
    ("error", "refuse", "message"),
    [
        (TypeError, fitting(GaussianNB), "estimator must be a classifier of scikit-learn, got <cl"),
        (TypeError, fitting(torch.nn.Linear(2, 2)), "estimator must be a classifier of scikit-"),
        (TypeError, fitting(scaler="temperature"), 'scaler must be "auto" or a calibkit scaler'),
        (TypeError, fitting(scaler=VectorScaler), "pass an instance, such as TemperatureScaler"),
        (TypeError, fitting(ensemble="auto"), "ensemble must be True or False, got 'auto'"),
        (ValueError, fitting(cv="five"), 'cv must be a number of folds, "prefit" or a splitter'),
        (ValueError, fitting(cv="prefit"), "fit it first, and wrap it in FrozenEstimator"),
        (ValueError, fitting(y=NAMES[Y3][:-1]), "inconsistent numbers of samples"),
        (ValueError, fitting(y=[None, *NAMES[Y3][1:]]), "got 1 of 400 that are missing; leave"),
        (ValueError, fitting(y=[np.nan, *Y3[1:]]), "got 1 of 400 that are missing; leave these"),
        (
            ValueError,
            lambda: CalibratedClassifier(GaussianNB()).fit(X3, Y3, sample_weight=0 * Y3),
            "sample_weight must not be zero for all samples",
        ),
        (ValueError, fitting(y=["cat"] * len(X3)), "two classes or more, got 1 class;"),
        (
            ValueError,
            fitting(X=X3[RARE], y=NAMES[Y3[RARE]]),
            "5 folds and 3 samples of class 'bee'",
        ),
        (ValueError, fitting(X=X3[RARE], y=NAMES[Y3[RARE]]), "use cv=3, or add samples"),
        (
            ValueError,
            fitting(X=X3[ONE], y=NAMES[Y3[ONE]]),
            "1 sample of class 'bee'; add samples o",
        ),
        (
            ValueError,
            fitting(X=X3[SORTED], y=NAMES[Y3[SORTED]], cv=KFold(3)),
            "samples of every class, got none of class 'bee' outside fold 3",
        ),
        (
            ValueError,
            fitting(GaussianNB().fit(X3[:9], NAMES[Y3[:9] % 2]), cv="prefit"),
            "y must hold only the classes 'ant', 'cat', got 'bee'",
        ),
        (ValueError, fitting(SVC(decision_function_shape="ovo")), "one for each pair of classes"),
        (TypeError, fitting(RidgeClassifier(), y=NAMES[Y3], scaler=None), "scaler must be"),
        (TypeError, fitting(y=np.ma.masked_equal(Y3, 2)), "y must not be masked; pass only"),
        (TypeError, fitting(y=MIXED), "of one kind, which have an order, got int and str; make"),
        (ValueError, fitting(cv=[]), "cv must give a fold or more, got none"),
        (ValueError, fitting(cv=USED), "as a generator gives when it is used twice; pass a split"),
        (ValueError, fitting(cv=[(ALL, ALL)]), "got 400 of 400 in fold 1 on which it is; leave"),
        (ValueError, fitting(cv=[(ALL, ALL[:0])]), "a sample or more in every fold, got none in"),
        (ValueError, fitting(cv=[(ALL[:300], ALL[299:])]), "got 1 of 101 in fold 1 on which it"),
    ],
)
def test_a_mistake_is_refused_in_one_sentence(error, refuse, message):
    with pytest.raises(error) as raised:
        refuse()
    assert message in str(raised.value)


def test_the_advice_on_labels_of_two_kinds_works():
    fitted = CalibratedClassifier(GaussianNB()).fit(X3, np.asarray(MIXED).astype(str))
    assert fitted.classes_.tolist() == ["1", "2", "none"]


def test_a_report_refuses_masked_labels_and_another_scaler():
    fitted = CalibratedClassifier(GaussianNB()).fit(X3, Y3)
    with pytest.raises(TypeError, match="y must not be masked; pass only the samples to use"):
        fitted.evaluate(X3, np.ma.masked_equal(Y3, 2))
    with pytest.raises(TypeError, match="scaler must be left out, because the classifier is"):
        fitted.evaluate(X3, Y3, scaler=TemperatureScaler())


def test_it_must_be_fitted_first():
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(ValueError, match="not fitted"):
            getattr(CalibratedClassifier(GaussianNB()), method)(X3)
    with pytest.raises(ValueError, match="not fitted"):
        CalibratedClassifier(GaussianNB()).evaluate(X3, Y3)
