"""Compare calibration errors: ``python tests/benchmarks/calibration_error.py [--quick] [...]``.

How long each library takes for the ECE with 15 bins, of all samples at once and of batches of
128; ``--output FILE`` writes the report as reStructuredText, too.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import torch
from timing import Report, arguments, calibrated_problem, in_turn, installed, paired_ratio
from torch import Tensor

import calibkit

torch.set_num_threads(1)

N_BINS = 15
N_CLASSES = 100
BATCH = 128

Metric = Callable[[Tensor, Tensor], float]


def ece_calibkit(probabilities: Tensor, labels: Tensor) -> float:
    return calibkit.calibration_error(probabilities, labels, n_bins=N_BINS)


def ece_numpy(probabilities: Tensor, labels: Tensor) -> float:
    """The least that can be done: no checks, and bins by a product."""
    p = probabilities.numpy()
    confidence = p.max(1).astype(np.float64)
    right = p.argmax(1) == labels.numpy()
    bins = np.minimum((confidence * N_BINS).astype(np.intp), N_BINS - 1)
    gaps = np.bincount(bins, right) - np.bincount(bins, confidence)
    return float(np.abs(gaps).sum()) / len(p)


def ece_torchmetrics(probabilities: Tensor, labels: Tensor) -> float:
    from torchmetrics.functional.classification import multiclass_calibration_error

    return multiclass_calibration_error(
        probabilities, labels, num_classes=N_CLASSES, n_bins=N_BINS
    ).item()


def ece_netcal(probabilities: Tensor, labels: Tensor) -> float:
    from netcal.metrics import ECE

    return float(ECE(N_BINS).measure(probabilities.numpy(), labels.numpy()))


def ece_uncertainty_calibration(probabilities: Tensor, labels: Tensor) -> float:
    from calibration import get_ece

    return float(get_ece(probabilities.numpy(), labels.numpy(), num_bins=N_BINS))


def ece_torch_uncertainty(probabilities: Tensor, labels: Tensor) -> float:
    from torch_uncertainty.metrics import CalibrationError

    metric = CalibrationError(task="multiclass", num_classes=N_CLASSES, num_bins=N_BINS)
    metric.update(probabilities, labels)
    return metric.compute().item()


def fed_calibkit(probabilities: Tensor, labels: Tensor) -> float:
    metric = calibkit.CalibrationError(num_classes=N_CLASSES, n_bins=N_BINS)
    for batch in zip(probabilities.split(BATCH), labels.split(BATCH), strict=True):
        metric.update(*batch)
    return float(metric.compute())


def fed_torchmetrics(probabilities: Tensor, labels: Tensor) -> float:
    from torchmetrics.classification import MulticlassCalibrationError

    metric = MulticlassCalibrationError(num_classes=N_CLASSES, n_bins=N_BINS)
    for batch in zip(probabilities.split(BATCH), labels.split(BATCH), strict=True):
        metric.update(*batch)
    return metric.compute().item()


WHOLE: dict[str, Metric] = {
    "calibkit": ece_calibkit,
    "numpy": ece_numpy,
    "torchmetrics": ece_torchmetrics,
    "netcal": ece_netcal,
    "uncertainty-calibration": ece_uncertainty_calibration,
    "torch-uncertainty": ece_torch_uncertainty,
}
FED: dict[str, Metric] = {"calibkit": fed_calibkit, "torchmetrics": fed_torchmetrics}


def compare(report: Report, title: str, metrics: dict[str, Metric], n: int) -> None:
    logits, labels = calibrated_problem(n, N_CLASSES, temperature=2)
    probabilities = logits.softmax(1)
    calls = {name: partial(metric, probabilities, labels) for name, metric in metrics.items()}
    seconds = in_turn(calls, budget=10)
    exact = ece_numpy(probabilities, labels)
    rows = [
        [
            name,
            f"{1000 * median(seconds[name]):.1f}",
            f"{paired_ratio(seconds[name], seconds['calibkit']):.2f}",
            f"{abs(call() - exact):.0e}",
        ]
        for name, call in calls.items()
    ]
    header = ["", "ms", "time / calibkit's", "difference to numpy's"]
    report.table(f"{title}, {n} samples, {N_CLASSES} classes", header, rows)


def main() -> None:
    chosen = arguments(__doc__.partition(":")[0])
    tiny = torch.eye(N_CLASSES), torch.arange(N_CLASSES)
    names = installed({name: partial(metric, *tiny) for name, metric in WHOLE.items()})
    report = Report()
    report.machine(["torch", *names])
    for title, metrics, sizes in (
        ("ECE of all samples at once", {name: WHOLE[name] for name in names}, (10_000, 1_000_000)),
        (f"ECE of batches of {BATCH}", FED, (10_000, 100_000)),
    ):
        for n in [1000] if chosen.quick else sizes:
            compare(report, title, metrics, n)
    if chosen.output:
        report.save(chosen.output)


if __name__ == "__main__":
    main()
