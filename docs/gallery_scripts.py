"""Writes the scripts that sphinx-gallery runs: a page for each lesson, and one for its solutions.

They come from the scripts in docs/lessons. Cells that need the network are shown without being run.
"""

from pathlib import Path
from textwrap import indent

import jupytext
from lesson_source import (
    LESSONS,
    NETWORK,
    lesson_cells,
    number,
    scripts,
    solution_cells,
    tags,
    title,
)
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

GALLERY = Path(__file__).parent / "generated" / "gallery"


def shown(cell: NotebookNode) -> NotebookNode:
    """Return a cell as the page shows it."""
    if cell.cell_type == "code" and NETWORK in tags(cell):
        return new_markdown_cell(f".. code-block:: python\n\n{indent(cell.source, '   ')}")
    return cell


def page_script(cells: list[NotebookNode]) -> str:
    """Return cells as a script whose first cell is its docstring."""
    cells = [shown(cell) for cell in cells]
    cells[0].metadata.setdefault("cell_marker", '"""')
    return jupytext.writes(new_notebook(cells=cells), fmt="py:percent")


def solutions_top(notebook: NotebookNode, stem: str) -> NotebookNode:
    """Return the first cell of the page of solutions."""
    heading = f"{number(stem)} {title(notebook)}"
    return new_markdown_cell(
        f"{heading}\n{'=' * len(heading)}\n\n"
        f"These are the exercises of :doc:`/auto_lessons/{stem}` with their solutions. The code\n"
        "above them is what the answers need from the lesson."
    )


def write_if_new(path: Path, text: str) -> None:
    """Write a file, unless it says the same already: sphinx-gallery runs what has changed."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_gallery_scripts() -> None:
    """Write the scripts of both galleries."""
    header = (LESSONS / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    write_if_new(GALLERY / "lessons" / "GALLERY_HEADER.rst", header)
    write_if_new(GALLERY / "solutions" / "GALLERY_HEADER.rst", header)
    for script in scripts():
        notebook = jupytext.read(script)
        write_if_new(GALLERY / "lessons" / script.name, page_script(lesson_cells(notebook)))
        cells = [solutions_top(notebook, script.stem), *solution_cells(notebook)]
        write_if_new(GALLERY / "solutions" / f"{script.stem}_solutions.py", page_script(cells))
