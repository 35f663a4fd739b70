"""What several scripts of this folder need to know about the nbgrader course."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode


def marked_cells(path: Path) -> dict[str, NotebookNode]:
    """Return the cells of a notebook that count for the grade, by their names."""
    cells = nbformat.read(path, as_version=4).cells
    marked = (cell for cell in cells if "grade_id" in cell.metadata.get("nbgrader", {}))
    return {cell.metadata.nbgrader.grade_id: cell for cell in marked}
