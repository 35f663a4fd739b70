"""Checks of the options of a monitor."""

from collections.abc import Mapping
from typing import get_args

from calibkit._checks import check_choice, check_not_negative, check_number
from calibkit.monitor._bets import Judged
from calibkit.monitor._samples import Input


def _check_alpha(value: object) -> float:
    advice = "0.05 allows one false alarm in 20 streams"
    return check_number(value, "alpha", low=0, high=1, advice=advice)


def _check_tolerance(value: object) -> float:
    advice = "0.02 accepts errors of 2 points, and 0 accepts none"
    return check_not_negative(value, "tolerance", high=0.5, advice=advice)


def _check_of(value: object) -> object:
    if value is not None:
        check_choice(value, "of", get_args(Judged))
    return value


def _check_input(value: object) -> object:
    check_choice(value, "input", get_args(Input))
    return value


OPTION_CHECKS = {
    "alpha": _check_alpha,
    "tolerance": _check_tolerance,
    "of": _check_of,
    "input": _check_input,
}


def check_together(options: Mapping[str, object]) -> None:
    """Raise an error if options that are right on their own exclude each other."""
    if options.get("of") == "all" and options.get("tolerance"):
        raise ValueError(
            f'tolerance must be 0 with of="all", got {options["tolerance"]!r}; judge of="top" '
            "to accept small errors"
        )
