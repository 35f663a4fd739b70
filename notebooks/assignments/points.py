"""What each student reached, what being late costs, and what waits for a person to grade it.

The feedback pages, grades.csv and the files for the learning platforms all show these points.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import earlier_answers
from collect import is_of_canvas, noted
from course import Version, graded_version
from late import DueDate, due_date, handed_in
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from seeds import remembered_rows


@dataclass
class Points:
    """What one student reached, and what becomes of it."""

    student: str
    possible: float
    possible_by_machine: float
    by_machine: float
    by_hand: float
    pending: float  # points of the answers that nobody has graded yet
    platform_id: str = ""
    penalty_percent: float = 0.0
    why_late: str = ""
    remarks: list[str] = field(default_factory=list)

    @property
    def reached(self) -> float:
        """Points for the answers that are graded."""
        return self.by_machine + self.by_hand

    @property
    def penalty(self) -> float:
        """Points lost for handing in late; nobody loses more than they reached."""
        return min(self.penalty_percent / 100 * self.possible, self.reached)

    @property
    def total(self) -> float:
        """Points after the penalty."""
        return self.reached - self.penalty

    @property
    def told(self) -> str:
        """The points in words, such as "17 of 17 by machine, 8 points to grade by hand"."""
        possible_by_hand = self.possible - self.possible_by_machine - self.pending
        parts = [
            f"{reached:g} of {possible:g} {by_whom}"
            for reached, possible, by_whom in (
                (self.by_machine, self.possible_by_machine, "by machine"),
                (self.by_hand, possible_by_hand, "by hand"),
            )
            if possible
        ]
        parts += [f"{self.pending:g} points to grade by hand"] if self.pending else []
        return ", ".join(parts)

    def row(self) -> dict[str, str]:
        """Return a row for a table, which tells how the points came about."""
        return {
            "student": self.student,
            "platform_id": self.platform_id,
            "points_by_machine": f"{self.by_machine:g}",
            "points_by_hand": f"{self.by_hand:g}",
            "points_pending": f"{self.pending:g}",
            "penalty_percent": f"{self.penalty_percent:g}",
            "penalty_points": f"{self.penalty:g}",
            "points": f"{self.total:g}",
            "points_possible": f"{self.possible:g}",
            "remarks": "; ".join(self.remarks),
        }


COLUMNS = tuple(Points("", 0, 0, 0, 0, 0).row())


def points_of_class(
    course: Path, assignment: str, is_for_canvas: bool = False
) -> dict[str, Points]:
    """Read the points of all students whose notebook was graded, with ids and penalties."""
    everyone = graded(course, assignment)
    known = {row["student"]: row for row in noted(course) if row["assignment"] == assignment}
    of_roster = {row["student"]: row["platform_id"] for row in remembered_rows(course)}
    due = due_date(course, assignment)
    for student, points in everyone.items():
        about = known.get(student, {})
        points.platform_id = about.get("platform_id") or of_roster.get(student, "")
        if due is not None:
            time = handed_in(course, student, assignment)
            marks_late = is_of_canvas(about.get("file", ""))
            marks_late |= is_for_canvas and bool(points.platform_id)
            take_penalty(points, due, time, bool(about.get("late")), marks_late)
    return everyone


def graded(course: Path, assignment: str) -> dict[str, Points]:
    """Read the points of all students whose newest notebook was graded from gradebook.db."""
    database = course / "gradebook.db"
    if not database.is_file():
        raise SystemExit(f"There is no gradebook.db in {course}. Grade the assignment first.")
    with Gradebook(f"sqlite:///{database}") as gradebook:
        try:
            submissions = gradebook.assignment_submissions(assignment)
        except MissingEntry:
            raise SystemExit(
                f"gradebook.db knows no assignment {assignment!r}. Its assignments are "
                f"{', '.join(found.name for found in gradebook.assignments) or 'none'}."
            ) from None
        found = {}
        for submission in submissions:
            student = submission.student.id
            if graded_version(course, assignment, student) is Version.NEWEST:
                found[student] = points_of(submission)
                found[student].remarks += remarks_on(course, submission)
    return found


def points_of(submission: SubmittedAssignment) -> Points:
    """Add up the points of one submission."""
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    written = {cell.name for own in submission.notebooks for cell in own.notebook.solution_cells}
    by_hand = [grade for grade in grades if grade.manual_score is not None]
    by_machine = [grade for grade in grades if grade.manual_score is None]
    waiting = [grade for grade in by_machine if grade.needs_manual_grade]
    return Points(
        student=submission.student.id,
        possible=submission.max_score,
        # nbgrader itself gives no points for a written answer that is still as it was handed out
        possible_by_machine=sum(g.max_score for g in by_machine if g.name not in written),
        by_machine=sum(grade.score for grade in by_machine),
        by_hand=sum(grade.score for grade in by_hand)
        + sum(grade.extra_credit or 0 for grade in grades),
        pending=sum(grade.max_score for grade in waiting),
    )


def remarks_on(course: Path, submission: SubmittedAssignment) -> list[str]:
    """Say which of the points belong to an earlier version of the notebook."""
    student, assignment = submission.student.id, submission.assignment.name
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    remarks = []
    if any(grade.needs_manual_grade and grade.manual_score is not None for grade in grades):
        remarks.append("keeps points that were given by hand before the last grading")
    remarks += earlier_answers.changed(course, assignment, student, grades)
    return remarks


def take_penalty(
    points: Points, due: DueDate, time: datetime | None, is_marked: bool, marks_late: bool
) -> None:
    """Set the penalty for late work, or say that the time is not known.

    The mark of a platform says that the file is late and not how late. Where the platform marks
    late files, one without a mark is on time.
    """
    if time is not None:
        points.penalty_percent = due.percent_lost(time)
        if points.penalty_percent:
            points.why_late = (
                f"handed in {time:%Y-%m-%d %H:%M} UTC, due {due.due.isoformat(timespec='minutes')}"
            )
            points.remarks.append(f"{points.why_late}: minus {points.penalty_percent:g}%")
    elif is_marked:
        points.remarks.append("is marked as late, but the time is unknown: no penalty")
    elif not marks_late:
        points.remarks.append("the time of handing in is unknown: no penalty")
