"""What the tests of the playground and of the explorables share."""

import base64
import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

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
