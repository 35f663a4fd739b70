"""The wealth of a mixture of bets that start at all times, updated label by label.

The wealth at the start is 1. A share of it is given to every bet and to every label as the first
one on which the bet is made, and until then the share is kept. If the null hypothesis is true, then
every part is a nonnegative supermartingale, and so is their sum. It reaches 1 / alpha with a
probability of at most alpha (Ville's inequality), however many labels there are.

The shares of the start times are those of Shiryaev's problem of a change at an unknown time. The
sum over all past start times follows a recursion, so that time and memory per label are constant.
"""

from typing import Any, NamedTuple

import numpy as np
import torch

from calibkit._types import Counts, Floats
from calibkit.monitor._bets import Bet, Direction, Outcomes

# This share of the wealth goes to bets from the first label on. The rest is spent so slowly that a
# share of 1 / (1 + log(1 + n / 1000)) of it is left after n labels. It never ends.
_SHARE_AT_ONCE, _SLOWNESS = 0.6, 1000
_CHUNK = 1024
_LARGEST_RANGE = 600  # exp(-600) is still a normal number in float64
_MOST_POINTS = 1000


def log_kept(n: Counts) -> Floats:
    """Return the logarithms of the shares of the wealth that no bet has got after n labels."""
    later = np.log1p(-_SHARE_AT_ONCE) - np.log1p(np.log1p(n / _SLOWNESS))
    return np.asarray(np.where(n == 0, 0.0, later))


def log_start_shares(n: int, size: int) -> Floats:
    """Return the logarithms of the shares that start with the labels n, n + 1, ... (size,)."""
    k = np.arange(n, n + size, dtype=np.float64)
    # This is the difference of two reciprocals, without its rounding.
    a, b = 1 + np.log1p(k / _SLOWNESS), 1 + np.log1p((k + 1) / _SLOWNESS)
    share = (1 - _SHARE_AT_ONCE) * np.log1p(1 / (_SLOWNESS + k)) / (a * b)
    return np.asarray(np.log(share + np.where(k == 0, _SHARE_AT_ONCE, 0)))


def _log_sums(before: Floats, parts: Floats) -> Floats:
    """Return the logarithms of the sums of what was before (K,) and all parts (N, K) up to each."""
    top = np.maximum(before, parts.max(0))
    if (top - np.maximum(before, parts[0])).max() > _LARGEST_RANGE:
        return np.asarray(np.logaddexp.accumulate(np.concatenate([before[None], parts]))[1:])
    # This takes a tenth of the time. All sums are at least as large as the first one.
    return np.asarray(top + np.log(np.exp(before - top) + np.exp(parts - top).cumsum(0)))


def _log_sum_of_rows(x: Floats) -> Floats:
    top = x.max(1)
    return np.asarray(top + np.log(np.exp(x - top[:, None]).sum(1)))


class Suspicion(NamedTuple):
    """The bet and the start time that have gained most, when the wealth was largest.

    Attributes
    ----------
    direction : str
        How the probabilities are wrong if the bet is right.
    since : int
        The index of the first label on which the bet was made.
    confidence, frequency : float
        The mean of the judged probabilities from then on, and how often their events happened.
    """

    direction: Direction
    since: int
    confidence: float
    frequency: float


class Evidence:
    """The wealth of all bets after the labels so far."""

    def __init__(self, bets: tuple[Bet, ...]) -> None:
        self.bets = bets
        self.log_shares = np.log([bet.share for bet in bets])
        self.n = 0
        self.log_started = np.full(len(bets), -np.inf)  # of a bet, over all its past start times
        self.log_gain = np.full(len(bets), -np.inf)  # of a bet, from its best start time on
        self.since = np.zeros(len(bets), dtype=np.int64)  # the best start time
        self.sums = np.zeros((len(bets), 2))  # of confidences and outcomes since then
        self.log_wealth = 0.0
        self.log_peak = 0.0
        self.n_at_peak = 0
        self.suspicion: Suspicion | None = None  # at the peak
        self.stride = 1
        self.points = np.zeros((0, 2))

    def add(self, outcomes: Outcomes, log_threshold: float) -> int | None:
        """Add outcomes in their order, and return after how many labels the threshold is reached.

        If that happened before or does not happen, then the result is None.
        """
        crossed = None
        for start in range(0, len(outcomes.confidence), _CHUNK):
            part = Outcomes(*(column[start : start + _CHUNK] for column in outcomes))
            before, n = self.log_peak, self.n
            path = self._add_chunk(part)
            if crossed is None and before < log_threshold <= self.log_peak:
                crossed = n + 1 + int(np.argmax(path >= log_threshold))
        return crossed

    def _add_chunk(self, outcomes: Outcomes) -> Floats:
        n, size = self.n, len(outcomes.confidence)
        gained = np.cumsum(outcomes.log_factors, axis=0)
        before = np.concatenate([np.zeros((1, len(self.bets))), gained[:-1]])
        # Wealth that starts at label i is divided by what was gained before, so that all wealth of
        # a bet can be multiplied by what it gains from the beginning of the chunk.
        starting = log_start_shares(n, size)[:, None] - before
        log_started = gained + _log_sums(self.log_started, starting)
        log_cash = log_kept(np.arange(n + 1, n + size + 1))
        in_bets = _log_sum_of_rows(self.log_shares + log_started)
        path = np.logaddexp(in_bets, log_cash)
        peak = int(np.argmax(path))
        if path[peak] > self.log_peak:
            self.log_peak, self.n_at_peak = float(path[peak]), n + peak + 1
            self._suspect(outcomes, before, gained, log_started, peak)
        self.log_gain, self.since, self.sums = self._best_starts(outcomes, before, gained, size - 1)
        self.log_started, self.log_wealth, self.n = log_started[-1], float(path[-1]), n + size
        self._remember(path)
        return np.asarray(path)

    def _best_starts(
        self, outcomes: Outcomes, before: Floats, gained: Floats, last: int
    ) -> tuple[Floats, Counts, Floats]:
        """Return the best start time of each bet after the label ``last`` of a chunk.

        All start times count alike here, so this is the most likely time of the change.
        """
        first = before[: last + 1].argmin(0)
        log_gain = -before[first, np.arange(len(self.bets))]
        new = log_gain > self.log_gain
        columns = np.stack([outcomes.confidence, outcomes.happened], 1)[: last + 1]
        total = np.concatenate([np.zeros((1, 2)), columns.cumsum(0)])
        sums = np.where(new[:, None], total[-1] - total[first], self.sums + total[-1])
        since = np.where(new, self.n + first, self.since)
        return np.where(new, log_gain, self.log_gain) + gained[last], since, sums

    def _suspect(
        self, outcomes: Outcomes, before: Floats, gained: Floats, log_started: Floats, peak: int
    ) -> None:
        log_gain, since, sums = self._best_starts(outcomes, before, gained, peak)
        direction = self.direction_of(log_started[peak])
        of_direction = [bet.direction == direction for bet in self.bets]
        best = int(np.where(of_direction, self.log_shares + log_gain, -np.inf).argmax())
        n = self.n + peak + 1 - int(since[best])
        confidence, frequency = (sums[best] / n).tolist()
        self.suspicion = Suspicion(direction, int(since[best]), confidence, frequency)

    def direction_of(self, log_started: Floats) -> Direction:
        """Return the direction whose bets hold most of the wealth."""
        wealth: dict[Direction, float] = {}
        for bet, log_part in zip(self.bets, self.log_shares + log_started, strict=True):
            wealth[bet.direction] = np.logaddexp(wealth.get(bet.direction, -np.inf), log_part)
        return max(wealth, key=lambda direction: wealth[direction])

    def _remember(self, path: Floats) -> None:
        n = np.arange(self.n - len(path) + 1, self.n + 1)
        points = np.concatenate([self.points, np.stack([n, path], 1)[n % self.stride == 0]])
        while len(points) > _MOST_POINTS:
            self.stride *= 2
            points = points[points[:, 0] % self.stride == 0]
        self.points = points

    def log_wealth_of_bets(self) -> Floats:
        """Return the logarithm of the wealth (bets,) that each bet would have with a share of 1."""
        return np.asarray(np.logaddexp(self.log_started, log_kept(np.array(self.n))))

    def state(self) -> dict[str, Any]:
        """Return everything but the bets, in tensors and plain values."""
        values = {name: value for name, value in vars(self).items() if name not in _OF_BETS}
        values["suspicion"] = None if self.suspicion is None else tuple(self.suspicion)
        return {
            name: torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        for name, value in state.items():
            setattr(self, name, value.numpy().copy() if torch.is_tensor(value) else value)
        if self.suspicion is not None:
            self.suspicion = Suspicion(*self.suspicion)


_OF_BETS = "bets", "log_shares"
