"""How hard a question is, and how well it separates strong students from weak ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# With fewer students, or with fewer who differ from all others, an interval says nothing.
FEWEST_STUDENTS, FEWEST_DIFFERENT = 20, 5
N_RESAMPLES, SEED = 2000, 0


class Discrimination(NamedTuple):
    """A corrected item-total correlation, with a 95% interval."""

    value: float
    low: float
    high: float


class ItemStatistics(NamedTuple):
    """What the points of a class say about one question.

    Attributes
    ----------
    n_graded, n_pending : int
        Number of students whose answer is graded, and of those whose answer is not graded yet.
    share : float or None
        Share of the points that the graded students got, or None if nobody is graded.
    discrimination : Discrimination or None
        None if there are too few students to say.
    """

    n_graded: int
    n_pending: int
    share: float | None
    discrimination: Discrimination | None


def item_statistics(scores: Points, points: Points) -> list[ItemStatistics]:
    """Return the statistics of each question.

    Parameters
    ----------
    scores : array of shape (students, questions)
        Points that each student got; nan where an answer is not graded yet.
    points : array of shape (questions,)
        Points that each question is worth.
    """
    complete = ~np.isnan(scores).any(axis=0)
    found = []
    for k, worth in enumerate(points):
        graded = ~np.isnan(scores[:, k])
        item = scores[graded, k]
        others = complete & (np.arange(len(points)) != k)
        rest = scores[np.ix_(graded, others)].sum(axis=1)
        share = float(item.mean() / worth) if len(item) and worth else None
        found.append(
            ItemStatistics(len(item), int((~graded).sum()), share, discrimination(item, rest))
        )
    return found


def discrimination(item: Points, rest: Points) -> Discrimination | None:
    """Return how points of a question correlate with those of all other questions together.

    This is the corrected item-total correlation (Henrysson, 1963, Correction of item-total
    correlations in item analysis, Psychometrika 28, 211-218): the total leaves out the question
    itself, because otherwise every question would correlate with its own points. The interval holds
    the middle 95% of the correlations in resamples of the students.
    """
    if (
        len(item) < FEWEST_STUDENTS
        or min(_n_different(item), _n_different(rest)) < FEWEST_DIFFERENT
    ):
        return None
    n = len(item)
    counts = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    resampled = _correlation(item, rest, counts)
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    (value,) = _correlation(item, rest, np.ones((1, n)))
    return Discrimination(float(value), float(low), float(high))


def _n_different(values: Points) -> int:
    """Return how many students have other points than the most common ones."""
    return len(values) - int(np.unique(values, return_counts=True)[1].max())


def _correlation(a: Points, b: Points, counts: NDArray[np.generic]) -> Points:
    """Return the correlation in each resample; nan where all students in it are alike."""
    weights = counts / counts.sum(axis=1, keepdims=True)
    a, b = a - a.mean(), b - b.mean()
    mean_a, mean_b = weights @ a, weights @ b
    covariance = weights @ (a * b) - mean_a * mean_b
    variances = (weights @ a**2 - mean_a**2) * (weights @ b**2 - mean_b**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variances > 1e-12, covariance / np.sqrt(variances), np.nan)
