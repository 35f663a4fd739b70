"""When an assignment was due, when it was handed in, and what handing it in late costs.

The file due.csv of the course folder has one line for each assignment that has a due date::

    assignment,due,percent_per_day,latest
    ps1_temperature_scaling,2026-03-06T23:59+01:00,10,2026-03-13T23:59+01:00

Each day that has begun after ``due`` costs ``percent_per_day`` of the points that the assignment
has. After ``latest``, which may be empty, all points are lost.
"""

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbgrader.utils import parse_utc

COLUMNS = ["assignment", "due", "percent_per_day", "latest"]


@dataclass(frozen=True)
class DueDate:
    """The due date of one assignment, and its rule for late work."""

    due: datetime
    percent_per_day: float
    latest: datetime | None

    def percent_lost(self, handed_in: datetime) -> float:
        """Return the percentage of the possible points that this time costs."""
        if handed_in <= self.due:
            return 0.0
        if self.latest is not None and handed_in > self.latest:
            return 100.0
        days = math.ceil((handed_in - self.due) / timedelta(days=1))
        return min(100.0, days * self.percent_per_day)


def due_date(course: Path, assignment: str) -> DueDate | None:
    """Read the line of an assignment in due.csv; None where there is no such line or file."""
    path = course / "due.csv"
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise SystemExit(
                f"due.csv begins with {reader.fieldnames}, but its first line must be "
                f"{','.join(COLUMNS)}"
            )
        rows = [row for row in reader if row["assignment"] == assignment]
    if len(rows) > 1:
        raise SystemExit(f"due.csv has {len(rows)} lines for {assignment}. Keep one of them.")
    return _parsed(rows[0]) if rows else None


def _parsed(row: dict[str, str]) -> DueDate:
    try:
        percent = float(row["percent_per_day"])
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:
        raise SystemExit(
            f"due.csv has percent_per_day {row['percent_per_day']!r} for {row['assignment']}, "
            "but a number from 0 to 100 is expected."
        )
    latest = _time(row["latest"], row["assignment"]) if row["latest"] else None
    return DueDate(_time(row["due"], row["assignment"]), percent, latest)


def _time(text: str, assignment: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise SystemExit(
            f"due.csv has the time {text!r} for {assignment}, but a time with its zone is "
            "expected, such as 2026-03-06T23:59+01:00."
        )
    return time


def handed_in(course: Path, student: str, assignment: str) -> datetime | None:
    """Return the time in timestamp.txt of a submission, which nbgrader writes; None if unknown."""
    path = course / "submitted" / student / assignment / "timestamp.txt"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8").strip()
    try:
        return parse_utc(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise SystemExit(
            f"{path} holds {text!r}, but a time such as 2026-03-06 22:59:00 UTC is expected. "
            "Write the right time into it, or delete the file."
        ) from error
