"""Curves: NLL and ECE against the temperature, and risk against coverage."""

from typing import TYPE_CHECKING

import numpy as np

from calibkit._checks import check_logits_and_labels, check_probabilities_and_labels
from calibkit._distributed import single_process
from calibkit._rows import Rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of, Predictions, measure
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.metrics.proper_scores import NLL
from calibkit.metrics.risk_coverage import area_under, risk_coverage
from calibkit.plots._axes import axes_or_new, format_as_percent
from calibkit.plots.reliability import BLUE, GREY, VERMILION
from calibkit.scalers.temperature import TemperatureScaler

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_TEMPERATURES = 61


def temperature_curve(
    logits: Probabilities,
    labels: Labels,
    *,
    n_bins: int = 15,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    title: str = "NLL and ECE against temperature",
    ax: "Axes | None" = None,
) -> "Axes":
    """Plot NLL and ECE of logits / T against T, and mark the T with the lowest NLL.

    The solid line shows the NLL, with its scale on the left. The dashed line shows the ECE, with
    its scale on the right, and a dot marks its minimum. The two minima are usually at different
    temperatures. `TemperatureScaler` finds the minimum of the NLL.

    Parameters
    ----------
    logits : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        What the model returns before the softmax, or before the sigmoid for a binary model.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1] for the ECE.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.
    title : str, default "NLL and ECE against temperature"
        Title of the plot, which should say in one sentence what to see.
    ax : matplotlib.axes.Axes, optional
        Where to plot. By default the plot goes into a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the NLL.

    Raises
    ------
    TypeError
        If `logits` is not a floating-point tensor or array, if `labels` is not an integer tensor or
        array, if `n_bins` is not an integer, if `ignore_index` is neither an integer nor None, or
        if `ax` is not axes of matplotlib.
    ValueError
        If a logit is NaN or infinite, if the logits look like probabilities, if `labels` holds a
        class outside 0..C-1 or one class only, if `logits` and `labels` differ in length, if there
        is no sample, or if `n_bins` is less than 1. The same holds if a weight is negative, NaN or
        infinite, or if all of them are 0.
    NoOptimumError
        If no finite temperature minimises the NLL.

    See Also
    --------
    calibkit.TemperatureScaler : Find the temperature with the lowest NLL.
    calibkit.explore_temperature : Move the temperature with a slider.
    calibkit.negative_log_likelihood : Compute the NLL.
    calibkit.calibration_error : Compute the ECE.

    Examples
    --------
    >>> import torch
    >>> from calibkit import temperature_curve
    >>> logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    >>> ax = temperature_curve(logits, torch.tensor([0, 1, 0, 0]))
    >>> ax.get_xlabel()
    'temperature (n = 4, log scale)'
    """
    metrics = NLL(), BinnedCalibrationError(n_bins, of=of)
    rows = check_logits_and_labels(
        logits, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    z, y, weights = rows.to("cpu").flat()
    with single_process():
        best = TemperatureScaler().fit_logits(z, y, sample_weight=weights).temperature
    temperatures = best * np.geomspace(1 / 4, 4, _N_TEMPERATURES)
    nll, ece = np.empty((2, _N_TEMPERATURES))
    for i, temperature in enumerate(temperatures):
        scaled = Rows(z.double() / temperature, y, weights=weights)
        nll[i], ece[i] = measure(scaled, *metrics, scores_are="logits")
    ax = axes_or_new(ax, (5.6, 3.8))
    ax.plot(temperatures, nll, color=BLUE, label="NLL (left)")
    ax.axvline(best, ymax=0.68, color=GREY, label=f"best for the NLL: T = {best:.3g}")
    ax.set(title=title, xlabel=f"temperature (n = {len(y)}, log scale)", ylabel="NLL")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda tick, _: f"{tick:.3g}")
    ax.minorticks_off()
    right = ax.twinx()
    right.plot(temperatures, ece, color=VERMILION, linestyle="--", label="ECE (right)")
    right.plot(temperatures[ece.argmin()], ece.min(), "o", color=VERMILION)
    right.set(ylabel=f"ECE, {n_bins} bins", ylim=(0, None))
    format_as_percent(right.yaxis)
    for axes in (ax, right):  # The legend stands above all lines.
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.42 * (high - low))
    lines = [*ax.get_lines(), right.get_lines()[0]]
    ax.legend(lines, [str(line.get_label()) for line in lines], loc="upper center")
    return ax


def risk_coverage_curve(
    probabilities: Probabilities,
    labels: Labels,
    *,
    of: Of = "top",
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    title: str = "Risk against coverage",
    ax: "Axes | None" = None,
) -> "Axes":
    r"""Plot the error rate of the most confident samples against their share of all samples.

    Suppose that you answer only where the confidence is highest. The coverage is the share of the
    samples that you answer, and the risk is the error rate among them. The dashed line is the
    lowest risk that any order of the samples could reach, which is to answer all right samples
    before the wrong ones. The plot also states the area under the solid risk curve (AURC), which
    `area_under_risk_coverage_curve` computes.

    Parameters
    ----------
    probabilities : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. For two classes,
        P(y = 1) alone is enough.
    labels : Tensor or array, shape (N,) or (N, ...)
        Class indices from 0 to C - 1.
    of : {"top", "positive"}, default "top"
        Which probability orders the samples. With "top" a model answers with its top class. With
        "positive" a detector answers that y = 1, so every y = 0 is an error; pass this for pairs of
        a confidence and whether the detection matched.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples. By
        default every weight is 1.
    title : str, default "Risk against coverage"
        Title of the plot, which should say in one sentence what to see.
    ax : matplotlib.axes.Axes, optional
        Where to plot. By default the plot goes into a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the curve.

    Raises
    ------
    TypeError
        If `probabilities` is not a floating-point tensor or array, if `labels` is not an integer
        tensor or array, if `ignore_index` is neither an integer nor None, or if `ax` is not axes of
        matplotlib.
    ValueError
        If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a class
        outside 0..C-1, if `probabilities` and `labels` differ in length, or if there is no sample.
        The same holds if a weight is negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.area_under_risk_coverage_curve : Compute the area under the curve.
    calibkit.ConformalSets : Answer every sample with a set of classes.
    calibkit.confidence_histogram : Plot a histogram of the confidences.
    calibkit.accuracy : Compute the accuracy, which is 1 minus the risk at full coverage.

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
    'AURC 6.2%\nn = 4'
    """
    samples = check_probabilities_and_labels(
        probabilities, labels, ignore_index=ignore_index, sample_weight=sample_weight
    )
    judged = Predictions(*samples).judged(of)
    coverage, risk = risk_coverage(judged)
    coverage_of_best, best = risk_coverage(judged._replace(confidence=judged.correct.double()))
    ax = axes_or_new(ax, (4.8, 3.8))
    ax.plot(coverage, risk, color=BLUE, label="by confidence")
    ax.plot(coverage_of_best, best, color=GREY, linestyle="--", label="best order")
    ax.text(
        0.97,
        0.04,
        f"AURC {area_under(judged):.1%}\nn = {len(risk)}",
        transform=ax.transAxes,
        horizontalalignment="right",
        bbox={"facecolor": "white", "edgecolor": GREY, "boxstyle": "round"},
    )
    ax.set(title=title, xlim=(0, 1), xlabel="coverage", ylabel="risk: error rate among answered")
    ax.set_ylim(0, None)
    format_as_percent(ax.xaxis, ax.yaxis)
    ax.legend(loc="upper left")
    return ax
