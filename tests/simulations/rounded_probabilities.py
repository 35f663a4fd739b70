"""How near T comes to the truth if probabilities are rounded, by what a probability of 0 counts as.

Run it with ``python -m tests.simulations.rounded_probabilities``. It prints a table of the
stand-ins for 0 that were tried. The readers of files use a hundredth of the smallest probability.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from calibkit import NoOptimumError, TemperatureScaler
from calibkit._command_line.commands import _MANY_ZEROS

N = 1000
CLASSES = 2, 3, 10, 100
DECIMALS = 2, 3, 4
TEMPERATURES = 0.7, 1.5, 3.0
STAND_INS: dict[str, Callable[[float], float]] = {
    "1e-12": lambda smallest: 1e-12,
    "smallest / 2": lambda smallest: smallest / 2,
    "smallest / 10": lambda smallest: smallest / 10,
    "smallest / 100": lambda smallest: smallest / 100,
    "smallest / 1000": lambda smallest: smallest / 1000,
}


class File(NamedTuple):
    """Rounded probabilities (n, C) with labels (n,), and the temperature that is right for them."""

    p: np.ndarray
    labels: np.ndarray
    temperature: float

    @property
    def is_usable(self) -> bool:
        """Whether few labels have a probability of 0, and at least one other probability is 0."""
        of_labels = self.p[np.arange(len(self.p)), self.labels]
        return bool((self.p == 0).any() and (of_labels == 0).mean() < _MANY_ZEROS)


def draw_file(n_classes: int, decimals: int, temperature: float, seed: int) -> File:
    """Draw labels of a calibrated model, make it wrong by a temperature, and round it."""
    rng = np.random.default_rng([n_classes, decimals, round(10 * temperature), seed])
    z = 2 * rng.standard_normal((N, n_classes))
    labels = (z + rng.gumbel(size=z.shape)).argmax(1)
    p = torch.from_numpy(temperature * z).softmax(1).numpy()
    return File(p.round(decimals), labels, temperature)


def usable_files(seeds: range) -> Iterator[File]:
    """Draw files of every kind, without those that the readers call unusable."""
    for setting in tqdm(list(product(CLASSES, DECIMALS, TEMPERATURES, seeds))):
        file = draw_file(*setting)
        if file.is_usable:
            yield file


def found_with(stand_in: Callable[[float], float], file: File) -> tuple[float, bool]:
    """Return how far log T is from the truth, and whether the interval of T holds the truth."""
    floor = stand_in(float(file.p[file.p > 0].min()))
    logits = np.log(np.maximum(file.p, floor))
    try:
        fitted = TemperatureScaler().fit_logits(logits, file.labels)
    except NoOptimumError:
        return np.inf, False
    low, high = fitted.summary.temperature_interval
    error = abs(np.log(fitted.temperature / file.temperature))
    return float(error), bool(low <= file.temperature <= high)


class Outcome(NamedTuple):
    """How a stand-in does: quantiles of the error of log T, and how many intervals hold T."""

    median: float
    most: float  # the 90% quantile
    covered: float


def outcomes(files: Sequence[File]) -> dict[str, Outcome]:
    """Return how each stand-in does on the files."""
    found = {}
    for name, stand_in in STAND_INS.items():
        errors, covered = zip(*(found_with(stand_in, file) for file in files), strict=True)
        found[name] = Outcome(*np.quantile(errors, [0.5, 0.9]), np.mean(covered))
    return found


def main() -> None:
    """Print how each stand-in does."""
    files = list(usable_files(range(10)))
    print(f"{len(files)} files; error of log T: median and 90% quantile; intervals that hold T")
    for name, (median, most, covered) in outcomes(files).items():
        print(f"{name:15} {median:.3f} {most:.3f} {covered:.1%}")


if __name__ == "__main__":
    main()
