"""A slider for the temperature in notebooks, and the same plots as a plain figure elsewhere."""

import math
import os
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from calibkit._checks import check_logits_and_labels, check_n_bins, check_temperature
from calibkit._rows import Chunk, Rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of, measure
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.metrics.proper_scores import NLL
from calibkit.plots.curves import temperature_curve
from calibkit.plots.reliability import reliability_diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FIGSIZE = (9.6, 5.2)
_SLIDER_STEP = 0.01  # in units of log2 T


def explore_temperature(
    logits: Probabilities,
    labels: Labels,
    *,
    temperature: float = 1.0,
    n_bins: int = 15,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    interactive: bool | None = None,
) -> None:
    """Show NLL and ECE against the temperature, and the reliability diagram at one temperature.

    In JupyterLab a slider moves the temperature, if ipywidgets is installed
    (``pip install "calibkit[course]"``). Elsewhere the same plots appear as a plain figure.

    Parameters
    ----------
    logits : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        What the model returns before the softmax, or before the sigmoid for a binary model.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    temperature : float, default 1.0
        The temperature of the reliability diagram, at which the slider starts.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.
    interactive : bool, optional
        Whether to show a slider. By default it is shown if ipywidgets is installed and a Jupyter
        server has opened the notebook, but not if the notebook is only executed. In Colab and VS
        Code, pass True.

    Raises
    ------
    ModuleNotFoundError
        If `interactive` is True and ipywidgets is not installed.
    TypeError
        If `logits` is not a floating-point tensor or array, if `labels` is not an integer tensor or
        array, if `n_bins` is not an integer, or if `ignore_index` is neither an integer nor None.
    ValueError
        If a logit is NaN or infinite, if the logits look like probabilities, if `labels` holds a
        class outside 0..C-1 or one class only, if `logits` and `labels` differ in length, if there
        is no sample, if `temperature` is not a positive, finite number, or if `n_bins` is less
        than 1. The same holds if a weight is negative, NaN or infinite, or if all of them are 0.
    NoOptimumError
        If no finite temperature minimises the NLL.

    See Also
    --------
    calibkit.temperature_curve : Plot NLL and ECE against the temperature.
    calibkit.reliability_diagram : Plot accuracy against confidence.
    calibkit.TemperatureScaler : Find the temperature with the lowest NLL.

    Examples
    --------
    >>> import torch
    >>> from calibkit import explore_temperature
    >>> logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    >>> explore_temperature(logits, torch.tensor([0, 1, 0, 0]), temperature=2.0)
    """
    check_temperature(temperature)
    check_n_bins(n_bins)
    rows = check_logits_and_labels(
        logits, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    samples = rows.to("cpu").flat()
    if _slider_is_usable() if interactive is None else interactive:
        view = _slider_view(samples, temperature, n_bins, of)
        import_module("IPython.display").display(view)
    else:
        from matplotlib import pyplot as plt

        figure = plt.figure(figsize=_FIGSIZE, layout="constrained")
        _TemperaturePlots(figure, samples, n_bins, of).show(temperature)


def _slider_view(samples: Chunk, temperature: float, n_bins: int, of: Of | None) -> Any:
    """Return an ``ipywidgets.VBox`` with a slider, the NLL and ECE as text, and the plots."""
    if not find_spec("ipywidgets"):
        raise ModuleNotFoundError(
            'interactive=True needs ipywidgets; pip install "calibkit[course]", then reload the '
            "page"
        )
    from matplotlib.figure import Figure

    widgets = import_module("ipywidgets")
    figure = Figure(_FIGSIZE, layout="constrained")
    plots = _TemperaturePlots(figure, samples, n_bins, of)
    low, high = (math.log2(end) for end in plots.range)
    start = min(max(math.log2(temperature), low), high)
    slider = widgets.FloatLogSlider(
        value=2**start,
        base=2,
        # The minimum is a whole number of steps below the start, so that the slider can stop there.
        min=start - _SLIDER_STEP * math.floor((start - low) / _SLIDER_STEP),
        max=high,
        step=_SLIDER_STEP,
        description="temperature",
        readout_format=".3f",
        style={"description_width": "initial"},
        layout={"width": "24rem"},
    )
    metrics, image = widgets.Label(), widgets.Image(format="png")

    def update(_: object = None) -> None:
        metrics.value = plots.show(slider.value)
        image.value = plots.png()

    update()
    # The first drawing has laid out the axes. From now on, they should not move with the slider.
    plots.figure.set_layout_engine("none")
    slider.observe(update, "value")
    return widgets.VBox([widgets.HBox([slider, metrics]), image])


class _TemperaturePlots:
    """The temperature curve on the left, and the reliability diagram at one temperature."""

    def __init__(self, figure: "Figure", samples: Chunk, n_bins: int, of: Of | None) -> None:
        self.figure, self.n_bins, self.of = figure, n_bins, of
        logits, self.labels, self.weights = samples
        self.logits = logits.double()
        left, self.diagram = figure.subplots(1, 2)
        curve = temperature_curve(
            logits, self.labels, n_bins=n_bins, of=of, sample_weight=self.weights, ax=left
        ).get_lines()[0]
        temperatures = np.asarray(curve.get_xdata())
        self.range = float(temperatures[0]), float(temperatures[-1])
        self.marker = left.axvline(1.0, color="black", linestyle=":")

    def show(self, temperature: float) -> str:
        """Draw the diagram at this temperature, and return the NLL and the ECE as text."""
        scaled = Rows(self.logits / temperature, self.labels, weights=self.weights)
        metrics = NLL(), BinnedCalibrationError(self.n_bins, of=self.of)
        nll, ece = measure(scaled, *metrics, scores_are="logits")
        self.marker.set_xdata([temperature, temperature])
        self.diagram.clear()
        title = f"The bins at T = {temperature:.3f}, the dotted line"
        probabilities = scaled.scores.softmax(1)
        reliability_diagram(
            probabilities,
            self.labels,
            n_bins=self.n_bins,
            of=self.of,
            sample_weight=self.weights,
            title=title,
            ax=self.diagram,
        )
        return f"NLL {nll:.3f}, ECE {ece:.1%}"

    def png(self) -> bytes:
        file = BytesIO()
        self.figure.savefig(file)
        return file.getvalue()


def _slider_is_usable() -> bool:
    # A Jupyter server sets this variable for the kernels of the notebooks that it opens.
    return "JPY_SESSION_NAME" in os.environ and find_spec("ipywidgets") is not None
