"""A real browser for tests: ``pytest_plugins = ("tests.browser",)`` gives the fixture ``browser``.

Headless Chromium, driven by selenium; pages come from conftest's ``serve``. Where browser, driver
or selenium are missing, tests are skipped and say so.
"""

import shutil
from collections.abc import Iterator

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser:
    """What tests do with a page; ``driver`` is selenium's."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get(address)

    def run(self, script: str, *arguments: object) -> object:
        """What the script returns; it finds its arguments in ``arguments``."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: object) -> object:
        """What the script returns as soon as that is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        def finished(driver):
            return driver.execute_script(script, *arguments)

        return WebDriverWait(self.driver, 10, 0.05).until(finished, f"never true: {script}")

    @property
    def focus(self):
        return self.driver.switch_to.active_element

    def press(self, *names: str) -> None:
        """Press keys by their selenium names, such as "TAB", where the focus is."""
        from selenium.webdriver.common.keys import Keys

        for name in names:
            self.focus.send_keys(getattr(Keys, name))

    def resize(self, width: int, height: int) -> None:
        """The size of the page's view; a window cannot be as narrow as a telephone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def set_theme(self, theme: str) -> None:
        """Switch pydata-sphinx-theme to "light" or "dark"."""
        self.run("document.documentElement.dataset.theme = arguments[0]", theme)

    def set_media(self, **features: str) -> None:
        """Answers to media queries, such as ``prefers_reduced_motion="reduce"``."""
        listed = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": listed})

    def errors(self) -> list[str]:
        """Console errors and failed requests since the last call."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        missing = "chromium" if program is None else "chromedriver"
        pytest.skip(f"{missing} is not on the path (Debian: chromium and chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in FLAGS:
        options.add_argument(flag)
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield Browser(started)
    started.quit()


@pytest.fixture
def browser(chromium) -> Iterator[Browser]:
    """The browser at an empty page; a console error or a failed request fails the test."""
    chromium.open("about:blank")
    chromium.set_media()
    chromium.resize(1200, 900)
    chromium.errors()  # of the test before
    yield chromium
    assert chromium.errors() == []
