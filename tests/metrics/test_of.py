"""What is judged: P(y = 1) for two classes, and the top class for more, in every function."""

import numpy as np
import pytest
import torch

import calibkit as ck

FUNCTIONS = [
    ck.calibration_error,
    ck.smooth_calibration_error,
    ck.ks_calibration_error,
    ck.classwise_calibration_error,
    ck.brier_score,
    ck.negative_log_likelihood,
    ck.accuracy,
    ck.score_decomposition,
    ck.area_under_risk_coverage_curve,
]
OF_AN_EVENT = FUNCTIONS[:3]
CLASSES = {
    ck.CalibrationError: ck.calibration_error,
    ck.SmoothCalibrationError: ck.smooth_calibration_error,
    ck.KSCalibrationError: ck.ks_calibration_error,
    ck.ClasswiseCalibrationError: ck.classwise_calibration_error,
    ck.BrierScore: ck.brier_score,
    ck.NegativeLogLikelihood: ck.negative_log_likelihood,
    ck.AreaUnderRiskCoverageCurve: ck.area_under_risk_coverage_curve,
}


@pytest.fixture
def event():
    """P(y = 1) that is 15 points too high everywhere, with outcomes."""
    generator = torch.Generator().manual_seed(0)
    p = 0.15 + 0.85 * torch.rand(2000, generator=generator, dtype=torch.float64)
    return p, torch.bernoulli(p - 0.15, generator=generator).long()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_form_of_two_classes_gives_the_same_value(function, event):
    p, y = event
    expected = function(torch.stack([1 - p, p], 1), y)
    assert function(p, y) == pytest.approx(expected, abs=1e-12)
    assert function(p[:, None], y) == pytest.approx(expected, abs=1e-12)
    assert function(p, y.bool()) == pytest.approx(expected, abs=1e-12)
    assert function(p.numpy(), y.numpy()) == pytest.approx(expected, abs=1e-12)
    images = p.reshape(20, 1, 10, 10), y.reshape(20, 10, 10)
    assert function(*images) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("function", OF_AN_EVENT)
def test_the_error_of_an_event_is_that_of_p_by_hand(function, event):
    p, y = event
    assert function(p, y) == pytest.approx((p.mean() - y.double().mean()).item(), abs=0.01)
    assert function(p, y, of="positive") == function(p, y)
    assert function(p, y, of="top") < function(p, y) - 0.03


@pytest.mark.parametrize("metric", CLASSES)
@pytest.mark.parametrize("form", ["event", "column", "both classes"])
def test_the_classes_take_events_and_judge_what_the_functions_judge(metric, form, event):
    p, y = event
    preds = {"event": p, "column": p[:, None], "both classes": torch.stack([1 - p, p], 1)}[form]
    streamed = metric(2)
    for batch in zip(preds.split(300), y.split(300), strict=True):
        streamed.update(*batch)
    assert streamed.compute().item() == pytest.approx(CLASSES[metric](p, y), abs=1e-9)


@pytest.mark.parametrize("metric", list(CLASSES)[:3])
def test_the_classes_judge_what_is_asked_for(metric, event):
    p, y = event
    streamed = metric(2, of="top")
    streamed.update(p, y)
    expected = CLASSES[metric](p, y, of="top")
    assert streamed.compute().item() == pytest.approx(expected, abs=1e-9)
    with pytest.raises(ValueError, match='of="positive" needs two classes, got 3'):
        metric(3, of="positive")


def test_a_collection_keeps_apart_what_judges_another_probability(event):
    from torchmetrics import MetricCollection

    p, y = event
    both = MetricCollection(
        {"event": ck.CalibrationError(2), "top": ck.CalibrationError(2, of="top")}
    )
    for batch in zip(p.split(500), y.split(500), strict=True):
        both.update(*batch)
    found = both.compute()
    assert found["event"].item() == pytest.approx(ck.calibration_error(p, y))
    assert found["top"].item() == pytest.approx(ck.calibration_error(p, y, of="top"))


def test_bins_and_floor_and_test_judge_the_event(event):
    p, y = event
    bins = ck.reliability_bins(p, y)
    assert (bins.of, bins.n_correct.sum()) == ("positive", int(y.sum()))
    assert bins.confidence_sum.sum() == pytest.approx(p.sum().item())
    assert ck.reliability_bins(p, y, of="top").of == "top"
    test = ck.calibration_test(p, y, n_resamples=200)
    assert test.p_value < 0.01
    assert test.floor == ck.noise_floor(p, n_resamples=200)
    assert ck.noise_floor(p, n_resamples=200, of="top") != test.floor


def test_intervals_judge_the_event(event):
    p, y = event
    interval = ck.bootstrap_interval(ck.calibration_error, p, y, n_resamples=100)
    assert interval.low < 0.15 < interval.high
    change = ck.paired_difference(ck.calibration_error, p, p - 0.15, y, n_resamples=100)
    assert change.high < -0.08


@pytest.mark.parametrize(
    "plot", [ck.reliability_diagram, ck.confidence_histogram, ck.risk_coverage_curve]
)
def test_plots_take_events(plot, event):
    p, y = event
    ax = plot(p, y.bool())
    ax.figure.canvas.draw()


def test_plots_name_what_they_judge(event):
    ax = ck.reliability_diagram(*event)
    judged, measured = ax.get_xlabel().splitlines()
    assert (judged, ax.get_ylabel()) == ("P(y = 1)", "frequency of y = 1")
    assert measured.startswith("ECE ")
    ax = ck.reliability_diagram(*event, of="top")
    judged, _ = ax.get_xlabel().splitlines()
    assert (judged, ax.get_ylabel()) == ("confidence of the top class", "accuracy")


def test_risk_counts_every_detection_that_did_not_match():
    confidence, matched = torch.tensor([0.9, 0.8, 0.3, 0.1]), torch.tensor([1, 1, 0, 0])
    detector = ck.risk_coverage_curve(confidence, matched, of="positive").lines[0]
    assert detector.get_ydata() == pytest.approx([0, 0, 1 / 3, 1 / 2])
    classifier = ck.risk_coverage_curve(confidence, matched).lines[0]
    assert classifier.get_ydata() == pytest.approx([0, 0, 0, 0])


def test_all_forms_of_binary_logits_give_the_same_report():
    generator = torch.Generator().manual_seed(1)
    z = 1.4 * torch.randn(1500, generator=generator)
    y = torch.bernoulli(z.sigmoid(), generator=generator).long()
    forms = [z, z[:, None], torch.stack([torch.zeros_like(z), z], 1)]
    reports = [str(ck.evaluate(form, y, n_resamples=50)) for form in forms]
    assert reports[0] == reports[1] == reports[2]
    assert "ECE of P(y = 1)" in reports[0]
    assert "top-label ECE" in reports[0]


def test_a_report_does_not_clear_a_shifted_binary_model():
    generator = torch.Generator().manual_seed(11)
    z = -0.4 + 1.4 * torch.randn(3000, generator=generator)
    y = torch.bernoulli(z.sigmoid(), generator=generator).long()
    report = ck.evaluate(z + 0.8, y, n_resamples=100)
    assert report.before.p_value < 0.01
    assert report.before.ece.value > 0.1
    assert report.bins[0].of == "positive"
    assert report.before.top_label_ece is not None
    assert report.before.top_label_ece.value < report.before.ece.value / 2
    by_top = ck.evaluate(z + 0.8, y, n_resamples=100, of="top")
    assert by_top.before.ece.value == report.before.top_label_ece.value
    assert by_top.before.top_label_ece is None


def test_a_report_of_three_classes_judges_the_top_class():
    z = np.random.default_rng(0).normal(size=(300, 3))
    y = z.argmax(1)
    report = ck.evaluate(z, y, n_resamples=40)
    assert report.bins[0].of == "top"
    assert report.before.top_label_ece is None
    with pytest.raises(ValueError, match='of="positive" needs two classes'):
        ck.evaluate(z, y, n_resamples=40, of="positive")
