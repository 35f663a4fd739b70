"""A report doubts a temperature that speaks for a mistake in the data."""

import pytest
import torch

from calibkit import NoOptimumError, TemperatureScaler, VectorScaler, _result_sentences, evaluate
from calibkit.reports._doubts import Doubts, doubts_about
from tests.helpers import calibrated_problem


def report_on(logits, labels, scaler=None, **options):
    scaler = (scaler or TemperatureScaler()).fit_logits(logits[::2], labels[::2])
    return evaluate(logits[1::2], labels[1::2], scaler=scaler, progress=False, **options)


def few_samples() -> tuple[torch.Tensor, torch.Tensor]:
    """Return twelve samples, of which one answer is wrong."""
    labels = torch.tensor([0, 0, 1, 1] * 3)
    logits = 4.0 * torch.nn.functional.one_hot(labels, 2).double()
    logits += torch.rand(12, 2, generator=torch.Generator().manual_seed(0)).double()
    labels[0] = 1
    return logits, labels


def doubts(report) -> str:
    """The name of the sentence that the report says, or an empty text."""
    names = ["UNRELATED"] + [f"{kind}_TEMPERATURE" for kind in ("LARGE", "SMALL", "UNCERTAIN")]
    begins = {getattr(_result_sentences, name).partition("{")[0]: name for name in names}
    said = " ".join(report.doubts.warnings)
    assert said in " ".join(str(report).splitlines())
    found = [name for begin, name in begins.items() if begin in said and begin != "T = "]
    if "T = " in said:
        found.append("LARGE_TEMPERATURE" if "large" in said else "SMALL_TEMPERATURE")
    assert len(found) <= 1
    return "".join(found)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [(1, ""), (4, ""), (0.2, ""), (12, "LARGE_TEMPERATURE"), (1 / 12, "SMALL_TEMPERATURE")],
)
def test_the_scale_of_the_logits_is_doubted_beyond_the_usual(scale, expected):
    logits, labels = calibrated_problem(1000, 5, 1.0)
    report = report_on(scale * logits - 2, labels)
    assert doubts(report) == expected
    assert len(report.doubts.warnings) == bool(expected)
    assert report.to_dict()["warnings"] == report.doubts.warnings
    assert (_result_sentences.NEED_NOT_SCALE in report.notes) == (scale == 1)
    assert all(note in report.to_markdown() for note in report.notes)
    assert all(note.replace("'", "&#x27;") in report._repr_html_() for note in report.notes)


def test_labels_of_other_rows_are_doubted():
    logits, labels = calibrated_problem(1200, 10, 2.0)
    shifts_with_an_optimum = 1, 2, 3, 7
    for shift in shifts_with_an_optimum:
        assert doubts(report_on(logits, labels.roll(shift))) == "UNRELATED"
    with pytest.raises(NoOptimumError, match="usually the labels are shifted"):
        report_on(logits, labels.roll(4))


def test_a_weak_model_of_a_rare_event_is_not_doubted():
    """Its accuracy is that of the most frequent class, and yet its temperature is near 1."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(4000, generator=generator, dtype=torch.float64) - 4
    labels = (torch.rand(4000, generator=generator) < z.sigmoid()).long()
    report = report_on(z, labels)
    assert report.before.accuracy.value > 0.95
    assert doubts(report) == ""


def test_few_samples_leave_the_temperature_uncertain():
    report = report_on(*few_samples())
    low, high = report.summary.temperature_interval
    assert high > 10 * low
    assert doubts(report) == "UNCERTAIN_TEMPERATURE"
    assert "6 samples are very few" in report.doubts.warnings[1]


def test_weights_count_for_the_most_frequent_class():
    logits, labels = calibrated_problem(1000, 2, 30.0, seed=1)
    weights = torch.where(labels == 0, 200.0, 1.0).double()
    assert doubts(report_on(logits, labels)) == "LARGE_TEMPERATURE"
    sentence = doubts(report_on(logits, labels, sample_weight=weights[1::2]))
    assert sentence == "UNRELATED"


@pytest.mark.parametrize("spread", [0, 1, 3, 8])
def test_weights_that_leave_few_samples_are_doubted(spread):
    logits, labels = calibrated_problem(400, 3, 2)
    weights = torch.linspace(0.01, 1, 400).double() ** (spread**2)
    report = evaluate(logits, labels, sample_weight=weights, n_resamples=40)
    is_few = report.effective_n_samples < 100
    assert is_few == (spread > 1)
    said = [f"as {report.effective_n_samples:.0f} samples of equal weight hold"] if is_few else []
    assert len(report.doubts.warnings) == len(said)
    assert all(text in report.doubts.warnings[0] for text in said)
    few = evaluate(logits[:50], labels[:50], sample_weight=weights[-50:], n_resamples=40)
    assert few.doubts.warnings == [_result_sentences.FEW_SAMPLES.format(n=50, least=100)]


def test_only_a_temperature_is_doubted():
    logits, labels = calibrated_problem(1000, 3, 30.0)
    report = report_on(logits, labels, VectorScaler())
    assert doubts(report) == ""
    nothing = Doubts(warnings=[], no_verdict=None, on_1=None)
    assert doubts_about(None, 0.5, report._measured.sets[0]) == nothing


def good_model(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A calibrated model of ten classes that is right in most cases of each."""
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(n, 10, generator=generator, dtype=torch.float64)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("pairs", [[(2, 5)], [(0, 9), (3, 4)], []])
def test_exchanged_columns_are_suspected(pairs):
    logits, labels = good_model(2000)
    order = list(range(10))
    for a, b in pairs:
        order[a], order[b] = b, a
    expected = [_result_sentences.EXCHANGED.format(a=a, b=b) for a, b in pairs]
    assert report_on(logits[:, order], labels).doubts.warnings == expected
    found = evaluate(logits[:, order], labels, progress=False).doubts
    assert found.warnings == expected
    assert found.no_verdict == (_result_sentences.NO_VERDICT_WHEN_EXCHANGED if pairs else None)


@pytest.mark.parametrize("offset", [0, -5])
@pytest.mark.parametrize("sign", [1, -1])
def test_scores_that_point_the_wrong_way_are_suspected(offset, sign):
    """All answers may be the same, as those about a rare event are."""
    z, labels = (part[:, 0] if part.ndim > 1 else part for part in calibrated_problem(2000, 2, 1.0))
    z = z if z[labels == 1].mean() > z[labels == 0].mean() else -z
    found = evaluate(sign * z + offset, labels, progress=False).doubts
    assert found.warnings == ([_result_sentences.WRONG_WAY_ROUND] if sign < 0 else [])
    assert (found.no_verdict is None) == (sign > 0)
    two = torch.stack([0 * z, sign * z + offset], 1)
    assert evaluate(two, labels, progress=False).doubts == found


def test_a_score_that_knows_nothing_is_not_suspected():
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        z = torch.randn(200, generator=generator)
        labels = torch.randint(0, 2, (200,), generator=generator)
        found = evaluate(z, labels, n_resamples=40, progress=False).doubts
        assert _result_sentences.WRONG_WAY_ROUND not in found.warnings


def test_classes_with_few_samples_are_not_suspected():
    logits, labels = good_model(100)
    logits = logits[:, [1, 0, *range(2, 10)]]
    keep = (labels >= 2) | ((labels < 2).cumsum(0) <= 9)
    assert "exchanged" not in str(evaluate(logits[keep], labels[keep], progress=False))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("label", [0, 1])
def test_a_test_of_one_class_is_doubted(n_classes, label):
    logits, labels = calibrated_problem(1200, n_classes, 1.0)
    own = labels == label
    report = evaluate(logits[own], labels[own], n_resamples=40, progress=False)
    said = _result_sentences.ONE_CLASS_IN_TEST.format(n=int(own.sum()), label=label)
    assert report.doubts.warnings == [said]
    assert said in report.notes
    alone = evaluate(logits[:1], labels[:1], n_resamples=40, progress=False)
    assert alone.doubts.warnings == [_result_sentences.FEW_SAMPLES.format(n=1, least=100)]


def test_an_accuracy_below_that_of_the_most_frequent_class_is_not_called_better():
    for n_classes, seed, better in ((10, 0, "not better"), (4, 5, "not better"), (4, 0, "hardly")):
        logits, labels = calibrated_problem(1200, n_classes, 2.0, seed=seed)
        said = " ".join(report_on(logits, labels.roll(1)).doubts.warnings)
        assert f"is {better}" in said
