"""The torchmetrics classes: they give what the functions give, batch by batch."""

import copy
import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection

import calibkit
from calibkit import (
    AreaUnderRiskCoverageCurve,
    BrierScore,
    CalibrationError,
    ClasswiseCalibrationError,
    KSCalibrationError,
    NegativeLogLikelihood,
    ScoreDecomposition,
    SmoothCalibrationError,
)
from tests.helpers import Failure, calibrated_problem
from tests.metrics.references import (
    draw,
)

CLASSES = [
    (CalibrationError, calibkit.calibration_error, {}),
    (CalibrationError, calibkit.calibration_error, {"n_bins": 7, "norm": "max"}),
    (CalibrationError, calibkit.calibration_error, {"norm": "l2", "debias": True}),
    (CalibrationError, calibkit.calibration_error, {"binning": "quantile"}),
    (ClasswiseCalibrationError, calibkit.classwise_calibration_error, {"n_bins": 10}),
    (SmoothCalibrationError, calibkit.smooth_calibration_error, {}),
    (KSCalibrationError, calibkit.ks_calibration_error, {}),
    (AreaUnderRiskCoverageCurve, calibkit.area_under_risk_coverage_curve, {}),
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
        assert sizes[0] == sizes[1] <= 32_771


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


def states(metric) -> dict[str, object]:
    return {
        name: [part.tolist() for part in state] if isinstance(state, list) else state.tolist()
        for name, state in copy.deepcopy(metric).metric_state.items()
    }


MOVES = {
    "to(bfloat16)": lambda m: m.to(torch.bfloat16),
    "to(float16)": lambda m: m.to("cpu", torch.float16),
    "half": lambda m: m.half(),
    "bfloat16": lambda m: m.bfloat16(),
    "float": lambda m: m.float(),
    "ModuleList": lambda m: torch.nn.ModuleList([m]).to(torch.bfloat16)[0],
    "ModuleDict in half": lambda m: torch.nn.ModuleDict({"a": m}).half()["a"],
    "a parent of float32": lambda m: torch.nn.Sequential(torch.nn.Linear(2, 2), m).to(
        dtype=torch.float32
    )[1],
    "a collection": lambda m: MetricCollection({"a": m}).to(torch.bfloat16)["a"],
    "type": lambda m: torch.nn.ModuleList([m]).type(torch.bfloat16)[0],
    "deepcopy": lambda m: copy.deepcopy(m.to(torch.bfloat16)),
    "pickle": lambda m: pickle.loads(pickle.dumps(m.to(torch.bfloat16))),
    "reset": lambda m: m.to(torch.bfloat16).reset() or m,
}


@all_classes
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
@pytest.mark.parametrize("when", ["before", "between"])
def test_states_keep_their_precision_in_a_module_of_another(metric, function, options, move, when):
    if move is MOVES["reset"] and when == "between":
        pytest.skip("a reset forgets the first batch")
    probabilities, labels = draw(301, 5, 0)
    expected = number(function(probabilities, labels, **options))
    found = metric(num_classes=5, **options)
    if when == "before":
        found = move(found)
    found.update(probabilities[:200], labels[:200])
    if when == "between":
        found = move(found)
    found(probabilities[200:], labels[200:])
    found = move(found) if when == "between" else found
    assert number(found.compute()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_thirty_thousand_samples_in_a_module_of_another_precision(move):
    """Counts in bfloat16 would stop at 256, and sums in float32 would round."""
    p = torch.tensor([[0.7, 0.3]], dtype=torch.float64).repeat(30_000, 1)
    y = (torch.arange(30_000) % 10 >= 6).long()
    for kind, value in (
        (BrierScore, 0.6 * 2 * 0.09 + 0.4 * 2 * 0.49),
        (NegativeLogLikelihood, -0.6 * np.log(0.7) - 0.4 * np.log(0.3)),
        (CalibrationError, 0.1),
    ):
        metric = move(kind(2))
        for probabilities, labels in zip(p.split(1000), y.split(1000), strict=True):
            metric.update(probabilities, labels)
        assert metric.n == 30_000
        assert metric.compute().item() == pytest.approx(value, rel=1e-12)


@all_classes
def test_a_value_that_is_kept_is_not_rounded(metric, function, options):
    found = metric(num_classes=5, **options)
    found.update(*draw(200, 5, 0))
    value = number(found.compute())
    assert number(found.to(torch.bfloat16).compute()) == value


@all_classes
def test_states_made_under_another_default_dtype(metric, function, options):
    """Lightning's "bf16-true" makes a module and runs it while the default is bfloat16."""
    probabilities, labels = draw(300, 5, 0)
    expected = number(function(probabilities, labels, **options))
    torch.set_default_dtype(torch.bfloat16)
    try:
        found = metric(num_classes=5, **options)
        found.update(probabilities[:200], labels[:200])
        found(probabilities[200:], labels[200:])
        assert number(found.compute()) == pytest.approx(expected, abs=1e-12)
        assert number(function(probabilities, labels, **options)) == expected
    finally:
        torch.set_default_dtype(torch.float32)


REFUSED = {
    "NaN": lambda p, y: (p * float("nan"), y),
    "other classes": lambda p, y: (torch.cat([p, 0 * p], 1), y),
    "labels outside": lambda p, y: (p, y + 5),
    "too few labels": lambda p, y: (p, y[1:]),
    "logits": lambda p, y: (10 * p, y),
}


@all_classes
@pytest.mark.parametrize("spoil", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("call", ["update", "forward"])
@pytest.mark.parametrize("sync_on_step", [False, True])
def test_a_refused_batch_changes_no_state(metric, function, options, spoil, call, sync_on_step):
    probabilities, labels = draw(100, 5, 0)
    found = metric(num_classes=5, dist_sync_on_step=sync_on_step, **options)
    found(probabilities, labels)
    before, value = states(found), number(found.compute())
    with pytest.raises(ValueError, match=r"\w"):
        getattr(found, call)(*spoil(probabilities, labels))
    assert states(found) == before
    assert found._to_sync
    assert found._should_unsync
    assert number(found.compute()) == value
    found.update(probabilities, labels)
    assert number(found.compute()) == pytest.approx(
        number(function(torch.cat([probabilities] * 2), torch.cat([labels] * 2), **options)),
        abs=1e-12,
    )


@all_classes
@pytest.mark.parametrize("sync_on_step", [False, True])
def test_a_batch_that_holds_nothing_is_worth_nan_and_changes_no_state(
    metric, function, options, sync_on_step
):
    probabilities, labels = draw(100, 5, 0)
    found = metric(num_classes=5, ignore_index=-100, dist_sync_on_step=sync_on_step, **options)
    found(probabilities, labels)
    before, value = states(found), number(found.compute())
    for batch in (
        (probabilities, torch.full((100,), -100)),
        (probabilities[:0], labels[:0]),
    ):
        assert np.isnan(number(found(*batch)))
        assert states(found) == before
        assert found._to_sync
        assert number(found.compute()) == value
    empty = metric(num_classes=5, ignore_index=-100, **options)
    empty(probabilities, torch.full((100,), -100))
    with pytest.raises(RuntimeError, match="has seen no sample"):
        empty.compute()


def test_a_collection_goes_on_after_a_refused_batch():
    probabilities, labels = draw(100, 5, 0)
    collection = MetricCollection([CalibrationError(5), BrierScore(5), KSCalibrationError(5)])
    collection(probabilities, labels)
    before = {name: value.item() for name, value in collection.compute().items()}
    with pytest.raises(ValueError, match="probabilities"):
        collection(probabilities * float("nan"), labels)
    assert {name: value.item() for name, value in collection.compute().items()} == before


def test_a_label_of_probability_0_leaves_a_decomposition_as_it_was():
    metric = ScoreDecomposition(2)
    metric(torch.tensor([[0.9, 0.1]]).repeat(4, 1), torch.tensor([0, 0, 0, 1]))
    before = number(metric.compute())
    for call in (metric, metric.update):
        with pytest.raises(ValueError, match="probabilities must be above 0"):
            call(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([0, 1]))
        assert number(metric.compute()) == before


@all_classes
def test_a_stream_may_reuse_its_buffers(metric, function, options):
    probabilities, labels = draw(120, 5, 0)
    found = metric(num_classes=5, **options)
    p, y = torch.empty_like(probabilities[:40]), torch.empty_like(labels[:40])
    for i in range(0, 120, 40):
        found.update(p.copy_(probabilities[i : i + 40]), y.copy_(labels[i : i + 40]))
    expected = number(function(probabilities, labels, **options))
    assert number(found.compute()) == pytest.approx(expected, abs=1e-12)


@all_classes
def test_compute_that_fails_while_states_are_gathered_gives_them_back(metric, function, options):
    """Two equal processes are made up: every state is gathered twice."""
    probabilities, labels = draw(50, 5, 0)
    found = metric(
        num_classes=5,
        distributed_available_fn=lambda: True,
        dist_sync_fn=lambda state, group=None: [state, state],
        **options,
    )
    found.update(probabilities[:0], labels[:0])
    for _ in range(2):
        with pytest.raises(RuntimeError, match="has seen no sample"):
            found.compute()
    for batch in ((probabilities, labels), (probabilities[:0], labels[:0])):
        found(*batch)
    twice = number(function(torch.cat([probabilities] * 2), torch.cat([labels] * 2), **options))
    assert number(found.compute()) == pytest.approx(twice, abs=1e-12)
    assert found.n == 50


def test_gathering_that_fails_in_the_middle_gives_the_states_back():
    calls = []

    def gather(state, group=None):
        calls.append(state)
        if len(calls) == 2:
            raise ConnectionError
        return [state, state]

    metric = BrierScore(5, distributed_available_fn=lambda: True, dist_sync_fn=gather)
    metric.update(*draw(50, 5, 0))
    with pytest.raises(ConnectionError):
        metric.compute()
    assert metric.n == 50
    assert metric.compute().item() == pytest.approx(calibkit.brier_score(*draw(50, 5, 0)))


def test_metrics_loaded_from_one_state_share_no_memory():
    probabilities, labels = draw(50, 5, 0)
    saved = CalibrationError(5)
    saved.persistent(True)
    saved.update(probabilities, labels)
    state = {name: value.clone() for name, value in saved.state_dict().items()}
    first, second = CalibrationError(5), CalibrationError(5)
    for metric in (first, second):
        metric.persistent(True)
        metric.load_state_dict(state)
    first.update(probabilities, labels)
    assert (first.n, second.n, state["n"]) == (100, 50, 50)
    assert second.compute() == saved.compute()


@pytest.mark.parametrize("score", ["nll", "brier"])
@pytest.mark.parametrize("sync_on_step", [False, True])
def test_a_batch_of_one_class_has_a_score_but_no_decomposition(score, sync_on_step):
    logits, labels = calibrated_problem(300, 5, 2)
    probabilities = logits.softmax(1)
    metric = ScoreDecomposition(5, score, dist_sync_on_step=sync_on_step)
    for k in range(5):
        of_class = labels == k
        value = metric(probabilities[of_class], labels[of_class])
        function = calibkit.brier_score if score == "brier" else calibkit.negative_log_likelihood
        expected = function(probabilities[of_class], labels[of_class])
        assert value["score"].item() == pytest.approx(expected, abs=1e-12)
        assert value["calibration"].isnan()
        assert value["refinement"].isnan()
    order = torch.cat([(labels == k).nonzero()[:, 0] for k in range(5)])
    expected = calibkit.score_decomposition(probabilities[order], labels[order], score=score)
    assert [value.item() for value in metric.compute().values()] == pytest.approx(list(expected))
    assert metric.n == 300
    metric.reset()
    metric.update(probabilities[labels == 0], labels[labels == 0])
    with pytest.raises(ValueError, match="labels hold one class only"):
        metric.compute()


def test_a_batch_with_a_masked_class_has_a_decomposition():
    logits, labels = calibrated_problem(300, 5, 2)
    probabilities = logits.softmax(1)
    probabilities[:150, 4] = 0
    probabilities = probabilities / probabilities.sum(1, keepdim=True)
    labels[:150] = labels[:150] % 4
    metric = ScoreDecomposition(5)
    for batch in (slice(0, 150), slice(150, 300)):
        found = metric(probabilities[batch], labels[batch])
        expected = calibkit.score_decomposition(probabilities[batch], labels[batch])
        assert [value.item() for value in found.values()] == pytest.approx(list(expected))
    expected = calibkit.score_decomposition(probabilities, labels)
    assert [value.item() for value in metric.compute().values()] == pytest.approx(list(expected))


@pytest.mark.parametrize("no_labels", [[], (), np.empty(0), torch.empty(0)])
def test_an_empty_list_is_an_empty_batch(no_labels):
    for metric in (CalibrationError(2), ScoreDecomposition(2), BrierScore(2)):
        metric.update(torch.empty(0, 2), no_labels)
        metric.update([], no_labels)
        assert metric.n == 0
    with pytest.raises(ValueError, match="probabilities are empty"):
        calibkit.calibration_error([], no_labels)


def test_an_option_of_a_metric_cannot_change():
    metrics = [
        calibkit.CalibrationError(3),
        calibkit.CalibrationError(3, binning="quantile"),
        calibkit.ClasswiseCalibrationError(3),
        calibkit.BrierScore(3),
        calibkit.KSCalibrationError(3),
        calibkit.ScoreDecomposition(3),
    ]
    for metric in metrics:
        names = {"num_classes", "input", "ignore_index", "of", "binning", "metric"}
        for name in names & set(vars(metric)):
            before = getattr(metric, name)
            for wrong in ("x", 1, None):
                with pytest.raises(AttributeError, match=rf"{name} cannot change, .* make another"):
                    setattr(metric, name, wrong)
            assert getattr(metric, name) is before
        assert copy.deepcopy(metric).num_classes == 3
        assert pickle.loads(pickle.dumps(metric)).num_classes == 3


@pytest.mark.parametrize(
    "make",
    [
        partial(calibkit.CalibrationError, 3),
        partial(calibkit.CalibrationError, 3, binning="quantile"),
        partial(calibkit.ClasswiseCalibrationError, 3),
        partial(calibkit.ScoreDecomposition, 3),
        partial(calibkit.KSCalibrationError, 3),
        partial(calibkit.BrierScore, 3),
        partial(calibkit.SmoothCalibrationError, 3),
        partial(calibkit.AreaUnderRiskCoverageCurve, 3),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_batch_that_fails_at_any_point_changes_no_state(make, weighted):
    logits, labels = calibrated_problem(60, 3, 2)
    batch = (
        (logits.softmax(1), labels, torch.ones(60) * 2) if weighted else (logits.softmax(1), labels)
    )
    metric, other = make(), make()
    metric.update(*batch)
    other.update(*batch)  # A first batch makes more calls.
    with Failure(math.inf, MemoryError) as counter:
        other.update(*batch)
    states = copy.deepcopy(metric.metric_state)
    # The last call is torchmetrics', which goes back to the mode of gradients.
    for at in range(1, counter.n_calls):
        error = KeyboardInterrupt if at % 2 else MemoryError
        with Failure(at, error), pytest.raises(error, match="injected"):
            metric.update(*batch)
        for name, before in states.items():
            now = getattr(metric, name)
            for old, new in zip(*map(as_list, (before, now)), strict=True):
                assert torch.equal(old, new), (at, name)


def as_list(state: torch.Tensor | list[torch.Tensor]) -> list[torch.Tensor]:
    return state if isinstance(state, list) else [state]
