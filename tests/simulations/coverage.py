"""How often the 95% intervals of the calibration errors, and of their changes, hold the truth.

Run it with ``python -m tests.simulations.coverage``. It writes docs/simulations/coverage.csv, which
docs/benchmarks.rst shows, and goes on where it was stopped. In every cell, models with a known
error are simulated, and each entry is the share of the simulations whose interval holds this error.
"""

import csv
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from calibkit import (
    bootstrap_interval,
    calibration_error,
    classwise_calibration_error,
    ks_calibration_error,
    paired_difference,
    smooth_calibration_error,
)
from calibkit.metrics._binning import quantile_bin, uniform_bin
from calibkit.metrics.base import Predictions
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.metrics.kolmogorov_smirnov import weighted_ks_distance
from calibkit.metrics.smooth import error_at_its_own_width

TABLE = Path(__file__).parents[2] / "docs" / "simulations" / "coverage.csv"
MEASURES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "ECE": calibration_error,
    "ECE, equal mass": partial(calibration_error, binning="quantile"),
    "classwise ECE": classwise_calibration_error,
    "smooth ECE": smooth_calibration_error,
    "KS": ks_calibration_error,
}
CLASSES = 2, 10, 100
SIZES = 500, 2000, 10_000
SHAPES = "over-confident", "wave"
ERRORS = 0, 0.005, 0.01, 0.02, 0.05, 0.14
# What is left after scaling, and how much sharper the probabilities are before it.
AFTER_ERRORS = 0, 0.01, 0.05
SHARPER = 1.01, 1.1, 2.0


class Cell(NamedTuple):
    """A model: its classes, its error and, of a change, how much sharper it was before."""

    n_classes: int
    shape: str
    error: float
    sharper: float | None
    n: int


def all_cells() -> Iterator[Cell]:
    """Yield the cells of the values and then those of the changes, the cheap ones first."""
    for n, n_classes in product(SIZES, CLASSES):
        for errors, factors in ((ERRORS, [None]), (AFTER_ERRORS, SHARPER)):
            for shape, error, sharper in product(SHAPES, errors, factors):
                if error or shape == SHAPES[0]:  # Without an error there is no shape.
                    yield Cell(n_classes, shape, error, sharper, n)


def draw(cell: Cell, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw probabilities (n, C), and the true probabilities of the labels."""
    options = {"generator": generator, "dtype": torch.float64}
    if cell.n_classes == 2:
        top = 0.5 + 0.5 * torch.rand(n, **options).sqrt()
        first = torch.where(torch.rand(n, **options) < 0.5, top, 1 - top)
        p = torch.stack([first, 1 - first], 1)
    else:
        p = (
            {10: 2.5, 100: 4.0}[cell.n_classes] * torch.randn(n, cell.n_classes, **options)
        ).softmax(1)
    if not cell.error:
        return p, p
    top, winner = p.max(1)
    shift = -torch.ones_like(top)
    if cell.shape == "wave":
        shift = (15 * torch.pi * top).sin().sign()  # The sign changes from bin to bin.
    accuracy = (top + cell.error * shift).clamp(0, 1)
    truth = p * ((1 - accuracy) / (1 - top).clamp(min=1e-12))[:, None]
    truth.scatter_(1, winner[:, None], accuracy[:, None])
    return p, truth / truth.sum(1, keepdim=True)


def sharpened(p: Tensor, factor: float) -> Tensor:
    """Return the probabilities of logits that are multiplied by a factor."""
    return (factor * p.log().clamp(min=-700)).softmax(1)


class Population(NamedTuple):
    """What endless data look like: samples whose labels are not drawn, and sums over classes."""

    confidence: Tensor
    correct: Tensor
    gaps_by_class: np.ndarray

    @classmethod
    def of(cls, p: Tensor, truth: Tensor) -> "Population":
        winner = p.argmax(1)
        share = truth.gather(1, winner[:, None])[:, 0]
        of_winner = BinnedCalibrationError().terms(Predictions(p, winner)).columns
        of_other = BinnedCalibrationError().terms(Predictions(p, (winner + 1) % p.shape[1])).columns
        correct = share * of_winner[1] + (1 - share) * of_other[1]
        gaps = (truth - p).numpy()
        first_bin = 15 * torch.arange(p.shape[1])
        cells = (uniform_bin(p.contiguous(), 15) + first_bin).numpy()
        by_class = np.bincount(cells.ravel(), gaps.ravel(), 15 * p.shape[1]) / p.shape[1]
        return cls(of_winner[2], correct, by_class)

    @classmethod
    def joined(cls, parts: list["Population"]) -> "Population":
        confidence, correct, by_class = zip(*parts, strict=True)
        return cls(torch.cat(confidence), torch.cat(correct), np.sum(by_class, axis=0))


def true_errors(population: Population) -> dict[str, float]:
    """Return every measure of endless data."""
    confidence, correct, by_class = population
    n = len(confidence)
    fine = (confidence * 2**15).long().clamp(max=2**15 - 1).numpy()
    residuals = np.bincount(fine, (correct - confidence).numpy(), 2**15)
    distance = weighted_ks_distance(confidence.numpy(), correct.numpy())
    bins = uniform_bin(confidence, 15), quantile_bin(confidence, 15)
    metric = BinnedCalibrationError()
    uniform, quantile = (metric.value(metric.sums_in(b, confidence, correct), n) for b in bins)
    return {
        "ECE": float(uniform),
        "ECE, equal mass": float(quantile),
        "classwise ECE": float(np.abs(by_class).sum() / n),
        "smooth ECE": error_at_its_own_width(residuals / n),
        "KS": float(distance(np.ones((1, n)))[0]),
    }


def truth_of(cell: Cell, n_samples: int) -> dict[str, float]:
    """Return the true value of every measure, or its true change, from so many samples."""
    if not cell.error and cell.sharper is None:
        return dict.fromkeys(MEASURES, 0.0)
    n_parts = max(cell.n_classes // 5, 1)  # All at once would not fit into the memory.
    generator = torch.Generator().manual_seed(0)
    drawn = (draw(cell, n_samples // n_parts, generator) for _ in range(n_parts))
    factors = (1.0,) if cell.sharper is None else (1.0, cell.sharper)
    parts = [[Population.of(sharpened(p, k), truth) for k in factors] for p, truth in drawn]
    after, *before = (
        true_errors(Population.joined(list(part))) for part in zip(*parts, strict=True)
    )
    if not cell.error:
        after = dict.fromkeys(MEASURES, 0.0)
    if not before:
        return after
    return {name: after[name] - before[0][name] for name in MEASURES}


def held(
    cell: Cell,
    n_simulations: int,
    n_resamples: int,
    measures: list[str] | None = None,
    first: int = 0,
    n_true: int = 1_000_000,
) -> dict[str, tuple[float, float]]:
    """Return how often the truth, of so many samples, is below and above the interval."""
    names = measures or list(MEASURES)
    truth = truth_of(cell, n_true)
    missed = {name: [0, 0] for name in names}
    first_seed = zlib.crc32(repr(cell).encode())
    for simulation in range(first, first + n_simulations):
        generator = torch.Generator().manual_seed(first_seed + simulation)
        p, q = draw(cell, cell.n, generator)
        labels = torch.multinomial(q, 1, generator=generator)[:, 0]
        for name in names:
            options = {"n_resamples": n_resamples, "seed": simulation}
            if cell.sharper is None:
                found = bootstrap_interval(MEASURES[name], p, labels, **options)
            else:
                before = sharpened(p, cell.sharper)
                found = paired_difference(MEASURES[name], before, p, labels, **options)
            # An end that is not a number counts as missed.
            missed[name][0] += not found.low - 1e-9 <= truth[name]
            missed[name][1] += not truth[name] <= found.high + 1e-9
    return {
        name: (low / n_simulations, high / n_simulations) for name, (low, high) in missed.items()
    }


class Row(NamedTuple):
    """How many simulations of a cell there were, and how many held the truth of each measure."""

    n_simulations: int
    held: tuple[int, ...]

    @classmethod
    def read(cls, n_simulations: str, *shares: str) -> "Row":
        n = int(n_simulations)
        return cls(n, tuple(round(n * float(share.rstrip("%")) / 100) for share in shares))

    def more(self, cell: Cell, n_simulations: int, n_resamples: int) -> "Row":
        """Return the row after so many simulations in all."""
        n = n_simulations - self.n_simulations
        missed = held(cell, n, n_resamples, first=self.n_simulations)
        new = (n - round(n * sum(missed[name])) for name in MEASURES)
        return Row(n_simulations, tuple(map(sum, zip(self.held, new, strict=True))))

    @property
    def shares(self) -> list[str]:
        return [f"{held / self.n_simulations:.1%}" for held in self.held]


def key_of(cell: Cell) -> tuple[str, ...]:
    """Return what the table says of a cell."""
    sharper = "" if cell.sharper is None else cell.sharper
    return tuple(str(x) for x in (cell.n, cell.n_classes, cell.shape, cell.error, sharper))


def read() -> dict[tuple[str, ...], Row]:
    """Return the rows of the table by what it says of their cells."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {tuple(row[:5]): Row.read(*row[5:]) for row in rows}


def write(rows: dict[tuple[str, ...], Row]) -> None:
    """Write the table, in the order of the cells."""
    header = ["n", "classes", "shape", "error", "sharper before", "simulations", *MEASURES]
    with TABLE.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        for key in filter(rows.__contains__, map(key_of, all_cells())):
            table.writerow([*key, rows[key].n_simulations, *rows[key].shares])


def main(cells: Iterable[Cell], n_simulations: int = 400, n_resamples: int = 200) -> None:
    """Simulate every cell of which the table has fewer simulations, and add it to the table."""
    rows = read()
    for cell in tqdm(list(cells), desc="cells"):
        known = rows.get(key_of(cell), Row(0, (0,) * len(MEASURES)))
        if known.n_simulations < n_simulations:
            rows[key_of(cell)] = known.more(cell, n_simulations, n_resamples)
            write(rows)


if __name__ == "__main__":
    main(all_cells())
