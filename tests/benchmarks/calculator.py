"""Time the calculator of the site: ``python tests/benchmarks/calculator.py [--output FOLDER]``.

For two sizes of float32 logits: the seconds from pressing the button to the results, and the
longest time in which the page showed no new picture. It needs the built site and Chromium.
"""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from timing import Report, arguments, calibrated_problem, cpu

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html" / "calculator.html"
SIZES = [(10_000, 100), (50_000, 1000)]
QUICK = [(1000, 10)]
MOST = 300_000  # milliseconds
WATCH = """
() => {
  window.longest = 0;
  let last = performance.now();
  const watch = (now) => {
    window.longest = Math.max(window.longest, now - last);
    last = now;
    requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
}
"""
START = """
() => new Promise((resolve) => {
  const began = performance.now();
  const results = document.getElementById("cc-results");
  const look = () => results.hidden
    ? requestAnimationFrame(look)
    : resolve([(performance.now() - began) / 1000, window.longest]);
  document.getElementById("cc-start").click();
  look();
})
"""


def row(page: "Page", n: int, n_classes: int, folder: Path) -> list[str]:
    logits, labels = calibrated_problem(n, n_classes, temperature=2)
    path = folder / "logits.npz"
    np.savez(path, logits=logits.numpy(), labels=labels.numpy())
    page.goto(PAGE.as_uri())
    page.set_input_files("#cc-fit-files", str(path))
    page.evaluate(WATCH)
    seconds, longest = page.evaluate(START)
    return [str(n), str(n_classes), f"{seconds:.1f}", f"{longest:.0f}"]


def main() -> None:
    from playwright.sync_api import sync_playwright  # Tests collect this file without it.

    chosen = arguments(__doc__.partition(":")[0])
    report = Report(chosen.output)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        report.say("calculator_machine", f"{cpu()}, one thread; Chromium {browser.version}.")
        page = browser.new_page()
        page.set_default_timeout(MOST)
        rows = [row(page, *size, Path(folder)) for size in (QUICK if chosen.quick else SIZES)]
        browser.close()
    header = ["samples", "classes", "seconds", "longest pause of the page, ms"]
    report.table("calculator", "The calculator in a browser, float32", header, rows)


if __name__ == "__main__":
    main()
