from dataclasses import replace

import pytest
import torch
from scipy.stats import binom

from calibkit import calibration_error, confidence_histogram, evaluate, reliability_diagram


@pytest.fixture
def predictions():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(800, 10, generator=generator)
    labels = torch.multinomial((logits / 2).softmax(1), 1, generator=generator)[:, 0]
    return logits.softmax(1), labels


def test_the_printed_number_is_the_metric(predictions):
    for n_bins in (5, 15, 40):
        error = calibration_error(*predictions, n_bins=n_bins)
        text = reliability_diagram(*predictions, n_bins=n_bins).get_xlabel().splitlines()[1]
        assert text == f"ECE {100 * error:.1f}%, n = 800, {n_bins} bins"


def test_bars_show_the_accuracy_of_their_bin(predictions):
    probabilities, labels = predictions
    ax = reliability_diagram(probabilities, labels, n_bins=10)
    confidences, predicted = probabilities.max(1)
    inside = (confidences >= 0.8) & (confidences < 0.9)
    accuracy = (predicted == labels)[inside].double().mean().item()
    bars = {round(bar.get_x() + bar.get_width() / 2, 2): bar for bar in ax.containers[0]}
    assert bars[0.85].get_height() == pytest.approx(accuracy)


def test_a_bin_by_hand():
    # 50 samples of confidence .75, 30 of them right
    probabilities = torch.tensor([[0.75, 0.25]]).repeat(50, 1)
    ax = reliability_diagram(probabilities, torch.tensor([0] * 30 + [1] * 20), n_bins=4, of="top")
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
        probabilities, torch.tensor([0, 1, 0, 0]), n_bins=2, binning="quantile", of="top"
    )
    accuracy, _ = ax.containers
    assert [bar.get_height() for bar in accuracy] == [0.5, 1]
    assert [bar.get_x() + bar.get_width() / 2 for bar in accuracy] == pytest.approx([0.75, 0.95])
    (dots,) = (line for line in ax.lines if line.get_label() == "confidence")
    assert dots.get_xdata() == pytest.approx([0.65, 0.95])
    assert dots.get_ydata() == pytest.approx([0.65, 0.95])


def test_confidence_histogram_stacks_wrong_on_right():
    probabilities = torch.tensor([[0.6, 0.4]] * 5 + [[0.9, 0.1]] * 3)
    labels = torch.tensor([0, 0, 0, 1, 1, 0, 0, 0])
    ax = confidence_histogram(probabilities, labels, n_bins=2, of="top")
    right, wrong = ax.containers
    assert [bar.get_height() for bar in right] == [0, 6]
    assert [(bar.get_y(), bar.get_height()) for bar in wrong] == [(0, 0), (6, 2)]
    accuracy, confidence = (line.get_xdata()[0] for line in ax.lines)
    assert (accuracy, confidence) == pytest.approx((6 / 8, (3 + 2.7) / 8))


@pytest.mark.parametrize("name", ["spam", "a_class_with_a_name_of_so_many_letters_that_it_is_cut"])
def test_a_long_name_of_a_class_leaves_room_for_the_diagram(name):
    z = torch.linspace(-3, 3, 400).double()
    report = evaluate(z, (z > 0).long().roll(7), n_resamples=40)
    [ax] = replace(report, event=name).plot()
    ax.figure.canvas.draw()
    assert ax.get_position().width > 0.5
    shown = {ax.get_ylabel(), *(text.get_text() for text in ax.get_legend().get_texts())}
    cut = name if name == "spam" else "a_class_with_a_name…"
    assert {f"P({cut})", f"frequency of {cut}"} <= shown
    for text in [ax.yaxis.label, ax.xaxis.label, ax.get_legend()]:
        box, whole = text.get_window_extent(), ax.figure.bbox
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
