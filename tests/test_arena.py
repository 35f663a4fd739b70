"""The arena in short: its problems, its bookkeeping, and our maps beside SMS on ten problems."""

import csv
import sys
from collections import Counter
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parent / "benchmarks"))  # where its scripts import each other
import arena
import arena_maps
import arena_tables
from arena_problems import all_problems, short_problems
from timing import Report

from calibkit import MatrixScaler, negative_log_likelihood

SHORT = list(short_problems())
FAMILIES = {"logistic regression", "naive Bayes", "random forest", "boosted trees", "MLP", "SVC"}
TWO_CLASSES = "class bias, C=2, n=500"
needs_probmetrics = pytest.mark.skipif(
    find_spec("probmetrics") is None, reason="probmetrics is not installed"
)


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALIBKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """The short form, with the maps of the bars and, where it is installed, probmetrics."""
    names = ["no scaling", "TemperatureScaler", "VectorScaler", "MatrixScaler", "BetaScaler"]
    names.append(arena_tables.CHAMPION)
    if find_spec("probmetrics"):
        names += ["probmetrics SMS", "probmetrics SVS"]
    path = tmp_path_factory.mktemp("arena") / "results.csv"
    arena.run(list(arena.all_cells(SHORT, names)), path, jobs=1)
    return path


def written(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# the problems


def test_there_are_enough_problems_of_every_kind():
    problems = list(all_problems())
    assert len({problem.name for problem in problems}) == len(problems) >= 60
    assert {problem.kind for problem in problems} >= {*FAMILIES, "Glyphs-100", "mixing"}
    sizes = [problem.n for problem in problems]
    classes = [problem.n_classes for problem in problems]
    assert (min(sizes), max(sizes), min(classes), max(classes)) == (100, 5000, 2, 100)


def test_halves_alternate_within_each_kind():
    halves = {}
    for problem in all_problems():
        halves.setdefault(problem.kind, []).append(problem.half)
    for kind in halves.values():
        assert all(one != following for one, following in pairwise(kind))
    counts = Counter(half for kind in halves.values() for half in kind)
    assert abs(counts["A"] - counts["B"]) <= 4


@pytest.mark.parametrize("problem", SHORT, ids=lambda problem: problem.name)
def test_problems_are_the_same_every_time(problem):
    first = problem.draw(problem.n, problem.seed)
    second = problem.draw(problem.n, problem.seed)
    for one, other in zip(first, second, strict=True):
        assert (one == other).all()
    logits, labels = first
    assert logits.shape == (len(labels), problem.n_classes)
    assert set(labels) == set(range(problem.n_classes))
    before = problem.split(2)
    for one, other in zip(before, problem.split(2), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(before[0], problem.split(3)[0])


def test_no_sample_is_in_both_sets():
    problem = next(problem for problem in SHORT if problem.name == TWO_CLASSES)
    calib_logits, calib_labels, test_logits, test_labels = problem.split(0)
    assert (len(calib_logits), len(test_logits)) == (problem.n, 10_000)
    assert (len(calib_labels), len(test_labels)) == (problem.n, 10_000)
    assert calib_logits.dtype == torch.float64
    everything = torch.cat([calib_logits, test_logits])
    assert len(everything.unique(dim=0)) == len(everything)


# the bookkeeping


def cell(map_name: str, problem: str = TWO_CLASSES) -> arena.Cell:
    return arena.Cell(problem, 0, map_name)


def test_a_result_is_what_the_map_gives():
    problem = next(problem for problem in SHORT if problem.name == TWO_CLASSES)
    calib_logits, calib_labels, test_logits, test_labels = problem.split(0)
    scaler = MatrixScaler().fit_logits(calib_logits, calib_labels)
    expected = negative_log_likelihood(scaler(test_logits).softmax(1), test_labels)
    result = arena.compute(cell("MatrixScaler"))
    assert result.nll == pytest.approx(expected, abs=1e-7)
    assert result.refusal == ""


@pytest.mark.parametrize("temperature_refuses", [False, True])
def test_a_refusal_counts_as_what_the_user_falls_back_on(monkeypatch, temperature_refuses):
    def refuse(logits, labels):
        raise ValueError("class 3 has no sample\nand more")

    monkeypatch.setitem(arena_maps.MAPS, "venn-abers", arena_maps.Map(refuse))
    if temperature_refuses:
        monkeypatch.setitem(arena_maps.MAPS, "TemperatureScaler", arena_maps.Map(refuse))
    expected = arena.compute(cell("no scaling" if temperature_refuses else "TemperatureScaler"))
    result = arena.compute(cell("venn-abers"))
    assert result[3:7] == expected[3:7]
    assert result.refusal == "ValueError: class 3 has no sample"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda z: z.softmax(1)[:, :1], id="a class is missing"),
        pytest.param(lambda z: z.softmax(1) * 1.01, id="rows do not sum to 1"),
        pytest.param(lambda z: z.softmax(1) * torch.nan, id="nan"),
    ],
)
def test_predictions_that_are_no_probabilities_count_as_a_refusal(monkeypatch, wrong):
    monkeypatch.setitem(arena_maps.MAPS, "venn-abers", arena_maps.Map(lambda z, y: wrong))
    result = arena.compute(cell("venn-abers"))
    assert result.refusal.startswith("ValueError: predictions")
    assert result.nll == arena.compute(cell("TemperatureScaler")).nll


def test_a_run_goes_on_where_it_was_stopped(monkeypatch, tmp_path):
    path, computed = tmp_path / "results.csv", []
    compute = arena.compute

    def stopped_at_the_third(each):
        if len(computed) == 2:
            raise KeyboardInterrupt
        computed.append(each)
        return compute(each)

    maps = ["no scaling", "TemperatureScaler", "VectorScaler"]
    cells = [cell(name) for name in maps]
    monkeypatch.setattr(arena, "compute", stopped_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        arena.run(cells, path, jobs=1)
    monkeypatch.setattr(arena, "compute", lambda each: computed.append(each) or compute(each))
    arena.run(cells, path, jobs=1)
    assert computed == cells
    found = arena.read(path)
    assert [result.map for result in found] == maps
    assert found[2] == compute(cells[2])._replace(seconds=found[2].seconds)


def test_only_the_maps_that_are_named_are_computed_anew(tmp_path):
    path = tmp_path / "results.csv"
    problem = next(problem for problem in SHORT if problem.name == TWO_CLASSES)
    for name in ("no scaling", "TemperatureScaler"):
        arena.append(arena.compute(cell(name)), path)
    kept, forgotten = arena.read(path)
    arena.forget(["TemperatureScaler"], [problem], path)
    assert arena.read(path) == [kept]
    arena.append(forgotten, path)
    assert arena.read(path) == [kept, forgotten]


# the tables


def test_tie():
    """By less than one standard error, or than .1%."""
    rival = [0.4, 0.5, 0.6, 0.5, 0.5]
    better, a_little_worse, worse = ([x + d for x in rival] for d in (-0.01, 0.0004, 0.01))
    assert arena_tables.beats_or_ties(better, rival)
    assert arena_tables.beats_or_ties(a_little_worse, rival)
    assert not arena_tables.beats_or_ties(worse, rival)
    # worse by .01 on average, with a standard error of .354 times the spread
    for spread, tie in ((0.029, True), (0.028, False)):
        uncertain = [
            x + 0.01 + spread * sign for x, sign in zip(rival, (-1, -0.5, 0, 0.5, 1), strict=True)
        ]
        assert arena_tables.beats_or_ties(uncertain, rival) is tie


@pytest.mark.slow
def test_tables_hold_the_bars_and_the_losses(results, tmp_path):
    arena_tables.write_tables(Report(tmp_path), SHORT, arena.read(results), [])
    champion = arena_tables.CHAMPION
    assert f"{champion} against one temperature, its worst loss" in [
        row["bar"] for row in written(tmp_path, "arena_bars")
    ]
    summary = {row["map"]: row for row in written(tmp_path, "arena_summary")}
    assert summary["TemperatureScaler"]["mean NLL, %"] == "+0.00"
    assert summary["BetaScaler"]["problems"] == "3"
    assert len(written(tmp_path, "arena_losses")) == 10
    assert len(written(tmp_path, "arena_problems")) == 10
    standings = arena_tables.Standings(SHORT, arena.read(results))
    halves = [standings.mean_relative(champion, half) for half in "AB"]
    n = [len(standings.of(champion, half)) for half in "AB"]
    both = sum(a * b for a, b in zip(halves, n, strict=True)) / 10
    assert standings.mean_relative(champion) == pytest.approx(both)


@pytest.mark.slow
@needs_probmetrics
def test_our_map_beats_or_ties_sms_in_half_of_ten_problems(results):
    standings = arena_tables.Standings(SHORT, arena.read(results))
    assert standings.beats_or_ties(arena_tables.CHAMPION, arena_tables.RIVAL) >= 0.5


@pytest.mark.slow
@needs_probmetrics
@pytest.mark.parametrize(
    ("name", "rival"), [("MatrixScaler", "probmetrics SMS"), ("VectorScaler", "probmetrics SVS")]
)
def test_our_mean_nll_is_no_worse_than_the_rivals(results, name, rival):
    standings = arena_tables.Standings(SHORT, arena.read(results))
    assert standings.mean_relative(name) <= standings.mean_relative(rival)
