import copy
import io
import math
import pickle
import time

import numpy as np
import pytest
import torch
from scipy.special import log_expit
from sklearn.isotonic import IsotonicRegression
from torch import nn
from torch.nn.functional import cross_entropy

from calibkit import HistogramScaler, IsotonicScaler, classwise_calibration_error
from tests.helpers import calibrated_problem

every_scaler = pytest.mark.parametrize("kind", [HistogramScaler, IsotonicScaler])


def normalised(rows: np.ndarray) -> np.ndarray:
    return rows / rows.sum(1, keepdims=True)


def probabilities(scaler: nn.Module, logits: torch.Tensor) -> np.ndarray:
    return scaler(logits).softmax(1).numpy()


def histogram_by_hand(logits, labels, new, n_bins: int) -> np.ndarray:
    """One-vs-rest, a loop over classes and samples."""
    p, new_p = (x.softmax(1).numpy() for x in (logits, new))
    edges = np.arange(1, n_bins) / n_bins
    rows = np.empty_like(new_p)
    for k in range(p.shape[1]):
        bins, new_bins = np.digitize(p[:, k], edges), np.digitize(new_p[:, k], edges)
        for i, index in enumerate(new_bins):
            members = bins == index
            mean = p[members, k].mean() if members.any() else (index + 0.5) / n_bins
            positives = (labels.numpy()[members] == k).sum()
            rows[i, k] = (positives + mean) / (members.sum() + 1)
    return normalised(rows)


@pytest.mark.parametrize(("n", "n_bins"), [(150, 15), (150, 1), (20, 40)])
def test_histogram_is_the_definition(n, n_bins):
    logits, labels = calibrated_problem(n, 4, 3)
    new, _ = calibrated_problem(200, 4, 4, seed=1)
    scaler = HistogramScaler(n_bins).fit_logits(logits, labels)
    for rows in (logits, new):
        expected = histogram_by_hand(logits, labels, rows, n_bins)
        assert probabilities(scaler, rows) == pytest.approx(expected, abs=1e-12)


def test_histogram_of_a_few_samples_on_paper():
    """Two bins of class 1: p = .1 .2 | .6 .8, with 0 and 2 positives."""
    p = torch.tensor([0.1, 0.8, 0.2, 0.6], dtype=torch.float64)
    scaler = HistogramScaler(2).fit_logits(p.logit(), torch.tensor([0, 1, 0, 1]))
    one = [(0 + 0.15) / 3, (2 + 0.7) / 3]
    zero = [(2 + 0.85) / 3, (0 + 0.3) / 3]
    expected = [one[i] / (one[i] + zero[i]) for i in (0, 1, 0, 1)]
    assert scaler(p.logit()).sigmoid().tolist() == pytest.approx(expected, abs=1e-12)
    assert scaler.summary.n_parameters == 4


def isotonic_by_sklearn(logits, labels, new) -> np.ndarray:
    p, new_p = (x.softmax(1).numpy() for x in (logits, new))
    columns = []
    for k in range(p.shape[1]):
        curve = IsotonicRegression(out_of_bounds="clip").fit(p[:, k], labels.numpy() == k)
        columns.append((len(p) * curve.predict(new_p[:, k]) + new_p[:, k]) / (len(p) + 1))
    return normalised(np.array(columns).T)


@pytest.mark.parametrize(("n", "n_classes"), [(30, 2), (400, 4), (2000, 10)])
def test_isotonic_is_that_of_sklearn(n, n_classes):
    logits, labels = calibrated_problem(n, n_classes, 1.5)
    new, _ = calibrated_problem(500, n_classes, 2.5, seed=1)
    scaler = IsotonicScaler().fit_logits(logits, labels)
    for rows in (logits, new, 0 * new):
        expected = isotonic_by_sklearn(logits, labels, rows)
        assert probabilities(scaler, rows) == pytest.approx(expected, abs=1e-10)


def test_isotonic_with_ties_is_that_of_sklearn():
    logits, labels = calibrated_problem(500, 3, 2)
    scaler = IsotonicScaler().fit_logits(logits.round(), labels)
    expected = isotonic_by_sklearn(logits.round(), labels, logits.round())
    assert probabilities(scaler, logits.round()) == pytest.approx(expected, abs=1e-10)


def test_isotonic_of_a_few_samples_on_paper():
    """Positives 0 1 0 1 over p = .1 .3 .5 .9: the middle two violate, and pool to one half."""
    p = torch.tensor([0.5, 0.1, 0.9, 0.3], dtype=torch.float64)
    scaler = IsotonicScaler().fit_logits(p.logit(), torch.tensor([0, 0, 1, 1]))
    asked = torch.tensor([0.05, 0.1, 0.2, 0.4, 0.6, 0.9, 0.95], dtype=torch.float64)
    curve = torch.tensor([0, 0, 0.25, 0.5, 0.625, 1, 1], dtype=torch.float64)
    expected = (4 * curve + asked) / 5
    assert torch.allclose(scaler(asked.logit()).sigmoid(), expected, rtol=0, atol=1e-12)


def test_isotonic_keeps_the_order_of_binary_samples():
    z, labels = (problem := calibrated_problem(300, 2, 2))[0][:, 1], problem[1]
    scaler = IsotonicScaler().fit_logits(z, labels)
    grid = torch.linspace(-30, 30, 2001, dtype=torch.float64)
    assert (scaler(grid).diff() > 0).all()  # the pseudo-sample breaks ties
    half = probabilities(scaler, torch.zeros(1, 2).double())
    assert half.sum() == pytest.approx(1)


@every_scaler
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_no_probability_is_zero_and_no_output_is_not_a_number(kind, dtype):
    logits, labels = calibrated_problem(300, 3, 1)
    logits[::2] *= 300  # probabilities that round to 0 and 1 in every precision
    scaler = kind().fit_logits(logits, labels)
    extremes = torch.tensor([[1.0, 0, 0], [0, 1, -1], [0, 0, 0]]) * 3e4
    for rows in (logits, extremes, extremes * 1e-3, extremes * 1e-6):
        calibrated = scaler(rows.to(dtype))
        assert calibrated.dtype == dtype
        assert calibrated.isfinite().all()
    confident = scaler(torch.tensor([[40.0, 0.0, 0.0]], dtype=torch.float64)).softmax(1)
    assert (confident > 0).all()


@pytest.mark.parametrize("kind", [IsotonicScaler])
def test_probabilities_near_1_are_told_apart_in_float32_as_in_float64(kind):
    """A sure model: 1 - p from 1e-8 to 1e-14 is all 1 in float32."""
    z = torch.linspace(18, 32, 600)
    z[::2] *= -1
    labels = (z > 0).long()
    labels[torch.randperm(600, generator=torch.Generator().manual_seed(0))[:60]] = 0
    scaler = kind().fit_logits(z, labels)
    # between samples, off the corners in both precisions
    between = (z[2:].double() + 3 * z[:-2].double()) / 4
    assert torch.allclose(scaler(between.float()).double(), scaler(between), rtol=0, atol=1e-3)
    assert len(scaler(between.float()).unique()) > 5


@every_scaler
def test_float32_gives_the_same_to_its_precision(kind):
    logits, labels = calibrated_problem(1000, 10, 2)
    new, _ = calibrated_problem(1000, 10, 3, seed=1)
    scaler = kind().fit_logits(logits, labels)
    assert probabilities(scaler, new.float()) == pytest.approx(probabilities(scaler, new), abs=1e-4)


def test_isotonic_calibrates():
    logits, labels = calibrated_problem(20_000, 3, 3)
    fresh, fresh_labels = calibrated_problem(20_000, 3, 3, seed=1)
    truth = cross_entropy(fresh / 3, fresh_labels)
    scaler = IsotonicScaler().fit_logits(logits, labels)
    gap = cross_entropy(scaler(fresh), fresh_labels) - truth
    assert gap < 0.1 * (cross_entropy(fresh, fresh_labels) - truth)


@every_scaler
def test_what_is_calibrated_is_every_class(kind):
    logits, labels = calibrated_problem(20_000, 3, 3)
    fresh, fresh_labels = calibrated_problem(20_000, 3, 3, seed=1)
    scaler = kind().fit_logits(logits, labels)
    before = classwise_calibration_error(fresh.softmax(1), fresh_labels)
    after = classwise_calibration_error(scaler(fresh).softmax(1), fresh_labels)
    assert after < 0.25 * before
    expected = cross_entropy(scaler(logits), labels).item()
    assert scaler.summary.nll_after == pytest.approx(expected, abs=1e-12)


@every_scaler
def test_the_order_of_samples_and_the_shift_of_rows_do_not_matter(kind):
    logits, labels = calibrated_problem(500, 5, 2)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    expected = probabilities(kind().fit_logits(logits, labels), logits)
    permuted = kind().fit_logits(logits[order], labels[order])
    assert probabilities(permuted, logits) == pytest.approx(expected, abs=1e-12)
    shifts = 10 * torch.arange(500, dtype=torch.float64)[:, None]
    shifted = kind().fit_logits(logits + shifts, labels)
    # the shift rounds the logits: a sample on a corner may slip by one
    assert np.abs(probabilities(shifted, logits) - expected).mean() < 1e-3


@every_scaler
def test_all_forms_of_binary_logits_give_the_same(kind):
    z, labels = (problem := calibrated_problem(400, 2, 2))[0][:, 1], problem[1]
    pair = torch.stack([torch.zeros_like(z), z], 1)
    expected = kind().fit_logits(pair, labels)(pair).softmax(1)[:, 1]
    flat, column = kind().fit_logits(z, labels), kind().fit_logits(z[:, None], labels)
    assert torch.allclose(flat(z).sigmoid(), expected, rtol=0, atol=1e-12)
    assert torch.allclose(column(z[:, None])[:, 0].sigmoid(), expected, rtol=0, atol=1e-12)


@every_scaler
def test_pixels_are_samples(kind):
    logits, labels = calibrated_problem(2 * 10 * 8, 3, 2)
    images = logits.reshape(2, 10, 8, 3).movedim(-1, 1)
    marked = labels.clone()
    marked[::4] = 255
    kept = marked != 255
    flat = kind().fit_logits(logits[kept], labels[kept])
    dense = kind().fit_logits(images, marked.reshape(2, 10, 8), ignore_index=255)
    assert dense.summary == flat.summary
    assert dense(images).shape == images.shape
    assert torch.equal(dense(images).movedim(1, -1).reshape(-1, 3), flat(logits))


@every_scaler
def test_state_dict_pickle_and_copy_keep_everything(kind):
    logits, labels = calibrated_problem(300, 4, 2)
    scaler = kind().fit_logits(logits, labels)
    file = io.BytesIO()
    torch.save(nn.Sequential(nn.Linear(4, 4), scaler).half().state_dict(), file)
    file.seek(0)
    loaded = nn.Sequential(nn.Linear(4, 4), kind())
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (loaded[1], pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert other.fitted
        assert other.summary == scaler.summary
        assert torch.equal(other(logits), scaler(logits))


@every_scaler
def test_export(kind):
    model = nn.Sequential(nn.Linear(6, 4), kind()).eval()
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * torch.randn(200, 6, generator=generator)
    logits = model[0](inputs)
    model[1].fit_logits(logits, logits.softmax(1).multinomial(1, generator=generator)[:, 0])
    batch = torch.export.Dim("batch")
    exported = torch.export.export(model, (inputs[:10],), dynamic_shapes=({0: batch},))
    assert torch.equal(exported.module()(inputs), model(inputs))


@every_scaler
def test_what_cannot_be_fitted_is_refused_and_changes_nothing(kind):
    logits, labels = calibrated_problem(200, 3, 2)
    with pytest.raises(RuntimeError, match=r"this \w+Scaler is not fitted; call fit"):
        kind()(logits)
    scaler = kind().fit_logits(logits, labels)
    before = scaler(logits)
    with pytest.raises(ValueError, match=r"no sample of 1 of the 3 classes \(2\)"):
        scaler.fit_logits(logits, labels.clamp(max=1))
    with pytest.raises(ValueError, match="logits must have 3 classes as in the fit"):
        scaler(logits[:, :2])
    assert torch.equal(scaler(logits), before)


def test_bins_are_a_positive_integer():
    for value in (0, -3):
        with pytest.raises(ValueError, match="n_bins must be an integer of at least 1, got"):
            HistogramScaler(value)
    for value in (5.0, True, "15"):
        with pytest.raises(TypeError, match="n_bins must be an integer of at least 1, got"):
            HistogramScaler(value)


@every_scaler
def test_a_hundred_classes_take_seconds(kind):
    logits, labels = calibrated_problem(1000, 100, 2)
    labels[:100] = torch.arange(100)
    start = time.process_time()
    kind().fit_logits(logits.float(), labels)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_isotonic_curve_of_very_small_and_very_large_probabilities(dtype):
    """Both classes of a sure model follow sklearn's curve, though 1 - p rounds to 0."""
    z = torch.linspace(18, 30, 400, dtype=torch.float64)
    z[::2] *= -1
    labels = (z > 0).long()
    generator = torch.Generator().manual_seed(0)
    wrong = torch.rand(400, generator=generator) < 0.2
    wrong[-2:] = True  # so that no height of the curve is 0 or 1
    labels = torch.where(wrong, 1 - labels, labels)
    scaler = IsotonicScaler().fit_logits(z, labels)

    # scipy keeps all digits of the log-probability that is near 0
    log_p = np.stack([log_expit(-z.numpy()), log_expit(z.numpy())], 1)
    rows = []
    for k in (0, 1):
        curve = IsotonicRegression().fit_transform(log_p[:, k], labels.numpy() == k)
        rows.append((400 * curve + np.exp(log_p[:, k])) / 401)
    expected = np.log(rows[1]) - np.log(rows[0])
    found = scaler(z.to(dtype)).double().numpy()
    assert found == pytest.approx(expected, abs=1e-3 if dtype == torch.float32 else 1e-9)


def test_probabilities_on_edges_fall_as_in_the_fit():
    """Shares of votes, as ensembles give them, stored in float32."""
    votes = torch.arange(1, 15).repeat(100) / 15
    logits = torch.stack([1 - votes, votes], 1).double().log().float()
    labels = torch.bernoulli(votes**2, generator=torch.Generator().manual_seed(0)).long()
    for n_bins in (5, 15):
        scaler = HistogramScaler(n_bins).fit_logits(logits, labels)
        assert torch.allclose(scaler(logits).double(), scaler(logits.double()), atol=1e-5)
        expected = cross_entropy(scaler(logits), labels).item()
        assert scaler.summary.nll_after == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scaler", [HistogramScaler(), IsotonicScaler()])
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_row_that_is_no_number_stays_none_and_spoils_no_other(scaler, wrong):
    logits, labels = calibrated_problem(300, 4, 2)
    scaler.fit_logits(logits, labels)
    spoilt = logits.clone()
    spoilt[7, 2] = wrong
    spoilt[8] = -math.inf
    found = scaler(spoilt)
    assert found[7].isnan().all()
    assert found[8].isneginf().all()
    others = torch.ones(300, dtype=torch.bool)
    others[7:9] = False
    assert torch.equal(found[others], scaler(logits)[others])
