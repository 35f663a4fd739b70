"""What the cells of a table seem to mean that hold no number."""

import re

from calibkit import _sentences
from calibkit._command_line.named_numbers import is_number

_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?", re.IGNORECASE)
# How programs write that a cell is empty.
_MISSING = re.compile(
    r"|na|n/a|n\. ?a\.|<na>|null|none|missing|unknown|-|--|\?|\.|#[a-z]+[!?]|#(n|div)/[a0]!?",
    re.IGNORECASE,
)
# A column of percentages holds no names of classes.
_PERCENTAGE = re.compile(r"[+-]?[\d.,]+\s?%")
_ADVICE_ON_CELLS = {
    re.compile(r"\[.*"): _sentences.A_LIST,
    _PERCENTAGE: _sentences.WRITE_SHARES,
    re.compile(r"[<>\u2264\u2265].*\d.*"): _sentences.NO_BOUNDS,
    re.compile(r"[\u2212\u2013]\s?[\d.,]+"): _sentences.WRITE_HYPHENS,
    re.compile(
        r"""
        [+-]?\d{1,3}(
            (\.\d{3})+,\d* | (,\d{3})+\.\d* | (\.\d{3}){2,} | (,\d{3}){2,}
            | ([\s'\u2019]\d{3})+([.,]\d*)?
        )
        """,
        re.VERBOSE,
    ): _sentences.NO_THOUSANDS,
}


def advice_on(cell: str, has_decimal_commas: bool) -> str:
    """Return what to do about a cell that holds no number."""
    advice = "name the columns of scores with --score-names"
    if _MISSING.fullmatch(cell.strip()):
        return _sentences.FILL_IN.format(advice=advice)
    for pattern, known in _ADVICE_ON_CELLS.items():
        if pattern.fullmatch(cell.strip()):
            return known.format(advice=advice)
    if is_number(cell):
        return _sentences.ONE_POINT  # Elsewhere in the file, a comma is the decimal point.
    is_decimal = not has_decimal_commas and is_with_comma(cell)
    return _sentences.WRITE_POINTS if is_decimal else _sentences.CORRECT.format(advice=advice)


def is_percentage(cell: str) -> bool:
    return _PERCENTAGE.fullmatch(cell) is not None


def is_unseparated(cell: str) -> bool:
    """Say whether a cell holds several numbers or words, of which one has a decimal point."""
    parts = re.split(r"[\s|:]+", cell.strip())
    return len(parts) > 1 and any("." in part and is_number(part) for part in parts)


def is_with_comma(cell: str) -> bool:
    return "," in cell and _DECIMAL_COMMA.fullmatch(cell.strip()) is not None
