"""Keep the answers for which a person gave points, so that a later version does not go unseen.

When a student hands in again, nbgrader keeps the points that were given by hand, although the
answer may be another one now. ``grade.py`` therefore writes the graded answers into
``earlier_answers/STUDENT/ASSIGNMENT/`` before it grades again.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from course import graded_notebook, marked_cells
from nbgrader.api import Grade, Gradebook, MissingEntry


def keep(course: Path, assignment: str, student: str) -> None:
    """Write down each answer whose points a person has given since the last grading."""
    path = graded_notebook(course, assignment, student)
    if not path.is_file():
        return
    answers = _answers(path)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        try:
            grades = gradebook.find_submission_notebook(assignment, assignment, student).grades
        except MissingEntry:
            return
        names = [g.name for g in grades if g.manual_score is not None and not g.needs_manual_grade]
    for name in names:
        kept = _kept(course, assignment, student, name)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(answers.get(name, ""), encoding="utf-8")


def changed(course: Path, assignment: str, student: str, grades: Iterable[Grade]) -> Iterator[str]:
    """Yield a sentence for each answer that is another one than the one that was given points.

    nbgrader asks for a look at such points until somebody saves them again.
    """
    answers = None
    for grade in grades:
        kept = _kept(course, assignment, student, grade.name)
        if grade.manual_score is None or not grade.needs_manual_grade or not kept.is_file():
            continue
        answers = answers or _answers(graded_notebook(course, assignment, student))
        if answers.get(grade.name, "") != kept.read_text(encoding="utf-8"):
            yield (
                f"{grade.name} keeps {grade.manual_score:g} points, which were given by hand for "
                f"an earlier answer; compare it with {kept.relative_to(course)}"
            )


def _kept(course: Path, assignment: str, student: str, name: str) -> Path:
    return course / "earlier_answers" / student / assignment / f"{name}.txt"


def _answers(path: Path) -> dict[str, str]:
    """Return the answer to which each graded cell belongs: itself, or the one that it tests."""
    found, answer = {}, ""
    for name, cell in marked_cells(path).items():
        if cell.metadata.nbgrader.solution:
            answer = cell.source
        if cell.metadata.nbgrader.grade:
            found[name] = answer
    return found
