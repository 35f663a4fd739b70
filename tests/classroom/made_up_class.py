"""Make a graded class without running a notebook for each student.

Many students share the same answers. So each distinct answer is run and tested once, by IPython in
this process. The notebooks in autograded/ and the rows of the gradebook are then written from that.
"""

import atexit
import contextlib
import copy
import io
import linecache
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from traitlets.config import Config


class Graded(NamedTuple):
    """An answer with the outputs and numbers of its cell and of its test cell.

    ``line`` is where the test cell stopped, which Python itself says, or None.
    """

    source: str
    outputs: tuple[list[NotebookNode], list[NotebookNode]]
    counts: tuple[int, int]
    line: int | None

    @property
    def is_right(self) -> bool:
        return not self.outputs[1]


class Student(NamedTuple):
    """What a student answered to each question, and the points for each essay, None if pending."""

    answers: dict[str, Graded]
    essays: dict[str, float | None]


class Shell(InteractiveShell):
    """Runs cells as a kernel does, and keeps the errors instead of printing them."""

    def _showtraceback(self, etype, evalue, stb):
        self.shown = [
            new_output("error", ename=etype.__name__, evalue=str(evalue), traceback=list(stb))
        ]

    def outputs_of(self, source: str) -> tuple[list[NotebookNode], int, BaseException | None]:
        self.shown, number = [], self.execution_count
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            done = self.run_cell(source, store_history=True)
        return self.shown, number, done.error_before_exec or done.error_in_exec


def grade_answers(
    answers: Iterable[str], tests: str, names: Callable[[], dict[str, Any]]
) -> list[Graded]:
    """Run and test each answer once, with the names that the notebook gives it."""
    graded = []
    shell = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    for answer in answers:
        for name in shell.user_ns.keys() - shell.user_ns_hidden.keys():
            del shell.user_ns[name]
        shell.user_ns.update(names())
        before, first, _ = shell.outputs_of(answer)
        after, second, error = shell.outputs_of(tests)
        graded.append(Graded(answer, (before, after), (first, second), line_of(error, tests)))
    Shell.clear_instance()
    # Each shell asks to be cleared when this process ends. Dozens of them would take longer than
    # xdist waits for a worker, and a worker that is killed writes no coverage.
    atexit.unregister(shell.atexit_operations)
    return graded


def line_of(error: BaseException | None, tests: str) -> int | None:
    """Return the line of the test cell that was running when an error was raised."""
    if error is None:
        return None
    lines = f"{tests}\n".splitlines(keepends=True)
    frames = traceback.walk_tb(error.__traceback__)
    files = {frame.f_code.co_filename: line for frame, line in frames}
    inside = [line for file, line in files.items() if linecache.getlines(file) == lines]
    return inside[-1] if inside else None


def marked(course: Path, step: str, name: str) -> dict[str, NotebookNode]:
    cells = nbformat.read(course / step / name / f"{name}.ipynb", as_version=4).cells
    return {c.metadata.nbgrader.grade_id: c for c in cells if "nbgrader" in c.metadata}


def write_class(course: Path, name: str, students: dict[str, Student]) -> None:
    """Write autograded/ and the rows of the gradebook."""
    released = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    tests = {key: cell.source for key, cell in marked(course, "source", name).items()}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for who, student in students.items():
            gradebook.update_or_create_student(who)
            with gradebook.db.no_autoflush:
                grades = gradebook.add_submission(name, who).notebooks[0].grades
            for grade in grades:
                question = grade.name.partition("_")[2]
                if question in student.answers:
                    grade.auto_score = student.answers[question].is_right * grade.max_score
                else:
                    grade.manual_score = student.essays[question]
                grade.needs_manual_grade = grade.auto_score is None and grade.manual_score is None
            gradebook.db.commit()
            notebook = filled_in(released, tests, student.answers)
            folder = course / "autograded" / who / name
            folder.mkdir(parents=True)
            nbformat.write(notebook, folder / f"{name}.ipynb")


def filled_in(
    released: NotebookNode, tests: dict[str, str], answers: dict[str, Graded]
) -> NotebookNode:
    """Return the released notebook with answers, hidden tests and what they put out."""
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        key = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        question = key.removeprefix("tests_")
        if question not in answers:
            continue
        answer, is_test = answers[question], key != question
        cell.source = tests[key] if is_test else answer.source
        cell.outputs = answer.outputs[is_test]
        cell.execution_count = answer.counts[is_test]
    return notebook


def draw_class(
    right: dict[str, list[Graded]],
    wrong: dict[str, list[Graded]],
    essays: dict[str, float],
    n: int,
    seed: int,
) -> dict[str, Student]:
    """Draw students of normal ability: the abler one is, the more likely are right answers."""
    rng = np.random.default_rng(seed)
    difficulty = dict(zip(right, np.linspace(-1.5, 1, len(right)), strict=True))
    popularity = {q: rng.dirichlet(np.ones(len(found))) for q, found in wrong.items()}
    students = {}
    for number, ability in enumerate(rng.normal(size=n)):
        answers = {}
        for question, found in right.items():
            is_right = rng.random() < 1 / (1 + np.exp(-1.7 * (ability - difficulty[question])))
            chosen = (
                rng.integers(len(found))
                if is_right
                else rng.choice(len(wrong[question]), p=popularity[question])
            )
            answers[question] = (found if is_right else wrong[question])[chosen]
        given = {
            essay: None if rng.random() < 0.3 else float(rng.integers(points + 1))
            for essay, points in essays.items()
        }
        students[f"student{number:03}"] = Student(answers, given)
    return students
