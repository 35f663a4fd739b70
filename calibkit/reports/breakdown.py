"""The calibration of every class, or of every group of samples."""

from collections.abc import Hashable, Iterable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from calibkit._conversion import is_missing
from calibkit._rows import Rows
from calibkit.metrics.base import Of
from calibkit.metrics.calibration_error import calibration_error
from calibkit.metrics.classwise import ClasswiseError
from calibkit.reports._measuring import judged_confidences, mean_probabilities
from calibkit.reports._tables import html_table, markdown_table, text_table, with_range
from calibkit.reports.values import p_value_text
from calibkit.uncertainty._class_gaps import gaps_of_every_class
from calibkit.uncertainty._resampled_metrics import of_gaps
from calibkit.uncertainty.bootstrap import Interval, bootstrap_interval, interval_of_value
from calibkit.uncertainty.noise_floor import calibration_test

_MOST_SHOWN = 10


class Part(NamedTuple):
    """One class or one group of a `Breakdown`.

    Attributes
    ----------
    name : int or str
        The index of the class, or the name of the group.
    n : int
        Number of samples with this label, or number of samples in the group, whatever their weights
        are.
    frequency : float
        Of a class, its share of all labels. Of a group, the accuracy, or for two classes how often
        y = 1. All numbers from here on count a sample as much as its weight.
    mean_probability : float
        Mean probability of the class, or mean confidence of the group. If the model is calibrated,
        it equals the frequency up to chance.
    error : Interval
        The ECE of the probabilities of this class, or of the confidences in this group, with its
        95% interval.
    p_value : float or None
        Of a group, how often a calibrated model would show such an error or a larger one.

    See Also
    --------
    calibkit.Breakdown : Hold all classes or all groups.
    """

    name: int | str
    n: int
    frequency: float
    mean_probability: float
    error: Interval
    p_value: float | None = None


@dataclass(frozen=True, eq=False)
class Breakdown:
    """The calibration of every class or every group, worst first.

    It prints as a table of at most ten rows and shows as one in a notebook. The attribute `parts`,
    `to_dict` and `to_markdown` hold all rows.

    Attributes
    ----------
    parts : tuple of Part
        All classes or groups, in descending order of their errors.
    by : {"class", "group"}
        What the parts are.
    n_samples, n_bins : int
        Number of samples, and number of bins for each error.
    weighted : bool
        Whether the samples have weights. Then they count in all numbers but those of the samples.
    n_resamples : int
        Number of draws that gave each interval and p-value.

    See Also
    --------
    calibkit.Report : Make a breakdown with ``report.by_class()`` or ``report.by_group()``.
    calibkit.classwise_calibration_error : Average the errors of all classes.

    Examples
    --------
    >>> import torch
    >>> from calibkit import evaluate
    >>> probabilities = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]).repeat(500, 1)
    >>> labels = torch.tensor([0, 1, 0, 2, 0]).repeat(200)
    >>> print(evaluate(probabilities.log(), labels).by_class())
    n = 1000, ECE of each class in 15 bins, worst first; in brackets 95% intervals
    class  n    frequency  mean probability  ECE
    1      200  20.0%      45.0%             35.0% (31.6% to 38.3%)
    0      600  60.0%      45.0%             35.0% (31.6% to 38.3%)
    2      200  20.0%      10.0%             10.0% (7.6% to 12.5%)
    """

    parts: tuple[Part, ...]
    by: str
    n_samples: int
    n_bins: int
    weighted: bool = False
    n_resamples: int = 1000

    def __str__(self) -> str:
        left_out = len(self.parts) - _MOST_SHOWN
        more = f"\nand {left_out} more with smaller errors" if left_out > 0 else ""
        return text_table(self._caption(), self._cells(_MOST_SHOWN)) + more

    def _repr_html_(self) -> str:
        left_out = len(self.parts) - _MOST_SHOWN
        more = f"<p>and {left_out} more with smaller errors</p>" if left_out > 0 else ""
        return html_table(self._caption(), self._cells(_MOST_SHOWN)) + more

    def to_markdown(self) -> str:
        """Return all rows as a GitHub-flavoured Markdown table."""
        return markdown_table(self._caption(), self._cells(len(self.parts)))

    def to_dict(self) -> dict[str, object]:
        """Return all rows as plain values, ready for JSON.

        The key ``weighted`` is there only if the samples have weights.
        """
        parts = [part._asdict() | {"error": part.error._asdict()} for part in self.parts]
        numbers = {"by": self.by, "n_samples": self.n_samples, "n_bins": self.n_bins}
        weighted = {"weighted": True} if self.weighted else {}
        return {**numbers, **weighted, "parts": parts}

    def _caption(self) -> str:
        with_weights = " with weights" if self.weighted else ""
        return (
            f"n = {self.n_samples}{with_weights}, ECE of each {self.by} in {self.n_bins} bins, "
            "worst first; in brackets 95% intervals"
        )

    def _cells(self, n_shown: int) -> list[list[str]]:
        head = [self.by, "n", "frequency", "mean probability", "ECE"]
        tested = self.by == "group"
        # With many classes, all probabilities and errors are small.
        show = ".1%" if self.parts[0].error.value >= 0.01 else ".2%"
        rows = [
            [
                " ".join(str(part.name).split()),
                str(part.n),
                f"{part.frequency:{show}}",
                f"{part.mean_probability:{show}}",
                with_range(part.error, show),
                *(
                    [p_value_text(part.p_value, self.n_resamples)]
                    if part.p_value is not None
                    else []
                ),
            ]
            for part in self.parts[:n_shown]
        ]
        return [[*head, "p-value"] if tested else head, *rows]


@dataclass(frozen=True, eq=False)
class Measured:
    """What a report measured: logits before and after scaling, their groups, and how."""

    sets: list[Rows]
    groups: NDArray[np.str_] | None
    n_bins: int
    of: Of | None
    n_resamples: int
    seed: int

    def by_class(self, scaled: bool | None) -> Breakdown:
        """Measure every class."""
        rows = self._rows(scaled)
        gaps = gaps_of_every_class(
            ClasswiseError(self.n_bins),
            rows.with_mean_weight_1(),
            "logits",
            n_resamples=self.n_resamples,
            seed=self.seed,
        )
        n = len(rows)
        labels, weights = rows.labels.numpy(), rows.weights
        counts = np.bincount(labels, minlength=rows.n_classes)
        shares = counts / n
        if weights is not None:
            shares = np.bincount(labels, weights.numpy(), rows.n_classes) / rows.total_weight
        means = mean_probabilities(rows).tolist()
        parts = [
            Part(k, int(counts[k]), shares[k], means[k], interval_of_value(of_gaps(gaps[k])))
            for k in range(rows.n_classes)
        ]
        weighted = weights is not None
        return Breakdown(_worst_first(parts), "class", n, self.n_bins, weighted, self.n_resamples)

    def by_group(self, scaled: bool | None) -> Breakdown:
        """Measure every group, or raise an error if there are none."""
        if self.groups is None:
            raise ValueError(
                "by_group needs to know the groups; pass them to evaluate, with one name or number "
                "for each sample: evaluate(..., groups=groups)"
            )
        rows = self._rows(scaled)
        confidence, outcome, weights = judged_confidences(rows, self.of)
        metric = partial(calibration_error, n_bins=self.n_bins)
        n_resamples, seed = self.n_resamples, self.seed
        interval_of = partial(bootstrap_interval, metric, n_resamples=n_resamples, seed=seed)
        test = partial(calibration_test, n_bins=self.n_bins, n_resamples=n_resamples, seed=seed)
        parts = []
        names, group, sizes = np.unique(self.groups, return_inverse=True, return_counts=True)
        members = np.split(group.argsort(kind="stable"), sizes.cumsum()[:-1])
        for name, inside in zip(names, members, strict=True):
            p, y = confidence[inside], outcome[inside]
            w = None if weights is None else weights[inside]
            frequency, mean = (weighted_mean(part, w) for part in (y.double(), p))
            error = interval_of(p, y, sample_weight=w)
            p_value = test(p, y, sample_weight=w).p_value
            parts.append(Part(str(name), len(inside), frequency, mean, error, p_value))
        weighted = weights is not None
        n = len(self.groups)
        return Breakdown(_worst_first(parts), "group", n, self.n_bins, weighted, n_resamples)

    def _rows(self, scaled: bool | None) -> Rows:
        if scaled and len(self.sets) == 1:
            raise ValueError("scaled=True needs a scaler; pass one to evaluate, or leave it out")
        return self.sets[0 if scaled is False else -1]


def check_groups(groups: object, rows: Rows) -> NDArray[np.str_]:
    """Return the names of the groups of all samples that count, or raise an error."""
    shape = tuple(rows.labels.shape)
    values = _as_objects(groups, shape)
    if values.shape == (shape[0], 1) and len(shape) == 1:
        values = values[:, 0]
    if values.shape == shape[:1]:
        values = values.reshape(-1, *(1,) * (len(shape) - 1))
    elif values.shape != shape:
        advice = (
            "pass one name or number for each label, also for those that ignore_index leaves out"
        )
        if values.ndim == 2 and len(values) == shape[0]:
            advice = "join the columns with list(map(tuple, np.asarray(groups)))"
        raise ValueError(
            f"groups must name the group of each of the {shape[0]} samples, got the shape "
            f"{values.shape}; {advice}"
        )
    counted = np.ones(shape, bool) if rows.counted is None else rows.counted.cpu().numpy()
    # If one name stands for all pixels of an image, it is needed if any of them counts.
    inside_images = () if values.shape == shape else tuple(range(1, len(shape)))
    needed = np.asarray(counted.any(inside_images, keepdims=True))
    names = _names(values, needed)
    of_counted: NDArray[np.str_] = np.broadcast_to(names, shape)[counted]
    return of_counted


def _as_objects(groups: object, shape: tuple[int, ...]) -> NDArray[np.object_]:
    if isinstance(groups, Tensor):
        groups = groups.detach().cpu().tolist()
    if isinstance(groups, np.ma.MaskedArray):
        groups = groups.tolist()  # What is masked becomes None, which is a missing name.
    if isinstance(groups, np.ndarray) and groups.dtype.kind in "mM":
        groups = list(groups)  # As objects, times in nanoseconds would be plain integers.
    if isinstance(groups, list | tuple):
        return _list_as_objects(list(map(_without_dimensions, groups)), shape)
    if hasattr(groups, "__array__"):
        return np.array(groups, dtype=object)
    ordered = isinstance(groups, Iterable) and not isinstance(groups, str | bytes | Mapping | Set)
    advice = "pass for instance list(groups)" if ordered else "pass a list of the samples' groups"
    raise TypeError(
        "groups must be an array, a list or a column with one name or number for each sample, got "
        f"{type(groups).__name__}; {advice}"
    )


def _without_dimensions(value: object) -> object:
    """Return the number or text that a tensor or an array without dimensions holds."""
    return value.item() if isinstance(value, Tensor | np.ndarray) and value.ndim == 0 else value


def _list_as_objects(groups: list[object], shape: tuple[int, ...]) -> NDArray[np.object_]:
    """Return a list as an array, where a tuple is one name unless it holds those of all pixels."""
    tuples = [value for value in groups if isinstance(value, tuple)]
    of_pixels = len(shape) > 1 and all(len(value) == shape[1] for value in tuples)
    if len(tuples) == len(groups) and not of_pixels:
        names = np.empty(len(groups), dtype=object)
        names[:] = groups
        return names
    try:
        return np.array(groups, dtype=object)
    except ValueError:  # The rows differ in length.
        names = np.empty(len(groups), dtype=object)
        names[:] = groups
        return names


def _names(values: NDArray[np.object_], needed: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Return values as text, of which equal values have the same and others have another.

    Where no name is needed, the text is empty.
    """
    texts: dict[object, str] = {}
    for i in np.flatnonzero(needed):
        value = values.flat[i]
        parts = value if isinstance(value, tuple) else (value,)
        if not isinstance(value, Hashable) or any(map(is_missing, parts)):
            raise ValueError(
                f"groups must name the group of every sample, got {value!r} at sample {i}; give "
                'such samples a name too, for instance "unknown"'
            )
        texts.setdefault(value, ", ".join(map(str, parts)))
    # 1 and "1" are different groups, and numpy's texts do not keep null characters at their ends.
    if len({text.rstrip("\0") for text in texts.values()}) < len(texts):
        texts = {value: repr(value) for value in texts}
    names = np.full(values.shape, "", dtype=object)
    names[needed] = [texts[value] for value in values[needed]]
    return names.astype(np.str_)


def weighted_mean(numbers: Tensor, weights: Tensor | None) -> float:
    """Return the mean of numbers, which count as much as their weights."""
    return float(numbers.mean() if weights is None else (weights @ numbers) / weights.sum())


def _worst_first(parts: list[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: -part.error.value))
