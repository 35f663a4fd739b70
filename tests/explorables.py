"""What the tests of the playground and of the explorables share."""

import base64
import importlib.util
import json
import re
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from calibkit import TemperatureScaler, glyphs100_logits, split_calibration
from tests.browser import pages_alone

DOCS = Path(__file__).resolve().parents[1] / "docs"
sys.path.insert(0, str(DOCS))  # the scripts there import each other

# contrast as WCAG 2 defines it
LOW_CONTRAST = """
const luminance = (colour) => {
  const channels = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255);
  const linear = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const background = luminance(getComputedStyle(document.body).backgroundColor);
const texts = [...document.querySelectorAll(".explorable :not(title, desc)")].filter((element) =>
  [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
const found = texts.map((element) => {
  const style = getComputedStyle(element);
  const text = luminance(element instanceof SVGElement ? style.fill : style.color);
  const [low, high] = [text, background].sort((a, b) => a - b);
  return [element.textContent.trim(), (high + 0.05) / (low + 0.05)];
});
return [found.length, found.filter(([, contrast]) => contrast < 4.5)];
"""


def made_by(script: str) -> str:
    """The text of the data file that this script in docs makes."""
    spec = importlib.util.spec_from_file_location("script", DOCS / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_data()


def decode(text: str) -> tuple[dict, list[np.ndarray]]:
    """What the text of a data file says, and its columns."""
    data = json.loads(re.search(r"\{.*\}", text)[0])
    bits = np.unpackbits(np.frombuffer(base64.b64decode(data["base64"]), np.uint8))
    columns, start = [], 0
    for head in data["columns"]:
        end = start + data["rows"] * head["bits"]
        powers = 2 ** np.arange(head["bits"])[::-1]
        integers = bits[start:end].reshape(data["rows"], -1) @ powers
        columns.append(head["step"] * (head["low"] + integers))
        start = end
    assert len(bits) - start < 8
    return data, columns


@cache
def lesson_test_set() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Probabilities before and after temperature scaling, and labels, of the lessons' test set."""
    logits, labels = glyphs100_logits(progress=False)
    calibration, test = (
        part.indices for part in split_calibration(labels, 1000, seed=0, stratify=labels)
    )
    scaler = TemperatureScaler().fit_logits(logits[calibration], labels[calibration])
    of_test = logits[test].double()
    return of_test.softmax(1), scaler(of_test).softmax(1), labels[test]


def explorables_alone(folder: Path) -> Path:
    """Build the pages of all explorables, and empty pages that they link to; returns html/."""
    sources = {path.stem: path.read_text() for path in (DOCS / "explore").glob("*.rst")}
    pages = sorted(f"explore/{name}" for name in sources)
    links = re.findall(r":doc:`[^`]*<(/[^>]*)>`", "".join(sources.values()))
    linked = {link.removeprefix("/") for link in links}.difference(pages)
    return pages_alone(pages, sorted(linked), folder)


def text(page, identifier: str) -> str:
    """The text of an element, with ordinary spaces."""
    found = page.run("return document.getElementById(arguments[0]).textContent", identifier)
    return found.replace("\xa0", " ")


def table_of_choices(page) -> list[list[str]]:
    """What the table beside a choice says of each, with ordinary spaces."""
    return page.run(
        "return [...document.querySelectorAll('.ex-choices tbody tr')].map((row) =>"
        " [...row.cells].slice(1).map((cell) => cell.textContent.replaceAll('\\u00a0', ' ')))"
    )


def right_end(page) -> float:
    """How far to the right an explorable reaches, in pixels."""
    return page.run(
        "return Math.max(...[...document.querySelectorAll('.explorable *')].map((e) =>"
        " e.getBoundingClientRect().right))"
    )


def attributes(page, selector: str, name: str) -> list[str]:
    """An attribute of all elements of the explorable that the selector finds."""
    return page.run(
        "return [...document.querySelectorAll(arguments[0])]"
        ".map((element) => element.getAttribute(arguments[1]))",
        f".explorable {selector}",
        name,
    )


def choose(page, identifier: str, value: object) -> None:
    """Set a slider or a list to a value, as a hand would."""
    page.run(
        "const control = document.getElementById(arguments[0]);"
        "control.value = arguments[1];"
        "control.dispatchEvent(new Event('input', {bubbles: true}));"
        "control.dispatchEvent(new Event('change', {bubbles: true}));",
        identifier,
        str(value),
    )


def click(page, identifier: str, times: int = 1) -> None:
    """Click a button so many times."""
    page.run(
        "for (let k = 0; k < arguments[1]; k++) document.getElementById(arguments[0]).click()",
        identifier,
        times,
    )


def focus_with_tab(page, identifier: str) -> None:
    """Reach an element as one does who has no mouse."""
    for _ in range(60):
        page.press("Tab")
        if page.run("return document.activeElement.id") == identifier:
            style = "return getComputedStyle(document.activeElement).outlineStyle"
            assert page.run(style) == "solid"
            return
    pytest.fail(f"the tabulator does not reach {identifier}")


def texts_of_low_contrast(page) -> tuple[int, list]:
    """How many texts an explorable has, and those that are hard to read."""
    n_texts, unreadable = page.run(LOW_CONTRAST)
    return n_texts, unreadable


def origins(page) -> list[str]:
    """Where the page and all that it has loaded come from."""
    return page.run(
        "return [location.href, ...performance.getEntriesByType('resource').map((e) => e.name)]"
        ".map((address) => new URL(address).origin)"
    )
