"""What several scripts of this folder need to know about the nbgrader course."""

import re
import sys
from enum import Enum
from pathlib import Path

import nbformat
from nbformat import NotebookNode

PYTHON = Path(sys.executable).absolute()  # It may have been called by a relative path.
# nbgrader puts these files beside a notebook that was handed in through the shared folder.
OF_SHARED_FOLDER = ("timestamp.txt", "submission_secret.txt")
# The names of two errors that sandbox.py gives to cells.
TOOK_TOO_LONG, DIED = "CellTimeoutError", "DeadKernelError"
# What happened to a cell that did not come to its end, by the name of its error. The sentence
# begins with the cell or the answer.
ENDINGS = {
    TOOK_TOO_LONG: "took too long, and was stopped.",
    DIED: "ended the program.",
    **dict.fromkeys(("SyntaxError", "IndentationError", "TabError"), "is not valid Python."),
}
GRADED = "Graded "  # begins the last line of the log of a notebook that was graded
HEADING = re.compile(r"^## (Question \d+: .*?)(?: \(\d+ points?\))?$", re.MULTILINE)


class Version(Enum):
    """Which version of a student's notebook was graded last."""

    NONE = "none"
    EARLIER = "an earlier one, because the newest could not be graded"
    NEWEST = "the newest"


def graded_version(course: Path, assignment: str, student: str) -> Version:
    """Return which version of a notebook the graded notebook and the gradebook tell of.

    The points of an earlier one count nowhere, because nobody may take them for those of the
    newest.
    """
    if not graded_notebook(course, assignment, student).is_file():
        return Version.NONE
    log = log_of(course, assignment, student)
    if not log.is_file():  # of a notebook that nbgrader graded without grade.py
        return Version.NEWEST
    last_line = log.read_text(encoding="utf-8").rpartition("\n")[0].rpartition("\n")[2]
    return Version.NEWEST if last_line.startswith(GRADED) else Version.EARLIER


def graded_notebook(course: Path, assignment: str, student: str) -> Path:
    """Return the graded notebook of a student."""
    return course / "autograded" / student / assignment / f"{assignment}.ipynb"


def log_of(course: Path, assignment: str, student: str) -> Path:
    """Return what grade.py wrote about a student."""
    return course / "logs" / assignment / f"{student}.log"


def marked_cells(path: Path) -> dict[str, NotebookNode]:
    """Return the cells of a notebook file that count for the grade, by their names."""
    return marked_cells_of(nbformat.read(path, as_version=4))


def marked_cells_of(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells of a notebook that count for the grade, by their names."""
    marked = (cell for cell in notebook.cells if "grade_id" in cell.metadata.get("nbgrader", {}))
    return {cell.metadata.nbgrader.grade_id: cell for cell in marked}


def questions(notebook: NotebookNode) -> dict[str, str]:
    """Return the question of each marked cell: its heading without the points."""
    headings, heading = {}, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = next(iter(HEADING.findall(cell.source)), heading)
        if "grade_id" in cell.metadata.get("nbgrader", {}):
            headings[cell.metadata.nbgrader.grade_id] = heading
    return headings
