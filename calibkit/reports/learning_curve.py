"""The curve of a comparison: a metric against the size of the calibration set."""

from itertools import cycle
from typing import TYPE_CHECKING, Literal

import numpy as np

from calibkit._checks import check_choice
from calibkit.plots._axes import axes_or_new, format_as_percent
from calibkit.plots.reliability import BLUE, GREY, VERMILION
from calibkit.reports.compare import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ReportedMetric = Literal["nll", "ece", "brier", "accuracy"]

# The colours of Okabe and Ito go from dark to light, so that they also differ in a grey print.
_COLOURS = ("black", BLUE, VERMILION, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", GREY)
_MARKERS = "osD^vPX*"
_AXIS_LABELS: dict[ReportedMetric, str] = {
    "nll": "NLL",
    "ece": "ECE",
    "brier": "Brier score",
    "accuracy": "accuracy",
}


def learning_curve(
    comparison: Comparison,
    *,
    metric: ReportedMetric = "nll",
    title: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Plot a metric on the test set against the size of the calibration set.

    Parameters
    ----------
    comparison : Comparison
        The result of `compare`.
    metric : {"nll", "ece", "brier", "accuracy"}, default "nll"
        Which metric to plot, as the mean over the splits with bars of one standard deviation.
    title : str, optional
        The title. By default it names the metric and the number of splits.
    ax : matplotlib.axes.Axes, optional
        Where to plot. By default the plot goes into a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the plot.

    Raises
    ------
    TypeError
        If `comparison` is not the result of `compare`, or if `ax` is not axes of matplotlib.
    ValueError
        If `metric` is not one of its choices, or if `comparison` holds no trial.

    See Also
    --------
    calibkit.compare : Make the comparison.

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler, compare, learning_curve
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 2 * torch.randn(1000, 3, generator=generator)
    >>> labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    >>> found = compare(
    ...     [TemperatureScaler()], 2 * logits, labels, n_calibration=[50, 500], progress=False
    ... )
    >>> learning_curve(found, metric="ece").get_ylabel()
    'ECE on 500 test samples'
    """
    if not isinstance(comparison, Comparison):
        raise TypeError(
            f"comparison must be what compare returns, got {type(comparison).__name__}; pass for "
            "instance compare(scalers, logits, labels, n_calibration=1000)"
        )
    if not comparison.trials:
        raise ValueError(
            "comparison must hold one trial or more, got none; pass what compare returns"
        )
    check_choice(metric, "metric", tuple(_AXIS_LABELS))
    from matplotlib.ticker import ScalarFormatter

    ax = axes_or_new(ax, (7.4, 3.8))
    styles = zip(cycle(_COLOURS), cycle(_MARKERS), strict=False)
    for name, (colour, marker) in zip(comparison.scalers, styles, strict=False):
        values = {size: comparison.values(name, size, metric) for size in comparison.sizes}
        sizes = [size for size in values if values[size]]
        mean = [np.mean(values[size]) for size in sizes]
        spread = [np.std(values[size]) for size in sizes]
        ax.errorbar(sizes, mean, spread, color=colour, marker=marker, capsize=3, label=name)
    repeats = len({trial.repeat for trial in comparison.trials})
    n_test = comparison.trials[0].n_test
    ax.set(
        title=title or f"{_AXIS_LABELS[metric]} after scaling, {repeats} splits",
        xscale="log",
        xlabel="calibration samples (log scale)",
        ylabel=f"{_AXIS_LABELS[metric]} on {n_test} test samples",
    )
    ax.set_xticks(comparison.sizes)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.minorticks_off()
    if metric in ("ece", "accuracy"):
        format_as_percent(ax.yaxis)
    # Several curves may cross the whole plot, so the legend stands beside it.
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
