"""Compare calibration errors: ``python tests/benchmarks/calibration_error.py [--quick] [...]``.

How long each library takes for the ECE with 15 bins, of all samples at once and of batches of
128. ``--output FOLDER`` writes the tables as CSV files, too.
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


def compare(report: Report, name: str, title: str, metrics: dict[str, Metric], n: int) -> None:
    logits, labels = calibrated_problem(n, N_CLASSES, temperature=2)
    probabilities = logits.softmax(1)
    calls = {library: partial(metric, probabilities, labels) for library, metric in metrics.items()}
    seconds = in_turn(calls, budget=10)
    exact = ece_numpy(probabilities, labels)
    rows = [
        [
            library,
            f"{1000 * median(seconds[library]):.1f}",
            f"{paired_ratio(seconds[library], seconds['calibkit']):.2f}",
            f"{abs(call() - exact):.0e}",
        ]
        for library, call in calls.items()
    ]
    header = ["library", "ms", "time / calibkit's", "difference to numpy's"]
    report.table(f"{name}_{n}", f"{title}, {n} samples, {N_CLASSES} classes", header, rows)


def main() -> None:
    chosen = arguments(__doc__.partition(":")[0])
    tiny = torch.eye(N_CLASSES), torch.arange(N_CLASSES)
    names = installed({name: partial(metric, *tiny) for name, metric in WHOLE.items()})
    whole = {name: WHOLE[name] for name in names}
    report = Report(chosen.output)
    report.machine("ece_machine", ["torch", *names])
    for n in [1000] if chosen.quick else [10_000, 1_000_000]:
        compare(report, "ece", "ECE of all samples at once", whole, n)
    for n in [1000] if chosen.quick else [10_000, 100_000]:
        compare(report, "ece_batches", f"ECE of batches of {BATCH}", FED, n)


if __name__ == "__main__":
    main()
