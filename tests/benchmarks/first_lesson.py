"""Time what the first lesson does: ``python tests/benchmarks/first_lesson.py``.

Medians in seconds; a figure to compare with is printed beside each where there is one.
"""

import os
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from timing import calibrated_problem
from torch.nn.functional import cross_entropy

import calibkit


def seconds(call: Callable[[], object], repeats: int = 5) -> float:
    def once() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    once()
    return median(once() for _ in range(repeats))


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    drawing = seconds(lambda: calibkit.Glyphs100(10_000))
    print(f"draw 10 000 images of Glyphs-100: {drawing:.2f} (target: under 5)")

    model, images = calibkit.glyphs100_resnet20(), calibkit.Glyphs100(1000).images
    batches = [(batch, torch.zeros(len(batch))) for batch in images.split(100)]
    inference = seconds(lambda: calibkit.collect_logits(model, batches, progress=False))
    print(f"run ResNet-20: {1000 / inference:.0f} images a second")

    for n, n_classes in ((1000, 100), (10_000, 100), (50_000, 1000)):
        logits, labels = calibrated_problem(n, n_classes, temperature=2)
        fit = seconds(lambda: calibkit.TemperatureScaler().fit_logits(logits, labels))  # noqa: B023
        loss = seconds(lambda: cross_entropy(logits, labels))  # noqa: B023
        print(f"fit T, n = {n}, C = {n_classes}: {fit:.4f}, {fit / loss:.1f} cross-entropies")

    probabilities = calibrated_problem(10_000, 100, temperature=2)[0].softmax(1)
    floor = seconds(lambda: calibkit.noise_floor(probabilities, n_resamples=1000))
    print(f"noise floor, 1000 resamples of 10 000: {floor:.2f} (target: under 2)")


if __name__ == "__main__":
    main()
