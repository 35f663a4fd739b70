"""Read what a class got for an assignment, and why each point was lost. This changes nothing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import nbformat
import numpy as np
from anonymous import Anonymous
from course import (
    DIED,
    TOOK_TOO_LONG,
    Version,
    graded_notebook,
    graded_version,
    marked_cells,
    marked_cells_of,
    questions,
)
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedNotebook
from nbgrader.utils import compute_checksum
from numpy.typing import NDArray
from tqdm import tqdm

COLORS = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(r"^(?:Cell In\[(\d{1,9})\], line |File .*:)(\d{1,9})", re.MULTILINE)
# IPython names a cell in the message of a SyntaxError by a number that differs each time.
PLACE = re.compile(r" \([^()]*, line \d+\)$")


class Question(NamedTuple):
    """A question: the name of its graded cell, and of the cell with the code that is tested."""

    name: str
    title: str
    points: float
    answer: str


class Failure(NamedTuple):
    """Why one student, who remains anonymous, lost the points of one question.

    Attributes
    ----------
    question : str
        Name of the graded cell.
    kind : str
        "assertion" if an assertion of the test cell failed; "error" if the answer raised an error
        while it was tested; "broken" if the cell of the answer itself raised one; "empty",
        "time-out" or "died".
    line : int
        First line of the statement of the test cell that was running, or 0.
    statement : str
        This statement.
    error, message : str
        Type of the error, and its text.
    code : str
        The answer.
    """

    question: str
    kind: str
    line: int
    statement: str
    error: str
    message: str
    code: str


class GradedClass(NamedTuple):
    """The points of a class, of shape (students, questions), and why the other points were lost.

    A score is nan if the answer still has to be graded by hand.
    """

    title: str
    questions: list[Question]
    scores: NDArray[np.float64]
    failures: list[Failure]
    n_not_graded: int


def read_class(course: Path, assignment: str) -> GradedClass:
    """Read the points and the notebooks of all students whose newest notebook was graded."""
    source_file = course / "source" / assignment / f"{assignment}.ipynb"
    database = course / "gradebook.db"
    for path in (source_file, database):
        if not path.is_file():
            raise SystemExit(
                f"The course folder has no {path.relative_to(course)}. Make the course with "
                "make_assignments.py, and grade the assignment, before you ask for its report."
            )
    source = nbformat.read(source_file, as_version=4)
    asked = questions_of(source)
    text = "\n".join(cell.source for cell in source.cells)
    rows, failures = [], []
    not_graded = {path.parent.name for path in course.glob(f"submitted/*/{assignment}/")}
    with Gradebook(f"sqlite:///file:{database.resolve()}?mode=ro&uri=true") as gradebook:
        anonymous = Anonymous(names_of(gradebook), text)
        for submission in tqdm(submissions(gradebook, assignment), desc="notebooks", unit=""):
            student = submission.student.id
            if graded_version(course, assignment, student) is not Version.NEWEST:
                not_graded.add(student)
                continue
            not_graded.discard(student)
            scores = scores_of(submission)
            rows.append([scores.get(question.name, np.nan) for question in asked])
            path = graded_notebook(course, assignment, student)
            failures += failures_of(path, asked, scores, anonymous)
    if not rows:
        raise SystemExit(
            f"No notebook of {assignment} is graded: gradebook.db and autograded/ hold none. Grade "
            "the assignment before you ask for its report."
        )
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    return GradedClass(
        title[1] if title else assignment, asked, np.array(rows), failures, len(not_graded)
    )


def names_of(gradebook: Gradebook) -> set[str]:
    """Return the names, ids and addresses of all students of the course."""
    return {
        name
        for student in gradebook.students
        for name in (student.id, student.first_name, student.last_name, student.email)
        if name
    }


def submissions(gradebook: Gradebook, assignment: str) -> list[SubmittedNotebook]:
    """Return what was handed in for an assignment."""
    try:
        return gradebook.notebook_submissions(assignment, assignment)
    except MissingEntry:
        return []


def questions_of(source: NotebookNode) -> list[Question]:
    """Return the questions of an assignment. A test cell tests the answer that precedes it."""
    found, answer = [], ""
    headings = questions(source)
    for name, cell in marked_cells_of(source).items():
        own = cell.metadata.nbgrader
        if own.solution:
            answer = name
        if own.grade:
            title = headings[name].replace("`", "")
            found.append(Question(name, title or name, own.points, answer))
    return found


def scores_of(submission: SubmittedNotebook) -> dict[str, float]:
    """Return the points of the questions that are graded."""
    return {
        grade.name: grade.score
        for grade in submission.grades
        if grade.auto_score is not None or grade.manual_score is not None
    }


def failures_of(
    path: Path, asked: list[Question], scores: dict[str, float], anonymous: Anonymous
) -> Iterator[Failure]:
    """Yield why a student lost points, for each question that a machine grades."""
    cells = marked_cells(path)
    own_words = anonymous.own_words(own_code(path))
    for question in asked:
        tests, answer = cells.get(question.name), cells.get(question.answer)
        is_lost = scores.get(question.name, question.points) < question.points
        if is_lost and tests is not None and tests.metadata.nbgrader.locked:
            found = failure(question, answer, tests)
            yield found._replace(
                error=anonymous.message(found.error, set()),
                message=anonymous.message(found.message, own_words),
                code=anonymous.code(found.code),
            )


def own_code(path: Path) -> str:
    """Return all code of a notebook that a student can have written."""
    return "\n".join(
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("locked")
    )


def failure(question: Question, answer: NotebookNode | None, tests: NotebookNode) -> Failure:
    """Return why the tests of an answer failed, before it is made anonymous."""
    code = answer.source if answer is not None else ""
    kind, error = what_happened(answer, tests)
    if error is None:
        return Failure(question.name, kind, 0, "", "", "", code)
    line, statement = statement_of(error, tests)
    message = PLACE.sub("", error.evalue)
    return Failure(question.name, kind, line, statement, error.ename, message, code)


def what_happened(
    answer: NotebookNode | None, tests: NotebookNode
) -> tuple[str, NotebookNode | None]:
    """Return the kind of a failure, and the error that tells most about it if there is one."""
    if answer is not None and is_untouched(answer):
        return "empty", None
    before = errors_in(answer) if answer is not None else []
    errors = errors_in(tests)
    enames = {error.ename for error in [*before, *errors]}
    if TOOK_TOO_LONG in enames:
        return "time-out", None
    # Only an error tells where the tests stopped. Python must have ended if there is none.
    if not errors or DIED in enames:
        return "died", None
    if errors[0].ename == "AssertionError" and ends_in(errors[0], tests):
        return "assertion", errors[0]
    return ("broken", before[0]) if before else ("error", errors[0])


def is_untouched(answer: NotebookNode) -> bool:
    """Say whether the cell of an answer is still as it was handed out."""
    return bool(answer.metadata.nbgrader.get("checksum") == compute_checksum(answer))


def errors_in(cell: NotebookNode) -> list[NotebookNode]:
    """Return the errors among the outputs of a cell."""
    return [output for output in cell.get("outputs", ()) if output.output_type == "error"]


def frames(error: NotebookNode) -> list[tuple[int, int]]:
    """Return the number of the cell and the line for each call in a traceback, outermost first.

    The number is 0 for a call outside of the notebook.
    """
    text = COLORS.sub("", "\n".join(error.traceback))
    return [(int(cell or 0), int(line)) for cell, line in FRAME.findall(text)]


def ends_in(error: NotebookNode, cell: NotebookNode) -> bool:
    """Say whether the cell itself raised the error, and not a function that it called."""
    return [number for number, _ in frames(error)][-1:] == [cell.execution_count]


def statement_of(error: NotebookNode, tests: NotebookNode) -> tuple[int, str]:
    """Return the first line, and the text, of the statement of the test cell that failed."""
    lines = [line for number, line in frames(error) if number == tests.execution_count]
    if not lines:
        return 0, ""
    around = [
        node
        for node in ast.walk(ast.parse(tests.source))
        if isinstance(node, ast.stmt) and node.lineno <= lines[-1] <= (node.end_lineno or 0)
    ]
    if not around:  # An error can write its own traceback, with any line in it.
        return 0, ""
    statement = around[-1]  # ast.walk yields an inner statement after the outer one
    body = getattr(statement, "body", None)
    end = max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno
    text = "\n".join(tests.source.splitlines()[statement.lineno - 1 : end])
    return statement.lineno, dedent(text)
