"""The calibration error of the embedded model on 200 000 images, which is nearly free of noise."""

import numpy as np

from calibkit._checks import check_n_bins
from calibkit.data.glyphs100 import ASSETS
from calibkit.metrics._binning import uniform_edges
from calibkit.metrics.reliability_bins import ReliabilityBins

POPULATION_FILE = ASSETS / "glyphs100_population.npz"
N_FINE_BINS = 2520


def glyphs100_population(n_bins: int = 15, *, scaled: bool = False) -> ReliabilityBins:
    """Return the bins of `glyphs100_resnet20` on 200 000 `Glyphs100` images.

    Nothing else uses these images. There are so many of them that their ECE is close to the value
    that a small test set can only estimate. The images were drawn and counted once, by
    ``calibkit/data/assets/count_glyphs100_population.py``. This function reads the counts.

    Parameters
    ----------
    n_bins : int, default 15
        Number of bins of equal width over [0, 1]. It must be a divisor of 2520, such as 1 to 10,
        12, 14, 15, 18, 20, 21 or 24.
    scaled : bool, default False
        Whether to divide the logits by a temperature first. It is the temperature of the first
        lesson, 1.465, which is fitted on
        ``split_calibration(dm.test, 1000, seed=0, stratify=dm.test.targets)``.

    Returns
    -------
    ReliabilityBins
        The bins. Their attribute ``calibration_error`` is the ECE.

    Raises
    ------
    TypeError
        If `n_bins` is not an integer.
    ValueError
        If `n_bins` is less than 1, or if it does not divide 2520.

    See Also
    --------
    calibkit.reliability_bins : Count your own probabilities.
    calibkit.glyphs100_logits : Get the logits of the same model on a test set.
    calibkit.noise_floor : Compute the ECE that a perfectly calibrated model would show.

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
            "use for instance 10, 15, 20 or 30"
        )
    with np.load(POPULATION_FILE, allow_pickle=False) as fine_bins:
        sums = fine_bins["scaled" if scaled else "plain"].reshape(3, n_bins, -1).sum(2)
    count, n_correct = sums[:2].astype(np.int64)
    return ReliabilityBins(uniform_edges(n_bins).numpy(), count, n_correct, sums[2])
