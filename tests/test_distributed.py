"""Several processes with a part of the data each find what one process finds with all data."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from calibkit import (
    DirichletScaler,
    MatrixScaler,
    MultiLabelTemperatureScaler,
    TemperatureScaler,
    VectorScaler,
    brier_score,
    calibration_error,
    ks_calibration_error,
    score_decomposition,
    smooth_calibration_error,
)
from tests.helpers import calibrated_problem
from tests.scalers.test_multi_label import problem

ROOT = Path(__file__).resolve().parents[1]

PRELUDE = """
import json, os, sys
from pathlib import Path
import torch
from torch import distributed as dist
from torch.utils.data import DataLoader, TensorDataset
from calibkit import *
from calibkit import _scaled_nll as nll, _temperature_search as search
from calibkit.scalers import base
from tests.helpers import calibrated_problem
from tests.scalers.test_multi_label import problem

world, folder = int(sys.argv[1]), Path(sys.argv[2])
# The other processes are copies of the first, because the imports take longer than all else.
rank = next((rank for rank in range(1, world) if os.fork() == 0), 0)
sys.stdout = (folder / f"{rank}.json").open("w")
torch.set_num_threads(1)
rendezvous = f"file://{folder / 'rendezvous'}"
dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=world)
logits, labels = calibrated_problem(3000, 10, 2.5)
# The parts are unequal: of three processes one has no sample and one has a single sample.
cuts = {2: [0, 700, 3000], 3: [0, 0, 2999, 3000]}[world]
part = slice(cuts[rank], cuts[rank + 1])
WEIGHTS = 2 * torch.rand(3000, generator=torch.Generator().manual_seed(0)).double()
WEIGHTS[:cuts[1]] = 1
model = torch.nn.Identity()


def message(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
"""

TEMPERATURES = """
parts = {}
loader = DataLoader(TensorDataset(logits[part], labels[part]), batch_size=64)
scaler = TemperatureScaler().fit(model, loader, progress=False)
summary = scaler.summary
parts["temperatures"] = found = {
    "fit": [scaler.temperature, summary.n_samples, summary.nll_before, summary.nll_after,
            *summary.temperature_interval],
    "fit_logits": TemperatureScaler().fit_logits(logits[part], labels[part]).temperature,
    "leak": [message(lambda: evaluate(logits[samples], labels[samples], scaler=scaler,
                                      n_resamples=40))
             for samples in (slice(0, 90), slice(2000, 2600))],
}
biased = logits + 6 * torch.eye(10)[3]
for kind in (VectorScaler, MatrixScaler, DirichletScaler):
    for name, z in {"plain": logits, "biased": biased}.items():
        fitted = kind().fit_logits(z[part], labels[part])
        summary = fitted.summary
        found[f"{kind.__name__}, {name}"] = [
            summary.n_samples, summary.nll_before, summary.nll_after,
            *fitted.class_bias.tolist(), *fitted.weight.flatten().tolist(), *fitted.bias.tolist()]
# The first process has no weights, which stands for weights of 1.
weights = None if rank == 0 else WEIGHTS[part]
for kind in (TemperatureScaler, VectorScaler, MatrixScaler):
    fitted = kind().fit_logits(biased[part], labels[part], sample_weight=weights)
    found[f"{kind.__name__}, weighted"] = [
        fitted.summary.n_samples, fitted.summary.nll_before, fitted.summary.nll_after,
        *fitted(biased[:50]).log_softmax(1).flatten().tolist()]
"""

MULTI_LABEL = """
z, y = problem(3000)
found["multi-label"] = []
for per_label in (False, True):
    scaler = MultiLabelTemperatureScaler(per_label)
    scaler.fit(model, DataLoader(TensorDataset(z[part], y[part]), batch_size=64), progress=False)
    found["multi-label"].append([
        *scaler.temperatures.tolist(), scaler.summary.n_samples, scaler.summary.nll_after,
        *(scaler.summary.temperature_interval or [])])
found["multi-label leak"] = message(
    lambda: evaluate_multi_label(z[:90], y[:90], scaler=scaler, n_resamples=40))
few = 3 if rank == 0 else 4
found["multi-label refusals"] = [
    message(lambda: scaler.fit_logits(z[part, :few], y[part, :few])),
    scaler.temperatures.tolist()] if world == 2 else []
"""

REFUSALS = """
everything_here = [] if rank == 0 else [(logits, labels)]
found["empty loader"] = TemperatureScaler().fit(model, everything_here, progress=False).temperature
fit, right = TemperatureScaler().fit_logits, logits.argmax(1)
found["no optimum"] = message(lambda: fit(logits[part], right[part]))
found["smoothed"] = TemperatureScaler(smoothing=1).fit_logits(logits[part], right[part]).temperature
z, y = logits[part, 1] - logits[part, 0], (labels[part] > 4).long()
found["binary"] = [message(lambda: kind().fit_logits(z, y))
                   for kind in (LogisticScaler, QuadraticScaler)]
found["one class"] = message(lambda: fit(logits[part], torch.ones_like(labels[part])))
part_here = logits[part].softmax(1), labels[part]
if rank == 0:
    found["in one process"] = score_decomposition(*part_here).calibration
found["histogram"] = message(lambda: HistogramScaler().fit_logits(logits[part], labels[part]))
found["other options"] = [
    message(lambda: TemperatureScaler(
        smoothing=float(rank)).fit_logits(logits[part], labels[part])),
    message(lambda: (TemperatureScaler, VectorScaler)[rank > 0]().fit_logits(
        logits[part], labels[part]))]
found["other metrics"] = []
for metric in (BrierScore(10 + rank), CalibrationError(10, n_bins=15 + rank),
               ClasswiseCalibrationError(10, n_bins=15 + rank),
               CalibrationError(10, ignore_index=(None, -1)[rank]),
               (KSCalibrationError, SmoothCalibrationError)[rank](10)):
    metric.update(torch.eye(metric.num_classes)[:5], torch.arange(5))
    found["other metrics"].append(message(metric.compute))
found["missing class"] = message(
    lambda: VectorScaler().fit_logits(logits[part], labels[part].clamp(max=8)))
if rank == 0:
    logits[0, 0] = float("nan")
scaler = TemperatureScaler(1.25)
found["nan"] = message(lambda: scaler.fit_logits(logits[part], labels[part]))
found["kept"] = scaler.temperature
"""

AGREEMENT = """
parts["agreement"] = found = {}
logits, labels = calibrated_problem(3000, 10, 2.5)
dtype = [torch.float16, torch.float32][rank]
found["dtypes"] = TemperatureScaler().fit_logits(logits[part].to(dtype), labels[part]).temperature
# Above 2^23 elements the precision of the logits decides where the search ends.
large, targets = calibrated_problem(85_000, 100, 2.5)
here = slice(0, 0) if rank == 0 else slice(None)
for name, empty in {
    "empty": (large[here], targets[here]),
    "empty of another dtype": (large[here].half(), targets[here]),
    "empty of other classes": (torch.empty(0, 3), targets[here]),
    "empty without classes": (torch.empty(0, 0), targets[here]),
}.items():
    z, y = empty if rank == 0 else (large, targets)
    found[name] = TemperatureScaler().fit_logits(z, y).temperature
z, y = (large.float(), targets) if rank == 0 else (large[:1000], targets[:1000])
found["large and small"] = TemperatureScaler().fit_logits(z, y).temperature
kept = TemperatureScaler(1.25)
found["classes"] = message(lambda: kept.fit_logits(logits[part, : 10 - rank], labels[part] % 9))
found["no sample"] = message(lambda: kept.fit_logits(torch.empty(0, 3), labels[:0]))
fingerprints = base.fingerprints


def fails_in_one(rows):
    if rank == 0:
        raise MemoryError("no memory")
    return fingerprints(rows)


base.fingerprints = fails_in_one
found["late failure"] = message(lambda: kept.fit_logits(logits[part], labels[part]))
base.fingerprints = fingerprints
found["kept"] = [kept.temperature, kept.summary]
found["after that"] = kept.fit_logits(logits[part], labels[part]).temperature
kept = TemperatureScaler(1.25)
found["failures"] = []
for owner, name in ((nll.ScaledNLL, "starting_sums"), (nll.ScaledNLL, "derivatives"),
                    (nll, "_view_of_buffer"), (search, "_check_optimum_exists"),
                    (base, "agree_with_other_processes"), (base, "fingerprints")):
    for at in (1, 2):
        works, calls = getattr(owner, name), []

        def fails(*args, **kwargs):
            calls.append(name)
            if rank == 0 and len(calls) == at:
                raise MemoryError(f"no memory for {name}")
            return works(*args, **kwargs)

        setattr(owner, name, fails)
        failure = message(lambda: kept.fit_logits(logits[part], labels[part]))
        setattr(owner, name, works)
        found["failures"].append([name, at, failure, kept.temperature, kept.summary is None])
        if failure is None:
            kept = TemperatureScaler(1.25)
kept = TemperatureScaler(1.25)
found["interrupts"] = []
for interrupt, owner, name in ((KeyboardInterrupt, nll.ScaledNLL, "derivatives"),
                               (KeyboardInterrupt, base, "fingerprints"),
                               (SystemExit, base, "agree_with_other_processes")):
    works = getattr(owner, name)

    def interrupted(*args, **kwargs):
        if rank == 0:
            raise interrupt(f"at {name}")
        return works(*args, **kwargs)

    setattr(owner, name, interrupted)
    try:
        kept.fit_logits(logits[part], labels[part])
    except BaseException as error:
        found["interrupts"].append([f"{type(error).__name__}: {error}", kept.temperature])
    setattr(owner, name, works)
found["after interrupts"] = TemperatureScaler().fit_logits(logits[part], labels[part]).temperature
torch.set_default_dtype(torch.bfloat16)
scaler = TemperatureScaler().fit_logits(logits[part], labels[part])
found["counted"] = scaler.summary.n_samples
torch.set_default_dtype(torch.float32)
"""

REFUSED_BATCHES = """
parts["batches"] = found = {}
logits, labels = calibrated_problem(3000, 10, 2.5)
found["metrics"] = []
for metric in (CalibrationError(10, ignore_index=-1), KSCalibrationError(10, ignore_index=-1),
               ScoreDecomposition(10, ignore_index=-1)):
    metric.to(torch.bfloat16)
    for call in (metric, metric.update):
        if rank == 0:
            message(lambda: call(logits.softmax(1) * float("nan"), labels))
        if rank == 1:
            call(logits.softmax(1), torch.full_like(labels, -1))
    message(metric.compute)  # no process has seen a sample
    for i in range(part.start, part.stop, 100):
        batch = slice(i, min(i + 100, part.stop))
        metric(logits[batch].softmax(1), labels[batch])
        if rank == 1:
            message(lambda: metric(logits.softmax(1) * float("nan"), labels))
    value = metric.compute()
    found["metrics"].append((value["calibration"] if isinstance(value, dict) else value).item())
found["steps"] = []
for metric in (CalibrationError(10, dist_sync_on_step=True),
               KSCalibrationError(10, dist_sync_on_step=True)):
    for refuses in (None, 0, 1, None):
        batch = logits[rank::2].softmax(1)
        if rank == refuses:
            batch = batch * float("nan")
        before = int(metric.n)
        value = []
        refused = message(lambda: value.append(metric(batch, labels[rank::2]).item()))
        found["steps"].append([refused, value, int(metric.n) - before])
    found["steps"].append([None, [metric.compute().item()], int(metric.n)])
"""

METRICS = """
found["metrics"] = []
for metric in (CalibrationError(10), CalibrationError(10, binning="quantile"), BrierScore(10),
               KSCalibrationError(10), SmoothCalibrationError(10), ScoreDecomposition(10)):
    if part.stop > part.start:
        metric.update(logits[part].softmax(1), labels[part])
    value = metric.compute()
    found["metrics"].append((value["calibration"] if isinstance(value, dict) else value).item())
"""

# Only the first process calls fit, and it is interrupted there. The other one outlives its wait.
ALONE = """
import time
started, over = time.monotonic(), folder / "over"
if rank == 0:
    try:
        with base.fail_together():
            raise KeyboardInterrupt("alone")
    except KeyboardInterrupt as error:
        parts["alone"] = [str(error), time.monotonic() - started]
    print(json.dumps(parts), flush=True)
    over.touch()
else:
    while not over.exists() and time.monotonic() < started + 15:
        time.sleep(0.1)
    print("{}", flush=True)
os._exit(0)
"""

EPILOGUE = """
print(json.dumps(parts), flush=True)
dist.destroy_process_group()
if rank == 0:
    sys.exit(any(os.wait()[1] for _ in range(1, world)))
"""


def loopback_is_up() -> bool:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
    except OSError:
        return False
    return True


def run(folder: Path, code: str, n_processes: int) -> list[dict]:
    script = folder / "script.py"
    script.write_text(PRELUDE + code + EPILOGUE)
    first = subprocess.Popen(
        [sys.executable, str(script), str(n_processes), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, errors = first.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        os.killpg(first.pid, signal.SIGKILL)  # also the copies of the first process
        raise
    assert first.returncode == 0, errors
    texts = [(folder / f"{rank}.json").read_text() for rank in range(n_processes)]
    return [json.loads(text.splitlines()[-1]) for text in texts]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Callable[[int], list[dict]]:
    """What a number of processes found. They are started once, because that takes longest."""
    if not loopback_is_up():
        pytest.skip("the loopback interface is down")
    code = {2: REFUSALS + AGREEMENT + REFUSED_BATCHES, 3: METRICS}

    @cache
    def outputs_of(n_processes: int) -> list[dict]:
        folder = tmp_path_factory.mktemp("processes")
        return run(folder, TEMPERATURES + MULTI_LABEL + code[n_processes], n_processes)

    return outputs_of


def test_an_interrupted_process_does_not_wait_long_for_the_others(tmp_path):
    if not loopback_is_up():
        pytest.skip("the loopback interface is down")
    message, seconds = run(tmp_path, "parts = {}\n" + ALONE, 2)[0]["alone"]
    assert message == "alone"
    assert seconds < 10


@pytest.fixture
def found(request, outputs) -> list[dict]:
    return [parts["temperatures"] for parts in outputs(request.param)]


two = pytest.mark.parametrize("found", [2], indirect=True)
three = pytest.mark.parametrize("found", [3], indirect=True)
two_and_three = pytest.mark.parametrize("found", [2, 3], indirect=True)


@two_and_three
def test_all_processes_find_the_temperature_of_one(found):
    expected = TemperatureScaler().fit_logits(*calibrated_problem(3000, 10, 2.5))
    summary = expected.summary
    numbers = [3000, summary.nll_before, summary.nll_after, *summary.temperature_interval]
    for of_process in found:
        assert of_process["fit"] == found[0]["fit"]
        assert of_process["fit"] == pytest.approx([expected.temperature, *numbers], rel=1e-9)
        assert of_process["fit_logits"] == pytest.approx(expected.temperature, rel=1e-9)


@two_and_three
def test_all_processes_find_the_temperatures_of_all_labels(found):
    logits, labels = problem(3000)
    for i, per_label in enumerate((False, True)):
        expected = MultiLabelTemperatureScaler(per_label).fit_logits(logits, labels)
        summary = expected.summary
        numbers = [*expected.temperatures.tolist(), 12_000, summary.nll_after]
        numbers += summary.temperature_interval or []
        for of_process in found:
            assert of_process["multi-label"] == found[0]["multi-label"]
            assert of_process["multi-label"][i] == pytest.approx(numbers, rel=1e-9)
    for of_process in found:
        assert "of 3000 calibration samples are among" in of_process["multi-label leak"]


@two
def test_processes_with_different_labels_are_refused(found):
    for of_process in found:
        refusal, temperatures = of_process["multi-label refusals"]
        assert "got [3, 4] labels in different processes" in refusal
        assert temperatures == of_process["multi-label"][1][:4]


@two_and_three
def test_every_process_knows_the_calibration_samples_of_the_others(found):
    for of_process in found:
        for refusal in of_process["leak"]:
            assert "of 3000 calibration samples are among" in refusal


@two
def test_an_empty_loader_is_a_part_too(found):
    expected = TemperatureScaler().fit_logits(*calibrated_problem(3000, 10, 2.5)).temperature
    for of_process in found:
        assert of_process["empty loader"] == pytest.approx(expected, rel=1e-9)


@two
def test_what_is_wrong_with_the_whole_is_refused_by_all(found):
    for of_process in found:
        assert "all 3000 labels are the model's top class" in of_process["no optimum"]
        assert "labels hold one class only: all 3000 are 1" in of_process["one class"]


@two
def test_random_labels_are_counted_once_over_all_processes(found):
    logits, _ = calibrated_problem(3000, 10, 2.5)
    expected = TemperatureScaler(smoothing=1).fit_logits(logits, logits.argmax(1)).temperature
    for of_process in found:
        assert of_process["smoothed"] == pytest.approx(expected, rel=1e-9)


@two
def test_binary_regressions_say_that_they_fit_in_one_process(found):
    for of_process in found:
        for refusal in of_process["binary"]:
            assert "is fitted in one process, got 2 under torch.distributed" in refusal


@two
def test_no_process_waits_for_one_that_refused_its_part(found):
    first, second = found
    assert first["nan"].startswith("ValueError: logits must be finite")
    assert second["nan"].startswith("RuntimeError: the fit was given up because 1 of 2 processes")
    assert first["kept"] == second["kept"] == 1.25


@two
def test_a_function_that_one_process_calls_measures_its_part_and_waits_for_no_other(found):
    logits, labels = calibrated_problem(3000, 10, 2.5)
    expected = score_decomposition(logits[:700].softmax(1), labels[:700]).calibration
    assert found[0]["in one process"] == pytest.approx(expected, rel=1e-9)


@cache
def fitted_in_one_process(kind, bias):
    logits, labels = calibrated_problem(3000, 10, 2.5)
    biased = logits + 6 * torch.eye(10)[3]
    return kind().fit_logits({"plain": logits, "biased": biased}[bias], labels)


@two_and_three
@pytest.mark.parametrize("kind", [VectorScaler, MatrixScaler, DirichletScaler])
@pytest.mark.parametrize("bias", ["plain", "biased"])
def test_all_processes_find_the_weights_of_one(found, kind, bias):
    expected = fitted_in_one_process(kind, bias)
    assert bool(expected.class_bias.any()) == (bias == "biased")
    summary = expected.summary
    numbers = [3000, summary.nll_before, summary.nll_after, *expected.class_bias.tolist()]
    numbers += [*expected.weight.flatten().tolist(), *expected.bias.tolist()]
    for of_process in found:
        values = of_process[f"{kind.__name__}, {bias}"]
        assert values == found[0][f"{kind.__name__}, {bias}"]
        assert values == pytest.approx(numbers, rel=1e-6, abs=1e-7)


@two_and_three
@pytest.mark.parametrize("kind", [TemperatureScaler, VectorScaler, MatrixScaler])
def test_weights_are_summed_over_processes(found, kind):
    logits, labels = calibrated_problem(3000, 10, 2.5)
    logits = logits + 6 * torch.eye(10)[3]
    weights = 2 * torch.rand(3000, generator=torch.Generator().manual_seed(0)).double()
    weights[: {2: 700, 3: 0}[len(found)]] = 1
    fitted = kind().fit_logits(logits, labels, sample_weight=weights)
    summary = fitted.summary
    calibrated = fitted(logits[:50]).log_softmax(1).flatten().tolist()
    expected = [summary.n_samples, summary.nll_before, summary.nll_after, *calibrated]
    for of_process in found:
        assert of_process[f"{kind.__name__}, weighted"] == pytest.approx(expected, abs=1e-6)


@two
def test_some_scalers_say_that_they_fit_in_one_process(found):
    for of_process in found:
        assert "got 2 under torch.distributed; gather the logits" in of_process["histogram"]


@two
def test_a_class_that_no_process_has_is_refused_by_all(found):
    for of_process in found:
        assert "no sample of 1 of the 10 classes (9) among 3000" in of_process["missing class"]


@two
def test_other_options_in_other_processes_are_refused_by_all(found):
    for of_process in found:
        for said in of_process["other options"]:
            assert (
                "fit the same scaler with the same options, got TemperatureScaler(sm" in said
                or ("fit the same scaler with the same options, got VectorScaler(" in said)
            )
        for said in of_process["other metrics"]:
            assert "make a metric with the same options, got different ones" in said


@three
def test_metrics_are_summed_over_processes(found):
    logits, labels = calibrated_problem(3000, 10, 2.5)
    probabilities = logits.softmax(1)
    expected = [
        calibration_error(probabilities, labels),
        calibration_error(probabilities, labels, binning="quantile"),
        brier_score(probabilities, labels),
        ks_calibration_error(probabilities, labels),
        smooth_calibration_error(probabilities, labels),
        score_decomposition(probabilities, labels).calibration,
    ]
    for of_process in found:
        assert of_process["metrics"] == pytest.approx(expected, rel=1e-9)


@pytest.fixture
def agreement(outputs) -> list[dict]:
    return [parts["agreement"] for parts in outputs(2)]


def test_processes_agree_on_the_precision(agreement):
    logits, labels = calibrated_problem(3000, 10, 2.5)
    joined = torch.cat([logits[:700].half().float(), logits[700:].float()])
    expected = TemperatureScaler().fit_logits(joined, labels).temperature
    assert [found["dtypes"] for found in agreement] == pytest.approx([expected] * 2, rel=1e-9)
    assert agreement[0]["dtypes"] == agreement[1]["dtypes"]


def test_an_empty_part_of_any_kind_agrees_with_the_others(agreement):
    expected = TemperatureScaler().fit_logits(*calibrated_problem(85_000, 100, 2.5)).temperature
    for found in agreement:
        for name in ("empty", "empty of another dtype", "empty of other classes"):
            assert found[name] == pytest.approx(expected, rel=1e-9)
        assert found["empty without classes"] == found["empty"]
        assert found["large and small"] == agreement[0]["large and small"]


def test_other_numbers_of_classes_are_refused_by_all(agreement):
    for found in agreement:
        assert found["classes"].startswith("ValueError: all processes must pass logits of the same")
        assert "got [9, 10] classes" in found["classes"]
        assert found["no sample"].startswith("ValueError: the calibration set holds no sample in")


def test_a_failure_after_the_search_leaves_the_scalers_of_all_as_they_were(agreement):
    first, second = agreement
    assert first["late failure"] == "MemoryError: no memory"
    assert second["late failure"].startswith("RuntimeError: the fit was given up because 1 of 2")
    expected = TemperatureScaler().fit_logits(*calibrated_problem(3000, 10, 2.5)).temperature
    for found in agreement:
        assert found["kept"] == [1.25, None]
        assert found["after that"] == pytest.approx(expected, rel=1e-9)
        assert found["counted"] == 3000


def test_an_interrupt_in_one_process_is_a_failure_of_all(agreement):
    first, second = agreement
    assert [message for message, _ in first["interrupts"]] == [
        "KeyboardInterrupt: at derivatives",
        "KeyboardInterrupt: at fingerprints",
        "SystemExit: at agree_with_other_processes",
    ]
    for message, temperature in second["interrupts"]:
        assert message.startswith("RuntimeError: the fit was given up because 1 of 2 processes")
        assert temperature == 1.25
    expected = TemperatureScaler().fit_logits(*calibrated_problem(3000, 10, 2.5)).temperature
    for found in agreement:
        assert [temperature for _, temperature in found["interrupts"]] == [1.25] * 3
        assert found["after interrupts"] == pytest.approx(expected, rel=1e-9)


def test_a_failure_at_any_point_of_one_process_is_a_failure_of_all(agreement):
    for first, second in zip(*(found["failures"] for found in agreement), strict=True):
        name, at, message, *kept = first
        if message is None:  # This function was called only once.
            assert (second[2], at) == (None, 2)
            continue
        assert message == f"MemoryError: no memory for {name}"
        assert second[2].startswith("RuntimeError: the fit was given up because 1 of 2 processes")
        assert kept == second[3:] == [1.25, True]
    assert sum(failure[2] is not None for failure in agreement[0]["failures"]) >= 8


def test_refused_and_empty_batches_do_not_stop_synchronisation(outputs):
    logits, labels = calibrated_problem(3000, 10, 2.5)
    probabilities = logits.softmax(1)
    expected = [
        calibration_error(probabilities, labels),
        ks_calibration_error(probabilities, labels),
        score_decomposition(probabilities, labels).calibration,
    ]
    for parts in outputs(2):
        assert parts["batches"]["metrics"] == pytest.approx(expected, rel=1e-9)


def test_a_refused_batch_does_not_stop_a_synchronisation_on_every_step(outputs):
    logits, labels = calibrated_problem(3000, 10, 2.5)
    probabilities = logits.softmax(1)
    found = [parts["batches"]["steps"] for parts in outputs(2)]
    for i, function in enumerate([calibration_error, ks_calibration_error]):
        first, second = (steps[5 * i : 5 * i + 5] for steps in found)
        whole = function(probabilities, labels)
        halves = [function(probabilities[k::2], labels[k::2]) for k in (0, 1)]
        values = [whole, halves[1], halves[0], whole]
        for step, (value, refuses) in enumerate(zip(values, (None, 0, 1, None), strict=True)):
            for rank, steps in enumerate((first, second)):
                message, returned, n_added = steps[step]
                if rank == refuses:
                    assert message.startswith("ValueError: probabilities must be finite")
                    assert (returned, n_added) == ([], 0)
                else:
                    assert (message, n_added) == (None, 1500)
                    assert returned == pytest.approx([value], rel=1e-9)
        assert [steps[4][2] for steps in (first, second)] == [4500, 4500]
        assert first[4] == second[4]
