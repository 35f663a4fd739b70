"""A real browser for tests: ``pytest_plugins = ("tests.browser",)`` gives the fixture ``browser``.

Headless Chromium, driven by playwright; pages come from conftest's ``serve``. Where either is
missing, tests are skipped and say so.
"""

import shutil
from collections.abc import Iterator

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")


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
        self.page.goto(address)

    def run(self, script: str, *arguments: object) -> object:
        """What the body of a function returns; it finds its arguments in ``arguments``."""
        return self.page.evaluate(f"(arguments) => {{{script}}}", list(arguments))

    def wait(self, script: str, *arguments: object) -> object:
        """What it returns as soon as that is true."""
        found = self.page.wait_for_function(
            f"(arguments) => {{{script}}}", arg=list(arguments), timeout=10_000
        )
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


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    # one module long: while playwright waits, no other event loop can run in this thread
    playwright = pytest.importorskip(
        "playwright.sync_api", reason='playwright is not installed: the extra "browser" has it'
    )
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("chromium is not on the path (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def browser(chromium, serve) -> Iterator[Browser]:
    """The browser at an empty page; a console error or a failed request fails the test.

    It asks for the server, so that this is still there when the page closes.
    """
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    browser = Browser(page)
    yield browser
    page.close()
    assert not browser.faults, browser.faults
