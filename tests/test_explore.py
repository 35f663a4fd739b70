import importlib.util

import pytest
from matplotlib import pyplot as plt

from calibkit import calibration_error, explore, negative_log_likelihood
from calibkit.explore import explore_temperature, slider_view
from tests.helpers import calibrated_problem


@pytest.fixture
def displayed(monkeypatch) -> list:
    shown: list = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    return shown


@pytest.fixture
def server(monkeypatch) -> None:
    """As in a kernel that a Jupyter server has started."""
    monkeypatch.setenv("JPY_SESSION_NAME", "lesson.ipynb")


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


@pytest.fixture
def no_widgets(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        explore, "find_spec", lambda name: None if name == "ipywidgets" else found(name)
    )


def told(logits, labels, temperature: float, n_bins: int = 15) -> str:
    probabilities = (logits / temperature).softmax(1)
    nll = negative_log_likelihood(probabilities, labels)
    return f"NLL {nll:.3f}, ECE {calibration_error(probabilities, labels, n_bins=n_bins):.1%}"


def test_a_plain_figure_where_nobody_can_move_a_slider(displayed):
    logits, labels = calibrated_problem(500, 4, 2)
    assert explore_temperature(logits, labels, temperature=1.5, n_bins=10) is None
    assert displayed == []
    curve, diagram, _ = plt.gcf().axes
    assert curve.lines[-1].get_xdata() == [1.5, 1.5]
    ece = told(logits, labels, 1.5, n_bins=10).split()[-1]
    assert diagram.texts[0].get_text() == f"ECE {ece}\nn = 500, 10 bins"
    assert diagram.get_title() == "The bins at T = 1.500, the dotted line"


@pytest.mark.usefixtures("server", "no_widgets")
def test_a_plain_figure_without_ipywidgets(displayed):
    explore_temperature(*calibrated_problem(300, 3, 2))
    assert displayed == []
    assert len(plt.get_fignums()) == 1


@pytest.mark.usefixtures("no_widgets")
def test_who_asks_for_a_slider_without_ipywidgets_is_told_what_to_install():
    with pytest.raises(ModuleNotFoundError, match=r"calibkit\[widgets\]"):
        explore_temperature(*calibrated_problem(300, 3, 2), interactive=True)
    assert plt.get_fignums() == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("interactive", "n_sliders"), [(None, 1), (True, 1), (False, 0)])
def test_a_slider_in_a_notebook_that_a_server_has_opened(displayed, interactive, n_sliders):
    pytest.importorskip("ipywidgets", reason="the extra widgets is not installed")
    explore_temperature(*calibrated_problem(300, 3, 2), interactive=interactive)
    assert len(displayed) == n_sliders
    assert len(plt.get_fignums()) == 1 - n_sliders


def test_the_slider_moves_picture_and_numbers():
    pytest.importorskip("ipywidgets", reason="the extra widgets is not installed")
    logits, labels = calibrated_problem(500, 4, 2)
    view = slider_view(logits, labels, 1.0, 15)
    (slider, scores), image = view.children[0].children, view.children[1]
    assert (slider.value, scores.value) == (1.0, told(logits, labels, 1.0))
    before = bytes(image.value)
    assert before.startswith(b"\x89PNG")
    slider.value = 2.0
    assert scores.value == told(logits, labels, 2.0)
    assert bytes(image.value) != before


def test_the_slider_starts_within_its_range():
    pytest.importorskip("ipywidgets", reason="the extra widgets is not installed")
    view = slider_view(*calibrated_problem(500, 4, 2), 1000.0, 15)
    slider = view.children[0].children[0]
    assert slider.value == pytest.approx(2**slider.max)
    assert 6 < slider.value < 11


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"temperature": 0}, ValueError, "temperature must be"),
        ({"temperature": "1"}, TypeError, "temperature must be"),
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
