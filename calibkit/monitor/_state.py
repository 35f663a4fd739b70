"""A check of saved states, so that no damaged one silences an alarm or breaks a later update."""

import math
from typing import Any, get_args

import torch
from torch import Tensor

from calibkit.monitor._bets import Direction, Judged, bets_on
from calibkit.monitor._evidence import Evidence


def evidence_of(state: dict[str, Any]) -> Evidence:
    """Return the evidence that a state holds, or raise an error if the state is damaged."""
    judged, numbers = state["judged"], (state["n_classes"], state["alarm_at"])
    is_known = isinstance(judged, str) and judged in get_args(Judged)
    if not (judged is None or is_known):
        raise ValueError(_DAMAGED.format(what=f"judged={judged!r}"))
    if not all(number is None or _is_integer(number) for number in numbers):
        raise ValueError(_DAMAGED.format(what=f"judged={judged!r} and the numbers {numbers}"))
    evidence = Evidence(bets_on(judged or "top"))
    own, found = evidence.state(), state["evidence"]
    if not isinstance(found, dict) or found.keys() != own.keys():
        raise ValueError(_DAMAGED.format(what=f"other evidence than {', '.join(own)}"))
    for name, value in found.items():
        if not _is_right(name, value, own[name]):
            raise ValueError(_DAMAGED.format(what=f"a wrong value of {name}"))
    evidence.load(found)
    for name in _contradictions(state, evidence):
        raise ValueError(_DAMAGED.format(what=f"a value of {name} that contradicts the evidence"))
    return evidence


_DAMAGED = (
    "state must be what state_dict of a CalibrationMonitor returned, got {what}; save it again, or "
    "load another copy of it"
)


def _contradictions(state: dict[str, Any], evidence: Evidence) -> list[str]:
    """Return the names of what cannot be true of a monitor with this evidence."""
    is_begun = evidence.n > 0
    is_alarm = evidence.log_peak >= -math.log(state["options"]["alpha"])
    alarm_at, suspicion = state["alarm_at"], evidence.suspicion
    consistent = {
        "judged": (state["judged"] is not None) == is_begun,
        "n_classes": (state["n_classes"] is not None) == is_begun,
        "alarm_at": 0 < alarm_at <= evidence.n if alarm_at is not None else not is_alarm,
        "log_peak": is_alarm or alarm_at is None,
        "suspicion": suspicion is not None or not is_alarm,
    }
    return [name for name, is_so in consistent.items() if not is_so]


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_suspicion(value: object) -> bool:
    """Return whether a value holds a direction, the index of a label, and two shares."""
    if not isinstance(value, tuple | list) or len(value) != 4:
        return False
    direction, since, *shares = value
    is_known = isinstance(direction, str) and direction in get_args(Direction)
    # A mean may leave [0, 1] by a rounding error.
    right_shares = all(isinstance(share, float) and abs(share - 0.5) < 0.5001 for share in shares)
    return is_known and _is_integer(since) and since >= 0 and right_shares


def _is_right(name: str, value: object, own: object) -> bool:
    """Return whether a value is of the kind of that of a new monitor, and no NaN."""
    if name == "suspicion":
        return value is None or _is_suspicion(value)
    if isinstance(value, Tensor) and isinstance(own, Tensor):
        shapes = [
            tuple(part.shape[1:] if name == "points" else part.shape) for part in (value, own)
        ]
        alike = value.dtype == own.dtype and value.ndim == own.ndim and shapes[0] == shapes[1]
        return alike and not bool(torch.isnan(value).any())
    alike = type(value) is type(own)
    return alike and value == value and (name == "log_wealth" or value >= own)  # type: ignore[operator]  # noqa: PLR0124
