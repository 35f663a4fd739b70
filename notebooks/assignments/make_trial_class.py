"""Make a class of eight students, with whom a teacher can try the grading before a real class.

``python make_trial_class.py ps1_temperature_scaling`` writes a notebook for each student into
``downloaded/ps1_temperature_scaling/archive/``, under the names that Canvas gives. The answers are
the model answers of ``source/``, and every student but the first does one thing that happens in
real classes. It refuses to write beside files that are there already.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import nbformat
from course import marked_cells
from nbformat import NotebookNode

Cells = list[NotebookNode]


def right(answers: Cells, notebook: NotebookNode) -> None:
    """Answer every question as the model answers do."""


def empty(answers: Cells, notebook: NotebookNode) -> None:
    """Leave the first two questions as they were handed out."""
    for cell in answers[:2]:
        cell.source = cell.metadata.pop("handed_out")


def no_python(answers: Cells, notebook: NotebookNode) -> None:
    """Forget a bracket in the last question."""
    answers[-1].source += "\nprint("


def endless(answers: Cells, notebook: NotebookNode) -> None:
    """Never come to the end of the second question."""
    answers[1].source = "while True:\n    pass"


def split(answers: Cells, notebook: NotebookNode) -> None:
    """Split the first answer into two cells, as JupyterLab does it."""
    cell = answers[0]
    rest = nbformat.v4.new_code_cell(cell.source)
    rest.metadata["nbgrader"] = {}
    cell.source = "import math"
    notebook.cells.insert(notebook.cells.index(cell) + 1, rest)


def delete_tests(answers: Cells, notebook: NotebookNode) -> None:
    """Delete the checks of the first question, and answer it with nothing."""
    answers[0].source = "pass"
    place = notebook.cells.index(answers[0]) + 1
    del notebook.cells[place]


def copy_from_left(answers: Cells, notebook: NotebookNode) -> None:
    """Hand in what the first student wrote, under other names."""
    for cell in answers:
        cell.source = f"# all my own work\n{cell.source}"


def look_for_solutions(answers: Cells, notebook: NotebookNode) -> None:
    """Try to read the teacher's files."""
    answers[
        0
    ].source += '\n\nfrom pathlib import Path\n\nfound = list(Path("../../..").rglob("source"))'


# An essay takes one sentence of each list. They fit any assignment, and none is a good answer.
BEGINNINGS = (
    "The numbers in my notebook show that the model is too sure of itself on the test images.",
    "I compared the value before with the one after, and the difference is larger than the error.",
    "My figure bends where I expected it to bend, although the last bins hold only a few samples.",
    "First I believed that the accuracy would change as well, but it stays exactly the same.",
    "With another seed the result moves a little, so I would not trust the second decimal.",
)
REASONS = (
    "The reason is that one number cannot correct both ends of the scale at the same time.",
    "The reason is that a few wrong answers with a high confidence cost more than all others.",
)
ENDINGS = (
    "I would therefore collect more data before I decide.",
    "I would report the interval together with the estimate.",
    "That is why I would choose the simpler method here.",
)

# The file names are those of Canvas: name, LATE, two numbers, and the name of the assignment.
CLASS: dict[str, Callable[[Cells, NotebookNode], None]] = {
    "arslanayla_1001_5001": right,
    "bianchibruno_1002_5002": empty,
    "chencai_LATE_1003_5003": no_python,
    "dialloda_1004_5004": endless,
    "eriksenelin_1005_5005": split,
    "fofanafatou_1006_5006": delete_tests,
    "garciagil_1007_5007": copy_from_left,
    "hoanghai_1008_5008": look_for_solutions,
}


def make_trial_class(course: Path, assignment: str) -> Path:
    """Write the notebooks of the class; returns their folder."""
    released = course / "release" / assignment / f"{assignment}.ipynb"
    if not released.is_file():
        raise SystemExit(f"there is no {released}; run python make_assignments.py first")
    folder = course / "downloaded" / assignment / "archive"
    if folder.exists():
        raise SystemExit(f"{folder} exists already; remove it if it holds nothing that you need")
    folder.mkdir(parents=True)
    for number, (name, happens) in enumerate(CLASS.items()):
        # Whoever copies has the essays of the first student, too.
        notebook = solved(course, assignment, 0 if happens is copy_from_left else number)
        answers = [cell for cell in notebook.cells if "handed_out" in cell.metadata]
        happens(answers, notebook)
        for cell in answers:
            cell.metadata.pop("handed_out", None)
        nbformat.write(notebook, folder / f"{name}_{assignment}.ipynb")
    return folder


def essay(number: int) -> str:
    """Return a written answer, which differs from student to student."""
    first = BEGINNINGS[number % len(BEGINNINGS)]
    second = REASONS[number // len(BEGINNINGS) % len(REASONS)]
    return f"{first} {second} {ENDINGS[number % len(ENDINGS)]}"


def solved(course: Path, assignment: str, number: int = 0) -> NotebookNode:
    """Return the released notebook with the model answers, and what was handed out beside them."""
    place = Path(assignment) / f"{assignment}.ipynb"
    solutions = marked_cells(course / "source" / place)
    notebook = nbformat.read(course / "release" / place, as_version=4)
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution") and marks.get("grade"):
            cell.source = essay(number)
        elif marks.get("solution"):
            cell.metadata["handed_out"] = cell.source
            cell.source = solutions[marks["grade_id"]].source
    return notebook


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("assignment", help="such as ps1_temperature_scaling")
    parser.add_argument("--course", type=Path, default=Path(__file__).parent, help="course folder")
    given = parser.parse_args()
    print(f"wrote {len(CLASS)} notebooks to {make_trial_class(given.course, given.assignment)}")
