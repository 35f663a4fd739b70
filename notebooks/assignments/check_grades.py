"""List the grades, and what a teacher should look at: ``python check_grades.py [FOLDER]``.

Run it after ``nbgrader autograde`` and ``nbgrader export``. It reads grades.csv, release/,
submitted/ and autograded/ of the course folder, by default the one of this file, and changes
nothing. Its exit status is 1 where a submission was not graded.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from course import marked_cells

NOT_GRADED = "NOT GRADED, 0 points are not a result"


def main(course: Path) -> int:
    """Print what a teacher should look at; return 1 if a notebook was not graded."""
    with (course / "grades.csv").open(newline="", encoding="utf-8") as file:
        grades = {(row["student_id"], row["assignment"]): row for row in csv.DictReader(file)}
    n_not_graded = 0
    for folder in sorted((course / "submitted").glob("*/*/")):
        student, assignment = folder.parent.name, folder.name
        remarks = list(remarks_on(course, student, assignment))
        row = grades.get((student, assignment))
        if row is None:
            remarks = [f"{NOT_GRADED}: no line in grades.csv, run autograde and export"]
        points = f"{float(row['score']):g} of {float(row['max_score']):g}" if row else "-"
        n_not_graded += any(remark.startswith(NOT_GRADED) for remark in remarks)
        print(f"{assignment:32} {student:20} {points:10} {'; '.join(remarks)}".rstrip())
    return int(n_not_graded > 0)


def remarks_on(course: Path, student: str, assignment: str) -> Iterator[str]:
    """Yield what is unusual about a submitted notebook, one sentence at a time."""
    name = f"{assignment}.ipynb"
    submitted_file = course / "submitted" / student / assignment / name
    graded_file = course / "autograded" / student / assignment / name
    if not submitted_file.is_file():
        yield f"{NOT_GRADED}: the folder holds no {name}"
        return
    if not graded_file.is_file():
        yield f"{NOT_GRADED}: the log of nbgrader autograde tells why"
        return
    submitted = marked_cells(submitted_file)
    for cell_name, cell in marked_cells(course / "release" / assignment / name).items():
        if cell.metadata.nbgrader.locked and cell_name not in submitted:
            yield f"{cell_name} was deleted, and put back"
        elif cell.metadata.nbgrader.locked and submitted[cell_name].source != cell.source:
            yield f"{cell_name} was edited, and restored"
    for cell_name, cell in marked_cells(graded_file).items():
        errors = {output.ename for output in cell.get("outputs", ()) if "ename" in output}
        if "CellTimeoutError" in errors:
            yield f"{cell_name} took too long, and was stopped"
        elif errors & {"SyntaxError", "IndentationError", "TabError"}:
            yield f"{cell_name} is no valid Python"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent))
