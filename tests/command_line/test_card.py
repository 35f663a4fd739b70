"""The model card: complete, the same each time, and fit for everyone who reads it."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
import torch

from calibkit import LogisticScaler, Report, TemperatureScaler, _result_sentences, evaluate
from calibkit._command_line.card import LIMITS, Card, _as_html
from calibkit._command_line.verdicts import notes, verdicts, warnings
from calibkit.reports.values import rejected
from tests.helpers import calibrated_problem

pytest_plugins = ("tests.browser",)
BOTH = "report", "test.npz", "--calibration", "calibration.npz"
CARDS = "--html", "card.html", "--markdown", "card.md"


@pytest.fixture
def written(drawn, files):
    """The HTML and the Markdown card of a report with a scaler."""
    assert files.run(*BOTH, *CARDS) == 0
    assert files.out.endswith("wrote card.html\nwrote card.md\n")
    return tuple((files.folder / name).read_text(encoding="utf-8") for name in CARDS[1::2])


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.tags if tag == name]


def diagrams(card: str) -> list[str]:
    found = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", card)
    return [base64.b64decode(one).decode() for one in found]


def test_the_page_is_whole_and_needs_nothing_else(written):
    page = Tags(written[0])
    assert page.open == []
    assert page.named("html") == [{"lang": "en"}]
    assert "<title>Calibration of test</title>" in written[0]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named(
        "meta"
    )
    assert [image["src"][:26] for image in page.named("img")] == ["data:image/svg+xml;base64,"] * 2
    assert not page.named("script")
    assert not page.named("link")
    assert not re.search(r"https?://", re.sub(r"base64,[\w+/=]+", "", written[0]))


def test_both_cards_hold_the_report_and_the_scaler(files, written, problem):
    scaler = TemperatureScaler().fit_logits(*problem["calibration"])
    report = evaluate(*problem["test"], scaler=scaler)
    html, markdown = written
    assert report._repr_html_() in html
    assert report.to_markdown() in markdown
    for card in written:
        assert str(scaler.summary) in card
        assert "No sample of the calibration set was found in the test set." in card
        assert "15 bins, seed 0." in card
        assert "Before scaling, the model is overconfident: its ECE of" in card
        assert len(diagrams(card)) == 2
    n_bins = sum(int((bins.count > 0).sum()) for bins in report.bins)
    assert len(re.findall(r"^\| \d\.\d{3} to \d\.\d{3} ", markdown, re.MULTILINE)) == n_bins


def test_the_alternative_texts_count_the_bins(written, problem):
    report = evaluate(*problem["test"])
    bins = report.bins[0]
    filled = bins.count > 0
    below = int((bins.n_correct < bins.confidence_sum)[filled].sum())
    text = Tags(written[0]).named("img")[0]["alt"]
    assert f"in {below} and above it in {filled.sum() - below} of {filled.sum()} bins" in text
    assert f"![{text}][diagram 1]" in written[1]


def test_the_same_input_gives_the_same_bytes(files, written):
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": "other"}):
        assert files.run(*BOTH, *CARDS) == 0
        assert mpl.rcParams["font.size"] == 30
    again = tuple((files.folder / name).read_text(encoding="utf-8") for name in CARDS[1::2])
    assert again == written
    assert "<dc:date>" not in diagrams(written[0])[0]


def test_a_card_without_a_scaler_and_with_a_loaded_one(drawn, files):
    assert files.run("report", "test.npz", "--markdown", "card.md") == 0
    card = (files.folder / "card.md").read_text(encoding="utf-8")
    assert "## Scaler" not in card
    assert len(diagrams(card)) == 1
    assert "calibration set" not in card
    files.run("fit", "calibration.npz", "--output", "s.pt")
    files.run("report", "test.npz", "--scaler-file", "s.pt", "--markdown", "card.md")
    card = (files.folder / "card.md").read_text(encoding="utf-8")
    assert "so it was not checked whether the test set holds samples" in card


def test_a_title_is_text_and_nothing_else(files):
    title = "<script>alert(1)</script>\n& more"
    assert files.run("report", "test.npz", "--title", title, *CARDS) == 0
    html = (files.folder / "card.html").read_text(encoding="utf-8")
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt; &amp; more") == 2
    assert "<script>" not in html
    markdown = (files.folder / "card.md").read_text(encoding="utf-8")
    assert markdown.startswith("# <script>alert(1)</script> & more\n\n")


def test_two_classes_are_judged_by_the_event():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal(200)
    labels = (rng.random(200) < 1 / (1 + np.exp(-logits))).astype(int)
    card = Card(evaluate(logits, labels), "Two", 0, separate=False).to_markdown()
    assert "Without scaling, no calibration error was found. An ECE of up to " in card
    assert 'could still hide in 200 samples, as the row "ECE' in card
    assert "the frequency of y = 1 of the samples in a bin, and a dot their mean P(y = 1)" in card
    assert "classwise" not in card
    assert "**ECE**: the expected calibration error of P(y = 1)" in card
    assert "**top-label ECE**: the mean distance between how sure" in card
    assert "summed over both classes; scikit-learn's brier_score_loss is half of it" in card


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(("temperature", "word"), [(3, "overconfident"), (0.4, "underconfident")])
def test_a_verdict_says_in_which_direction_a_model_errs(n_classes, temperature, word):
    logits, labels = calibrated_problem(500, n_classes, temperature)
    card = Card(evaluate(logits, labels), "", 0, separate=False).to_markdown()
    assert f"Without scaling, the model is {word}: its ECE of" in card


@pytest.mark.parametrize(
    ("n", "n_classes", "seed", "by_chance"),
    [(20, 2, 1, True), (50, 4, 1, False), (50, 2, 2, False), (50, 2, 0, True)],
)
def test_a_verdict_says_what_the_samples_may_hide_and_what_p_means(n, n_classes, seed, by_chance):
    """The number that it names is one of the table, and it says which one."""
    report = evaluate(*calibrated_problem(n, n_classes, 1.0, seed=seed))
    card = Card(report, "", 0, separate=False).to_markdown()
    values = report.before
    ece, p = values.ece, values.p_value
    assert by_chance == (values.noise_floor.high > ece.high)
    high, row = max((values.noise_floor.high, "ECE if calibrated"), (ece.high, "ECE"))
    said = (
        f"Without scaling, no calibration error was found. An ECE of up to {high:.1%} could still "
        f'hide in {n} samples, as the row "{row}" of the table says.'
    )
    assert f"\n\n{said}\n\n" in card
    explained = (
        f"Without scaling, a perfectly calibrated model would show the measured ECE of "
        f"{ece.value:.1%} or a larger one in {p:.1%} of all test sets of this size (p = {p:.3f})"
    )
    if values.classwise_ece is None:
        explained += ". A share below 5% is evidence against the model."
    else:
        p = values.classwise_p_value
        explained += (
            f", and the classwise ECE of {values.classwise_ece.value:.1%} or a larger one in "
            f"{p:.1%} (p = {p:.3f}). Two tests are made, so only a share below 2.5% is evidence "
            "against the model."
        )
    assert f"\n\n{explained}\n\n" in card


def test_two_good_verdicts_are_one(problem):
    report = evaluate(
        *calibrated_problem(500, 4, 1.0),
        scaler=TemperatureScaler().fit_logits(*calibrated_problem(5000, 4, 1.0, seed=1)),
    )
    assert report.doubts.on_1 == _result_sentences.NEED_NOT_SCALE
    card = Card(report, "", 0, separate=True).to_markdown()
    assert card.count("no calibration error was found") == 1
    assert "Before and after scaling, no calibration error was found." in card
    # Nothing was found that could have a direction.
    assert card.count("T = 1 lies") == card.count(_result_sentences.NEED_NOT_SCALE) == 1


def report_of(n: int, n_classes: int, temperature: float, seed: int) -> Report:
    """A report on every second sample, with the temperature of the others."""
    logits, labels = calibrated_problem(n, n_classes, temperature, seed=seed)
    scaler = TemperatureScaler().fit_logits(logits[::2], labels[::2])
    return evaluate(logits[1::2], labels[1::2], scaler=scaler, n_resamples=199)


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize(("temperature", "side"), [(1.35, "above"), (0.75, "below")])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_direction_that_the_interval_of_t_settles_stands_beside_the_verdict(
    n_classes, temperature, side
):
    """Whether the ECE shows the error or not, nothing says that there is none."""
    unseen = set()
    for seed in range(12):
        report = report_of(1000, n_classes, temperature, seed)
        low, high = report.summary.temperature_interval
        first, *others = verdicts(report)
        if low <= 1 <= high:
            assert first.startswith("T = 1 lies within")
            continue
        word = (
            _result_sentences.OVERCONFIDENT if side == "above" else _result_sentences.UNDERCONFIDENT
        )
        assert first == _result_sentences.OUTSIDE_1.format(how=word, side=side)
        assert len(others) == 1 or others[1].startswith("After scaling, ")
        assert "no calibration error" not in others[0]
        if "Before scaling" in report.doubts.confident_errors:
            assert others[0].startswith("Before scaling, too many answers with a very high")
            continue
        is_unseen = "the ECE of the test samples shows neither this nor another error" in others[0]
        assert is_unseen == (not rejected(report.before, 0.05))
        if is_unseen in unseen:
            continue
        unseen.add(is_unseen)
        for card in (
            Card(report, "", 0, separate=True).to_markdown(),
            re.sub("<[^>]*>", "", Card(report, "", 0, separate=True).to_html()),
        ):
            assert card.count("T = 1 lies outside") == 1
            assert "T = 1 lies within" not in card
            assert "need not scale" not in card
        if len(unseen) == 2:
            break
    assert unseen == {True, False}


def test_an_error_beside_a_temperature_that_may_be_1_leads_to_other_scalers():
    """Nobody is told that scaling is needless where an error was found."""
    kinds = set()
    for seed in (0, 11, 14, 25, 39):
        report = report_of(400, 3, 1.3, seed)
        low, high = report.summary.temperature_interval
        assert low <= 1 <= high
        is_found = bool(rejected(report.before, 0.05))
        expected = _result_sentences.NO_DIRECTION if is_found else _result_sentences.NEED_NOT_SCALE
        card = Card(report, "", 0, separate=True).to_markdown()
        assert card.count("T = 1 lies") == card.count(expected) == 1
        assert expected in str(report)
        assert ("need not scale" in f"{card}{report}") != is_found
        if is_found:
            assert verdicts(report)[0] == expected
        # Where scaling has left no error, no other scaler need correct one.
        is_left = is_found and bool(rejected(report.after, 0.05))
        kinds.add((is_found, is_left))
        assert card.count(_result_sentences.CHOOSE) == is_left
    assert kinds == {(False, False), (True, False), (True, True)}


def test_a_temperature_that_may_be_1_leaves_the_direction_open():
    """The samples of the fit are few, and those of the test say that the model is overconfident."""
    fit, test = calibrated_problem(30, 2, 1.0, seed=3), calibrated_problem(500, 2, 3.0)
    report = evaluate(*test, scaler=TemperatureScaler().fit_logits(*fit))
    low, high = report.summary.temperature_interval
    assert low < 1 < high
    for card in (Card(report, "", 0, separate=True).to_markdown(), str(report)):
        assert _result_sentences.NO_DIRECTION in card
        assert "need not scale" not in card
        assert "30 samples are very few" in card
        assert "is overconfident:" not in card
    shown = _as_html(_result_sentences.NO_DIRECTION)
    assert shown.startswith('<span class="whole">T = 1</span> lies within')
    assert shown in Card(report, "", 0, separate=True).to_html()


def test_there_is_no_verdict_on_labels_of_other_samples():
    logits, labels = calibrated_problem(1200, 10, 2.0)
    labels = labels.roll(1)
    scaler = TemperatureScaler().fit_logits(logits[::2], labels[::2])
    report = evaluate(logits[1::2], labels[1::2], scaler=scaler)
    card = Card(report, "", 0, separate=True).to_markdown()
    assert "There is no verdict on the calibration" in card
    assert "Do not use this T." in card
    assert "Before scaling, " not in card
    assert LIMITS[-1] not in card
    assert LIMITS[-2] in card
    assert report.to_dict()["warnings"] == report.notes[:1]


def strange_samples(kind: str) -> tuple[np.ndarray, np.ndarray]:
    logits, labels = (part.numpy() for part in calibrated_problem(2000, 2 + (kind != "back"), 0.5))
    if kind == "exchanged":
        return logits[:, [1, 0, 2]], labels
    if kind == "back":
        return logits[:, ::-1].copy(), labels
    return (30 * logits, labels) if kind == "large" else (logits[:80], labels[:80])


@pytest.mark.parametrize("kind", ["exchanged", "back", "large", "few"])
def test_every_warning_stands_once_in_a_card_and_before_the_verdicts(files, kind):
    """The samples of the fit are good, so that T exists even if those of the test are not."""
    logits, labels = strange_samples("good" if kind == "few" else kind)
    fit = calibrated_problem(2000, logits.shape[1], 30.0 if kind == "large" else 0.5, seed=1)
    np.savez(files.folder / "fit.npz", logits=fit[0], labels=fit[1])
    np.savez(files.folder / "strange.npz", logits=logits, labels=labels)
    command = "report", "strange.npz", "--calibration", "fit.npz", *CARDS
    assert files.run(*command) == 0
    report = evaluate(logits, labels, scaler=TemperatureScaler().fit_logits(*fit))
    [warning] = report.doubts.warnings
    assert warning in files.out
    for name in CARDS[1::2]:
        card = (files.folder / name).read_text(encoding="utf-8")
        shown = warning if name.endswith("md") else _as_html(warning)
        before, measures = card.split("Measures", 1)
        assert (before + measures).count(shown) == 1
        is_withheld = kind in {"exchanged", "back"}
        verdict = _result_sentences.NO_VERDICT_WHEN_EXCHANGED if is_withheld else "Before"
        assert before.index("Warning:") < before.index(shown) < before.rindex(verdict)
        assert ("Before scaling" in card or "Before and after" in card) != is_withheld


def test_the_smallest_p_value_is_only_a_bound():
    report = evaluate(*calibrated_problem(500, 3, 3.0), n_resamples=199)
    assert report.before.p_value == 1 / 200
    assert "<= 0.005" in str(report)
    card = Card(report, "", 0, separate=False).to_markdown()
    assert "(p <= 0.005)" in card
    assert card.count("in at most 0.5%") == 2
    assert "in 0.5%" not in card
    calibrated = evaluate(*calibrated_problem(500, 3, 1.0), n_resamples=199)
    assert "<=" not in Card(calibrated, "", 0, separate=False).to_markdown()


def test_the_card_uses_the_name_of_the_class(drawn, files):
    rng = np.random.default_rng(0)
    z = rng.standard_normal(200)
    words = np.where(rng.random(200) < 1 / (1 + np.exp(-z)), "dog", "cat")
    pairs = list(zip(z.tolist(), words, strict=True))
    one = ["score_dog,label", *(f"{a},{b}" for a, b in pairs)]
    two = ["logit_cat,logit_dog,label", *(f"{-a / 2},{a / 2},{b}" for a, b in pairs)]
    for lines in (one, two):
        (files.folder / "x.csv").write_text("\n".join(lines))
        assert files.run("report", "x.csv", *CARDS) == 0
        assert "ECE of P(dog) in 15 bins" in files.out
        for name in CARDS[1::2]:
            card = (files.folder / name).read_text(encoding="utf-8")
            pictures = "".join(diagrams(card))
            assert "y = 1" not in re.sub(r"base64,[\w+/=]+", "", card) + pictures
            assert "frequency of dog" in pictures


def test_errors_in_both_directions_have_no_direction():
    """The model says 90% and is right in 50% of the cases, or says 60% and is always right."""
    p = np.repeat([0.9, 0.6], 200)
    right = np.concatenate([np.tile([0, 1], 100), np.ones(200, int)])
    logits = np.log(np.stack([p, *3 * [(1 - p) / 3]], 1))
    card = Card(evaluate(logits, 1 - right), "", 0, separate=False).to_markdown()
    assert "Without scaling, the model is not calibrated: its ECE of" in card


def shifted(shift: float, n: int = 20_000, mean: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of an event that are too high by a shift; their mean says how rare the event is."""
    rng = np.random.default_rng(0)
    z = mean + 1.5 * rng.standard_normal(n)
    labels = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    return z + shift, labels


@pytest.mark.parametrize("mean", [-4.5, 0, 4.5])
@pytest.mark.parametrize(("shift", "word"), [(1.1, "overestimates"), (-1.1, "underestimates")])
def test_a_shift_of_the_risk_is_no_overconfidence(mean, shift, word):
    """A rare event with too high a risk looks underconfident, because all risks are below 1/2."""
    z, labels = shifted(shift, mean=mean)
    scaler = TemperatureScaler().fit_logits(z[::2], labels[::2])
    report = evaluate(z[1::2], labels[1::2], scaler=scaler)
    card = Card(report, "", 0, separate=True).to_markdown()
    claimed, true = (1 / (1 + np.exp(-z[1::2]))).mean(), labels[1::2].mean()
    assert (
        f"Before scaling, the model {word} P(y = 1), which is {claimed:.1%} on average, while the "
        f"frequency of y = 1 is {true:.1%}: its ECE of" in card
    )
    assert "confident:" not in card
    if mean == 0:
        assert f"After scaling, the model {word} P(y = 1)" in card
        assert card.count(f"**Warning:** {_result_sentences.SHIFT_REMAINS}") == 1
        assert card.count(_result_sentences.SHIFT_REMAINS) == 1
    assert "confident" not in " ".join(verdicts(report))
    corrected = LogisticScaler().fit_logits(z[::2], labels[::2])
    report = evaluate(z[1::2], labels[1::2], scaler=corrected)
    assert "one temperature" not in Card(report, "", 0, separate=True).to_markdown()


def test_a_model_that_is_shifted_and_too_sure_at_both_ends_is_overconfident():
    z, labels = shifted(0.2)
    card = Card(evaluate(3 * z, labels), "", 0, separate=False).to_markdown()
    assert "Without scaling, the model is overconfident: its ECE of" in card


def test_weak_evidence_is_called_so():
    for seed in range(100):
        report = evaluate(*calibrated_problem(300, 2, 1.0, seed=seed))
        if 0.005 < report.before.p_value < 0.05:
            break
    card = Card(report, "", 0, separate=False).to_markdown()
    assert "Without scaling, there is some evidence that the model " in card
    assert (
        "usually produces; p is below 0.05. But up to one perfectly calibrated model in 20 gets"
        in card
    )


def test_weak_evidence_of_two_tests_says_where_its_limit_comes_from():
    for seed in range(100):
        report = evaluate(*calibrated_problem(300, 4, 1.0, seed=seed))
        p_values = report.before.p_value, report.before.classwise_p_value
        if 0.0025 < min(p_values) < 0.025:
            break
    card = Card(report, "", 0, separate=False).to_markdown()
    assert "; p is below 0.025 (half of 0.05, as two tests are made). But up to one" in card


def with_p(report: Report, p_value: float, classwise: float | None) -> Report:
    before = report.before._replace(p_value=p_value, classwise_p_value=classwise)
    return replace(report, before=before)


@pytest.mark.parametrize(
    ("p_value", "classwise", "is_close"),
    [
        (0.035, None, False), (0.038, None, True), (0.048, None, True),
        (0.056, None, True), (0.064, None, True), (0.068, None, False),
        # Two tests have a limit of 0.025, and the smaller p-value decides.
        (0.024, 0.3, True), (0.3, 0.03, True), (0.05, 0.3, False), (0.001, 0.025, False),
    ],
)  # fmt: skip
def test_a_p_value_that_other_draws_could_put_on_the_other_side_is_called_close(
    p_value, classwise, is_close
):
    """The calculator and the command line draw other numbers, so they may differ in the verdict."""
    measured = evaluate(*calibrated_problem(300, 2 if classwise is None else 3, 1.0))
    report = with_p(measured, p_value, classwise)
    is_of_classes = classwise is not None and classwise < p_value
    least, error = (classwise, "classwise ECE") if is_of_classes else (p_value, "ECE")
    limit = "0.05" if classwise is None else "0.025 (half of 0.05, as two tests are made)"
    said = (
        f"The p-value of the {error} without scaling is a close call: {least:.3f} comes from 1000 "
        f"random draws, and other draws could put it on the other side of {limit} and so reverse "
        "the verdict."
    )
    assert verdicts(report)[-1].endswith(f" {said}") == is_close
    assert (said in notes(report)) == is_close
    card = Card(report, "", 0, separate=False).to_markdown()
    assert card.count("is a close call") == is_close


def test_a_close_call_is_told_of_the_logits_that_it_is_about():
    """The two verdicts are then not said in one sentence."""
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(5000, 2, 1.0, seed=1))
    report = evaluate(*calibrated_problem(500, 2, 1.0), scaler=scaler)
    report = with_p(report, 0.055, None)
    of_t, before, after = verdicts(report)
    assert before.startswith("Before scaling, no calibration error was found.")
    assert "The p-value of the ECE before scaling is a close call: 0.055 comes" in before
    assert after.startswith("After scaling, no calibration error was found.")
    assert "close call" not in of_t + after


@pytest.mark.parametrize(("p_values", "is_said"), [((0.04, 0.3), True), ((0.3, 0.06), False)])
def test_a_p_value_between_the_limits_of_one_and_of_two_tests_is_explained(p_values, is_said):
    report = with_p(evaluate(*calibrated_problem(300, 3, 1.0)), *p_values)
    said = (
        " The p-value of the ECE without scaling is 0.040, which is not below 0.025 (half of 0.05, "
        "as two tests are made)."
    )
    assert verdicts(report)[-1].endswith(said) == is_said


def worse(n_classes: int) -> Report:
    """A report of a model whose temperature was found on samples that err the other way."""
    fit = calibrated_problem(2000, n_classes, 0.5, seed=1)
    test = calibrated_problem(500, n_classes, 3.0)
    return evaluate(*test, scaler=TemperatureScaler().fit_logits(*fit), progress=False)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_temperature_that_makes_the_model_worse_is_warned_of(n_classes):
    report = worse(n_classes)
    nll = report.change.nll
    assert nll.low > 0
    said = (
        "Scaling makes the model worse on the test set: its negative log-likelihood (NLL) rises by "
        f"{nll.value:.3f} ({nll.low:.3f} to {nll.high:.3f}). The scaler was fitted to too few"
    )
    assert warnings(report)[-1].startswith(said)
    assert notes(report)[0].startswith(said)
    card = Card(report, "", 0, separate=True).to_markdown()
    assert card.count(said) == 1
    assert not any(
        text in card for text in (_result_sentences.ALREADY_BEST, _result_sentences.CHOOSE)
    )


def test_a_temperature_that_may_be_1_is_no_reason_to_look_for_other_samples():
    """It makes a calibrated model slightly worse, but that one need not be scaled."""
    for seed in range(40):
        fit, test = (calibrated_problem(400, 3, 1.0, seed=k) for k in (seed, 100 + seed))
        report = evaluate(*test, scaler=TemperatureScaler().fit_logits(*fit), n_resamples=100)
        rises = any(said.startswith("Scaling makes") for said in warnings(report))
        assert not (rises and report.doubts.on_1)


@pytest.mark.parametrize("temperature", [2.0, 1.0])
def test_an_error_that_remains_leads_to_other_scalers(temperature):
    fit, test = calibrated_problem(500, 4, temperature), calibrated_problem(500, 4, 3.0, seed=1)
    report = evaluate(*test, scaler=TemperatureScaler().fit_logits(*fit))
    card = Card(report, "", 0, separate=True).to_markdown()
    best = [_result_sentences.ALREADY_BEST] if temperature > 1 else []
    assert " ".join([*best, _result_sentences.CHOOSE, _result_sentences.OTHER_DATA]) in card
    assert (_result_sentences.NO_DIRECTION in card) == (temperature == 1)
    assert (_result_sentences.ALREADY_BEST in card) == (temperature > 1)
    assert card.count(_result_sentences.CHOOSE) == card.count(_result_sentences.OTHER_DATA) == 1


def rare_event(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a calibrated model of a rare event, whose mean probability T changes."""
    rng = np.random.default_rng(seed)
    z = 1.5 * rng.standard_normal(2000) - 4
    return z, (rng.random(2000) < 1 / (1 + np.exp(-z))).astype(int)


@pytest.mark.parametrize(
    ("low", "high", "rates"), [(0.01, 0.05, (0.0, 0.08)), (0.41, 0.46, (0.05, 0.82))]
)
def test_errors_within_a_bin_that_holds_all_samples_are_not_denied(low, high, rates):
    """The mean P(y = 1) is right, so the ECE is 0, however wrong the model is in both halves."""
    p = torch.tensor([low, high], dtype=torch.float64).repeat(400)
    share = torch.tensor(rates, dtype=torch.float64).repeat(400)
    labels = (torch.rand(800, generator=torch.Generator().manual_seed(0)) < share).long()
    report = evaluate(torch.logit(p), labels, progress=False)
    assert report.before.p_value > 0.05
    (verdict,) = verdicts(report)
    assert verdict.startswith(
        "Without scaling, the ECE shows no error, but it says little here: one bin holds nearly all"
    )
    assert "no calibration error was found" not in verdict
    spread = evaluate(*calibrated_problem(1000, 2, 1.0), progress=False)
    assert "one bin" not in "".join(verdicts(spread))


@pytest.mark.parametrize(("seed", "is_inside"), [(10, True), (52, False)])
def test_an_error_that_only_scaling_shows_is_blamed_on_the_temperature(seed, is_inside):
    z, labels = rare_event(seed)
    scaler = TemperatureScaler().fit_logits(z[::2], labels[::2])
    report = evaluate(z[1::2], labels[1::2], scaler=scaler)
    of_temperature, before, after = verdicts(report)
    assert ("you need not scale the model" in of_temperature) == is_inside
    assert before.startswith("Before scaling, ")
    assert after.startswith("After scaling, the model ")
    assert after.endswith(
        f"Before scaling, the test found no error (p = {report.before.p_value:.3f}), so T may have "
        f"caused this one, because T comes from other samples. {_result_sentences.LEAVE_UNSCALED}"
    )
    card = Card(report, "", 0, separate=True).to_markdown()
    assert _result_sentences.SHIFT_REMAINS not in card
    assert "such a verdict" not in card


def test_an_uncheckable_test_set_is_named(files, problem):
    def rounded(name: str) -> tuple[np.ndarray, np.ndarray]:
        logits, labels = problem[name]
        return logits[:, :2].round(), labels % 2

    scaler = TemperatureScaler().fit_logits(*rounded("calibration"))
    report = evaluate(*rounded("test"), scaler=scaler)
    assert report.leak_check is not None
    assert f"- {report.leak_check}" in Card(report, "", 0, separate=True).to_markdown()


@pytest.mark.slow
def test_a_calibrated_model_is_rarely_called_otherwise():
    """Of three or more classes there are two tests; of 2687 draws 102 were rejected, 3.8%."""
    n_rejected = 0
    for seed in range(400):
        logits, labels = calibrated_problem(300, 4, 1.0, seed)
        values = evaluate(logits, labels, n_resamples=399, seed=seed).before
        n_rejected += bool(rejected(values, 0.05))
    assert 4 <= n_rejected <= 33  # 0.05 * 400 and three standard errors


@pytest.mark.slow
def test_the_page_in_a_browser(files, written, browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    browser.open((files.folder / "card.html").as_uri())
    browser.wait("return [...document.images].every(image => image.naturalWidth > 0)")
    for scheme in ("light", "dark"):
        browser.set_media(color_scheme=scheme)
        assert axe.run(browser.page).response["violations"] == []
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(20, 24, 30)"
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    for width in (1200, 320):
        browser.resize(width, 800)
        wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not browser.run(wide), width
    browser.set_media(media="print")
    assert not browser.run(wide)


@pytest.mark.parametrize(("name", "labels"), [("p", "01"), ("p_spam", ["ham", "spam"])])
def test_only_an_event_without_a_name_may_say_that_another_model_was_right(here, name, labels):
    p = np.random.default_rng(0).random(300)
    rows = [f"{x},{labels[int(x > 0.6)]}" for x in p]
    (here.folder / "x.csv").write_text("\n".join([f"{name},label", *rows]))
    assert here.run("report", "x.csv", "--markdown", "card.md") == 0
    card = (here.folder / "card.md").read_text()
    assert ("says whether another model was right" in card) == (name == "p")
    assert "and the other class elsewhere" in card
