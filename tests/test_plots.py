import matplotlib
import pytest
import torch
from matplotlib import pyplot as plt
from scipy.stats import binom

from calibkit import calibration_error, reliability_diagram


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


def test_draws_on_given_axes_and_returns_them(scores):
    _, axes = plt.subplots(1, 2)
    assert reliability_diagram(*scores, ax=axes[1], title="What to see") is axes[1]
    assert axes[1].get_title() == "What to see"
    assert not axes[0].patches
    assert len(plt.get_fignums()) == 1


def test_opens_a_figure_of_its_own_and_leaves_global_style_alone(scores):
    before = matplotlib.rcParams.copy()
    reliability_diagram(*scores)
    assert len(plt.get_fignums()) == 1
    assert matplotlib.rcParams == before


def test_empty_bins_and_confidence_one_are_drawn():
    ax = reliability_diagram(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([0, 0]))
    ax.figure.canvas.draw()
    assert len(ax.containers[0]) == 2
