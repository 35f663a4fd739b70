"""What the arena's results say: relative NLL, bars, losses, and the tables of docs/arena.rst."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

from arena_maps import MAPS, OURS, PEERS
from arena_problems import N_SPLITS, Problem
from timing import Report

if TYPE_CHECKING:
    from arena import Result

BASELINE = "TemperatureScaler"
RIVAL = "probmetrics SMS"
CHAMPION = "best_scaler"  # what a reader should use if the choice is left to us
SHOWN = ("no scaling", *OURS, "probmetrics SMS", "probmetrics SVS", "probmetrics logistic")
TIE = 0.001  # of the NLL
N_LOSSES = 10
FITTED_AT_PREDICTION = "venn-abers"


class Standings:
    """The results of every map in every problem that all splits are known of."""

    def __init__(self, problems: Iterable[Problem], results: Iterable["Result"]) -> None:
        found = defaultdict[tuple[str, str], list["Result"]](list)
        for result in results:
            found[result.problem, result.map].append(result)
        self.splits = {
            key: sorted(splits, key=lambda result: result.split)
            for key, splits in found.items()
            if len(splits) == N_SPLITS
        }
        self.problems = [problem for problem in problems if (problem.name, BASELINE) in self.splits]
        self.half = {problem.name: problem.half for problem in self.problems}

    @cached_property
    def maps(self) -> list[str]:
        return [name for name in MAPS if self.of(name)]

    def of(self, name: str, half: str = "AB") -> list[str]:
        """Return the problems of a half, or of both, in which a map has taken part."""
        return [
            problem.name
            for problem in self.problems
            if (problem.name, name) in self.splits and problem.half in half
        ]

    def values(self, problem: str, name: str, field: str = "nll") -> list[float]:
        return [getattr(result, field) for result in self.splits[problem, name]]

    def mean(self, problem: str, name: str, field: str = "nll") -> float:
        return fmean(self.values(problem, name, field))

    def relative(self, problem: str, name: str) -> float:
        """NLL of a map relative to that of the temperature: .01 is 1% worse."""
        return self.mean(problem, name) / self.mean(problem, BASELINE) - 1

    def mean_relative(self, name: str, half: str = "AB") -> float:
        taken = self.of(name, half)
        return fmean(self.relative(problem, name) for problem in taken) if taken else math.nan

    def mean_difference(self, name: str, field: str) -> float:
        return fmean(
            self.mean(problem, name, field) - self.mean(problem, BASELINE, field)
            for problem in self.of(name)
        )

    def beats_or_ties(self, name: str, rival: str, half: str = "AB") -> float:
        """Share of the problems in which a map is not clearly worse than its rival."""
        both = [problem for problem in self.of(name, half) if (problem, rival) in self.splits]
        if not both:
            return math.nan
        pairs = [(self.values(problem, name), self.values(problem, rival)) for problem in both]
        return fmean(beats_or_ties(*pair) for pair in pairs)

    def worst(self, name: str) -> tuple[float, str]:
        """Return the largest loss against the temperature and the problem in which it occurs."""
        return max((self.relative(problem, name), problem) for problem in self.of(name))

    def best_peer(self, problem: str) -> tuple[float, str]:
        peers = (peer for peer in PEERS if (problem, peer) in self.splits)
        return min(((self.mean(problem, peer), peer) for peer in peers), default=(math.inf, ""))


def beats_or_ties(nll: Sequence[float], rival: Sequence[float]) -> bool:
    """Whether a map is better than its rival, or worse by less than can be told.

    That is by less than one standard error of the difference over the splits, or than .1%.
    """
    differences = [a - b for a, b in zip(nll, rival, strict=True)]
    error = stdev(differences) / math.sqrt(len(differences))
    return fmean(differences) <= max(error, TIE * fmean(rival))


def write_tables(
    report: Report,
    problems: Sequence[Problem],
    results: Iterable["Result"],
    packages: Collection[str],
) -> None:
    standings = Standings(problems, results)
    if not standings.problems:
        print("no problem is complete")
        return
    report.machine("arena_machine", ["torch", "scikit-learn", *packages])
    halves = [sum(half == name for half in standings.half.values()) for name in "AB"]
    report.say(
        "arena_halves",
        f"There are {len(standings.problems)} problems, {halves[0]} in half A and {halves[1]} in "
        "half B. We chose the default penalties of calibkit beforehand, on 184 other problems "
        "of similar kinds and on the outputs of two networks for CIFAR-100. We chose two rules "
        "on half A: how clear a class bias must be before a linear scaler starts from it, and by "
        "how much best_scaler must beat the simplest scaler. On half B we only report, with one "
        "exception: after the first report, a problem outside the arena showed that linear scalers "
        "should look for class biases one by one, and we chose the form of this rule when we knew "
        "the results on both halves.",
    )
    _write_summary(report, standings)
    _write_measures(report, standings)
    _write_bars(report, standings)
    _write_losses(report, standings)
    _write_problems(report, standings)


def _write_summary(report: Report, standings: Standings) -> None:
    rows = []
    for name in standings.maps:
        taken = standings.of(name)
        worst, where = standings.worst(name)
        refused = sum(r.refusal != "" for p in taken for r in standings.splits[p, name])
        rows.append([
            name,
            str(len(taken)),
            *(_percent(standings.mean_relative(name, half)) for half in ("AB", "A", "B")),
            f"{standings.beats_or_ties(name, RIVAL):.0%}",
            _percent(worst),
            where if worst > 0 else "",
            f"{refused} of {N_SPLITS * len(taken)}",
        ])  # fmt: skip
    header = ["map", "problems", "mean NLL, %", "half A", "half B", "beats or ties SMS"]
    header += ["worst, %", "where", "refused"]
    report.table("arena_summary", "NLL relative to one temperature", header, rows)


def _write_measures(report: Report, standings: Standings) -> None:
    rows = []
    for name in standings.maps:
        seconds = median(
            s for p in standings.of(name) for s in standings.values(p, name, "seconds")
        )
        rows.append([
            name,
            *(f"{100 * standings.mean_difference(name, field):+.2f}"
              for field in ("brier", "classwise", "accuracy")),
            "in the prediction" if name == FITTED_AT_PREDICTION else f"{1000 * seconds:.2g}",
        ])  # fmt: skip
    header = ["map", "Brier score", "classwise ECE", "accuracy", "median fit, ms"]
    title = "Mean differences to one temperature, in points, and time of a fit"
    report.table("arena_measures", title, header, rows)


def _write_bars(report: Report, standings: Standings) -> None:
    rows = []
    for name, rival in (
        ("VectorScaler", "probmetrics SVS"),
        ("MatrixScaler", "probmetrics SMS"),
        ("best_scaler", "probmetrics SVS"),
        ("best_scaler", "probmetrics SMS"),
    ):
        if {name, rival} <= set(standings.maps):
            measured, limit = (standings.mean_relative(each) for each in (name, rival))
            bar = f"mean NLL of {name}, at most that of {rival}"
            rows.append([bar, _percent(limit), _percent(measured), _met(measured <= limit)])
    if RIVAL in standings.maps:
        share = standings.beats_or_ties(CHAMPION, RIVAL)
        bar = f"{CHAMPION} beats or ties SMS, in at least half of the problems"
        rows.append([bar, "50%", f"{100 * share:.0f}%", _met(share >= 0.5)])
    worst, _ = standings.worst(CHAMPION)
    bar = f"{CHAMPION} against one temperature, its worst loss"
    rows.append([bar, _percent(0.005), _percent(worst), _met(worst <= 0.005)])
    largest = [p.name for p in standings.problems if (p.n, p.n_classes) == (5000, 100)]
    times = [s for p in largest for s in standings.values(p, CHAMPION, "seconds")]
    if times:
        bar = f"{CHAMPION}, its longest fit at n = 5000, C = 100"
        rows.append([bar, "60 s", f"{max(times):.1f} s", _met(max(times) <= 60)])
    report.table("arena_bars", "The bars", ["bar", "limit", "measured", "met"], rows)


def _write_losses(report: Report, standings: Standings) -> None:
    """The problems in which our map loses most against the peer that is the best there."""
    losses = []
    for problem in standings.of(CHAMPION):
        best, peer = standings.best_peer(problem)
        losses.append((standings.mean(problem, CHAMPION) / best - 1, problem, best, peer))
    rows = [
        [problem, standings.half[problem], f"{standings.mean(problem, BASELINE):.4f}",
         f"{standings.mean(problem, CHAMPION):.4f}", f"{best:.4f}", peer, _percent(loss)]
        for loss, problem, best, peer in sorted(losses, reverse=True)[:N_LOSSES]
    ]  # fmt: skip
    header = ["problem", "half", "one temperature", CHAMPION, "best peer", "which", "loss, %"]
    title = f"Where {CHAMPION} loses most against the best peer, in NLL"
    report.table("arena_losses", title, header, rows)


def _write_problems(report: Report, standings: Standings) -> None:
    """All maps for the figure and for download, and those that most readers look for."""

    def rows(maps: Sequence[str]) -> list[list[str]]:
        return [
            [problem.name, problem.half, str(problem.n_classes),
             f"{standings.mean(problem.name, BASELINE):.4f}",
             *(_percent(standings.relative(problem.name, name))
               if (problem.name, name) in standings.splits else ""
               for name in maps)]
            for problem in standings.problems
        ]  # fmt: skip

    start = ["problem", "half", "C", "NLL of one temperature"]
    every = [name for name in standings.maps if name != BASELINE]
    shown = [name for name in every if name in SHOWN]
    title = "NLL relative to one temperature, in %, all maps"
    report.table("arena_all_maps", title, [*start, *every], rows(every))
    title = "NLL relative to one temperature, in %"
    report.table("arena_problems", title, [*start, *shown], rows(shown))


def _percent(ratio: float) -> str:
    return f"{100 * ratio:+.2f}"


def _met(met: bool) -> str:
    return "yes" if met else "no"
