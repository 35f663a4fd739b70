"""Several scalers side by side, over splits and sizes of the calibration set."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor
from torch.utils.data import TensorDataset
from tqdm import tqdm

from calibkit.bins import Labels, Probabilities
from calibkit.checks import check_integer, check_logits_and_labels, check_n_bins, check_seed
from calibkit.curves import learning_curve
from calibkit.distributed import alone
from calibkit.functional import calibration_error
from calibkit.scalers import Scaler
from calibkit.scores import brier_terms, nll_terms
from calibkit.splits import split_calibration
from calibkit.tables import html_table, text_table

UNSCALED = "unscaled"


@dataclass(frozen=True)
class Trial:
    """One scaler, one split: accuracy, NLL, Brier score and ECE on the test part.

    They are None where the fit was refused.

    Attributes
    ----------
    scaler : str
        Name of the scaler; "unscaled" for the logits as they are.
    n_calibration, n_test : int
    repeat : int
        Number of the split.
    temperature : float or None
        For temperature scaling.
    refused : str or None
        Why the fit was refused.
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
    """What `compare` found; printed a table, in a notebook an HTML table.

    Attributes
    ----------
    trials : tuple of Trial
        Every scaler on every split and size.
    """

    trials: tuple[Trial, ...]

    def values(self, scaler: str, n_calibration: int, metric: str) -> list[float]:
        """The metric of one scaler at one size, one value a split."""
        found = (
            getattr(trial, metric)
            for trial in self.trials
            if trial.scaler == scaler and trial.n_calibration == n_calibration
        )
        return [value for value in found if value is not None]

    @property
    def scalers(self) -> list[str]:
        return list(dict.fromkeys(trial.scaler for trial in self.trials))

    @property
    def sizes(self) -> list[int]:
        return sorted({trial.n_calibration for trial in self.trials})

    def __str__(self) -> str:
        return text_table(self._caption(), self._cells())

    def _repr_html_(self) -> str:
        return html_table(self._caption(), self._cells())

    def to_dict(self) -> dict[str, object]:
        """Every trial as plain values, ready for JSON."""
        return {"trials": [asdict(trial) for trial in self.trials]}

    def plot(self, metric: str = "nll", *, ax: Axes | None = None) -> Axes:
        """The learning curve: the metric against the size of the calibration set.

        Parameters
        ----------
        metric : {"nll", "ece", "brier", "accuracy"}, default "nll"
        ax : Axes, optional
            Where to plot. Default: a new figure.

        Returns
        -------
        Axes
        """
        return learning_curve(self, metric=metric, ax=ax)

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
    progress: bool = True,
) -> Comparison:
    """Fit scalers on calibration sets of several sizes and splits, and measure on the rest.

    Splits are stratified by class. In one split the smaller calibration sets are parts of the
    larger ones, and the test set, what the largest leaves over, is the same for all sizes and
    scalers.

    Parameters
    ----------
    scalers : sequence of Scaler
        Not fitted, or fitted for something else: copies are fitted.
    logits : Tensor or array, shape (N, C), (N, 1) or (N,)
        Of data that the model was not trained on.
    labels : Tensor or array, shape (N,)
        Class indices from 0 to C - 1.
    n_calibration : int or sequence of int
        Sizes of the calibration set.
    repeats : int, default 10
        Number of splits.
    n_bins : int, default 15
        Number of bins of equal width for the ECE.
    seed : int, default 0
        Of the first split; the others follow.
    progress : bool, default True
        Show a progress bar on stderr.

    Returns
    -------
    Comparison
        Prints as a table, shows as one in a notebook; ``to_dict()`` and ``plot()``. A fit that is
        refused, because a class is missing for instance, is counted and its reason kept.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape, range or length.

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
    rows = check_logits_and_labels(logits, labels)
    if rows.scores.ndim > 2:
        raise ValueError(
            f"logits must have shape (samples, classes), got {tuple(rows.scores.shape)}; "
            "of images, choose pixels first: neighbours in a split are no independent test"
        )
    names = _names(scalers)
    sizes = _check_sizes(n_calibration)
    check_integer(repeats, "repeats", least=1, advice="10 is usual")
    check_n_bins(n_bins)
    check_seed(seed)
    named = dict(zip(names, scalers, strict=True))
    logits, labels = rows.scores.cpu().double(), rows.labels.cpu()
    trials = _trials(named, logits, labels, sizes, repeats, n_bins, seed)
    total = repeats * len(sizes) * (len(scalers) + 1)
    return Comparison(tuple(tqdm(trials, "fits", total, disable=not progress)))


def _trials(
    scalers: dict[str, Scaler],
    logits: Tensor,
    labels: Tensor,
    sizes: list[int],
    repeats: int,
    n_bins: int,
    seed: int,
) -> Iterator[Trial]:
    dataset = TensorDataset(labels)
    for repeat in range(repeats):
        parts = {
            size: split_calibration(dataset, size, seed=seed + repeat, stratify=labels)
            for size in sizes
        }
        test = parts[sizes[-1]][1].indices
        of_test = logits[test], labels[test], n_bins
        unscaled = _measure(*of_test)
        for size in sizes:
            split = size, len(test), repeat
            yield Trial(UNSCALED, *split, *unscaled)
            for name, scaler in scalers.items():
                calibration = parts[size][0].indices
                fitted = copy.deepcopy(scaler)
                try:
                    with alone():
                        fitted.fit_logits(logits[calibration], labels[calibration])
                except (ValueError, RuntimeError) as error:
                    yield Trial(name, *split, refused=str(error))
                    continue
                temperature = fitted.summary.temperature if fitted.summary else None
                measured = _measure(fitted(of_test[0]), *of_test[1:])
                yield Trial(name, *split, *measured, temperature)


def _measure(logits: Tensor, labels: Tensor, n_bins: int) -> tuple[float, float, float, float]:
    """Accuracy, NLL, Brier score and ECE."""
    logs = logits.log_softmax(1)
    probabilities = logs.exp()
    return (
        float((probabilities.argmax(1) == labels).double().mean()),
        float(nll_terms(logs, labels).mean()),
        float(brier_terms(probabilities, labels).mean()),
        calibration_error(probabilities, labels, n_bins=n_bins),
    )


def _names(scalers: Sequence[Scaler]) -> list[str]:
    """Class names, numbered where there are several of a class."""
    several = isinstance(scalers, list | tuple)
    if not several or not scalers or not all(isinstance(s, Scaler) for s in scalers):
        raise TypeError(
            f"scalers must be a list of calibkit scalers, got {scalers!r}; pass instances, such as "
            "[TemperatureScaler(), VectorScaler()]"
        )
    kinds = [type(scaler).__name__ for scaler in scalers]
    return [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[:i].count(kind) + 1}"
        for i, kind in enumerate(kinds)
    ]


def _check_sizes(n_calibration: int | Sequence[int]) -> list[int]:
    several = isinstance(n_calibration, Sequence | np.ndarray)
    sizes = list(cast(Sequence[int], n_calibration)) if several else [cast(int, n_calibration)]
    if not sizes:
        raise ValueError("n_calibration must hold one size or more, got none; 1000 is usual")
    return sorted(
        {check_integer(size, "n_calibration", least=2, advice="1000 is usual") for size in sizes}
    )


def _spread(values: list[float], form: str) -> str:
    if not values:
        return ""
    return f"{format(np.mean(values), form)} ± {format(np.std(values), form)}"
