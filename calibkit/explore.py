"""A slider for the temperature, where a notebook can show one."""

import math
import os
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from calibkit.bins import Labels, Probabilities
from calibkit.checks import check_logits_and_labels, check_n_bins, check_number
from calibkit.curves import temperature_curve
from calibkit.functional import calibration_error
from calibkit.plots import reliability_diagram
from calibkit.scores import negative_log_likelihood

_SIZE = (9.6, 5.2)
_STEP = 0.01  # of log2 T


def explore_temperature(
    logits: Probabilities,
    labels: Labels,
    *,
    temperature: float = 1.0,
    n_bins: int = 15,
    interactive: bool | None = None,
) -> None:
    """Show NLL and ECE at every temperature, and the reliability diagram at one.

    In JupyterLab a slider moves the temperature, if ipywidgets is installed
    (``pip install "calibkit[widgets]"``). Elsewhere the same picture is a plain figure.

    Parameters
    ----------
    logits : Tensor or array, shape (N, C), (N, 1) or (N,)
        What the model gives before the softmax.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    temperature : float, default 1.0
        The temperature of the diagram; a slider starts there.
    n_bins : int, default 15
        Number of bins of equal width.
    interactive : bool, optional
        Whether to show a slider. Default: if ipywidgets is installed and a Jupyter server has
        opened the notebook, not if it is only executed. Colab and VS Code want True.

    Raises
    ------
    ModuleNotFoundError
        If ``interactive`` is True and ipywidgets is not installed.
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length, or as `temperature_curve` does.

    Examples
    --------
    >>> import torch
    >>> from calibkit import explore_temperature
    >>> logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    >>> explore_temperature(logits, torch.tensor([0, 1, 0, 0]), temperature=2.0)
    """
    check_number(temperature, "temperature", low=0, high=math.inf, advice="1.0 changes nothing")
    check_n_bins(n_bins)
    z, y = (part.cpu() for part in check_logits_and_labels(logits, labels).flat())
    if _someone_can_move_it() if interactive is None else interactive:
        view = slider_view(z, y, temperature, n_bins)
        import_module("IPython.display").display(view)
    else:
        _Picture(plt.figure(figsize=_SIZE, layout="constrained"), z, y, n_bins).move(temperature)


def slider_view(logits: Tensor, labels: Tensor, temperature: float, n_bins: int) -> Any:
    """The slider, its numbers and the picture, an `ipywidgets.VBox`."""
    if not find_spec("ipywidgets"):
        raise ModuleNotFoundError(
            'interactive=True needs ipywidgets; pip install "calibkit[widgets]", then reload the '
            "page"
        )
    widgets = import_module("ipywidgets")
    picture = _Picture(Figure(_SIZE, layout="constrained"), logits, labels, n_bins)
    low, high = (math.log2(end) for end in picture.range)
    start = min(max(math.log2(temperature), low), high)
    slider = widgets.FloatLogSlider(
        value=2**start,
        base=2,
        min=start - _STEP * math.floor((start - low) / _STEP),  # the start is one of the steps
        max=high,
        step=_STEP,
        description="temperature",
        readout_format=".3f",
        style={"description_width": "initial"},
        layout={"width": "24rem"},
    )
    scores, image = widgets.Label(), widgets.Image(format="png")

    def follow(_: object = None) -> None:
        scores.value = picture.move(slider.value)
        image.value = picture.png()

    follow()
    picture.figure.set_layout_engine("none")  # from now on the axes stay in their places
    slider.observe(follow, "value")
    return widgets.VBox([widgets.HBox([slider, scores]), image])


class _Picture:
    """Curves on the left, on the right the reliability diagram at a temperature that moves."""

    def __init__(self, figure: Figure, logits: Tensor, labels: Tensor, n_bins: int) -> None:
        self.figure = figure
        self.logits, self.labels, self.n_bins = logits.double(), labels, n_bins
        left, self.diagram = figure.subplots(1, 2)
        curve = temperature_curve(logits, labels, n_bins=n_bins, ax=left).get_lines()[0]
        temperatures = np.asarray(curve.get_xdata())
        self.range = float(temperatures[0]), float(temperatures[-1])
        self.here = left.axvline(1.0, color="black", linestyle=":")

    def move(self, temperature: float) -> str:
        """Draw the diagram at this temperature, and tell its scores."""
        probabilities = (self.logits / temperature).softmax(1)
        nll = negative_log_likelihood(probabilities, self.labels)
        ece = calibration_error(probabilities, self.labels, n_bins=self.n_bins)
        self.here.set_xdata([temperature, temperature])
        self.diagram.clear()
        title = f"The bins at T = {temperature:.3f}, the dotted line"
        reliability_diagram(
            probabilities, self.labels, n_bins=self.n_bins, title=title, ax=self.diagram
        )
        return f"NLL {nll:.3f}, ECE {ece:.1%}"

    def png(self) -> bytes:
        file = BytesIO()
        self.figure.savefig(file)
        return file.getvalue()


def _someone_can_move_it() -> bool:
    # Jupyter servers set this for the kernels of the notebooks that they open
    return "JPY_SESSION_NAME" in os.environ and find_spec("ipywidgets") is not None
