"""A comparison of several scalers, on many splits and sizes of the calibration set."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

import numpy as np
from torch.utils.data import TensorDataset
from tqdm import tqdm

from calibkit._checks import (
    check_integer,
    check_logits_and_labels,
    check_n_bins,
    check_seed,
)
from calibkit._distributed import single_process
from calibkit._rows import Chunk, Rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of, what_is_judged
from calibkit.reports._measuring import measure_logits
from calibkit.reports._tables import html_table, text_table
from calibkit.scalers.base import Scaler
from calibkit.splits import split_calibration

UNSCALED = "unscaled"


@dataclass(frozen=True)
class Trial:
    """One fit of a comparison, with the sizes of its data sets and the metrics on the test set.

    Attributes
    ----------
    scaler : str
        Name of the scaler, or "unscaled" for the logits without a scaler.
    n_calibration, n_test : int
        Sizes of the calibration set and of the test set.
    repeat : int
        Index of the split, counted from 0.
    accuracy, nll, brier, ece : float or None
        The metrics on the test set, or None if the fit was refused.
    temperature : float or None
        The fitted temperature. Only temperature scaling sets it.
    refused : str or None
        Why the fit was refused, or None if it succeeded.

    See Also
    --------
    calibkit.compare : Run the trials.
    calibkit.Comparison : Summarise all trials.
    """

    scaler: str
    n_calibration: int
    n_test: int
    repeat: int
    accuracy: float | None = None
    nll: float | None = None
    brier: float | None = None
    ece: float | None = None
    temperature: float | None = None
    refused: str | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`, which prints as a table and shows as one in a notebook.

    Attributes
    ----------
    trials : tuple of Trial
        One trial for every scaler, split and size.

    See Also
    --------
    calibkit.compare : Make a comparison.
    calibkit.learning_curve : Plot a comparison.
    """

    trials: tuple[Trial, ...]

    def values(self, scaler: str, n_calibration: int, metric: str) -> list[float]:
        """Return the metric of one scaler at one size, with one value per split."""
        found = (
            getattr(trial, metric)
            for trial in self.trials
            if trial.scaler == scaler and trial.n_calibration == n_calibration
        )
        return [value for value in found if value is not None]

    @property
    def scalers(self) -> list[str]:
        """Names of the scalers, in the order of the comparison."""
        return list(dict.fromkeys(trial.scaler for trial in self.trials))

    @property
    def sizes(self) -> list[int]:
        """Sizes of the calibration set, in ascending order."""
        return sorted({trial.n_calibration for trial in self.trials})

    def __str__(self) -> str:
        return text_table(self._caption(), self._cells())

    def _repr_html_(self) -> str:
        return html_table(self._caption(), self._cells())

    def to_dict(self) -> dict[str, object]:
        """Return every trial as plain values, ready for JSON."""
        return {"trials": [asdict(trial) for trial in self.trials]}

    def _caption(self) -> str:
        repeats = len({trial.repeat for trial in self.trials})
        return (
            f"{repeats} splits, {self.trials[0].n_test} test samples each; mean and standard "
            "deviation over splits"
        )

    def _cells(self) -> list[list[str]]:
        head = ["scaler", "n", "NLL", "ECE", "Brier score", "accuracy", "T", "refused"]
        body = [self._row(name, size) for name in self.scalers for size in self.sizes]
        filled = [any(column) for column in zip(*body, strict=True)]
        return [
            [cell for cell, keep in zip(row, filled, strict=True) if keep] for row in (head, *body)
        ]

    def _row(self, name: str, size: int) -> list[str]:
        of_row = [t for t in self.trials if (t.scaler, t.n_calibration) == (name, size)]
        refused = sum(trial.refused is not None for trial in of_row)
        return [
            name,
            str(size),
            _spread(self.values(name, size, "nll"), ".3f"),
            _spread(self.values(name, size, "ece"), ".1%"),
            _spread(self.values(name, size, "brier"), ".3f"),
            _spread(self.values(name, size, "accuracy"), ".1%"),
            _spread(self.values(name, size, "temperature"), ".3f"),
            f"{refused} of {len(of_row)}" if refused else "",
        ]


def compare(
    scalers: Sequence[Scaler],
    logits: Probabilities,
    labels: Labels,
    *,
    n_calibration: int | Sequence[int],
    repeats: int = 10,
    n_bins: int = 15,
    seed: int = 0,
    of: Of | None = None,
    sample_weight: SampleWeight | None = None,
    progress: bool = True,
) -> Comparison:
    """Fit scalers on calibration sets of several splits and sizes, and measure them on a test set.

    The splits are stratified by class. Within one split, the smaller calibration sets are parts of
    the larger ones, and all sizes and scalers share one test set. It consists of the samples that
    are not in the largest calibration set.

    Parameters
    ----------
    scalers : sequence of Scaler
        The scalers to compare. Copies are fitted, so the scalers themselves do not change.
    logits : Tensor or array, shape (N, C), (N, 1) or (N,)
        What the model returns before the softmax, or before the sigmoid for a binary model, on
        samples that it was not trained on.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    n_calibration : int or sequence of int
        Sizes of the calibration set.
    repeats : int, default 10
        Number of splits.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1] for the ECE.
    seed : int, default 0
        Seed of the first split. Split k has the seed plus k. The same seed gives the same result.
    of : {"positive", "top"}, optional
        Which probability the ECE judges: P(y = 1) or that of the top class. By default it is
        "positive" for two classes and "top" for more.
    sample_weight : Tensor or array, shape (N,), optional
        How much each sample counts in the fits and in the metrics, but not in the sizes. Samples of
        weight 0 are left out. By default every weight is 1.
    progress : bool, default True
        Whether to show a progress bar on stderr.

    Returns
    -------
    Comparison
        The result, which prints as a table and shows as one in a notebook. If a fit is refused,
        for instance because a class is missing, the refusal is counted and its reason is kept.

    Raises
    ------
    TypeError
        If `scalers` is not a list of scalers or is empty, if `logits` is not a floating-point
        tensor or array, if `labels` is not an integer tensor or array, or if a size, `repeats`,
        `n_bins` or `seed` is not an integer.
    ValueError
        If a logit is NaN or infinite, if the logits look like probabilities or have more than two
        dimensions, if `labels` holds a class outside 0..C-1, if `logits` and `labels` differ in
        length, if there is no size, if a size is less than 2 or leaves no test set, if `repeats`
        or `n_bins` is less than 1, or if `seed` is negative. The same holds if a weight is
        negative, NaN or infinite, or if all of them are 0.

    See Also
    --------
    calibkit.learning_curve : Plot the comparison.
    calibkit.evaluate : Measure one fitted scaler, with intervals.
    calibkit.split_calibration : Make the split of each trial.

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler, compare
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 2 * torch.randn(3000, 10, generator=generator)
    >>> labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    >>> comparison = compare(
    ...     [TemperatureScaler()], 2 * logits, labels, n_calibration=[100, 1000], progress=False
    ... )
    >>> print(comparison)
    10 splits, 2000 test samples each; mean and standard deviation over splits
    scaler             n     NLL            ECE           Brier score    accuracy      T
    unscaled           100   1.651 ± 0.024  21.6% ± 0.5%  0.681 ± 0.008  52.8% ± 0.6%
    unscaled           1000  1.651 ± 0.024  21.6% ± 0.5%  0.681 ± 0.008  52.8% ± 0.6%
    TemperatureScaler  100   1.345 ± 0.011  3.5% ± 1.4%   0.616 ± 0.005  52.8% ± 0.6%  2.077 ± 0.187
    TemperatureScaler  1000  1.341 ± 0.014  2.9% ± 0.4%   0.614 ± 0.006  52.8% ± 0.6%  2.055 ± 0.042
    """
    rows = check_logits_and_labels(logits, labels, sample_weight=sample_weight)
    if rows.scores.ndim > 2:
        raise ValueError(
            f"logits must have shape (samples, classes), got {tuple(rows.scores.shape)}; "
            "draw some pixels of each image first, because the neighbours of calibration pixels "
            "are no independent test set"
        )
    check_scalers(scalers, "scalers")
    names = _names(scalers)
    sizes = _check_sizes(n_calibration)
    check_integer(repeats, "repeats", least=1, advice="10 is usual")
    check_n_bins(n_bins)
    check_seed(seed)
    what_is_judged(of, rows.n_classes)
    named = dict(zip(names, scalers, strict=True))
    samples = rows.to("cpu").flat()
    samples = samples._replace(scores=samples.scores.double())
    trials = _trials(named, samples, sizes, repeats, n_bins, seed, of)
    total = repeats * len(sizes) * (len(scalers) + 1)
    return Comparison(tuple(tqdm(trials, "fits", total, disable=not progress)))


def _trials(
    scalers: dict[str, Scaler],
    samples: Chunk,
    sizes: list[int],
    repeats: int,
    n_bins: int,
    seed: int,
    of: Of | None,
) -> Iterator[Trial]:
    labels = samples.labels
    dataset = TensorDataset(labels)
    for repeat in range(repeats):
        parts = {
            size: split_calibration(dataset, size, seed=seed + repeat, stratify=labels)
            for size in sizes
        }
        tested = samples.chosen(parts[sizes[-1]][1].indices)
        test = Rows(tested.scores, tested.labels, weights=tested.weights)
        unscaled = measure_logits(test, n_bins, of)
        for size in sizes:
            split = size, len(test.labels), repeat
            yield _trial(UNSCALED, split, unscaled)
            for name, scaler in scalers.items():
                z, y, weights = samples.chosen(parts[size][0].indices)
                fitted = copy.deepcopy(scaler)
                try:
                    with single_process():
                        fitted.fit_logits(z, y, sample_weight=weights)
                except (ValueError, RuntimeError) as error:
                    yield Trial(name, *split, refused=str(error))
                    continue
                temperature = fitted.summary.temperature if fitted.summary else None
                scaled = measure_logits(replace(test, scores=fitted(test.scores)), n_bins, of)
                yield _trial(name, split, scaled, temperature)


def _trial(
    scaler: str,
    split: tuple[int, int, int],
    metrics: dict[str, float],
    temperature: float | None = None,
) -> Trial:
    return Trial(
        scaler,
        *split,
        accuracy=metrics["accuracy"],
        nll=metrics["nll"],
        brier=metrics["brier"],
        ece=metrics["ece"],
        temperature=temperature,
    )


def check_scalers(scalers: Sequence[Scaler], name: str) -> None:
    """Raise an error if the argument is not a list of one scaler or more."""
    is_sequence = isinstance(scalers, list | tuple)
    if not is_sequence or not scalers or not all(isinstance(s, Scaler) for s in scalers):
        raise TypeError(
            f"{name} must be a list of calibkit scalers, got {scalers!r}; pass instances, such as "
            "[TemperatureScaler(), VectorScaler()]"
        )


def _names(scalers: Sequence[Scaler]) -> list[str]:
    """Return the names of the scalers' classes, with numbers if a class occurs several times."""
    kinds = [type(scaler).__name__ for scaler in scalers]
    return [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[:i].count(kind) + 1}"
        for i, kind in enumerate(kinds)
    ]


def _check_sizes(n_calibration: int | Sequence[int]) -> list[int]:
    given = n_calibration.tolist() if hasattr(n_calibration, "tolist") else n_calibration
    is_sequence = isinstance(given, Sequence) and not isinstance(given, str)
    sizes = list(cast(Sequence[int], given)) if is_sequence else [cast(int, given)]
    if not sizes:
        raise ValueError("n_calibration must hold one size or more, got none; 1000 is usual")
    return sorted(
        {check_integer(size, "n_calibration", least=2, advice="1000 is usual") for size in sizes}
    )


def _spread(values: list[float], form: str) -> str:
    """Return mean and standard deviation as text, or an empty text if there are no values."""
    if not values:
        return ""
    return f"{format(np.mean(values), form)} ± {format(np.std(values), form)}"
