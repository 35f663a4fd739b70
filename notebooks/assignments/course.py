"""What several scripts of this folder need to know about the nbgrader course."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode


def marked_cells(path: Path) -> dict[str, NotebookNode]:
    """Return the cells of a notebook file that count for the grade, by their names."""
    return marked_cells_of(nbformat.read(path, as_version=4))


def marked_cells_of(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells of a notebook that count for the grade, by their names."""
    marked = (cell for cell in notebook.cells if "grade_id" in cell.metadata.get("nbgrader", {}))
    return {cell.metadata.nbgrader.grade_id: cell for cell in marked}
