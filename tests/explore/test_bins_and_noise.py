"""The explorable on bins and noise shows the ECE and the noise floor of calibkit."""

import numpy as np
import pytest
import torch

from calibkit import calibration_error, noise_floor
from tests.explorables import attributes, choose, click, lesson_test_set, text

pytest_plugins = ("tests.browser",)
DRAWN = (
    "return binsAndNoise.drawn().map(({network, size, confidences, right}) =>"
    " [network, size, Array.from(confidences), right])"
)
SETTINGS = [
    ("perfect", 100, 1),
    ("perfect", 300, 15),
    ("perfect", 3000, 50),
    ("overconfident", 100, 50),
    ("overconfident", 1000, 15),
    ("overconfident", 3000, 7),
]


def draw(page, network: str, size: int, times: int) -> None:
    choose(page, "bn-network", network)
    choose(page, "bn-size", size)
    click(page, "bn-draw", times)


def eces(page, n_bins: int) -> list[float]:
    """By calibkit, for every test set that the page has drawn."""
    return [
        calibration_error(torch.tensor(confidences), torch.tensor(right), n_bins=n_bins)
        for _, _, confidences, right in page.run(DRAWN)
    ]


def exact_floor(confidences: np.ndarray, n_bins: int) -> float:
    """The mean ECE over all combinations of right and wrong answers."""
    bins = np.minimum((n_bins * confidences).astype(int), n_bins - 1)
    total = 0.0
    for k in range(n_bins):
        inside = confidences[bins == k]
        counts = np.ones(1)
        for p in inside:
            counts = np.convolve(counts, [1 - p, p])
        total += counts @ np.abs(np.arange(len(counts)) - inside.sum())
    return total / len(confidences)


@pytest.mark.slow
def test_the_confidences_are_those_of_the_lessons(page):
    before, after, labels = lesson_test_set()
    for temperature, p in (("1", before), ("optimum(playground.calibration)", after)):
        script = (
            f"const {{optimum, confidences}} = playground; return [...confidences({temperature})]"
        )
        assert page.run(script) == pytest.approx(p.amax(1).tolist(), abs=3e-5)
    right = page.run("return playground.test.map(playground.isRight)")
    assert right == (before.argmax(1) == labels).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("network", "size", "n_bins"), SETTINGS)
def test_ece_and_noise_floor_are_those_of_calibkit(page, network, size, n_bins):
    choose(page, "bn-bins", n_bins)
    draw(page, network, size, 1)
    *_, (drawn_network, drawn_size, confidences, right) = page.run(DRAWN)
    assert (drawn_network, drawn_size, len(confidences)) == (network, size, size)
    p = torch.tensor(confidences, dtype=torch.float64)
    ece = calibration_error(p, torch.tensor(right), n_bins=n_bins)
    assert text(page, "bn-ece") == f"{ece:.1%}"
    assert text(page, "bn-floor") == f"{exact_floor(p.numpy(), n_bins):.1%}"
    # This floor is exact, and that of calibkit is the mean of so many draws.
    simulated = noise_floor(p, n_bins=n_bins, n_resamples=4000)
    tolerance = 4 * (simulated.high - simulated.low) / 4 / 4000**0.5
    found = page.run(
        "return binsAndNoise.noiseFloor(binsAndNoise.drawn().at(-1).confidences, arguments[0])",
        n_bins,
    )
    assert found == pytest.approx(simulated.mean, abs=tolerance)


@pytest.mark.slow
def test_the_overconfident_network_answers_as_the_real_one(page):
    before, _, labels = lesson_test_set()
    population, order = before.amax(1).sort()
    was_right = (before.argmax(1) == labels)[order]
    draw(page, "overconfident", 1000, 1)
    _, _, confidences, right = page.run(DRAWN)[-1]
    drawn = torch.tensor(confidences, dtype=torch.float64)
    nearest = (population[:, None] - drawn).abs().argmin(0)
    assert drawn == pytest.approx(population[nearest], abs=3e-5)
    # Two images with nearly the same confidence may be mistaken for each other.
    assert (was_right[nearest].int() == torch.tensor(right)).double().mean() > 0.98


@pytest.mark.slow
def test_the_perfect_model_is_right_as_often_as_it_claims(page):
    draw(page, "perfect", 3000, 20)
    sets = [found for found in page.run(DRAWN) if found[1] == 3000]
    p, right = (np.concatenate([found[k] for found in sets]) for k in (2, 3))
    for low, high in ((0, 0.4), (0.4, 0.7), (0.7, 1)):
        inside = (low <= p) & (p < high)
        surplus = (right - p)[inside].sum()
        assert abs(surplus) < 4 * np.sqrt((p * (1 - p))[inside].sum())


@pytest.mark.slow
def test_all_dots_follow_the_bins(page):
    draw(page, "perfect", 100, 5)
    draw(page, "overconfident", 3000, 5)
    for n_bins in (5, 50):
        choose(page, "bn-bins", n_bins)
        circles = [float(x) for x in attributes(page, "#bn-strip circle", "cx")]
        squares = [float(x) + 3 for x in attributes(page, "#bn-strip rect", "x")]
        expected = [58 + 330 * min(ece / 0.35, 1) for ece in eces(page, n_bins)]
        assert circles + squares == pytest.approx(expected, abs=0.02)
        assert len(attributes(page, "#bn-diagram rect", "x")) == n_bins
    heights = [float(height) for height in attributes(page, "#bn-diagram rect", "height")]
    _, _, confidences, right = page.run(DRAWN)[-1]
    bins = np.minimum((50 * np.array(confidences)).astype(int), 49)
    shares = np.bincount(bins, right, 50) / np.maximum(np.bincount(bins, minlength=50), 1)
    assert np.array(heights) / 186 == pytest.approx(shares, abs=1e-3)


@pytest.mark.slow
def test_a_dot_is_on_the_line_of_its_size_unless_it_would_hide_another(page):
    for size in (100, 1000, 3000):
        draw(page, "perfect", size, 1)
    lines = [8 + 186 * (k + 0.5) / 4 for k in range(4)]
    heights = [float(y) for y in attributes(page, "#bn-strip circle", "cy")]
    assert sorted(heights) == pytest.approx(lines, abs=0.02)
    draw(page, "perfect", 100, 4)
    dots = page.page.locator("#bn-strip circle")
    places = [[float(dot.get_attribute(name)) for name in ("cx", "cy")] for dot in dots.all()]
    for k, (x, y) in enumerate(places):
        assert all(max(abs(x - u), abs(y - v)) > 6.9 for u, v in places[:k])
    click(page, "bn-draw-20", 2)
    heights = [float(y) for y in attributes(page, "#bn-strip circle", "cy")]
    assert all(min(abs(y - line) for line in lines) < 186 / 8 for y in heights)


@pytest.mark.slow
def test_the_floor_of_each_size_is_marked(page):
    draw(page, "perfect", 100, 1)
    draw(page, "perfect", 3000, 1)
    places = [float(d[1:].split()[0]) for d in attributes(page, "#bn-strip .ex-floor", "d")]
    by_size = {size: np.array(confidences) for _, size, confidences, _ in page.run(DRAWN)}
    expected = [58 + 330 * exact_floor(by_size[size], 15) / 0.35 for size in (100, 300, 3000)]
    assert places == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
def test_everyone_draws_the_same_sets(page):
    draw(page, "perfect", 100, 3)
    first = page.run(DRAWN)
    click(page, "bn-reset")
    assert len(page.run(DRAWN)) == 1
    draw(page, "perfect", 100, 3)
    again = page.run(DRAWN)
    # Starting again draws the first set with the settings that are chosen.
    assert [found[1] for found in again] == [100] * 4
    click(page, "bn-reset")
    draw(page, "perfect", 100, 3)
    assert page.run(DRAWN) == again
    assert first[1][2] != again[1][2]


@pytest.mark.slow
def test_what_the_page_says_comes_true(page):
    shown = {}
    for network in ("perfect", "overconfident"):
        for size in (100, 3000):
            choose(page, "bn-network", network)
            choose(page, "bn-size", size)
            click(page, "bn-draw-20", 2)
    for n_bins in (15, 50):
        for (network, size, *_), ece in zip(page.run(DRAWN), eces(page, n_bins), strict=True):
            shown.setdefault((network, size, n_bins), []).append(ece)
    mean = {setting: np.mean(values) for setting, values in shown.items()}
    spread = {setting: np.std(values) for setting, values in shown.items()}
    assert mean["perfect", 100, 15] == pytest.approx(0.12, abs=0.01)
    assert mean["perfect", 3000, 15] == pytest.approx(0.02, abs=0.005)
    assert mean["overconfident", 3000, 15] == pytest.approx(0.14, abs=0.005)
    for network in ("perfect", "overconfident"):
        assert spread[network, 100, 15] > 2 * spread[network, 3000, 15]
        assert mean[network, 100, 50] > mean[network, 100, 15] > mean[network, 3000, 15]
    # The two models overlap among 100 images in 50 bins, and are apart among 3000.
    assert max(shown["perfect", 100, 50]) > np.median(shown["overconfident", 100, 50])
    assert max(shown["perfect", 3000, 50]) < min(shown["overconfident", 3000, 50])


@pytest.mark.slow
def test_the_words_tell_mean_and_spread(page):
    draw(page, "overconfident", 300, 5)
    choose(page, "bn-bins", 10)
    values = [
        ece
        for (network, *_), ece in zip(page.run(DRAWN), eces(page, 10), strict=True)
        if network == "overconfident"
    ]
    told = (
        f"5 test sets of 300 images and the overconfident network: mean ECE "
        f"{np.mean(values):.1%}, standard deviation {np.std(values, ddof=1):.1%}."
    )
    page.wait("return document.getElementById('bn-words').textContent.includes('5 test sets')")
    assert told in text(page, "bn-words")
    assert told in text(page, "bn-strip-desc")
    assert "bins: 10" in text(page, "bn-diagram-desc")
    assert f"ECE {values[-1]:.1%}" in text(page, "bn-diagram-desc")
