"""The explorable on a prior that shifts shows the scores and the estimates of calibkit."""

import re

import numpy as np
import pytest
import torch

from calibkit import (
    adjust_prior,
    calibration_error,
    estimate_prior,
    negative_log_likelihood,
    reliability_bins,
)
from tests.explorables import (
    DOCS,
    attributes,
    choose,
    click,
    decode,
    made_by,
    table_of_choices,
    text,
)

pytest_plugins = ("tests.browser",)
DATA = DOCS / "_static" / "explore" / "shifting_prior_data.js"
PERCENTS = (1, 2, 5, 10, 30, 50, 80)
WAYS = ("none", "known", "estimated")


@pytest.fixture(scope="module")
def logits_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    """The logits of the plain model of lesson 55, and the labels."""
    _, (logits, is_event) = decode(made_by("make_shifting_prior_data.py"))
    return torch.from_numpy(logits), torch.from_numpy(is_event).long()


def in_use(logits_and_labels, percent: int) -> tuple[torch.Tensor, dict[str, float]]:
    """The weights of the images where the prior is this one, and the priors that are assumed."""
    logits, y = logits_and_labels
    prior, share = percent / 100, y.double().mean()
    weights = torch.where(y == 1, prior / share, (1 - prior) / (1 - share))
    source = logits.sigmoid().mean().item()
    estimate = estimate_prior(logits, source, smoothing=0, sample_weight=weights)
    assumed = (source, prior, estimate.proportions[1].item())
    return weights, dict(zip(WAYS, assumed, strict=True))


def scores(logits_and_labels, percent: int) -> dict[str, tuple[float, float, float]]:
    """The assumed prior, ECE and NLL of each way, by calibkit."""
    logits, y = logits_and_labels
    weights, assumed = in_use(logits_and_labels, percent)
    found = {}
    for way, target in assumed.items():
        p = adjust_prior(logits, assumed["none"], target).sigmoid()
        ece = calibration_error(p, y, n_bins=10, sample_weight=weights)
        found[way] = target, ece, negative_log_likelihood(p, y, sample_weight=weights)
    return found


def test_the_data_file_holds_what_the_script_makes(logits_and_labels):
    data, (logits, is_event) = decode(DATA.read_text())
    assert data["rows"] == 1797
    # logits differ by roundings from machine to machine
    assert logits == pytest.approx(logits_and_labels[0].numpy(), abs=1e-4)
    assert is_event.tolist() == logits_and_labels[1].tolist()
    assert is_event.sum() == 174


def positions(page) -> np.ndarray:
    """Where the dots of the diagram are, as mean P(y = 1) and share of events."""
    x, y = (
        np.array(attributes(page, "#sp-diagram circle", name), dtype=float) for name in ("cx", "cy")
    )
    return np.stack([(x - 58) / 330, (222 - y) / 214])


@pytest.mark.slow
@pytest.mark.parametrize("percent", PERCENTS)
def test_the_scores_and_the_estimate_are_those_of_calibkit(page, logits_and_labels, percent):
    expected = scores(logits_and_labels, percent)
    choose(page, "sp-prior", percent)
    assert text(page, "sp-chosen") == f"{percent:.1f}%"
    for way, row in zip(WAYS, table_of_choices(page), strict=True):
        prior, ece, nll = expected[way]
        assert row == [f"{100 * prior:.1f}%", f"{100 * ece:.1f}%", f"{nll:.3f}"]
        found = page.run("return shiftingPrior.measure(...arguments)", percent / 100, prior)
        assert found["ece"] == pytest.approx(ece, abs=1e-5)
        assert found["nll"] == pytest.approx(nll, abs=1e-5)
    (*_, estimate) = page.run("return shiftingPrior.estimates(arguments[0])", percent / 100)
    assert estimate == pytest.approx(expected["estimated"][0], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_dots_are_the_bins_of_calibkit(page, logits_and_labels, way):
    logits, y = logits_and_labels
    weights, assumed = in_use(logits_and_labels, 50)
    p = adjust_prior(logits, assumed["none"], assumed[way]).sigmoid()
    bins = reliability_bins(p, y, n_bins=10, sample_weight=weights)
    choose(page, "sp-prior", 50)
    click(page, f"sp-{way}")
    filled = bins.count > 0
    expected = np.stack([bins.confidence_sum, bins.n_correct])[:, filled] / bins.count[filled]
    assert positions(page) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_the_curve_is_what_bayes_rule_expects(page, logits_and_labels):
    _, assumed = in_use(logits_and_labels, 30)
    choose(page, "sp-prior", 30)
    for way, target in assumed.items():
        click(page, f"sp-{way}")
        (path,) = attributes(page, "#sp-diagram .ex-curve", "d")
        x, y = np.array([pair.split() for pair in path[1:].split("L")], dtype=float).T
        p = (x[1:-1] - 58) / 330
        moved = adjust_prior(torch.from_numpy(p).logit(), target, 0.3).sigmoid()
        assert (222 - y[1:-1]) / 214 == pytest.approx(moved.numpy(), abs=2e-3)


@pytest.mark.slow
def test_the_steps_lead_from_the_mark_to_the_estimate(page, logits_and_labels):
    _, assumed = in_use(logits_and_labels, 30)
    choose(page, "sp-prior", 30)
    heights = np.array(attributes(page, "#sp-steps circle", "cy"), dtype=float)
    path = (108 - heights) / 100 * 0.85
    assert path[0] == pytest.approx(assumed["none"], abs=1e-4)
    assert path[-1] == pytest.approx(assumed["estimated"], abs=1e-3)
    assert (np.diff(path) >= 0).all()
    logits, _ = logits_and_labels
    weights, _ = in_use(logits_and_labels, 30)
    first = (weights * logits.sigmoid()).sum() / weights.sum()
    assert path[1] == pytest.approx(first.item(), abs=1e-4)
    (line,) = attributes(page, "#sp-steps .ex-dashed", "d")
    assert float(re.match(r"M58 ([\d.]+)", line)[1]) == pytest.approx(108 - 30 / 0.85, abs=0.01)


@pytest.mark.slow
def test_what_is_told_follows_the_slider_and_the_choice(page):
    page.run("document.getElementById('sp-prior').focus()")
    page.press("End")
    told = "return document.getElementById('sp-words').textContent.includes(arguments[0])"
    page.wait(told, "80.0")
    assert text(page, "sp-words").startswith("Events have a share of 80.0%")
    assert "begins at 9.7% and ends at 81.1%" in text(page, "sp-steps-desc")
    assert "assumes a prior of 9.7%" in text(page, "sp-diagram-desc")
    page.run("document.getElementById('sp-none').focus()")
    page.press("ArrowDown")
    page.wait("return document.getElementById('sp-diagram-desc').textContent.includes('of 80.0')")
    chosen = page.run("return document.querySelector('[name=sp-way]:checked').value")
    assert chosen == "known"


@pytest.mark.slow
def test_the_mark_is_where_the_model_was_calibrated(page):
    low, high, mark = page.run(
        "return ['.ex-scale span:first-child', '.ex-scale span:last-child', '#sp-mark']"
        ".map((name) => document.querySelector(name).getBoundingClientRect())"
        ".map((box) => box.left + box.width / 2)"
    )
    assert mark == pytest.approx(low + (9.7 - 1) / 79 * (high - low), abs=1)
    assert text(page, "sp-mark") == "9.7%"


def test_what_the_page_says_comes_true(logits_and_labels):
    told = {way: f"{ece:.0%}" for way, (_, ece, _) in scores(logits_and_labels, 50).items()}
    assert told == {"none": "30%", "known": "3%", "estimated": "3%"}
    assert f"{scores(logits_and_labels, 50)['estimated'][0]:.1%}" == "50.1%"
    assert scores(logits_and_labels, 1)["estimated"][0] == pytest.approx(0.02, abs=0.001)
    for percent in (1, 2, *range(20, 81, 5)):
        found = scores(logits_and_labels, percent)
        assert max(found["known"][1], found["estimated"][1]) < found["none"][1] / 2
