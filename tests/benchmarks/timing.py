"""What the benchmarks against peers share: problems, runs in turn, and a report."""

import argparse
import csv
import gc
import logging
import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from random import Random
from statistics import median

import torch
from torch import Tensor

SLOW = 20.0  # seconds; what takes longer runs once


@contextmanager
def silence() -> Iterator[None]:
    """Keep what the peers print, log and warn of out of the report."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def calibrated_problem(
    n: int, n_classes: int, temperature: float, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Float32 logits, as a network gives them, and labels; the best temperature is near T."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, n_classes, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return temperature * logits, labels


def in_turn(
    calls: Mapping[str, Callable[[], object]], budget: float = 3.0, most: int = 15
) -> dict[str, list[float]]:
    """Seconds of every call, run for run; the runs take turns, so that a busy moment hits all.

    After a first run that is not counted, a call runs up to ``most`` times, fewer where it would
    take more than ``budget`` seconds, and not again where the first run was slow.
    """
    with silence():
        first = {name: _elapsed(call) for name, call in calls.items()}
        gc.freeze()  # imported modules would make every collection slow
        seconds = {name: [took] if took > SLOW else [] for name, took in first.items()}
        runs = {
            name: 0 if took > SLOW else max(1, min(most, int(budget / took)))
            for name, took in first.items()
        }
        shuffled = Random(0)
        for turn in range(max(runs.values())):
            # some leave work behind for whoever comes next: nobody always comes after the same
            for name in shuffled.sample(list(calls), len(calls)):
                if turn < runs[name]:
                    seconds[name].append(_elapsed(calls[name]))
    return seconds


def paired_ratio(seconds: Sequence[float], to: Sequence[float]) -> float:
    """Median over the turns of one call's time in units of another's."""
    return median(a / b for a, b in zip(seconds, to, strict=False))


def peak_memory(call: Callable[[], object]) -> int | None:
    """Peak of the resident memory in a call, in bytes above what was there; None if unknown."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = _status("VmRSS")
        call()
        return _status("VmHWM") - before
    except (OSError, KeyError):  # not Linux, or not allowed
        return None


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = dict(line.split(":", 1) for line in lines)[field].split()[0]
    return 1024 * int(kilobytes)


def installed(contenders: Mapping[str, Callable[[], object]]) -> list[str]:
    """Names of the contenders whose packages are there; the others are said to be left out."""
    names = []
    for name, attempt in contenders.items():
        try:
            with silence():
                attempt()
            names.append(name)
        except ImportError as error:
            print(f"left out: {name} ({error})")
    return names


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a few small problems, to try it")
    parser.add_argument("--output", type=Path, help="a folder to write tables and sentences to")
    return parser.parse_args()


class Report:
    """Prints sentences and tables; with a folder, also writes each to a file named there.

    docs/benchmarks.rst shows the files: a sentence in NAME.inc, a table in NAME.csv.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def say(self, name: str, text: str) -> None:
        print(text, flush=True)
        if self._folder is not None:
            (self._folder / f"{name}.inc").write_text(f"{text}\n", encoding="utf-8")

    def table(
        self, name: str, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        lines = [header, *rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        print(f"\n{title}")
        for line in lines:
            print("  ".join(map(str.ljust, line, widths)).rstrip())
        print(flush=True)
        if self._folder is not None:
            path = self._folder / f"{name}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(lines)

    def machine(self, name: str, packages: Iterable[str]) -> None:
        versions = [f"{package} {version(package)}" for package in packages]
        python = f"Python {platform.python_version()}"
        threads = torch.get_num_threads()
        self.say(
            name,
            f"{cpu()}, {os.cpu_count()} cores; {threads} thread{'s' * (threads > 1)} where not "
            f"said otherwise. {', '.join([python, *versions])}.",
        )


def _elapsed(call: Callable[[], object]) -> float:
    # nobody pays for the garbage of the one before
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start
    finally:
        gc.enable()


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", info.read_text() if info.exists() else "")
    return found[1] if found else platform.processor() or platform.machine()
