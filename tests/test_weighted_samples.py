"""Weights of samples in every interval, test, plot and report.

A value counts a sample of weight 2 like two samples. But every sample stays one independent
observation, so that the size of all weights together changes no interval and no p-value.
"""

import math
from functools import partial

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from scipy.stats import binom, t

import calibkit as ck
from calibkit._checks import check_probability_rows
from calibkit._rows import Rows
from calibkit.metrics.calibration_error import BinnedCalibrationError
from calibkit.uncertainty._gaps import gaps_of_samples
from tests.helpers import calibrated_problem, distorted_problem

METRICS = {
    "accuracy": ck.accuracy,
    "nll": ck.negative_log_likelihood,
    "brier": ck.brier_score,
    "ece": ck.calibration_error,
    "rmsce": partial(ck.calibration_error, norm="l2"),
    "mce": partial(ck.calibration_error, norm="max"),
    "ece, equal mass": partial(ck.calibration_error, binning="quantile"),
    "classwise": ck.classwise_calibration_error,
    "smooth": ck.smooth_calibration_error,
    "ks": ck.ks_calibration_error,
    "a function of one's own": lambda p, y, sample_weight=None: ck.accuracy(
        p, y, sample_weight=sample_weight
    ),
}
N_RESAMPLES = 100
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def scaler_for(logits):
    return ck.TemperatureScaler().fit_logits(*calibrated_problem(200, logits.shape[1], 2, seed=7))


def report_of(logits, labels, **options):
    return ck.evaluate(
        logits, labels, scaler=scaler_for(logits), n_resamples=N_RESAMPLES, **options
    )


def data_of(ax) -> list[np.ndarray]:
    """Return what lines and bars show, without the bands of a calibrated model."""
    lines = [np.asarray(line.get_ydata(), float) for one in ax.figure.axes for line in one.lines]
    shown = [bars for bars in ax.containers if bars.get_label() != "95% if calibrated"]
    return lines + [np.array([bar.get_height() for bar in bars]) for bars in shown]


def values_of_report(report) -> list[float]:
    sides = report.before, report.after, report.change
    intervals = [v for side in sides for v in side if isinstance(v, ck.Interval)]
    return [v.value for v in intervals]


def values_of_parts(breakdown) -> list[float]:
    parts = sorted(breakdown.parts, key=lambda part: str(part.name))
    return [x for part in parts for x in (part.frequency, part.mean_probability, part.error.value)]


def explored(logits, labels, **options):
    ck.explore_temperature(logits, labels, **options)
    return data_of(plt.gcf().axes[0]) + data_of(plt.gcf().axes[1])


# What depends on logits, labels and weights, as numbers that repeated samples would also give.
DOORS = {
    "bootstrap_interval": lambda z, y, **o: (
        ck.bootstrap_interval(ck.calibration_error, z.softmax(1), y, n_resamples=40, **o).value
    ),
    "paired_difference": lambda z, y, **o: (
        ck.paired_difference(
            ck.brier_score, z.softmax(1), (z / 2).softmax(1), y, n_resamples=40, **o
        ).value
    ),
    "calibration_test": lambda z, y, **o: (
        ck.calibration_test(z.softmax(1), y, n_resamples=40, **o).calibration_error
    ),
    "evaluate": lambda z, y, **o: values_of_report(report_of(z, y, **o)),
    "by_class": lambda z, y, **o: values_of_parts(report_of(z, y, **o).by_class()),
    "by_group": lambda z, y, **o: values_of_parts(
        report_of(z, y, groups=np.asarray(z[:, 0] > 0), **o).by_group()
    ),
    "check_shift": lambda z, y, **o: (
        ck.check_shift(scaler_for(z), z, y, n_resamples=40, **o).refit.temperature
    ),
    "reliability_diagram": lambda z, y, **o: data_of(ck.reliability_diagram(z.softmax(1), y, **o)),
    "confidence_histogram": lambda z, y, **o: data_of(
        ck.confidence_histogram(z.softmax(1), y, **o)
    ),
    "temperature_curve": lambda z, y, **o: data_of(ck.temperature_curve(z, y, **o)),
    "explore_temperature": explored,
}
DOORS_WITHOUT_REPETITION = {
    "noise_floor": lambda z, y, **o: ck.noise_floor(z.softmax(1), n_resamples=50, **o),
    "compare": lambda z, y, **o: [
        trial.nll
        for trial in ck.compare(
            [ck.TemperatureScaler()], z, y, n_calibration=90, repeats=3, progress=False, **o
        ).trials
    ],
    "best_scaler": lambda z, y, **o: (
        ck.best_scaler(
            z, y, [ck.TemperatureScaler(), ck.UniformMixtureScaler()], progress=False, **o
        ).summary.nll_after
    ),
    "risk_coverage_curve": lambda z, y, **o: data_of(ck.risk_coverage_curve(z.softmax(1), y, **o)),
}
ALL_DOORS = DOORS | DOORS_WITHOUT_REPETITION
every_door = pytest.mark.parametrize("door", ALL_DOORS.values(), ids=ALL_DOORS)


def weighted_problem(n_classes=3, n=300, seed=0):
    logits, labels = distorted_problem(n, n_classes, seed)
    weights = torch.from_numpy(np.random.default_rng(seed).integers(0, 5, n))
    return logits, labels, weights


def assert_same(found, expected):
    if isinstance(found, list):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", DOORS)
def test_integer_weights_equal_repetition_in_a_value(name, n_classes):
    logits, labels, weights = weighted_problem(n_classes)
    door = DOORS[name]
    repeated = logits.repeat_interleave(weights, 0), labels.repeat_interleave(weights, 0)
    assert_same(door(logits, labels, sample_weight=weights), door(*repeated))


@pytest.mark.parametrize("name", ALL_DOORS)
def test_equal_weights_change_nothing(name):
    logits, labels, _ = weighted_problem()
    # A histogram shows the weights themselves, and so does the mean of a risk over all copies.
    weight = 1.0 if name in ("confidence_histogram", "risk_coverage_curve") else 7.0
    door = ALL_DOORS[name]
    found = door(logits, labels, sample_weight=torch.full((300,), weight))
    assert_same(found, door(logits, labels))


@every_door
def test_weights_of_0_leave_samples_out(door):
    logits, labels, _ = weighted_problem()
    strange = torch.cat([torch.full_like(logits[:4], math.nan), logits])
    if door is ALL_DOORS["by_group"]:  # The groups of this test are made of the logits.
        strange = torch.cat([logits[:4], logits])
    all_labels = torch.cat([labels[:4], labels])
    weights = torch.ones(304)
    weights[:4] = 0
    assert_same(door(strange, all_labels, sample_weight=weights), door(logits, labels))


@every_door
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (-torch.ones(300), ValueError, r"not negative, got -1 at position 0"),
        (torch.full((300,), math.nan), ValueError, r"must be finite and not negative, got nan at"),
        (torch.zeros(300), ValueError, r"above 0 for one sample or more, got 0 for all"),
        (torch.ones(299), ValueError, r"must have shape \(300,\), as labels have, got \(299,\)"),
        ("balanced", TypeError, r"sample_weight must be a torch tensor or a numeric numpy array"),
    ],
    ids=["negative", "nan", "zeros", "length", "text"],
)
def test_every_door_refuses_wrong_weights_with_the_same_words(door, weights, error, message):
    logits, labels, _ = weighted_problem()
    with pytest.raises(error, match=message):
        door(logits, labels, sample_weight=weights)


@every_metric
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_size_of_all_weights_changes_no_interval(metric, n_classes):
    logits, labels = calibrated_problem(200, n_classes, 1.3)
    p, q = logits.softmax(1), (logits / 1.3).softmax(1)
    weights = torch.from_numpy(np.random.default_rng(0).lognormal(size=200))
    interval = partial(ck.bootstrap_interval, metric, p, labels, n_resamples=N_RESAMPLES)
    change = partial(ck.paired_difference, metric, p, q, labels, n_resamples=N_RESAMPLES)
    if metric is not METRICS["mce"]:  # The worst bin may hold one sample, whatever its weight.
        assert interval(sample_weight=weights) != pytest.approx(interval(), abs=1e-4)
    for function in (interval, change):
        plain, weighted = function(), function(sample_weight=weights)
        sevens = function(sample_weight=np.full(200, 7))
        assert sevens == pytest.approx(plain, abs=1e-12)
        assert function(sample_weight=weights / 1000) == pytest.approx(weighted, abs=1e-12)
        assert weighted.low <= weighted.value <= weighted.high


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_size_of_all_weights_changes_no_p_value(n_classes):
    logits, labels = calibrated_problem(200, n_classes, 1.2)
    weights = torch.from_numpy(np.random.default_rng(0).lognormal(size=200))
    plain = ck.calibration_test(logits.softmax(1), labels)
    sevens = ck.calibration_test(logits.softmax(1), labels, sample_weight=np.full(200, 7))
    assert sevens.p_value == plain.p_value
    assert sevens.floor == pytest.approx(plain.floor, abs=1e-12)
    weighted, small = (
        ck.evaluate(logits, labels, n_resamples=N_RESAMPLES, sample_weight=w).before
        for w in (weights, weights / 1000)
    )
    assert small.p_value == weighted.p_value
    assert small.classwise_p_value == weighted.classwise_p_value
    assert small.ece == pytest.approx(weighted.ece, abs=1e-12)
    assert weighted.noise_floor.mean > 1.2 * plain.floor.mean  # They are worth fewer samples.


def test_resamples_draw_rows_and_divide_by_their_weights():
    logits, labels = calibrated_problem(50, 3, 1)
    p = logits.softmax(1)
    weights = np.random.default_rng(1).lognormal(size=50)
    terms = -p.gather(1, labels[:, None])[:, 0].log().numpy()
    drawn = np.random.default_rng(0).integers(50, size=(N_RESAMPLES, 50))
    means = np.array([np.average(terms[row], weights=weights[row]) for row in drawn])
    value = np.average(terms, weights=weights)
    freedom = (weights**2).sum() ** 2 / (weights**4).sum()
    stretch = t.ppf(0.975, freedom) / t.ppf(0.975, 50)
    expected = value + stretch * (np.quantile(means, [0.025, 0.975]) - value)
    found = ck.bootstrap_interval(
        ck.negative_log_likelihood, p, labels, n_resamples=N_RESAMPLES, sample_weight=weights
    )
    assert found == pytest.approx((value, *expected), abs=1e-12)


def test_the_test_draws_one_label_for_every_row():
    logits, labels = calibrated_problem(60, 2, 1)
    p = logits.softmax(1)[:, 1].numpy()
    weights = np.random.default_rng(1).lognormal(size=60)
    order = p.argsort()
    uniform = np.random.default_rng(0).random((N_RESAMPLES, 60))
    errors = []
    for row in uniform:
        label = np.empty(60, dtype=int)
        label[order] = row < p[order]
        errors.append(ck.calibration_error(p, label, sample_weight=weights))
    measured = ck.calibration_error(p, labels.numpy(), sample_weight=weights)
    found = ck.calibration_test(p, labels, n_resamples=N_RESAMPLES, sample_weight=weights)
    assert found.p_value == (1 + (np.array(errors) >= measured).sum()) / (1 + N_RESAMPLES)
    assert found.floor.mean == pytest.approx(np.mean(errors), abs=1e-12)
    floor = ck.noise_floor(p, n_resamples=N_RESAMPLES, sample_weight=weights)
    assert floor == pytest.approx(found.floor, abs=1e-12)


def test_a_drawn_label_of_a_binary_model_brings_the_weight_of_its_class():
    generator = np.random.default_rng(1)
    chance = np.sort(generator.beta(1, 4, 60))
    labels = (generator.random(60) < chance).astype(np.int64)
    p = 9 * chance / (9 * chance + 1 - chance)  # These are right where y = 1 has the weight 9.
    uniform = np.random.default_rng(0).random((N_RESAMPLES, 60))
    errors = []
    for row in uniform:
        drawn = (row < chance).astype(np.int64)
        errors.append(ck.calibration_error(p, drawn, sample_weight=np.where(drawn, 9.0, 1.0)))
    weights = np.where(labels, 9.0, 1.0)
    measured = ck.calibration_error(p, labels, sample_weight=weights)
    found = ck.calibration_test(p, labels, n_resamples=N_RESAMPLES, sample_weight=weights)
    assert found.calibration_error == pytest.approx(measured, abs=1e-12)
    assert found.floor.mean == pytest.approx(np.mean(errors), abs=1e-12)
    assert found.p_value == (1 + (np.array(errors) >= measured).sum()) / (1 + N_RESAMPLES)
    sevens = ck.calibration_test(p, labels, n_resamples=N_RESAMPLES, sample_weight=7 * weights)
    assert sevens.p_value == found.p_value


@pytest.mark.parametrize("binning", ["uniform", "quantile"])
def test_the_gaps_of_resamples_are_weighted_means(binning):
    generator = np.random.default_rng(0)
    p, labels = generator.random(40), generator.integers(0, 2, 40)
    weights = generator.lognormal(size=40)
    checked = check_probability_rows(p, labels, sample_weight=weights).with_mean_weight_1()
    samples = gaps_of_samples(BinnedCalibrationError(4), checked, "probabilities", binning)
    counts = generator.multinomial(40, np.full(40, 1 / 40), size=20)
    edges = ck.reliability_bins(p, labels, n_bins=4, binning=binning, sample_weight=weights).edges
    cells = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, 3)
    expected = [
        [np.average((labels - p) * (cells == k), weights=row * weights) for k in range(4)]
        for row in counts
    ]
    found = samples.of_counts(counts)
    np.testing.assert_allclose(found[:, :4], expected, atol=1e-14)
    if binning == "quantile":  # The shares of the bins follow, which tell how their edges move.
        shares = [
            [np.average(cells == k, weights=row * weights) for k in range(4)] for row in counts
        ]
        np.testing.assert_allclose(found[:, 4:], shares, atol=1e-14)


@pytest.mark.parametrize("weights_of", ["samples", "classes", "equal"])
@pytest.mark.parametrize("binning", ["uniform", "quantile"])
def test_the_variance_of_a_gap_is_that_of_its_resamples(weights_of, binning):
    generator = np.random.default_rng(0)
    p = torch.from_numpy(generator.beta(2, 3, 4000))
    labels = torch.from_numpy(generator.random(4000) < p.numpy() + 0.05).long()
    weights = {
        "samples": torch.from_numpy(generator.lognormal(size=4000)),
        "classes": torch.where(labels == 1, 9.0, 1.0).double(),
        "equal": torch.ones(4000, dtype=torch.float64),
    }[weights_of]
    rows = Rows(torch.stack([1 - p, p], 1), labels, weights=weights).with_mean_weight_1()
    samples = gaps_of_samples(BinnedCalibrationError(8), rows, "probabilities", binning)
    counts = generator.multinomial(4000, np.full(4000, 1 / 4000), size=1000)
    resampled = samples.of_counts(counts)
    variance = samples.on_resamples(resampled).variance(samples.measured[:8])
    expected = resampled[:, :8].var(0)
    filled = expected > 0.1 * expected.max()  # The others hold few right or few wrong samples.
    assert filled.sum() >= 5
    np.testing.assert_allclose(variance[filled], expected[filled], rtol=0.25)


def test_an_infinite_nll_stays_infinite():
    p, labels = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([1, 0])
    found = ck.bootstrap_interval(
        ck.negative_log_likelihood, p, labels, n_resamples=40, sample_weight=[1.0, 2.0]
    )
    assert found == (math.inf, math.inf, math.inf)


def test_an_interval_of_an_accuracy_stays_within_0_and_1():
    p = torch.tensor([0.9]).repeat(40)
    labels = torch.ones(40, dtype=torch.int64)
    labels[0] = 0
    weights = 10.0 ** torch.linspace(0, 3, 40)
    found = ck.bootstrap_interval(ck.accuracy, p, labels, sample_weight=weights)
    assert 0.99 < found.value < found.high <= 1


def test_weights_of_one_row_alone_have_no_spread():
    p, labels = torch.tensor([0.9, 0.2]), torch.tensor([1, 1])
    found = ck.bootstrap_interval(ck.accuracy, p, labels, sample_weight=torch.tensor([2.0, 0.0]))
    assert found == (1, 1, 1)


def test_metrics_of_ones_own_are_called_with_weights():
    p, labels, weights = torch.rand(30), torch.randint(0, 2, (30,)), torch.rand(30) + 1

    def mean_error(p, y, sample_weight):
        assert len(sample_weight) == 30
        return (sample_weight @ (p[:, 1].double() - y).abs()).item() / sample_weight.sum().item()

    found = ck.bootstrap_interval(mean_error, p, labels, n_resamples=40, sample_weight=weights)
    assert found.low < found.value < found.high
    for metric in (lambda p, y: 0.5, partial(lambda p, y: 0.5)):
        with pytest.raises(TypeError, match=r"metric must take the weights of the samples, got"):
            ck.bootstrap_interval(metric, p, labels, sample_weight=weights)
        with pytest.raises(TypeError, match=r"metric must take the weights of the samples, got"):
            ck.paired_difference(metric, p, p, labels, sample_weight=weights)
    fixed = partial(ck.calibration_error, sample_weight=weights)
    with pytest.raises(ValueError, match=r"metric must not hold sample_weight, because"):
        ck.bootstrap_interval(fixed, p, labels)


def test_functions_without_a_signature_are_called():
    class Unknown:
        __signature__ = property(lambda self: (_ for _ in ()).throw(ValueError))

        def __call__(self, p, y, sample_weight=None):
            return 0.5

    unknown = Unknown()
    found = ck.bootstrap_interval(
        unknown, torch.rand(5), torch.ones(5, dtype=torch.int64), sample_weight=torch.ones(5)
    )
    assert found.value == 0.5


def test_a_report_counts_samples_and_says_what_they_are_worth():
    logits, labels, weights = weighted_problem()
    report = report_of(logits, labels, sample_weight=weights)
    n = int((weights > 0).sum())
    w = weights.double()
    worth = float(w.sum() ** 2 / (w**2).sum())
    assert report.n_samples == n
    assert report.effective_n_samples == pytest.approx(worth)
    assert report.to_dict()["effective_n_samples"] == pytest.approx(worth)
    line = f"The samples have weights. They are worth {worth:.0f} samples of equal weight."
    assert str(report).splitlines()[-1] == line
    assert report.to_markdown().splitlines()[-1] == line
    assert f"<p>{line}</p>" in report._repr_html_()
    assert str(report).startswith(f"n = {n}, 3 classes")
    plain = report_of(logits, labels)
    assert plain.effective_n_samples is None
    assert "effective_n_samples" not in plain.to_dict()
    assert plain.notes == []


def test_a_report_tells_weights_and_leak_check_apart():
    logits, labels, weights = weighted_problem(2)
    coarse = logits.round()
    scaler = ck.TemperatureScaler().fit_logits(coarse, labels)
    report = ck.evaluate(coarse, labels, scaler=scaler, n_resamples=40, sample_weight=weights)
    assert report.leak_check is not None
    assert len(report.notes) == 2
    assert str(report).splitlines()[-2:] == report.notes
    check = ck.check_shift(scaler, coarse, labels, n_resamples=40, sample_weight=weights)
    assert str(check).splitlines()[-2:] == [f"  {note}" for note in report.notes]


def test_weights_follow_a_loader():
    logits, labels, weights = weighted_problem()
    batches = list(zip(logits.split(70), labels.split(70), strict=True))
    found = ck.evaluate(
        torch.nn.Identity(), batches, n_resamples=40, progress=False, sample_weight=weights
    )
    expected = ck.evaluate(logits, labels, n_resamples=40, sample_weight=weights)
    assert found.to_dict() == expected.to_dict()


def test_weights_of_images_and_ignored_pixels():
    logits, labels, weights = weighted_problem(n=300)
    images = logits.reshape(75, 4, 3).movedim(2, 1)
    masks = labels.reshape(75, 4).clone()
    masks[:, 3] = 255
    groups = [["a", "b", "a", "b"]] * 75
    for w in (weights[:75], weights.reshape(75, 4)):
        found = ck.evaluate(
            images, masks, n_resamples=40, ignore_index=255, sample_weight=w, groups=groups
        )
        every = w if w.ndim == 2 else w[:, None].expand(75, 4)
        expected = ck.evaluate(
            images[..., :3].movedim(1, 2).reshape(-1, 3),
            masks[:, :3].reshape(-1),
            n_resamples=40,
            sample_weight=every[:, :3].reshape(-1),
            groups=["a", "b", "a"] * 75,
        )
        assert found.to_dict() == expected.to_dict()
        assert found.by_group().to_dict() == expected.by_group().to_dict()


def test_classes_and_groups_count_samples():
    logits, labels, weights = weighted_problem()
    groups = np.arange(300) % 2
    report = ck.evaluate(logits, labels, n_resamples=40, sample_weight=weights, groups=groups)
    positive = weights.numpy() > 0
    assert str(report.by_class()).startswith(f"n = {positive.sum()} with weights, ECE of each")
    assert report.by_group().to_dict()["weighted"] is True
    plain = ck.evaluate(logits, labels, n_resamples=40)
    assert str(plain.by_class()).startswith("n = 300, ECE of each")
    for part in report.by_class().parts:
        assert part.n == ((labels.numpy() == part.name) & positive).sum()
    for part in report.by_group().parts:
        inside = (groups == int(part.name)) & positive
        assert part.n == inside.sum()
        expected = ck.calibration_test(
            logits.softmax(1)[inside],
            labels[inside],
            n_resamples=40,
            sample_weight=weights[inside],
        )
        assert part.p_value == expected.p_value


def test_the_bands_of_a_diagram_are_those_of_what_the_samples_are_worth():
    logits, labels = calibrated_problem(500, 2, 1)
    p = logits.softmax(1)[:, 1]
    weights = torch.from_numpy(np.random.default_rng(0).lognormal(size=500))
    bins = ck.reliability_bins(p, labels, n_bins=5, sample_weight=weights)
    ax = ck.reliability_diagram(p, labels, n_bins=5, sample_weight=weights)
    cell = (p * 5).long().clamp(max=4)
    for k, band in enumerate(ax.containers[1]):
        w = weights[cell == k]
        worth = float(w.sum() ** 2 / (w**2).sum())
        assert bins.n_samples[k] == (cell == k).sum()
        assert bins.effective_count[k] == pytest.approx(worth)
        confidence = float(w @ p[cell == k] / w.sum())
        low, high = binom.ppf([0.025, 0.975], round(worth), confidence) / round(worth)
        assert (band.get_y(), band.get_height()) == pytest.approx((low, high - low))
    assert "n = 500 with weights, 5 bins" in ax.get_xlabel()
    assert ax.child_axes[0].get_ylabel() == "weight"
    histogram = ck.confidence_histogram(p, labels, sample_weight=weights)
    assert histogram.get_ylabel() == "weight of 500 samples"
    plain = ck.reliability_bins(p, labels)
    assert plain.n_samples is plain.effective_count is None


def test_risk_and_coverage_equal_those_of_repeated_samples():
    logits, labels, weights = weighted_problem()
    p = (2 * logits).round().softmax(1)  # Some confidences are equal.
    weighted = ck.risk_coverage_curve(p, labels, sample_weight=weights)
    repeated = ck.risk_coverage_curve(
        p.repeat_interleave(weights, 0), labels.repeat_interleave(weights, 0)
    )
    area = weighted.texts[0].get_text().splitlines()[0]
    assert area == repeated.texts[0].get_text().splitlines()[0]
    for found, expected in zip(weighted.lines, repeated.lines, strict=True):
        x, y = found.get_data()
        at_same = np.interp(x, *expected.get_data())
        np.testing.assert_allclose(y, at_same, atol=1e-10)
    ones = ck.risk_coverage_curve(p, labels, sample_weight=torch.ones(300))
    plain = ck.risk_coverage_curve(p, labels)
    for found, expected in zip(ones.lines, plain.lines, strict=True):
        np.testing.assert_allclose(found.get_data(), expected.get_data(), atol=1e-12)
    assert ones.texts[0].get_text() == plain.texts[0].get_text()


def test_a_choice_weighs_the_samples():
    """Half of the samples have labels that are partly random, and their weight decides."""
    logits, labels = calibrated_problem(2000, 3, 1)
    noisy = labels.clone()
    noisy[:600] = torch.randint(0, 3, (600,), generator=torch.Generator().manual_seed(0))
    candidates = [ck.TemperatureScaler(), ck.UniformMixtureScaler()]
    weights = torch.ones(2000)
    weights[:600] = 1e-6
    plain = ck.best_scaler(logits, noisy, candidates, progress=False)
    weighted = ck.best_scaler(logits, noisy, candidates, sample_weight=weights, progress=False)
    assert type(plain).__name__ == "UniformMixtureScaler"
    assert type(weighted).__name__ == "TemperatureScaler"
    assert weighted.temperature == pytest.approx(1, abs=0.1)
