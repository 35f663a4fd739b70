"""A sample of weight 2 counts like two samples, in every measure and in every fit."""

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import calibkit
from calibkit._rows import Rows
from tests.helpers import calibrated_problem, distorted_problem

MEASURES = {
    "accuracy": calibkit.accuracy,
    "brier": calibkit.brier_score,
    "nll": calibkit.negative_log_likelihood,
    "ece": calibkit.calibration_error,
    "ece, top": partial(calibkit.calibration_error, of="top"),
    "rmsce": partial(calibkit.calibration_error, norm="l2", debias=True),
    "mce": partial(calibkit.calibration_error, norm="max"),
    "ece, equal mass": partial(calibkit.calibration_error, binning="quantile"),
    "classwise": calibkit.classwise_calibration_error,
    "smooth": calibkit.smooth_calibration_error,
    "ks": calibkit.ks_calibration_error,
    "aurc": calibkit.area_under_risk_coverage_curve,
    "decomposition": calibkit.score_decomposition,
    "decomposition, brier": partial(calibkit.score_decomposition, score="brier"),
}
STREAMS = {
    "brier": calibkit.BrierScore,
    "nll": calibkit.NegativeLogLikelihood,
    "ece": calibkit.CalibrationError,
    "ece, equal mass": partial(calibkit.CalibrationError, binning="quantile"),
    "classwise": calibkit.ClasswiseCalibrationError,
    "smooth": calibkit.SmoothCalibrationError,
    "ks": calibkit.KSCalibrationError,
    "aurc": calibkit.AreaUnderRiskCoverageCurve,
    "decomposition": calibkit.ScoreDecomposition,
}
SCALERS = {
    "temperature": calibkit.TemperatureScaler(),
    "smoothed": calibkit.TemperatureScaler(smoothing=2),
    "vector": calibkit.VectorScaler(),
    "matrix": calibkit.MatrixScaler(),
    "dirichlet": calibkit.DirichletScaler(),
    "histogram": calibkit.HistogramScaler(),
    "isotonic": calibkit.IsotonicScaler(),
    "mixture": calibkit.UniformMixtureScaler(),
    "logistic": calibkit.LogisticScaler(),
    "quadratic": calibkit.QuadraticScaler(),
    "beta": calibkit.BetaScaler(),
}
BINARY = "logistic", "quadratic", "beta"
every_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
every_stream = pytest.mark.parametrize("name", STREAMS)
every_scaler = pytest.mark.parametrize("name", SCALERS)


def weighted_problem(n_classes: int, n: int = 500, seed: int = 0):
    """Logits, labels and integer weights from 0 to 4."""
    logits, labels = distorted_problem(n, n_classes, seed)
    weights = torch.from_numpy(np.random.default_rng(seed).integers(0, 5, n))
    return logits, labels, weights


def repeated(logits, labels, weights):
    return logits.repeat_interleave(weights, 0), labels.repeat_interleave(weights, 0)


@every_measure
@pytest.mark.parametrize("n_classes", [2, 5])
def test_integer_weights_equal_repetition_in_a_measure(measure, n_classes):
    logits, labels, weights = weighted_problem(n_classes)
    p = logits.softmax(1)
    expected = measure(*repeated(p, labels, weights))
    assert measure(p, labels, sample_weight=weights) == pytest.approx(expected, abs=1e-10)
    if measure is not MEASURES["mce"]:  # The worst bin may hold one sample, whatever its weight.
        assert measure(p, labels) != pytest.approx(expected, abs=1e-10)


@every_measure
def test_a_measure_does_not_depend_on_the_size_of_all_weights(measure):
    if measure is MEASURES["rmsce"]:
        pytest.skip("what chance adds to a bin depends on the number of samples")
    logits, labels, _ = weighted_problem(3)
    weights = torch.rand(500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    p = logits.softmax(1)
    expected = measure(p, labels, sample_weight=weights)
    assert measure(p, labels, sample_weight=1e-3 * weights) == pytest.approx(expected, abs=1e-9)
    ones = np.ones(500, dtype=np.int32)
    assert measure(p, labels, sample_weight=ones) == pytest.approx(measure(p, labels), abs=1e-12)


@every_measure
def test_images_weigh_their_pixels(measure):
    logits, labels, weights = weighted_problem(3, n=400)
    p = logits.softmax(1).reshape(100, 4, 3).movedim(2, 1)
    y = labels.reshape(100, 4)
    expected = measure(*repeated(logits.softmax(1), labels, weights))
    found = measure(p, y, sample_weight=weights.reshape(100, 4))
    assert found == pytest.approx(expected, abs=1e-10)
    of_images = weights[:100]
    expected = measure(p.repeat_interleave(of_images, 0), y.repeat_interleave(of_images, 0))
    assert measure(p, y, sample_weight=of_images) == pytest.approx(expected, abs=1e-10)
    ignored = y.clone()
    ignored[:, 0] = 255
    expected = measure(p[..., 1:], y[:, 1:], sample_weight=of_images)
    found = measure(p, ignored, ignore_index=255, sample_weight=of_images)
    assert found == pytest.approx(expected, abs=1e-10)


@every_stream
def test_batches_with_weights_give_what_the_function_gives(name):
    logits, labels, weights = weighted_problem(3)
    p = logits.softmax(1)
    metric = STREAMS[name](3)
    for part in torch.arange(500).split(60):
        metric.update(p[part], labels[part], weights[part])
    metric.update(p[:60], labels[:60])  # A batch may have no weights.
    expected = MEASURES[name](
        torch.cat([p, p[:60]]),
        torch.cat([labels, labels[:60]]),
        sample_weight=torch.cat([weights, torch.ones(60, dtype=torch.int64)]),
    )
    found = metric.compute()
    if isinstance(found, dict):
        found = tuple(value.item() for value in found.values())
        assert found == pytest.approx(tuple(expected), abs=1e-10)
    else:
        assert found.item() == pytest.approx(expected, abs=1e-10)
    metric.reset()
    metric.update(p, labels, 0 * weights)
    with pytest.raises(RuntimeError, match="has seen no sample"):
        metric.compute()


def test_bins_hold_weights():
    logits, labels, weights = weighted_problem(3)
    p = logits.softmax(1)
    for binning in ("uniform", "quantile"):
        bins = calibkit.reliability_bins(p, labels, binning=binning, sample_weight=weights)
        expected = calibkit.reliability_bins(*repeated(p, labels, weights), binning=binning)
        for name in ("edges", "count", "n_correct", "confidence_sum"):
            assert getattr(bins, name) == pytest.approx(getattr(expected, name), abs=1e-10), name
    assert bins.count.dtype == np.float64
    assert expected.count.dtype == np.int64


@every_scaler
def test_integer_weights_equal_repetition_in_a_fit(name):
    scaler = SCALERS[name]
    logits, labels, weights = weighted_problem(2 if name in BINARY else 4)
    found = copy.deepcopy(scaler).fit_logits(logits, labels, sample_weight=weights)
    expected = copy.deepcopy(scaler).fit_logits(*repeated(logits, labels, weights))
    plain = copy.deepcopy(scaler).fit_logits(logits, labels)
    p, q = found(logits.double()).softmax(1), expected(logits.double()).softmax(1)
    assert (p - q).abs().max() < (1e-8 if name == "mixture" else 1e-10)
    assert (p - plain(logits.double()).softmax(1)).abs().max() > 1e-4
    assert found.summary.nll_before == pytest.approx(expected.summary.nll_before, abs=1e-10)
    assert found.summary.nll_after == pytest.approx(expected.summary.nll_after, abs=1e-10)
    assert found.summary.n_samples == (weights > 0).sum()


@pytest.mark.parametrize("n", [500, 60_000])  # The larger set is searched in float32 first.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_weighted_temperature_is_where_the_weighted_slope_vanishes(n, dtype):
    logits, labels = distorted_problem(n, 10)
    logits = logits.to(dtype)
    weights = torch.rand(n, generator=torch.Generator().manual_seed(2), dtype=torch.float64) ** 3
    scaler = calibkit.TemperatureScaler().fit_logits(logits, labels, sample_weight=weights)
    z = logits.double()
    p = (z / scaler.temperature).softmax(1)
    slope = (p * z).sum(1) - z.gather(1, labels[:, None])[:, 0]
    variance = (p * z * z).sum(1) - (p * z).sum(1) ** 2
    error = (weights @ slope) / (weights @ variance) * scaler.temperature
    assert abs(error) < 2e-9


def test_the_interval_of_the_temperature_does_not_take_weights_for_samples():
    """Doubling all weights adds no sample. Unequal weights are worth fewer samples."""
    logits, labels = calibrated_problem(2000, 5, 2)
    fit = calibkit.TemperatureScaler().fit_logits
    widths = []
    for weights in (None, torch.full((2000,), 7.0), 1000.0 ** torch.linspace(0, 1, 2000)):
        low, high = fit(logits, labels, sample_weight=weights).summary.temperature_interval
        widths.append(math.log(high / low))
    assert widths[1] == pytest.approx(widths[0], rel=1e-9)
    assert widths[2] > 1.5 * widths[0]


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0, 2])
def test_the_interval_of_a_weighted_temperature_holds_the_truth(smoothing):
    """Importance weights, whose logarithms have a spread of 1, repair a shift of the classes."""
    held = 0
    for seed in range(400):
        logits, labels = calibrated_problem(800, 3, 2.0, seed)
        generator = np.random.default_rng(seed)
        weights = np.exp(generator.normal(size=800))
        scaler = calibkit.TemperatureScaler(smoothing=smoothing)
        scaler.fit_logits(logits, labels, sample_weight=weights)
        low, high = scaler.summary.temperature_interval
        held += low <= 2.0 <= high
    assert 0.92 <= held / 400 <= 0.98


@every_scaler
def test_weights_of_0_leave_samples_out(name):
    """Samples of weight 0 may even be ones that would be refused otherwise."""
    scaler = SCALERS[name]
    logits, labels, _ = weighted_problem(2 if name in BINARY else 4)
    strange = torch.cat([logits, torch.full_like(logits[:3], math.nan)])
    weights = torch.ones(503)
    weights[500:] = 0
    y = torch.cat([labels, labels[:3]])
    found = copy.deepcopy(scaler).fit_logits(strange, y, sample_weight=weights)
    expected = copy.deepcopy(scaler).fit_logits(logits, labels)
    assert torch.allclose(found(logits), expected(logits), atol=1e-8)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1.0, -1.0, 1.0], ValueError, r"not negative, got -1 at position 1; give"),
        ([1.0, math.nan, 1.0], ValueError, r"must be finite and not negative, got nan at"),
        ([1.0, math.inf, 1.0], ValueError, r"must be finite and not negative, got inf at"),
        ([0.0, 0.0, 0.0], ValueError, r"above 0 for one sample or more, got 0 for all"),
        ([1.0, 1.0], ValueError, r"must have shape \(3,\), as labels have, got \(2,\)"),
        (1.0, TypeError, r"sample_weight must be a torch tensor or a numeric numpy array"),
        (["a", "b", "c"], TypeError, r"sample_weight must be a torch tensor"),
        (torch.ones(3) * 1j, TypeError, r"sample_weight must be real, got torch.complex"),
        (
            [1e-300, 1e200, 1.0],
            ValueError,
            r"must lie between 1e-100 and 1e\+100, got 1e\+200; div",
        ),
        ([1e-300, 1e-200, 0.0], ValueError, r"must lie between 1e-100 and 1e\+100, got 1e-200; di"),
        (torch.ones(3).to_sparse(), TypeError, r"dense, got .*; convert with sample_weight.to_den"),
    ],
    ids=[
        "negative",
        "nan",
        "infinite",
        "zeros",
        "length",
        "number",
        "text",
        "complex",
        "huge",
        "tiny",
        "sparse",
    ],
)
def test_wrong_weights_are_refused(weights, error, message):
    p, labels = torch.tensor([0.2, 0.7, 0.6]), torch.tensor([0, 1, 0])
    with pytest.raises(error, match=message):
        calibkit.calibration_error(p, labels, sample_weight=weights)
    with pytest.raises(error, match=message):
        calibkit.TemperatureScaler().fit_logits(p * 10 - 5, labels, sample_weight=weights)


def test_a_batch_with_wrong_weights_changes_no_state():
    metric = calibkit.CalibrationError(2)
    metric.update(torch.tensor([0.2, 0.7]), torch.tensor([0, 1]), torch.tensor([2.0, 1.0]))
    before = metric.compute()
    with pytest.raises(ValueError, match="not negative"):
        metric.update(torch.tensor([0.2, 0.7]), torch.tensor([0, 1]), torch.tensor([-2.0, 1.0]))
    metric._computed = None
    assert metric.compute() == before


@given(
    shape=st.sampled_from([(7, 3), (5, 3, 4), (3, 3, 2, 5)]),
    n_elements=st.integers(1, 200),
    ignore=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_chunks_keep_scores_labels_and_weights_together(shape, n_elements, ignore, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(shape, generator=generator)
    labels = torch.randint(0, 3, (shape[0], *shape[2:]), generator=generator)
    weights = torch.randint(0, 3, labels.shape, generator=generator).double()
    rows = Rows(scores, labels, 1 if ignore else None, weights)
    parts = zip(*rows.chunks(n_elements), strict=True)
    found = [torch.cat(part) for part in parts] or [torch.empty(0)] * 3
    for part, expected in zip(found, rows.flat(), strict=True):
        assert sorted(part.flatten().tolist()) == sorted(expected.flatten().tolist())
    counted = (weights > 0) & ((labels != 1) if ignore else torch.ones_like(labels, dtype=bool))
    assert len(rows) == counted.sum()
    assert rows.total_weight == weights[counted].sum()
    products = (scores.sum(1) * (labels + 7) * weights)[counted].sum().item()
    again = (found[0].sum(-1) * (found[1] + 7) * found[2]).sum().item() if len(rows) else 0
    assert again == pytest.approx(products, rel=1e-5)
