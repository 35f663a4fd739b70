"""The report on a multi-label model, beside the reports of binary models and definitions."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from calibkit import (
    LogisticScaler,
    MultiLabelTemperatureScaler,
    bootstrap_interval,
    brier_score,
    calibration_error,
    evaluate,
    evaluate_multi_label,
    negative_log_likelihood,
)
from calibkit._multi_label import check_multi_label
from calibkit.metrics.proper_scores import NLL, Brier
from calibkit.reports._label_means import resampled_means
from calibkit.uncertainty._resampled_metrics import Resampled
from calibkit.uncertainty.bootstrap import interval_of_value
from tests.scalers.test_multi_label import problem

FAST = {"n_resamples": 50, "progress": False}
LOGITS, LABELS = problem(600, 1)
SCALER = MultiLabelTemperatureScaler(per_label=True).fit_logits(*problem(600, 2))
NAMES = ["cat", "dog", "sheep", "cow"]
REPORT = evaluate_multi_label(LOGITS, LABELS, scaler=SCALER, names=NAMES, **FAST)


def test_each_label_has_the_report_of_a_binary_model():
    for k, name in enumerate(NAMES):
        binary = evaluate(LOGITS[:, k], LABELS[:, k], n_resamples=50)
        scaled = evaluate(SCALER(LOGITS)[:, k], LABELS[:, k], n_resamples=50)
        found = REPORT.labels[name]
        assert found.n_samples == 600
        for values, expected in ((found.before, binary.before), (found.after, scaled.before)):
            for one, other in zip(values, expected, strict=True):
                assert one == pytest.approx(other)
        assert len(found.plot()) == 2
    errors = [report.after.ece.value for report in REPORT.labels.values()]
    assert errors == sorted(errors, reverse=True)


def test_the_means_are_those_over_the_labels():
    for means, logits in ((REPORT.before, LOGITS), (REPORT.after, SCALER(LOGITS))):
        p = logits.sigmoid()
        columns = [(p[:, k], LABELS[:, k]) for k in range(4)]
        for value, metric in (
            (means.nll.value, negative_log_likelihood),
            (means.brier.value, brier_score),
            (means.ece, calibration_error),
        ):
            assert value == pytest.approx(np.mean([metric(*column) for column in columns]))
    reports = list(REPORT.labels.values())
    floors = [report.after.noise_floor.mean for report in reports]
    assert REPORT.after.noise_floor == pytest.approx(np.mean(floors))
    small = sum(report.before.p_value < 0.05 for report in reports)
    assert REPORT.before.n_small_p_values == small > 0
    change = REPORT.after.nll.value - REPORT.before.nll.value
    assert REPORT.nll_change.value == pytest.approx(change)
    assert REPORT.brier_change.high < 0


def test_the_intervals_of_the_means_resample_whole_samples():
    many = {"n_resamples": 2000, "progress": False}
    report = evaluate_multi_label(LOGITS, LABELS, n_bins=1, **many)
    # The same metric as a function of whole samples, each of which is one row.
    index = torch.arange(600)[:, None] / 600

    def of_samples(rows: torch.Tensor, _: torch.Tensor) -> float:
        drawn = (rows[:, 1] * 600).round().long()
        return negative_log_likelihood(LOGITS[drawn].sigmoid().flatten(), LABELS[drawn].flatten())

    rows = torch.cat([1 - index, index], 1)
    expected = bootstrap_interval(of_samples, rows, 0 * index[:, 0].long(), n_resamples=2000)
    assert report.before.nll.value == pytest.approx(expected.value)
    width = expected.high - expected.low
    assert report.before.nll.low == pytest.approx(expected.low, abs=0.05 * width)
    assert report.before.nll.high == pytest.approx(expected.high, abs=0.05 * width)
    copies = evaluate_multi_label(LOGITS[:, :1].expand(-1, 3), LABELS[:, :1].expand(-1, 3), **FAST)
    one = evaluate(LOGITS[:, 0], LABELS[:, 0], n_resamples=50).before
    assert copies.before.nll == pytest.approx(one.nll)
    assert copies.before.brier == pytest.approx(one.brier)


@pytest.mark.slow
@pytest.mark.parametrize("dependence", [0.0, 0.5, 0.95])
def test_the_intervals_of_the_means_hold_the_truth_whatever_depends_on_what(dependence):
    ones = torch.ones(20)

    def measured(n: int, seed: int, n_resamples: int) -> list[Resampled]:
        logits, labels = problem(n, seed, dependence, ones)
        rows = check_multi_label(2 * logits, labels)
        return [resampled_means(kind, [rows], n_resamples, 0)[0] for kind in (NLL(), Brier())]

    truths = [one.value for one in measured(100_000, 999, 1)]
    held = [0, 0]
    for seed in range(400):
        for i, one in enumerate(measured(300, seed, 400)):
            interval = interval_of_value(one)
            held[i] += interval.low <= truths[i] <= interval.high
    assert all(0.92 < count / 400 < 0.98 for count in held), held


def test_missing_entries_are_left_out():
    generator = torch.Generator().manual_seed(5)
    missing = torch.rand(LABELS.shape, generator=generator) < torch.tensor([0, 0.2, 0.4, 0.6])
    labels = LABELS.masked_fill(missing, -1).double()
    options = {"scaler": SCALER, "ignore_index": -1}
    report = evaluate_multi_label(LOGITS, labels, **options, **FAST)
    for k in range(4):
        there = ~missing[:, k]
        z, y = LOGITS[there, k], LABELS[there, k]
        binary = evaluate(z, y, n_resamples=50).before
        assert report.labels[k].n_samples == int(there.sum())
        assert report.labels[k].before.ece == pytest.approx(binary.ece)
    nll = [one.before.nll.value for one in report.labels.values()]
    assert report.before.nll.value == pytest.approx(np.mean(nll))
    assert report.before.nll.low < report.before.nll.value < report.before.nll.high
    assert "label  n    frequency" in str(report)
    labels[:, 2] = -1
    with pytest.raises(ValueError, match="got none for 1 of 4 labels, first for 2;"):
        evaluate_multi_label(LOGITS, labels, **options, **FAST)


def test_weights_count_in_every_label_and_in_the_means():
    weights = torch.arange(600) % 3
    report = evaluate_multi_label(
        LOGITS, LABELS, scaler=SCALER, names=NAMES, sample_weight=weights, **FAST
    )
    assert report.n_samples == 400
    assert "worth 360 samples of equal weight" in str(report)
    assert report.to_dict()["effective_n_samples"] == pytest.approx(360)
    many = LOGITS.repeat_interleave(weights, 0), LABELS.repeat_interleave(weights, 0)
    repeated = evaluate_multi_label(*many, scaler=SCALER, names=NAMES, **FAST)
    for means, expected in ((report.before, repeated.before), (report.after, repeated.after)):
        assert means.nll.value == pytest.approx(expected.nll.value, rel=1e-10)
        assert means.brier.value == pytest.approx(expected.brier.value, rel=1e-10)
        assert means.ece == pytest.approx(expected.ece, rel=1e-10)
        # Copies look like more samples than there are.
        assert means.noise_floor > expected.noise_floor
    for k, name in enumerate(NAMES):
        binary = evaluate(LOGITS[:, k], LABELS[:, k], sample_weight=weights, n_resamples=50)
        assert report.labels[name].before.ece == pytest.approx(binary.before.ece)
        rows = (text.split() for text in str(report).splitlines() if text.startswith(name))
        table = next(rows)
        expected = repeated.labels[name].bins[1]
        assert table[1] == f"{expected.n_correct.sum() / len(many[0]):.1%}"
        assert table[2] == f"{expected.confidence_sum.sum() / len(many[0]):.1%}"


def test_entries_may_have_weights_of_their_own():
    generator = torch.Generator().manual_seed(4)
    weights = torch.rand(LABELS.shape, generator=generator)
    weights[:, 1] *= LABELS[:, 2]
    report = evaluate_multi_label(LOGITS, LABELS, sample_weight=weights, **FAST)
    for k in range(4):
        z, y, w = LOGITS[:, k], LABELS[:, k], weights[:, k]
        binary = evaluate(z, y, sample_weight=w, n_resamples=50)
        assert report.labels[k].before.ece == pytest.approx(binary.before.ece)
        assert report.labels[k].n_samples == binary.n_samples
    means = [one.before.nll.value for one in report.labels.values()]
    assert report.before.nll.value == pytest.approx(np.mean(means))
    weights[:, 3] = 0
    with pytest.raises(ValueError, match="got none for 1 of 4 labels, first for 3;"):
        evaluate_multi_label(LOGITS, LABELS, sample_weight=weights, **FAST)


def test_overlapping_masks_are_measured_pixel_by_pixel():
    logits = LOGITS.view(6, 10, 10, 4).movedim(-1, 1)
    labels = LABELS.view(6, 10, 10, 4).movedim(-1, 1)
    report = evaluate_multi_label(logits, labels, scaler=SCALER, names=NAMES, **FAST)
    assert report.n_samples == 6
    assert report.after.ece == pytest.approx(REPORT.after.ece)
    assert report.after.nll.value == pytest.approx(REPORT.after.nll.value)


@pytest.mark.parametrize("shared", [False, True])
def test_a_test_set_with_calibration_samples_is_refused(shared):
    scaler = MultiLabelTemperatureScaler(per_label=not shared).fit_logits(LOGITS, LABELS)
    with pytest.raises(ValueError, match="100 of 600 calibration samples"):
        evaluate_multi_label(LOGITS[:100], LABELS[:100], scaler=scaler, **FAST)
    rounded = MultiLabelTemperatureScaler().fit_logits(LOGITS[:, :1].round(), LABELS[:, :1])
    other, y = problem(300, 3)
    report = evaluate_multi_label(other[:, :1].round(), y[:, :1], scaler=rounded, **FAST)
    assert "cannot be checked" in report.leak_check
    for text in (str(report), report.to_markdown(), report._repr_html_()):
        assert report.leak_check in text
    assert report.to_dict()["leak_check"] == report.leak_check


def test_a_model_and_a_loader_give_the_same_report():
    loader = list(zip(LOGITS.split(100), LABELS.float().split(100), strict=True))
    report = evaluate_multi_label(nn.Identity(), loader, scaler=SCALER, names=NAMES, **FAST)
    assert report.to_dict() == REPORT.to_dict()


def test_it_prints_at_most_ten_labels_and_writes_all():
    text = str(REPORT)
    assert text.startswith("n = 600, means over 4 labels; in brackets 95% intervals\n")
    assert "ECE before" in text
    logits, labels = LOGITS.repeat(1, 3), LABELS.repeat(1, 3)
    many = evaluate_multi_label(logits, labels, n_bins=7, **FAST)
    assert str(many).endswith("and 2 more with smaller errors")
    assert "and 2 more with smaller errors" in many._repr_html_()
    assert "in 7 bins" in str(many)
    assert many.to_markdown().count("\n| ") == 2 + 12 + 1 + 5 + 1
    assert many.after is many.nll_change is many.brier_change is many.summary is None
    assert json.loads(json.dumps(many.to_dict()))["after"] is None
    written = json.loads(json.dumps(REPORT.to_dict()))
    assert list(written["labels"]) == list(REPORT.labels)
    assert written["nll_change"]["value"] == REPORT.nll_change.value
    assert written["summary"]["n_parameters"] == 4
    assert REPORT._repr_html_().count("<table>") == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scaler": MultiLabelTemperatureScaler()}, RuntimeError, "not fitted"),
        ({"scaler": "none"}, TypeError, "got str"),
        ({"names": ["a", "a", "b", "c"]}, ValueError, "got 4 names, 3 of them different"),
        ({"names": ["a"]}, ValueError, "each of the 4 labels, got 1 names"),
        ({"names": [1, "1", 2, 3]}, ValueError, "names must differ as text, got 1 twice; pass"),
        ({"names": {"a", "b", "c", "d"}}, TypeError, "in the order of the logits, got set; pass"),
        ({"names": "abcd"}, TypeError, "in the order of the logits, got str; pass such a list"),
        (
            {"names": [["a"], ["b"], ["c"], ["d"]]},
            TypeError,
            r"or numbers, got \['a'\]; pass",
        ),
        ({"n_bins": 0}, ValueError, "n_bins"),
        ({"n_resamples": 0}, ValueError, "n_resamples"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        evaluate_multi_label(LOGITS, LABELS, **options)


@pytest.mark.parametrize(
    "names",
    [torch.arange(4), np.arange(4), dict.fromkeys(range(4)), dict.fromkeys(range(4)).keys()],
)
def test_names_in_order_are_read(names):
    report = evaluate_multi_label(LOGITS, LABELS, names=names, n_resamples=40)
    plain = evaluate_multi_label(LOGITS, LABELS, n_resamples=40)
    assert list(report.labels) == list(plain.labels)
    assert report.before == plain.before


def test_other_scalers_and_other_labels_are_refused():
    binary = LogisticScaler().fit_logits(LOGITS[:, 0], LABELS[:, 0])
    with pytest.raises(TypeError, match=r"evaluate\(logits\[:, 0\], labels\[:, 0\], sc"):
        evaluate_multi_label(LOGITS, LABELS, scaler=binary)
    evaluate(problem(100, 7)[0][:, 0], problem(100, 7)[1][:, 0], scaler=binary, n_resamples=40)
    with pytest.raises(TypeError, match="use evaluate_multi_label"):
        evaluate(LOGITS, LABELS[:, 0], scaler=SCALER)
    with pytest.raises(ValueError, match="must have 4 labels as in the fit"):
        evaluate_multi_label(LOGITS[:, :3], LABELS[:, :3], scaler=SCALER, **FAST)
    with pytest.raises(ValueError, match="got nan at position"):
        evaluate_multi_label(LOGITS, LABELS.float().masked_fill(LABELS == 1, math.nan))
    with pytest.raises(ValueError, match="MultiLabelTemperatureScaler and evaluate_multi"):
        evaluate(LOGITS, LABELS)


def test_a_label_with_constant_logits_is_no_reason_to_refuse():
    logits = LOGITS.clone()
    logits[:, 1] = 0.5
    report = evaluate_multi_label(logits, LABELS, **FAST)
    assert report.labels[1].before.nll.value > 0
    zeros = evaluate_multi_label(LOGITS, 0 * LABELS, **FAST)
    assert zeros.before.ece > 0.1
