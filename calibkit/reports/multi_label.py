"""A report on a multi-label model, label by label."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import cast

import torch
from torch import Tensor, nn
from tqdm import tqdm

from calibkit._checks import check_n_bins, check_n_resamples, check_seed
from calibkit._multi_label import check_multi_label, rows_of_label, samples_of
from calibkit._rows import Rows
from calibkit._types import SampleWeight
from calibkit.inference import collect_logits
from calibkit.metrics.proper_scores import NLL, Brier
from calibkit.reports._label_means import means_over_labels, resampled_means
from calibkit.reports._label_names import check_names
from calibkit.reports._measuring import effective_number, notes_on
from calibkit.reports._overlap import check_no_overlap
from calibkit.reports._tables import html_table, markdown_table, text_table, with_range
from calibkit.reports.evaluate import evaluate
from calibkit.reports.report import Report
from calibkit.reports.values import LabelMeans, as_dict, p_value_text
from calibkit.scalers.base import FitSummary
from calibkit.scalers.multi_label import MultiLabelTemperatureScaler
from calibkit.scalers.temperature import TemperatureScaler
from calibkit.uncertainty.bootstrap import (
    Interval,
    interval_of_change,
)

_MOST_SHOWN = 10


@dataclass(frozen=True, eq=False)
class MultiLabelReport:
    """The result of `evaluate_multi_label`, which prints as two tables.

    The first table has the means over the labels, and the second has a row for each label, worst
    first. It shows ten labels at most. The attribute `labels` holds the whole report of each label,
    and `to_markdown` and `to_dict` have all of them.

    Attributes
    ----------
    n_samples, n_bins : int
        Number of samples, and number of bins for each ECE.
    before : LabelMeans
        The means over the labels for the unscaled logits.
    after : LabelMeans or None
        The means over the labels for the scaled logits, or None without a scaler.
    nll_change, brier_change : Interval or None
        The means after scaling minus those before, on the same samples, or None without a scaler.
    labels : dict of str or int to Report
        The report of each label, in descending order of its ECE. It is that of a binary model, so
        ``report.labels[name].plot()`` plots the reliability diagrams of a label.
    summary : FitSummary or None
        What the fit of the scaler did, or None without a scaler.
    leak_check : str or None
        Why the logits cannot tell whether the test set holds calibration samples, as in `Report`.
    effective_n_samples : float or None
        How many samples of equal weight those of the test set are worth, as in `Report`. None if
        the samples have no weights.

    See Also
    --------
    calibkit.evaluate_multi_label : Make such a report.
    calibkit.Report : Read the report of one label.
    """

    n_samples: int
    n_bins: int
    before: LabelMeans
    after: LabelMeans | None
    nll_change: Interval | None
    brier_change: Interval | None
    labels: dict[Hashable, Report]
    summary: FitSummary | None
    leak_check: str | None
    effective_n_samples: float | None

    def __str__(self) -> str:
        left_out = len(self.labels) - _MOST_SHOWN
        return "\n".join(
            [
                text_table(self._caption(), self._means()),
                "",
                text_table(self._caption_of_labels(), self._rows(_MOST_SHOWN)),
                *([f"and {left_out} more with smaller errors"] if left_out > 0 else []),
                *self.notes,
            ]
        )

    def _repr_html_(self) -> str:
        left_out = len(self.labels) - _MOST_SHOWN
        more = f"<p>and {left_out} more with smaller errors</p>" if left_out > 0 else ""
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            html_table(self._caption(), self._means())
            + html_table(self._caption_of_labels(), self._rows(_MOST_SHOWN))
            + more
            + notes
        )

    def to_markdown(self) -> str:
        """Return both tables, with a row for every label, as GitHub-flavoured Markdown tables."""
        tables = [
            markdown_table(self._caption(), self._means()),
            markdown_table(self._caption_of_labels(), self._rows(len(self.labels))),
        ]
        return "\n\n".join([*tables, *self.notes])

    def to_dict(self) -> dict[str, object]:
        """Return everything but the bins in nested dictionaries of plain values, ready for JSON.

        The key ``leak_check`` is there only if the leak check could not be made, and the key
        ``effective_n_samples`` only if the samples have weights.
        """
        optional = {name: getattr(self, name) for name in ("effective_n_samples", "leak_check")}
        return {
            "n_samples": self.n_samples,
            "n_bins": self.n_bins,
            "before": as_dict(self.before),
            "after": None if self.after is None else as_dict(self.after),
            "nll_change": self.nll_change and self.nll_change._asdict(),
            "brier_change": self.brier_change and self.brier_change._asdict(),
            "labels": {str(name): report.to_dict() for name, report in self.labels.items()},
            "summary": None if self.summary is None else asdict(self.summary),
            **{name: value for name, value in optional.items() if value is not None},
        }

    @property
    def notes(self) -> list[str]:
        """What the tables do not say: what weights cost, and what could not be checked."""
        return notes_on(self.effective_n_samples, self.leak_check)

    def _caption(self) -> str:
        return (
            f"n = {self.n_samples}, means over {len(self.labels)} labels; in brackets 95% intervals"
        )

    def _caption_of_labels(self) -> str:
        return f"ECE of each label in {self.n_bins} bins, worst first; in brackets 95% intervals"

    def _means(self) -> list[list[str]]:
        columns = [self.before] if self.after is None else [self.before, self.after]
        changes = {"nll": self.nll_change, "brier": self.brier_change}
        table = [["", "value"] if self.after is None else ["", "before", "after", "change"]]
        for name, field in (("NLL", "nll"), ("Brier score", "brier")):
            row = [name, *(with_range(getattr(means, field), ".3f") for means in columns)]
            change = changes[field]
            table.append(row if change is None else [*row, with_range(change, "+.3f")])
        n = len(self.labels)
        without_range = [
            ["ECE", *(f"{means.ece:.1%}" for means in columns)],
            ["ECE if calibrated", *(f"{means.noise_floor:.1%}" for means in columns)],
            ["p-value below 0.05", *(f"{one.n_small_p_values} of {n} labels" for one in columns)],
        ]
        return [*table, *(row if self.after is None else [*row, ""] for row in without_range)]

    def _rows(self, n_shown: int) -> list[list[str]]:
        scaled = self.after is not None
        errors = ["ECE before", "ECE after"] if scaled else ["ECE"]
        missing = any(one.n_samples < self.n_samples for one in self.labels.values())
        counts = ["n"] if missing else []
        head = ["label", *counts, "frequency", "mean probability", *errors]
        head += ["if calibrated", "p-value"]
        rows = []
        for name, report in list(self.labels.items())[:n_shown]:
            last = report.after or report.before
            bins = report.bins[-1]
            n = report.n_samples
            rows.append(
                [
                    " ".join(str(name).split()),
                    *([str(n)] if missing else []),
                    f"{bins.accuracy:.1%}",
                    f"{bins.mean_confidence:.1%}",
                    *([f"{report.before.ece.value:.1%}"] if scaled else []),
                    with_range(last.ece, ".1%"),
                    f"{last.noise_floor.mean:.1%}",
                    p_value_text(last.p_value, report.n_resamples),
                ]
            )
        return [head, *rows]


def evaluate_multi_label(
    model_or_logits: nn.Module | object,
    loader_or_labels: Iterable[object] | object,
    *,
    scaler: MultiLabelTemperatureScaler | None = None,
    names: Sequence[Hashable] | None = None,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    progress: bool = True,
    device: torch.device | str | None = None,
) -> MultiLabelReport:
    """Measure a multi-label model on a test set, label by label, before and after scaling.

    Each label is measured as a binary model by `calibkit.evaluate`, and the report also holds the
    means over the labels. All intervals and p-values assume that the samples are independent. The
    labels of a sample may depend on each other, because the entries of different labels are never
    counted as different samples: each label is tested on its own, and resamples draw samples with
    all their labels. If a model is calibrated, about one label of 20 has a p-value below 0.05 by
    chance.

    A test set is refused if it holds samples that the scaler was fitted on, as by
    `calibkit.evaluate`. The report takes as long as a call of `calibkit.evaluate` for each label,
    and less with fewer resamples.

    Parameters
    ----------
    model_or_logits : nn.Module, or Tensor or array of shape (N, L) or (N, L, ...)
        A model or its logits, which are what it returns before the sigmoid.
    loader_or_labels : iterable, or Tensor or array of the shape of the logits
        A loader over the test set if a model is given, or the multi-hot labels if logits are given:
        1 where a label applies and 0 where it does not, as integers, booleans or floats.
    scaler : MultiLabelTemperatureScaler, optional
        A scaler that was fitted on a calibration set without any sample of the test set.
    names : sequence of str or int, optional
        The names of the L labels, in the order of the logits. By default they are 0 to L - 1.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1] for each ECE.
    n_resamples : int, default 1000
        Number of resamples for the intervals, the noise floor and the p-values, at least 40.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    ignore_index : int, optional
        Entries of the labels with this value are left out, such as -1 for missing ones.
    sample_weight : Tensor or array, shape (N,) or that of the labels, optional
        How much each sample, or each entry of the labels, counts, as in `calibkit.evaluate`. By
        default every weight is 1.
    progress : bool, default True
        Whether to show progress bars on stderr, while the model runs and over the labels.
    device : torch.device or str, optional
        Where the model runs. By default it runs where it is.

    Returns
    -------
    MultiLabelReport
        The report, which prints as two tables and shows as such in a notebook.

    Raises
    ------
    TypeError
        If `scaler` is not a `MultiLabelTemperatureScaler`, if `names` has no order or does not hold
        texts or numbers, if the logits are not a floating-point
        tensor or array, if the labels are no numbers, if a batch of the loader has none of the
        forms that `calibkit.collect_logits` accepts, if `n_bins`, `n_resamples` or `seed` is not
        an integer, or if `ignore_index` is neither an integer nor None.
    ValueError
        If logits and labels differ in shape, if a logit is NaN or infinite, if the logits look like
        probabilities, if an entry of the labels is neither 0 nor 1, if a label has no entry, if a
        weight is negative, NaN or infinite, if `names` does not hold a different name for each
        label, if the scaler was fitted on samples of this test set or on another number of labels,
        if `n_bins` is less than 1, if `n_resamples` is less than 40, or if `seed` is negative.
    RuntimeError
        If the scaler is not fitted.

    See Also
    --------
    calibkit.MultiLabelTemperatureScaler : Fit one temperature for all labels, or one for each.
    calibkit.evaluate : Measure a model of which one class applies to each sample.

    Examples
    --------
    >>> import torch
    >>> from calibkit import MultiLabelTemperatureScaler, evaluate_multi_label
    >>> generator = torch.Generator().manual_seed(0)
    >>> truth = 2 * torch.randn(4000, 3, generator=generator)
    >>> labels = torch.bernoulli(truth.sigmoid(), generator=generator)  # any number of labels a row
    >>> logits = truth * torch.tensor([1.0, 2.0, 4.0])  # the third label is four times too sure
    >>> scaler = MultiLabelTemperatureScaler(per_label=True)
    >>> scaler = scaler.fit_logits(logits[:2000], labels[:2000])
    >>> names = ["cat", "dog", "sheep"]
    >>> print(evaluate_multi_label(logits[2000:], labels[2000:], scaler=scaler, names=names))
    n = 2000, means over 3 labels; in brackets 95% intervals
                        before                  after                   change
    NLL                 0.608 (0.575 to 0.643)  0.460 (0.446 to 0.473)  -0.148 (-0.172 to -0.125)
    Brier score         0.332 (0.317 to 0.347)  0.302 (0.291 to 0.312)  -0.030 (-0.036 to -0.025)
    ECE                 9.3%                    2.9%
    ECE if calibrated   2.1%                    2.6%
    p-value below 0.05  2 of 3 labels           0 of 3 labels
    <BLANKLINE>
    ECE of each label in 15 bins, worst first; in brackets 95% intervals
    label  frequency  mean probability  ECE before  ECE after            if calibrated  p-value
    sheep  48.9%      49.0%             15.1%       3.5% (0.0% to 4.9%)  2.6%           0.064
    dog    51.1%      50.0%             10.4%       2.8% (0.0% to 3.9%)  2.6%           0.330
    cat    49.3%      49.4%             2.3%        2.5% (0.0% to 3.2%)  2.6%           0.609
    """
    n_bins = check_n_bins(n_bins)
    check_n_resamples(n_resamples)
    check_seed(seed)
    _check_scaler(scaler)
    logits, labels = model_or_logits, loader_or_labels
    if isinstance(model_or_logits, nn.Module):
        logits, labels = collect_logits(
            model_or_logits,
            cast(Iterable[object], loader_or_labels),
            progress=progress,
            device=device,
            multi_label=True,
        )
    rows = check_multi_label(logits, labels, ignore_index=ignore_index, sample_weight=sample_weight)
    rows = _without_weight_0(rows.to("cpu"))
    names = check_names(names, rows.scores.shape[2])
    _check_every_label(rows, names)
    sets, leak_check = [rows], None
    if scaler is not None:
        leak_check = check_no_overlap(scaler.calibration_fingerprints, samples_of(rows))
        scaled = scaler(rows.scores[:, 1].double())
        sets.append(replace(rows, scores=torch.stack([0 * scaled, scaled], 1)))
    reports = {}
    for k, name in enumerate(tqdm(names, desc="labels", delay=2, disable=not progress)):
        one = rows_of_label(rows, k)
        reports[name] = evaluate(
            one.scores,
            one.labels,
            scaler=None if scaler is None else _of_label(scaler, k),
            n_bins=n_bins,
            n_resamples=n_resamples,
            seed=seed,
            ignore_index=ignore_index,
            sample_weight=one.weights,
        )
    nll = resampled_means(NLL(), sets, n_resamples, seed)
    brier = resampled_means(Brier(), sets, n_resamples, seed)
    before = [one.before for one in reports.values()]
    after = [one.after for one in reports.values() if one.after is not None]
    worst_first = sorted(reports.items(), key=lambda item: -_last(item[1]))
    return MultiLabelReport(
        n_samples=len(rows.labels),
        n_bins=n_bins,
        before=means_over_labels(before, nll[0], brier[0]),
        after=means_over_labels(after, nll[1], brier[1]) if after else None,
        nll_change=interval_of_change(nll[0], nll[1]) if after else None,
        brier_change=interval_of_change(brier[0], brier[1]) if after else None,
        labels=dict(worst_first),
        summary=None if scaler is None else scaler.summary,
        leak_check=leak_check,
        effective_n_samples=effective_number(_weights_of_samples(rows)),
    )


def _check_scaler(scaler: object) -> None:
    if scaler is None:
        return
    if not isinstance(scaler, MultiLabelTemperatureScaler):
        raise TypeError(
            f"scaler must be a MultiLabelTemperatureScaler, got {type(scaler).__name__}; fit one, "
            "or report on one label as a binary model, with evaluate(logits[:, 0], labels[:, 0], "
            "scaler=scaler)"
        )
    scaler.check_fitted()


def _check_every_label(rows: Rows, names: list[Hashable]) -> None:
    if (counted := rows.counted) is None:
        return
    counted = counted.movedim(1, 0).flatten(1).any(1)
    without = [names[k] for k in (~counted).nonzero()[:, 0].tolist()]
    if without:
        raise ValueError(
            f"every label must have an entry that counts, got none for {len(without)} of "
            f"{len(names)} labels, first for {without[0]!r}; leave such columns out of logits, "
            "labels and names"
        )


def _weights_of_samples(rows: Rows) -> Tensor | None:
    return None if rows.weights is None else rows.weights.reshape(len(rows.weights), -1).mean(1)


def _without_weight_0(rows: Rows) -> Rows:
    """Return the samples that count."""
    if (weights := _weights_of_samples(rows)) is None or rows.weights is None:
        return rows
    kept = weights > 0
    return replace(
        rows, scores=rows.scores[kept], labels=rows.labels[kept], weights=rows.weights[kept]
    )


def _of_label(scaler: MultiLabelTemperatureScaler, k: int) -> TemperatureScaler:
    """Return the binary scaler of one label. The leak check is made for all labels together."""
    temperatures = scaler.temperatures
    binary = TemperatureScaler(float(temperatures[k if len(temperatures) > 1 else 0]))
    binary.summary = scaler.summary
    return binary


def _last(report: Report) -> float:
    return (report.after or report.before).ece.value
