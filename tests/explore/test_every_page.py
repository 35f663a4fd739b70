"""What holds for every explorable: one screen, a keyboard, a text alternative, no other host."""

import json
import re

import pytest

from tests.explorables import (
    DOCS,
    focus_with_tab,
    origins,
    right_end,
    texts_of_low_contrast,
)

pytest_plugins = ("tests.browser",)
NAMES = sorted(path.stem for path in (DOCS / "explore").glob("*.rst"))
DESCRIPTIONS = "return [...document.querySelectorAll('.explorable desc')].map((e) => e.textContent)"


@pytest.fixture(params=NAMES)
def page(request, browser, serve, site):
    browser.resize(1280, 800)
    browser.open(f"{serve(site)}/explore/{request.param}.html")
    browser.wait(DESCRIPTIONS + ".every(Boolean)")
    return browser


@pytest.mark.parametrize("name", NAMES)
def test_an_explorable_has_its_place(name):
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    from lesson_pages import EXPLORABLES

    of_lessons = {stem for stem, pages in EXPLORABLES.items() if f"explore/{name}" in pages}
    page = (DOCS / "explore" / f"{name}.rst").read_text()
    linked = set(re.findall(r"<(?:/auto_lessons/)(\w+)>", page))
    assert linked
    assert linked <= of_lessons
    listed = (DOCS / "explore.rst").read_text()
    assert f"- :doc:`explore/{name}`: " in listed
    assert f"\n   explore/{name}\n" in listed


DEFINED = {
    "bins_and_noise": {"expected calibration error", "bins", "noise floor"},
    "conformal_sets": {"label", "coverage"},
    "cost_threshold": {"confidence", "threshold", "promised cost", "realised cost", "Scaling"},
    "option_positions": {"confidence", "accuracy", "expected calibration error", "prior"},
    "shifting_prior": {"prior", "expectation maximisation"},
}


@pytest.mark.parametrize("name", NAMES)
def test_its_terms_are_defined_before_they_are_used(name):
    page = (DOCS / "explore" / f"{name}.rst").read_text()
    above, _, _ = page.partition(".. raw:: html")
    emphasised = set(re.findall(r"\*([^*]+)\*", " ".join(above.split())))
    assert emphasised == DEFINED[name]
    for term in ("ECE", "NLL", "EM"):
        in_controls = re.search(rf"\b{term}\b", page.rpartition("</noscript>")[2])
        assert not in_controls or re.search(rf"\b{term}\b", above)


@pytest.mark.parametrize("name", NAMES)
def test_its_files_are_small(name):
    sizes = [path.stat().st_size for path in (DOCS / "_static" / "explore").glob(f"{name}*")]
    assert sizes
    assert max(sizes) < 150_000


@pytest.mark.parametrize("name", NAMES)
def test_without_javascript_the_page_says_what_it_would_show(name):
    page = (DOCS / "explore" / f"{name}.rst").read_text()
    (words,) = re.findall(r"<noscript><p>(.*?)</p></noscript>", page, re.DOTALL)
    assert len(words.split()) > 30
    assert re.search(r"\d", words)


@pytest.mark.slow
def test_it_fits_on_one_screen(page):
    bottoms = page.run(
        "return [...document.querySelectorAll('.bd-article > section > *')]"
        ".map((part) => part.getBoundingClientRect().bottom)"
    )
    assert 500 < max(bottoms) <= 800


@pytest.mark.slow
def test_every_drawing_has_a_title_and_a_description(page):
    drawings = page.run(
        "return [...document.querySelectorAll('.explorable svg')].map((svg) => [svg.role,"
        " ...['labelledby', 'describedby'].map((name) =>"
        " document.getElementById(svg.getAttribute(`aria-${name}`))?.textContent)])"
    )
    assert drawings
    for role, title, description in drawings:
        assert role == "img"
        assert len(title) > 10
        assert len(description) > 10


@pytest.mark.slow
def test_the_keyboard_reaches_and_moves_every_control(page):
    controls = page.run(
        "return [...document.querySelectorAll('.explorable :is(input, select, button)')]"
        ".map((control) => [control.id, control.type, control.labels.length])"
    )
    assert controls
    before = page.run(DESCRIPTIONS)
    for identifier, kind, n_labels in controls:
        assert n_labels == (0 if kind == "button" else 1)
        focus_with_tab(page, identifier)
        value = "return document.activeElement.value"
        old = page.run(value)
        page.press("Enter" if kind == "button" else "ArrowDown")
        if kind != "button":
            assert page.run(value) != old
    told = json.dumps(before, ensure_ascii=False, separators=(",", ":"))
    page.wait(f"return JSON.stringify((() => {{{DESCRIPTIONS}}})()) !== arguments[0]", told)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read_in_both_themes(page, theme):
    page.set_theme(theme)
    n_texts, unreadable = texts_of_low_contrast(page)
    assert n_texts > 20
    assert unreadable == []


@pytest.mark.slow
def test_a_telephone_shows_it_without_scrolling_sideways(page):
    page.resize(380, 800)
    assert page.run("return document.documentElement.scrollWidth") == 380
    assert right_end(page) <= 380


@pytest.mark.slow
def test_who_wants_less_motion_gets_none(page):
    page.set_media(reduced_motion="reduce")
    moving = "return [...document.querySelectorAll('.explorable *')].filter((e) =>"
    moving += " getComputedStyle(e).animationName !== 'none').length"
    for button in page.run(
        "return [...document.querySelectorAll('.explorable button')].map((e) => e.id)"
    ):
        page.run("document.getElementById(arguments[0]).click()", button)
        assert page.run(moving) == 0


@pytest.mark.slow
def test_nothing_comes_from_elsewhere(page):
    found = origins(page)
    assert len(found) > 5
    assert len(set(found)) == 1
