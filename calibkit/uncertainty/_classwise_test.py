"""The part of a classwise ECE that is noise, and the test that every class is calibrated."""

import numpy as np
from torch import Tensor

from calibkit._types import Floats
from calibkit.metrics.base import Predictions
from calibkit.metrics.classwise import ClasswiseError
from calibkit.uncertainty._gaps import drawn_noise
from calibkit.uncertainty.noise_floor import CalibrationTest, compare_with_draws

# At most about this many numbers are in memory for the draws.
_MOST_ELEMENTS = 2**21


def classwise_test(
    probabilities: Tensor,
    labels: Tensor,
    metric: ClasswiseError,
    *,
    n_resamples: int,
    seed: int,
) -> CalibrationTest:
    """Compare a classwise ECE with those of labels that are drawn from the probabilities."""
    terms = metric.terms(Predictions(probabilities, labels))
    sums = metric.no_sums(probabilities.shape[1])
    terms.add_to(sums)
    n = len(labels)
    measured = float(metric.value(sums.numpy(), n))
    assert terms.cells is not None
    errors = _errors_if_calibrated(
        probabilities.double().numpy(), terms.cells.numpy(), metric, n_resamples, seed
    )
    return compare_with_draws(measured, errors)


def _errors_if_calibrated(
    probabilities: Floats, cells: Floats, metric: ClasswiseError, n_resamples: int, seed: int
) -> Floats:
    n, n_classes = probabilities.shape
    n_cells = metric.n_cells(n_classes)
    at_a_time = max(100, _MOST_ELEMENTS // n_cells)
    generator = np.random.default_rng(seed)
    errors: list[Floats] = []
    for start in range(0, n_resamples, at_a_time):
        n_draws = min(at_a_time, n_resamples - start)
        (noise,) = drawn_noise([probabilities], [cells], n_cells, n_draws, generator)
        errors.append(metric.value(n * noise[:, None], n))
    return np.concatenate(errors)
