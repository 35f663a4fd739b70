"""The playground's numbers are calibkit's, and its page does what it says."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from calibkit import (
    TemperatureScaler,
    accuracy,
    calibration_error,
    glyphs100_logits,
    negative_log_likelihood,
    split_calibration,
)
from tests.browser import pages_alone
from tests.explorables import (
    attributes,
    choose,
    click,
    decode,
    focus_with_tab,
    made_by,
    origins,
    right_end,
    text,
    texts_of_low_contrast,
)

pytest_plugins = ("tests.browser",)
DOCS = Path(__file__).resolve().parents[1] / "docs"
DATA = DOCS / "_static" / "playground" / "data.js"
TEMPERATURES = (0.5, 0.62, 0.8, 1.0, 1.2, 1.4, 1.465, 1.55, 1.8, 2.5, 4.0)
# an image that changes its bin changes the ECE by up to 2 / 9000
ECE_TOLERANCE = 2.5e-4


@pytest.fixture(scope="module")
def logits_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    logits, labels = glyphs100_logits(20_000, progress=False)
    return logits[:12_000], labels[:12_000]


@pytest.fixture(scope="module")
def parts(logits_and_labels) -> tuple[list[int], list[int]]:
    """The calibration set and the test set of the first lesson."""
    labels = logits_and_labels[1][:10_000]
    calibration, test = split_calibration(range(10_000), 1000, seed=0, stratify=labels)
    return calibration.indices, test.indices


@pytest.fixture(scope="module")
def scores(logits_and_labels, parts) -> dict[float, dict[str, float]]:
    """NLL, ECE and accuracy of the test set, by calibkit."""
    logits, labels = (part[parts[1]] for part in logits_and_labels)
    found = {}
    for temperature in TEMPERATURES:
        probabilities = (logits.double() / temperature).softmax(1)
        found[temperature] = {
            "nll": negative_log_likelihood(probabilities, labels),
            "ece": calibration_error(probabilities, labels),
            "accuracy": accuracy(probabilities, labels),
        }
    return found


def test_the_data_file_holds_what_the_script_makes():
    data, columns = decode(DATA.read_text())
    made, remade = decode(made_by("make_playground_data.py"))
    assert data.keys() == made.keys()
    assert len(columns) == len(remade) == 14
    for head, column, again in zip(data["columns"], columns, remade, strict=True):
        # logits differ by roundings from machine to machine, and then by one step at most
        assert column == pytest.approx(again, abs=max(1e-4, 1.01 * head["step"]))
    assert columns[-1].tolist() == remade[-1].tolist()
    assert DATA.stat().st_size < 400_000


def test_the_data_file_gives_the_scores_of_calibkit(scores, parts):
    data, (*coefficients, below, calibrates) = decode(DATA.read_text())
    assert np.flatnonzero(calibrates).tolist() == parts[0]
    low, high = np.log(data["temperatures"])
    right = below[parts[1]] == 0
    for temperature, expected in scores.items():
        x = (2 * math.log(temperature) - low - high) / (high - low)
        rivals = np.exp(chebyshev.chebval(x, np.stack(coefficients)))[parts[1]]
        nll = np.log1p(rivals) + below[parts[1]] / temperature
        assert nll.mean() == pytest.approx(expected["nll"], abs=5e-5)
        confidence = 1 / (1 + rivals)
        gaps = np.bincount(np.minimum(15 * confidence, 14).astype(int), right - confidence)
        ece = np.abs(gaps).sum() / len(right)
        assert ece == pytest.approx(expected["ece"], abs=ECE_TOLERANCE)
        assert right.mean() == expected["accuracy"]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The page alone, in the theme of the site."""
    linked = "auto_lessons/10_temperature_scaling", "auto_lessons/50_proper_scores"
    return pages_alone(["playground"], linked, tmp_path_factory.mktemp("playground"))


@pytest.fixture
def page(browser, serve, site):
    browser.open(f"{serve(site)}/playground.html")
    return browser


def shown(page) -> tuple[str, str, str]:
    return text(page, "pg-t"), text(page, "pg-ece"), text(page, "pg-nll")


def table_of_sets(page) -> dict[int, list[str]]:
    rows = page.run(
        "return [...document.querySelectorAll('#pg-sets tr')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return {int(size): cells for size, *cells in rows}


@pytest.mark.slow
def test_scores_equal_those_of_calibkit(page, scores, parts):
    assert page.run("return playground.test") == parts[1]
    for temperature, expected in scores.items():
        found = page.run("return playground.measure(arguments[0])", temperature)
        assert found["nll"] == pytest.approx(expected["nll"], abs=5e-5)
        assert found["ece"] == pytest.approx(expected["ece"], abs=ECE_TOLERANCE)
        assert found["accuracy"] == pytest.approx(expected["accuracy"])


@pytest.mark.slow
def test_optima_equal_those_of_calibkit(page, logits_and_labels, parts):
    sets = [
        page.run("return playground.draw(arguments[0])", size)
        for size in (50, 50, 50, 100, 300, 1000)
    ]
    assert {len(drawn) for drawn in sets} == {50, 100, 300, 1000}
    assert all(10_000 <= image < 12_000 for drawn in sets for image in drawn)
    logits, labels = logits_and_labels
    for images in [*parts, *sets]:
        expected = TemperatureScaler().fit_logits(logits[images], labels[images]).temperature
        found = page.run("return playground.optimum(arguments[0])", images)
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_the_numbers_of_the_first_lesson_are_shown(page):
    assert shown(page) == ("1.000", "14.0%", "1.552")
    assert text(page, "pg-confidence") == "73.5%"
    assert text(page, "pg-accuracy") == "59.5%"
    click(page, "pg-best")
    page.wait("return document.getElementById('pg-t').textContent === '1.465'")
    assert shown(page) == ("1.465", "1.7%", "1.397")
    assert text(page, "pg-best") == "Optimum, T = 1.465"
    click(page, "pg-unscaled")
    page.wait("return document.getElementById('pg-t').textContent === '1.000'")


@pytest.mark.slow
def test_the_keyboard_moves_the_figure(page):
    moving = [
        ("#pg-diagram rect", "height"),
        ("#pg-diagram circle", "cy"),
        ("#pg-diagram .ex-gap", "d"),
        ("#pg-histogram rect", "height"),
        ("#pg-histogram .ex-dashed", "d"),
        ("#pg-curves circle", "cx"),
        ("#pg-curves circle", "cy"),
    ]
    before = [attributes(page, *part) for part in moving]
    assert len(before[0]) == 15
    focus_with_tab(page, "pg-temperature")
    page.press(*["ArrowRight"] * 10)
    page.wait("return document.getElementById('pg-t').textContent === '1.072'")
    assert all(attributes(page, *part) != old for part, old in zip(moving, before, strict=True))
    hand = page.page.get_by_role("slider", name="Temperature", exact=True)
    assert hand.get_attribute("aria-valuetext") == "1.072"
    assert hand.input_value() == "0.1"
    page.wait("return document.getElementById('pg-words').textContent.includes('1.072')")
    assert "overconfident" in text(page, "pg-words")
    page.press("End")
    page.wait("return document.getElementById('pg-words').textContent.includes('4.000')")
    assert "underconfident" in text(page, "pg-words")
    focus_with_tab(page, "pg-best")
    page.press("Space")
    page.wait("return document.getElementById('pg-words').textContent.includes('1.465')")
    assert "right about as often as it claims" in text(page, "pg-words")


@pytest.mark.slow
def test_the_optimum_is_marked_on_slider_and_curves(page):
    click(page, "pg-best")
    page.wait("return document.getElementById('pg-t').textContent === '1.465'")
    mark, low, high = page.run(
        "const [mark, slider] = ['mark', 'temperature'].map((name) =>"
        " document.getElementById('pg-' + name).getBoundingClientRect());"
        "return [mark.left + mark.width / 2, slider.left + 12, slider.right - 12]"
    )
    share = math.log(1.4654 / 0.5) / math.log(8)
    assert mark == pytest.approx(low + share * (high - low), abs=1)
    lines = [re.match(r"M([\d.]+)", d)[1] for d in attributes(page, "#pg-curves .ex-dashed", "d")]
    drawn = [float(x) for x in lines + attributes(page, "#pg-curves circle", "cx")]
    assert drawn == [pytest.approx(58 + share * 330, abs=0.1)] * 4
    assert "optimum 1.465" in text(page, "pg-curves")


@pytest.mark.slow
def test_the_table_tells_what_the_diagram_shows(page):
    page.wait("return document.querySelectorAll('#pg-bins tr').length === 15")
    rows = page.run(
        "return [...document.querySelectorAll('#pg-bins tr')].map((row) =>"
        " [...row.children].map((cell) => cell.textContent.replaceAll('\\u00a0', ' ')))"
    )
    assert sum(int(row[1]) for row in rows) == 9000
    assert rows[0][1:] == ["0", "none", "none"]
    heights = [float(height) for height in attributes(page, "#pg-diagram rect", "height")]
    for (_, count, share, _), height in zip(rows, heights, strict=True):
        if int(count):
            assert height / 250 == pytest.approx(float(share.removesuffix("%")) / 100, abs=6e-4)


@pytest.mark.slow
def test_draws_accumulate_and_their_spread_is_told(page):
    assert attributes(page, "#pg-strip circle", "cx") == []
    focus_with_tab(page, "pg-draw")
    page.press("Enter")
    assert len(attributes(page, "#pg-strip circle", "cx")) == 1
    page.press("Space")
    focus_with_tab(page, "pg-draw-20")
    page.press("Enter")
    first = attributes(page, "#pg-strip circle", "cx")
    assert len(set(first)) > 15
    assert len(first) == 22
    choose(page, "pg-size", 1000)
    click(page, "pg-draw-20")
    assert attributes(page, "#pg-strip circle", "cx")[:22] == first

    click(page, "pg-reset")
    assert attributes(page, "#pg-strip circle", "cx") == []
    assert table_of_sets(page)[50] == ["0", "", ""]
    choose(page, "pg-size", 50)
    click(page, "pg-draw", 22)
    assert attributes(page, "#pg-strip circle", "cx") == first

    temperatures = page.run(
        "playground.restart();"
        "return Array.from({length: 22}, () => playground.optimum(playground.draw(50)))"
    )
    mean, deviation = f"{np.mean(temperatures):.3f}", f"{np.std(temperatures, ddof=1):.3f}"
    assert table_of_sets(page)[50] == ["22", mean, deviation]
    told = f"22 sets of 50: mean {mean}, standard deviation {deviation}."
    assert text(page, "pg-set-words").endswith(told)
    assert told in text(page, "pg-strip-desc")


@pytest.mark.slow
def test_what_the_three_experiments_promise_comes_true(page):
    def at(temperature: float) -> dict:
        return page.run("return playground.measure(arguments[0])", temperature)

    assert f"{at(1)['confidence']:.1%} {at(4)['confidence']:.1%}" == "73.5% 17.7%"
    assert {f"{at(temperature)['accuracy']:.1%}" for temperature in TEMPERATURES} == {"59.5%"}
    assert at(1.49)["confidence"] > at(1)["accuracy"] > at(1.51)["confidence"]

    walk = [at(2 ** (step / 100)) for step in range(53, 66)]
    nll = np.diff([scores["nll"] for scores in walk])
    ece = np.diff([float(f"{scores['ece']:.3f}") for scores in walk])
    assert np.count_nonzero(np.diff(np.sign(nll))) == 1
    turns = np.sign(ece[ece != 0])
    assert np.count_nonzero(np.diff(turns)) == 3
    assert f"{min(scores['nll'] for scores in walk):.3f}" == "1.396"

    for size in (50, 1000):
        choose(page, "pg-size", size)
        click(page, "pg-draw-20", 5)
    (few, _, wide), (many, _, narrow) = (table_of_sets(page)[size] for size in (50, 1000))
    assert few == many == "100"
    assert float(wide) == pytest.approx(0.16, abs=0.02)
    assert float(narrow) == pytest.approx(0.04, abs=0.005)
    assert float(wide) / float(narrow) == pytest.approx(4, abs=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read_in_both_themes(page, theme):
    page.set_theme(theme)
    n_texts, unreadable = texts_of_low_contrast(page)
    assert n_texts > 50
    assert unreadable == []


@pytest.mark.slow
def test_a_telephone_shows_it_without_scrolling_sideways(page):
    page.resize(380, 800)
    page.run("document.querySelector('.explorable details').open = true")
    click(page, "pg-draw-20")
    assert page.run("return document.documentElement.scrollWidth") == 380
    assert right_end(page) <= 380
    page.run("document.getElementById('pg-curves').scrollIntoView()")
    header, slider = page.run(
        "return ['.bd-header', '#pg-temperature'].map((name) =>"
        " document.querySelector(name).getBoundingClientRect())"
    )
    assert header["bottom"] <= slider["top"] < 200


@pytest.mark.slow
def test_who_wants_less_motion_gets_none(page):
    page.set_media(reduced_motion="reduce")
    click(page, "pg-best")
    assert text(page, "pg-t") == "1.465"
    click(page, "pg-draw")
    new = "return getComputedStyle(document.querySelector('.ex-new')).animationName"
    assert page.run(new) == "none"


@pytest.mark.slow
def test_nothing_comes_from_elsewhere(page):
    found = origins(page)
    assert len(found) > 5
    assert len(set(found)) == 1
