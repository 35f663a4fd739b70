"""Read and write the csv files of a course, which a teacher may open in a spreadsheet program."""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# A spreadsheet program runs a cell that begins like this. Students choose their own names.
FORMULA = re.compile(r"'*[=+\-@\t\r]")


def harmless(text: str) -> str:
    """Put an apostrophe in front of a text that a spreadsheet program would run as a formula."""
    return f"'{text}" if _is_formula(text) else text


def as_written(text: str) -> str:
    """Take away the apostrophe that ``harmless`` has put in front."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def write(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write rows that harm nobody who opens them, with the mark by which Excel knows UTF-8."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows({column: harmless(row[column]) for column in row} for row in rows)


def read(path: Path) -> list[dict[str, str]]:
    """Read the rows of a file that ``write`` or a spreadsheet program wrote; none without it."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return [{column: as_written(row[column] or "") for column in row if column} for row in rows]


def _is_formula(text: str) -> bool:
    if not FORMULA.match(text):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
