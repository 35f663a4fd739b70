"""A check for leaks: the test set must hold no sample that the scaler was fitted on.

The fingerprints of both sets are sorted into ever finer cells. A sample that is in both sets shares
its cell with itself. Other samples share a cell only by chance, and two independent counts say how
often that happens:

- Of the cells that hold exactly two samples, some hold one of each set and the others hold two of
  the same set. If the sets are independent, the numbers of samples around a cell alone determine
  how these two kinds are distributed, also if the logits are rounded, clamped or discrete, or if
  the sets are distributed differently.
- The number of pairs within the sets falls with the width of the cells by a power law, as long as
  the cells are wider than the steps in which the logits are stored. It is counted in wide cells and
  continued to narrow ones, where it says that even a few matches cannot be chance.

The cost is that of sorting the samples once for every width, however often logits repeat.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import bdtrc, pdtrc
from torch import Tensor

from calibkit._fingerprints import FARTHEST, fingerprints
from calibkit._rows import Rows
from calibkit._types import Floats

UNCHECKED = (
    "Whether the test set holds calibration samples cannot be checked: some samples of the same "
    "set have equal logits, or nearly so, so equal logits in both sets prove nothing."
)

# The smallest overlap to be found is 1% of the smaller set. The limit is a little lower, because
# noise in the logits puts a few samples into other cells.
_SOUGHT = 0.01
_LEAST_SHARE = 0.008
# A data set may hold a sample twice, so one match is accepted.
_FEWEST = 2
# An independent test set must not be refused, although many cells and many widths are looked at.
_CHANCE_IN_PAIRS = 1e-8
_CHANCE_IN_POWER_LAW = 5e-5
# The sets may be distributed differently, and then the power law is wrong by a factor.
_POWER_LAW_MARGIN = 3.0
# So many pairs are needed to know the power law. It is not measured in the smallest sets.
_PAIRS_TO_KNOW, _PAIRS_TO_MEASURE = 100, 1000
# Every width is a half or, for many samples, a quarter of the one before, in units of the spread of
# the logits.
_WIDEST, _NARROWEST = 16.0, 2.0**-26
_MANY_SAMPLES = 50_000
_ROWS_LOOKED_AT = 4096
# So many samples around a cell say how often a sample there belongs to the test set.
_LEAST_AROUND = 64


@dataclass(frozen=True)
class _Matches:
    """What cells of one width hold.

    Attributes
    ----------
    width : float
        Width of the cells in units of the spread of the logits.
    shared : bool
        Whether any cell holds samples of both sets.
    across, within : int
        Number of cells that hold one sample of each set, or two of the same set, and no other.
    pairs : float
        Number of pairs of samples of the same set in the same cell.
    chance : float
        Probability that two samples that are alone in a cell belong to different sets.
    alone : float
        Share of the samples without a neighbour in their cell other than, perhaps, one of the other
        set. It is that of the set in which the share is smaller.
    """

    width: float
    shared: bool
    across: int
    within: int
    pairs: float
    chance: float
    alone: float


def check_no_overlap(calibration: Tensor | None, test: Rows) -> str | None:
    """Refuse a test set that holds samples of the calibration set.

    Returns a sentence if the logits cannot tell whether it does, and None otherwise.
    """
    if calibration is None:
        return None
    tested, fitted = (_finite_rows(part) for part in (fingerprints(test), calibration))
    if tested.shape[1] != fitted.shape[1]:
        return None  # The numbers of classes differ, which the scaler will refuse.
    sizes = len(fitted), len(tested)
    if min(sizes) < _FEWEST:
        return None
    points, spread = _standardized(np.concatenate([fitted, tested]))
    if not points.shape[1]:
        return UNCHECKED
    step = max(_step(test) / spread, _step_of_ties(points[: sizes[0]], points[sizes[0] :]))
    power_law = _PowerLaw(sizes, points.shape[1])
    found, could_be_found = 0, False
    for matches in _count_matches(points, len(fitted)):
        power_law.update(matches)
        expected = power_law.expected(step)
        found = max(found, _overlap(matches, matches.across, expected, sizes))
        sought = max(_SOUGHT * min(sizes), _FEWEST) * matches.alone
        by_chance = matches.within * matches.chance / (1 - matches.chance)
        there = round(by_chance + sought)
        could_be_found |= bool(_overlap(matches, there, expected, sizes))
        if could_be_found and not matches.shared:
            break  # Narrower cells hold no matches either.
    if found:
        raise ValueError(
            f"the test set holds samples that the scaler was fitted on: the logits of {found} of "
            f"{sizes[0]} calibration samples are among the {sizes[1]} of the test set; keep the "
            "two apart, with split_calibration"
        )
    return None if could_be_found else UNCHECKED


def _overlap(matches: _Matches, across: int, expected: float, sizes: tuple[int, int]) -> int:
    """Return how many samples both sets hold, or 0 if so many matches may be chance."""
    alone_together = across + matches.within
    if not across:
        return 0
    excess = (across - matches.chance * alone_together) / (1 - matches.chance)
    if excess < max(_FEWEST, _LEAST_SHARE * min(sizes)):
        return 0
    by_pairs = bdtrc(across - 1, alone_together, matches.chance) < _CHANCE_IN_PAIRS
    by_power_law = (
        matches.within <= across / 4
        and math.isfinite(expected)
        and pdtrc(across - 1, _POWER_LAW_MARGIN * expected) < _CHANCE_IN_POWER_LAW
    )
    return round(excess) if by_pairs or by_power_law else 0


class _PowerLaw:
    """How the number of chance matches falls with the width of the cells."""

    def __init__(self, sizes: tuple[int, int], n_numbers: int) -> None:
        within = sum(size * (size - 1) / 2 for size in sizes)
        self._n_numbers = n_numbers
        self._last: _Matches | None = None
        self._known: list[tuple[float, float, float]] = []
        if within < _PAIRS_TO_MEASURE:
            # A bell-shaped distribution of one number has as many pairs in narrow cells.
            self._known.append((3.0, within, 1.0))

    def update(self, matches: _Matches) -> None:
        """Take the number of pairs in cells of one width into account."""
        if self._last is not None and matches.pairs >= _PAIRS_TO_KNOW:
            factor = math.log(self._last.width / matches.width)
            slope = math.log(self._last.pairs / matches.pairs) / factor
            error = math.sqrt(1 / self._last.pairs + 1 / matches.pairs) / factor
            slope = min(max(slope - 2 * error, 0.0), self._n_numbers)
            if self._n_numbers == 1 and matches.width < 1 / 2:
                slope = 1.0  # A single number on no grid has a density.
            self._known.append((matches.width, matches.pairs, slope))
        self._last = matches

    def expected(self, step: float) -> float:
        """Return how many pairs across the sets are expected in cells of the last width."""
        if not self._known or self._last is None:
            return math.inf
        # Cells that are narrower than the step of the logits hold as many pairs as those of a step.
        width = max(self._last.width, step)
        continued = min(
            pairs * min(width / known, 1.0) ** slope for known, pairs, slope in self._known
        )
        across_of_within = self._last.chance / (1 - self._last.chance)
        return float(max(continued, self._last.pairs) * across_of_within)


def _count_matches(points: Floats, n_fitted: int) -> Iterator[_Matches]:
    """Sort the points into cells, the first n_fitted of which are of the calibration set."""
    is_test = (np.arange(len(points)) >= n_fitted).astype(np.uint64)
    sizes = np.array([n_fitted, len(points) - n_fitted])
    # The numbers of samples of both sets in the last cell around each point that held enough.
    around = np.tile(sizes.astype(np.uint32), (len(points), 1))  # int64 would take twice as much.
    width = _WIDEST
    while width >= _NARROWEST:
        # A key holds a hash of the cell, and the set in its last bit.
        keys = _hashes(points / width) >> np.uint64(1) << np.uint64(1) | is_test
        order = np.argsort(keys)
        keys = keys[order]
        cells = keys >> np.uint64(1)
        starts = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]])
        total = np.diff(np.r_[starts, len(keys)])
        tested = np.add.reduceat((keys & np.uint64(1)).astype(np.int64), starts)
        fitted = total - tested
        in_two = total == 2
        n_in_two = int(in_two.sum())
        chance = float(
            _chances_of_mixed(around[order[starts[in_two]]] if n_in_two else sizes[None]).mean()
        )
        across = int(((fitted == 1) & (tested == 1)).sum())
        lonely = [int(((total == 1) & (of_set == 1)).sum()) for of_set in (fitted, tested)]
        alone = min((lonely[i] + across) / size for i, size in enumerate(sizes))
        pairs = float((fitted * (fitted - 1.0) + tested * (tested - 1.0)).sum() / 2)
        shared = bool(((fitted > 0) & (tested > 0)).any())
        chance, within = min(chance, 0.9), n_in_two - across
        yield _Matches(width, shared, across, within, pairs, chance, alone)
        enough = total >= _LEAST_AROUND
        counts = np.stack([fitted, tested], 1)[enough].astype(np.uint32)
        around[order[np.repeat(enough, total)]] = np.repeat(counts, total[enough], 0)
        width /= 4 if len(points) > _MANY_SAMPLES else 2


def _chances_of_mixed(sizes: NDArray[Any]) -> Floats:
    """Return the chances (K,) that two of so many samples (K, 2) of both sets are one of each."""
    n, m = sizes.T.astype(float)
    return np.asarray(2 * n * m / np.maximum((n + m) * (n + m - 1), 1))


def _hashes(points: Floats) -> NDArray[np.uint64]:
    hashes = np.zeros(len(points), np.uint64)
    for numbers in points.T:
        cells = np.clip(np.floor(numbers), -(2.0**62), 2.0**62).astype(np.int64)
        hashes ^= cells.view(np.uint64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            hashes ^= hashes >> np.uint64(shift)
            hashes *= np.uint64(factor)
        hashes ^= hashes >> np.uint64(31)
    return hashes


def _standardized(points: Floats) -> tuple[Floats, float]:
    """Return the points in units of their spread, without constant numbers, and the least spread.

    They are moved a little, so that round numbers are not at the edge of a cell.
    """
    low, middle, high = np.quantile(points, [0.25, 0.5, 0.75], axis=0)
    spread = (high - low) / 1.35
    spread = np.where(spread > 0, spread, points.std(0))
    varies = spread > 1e-12 * (1 + np.abs(middle))
    if not varies.any():
        return points[:, varies], 1.0
    return (points[:, varies] - middle[varies]) / spread[varies] + math.pi / 10, float(
        spread[varies].min()
    )


def _step(rows: Rows) -> float:
    """Return the step in which these logits are stored, whatever their dtype is now."""
    logits = next(iter(rows.chunks()))[0][:_ROWS_LOOKED_AT]
    masked = logits < logits.amax(1, keepdim=True) - FARTHEST
    size = float(logits.abs().masked_fill(masked, 0).amax(1).double().median())
    stored = [logits.dtype]
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        if torch.equal(logits.to(dtype).to(logits.dtype), logits):
            stored.append(dtype)
    step = max(torch.finfo(dtype).eps for dtype in stored) * size
    noise = torch.finfo(logits.dtype).eps * float(logits.abs().max())
    for digits in range(7):  # as a table in a text file may give them
        scaled = logits.double() * 10**digits
        if 10**digits * noise < 0.01 and bool(((scaled - scaled.round()).abs() < 0.02).all()):
            return max(step, 10.0**-digits)
    return step


def _step_of_ties(*sets: Floats) -> float:
    """Return the step of logits that lie on a grid, from the number of equal fingerprints.

    A quantised model gives such logits. If equal numbers are rare, the step is near 0.
    """
    reach = 1 / 8
    steps = []
    for column in range(sets[0].shape[1]):
        numbers = [np.sort(points[:, column]) for points in sets]
        ties, near = (
            sum(_pairs_within(distance, some) for some in numbers) for distance in (1e-12, reach)
        )
        steps.append(reach * ties / max(near, 1))
    return max(steps)


def _pairs_within(distance: float, numbers: Floats) -> float:
    last = np.searchsorted(numbers, numbers + distance, side="right")
    return float((last - np.arange(len(numbers)) - 1).sum())


def _finite_rows(fingerprint: Tensor) -> Floats:
    numbers = fingerprint.double().numpy()
    return np.asarray(numbers[np.isfinite(numbers).all(1)])
