import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from scipy.stats import binom

from calibkit import (
    TemperatureScaler,
    calibration_error,
    compare,
    confidence_histogram,
    learning_curve,
    negative_log_likelihood,
    reliability_diagram,
    risk_coverage_curve,
    temperature_curve,
)
from tests.helpers import calibrated_problem


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(800, 10, generator=generator)
    return logits.softmax(1), torch.multinomial((logits / 2).softmax(1), 1, generator=generator)[
        :, 0
    ]


def test_the_printed_number_is_the_metric(scores):
    for n_bins in (5, 15, 40):
        error = calibration_error(*scores, n_bins=n_bins)
        text = reliability_diagram(*scores, n_bins=n_bins).texts[0].get_text()
        assert text == f"ECE {100 * error:.1f}%\nn = 800, {n_bins} bins"


def test_bars_show_the_accuracy_of_their_bin(scores):
    probabilities, labels = scores
    ax = reliability_diagram(probabilities, labels, n_bins=10)
    confidences, predicted = probabilities.max(1)
    inside = (confidences >= 0.8) & (confidences < 0.9)
    accuracy = (predicted == labels)[inside].double().mean().item()
    bars = {round(bar.get_x() + bar.get_width() / 2, 2): bar for bar in ax.containers[0]}
    assert bars[0.85].get_height() == pytest.approx(accuracy)


def test_a_bin_by_hand():
    # 50 samples of confidence .75, 30 of them right
    probabilities = torch.tensor([[0.75, 0.25]]).repeat(50, 1)
    ax = reliability_diagram(probabilities, torch.tensor([0] * 30 + [1] * 20), n_bins=4)
    (accuracy,), (band,) = ax.containers
    assert accuracy.get_height() == pytest.approx(0.6)
    low, high = binom.ppf([0.025, 0.975], 50, 0.75) / 50
    assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx([low, high])
    (gap,) = ax.collections[0].get_segments()
    assert gap.tolist() == [pytest.approx([0.75, 0.6]), pytest.approx([0.75, 0.75])]
    (dots,) = (line for line in ax.lines if line.get_label() == "confidence")
    assert dots.get_ydata() == pytest.approx([0.75])
    (counts,) = ax.child_axes
    assert [bar.get_height() for bar in counts.patches] == [0, 0, 0, 50]


def test_empty_bins_and_confidence_one_are_drawn():
    ax = reliability_diagram(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([0, 0]))
    ax.figure.canvas.draw()
    assert len(ax.containers[0]) == 2


def test_quantile_bins_are_drawn_between_their_edges():
    probabilities = torch.tensor([[0.6, 0.4], [0.7, 0.3], [0.9, 0.1], [1.0, 0.0]])
    ax = reliability_diagram(
        probabilities, torch.tensor([0, 1, 0, 0]), n_bins=2, binning="quantile"
    )
    accuracy, _ = ax.containers
    assert [bar.get_height() for bar in accuracy] == [0.5, 1]
    assert [bar.get_x() + bar.get_width() / 2 for bar in accuracy] == pytest.approx([0.75, 0.95])
    (dots,) = (line for line in ax.lines if line.get_label() == "confidence")
    assert dots.get_xdata() == pytest.approx([0.65, 0.95])
    assert dots.get_ydata() == pytest.approx([0.65, 0.95])


def test_confidence_histogram_stacks_wrong_on_right():
    probabilities = torch.tensor([[0.6, 0.4]] * 5 + [[0.9, 0.1]] * 3)
    ax = confidence_histogram(probabilities, torch.tensor([0, 0, 0, 1, 1, 0, 0, 0]), n_bins=2)
    right, wrong = ax.containers
    assert [bar.get_height() for bar in right] == [0, 6]
    assert [(bar.get_y(), bar.get_height()) for bar in wrong] == [(0, 0), (6, 2)]
    accuracy, confidence = (line.get_xdata()[0] for line in ax.lines)
    assert (accuracy, confidence) == pytest.approx((6 / 8, (3 + 2.7) / 8))


def test_temperature_curve_is_the_metrics_with_the_best_marked():
    logits, labels = calibrated_problem(500, 5, 2)
    ax = temperature_curve(logits, labels, n_bins=10)
    curve, best = ax.lines
    temperature = TemperatureScaler().fit_logits(logits, labels).temperature
    assert best.get_xdata()[0] == temperature
    assert curve.get_xdata()[np.argmin(curve.get_ydata())] == pytest.approx(temperature)
    (right,) = (other for other in ax.figure.axes if other is not ax)
    ece, lowest = right.lines
    for i in (0, 20, 60):
        probabilities = (logits / curve.get_xdata()[i]).softmax(1)
        nll = negative_log_likelihood(probabilities, labels)
        assert curve.get_ydata()[i] == pytest.approx(nll)
        error = calibration_error(probabilities, labels, n_bins=10)
        assert ece.get_ydata()[i] == pytest.approx(error)
    assert lowest.get_ydata()[0] == min(ece.get_ydata())


def test_learning_curve_is_mean_and_deviation_over_splits():
    logits, labels = calibrated_problem(600, 5, 2)
    found = compare([TemperatureScaler()], logits, labels, n_calibration=[50, 300], progress=False)
    for metric in ("nll", "ece", "brier", "accuracy"):
        ax = learning_curve(found, metric=metric)
        labels_shown = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels_shown == ["unscaled", "TemperatureScaler"]
        _, (line, _, (bars,)) = ax.containers
        values = [found.values("TemperatureScaler", n, metric) for n in (50, 300)]
        assert line.get_ydata() == pytest.approx([np.mean(v) for v in values])
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        assert np.diff(ends).ravel() / 2 == pytest.approx([np.std(v) for v in values])


def test_risk_and_coverage_by_hand():
    # sure and right, two of one confidence of which one is wrong, unsure and wrong
    probabilities = torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4]])
    ax = risk_coverage_curve(probabilities, torch.tensor([0, 0, 1, 1]))
    curve, best = ax.lines
    assert curve.get_xdata() == pytest.approx([0.25, 0.5, 0.75, 1])
    assert curve.get_ydata() == pytest.approx([0, 0.5 / 2, 1 / 3, 2 / 4])
    assert best.get_ydata() == pytest.approx([0, 0, 1 / 3, 2 / 4])


PICTURES = {
    "reliability_diagram": lambda z, y, **o: reliability_diagram(z.softmax(1), y, **o),
    "confidence_histogram": lambda z, y, **o: confidence_histogram(z.softmax(1), y, **o),
    "temperature_curve": temperature_curve,
    "risk_coverage_curve": lambda z, y, **o: risk_coverage_curve(z.softmax(1), y, **o),
    "learning_curve": lambda z, y, **o: learning_curve(
        compare([TemperatureScaler()], z, y, n_calibration=100, repeats=2, progress=False), **o
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_go_where_they_are_told_and_change_no_style(name):
    logits, labels = calibrated_problem(300, 4, 2)
    before = dict(matplotlib.rcParams)
    _, (left, right) = plt.subplots(1, 2)
    assert PICTURES[name](logits, labels, ax=right, title="what to see") is right
    assert right.get_title() == "what to see"
    assert not left.has_data()
    assert dict(matplotlib.rcParams) == before
    alone = PICTURES[name](logits, labels)
    assert alone.figure is not right.figure
    assert alone.get_title()
    assert alone.get_xlabel()
    assert alone.get_ylabel()


@pytest.mark.parametrize("name", PICTURES)
def test_colours_differ_in_grey_too(name):
    """Of bars and lines that carry data, next to each other in lightness."""
    logits, labels = calibrated_problem(300, 4, 2)
    ax = PICTURES[name](logits, labels)
    colours = {bars[0].get_facecolor()[:3] for bars in ax.containers if hasattr(bars[0], "get_x")}
    colours |= {
        matplotlib.colors.to_rgb(line.get_color())
        for axes in ax.figure.axes
        for line in axes.lines
        if len(line.get_xdata()) > 2
    }
    greys = sorted(np.dot([0.2126, 0.7152, 0.0722], colour) for colour in colours)
    assert all(np.diff(greys) > 0.02)
