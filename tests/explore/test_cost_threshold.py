"""The explorable on the cost threshold shows the costs of lesson 70."""

import re

import numpy as np
import pytest

from tests.explorables import attributes, choose, lesson_test_set, text

pytest_plugins = ("tests.browser",)
COSTS = (1.1, 2.0, 3.3, 5.0, 12.5, 20.0)
GRID = np.arange(201) / 200


@pytest.fixture(scope="module")
def networks() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Confidences, and which answers are right."""
    before, after, labels = lesson_test_set()
    return {
        name: (p.amax(1).numpy(), (p.argmax(1) == labels).numpy())
        for name, p in (("before", before), ("after", after))
    }


def costs(confidence, right, threshold: float, cost: float) -> tuple[float, float, float]:
    """The share handed over, the promised cost and the realised cost, as in lesson 70."""
    handed_over = confidence < threshold
    promised = np.where(handed_over, 1, cost * (1 - confidence))
    realised = np.where(handed_over, 1, cost * ~right)
    return handed_over.mean(), promised.mean(), realised.mean()


def table(page) -> dict[str, list[float]]:
    rows = page.run(
        "return [...document.querySelectorAll('#ct-costs tr')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return {
        heading.split()[0]: [float(x) for cell in cells for x in re.findall(r"[\d.]+", cell)]
        for heading, *cells in rows
    }


@pytest.mark.slow
@pytest.mark.parametrize("cost", COSTS)
def test_costs_are_those_of_the_lesson(page, networks, cost):
    choose(page, "ct-cost", cost)
    assert text(page, "ct-chosen") == f"{cost:.1f}"
    assert text(page, "ct-threshold") == f"{1 - 1 / cost:.3f}"
    shown = table(page)
    assert shown.keys() == networks.keys()
    for name, network in networks.items():
        handed_over, *two_costs = costs(*network, 1 - 1 / cost, cost)
        realised = [costs(*network, threshold, cost)[2] for threshold in GRID]
        share, *shown_costs, lowest, at = shown[name]
        assert share == pytest.approx(100 * handed_over, abs=0.07)
        assert shown_costs == pytest.approx(two_costs, abs=7e-4)
        assert lowest == pytest.approx(min(realised), abs=7e-4)
        # Other thresholds may be as cheap up to one image.
        assert costs(*network, at, cost)[2] == pytest.approx(min(realised), abs=cost * 2 / 9000)


@pytest.mark.slow
@pytest.mark.parametrize("cost", [2.0, 10.0])
@pytest.mark.parametrize("name", ["before", "after"])
def test_the_curves_show_the_cost_of_every_threshold(page, networks, name, cost):
    choose(page, "ct-cost", cost)
    expected = np.array([costs(*networks[name], threshold, cost) for threshold in GRID])
    for colour, column in (("ex-vermilion", 1), ("ex-blue", 2)):
        (path,) = attributes(page, f"#ct-{name} .ex-curve.{colour}", "d")
        drawn = np.array([pair.split() for pair in path[1:].split("L")], dtype=float)
        below_the_top = expected[:, column] <= 1.6
        assert drawn[:, 0] == pytest.approx(58 + 330 * GRID[below_the_top], abs=0.01)
        assert (174 - drawn[:, 1]) / 166 * 1.6 == pytest.approx(
            expected[below_the_top, column], abs=2e-3
        )
    (line,) = attributes(page, f"#ct-{name} .ex-line.ex-dashed", "d")
    x = 58 + 330 * (1 - 1 / cost)
    assert float(re.match(r"M([\d.]+)", line)[1]) == pytest.approx(x, abs=0.01)
    (dot,) = attributes(page, f"#ct-{name} .ex-hand", "cx")
    assert float(dot) == pytest.approx(x, abs=0.01)
    (height,) = attributes(page, f"#ct-{name} .ex-hand", "cy")
    realised = costs(*networks[name], 1 - 1 / cost, cost)[2]
    assert (174 - float(height)) / 166 * 1.6 == pytest.approx(realised, abs=2e-3)
    (ring,) = attributes(page, f"#ct-{name} .ex-ring", "cx")
    assert float(ring) == pytest.approx(58 + 330 * table(page)[name][4], abs=0.01)


def test_what_the_page_says_comes_true(networks):
    def realised(name: str, threshold: float, cost: float) -> float:
        return costs(*networks[name], threshold, cost)[2]

    for cost in np.arange(11, 201) / 10:
        chosen = 1 - 1 / cost
        lowest = min(realised("after", threshold, cost) for threshold in GRID)
        assert realised("after", chosen, cost) - lowest < 0.02
        _, promised, paid = costs(*networks["after"], chosen, cost)
        assert paid == pytest.approx(promised, abs=0.02)
        if cost >= 6:
            assert realised("before", chosen, cost) > 1
        if cost > 1.2:
            assert (
                costs(*networks["before"], chosen, cost)[0]
                < costs(*networks["after"], chosen, cost)[0]
            )
    assert realised("before", 0.8, 5) < 1
    for name, told in (("before", "0.613 0.878"), ("after", "0.805 0.812")):
        _, promised, paid = costs(*networks[name], 1 - 1 / 3.3, 3.3)
        assert f"{promised:.3f} {paid:.3f}" == told


@pytest.mark.slow
def test_the_words_say_what_the_drawings_show(page, networks):
    choose(page, "ct-cost", 10)
    page.wait("return document.getElementById('ct-words').textContent.includes('10.0 times')")
    for name, network in networks.items():
        handed_over, promised, realised = costs(*network, 0.9, 10)
        told = (
            f"{100 * handed_over:.1f}% of the images are handed over, and an image costs "
            f"{realised:.3f} instead of the promised {promised:.3f}."
        )
        assert told in text(page, "ct-words")
        assert told in text(page, f"ct-{name}-desc")
