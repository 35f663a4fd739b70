"""Time the linear scalers beside probmetrics: ``python tests/benchmarks/linear.py [--output ...]``.

Vector scaling takes turns with structured vector scaling (SVS), and matrix scaling with structured
matrix scaling (SMS), both with their default settings and one thread. The table has ratios of the
least processor times.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["OMP_NUM_THREADS"] = "1"

from functools import partial

import torch
from cost import least_ratio
from timing import Report, arguments, calibrated_problem
from torch import Tensor

from calibkit import MatrixScaler, VectorScaler

SIZES = [(100, 2), (300, 3), (1000, 10), (10_000, 10), (1000, 100), (5000, 100)]


def fit_ours(kind: type, logits: Tensor, labels: Tensor) -> None:
    kind().fit_logits(logits, labels)


def fit_theirs(kind: type, logits: Tensor, labels: Tensor) -> None:
    kind().fit(logits.softmax(1).numpy(), labels.numpy())


def main() -> None:
    # The tests import every benchmark, and they run without the peers.
    from probmetrics.calibrators import SMSCalibrator, SVSCalibrator

    torch.set_num_threads(1)
    chosen = arguments(__doc__.partition(":")[0])
    report = Report(chosen.output)
    report.machine("linear_machine", ["torch", "probmetrics"])
    rows = []
    for n, n_classes in SIZES:
        logits, labels = calibrated_problem(n, n_classes, temperature=2)
        labels[:n_classes] = torch.arange(n_classes)
        ratios = [
            least_ratio(
                partial(fit_ours, ours, logits, labels),
                partial(fit_theirs, theirs, logits, labels),
                3 if chosen.quick else 15,
            )
            for ours, theirs in ((VectorScaler, SVSCalibrator), (MatrixScaler, SMSCalibrator))
        ]
        rows.append([str(n), str(n_classes), *(f"{ratio:.2f}" for ratio in ratios)])
    header = ["n", "C", "vector scaling / SVS", "matrix scaling / SMS"]
    report.table("linear_fits", "Time of a fit, in that of probmetrics", header, rows)


if __name__ == "__main__":
    main()
