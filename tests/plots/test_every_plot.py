"""What holds for every function that plots, `learning_curve` in reports/ included."""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

from calibkit import (
    TemperatureScaler,
    compare,
    confidence_histogram,
    evaluate,
    learning_curve,
    reliability_diagram,
    risk_coverage_curve,
    temperature_curve,
)
from tests.helpers import calibrated_problem

PLOTS = {
    "reliability_diagram": lambda z, y, **o: reliability_diagram(z.softmax(1), y, **o),
    "confidence_histogram": lambda z, y, **o: confidence_histogram(z.softmax(1), y, **o),
    "temperature_curve": temperature_curve,
    "risk_coverage_curve": lambda z, y, **o: risk_coverage_curve(z.softmax(1), y, **o),
    "learning_curve": lambda z, y, **o: learning_curve(
        compare([TemperatureScaler()], z, y, n_calibration=100, repeats=2, progress=False), **o
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots_go_into_the_given_axes_and_change_no_style(name):
    logits, labels = calibrated_problem(300, 4, 2)
    before = dict(matplotlib.rcParams)
    _, (left, right) = plt.subplots(1, 2)
    assert PLOTS[name](logits, labels, ax=right, title="what to see") is right
    assert right.get_title() == "what to see"
    assert not left.has_data()
    assert dict(matplotlib.rcParams) == before
    in_new_figure = PLOTS[name](logits, labels)
    assert in_new_figure.figure is not right.figure
    assert in_new_figure.get_title()
    assert in_new_figure.get_xlabel()
    assert in_new_figure.get_ylabel()


@pytest.mark.parametrize("name", PLOTS)
def test_colours_differ_in_grey_too(name):
    """Compare the lightness of the bars and lines that show data."""
    logits, labels = calibrated_problem(300, 4, 2)
    ax = PLOTS[name](logits, labels)
    colours = {bars[0].get_facecolor()[:3] for bars in ax.containers if hasattr(bars[0], "get_x")}
    colours |= {
        matplotlib.colors.to_rgb(line.get_color())
        for axes in ax.figure.axes
        for line in axes.lines
        if len(line.get_xdata()) > 2
    }
    greys = sorted(np.dot([0.2126, 0.7152, 0.0722], colour) for colour in colours)
    assert all(np.diff(greys) > 0.02)


@pytest.mark.parametrize("name", PLOTS)
def test_what_is_no_axes_is_refused_with_advice_that_works(name):
    logits, labels = calibrated_problem(300, 4, 2)
    for ax in (plt.figure(), plt.subplots(1, 2)[1], list(plt.subplots(1, 2)[1])):
        with pytest.raises(TypeError, match=r"^ax must be axes of matplotlib, got ") as refused:
            PLOTS[name](logits, labels, ax=ax)
        right = eval(re.search(r"(ax\S*)$", str(refused.value))[1], {"ax": ax})
        assert PLOTS[name](logits, labels, ax=right) is right
    for ax in ("left", 3, []):
        with pytest.raises(TypeError, match=r"; leave it out for a new figure$"):
            PLOTS[name](logits, labels, ax=ax)


def test_a_learning_curve_needs_a_comparison():
    for wrong in (None, "compare", [1.0]):
        with pytest.raises(TypeError, match="comparison must be what compare returns, got "):
            learning_curve(wrong)


def test_a_report_is_plotted_into_what_subplots_returns():
    logits, labels = calibrated_problem(200, 4, 2)
    one = evaluate(logits, labels, n_resamples=40)
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(200, 4, 2, seed=1))
    two = evaluate(logits, labels, scaler=scaler, n_resamples=40)
    for squeeze in (False, True):
        single, row = (plt.subplots(1, n, squeeze=squeeze)[1] for n in (1, 2))
        assert one.plot(single) == list(np.ravel(single))
        assert two.plot(row) == two.plot(list(np.ravel(row))) == list(np.ravel(row))
    column = plt.subplots(2, 1)[1]
    assert two.plot(column) == list(column)
    with pytest.raises(ValueError, match="axes must be 2, one for each diagram, got 4"):
        two.plot(plt.subplots(2, 2)[1])
    with pytest.raises(TypeError, match=r"axes\[0\] must be axes of matplotlib, got Figure; pass "):
        one.plot(plt.figure())
