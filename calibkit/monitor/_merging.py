"""The evidence of several monitors together."""

import math

import numpy as np

from calibkit.monitor._evidence import Evidence
from calibkit.monitor.report import MonitorReport


def merged_report(evidences: list[Evidence], alpha: float) -> MonitorReport:
    """Return what monitors of different samples say together.

    Each bet has a wealth in every monitor. Half of it is taken as if it were a bet on all monitors,
    which is the product, and half as if it were a bet on one of them, which is the mean.
    """
    # A monitor without a label has the wealth 1, which a product and a mean may leave out.
    seen = [evidence for evidence in evidences if evidence.n] or evidences[:1]
    of_bets = np.stack([evidence.log_wealth_of_bets() for evidence in seen])
    product, mean = of_bets.sum(0), np.logaddexp.reduce(of_bets, axis=0) - math.log(len(seen))
    merged = np.logaddexp(product, mean) - math.log(2)
    log_e_value = float(np.logaddexp.reduce(seen[0].log_shares + merged))
    alarm = log_e_value >= -math.log(alpha)
    return MonitorReport(
        n_labels=sum(evidence.n for evidence in seen),
        alarm=alarm,
        alarm_at=None,
        log_e_value=log_e_value,
        p_value=math.exp(-max(log_e_value, 0.0)),
        direction=seen[0].direction_of(merged) if alarm else None,
        since=None,
        confidence=None,
        frequency=None,
    )


def check_alike(monitors: list[tuple[dict[str, object], str | None]]) -> None:
    """Raise an error if monitors, of which the options and what is judged are given, differ."""
    if not monitors:
        raise ValueError("monitors are empty; pass one monitor or more")
    first = monitors[0][0]
    other = next((options for options, _ in monitors if options != first), None)
    if other is not None:
        raise ValueError(
            f"monitors must have the same options, got {first} and {other}; merge the monitors of "
            "one model"
        )
    judged = sorted({of for _, of in monitors if of is not None})
    if len(judged) > 1:
        raise ValueError(
            "monitors must judge the same probability, got "
            f"{' and '.join(map(repr, judged))}; merge the monitors of one model"
        )
