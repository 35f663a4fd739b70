"""Compare maps on many models: ``python tests/benchmarks/arena.py [--output FOLDER] [...]``.

Every map is fitted to the calibration set of every problem, in five splits each, and judged on the
test set. A line of the results is appended as soon as it is known, and a later run goes on where
this one stopped: lines that are there are not computed again, except those of ``--maps``, which
are thrown away first. With an output folder, the tables of docs/arena.rst are written there.

A map that refuses a problem counts as what its user would fall back on: the temperature, or no
scaling where the temperature is refused too.
"""

import os

if __name__ == "__main__":  # before torch is imported; the tests import this file, too
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import csv
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from functools import cache, lru_cache
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch
from arena_maps import MAPS, OURS, PEERS, Predict, no_scaling
from arena_problems import N_SPLITS, Problem, Split, all_problems, short_problems
from arena_tables import write_tables
from filelock import FileLock
from timing import Report, silence
from torch import Tensor
from tqdm import tqdm

import calibkit

ROOT = Path(__file__).parents[2]
LEAST = 1e-12  # of a probability, before its logarithm: for all maps alike
SUM_TOLERANCE = 1e-3  # of a row of probabilities; some peers compute in float32
PACKAGES = {"probmetrics": "probmetrics", "netcal": "netcal", "venn-abers": "venn_abers"}


class Cell(NamedTuple):
    """What one process computes at a time."""

    problem: str
    split: int
    map: str


class Result(NamedTuple):
    """A line of the results."""

    problem: str
    split: int
    map: str
    nll: float
    brier: float
    classwise: float
    accuracy: float
    seconds: float
    refusal: str  # empty where the map could be fitted

    @property
    def cell(self) -> Cell:
        return Cell(self.problem, self.split, self.map)


# one cell


def compute(cell: Cell) -> Result:
    calib_logits, calib_labels, test_logits, test_labels = _split(cell.problem, cell.split)
    start = time.perf_counter()
    try:
        with silence():
            predict = MAPS[cell.map].fit(calib_logits, calib_labels)
            seconds = time.perf_counter() - start
            probabilities = checked(predict(test_logits), test_logits)
        refusal = ""
    except Exception as error:  # whatever a peer raises
        seconds = time.perf_counter() - start
        refusal = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        probabilities = checked(fallback(calib_logits, calib_labels)(test_logits), test_logits)
    measures = measured(probabilities, test_labels)
    return Result(*cell, *(round(measure, 8) for measure in measures), round(seconds, 5), refusal)


@cache
def _problems() -> dict[str, Problem]:
    return {problem.name: problem for problem in all_problems()}


@lru_cache(maxsize=1)  # the cells of a split follow each other
def _split(name: str, split: int) -> Split:
    return _problems()[name].split(split)


def fallback(logits: Tensor, labels: Tensor) -> Predict:
    try:
        return MAPS["TemperatureScaler"].fit(logits, labels)
    except ValueError:
        return no_scaling(logits, labels)


def checked(probabilities: Tensor, logits: Tensor) -> Tensor:
    """Return probabilities in float64, away from 0; raise where they are none."""
    probabilities = torch.as_tensor(probabilities, dtype=torch.float64)
    if probabilities.shape != logits.shape:
        raise ValueError(f"predictions of shape {tuple(probabilities.shape)}")
    if not ((probabilities.sum(1) - 1).abs() < SUM_TOLERANCE).all():
        raise ValueError("predictions that do not sum to 1")
    probabilities = probabilities.clamp(min=LEAST)
    return probabilities / probabilities.sum(1, keepdim=True)


def measured(probabilities: Tensor, labels: Tensor) -> tuple[float, float, float, float]:
    return (
        calibkit.negative_log_likelihood(probabilities, labels),
        calibkit.brier_score(probabilities, labels),
        calibkit.classwise_calibration_error(probabilities, labels),
        calibkit.accuracy(probabilities, labels),
    )


# all cells


def all_cells(problems: Iterable[Problem], maps: Iterable[str]) -> Iterator[Cell]:
    maps = list(maps)
    for problem in problems:
        for split in range(N_SPLITS):
            for name in maps:
                if problem.n_classes <= MAPS[name].most_classes:
                    yield Cell(problem.name, split, name)


def run(cells: Sequence[Cell], path: Path, jobs: int) -> None:
    """Compute the cells that the file lacks and append each as soon as it is known."""
    known = {result.cell for result in read(path)}
    missing = [cell for cell in cells if cell not in known]
    pool = ProcessPoolExecutor(jobs, get_context("spawn")) if jobs > 1 else nullcontext()
    with pool as executor:
        if executor is None:
            results = map(compute, missing)
        else:
            done = as_completed([executor.submit(compute, cell) for cell in missing])
            results = (future.result() for future in done)
        for result in tqdm(results, desc="arena", unit="fit", total=len(missing), mininterval=2):
            append(result, path)


def read(path: Path) -> list[Result]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Result(
                line["problem"],
                int(line["split"]),
                line["map"],
                *(float(line[field]) for field in Result._fields[3:-1]),
                line["refusal"],
            )
            for line in csv.DictReader(file)
        ]


def append(result: Result, path: Path) -> None:
    with FileLock(f"{path}.lock"):  # another run may renew its maps in the same file
        is_new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([Result._fields, result] if is_new else [result])


def forget(maps: Iterable[str], problems: Iterable[Problem], path: Path) -> None:
    """Remove the results of these maps in these problems from the file."""
    forgotten, names = set(maps), {problem.name for problem in problems}
    if not path.exists():
        return
    with FileLock(f"{path}.lock"):
        kept = [r for r in read(path) if r.map not in forgotten or r.problem not in names]
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([Result._fields, *kept])
        unfinished.replace(path)


def installed_maps() -> list[str]:
    """Return the maps whose packages are there; the others are said to be left out."""
    missing = [peer for peer, module in PACKAGES.items() if find_spec(module) is None]
    for peer in missing:
        print(f"left out: {peer}, which is not installed")
    return [name for name in MAPS if not name.startswith(tuple(missing))]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="ten small problems, to try it")
    parser.add_argument("--output", type=Path, help="a folder to write tables and sentences to")
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / "data" / "arena.csv",
        help="the file of all results (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--maps",
        nargs="+",
        metavar="NAME",
        choices=[*MAPS, "calibkit", "peers"],
        help="compute only these maps, and these anew: calibkit, peers, or " + ", ".join(MAPS),
    )
    return parser.parse_args()


def main() -> None:
    torch.set_num_threads(1)
    chosen = arguments()
    problems = list(short_problems() if chosen.quick else all_problems())
    maps = installed_maps()
    chosen.results.parent.mkdir(parents=True, exist_ok=True)
    if chosen.maps:
        groups = {"calibkit": OURS, "peers": PEERS}
        named = {name for entry in chosen.maps for name in groups.get(entry, [entry])}
        maps = [name for name in maps if name in named]
        forget(maps, problems, chosen.results)
    run(list(all_cells(problems, maps)), chosen.results, chosen.jobs)
    packages = [name for name in PACKAGES if find_spec(PACKAGES[name])]
    write_tables(Report(chosen.output), problems, read(chosen.results), packages)


if __name__ == "__main__":
    main()
