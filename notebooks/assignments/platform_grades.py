"""Fill the grades of an assignment into a file that Canvas or Moodle gave you.

``python platform_grades.py ps1_temperature_scaling --canvas gradebook_export.csv`` or
``python platform_grades.py ps1_temperature_scaling --moodle grading_worksheet.csv``

It writes two files into the course folder and changes nothing else. One is for the platform. The
other, ``points_ASSIGNMENT.csv``, is for you: it tells how each grade came about, with the penalty
for late work in a column of its own. Students whose written answers nobody has graded yet keep the
cell that they had on the platform. Everybody who was not found there is named.
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import spreadsheet
from platform_table import Table, read_table
from points import COLUMNS, Points, points_of_class

HERE = Path(__file__).resolve().parent
NO_NUMBERS = {"EX", "N/A"}  # Canvas: the student is excused, or need not hand in
# Canvas takes any other column for an assignment, and an old export would undo newer grades in it
CANVAS_COLUMNS = {
    *("Student", "LastName", "FirstName", "ID", "SIS User ID", "SIS Login ID"),
    *("Integration ID", "Root Account", "Section"),
}
CANVAS_NAMES = ("ID", "SIS User ID", "SIS Login ID", "Student")
MOODLE_NAMES = ("Identifier", "Full name", "Username", "ID number", "Email address")


def plain(text: str) -> str:
    """Keep letters and digits, in lower case: "Doe, Jane" gives "doejane"."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def number_of(identifier: str) -> str:
    """Return the number of an id: "Participant 12345" is 12345 in the names of Moodle's files."""
    return identifier.strip().removeprefix("Participant ")


def names_in(row: dict[str, str], columns: Iterable[str]) -> set[str]:
    """Return all that could be a student's folder name in one row of a platform's file."""
    cells = [row.get(column) or "" for column in columns]
    turned = [" ".join(reversed(cell.split(","))) for cell in cells if "," in cell]
    logins = [cell.partition("@")[0] for cell in cells if "@" in cell]
    return {plain(name) for name in (*cells, *turned, *logins)} - {""}


def match(
    everyone: dict[str, Points], rows: list[dict[str, str]], id_column: str, names: Iterable[str]
) -> Iterator[tuple[Points, dict[str, str]]]:
    """Yield each student with the one row that is theirs; remark on those without such a row."""
    by_id = {number_of(row[id_column] or ""): [place] for place, row in enumerate(rows)}
    by_name: dict[str, list[int]] = defaultdict(list, {name: [*row] for name, row in by_id.items()})
    for place, row in enumerate(rows):
        for name in names_in(row, names):
            by_name[name] = sorted({*by_name[name], place})
    claims: dict[int, list[Points]] = defaultdict(list)
    for points in everyone.values():
        if points.platform_id:
            found = by_id.get(number_of(points.platform_id), [])
            sought = f"id {points.platform_id}"
        else:
            found, sought = by_name[plain(points.student)], f"name or login {points.student!r}"
        if len(found) == 1:
            claims[found[0]].append(points)
        else:
            points.remarks.append(
                f"NOT MATCHED: {len(found) or 'no'} rows of the platform have the {sought}"
            )
    for place, claimants in claims.items():
        if len(claimants) == 1:
            yield claimants[0], rows[place]
            continue
        for points in claimants:
            others = ", ".join(other.student for other in claimants if other is not points)
            points.remarks.append(f"NOT MATCHED: {others} would get the same row of the platform")


def fill(table: Table, column: str, row: dict[str, str], points: Points, so_far: bool) -> None:
    """Write the grade of one student into their row, unless it waits for a person."""
    old = (row.get(column) or "").strip()
    if points.pending and not so_far:
        points.remarks.append("PENDING: a written answer is not graded yet")
    elif old in NO_NUMBERS:
        points.remarks.append(f"the platform says {old!r}, and this stays")
    else:
        row[column] = table.number(points.total)
        if points.pending:
            points.remarks.append("a written answer is not graded yet; these are the points so far")


def fill_canvas(
    path: Path, everyone: dict[str, Points], assignment: str, column: str | None, so_far: bool
) -> Table:
    """Fill an export of Canvas' gradebook."""
    hint = "In Canvas, choose Grades, Export, Export Entire Gradebook, and use that file."
    table = read_table(path, ["ID", "Section"], hint)
    name_column = "Student" if "Student" in table.header else "LastName"
    column = canvas_column(table.header, column or assignment, path.name)
    for row in table.rows:
        if "Points Possible" in (row[name_column] or ""):
            require_points(row[column], everyone, path.name)
    students = [row for row in table.rows if (row["ID"] or "").strip().isdigit()]
    table.header = [name for name in table.header if name in CANVAS_COLUMNS or name == column]
    for points, row in match(everyone, students, "ID", CANVAS_NAMES):
        points.platform_id = row["ID"]
        fill(table, column, row, points, so_far)
    return table


def canvas_column(header: list[str], name: str, file: str) -> str:
    """Find the column "name (id)" of an assignment."""
    columns = [column for column in header if re.search(r" \(\d+\)$", column)]
    wanted = plain(name)
    found = [c for c in columns if wanted in {plain(c), plain(re.sub(r" \(\d+\)$", "", c))}]
    if len(found) != 1:
        raise SystemExit(
            f"{len(found) or 'No'} columns of {file} are named {name!r}. Name the right one with "
            f"--column. The assignments in this file are: {', '.join(columns) or 'none'}."
        )
    return found[0]


def fill_moodle(path: Path, everyone: dict[str, Points], so_far: bool) -> Table:
    """Fill a grading worksheet of Moodle."""
    hint = (
        "In Moodle, set your language to English, open the assignment, and choose Submissions, "
        "Download grading worksheet."
    )
    table = read_table(path, ["Identifier", "Grade", "Last modified (grade)"], hint)
    for row in table.rows[:1]:
        require_points(row.get("Maximum grade") or "", everyone, path.name)
    for points, row in match(everyone, table.rows, "Identifier", MOODLE_NAMES):
        points.platform_id = row["Identifier"]
        fill(table, "Grade", row, points, so_far)
        if "Feedback comments" in table.header and points.penalty:
            told = (
                f"{table.number(points.reached)} points for the answers, "
                f"minus {table.number(points.penalty)} for handing in late."
            )
            comment = row["Feedback comments"] or ""
            if told not in comment:
                row["Feedback comments"] = f"{comment} {told}".strip()
    return table


def require_points(cell: str, everyone: dict[str, Points], file: str) -> None:
    """Stop if the platform gives the assignment other points than the notebook."""
    possible = max((points.possible for points in everyone.values()), default=0)
    number = (cell or "").replace(",", ".").strip()
    is_number = re.fullmatch(r"\d+(\.\d+)?", number)
    if is_number and everyone and float(number) != possible:
        raise SystemExit(
            f"{file} says that the assignment has {number} points, but the notebook has "
            f"{possible:g}. Set {possible:g} points on the platform, and export the file again."
        )


def main(arguments: list[str] | None = None) -> int:
    """Write both files, and print what a teacher should know; return 1 if a student is missing."""
    options = parsed(arguments)
    course, assignment = options.course, options.assignment
    everyone = points_of_class(course, assignment, is_for_canvas=bool(options.canvas))
    if options.canvas:
        so_far, column = options.points_so_far, options.column
        table = fill_canvas(options.canvas, everyone, assignment, column, so_far)
    else:
        table = fill_moodle(options.moodle, everyone, options.points_so_far)
    platform = "canvas" if options.canvas else "moodle"
    filled = course / f"{platform}_{assignment}.csv"
    table.write(filled)
    rows = [points.row() for points in everyone.values()]
    spreadsheet.write(course / f"points_{assignment}.csv", COLUMNS, rows)
    return report(course, assignment, everyone, filled)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("assignment")
    platform = parser.add_mutually_exclusive_group(required=True)
    platform.add_argument("--canvas", type=Path, metavar="EXPORT", help="gradebook export")
    platform.add_argument("--moodle", type=Path, metavar="WORKSHEET", help="grading worksheet")
    parser.add_argument(
        "--column", help="name of the assignment in Canvas, if it differs from ASSIGNMENT"
    )
    parser.add_argument(
        "--points-so-far",
        action="store_true",
        help="also upload the points of students whose written answers are not graded yet",
    )
    parser.add_argument("--course", type=Path, default=HERE, help="course folder")
    return parser.parse_args(arguments)


def report(course: Path, assignment: str, everyone: dict[str, Points], filled: Path) -> int:
    """Print the remarks; return 1 if a student who handed in gets no grade from the file."""
    handed = {folder.parent.name for folder in (course / "submitted").glob(f"*/{assignment}/")}
    lost = sorted(handed - everyone.keys())
    n_missing = len(lost) + sum("NOT MATCHED" in "".join(p.remarks) for p in everyone.values())
    n_pending = sum(points.pending > 0 for points in everyone.values())
    n_empty = sum("PENDING" in "".join(p.remarks) for p in everyone.values()) + n_missing
    for points in sorted(everyone.values(), key=lambda points: points.student):
        for remark in points.remarks:
            print(f"{points.student}: {remark}")
    for student in lost:
        print(f"{student}: NOT GRADED, and no grade is uploaded")
    print(
        f"Students: {len(everyone) + len(lost)}. Waiting for a grade by hand: {n_pending}. "
        f"Not matched or not graded: {n_missing}. {filled.name} holds the grades of "
        f"{len(everyone) + len(lost) - n_empty} students. "
        f"points_{assignment}.csv tells how each grade came about."
    )
    return int(n_missing > 0)


if __name__ == "__main__":
    sys.exit(main())
