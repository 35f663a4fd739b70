"""The landing page: its figure shows calibkit's numbers, and its first screen has three doors."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import calibkit
from tests.browser import Browser

DOCS = Path(__file__).resolve().parents[1] / "docs"
sys.path.insert(0, str(DOCS))
from make_landing_frames import make_frames  # noqa: E402

pytest_plugins = ("tests.browser",)
SITE = DOCS / "_build" / "html"
FRAMES = DOCS / "landing_frames.json"
BARS = (
    "[...document.querySelectorAll('.landing-after rect')].map((bar) => bar.height.baseVal.value)"
)


@pytest.fixture(scope="module")
def lesson_10() -> SimpleNamespace:
    """Return the test set of the lesson, and the temperature of its calibration set."""
    logits, labels = calibkit.glyphs100_logits(20_000, progress=False)
    logits, labels = logits[:10_000].double(), labels[:10_000]
    parts = calibkit.split_calibration(range(10_000), 1000, seed=0, stratify=labels)
    calibration, test = (list(part.indices) for part in parts)
    scaler = calibkit.TemperatureScaler().fit_logits(logits[calibration], labels[calibration])
    return SimpleNamespace(logits=logits[test], labels=labels[test], best=scaler.temperature)


def test_the_frames_show_the_test_set_of_lesson_10(lesson_10):
    shown = json.loads(FRAMES.read_text(encoding="utf-8"))
    temperatures = lesson_10.best ** (np.arange(21) / 20)
    found = [frame["t"] / 1000 for frame in shown["frames"]]
    assert found == pytest.approx(temperatures, abs=5e-4)
    for t, frame in zip(temperatures, shown["frames"], strict=True):
        probabilities = (lesson_10.logits / t).softmax(1)
        ece = calibkit.calibration_error(probabilities, lesson_10.labels)
        assert frame["ece"] / 1000 == pytest.approx(float(ece), abs=5.1e-4)
        confidence, answer = (part.numpy() for part in probabilities.max(1))
        right = answer == lesson_10.labels.numpy()
        bins = np.minimum((15 * confidence).astype(int), 14)
        inside = [bins == k for k in shown["bins"]]
        assert all(np.sum(these) >= 20 for these in inside)
        accuracy = [right[these].mean() for these in inside]
        mean = [confidence[these].mean() for these in inside]
        # The logits of another processor may move one sample to the next bin.
        moved = 5.1e-4 + np.array([1 / np.sum(these) for these in inside])
        assert (abs(np.array(frame["accuracy"]) / 1000 - accuracy) <= moved).all()
        assert (abs(np.array(frame["confidence"]) / 1000 - mean) <= moved).all()


def test_the_words_of_the_axes_stand_in_their_middle():
    drawn = pytest.importorskip("landing_figure", reason='the extra "docs" is not installed')
    figure = drawn.axes()
    [words] = re.findall(r'<text x="([\d.]+)" [^>]*>confidence<', figure)
    [beside] = re.findall(r"translate\(-14 ([\d.]+)\)[^>]*>accuracy<", figure)
    assert (float(words), float(beside)) == (drawn.WIDTH / 2, drawn.HEIGHT / 2)
    assert re.findall(r">(\d+%)<", figure) == ["0%", "100%", "100%"]


def test_the_script_makes_the_frames_that_are_committed():
    made, kept = (re.split(r"(\d+)", text) for text in (make_frames(), FRAMES.read_text("utf-8")))
    assert made[::2] == kept[::2]  # what is no number
    # Another processor rounds logits in another way, which may move a sample to the next bin.
    differ = [(a, b) for a, b in zip(made[1::2], kept[1::2], strict=True) if a != b]
    assert len(differ) <= len(made[1::2]) / 100


def test_the_words_give_the_numbers_of_the_network(lesson_10):
    words = " ".join((DOCS / "index.rst").read_text(encoding="utf-8").split())
    probabilities = lesson_10.logits.softmax(1)
    accuracy = float(calibkit.accuracy(probabilities, lesson_10.labels))
    assert f"claims to be right in {probabilities.amax(1).mean():.1%}" in words
    assert f"right in only {accuracy:.1%}" in words
    assert f"the best temperature, T = {lesson_10.best:.2f}" in words
    # The figure moves, so the words name no other temperature than the ends of its way.
    ends = [json.loads(FRAMES.read_text(encoding="utf-8"))["frames"][k]["t"] for k in (0, -1)]
    assert re.findall(r"T = ([\d.]+\d)", words) == [f"{t / 1000:.2f}" for t in ends]


def test_the_figure_is_small():
    script = DOCS / "_static" / "landing.js"
    assert script.stat().st_size + FRAMES.stat().st_size < 10_000


@pytest.fixture
def landing(browser, serve):
    """Opens the landing page."""
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")

    def opened() -> Browser:
        browser.open(f"{serve(SITE)}/index.html")
        return browser

    return opened


def heights(number: int) -> list[float]:
    """Return the heights of the bars at one of the frames."""
    frame = json.loads(FRAMES.read_text(encoding="utf-8"))["frames"][number]
    return [225 * share / 1000 for share in frame["accuracy"]]


def wait_for(page: Browser, bars: list[float]) -> None:
    """Wait until no bar is more than a step between two frames away."""
    page.wait(f"return {BARS}.every((height, k) => Math.abs(height - arguments[0][k]) < 2)", bars)


def wait_for_caption(page: Browser, words: str) -> None:
    page.wait("return document.querySelector('.landing-now').textContent === arguments[0]", words)


@pytest.mark.slow
def test_the_diagram_glides_to_the_optimum_and_back(landing):
    page = landing()
    for frame, words in ((-1, "T = 1.47, ECE 1.7%"), (0, "T = 1.00, ECE 14.0%")):
        wait_for(page, heights(10))
        wait_for_caption(page, words)
        wait_for(page, heights(frame))
    label = page.page.locator(".landing-after svg").get_attribute("aria-label")
    assert "moves from T = 1.00" in label
    assert "to T = 1.47" in label
    assert not page.page.locator(".landing-before").is_visible()


@pytest.mark.slow
def test_the_button_stops_the_diagram_and_lets_it_go_on(landing):
    page = landing()
    wait_for(page, heights(5))
    page.page.get_by_role("button", name="Pause").focus()
    page.press("Enter")
    stopped = page.run(f"return {BARS}")
    page.page.wait_for_timeout(2000)  # longer than a rest
    assert page.run(f"return {BARS}") == stopped
    page.page.get_by_role("button", name="Play").click()
    wait_for(page, heights(15))


def assert_before_and_after(page) -> None:
    """Look at a page of playwright that stands still."""
    assert page.locator(".landing-before").is_visible()
    captions = page.locator(".landing-figure figcaption")
    assert [" ".join(text.split()) for text in captions.all_inner_texts()] == [
        "Before: T = 1.00, ECE 14.0%",
        "After: T = 1.47, ECE 1.7%",
    ]
    for figure, frame in (("before", 0), ("after", -1)):
        bars = page.locator(f".landing-{figure} rect")
        found = [float(bars.nth(k).get_attribute("height")) for k in range(bars.count())]
        assert found == pytest.approx(heights(frame), abs=0.06)
    assert page.locator(".landing-before svg").get_attribute("aria-label").endswith("its dot.")
    assert not page.locator(".landing-figure button").is_visible()


@pytest.mark.slow
def test_without_motion_the_page_shows_before_and_after(landing, browser):
    browser.set_media(reduced_motion="reduce")
    page = landing()
    page.page.wait_for_timeout(2000)  # longer than a rest
    assert_before_and_after(page.page)


@pytest.mark.slow
def test_without_scripts_the_page_shows_before_and_after(page_without_scripts, serve):
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")
    page = page_without_scripts
    page.goto(f"{serve(SITE)}/index.html")
    assert_before_and_after(page)


DOORS = {
    "Learn": {"auto_lessons/10_temperature_scaling.html", "course.html"},
    "Calibrate your model": {"calculator.html", "choose.html"},
    "Teach": {"instructors.html", "instructors.html#slides", "students.html"},
}


@pytest.mark.slow
def test_the_first_screen_has_the_figure_and_three_doors(landing, browser):
    browser.resize(1280, 800)
    page = landing().page
    bottom = "(part) => part.getBoundingClientRect().bottom"
    for part in (".landing-words", ".landing-figure"):
        assert page.locator(part).evaluate(bottom) <= 800
    doors = page.locator(".landing-doors .sd-card")
    found = {}
    for k in range(doors.count()):
        door = doors.nth(k)
        assert door.evaluate(bottom) <= 800
        links = door.locator("a")
        found[door.locator(".sd-card-title").inner_text()] = {
            links.nth(i).get_attribute("href") for i in range(links.count())
        }
    assert found == DOORS
    lines = page.locator(".landing-doors pre")
    top = "(part) => part.getBoundingClientRect().top"
    calculator = page.get_by_role("link", name="Use the calculator")
    assert calculator.evaluate(bottom) <= lines.evaluate(top)
    assert lines.inner_text().count("\n") == 3
    assert "Or in Python:" in doors.nth(1).inner_text()
    assert lines.evaluate("(code) => code.scrollWidth <= code.clientWidth")
    lessons = page.locator("#lessons")
    assert lessons.evaluate("(part) => part.getBoundingClientRect().top") > 750


@pytest.mark.slow
@pytest.mark.parametrize(("width", "screens"), [(1280, 2.5), (380, 5.25)])
def test_what_follows_the_first_screen_is_short(width, screens, landing, browser):
    browser.resize(width, 800)
    assert landing().run("return document.documentElement.scrollHeight") <= screens * 800


@pytest.mark.slow
def test_the_page_leads_to_no_place_twice(landing):
    links = landing().run(
        "return [...document.querySelectorAll('.bd-article a.reference')]"
        ".map((link) => link.getAttribute('href'))"
    )
    assert len(links) > 25
    # the first lesson is in the list of all lessons, and is where learners begin
    assert {link for link in links if links.count(link) > 1} <= {
        "auto_lessons/10_temperature_scaling.html"
    }
