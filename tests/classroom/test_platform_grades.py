import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.classroom.conftest import ASSIGNMENTS

NAME = "ps1_temperature_scaling"
HEADER = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Notes,"
    "Problem set 1 (4711),ps1_temperature_scaling (4712),Current Score"
)
CANVAS = f"""{HEADER}
,,,,,,,Manual Posting,
    Points Possible,,,,,,20.00,10.00,(read only)
"Doe, Jane",101,s1,jdoe,A,likes maps,12.00,,60
"Müller, Jörg",102,s2,jm@example.org,A,,13.00,,65
"Roe, Kim",103,s3,kroe,A,,14.00,EX,70
"Roe, Kim",104,s4,kroe2,B,,15.00,3.00,75
"Poe, Lee",105,s5,lpoe,B,,16.00,,80,more than the header
"""
MOODLE = """\
Identifier,Full name,Email address,Status,Grade,Maximum grade,Last modified (submission),\
Last modified (grade),Feedback comments
Participant 201,Jane Doe,jdoe@example.org,Submitted,,10.00,"Monday, 2 March 2026, 9:00 AM",-,
Participant 202,Jörg Müller,jm@example.org,Submitted,,10.00,-,-,Call me.
Participant 203,Lee Poe,lpoe@example.org,Submitted,,10.00,-,-,
"""


class Classroom:
    """A gradebook with 10 points, 6 by machine and 4 by hand, without any notebooks."""

    def __init__(self, folder):
        self.folder = folder
        with self.gradebook() as gradebook:
            gradebook.add_assignment(NAME)
            gradebook.add_notebook(NAME, NAME)
            for cell, points, kind in (("tests_a", 6, "code"), ("essay_b", 4, "markdown")):
                gradebook.add_grade_cell(cell, NAME, NAME, max_score=points, cell_type=kind)

    def gradebook(self):
        return Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}")

    def grade(self, student, by_machine, by_hand=None, timestamp=None):
        with self.gradebook() as gradebook:
            gradebook.add_student(student)
            gradebook.add_submission(NAME, student)
            tests = gradebook.find_grade("tests_a", NAME, NAME, student)
            tests.auto_score, tests.needs_manual_grade = by_machine, False
            essay = gradebook.find_grade("essay_b", NAME, NAME, student)
            essay.manual_score, essay.needs_manual_grade = by_hand, by_hand is None
            gradebook.db.commit()
        for step in ("submitted", "autograded"):
            place = self.folder / step / student / NAME
            place.mkdir(parents=True)
            (place / f"{NAME}.ipynb").touch()
        if timestamp:
            (self.folder / "submitted" / student / NAME / "timestamp.txt").write_text(timestamp)

    def run(self, capsys, *options, canvas=None, moodle=None):
        import platform_grades

        name, text = ("canvas", canvas) if canvas else ("moodle", moodle)
        given = self.folder / "from the platform.csv"
        given.write_bytes(text if isinstance(text, bytes) else text.encode())
        status = platform_grades.main(
            [NAME, f"--{name}", str(given), "--course", str(self.folder), *options]
        )
        filled = (self.folder / f"{name}_{NAME}.csv").read_bytes().decode()
        with (self.folder / f"points_{NAME}.csv").open(encoding="utf-8-sig", newline="") as file:
            overview = {row["student"]: row for row in csv.DictReader(file)}
        printed = capsys.readouterr().out
        return SimpleNamespace(status=status, filled=filled, overview=overview, printed=printed)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Making the database takes a second; each test gets a copy."""
    return Classroom(tmp_path_factory.mktemp("empty")).folder


@pytest.fixture
def classroom(empty, tmp_path):
    copy = Classroom.__new__(Classroom)
    copy.folder = shutil.copytree(empty, tmp_path / "course")
    return copy


def cells(text, key, column, delimiter=","):
    rows = csv.DictReader(text.removeprefix("\ufeff").splitlines(), delimiter=delimiter)
    return {row[key]: row[column] for row in rows}


def test_canvas_gets_its_rows_back_with_this_assignment_only(classroom, capsys):
    classroom.grade("jdoe", 6, 3.5)
    done = classroom.run(capsys, canvas=CANVAS)
    assert done.status == 0
    assert done.filled.splitlines() == [
        "Student,ID,SIS User ID,SIS Login ID,Section,ps1_temperature_scaling (4712)",
        ",,,,,Manual Posting",
        "    Points Possible,,,,,10.00",
        '"Doe, Jane",101,s1,jdoe,A,9.5',
        '"Müller, Jörg",102,s2,jm@example.org,A,',
        '"Roe, Kim",103,s3,kroe,A,EX',
        '"Roe, Kim",104,s4,kroe2,B,3.00',
        '"Poe, Lee",105,s5,lpoe,B,',
    ]


def test_moodle_gets_its_worksheet_back(classroom, capsys):
    classroom.grade("Jane Doe", 6, 3.5)
    done = classroom.run(capsys, moodle=MOODLE)
    assert done.status == 0
    assert done.filled.replace("\r\n", "\n") == MOODLE.replace("Submitted,,", "Submitted,9.5,", 1)


@pytest.mark.parametrize("student", ["jdoe", "s1", "101", "doejane", "Doe, Jane", "Jane_Doe"])
def test_a_student_is_found_by_any_name_that_only_one_row_has(classroom, capsys, student):
    classroom.grade(student, 6, 4)
    done = classroom.run(capsys, canvas=CANVAS)
    assert cells(done.filled, "ID", f"{NAME} (4712)")["101"] == "10"
    assert done.overview[student]["platform_id"] == "101"


def test_nothing_is_guessed_and_everyone_who_is_missing_is_named(classroom, capsys):
    for student in ("Kim Roe", "jane", "lpoe", "Lee Poe"):
        classroom.grade(student, 5, 4)
    (classroom.folder / "submitted" / "torn" / NAME).mkdir(parents=True)
    done = classroom.run(capsys, canvas=CANVAS)
    assert done.status == 1
    grades = cells(done.filled, "Student", f"{NAME} (4712)")
    assert "9" not in grades.values()
    assert "Kim Roe: NOT MATCHED: 2 rows" in done.printed
    assert "jane: NOT MATCHED: no rows" in done.printed
    assert "lpoe: NOT MATCHED: Lee Poe would get the same row" in done.printed
    assert "torn: NOT GRADED" in done.printed
    assert "Students: 5." in done.printed
    assert "Not matched or not graded: 5." in done.printed


def test_the_points_of_an_earlier_version_are_not_uploaded(classroom, capsys):
    classroom.grade("jdoe", 6, 4)
    log = classroom.folder / "logs" / NAME / "jdoe.log"
    log.parent.mkdir(parents=True)
    log.write_text("Not graded: nbgrader stopped\n")
    done = classroom.run(capsys, canvas=CANVAS)
    assert done.status == 1
    assert "10" not in cells(done.filled, "ID", f"{NAME} (4712)").values()
    assert "jdoe: NOT GRADED" in done.printed


def test_the_id_that_the_collection_noted_counts_more_than_the_name(classroom, capsys):
    classroom.grade("jdoe", 6, 4)
    classroom.grade("lost", 5, 4)
    (classroom.folder / "submissions.csv").write_text(
        "assignment,student,platform_id,late,file\n"
        f"{NAME},jdoe,104,,a.ipynb\n{NAME},lost,999,,b.ipynb\nps2,jdoe,101,,c.ipynb\n"
    )
    done = classroom.run(capsys, canvas=CANVAS)
    grades = cells(done.filled, "ID", f"{NAME} (4712)")
    assert (grades["101"], grades["104"]) == ("", "10")
    assert "lost: NOT MATCHED: no rows of the platform have the id 999" in done.printed


def test_without_a_noted_id_that_of_the_roster_counts(classroom, capsys):
    classroom.grade("anna", 6, 4)
    (classroom.folder / "seeds.csv").write_text(
        f"student,platform_id,assignment,constant,seed\nanna,104,{NAME},SPLIT_SEED,5\n"
    )
    done = classroom.run(capsys, canvas=CANVAS)
    assert cells(done.filled, "ID", f"{NAME} (4712)")["104"] == "10"
    assert "holds the grades of 1 students" in done.printed


def test_a_student_whose_essay_waits_keeps_the_cell_unless_the_teacher_says_so(classroom, capsys):
    classroom.grade("kroe2", 6)
    done = classroom.run(capsys, canvas=CANVAS)
    assert cells(done.filled, "ID", f"{NAME} (4712)")["104"] == "3.00"
    assert "kroe2: PENDING" in done.printed
    assert done.overview["kroe2"]["points_by_machine"] == "6"
    done = classroom.run(capsys, "--points-so-far", canvas=CANVAS)
    assert cells(done.filled, "ID", f"{NAME} (4712)")["104"] == "6"
    assert "points so far" in done.printed


def test_an_excused_student_stays_excused(classroom, capsys):
    classroom.grade("kroe", 6, 4)
    done = classroom.run(capsys, canvas=CANVAS)
    assert cells(done.filled, "ID", f"{NAME} (4712)")["103"] == "EX"
    assert "kroe: the platform says 'EX'" in done.printed


DUE = "assignment,due,percent_per_day,latest\n"


def test_the_penalty_has_a_column_of_its_own(classroom, capsys):
    (classroom.folder / "due.csv").write_text(
        f"{DUE}{NAME},2026-03-06T23:59+01:00,10,2026-03-13T23:59+01:00\n"
    )
    # 23:59 in Berlin is 22:59 in UTC
    classroom.grade("jdoe", 6, 2, timestamp="2026-03-06 22:59:00 UTC")
    classroom.grade("jm", 6, 2, timestamp="2026-03-07 23:00:00.5 UTC")
    classroom.grade("lpoe", 6, 2, timestamp="2026-03-14 12:00:00 UTC")
    classroom.grade("kroe2", 6, 2)
    done = classroom.run(capsys, canvas=CANVAS)
    grades = cells(done.filled, "ID", f"{NAME} (4712)")
    assert [grades[key] for key in ("101", "102", "105", "104")] == ["8", "6", "0", "8"]
    percent = {student: row["penalty_percent"] for student, row in done.overview.items()}
    assert percent == {"jdoe": "0", "jm": "20", "lpoe": "100", "kroe2": "0"}
    assert done.overview["jm"]["points_by_machine"] == "6"
    assert (
        "jm: handed in 2026-03-07 23:00 UTC, due 2026-03-06T23:59+01:00: minus 20%" in done.printed
    )
    assert "kroe2: the time of handing in is unknown: no penalty" in done.printed
    moodle = classroom.run(capsys, moodle=MOODLE)
    comments = cells(moodle.filled, "Identifier", "Feedback comments")
    told = "Call me. 8 points for the answers, minus 2 for handing in late."
    assert comments["Participant 202"] == told
    again = classroom.run(capsys, moodle=moodle.filled)
    assert again.filled == moodle.filled


@pytest.mark.parametrize(
    ("platform", "mark", "told"),
    [
        ("canvas", "LATE", "jdoe: is marked as late, but the time is unknown: no penalty"),
        ("canvas", "", ""),  # Canvas marks files that are late
        ("moodle", "", "jdoe: the time of handing in is unknown: no penalty"),
    ],
)
def test_a_late_mark_without_a_time_costs_nothing_and_is_told(
    classroom, capsys, platform, mark, told
):
    (classroom.folder / "due.csv").write_text(f"{DUE}{NAME},2026-03-06T23:59+01:00,10,\n")
    classroom.grade("jdoe", 6, 4)
    number, text = {"canvas": (101, CANVAS), "moodle": (201, MOODLE)}[platform]
    (classroom.folder / "submissions.csv").write_text(
        f"assignment,student,platform_id,late,file\n{NAME},jdoe,{number},{mark},a.ipynb\n"
    )
    done = classroom.run(capsys, **{platform: text})
    assert done.overview["jdoe"]["points"] == "10"
    assert told in done.printed
    assert ("no penalty" in done.printed) == bool(told)


def test_the_table_of_all_grades_shows_what_waits_and_the_penalty(classroom, capsys):
    from write_grades import print_remarks, rows_of, write_grades

    (classroom.folder / "source" / NAME).mkdir(parents=True)
    (classroom.folder / "source" / "ps9_never_handed_out").mkdir()
    (classroom.folder / "due.csv").write_text(f"{DUE}{NAME},2026-03-06T23:59+01:00,10,\n")
    classroom.grade("anna", 6, timestamp="2026-03-07 12:00:00 UTC")
    classroom.grade("@ben", 5, 4, timestamp="2026-03-06 12:00:00 UTC")
    (classroom.folder / "submitted" / "torn" / NAME).mkdir(parents=True)
    log = classroom.folder / "logs" / NAME / "@ben.log"
    log.parent.mkdir(parents=True)
    log.write_text("Not graded: the newest file is torn\n")
    write_grades(classroom.folder)
    print_remarks(rows_of(classroom.folder))
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in told] == [
        f"{NAME} {student}" for student in ("@ben", "anna", "torn")
    ]
    assert told[1].endswith("minus 10%")
    text = (classroom.folder / "grades.csv").read_text(encoding="utf-8-sig")
    assert text.splitlines() == [
        "assignment,student,platform_id,points_by_machine,points_by_hand,points_pending,"
        "penalty_percent,penalty_points,points,points_possible,remarks",
        f"{NAME},'@ben,,,,,,,,,NOT GRADED: the points of an earlier version do not count",
        f'{NAME},anna,,6,0,4,10,1,5,10,"handed in 2026-03-07 12:00 UTC, due '
        '2026-03-06T23:59+01:00: minus 10%"',
        f"{NAME},torn,,,,,,,,,NOT GRADED",
    ]


@pytest.mark.parametrize("bom", ["\ufeff", ""])
def test_the_file_goes_back_as_it_came(classroom, capsys, bom):
    classroom.grade("jdoe", 6, 3.5)
    german = (
        f"{bom}Student;ID;SIS Login ID;Section;{NAME} (4712)\n"
        "    Points Possible;;;;10,00\nDoe, Jane;101;jdoe;A;\n"
    )
    done = classroom.run(capsys, canvas=german)
    assert done.filled.startswith(f"{bom}Student;ID;")
    assert cells(done.filled, "ID", f"{NAME} (4712)", ";")["101"] == "9,5"


def test_a_name_that_a_spreadsheet_would_run_is_harmless_in_every_file(classroom, capsys):
    """In those for the platforms too, which can be filled again from what was written."""
    evil = '"=HYPERLINK(""https://example.org"")"'
    classroom.grade("jdoe", 6, 3.5)
    classroom.grade("+1+cmd", 6, 3.5)
    done = classroom.run(capsys, canvas=CANVAS.replace('"Doe, Jane"', evil))
    assert """"'=HYPERLINK(""https""" in done.filled
    assert list(done.overview) == ["'+1+cmd", "jdoe"]
    assert classroom.run(capsys, canvas=done.filled).filled == done.filled
    done = classroom.run(capsys, moodle=MOODLE.replace("Jane Doe", evil))
    assert """"'=HYPERLINK(""https""" in done.filled
    assert ",-,Call me." in done.filled  # Moodle reads these cells again


WRONG_DUE = [
    ("a,b\n", "its first line must be"),
    (f"{DUE}{NAME},2026-03-06T23:59,10,\n", "with its zone"),
    (f"{DUE}{NAME},friday,10,\n", "with its zone"),
    (f"{DUE}{NAME},2026-03-06T23:59+01:00,ten,\n", "from 0 to 100"),
    (f"{DUE}{NAME},2026-03-06T23:59+01:00,-1,\n", "from 0 to 100"),
    (f"{DUE}" + 2 * f"{NAME},2026-03-06T23:59+01:00,1,\n", "2 lines"),
]
WRONG_EXPORT = [
    ("Name,Points\nJane,3\n", "needs the columns ID, Section"),
    (CANVAS.replace("10.00", "100.00"), "Set 10 points on the platform"),
    (CANVAS.replace(f"{NAME} (4712)", "Homework (1)"), "Name the right one with --column"),
    ("Student,ID,Section\nMüller".encode("latin-1"), "is not in UTF-8"),
]


@pytest.mark.parametrize(("due", "message"), WRONG_DUE)
def test_a_wrong_due_file_gets_one_sentence(classroom, capsys, due, message):
    classroom.grade("jdoe", 6, 4)
    (classroom.folder / "due.csv").write_text(due)
    with pytest.raises(SystemExit, match=message):
        classroom.run(capsys, canvas=CANVAS)
    assert not list(classroom.folder.glob("canvas_*"))


@pytest.mark.parametrize(("export", "message"), WRONG_EXPORT)
def test_a_wrong_export_gets_one_sentence(classroom, capsys, export, message):
    classroom.grade("jdoe", 6, 4)
    with pytest.raises(SystemExit, match=message):
        classroom.run(capsys, canvas=export)
    assert not list(classroom.folder.glob("canvas_*"))


def test_a_column_of_another_name_can_be_named(classroom, capsys):
    classroom.grade("jdoe", 6, 4)
    export = CANVAS.replace(f"{NAME} (4712)", "Homework (1)")
    done = classroom.run(capsys, "--column", "Homework", canvas=export)
    assert cells(done.filled, "ID", "Homework (1)")["101"] == "10"


def nbgrader(course, *arguments):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        check=False,
        cwd=course,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_changed_test_counts_after_force_and_points_by_hand_stay(tmp_path):
    """A student with seeds of their own, who hands in model answers, is graded twice."""
    import make_assignments
    import seeds
    from course import marked_cells
    from points import graded

    course = tmp_path / "course"
    course.mkdir()
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", course)
    released = make_assignments.make_assignment(ASSIGNMENTS / f"{NAME}.py", course)
    notebook = nbformat.read(released, as_version=4)
    drawn = seeds.drawn("secret", NAME, "anna", seeds.seeds_in(notebook))
    notebook = seeds.with_seeds(notebook, drawn)
    solved = marked_cells(course / "source" / NAME / f"{NAME}.ipynb")
    for cell in notebook.cells:
        own = cell.metadata.get("nbgrader", {})
        if own.get("solution"):
            cell.source = solved[own.grade_id].source
            if own.grade_id == "nll":
                cell.source += "\n\nnll.name = 'anna'"
    folder = course / "submitted" / "anna" / NAME
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")

    def points():
        return graded(course, NAME)["anna"]

    nbgrader(course, "autograde", NAME)
    by_machine = points().by_machine
    assert by_machine == sum(
        cell.metadata.nbgrader.points for name, cell in solved.items() if name.startswith("tests_")
    )
    # it was graded with the data of the student
    notebook = nbformat.read(course / "autograded/anna" / NAME / f"{NAME}.ipynb", as_version=4)
    assert seeds.seeds_in(notebook) == drawn
    assert points().pending

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for grade in gradebook.find_submission_notebook(NAME, NAME, "anna").grades:
            if grade.name.startswith("essay_"):
                grade.manual_score, grade.needs_manual_grade = 2, False
        gradebook.db.commit()
    by_hand = points().by_hand
    assert by_hand >= 2
    assert not points().pending

    script = tmp_path / f"{NAME}.py"
    text = (ASSIGNMENTS / script.name).read_text(encoding="utf-8")
    stricter = text.replace(
        "### END HIDDEN TESTS", "assert not hasattr(nll, 'name')\n### END HIDDEN TESTS", 1
    )
    script.write_text(stricter, encoding="utf-8")
    make_assignments.make_assignment(script, course)
    nbgrader(course, "autograde", NAME)
    assert points().by_machine == by_machine  # the notebook was graded already
    nbgrader(course, "autograde", NAME, "--force")
    (first, *_) = [cell for name, cell in solved.items() if name.startswith("tests_")]
    assert points().by_machine == by_machine - first.metadata.nbgrader.points
    assert points().by_hand == by_hand
    assert not points().pending
    assert points().remarks == ["keeps points that were given by hand before the last grading"]
