"""Every metric, function and class, against its definition in float64, sample by sample."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.special import softmax
from torchmetrics import MetricCollection

import calibkit
from calibkit import (
    BrierScore,
    CalibrationError,
    ClasswiseCalibrationError,
    KSCalibrationError,
    NegativeLogLikelihood,
    ScoreDecomposition,
    SmoothCalibrationError,
)
from tests.helpers import calibrated_problem


def draw(n: int, n_classes: int, seed: int, sharpness: float = 2.0):
    """Probabilities with labels that follow them in part; few distinct values, so with ties."""
    rng = np.random.default_rng(seed)
    probabilities = softmax(sharpness * rng.integers(-3, 4, (n, n_classes)) / 2, axis=1)
    labels = np.array([rng.choice(n_classes, p=p) for p in probabilities])
    labels[: n // 3] = rng.integers(n_classes, size=n // 3)
    return torch.from_numpy(probabilities), torch.from_numpy(labels)


def top(probabilities, labels):
    p, y = probabilities.numpy(), labels.numpy()
    return p.max(1), (p.argmax(1) == y).astype(float)


def in_bins(confidence, n_bins, binning):
    """The bin of every sample, one by one."""
    n = len(confidence)
    if binning == "quantile":
        smaller = [int((confidence < c).sum()) for c in confidence]
        return np.array([rank * n_bins // n for rank in smaller])
    return np.array(
        [max(k for k in range(n_bins) if k / n_bins <= c or k == 0) for c in confidence]
    )


def reference_error(confidence, correct, n_bins, norm, binning="uniform", debias=False):
    index = in_bins(confidence, n_bins, binning)
    shares, gaps = [], []
    for k in np.unique(index):
        inside = index == k
        m, accuracy = inside.sum(), correct[inside].mean()
        gap = abs(accuracy - confidence[inside].mean())
        if norm == "l2":
            gap = gap**2
            if debias:
                gap = gap - accuracy * (1 - accuracy) / (m - 1) if m > 1 else 0
        shares.append(m / len(index))
        gaps.append(gap)
    if norm == "max":
        return max(gaps)
    total = float(np.dot(shares, gaps))
    return total if norm == "l1" else np.sqrt(max(total, 0))


settings.register_profile("metrics", deadline=None, max_examples=40)
problems = {"n": st.integers(2, 200), "n_classes": st.integers(2, 6), "seed": st.integers(0, 999)}


@settings(settings.get_profile("metrics"))
@given(
    **problems,
    n_bins=st.integers(1, 25),
    norm=st.sampled_from(["l1", "l2", "max"]),
    binning=st.sampled_from(["uniform", "quantile"]),
    debias=st.booleans(),
)
def test_calibration_error(n, n_classes, seed, n_bins, norm, binning, debias):
    probabilities, labels = draw(n, n_classes, seed)
    debias = debias and norm == "l2"
    options = {"n_bins": n_bins, "norm": norm, "binning": binning, "debias": debias}
    expected = reference_error(*top(probabilities, labels), n_bins, norm, binning, debias)
    found = calibkit.calibration_error(probabilities, labels, **options)
    assert found == pytest.approx(expected, abs=1e-9)


@settings(settings.get_profile("metrics"))
@given(**problems, n_bins=st.integers(1, 25))
def test_classwise_calibration_error(n, n_classes, seed, n_bins):
    probabilities, labels = draw(n, n_classes, seed)
    expected = np.mean(
        [
            reference_error(probabilities[:, c].numpy(), (labels == c).numpy(), n_bins, "l1")
            for c in range(n_classes)
        ]
    )
    found = calibkit.classwise_calibration_error(probabilities, labels, n_bins=n_bins)
    assert found == pytest.approx(expected, abs=1e-9)


@settings(settings.get_profile("metrics"))
@given(**problems)
def test_ks_calibration_error(n, n_classes, seed):
    probabilities, labels = draw(n, n_classes, seed)
    confidence, correct = top(probabilities, labels)
    expected = max(abs((confidence - correct)[confidence <= c].sum()) / n for c in confidence)
    found = calibkit.ks_calibration_error(probabilities, labels)
    assert found == pytest.approx(expected, abs=1e-9)


@settings(settings.get_profile("metrics"))
@given(**problems)
def test_proper_scores_and_accuracy(n, n_classes, seed):
    probabilities, labels = draw(n, n_classes, seed)
    p, y = probabilities.numpy(), labels.numpy()
    nll = np.mean([-np.log(p[i, y[i]]) for i in range(n)])
    brier = np.mean([((p[i] - np.eye(n_classes)[y[i]]) ** 2).sum() for i in range(n)])
    found = calibkit.negative_log_likelihood(probabilities, labels)
    assert found == pytest.approx(nll, abs=1e-9)
    assert calibkit.brier_score(probabilities, labels) == pytest.approx(brier, abs=1e-9)
    assert calibkit.accuracy(probabilities, labels) == pytest.approx(
        top(probabilities, labels)[1].mean()
    )


def reference_smooth_error(confidence, correct):
    """Gaussians mirrored at 0 and 1, zeros by bisection, integrals by quadrature."""
    mirrored = np.concatenate([confidence + 2 * k for k in range(-8, 9)])
    mirrored = np.concatenate([mirrored, -mirrored])
    residual = np.tile(correct - confidence, 34) / len(confidence)

    def smoothed(t, width):
        kernel = np.exp(-((t - mirrored) ** 2) / (2 * width**2)) / (np.sqrt(2 * np.pi) * width)
        return float(kernel @ residual)

    def error(width):
        mesh = np.linspace(0, 1, 1 + int(20 / width))
        values = [smoothed(t, width) for t in mesh]
        pairs = zip(pairwise(mesh), pairwise(values), strict=True)
        zeros = [
            brentq(smoothed, *ends, (width,), xtol=1e-14) for ends, (u, v) in pairs if u * v < 0
        ]
        ends = [0.0, *zeros, 1.0]
        return sum(
            abs(quad(smoothed, a, b, (width,), epsabs=1e-11, limit=200)[0])
            for a, b in pairwise(ends)
        )

    return brentq(lambda width: error(width) - width, 0.02, 1, xtol=1e-11)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_smooth_calibration_error(seed):
    rng = np.random.default_rng(seed)
    confidence = 0.5 + rng.random(60) / 2
    confidence[:3] = 1, 0.5, 0.75
    correct = (rng.random(60) < confidence**3).astype(float)
    probabilities = torch.from_numpy(np.stack([confidence, 1 - confidence], 1))
    expected = reference_smooth_error(confidence, correct)
    labels = torch.from_numpy(1 - correct).long()
    found = calibkit.smooth_calibration_error(probabilities, labels)
    assert found == pytest.approx(expected, abs=1e-9)


def test_smooth_error_of_one_confidence_by_hand():
    # the kernel is never negative, so the integral is the gap whatever the width
    probabilities = torch.tensor([[0.6, 0.4]], dtype=torch.float64).repeat(50, 1)
    labels = (torch.arange(50) >= 15).long()
    found = calibkit.smooth_calibration_error(probabilities, labels)
    assert found == pytest.approx(0.3, abs=1e-11)


def test_smooth_error_falls_to_the_narrowest_width():
    probabilities = torch.tensor([[0.5, 0.5]]).repeat(50, 1)
    assert calibkit.smooth_calibration_error(probabilities, torch.arange(50) % 2) < 1e-12


@settings(deadline=None, max_examples=15)
@given(n=st.integers(50, 300), n_classes=st.integers(2, 5), seed=st.integers(0, 99))
def test_decomposition(n, n_classes, seed):
    probabilities, labels = draw(n, n_classes, seed)
    assume(len(labels.unique()) > 1)
    logits, y = probabilities.log().numpy(), labels.numpy()

    def nll(log_b):
        p = softmax(np.exp(log_b) * logits, axis=1)
        return -np.log(p[np.arange(n), y]).mean()

    best = minimize_scalar(nll, bounds=(-8, 8), method="bounded", options={"xatol": 1e-10}).x
    p = softmax(np.exp(best) * logits, axis=1)
    brier = ((p - np.eye(n_classes)[y]) ** 2).sum(1).mean()
    parts = calibkit.score_decomposition(probabilities, labels)
    assert parts.refinement == pytest.approx(nll(best), abs=1e-6)
    nll_before = calibkit.negative_log_likelihood(probabilities, labels)
    assert parts.score == pytest.approx(nll_before, abs=1e-12)
    assert parts.calibration + parts.refinement == pytest.approx(parts.score, abs=1e-12)
    of_brier = calibkit.score_decomposition(probabilities, labels, score="brier")
    assert of_brier.refinement == pytest.approx(brier, abs=1e-4)
    assert of_brier.score == pytest.approx(calibkit.brier_score(probabilities, labels), abs=1e-12)


def test_decomposition_of_a_temperature_gives_it_all_to_calibration():
    logits, labels = calibrated_problem(20_000, 10, 1)
    sharp = calibkit.score_decomposition((3 * logits).softmax(1), labels)
    right = calibkit.score_decomposition(logits.softmax(1), labels)
    assert sharp.refinement == pytest.approx(right.refinement, abs=1e-9)
    assert right.calibration < 1e-3
    assert sharp.calibration > 0.5


def test_decomposition_takes_the_limit_where_no_temperature_is_best():
    even, labels = torch.full((40, 4), 0.25), torch.arange(40) % 4
    parts = calibkit.score_decomposition(even, labels)
    assert parts == pytest.approx((np.log(4), 0, np.log(4)))
    assert calibkit.score_decomposition(even, labels, score="brier").refinement == 0.75
    sure = 0.6 * torch.eye(4)[labels] + 0.1
    assert calibkit.score_decomposition(sure, labels).refinement == 0


def test_impossible_labels():
    probabilities, labels = torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([0, 1])
    assert calibkit.negative_log_likelihood(probabilities, labels) == np.inf
    with pytest.raises(ValueError, match=r"above 0 for every label, got 0 for 1 of 2, .* in row 1"):
        calibkit.score_decomposition(probabilities, labels)


CLASSES = [
    (CalibrationError, calibkit.calibration_error, {}),
    (CalibrationError, calibkit.calibration_error, {"n_bins": 7, "norm": "max"}),
    (CalibrationError, calibkit.calibration_error, {"norm": "l2", "debias": True}),
    (CalibrationError, calibkit.calibration_error, {"binning": "quantile"}),
    (ClasswiseCalibrationError, calibkit.classwise_calibration_error, {"n_bins": 10}),
    (SmoothCalibrationError, calibkit.smooth_calibration_error, {}),
    (KSCalibrationError, calibkit.ks_calibration_error, {}),
    (BrierScore, calibkit.brier_score, {}),
    (NegativeLogLikelihood, calibkit.negative_log_likelihood, {}),
    (ScoreDecomposition, calibkit.score_decomposition, {}),
    (ScoreDecomposition, calibkit.score_decomposition, {"score": "brier"}),
]
all_classes = pytest.mark.parametrize(("metric", "function", "options"), CLASSES)


def number(value) -> float:
    """Of a tensor, of a dictionary of them, or of a Decomposition."""
    if isinstance(value, dict):
        return value["calibration"].item()
    return value.calibration if isinstance(value, tuple) else float(value)


@all_classes
def test_batches_give_what_the_function_gives(metric, function, options):
    probabilities, labels = draw(500, 5, 0)
    whole = metric(num_classes=5, **options)
    for p, y in zip(probabilities.split(37), labels.split(37), strict=True):
        whole.update(p, y)
    expected = number(function(probabilities, labels, **options))
    assert number(whole.compute()) == pytest.approx(expected, abs=1e-12)
    restored = pickle.loads(pickle.dumps(copy.deepcopy(whole)))
    assert number(restored.compute()) == pytest.approx(expected, abs=1e-12)
    whole.reset()
    assert number(whole(probabilities[:50], labels[:50])) == pytest.approx(
        number(function(probabilities[:50], labels[:50], **options)), abs=1e-12
    )


@all_classes
def test_logits_where_they_are_declared(metric, function, options):
    logits, labels = calibrated_problem(300, 5, 2)
    declared = metric(num_classes=5, input="logits", **options)
    declared.update(logits, labels)
    expected = number(function(logits.softmax(1), labels, **options))
    assert number(declared.compute()) == pytest.approx(expected, abs=1e-9)


@all_classes
def test_what_is_declared_is_checked(metric, function, options):
    logits, labels = calibrated_problem(30, 5, 2)
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\]"):
        metric(num_classes=5, **options).update(logits, labels)
    with pytest.raises(ValueError, match="logits look like probabilities"):
        metric(num_classes=5, input="logits", **options).update(logits.softmax(1), labels)
    with pytest.raises(ValueError, match="num_classes = 4 classes, got 5"):
        metric(num_classes=4, **options).update(logits.softmax(1), labels)
    with pytest.raises(ValueError, match="input must be one of 'probabilities', 'logits', got 'p'"):
        metric(num_classes=4, input="p", **options)


@all_classes
@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
def test_nothing_seen_is_no_value(metric, function, options):
    with pytest.raises(RuntimeError, match="has seen no sample; call update before compute"):
        metric(num_classes=5, **options).compute()


@all_classes
def test_pixels_and_those_to_ignore(metric, function, options):
    probabilities, labels = draw(2 * 6 * 4, 5, 3)
    images = probabilities.view(2, 6, 4, 5).movedim(-1, 1)
    masks = labels.view(2, 6, 4).clone()
    masks[0, :3] = 255
    kept = masks.flatten() != 255
    expected = number(function(probabilities[kept], labels[kept], **options))
    found = function(images, masks, ignore_index=255, **options)
    assert number(found) == pytest.approx(expected, abs=1e-12)
    by_class = metric(num_classes=5, ignore_index=255, **options)
    by_class.update(images[:1], masks[:1])
    by_class.update(images[1:], masks[1:])
    assert number(by_class.compute()) == pytest.approx(expected, abs=1e-12)


@all_classes
def test_order_of_samples_and_of_classes_does_not_matter(metric, function, options):
    probabilities, labels = draw(200, 5, 4)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(200, generator=generator)
    columns = torch.randperm(5, generator=generator)
    probabilities += 1e-6 * torch.rand(200, 5, generator=generator)  # no ties for the top class
    probabilities /= probabilities.sum(1, keepdim=True)
    expected = number(function(probabilities, labels, **options))
    by_rows = function(probabilities[rows], labels[rows], **options)
    assert number(by_rows) == pytest.approx(expected, abs=1e-10)
    by_columns = function(probabilities[:, columns], columns.argsort()[labels], **options)
    assert number(by_columns) == pytest.approx(expected, abs=1e-10)


def test_a_collection_of_metrics():
    probabilities, labels = draw(100, 5, 0)
    collection = MetricCollection(
        {
            "ece": CalibrationError(5),
            "mce": CalibrationError(5, norm="max"),
            "brier": BrierScore(5),
            "nll": NegativeLogLikelihood(5),
        }
    )
    for p, y in zip(probabilities.split(30), labels.split(30), strict=True):
        collection.update(p, y)
    found = {name: value.item() for name, value in collection.compute().items()}
    assert found == pytest.approx(
        {
            "ece": calibkit.calibration_error(probabilities, labels),
            "mce": calibkit.calibration_error(probabilities, labels, norm="max"),
            "brier": calibkit.brier_score(probabilities, labels),
            "nll": calibkit.negative_log_likelihood(probabilities, labels),
        }
    )


def test_far_apart_logits_do_not_underflow():
    metric = NegativeLogLikelihood(num_classes=2, input="logits")
    metric.update(torch.tensor([[2000.0, 0.0]]), torch.tensor([1]))
    assert metric.compute().item() == 2000


def test_the_state_is_small():
    """However many samples, but for the metrics whose definition needs them all."""
    probabilities, labels = draw(1000, 5, 0)
    for metric in (
        CalibrationError(5),
        ClasswiseCalibrationError(5),
        SmoothCalibrationError(5),
        BrierScore(5),
        NegativeLogLikelihood(5),
    ):
        sizes = []
        for _ in range(2):
            metric.update(probabilities, labels)
            sizes.append(sum(state.numel() for state in metric.metric_state.values()))
        assert sizes[0] == sizes[1] <= 32_770


def test_thirty_million_samples():
    """Counts stay exact: each confidence is right .0001 less often than it says."""
    n = 1_000_000
    confidence = torch.linspace(0.5, 0.99, n, dtype=torch.float64)
    phase = torch.arange(n).double() * 0.6180339887498949 % 1  # spread evenly: no noise to speak of
    labels = (phase >= confidence - 1e-4).long()
    probabilities = torch.stack([confidence, 1 - confidence], 1)
    expected = calibkit.calibration_error(probabilities, labels)
    assert expected == pytest.approx(1e-4, rel=0.05)
    metric = CalibrationError(2)
    for _ in range(30):
        metric.update(probabilities, labels)
    assert metric.n == 30_000_000
    assert metric.compute().item() == pytest.approx(expected, abs=1e-12)


def test_a_collection_keeps_apart_what_begins_alike():
    """On a first batch that is all right and sure, NLL and Brier score are both 0."""
    collection = MetricCollection(
        {
            "nll": NegativeLogLikelihood(2),
            "brier": BrierScore(2),
            "all": CalibrationError(2),
            "some": CalibrationError(2, ignore_index=1),
        }
    )
    collection.update(torch.eye(2)[[0, 0]], torch.tensor([0, 0]))
    probabilities, labels = torch.tensor([[0.9, 0.1], [0.6, 0.4]]), torch.tensor([1, 0])
    collection.update(probabilities, labels)
    found = {name: value.item() for name, value in collection.compute().items()}
    assert found["nll"] == pytest.approx(-np.log(0.1 * 0.6) / 4)
    assert found["brier"] == pytest.approx((2 * 0.81 + 2 * 0.16) / 4)
    assert found["all"] == pytest.approx((0.9 + 0.4) / 4)
    assert found["some"] == pytest.approx(0.4 / 3)


def test_a_single_sample_of_declared_logits():
    """It may look like a probability, and was declared to be none."""
    metric = NegativeLogLikelihood(2, input="logits")
    metric.update(torch.tensor([0.4]), torch.tensor([1]))
    metric.update(torch.tensor([[0.25, 0.75]]), torch.tensor([1]))
    expected = (np.log1p(np.exp(-0.4)) + np.log1p(np.exp(-0.5))) / 2
    assert metric.compute().item() == pytest.approx(expected, abs=1e-7)


@all_classes
def test_a_batch_of_ignored_pixels_adds_nothing(metric, function, options):
    probabilities, labels = draw(100, 5, 0)
    found = metric(num_classes=5, ignore_index=255, **options)
    found.update(probabilities, labels)
    found.update(probabilities[:4], torch.full((4,), 255))
    found.update(probabilities[:0], labels[:0])
    expected = number(function(probabilities, labels, **options))
    assert number(found.compute()) == pytest.approx(expected, abs=1e-12)


@all_classes
def test_inference_mode_precision_and_devices_change_nothing(metric, function, options):
    probabilities, labels = draw(100, 5, 0)
    found = metric(num_classes=5, **options)
    with torch.inference_mode():
        found.reset()
        found.update(probabilities[:50], labels[:50])
    found.set_dtype(torch.float32)
    found.update(probabilities[50:], labels[50:])
    expected = number(function(probabilities, labels, **options))
    assert number(found.compute()) == pytest.approx(expected, abs=1e-12)


def test_a_metric_plots_itself():
    metric = CalibrationError(5)
    metric.update(*draw(100, 5, 0))
    _, ax = metric.plot()
    assert ax.has_data()


def test_decomposition_of_far_apart_logits():
    logits = torch.tensor([[1000.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
    labels = torch.tensor([1, 1, 0])
    metric, nll = ScoreDecomposition(2, input="logits"), NegativeLogLikelihood(2, input="logits")
    metric.update(logits, labels)
    nll.update(logits, labels)
    assert metric.compute()["score"].item() == pytest.approx(nll.compute().item())


def test_decomposition_shares_what_ties_at_the_top():
    probabilities = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])
    parts = calibkit.score_decomposition(probabilities, torch.tensor([0, 1]))
    assert parts.refinement == pytest.approx(np.log(2) / 2)
