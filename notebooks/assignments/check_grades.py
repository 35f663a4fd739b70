"""List the points, and what a teacher should look at: ``python check_grades.py [FOLDER]``.

Run it after grading. It reads the course folder, by default the one of this file, and changes
nothing. Its exit status is 1 where a submission was not graded, where a file was not used although
no newer one of the same student replaces it, or where two files say that they are of one student.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cheats
import collect
import earlier_answers
import nbformat
import repair
import same_answers
from course import (
    ENDINGS,
    OF_SHARED_FOLDER,
    Version,
    graded_notebook,
    graded_version,
    marked_cells_of,
    questions,
)
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from points import points_of
from tqdm.auto import tqdm

NOT_GRADED = "NOT GRADED"
EARLIER_POINTS = "the points of an earlier version do not count"
MODEL_ANSWERS = "The model answers, which are public, are the same or nearly the same for"
LONGEST = 1000  # characters of a line: a student can write texts that would hide all other lines
MOST_REMARKS = 50  # on one student, for the same reason
MOST_FILES = 5  # that are named of those left behind in a folder


@dataclass
class Checked:
    """A submission, and what there is to say about it."""

    student: str
    points: str = "-"
    remarks: list[str] = field(default_factory=list)
    notebook: NotebookNode | None = None


def main(course: Path) -> int:
    """Print what a teacher should look at; return 1 if something was not graded."""
    archives = {folder.parent.name for folder in course.glob("downloaded/*/archive")}
    handed_in = {folder.name for folder in course.glob("submitted/*/*/")}
    needs_action = False
    for assignment in sorted(archives | handed_in):
        if not (course / "source" / assignment).is_dir():
            print(printable(f"{assignment}: source/ has no such assignment, so nothing is graded."))
            continue
        _, lost = collect.sort_out(course, assignment)
        for remark in lost:
            print(printable(f"{assignment}: {remark}"))
        folders = sorted(course.glob(f"submitted/*/{assignment}/"))
        bar = tqdm(folders, desc=assignment, unit="notebook", leave=False)
        all_checked, same = check(course, assignment, [folder.parent.name for folder in bar])
        for checked in all_checked:
            print(printable(f"{assignment} {checked.student}: {checked.points}"))
            for remark in checked.remarks[:MOST_REMARKS]:
                print(printable(f"    {remark}"))
            if more := checked.remarks[MOST_REMARKS:]:
                print(f"    There are {len(more)} more remarks. Look at the notebook.")
            needs_action |= any(remark.startswith(NOT_GRADED) for remark in checked.remarks)
        for students, answers in same.items():
            who, what = ", ".join(students), ", ".join(answers)
            said = f"{assignment}: {who} gave the same or nearly the same answers to {what}."
            print(printable(said))
        needs_action |= any(map(collect.asks_for_action, lost))
    return int(needs_action)


def printable(text: str) -> str:
    """Return a line without what a terminal would obey: a student may have written parts of it."""
    rest = f" [{len(text) - LONGEST} more characters]" if len(text) > LONGEST else ""
    shown = (sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text[:LONGEST])
    return "".join(shown) + rest


def check(
    course: Path, assignment: str, students: list[str]
) -> tuple[list[Checked], dict[tuple[str, ...], list[str]]]:
    """Check the submissions of an assignment, each alone and then against each other."""
    source = nbformat.read(course / "source" / assignment / f"{assignment}.ipynb", as_version=4)
    all_checked = [check_one(course, assignment, student, source) for student in students]
    notebooks = {c.student: c.notebook for c in all_checked if c.notebook is not None}
    return all_checked, same_answers.identical(notebooks, source)


def check_one(course: Path, assignment: str, student: str, source: NotebookNode) -> Checked:
    """Collect the points of a submission, and the remarks on it."""
    checked = Checked(student)
    name = f"{assignment}.ipynb"
    path = course / "submitted" / student / assignment / name
    version = graded_version(course, assignment, student)
    is_graded = version is Version.NEWEST
    if version is Version.EARLIER:
        told, _ = points(course, assignment, student, source)
        checked.remarks.append(f"{NOT_GRADED}: {EARLIER_POINTS} ({told}).")
    if not path.is_file():
        checked.remarks.append(f"{NOT_GRADED}: the folder in submitted/ holds no {name}.")
        return checked
    try:
        submitted, remarks = repair.read(path)
        checked.notebook, more = repair.repaired(submitted, source)
    except Exception as error:  # whatever a file holds, the others are checked
        checked.remarks.append(f"{NOT_GRADED}: {error}.")
        return checked
    if is_graded:
        checked.points, odd = points(course, assignment, student, source)
        checked.remarks += odd
    if checked.points == "-":
        log = f"logs/{assignment}/{student}.log"
        checked.remarks.append(f"{NOT_GRADED}: read {log}, if it exists, and run grade.py again.")
    checked.remarks += remarks + more
    if is_graded:
        checked.remarks += what_happened(graded_notebook(course, assignment, student))
    if alike := list(same_answers.like_the_model(checked.notebook, source)):
        checked.remarks.append(f"{MODEL_ANSWERS} {', '.join(alike)}.")
    try:
        checked.remarks += cheats.flags(checked.notebook, source)
    except Exception as error:
        checked.remarks.append(f"The code could not be checked: {type(error).__name__}.")
    checked.remarks += left_behind(course, assignment, student)
    return checked


def points(
    course: Path, assignment: str, student: str, source: NotebookNode
) -> tuple[str, list[str]]:
    """Return the points in words, and what is odd about them."""
    marked = marked_cells_of(source)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        try:
            submission = gradebook.find_submission(assignment, student)
        except MissingEntry:
            return "-", []
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        worth = {name: cell.metadata.nbgrader.get("points", 0) for name, cell in marked.items()}
        remarks = [
            f"{grade.name} has {grade.score:g} points, but is worth {worth[grade.name]:g}: "
            "somebody changed the gradebook."
            for grade in grades
            if not 0 <= grade.score <= worth[grade.name]
        ]
        changed = earlier_answers.changed(course, assignment, student, grades)
        remarks += [f"{remark}." for remark in changed]
        return points_of(submission).told, remarks


def what_happened(graded: Path) -> Iterator[str]:
    """Yield which cells did not run as they should, whether they count for the grade or not."""
    notebook = nbformat.read(graded, as_version=4)
    headings = questions(notebook)
    for name in notebook.metadata.get("disarmed", ()):
        question = f"{headings[name] or 'a question'} ({name})"
        yield (
            f"The tests of {question} pass even if nonsense replaces the answer: something in this "
            "notebook disarms them."
        )
    for cell in notebook.cells:
        errors = [output.ename for output in cell.get("outputs", ()) if "ename" in output]
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "without a question")
        for error in dict.fromkeys(errors):
            # The search for cheats names the cells that it cannot read.
            if error in ENDINGS and repair.parses(cell.source):
                yield f"The cell {name} {ENDINGS[error]}"


def left_behind(course: Path, assignment: str, student: str) -> Iterator[str]:
    """Yield the files beside a notebook that do not belong to the assignment."""
    given = {path.name for path in (course / "source" / assignment).iterdir()}
    for step in ("submitted", "autograded"):
        folder = course / step / student / assignment
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        left = [path for path in paths if path.name not in given.union(OF_SHARED_FOLDER)]
        for path in left[:MOST_FILES]:
            yield f"The file {path.relative_to(course)} does not belong to the assignment."
        if more := left[MOST_FILES:]:
            yield f"{len(more)} more files in {folder.relative_to(course)} do not belong to it."


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent))
