"""Pictures of calibration."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from scipy.stats import binom
from torch import Tensor

from calibkit.bins import Floats, ReliabilityBins, reliability_bins

# Okabe and Ito's colour-blind safe blue and vermilion; their greys differ too
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#8C8C8C"


def reliability_diagram(
    probabilities: Tensor | NDArray[np.floating],
    labels: Tensor | NDArray[np.integer],
    *,
    n_bins: int = 15,
    binning: str = "uniform",
    title: str = "Reliability diagram",
    ax: Axes | None = None,
) -> Axes:
    """Plot accuracy against confidence, bin by bin, with the ECE of these very bins.

    Each bar is the accuracy of the samples in a bin, the dot their mean
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
        Number of bins.
    binning : {"uniform", "quantile"}, default "uniform"
        Bins of equal width over [0, 1], or of equal mass.
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
    bins = reliability_bins(probabilities, labels, n_bins=n_bins, binning=binning)
    if ax is None:
        _, ax = plt.subplots(figsize=(4.8, 5.2), layout="constrained")
    plot_bins(ax, bins, title)
    return ax


def confidence_histogram(
    probabilities: Tensor | NDArray[np.floating],
    labels: Tensor | NDArray[np.integer],
    *,
    n_bins: int = 15,
    title: str = "Confidence histogram",
    ax: Axes | None = None,
) -> Axes:
    """Plot how many samples have which confidence, right ones and wrong ones on top.

    Two lines mark the mean confidence and the accuracy; the distance between them is the part of
    the miscalibration that one number can mend.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    title : str, default "Confidence histogram"
        A sentence on what to see.
    ax : Axes, optional
        Where to plot. Default: a new figure.

    Returns
    -------
    Axes
        The axes of the histogram.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Figure 1, top. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> import torch
    >>> from calibkit import confidence_histogram
    >>> probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    >>> ax = confidence_histogram(probabilities, torch.tensor([0, 1, 1]), n_bins=3)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['accuracy 66.7%', 'mean confidence 83.3%', 'right', 'wrong']
    """
    bins = reliability_bins(probabilities, labels, n_bins=n_bins)
    if ax is None:
        _, ax = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
    centre, width = _bars(bins)
    n = bins.count.sum()
    right, wrong = bins.correct, bins.count - bins.correct
    ax.bar(centre, right, width, color=BLUE, label="right")
    ax.bar(
        centre, wrong, width, right, color=VERMILION, hatch="//", edgecolor="white", label="wrong"
    )
    accuracy, confidence = right.sum() / n, bins.confidence.sum() / n
    ax.axvline(accuracy, color="black", label=f"accuracy {accuracy:.1%}")
    ax.axvline(confidence, color="black", linestyle="--", label=f"mean confidence {confidence:.1%}")
    ax.set(title=title, xlim=(0, 1), xlabel="confidence of the top class", ylabel=f"samples of {n}")
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="upper left")
    return ax


def plot_bins(ax: Axes, bins: ReliabilityBins, title: str) -> None:
    ax.set_title(title)
    _plot_accuracy(ax, bins)
    _plot_counts(ax.inset_axes((0, 1.03, 1, 0.16), sharex=ax), bins)


def _plot_accuracy(ax: Axes, bins: ReliabilityBins) -> None:
    filled = bins.count > 0
    centre, width = (of_bars[filled] for of_bars in _bars(bins))
    count = bins.count[filled]
    accuracy = bins.correct[filled] / count
    confidence = bins.confidence[filled] / count
    low, high = binom.ppf([[0.025], [0.975]], count, confidence) / count

    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, zorder=1)
    ax.bar(centre, accuracy, width, color=BLUE, label="accuracy", zorder=2)
    ax.bar(
        centre,
        high - low,
        width,
        low,
        color=GREY,
        alpha=0.45,
        label="95% if calibrated",
        zorder=3,
    )
    ax.vlines(confidence, accuracy, confidence, color=VERMILION, linewidth=2, zorder=4)
    ax.plot(confidence, confidence, "o", color=VERMILION, label="confidence", zorder=5)
    ax.text(
        0.97,
        0.04,
        f"ECE {bins.calibration_error:.1%}\nn = {count.sum()}, {len(bins.count)} bins",
        transform=ax.transAxes,
        horizontalalignment="right",
        bbox={"facecolor": "white", "edgecolor": GREY, "boxstyle": "round"},
        zorder=6,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence of the top class", ylabel="accuracy")
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="upper left")


def _plot_counts(ax: Axes, bins: ReliabilityBins) -> None:
    centre, width = _bars(bins)
    ax.bar(centre, bins.count, width, color=GREY)
    ax.set(ylabel="samples")
    ax.tick_params(labelbottom=False)


def _bars(bins: ReliabilityBins) -> tuple[Floats, Floats]:
    """Centres and widths, with a gap between neighbours; the narrowest still to be seen."""
    left, right = bins.edges[:-1], bins.edges[1:]
    return (left + right) / 2, np.maximum(0.92 * (right - left), 0.004)
