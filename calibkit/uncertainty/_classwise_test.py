"""The interval of a classwise ECE, the part of it that is noise, and the test of every class."""

import numpy as np

from calibkit._rows import Rows
from calibkit._types import Floats
from calibkit.metrics.base import ScoreKind
from calibkit.metrics.classwise import ClasswiseError
from calibkit.uncertainty._class_gaps import block_of_noise, classwise_gaps_of
from calibkit.uncertainty._drawn_labels import blocks_of, draw_labels, in_rounds
from calibkit.uncertainty._test_inversion import Gaps
from calibkit.uncertainty.noise_floor import CalibrationTest, compare_with_draws

# The draws of a test come in blocks of at most about this many counts. Another number would change
# which random numbers a draw uses.
_BLOCK_ELEMENTS = 2**21
# At most about this many counts of drawn labels are in memory at a time.
_MOST_COUNTS = 2**24


def classwise_gaps_and_tests(
    metric: ClasswiseError,
    sets: list[Rows],
    scores_are: ScoreKind,
    *,
    n_resamples: int,
    seed: int,
) -> list[tuple[Gaps, CalibrationTest]]:
    """Return the gaps of all classes with their noise, and compare each classwise ECE with noise.

    Both the noise and the test need labels that are drawn from the probabilities of each set. So
    the probabilities are read once for both, and where the two draw the same labels, these are
    drawn once. If the samples have weights, their mean must be 1.
    """
    n = len(sets[0])
    n_cells = metric.n_cells(sets[0].n_classes)
    of_noise = block_of_noise(n_cells, n_resamples)
    blocks = blocks_of(n, n_resamples, max(100, _BLOCK_ELEMENTS // n_cells))
    errors: list[list[Floats]] = [[] for _ in sets]
    gaps: list[Gaps] = []
    measured: list[float] = []
    for tested in in_rounds(blocks, _MOST_COUNTS // n_cells):
        needed = tested if gaps else list(dict.fromkeys([of_noise, *tested]))
        drawn = draw_labels(metric, sets, scores_are, needed, seed)
        if not gaps:
            gaps = [
                classwise_gaps_of(labels, of_noise, metric, rows, scores_are, seed)
                for labels, rows in zip(drawn, sets, strict=True)
            ]
            measured = [float(metric.value(labels.excess[None], n)) for labels in drawn]
        for found, labels in zip(errors, drawn, strict=True):
            found += [metric.value(n * labels.noise(block)[:, None], n) for block in tested]
    tests = [
        compare_with_draws(value, np.concatenate(found))
        for value, found in zip(measured, errors, strict=True)
    ]
    return list(zip(gaps, tests, strict=True))
