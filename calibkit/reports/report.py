"""A report on how well calibrated a model is, before and after scaling."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import nn

from calibkit._checks import check_n_bins, check_n_resamples, check_seed
from calibkit._rows import Rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of
from calibkit.metrics.reliability_bins import ReliabilityBins
from calibkit.reports._doubts import Doubts, doubts_about
from calibkit.reports._measuring import (
    check_fitted,
    effective_number,
    logits_of,
    measure_sets,
    notes_on,
)
from calibkit.reports._overlap import check_no_overlap
from calibkit.reports._tables import html_table, markdown_table, text_table
from calibkit.reports.breakdown import Breakdown, Measured, check_groups
from calibkit.reports.values import (
    Change,
    MetricValues,
    as_dict,
    change_of,
    rows_of_event,
    table_of,
    values_of,
)
from calibkit.scalers.base import FitSummary, Scaler

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Report:
    """The result of `evaluate`, which prints as a table and shows as one in a notebook.

    The method `to_markdown` returns the table for a model card, `to_dict` returns the numbers, and
    `plot` plots the reliability diagrams. `by_class` and `by_group` measure every class and every
    group on its own. For this, the report keeps the logits in memory.

    Attributes
    ----------
    n_samples, n_classes, n_bins : int
        Number of samples, of classes, and of bins for the ECE.
    before : MetricValues
        The metrics of the unscaled logits.
    after : MetricValues or None
        The metrics of the scaled logits, or None without a scaler.
    change : Change or None
        The values after scaling minus those before, on the same samples, or None without a scaler.
    summary : FitSummary or None
        What the fit of the scaler did, or None without a scaler.
    bins : tuple of ReliabilityBins
        The bins of the reliability diagrams before scaling and, with a scaler, after it.
    leak_check : str or None
        Why the logits cannot tell whether the test set holds calibration samples. None if they can
        and the test set holds none, and also if there is no scaler or it was loaded, because only
        a scaler that was fitted in this process knows its calibration set.
    doubts : Doubts
        What makes the results doubtful, such as a strange temperature or very few samples.
    event : str
        What the ECE of two classes is about: y = 1, or the name of class 1 where it is known.
    effective_n_samples : float or None
        How many samples of equal weight those of the test set are worth: the square of the sum of
        their weights, divided by the sum of their squares. None if the samples have no weights.

    See Also
    --------
    calibkit.evaluate : Make a report.
    calibkit.ShiftCheck : Hold a report on a shifted test set.
    """

    n_samples: int
    n_classes: int
    n_bins: int
    before: MetricValues
    after: MetricValues | None
    change: Change | None
    summary: FitSummary | None
    bins: tuple[ReliabilityBins, ...]
    leak_check: str | None
    effective_n_samples: float | None
    doubts: Doubts
    _measured: Measured = field(repr=False)
    event: str = "y = 1"

    def __str__(self) -> str:
        return "\n".join([text_table(self._caption(), self._cells()), *self.notes])

    def _repr_html_(self) -> str:
        notes = (f"<p>{escape(note)}</p>" for note in self.notes)
        return "".join([html_table(self._caption(), self._cells()), *notes])

    def to_dict(self) -> dict[str, object]:
        """Return everything but the bins in nested dictionaries of plain values, ready for JSON.

        The key ``leak_check`` is there only if the leak check could not be made, and the key
        ``effective_n_samples`` only if the samples have weights.
        """
        optional = {name: getattr(self, name) for name in ("effective_n_samples", "leak_check")}
        return {
            "n_samples": self.n_samples,
            "n_classes": self.n_classes,
            "n_bins": self.n_bins,
            "before": as_dict(self.before),
            "after": None if self.after is None else as_dict(self.after),
            "change": None if self.change is None else as_dict(self.change),
            "summary": None if self.summary is None else asdict(self.summary),
            "warnings": self.doubts.warnings,
            **{name: value for name, value in optional.items() if value is not None},
        }

    def to_markdown(self) -> str:
        """Return the printed table as a GitHub-flavoured Markdown table, for a model card.

        Returns
        -------
        str
            The caption with the number of samples, classes and bins, an empty line, and the table.

        Examples
        --------
        >>> import torch
        >>> from calibkit import evaluate
        >>> report = evaluate(torch.tensor([[2.0, 0.0]] * 100), torch.tensor([0, 0, 0, 1] * 25))
        >>> print(report.to_markdown())
        n = 100, 2 classes, ECE of P(y = 1) in 15 bins; in brackets 95% intervals
        <BLANKLINE>
        |                   | value                  |
        | ----------------- | ---------------------- |
        | mean P(y = 1)     | 11.9%                  |
        | its frequency     | 25.0%                  |
        | accuracy          | 75.0% (66.0% to 83.0%) |
        | NLL               | 0.627 (0.467 to 0.807) |
        | Brier score       | 0.409 (0.287 to 0.546) |
        | ECE               | 13.1% (5.3% to 21.7%)  |
        | ECE if calibrated | 2.6% (0.1% to 7.1%)    |
        | p-value           | <= 0.001               |
        | top-label ECE     | 13.1% (5.3% to 21.7%)  |
        """
        return "\n\n".join([markdown_table(self._caption(), self._cells()), *self.notes])

    def plot(self, axes: "Axes | Sequence[Axes] | None" = None) -> "list[Axes]":
        """Plot the reliability diagrams before scaling and, with a scaler, after it.

        Parameters
        ----------
        axes : matplotlib.axes.Axes, or sequence or array of them, optional
            Where to plot, with one axes object for each diagram. By default the plot goes into a
            new figure.

        Returns
        -------
        list of matplotlib.axes.Axes
            The axes of the diagrams.

        Raises
        ------
        TypeError
            If `axes` holds something else than axes of matplotlib.
        ValueError
            If the number of axes is not the number of diagrams.
        """
        from calibkit.plots._axes import axes_in_a_row
        from calibkit.plots.reliability import plot_bins

        titles = ["Before scaling", "After scaling"] if self.after else ["As the model gives it"]
        in_a_row = axes_in_a_row(axes, len(titles), (4.8, 5.2))
        for ax, bins, title in zip(in_a_row, self.bins, titles, strict=True):
            plot_bins(ax, bins, title, self.event)
        return in_a_row

    def by_class(self, *, scaled: bool | None = None) -> Breakdown:
        """Measure the calibration of every class, worst first.

        Parameters
        ----------
        scaled : bool, optional
            Whether to measure the scaled logits. By default they are measured if there is a scaler.

        Returns
        -------
        Breakdown
            For every class its number of samples, frequency, mean probability and ECE with its
            95% interval.

        Raises
        ------
        ValueError
            If the scaled logits are asked for and there is no scaler.

        See Also
        --------
        calibkit.Breakdown : Read the classes one by one, or as a table for a model card.
        calibkit.classwise_calibration_error : Average the errors of all classes.

        Examples
        --------
        >>> import torch
        >>> from calibkit import evaluate
        >>> logits = torch.tensor([[0.7, 0.2, 0.1]]).log().repeat(1000, 1)
        >>> labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2]).repeat(100)
        >>> print(evaluate(logits, labels).by_class())
        n = 1000, ECE of each class in 15 bins, worst first; in brackets 95% intervals
        class  n    frequency  mean probability  ECE
        0      500  50.0%      70.0%             20.0% (16.8% to 23.1%)
        1      300  30.0%      20.0%             10.0% (7.3% to 13.2%)
        2      200  20.0%      10.0%             10.0% (7.6% to 12.5%)
        """
        return self._measured.by_class(scaled)

    def by_group(self, *, scaled: bool | None = None) -> Breakdown:
        """Measure the calibration of every group that `evaluate` was given, worst first.

        Parameters
        ----------
        scaled : bool, optional
            Whether to measure the scaled logits. By default they are measured if there is a scaler.

        Returns
        -------
        Breakdown
            For every group its number of samples, accuracy (for two classes, how often y = 1), mean
            confidence, ECE with its 95% interval, and p-value.

        Raises
        ------
        ValueError
            If no groups were given, or if the scaled logits are asked for and there is no scaler.

        See Also
        --------
        calibkit.Breakdown : Read the groups one by one, or as a table for a model card.
        calibkit.calibration_test : Test one set of samples.

        Examples
        --------
        >>> import torch
        >>> from calibkit import evaluate
        >>> logits = torch.tensor([[2.0, 0.0]]).repeat(1000, 1)  # P(y = 1) = 0.12
        >>> labels = (torch.arange(1000) % 10 == 0).long()
        >>> labels[500:] = (torch.arange(500) % 10 < 4).long()
        >>> hospitals = ["north"] * 500 + ["south"] * 500
        >>> print(evaluate(logits, labels, groups=hospitals).by_group())
        n = 1000, ECE of each group in 15 bins, worst first; in brackets 95% intervals
        group  n    frequency  mean probability  ECE                     p-value
        south  500  40.0%      11.9%             28.1% (23.8% to 32.5%)  <= 0.001
        north  500  10.0%      11.9%             1.9% (0.0% to 4.4%)     0.183
        """
        return self._measured.by_group(scaled)

    @property
    def n_resamples(self) -> int:
        """How many resamples the intervals come from, and how many draws the p-values."""
        return self._measured.n_resamples

    @property
    def notes(self) -> list[str]:
        """What the table does not say: doubts, what weights cost, and what could not be checked."""
        return [*self.doubts.sentences, *notes_on(self.effective_n_samples, self.leak_check)]

    def _caption(self) -> str:
        judged = f" of P({self.event})" if self.bins[0].of == "positive" else ""
        return (
            f"n = {self.n_samples}, {self.n_classes} classes, ECE{judged} in {self.n_bins} bins; "
            "in brackets 95% intervals"
        )

    def _cells(self) -> list[list[str]]:
        head, *rows = table_of(self.before, self.after, self.change, self.n_resamples)
        judges_event = self.bins[0].of == "positive"
        return [head, *(rows_of_event(self.bins, self.event) if judges_event else []), *rows]


def evaluate(
    model_or_logits: nn.Module | Probabilities,
    loader_or_labels: Iterable[object] | Labels,
    *,
    scaler: Scaler | None = None,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
    of: Of | None = None,
    groups: object = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    progress: bool = True,
    device: torch.device | str | None = None,
) -> Report:
    """Measure a model on a test set, before and after scaling.

    The report holds the accuracy, the NLL, the Brier score and the ECE with their 95% intervals.
    For two classes, the ECE, its test and the diagrams judge P(y = 1), and the report also holds
    the ECE of the top class. With a scaler, it also holds the change of each metric with its paired
    interval. For the ECE, it gives the noise floor and the p-value of the hypothesis that the model
    is calibrated. All intervals assume independent samples. Pixels of the same image are not
    independent, so for segmentation the intervals are too narrow.

    A test set is refused if it holds samples that the scaler was fitted on, at least 1% of the
    smaller of the two sets. They are recognised by their logits. If the logits cannot tell, because
    they are rounded or clamped or because a binary model has very many samples, the report says so.

    Parameters
    ----------
    model_or_logits : nn.Module, or Tensor or array of shape (N, C), (N, C, ...), (N, 1) or (N,)
        A model or its logits. A model runs in eval mode, and afterwards it is in the mode and on
        the device that it had before.
    loader_or_labels : iterable, or Tensor or array of shape (N,) or (N, ...)
        A loader over the test set if a model is given, or the labels if logits are given.
    scaler : Scaler, optional
        A scaler that was fitted on a calibration set without any sample of the test set.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1] for the ECE.
    n_resamples : int, default 1000
        Number of resamples for the intervals, the noise floor and the p-value, at least 40.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    groups : array, list or column of length N, or with the shape of the labels, optional
        The group of each sample, such as the hospital that it comes from, or a tuple of several
        names. ``report.by_group()`` measures each group on its own.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts, in the order of the labels or of the loader. All
        values count a sample of weight 2 like two samples. But for the intervals, the noise floor
        and the p-values, every sample is one independent observation, whatever its weight is. By
        default every weight is 1.
    progress : bool, default True
        Whether to show a progress bar on stderr while the model runs.
    device : torch.device or str, optional
        Where the model runs. By default it runs where it is.

    Returns
    -------
    Report
        The report, which prints as a table and shows as one in a notebook.

    Raises
    ------
    TypeError
        If `scaler` is not a scaler of calibkit, if the logits are not a floating-point tensor or
        array, if the labels are not an integer tensor or array, if a batch of the loader is not a
        pair of tensors, if `n_bins`, `n_resamples` or `seed` is not an integer, if `ignore_index`
        is neither an integer nor None, or if `groups` is neither an array nor a list.
    ValueError
        If a logit is NaN or infinite, if the logits look like probabilities, if a label is outside
        0..C-1, if logits and labels differ in length, if there is no sample, if the scaler was
        fitted on samples of this test set or on another number of classes, if `groups` differs in
        length from the labels or names no group for a sample, if `n_bins` is less than 1, if
        `n_resamples` is less than 40, or if `seed` is negative. The same holds if a weight is
        negative, NaN or infinite, or if all of them are 0.
    RuntimeError
        If the scaler is not fitted.

    See Also
    --------
    calibkit.compare : Compare several scalers over splits and sizes.
    calibkit.check_shift : Check a fitted scaler on a shifted test set.
    calibkit.bootstrap_interval : Compute the interval of any metric.
    calibkit.calibration_test : Run the test that gives the p-value.

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler, evaluate
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 2 * torch.randn(2000, 10, generator=generator)
    >>> labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    >>> logits = 2 * logits  # twice too sure
    >>> scaler = TemperatureScaler().fit_logits(logits[:1000], labels[:1000])
    >>> report = evaluate(logits[1000:], labels[1000:], scaler=scaler)
    >>> print(report)
    n = 1000, 10 classes, ECE in 15 bins; in brackets 95% intervals
                       before                  after                   change
    accuracy           53.8% (50.7% to 56.9%)  53.8% (50.7% to 56.9%)  none
    NLL                1.489 (1.376 to 1.607)  1.259 (1.197 to 1.322)  -0.230 (-0.290 to -0.175)
    Brier score        0.642 (0.603 to 0.683)  0.584 (0.557 to 0.611)  -0.058 (-0.074 to -0.042)
    ECE                20.8% (18.0% to 23.7%)  2.7% (0.0% to 3.0%)     -18.1% (-23.7% to -14.9%)
    ECE if calibrated  3.2% (1.8% to 4.7%)     3.8% (2.3% to 5.5%)
    p-value            <= 0.001                0.911
    classwise ECE      4.60% (2.75% to 5.02%)  2.43% (0.00% to 2.43%)  -2.17% (-5.02% to -0.56%)
    its noise floor    1.78% (1.57% to 2.01%)  2.16% (1.89% to 2.49%)
    its p-value        <= 0.001                0.044
    """
    n_bins = check_n_bins(n_bins)
    check_n_resamples(n_resamples)
    check_seed(seed)
    if scaler is not None:
        check_fitted(scaler)
    rows = logits_of(
        model_or_logits,
        loader_or_labels,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        progress=progress,
        device=device,
    ).to("cpu")
    scores, labels, weights = rows.flat()
    # The metrics compute in float64, whatever the dtype is.
    sets = [Rows(scores, labels, weights=weights)]
    leak_check = None
    if scaler is not None:
        leak_check = check_no_overlap(scaler.calibration_fingerprints, rows)
        sets.append(Rows(scaler(scores.double()), labels, weights=weights))
    named_groups = None if groups is None else check_groups(groups, rows)
    measured = measure_sets(sets, n_bins, n_resamples, seed, of)
    values = [values_of(one.metrics, one.test, one.test_of_classes) for one in measured]
    return Report(
        n_samples=len(labels),
        n_classes=scores.shape[1],
        n_bins=n_bins,
        before=values[0],
        after=None if scaler is None else values[1],
        change=None if scaler is None else change_of(*(one.metrics for one in measured)),
        summary=None if scaler is None else scaler.summary,
        bins=tuple(one.bins for one in measured),
        leak_check=leak_check,
        effective_n_samples=effective_number(weights),
        doubts=doubts_about(
            None if scaler is None else scaler.summary, values[0].accuracy.value, sets[0]
        ),
        _measured=Measured(sets, named_groups, n_bins, of, n_resamples, seed),
    )
