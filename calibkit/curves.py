"""Pictures of what changes with a number: temperature, calibration-set size, coverage."""

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter, ScalarFormatter
from numpy.typing import NDArray

from calibkit.bins import Floats, Labels, Probabilities, top_label
from calibkit.checks import check_choice, check_logits_and_labels, check_probabilities_and_labels
from calibkit.distributed import alone
from calibkit.functional import calibration_error
from calibkit.plots import BLUE, GREY, VERMILION
from calibkit.scalers import TemperatureScaler
from calibkit.scores import nll_terms

if TYPE_CHECKING:
    from calibkit.compare import Comparison

# Okabe and Ito's colours, from dark to light so that they differ in grey too
_COLOURS = ("black", BLUE, VERMILION, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", GREY)
_MARKERS = "osD^vPX*"
_AXIS_LABELS = {"nll": "NLL", "ece": "ECE", "brier": "Brier score", "accuracy": "accuracy"}
_N_TEMPERATURES = 61


def temperature_curve(
    logits: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    title: str = "NLL and ECE against temperature",
    ax: Axes | None = None,
) -> Axes:
    """Plot NLL and ECE of logits / T against T, with the best T marked.

    The solid line and the left axis are the NLL, dashed line and right axis the ECE. The two have
    their minima at different temperatures; scaling takes that of the NLL.

    Parameters
    ----------
    logits : Tensor or array, shape (N, C), (N, 1) or (N,)
        What the model gives before the softmax.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width for the ECE.
    title : str, default "NLL and ECE against temperature"
        A sentence on what to see.
    ax : Axes, optional
        Where to plot. Default: a new figure.

    Returns
    -------
    Axes
        The axes of the NLL.

    Raises
    ------
    TypeError, ValueError
        As `TemperatureScaler.fit_logits` does.

    Examples
    --------
    >>> import torch
    >>> from calibkit import temperature_curve
    >>> logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    >>> ax = temperature_curve(logits, torch.tensor([0, 1, 0, 0]))
    >>> ax.get_xlabel()
    'temperature (n = 4, log scale)'
    """
    rows = check_logits_and_labels(logits, labels)
    z, y = (part.cpu() for part in rows.flat())
    with alone():
        best = TemperatureScaler().fit_logits(z, y).temperature
    temperatures = best * np.geomspace(1 / 4, 4, _N_TEMPERATURES)
    nll, ece = np.empty((2, _N_TEMPERATURES))
    for i, temperature in enumerate(temperatures):
        logs = (z.double() / temperature).log_softmax(1)
        nll[i] = nll_terms(logs, y).mean()
        ece[i] = calibration_error(logs.exp(), y, n_bins=n_bins)
    if ax is None:
        _, ax = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
    ax.plot(temperatures, nll, color=BLUE, label="NLL (left)")
    ax.axvline(best, color=GREY, label=f"best for the NLL: T = {best:.3g}")
    ax.set(title=title, xlabel=f"temperature (n = {len(y)}, log scale)", ylabel="NLL")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda tick, _: f"{tick:.3g}")
    ax.minorticks_off()
    right = ax.twinx()
    right.plot(temperatures, ece, color=VERMILION, linestyle="--", label="ECE (right)")
    right.plot(temperatures[ece.argmin()], ece.min(), "o", color=VERMILION)
    right.set(ylabel=f"ECE, {n_bins} bins", ylim=(0, None))
    right.yaxis.set_major_formatter(PercentFormatter(1))
    lines = [*ax.get_lines(), right.get_lines()[0]]
    ax.legend(lines, [str(line.get_label()) for line in lines], loc="upper center")
    return ax


def learning_curve(
    comparison: "Comparison",
    *,
    metric: str = "nll",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot a metric on the test set against the size of the calibration set.

    Parameters
    ----------
    comparison : Comparison
        From `compare`.
    metric : {"nll", "ece", "brier", "accuracy"}, default "nll"
        What to plot: the mean over splits, with bars of one standard deviation.
    title : str, optional
        A sentence on what to see.
    ax : Axes, optional
        Where to plot. Default: a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the metric is none of these.

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
    check_choice(metric, "metric", tuple(_AXIS_LABELS))
    if ax is None:
        _, ax = plt.subplots(figsize=(7.4, 3.8), layout="constrained")
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
        ax.yaxis.set_major_formatter(PercentFormatter(1))
    # several curves cross the whole picture
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def risk_coverage_curve(
    probabilities: Probabilities,
    labels: Labels,
    *,
    title: str = "Risk against coverage",
    ax: Axes | None = None,
) -> Axes:
    """Plot the error rate among the most confident samples against their share.

    Whoever answers only where the confidence is highest pays this risk at this coverage. The
    dashed line is the best that any order could do, which answers all right samples first.
    AURC is the area under the curve.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C)
        Rows in [0, 1] that sum to 1.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    title : str, default "Risk against coverage"
        A sentence on what to see.
    ax : Axes, optional
        Where to plot. Default: a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

    References
    ----------
    Geifman and El-Yaniv (2017). Selective Classification for Deep Neural Networks. NeurIPS.
    https://arxiv.org/abs/1705.08500

    Examples
    --------
    >>> import torch
    >>> from calibkit import risk_coverage_curve
    >>> probabilities = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    >>> ax = risk_coverage_curve(probabilities, torch.tensor([0, 0, 0, 1]))
    >>> ax.texts[0].get_text()
    'AURC 6.2%\\nn = 4'
    """
    scores, targets = check_probabilities_and_labels(probabilities, labels)
    confidence, correct = (part.cpu().numpy() for part in top_label(scores, targets))
    coverage, risk = _risk_coverage(confidence, correct)
    _, best = _risk_coverage(correct.astype(np.float64), correct)
    if ax is None:
        _, ax = plt.subplots(figsize=(4.8, 3.8), layout="constrained")
    ax.plot(coverage, risk, color=BLUE, label="by confidence")
    ax.plot(coverage, best, color=GREY, linestyle="--", label="best order")
    ax.text(
        0.97,
        0.04,
        f"AURC {risk.mean():.1%}\nn = {len(risk)}",
        transform=ax.transAxes,
        horizontalalignment="right",
        bbox={"facecolor": "white", "edgecolor": GREY, "boxstyle": "round"},
    )
    ax.set(title=title, xlim=(0, 1), xlabel="coverage", ylabel="risk: error rate among answered")
    ax.set_ylim(0, None)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="upper left")
    return ax


def _risk_coverage(confidence: Floats, correct: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Error rate among the k most confident, k from 1 to n; equal confidences share errors."""
    _, group, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    error_rate = np.bincount(group, ~correct) / sizes
    answered = np.arange(1, len(correct) + 1)
    return answered / len(correct), np.cumsum(np.repeat(error_rate, sizes)) / answered
