"""A report on how well calibrated a model is, before and after scaling."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING

from calibkit.metrics.reliability_bins import ReliabilityBins
from calibkit.reports._doubts import Doubts
from calibkit.reports._measuring import (
    notes_on,
)
from calibkit.reports._tables import html_table, markdown_table, text_table
from calibkit.reports.breakdown import Breakdown, Measured
from calibkit.reports.values import (
    Change,
    MetricValues,
    as_dict,
    rows_of_event,
    table_of,
)
from calibkit.scalers.base import FitSummary

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
    _accuracy: str = field(default="accuracy", repr=False)  # what its row is called

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
        head, accuracy, *others = table_of(self.before, self.after, self.change, self.n_resamples)
        rows = [[self._accuracy, *accuracy[1:]], *others]
        judges_event = self.bins[0].of == "positive"
        return [head, *(rows_of_event(self.bins, self.event) if judges_event else []), *rows]
