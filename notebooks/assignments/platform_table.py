"""Read a csv file that a learning platform wrote, and write it back in the same form."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from spreadsheet import as_written, harmless

BOM = "\ufeff"
# Students choose these names, and no platform reads them back. All other cells stay as they came.
NAMES = ("Student", "LastName", "FirstName", "Full name")


@dataclass
class Table:
    """A csv file of a platform, with what must be the same when it goes back."""

    header: list[str]
    rows: list[dict[str, str]]
    delimiter: str
    begins_with_bom: bool

    def number(self, value: float) -> str:
        """Write a number as the file does: with two decimals at most, and a point or a comma."""
        text = f"{value:.2f}".rstrip("0").rstrip(".")
        cells = (row[column] or "" for row in self.rows for column in self.header)
        has_comma = any(re.fullmatch(r"\d+,\d+", cell) for cell in cells)
        return text.replace(".", ",") if has_comma else text

    def write(self, path: Path) -> None:
        """Write the columns of the header."""
        text = StringIO()
        writer = csv.DictWriter(
            text, self.header, delimiter=self.delimiter, extrasaction="ignore", restval=""
        )
        writer.writeheader()
        writer.writerows(_with_names(row, harmless) for row in self.rows)
        encoding = "utf-8-sig" if self.begins_with_bom else "utf-8"
        path.write_text(text.getvalue(), encoding=encoding, newline="")


def read_table(path: Path, needed: list[str], hint: str) -> Table:
    """Read a csv file whose header has the needed columns, whatever separates them."""
    if not path.is_file():
        raise SystemExit(f"There is no file {path}. {hint}")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise SystemExit(
            f"{path.name} is not in UTF-8. Use the file as it was downloaded, because a "
            f"spreadsheet program can change it. {hint}"
        ) from None
    for delimiter in (",", ";", "\t"):
        reader = csv.DictReader(StringIO(text.removeprefix(BOM), newline=""), delimiter=delimiter)
        header = list(reader.fieldnames or ())
        if set(needed) <= set(header):
            rows = [_with_names(row, as_written) for row in reader]
            return Table(header, rows, delimiter, text.startswith(BOM))
    raise SystemExit(
        f"{path.name} needs the columns {', '.join(needed)}, but its first line is "
        f"{text.removeprefix(BOM).partition(chr(10))[0].strip()[:200]!r}. {hint}"
    )


def _with_names(row: dict[str, str], change: Callable[[str], str]) -> dict[str, str]:
    return {**row, **{name: change(row[name]) for name in NAMES if row.get(name)}}
