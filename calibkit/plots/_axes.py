"""Helpers for axes that import matplotlib's slower parts only when they are called."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


def new_axes(figsize: tuple[float, float]) -> "Axes":
    """Return the axes of a new figure whose width and height are given in inches."""
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=figsize, layout="constrained")
    return axes


def format_as_percent(*axes: "Axis") -> None:
    """Label the ticks of axes as percentages, so that 1 becomes 100 %."""
    from matplotlib.ticker import PercentFormatter

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1))
