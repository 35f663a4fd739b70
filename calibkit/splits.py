"""Calibration and test splits: seeded, stratified on demand, disjoint by construction."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Subset

from calibkit.checks import check_integer, check_seed

Sample = TypeVar("Sample", covariant=True)
Labels = Sequence[int] | NDArray[np.integer] | Tensor


def split_calibration(
    dataset: Dataset[Sample],
    n_calibration: int,
    *,
    seed: int = 0,
    stratify: Labels | None = None,
) -> tuple[Subset[Sample], Subset[Sample]]:
    """Split a data set at random into a calibration set and a test set.

    Parameters
    ----------
    dataset : Dataset
        A data set with a length.
    n_calibration : int
        Size of the calibration set; the rest is the test set.
    seed : int, default 0
        Same seed, same split, on every machine.
    stratify : sequence of int, shape (N,), optional
        The labels. If given, both sets hold every class in the proportion of the whole, as
        closely as whole samples allow.

    Returns
    -------
    calibration, test : Subset
        Disjoint, together the whole data set, each in the order of the data set.

    Raises
    ------
    ValueError
        If a set would be empty, or the labels are not as many as the samples.

    Examples
    --------
    >>> from calibkit import Glyphs100, split_calibration
    >>> dataset = Glyphs100(1000)
    >>> calibration, test = split_calibration(dataset, 100, stratify=dataset.targets)
    >>> len(calibration), len(test)
    (100, 900)
    """
    n_samples = len(dataset)  # type: ignore[arg-type]
    check_seed(seed)
    check_integer(n_calibration, "n_calibration", least=1, advice="1000 is usual")
    if n_calibration >= n_samples:
        raise ValueError(
            f"n_calibration must be less than the {n_samples} samples, got {n_calibration}; the "
            "test set needs samples too"
        )
    order = np.random.default_rng(seed).permutation(n_samples)
    if stratify is not None:
        order = order[_interleave_classes(_check_length(stratify, n_samples)[order])]
    calibration, test = np.sort(order[:n_calibration]), np.sort(order[n_calibration:])
    return Subset(dataset, calibration.tolist()), Subset(dataset, test.tolist())


def _check_length(stratify: Labels, n_samples: int) -> NDArray[np.integer]:
    labels = np.asarray(stratify)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"stratify must hold one label for each of the {n_samples} samples, got shape "
            f"{labels.shape}; pass the data set's labels, such as dataset.targets"
        )
    return labels


def _interleave_classes(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """An order whose every prefix apportions the classes by Webster's method.

    The k-th of m samples of a class stands at the fraction (k - 1/2) / m of the whole.
    """
    _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    grouped = np.argsort(classes, kind="stable")
    rank = np.empty(len(labels), np.int64)
    rank[grouped] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.argsort((rank + 0.5) / sizes[classes], kind="stable")
