"""Split a data set at random into a calibration set and a test set."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Subset

from calibkit._checks import check_integer, check_seed

Sample_co = TypeVar("Sample_co", covariant=True)
Labels = Sequence[int] | NDArray[np.integer] | Tensor


def split_calibration(
    dataset: Dataset[Sample_co],
    n_calibration: int,
    *,
    seed: int = 0,
    stratify: Labels | None = None,
) -> tuple[Subset[Sample_co], Subset[Sample_co]]:
    """Split a data set at random into a calibration set and a test set.

    Parameters
    ----------
    dataset : Dataset
        A data set with a length.
    n_calibration : int
        Number of samples in the calibration set. All other samples form the test set.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same split on every machine.
    stratify : sequence of int, Tensor or array, shape (N,), optional
        The labels. If they are given, each class makes up the same share of both sets as of the
        whole data set, as closely as whole samples allow.

    Returns
    -------
    calibration, test : Subset
        Two sets that share no sample and together hold the whole data set. Each keeps the order
        of the data set.

    Raises
    ------
    TypeError
        If `n_calibration` or `seed` is not an integer, or if the data set has no length.
    ValueError
        If `n_calibration` is less than 1 or leaves no sample for the test set, if `seed` is
        negative, or if `stratify` does not hold one label for each sample.

    See Also
    --------
    calibkit.collect_logits : Run a model over one of the two sets.
    calibkit.TemperatureScaler : Fit a temperature on the calibration set.
    calibkit.evaluate : Measure the calibration on the test set.

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
    """Return an order of the samples in which the first n, for every n, represent all classes.

    The k-th of the m samples of a class is placed at the fraction (k - 1/2) / m of the order. The
    class counts among the first n samples then follow Webster's method of apportionment.
    """
    _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    grouped = np.argsort(classes, kind="stable")
    rank = np.empty(len(labels), np.int64)
    rank[grouped] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.argsort((rank + 0.5) / sizes[classes], kind="stable")
