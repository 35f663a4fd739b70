"""How often the monitor raises a false alarm, and how soon it finds a shift.

    python -m tests.simulations.monitor

writes docs/simulations/monitor_false_alarms.csv and docs/simulations/monitor_delays.csv, which
docs/benchmarks.rst shows. The monitor is looked at after every label. Streams are drawn from large
pools of samples, for which the payments of all bets are computed once.
"""

import csv
import sys
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor
from tqdm import tqdm

from calibkit import TemperatureScaler, glyphs100_logits
from calibkit.metrics.base import Predictions
from calibkit.monitor._bets import Judged, Outcomes, bets_on, outcomes_of
from calibkit.monitor._evidence import Evidence, Suspicion, log_kept, log_start_shares

FOLDER = Path(__file__).parents[2] / "docs" / "simulations"
STREAMS, LABELS, DELAY, STEP = 2000, 5000, 500, 250
THRESHOLD = -np.log(0.05)
# The streams draw from images that share nothing with the calibration set, which has seed 2.
IMAGES, CLEAN_SEED, SHIFTED_SEED = 20_000, 50, 51
EVENTS = 400_000

Options = dict[str, Any]
Samples = tuple[Tensor, Tensor]
Draw = Callable[[torch.Generator], Samples]


@cache
def temperature() -> float:
    """Return the temperature that was fitted on the test set of Glyphs-100, 10 000 images."""
    found = TemperatureScaler().fit_logits(*glyphs100_logits(progress=False)).temperature
    assert found is not None
    return found


@cache
def glyphs(severity: float, n_images: int = IMAGES) -> Samples:
    """Return the scaled probabilities (N, C) of the embedded model, and the labels."""
    seed = SHIFTED_SEED if severity else CLEAN_SEED
    logits, labels = glyphs100_logits(n_images, seed=seed, severity=severity, progress=False)
    return (logits.double() / temperature()).softmax(1), labels


def labels_of_the_model(generator: torch.Generator, n_images: int = IMAGES) -> Samples:
    """Return each image several times, with labels that have the model's probabilities."""
    p, _ = glyphs(0, n_images)
    times = EVENTS // n_images
    labels = torch.multinomial(p, times, replacement=True, generator=generator)
    return p.repeat_interleave(times, 0), labels.flatten()


def events(error: float, draw: Callable[[Tensor], Tensor], generator: torch.Generator) -> Samples:
    """Return probabilities that are too large by an error, and whether their events happened."""
    p = draw(torch.rand(EVENTS, generator=generator, dtype=torch.float64))
    return p, torch.rand(EVENTS, generator=generator, dtype=torch.float64) < p - error


def uniform(u: Tensor) -> Tensor:
    return u


def confident(u: Tensor) -> Tensor:
    return 0.98 + 0.02 * u


def rare(u: Tensor) -> Tensor:
    return 10 ** (-4 + 2 * u)


def few(u: Tensor) -> Tensor:
    return torch.where(u < 0.5, 0.5, 0.9).double()


class Case(NamedTuple):
    """A kind of stream, and the options of the monitor."""

    name: str
    draw: Draw
    of: Judged = "positive"
    tolerance: float = 0
    n_labels: int = LABELS


def of_images(severity: float, generator: torch.Generator, n_images: int = IMAGES) -> Samples:
    return glyphs(severity, n_images)


CLEAN, SHIFTED = partial(of_images, 0), partial(of_images, 2)
CALIBRATED = [
    Case("events, 0 to 100%", partial(events, 0, uniform)),
    Case("events, 98 to 100%", partial(events, 0, confident)),
    Case("events, 0.01 to 1%", partial(events, 0, rare)),
    Case("events, only 50 and 90%", partial(events, 0, few)),
    Case("Glyphs-100, labels drawn from the model", labels_of_the_model, "top"),
    Case("Glyphs-100, labels drawn from the model", labels_of_the_model, "all"),
    Case("98 to 100%, each 1 point too high", partial(events, 0.01, confident), tolerance=0.01),
    Case("50 and 90%, each 2 points too high", partial(events, 0.02, few), tolerance=0.02),
]
# These temperatures were fitted on a finite set, so the model is only nearly calibrated.
NEARLY_CALIBRATED = [
    Case("Glyphs-100, true labels", CLEAN, of, tolerance, n)
    for n in (LABELS, 50_000)
    for of, tolerance in (("top", 0), ("top", 0.01), ("top", 0.02), ("all", 0))
]
ONSETS = 0, 500, 2000, 10_000
DETECTORS: list[tuple[Judged, float]] = [("top", 0), ("top", 0.01), ("all", 0)]


@cache
def pool(draw: Draw, of: Judged, tolerance: float) -> Outcomes:
    """Return many samples, and what all bets pay for each of them."""
    p, labels = draw(torch.Generator().manual_seed(0))
    if p.ndim == 1:
        p = torch.stack([1 - p, p], 1)
    return outcomes_of(Predictions(p, labels.long()), of, tolerance)


def choose(outcomes: Outcomes, rows: Any) -> Outcomes:
    return Outcomes(*(column[rows] for column in outcomes))


def drawn(outcomes: Outcomes, n: int, rng: np.random.Generator) -> Outcomes:
    """Draw so many samples, each from the whole pool."""
    return choose(outcomes, rng.integers(len(outcomes.confidence), size=n))


def false_alarms(case: Case, n_streams: int) -> int:
    """Count the streams in which there is ever an alarm."""
    return sum(first_alarm_of_a_monitor(case, seed) > 0 for seed in range(n_streams))


def first_alarms(case: Case, n_streams: int) -> np.ndarray:
    """Return after how many labels each of these streams first has an alarm, or 0 if it has none.

    This follows the recursion that defines the wealth, label by label, in all streams at once. That
    takes a tenth of the time of a monitor for each.
    """
    samples = pool(case.draw, case.of, case.tolerance)
    draws = (np.random.default_rng(seed) for seed in range(n_streams))
    streams = [rng.integers(len(samples.confidence), size=case.n_labels) for rng in draws]
    shares = np.array([bet.share for bet in bets_on(case.of)])
    factors = np.exp(samples.log_factors)
    started = np.exp(log_start_shares(0, case.n_labels))
    kept = np.exp(log_kept(np.arange(1, case.n_labels + 1)))
    in_bets = np.zeros((n_streams, len(shares)))
    first = np.zeros(n_streams, dtype=int)
    for i, rows in enumerate(np.stack(streams, 1)):
        in_bets = (in_bets + started[i]) * factors[rows]
        reached = in_bets @ shares + kept[i] >= np.exp(THRESHOLD)
        first[reached & (first == 0)] = i + 1
    return first


def first_alarm_of_a_monitor(case: Case, seed: int) -> int:
    """Return the same for one stream, as the monitor finds it."""
    samples = pool(case.draw, case.of, case.tolerance)
    stream = drawn(samples, case.n_labels, np.random.default_rng(seed))
    return Evidence(bets_on(case.of)).add(stream, THRESHOLD) or 0


def alarms_of_a_repeated_test(n_streams: int, every: int = 100) -> int:
    """Count the streams in which the mean of outcomes differs from that of probabilities.

    The z-test of this difference has the level 5%, and it is made again after so many labels.
    """
    samples = pool(CALIBRATED[0].draw, "positive", 0)
    n_alarms = 0
    for seed in range(n_streams):
        stream = drawn(samples, LABELS, np.random.default_rng(seed))
        p, happened = stream.confidence, stream.happened
        z = np.cumsum(happened - p) / np.sqrt(np.cumsum(p * (1 - p)))
        n_alarms += bool((np.abs(z[every - 1 :: every]) > norm.ppf(0.975)).any())
    return n_alarms


def watch(stream: Outcomes, of: Judged) -> tuple[int | None, Suspicion | None]:
    """Return after how many labels there is an alarm, and what it is about."""
    evidence = Evidence(bets_on(of))
    for start in range(0, len(stream.confidence), STEP):
        before, part = copy(evidence), choose(stream, slice(start, start + STEP))
        at = evidence.add(part, THRESHOLD)
        if at is not None:  # A batch gives the same evidence as single labels.
            before.add(choose(part, slice(0, at - start)), THRESHOLD)
            return at, before.suspicion
    return None, None


class Found(NamedTuple):
    """What happened in streams with a shift, in arrays (streams,)."""

    delay: np.ndarray  # infinite if there was no alarm after the shift
    early: np.ndarray  # whether there was an alarm before the shift
    since: np.ndarray  # how many labels too late the reported beginning is
    right: np.ndarray  # whether the direction is right


def find(
    onset: int,
    of: Judged,
    tolerance: float,
    n_streams: int,
    n_after: int = 3000,
    draws: tuple[Draw, Draw] = (CLEAN, SHIFTED),
) -> Found:
    """Watch streams of clean images and then of severity 2, up to the first alarm."""
    clean, shifted = (pool(draw, of, tolerance) for draw in draws)
    rows = []
    for seed in range(n_streams):
        rng = np.random.default_rng(seed)
        parts = drawn(clean, onset, rng), drawn(shifted, n_after, rng)
        at, suspicion = watch(Outcomes(*map(np.concatenate, zip(*parts, strict=True))), of)
        if at is None or at <= onset:
            rows.append((np.inf, at is not None, np.nan, np.nan))
        else:
            right = suspicion.direction in ("too high", "too extreme")
            rows.append((at - onset, False, suspicion.since - onset, right))
    return Found(*np.array(rows, dtype=float).T)


def rows_of_false_alarms(n_streams: int) -> Iterator[list[object]]:
    """Yield the lines of the first table."""
    for case in tqdm([*CALIBRATED, *NEARLY_CALIBRATED], desc="false alarms"):
        n = n_streams if case in CALIBRATED else n_streams // 4
        n = n if case.n_labels == LABELS else n // 5
        share = f"{false_alarms(case, n) / n:.1%}"
        yield [case.name, case.of, case.tolerance, case.n_labels, n, share]
    share = f"{alarms_of_a_repeated_test(n_streams) / n_streams:.1%}"
    yield ["events, 0 to 100%; a z-test every 100 labels", "", "", LABELS, n_streams, share]


def rows_of_delays(n_streams: int) -> Iterator[list[object]]:
    """Yield the lines of the second table."""
    for onset in tqdm(ONSETS, desc="delays"):
        for of, tolerance in DETECTORS:
            n = n_streams if onset == 0 else n_streams // 2
            found = find(onset, of, tolerance, n)
            delay = found.delay[found.early == 0]
            middle, late = np.quantile(delay, [0.5, 0.9], method="higher")
            low, high = np.nanquantile(found.since, [0.1, 0.9], method="nearest")
            yield [
                *(onset, of, tolerance, n, f"{found.early.mean():.1%}"),
                *(f"{(delay <= DELAY).mean():.1%}", f"{middle:.0f}", f"{late:.0f}"),
                *(f"{low:+.0f} to {high:+.0f}", f"{np.nanmean(found.right):.1%}"),
            ]


TABLES = {
    "false_alarms": (
        ["stream", "of", "tolerance", "labels", "streams", "streams with an alarm"],
        rows_of_false_alarms,
        STREAMS,
    ),
    "delays": (
        [
            *("clean labels before", "of", "tolerance", "streams", "alarm before the shift"),
            *("found within 500 labels", "median delay", "90% of the delays are at most"),
            *("error of since in 80% of the streams", "direction right"),
        ],
        rows_of_delays,
        STREAMS // 2,
    ),
}


def main(names: list[str]) -> None:
    """Write the tables of these names, line by line."""
    for name in names:
        header, rows, n_streams = TABLES[name]
        with (FOLDER / f"monitor_{name}.csv").open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(header)
            for row in rows(n_streams):
                table.writerow(row)
                file.flush()


if __name__ == "__main__":
    main(sys.argv[1:] or list(TABLES))
