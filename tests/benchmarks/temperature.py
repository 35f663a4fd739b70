"""Compare temperature fits: ``python tests/benchmarks/temperature.py [--quick] [--output FOLDER]``.

Over 96 problems, whether each library finds the temperature of least NLL, and how long it takes;
then time and memory of calibkit on a large problem. Libraries that are not installed are left out.
With an output folder, the tables are written there as CSV files.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["OMP_NUM_THREADS"] = "1"

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import brentq, minimize_scalar
from timing import (
    Report,
    arguments,
    calibrated_problem,
    in_turn,
    installed,
    paired_ratio,
    peak_memory,
)
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

import calibkit

torch.set_num_threads(1)

EXACT = 1e-6  # relative error of T
LARGE = 100_000  # logits


class Cell(NamedTuple):
    temperature: float
    n_classes: int
    n: int

    def __str__(self) -> str:
        return f"T* = {self.temperature:g}, C = {self.n_classes}, n = {self.n}"


GRID = [
    Cell(temperature, n_classes, n)
    for temperature in (0.05, 0.2, 0.5, 1, 2, 5, 20, 100)
    for n_classes in (2, 10, 100, 1000)
    for n in (100, 1000, 10_000)
]
QUICK = [
    cell
    for cell in GRID
    if cell.temperature in (0.05, 2, 20) and cell.n_classes in (2, 100) and cell.n < 10_000
]


class Fit(NamedTuple):
    """What a contender did in a cell."""

    error: float  # of T, relative; infinite where it failed
    failed: bool
    worse: bool
    ratio: float  # of time, to calibkit


# the contenders


def fit_calibkit(logits: Tensor, labels: Tensor) -> float:
    return calibkit.TemperatureScaler().fit_logits(logits, labels).temperature


def fit_scipy(logits: Tensor, labels: Tensor) -> float:
    def loss(log_temperature: float) -> float:
        return cross_entropy(logits / math.exp(log_temperature), labels).item()

    bounds = (-math.log(1000), math.log(1000))
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def fit_sklearn(logits: Tensor, labels: Tensor) -> float:
    # what CalibratedClassifierCV(method="temperature") runs on the outputs of a FrozenEstimator
    from sklearn.calibration import _TemperatureScaling

    return 1 / float(_TemperatureScaling().fit(logits.numpy(), labels.numpy()).beta_)


def fit_probmetrics(logits: Tensor, labels: Tensor) -> float:
    from probmetrics.calibrators import TemperatureScalingCalibrator
    from probmetrics.distributions import CategoricalLogits

    calibrator = TemperatureScalingCalibrator()
    calibrator.fit_torch(CategoricalLogits(logits), labels)
    return 1 / float(calibrator.invtemp_)


def fit_netcal(logits: Tensor, labels: Tensor, dtype: torch.dtype) -> float:
    from netcal.scaling import TemperatureScaling

    scaling = TemperatureScaling()
    probabilities = logits.to(dtype).softmax(1)  # it takes no logits
    scaling.fit(probabilities.numpy(), labels.numpy(), tensorboard=False)
    return 1 / scaling.temperature.item()  # its name for 1 / T


def fit_torch_uncertainty(logits: Tensor, labels: Tensor) -> float:
    from torch_uncertainty.post_processing import TemperatureScaler

    scaler = TemperatureScaler()
    scaler.fit([(logits, labels)], progress=False)
    return scaler.temperature[0].item()


class Contender(NamedTuple):
    package: str
    fit: Callable[[Tensor, Tensor], float]


CONTENDERS = {
    "calibkit": Contender("calibkit", fit_calibkit),
    "scipy bounded, torch loss": Contender("scipy", fit_scipy),
    "scikit-learn": Contender("scikit-learn", fit_sklearn),
    "probmetrics, bisection": Contender("probmetrics", fit_probmetrics),
    "netcal, float64": Contender("netcal", partial(fit_netcal, dtype=torch.float64)),
    "netcal, float32": Contender("netcal", partial(fit_netcal, dtype=torch.float32)),
    "torch-uncertainty, LBFGS": Contender("torch-uncertainty", fit_torch_uncertainty),
}


# part one: the grid


def best_temperature(logits: Tensor, labels: Tensor) -> float | None:
    """Where the derivative of the NLL is zero, in float64; None where that is nowhere."""
    z = logits.double()
    z_label = z.gather(1, labels[:, None]).mean()

    def slope(log_inverse: float) -> float:
        expected = (z * math.exp(log_inverse)).softmax(1).mul_(z).sum(1)
        return (expected.mean() - z_label).item()

    low, high = -16, 16
    if not slope(low) < 0 < slope(high):
        return None
    return math.exp(-brentq(slope, low, high, xtol=1e-14, rtol=1e-14))


def problem(cell: Cell) -> tuple[Tensor, Tensor, float]:
    """Of the first seed for which there is a best temperature, with that temperature."""
    drawn = (calibrated_problem(cell.n, cell.n_classes, cell.temperature, seed) for seed in count())
    return next((*pair, best) for pair in drawn if (best := best_temperature(*pair)) is not None)


def measure(cell: Cell, names: Iterable[str]) -> dict[str, Fit]:
    logits, labels, best = problem(cell)
    found: dict[str, float | None] = {}

    def run(name: str) -> None:
        try:
            found[name] = CONTENDERS[name].fit(logits, labels)
        except Exception:  # peers raise all kinds
            found[name] = None

    seconds = in_turn({name: partial(run, name) for name in names})
    exact_logits = logits.double()
    before = cross_entropy(exact_logits, labels).item()

    def judge(name: str) -> Fit:
        temperature = found[name]
        if temperature is None:
            return Fit(math.inf, failed=True, worse=False, ratio=math.nan)
        error = abs(temperature / best - 1)
        after = cross_entropy(exact_logits / temperature, labels).item()
        return Fit(
            error=error if math.isfinite(error) else math.inf,
            failed=False,
            worse=not after <= before,  # also where it is not a number
            ratio=paired_ratio(seconds[name], seconds["calibkit"]),
        )

    return {name: judge(name) for name in names}


def table_row(name: str, fits: dict[Cell, Fit]) -> list[str]:
    errors = [fit.error for fit in fits.values()]
    large = [fit.ratio for cell, fit in fits.items() if cell.n * cell.n_classes >= LARGE]
    faster = [ratio for ratio in large if ratio < 1]
    faster_at_all = sum(fit.ratio < 1 for fit in fits.values())
    return [
        name,
        str(sum(error <= EXACT for error in errors)),
        f"{median(errors):.0e}",
        f"{max(errors):.0e}",
        str(sum(error > 0.01 for error in errors)),
        str(sum(fit.worse for fit in fits.values())),
        str(sum(fit.failed for fit in fits.values())),
        f"{np.nanmedian([fit.ratio for fit in fits.values()]):.2f}",
        f"{faster_at_all} of {len(fits)}",
        f"{len(faster)} of {len(large)}" + (f", down to {min(faster):.2f}" if faster else ""),
    ]


def compare(report: Report, cells: list[Cell], names: Iterable[str]) -> None:
    progress = tqdm(cells, desc="temperature fits", unit="cell")
    measured = {cell: measure(cell, names) for cell in progress}
    rows = [
        table_row(name, {cell: fits[name] for cell, fits in measured.items()}) for name in names
    ]
    header = [
        "fit",
        f"T right to {EXACT:.0e}",
        "error of T: median",
        "largest",
        "T off by > 1%",
        "NLL worse than before",
        "raised",
        "time / calibkit's",
        "faster",
        f"faster where n C >= {LARGE}",
    ]
    report.table(
        "temperature_fits", f"Fits of one temperature, {len(cells)} problems", header, rows
    )
    wins = [
        [str(cell), name, f"{fit.ratio:.2f}"]
        for cell, fits in measured.items()
        for name, fit in fits.items()
        if fit.ratio < 1 and fit.error <= EXACT
    ]
    header = ["problem", "faster than calibkit", "time / calibkit's"]
    title = "Where another fit that reaches the optimum is faster"
    report.table("temperature_faster", title, header, wins or [["none", "", ""]])


# part two: large problems, one with many images and one with a vocabulary for classes


def time_large_fits(report: Report, sizes: list[tuple[int, int]]) -> None:
    rows = [row for n, n_classes in sizes for row in time_large_fit(n, n_classes)]
    header = ["samples", "classes", "threads", "seconds", "in cross-entropies of the same logits"]
    report.table("temperature_large_fit", "Single fits by calibkit, float32", header, rows)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        extra = fresh.submit(extra_memory, *sizes[0]).result()
    took = "was not measured" if extra is None else f"is {extra:.1%} of the memory of the logits"
    report.say(
        "temperature_memory",
        f"The most memory that the first of these fits takes beside its input {took}.",
    )


def time_large_fit(n: int, n_classes: int) -> list[list[str]]:
    logits, labels = calibrated_problem(n, n_classes, temperature=2)
    calls = {
        "fit": lambda: fit_calibkit(logits, labels),
        "loss": lambda: cross_entropy(logits, labels),
    }
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        seconds = in_turn(calls, budget=10)
        ratio = paired_ratio(seconds["fit"], seconds["loss"])
        size = [str(n), str(n_classes), str(threads)]
        rows.append([*size, f"{median(seconds['fit']):.3f}", f"{ratio:.2f}"])
    torch.set_num_threads(1)
    return rows


def extra_memory(n: int, n_classes: int) -> float | None:
    """Peak of the resident memory in a fit, above what was there, in units of the logits."""
    fit_calibkit(*calibrated_problem(100, 10, temperature=2))
    logits, labels = calibrated_problem(n, n_classes, temperature=2)
    peak = peak_memory(partial(fit_calibkit, logits, labels))
    return None if peak is None else peak / logits.nbytes


def main() -> None:
    chosen = arguments(__doc__.partition(":")[0])
    tiny = calibrated_problem(100, 2, temperature=2)
    names = installed(
        {name: partial(contender.fit, *tiny) for name, contender in CONTENDERS.items()}
    )
    packages = ["torch", "numpy", *(CONTENDERS[name].package for name in names)]
    report = Report(chosen.output)
    report.machine("temperature_machine", dict.fromkeys(packages))
    compare(report, QUICK if chosen.quick else GRID, names)
    images = (2000 if chosen.quick else 50_000), 1000
    words = (200 if chosen.quick else 2000), 50_000
    time_large_fits(report, [images, words])


if __name__ == "__main__":
    main()
