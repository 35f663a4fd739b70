"""The built site: what its pages hold, and what a browser sees of them."""

import base64
import json
import re
import struct
import tomllib
from collections import Counter
from collections.abc import Iterable
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit
from zipfile import ZipFile

import jupytext
import numpy as np
import pytest
import yaml
from PIL import Image

import calibkit
from tests.browser import Browser
from tests.run_lesson import exercise_cells
from tests.test_lessons import QUIZZES, SCRIPTS, tags  # it finds the scripts of docs, too

pytest_plugins = ("tests.browser",)
ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "_build" / "html"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
FETCHED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
# what is wider than its place; code, tables and formulas may scroll in theirs
WIDE = """
const places = ["html", ".bd-main", ".bd-content", ".bd-article-container", ".bd-article"];
return places.filter((name) => {
  const place = document.querySelector(name);
  return place && place.scrollWidth > place.clientWidth + 1;
});
"""
SERIOUS = ("serious", "critical")


class Page(HTMLParser):
    """Links, anchors, images and headings of a page, and what it makes a browser fetch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links, self.ids, self.fetched = [], set(), []
        self.without_alt, self.headings = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in FETCHED and found.get("rel") not in ("canonical", "index", "search"):
            self.fetched += [found[FETCHED[tag]]] if FETCHED[tag] in found else []
        if tag == "img" and not (found.get("alt") or "").strip():
            self.without_alt.append(found.get("src"))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")
    found = sorted(SITE.rglob("*.html"))
    assert len(found) > 60
    return {path: Page(path) for path in found if not {"_static", "slides"} & set(path.parts)}


def target_of(link: str, page: Page) -> tuple[Path, str]:
    parts = urlsplit(link)
    path = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    return (path / "index.html" if path.is_dir() else path), unquote(parts.fragment)


@pytest.mark.slow
def test_every_link_within_the_site_leads_somewhere(pages):
    broken = []
    for page in pages.values():
        for link in page.links:
            if urlsplit(link).scheme:
                continue
            path, anchor = target_of(link, page)
            known = pages[path].ids if path in pages else set()
            if not path.is_file() or (anchor and path.suffix == ".html" and anchor not in known):
                broken.append(f"{page.path.relative_to(SITE)}: {link}")
    assert broken == []


@pytest.mark.slow
def test_no_page_fetches_anything_from_elsewhere(pages):
    assert {
        address
        for page in pages.values()
        for address in page.fetched
        if urlsplit(address).netloc or not target_of(address, page)[0].is_file()
    } == set()
    formulas = [page for page in pages.values() if "formulas.js" in str(page.fetched)]
    assert 10 < len(formulas) < len(pages) / 2  # only where there are formulas
    assert (SITE / "_static" / "tex-svg.js").is_file()
    assert not any("tex-svg.js" in address for page in pages.values() for address in page.fetched)


@pytest.mark.slow
def test_the_site_is_small():
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")
    sizes = {path: path.stat().st_size for path in SITE.rglob("*") if path.is_file()}
    folders = Counter()
    for path, size in sizes.items():
        folders[path.relative_to(SITE).parts[0]] += size
    assert sum(sizes.values()) < 25e6, folders.most_common(8)


@pytest.mark.slow
def test_a_page_shows_its_text_before_scripts_and_large_pictures_come(pages):
    for path, page in pages.items():
        text = path.read_text(encoding="utf-8")
        head = text.partition("</head>")[0]
        assert head.count('rel="stylesheet"') == 1, path
        assert re.findall(r'<script(?![^>]* defer)[^>]* src="[^>]*>', text) == [], path
        assert not re.search(r"_images/[^\"]*\.png", "".join(page.fetched)), path
        figures = re.findall(r"<img[^>]*\.webp[^>]*>", text)
        assert all(" height=" in figure for figure in figures), path
        assert all('loading="lazy"' in figure for figure in figures[1:]), path


@pytest.mark.slow
def test_the_joined_styles_hold_every_icon_that_is_used(pages):
    styles = (SITE / "_static" / "site-styles.css").read_text(encoding="utf-8")
    used = set()
    for path in pages:
        used.update(re.findall(r"fa-(?:solid|brands|regular) (fa-[\w-]+)", path.read_text()))
    assert len(used) > 8
    for icon in used:
        assert f".{icon}{{" in styles, icon
    # code may lose the spans of names, punctuation and blanks only if they have no colour of theirs
    text = set(re.findall(r"\.highlight\s*{[^}]*color:\s*(#\w+)", styles))
    plain = set(re.findall(r"\.highlight \.[npw]\s*{[^}]*color:\s*(#\w+)", styles))
    assert len(plain) == 2
    assert plain <= text
    (font,) = (SITE / "_static").rglob("fa-solid-900.woff2")
    assert 1000 < font.stat().st_size < 10_000


@pytest.mark.slow
def test_no_page_says_how_long_its_code_took_when_the_site_was_built(pages):
    assert [path for path in pages if "running time" in path.read_text(encoding="utf-8")] == []


@pytest.mark.slow
def test_every_image_has_a_text_and_headings_are_in_order(pages):
    for page in pages.values():
        assert page.without_alt == [], page.path
        assert page.headings[:1] == [1], page.path
        steps = zip(page.headings, page.headings[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), page.path
        assert page.headings.count(1) == 1, page.path


@pytest.mark.slow
def test_the_landing_page_lists_every_lesson_with_its_question(pages):
    _, _, below = (SITE / "index.html").read_text().partition('<section id="lessons">')
    items = re.findall(
        r'<li><p><a [^>]*href="auto_lessons/(\w+)\.html">(.*?)</a></p>\s*<p>(.*?)</p>', below, re.S
    )
    expected = re.findall(
        r"\| \[(.*)\]\(notebooks/(.*)\.ipynb\) \| (.*) \| .* \| .* \|",
        (ROOT / "README.md").read_text(),
    )
    found = [(text_within(name), stem, text_within(question)) for stem, name, question in items]
    assert found == expected
    assert [stem for _, stem, _ in found] == [script.stem for script in SCRIPTS]


@pytest.mark.slow
def test_the_list_of_lessons_has_a_figure_for_every_lesson():
    page = (SITE / "auto_lessons" / "index.html").read_text()
    for script in SCRIPTS:
        assert f"sphx_glr_{script.stem}_thumb" in page


def taken_out(notebook: dict) -> list[np.ndarray]:
    """Take the figures out of a notebook, and return their pixels."""
    outputs = [o for cell in notebook["cells"] for o in cell.get("outputs", [])]
    stored = [o["data"].pop("image/png") for o in outputs if "image/png" in o.get("data", ())]
    pictures = [Image.open(BytesIO(base64.b64decode(one))) for one in stored]
    return [np.asarray(picture.convert("RGB"), int) for picture in pictures]


def assert_same_figures(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 8  # of 255


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_page_of_a_lesson_has_its_doors(script, pages):
    page = pages[SITE / "auto_lessons" / f"{script.stem}.html"]
    slug = REPOSITORY.removeprefix("https://github.com/")
    notebook = f"notebooks/{script.stem}.ipynb"
    assert f"https://colab.research.google.com/github/{slug}/blob/main/{notebook}" in page.links
    assert f"https://mybinder.org/v2/gh/{slug}/main?urlpath=lab/tree/{notebook}" in page.links
    assert (ROOT / notebook).is_file()
    downloads = {Path(link).name: link for link in page.links if "_downloads" in link}
    assert downloads.keys() >= {f"{script.stem}.py", f"{script.stem}.ipynb"}
    with ZipFile(target_of(downloads["calibkit_lessons.zip"], page)[0]) as archive:
        names = archive.namelist()
        assert len(names) == 3 * len(SCRIPTS)
        for notebook in (f"{script.stem}.ipynb", f"solutions/{script.stem}.ipynb"):
            stored = json.loads(archive.read(f"calibkit_lessons/{notebook}"))
            original = json.loads((ROOT / "notebooks" / notebook).read_text())
            assert_same_figures(taken_out(stored), taken_out(original))
            assert stored == original
        assert b"import calibkit" in archive.read(f"calibkit_lessons/{script.name}")
    text = page.path.read_text()
    (time,) = re.findall(
        rf"{script.stem}.ipynb\) \| .* \| (.*) \| .* \|", (ROOT / "README.md").read_text()
    )
    times = f"Reading it takes about half an hour. On two cores, its code runs in {time}."
    assert times in " ".join(text_within(text).split())
    assert ('class="left-prev"' in text) or ('class="right-next"' in text)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_solutions_are_one_click_from_the_exercises(script, pages):
    lesson = pages[SITE / "auto_lessons" / f"{script.stem}.html"]
    solutions = SITE / "auto_solutions" / f"{script.stem}_solutions.html"
    assert solutions in {target_of(link, lesson)[0] for link in lesson.links}
    _, _, exercises = lesson.path.read_text().partition('<section id="exercises">')
    guide, _, _ = exercises.partition("</p>")
    assert re.search(rf'href="[^"]*_downloads/[^"]*/{script.stem}\.ipynb"', guide)
    assert f"{script.stem}_solutions.html" in guide
    assert "The questions above ask what you remember" in text_within(guide)
    assert lesson.path in {target_of(link, pages[solutions])[0] for link in pages[solutions].links}
    cells = exercise_cells(jupytext.read(script))
    solution = next(c.source for c in cells if c.cell_type == "code" and "solution" in tags(c))
    assert solution in text_of(solutions)
    assert solution not in text_of(lesson.path)


def text_of(page: Path) -> str:
    return text_within(page.read_text(encoding="utf-8"))


def text_within(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


@pytest.mark.slow
def test_the_sidebar_and_the_list_of_lessons_give_their_numbers(pages):
    lesson = SITE / "auto_lessons" / "20_reading_reliability_diagrams.html"
    _, _, sidebar = lesson.read_text().partition('class="bd-sidebar-primary')
    sidebar, _, _ = sidebar.partition('<main id="main-content"')
    names = re.findall(r'class="toctree-l1.*?<a [^>]*>(.*?)</a>', sidebar, re.DOTALL)
    cards = re.findall(
        r'sphx-glr-thumbnail-title">(.*?)<',
        (SITE / "auto_lessons" / "index.html").read_text(),
    )
    expected = [f"{script.stem.partition('_')[0]} {title_of(script)}" for script in SCRIPTS]
    assert [unescape(name.strip()) for name in names] == expected
    assert [unescape(card) for card in cards] == expected
    assert "<h1>Is this ECE good?" in lesson.read_text()
    neighbours = re.findall(r'prev-next-title">(.*?)<', lesson.read_text())
    assert neighbours == [expected[0], expected[2]]


def title_of(script: Path) -> str:
    return jupytext.read(script).cells[0].source.splitlines()[0]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_terms_lead_to_the_glossary_once(script, pages):
    links = pages[SITE / "auto_lessons" / f"{script.stem}.html"].links
    terms = [link for link in links if "glossary.html#term-" in link]
    assert len(terms) >= 5
    assert len(terms) == len(set(terms))


@pytest.mark.slow
def test_names_lead_to_the_pages_of_other_projects(pages):
    links = {link for page in pages.values() for link in page.links}
    for host in ("docs.python.org", "docs.pytorch.org", "scikit-learn.org", "numpy.org"):
        assert any(urlsplit(link).netloc == host for link in links), host


def test_the_address_of_the_repository_is_the_same_everywhere():
    texts = [
        ROOT / "CITATION.cff",
        ROOT / ".github" / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.rst"),
    ]
    found = {
        address
        for path in texts
        for address in re.findall(r"https://github\.com/[\w-]+/calibkit\b", path.read_text())
    }
    assert found == {REPOSITORY}


def test_every_colour_of_our_own_is_defined_once():
    styles = (ROOT / "docs" / "_static").rglob("*.css")
    found = [
        colour.lower()
        for style in styles
        for colour in re.findall(r"--[\w-]+: (?:var\([\w-]+, )?(#\w+)", without_print(style))
    ]
    assert len(found) == len(set(found)) > 5


def without_print(style: Path) -> str:
    """Return a stylesheet without the colours that the theme has on paper."""
    return re.sub(r"--pst-[\w-]+: #\w+", "", style.read_text(encoding="utf-8"))


def test_the_page_for_instructors_begins_with_the_installation():
    page = (ROOT / "docs" / "instructors.rst").read_text(encoding="utf-8")
    headings = re.findall(r"^(.+)\n-{3,}$", page, re.MULTILINE)
    steps = "Grade a class, step by step"
    assert headings[:3] == ["Installation", "A trial run", steps]
    opening = page.partition("====\n\n")[2].partition("\n\n")[0]
    assert len(re.findall(r"\.(?:\s|$)", opening)) == 3
    section = page.partition(steps)[2].partition("The assignments\n---")[0]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]
    assert numbers == list(range(1, 9))
    named = [
        int(number)
        for number in re.findall(r"\d", " ".join(re.findall(r"steps? [\d and to]+", section)))
    ]
    assert named == [1, 2, 3, 4, 5, 8, 8]


def commands(text: str) -> list[str]:
    """Return the Python commands in the blocks of code of a page."""
    return re.findall(r"^ +(python \w+\.py.*)$", text, re.MULTILINE)


def test_the_steps_of_instructors_begin_with_all_commands_and_none_is_long():
    page = (ROOT / "docs" / "instructors.rst").read_text(encoding="utf-8")
    steps = page.partition("Grade a class, step by step")[2].partition("\nFiles from")[0]
    opening, *each = re.split(r"^\d\. ", steps, flags=re.MULTILINE)
    upload = page.partition("\nUpload grades")[2].partition("\n4. ")[0]
    assert commands(opening) == commands("".join(each)) + commands(upload)[:1]
    assert max(len(step.split()) for step in each) < 275


BULLETS = re.compile(r"^( *)- .*\n(?:(?:\1 +.*)?\n)*(?:\1- .*\n(?:(?:\1 +.*)?\n)*)*", re.MULTILINE)


def lists_of_one(page: str) -> list[str]:
    """Return the item of each list that has no other, here or within another list."""
    page = re.sub(r"^( *)\* - ", r"\1  - ", page, flags=re.MULTILINE)  # the row of a table
    found = []
    for match in BULLETS.finditer(page):
        items = re.findall(rf"^{match[1]}- (.*)", match[0], re.MULTILINE)
        below = re.sub(rf"^{match[1]}- .*\n", "", match[0], flags=re.MULTILINE)
        found += (items if len(items) == 1 else []) + lists_of_one(below)
    return found


def test_a_list_has_several_items_and_code_is_introduced():
    folders = [ROOT / "docs", ROOT / "docs" / "explore", ROOT / "docs" / "api"]
    for path in (path for folder in folders for path in sorted(folder.glob("*.rst"))):
        page = path.read_text(encoding="utf-8")
        assert lists_of_one(page) == [], path
        alone = re.findall(r"(.*[.?])\n\n *\.\. code-block::", page)
        # blocks of the page on the command line show what the command above them has written
        assert alone == [] or path.stem == "command_line", path


def test_a_list_of_one_is_noticed():
    assert lists_of_one("- one\n- two\n") == []
    assert lists_of_one("Text.\n\n   - one\n     goes on\n\nMore.\n") == ["one"]
    assert lists_of_one("- one\n\n  - inner\n\n- two\n") == ["inner"]


def test_the_citation_is_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == REPOSITORY
    assert citation["license"] == project["license"]
    assert citation["version"] == project["version"]
    assert f"version = {{{project['version']}}}" in (ROOT / "docs" / "citing.rst").read_text()
    assert f"\n{project['version']}\n---" in (ROOT / "docs" / "changelog.rst").read_text()


def test_the_api_reference_lists_every_public_name_once():
    pages = "\n".join(path.read_text() for path in (ROOT / "docs" / "api").glob("*.rst"))
    lists = re.findall(r"autosummary::\n(?:   :.*\n)+\n((?:   \w+\n)+)", pages)
    assert sorted(name for names in lists for name in names.split()) == sorted(calibkit.__all__)


@pytest.fixture
def site(browser, serve):
    """Opens a page of the site by its name."""
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")
    address = serve(SITE)

    def opened(name: str):
        browser.open(f"{address}/{name}")
        return browser

    return opened


AXE = {"resultTypes": ["violations"], "preload": False}
COLOURS = ["color-contrast", "link-in-text-block"]
# Colours take axe most of its time. A dark page differs from the light one in them alone.
ALL_BUT_COLOURS = {**AXE, "rules": {key: {"enabled": False} for key in COLOURS}}
ONLY_COLOURS = {**AXE, "runOnly": COLOURS}
# Many pages have one template, and so one set of colours. These show most of them.
RICHEST = {
    "auto_solutions": "20_reading_reliability_diagrams_solutions",
    "generated": "calibkit.TemperatureScaler",
}
# Marks the first text of each look that no page before had, for the rule on contrast. Texts look
# the same if they and all that they stand in have the same tags, classes, colours and sizes, as
# most words of a listing do.
MARK_EACH_NEW_LOOK = """
const [known] = arguments;
const told = ["backgroundColor", "backgroundImage", "color", "display", "filter", "fontSize",
  "fontWeight", "opacity", "position", "textShadow", "visibility"];
const looks = new Map(known.map((look, i) => [look, i]));
const visit = (element, around) => {
  const style = getComputedStyle(element);
  const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  const length = texts.map((node) => node.data.trim()).join("").length;
  const look = [around, element.tagName, element.className, element.getAttribute("style"),
    element.checkVisibility(), Math.min(length, 2), ...told.map((name) => style[name])].join("|");
  const isControl = element.matches("button, input, select, textarea");
  element.toggleAttribute("data-look", isControl || (length > 0 && !looks.has(look)));
  if (!looks.has(look)) looks.set(look, looks.size);
  for (const child of element.children) visit(child, looks.get(look));
};
visit(document.body, "");
axe.configure({ rules: [{ id: "color-contrast", selector: "[data-look]" }] });
return [...looks.keys()].slice(known.length);
"""


@pytest.fixture(scope="module")
def axe_script() -> str:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason='the extra "browser" has axe'
    )
    return axe.Axe().axe_script


def serious_faults(page: Browser, options: dict[str, object]) -> list[str]:
    """Return what axe has against a page in which it was loaded."""
    return [
        f"{page.run('return document.documentElement.dataset.theme')} {fault['id']}: "
        f"{[node['html'][:200] for node in fault['nodes']]}"
        for fault in page.run("return axe.run(arguments[0])", options)["violations"]
        if fault["impact"] in SERIOUS
    ]


def faults_of_colours(page: Browser, looks: list[str]) -> list[str]:
    """Return what axe has against the colours of new looks on a page, in both themes."""
    faults = []
    for theme in ("light", "dark"):
        page.set_theme(theme)
        looks += page.run(MARK_EACH_NEW_LOOK, looks)
        faults += serious_faults(page, ONLY_COLOURS)
    return faults


def faults_seen_by_axe(page: Browser, path: Path, axe_script: str, looks: list[str]) -> list[str]:
    page.set_theme("light")
    page.page.evaluate(axe_script)
    faults = serious_faults(page, ALL_BUT_COLOURS)
    has_own_colours = RICHEST.get(path.parent.name) in (None, path.stem)
    return faults + (faults_of_colours(page, looks) if has_own_colours else [])


# Tables that end outside the place in which they could scroll. A table of seven columns or more may
# do so, if its first column stays.
CUT_TABLES = """
return [...document.querySelectorAll(".bd-article table.table")].filter((table) => {
  const place = table.closest(".pst-scrollable-table-container");
  if (place.scrollWidth <= place.clientWidth + 1) return false;
  const first = table.querySelector("tbody tr > *");
  const columns = first.parentElement.children.length;
  return columns < 7 || getComputedStyle(first).position !== "sticky";
}).map((table) => table.textContent.trim().slice(0, 60));
"""
# formulas that end outside the page or their place, or that had to shrink by more than a quarter
CUT_FORMULAS = """
const right = document.documentElement.clientWidth + 1;
return [...document.querySelectorAll(".bd-article mjx-container")].filter((formula) => {
  const svg = formula.querySelector("svg");
  const { width, right: end } = svg.getBoundingClientRect();
  svg.style.maxWidth = "none";
  const whole = svg.getBoundingClientRect().width;
  svg.style.maxWidth = "";
  return end > right || width < 0.75 * whole || formula.scrollWidth > formula.clientWidth + 1
    && formula.hasAttribute("display");
}).map((formula) => formula.textContent.slice(0, 60));
"""
# Code or output that is wider than its place, and printed tables whose rows break. A table has
# several rows, and two spaces between its columns.
CUT_LINES = """
const isRow = (line) => /\\S {2,}\\S/.test(line ?? "");
return [...document.querySelectorAll(".bd-article pre")].filter((code) => {
  if (code.scrollWidth > code.clientWidth + 1) return true;
  const style = getComputedStyle(code);
  if (style.whiteSpace === "pre") return false;
  const context = document.createElement("canvas").getContext("2d");
  context.font = style.font;
  const place = code.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const lines = code.textContent.split("\\n");
  return lines.some((line, i) =>
    isRow(line) && (isRow(lines[i - 1]) || isRow(lines[i + 1]))
    && context.measureText(line).width > place);
}).map((code) => code.textContent.slice(0, 60));
"""


# Words that do not end on the line on which they begin. They may break behind a hyphen or a slash.
# Addresses may break anywhere, and so may the names in the index, which stand in two columns.
BROKEN_WORDS = """
const apart = "pre, svg, script, .math, .visually-hidden, .external, .indextable"
  + ", .sphx-glr-thumbcontainer span";
const article = document.querySelector(".bd-article-container");
const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
const range = document.createRange();
const broken = [];
for (let text; (text = texts.nextNode());) {
  const place = text.parentElement;
  if (!place.checkVisibility() || place.closest(apart)) continue;
  for (const word of text.data.matchAll(/\\S+/g)) {
    if (word[0].includes("://")) continue;
    for (const part of word[0].matchAll(/[^-\u2013/]+/g)) {
      range.setStart(text, word.index + part.index);
      range.setEnd(text, word.index + part.index + part[0].length);
      const tops = [...range.getClientRects()].filter((box) => box.width).map((box) => box.top);
      if (Math.max(...tops) - Math.min(...tops) > 4) broken.push(part[0]);
    }
  }
}
return broken;
"""
ON_A_TELEPHONE = {
    "wide": WIDE,
    "cut table": CUT_TABLES,
    "cut formula": CUT_FORMULAS,
    "broken word": BROKEN_WORDS,
}


def faults_on_a_telephone(page: Browser) -> list[str]:
    """Return what is wider than the screen, and which tables, formulas and words are cut."""
    page.resize(380, 800)
    if page.run("return document.querySelector('.math') !== null"):
        page.run("dispatchEvent(new Event('beforeprint'))")  # else they wait for the reader
        page.wait("return window.MathJax?.startup?.promise?.then(() => true)")
    return [
        f"{kind}: {found}" for kind, script in ON_A_TELEPHONE.items() for found in page.run(script)
    ]


def _without_most_listings(pages: Iterable[Path]) -> list[Path]:
    """Leave out listings of the source, of which one is like another, but for the longest names."""
    listings = [path for path in pages if "_modules" in path.parts and path.stem != "index"]
    left_out = sorted(listings, key=lambda path: len(path.stem))[:-3]
    return [path for path in pages if path not in left_out]


@pytest.mark.slow
def test_every_page_opens_without_a_fault_and_is_whole_on_each_screen(
    pages, site, browser, axe_script
):
    """One visit of a page serves several checks, because opening it takes longer than most."""
    browser.set_media(reduced_motion="reduce")  # else colours are seen while they change
    faults, looks = [], []
    for path in _without_most_listings(pages):
        browser.resize(1280 - 15, 800)  # the scrollbar, which a headless browser does not draw
        name = str(path.relative_to(SITE))
        page = site(name)
        found = []
        if "_modules" not in path.parts:  # Few read a listing of the source, which may be cut.
            found += [f"cut line: {line}" for line in page.run(CUT_LINES)]
            found += faults_seen_by_axe(page, path, axe_script, looks)
        found += faults_on_a_telephone(page)
        faults += [f"{name}: {fault}" for fault in found]
    assert faults == []


def test_a_long_name_may_break_between_its_parts_and_an_option_nowhere():
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    from breakable_names import with_breaks

    assert with_breaks("glyphs100_logits") == "glyphs100_<wbr>logits"
    assert with_breaks("--force") == '<span class="option-name">--force</span>'
    assert with_breaks("a - b -- c") == "a - b -- c"


@pytest.mark.slow
def test_a_telephone_shows_the_map_of_the_course_in_words(site, browser):
    for width, shown in ((380, [False, True]), (1280, [True, False])):
        browser.resize(width, 800)
        page = site("course.html").page
        parts = ("img.course-map", ".course-map-in-words")
        assert [page.locator(part).is_visible() for part in parts] == shown


@pytest.mark.slow
def test_every_page_has_a_tab(pages, site, browser):
    browser.resize(1280, 800)
    without = set()
    for path in pages:
        header = path.read_text().partition("<header")[2].partition("</header>")[0]
        tabs = re.findall(r'<li class="[^"]*\bcurrent\b', header)
        without |= set() if len(tabs) == 1 else {path.relative_to(SITE).parts[0]}
    assert without == {"index.html", "search.html", "genindex.html", "_modules"}
    marked = [
        site(name).run(
            "const tab = document.querySelector("
            "'.bd-header .nav-item.current > a, .bd-header .dropdown:has(.current) > button');"
            "return [tab.textContent.trim(), getComputedStyle(tab).color]"
        )
        for name in ("course.html", "students.html", "toolkit.html")
    ]
    assert [name for name, _ in marked] == ["More", "More", "Library"]
    assert len({colour for _, colour in marked}) == 1


@pytest.mark.slow
def test_the_change_in_the_example_of_evaluate_is_seen(site, browser):
    browser.resize(1280 - 15, 800)
    page = site("generated/calibkit.evaluate.html")
    example = page.page.locator(".doctest pre").filter(has_text="change")
    assert "-0.230 (-0.290 to -0.175)" in example.text_content()
    assert example.evaluate("(code) => code.scrollWidth <= code.clientWidth")
    assert example.evaluate("(code) => getComputedStyle(code).whiteSpace") == "pre"


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_opens_with_one_box_and_then_its_text(script, site, browser):
    page = site(f"auto_lessons/{script.stem}.html")
    opening = page.run(
        "const box = document.querySelector('.lesson-box');"
        "return [box.previousElementSibling.tagName, box.nextElementSibling.tagName,"
        " [...box.querySelectorAll('dt')].map((term) => term.textContent)]"
    )
    headings = ["What you will do", "What you will learn", "What you need"]
    assert opening == ["H1", "P", [f"{heading}:" for heading in headings]]
    assert page.page.get_by_role("heading", name=re.compile("^What you (will|need)")).count() == 0
    first = jupytext.read(script).cells[0].source.split("\n\n")[1]
    words = re.sub(r"[*`]", "", first).split()[:8]
    text = page.page.locator(".lesson-box + p")
    assert " ".join(text.text_content().split()).startswith(" ".join(words).replace("'", "’"))
    for width, screens in ((1280, 1), (380, 2)):
        browser.resize(width, 800)
        top = text.bounding_box()["y"]
        assert top + 80 <= 800 * screens, f"three lines of the text on screen {screens} at {width}"


@pytest.mark.slow
def test_the_header_is_one_row(site, browser):
    for width in (380, 700, 960, 1000, 1100, 1200, 1280, 1440, 1920):
        browser.resize(width, 800)
        page = site("auto_lessons/10_temperature_scaling.html")
        middles = page.run(
            "const items = '.bd-header :is(.navbar-item, .nav-item, button)';"
            "return [...document.querySelectorAll(items)]"
            ".filter((item) => item.checkVisibility() && item.offsetWidth > 0)"
            ".map((item) => item.getBoundingClientRect())"
            ".map(({ top, bottom, right }) => [(top + bottom) / 2, right])"
        )
        assert len(middles) >= 4
        heights = [middle for middle, _ in middles]
        assert max(heights) - min(heights) < 5, f"{width} pixels"
        assert max(right for _, right in middles) <= width, f"{width} pixels"


@pytest.mark.slow
def test_search_finds_the_first_lesson(site):
    page = site("search.html?q=temperature")
    page.wait(
        "return [...document.querySelectorAll('#search-results li a')].some("
        "(a) => a.pathname === '/auto_lessons/10_temperature_scaling.html')"
    )
    page.page.wait_for_load_state("networkidle")  # it fetches a summary of each


# A busy machine paints the page for the first time after its load event.
LATE_PAINT = """
globalThis.PerformanceObserver = class extends PerformanceObserver {
  constructor(react) { super((...seen) => setTimeout(() => react(...seen), 2000)); }
};
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", LATE_PAINT], ids=["soon", "late"])
def test_the_button_switches_to_dark(site, browser, before):
    browser.page.add_init_script(before)
    page = site("index.html")
    background = "return getComputedStyle(document.body).backgroundColor"
    before = page.run(background)
    page.page.locator(".theme-switch-container:visible button").first.click()
    page.page.locator("button[data-mode=dark]:visible").click()
    assert page.run("return document.documentElement.dataset.theme") == "dark"
    assert page.run(background) != before


@pytest.mark.slow
def test_the_keyboard_begins_with_a_way_to_the_text(site):
    page = site("auto_lessons/10_temperature_scaling.html")
    page.press("Tab")
    assert page.run("return document.activeElement.textContent.trim()") == "Skip to main content"
    page.press("Enter")
    assert page.run("return location.hash") == "#main-content"


def copied(browser, button) -> str:
    """Press a button of a page with the keyboard; returns what the clipboard then holds."""
    browser.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    browser.run("navigator.clipboard.writeText('')")
    button.focus()
    browser.page.wait_for_timeout(400)  # it appears slowly
    assert button.evaluate("(button) => getComputedStyle(button).opacity") == "1"
    browser.press("Enter")
    browser.wait("return navigator.clipboard.readText()")
    return browser.run("return navigator.clipboard.readText()")


@pytest.mark.slow
def test_the_code_of_a_lesson_is_copied_alone_or_with_its_output(site):
    page = site("auto_lessons/10_temperature_scaling.html")
    page.wait("return document.querySelectorAll('button.copybtn').length > 10")
    cell = page.page.locator(".highlight-Python:has(+ .sphx-glr-script-out)").first
    code = cell.locator("pre").text_content().rstrip()
    output = cell.locator("+ .sphx-glr-script-out pre").text_content().rstrip()
    alone = copied(page, cell.get_by_role("button", name="Copy to clipboard"))
    assert alone.rstrip() == code
    both = copied(page, cell.get_by_role("button", name="Copy with output"))
    assert both == "\n".join([code, *(f"# {line}".rstrip() for line in output.split("\n"))])
    compile(both, "copied", "exec")
    assert page.page.get_by_role("status").last.text_content() == "Copied the code and its output."
    assert page.run("return document.activeElement.textContent") == "Copy with output"


@pytest.mark.slow
def test_the_code_of_the_calculator_is_copied(site):
    page = site("calculator.html")
    page.wait("return document.querySelectorAll('button.copybtn').length > 0")
    page.page.click("#cc-example")
    page.page.wait_for_selector("#cc-results:not([hidden])")
    for place, begin in (("install", "python -m pip install "), ("python", "import pandas as pd")):
        code = page.page.locator(f".highlight:has(#cc-{place})")
        text = copied(page, code.get_by_role("button", name="Copy to clipboard"))
        assert text == code.locator("code").text_content()
        assert text.startswith(begin)


@pytest.mark.slow
def test_an_example_of_the_api_is_copied_alone_or_with_its_output(site):
    page = site("generated/calibkit.evaluate.html")
    page.wait("return document.querySelectorAll('button.copybtn').length > 0")
    example = page.page.locator(".doctest").first
    code = copied(page, example.get_by_role("button", name="Copy to clipboard"))
    assert code.splitlines()[-1] == "print(report)"
    both = copied(page, example.get_by_role("button", name="Copy with output"))
    assert both.startswith(code)
    shown = example.locator("pre").text_content().rstrip().partition(">>> print(report)\n")[2]
    assert both.removeprefix(code).strip().split("\n") == [
        f"# {line}".rstrip() for line in shown.split("\n")
    ]
    compile(both, "copied", "exec")


@pytest.mark.slow
def test_code_without_output_has_one_button(site):
    page = site("auto_lessons/10_temperature_scaling.html")
    cells = page.page.locator(".highlight-Python")
    counts = {cells.nth(i).locator(".copy-output").count() for i in range(cells.count())}
    assert counts == {0, 1}


@pytest.mark.slow
def test_the_slider_of_the_playground_moves_the_figure(site):
    page = site("playground.html")
    dots = (
        "return [...document.querySelectorAll('#pg-diagram circle')]"
        ".map((dot) => dot.getAttribute('cy'))"
    )
    page.wait(f"const places = (() => {{{dots}}})(); return places.length > 10")
    before = page.run(dots)
    page.page.get_by_role("slider", name="Temperature", exact=True).press("End")
    page.wait("return document.getElementById('pg-t').textContent === '4.000'")
    assert page.run(dots) != before


@pytest.mark.slow
def test_formulas_are_set_before_the_reader_comes_to_them(site):
    page = site("auto_lessons/10_temperature_scaling.html")
    formulas = "return document.querySelectorAll('mjx-container svg').length"
    assert page.run(formulas) == 0
    page.run("window.scrollTo(0, document.querySelector('.math').offsetTop - 2 * innerHeight)")
    page.wait(f"return document.scrollingElement.scrollTop > 0 && (() => {{{formulas}}})() > 0")


@pytest.mark.slow
def test_who_prints_with_the_keys_gets_formulas(site):
    page = site("auto_lessons/10_temperature_scaling.html")
    page.run(
        "window.print = () => { window.printed = [document.querySelectorAll('.math').length,"
        " document.querySelectorAll('.math mjx-container svg').length]; }"
    )
    page.press("Control+Shift+p", "p")
    assert page.run("return document.querySelectorAll('script[src*=tex-svg]').length") == 0
    page.press("Control+p")
    formulas, are_set = page.wait("return window.printed")
    assert formulas == are_set > 0


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["beforeprint", "mouseleave"])
def test_what_announces_printing_sets_the_formulas(sign, site):
    page = site("auto_lessons/10_temperature_scaling.html")
    page.run(
        "const target = arguments[0] === 'mouseleave' ? document.documentElement : window;"
        "target.dispatchEvent(new Event(arguments[0]));"
        "target.dispatchEvent(new Event(arguments[0]))",
        sign,
    )
    assert page.run("return document.querySelectorAll('script[src*=tex-svg]').length") == 1
    page.wait("return document.querySelectorAll('mjx-container svg').length > 0")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_has_its_theme_before_any_script_of_the_theme(scheme, browser, serve):
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")
    browser.set_media(color_scheme=scheme)
    browser.page.route("**/pydata-sphinx-theme.js*", lambda route: route.fulfill(body=""))
    browser.open(f"{serve(SITE)}/auto_lessons/10_temperature_scaling.html")
    assert browser.run("return document.documentElement.dataset.theme") == scheme
    border = "return getComputedStyle(document.querySelector('.lesson-box')).borderTopWidth"
    assert browser.run(border) == "1px"


@pytest.mark.slow
def test_formulas_are_set_by_the_site_itself(site):
    page = site("generated/calibkit.brier_score.html")
    page.wait("return document.querySelectorAll('mjx-container svg').length > 0")
    origins = page.run(
        "return performance.getEntriesByType('resource').map((e) => new URL(e.name).origin)"
    )
    assert set(origins) == {page.run("return location.origin")}


EXPLANATIONS = """
return [...document.querySelectorAll(".quiz-question")].map((question) =>
  [...question.querySelectorAll(".quiz-explanations > p")]
    .filter((explanation) => explanation.checkVisibility())
    .map((explanation) => [explanation.dataset.correct ?? "note", explanation.textContent]));
"""


# This presses the button of a question, after giving one answer or none.
ANSWER = """
const [number, place, value] = arguments;
const question = document.querySelectorAll(".quiz-question")[number];
const inputs = question.querySelectorAll("input");
if (value !== null) inputs[0].value = value;
else if (place !== null) inputs[place].click();
question.querySelector("button").click();
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_answer_to_a_question_is_explained_in_the_form(script, site):
    """Other tests use the mouse and the keyboard, which takes much longer."""
    page = site(f"auto_lessons/{script.stem}.html")
    questions = json.loads((QUIZZES / f"{script.stem}.json").read_text())
    assert page.run(EXPLANATIONS) == [[] for _ in questions]
    for number, question in enumerate(questions):
        ((kind, _),) = page.run(ANSWER + EXPLANATIONS, number, None, None)[number]
        assert kind == "note"  # nothing has been answered
        for place, answer in enumerate(question["answers"]):
            if question["type"] == "numeric" and "value" not in answer:
                continue
            value = str(answer["value"]) if question["type"] == "numeric" else None
            shown = dict(page.run(ANSWER + EXPLANATIONS, number, place, value)[number])
            assert answer["feedback"] in shown[str(answer.get("correct", False)).lower()]
            if question["type"] == "many_choice":
                page.run(ANSWER, number, place, None)  # This takes the answer back.


HALF = [
    "0.5",
    ".5",
    "0,5",
    "1/2",
    "2 / 4",
    "1,5/3",
    "50%",
    "50%",
    "5e-1",
    " 0.50 ",
    "P = 0.5",
    "50 percent",
]
PERCENTS = ["2", "2%", "2%", "2,0", "4/2", "2 percent"]  # of a question that asks for a percentage
NO_NUMBERS = ["", "half", "1/0", "1/2/3", "0.5.1", "%", "T =", "percent"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "answers", "kind"),
    [
        ("55_two_classes", "Of 100 images that look alike", HALF, "true"),
        ("55_two_classes", "Of 100 images that look alike", ["20%", "1/5"], "false"),
        ("90_cifar100", "What is it in percent", PERCENTS, "true"),
        ("90_cifar100", "What is it in percent", ["0.02"], "false"),
        ("55_two_classes", "Of 100 images that look alike", NO_NUMBERS, "note"),
    ],
)
def test_a_number_may_be_written_in_several_ways(name, words, answers, kind, site):
    page = site(f"auto_lessons/{name}.html")
    block = page.page.locator(".quiz-question").filter(has_text=words)
    shown = block.locator(".quiz-explanations > p:visible")
    for answer in answers:
        block.locator("input").fill(answer)
        block.get_by_role("button").click()
        assert shown.count() == 1, answer
        assert (shown.get_attribute("data-correct") or "note") == kind, answer
        if kind == "note":
            assert shown.inner_text() == "Type a number first, such as 0.25, 1/4 or 25%."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "example"),
    [
        ("55_two_classes", "Of 100 images that look alike", "0.25, 1/4 or 25%"),
        ("90_cifar100", "What is it in percent", "25 or 25%"),
    ],
)
def test_a_question_says_from_the_start_how_one_may_write_a_number(name, words, example, site):
    page = site(f"auto_lessons/{name}.html")
    block = page.page.locator(".quiz-question").filter(has_text=words)
    ways = block.locator(".quiz-ways")
    assert ways.is_visible()
    assert ways.inner_text() == f"Type a number, such as {example}."
    assert block.locator("input").get_attribute("aria-describedby") == ways.get_attribute("id")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "answer", "note"),
    [
        (
            "10_temperature_scaling",
            "What is the ECE?",
            "30",
            "Your answer was read as the number 30. If you mean a share, type it as 0.3 or 30%.",
        ),
        ("10_temperature_scaling", "What is the ECE?", "0.4", None),
        ("10_temperature_scaling", "What is the ECE?", "40%", None),
        ("10_temperature_scaling", "What is the ECE?", "300", None),
        ("10_temperature_scaling", "Which temperature turns them", "30", None),
        ("90_cifar100", "What is it in percent", "30", None),
    ],
)
def test_a_percentage_without_its_sign_is_noticed(name, words, answer, note, site):
    page = site(f"auto_lessons/{name}.html")
    block = page.page.locator(".quiz-question").filter(has_text=words)
    block.locator("input").fill(answer)
    block.get_by_role("button").click()
    assert block.locator(".quiz-explanation:visible").get_attribute("data-correct") == "false"
    assert block.locator(".quiz-note").all_inner_texts() == ([note] if note else [])


@pytest.mark.slow
def test_a_question_says_how_many_more_answers_are_right(site):
    page = site("auto_lessons/55_two_classes.html")
    questions = json.loads((QUIZZES / "55_two_classes.json").read_text())
    number = next(k for k, q in enumerate(questions) if q["type"] == "many_choice")
    answers = questions[number]["answers"]
    right = [k for k, answer in enumerate(answers) if answer["correct"]]
    wrong = [k for k in range(len(answers)) if k not in right]
    assert len(right) == 3
    block = page.page.locator(".quiz-question").nth(number)
    notes = []
    for place in [wrong[0], *right]:
        block.locator("input").nth(place).check()
        block.get_by_role("button").click()
        notes += block.locator(".quiz-note").all_inner_texts()
    assert notes == [
        "Three more answers are right.",
        "Two more answers are right.",
        "One more answer is right.",
    ]


@pytest.mark.slow
def test_a_question_can_be_answered_with_the_keyboard(site):
    page = site("auto_lessons/10_temperature_scaling.html")
    page.page.locator(".quiz-question input").first.focus()
    page.press("Space", "Tab", "Enter")
    assert len(page.run(EXPLANATIONS)[0]) == 1


@pytest.mark.slow
def test_without_scripts_every_explanation_is_shown(page_without_scripts, serve):
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")
    page = page_without_scripts
    page.goto(f"{serve(SITE)}/auto_lessons/10_temperature_scaling.html")
    explanations = page.locator(".quiz-explanation")
    assert explanations.count() > 10
    assert all(explanations.nth(i).is_visible() for i in range(explanations.count()))


# what ends outside its slide, or a figure that is too small to be seen in a classroom
UNSEEN = """
const slide = document.querySelector(".slides > section.present");
const frame = slide.getBoundingClientRect();
const inside = ({ top, left, bottom, right }) =>
  top >= frame.top - 1 && left >= frame.left - 1
  && bottom <= frame.bottom - 20 && right <= frame.right + 1;
const parts = [...slide.querySelectorAll(":scope > :not(.notes), :scope li")];
const small = (part) => part.matches("img") && part.getBoundingClientRect().height < arguments[0];
return parts.filter((part) => !inside(part.getBoundingClientRect()) || small(part))
  .map((part) => part.outerHTML.slice(0, 80));
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_slides_fit_the_screen(script, site, browser):
    browser.resize(1280, 720)
    page = site(f"slides/{script.stem}.html")
    slides = [cell for cell in jupytext.read(script).cells if "slide" in tags(cell)]
    page.wait("return Reveal.isReady()")
    assert page.run("return Reveal.getTotalSlides()") == len(slides)
    for number in range(len(slides)):
        page.run("Reveal.slide(arguments[0])", number)
        page.wait("return document.querySelector('section.present img')?.complete ?? true")
        assert page.run(UNSEEN, 280) == [], f"slide {number + 1}"
    fetched = page.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_slides_can_be_read_on_a_telephone_however_one_holds_it(script, site, browser):
    browser.resize(380, 800)
    page = site(f"slides/{script.stem}.html")
    page.wait("return Reveal.isReady()")
    for width, height, share in ((380, 800, 0.8), (800, 380, 0.99)):
        browser.resize(width, height)
        page.wait(
            "return document.querySelector('.slides').offsetWidth === arguments[0]",
            720 if width < height else 1280,
        )
        for number in range(page.run("return Reveal.getTotalSlides()")):
            page.run("Reveal.slide(arguments[0])", number)
            page.wait("return document.querySelector('section.present img')?.complete ?? true")
            assert page.run(UNSEEN, 80) == [], f"slide {number + 1}"
        slide = page.run("return document.querySelector('.present').getBoundingClientRect().height")
        assert slide >= share * height
        assert page.run("return 32 * Reveal.getScale()") >= 14  # the smallest letters


@pytest.mark.slow
def test_a_slide_that_does_not_fit_is_noticed(site, browser):
    browser.resize(1280, 720)
    page = site("slides/10_temperature_scaling.html")
    page.wait("return Reveal.isReady()")
    page.run("document.querySelector('section.present h2').style.fontSize = '400px'")
    assert page.run(UNSEEN, 280) != []


def told(page: Path) -> dict[str, list[str]]:
    """Return the texts of the tags ``meta`` in a page, by their names."""
    found: dict[str, list[str]] = {}
    for tag in re.findall("<meta [^>]*>", page.read_text(encoding="utf-8")):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        name = attributes.get("name", attributes.get("property"))
        found.setdefault(name, []).append(unescape(attributes.get("content", "")))
    return found


@pytest.mark.slow
def test_every_page_describes_itself(pages):
    descriptions = []
    for path in pages:
        tags = told(path)
        (description,) = tags["description"]
        assert 30 <= len(description) <= 210, path
        assert tags["og:description"] == [description], path
        assert "\\" not in description, path  # no formula
        (title,) = tags["og:title"]
        shown = unescape(re.search(r"<title>([^<]*)", path.read_text())[1]).strip()
        assert re.split(" [\u2014-] calibkit", shown)[0] == title, path
        image = (path.parent / tags["og:image"][0]).resolve()
        assert image == SITE / "_static" / "social_card.png", path
        descriptions.append(description)
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_is_described_by_its_question_and_its_opening(script, pages):
    question, _, *opening = jupytext.read(script).cells[0].source.splitlines()
    (description,) = told(SITE / "auto_lessons" / f"{script.stem}.html")["description"]
    first_words = " ".join(" ".join(opening).replace("*", "").split()[:8])
    assert f"{question} {first_words}" in description.replace("’", "'")


@pytest.mark.slow
def test_a_page_of_the_reference_is_described_by_the_summary(pages):
    tags = told(SITE / "generated" / "calibkit.accuracy.html")
    assert tags["og:title"] == ["calibkit.accuracy"]
    assert tags["description"] == [calibkit.accuracy.__doc__.splitlines()[0]]


@pytest.mark.slow
def test_the_picture_for_others_is_small(pages):
    picture = SITE / "_static" / "social_card.png"
    assert picture.stat().st_size <= 100_000
    assert picture.read_bytes()[16:24] == struct.pack(">II", 1200, 630)


def test_an_address_of_the_site_is_written_only_if_it_is_known():
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    from descriptions import add_tags

    def written(address: str | None) -> str:
        context = {"title": "splits", "pageurl": address, "pathto": lambda name, resource: name}
        app = SimpleNamespace(config=SimpleNamespace(project="calibkit"))
        add_tags(app, "page", "page.html", context, None)
        return context["metatags"]

    assert "og:url" not in written(None)
    assert 'content="_static/social_card.png"' in written(None)
    tags = written("https://example.org/course/page.html")
    assert '"og:url" content="https://example.org/course/page.html"' in tags
    assert 'content="https://example.org/course/_static/social_card.png"' in tags


# What one types, and the titles that are wanted at the top of the results, in this order.
# A build that writes only some of the pages forgets what the directive "index" gave on the others.
# If a search fails, build the site with the option -a.
SEARCHES = {
    "temperature": ["Glossary: temperature", "Lesson 10, Temperature scaling"],
    "ECE": ["Glossary: ECE", "Lesson 20, Reading reliability diagrams"],
    "noise floor": ["Glossary: noise floor", "Lesson 20, Reading", "calibkit.noise_floor"],
    "conformal": ["Lesson 70, Decisions", "calibkit.ConformalSets"],
    "evaluate": ["calibkit.evaluate"],
    "TemperatureScaler": ["calibkit.TemperatureScaler"],
    "leak": ["Lesson 30, Pitfalls", "The toolkit"],
    "teacher": ["Assignments: for instructors"],
    "grade": ["Assignments: for instructors"],
    "label smoothing": ["Lesson 45, Training"],
    "prior shift": ["Glossary: prior shift", "Lesson 65, After release"],
    "Brier": ["Lesson 50, Proper scores", "calibkit.brier_score"],
    "sharpness": ["Lesson 50, Proper scores"],
    "language model": ["Lesson 100, Language model"],
    "logprobs": ["Lesson 100, Language model"],
    "p-value": ["Glossary: p-value"],
}


@pytest.mark.slow
@pytest.mark.parametrize("query", SEARCHES)
def test_the_search_finds_first_what_one_wants(query, site):
    page = site(f"search.html?q={query}")
    page.wait("return /finished|found/.test(document.querySelector('.search-summary').textContent)")
    page.page.wait_for_load_state("networkidle")  # it fetches a summary of each
    found = page.run(
        "return [...document.querySelectorAll('#search-results li > a')]"
        ".map((link) => [link.textContent, link.pathname])"
    )
    places = [
        next((k for k, (title, _) in enumerate(found) if title.startswith(wanted)), None)
        for wanted in SEARCHES[query]
    ]
    assert places[0] == 0, found[:5]
    assert None not in places, found[:5]
    assert places == sorted(places), found[:5]
    assert places[-1] < 5, found[:5]
    solutions = [path.startswith("/auto_solutions/") for _, path in found]
    assert solutions == sorted(solutions)  # they come last
    assert not any(path.startswith("/_modules/") for _, path in found)
    lessons = [title for title, path in found if path.startswith("/auto_lessons/1")]
    assert len(set(lessons)) == len(lessons)


@pytest.mark.slow
def test_the_search_shows_what_a_term_means(site):
    page = site("search.html?q=noise floor")
    first = page.page.locator("#search-results li").first
    summary = first.locator("p.context")
    summary.wait_for()
    assert first.locator("a").inner_text() == "Glossary: noise floor"
    # The page begins as the entry does, whatever this says.
    glossary = (SITE.parents[1] / "glossary.rst").read_text(encoding="utf-8")
    begins = re.search(r"^ +noise floor\n +(.+)$", glossary, re.MULTILINE)
    assert summary.inner_text().startswith(begins[1])
    assert summary.inner_text().endswith(".")


PRINTED = ("index.html", "auto_lessons/10_temperature_scaling.html", "glossary.html")


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_paper_shows_the_text_alone_in_dark_letters(name, theme, site):
    page = site(name)
    page.set_theme(theme)
    page.set_media(media="print")
    around = (
        "header, nav, footer, .bd-sidebar-primary, .bd-sidebar-secondary, button, .headerlink,"
        " .lesson-links, .lesson-links + p"
    )
    assert (
        page.run(
            "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
            ".map((e) => e.outerHTML.slice(0, 80))",
            around,
        )
        == []
    )
    pale = page.run(
        "const letters = document.querySelectorAll('.bd-article :is(p, h1, h2, li, a, dt, pre *)');"
        "return [...letters]"
        ".filter((e) => { const [r, g, b] = getComputedStyle(e).color.match(/\\d+/g).map(Number);"
        "return 0.2126 * r + 0.7152 * g + 0.0722 * b > 130; })"
        ".map((e) => e.outerHTML.slice(0, 80))"
    )
    assert pale == []
    cut = page.run(
        "return [...document.querySelectorAll('.bd-article :is(.highlight, img, .sd-card, dd)')]"
        ".filter((e) => getComputedStyle(e).breakInside !== 'avoid').map((e) => e.className)"
    )
    assert cut == []
    parted = page.run(
        "const below = ':is(.sphx-glr-script-out, .bd-article img, .bd-article svg)';"
        "return [...document.querySelectorAll(`.bd-article [class*='highlight-'] + ${below}`)]"
        ".map((e) => e.previousElementSibling)"
        ".filter((e) => getComputedStyle(e).breakAfter !== 'avoid').map((e) => e.textContent)"
    )
    assert parted == []
    wide = page.run(
        "return [...document.querySelectorAll('.bd-article pre')]"
        ".filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent.slice(0, 60))"
    )
    assert wide == []


@pytest.mark.slow
def test_paper_shows_the_colours_of_keys_and_light_controls(site):
    page = site("explore/option_positions.html")
    page.set_theme("dark")
    page.set_media(media="print")
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert page.run(style, ".ex-key", "printColorAdjust") == "exact"
    assert page.run(style, "#op-prior", "colorScheme") == "light"


@pytest.mark.slow
def test_paper_shows_all_doors_in_one_row(site, browser):
    browser.resize(680, 1000)  # the width of A4 without its margins
    page = site("index.html")
    page.set_media(media="print")
    doors = page.page.locator(".landing-doors .sd-card").all()
    assert len({door.bounding_box()["y"] for door in doors}) == 1
