"""What several scripts of this folder need to know about the nbgrader course."""

import re
import sys
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
    **dict.fromkeys(("SyntaxError", "IndentationError", "TabError"), "is no valid Python."),
}
HEADING = re.compile(r"^## (Question \d+: .*?)(?: \(\d+ points?\))?$", re.MULTILINE)


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
