"""One call: how well calibrated a model is, before and after, with intervals and noise floor."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple, Self, cast

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import Tensor, nn

from calibkit.bins import Labels, Probabilities, ReliabilityBins, reliability_bins
from calibkit.bootstrap import Interval, bootstrap_interval, mean_interval, paired_difference
from calibkit.checks import check_logits_and_labels, check_n_bins
from calibkit.functional import calibration_error
from calibkit.inference import collect_logits
from calibkit.noise import NoiseFloor, calibration_test
from calibkit.overlap import check_no_overlap
from calibkit.plots import plot_bins
from calibkit.rows import Rows
from calibkit.scalers import FitSummary, Scaler
from calibkit.scores import brier_terms, nll_terms
from calibkit.tables import html_table, markdown_table, text_table, with_range


class Measures(NamedTuple):
    """How good one set of probabilities is.

    Attributes
    ----------
    accuracy, nll, brier, ece : Interval
        Value and 95 % interval; NLL in nats, ECE as a fraction. The interval of the ECE begins at
        0 where the p-value is above .05.
    noise_floor : NoiseFloor
        The ECE that a perfectly calibrated model would show.
    p_value : float
        How often a perfectly calibrated model shows this ECE or more.
    """

    accuracy: Interval
    nll: Interval
    brier: Interval
    ece: Interval
    noise_floor: NoiseFloor
    p_value: float


class Change(NamedTuple):
    """After minus before, on the same samples, with 95 % intervals."""

    accuracy: Interval
    nll: Interval
    brier: Interval
    ece: Interval


@dataclass(frozen=True, eq=False)
class Report:
    """What `evaluate` found; printed a table, in a notebook an HTML table.

    ``to_markdown()`` gives the table of a model card, ``to_dict()`` the numbers.

    Attributes
    ----------
    n_samples, n_classes, n_bins : int
    before : Measures
        Of the logits as they came.
    after : Measures or None
        Of the scaled logits; None without a scaler.
    change : Change or None
        After minus before, paired.
    summary : FitSummary or None
        What the scaler's fit did.
    bins : tuple of ReliabilityBins
        For the plot: before and, with a scaler, after.
    """

    n_samples: int
    n_classes: int
    n_bins: int
    before: Measures
    after: Measures | None
    change: Change | None
    summary: FitSummary | None
    bins: tuple[ReliabilityBins, ...]

    def __str__(self) -> str:
        return text_table(self._caption(), self._cells())

    def _repr_html_(self) -> str:
        return html_table(self._caption(), self._cells())

    def to_dict(self) -> dict[str, object]:
        """All but the bins as plain numbers in nested dictionaries, ready for JSON."""
        return {
            "n_samples": self.n_samples,
            "n_classes": self.n_classes,
            "n_bins": self.n_bins,
            "before": _as_dict(self.before),
            "after": None if self.after is None else _as_dict(self.after),
            "change": None if self.change is None else _as_dict(self.change),
            "summary": None if self.summary is None else asdict(self.summary),
        }

    def to_markdown(self) -> str:
        """The printed table as a GitHub-flavoured Markdown table, for a model card.

        Returns
        -------
        str
            The caption with the number of samples, classes and bins, an empty line, the table.

        Examples
        --------
        >>> import torch
        >>> from calibkit import evaluate
        >>> report = evaluate(torch.tensor([[2.0, 0.0]] * 100), torch.tensor([0, 0, 0, 1] * 25))
        >>> print(report.to_markdown())
        n = 100, 2 classes, ECE in 15 bins; in brackets 95 % intervals
        <BLANKLINE>
        |                   | value                  |
        | ----------------- | ---------------------- |
        | accuracy          | 75.0% (66.0% to 83.0%) |
        | NLL               | 0.627 (0.467 to 0.807) |
        | Brier score       | 0.409 (0.287 to 0.546) |
        | ECE               | 13.1% (5.1% to 22.2%)  |
        | ECE if calibrated | 2.6% (0.1% to 7.1%)    |
        | p-value           | 0.001                  |
        """
        return markdown_table(self._caption(), self._cells())

    def plot(self, axes: Axes | Sequence[Axes] | None = None) -> list[Axes]:
        """Reliability diagrams, before and, with a scaler, after.

        Parameters
        ----------
        axes : Axes or sequence of Axes, optional
            Where to plot, one for each diagram. Default: a new figure.

        Returns
        -------
        list of Axes
        """
        axes = [axes] if isinstance(axes, Axes) else axes
        titles = ["Before scaling", "After scaling"] if self.after else ["As the model gives it"]
        if axes is None:
            size = (4.8 * len(titles), 5.2)
            figure = plt.figure(figsize=size, layout="constrained")
            axes = list(figure.subplots(1, len(titles), squeeze=False)[0])
        if len(axes) != len(titles):
            raise ValueError(
                f"axes must be {len(titles)}, one for each diagram, got {len(axes)}; "
                "leave axes out for a new figure"
            )
        for ax, bins, title in zip(axes, self.bins, titles, strict=True):
            plot_bins(ax, bins, title)
        return list(axes)

    def _caption(self) -> str:
        return (
            f"n = {self.n_samples}, {self.n_classes} classes, ECE in {self.n_bins} bins; "
            "in brackets 95 % intervals"
        )

    def _cells(self) -> list[list[str]]:
        columns = [self.before] if self.after is None else [self.before, self.after]
        table = [["", "before", "after", "change"] if self.after else ["", "value"]]
        for name, field, show in _SHOWN:
            row = [name, *(with_range(getattr(measures, field), show) for measures in columns)]
            if self.change is not None:
                row.append(with_range(getattr(self.change, field), f"+{show}"))
            table.append(row)
        for name, text in (("ECE if calibrated", _floor), ("p-value", _p_value)):
            row = [name, *(text(measures) for measures in columns)]
            table.append(row + [""] * (len(table[0]) - len(row)))
        return table


# with fewer resamples every p-value is above .05
_FEWEST_FOR_A_TEST = 20

_SHOWN: tuple[tuple[str, str, str], ...] = (
    ("accuracy", "accuracy", ".1%"),
    ("NLL", "nll", ".3f"),
    ("Brier score", "brier", ".3f"),
    ("ECE", "ece", ".1%"),
)


def evaluate(
    model_or_logits: nn.Module | Probabilities,
    loader_or_labels: Iterable[object] | Labels,
    *,
    scaler: Scaler | None = None,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
    ignore_index: int | None = None,
    progress: bool = True,
    device: torch.device | str | None = None,
) -> Report:
    """Measure a model on a test set: accuracy, NLL, Brier score, ECE, before and after scaling.

    Every number comes with its 95 % bootstrap interval, the change with that of the paired
    difference, the ECE with its noise floor and the p-value of the hypothesis "calibrated". All of
    them take the samples for independent; pixels of one image are not, so of dense predictions the
    intervals are too narrow.

    Parameters
    ----------
    model_or_logits : nn.Module, or Tensor or array of shape (N, C), (N, C, ...), (N, 1) or (N,)
        A model, run in eval mode and given back as it came, or its logits.
    loader_or_labels : iterable, or Tensor or array of shape (N,) or (N, ...)
        With a model a loader over the test set, with logits the labels.
    scaler : Scaler, optional
        Fitted on a calibration set that shares no sample with the test set.
    n_bins : int, default 15
        Number of bins of equal width for the ECE.
    n_resamples : int, default 1000
        For intervals, floor and p-value.
    seed : int, default 0
        Same seed, same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    progress : bool, default True
        Show a progress bar on stderr while the model runs.
    device : torch.device or str, optional
        Where to run the model. Default: where it is.

    Returns
    -------
    Report
        Prints as a table, shows as one in a notebook; ``to_markdown()``, ``to_dict()`` and
        ``plot()``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length, or if the scaler was fitted
        on samples of this test set.
    RuntimeError
        If the scaler is not fitted.

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
    n = 1000, 10 classes, ECE in 15 bins; in brackets 95 % intervals
                       before                  after                   change
    accuracy           53.8% (50.7% to 56.9%)  53.8% (50.7% to 56.9%)  +0.0% (+0.0% to +0.0%)
    NLL                1.489 (1.376 to 1.607)  1.259 (1.197 to 1.322)  -0.230 (-0.290 to -0.175)
    Brier score        0.642 (0.603 to 0.683)  0.584 (0.557 to 0.611)  -0.058 (-0.074 to -0.042)
    ECE                20.8% (18.0% to 23.6%)  2.7% (0.0% to 4.7%)     -18.1% (-23.4% to -14.4%)
    ECE if calibrated  3.2% (1.8% to 4.7%)     3.8% (2.3% to 5.5%)
    p-value            0.001                   0.911
    """
    n_bins = check_n_bins(n_bins)
    if scaler is not None:
        check_fitted(scaler)
    rows = logits_of(
        model_or_logits,
        loader_or_labels,
        ignore_index=ignore_index,
        progress=progress,
        device=device,
    )
    rows = rows.to("cpu")
    scores, labels = rows.flat()
    logits = scores.double()
    sizes = len(labels), logits.shape[1], n_bins
    before = _Measured(logits, labels, n_bins, n_resamples, seed)
    if scaler is None:
        return Report(
            len(labels),
            logits.shape[1],
            n_bins,
            before.measures(),
            None,
            None,
            None,
            (before.bins,),
        )
    assert scaler.summary is not None
    check_no_overlap(scaler.calibration_rows, scaler.summary.n_samples, rows)
    after = _Measured(scaler(logits), labels, n_bins, n_resamples, seed)
    return Report(
        *sizes,
        before=before.measures(),
        after=after.measures(),
        change=after.minus(before),
        summary=scaler.summary,
        bins=(before.bins, after.bins),
    )


class _Measured:
    """One set of logits on the test set."""

    def __init__(
        self, logits: Tensor, labels: Tensor, n_bins: int, n_resamples: int, seed: int
    ) -> None:
        self.labels = labels
        logs = logits.log_softmax(1)
        self.probabilities = logs.exp()
        self.terms = {
            "accuracy": (self.probabilities.argmax(1) == labels).double(),
            "nll": nll_terms(logs, labels),
            "brier": brier_terms(self.probabilities, labels),
        }
        self.bins = reliability_bins(self.probabilities, labels, n_bins=n_bins)
        self.ece = partial(calibration_error, n_bins=n_bins)
        self.resampling = {"n_resamples": n_resamples, "seed": seed}

    def measures(self) -> Measures:
        test = calibration_test(
            self.probabilities, self.labels, n_bins=len(self.bins.count), **self.resampling
        )
        ece = bootstrap_interval(self.ece, self.probabilities, self.labels, **self.resampling)
        if test.p_value > 0.05 and self.resampling["n_resamples"] >= _FEWEST_FOR_A_TEST:
            # the bootstrap cannot tell a small ECE from none, the test can
            ece = ece._replace(low=0.0)
        return Measures(
            **{name: mean_interval(terms, **self.resampling) for name, terms in self.terms.items()},
            ece=ece,
            noise_floor=test.floor,
            p_value=test.p_value,
        )

    def minus(self, before: Self) -> Change:
        return Change(
            **{
                name: mean_interval(terms - before.terms[name], **self.resampling)
                for name, terms in self.terms.items()
            },
            ece=paired_difference(
                self.ece, before.probabilities, self.probabilities, self.labels, **self.resampling
            ),
        )


def logits_of(
    model_or_logits: nn.Module | Probabilities,
    loader_or_labels: Iterable[object] | Labels,
    *,
    ignore_index: int | None,
    progress: bool,
    device: torch.device | str | None,
) -> Rows:
    """The logits and labels of a model on a loader, or as they were given, checked."""
    logits, labels = model_or_logits, loader_or_labels
    if isinstance(model_or_logits, nn.Module):
        logits, labels = collect_logits(
            model_or_logits,
            cast(Iterable[object], loader_or_labels),
            progress=progress,
            device=device,
        )
    return check_logits_and_labels(logits, labels, ignore_index=ignore_index)


def check_fitted(scaler: object) -> None:
    if not isinstance(scaler, Scaler):
        raise TypeError(
            f"scaler must be a calibkit scaler, got {type(scaler).__name__}; "
            "pass for instance a fitted TemperatureScaler"
        )
    scaler.check_fitted()


def _floor(measures: Measures) -> str:
    return with_range(measures.noise_floor, ".1%")


def _p_value(measures: Measures) -> str:
    return f"{measures.p_value:.3f}"


def _as_dict(values: Measures | Change) -> dict[str, object]:
    return {
        name: value._asdict() if isinstance(value, Interval | NoiseFloor) else value
        for name, value in values._asdict().items()
    }
