"""What the embedded model's calibration error is, nearly free of chance: 200 000 counted images."""

import numpy as np

from calibkit.bins import ReliabilityBins, uniform_edges
from calibkit.checks import check_n_bins
from calibkit.glyphs100 import ASSETS

POPULATION_FILE = ASSETS / "glyphs100_population.npz"
N_FINE_BINS = 2520


def glyphs100_population(n_bins: int = 15, *, scaled: bool = False) -> ReliabilityBins:
    """Count `glyphs100_resnet20` on 200 000 `Glyphs100` images that nothing else uses.

    An ECE of so many images is nearly the value that an estimate from few of them aims at. The
    images were drawn and counted once, by ``calibkit/assets/count_glyphs100_population.py``.

    Parameters
    ----------
    n_bins : int, default 15
        Number of bins of equal width, a divisor of 2520: 1 to 10, 12, 14, 15, 18, 20, 21, 24, ...
    scaled : bool, default False
        Count the logits divided by the temperature of the first lesson, 1.465, that is fitted on
        ``split_calibration(dm.test, 1000, seed=0, stratify=dm.test.targets)``.

    Returns
    -------
    ReliabilityBins
        The bins; their ``calibration_error`` is the ECE.

    Raises
    ------
    TypeError, ValueError
        If ``n_bins`` is not a divisor of 2520.

    Examples
    --------
    >>> from calibkit import glyphs100_population
    >>> bins = glyphs100_population(15)
    >>> int(bins.count.sum())
    200000
    """
    if N_FINE_BINS % check_n_bins(n_bins):
        raise ValueError(
            f"n_bins must divide the {N_FINE_BINS} bins that were counted, got {n_bins}; "
            "take for instance 10, 15, 20 or 30"
        )
    with np.load(POPULATION_FILE, allow_pickle=False) as fine_bins:
        sums = fine_bins["scaled" if scaled else "plain"].reshape(3, n_bins, -1).sum(2)
    count, correct = sums[:2].astype(np.int64)
    return ReliabilityBins(uniform_edges(n_bins).numpy(), count, correct, confidence=sums[2])
