"""What the monitor says, which prints as a few lines."""

import math
from dataclasses import asdict, dataclass

from calibkit.monitor._bets import Direction


@dataclass(frozen=True)
class MonitorReport:
    """What a `CalibrationMonitor` says after the labels so far, which prints as a few lines.

    Attributes
    ----------
    n_labels : int
        Number of labels so far.
    alarm : bool
        Whether the evidence against calibration has reached 1 / alpha, now or earlier.
    alarm_at : int or None
        After how many labels it did so for the first time. It is None if there is no alarm, and for
        merged monitors.
    log_e_value : float
        The natural logarithm of the evidence after the last label. The evidence is the wealth of
        somebody who began with 1 and bet against the model's probabilities.
    p_value : float
        The anytime-valid p-value: 1 divided by the largest evidence so far, and at most 1. If the
        model is calibrated, the p-value ever falls to a level or below it with at most that
        probability. For merged monitors, the evidence of this moment takes the place of the
        largest.
    direction : {"too high", "too low", "too extreme", "not extreme enough"} or None
        How the judged probabilities are wrong. The first two are about their mean: for the
        confidence, they are overconfidence and underconfidence. Probabilities that are too extreme
        are too near to 0 and 1. It is None if there is no alarm.
    since : int or None
        The index of the label from which on the probabilities are likely to be wrong, so that 0 is
        the first label. It is None if there is no alarm, and for merged monitors.
    confidence, frequency : float or None
        The mean of the judged probabilities from `since` on until the evidence was largest, and how
        often their events happened. With ``of="top"`` and ``of="all"``, these are the mean
        confidence and the accuracy. They are None where `since` is None.

    See Also
    --------
    calibkit.CalibrationMonitor : Make such a report.
    """

    n_labels: int
    alarm: bool
    alarm_at: int | None
    log_e_value: float
    p_value: float
    direction: Direction | None
    since: int | None
    confidence: float | None
    frequency: float | None

    @property
    def e_value(self) -> float:
        """The evidence after the last label, which is infinite if it exceeds every float."""
        return math.exp(self.log_e_value) if self.log_e_value < 709 else math.inf

    def __str__(self) -> str:
        lines = [
            f"After {self.n_labels} labels there is no alarm.",
            f"  evidence against calibration  {self.e_value:.3g}",
            f"  anytime-valid p-value         {self.p_value:.3g}",
        ]
        if self.alarm:
            when = "" if self.alarm_at is None else f", raised after {self.alarm_at}"
            lines[0] = f"After {self.n_labels} labels there is an alarm{when}."
            lines.append(f"  the probabilities are         {self.direction}")
        if self.since is not None:
            lines += [
                f"  probably since label          {self.since}",
                f"  mean probability from then on {self.confidence:.1%}",
                f"  frequency from then on        {self.frequency:.1%}",
            ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Return everything in a dictionary of plain values, ready for JSON."""
        return asdict(self)
