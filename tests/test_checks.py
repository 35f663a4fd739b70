"""Wrong arguments are refused in one sentence: what was expected, what was passed, what to do."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import calibkit as ck
from tests.helpers import calibrated_problem

LOGITS, LABELS = calibrated_problem(60, 3, 2)
P = LOGITS.softmax(1)
IMAGES, MASKS = LOGITS.view(2, 5, 6, 3).movedim(-1, 1), LABELS.view(2, 5, 6)
FITTED = ck.TemperatureScaler().fit_logits(LOGITS, LABELS)
NAN = P.clone()
NAN[4, 1] = float("nan")
OTHER_NAN = LOGITS.clone()
OTHER_NAN[7, 2] = float("-inf")
VECTOR = ck.VectorScaler().fit_logits(LOGITS, LABELS)
BATCHES = [(LOGITS, LABELS)]
NAN_IMAGES, IGNORED_MASKS = IMAGES.clone(), MASKS.clone()
NAN_IMAGES[0, :, 0, 0] = NAN_IMAGES[1, 0, 2, 3] = float("nan")
IGNORED_MASKS[0, 0, 0] = 255


def fit(scaler: ck.TemperatureScaler, logits: object, labels: object, **options: object):
    return lambda: scaler.fit_logits(logits, labels, **options)


TABLE: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    # fits
    "probabilities as logits": (
        fit(ck.TemperatureScaler(), P, LABELS),
        ValueError,
        r"logits look like probabilities: .* pass what the model gives before the softmax",
    ),
    "sigmoids as logits": (
        fit(ck.TemperatureScaler(), P[:, 0], LABELS.clamp(max=1)),
        ValueError,
        r"logits look like probabilities: .* before the sigmoid",
    ),
    "infinite logits": (
        fit(ck.VectorScaler(), OTHER_NAN, LABELS),
        ValueError,
        r"logits must be finite, got NaN or infinity in 1 of 60 rows, first in row 7; look",
    ),
    "a list of batches": (
        fit(ck.TemperatureScaler(), list(LOGITS.split(20)), LABELS),
        TypeError,
        r"logits must be a torch tensor .* got list; join the batches with torch.cat\(logits\)",
    ),
    "integer logits": (
        fit(ck.TemperatureScaler(), LOGITS.long(), LABELS),
        TypeError,
        r"logits must be floating point, got torch.int64; pass the model's logits",
    ),
    "too few labels": (
        fit(ck.TemperatureScaler(), LOGITS, LABELS[:50]),
        ValueError,
        r"labels must have one entry for every row of logits, got 50 labels for 60 rows; pass",
    ),
    "one-hot labels": (
        fit(ck.TemperatureScaler(), LOGITS, torch.eye(3)[LABELS].long()),
        ValueError,
        r"labels must have shape \(samples,\), got \(60, 3\); turn one-hot rows into indices",
    ),
    "float labels": (
        fit(ck.TemperatureScaler(), LOGITS, LABELS.float()),
        TypeError,
        r"labels must be integer class indices, got torch.float32; convert",
    ),
    "labels counted from 1": (
        fit(ck.TemperatureScaler(), LOGITS, LABELS + 1),
        ValueError,
        r"labels must lie between 0 and 2 for 3 classes, got 3 at position \d+; count .* from 0",
    ),
    "an unnamed ignore_index": (
        fit(ck.TemperatureScaler(), IMAGES, MASKS.masked_fill(MASKS == 1, 255)),
        ValueError,
        r"got 255 at position \(.*; count classes from 0, and pass .* as ignore_index",
    ),
    "nothing but ignored pixels": (
        fit(ck.TemperatureScaler(), IMAGES, torch.full_like(MASKS, 255), ignore_index=255),
        ValueError,
        r"labels must hold something to measure: all 60 are the ignore_index 255; pass",
    ),
    "an ignore_index that is no integer": (
        fit(ck.TemperatureScaler(), IMAGES, MASKS, ignore_index="void"),
        TypeError,
        r"ignore_index must be an integer or None, got 'void'; pass",
    ),
    "masks of another size": (
        fit(ck.TemperatureScaler(), IMAGES, MASKS[:, :4]),
        ValueError,
        r"labels must have shape \(2, 5, 6\) .* got \(2, 4, 6\); pass",
    ),
    "one class": (
        fit(ck.TemperatureScaler(), LOGITS, torch.ones_like(LABELS)),
        ValueError,
        r"labels hold one class only: all 60 are 1; calibrate on samples of all classes",
    ),
    "no sample": (
        fit(ck.TemperatureScaler(), LOGITS[:0], LABELS[:0]),
        ValueError,
        r"logits are empty: got shape \(0, 3\); pass one sample or more",
    ),
    "all right": (
        fit(ck.TemperatureScaler(), LOGITS, LOGITS.argmax(1)),
        ck.NoOptimumError,
        r"all 60 labels are the model's top class, .* T goes to 0; use a larger",
    ),
    "all wrong": (
        fit(ck.TemperatureScaler(), LOGITS, LOGITS.argmin(1)),
        ck.NoOptimumError,
        r"the logit of the label is on average no higher .* so check",
    ),
    "a class without a sample": (
        fit(ck.IsotonicScaler(), LOGITS, LABELS.clamp(max=1)),
        ValueError,
        r"labels must hold every class, got no sample of 1 of the 3 classes \(2\) among 60; use",
    ),
    "beta calibration of three classes": (
        fit(ck.BetaScaler(), LOGITS, LABELS),
        ValueError,
        r"BetaScaler is for binary models, got logits of 3 classes; use",
    ),
    "a negative penalty": (
        lambda: ck.MatrixScaler(off_diagonal=-1),
        ValueError,
        r"off_diagonal must be a number between 0 and inf, got -1; ",
    ),
    "no bins": (
        lambda: ck.HistogramScaler(0),
        ValueError,
        r"n_bins must be an integer of at least 1, got 0; 15 is usual",
    ),
    "a temperature of 0": (
        lambda: ck.TemperatureScaler(0),
        ValueError,
        r"a temperature must be a positive, finite number, got 0; ",
    ),
    "an unfitted scaler": (
        lambda: ck.VectorScaler()(LOGITS),
        RuntimeError,
        r"this VectorScaler is not fitted; call fit or fit_logits first",
    ),
    "a scaler fitted for other classes": (
        lambda: ck.VectorScaler().fit_logits(LOGITS, LABELS)(LOGITS[:, :2]),
        ValueError,
        r"logits must have 3 classes as in the fit, got \(60, 2\); fit",
    ),
    "the state of another scaler": (
        lambda: ck.VectorScaler().load_state_dict(FITTED.state_dict()),
        ValueError,
        r"the state of a VectorScaler holds \[.*\], got \[.*\]; load it into",
    ),
    # models and loaders
    "no model": (
        lambda: ck.TemperatureScaler().fit(LOGITS, BATCHES),
        TypeError,
        r"model must be a torch.nn.Module, got Tensor; if you have logits already",
    ),
    "an empty loader": (
        lambda: ck.TemperatureScaler().fit(nn.Identity(), []),
        ValueError,
        r"the loader gave no batch; pass a loader over one sample or more",
    ),
    "batches without labels": (
        lambda: ck.collect_logits(nn.Identity(), [LOGITS], progress=False),
        TypeError,
        r"the loader must give pairs of tensors \(inputs, labels\), got Tensor; wrap",
    ),
    "a model that flattens pixels": (
        lambda: ck.collect_logits(nn.Flatten(), [(IMAGES, MASKS)], progress=False),
        ValueError,
        r"the model must give logits .* got \(2, 90\) for \(2, 5, 6\); bring",
    ),
    "images of several sizes": (
        lambda: ck.collect_logits(
            nn.Identity(), [(IMAGES, MASKS), (IMAGES[:, :, 1:], MASKS[:, 1:])], progress=False
        ),
        ValueError,
        r"all batches must have the same shape .* got \(2, 3, 4, 6\) after \(2, 3, 5, 6\); bring",
    ),
    # metrics
    "logits as probabilities": (
        lambda: ck.calibration_error(LOGITS, LABELS),
        ValueError,
        r"probabilities must lie in \[0, 1\] .* if these are logits, pass logits.softmax",
    ),
    "rows that do not sum to 1": (
        lambda: ck.brier_score(P / 2, LABELS),
        ValueError,
        r"every row must sum to 1, .* row sums from 0.5 to 0.5",
    ),
    "probabilities that are NaN": (
        lambda: ck.smooth_calibration_error(NAN, LABELS),
        ValueError,
        r"probabilities must be finite, got NaN or infinity in 1 of 60 rows, first in row 4",
    ),
    "logits of an event": (
        lambda: ck.ks_calibration_error(P[:, 1].logit(), LABELS > 1),
        ValueError,
        r"probabilities must lie in \[0, 1\], got .* pass torch.sigmoid\(probabilities\)",
    ),
    "P(y = 1) of four classes": (
        lambda: ck.calibration_error(P, LABELS, of="positive"),
        ValueError,
        r'of="positive" needs two classes, got \d; pass of="top", or judge class k',
    ),
    "another thing to judge": (
        lambda: ck.noise_floor(P, of="bottom"),
        ValueError,
        r"of must be one of 'positive', 'top', got 'bottom'",
    ),
    "half a bin": (
        lambda: ck.classwise_calibration_error(P, LABELS, n_bins=2.5),
        TypeError,
        r"n_bins must be an integer of at least 1, got 2.5; 15 is usual",
    ),
    "an unknown norm": (
        lambda: ck.calibration_error(P, LABELS, norm="l3"),
        ValueError,
        r"norm must be one of 'l1', 'l2', 'max', got 'l3'",
    ),
    "unknown bins": (
        lambda: ck.CalibrationError(3, binning="mass"),
        ValueError,
        r"binning must be one of 'uniform', 'quantile', got 'mass'",
    ),
    "an ECE without bias": (
        lambda: ck.calibration_error(P, LABELS, debias=True),
        ValueError,
        r'debias is for norm "l2", got norm \'l1\'; pass norm="l2"',
    ),
    "an unknown score": (
        lambda: ck.score_decomposition(P, LABELS, score="ece"),
        ValueError,
        r"score must be one of 'nll', 'brier', got 'ece'",
    ),
    "a metric of one class": (
        lambda: ck.BrierScore(num_classes=1),
        ValueError,
        r"num_classes must be an integer of at least 2, got 1; a binary model has 2",
    ),
    "a metric of other classes": (
        lambda: ck.KSCalibrationError(num_classes=4).update(P, LABELS),
        ValueError,
        r"preds must have num_classes = 4 classes, got 3; make the metric for this model",
    ),
    "a metric before its samples": (
        lambda: ck.CalibrationError(3).compute(),
        RuntimeError,
        r"CalibrationError has seen no sample; call update before compute",
    ),
    # noise
    "no resamples": (
        lambda: ck.noise_floor(P, n_resamples=0),
        ValueError,
        r"n_resamples must be an integer of at least 40, got 0; fewer cannot show where",
    ),
    "logits without numbers": (
        fit(ck.TemperatureScaler(), LOGITS.to("meta"), LABELS),
        TypeError,
        r'logits must hold numbers, got a tensor on the device "meta"',
    ),
    "a seed that is no number": (
        lambda: ck.calibration_test(P, LABELS, seed=None),
        TypeError,
        r"seed must be an integer of at least 0, got None; ",
    ),
    "a name for a metric": (
        lambda: ck.bootstrap_interval("ece", P, LABELS),
        TypeError,
        r"metric must be a function of probabilities and labels, got 'ece'; pass",
    ),
    "a level of 95": (
        lambda: ck.bootstrap_interval(ck.accuracy, P, LABELS, level=95),
        ValueError,
        r"level must be a number between 0 and 1, got 95; 0.95 is usual",
    ),
    "pairs of other samples": (
        lambda: ck.paired_difference(ck.accuracy, P, P[:50], LABELS),
        ValueError,
        r"got 60 labels for 50 rows; pass the labels of exactly these samples",
    ),
    "pairs of other classes": (
        lambda: ck.paired_difference(ck.accuracy, P, LOGITS[:, :2].softmax(1), LABELS % 2),
        ValueError,
        r"before and after must have the same shape, got \(60, 3\) and \(60, 2\); pass",
    ),
    "an option that the metric does not have": (
        lambda: ck.bootstrap_interval(partial(ck.calibration_error, bins=30), P, LABELS),
        TypeError,
        r"calibration_error\(\) got an unexpected keyword argument 'bins'",
    ),
    "labels in a column": (
        lambda: ck.accuracy(P, LABELS[:, None]),
        ValueError,
        r"labels must have shape \(samples,\), got \(60, 1\); take the single column with",
    ),
    # reports and plots
    "a number for a scaler": (
        lambda: ck.evaluate(LOGITS, LABELS, scaler=1.5),
        TypeError,
        r"scaler must be a calibkit scaler, got float; pass",
    ),
    "an unfitted scaler in a report": (
        lambda: ck.check_shift(ck.TemperatureScaler(), LOGITS, LABELS),
        RuntimeError,
        r"this TemperatureScaler is not fitted; call fit or fit_logits first",
    ),
    "the calibration set as test set": (
        lambda: ck.evaluate(LOGITS, LABELS, scaler=FITTED),
        ValueError,
        r"holds samples that the scaler was fitted on: .* 60 of 60 .*; keep the two apart",
    ),
    "a model without a loader": (
        lambda: ck.evaluate(nn.Identity(), 5),
        TypeError,
        r"loader must give batches \(inputs, labels\), got int; pass",
    ),
    "no scalers": (
        lambda: ck.compare([], LOGITS, LABELS, n_calibration=10),
        TypeError,
        r"scalers must be a list of calibkit scalers, got \[\]; pass instances",
    ),
    "classes for scalers": (
        lambda: ck.compare([ck.TemperatureScaler], LOGITS, LABELS, n_calibration=10),
        TypeError,
        r"scalers must be a list of calibkit scalers, got .*; pass",
    ),
    "fractions of three classes as labels": (
        fit(ck.TemperatureScaler(), LOGITS, LABELS + 0.5),
        TypeError,
        r"labels must be integer class indices, .*; they are not whole numbers, so choose a class",
    ),
    "numbers of no class distribution as labels": (
        fit(ck.TemperatureScaler(), LOGITS, 7 * LABELS[:, None].repeat(1, 3)),
        ValueError,
        r"labels must have shape \(samples,\), got \(60, 3\); ",
    ),
    "a scaler of another number of classes": (
        lambda: ck.evaluate(LOGITS[:, :2], LABELS.clamp(max=1), scaler=VECTOR),
        ValueError,
        r"logits must have 3 classes as in the fit, got \(60, 2\)",
    ),
    "no size of a calibration set": (
        lambda: ck.compare([ck.TemperatureScaler()], LOGITS, LABELS, n_calibration=[]),
        ValueError,
        r"n_calibration must hold one size or more, got none; 1000 is usual",
    ),
    "NaN in a pixel that counts": (
        fit(ck.TemperatureScaler(), NAN_IMAGES, IGNORED_MASKS, ignore_index=255),
        ValueError,
        r"logits must be finite, got NaN or infinity in 1 of 59 rows, first in position \(1, 2",
    ),
    "no test set": (
        lambda: ck.compare([FITTED], LOGITS, LABELS, n_calibration=60, progress=False),
        ValueError,
        r"n_calibration must be less than the 60 samples, got 60; the test set needs samples too",
    ),
    "half a calibration set": (
        lambda: ck.compare([FITTED], LOGITS, LABELS, n_calibration=0.5),
        TypeError,
        r"n_calibration must be an integer of at least 2, got 0.5; 1000 is usual",
    ),
    "a comparison of pixels": (
        lambda: ck.compare([FITTED], IMAGES, MASKS, n_calibration=10),
        ValueError,
        r"logits must have shape \(samples, classes\), got \(2, 3, 5, 6\); draw some pixels",
    ),
    "a curve of an unknown metric": (
        lambda: ck.learning_curve(
            ck.compare([FITTED], LOGITS, LABELS, n_calibration=20, repeats=1, progress=False),
            metric="auc",
        ),
        ValueError,
        r"metric must be one of 'nll', 'ece', 'brier', 'accuracy', got 'auc'",
    ),
    "a histogram of logits": (
        lambda: ck.confidence_histogram(LOGITS, LABELS),
        ValueError,
        r"probabilities must lie in \[0, 1\]",
    ),
    "a temperature curve of probabilities": (
        lambda: ck.temperature_curve(P, LABELS),
        ValueError,
        r"logits look like probabilities",
    ),
    "a slider at no temperature": (
        lambda: ck.explore_temperature(LOGITS, LABELS, temperature=float("inf")),
        ValueError,
        r"a temperature must be a positive, finite number, got inf; ",
    ),
    "conformal sets by an unknown score": (
        lambda: ck.ConformalSets(score="raps"),
        ValueError,
        r"score must be one of 'lac', 'aps', got 'raps'",
    ),
    "risk and coverage of masked arrays": (
        lambda: ck.risk_coverage_curve(np.ma.array(P.numpy()), LABELS),
        TypeError,
        r"probabilities must not be masked; pass only the rows to use",
    ),
    "a split of nothing": (
        lambda: ck.split_calibration(torch.utils.data.TensorDataset(LABELS), 0),
        ValueError,
        r"n_calibration must be an integer of at least 1, got 0; 1000 is usual",
    ),
}


@pytest.mark.parametrize("case", TABLE)
@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
def test_is_refused_in_one_sentence(case):
    call, error, message = TABLE[case]
    with pytest.raises(error, match=message) as raised:
        call()
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 320


def test_there_are_forty():
    assert len(TABLE) >= 40


@pytest.mark.parametrize("value", ["x", 3, None, 0.0])
def test_a_flag_is_true_or_false(value):
    p, y = torch.tensor([[0.7, 0.3]]), torch.tensor([0])
    for name, call in {
        "randomized": lambda: ck.ConformalSets(0.9, "aps", randomized=value),
        "per_class": lambda: ck.ConformalSets(per_class=value),
        "debias": lambda: ck.calibration_error(p, y, norm="l2", debias=value),
    }.items():
        with pytest.raises(TypeError, match=f"{name} must be True or False, got"):
            call()
    sets = ck.ConformalSets(randomized=np.bool_(False))
    with pytest.raises(TypeError, match="per_class must be True or False"):
        sets.per_class = value
