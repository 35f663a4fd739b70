"""Pictures of calibration."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from scipy.stats import binom
from torch import Tensor

from calibkit.bins import ReliabilityBins, reliability_bins

# Okabe and Ito's colour-blind safe blue and vermilion; their greys differ too
_BLUE, _VERMILION, _GREY = "#0072B2", "#D55E00", "#8C8C8C"


def reliability_diagram(
    probabilities: Tensor | NDArray[np.floating],
    labels: Tensor | NDArray[np.integer],
    *,
    n_bins: int = 15,
    title: str = "Reliability diagram",
    ax: Axes | None = None,
) -> Axes:
    """Plot accuracy against confidence, bin by bin, with the ECE of these very bins.

    Each bar is the accuracy of the samples in a bin of equal width, the dot their mean
    confidence, the line between them the gap that the ECE averages. The grey band is where the
    accuracy of a perfectly calibrated model would lie in 95 % of all test sets (binomial
    quantiles). The upper panel counts the samples.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    title : str, default "Reliability diagram"
        A sentence on what to see.
    ax : Axes, optional
        Where to plot. Default: a new figure.

    Returns
    -------
    Axes
        The axes of the diagram.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Figure 4. https://arxiv.org/abs/1706.04599

    Bröcker and Smith (2007). Increasing the Reliability of Reliability Diagrams. Weather and
    Forecasting 22, on the consistency band. https://doi.org/10.1175/WAF993.1

    Examples
    --------
    >>> import torch
    >>> from calibkit import reliability_diagram
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> ax = reliability_diagram(probabilities, torch.tensor([0, 1, 1]), n_bins=3)
    >>> ax.texts[0].get_text()
    'ECE 16.7%\\nn = 3, 3 bins'
    """
    bins = reliability_bins(probabilities, labels, n_bins=n_bins)
    if ax is None:
        _, ax = plt.subplots(figsize=(4.8, 5.2), layout="constrained")
    ax.set_title(title)
    _plot_accuracy(ax, bins)
    _plot_counts(ax.inset_axes((0, 1.03, 1, 0.16), sharex=ax), bins)
    return ax


def _plot_accuracy(ax: Axes, bins: ReliabilityBins) -> None:
    filled = bins.count > 0
    width = 1 / len(bins.count)
    centre = (np.flatnonzero(filled) + 0.5) * width
    count = bins.count[filled]
    accuracy = bins.correct[filled] / count
    confidence = bins.confidence[filled] / count
    low, high = binom.ppf([[0.025], [0.975]], count, confidence) / count

    ax.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, zorder=1)
    ax.bar(centre, accuracy, 0.92 * width, color=_BLUE, label="accuracy", zorder=2)
    ax.bar(
        centre,
        high - low,
        0.92 * width,
        low,
        color=_GREY,
        alpha=0.45,
        label="95% if calibrated",
        zorder=3,
    )
    ax.vlines(centre, accuracy, confidence, color=_VERMILION, linewidth=2, zorder=4)
    ax.plot(centre, confidence, "o", color=_VERMILION, label="confidence", zorder=5)
    ax.text(
        0.97,
        0.04,
        f"ECE {bins.calibration_error:.1%}\nn = {count.sum()}, {len(bins.count)} bins",
        transform=ax.transAxes,
        horizontalalignment="right",
        bbox={"facecolor": "white", "edgecolor": _GREY, "boxstyle": "round"},
        zorder=6,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence of the top class", ylabel="accuracy")
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="upper left")


def _plot_counts(ax: Axes, bins: ReliabilityBins) -> None:
    width = 1 / len(bins.count)
    ax.bar((np.arange(len(bins.count)) + 0.5) * width, bins.count, 0.92 * width, color=_GREY)
    ax.set(ylabel="samples")
    ax.tick_params(labelbottom=False)
