"""The explorable on the positions of options shows the numbers of lesson 100."""

import json
import re
from functools import cache

import numpy as np
import pytest
import torch

from calibkit import accuracy, adjust_prior, calibration_error, language_model_answers
from tests.explorables import (
    DOCS,
    attributes,
    choose,
    click,
    decode,
    made_by,
    table_of_choices,
    text,
)

pytest_plugins = ("tests.browser",)
DATA = DOCS / "_static" / "explore" / "option_positions_data.js"
WAYS = ("letters", "listed")
CORRECTIONS = ("none", "prior", "mean")


@cache
def logits(way: str, correction: str) -> torch.Tensor:
    """For each question and order, those of the four places, as lesson 100 computes them."""
    answers = language_model_answers()
    z = answers.letter_logits if way == "letters" else answers.listed_logits
    z = z.double()
    if correction == "prior":
        in_order = [adjust_prior(z[:, k], z[:, k].softmax(1).mean(0), [0.25] * 4) for k in range(4)]
        return torch.stack(in_order, 1)
    if correction == "mean":
        # The lesson takes log_softmax first, which adds the same number to all four options.
        # Without its roundings, options with the same mean stay equal.
        in_first_order = torch.stack([z[:, k].roll(k, 1) for k in range(4)]).mean(0)
        return torch.stack([in_first_order.roll(-k, 1) for k in range(4)], 1)
    return z


@cache
def labels(way: str) -> torch.Tensor:
    """Where the right option stands in each order."""
    answers = language_model_answers()
    return answers.order_labels if way == "letters" else answers.order_labels[answers.is_listed]


def scores(way: str, correction: str, order: int) -> tuple[float, float, float]:
    """Confidence, accuracy and ECE of all questions in one order."""
    p, y = logits(way, correction)[:, order].softmax(1), labels(way)[:, order]
    return p.amax(1).mean().item(), accuracy(p, y), calibration_error(p, y)


def shares(way: str, correction: str) -> torch.Tensor:
    """How often each place is chosen, over all questions and orders."""
    chosen = logits(way, correction).argmax(-1).flatten()
    return chosen.bincount(minlength=4) / len(chosen)


def percents(values) -> list[str]:
    return [f"{100 * float(value):.1f}%" for value in values]


def questions(script: str) -> list[dict]:
    return json.loads(re.search(r"window\.optionQuestions = (.*);", script)[1])


def test_the_data_file_holds_what_the_script_makes():
    assert DATA.read_text() == made_by("make_option_positions_data.py")


def test_the_data_file_holds_the_answers_and_the_questions():
    answers = language_model_answers()
    stored = DATA.read_text()
    for line, way, step in zip(stored.split("// made by")[1:], WAYS, (0, 2**-16), strict=True):
        _, (*columns, right) = decode(line)
        below = np.stack(columns, 1).reshape(-1, 4, 4)
        z = logits(way, "none")
        expected = (z.amax(-1, keepdim=True) - z).numpy()
        assert np.abs(below - expected).max() <= step
        assert right.tolist() == labels(way)[:, 0].tolist()
    for question in questions(stored):
        row = question["rows"]["letters"]
        assert question["text"] == answers.question[row]
        assert question["options"] == answers.options[row].tolist()
        assert question["subject"] == answers.subject[row]
        assert answers.is_listed[row]
        assert question["rows"]["listed"] == answers.is_listed[:row].sum()
    assert len(questions(stored)) == 40


def grid(page) -> list[list[str]]:
    """The probability of each option at each place."""
    texts = page.run(
        "return [...document.querySelectorAll('#op-places text')].map((text) => text.textContent)"
    )
    cells = [cell.replace("\xa0", " ") for cell in texts if cell.endswith("%")]
    return [cells[4 * option : 4 * option + 4] for option in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_scores_are_those_of_calibkit_in_every_order(page, way):
    choose(page, "op-way", way)
    assert f"All {len(labels(way))} questions" in text(page, "op-caption")
    for order in range(4):
        expected = [scores(way, correction, order) for correction in CORRECTIONS]
        assert table_of_choices(page) == [percents(row) for row in expected]
        for correction, row in zip(CORRECTIONS, expected, strict=True):
            found = page.run("return optionPositions.measure(...arguments)", way, correction, order)
            assert list(found.values()) == pytest.approx(row, abs=1e-5)
        click(page, "op-rotate")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_the_bars_show_how_often_each_place_is_chosen(page, way, correction):
    expected = shares(way, correction).tolist()
    choose(page, "op-way", way)
    click(page, f"op-{correction}")
    found = page.run("return optionPositions.shares(...arguments)", way, correction)
    assert found == pytest.approx(expected, abs=1e-6)
    heights = [float(height) / 84 for height in attributes(page, "#op-shares rect", "height")]
    assert heights == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_the_grid_shows_the_probabilities_of_each_option_at_each_place(page, way, correction):
    choose(page, "op-way", way)
    click(page, f"op-{correction}")
    for k in (0, 17, 25):
        choose(page, "op-question", k)
        question = questions(DATA.read_text())[k]
        p = logits(way, correction)[question["rows"][way]].softmax(-1)
        for option, row in enumerate(grid(page)):
            # In order k, the place j holds the option (j + k) % 4.
            assert row == percents(p[(option - place) % 4, place] for place in range(4))
        widths = np.array(attributes(page, "#op-places rect:not(.ex-ring)", "width"), dtype=float)
        by_option = [p[(option - place) % 4, place] for option in range(4) for place in range(4)]
        assert widths / 84 == pytest.approx(np.array(by_option), abs=1e-3)


@pytest.mark.slow
def test_the_button_moves_the_options_and_the_frames(page):
    question = questions(DATA.read_text())[1]
    choose(page, "op-question", 1)
    right = language_model_answers().labels[question["rows"]["letters"]].item()
    for order in [0, 1, 2, 3, 0]:
        names = [question["options"][(place + order) % 4] for place in range(4)]
        listed = ", ".join(f"{name}. {option}" for name, option in zip("ABCD", names, strict=True))
        assert text(page, "op-prompt") == listed
        frames = attributes(page, "#op-places .ex-ring", "display")
        framed = [divmod(i, 4) for i, display in enumerate(frames) if display == "inline"]
        assert framed == [(option, (option - order) % 4) for option in range(4)]
        chosen = logits("letters", "none")[question["rows"]["letters"], order].argmax().item()
        thick = attributes(page, "#op-places .ex-ring", "class").index("ex-ring ex-thick")
        assert divmod(thick, 4) == ((chosen + order) % 4, chosen)
        told = f"the model chooses {'ABCD'[chosen]}, {names[chosen]}, with"
        page.wait(
            "return document.getElementById('op-words').textContent.includes(arguments[0])", told
        )
        place = (right - order) % 4
        if place == chosen:
            assert text(page, "op-words").endswith("This is right.")
        else:
            assert f"The right option is {'ABCD'[place]}, {names[place]}" in text(page, "op-words")
        assert text(page, "op-places-desc").startswith(text(page, "op-words"))
        click(page, "op-rotate")


@pytest.mark.slow
def test_what_is_told_follows_the_choices(page):
    told = "return document.getElementById('op-shares-desc').textContent.replaceAll('\\u00a0', ' ')"
    told += ".startsWith(arguments[0])"
    page.wait(told, f"The model chooses A in {percents(shares('letters', 'none'))[0]}, B in ")
    choose(page, "op-way", "listed")
    page.wait(told, f"The model chooses A in {percents(shares('listed', 'none'))[0]}, B in ")
    page.run("document.getElementById('op-none').focus()")
    page.press("ArrowDown", "ArrowDown")
    page.wait(told, "The model chooses A in 25.0%, B in 25.0%, C in 25.0%, D in 25.0% of")


@pytest.mark.slow
def test_nothing_moves_by_itself(page):
    click(page, "op-rotate")
    click(page, "op-mean")
    assert page.run("return document.getAnimations().length") == 0


def test_what_the_page_says_comes_true():
    assert shares("letters", "none")[2] > 0.9
    at_places = shares("listed", "none")
    assert at_places.argmax() == 3
    assert (at_places.diff() > 0).all()
    means = {
        correction: np.mean([scores("letters", correction, order) for order in range(4)], axis=0)
        for correction in CORRECTIONS
    }
    assert f"{means['none'][0]:.0%}" == "43%"
    eces = [f"{means[correction][2]:.0%}" for correction in CORRECTIONS]
    assert eces == ["18%", "9%", "7%"]
    for correction in CORRECTIONS:
        assert means[correction][1] < 0.26
    for way in WAYS:
        for order in range(4):
            gaps = [
                claimed - right
                for claimed, right, _ in (scores(way, name, order) for name in CORRECTIONS)
            ]
            assert gaps[0] > max(gaps[1:])
