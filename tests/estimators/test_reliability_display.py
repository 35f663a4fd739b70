import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from calibkit import ReliabilityDisplay, reliability_bins, reliability_diagram

NAMES = np.array(["cat", "ant", "bee"])


def problem(n_classes: int):
    X, y = make_classification(
        300, n_informative=6, n_classes=n_classes, class_sep=0.7, random_state=0
    )
    return X, NAMES[y]


def texts(display):
    ax = display.ax_
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    return [ax.get_title(), ax.get_xlabel().splitlines()[0], ax.get_ylabel(), *legend]


def test_it_plots_the_reliability_diagram_of_an_estimator():
    X, y = problem(3)
    model = GaussianNB().fit(X, y)
    display = ReliabilityDisplay.from_estimator(model, X, y)
    plain = reliability_diagram(model.predict_proba(X), np.searchsorted(model.classes_, y))
    assert display.ax_.get_xlabel() == plain.get_xlabel()
    assert [bar.get_height() for bar in display.ax_.patches] == [
        bar.get_height() for bar in plain.patches
    ]
    assert display.figure_ is display.ax_.figure
    assert texts(display)[:2] == ["GaussianNB", "confidence of the top class"]
    assert display.pos_label is None


def test_two_classes_judge_the_second_one():
    X, y = problem(2)
    model = GaussianNB().fit(X, y)
    display = ReliabilityDisplay.from_estimator(model, X, y, n_bins=5, name="Naive Bayes")
    assert texts(display)[:4] == [
        "Naive Bayes",
        "P(y = cat)",
        "frequency of y = cat",
        "P(y = cat)",
    ]
    frequency, mean = calibration_curve(y == "cat", model.predict_proba(X)[:, 1], n_bins=5)
    bins = display.bins
    filled = bins.count > 0
    np.testing.assert_allclose(bins.n_correct[filled] / bins.count[filled], frequency)
    np.testing.assert_allclose(bins.confidence_sum[filled] / bins.count[filled], mean)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_any_class_may_be_judged(n_classes):
    X, y = problem(n_classes)
    model = GaussianNB().fit(X, y)
    display = ReliabilityDisplay.from_estimator(model, X, y, pos_label="ant", binning="quantile")
    expected = reliability_bins(model.predict_proba(X)[:, 0], y == "ant", binning="quantile")
    assert display.bins.calibration_error == expected.calibration_error
    assert texts(display)[1] == "P(y = ant)"


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ([0, 1, 1], {}),
        ([-1, 1, 1], {}),
        ([False, True, True], {}),
        (["sick", "well", "well"], {"pos_label": "well"}),
        ([2, 5, 5], {"pos_label": 5}),
    ],
)
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_probability_is_that_of_pos_label(labels, options, shape):
    p = np.array([0.2, 0.3, 0.9])
    display = ReliabilityDisplay.from_predictions(labels, p.reshape(shape), **options)
    expected = reliability_bins(p, np.array([0, 1, 1]))
    assert display.bins.calibration_error == expected.calibration_error
    assert texts(display)[0] == "Reliability diagram"


def test_integer_weights_equal_repetition():
    X, y = problem(3)
    model = GaussianNB().fit(X, y)
    weights = np.arange(len(y)) % 3
    weighted = ReliabilityDisplay.from_estimator(model, X, y, sample_weight=weights)
    repeated = ReliabilityDisplay.from_estimator(model, X.repeat(weights, 0), y.repeat(weights))
    found, expected = (display.bins.calibration_error for display in (weighted, repeated))
    assert found == pytest.approx(expected, abs=1e-12)


def test_classes_may_be_missing_from_a_test_set():
    X, y = problem(3)
    model = GaussianNB().fit(X, y)
    few = y != "bee"
    p = model.predict_proba(X[few])
    display = ReliabilityDisplay.from_predictions(y[few], p, classes=model.classes_)
    expected = reliability_bins(p, np.searchsorted(model.classes_, y[few]))
    assert display.bins.calibration_error == expected.calibration_error


def test_pandas():
    pandas = pytest.importorskip("pandas")
    X, y = problem(2)
    frame = pandas.DataFrame(X).add_prefix("feature ")
    labels = pandas.Series(y, index=np.arange(len(y))[::-1])
    model = GaussianNB().fit(frame, labels)
    display = ReliabilityDisplay.from_estimator(model, frame, labels)
    p = pandas.Series(model.predict_proba(frame)[:, 1])
    again = ReliabilityDisplay.from_predictions(labels, p, pos_label="cat")
    assert display.bins.calibration_error == again.bins.calibration_error


def test_it_plots_again_beside_another_one():
    display = ReliabilityDisplay.from_predictions([0, 1], [0.5, 0.5], name="even")
    _, axes = plt.subplots(1, 2)
    assert display.plot(axes[1]) is display
    assert display.ax_ is axes[1]
    assert axes[1].get_title() == "even"
    assert display.plot(axes[0], name="odd").ax_.get_title() == "odd"
    given = ReliabilityDisplay.from_predictions([0, 1], [0.5, 0.5], ax=plt.subplots()[1])
    assert given.figure_ is plt.gcf()


@pytest.mark.parametrize(
    ("labels", "p", "options", "error", "message"),
    [
        (["no", "yes"], [0.1, 0.9], {}, ValueError, "for labels such as 'no'; pass the label"),
        ([0, 1], np.full((2, 3), 1 / 3), {}, ValueError, "got 3 columns, and y_true holds 2; pass"),
        ([0, 1], np.full((2, 2), 0.5), {"classes": [0]}, ValueError, "2 columns, and classes hol"),
        (
            [0, 1],
            np.full((2, 2), 0.5),
            {"pos_label": 2},
            ValueError,
            "pos_label must be one of the classes 0, 1, got 2; pass the class",
        ),
        (
            ["no", "yes"],
            [0.1, 0.9],
            {"pos_label": "Yes"},
            ValueError,
            "pos_label must be one of the classes 'no', 'yes', got 'Yes'; pass the class",
        ),
        (
            ["no", "no"],
            [0.1, 0.9],
            {"pos_label": "Yes", "classes": ["no", "yes"]},
            ValueError,
            "pos_label must be one of the classes 'no', 'yes', got 'Yes'; pass the class",
        ),
        (
            [0, 1, np.nan],
            [0.1, 0.9, 0.9],
            {"pos_label": 1},
            ValueError,
            "y must not lack a label, got 1 of 3 that are missing",
        ),
        ([0, 1], [0.1, 1.9], {}, ValueError, "probabilities must lie in"),
        ([0, 1], [[0.9, 0.8], [0.3, 0.9]], {}, ValueError, "row sums from 1.2 to 1.7; if round"),
        (
            [0, 1, 2],
            np.full((3, 3), 0.5),
            {"pos_label": 1},
            ValueError,
            "row sums from 1.5 to 1.5; if rounding did this",
        ),
        (np.ma.masked_equal([0, 1], 1), [0.1, 0.9], {}, TypeError, "y must not be masked; pass"),
        ([0, 1], np.ma.masked_equal([0.1, 0.9], 0.1), {}, TypeError, "y_prob must not be masked"),
        (np.array([0, "a"], object), [0.1, 0.9], {"pos_label": 0}, TypeError, "got int and str"),
        ([0, 1], [0.1, 0.9], {"ax": 3}, TypeError, "ax must be axes of matplotlib"),
    ],
)
def test_a_mistake_is_refused(labels, p, options, error, message):
    with pytest.raises(error) as raised:
        ReliabilityDisplay.from_predictions(labels, p, **options)
    assert message in str(raised.value)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("n_columns", [1, 2, 3])
def test_probabilities_may_be_a_tensor_that_needs_a_gradient(dtype, n_columns):
    p = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.5, 0.375], [0.25, 0.25, 0.5]], dtype=dtype)
    p = torch.stack([1 - p[:, 0], p[:, 0]], 1) if n_columns < 3 else p
    p, labels = p[:, -n_columns:], [0, 1, 2 if n_columns == 3 else 1]
    display = ReliabilityDisplay.from_predictions(labels, p.clone().requires_grad_())
    expected = reliability_bins(p, torch.tensor(labels))
    assert display.bins.calibration_error == expected.calibration_error


def test_the_event_need_not_happen():
    display = ReliabilityDisplay.from_predictions(["no"] * 5, [0.1] * 5, pos_label="yes")
    assert display.bins.calibration_error == pytest.approx(0.1)


def test_a_classifier_without_probabilities_is_sent_to_the_calibrated_one():
    X, y = problem(2)
    with pytest.raises(TypeError, match="which does not have it; wrap it in CalibratedClassifier"):
        ReliabilityDisplay.from_estimator(SVC().fit(X, y), X, y)
