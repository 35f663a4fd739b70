"""calibkit beside its peers: equal where they are right; where not, by hand which value is.

A test that shows a peer's error fails once the peer is mended: what we say of it has to change.
"""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import expit, softmax
from torch.nn.functional import cross_entropy
from torchmetrics.classification import MulticlassCalibrationError
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

import calibkit
from calibkit import TemperatureScaler, calibration_error, classwise_calibration_error
from tests.helpers import calibrated_problem
from tests.metrics.references import reference_smooth_error, top

FLOAT32 = 1e-6  # what a peer that rounds to float32 can give
norms = pytest.mark.parametrize("norm", ["l1", "l2", "max"])
binnings = pytest.mark.parametrize("binning", ["uniform", "quantile"])

# two samples in the last bin, one of them wrong: |.95 + 1 - 1| / 2
SURE = torch.tensor([[0.95, 0.05], [1.0, 0.0]], dtype=torch.float64)
ONE_WRONG = torch.tensor([0, 1])
SURE_ERROR = 0.475


@pytest.fixture(scope="module")
def problem():
    """Overconfident; 3000 samples are as many in each of 10, 15 or 20 bins of equal mass."""
    logits, labels = calibrated_problem(3000, 10, 1.7)
    return logits.softmax(1), labels


@pytest.fixture(scope="module")
def two_classes():
    logits, labels = calibrated_problem(500, 2, 1.7)
    return logits.softmax(1), labels


def fed(metric, *batch) -> float:
    metric.update(*batch)
    return metric.compute().item()


def gaps(bins: calibkit.ReliabilityBins) -> np.ndarray:
    """Of the bins that hold samples."""
    full = bins.count > 0
    return np.abs(bins.n_correct - bins.confidence_sum)[full] / bins.count[full]


def best_temperature(logits: np.ndarray, labels: torch.Tensor) -> float:
    """The zero of the NLL's derivative, in float64."""
    of_label = logits[np.arange(len(logits)), labels.numpy()].mean()

    def slope(log_inverse: float) -> float:
        p = softmax(np.exp(log_inverse) * logits, axis=1)
        return (p * logits).sum(1).mean() - of_label

    return np.exp(-brentq(slope, -16, 16, xtol=1e-14))


# torchmetrics


@norms
@pytest.mark.parametrize("n_bins", [10, 15])
def test_torchmetrics_calibration_error(problem, norm, n_bins):
    """Its multiclass one rounds to float32; its binary one keeps float64: feed it the top class."""
    options = {"n_bins": n_bins, "norm": norm}
    found = calibration_error(*problem, **options)
    peer = multiclass_calibration_error(*problem, num_classes=10, **options)
    assert found == pytest.approx(peer.item(), abs=FLOAT32)
    confidence, correct = map(torch.from_numpy, top(*problem))
    exact = binary_calibration_error(confidence, correct.long(), **options)
    assert found == pytest.approx(exact.item(), abs=1e-9)


def test_torchmetrics_puts_confidence_one_into_a_hidden_bin():
    peer = multiclass_calibration_error(SURE, ONE_WRONG, num_classes=2)
    assert peer.item() == pytest.approx((0.05 + 1) / 2)  # one sample a bin
    assert calibration_error(SURE, ONE_WRONG) == pytest.approx(SURE_ERROR, abs=1e-12)


@pytest.mark.parametrize("row", [[0.9, 0.9], [float("nan"), 0.5]])
def test_torchmetrics_accepts_what_is_no_distribution(row):
    probabilities, labels = torch.tensor([row, [0.9, 0.1]]), torch.tensor([0, 0])
    peer = multiclass_calibration_error(probabilities, labels, num_classes=2)
    assert peer.isfinite()
    with pytest.raises(ValueError, match="probabilities must"):
        calibration_error(probabilities, labels)


def test_torchmetrics_guesses_what_a_batch_holds():
    """Logits within [0, 1] are taken for probabilities, alone but not beside larger ones."""
    logits = torch.tensor([[0.9, 0.2], [0.5, 0.4], [3.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 0])
    right, wrong, sure = expit([0.7, 0.1, 3.0])  # confidences, each in a bin of its own
    by_hand = ((1 - right) + wrong + (1 - sure)) / 3

    guessed = multiclass_calibration_error(logits[:2], labels[:2], num_classes=2)
    assert guessed.item() == pytest.approx((0.1 + 0.5) / 2)  # .9 right, .5 wrong

    values = {}
    for size in (3, 2):
        peer, ours = MulticlassCalibrationError(2), calibkit.CalibrationError(2, input="logits")
        for z, y in zip(logits.split(size), labels.split(size), strict=True):
            peer.update(z, y)
            ours.update(z, y)
        assert ours.compute().item() == pytest.approx(by_hand, abs=1e-12)
        values[size] = peer.compute().item()
    assert values[3] == pytest.approx(by_hand, abs=FLOAT32)
    assert abs(values[2] - by_hand) > 0.05


def test_torchmetrics_sums_in_float32():
    """16.8 M samples, .75 sure, half of them right: the error is .25."""
    n = 2**20
    probabilities, labels = torch.tensor([[0.75, 0.25]]).expand(n, 2), torch.arange(n) % 2
    peer, ours = MulticlassCalibrationError(2), calibkit.CalibrationError(2)
    for _ in range(16):
        peer.update(probabilities, labels)
        ours.update(probabilities, labels)
    assert ours.compute().item() == 0.25
    # from 2^22 on a float32 sum rounds .75 more to 1 more: the confidence reads near 11 / 12
    assert abs(peer.compute().item() - 0.25) > 0.1


# netcal


@pytest.mark.parametrize("n_bins", [10, 15])
def test_netcal_calibration_errors(problem, n_bins):
    netcal = pytest.importorskip("netcal.metrics")
    probabilities, labels = (x.numpy() for x in problem)
    ece = netcal.ECE(n_bins).measure(probabilities, labels)
    assert calibration_error(*problem, n_bins=n_bins) == pytest.approx(ece, abs=1e-9)
    mce = netcal.MCE(n_bins).measure(probabilities, labels)
    assert calibration_error(*problem, n_bins=n_bins, norm="max") == pytest.approx(mce, abs=1e-9)
    # its ACE: every bin that is not empty counts the same
    ace = netcal.ACE(n_bins).measure(probabilities, labels)
    bins = calibkit.reliability_bins(*problem, n_bins=n_bins)
    assert gaps(bins).mean() == pytest.approx(ace, abs=1e-9)


def test_netcal_ece_of_two_classes_judges_the_event(two_classes):
    netcal = pytest.importorskip("netcal.metrics")
    peer = netcal.ECE(15).measure(*(x.numpy() for x in two_classes))
    assert calibration_error(*two_classes) == pytest.approx(peer, abs=1e-9)
    assert abs(calibration_error(*two_classes, of="top") - peer) > 5e-3


def test_netcal_needs_a_label_above_one():
    """Else it takes many classes for two, and raises; by hand the error is .2."""
    netcal = pytest.importorskip("netcal.metrics")
    probabilities, labels = np.array([[0.8, 0.1, 0.1]] * 4), np.array([0, 0, 0, 0])
    with pytest.raises(RuntimeError, match="Asserted binary classification"):
        netcal.ECE(15).measure(probabilities, labels)
    assert calibration_error(probabilities, labels) == pytest.approx(0.2, abs=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.7])
def test_netcal_temperature_is_the_inverse(temperature):
    logits, labels = calibrated_problem(1000, 10, temperature)
    peer = _netcal_temperature(logits.softmax(1), labels)
    ours = TemperatureScaler().fit_logits(logits, labels).temperature
    assert 1 / ours == pytest.approx(peer, rel=1e-5)  # its optimiser stops there


def test_netcal_temperature_of_float32_is_never_moved():
    logits, labels = calibrated_problem(1000, 10, 1.7)
    assert _netcal_temperature(logits.float().softmax(1), labels) == 1
    ours = TemperatureScaler().fit_logits(logits.float(), labels).temperature
    assert ours == pytest.approx(best_temperature(logits.float().double().numpy(), labels))


def test_netcal_fits_clipped_logits():
    """It takes probabilities only and clips them at 2e-16: at T* = 20 it gives 12."""
    logits, labels = calibrated_problem(1000, 10, 20)
    best = best_temperature(logits.numpy(), labels)
    assert TemperatureScaler().fit_logits(logits, labels).temperature == pytest.approx(best)

    probabilities, eps = logits.softmax(1), np.finfo(float).eps
    of_clipped = best_temperature(np.log(probabilities.numpy().clip(eps, 1 - eps)), labels)
    peer = 1 / _netcal_temperature(probabilities, labels)
    assert peer == pytest.approx(of_clipped, rel=1e-5)
    assert peer < 0.7 * best


def _netcal_temperature(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    scaling = pytest.importorskip("netcal.scaling").TemperatureScaling()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it calls in pyro
        scaling.fit(probabilities.numpy(), labels.numpy(), tensorboard=False)
    return scaling.temperature.item()


# uncertainty-calibration, which imports as calibration


@binnings
@pytest.mark.parametrize("n_bins", [10, 15, 20])
def test_uncertainty_calibration_of_the_top_class(problem, binning, n_bins):
    peer = pytest.importorskip("calibration")
    utils = pytest.importorskip("calibration.utils")
    probabilities, labels = (x.numpy() for x in problem)
    options = {"n_bins": n_bins, "binning": binning}
    ece = {"uniform": peer.get_ece, "quantile": peer.get_ece_em}[binning]
    expected = ece(probabilities, labels, num_bins=n_bins)
    assert calibration_error(*problem, **options) == pytest.approx(expected, abs=1e-9)
    scheme = {"uniform": utils.get_equal_prob_bins, "quantile": utils.get_equal_bins}[binning]
    for debias in (False, True):
        expected = utils.lower_bound_scaling_ce(
            probabilities, labels, 2, debias, n_bins, scheme, mode="top-label"
        )
        found = calibration_error(*problem, norm="l2", debias=debias, **options)
        assert found == pytest.approx(expected, abs=1e-9)


def test_uncertainty_calibration_of_all_classes(problem):
    """With p = 1 its "marginal" error is the mean over classes; with p = 2 a root mean square."""
    peer = pytest.importorskip("calibration")
    expected = peer.get_ece(*(x.numpy() for x in problem), mode="marginal")
    assert classwise_calibration_error(*problem) == pytest.approx(expected, abs=1e-9)


def test_uncertainty_calibration_keeps_confidence_one_and_ties_in_one_bin():
    peer = pytest.importorskip("calibration")
    found = peer.get_ece(SURE.numpy(), ONE_WRONG.numpy())
    assert found == pytest.approx(SURE_ERROR, abs=1e-12)
    ties, labels = np.array([[0.75, 0.25]] * 6), np.array([0, 0, 0, 1, 1, 1])
    assert peer.get_ece_em(ties, labels, num_bins=3) == pytest.approx(0.25, abs=1e-12)
    found = calibration_error(ties, labels, n_bins=3, binning="quantile")
    assert found == pytest.approx(0.25, abs=1e-12)


def test_uncertainty_calibration_gives_an_edge_to_the_bin_below():
    """A convention, that of Guo et al.; ours, and that of all other peers, is the bin above.

    Of .8, right, and .7, wrong, and five bins: together |.75 - .5|, apart (.2 + .7) / 2.
    """
    peer = pytest.importorskip("calibration")
    probabilities, labels = np.array([[0.8, 0.2], [0.7, 0.3]]), np.array([0, 1])
    together = peer.get_ece(probabilities, labels, num_bins=5)
    assert together == pytest.approx(0.25, abs=1e-12)
    apart = calibration_error(probabilities, labels, n_bins=5, of="top")
    assert apart == pytest.approx(0.45, abs=1e-12)


# relplot


@pytest.fixture
def away_from_one():
    """Confidences between .5 and .98, and how often each is right."""
    rng = np.random.default_rng(0)
    confidence = 0.5 + 0.48 * rng.random(300)
    return confidence, (rng.random(300) < confidence**1.5).astype(float)


def of_two(confidence: np.ndarray, correct: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and labels of two classes, of which the first is on top."""
    probabilities = torch.from_numpy(np.stack([confidence, 1 - confidence], 1))
    return probabilities, torch.from_numpy(1 - correct).long()


def smooth_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    return calibkit.smooth_calibration_error(*of_two(confidence, correct))


@pytest.fixture
def sure_ones():
    """Half are sure and right in 80%, half .6 sure and right in 60%.

    These cancel, those leave .5 x .2 = .1, whatever the kernel's width.
    """
    correct = np.concatenate([np.arange(50) < 40, np.arange(50) < 30]).astype(float)
    return np.repeat([1.0, 0.6], 50), correct


def test_relplot_finds_the_width_to_ten_halvings(away_from_one):
    peer = pytest.importorskip("relplot")
    found = smooth_error(*away_from_one)
    assert found == pytest.approx(peer.smECE(*away_from_one), abs=2**-10)
    assert found == pytest.approx(reference_smooth_error(*away_from_one), abs=1e-9)


def test_relplot_converges_to_our_width(away_from_one, monkeypatch):
    """At the right width the error is the width; its sum over a mesh nears that as 1 / mesh.

    For it counts both ends in full, where the rule for an integral takes half of them.
    """
    config = pytest.importorskip("relplot.config")
    metrics = pytest.importorskip("relplot.metrics")
    width = smooth_error(*away_from_one)
    for mesh in (200, 2000, 20_000):
        monkeypatch.setattr(config, "smECE_mesh_pts", mesh)
        distance = abs(metrics.smECE_sigma(*away_from_one, width) - width)
        assert distance < 0.1 / mesh


def test_relplot_counts_confidence_one_half(sure_ones):
    """Its mirror shares the last grid point, so a sample there has no mirror image."""
    assert smooth_error(*sure_ones) == pytest.approx(0.1, abs=1e-11)
    peer = pytest.importorskip("relplot").smECE(*sure_ones)
    assert peer == pytest.approx(0.05 / 0.75, abs=2e-3)  # to its mesh of 200 points


def test_relplot_is_off_for_a_sure_network():
    """Many confidences within 1 / 1000 of 1, its grid's step; quadrature says which is right."""
    peer = pytest.importorskip("relplot")
    logits, labels = calibrated_problem(300, 10, 6)
    probabilities = logits.softmax(1)
    confidence, correct = top(probabilities, labels)
    right = reference_smooth_error(confidence, correct)
    found = calibkit.smooth_calibration_error(probabilities, labels)
    assert found == pytest.approx(right, abs=1e-9)
    assert abs(peer.smECE(confidence, correct) - right) > 5 * 2**-10


# probmetrics


def probmetrics_values(names: list[str], probabilities, labels) -> dict[str, float]:
    metrics = pytest.importorskip("probmetrics.metrics").Metrics.from_names(names)
    values = metrics.compute_all_from_labels_probs(labels, probabilities)
    return {name: value.item() for name, value in values.items()}


def test_probmetrics_scores(problem):
    found = probmetrics_values(["brier", "logloss", "accuracy"], *problem)
    ours = {
        "brier": calibkit.brier_score(*problem),
        "logloss": calibkit.negative_log_likelihood(*problem),
        "accuracy": calibkit.accuracy(*problem),
    }
    assert ours["accuracy"] == pytest.approx(found.pop("accuracy"), abs=FLOAT32)
    assert {name: ours[name] for name in found} == pytest.approx(found, abs=1e-9)


def test_probmetrics_calibration_errors_are_those_of_torchmetrics(problem):
    found = probmetrics_values(["ece-15", "rmsce-15", "mce-15"], *problem)
    ours = {
        "ece-15": calibration_error(*problem),
        "rmsce-15": calibration_error(*problem, norm="l2"),
        "mce-15": calibration_error(*problem, norm="max"),
    }
    assert ours == pytest.approx(found, abs=FLOAT32)


def test_probmetrics_smooth_error_is_that_of_relplot(problem):
    pytest.importorskip("relplot")
    found = probmetrics_values(["smece"], *problem)["smece"]
    assert calibkit.smooth_calibration_error(*problem) == pytest.approx(found, abs=2**-10)


def test_probmetrics_ece_of_two_classes_judges_the_event(two_classes):
    found = probmetrics_values(["ece-15"], *two_classes)["ece-15"]
    assert calibration_error(*two_classes) == pytest.approx(found, abs=FLOAT32)


@pytest.mark.parametrize("temperature", [0.05, 1.7, 100])
def test_probmetrics_temperature(temperature):
    """Thirty halvings of an interval of 32 in log T leave 3e-8."""
    calibrators = pytest.importorskip("probmetrics.calibrators")
    distributions = pytest.importorskip("probmetrics.distributions")
    logits, labels = calibrated_problem(2000, 10, temperature)
    peer = calibrators.TemperatureScalingCalibrator()
    peer.fit_torch(distributions.CategoricalLogits(logits), labels)
    found = TemperatureScaler().fit_logits(logits, labels).temperature
    assert found == pytest.approx(1 / peer.invtemp_, rel=1e-7)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(calibkit.LogisticScaler, "affine"), (calibkit.QuadraticScaler, "quadratic")],
)
def test_probmetrics_binary_maps(kind, name):
    """It takes labels as they are, which Platt's targets near as samples are added."""
    calibrators = pytest.importorskip("probmetrics.calibrators")
    logits, labels = calibrated_problem(20_000, 2, 2)
    peer = calibrators.BinaryLogisticCalibrator(type=name)
    expected = peer.fit(logits.softmax(1).numpy(), labels.numpy())
    expected = expected.predict_proba(logits.softmax(1).numpy())
    found = kind().fit_logits(logits, labels)(logits).softmax(1)
    assert found.numpy() == pytest.approx(expected, abs=0.005)
    scores = [calibkit.negative_log_likelihood(p, labels) for p in (found, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_probmetrics_decomposition(problem):
    """With its plain temperature scaling on all samples."""
    peer = pytest.importorskip("probmetrics.metrics")
    calibrators = pytest.importorskip("probmetrics.calibrators")
    splitters = pytest.importorskip("probmetrics.splitters")
    metric = peer.MetricsWithCalibration(
        peer.CombinedMetrics([peer.LogLoss(), peer.BrierLoss()]),
        calibrators.TemperatureScalingCalibrator(),
        splitters.AllSplitter(),
        cal_name="ts",
    )
    probabilities, labels = problem
    found = metric.compute_all_from_labels_probs(labels, probabilities)
    for score, name in {"nll": "logloss", "brier": "brier"}.items():
        ours = calibkit.score_decomposition(*problem, score=score)
        refinement = found[f"refinement_{name}_ts_all"].item()
        assert ours.refinement == pytest.approx(refinement, abs=1e-9)
        assert ours.calibration == pytest.approx(found[f"calib-err_{name}_ts_all"].item(), abs=1e-9)


def test_probmetrics_default_decomposition_mixes_in_the_uniform_distribution(problem):
    """With weight 1 / (n + 1), for isotonic's sake; after it the temperature is not the best."""
    found = probmetrics_values(["refinement_logloss_ts-mix_all"], *problem)
    probabilities, labels = problem
    logits, n = probabilities.log(), len(labels)
    scaled = TemperatureScaler().fit_logits(logits, labels)(logits).softmax(1)
    mixed = (n * scaled + 0.1) / (n + 1)
    by_hand = calibkit.negative_log_likelihood(mixed, labels)
    assert by_hand == pytest.approx(found["refinement_logloss_ts-mix_all"], abs=1e-9)
    assert by_hand > calibkit.score_decomposition(*problem).refinement + 1e-5


# scikit-learn


def test_sklearn_log_loss(problem):
    metrics = pytest.importorskip("sklearn.metrics")
    probabilities, labels = problem
    expected = metrics.log_loss(labels.numpy(), probabilities.numpy())
    assert calibkit.negative_log_likelihood(*problem) == pytest.approx(expected, abs=1e-9)


def test_sklearn_brier_score(problem, two_classes):
    """Ours sums over classes, also over two, where theirs is half by default."""
    pytest.importorskip("sklearn", minversion="1.7")
    from sklearn.metrics import brier_score_loss

    for case, factor in ((problem, 1), (two_classes, 2)):
        probabilities, labels = case
        expected = factor * brier_score_loss(labels.numpy(), probabilities.numpy())
        assert calibkit.brier_score(*case) == pytest.approx(expected, abs=1e-9)


@binnings
@pytest.mark.parametrize("n_bins", [10, 15])
def test_sklearn_calibration_curve(problem, binning, n_bins):
    calibration_curve = pytest.importorskip("sklearn.calibration").calibration_curve
    confidence, correct = top(*problem)
    accuracy, mean = calibration_curve(correct, confidence, n_bins=n_bins, strategy=binning)
    bins = calibkit.reliability_bins(*problem, n_bins=n_bins, binning=binning)
    full = bins.count > 0
    assert bins.n_correct[full] / bins.count[full] == pytest.approx(accuracy, abs=1e-9)
    assert bins.confidence_sum[full] / bins.count[full] == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(("dtype", "precision"), [(np.float64, 1e-6), (np.float32, 5e-4)])
@pytest.mark.parametrize("temperature", [0.2, 1.7, 20])
def test_sklearn_temperature(temperature, dtype, precision):
    """It looks at values of the loss only: half of the digits of the type it is given."""
    pytest.importorskip("sklearn", minversion="1.8")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    network = LogisticRegression()  # whose logits are its input
    network.classes_ = np.arange(10)
    network.coef_, network.intercept_ = np.eye(10, dtype=dtype), np.zeros(10, dtype)
    logits, labels = (x.numpy() for x in calibrated_problem(1000, 10, temperature))
    logits = logits.astype(dtype)
    peer = CalibratedClassifierCV(FrozenEstimator(network), method="temperature")
    fitted = peer.fit(logits, labels).calibrated_classifiers_[0].calibrators[0]
    ours = TemperatureScaler().fit_logits(torch.from_numpy(logits), torch.from_numpy(labels))
    assert ours.temperature == pytest.approx(1 / float(fitted.beta_), rel=precision)


# torch-uncertainty


def test_torch_uncertainty_metrics(problem):
    """In float32, but for the classwise one."""
    peer = pytest.importorskip("torch_uncertainty.metrics")
    ece = fed(peer.CalibrationError("multiclass", num_bins=15, num_classes=10), *problem)
    assert calibration_error(*problem) == pytest.approx(ece, abs=FLOAT32)
    ace = fed(peer.AdaptiveCalibrationError("multiclass", num_bins=15, num_classes=10), *problem)
    found = calibration_error(*problem, binning="quantile")
    assert found == pytest.approx(ace, abs=FLOAT32)
    classwise = fed(peer.ClasswiseCalibrationError(10, 15), *problem)
    assert classwise_calibration_error(*problem) == pytest.approx(classwise, abs=1e-9)
    brier = fed(peer.BrierScore(10), *problem)
    assert calibkit.brier_score(*problem) == pytest.approx(brier, abs=FLOAT32)
    nll = fed(peer.CategoricalNLL(), *problem)
    assert calibkit.negative_log_likelihood(*problem) == pytest.approx(nll, abs=FLOAT32)


def test_torch_uncertainty_puts_probability_one_into_a_hidden_bin():
    """As torchmetrics does; classwise the bins of class 1 are [.05, 0]: one bin, .475 again."""
    peer = pytest.importorskip("torch_uncertainty.metrics")
    ece = fed(peer.CalibrationError("multiclass", num_bins=15, num_classes=2), SURE, ONE_WRONG)
    assert ece == pytest.approx((0.05 + 1) / 2)
    classwise = fed(peer.ClasswiseCalibrationError(2, 15), SURE, ONE_WRONG)
    assert classwise == pytest.approx((0.525 + SURE_ERROR) / 2)
    found = classwise_calibration_error(SURE, ONE_WRONG)
    assert found == pytest.approx(SURE_ERROR, abs=1e-12)


def test_torch_uncertainty_smooth_error(sure_ones, away_from_one):
    """Right away from 1; by default it smooths logits, on a mesh too coarse to see those near 1."""
    peer = pytest.importorskip("torch_uncertainty.metrics")
    probabilities, labels = of_two(*away_from_one)
    found = fed(peer.SmoothCalibrationError(kernel_type="reflected"), probabilities.float(), labels)
    assert smooth_error(*away_from_one) == pytest.approx(found, abs=2**-10)

    probabilities, labels = of_two(*sure_ones)
    assert fed(peer.SmoothCalibrationError(), probabilities.float(), labels) < 1e-6
    found = fed(peer.SmoothCalibrationError(kernel_type="reflected"), probabilities.float(), labels)
    assert found == pytest.approx(0.05 / 0.75, abs=2e-3)  # as relplot
    assert smooth_error(*sure_ones) == pytest.approx(0.1, abs=1e-11)


def test_torch_uncertainty_bins_of_equal_mass_tear_equals_apart():
    """Six samples, all .75 sure, half of them right: the error is .25 in any order."""
    peer = pytest.importorskip("torch_uncertainty.metrics")
    ties, values = torch.tensor([[0.75, 0.25]]).repeat(6, 1), []
    for labels in (torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 0, 1, 0, 1])):
        metric = peer.AdaptiveCalibrationError("multiclass", num_bins=3, num_classes=2)
        values.append(fed(metric, ties, labels))
        found = calibration_error(ties, labels, n_bins=3, binning="quantile")
        assert found == pytest.approx(0.25, abs=1e-12)
    # in the first order the bins are right in 1, .5 and 0
    assert values == pytest.approx([(0.25 + 0.25 + 0.75) / 3, 0.25])


def test_torch_uncertainty_temperature():
    """To what a hundred steps of LBFGS reach."""
    logits, labels = calibrated_problem(1000, 10, 2)
    ours = TemperatureScaler().fit_logits(logits, labels).temperature
    assert ours == pytest.approx(_torch_uncertainty_temperature(logits, labels), rel=5e-3)


def test_torch_uncertainty_temperature_diverges():
    """Without a line search; at T* = 20 it leaves a model worse than it was."""
    logits, labels = calibrated_problem(1000, 10, 20)
    best = best_temperature(logits.numpy(), labels)
    ours = TemperatureScaler().fit_logits(logits, labels)
    assert ours.temperature == pytest.approx(best, rel=1e-9)
    peer = _torch_uncertainty_temperature(logits, labels)
    assert peer < 0.01
    assert cross_entropy(logits / peer, labels) > cross_entropy(logits, labels)
    assert cross_entropy(logits / best, labels) == pytest.approx(ours.summary.nll_after, abs=1e-9)


def _torch_uncertainty_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    peer = pytest.importorskip("torch_uncertainty.post_processing")
    scaler = peer.TemperatureScaler(torch.nn.Identity())
    scaler.fit([(logits.float(), labels)], progress=False)
    return scaler.temperature[0].item()


# libraries whose models and loaders a fit takes


@pytest.mark.parametrize("name", ["Bert", "DistilBert"])
def test_a_model_of_hugging_face_on_its_own_batches(name):
    transformers = pytest.importorskip("transformers")
    sizes = {
        "Bert": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
        "DistilBert": {"dim": 16, "hidden_dim": 16, "n_layers": 1, "n_heads": 2},
    }[name]
    config = getattr(transformers, f"{name}Config")(vocab_size=50, num_labels=3, **sizes)
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}ForSequenceClassification")(config)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(50, (60, 8), generator=generator)
    mask = (torch.arange(8) < torch.randint(2, 9, (60, 1), generator=generator)).long()
    labels = torch.randint(3, (60,), generator=generator)
    columns = {"idx": torch.arange(60), "input_ids": ids, "attention_mask": mask, "labels": labels}

    def loader():
        for part in torch.arange(60).split(16):
            batch = {name: column[part] for name, column in columns.items()}
            yield transformers.BatchEncoding({**batch, "text": ["a"] * len(part)})

    model.train()
    logits, found = calibkit.collect_logits(model, loader(), progress=False)
    assert model.training
    assert torch.equal(found, labels)
    with torch.no_grad():
        expected = model.eval()(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(logits, expected)
    columns["weight"] = torch.rand(60, generator=generator)
    with pytest.raises(TypeError, match="sample weights as sample_weight"):
        calibkit.collect_logits(model, loader(), progress=False)


def test_a_segmentation_model_of_torchvision_with_an_ignored_label():
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    torch.manual_seed(0)
    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    images, masks = torch.rand(4, 3, 32, 32), torch.randint(3, (4, 32, 32))
    masks[:, :4] = 255
    loader = [(images[:2], masks[:2]), (images[2:], masks[2:])]
    report = calibkit.evaluate(model, loader, ignore_index=255, n_resamples=40, progress=False)
    assert report.n_samples == 4 * 28 * 32
    with torch.no_grad():
        logits = model.eval()(images)["out"]
    nll = cross_entropy(logits, masks, ignore_index=255).item()
    assert report.before.nll.value == pytest.approx(nll, rel=1e-5)


def test_a_module_of_lightning_with_the_loader_of_its_trainer(tmp_path):
    lightning = pytest.importorskip("lightning")
    logits, labels = calibrated_problem(120, 4, 1.7)

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, inputs):
            return self.layer(self.dropout(inputs))

        def training_step(self, batch, batch_idx):
            return cross_entropy(self(batch[0]), batch[1])

        def predict_step(self, batch, batch_idx):
            return self(batch[0]).softmax(1)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    class Data(lightning.LightningDataModule):
        def train_dataloader(self):
            return self.val_dataloader()

        def val_dataloader(self):
            data = torch.utils.data.TensorDataset(logits.float(), labels)
            return torch.utils.data.DataLoader(data, batch_size=50)

    model, data = Module(), Data()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        default_root_dir=tmp_path,
        enable_model_summary=False,
        limit_val_batches=0,
        **quiet,
    )
    trainer.fit(model, datamodule=data)
    model.train()
    for loader in (data.val_dataloader(), trainer.train_dataloader):
        found, _ = calibkit.collect_logits(model, loader, progress=False)
        torch.testing.assert_close(found, model.layer(logits.float()).detach())
        assert model.training
        assert model.dropout.training
    with pytest.raises(TypeError, match=r"datamodule\.val_dataloader\(\)"):
        calibkit.collect_logits(model, data)
