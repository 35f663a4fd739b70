"""``grade.py`` on made-up students: the points, the log, and what a hostile one can reach."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import nbformat
import pytest
from nbgrader.api import Gradebook

from .conftest import ASSIGNMENTS

TINY = """
# %% [markdown]
# # Two questions
#
# ## Question 1: Double (2 points)

# %% solution="double"
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% tests="double" points=2
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(-3) == -6, "twice minus three is minus six"
### END HIDDEN TESTS

# %% [markdown]
# ## Question 2: Halve (3 points)

# %% solution="halve"
def halve(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %% tests="halve" points=3
assert halve(2) == 1

# %% [markdown]
# ## Question 3: Say why (4 points)

# %% [markdown] essay="why" points=4
# *Write here.*
"""
DOUBLE = "def double(x):\n    return 2 * x"
HALVE = "def halve(x):\n    return x / 2"
FULL = {"double": DOUBLE, "halve": HALVE, "why": "Because."}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, _scripts_can_be_imported) -> Path:
    """A course folder with an assignment that runs in no time. A test works on a copy."""
    from make_assignments import make_assignment

    folder = tmp_path_factory.mktemp("tiny")
    script = folder / "tiny.py"
    script.write_text(TINY, encoding="utf-8")
    course = folder / "course"
    course.mkdir()
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", course)
    make_assignment(script, course)
    return course


@pytest.fixture
def class_of(tiny, tmp_path):
    """Make a course in which students have handed in the answers that they are given."""

    def make(**students: dict[str, str]) -> Path:
        course = shutil.copytree(tiny, tmp_path / "course")
        for student, answers in students.items():
            hand_in(course, student, answers)
        return course

    return make


def hand_in(course: Path, student: str, answers: dict[str, str]) -> Path:
    notebook = nbformat.read(course / "release" / "tiny" / "tiny.ipynb", as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "").removeprefix("essay_")
        cell.source = dedent(answers.get(name, cell.source))
    folder = course / "submitted" / student / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / "tiny.ipynb")
    return folder


@pytest.fixture(scope="session")
def sandbox(_scripts_can_be_imported):
    import sandbox

    return sandbox


@pytest.fixture(scope="session")
def isolation(sandbox) -> str:
    """The kind of sandbox of this machine; a test that needs one is skipped where none works."""
    kind = sandbox.choose()
    if kind is None:
        pytest.skip("this machine can isolate nothing: no user namespaces, no container image")
    return kind.name


def run(course: Path, *options: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ASSIGNMENTS / "grade.py"), "tiny", "--course", str(course), *options],
        check=False,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def scores(course: Path, student: str) -> dict[str, float | None]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook("tiny", "tiny", student).grades
        return {grade.name: grade.auto_score for grade in grades}


def log(course: Path, student: str) -> str:
    return (course / "logs" / "tiny" / f"{student}.log").read_text(encoding="utf-8")


def test_one_command_grades_exports_and_checks(class_of, isolation):
    course = class_of(anna=FULL, ben={**FULL, "double": "def double(x):\n    return 4"})
    done = run(course)
    assert done.returncode == 0, done.stdout + done.stderr
    assert scores(course, "anna") == {"tests_double": 2, "tests_halve": 3, "essay_why": None}
    assert scores(course, "ben") == {"tests_double": 0, "tests_halve": 3, "essay_why": None}
    assert "twice minus three" in (course / "autograded/ben/tiny/tiny.ipynb").read_text()
    assert "tiny,,,anna,,,,5.0,0.0,5.0,9.0" in (course / "grades.csv").read_text()
    assert "2/2" in done.stderr
    assert isolation in done.stdout
    assert "ben" in done.stdout
    assert log(course, "anna").splitlines()[-1].startswith("Graded ")
