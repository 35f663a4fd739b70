"""Make the notebooks of all lessons, or of ``20 30``, with their solutions.

Run it with ``python docs/make_notebooks.py``. With ``--prose`` it keeps the outputs and renews only
the text, which takes a second if the code has not changed. A lesson's script is its only source:
what a notebook has beyond it (the quiz, the links to its neighbours and to the solutions) is added
here.
"""

import base64
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from lesson_source import (
    NETWORK,
    NOTEBOOKS,
    QUIZ_TOP,
    code_cells,
    figures,
    is_heading,
    lesson_cells,
    number,
    scripts,
    solution_cells,
    tags,
    title,
)
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SOLUTIONS = NOTEBOOKS / "solutions"
README_FIGURE = Path(__file__).parent / "_static" / "one_number.png"
README_FIGURE_TITLE = "One number brings the confidence close to the accuracy"
IGNORED = "nbval-ignore-output"  # what jupyterquiz shows differs each time, and without it too


def readme_figure(notebook: NotebookNode) -> bytes:
    """Return the figure of the first lesson that the README also shows."""
    (cell,) = (cell for cell in notebook.cells if f'"{README_FIGURE_TITLE}"' in cell.source)
    (image,) = figures(cell)
    return base64.b64decode(image)


def quiz_cells(script: Path) -> list[NotebookNode]:
    """Return the heading of the quiz and the cell that shows it."""
    source = f"calibkit.check_yourself({number(script)})"
    return [
        new_markdown_cell(QUIZ_TOP),
        new_code_cell(source, metadata={"tags": [IGNORED]}),
    ]


def link(script: Path, folder: str = "") -> str:
    """Return a link to the notebook of a script, named by the lesson's title."""
    return f"[{number(script)} {title(jupytext.read(script))}]({folder}{script.stem}.ipynb)"


def neighbours(script: Path) -> NotebookNode:
    """Return the last cell of a lesson: links to the lessons before and after it."""
    course = scripts()
    place = course.index(script)
    lines = []
    if place > 0:
        lines.append(f"- Previous lesson: {link(course[place - 1])}")
    if place < len(course) - 1:
        lines.append(f"- Next lesson: {link(course[place + 1])}")
    lines.append(f"- [Solutions of the exercises](solutions/{script.stem}.ipynb)")
    return new_markdown_cell("\n".join(["Where to go from here", "-" * 21, "", *lines]))


def with_link_to_solutions(cell: NotebookNode, script: Path) -> NotebookNode:
    """Return the first cell of the exercises, with a link below its heading."""
    heading, line, *rest = cell.source.split("\n")
    sentence = (
        "Write your answers into the cells. A check below each of them tells you what it found. "
        f"The solutions are in [a notebook of their own](solutions/{script.stem}.ipynb)."
    )
    return new_markdown_cell("\n".join([heading, line, "", sentence, *rest]))


def lesson(script: Path) -> NotebookNode:
    """Return the notebook of a lesson, not yet executed."""
    cells = []
    for cell in lesson_cells(jupytext.read(script)):
        if is_heading(cell, "Exercises"):
            cells += [*quiz_cells(script), with_link_to_solutions(cell, script)]
        else:
            cells.append(cell)
    return notebook_of([*cells, neighbours(script)])


def solutions(script: Path) -> NotebookNode:
    """Return the notebook of a lesson's solutions, not yet executed."""
    source = jupytext.read(script)
    heading = f"Solutions: {title(source)}"
    top = f"""{heading}
{"=" * len(heading)}

These are the exercises of {link(script, "../")}, each with an answer and what it shows. The first
cells repeat what the answers need from the lesson."""
    return notebook_of([new_markdown_cell(top), *solution_cells(source)])


def notebook_of(cells: list[NotebookNode]) -> NotebookNode:
    """Return a notebook of these cells, in which each has the number of its place as its name."""
    for place, cell in enumerate(cells):
        cell.id = f"cell-{place:03}"
        names = sorted(tags(cell))  # the rest of its metadata is how the script writes the cell
        if NETWORK in names:
            names.append("nbval-skip")
        cell.metadata = NotebookNode({"tags": names} if names else {})
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run a notebook without the network, and keep nothing that differs on another machine."""
    # timings and the moments at which a cell prints would make every execution a change
    NotebookClient(
        notebook,
        record_timing=False,
        coalesce_streams=True,
        skip_cells_with_tag=NETWORK,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    del notebook.metadata["language_info"]  # the version of this Python
    for cell in notebook.cells:
        if IGNORED in tags(cell):
            cell.outputs = []


def take_outputs(notebook: NotebookNode, path: Path) -> None:
    """Fill in the outputs of the notebook on disk, whose code must be the same."""
    stored = code_cells(nbformat.read(path, as_version=4))
    if [cell.source for cell in stored] != [cell.source for cell in code_cells(notebook)]:
        raise SystemExit(f"{path}: the code has changed, so make this notebook without --prose")
    for cell, known in zip(code_cells(notebook), stored, strict=True):
        cell.outputs, cell.execution_count = known.outputs, known.execution_count


def write_notebooks(script: Path, *, only_prose: bool) -> None:
    """Make, execute and write both notebooks of a lesson."""
    SOLUTIONS.mkdir(exist_ok=True)
    for notebook, folder in ((lesson(script), NOTEBOOKS), (solutions(script), SOLUTIONS)):
        path = folder / f"{script.stem}.ipynb"
        if only_prose:
            take_outputs(notebook, path)
        else:
            execute(notebook, folder)
        nbformat.write(notebook, path)
        if script.stem == "10_temperature_scaling" and folder == NOTEBOOKS:
            README_FIGURE.write_bytes(readme_figure(notebook))


if __name__ == "__main__":
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    numbers = [argument for argument in sys.argv[1:] if argument != "--prose"]
    for script in scripts():
        if not numbers or str(number(script)) in numbers:
            write_notebooks(script, only_prose="--prose" in sys.argv)
