"""Helpers for axes that import matplotlib's slower parts only when they are called."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


def axes_or_new(ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
    """Return the axes, or those of a new figure whose width and height are given in inches."""
    if ax is not None:
        return check_axes(ax)
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=figsize, layout="constrained")
    return axes


def axes_in_a_row(axes: object, n_axes: int, figsize: tuple[float, float]) -> "list[Axes]":
    """Return so many axes, or those of a new figure with this width and height for each."""
    from matplotlib import pyplot as plt

    if axes is None:
        figure = plt.figure(figsize=(n_axes * figsize[0], figsize[1]), layout="constrained")
        return list(figure.subplots(1, n_axes, squeeze=False)[0])
    if isinstance(axes, np.ndarray):  # as plt.subplots returns them
        axes = list(axes.flat)
    found = list(axes) if isinstance(axes, list | tuple) else [axes]
    if len(found) != n_axes:
        raise ValueError(
            f"axes must be {n_axes}, one for each diagram, got {len(found)}; "
            "leave axes out for a new figure"
        )
    return [check_axes(ax, f"axes[{i}]") for i, ax in enumerate(found)]


def check_axes(ax: object, name: str = "ax") -> "Axes":
    """Return the axes, or raise an error if something else was passed."""
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    if isinstance(ax, Axes):
        return ax
    advice = "leave it out for a new figure"
    if isinstance(ax, FigureBase):
        advice = f"pass {name}.subplots()"
    elif isinstance(ax, np.ndarray) and ax.size:
        advice = f"pass one of them, such as {name}.flat[0]"
    elif isinstance(ax, list | tuple) and ax:
        advice = f"pass one of them, such as {name}[0]"
    raise TypeError(f"{name} must be axes of matplotlib, got {type(ax).__name__}; {advice}")


def format_as_percent(*axes: "Axis") -> None:
    """Label the ticks of axes as percentages, so that 1 becomes 100%."""
    from matplotlib.ticker import PercentFormatter

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1))
