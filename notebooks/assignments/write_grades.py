"""Write the points of all students into grades.csv: ``python write_grades.py [FOLDER]``.

``grade.py`` does so, too. Run this after you have given points by hand. It reads the course folder,
by default the one of this file. The columns tell the points by machine and by hand, those that
still wait for a person, and the penalty for handing in late. Remarks, such as a time that is not
known, are also printed.
"""

import sys
from pathlib import Path

import spreadsheet
from check_grades import EARLIER_POINTS, NOT_GRADED, printable
from course import Version, graded_version
from points import COLUMNS, points_of_class


def rows_of(course: Path) -> list[dict[str, object]]:
    """Return a row for everybody who has handed in something."""
    rows: list[dict[str, object]] = []
    for assignment in sorted(folder.name for folder in (course / "source").glob("*/")):
        handed_in = {folder.parent.name for folder in course.glob(f"submitted/*/{assignment}/")}
        if not handed_in:
            continue
        of_class = points_of_class(course, assignment)
        found = {student: points.row() for student, points in of_class.items()}
        for student in handed_in - found.keys():
            is_earlier = graded_version(course, assignment, student) is Version.EARLIER
            remark = f"{NOT_GRADED}: {EARLIER_POINTS}" if is_earlier else NOT_GRADED
            found[student] = {"student": student, "remarks": remark}
        rows += [{"assignment": assignment, **found[student]} for student in sorted(found)]
    return rows


def write_grades(course: Path, rows: list[dict[str, object]] | None = None) -> Path:
    """Write grades.csv, by default with the rows of this course."""
    path = course / "grades.csv"
    spreadsheet.write(path, ("assignment", *COLUMNS), rows_of(course) if rows is None else rows)
    return path


def print_remarks(rows: list[dict[str, object]]) -> None:
    """Print what grades.csv remarks, such as who was late. grade.py has said most of it before."""
    for row in rows:
        if row["remarks"]:
            print(printable(f"{row['assignment']} {row['student']}: {row['remarks']}"))


if __name__ == "__main__":
    here = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
    rows = rows_of(here)
    print_remarks(rows)
    print(f"wrote {write_grades(here, rows)}")
