import sys
from typing import Any

import pytest
from matplotlib import pyplot as plt

from calibkit import calibration_error, explore_temperature, negative_log_likelihood
from tests.helpers import calibrated_problem


@pytest.fixture
def displayed(monkeypatch) -> list:
    shown: list = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


@pytest.fixture
def server(monkeypatch) -> None:
    """Pretend that a Jupyter server has started this kernel."""
    monkeypatch.setenv("JPY_SESSION_NAME", "lesson.ipynb")


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


@pytest.fixture
def no_widgets(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed


def nll_and_ece(logits, labels, temperature: float, n_bins: int = 15) -> str:
    probabilities = (logits / temperature).softmax(1)
    nll = negative_log_likelihood(probabilities, labels)
    return f"NLL {nll:.3f}, ECE {calibration_error(probabilities, labels, n_bins=n_bins):.1%}"


def parts_of(view: Any) -> tuple[Any, Any, Any]:
    """Return the slider, the label and the image that are displayed."""
    (slider, metrics), image = view.children[0].children, view.children[1]
    return slider, metrics, image


def test_without_a_jupyter_server_the_plots_are_a_plain_figure(displayed):
    logits, labels = calibrated_problem(500, 4, 2)
    assert explore_temperature(logits, labels, temperature=1.5, n_bins=10) is None
    assert displayed == []
    curve, diagram, _ = plt.gcf().axes
    assert curve.lines[-1].get_xdata() == [1.5, 1.5]
    ece = nll_and_ece(logits, labels, 1.5, n_bins=10).split()[-1]
    assert diagram.get_xlabel().endswith(f"\nECE {ece}, n = 500, 10 bins")
    assert diagram.get_title() == "The bins at T = 1.500, the dotted line"


@pytest.mark.usefixtures("server", "no_widgets")
def test_without_ipywidgets_the_plots_are_a_plain_figure(displayed):
    explore_temperature(*calibrated_problem(300, 3, 2))
    assert displayed == []
    assert len(plt.get_fignums()) == 1


@pytest.mark.usefixtures("no_widgets")
def test_a_slider_without_ipywidgets_is_refused_with_what_to_install():
    with pytest.raises(ModuleNotFoundError, match=r"calibkit\[course\]"):
        explore_temperature(*calibrated_problem(300, 3, 2), interactive=True)
    assert plt.get_fignums() == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("interactive", "n_sliders"), [(None, 1), (True, 1), (False, 0)])
def test_a_notebook_that_a_server_has_opened_shows_a_slider(displayed, interactive, n_sliders):
    pytest.importorskip("ipywidgets", reason="the extra course is not installed")
    explore_temperature(*calibrated_problem(300, 3, 2), interactive=interactive)
    assert len(displayed) == n_sliders
    assert len(plt.get_fignums()) == 1 - n_sliders


def test_the_slider_changes_plots_and_numbers(displayed):
    pytest.importorskip("ipywidgets", reason="the extra course is not installed")
    logits, labels = calibrated_problem(500, 4, 2)
    explore_temperature(logits, labels, interactive=True)
    slider, metrics, image = parts_of(*displayed)
    assert (slider.value, metrics.value) == (1.0, nll_and_ece(logits, labels, 1.0))
    before = bytes(image.value)
    assert before.startswith(b"\x89PNG")
    slider.value = 2.0
    assert metrics.value == nll_and_ece(logits, labels, 2.0)
    assert bytes(image.value) != before


def test_the_slider_starts_within_its_range(displayed):
    pytest.importorskip("ipywidgets", reason="the extra course is not installed")
    explore_temperature(*calibrated_problem(500, 4, 2), temperature=1000.0, interactive=True)
    slider, _, _ = parts_of(*displayed)
    assert slider.value == pytest.approx(2**slider.max)
    assert 6 < slider.value < 11


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"temperature": 0}, ValueError, "a temperature must be a positive, finite number, got 0"),
        ({"temperature": "1"}, ValueError, "a temperature must be .* got '1'"),
        ({"n_bins": 0}, ValueError, "n_bins must be"),
    ],
)
def test_bad_arguments_are_refused_before_a_figure_is_made(options, error, message):
    with pytest.raises(error, match=message):
        explore_temperature(*calibrated_problem(300, 3, 2), **options)
    assert plt.get_fignums() == []


def test_probabilities_are_refused():
    logits, labels = calibrated_problem(300, 3, 2)
    with pytest.raises(ValueError, match="look like probabilities"):
        explore_temperature(logits.softmax(1), labels)
