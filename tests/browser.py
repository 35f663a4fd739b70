"""A real browser for tests: ``pytest_plugins = ("tests.browser",)`` gives the fixture ``browser``.

Headless Chromium, driven by playwright; pages come from conftest's ``serve``. Where either is
missing, tests are skipped and say so.
"""

import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
CONF = """
project = html_title = "calibkit"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_favicon = "icon.svg"
html_context = {"default_mode": "light"}
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {"**": []}
html_theme_options = {
    "navbar_center": [],  # The titles of these pages would need more than the one row of the site.
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
"""
ALL_SCRIPTS_LOADED = "html:not([data-scripts=awaited])"  # docs/light_pages.py sets it.
# Without the windows and menus of the whole browser, a page opens in half the time.
CHROMIUM = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome",
)  # fmt: skip


class Browser:
    """What tests do with a page; ``page`` is playwright's."""

    def __init__(self, page):
        self.page = page
        self.faults: list[str] = []
        page.on("console", self._note_error)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("requestfailed", self._note_failure)
        page.on("response", self._note_refusal)

    def _note_error(self, message) -> None:
        if message.type == "error":
            self.faults.append(f"{self.page.url}: {message.text}")

    def _note_failure(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the test went on to another page
            self.faults.append(f"{request.url}: {request.failure}")

    def _note_refusal(self, response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.url}: {response.status}")

    def open(self, address: str) -> None:
        """Go to a page and wait until its buttons work, which may be after its load event."""
        self.page.goto(address)
        self.page.wait_for_selector(ALL_SCRIPTS_LOADED, state="attached")

    def run(self, script: str, *arguments: object) -> object:
        """What the body of a function returns; it finds its arguments in ``arguments``."""
        return self.page.evaluate(f"(arguments) => {{{script}}}", list(arguments))

    def wait(self, script: str, *arguments: object) -> object:
        """What it returns as soon as that is true."""
        found = self.page.wait_for_function(f"(arguments) => {{{script}}}", arg=list(arguments))
        return found.json_value()

    def press(self, *keys: str) -> None:
        """Press keys where the focus is, by their names in the DOM, such as "Tab"."""
        for key in keys:
            self.page.keyboard.press(key)

    def resize(self, width: int, height: int) -> None:
        self.page.set_viewport_size({"width": width, "height": height})

    def set_theme(self, theme: str) -> None:
        """Switch pydata-sphinx-theme to "light" or "dark"."""
        self.run("document.documentElement.dataset.theme = arguments[0]", theme)

    def set_media(self, **features: str) -> None:
        """Answers to media queries, such as ``reduced_motion="reduce"``."""
        self.page.emulate_media(**features)


def path_of_chromium() -> str:
    """Find the browser, or skip the tests that need it."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip("chromium is not on the path (Debian: apt install chromium-headless-shell)")
    return found


def pages_alone(pages: Collection[str], linked: Collection[str], folder: Path) -> Path:
    """Build some pages in the theme of the site, and empty ones that they link to; returns html/.

    Starting sphinx takes longer than building a page.
    """
    pytest.importorskip("pydata_sphinx_theme", reason="the extra docs is not installed")
    for name in (*pages, *linked):
        (folder / name).parent.mkdir(exist_ok=True)
    for name in pages:
        (folder / f"{name}.rst").symlink_to(DOCS / f"{name}.rst")
    for name in linked:
        (folder / f"{name}.rst").write_text("Page\n====\n")
    (folder / "conf.py").write_text(CONF)
    (folder / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (folder / "_static").symlink_to(DOCS / "_static")
    entries = "".join(f"   {name}\n" for name in (*pages, *linked))
    (folder / "index.rst").write_text(f"Site\n====\n\n.. toctree::\n\n{entries}")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(folder), str(folder / "html")]
    built = subprocess.run(command, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    # one module long: while playwright waits, no other event loop can run in this thread
    playwright = pytest.importorskip(
        "playwright.sync_api", reason='playwright is not installed: the extra "browser" has it'
    )
    program = path_of_chromium()
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def browser(chromium, serve) -> Iterator[Browser]:
    """The browser at an empty page; a console error or a failed request fails the test.

    It asks for the server, so that this is still there when the page closes.
    """
    yield from _empty_page(chromium)


@pytest.fixture(scope="module")
def browser_for_module(chromium, serve_for_module) -> Iterator[Browser]:
    """The browser at a page that serves all tests of a module, because opening one takes long."""
    yield from _empty_page(chromium)


def _empty_page(chromium) -> Iterator[Browser]:
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    browser = Browser(page)
    yield browser
    page.close()
    assert not browser.faults, browser.faults


@pytest.fixture
def page_without_scripts(chromium) -> Iterator:
    """Playwright's page in a browser that runs no scripts."""
    context = chromium.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()
