"""Intervals: what they promise, by simulation, and many resamples at once against one by one."""

import math
from functools import partial

import numpy as np
import pytest
import scipy.stats
import torch

import calibkit
from calibkit import bootstrap_interval, calibration_test, paired_difference
from tests.helpers import calibrated_problem

MEANS = [calibkit.accuracy, calibkit.brier_score, calibkit.negative_log_likelihood]
ERRORS = [
    calibkit.calibration_error,
    partial(calibkit.calibration_error, n_bins=7, norm="l2", debias=True),
    partial(calibkit.calibration_error, norm="max", binning="uniform"),
    partial(calibkit.calibration_error, n_bins=4, binning="quantile"),
    partial(calibkit.classwise_calibration_error, n_bins=5),
    calibkit.smooth_calibration_error,
    calibkit.ks_calibration_error,
    calibkit.area_under_risk_coverage_curve,
]


@pytest.fixture(scope="module")
def problem() -> tuple[torch.Tensor, torch.Tensor]:
    logits, labels = calibrated_problem(300, 4, 2)
    return (2 * logits).round().softmax(1), labels  # rounded: with equal confidences


def resampled_one_by_one(metric, probabilities, labels, n_resamples: int, seed: int) -> np.ndarray:
    n = len(labels)
    drawn = np.random.default_rng(seed).integers(n, size=(n_resamples, n))
    return np.array([metric(probabilities[rows], labels[rows]) for rows in drawn])


def around(value: float, resampled: np.ndarray, level: float) -> tuple[float, float, float]:
    """The interval that corrects for the bias of the resamples."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2]) - resampled.mean()
    ends = sorted([value, 2 * value - resampled.mean()])
    return value, ends[0] + low, ends[1] + high


def own_metric(probabilities, labels) -> float:
    return calibkit.calibration_error(probabilities, labels, n_bins=5)


@pytest.mark.parametrize(
    ("level", "least"), [(0.01, 40), (0.5, 40), (0.95, 40), (0.99, 200), (0.999, 2000)]
)
def test_too_few_resamples_for_the_level_are_refused(level, least):
    p, labels = torch.tensor([[0.8, 0.2]] * 50), (torch.arange(50) >= 40).long()
    message = rf"n_resamples must be an integer of at least {least}, got {least - 1}; fewer"
    for metric in (calibkit.accuracy, calibkit.calibration_error):
        interval = partial(calibkit.bootstrap_interval, metric, p, labels, level=level)
        change = partial(calibkit.paired_difference, metric, p, p, labels, level=level)
        for function in (interval, change):
            with pytest.raises(ValueError, match=message):
                function(n_resamples=least - 1)
            found = function(n_resamples=least)
            assert found.low <= found.value <= found.high


def test_reports_and_tests_refuse_too_few_resamples():
    logits, labels = calibrated_problem(100, 3, 2)
    p, scaler = (
        logits.softmax(1),
        calibkit.TemperatureScaler().fit_logits(*calibrated_problem(100, 3, 1)),
    )
    several = torch.nn.functional.one_hot(labels)
    for call in (
        partial(calibkit.evaluate, logits, labels),
        partial(calibkit.check_shift, scaler, logits, labels),
        partial(calibkit.evaluate_multi_label, logits, several),
        partial(calibkit.calibration_test, p, labels),
        partial(calibkit.noise_floor, p),
    ):
        with pytest.raises(
            ValueError, match="n_resamples must be an integer of at least 40, got 39"
        ):
            call(n_resamples=39)
        call(n_resamples=40)


def test_interval_of_any_other_metric_is_that_of_resamples_one_by_one(problem):
    resampled = resampled_one_by_one(own_metric, *problem, 40, 3)
    value, low, high = around(own_metric(*problem), resampled, 0.8)
    found = bootstrap_interval(own_metric, *problem, n_resamples=40, seed=3, level=0.8)
    assert found == pytest.approx((value, max(low, 0), high), abs=1e-12)


@pytest.mark.parametrize("metric", ERRORS)
def test_the_interval_of_an_error_holds_the_value_and_is_no_less_than_0(metric, problem):
    found = bootstrap_interval(metric, *problem, n_resamples=100, seed=3)
    assert found.value == metric(*problem)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("metric", ERRORS)
def test_a_higher_level_gives_a_wider_interval(metric, problem):
    narrow, wide = (
        bootstrap_interval(metric, *problem, n_resamples=400, level=level) for level in (0.5, 0.99)
    )
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@pytest.mark.parametrize("metric", ERRORS)
def test_the_interval_of_a_change_mirrors_that_of_the_change_back(metric, problem):
    after, labels = problem
    before = (after**2) / (after**2).sum(1, keepdim=True)
    there = paired_difference(metric, before, after, labels, n_resamples=100)
    back = paired_difference(metric, after, before, labels, n_resamples=100)
    assert there == pytest.approx((-back.value, -back.high, -back.low), abs=1e-6)
    assert there.low <= there.value <= there.high


@pytest.mark.parametrize("metric", ERRORS)
def test_where_nothing_changes_the_interval_is_0(metric, problem):
    found = paired_difference(metric, problem[0], *problem, n_resamples=40)
    assert found == (0, 0, 0)


@pytest.mark.parametrize("metric", [ERRORS[0], *ERRORS[3:7]])
def test_a_large_error_and_a_large_change_are_told_from_noise(metric):
    logits, labels = calibrated_problem(2000, 10, 1)
    probabilities = logits.softmax(1)
    assert bootstrap_interval(metric, (4 * logits).softmax(1), labels, n_resamples=200).low > 0
    arguments = metric, (4 * logits).softmax(1), probabilities, labels
    assert paired_difference(*arguments, n_resamples=200).high < 0


@pytest.mark.parametrize("metric", ERRORS)
@pytest.mark.parametrize("n", [1, 2])
def test_one_sample_or_two_give_an_interval(metric, n):
    probabilities, labels = torch.tensor([[0.6, 0.4], [0.3, 0.7]])[:n], torch.tensor([0, 0])[:n]
    found = bootstrap_interval(metric, probabilities, labels, n_resamples=40)
    assert 0 <= found.low <= found.value <= found.high


@pytest.mark.parametrize("metric", MEANS)
def test_interval_of_a_mean_is_that_of_scipy(metric, problem):
    probabilities, labels = problem
    rows = zip(probabilities, labels, strict=True)
    terms = np.array([metric(p[None], y[None]) for p, y in rows])
    reference = scipy.stats.bootstrap(
        (terms,), np.mean, n_resamples=200, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    found = bootstrap_interval(metric, *problem, n_resamples=200, seed=3)
    assert found == pytest.approx((terms.mean(), *reference), abs=1e-12)


@pytest.mark.parametrize("metric", [own_metric])
def test_a_difference_is_of_the_same_resamples(metric, problem):
    after, labels = problem
    before = (after**2) / (after**2).sum(1, keepdim=True)
    resampled = resampled_one_by_one(metric, after, labels, 50, 3) - resampled_one_by_one(
        metric, before, labels, 50, 3
    )
    found = paired_difference(metric, before, after, labels, n_resamples=50, seed=3, level=0.8)
    change = metric(after, labels) - metric(before, labels)
    assert found == pytest.approx(around(change, resampled, 0.8), abs=1e-12)


def test_many_samples_are_resampled_in_blocks_with_the_same_draws():
    logits, labels = calibrated_problem(60_000, 2, 2)
    probabilities = logits.softmax(1)
    found = bootstrap_interval(calibkit.accuracy, probabilities, labels, n_resamples=50, seed=3)
    resampled = resampled_one_by_one(calibkit.accuracy, probabilities, labels, 50, 3)
    assert found[1:] == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=1e-12)


def test_interval_of_a_mean_is_the_textbooks():
    probabilities = torch.tensor([[0.8, 0.2]]).repeat(1000, 1)
    labels = (torch.arange(1000) >= 700).long()
    found = bootstrap_interval(calibkit.accuracy, probabilities, labels, n_resamples=20_000)
    half = 1.959964 * np.sqrt(0.7 * 0.3 / 1000)
    assert found == pytest.approx([0.7, 0.7 - half, 0.7 + half], abs=1e-3)


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize(("sharpness", "n"), [(1.2, 300), (1.3, 1000), (1.5, 1000)])
def test_95_percent_intervals_hold_the_ece_of_endless_data(sharpness, n):
    logits, labels = calibrated_problem(1_000_000, 10, sharpness)
    truth = calibkit.calibration_error(logits.softmax(1), labels)
    held = []
    for seed in range(200):
        part = slice(seed * n, (seed + 1) * n)
        ece = bootstrap_interval(
            calibkit.calibration_error, logits[part].softmax(1), labels[part], n_resamples=200
        )
        held.append(ece.low <= truth <= ece.high)
    assert np.mean(held) >= 0.92


def test_the_interval_of_a_share_is_a_share():
    probabilities = torch.tensor([[0.9, 0.1]]).repeat(20, 1)
    labels = torch.tensor([1] + [0] * 19)
    found = bootstrap_interval(calibkit.accuracy, probabilities, labels)
    assert found.value == 0.95
    assert 0.8 <= found.low < found.high == 1


@pytest.mark.parametrize("metric", [*ERRORS[:1], *ERRORS[3:5]])
def test_samples_that_are_all_correct_show_no_error_for_sure(metric):
    probabilities = torch.tensor([[0.9, 0.1]]).repeat(20, 1)
    found = bootstrap_interval(metric, probabilities, torch.zeros(20, dtype=torch.int64))
    assert found.value == pytest.approx(0.1)
    assert found.low == 0  # Of 20 samples, all are correct in 12% of all cases.
    assert found.high >= found.value


def test_pixels_to_ignore():
    logits, labels = calibrated_problem(2 * 8 * 5, 3, 2)
    images = logits.softmax(1).view(2, 8, 5, 3).movedim(-1, 1)
    masks = labels.clone()
    masks[::3] = 255
    kept = masks != 255
    dense, flat = (images, masks.view(2, 8, 5)), (logits.softmax(1)[kept], labels[kept])
    ece, options = calibkit.calibration_error, {"n_resamples": 40, "ignore_index": 255}
    assert bootstrap_interval(ece, *dense, **options) == pytest.approx(
        bootstrap_interval(ece, *flat, n_resamples=40)
    )
    assert calibration_test(*dense, **options)[:2] == pytest.approx(
        calibration_test(*flat, n_resamples=40)[:2]
    )
    found = paired_difference(ece, dense[0], *dense, **options)
    assert found == (0, 0, 0)


def test_pairing_takes_out_what_is_hard_in_a_sample():
    logits, labels = calibrated_problem(1000, 10, 1.2)
    before, after = logits.softmax(1), (logits / 1.2).softmax(1)
    change = paired_difference(calibkit.negative_log_likelihood, before, after, labels)
    alone = bootstrap_interval(calibkit.negative_log_likelihood, after, labels)
    assert change.high < 0
    assert change.high - change.low < (alone.high - alone.low) / 2


def test_same_seed_same_result():
    logits, labels = calibrated_problem(200, 5, 2)
    arguments = calibkit.calibration_error, logits.softmax(1), labels
    assert bootstrap_interval(*arguments, seed=1) == bootstrap_interval(*arguments, seed=1)
    assert bootstrap_interval(*arguments, seed=1) != bootstrap_interval(*arguments, seed=2)


def test_any_function_will_do_and_a_negative_one_is_not_cut_off():
    logits, labels = calibrated_problem(200, 5, 2)

    def minus_accuracy(probabilities, labels):
        return -float((probabilities.argmax(1) == labels).double().mean())

    found = bootstrap_interval(minus_accuracy, logits.softmax(1), labels, n_resamples=100)
    assert found.low < found.value < found.high < 0


def test_an_infinite_nll_stays_infinite():
    probabilities, labels = torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([0, 1])
    nll = calibkit.negative_log_likelihood
    found = bootstrap_interval(nll, probabilities, labels, n_resamples=40)
    assert found == (np.inf, np.inf, np.inf)
    finite = torch.full((2, 2), 0.5)
    found = paired_difference(nll, probabilities, finite, labels, n_resamples=40)
    assert found == (-np.inf, -np.inf, -np.inf)
    found = paired_difference(nll, probabilities, probabilities, labels, n_resamples=40)
    assert np.isnan(found.value)
    assert found[1:] == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        (lambda p, y: "x", "str; return a number"),
        (lambda p, y: None, "NoneType; return a number"),
        (lambda p, y: p.amax(1), "Tensor; return a number"),
        (lambda p, y: p.amax(1).numpy(), "ndarray; return a number"),
        (calibkit.reliability_bins, "ReliabilityBins; return a number"),
    ],
)
def test_a_metric_that_gives_no_number_is_refused(metric, found):
    p, y = torch.full((20,), 0.5), torch.arange(20) % 2
    for interval in (
        partial(bootstrap_interval, metric, p, y),
        partial(paired_difference, metric, p, p, y),
    ):
        with pytest.raises(TypeError, match=f"metric must return one number, got {found}"):
            interval(n_resamples=40)


def test_the_advice_on_a_metric_of_several_numbers_works():
    p, y = torch.full((20,), 0.5), (torch.arange(20) < 15).long()
    with pytest.raises(TypeError, match="got Decomposition; choose a field, with ") as refused:
        bootstrap_interval(calibkit.score_decomposition, p, y)
    code = str(refused.value).split("choose a field, with ")[1]
    metric = eval(code, {"score_decomposition": calibkit.score_decomposition})
    found = bootstrap_interval(metric, p[:, None], y, n_resamples=40)
    assert found.value == pytest.approx(math.log(2))


def test_a_metric_may_return_any_single_number():
    p, y = torch.full((20,), 0.5), torch.arange(20) % 2
    for number in (2, 2.0, np.float32(2), torch.tensor(2.0), torch.tensor([2]), np.array([[2.0]])):
        found = bootstrap_interval(lambda p, y, number=number: number, p, y, n_resamples=40)
        assert found == (2, 2, 2)


def test_a_class_is_no_metric():
    p, y = torch.full((20,), 0.5), torch.arange(20) % 2
    for kind in (calibkit.CalibrationError, calibkit.BrierScore, float):
        with pytest.raises(TypeError, match=f"got the class {kind.__name__}; pass for instance"):
            bootstrap_interval(kind, p, y)


def test_the_ends_of_an_interval_are_no_negative_zero():
    p, y = torch.full((60,), 0.5), torch.arange(60) % 2
    for metric in (
        calibkit.calibration_error,
        calibkit.ks_calibration_error,
        calibkit.classwise_calibration_error,
    ):
        found = bootstrap_interval(metric, p, y, n_resamples=50)
        assert not np.signbit(found).any()


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_changes_of_very_few_samples_have_an_interval(n):
    logits, labels = calibrated_problem(n, 4, 2)
    before, after = logits.softmax(1), (logits / 2).softmax(1)
    for metric in (
        calibkit.smooth_calibration_error,
        calibkit.calibration_error,
        calibkit.brier_score,
    ):
        found = paired_difference(metric, before, after, labels, n_resamples=60)
        assert -1 <= found.low <= found.value <= found.high <= 1
