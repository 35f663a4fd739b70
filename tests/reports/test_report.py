"""The report of evaluate: its numbers, and how it shows them."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import calibkit
from calibkit import Interval, TemperatureScaler, evaluate
from calibkit.reports.values import _change_text
from tests.helpers import REAL, calibrated_problem, needs_real_data


@pytest.fixture(scope="module")
def problem():
    logits, labels = calibrated_problem(3000, 10, 2)
    scaler = TemperatureScaler().fit_logits(logits[:1000], labels[:1000])
    return scaler, logits[1000:], labels[1000:]


@pytest.fixture(scope="module")
def report(problem):
    scaler, logits, labels = problem
    return evaluate(logits, labels, scaler=scaler)


def test_numbers_are_the_metrics(report, problem):
    scaler, logits, labels = problem
    for measures, z in ((report.before, logits), (report.after, scaler(logits))):
        p = z.softmax(1)
        assert measures.accuracy.value == pytest.approx(calibkit.accuracy(p, labels))
        assert measures.nll.value == pytest.approx(calibkit.negative_log_likelihood(p, labels))
        assert measures.brier.value == pytest.approx(calibkit.brier_score(p, labels))
        assert measures.ece.value == pytest.approx(calibkit.calibration_error(p, labels))
        assert measures.noise_floor == pytest.approx(calibkit.noise_floor(p))
        assert measures.p_value == calibkit.calibration_test(p, labels).p_value
    metrics = {
        "accuracy": calibkit.accuracy,
        "nll": calibkit.negative_log_likelihood,
        "brier": calibkit.brier_score,
        "ece": calibkit.calibration_error,
    }
    for name, metric in metrics.items():
        arguments = logits.softmax(1), scaler(logits).softmax(1), labels
        expected = calibkit.paired_difference(metric, *arguments)
        assert getattr(report.change, name) == pytest.approx(expected, abs=1e-9), name
    assert report.summary == scaler.summary
    assert report.before.p_value < 0.01 < report.after.p_value
    assert report.change.nll.high < 0
    assert report.change.accuracy == (0, 0, 0)


def test_bins_of_the_plot_give_the_printed_ece(report):
    axes = report.plot()
    for ax, measures in zip(axes, (report.before, report.after), strict=True):
        assert f"ECE {measures.ece.value:.1%}" in ax.get_xlabel()
    with pytest.raises(ValueError, match="axes must be 2, one for each diagram, got 1"):
        report.plot(axes[:1])


def test_without_a_scaler_there_is_one_column(problem):
    _, logits, labels = problem
    alone = evaluate(logits, labels, n_resamples=50)
    assert (alone.after, alone.change, alone.summary) == (None, None, None)
    assert "value" in str(alone)
    assert "change" not in str(alone)
    assert len(alone.plot()) == 1


def test_every_number_is_printed_as_text_and_as_html(report):
    text = str(report)
    assert "n = 2000, 10 classes, ECE in 15 bins" in text
    for measures in (report.before, report.after):
        assert f"{measures.ece.value:.1%} ({measures.ece.low:.1%} to" in text
        assert f"{measures.nll.value:.3f} ({measures.nll.low:.3f} to" in text
        assert f"{measures.noise_floor.mean:.1%}" in text
        assert f"{measures.p_value:.3f}" in text
    cells = []

    class Cells(HTMLParser):
        def handle_data(self, data):
            cells.append(data)

    Cells().feed(report._repr_html_())
    for line in text.splitlines()[1:]:
        for cell in line.split("  "):
            assert not cell.strip() or cell.strip() in cells


@pytest.mark.parametrize("scaled", [True, False])
def test_markdown_table_holds_the_printed_cells(report, problem, scaled):
    _, logits, labels = problem
    shown = report if scaled else evaluate(logits, labels, n_resamples=40)
    caption, empty, head, rule, *body = shown.to_markdown().splitlines()
    first, *printed = str(shown).splitlines()
    assert caption == first
    assert caption.startswith("n = 2000, 10 classes, ECE in 15 bins")
    assert empty == ""
    columns = 4 if scaled else 2
    assert re.fullmatch(rf"\|( -{{3,}} \|){{{columns}}}", rule)
    for row, line in zip([head, *body], printed, strict=True):
        cells = [cell.strip() for cell in row[1:-1].split("|")]
        assert len(cells) == columns
        assert [cell for cell in cells if cell] == re.split(" {2,}", line.strip())


def test_dictionary_survives_json(report):
    found = json.loads(json.dumps(report.to_dict()))
    assert found["n_samples"] == 2000
    assert found["after"]["ece"]["low"] == report.after.ece.low
    assert found["change"]["nll"]["value"] == report.change.nll.value
    assert found["summary"]["temperature"] == report.summary.temperature


def test_interval_of_a_calibrated_models_ece_holds_zero():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(1000, 10, generator=generator)
    held = []
    for seed in range(60):
        labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
        held.append(evaluate(logits, labels, n_resamples=100, seed=seed).before.ece.low == 0)
    assert np.mean(held) >= 0.9


def test_a_model_with_its_loader(problem):
    scaler, logits, labels = problem
    model = nn.Sequential(nn.Identity(), nn.Dropout(0.9)).train()
    loader = DataLoader(TensorDataset(logits, labels), batch_size=300)
    found = evaluate(model, loader, scaler=scaler, n_resamples=50, progress=False)
    expected = evaluate(logits, labels, scaler=scaler, n_resamples=50)
    assert found.to_dict() == expected.to_dict()
    assert model[1].training


@pytest.mark.parametrize(
    "form",
    [
        lambda z: z,
        lambda z: z[:, None],
        lambda z: torch.stack([torch.zeros_like(z), z], 1),
        lambda z: torch.stack([-z / 2, z / 2], 1).numpy(),
    ],
)
def test_a_binary_model_in_every_form(form):
    logits, labels = calibrated_problem(400, 2, 2)
    z = logits[:, 1] - logits[:, 0]
    scaler = TemperatureScaler().fit_logits(form(z)[:200], labels[:200])
    found = evaluate(form(z)[200:], labels[200:], scaler=scaler, n_resamples=40)
    expected = evaluate(
        logits[200:],
        labels[200:],
        scaler=TemperatureScaler().fit_logits(logits[:200], labels[:200]),
        n_resamples=40,
    )
    assert found.after.nll == pytest.approx(expected.after.nll)
    assert found.after.ece == pytest.approx(expected.after.ece)


def test_pixels():
    logits, labels = calibrated_problem(2 * 12 * 10, 4, 2)
    images = logits.view(2, 12, 10, 4).movedim(-1, 1)
    masks = labels.view(2, 12, 10).clone()
    masks[:, 0] = 255
    found = evaluate(images, masks, ignore_index=255, n_resamples=40)
    kept = masks.flatten() != 255
    assert found.n_samples == 220
    assert found.before == evaluate(logits[kept], labels[kept], n_resamples=40).before


def test_far_apart_logits_have_a_finite_nll():
    logits = torch.tensor([[2000.0, 0.0], [2000.0, 0.0], [0.0, 2000.0]])
    found = evaluate(logits, torch.tensor([0, 1, 1]), n_resamples=40)
    assert found.before.nll.value == pytest.approx(2000 / 3)


def test_what_is_no_fitted_scaler_is_refused(problem):
    _, logits, labels = problem
    with pytest.raises(RuntimeError, match="this TemperatureScaler is not fitted"):
        evaluate(logits, labels, scaler=TemperatureScaler(2.0))
    with pytest.raises(TypeError, match="scaler must be a calibkit scaler, got float"):
        evaluate(logits, labels, scaler=2.0)


@needs_real_data
def test_real_network():
    """A DenseNet on CIFAR-100: T and ECE as published with the data."""
    with np.load(REAL / "densenet-bc-100-cifar-100.npz") as arrays:
        logits, labels = np.log(arrays["predictions"]), arrays["ground_truth"]
    order = np.random.default_rng(0).permutation(10_000)
    calibration, test = order[:1000], order[1000:]
    scaler = TemperatureScaler().fit_logits(logits[calibration], labels[calibration])
    low, high = scaler.summary.temperature_interval
    assert low < 2.142 < high
    found = evaluate(logits[test], labels[test], scaler=scaler)
    assert found.before.ece.value == pytest.approx(0.1412, abs=5e-5)
    assert found.after.ece.value == pytest.approx(0.0122, abs=5e-5)
    assert found.before.p_value < 0.01
    assert found.change.ece.high < -0.1


def test_intervals_stay_in_range():
    logits = torch.tensor([[6.0, 0.0]]).repeat(50, 1)
    labels = torch.tensor([1, 1] + [0] * 48)
    found = evaluate(logits, labels).before
    assert found.accuracy.high == 1
    assert 0 <= found.nll.low < found.nll.high
    assert 0 <= found.brier.low < found.brier.high


def test_few_resamples_say_nothing_against_an_ece():
    logits, labels = calibrated_problem(1000, 10, 3)
    assert evaluate(logits, labels, n_resamples=40).before.ece.low > 0.1


def test_one_picture_on_one_axes(problem):
    _, logits, labels = problem
    _, ax = plt.subplots()
    assert evaluate(logits, labels, n_resamples=40).plot(ax) == [ax]


@pytest.fixture(scope="module")
def rare_event():
    logits = torch.tensor([3.0, -1.0, 0.0]).repeat(200)
    return logits, torch.tensor([1, 0, 0]).repeat(200)


def rows_of(report):
    return {name: cells for name, *cells in report._cells()}


def test_two_classes_show_how_often_the_event_is_expected_and_how_often_it_happens(rare_event):
    _, mean, frequency, *_ = evaluate(*rare_event)._cells()
    assert mean == ["mean P(y = 1)", f"{rare_event[0].sigmoid().mean():.1%}"]
    assert frequency == ["its frequency", "33.3%"]


def test_the_frequency_of_the_event_counts_weights(rare_event):
    weights = torch.tensor([1.0, 2.0, 3.0]).repeat(200)
    rows = rows_of(evaluate(*rare_event, sample_weight=weights))
    assert rows["its frequency"] == ["16.7%"]


def test_a_report_on_the_top_class_has_no_rows_of_an_event(rare_event, report):
    assert "mean P(y = 1)" not in rows_of(evaluate(*rare_event, of="top"))
    assert not any("frequency" in name for name in rows_of(report))


def test_a_change_that_cannot_happen_is_called_none(report):
    rows = rows_of(report)
    assert rows["accuracy"][-1] == "none"  # A temperature keeps the top class.
    assert rows["NLL"][-1].startswith("-")


def test_a_change_that_may_happen_is_not_called_none(problem):
    _, logits, labels = problem
    scaler = calibkit.VectorScaler().fit_logits(*calibrated_problem(300, 10, 1, seed=1))
    assert "%" in rows_of(evaluate(logits, labels, scaler=scaler))["accuracy"][-1]


@pytest.mark.parametrize(
    ("change", "form", "said"),
    [
        ((0.0, 0.0, 0.0), "+.1%", "none"),
        ((0.0001, -0.0002, 0.0004), "+.3f", "below 0.001"),
        ((-0.0001, -0.0004, 0.0), "+.1%", "below 0.1%"),
        ((-0.00001, -0.00004, 0.0), "+.2%", "below 0.01%"),
        ((-0.001, -0.002, -0.0002), "+.3f", "-0.001 (-0.002 to -0.0002)"),
        ((0.001, -0.0004, 0.002), "+.1%", "+0.1% (-0.04% to +0.2%)"),
        ((0.00005, -0.002, 0.000004), "+.3f", "+0.0001 (-0.002 to 0.000)"),
        ((0.01, 0.0, 0.02), "+.1%", "+1.0% (0.0% to +2.0%)"),
    ],
)
def test_a_change_that_would_be_shown_as_0_has_no_sign_or_more_decimals(change, form, said):
    assert _change_text(Interval(*change), form) == said
