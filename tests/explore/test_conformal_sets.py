"""The explorable on conformal sets shows the sets of calibkit.ConformalSets."""

import base64
import io
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

from calibkit import ConformalSets, Glyphs100, glyphs100_logits, split_calibration
from tests.explorables import (
    DOCS,
    attributes,
    choose,
    decode,
    lesson_test_set,
    made_by,
    text,
)

pytest_plugins = ("tests.browser",)
DATA = DOCS / "_static" / "explore" / "conformal_sets_data.js"
LEVELS = (0.5, 0.605, 0.8, 0.9, 0.955, 0.99)
SHOWN = (15, 22, 3, 0, 19)


@cache
def found(level: float) -> tuple[float, float, float, torch.Tensor]:
    """Threshold, coverage and average size, and the sets of the images that the page shows."""
    _, p, y = lesson_test_set()
    calibration, test = (part.indices for part in split_calibration(y, 1000, seed=0))
    assert set(SHOWN) <= set(test)
    conformal = ConformalSets(level).fit(p[calibration], y[calibration])
    sets = conformal.predict(p[test])
    coverage = sets.gather(1, y[test][:, None]).double().mean().item()
    return (
        conformal.threshold,
        coverage,
        sets.sum(1).double().mean().item(),
        conformal.predict(p[list(SHOWN)]),
    )


def pixels(address: str) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    return np.asarray(image).astype(int)


def test_the_data_file_holds_what_the_script_makes():
    data, columns = decode(DATA.read_text())
    made, remade = decode(made_by("make_conformal_sets_data.py"))
    assert data.keys() == made.keys()
    assert data["levels"] == made["levels"] == [level / 200 for level in range(100, 199)]
    # logits differ by roundings from machine to machine
    for column, again, tolerance in zip(columns, remade, (1e-4, 4, 40), strict=True):
        assert column == pytest.approx(again, abs=tolerance)
    for image, again in zip(data["images"], made["images"], strict=True):
        assert np.abs(pixels(image["picture"]) - pixels(again["picture"])).max() <= 1
        assert image["label"] == again["label"]
        assert image["classes"][:12] == again["classes"][:12]
        assert image["probabilities"] == pytest.approx(again["probabilities"], abs=1e-4)


def test_the_pictures_and_labels_are_those_of_the_test_images():
    _, _, y = lesson_test_set()
    data, _ = decode(DATA.read_text())
    glyphs = Glyphs100(100, seed=2)
    _, labels = glyphs100_logits(progress=False)
    _, test = split_calibration(labels, 1000, seed=0, stratify=labels)
    for image, i in zip(data["images"], SHOWN, strict=True):
        shown = glyphs.images[test.indices[i]].permute(1, 2, 0) * 255
        assert pixels(image["picture"]) == pytest.approx(shown.numpy(), abs=1)
        assert image["label"] == glyphs.classes[y[i]]


def move_to(page, level: float) -> None:
    choose(page, "cs-level", round(200 * level) - 100)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_the_numbers_are_those_of_calibkit(page, level):
    move_to(page, level)
    threshold, coverage, size, _ = found(level)
    assert text(page, "cs-asked") == f"{100 * level:.1f}%"
    assert text(page, "cs-threshold") == f"{threshold:.3f}"
    assert text(page, "cs-coverage") == f"{100 * coverage:.1f}%"
    assert text(page, "cs-size") == f"{size:.2f}"
    for curve, value, low, high in (("coverages", coverage, 0.4, 1), ("sizes", size, 0, 20)):
        (x,) = attributes(page, f"#cs-{curve} .ex-hand", "cx")
        (y,) = attributes(page, f"#cs-{curve} .ex-hand", "cy")
        assert float(x) == pytest.approx(58 + 330 * (level - 0.5) / 0.5, abs=0.01)
        assert float(y) == pytest.approx(68 - 62 * (value - low) / (high - low), abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_the_filled_bars_are_the_sets_of_calibkit(page, level):
    move_to(page, level)
    _, p, y = lesson_test_set()
    threshold, _, _, sets = found(level)
    for k, i in enumerate(SHOWN):
        svg = f"#cs-images svg:nth-child({k + 1})"
        size = int(sets[k].sum())
        filled = [kind == "ex-accuracy" for kind in attributes(page, f"{svg} rect", "class")]
        ordered, classes = p[i].sort(descending=True)
        assert filled == sets[k][classes[:7]].tolist()
        words = page.run(
            "return document.querySelector(arguments[0]).querySelector('text').textContent", svg
        )
        assert words == ("1 class" if size == 1 else f"{size} classes")
        holds = bool(sets[k][y[i]])
        described = text(page, f"cs-image-{k}-desc")
        assert ("It holds the label." in described) == holds
        assert ("empty" in described) == (size == 0)
        assert (f"and {size - 7} more" in described) == (size > 7)

        def x(probability: float) -> float:
            return 26 + 138 * (1 - np.log(max(probability, 5e-4)) / np.log(5e-4))

        widths = [float(width) for width in attributes(page, f"{svg} rect", "width")]
        assert widths == pytest.approx([x(value) - 26 for value in ordered[:7].tolist()], abs=0.02)
        (limit,) = attributes(page, f"{svg} .ex-dashed", "d")
        assert float(limit[1:].split()[0]) == pytest.approx(x(1 - threshold), abs=0.05)


@pytest.mark.slow
def test_what_the_page_says_comes_true(page):
    shown = {}
    for level in (0.5, 0.9, 0.99):
        move_to(page, level)
        shown[level] = float(text(page, "cs-size"))
    assert [f"{size:.1f}" for size in shown.values()] == ["0.7", "4.3", "18.7"]
    assert shown[0.99] > 4 * shown[0.9]
    assert not found(0.5)[3].any(1).all()
    _, (_, covered, _) = decode(DATA.read_text())
    assert covered / 8000 == pytest.approx(np.arange(100, 199) / 200, abs=0.025)


@pytest.mark.slow
def test_the_words_follow_the_slider(page):
    move_to(page, 0.8)
    page.wait("return document.getElementById('cs-words').textContent.includes('80.0')")
    threshold, coverage, size, _ = found(0.8)
    told = f"{100 * coverage:.1f}% of 8000 test images"
    assert f"the threshold is {threshold:.3f}" in text(page, "cs-words")
    assert told in text(page, "cs-words")
    assert told in text(page, "cs-coverages-desc")
    assert f"{size:.2f} classes" in text(page, "cs-sizes-desc")
    slider = page.page.get_by_role("slider", name="Coverage asked for", exact=True)
    assert slider.get_attribute("aria-valuetext").replace("\xa0", " ") == "80.0%"
