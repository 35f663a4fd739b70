"""Measure what calibkit costs, as ratios: ``python tests/benchmarks/cost.py [--quick] [...]``.

A fit in cross-entropies of the same logits, and in scikit-learn's time on a small problem; a fit of
small images in the time of their flat rows; and the memory of a report. ``--output FOLDER`` writes
the tables as CSV files, too. The times are processor times, and the least of many runs.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["OMP_NUM_THREADS"] = "1"

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import torch
from temperature import fit_calibkit, fit_sklearn
from timing import Report, arguments, calibrated_problem, peak_memory, silence
from torch import Tensor
from torch.nn.functional import cross_entropy

import calibkit

torch.set_num_threads(1)

FORMS = [(1, 1), (1,), (2, 2), (3, 3), (5,), (16, 16)]


def least_ratio(call: Callable[[], object], to: Callable[[], object], runs: int) -> float:
    """Least processor time of one call in units of another's; the runs take turns."""

    def took(function: Callable[[], object]) -> float:
        start = time.process_time()
        function()
        return time.process_time() - start

    with silence():
        took(call), took(to)
        pairs = [(took(call), took(to)) for _ in range(runs)]
    first, second = zip(*pairs, strict=True)
    return min(first) / min(second)


def fits(report: Report, runs: int) -> None:
    rows = []
    for n, n_classes in [(10_000, 100), (5000, 100), (1000, 1000), (50_000, 10)]:
        logits, labels = calibrated_problem(n, n_classes, temperature=2)
        fit, loss = partial(fit_calibkit, logits, labels), partial(cross_entropy, logits, labels)
        rows.append([str(n), str(n_classes), f"{least_ratio(fit, loss, runs):.1f}"])
    header = ["n", "C", "time / that of a cross-entropy"]
    report.table("cost_fit", "One fit in cross-entropies of the same logits", header, rows)
    rows = []
    for n, n_classes in [(1000, 2), (1000, 10), (10_000, 2)]:
        logits, labels = calibrated_problem(n, n_classes, temperature=2)
        fit, other = partial(fit_calibkit, logits, labels), partial(fit_sklearn, logits, labels)
        rows.append([str(n), str(n_classes), f"{least_ratio(fit, other, runs):.2f}"])
    header = ["n", "C", "time / scikit-learn's"]
    report.table("cost_small_fit", "One fit of few samples", header, rows)


def forms(report: Report, n: int, runs: int) -> None:
    rows = []
    for form in FORMS:
        n_images = n // torch.Size(form).numel()
        n_rows = n_images * torch.Size(form).numel()
        logits, labels = calibrated_problem(n_rows, 10, temperature=2)
        images = logits.view(n_images, *form, 10).movedim(-1, 1).contiguous()
        dense = partial(fit_calibkit, images, labels.view(n_images, *form))
        ratio = least_ratio(dense, partial(fit_calibkit, logits, labels), runs)
        rows.append([str(tuple(images.shape)), f"{ratio:.2f}"])
    header = ["shape of the logits", "time / that of flat rows"]
    report.table("cost_form", "One fit of the same logits in another form", header, rows)


def report_memory(n: int, n_classes: int) -> float | None:
    """Peak memory of `evaluate` with a scaler beside its input, in GB per million rows."""
    scaler = calibkit.TemperatureScaler()
    scaler.fit_logits(*calibrated_problem(1000, n_classes, temperature=2, seed=1))
    logits, labels = calibrated_problem(n, n_classes, temperature=2)

    def evaluate(logits: Tensor, labels: Tensor) -> object:
        return calibkit.evaluate(logits, labels, scaler=scaler, n_resamples=40)

    evaluate(logits[:1000], labels[:1000])
    peak = peak_memory(partial(evaluate, logits, labels))
    return None if peak is None else peak / n / 1000


def main() -> None:
    chosen = arguments(__doc__.partition(":")[0])
    report = Report(chosen.output)
    report.machine("cost_machine", ["torch", "scikit-learn"])
    runs = 3 if chosen.quick else 50
    fits(report, runs)
    forms(report, 2000 if chosen.quick else 20_000, runs)
    rows = []
    for n, n_classes in [(100_000, 2)] if chosen.quick else [(1_000_000, 2), (1_000_000, 10)]:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            memory = fresh.submit(report_memory, n, n_classes).result()
        rows.append([str(n), str(n_classes), "not measured" if memory is None else f"{memory:.2f}"])
    header = ["n", "C", "GB per million rows beside the input"]
    report.table("cost_memory", "The most memory that evaluate takes", header, rows)


if __name__ == "__main__":
    main()
