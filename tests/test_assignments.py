"""The nbgrader course: what students get, and what a class of them is given for it."""

import csv
import io
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.answers import ASSIGNMENTS, NAMES, ROOT, right_answers, wrong_answers
from tests.forked_kernels import fork_kernels

pytestmark = pytest.mark.usefixtures("without_coverage_in_module")

SOURCES = sorted(ASSIGNMENTS.glob("ps*.py"))
# right, with a warning at every call
NOISY = """
quiet = {0}


def {0}(*arguments, **options):
    import warnings

    warnings.warn("noise", stacklevel=2)
    return quiet(*arguments, **options)
"""
SECONDS_FOR_A_LOOP = 40  # the other cells of the loop's notebook need far less


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess:
    """Run python, with nbgrader's alembic on the path and one thread: two classes run at once."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=cwd,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def notebook(course: Path, step: str, name: str):
    return nbformat.read(course / step / name / f"{name}.ipynb", as_version=4)


def marked(nb, kind: str | None = None) -> dict:
    """Cells that count for the grade, by name; kind is "solution", "tests" or "essay"."""
    kinds = {}
    for cell in nb.cells:
        own = cell.metadata.get("nbgrader", {})
        if "grade_id" in own:
            is_kind = {(False, True): "solution", (True, False): "tests", (True, True): "essay"}
            kinds[own.grade_id] = (is_kind[own.grade, own.solution], cell)
    return {name: cell for name, (found, cell) in kinds.items() if kind in (None, found)}


def points(nb, kind: str) -> dict[str, float]:
    return {
        name.partition("_")[2]: cell.metadata.nbgrader.points
        for name, cell in marked(nb, kind).items()
    }


MARKED = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.DOTALL)


def lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if line.strip()}


def secrets(course: Path, name: str, what: str) -> set[str]:
    """Lines between the markers of one assignment that no assignment shows elsewhere."""
    hidden, shown = set(), set()
    for other in NAMES:
        for cell in notebook(course, "source", other).cells:
            shown |= lines(MARKED.sub("", cell.source))
            regions = MARKED.findall(cell.source) if other == name else ()
            hidden |= {line for kind, text in regions if kind == what for line in lines(text)}
    return hidden - shown


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["SOLUTION", "HIDDEN TESTS"])
def test_nothing_secret_is_released(course, name, what):
    secret = secrets(course, name, what)
    assert len(secret) > 10
    released = sorted(path for path in (course / "release").rglob("*") if path.is_file())
    assert released == [course / "release" / other / f"{other}.ipynb" for other in NAMES]
    with ZipFile(course / "students.zip") as archive:
        texts = [archive.read(f"{other}/{other}.ipynb").decode() for other in NAMES]
        assert archive.namelist() == [f"{other}/{other}.ipynb" for other in NAMES]
    for text in [*texts, *(path.read_text(encoding="utf-8") for path in released)]:
        assert f"BEGIN {what}" not in text
        cells = nbformat.reads(text, as_version=4).cells
        assert secret & set().union(*(lines(cell.source) for cell in cells)) == set()


def test_a_secret_that_is_shown_elsewhere_stops_the_command(tmp_path, monkeypatch):
    """The markers alone do not help where a hidden line stands outside of them too."""
    monkeypatch.syspath_prepend(str(ASSIGNMENTS))
    from make_assignments import make_assignment

    text = SOURCES[0].read_text(encoding="utf-8")
    broken = text.replace("### END HIDDEN TESTS", "### END HIDDEN TEST", 1)
    assert broken != text
    script = tmp_path / SOURCES[0].name
    script.write_text(broken, encoding="utf-8")
    with pytest.raises(SystemExit, match="generate_assignment"):
        make_assignment(script, tmp_path / "course")
    assert not list((tmp_path / "course" / "release").rglob("*.ipynb"))


@pytest.mark.parametrize("marker", ["### BEGIN SOLUTION", "### BEGIN SOLUTION of this question"])
def test_lines_between_markers_are_secret_whatever_else_the_markers_say(monkeypatch, marker):
    monkeypatch.syspath_prepend(str(ASSIGNMENTS))
    from make_assignments import secrets

    source = f"def f():\n    {marker}\n    return 42\n    ### END SOLUTION\n"
    assert list(secrets(source)) == ["    return 42"]


@pytest.mark.slow
def test_the_same_source_gives_the_same_notebook_and_the_same_zip(course, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ASSIGNMENTS))
    import make_assignments

    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", tmp_path)
    again = make_assignments.make_assignment(SOURCES[0], tmp_path)
    before = course / again.relative_to(tmp_path)
    assert again.read_bytes() == before.read_bytes()
    one = make_assignments.pack([before], tmp_path / "one.zip")
    other = make_assignments.pack([again], tmp_path / "other.zip")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_an_assignment_says_what_it_asks_for(course, name):
    released = notebook(course, "release", name)
    automatic, manual = points(released, "tests"), points(released, "essay")
    assert 5 <= len(automatic) <= 9
    assert len(manual) >= 1
    assert set(marked(released, "solution")) == set(automatic)
    first, *_ = released.cells
    assert "What you will learn" in first.source
    assert "minutes" in first.source
    total = sum(automatic.values()) + sum(manual.values())
    assert f"{total:g} points" in first.source
    headings = [
        (float(number), float(asked))
        for cell in released.cells
        for number, asked in re.findall(
            r"^## Question (\d+): .*\((\d+) points?\)", cell.source, re.MULTILINE
        )
    ]
    assert [number for number, _ in headings] == list(range(1, len(headings) + 1))
    order = [name for name, cell in marked(released).items() if cell.metadata.nbgrader.grade]
    both = {f"tests_{q}": p for q, p in automatic.items()} | {
        f"essay_{q}": p for q, p in manual.items()
    }
    assert [asked for _, asked in headings] == [both[question] for question in order]


@pytest.mark.parametrize("name", NAMES)
def test_a_deleted_test_cell_can_be_put_back(course, name):
    """nbgrader puts it behind the marked cell before it, and needs one that is not only locked."""
    order = list(marked(notebook(course, "source", name)).values())
    assert not order[0].metadata.nbgrader.grade
    for before, cell in itertools.pairwise(order):
        if cell.metadata.nbgrader.grade:
            assert before.metadata.nbgrader.grade or before.metadata.nbgrader.solution


class Class:
    """Students of one assignment; each hands in the released notebook, with cells filled in."""

    def __init__(self, course: Path, name: str) -> None:
        self.course, self.name = course, name
        solved = marked(notebook(course, "source", name), "solution")
        self.solution = {question: cell.source for question, cell in solved.items()}
        self.points = points(notebook(course, "release", name), "tests")
        self.wrong = wrong_answers(name)
        self.different = right_answers(name)

    def hand_in(self, student: str, answers: dict[str, str], without=(), edited=()) -> None:
        nb = notebook(self.course, "release", self.name)
        for question, cell in marked(nb, "solution").items():
            cell.source = answers.get(question, cell.source)
        for question in edited:
            marked(nb, "tests")[f"tests_{question}"].source = "pass"
        deleted = [id(marked(nb, "tests")[f"tests_{question}"]) for question in without]
        nb.cells = [cell for cell in nb.cells if id(cell) not in deleted]
        nbformat.write(nb, self._folder(student) / f"{self.name}.ipynb")

    def hand_in_no_notebook(self, student: str) -> None:
        (self._folder(student) / f"{self.name}.ipynb").write_text("{ torn", encoding="utf-8")

    def _folder(self, student: str) -> Path:
        folder = self.course / "submitted" / student / self.name
        folder.mkdir(parents=True)
        return folder

    def autograde(self, *options: str) -> subprocess.CompletedProcess:
        return run("-m", "nbgrader", "autograde", self.name, *options, cwd=self.course)

    def grade_here(self) -> SimpleNamespace:
        """Do as the commands do, in a process of a pool that need not import nbgrader again."""
        import check_grades
        from nbgrader.apps import AutogradeApp, ExportApp
        from nbgrader_command import run_nbgrader

        said, is_graded = run_nbgrader(AutogradeApp, self.name, course=self.course)
        error, is_exported = run_nbgrader(ExportApp, course=self.course)
        assert is_exported, error
        with redirect_stdout(io.StringIO()) as checked:
            check_grades.main(self.course)
        return SimpleNamespace(
            said=said, is_graded=is_graded, exported=self.grades(), checked=checked.getvalue()
        )

    def lost(self, student: str) -> dict[str, float]:
        """Points that a student lost, by question."""
        with Gradebook(f"sqlite:///{self.course / 'gradebook.db'}") as gradebook:
            submitted = gradebook.find_submission_notebook(self.name, self.name, student)
            scores = {grade.name: grade.auto_score for grade in submitted.grades}
        all_lost = {q: p - (scores[f"tests_{q}"] or 0) for q, p in self.points.items()}
        return {question: lost for question, lost in all_lost.items() if lost}

    def exported(self) -> dict[str, float]:
        done = run("-m", "nbgrader", "export", cwd=self.course)
        assert done.returncode == 0, done.stderr
        return self.grades()

    def grades(self) -> dict[str, float]:
        with (self.course / "grades.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {r["student_id"]: float(r["score"]) for r in rows if r["assignment"] == self.name}


def pack(pairs: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Share the answers out to as few students as can be: one a question each."""
    left = list(pairs)
    while left:
        answers = dict(reversed(left))  # the first of each question
        yield answers
        left = [pair for pair in left if answers[pair[0]] != pair[1]]


def grade_class(course: Path, name: str) -> SimpleNamespace:
    """Grade few students: test_answers.py tries all answers, which nbgrader must agree with."""
    full = Class(course, name)
    different, wrong = (next(pack(answers)) for answers in (full.different, full.wrong.values()))
    full.hand_in("full", full.solution)
    full.hand_in("untouched", {})
    full.hand_in("different", {**full.solution, **different})
    full.hand_in("wrong", {**full.solution, **wrong})
    return SimpleNamespace(full=full, wrong=wrong, **vars(full.grade_here()))


def grade_odd_class(course: Path, name: str) -> SimpleNamespace:
    """Grade students whose notebooks do not run, or not as they were released, by the commands."""
    full = Class(course, name)
    first, second, *_, last = full.points
    noisy = f"{full.solution[first]}\n\n{NOISY.format(first)}"
    full.hand_in("noisy", {**full.solution, first: noisy})
    full.hand_in("syntax", {**full.solution, last: "def broken(:"})
    # a cheat deletes the test cell of one wrong answer and empties that of another
    full.hand_in(
        "cheat", {**full.solution, first: "", second: ""}, without=[first], edited=[second]
    )
    full.hand_in_no_notebook("torn")
    graded = full.autograde()
    # it waits instead of computing, and leaves the core to the other class
    endless = "import time\n\nwhile True:\n    time.sleep(0.1)"
    full.hand_in("loop", {**full.solution, first: endless})
    looped = full.autograde("--student=loop", f"--Execute.timeout={SECONDS_FOR_A_LOOP}")
    exported = full.exported()
    checked = run(str(ASSIGNMENTS / "check_grades.py"), str(course), cwd=ROOT)
    return SimpleNamespace(**locals())


@pytest.fixture(scope="module")
def classes(course, tmp_path_factory) -> dict[str, SimpleNamespace]:
    # What becomes of a notebook that does not run is the same in every assignment. This class takes
    # the longest, so it comes first.
    tasks = {"odd": (grade_odd_class, NAMES[0]), **{name: (grade_class, name) for name in NAMES}}
    folders = {who: tmp_path_factory.mktemp(who) / "course" for who in tasks}
    for folder in folders.values():
        shutil.copytree(course, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ASSIGNMENTS))
        patch.setenv("OMP_NUM_THREADS", "1")  # of each kernel
        fork_kernels(patch)  # The commands of the odd class start kernels as a teacher's do.
        import check_grades  # noqa: F401  # The processes of the pool are copies of this one.
        import nbgrader.apps  # noqa: F401

        with ProcessPoolExecutor(2) as pool:
            started = {
                who: pool.submit(grade, folders[who], name) for who, (grade, name) in tasks.items()
            }
            return {who: running.result() for who, running in started.items()}


@pytest.fixture
def graded(classes, request) -> SimpleNamespace:
    return classes[request.param]


of_every_assignment = pytest.mark.parametrize("graded", NAMES, indirect=True)


@pytest.mark.slow
@of_every_assignment
def test_nbgrader_takes_points_for_wrong_answers_and_for_no_others(graded):
    worth = graded.full.points
    lost = {
        "full": {},
        "different": {},
        "untouched": worth,
        "wrong": {question: worth[question] for question in graded.wrong},
    }
    assert graded.is_graded, graded.said
    assert "checksum" not in graded.said  # that it has changed would sound as if all had cheated
    assert graded.exported.keys() == lost.keys()
    remarks = dict(said_of_students(graded.checked))
    for student, expected in lost.items():
        assert graded.full.lost(student) == expected
        points = sum(worth.values()) - sum(expected.values())
        assert graded.exported[student] == points
        assert remarks[student].startswith(f"{points:g} of {sum(worth.values()):g} by machine")


@pytest.mark.slow
@pytest.mark.parametrize("graded", ["odd"], indirect=True)
def test_what_does_not_run_is_reported_and_the_others_are_graded(graded):
    full, worth = graded.full, graded.full.points
    assert full.lost("noisy") == {}
    assert full.lost("loop") == {graded.first: worth[graded.first]}
    assert full.lost("syntax") == {graded.last: worth[graded.last]}
    assert full.lost("cheat") == {q: worth[q] for q in (graded.first, graded.second)}
    # the torn notebook makes autograde exit with 1, after it has graded the others
    assert graded.graded.returncode == 1
    assert "processing assignment" in graded.graded.stderr
    assert graded.looped.returncode == 0
    assert graded.checked.returncode == 1
    remarks = dict(said_of_students(graded.checked.stdout))
    assert remarks.keys() == graded.exported.keys()
    everything = f"{sum(worth.values()):g}"
    assert remarks["noisy"].startswith(f"{everything} of {everything} by machine")
    assert f"The cell {graded.first} took too long, and was stopped." in remarks["loop"]
    assert f"The cell {graded.last} is not Python" in remarks["syntax"]
    assert f"The cell tests_{graded.first} was deleted, and was put back." in remarks["cheat"]
    assert f"The test cell tests_{graded.second} was edited, and was restored." in remarks["cheat"]
    assert "NOT GRADED" in remarks["torn"]
    assert "NOT GRADED" not in "".join(text for who, text in remarks.items() if who != "torn")


def said_of_students(printed: str) -> Iterator[tuple[str, str]]:
    """What check_grades.py says of each student: the points, and the remarks below them."""
    for block in re.split(r"\n(?! )", printed.strip()):
        found = re.match(r"\S+ (\w+): (.*)", block, re.DOTALL)
        if found:
            yield found[1], found[2]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_for_instructors_tells_points_and_minutes(course, name):
    released = notebook(course, "release", name)
    asked = [
        cell.metadata.nbgrader.points
        for cell in marked(released).values()
        if cell.metadata.nbgrader.grade
    ]
    rubric = (ROOT / "docs" / "assignments_rubric.inc").read_text(encoding="utf-8")
    (table,) = re.findall(rf"list-table:: ``{name}``\n(.*?)\n\n(?:\.\.|The)", rubric, re.DOTALL)
    told = re.findall(r"\* - (\d+) .*\n +- (\d+)\n +- (\d+)\n", table)
    assert [int(points) for _, points, _ in told] == asked
    (introduction,) = re.findall(r"\* - read the introduction\n +-\n +- (\d+)\n", table)
    minutes = int(introduction) + sum(int(minutes) for _, _, minutes in told)
    first = released.cells[0].source
    assert f"ead this introduction | | | {introduction} |" in first
    assert f"{minutes} minutes" in first
    row = r"^\| (\d+)\.? .*? \| (\d+) \| (?:machine|teacher) \| (\d+) \|$"
    assert re.findall(row, first, re.MULTILINE) == told
    overview = (ROOT / "docs" / "assignments_table.inc").read_text(encoding="utf-8")
    by_hand = sum(points(released, "essay").values())
    assert re.search(
        rf"``{name}``.*\n.*\n.*\n +- {sum(asked):g}, of these {by_hand:g} by hand\n +- {minutes}\n",
        overview,
    )
