"""What the tags in a lesson's script mean: one script holds a lesson, its solutions and its slides.

- ``setup``: the solutions need what this cell defines.
- ``answer``: the learner writes an answer here, which the solutions replace.
- ``solution``: an answer or its discussion, which only the solutions show.
- ``check``: this cell looks at the answer above it.
- ``wrong``: answers that the check must refuse; only the tests read them.
- ``slide``: a slide with what the teacher says about it; only the slides show it.
- ``network``: this cell downloads something. Readers and the weekly run execute it, nothing else.
- ``published``: numbers that others measured, which no output of the lesson has to show.
"""

from pathlib import Path

from nbformat import NotebookNode

LESSONS = Path(__file__).parent / "lessons"
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
NETWORK = "network"
NOT_IN_THE_LESSON = {"solution", "wrong", "slide"}
NOT_IN_THE_SOLUTIONS = {"answer", "wrong", "slide"}
QUIZ_TOP = """Check yourself
--------------

Try to answer before you look back. Every answer, right or wrong, comes with an explanation."""


def number(path: str | Path) -> int:
    """Return the number of the lesson to which a file belongs, by the file's name."""
    return int(Path(path).name.partition("_")[0])


def scripts() -> list[Path]:
    """Return the scripts of all lessons, in the order of their numbers."""
    return sorted(LESSONS.glob("[0-9]*_*.py"), key=number)


def tags(cell: NotebookNode) -> set[str]:
    """Return the tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def is_prose(cell: NotebookNode) -> bool:
    """Tell whether a cell holds text."""
    return cell.cell_type == "markdown"


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that can be executed."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def figures(cell: NotebookNode) -> list[str]:
    """Return the figures that an executed cell shows, as PNG files in base64."""
    return [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", ())]


def is_heading(cell: NotebookNode, heading: str) -> bool:
    """Tell whether a cell begins with this heading."""
    return is_prose(cell) and cell.source.startswith(f"{heading}\n-")


def title(notebook: NotebookNode) -> str:
    """Return the first line of a lesson, which is its question."""
    return notebook.cells[0].source.splitlines()[0]


def lesson_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that a learner sees."""
    return [cell for cell in notebook.cells if not tags(cell) & NOT_IN_THE_LESSON]


def place_of(notebook: NotebookNode, heading: str) -> int:
    """Return the place of the cell that begins with this heading."""
    return next(i for i, cell in enumerate(notebook.cells) if is_heading(cell, heading))


def exercise_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells from the heading of the exercises up to the references."""
    return notebook.cells[place_of(notebook, "Exercises") : place_of(notebook, "References")]


def setup_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of the lesson that its solutions need."""
    lesson = notebook.cells[: place_of(notebook, "Exercises")]
    return [cell for cell in lesson if "setup" in tags(cell)]


def solution_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return what the solutions show: what they need of the lesson, exercises and answers."""
    exercises = [cell for cell in exercise_cells(notebook) if not tags(cell) & NOT_IN_THE_SOLUTIONS]
    return setup_cells(notebook) + exercises
