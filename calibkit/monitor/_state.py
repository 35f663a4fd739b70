"""A check of saved states, so that no damaged one silences an alarm or breaks a later update."""

from typing import Any, get_args

import torch
from torch import Tensor

from calibkit.monitor._bets import Judged, bets_on
from calibkit.monitor._evidence import Evidence


def evidence_of(state: dict[str, Any]) -> Evidence:
    """Return the evidence that a state holds, or raise an error if the state is damaged."""
    judged, numbers = state["judged"], (state["n_classes"], state["alarm_at"])
    if judged not in {None, *get_args(Judged)} or not all(
        isinstance(number, int | None) for number in numbers
    ):
        raise ValueError(_DAMAGED.format(what=f"judged={judged!r} and the numbers {numbers}"))
    evidence = Evidence(bets_on(judged or "top"))
    own, found = evidence.state(), state["evidence"]
    if not isinstance(found, dict) or found.keys() != own.keys():
        raise ValueError(_DAMAGED.format(what=f"other evidence than {', '.join(own)}"))
    for name, value in found.items():
        if not _is_right(name, value, own[name]):
            raise ValueError(_DAMAGED.format(what=f"a wrong value of {name}"))
    evidence.load(found)
    return evidence


_DAMAGED = (
    "state must be what state_dict of a CalibrationMonitor returned, got {what}; save it again, or "
    "load another copy of it"
)


def _is_right(name: str, value: object, own: object) -> bool:
    """Return whether a value is of the kind of that of a new monitor, and no NaN."""
    if name == "suspicion":
        return value is None or (isinstance(value, tuple | list) and len(value) == 4)
    if isinstance(value, Tensor) and isinstance(own, Tensor):
        shapes = [
            tuple(part.shape[1:] if name == "points" else part.shape) for part in (value, own)
        ]
        alike = value.dtype == own.dtype and value.ndim == own.ndim and shapes[0] == shapes[1]
        return alike and not bool(torch.isnan(value).any())
    alike = type(value) is type(own)
    return alike and value == value and (name == "log_wealth" or value >= own)  # type: ignore[operator]  # noqa: PLR0124
