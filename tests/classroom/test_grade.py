"""``grade.py`` on made-up students: the points, the log, and what a hostile one can reach."""

import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.api import Gradebook

from .conftest import ASSIGNMENTS, ROOT

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


@pytest.fixture(params=["bubblewrap", "podman", "docker"])
def each_isolation(request, sandbox, monkeypatch) -> str:
    """Each kind of sandbox that works on this machine; where a kind does not, it is skipped.

    Podman and Docker need the image that ``Containerfile`` describes.
    """
    kind = sandbox.named(request.param)
    if not kind.works():
        pytest.skip(f"{kind.name} does not work on this machine, or lacks the image")
    monkeypatch.setattr(sandbox, "choose", lambda: kind)
    # Podman keeps the images of an ordinary user in the home, which a test may hide.
    monkeypatch.setenv("XDG_DATA_HOME", str(Path("~/.local/share").expanduser()))
    return kind.name


@pytest.fixture
def grade(_scripts_can_be_imported):
    import grade

    return grade


def scores(course: Path, student: str) -> dict[str, float | None]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook("tiny", "tiny", student).grades
        return {grade.name: grade.score for grade in grades}


def points(double: float, halve: float, why: float = 0) -> dict[str, float]:
    return {"tests_double": double, "tests_halve": halve, "essay_why": why}


def give_points_by_hand(course: Path, student: str, points: float) -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        essay = gradebook.find_grade("essay_why", "tiny", "tiny", student)
        essay.manual_score, essay.needs_manual_grade = points, False
        gradebook.db.commit()


def log(course: Path, student: str) -> str:
    return (course / "logs" / "tiny" / f"{student}.log").read_text(encoding="utf-8")


def graded(course: Path, student: str) -> Path:
    return course / "autograded" / student / "tiny" / "tiny.ipynb"


def printed(course: Path, student: str) -> str:
    cells = nbformat.read(graded(course, student), as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs)


def test_one_command_grades_exports_checks_and_resumes(class_of, grade, isolation, capsys):
    """Two at a time, each once; --force grades all again and keeps the points given by hand."""
    when = "import time\nprint(time.time())\ntime.sleep(8)\nprint(time.time())\n"
    wrong = "def double(x):\n    return 4"
    course = class_of(anna={**FULL, "double": when + DOUBLE}, ben={**FULL, "double": when + wrong})
    command = ["tiny", "--course", str(course)]
    assert grade.main(command) == 0
    said = capsys.readouterr()
    assert f"Submitted code runs in: {isolation}" in said.out
    assert "tiny: 100%" in said.err
    assert "2/2" in said.err
    assert scores(course, "anna") == points(2, 3)
    assert scores(course, "ben") == points(0, 3)
    assert "twice minus three" in graded(course, "ben").read_text(encoding="utf-8")
    assert "tiny,anna,,5,0,4,0,0,5,9," in (course / "grades.csv").read_text(encoding="utf-8-sig")
    assert "ben" in said.out
    assert log(course, "anna").splitlines()[-1].startswith("Graded ")
    assert "checksum" not in log(course, "anna")  # nbgrader would warn that it has changed
    if grade.at_once() > 1:
        (start, end), (other_start, other_end) = (
            map(float, printed(course, student).split()) for student in ("anna", "ben")
        )
        assert start < other_end
        assert other_start < end

    give_points_by_hand(course, "anna", 4)
    hand_in(course, "ben", FULL)
    times = {student: graded(course, student).stat().st_mtime_ns for student in ("anna", "ben")}
    assert grade.main(command) == 0
    assert "1/1" in capsys.readouterr().err
    assert scores(course, "ben") == points(2, 3)
    assert graded(course, "anna").stat().st_mtime_ns == times["anna"]
    assert graded(course, "ben").stat().st_mtime_ns > times["ben"]

    assert grade.main([*command, "--force"]) == 0
    assert "2/2" in capsys.readouterr().err
    assert graded(course, "anna").stat().st_mtime_ns > times["anna"]
    assert scores(course, "anna") == points(2, 3, 4)


@pytest.mark.slow
def test_points_by_hand_for_an_earlier_answer_are_told_until_somebody_looks(
    class_of, grade, isolation, capsys
):
    """They stay, and the answer for which they were given is kept, however often it changes."""
    course = class_of(anna=FULL, ben=FULL)
    command = ["tiny", "--course", str(course)]
    grade.main(command)
    for student in ("anna", "ben"):
        give_points_by_hand(course, student, 3)
    for number in range(2):  # Ben changes other cells only
        hand_in(course, "anna", {**FULL, "why": f"Another answer {number}."})
        hand_in(course, "ben", {**FULL, "halve": f"{HALVE}  # {number}"})
        capsys.readouterr()
        assert grade.main(command) == 0
        told = "essay_why keeps 3 points, which were given by hand for an earlier answer"
        assert capsys.readouterr().out.count(told) == 1
    assert scores(course, "anna") == points(2, 3, 3)
    kept = course / "earlier_answers" / "anna" / "tiny" / "essay_why.txt"
    assert kept.read_text(encoding="utf-8") == "Because."
    (row,) = [line for line in grades_csv(course) if line["student"] == "anna"]
    assert told in row["remarks"]
    assert (row["points_by_hand"], row["points_pending"], row["points"]) == ("3", "0", "8")

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("essay_why", "tiny", "tiny", "anna").needs_manual_grade = False
        gradebook.db.commit()
    grade.main(command)
    assert told not in capsys.readouterr().out


def test_a_new_version_that_cannot_be_graded_does_not_keep_the_earlier_points(
    class_of, grade, isolation, monkeypatch, capsys
):
    """Whether nbgrader fails or the file is torn; a new version that is whole counts again."""
    course = class_of(anna=FULL, ben=FULL)
    command = ["tiny", "--course", str(course)]
    assert grade.main(command) == 0
    hand_in(course, "anna", {**FULL, "double": "pass"})
    (course / "submitted" / "ben" / "tiny" / "tiny.ipynb").write_text("{ torn")
    monkeypatch.setattr(grade.Grader, "_autograde", lambda *_: ("nbgrader fell over\n", False))
    capsys.readouterr()
    assert grade.main(command) == 1
    said = capsys.readouterr().out
    told = "NOT GRADED: the points of an earlier version do not count"
    for student in ("anna", "ben"):
        points = "5 of 5 by machine, 4 points to grade by hand"
        assert f"tiny {student}: -\n    {told} ({points})." in said
    assert [(row["points"], row["remarks"]) for row in grades_csv(course)] == [("", told)] * 2
    monkeypatch.undo()
    hand_in(course, "ben", FULL)
    assert grade.main(command) == 0
    assert [row["points"] for row in grades_csv(course)] == ["3", "5"]


def run_page(course: Path, begin: str, *changes: tuple[str, str]) -> None:
    """Run the Python under a heading of the instructors' page, with other names."""
    page = (ROOT / "docs" / "instructors.rst").read_text(encoding="utf-8").partition(f"{begin}\n-")
    code = re.search(r"code-block:: python\n\n((?: {3}.*\n|\n)+)", page[2])[1]
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    done = subprocess.run([sys.executable, "-c", dedent(code)], cwd=course, check=False)
    assert done.returncode == 0


@pytest.mark.slow
def test_the_points_of_a_cheat_are_taken_away_by_the_command_of_the_page(
    class_of, grade, isolation
):
    """They stay 0 when it is graded again, and in all tables, until they are given back."""
    from write_grades import write_grades

    course = class_of(anna=FULL)
    command = ["tiny", "--course", str(course), "--force"]
    grade.main(command)
    names = ("ps1_temperature_scaling", "tiny"), ("hoanghai", "anna")
    one = ('["tests_nll", "tests_nll_slope"]', '["tests_double"]')
    every = (one[0], "[grade.name for grade in grades]")
    heading = "Take the points of a cheat away"
    for which, left in ((one, points(0, 3)), (every, points(0, 0))):
        run_page(course, heading, *names, which)
        assert scores(course, "anna") == left
        assert grade.main(command) == 0
        assert scores(course, "anna") == left
        assert grades_csv(course)[0]["points"] == f"{sum(left.values())}"
    run_page(course, heading, *names, one, ("= 0, False", "= None, False"))
    write_grades(course)
    assert scores(course, "anna") == points(2, 0)
    assert grades_csv(course)[0]["points"] == "2"


DISARMING = {
    "assertions are dropped": """
        import ast
        class Drop(ast.NodeTransformer):
            def visit_Assert(self, node):
                return ast.Pass()
        get_ipython().ast_transformers.append(Drop())
    """,
    "cells are emptied": """
        def without(lines):
            return [] if "assert " in "".join(lines) else lines
        get_ipython().input_transformers_cleanup.append(without)
    """,
}


def test_tests_that_something_disarms_are_named(class_of, grade, isolation, capsys):
    """Neither a right answer nor a wrong one without tricks is named."""
    wrong = "def double(x):\n    return 0 * x"
    students = {
        f"mallory{k}": {"double": f"{dedent(trick)}\n{wrong}", "halve": HALVE}
        for k, trick in enumerate(DISARMING.values())
    }
    course = class_of(anna=FULL, ben={**FULL, "double": wrong}, **students)
    assert grade.main(["tiny", "--course", str(course)]) == 0
    said = capsys.readouterr().out
    for student in students:
        of_student = said.partition(f"tiny {student}: ")[2].partition("\ntiny ")[0]
        first, second = "Question 1: Double (tests_double)", "Question 2: Halve (tests_halve)"
        assert f"The tests of {first} pass even if nonsense" in of_student
        assert f"The tests of {second} pass even" in of_student.partition(first)[2]
    for student in ("anna", "ben"):
        assert f"tiny {student}: 5 of 5" in said or f"tiny {student}: 3 of 5" in said
    assert said.count("something in this notebook disarms them") == 2 * len(students)


def grades_csv(course: Path) -> list[dict[str, str]]:
    with (course / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_nobody_gets_a_line_for_an_assignment_that_was_not_handed_out(
    class_of, grade, isolation, capsys
):
    """nbgrader's own export has a zero for everybody. An unknown assignment is named."""
    import platform_grades
    from make_assignments import make_assignment

    course = class_of(anna=FULL, ben=FULL)
    for name in ("later", "latest"):
        script = course.parent / f"{name}.py"
        script.write_text(TINY, encoding="utf-8")
        make_assignment(script, course)
    (course / "downloaded" / "latest" / "archive").mkdir(parents=True)
    (course / "submitted" / "ben" / "unknown").mkdir()
    assert grade.main(["tiny", "--course", str(course)]) == 0
    said = capsys.readouterr().out
    assert "later" not in said
    assert "latest" not in said
    assert "unknown: source/ has no such assignment, so nothing is graded." in said
    assert [(row["assignment"], row["student"]) for row in grades_csv(course)] == [
        ("tiny", "anna"),
        ("tiny", "ben"),
    ]
    export = course / "export.csv"
    export.write_text("Student,ID,Section,later (1)\nAnna,1,,\n", encoding="utf-8")
    platform_grades.main(["later", "--canvas", str(export), "--course", str(course)])
    assert "0 students" in capsys.readouterr().out
    assert "Anna,1,,\n" in (course / "canvas_later.csv").read_text(encoding="utf-8-sig")


def test_a_change_of_a_test_makes_a_submission_new(class_of, grade):
    course = class_of(anna=FULL)
    grader = grade.Grader(course, "tiny", "", 1)
    assert not grader.is_graded("anna")
    for path in (graded(course, "anna"), grader.log("anna")):
        path.parent.mkdir(parents=True)
    graded(course, "anna").touch()
    grader.log("anna").write_text(grader._last_line("anna"), encoding="utf-8")
    assert grader.is_graded("anna")
    with (course / "source/tiny/tiny.ipynb").open("a", encoding="utf-8") as file:
        file.write(" ")
    assert not grader.is_graded("anna")


HOSTILE = """
import os, pathlib, shutil, socket, subprocess, sys

course, home, cache, clone = map(pathlib.Path, {folders})
up = pathlib.Path("../../..")
own = "/calibkit-sandbox/home/mine"


def attempt(what, do):
    try:
        print("DONE", what, do())
    except Exception as error:
        print("failed", what, type(error).__name__)


def overwrite(path):
    path.parent.mkdir(parents=True, exist_ok=True)  # in its own memory, it may
    assert path.exists(), "nothing is here"
    path.write_text("changed")


victim = course / "submitted" / "anna" / "tiny" / "tiny.ipynb"
for root in (course, up):
    attempt("read the source", (root / "source/tiny/tiny.ipynb").read_text)
    attempt("read a submission", (root / "submitted/anna/tiny/tiny.ipynb").read_text)
    attempt("write the gradebook", lambda root=root: overwrite(root / "gradebook.db"))
    attempt("delete submissions", lambda root=root: shutil.rmtree(root / "submitted"))
solutions = clone / "notebooks" / "assignments" / "ps1_temperature_scaling.py"
attempt("read the solutions", solutions.read_text)
attempt("overwrite a submission", lambda: overwrite(victim))
attempt("read the home", (home / "secret").read_text)
for name in (".bashrc", ".ipython/profile_default/startup/0.py", ".config/x"):
    attempt("write " + name, lambda name=name: overwrite(home / name))
for folder in (pathlib.Path(os.__file__).parent, pathlib.Path(sys.prefix)):
    attempt("write sitecustomize", lambda: (folder / "sitecustomize.py").write_text(""))
for path in pathlib.Path(os.environ["CALIBKIT_CACHE"]).iterdir():
    attempt("poison the cache", lambda path=path: path.write_text("poison"))
attempt("poison the cache", lambda: overwrite(cache / "logits.npz"))
attempt("reach the network", lambda: socket.create_connection(("192.0.2.1", 80), 2))
attempt("reach this machine", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
attempt("see a variable", lambda: os.environ["SECRET_OF_THE_TEACHER"])
attempt("see another process", lambda: [p for p in os.listdir("/proc") if p == "{pid}"][0])
attempt("kill another process", lambda: os.kill({pid}, 9))
try:
    with open("big", "wb") as file:
        while True:
            file.write(bytes(2**24))
except OSError as error:
    print("failed", "fill the disk", error)
os.unlink("big")
subprocess.Popen(["sleep", "86399"], start_new_session=True)


def double(x):
    return 2 * x
"""


def digests(*folders: Path) -> dict[str, str]:
    """The content of every file, and where every link leads."""
    return {
        str(path): str(path.readlink()) if path.is_symlink() else digest(path)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "home"
    (folder / ".ipython/profile_default/startup").mkdir(parents=True)
    for name in (".bashrc", ".ipython/profile_default/startup/0.py", "secret"):
        (folder / name).write_text("# of the teacher", encoding="utf-8")
    return folder


def test_a_hostile_notebook_changes_nothing_outside_of_its_own_folder(
    class_of, grade, each_isolation, home, tmp_path, monkeypatch
):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "logits.npz").write_text("right", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CALIBKIT_CACHE", str(cache))
    monkeypatch.setenv("SECRET_OF_THE_TEACHER", "1")
    course = class_of(anna=FULL)
    command = ["tiny", "--course", str(course)]
    assert grade.main(command) == 0
    give_points_by_hand(course, "anna", 1)
    python = [Path(os.__file__).parent, Path(sys.prefix)]  # Debian's has a file of this name.
    started_by = {folder: read_if_there(folder / "sitecustomize.py") for folder in python}

    with socket.create_server(("127.0.0.1", 0)) as server:
        folders = [str(folder) for folder in (course, home, cache, ROOT)]
        text = HOSTILE.format(folders=folders, port=server.getsockname()[1], pid=os.getpid())
        own = hand_in(course, "mallory", {**FULL, "double": text})
        hand_in(course, "zoe", FULL)
        (own / "gradebook.db").symlink_to(course / "gradebook.db")
        (own / "others").symlink_to(course / "submitted")
        linked = course / "submitted" / "link" / "tiny"
        linked.mkdir(parents=True)
        (linked / "tiny.ipynb").symlink_to(course / "submitted" / "anna" / "tiny" / "tiny.ipynb")
        folders = [course / name for name in ("source", "release", "submitted")]
        folders += [course / "autograded" / "anna", home, cache, ASSIGNMENTS]
        before = digests(*folders)
        assert grade.main(command) == 1

    assert digests(*folders) == before
    assert {folder: read_if_there(folder / "sitecustomize.py") for folder in python} == started_by
    said = printed(course, "mallory")
    assert "failed read the source" in said
    assert "failed fill the disk" in said
    assert "DONE" not in said
    assert ["sleep", "86399"] not in [process.info["cmdline"] for process in all_processes()]
    assert scores(course, "anna") == points(2, 3, 1)
    assert scores(course, "mallory") == points(2, 3)
    assert scores(course, "zoe") == points(2, 3)
    assert [path.name for path in graded(course, "mallory").parent.iterdir()] == ["tiny.ipynb"]
    assert not graded(course, "link").exists()
    assert "tiny.ipynb is a link" in log(course, "link")


def read_if_there(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def all_processes() -> list[psutil.Process]:
    return list(psutil.process_iter(["cmdline"]))


@pytest.fixture
def outputs_of(sandbox, each_isolation):
    """Run cells in a sandbox of this machine: what each printed, or the name of its error."""

    def run_cells(*sources: str, **limits: int) -> tuple[list[str], list[str]]:
        notebook = new_notebook(cells=[new_code_cell(dedent(source)) for source in sources])
        said: list[str] = []
        kind = sandbox.named(each_isolation)
        sandbox.execute(notebook, kind, sandbox.Limits(**limits), said.append)
        outputs = [[o.get("ename") or o.text.strip() for o in c.outputs] for c in notebook.cells]
        return ["".join(texts) for texts in outputs], said

    return run_cells


def test_what_ends_the_kernel_costs_one_cell(outputs_of):
    found, said = outputs_of(
        "x = 1",
        "exit()",
        "print(x)",
        "import os; os._exit(3)",
        "print(x + 1)",
        "y = bytearray(8 * 2**30)",
        "print(x + 2)",
    )
    assert found[2::2] == ["1", "2", "3"]
    assert found[3] == "DeadKernelError"
    assert found[5] == "MemoryError"
    assert said == ["code cell 4: DeadKernelError: the kernel died in this cell (DeadKernelError)."]


@pytest.mark.slow
def test_what_ends_the_sandbox_costs_one_cell(outputs_of, each_isolation):
    """Each of these ends the sandbox, and the next cell runs in a new one."""
    sleepers = """
        import os, time
        for _ in range(400):
            if os.fork() == 0:
                time.sleep(100)
    """
    hogs = """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                memory = bytearray(2**29)
                memory[::4096] = bytes([1]) * len(memory[::4096])
                time.sleep(100)
        time.sleep(100)
    """
    stubborn = """
        import time
        while True:
            try:
                time.sleep(1)
            except KeyboardInterrupt:
                pass
    """
    endless = "while True: print('y' * 1000)"
    found, said = outputs_of(
        "x = 1",
        *("import os; os.kill(os.getppid(), 9)", "print(x)"),
        *(sleepers, "print(x)"),
        *(hogs, "print(x)"),
        *(stubborn, "print(x)"),
        *(endless, "print(x)"),
        cell_seconds=10,
        memory_bytes=2**30,
    )
    assert found[2::2] == ["1"] * 5, said
    # A container counts all memory together, and the system ends one of the processes in it.
    of_hogs = "DeadKernelError" if each_isolation == "bubblewrap" else found[5]
    assert found[1:8:2] == ["DeadKernelError"] * 2 + [of_hogs, "CellTimeoutError"]
    assert of_hogs.endswith(("DeadKernelError", "CellTimeoutError"))
    assert "put out more than" in found[9]
    assert found[9].endswith("CellTimeoutError")
    assert len(found[9]) < 3 * 2**20
    # So many processes also need much memory, and either limit may be the first.
    reasons = {2: "ended the sandbox", 4: "processes|bytes", 8: "took longer than 10 seconds"}
    reasons |= {6: "bytes"} if each_isolation == "bubblewrap" else {}
    for cell, reason in reasons.items():
        assert re.search(f"code cell {cell}: .*({reason})", "\n".join(said))


def test_processes_that_a_cell_leaves_behind_cost_no_other_cell(outputs_of):
    """The cell itself ends at once, before anybody has counted them."""
    many = """
        import os, time
        for _ in range(150):
            if os.fork() == 0:
                time.sleep(100)
                os._exit(0)
    """
    found, said = outputs_of("x = 1", many, "import os\nif os.fork() == 0: os._exit(0)\nprint(x)")
    assert found[1:] == ["DeadKernelError", "1"]
    assert "code cell 2: DeadKernelError: this cell started more than 100 processes." in said


def test_a_cell_that_took_too_long_keeps_what_it_defined(outputs_of):
    found, _ = outputs_of("x = 1\nimport time\ntime.sleep(60)", "print(x)", cell_seconds=2)
    assert found == ["KeyboardInterruptCellTimeoutError", "1"]


@pytest.mark.slow
def test_the_time_of_a_student_is_limited(class_of, grade, isolation):
    slow = f"{HALVE}\n\nimport time\nwhile True:\n    time.sleep(1)"
    course = class_of(anna={**FULL, "halve": slow})
    assert grade.main(["tiny", "--course", str(course), "--seconds", "15"]) == 0
    assert scores(course, "anna") == points(2, 0)
    assert "halve: CellTimeoutError: the notebook took longer than 15 seconds" in log(
        course, "anna"
    )
    assert "CellTimeoutError" in graded(course, "anna").read_text(encoding="utf-8")


def test_without_isolation_nothing_runs_unless_the_teacher_says_so(
    class_of, grade, sandbox, monkeypatch, capsys
):
    monkeypatch.setattr(sandbox, "choose", lambda: None)
    course = class_of(anna=FULL)
    command = ["tiny", "--course", str(course)]
    with pytest.raises(SystemExit, match="--without-isolation"):
        grade.main(command)
    assert not (course / "autograded").exists()
    assert grade.main([*command, "--without-isolation"]) == 0
    assert "Submitted code runs in: no isolation" in capsys.readouterr().out
    assert scores(course, "anna") == points(2, 3)


PROGRAM = """#!/bin/sh
case "$1 $2" in {cases} esac
"""


@pytest.mark.parametrize(
    ("programs", "advice"),
    [
        ({}, ["sudo apt install bubblewrap", "Or install Podman or Docker"]),
        (
            {"bwrap": "*) exit 1;;"},
            [
                "Bubblewrap is installed, but does not run. Find out why: bwrap --unshare-all",
                "Or install Podman or Docker",
            ],
        ),
        (
            {"docker": "*) exit 1;;"},
            ["sudo apt install bubblewrap", "docker is installed, but does not run. Start it."],
        ),
        (
            {"podman": "info*) ;; *) exit 1;;"},
            ["podman is installed, but lacks the image. Make it with: podman build -t "],
        ),
        (
            {"podman": "run*) exit 1;;"},
            ["podman cannot run the image. Find out why: podman run --rm calibkit-grade true"],
        ),
    ],
)
def test_a_refusal_says_what_to_install_or_start(
    class_of, grade, sandbox, tmp_path, monkeypatch, programs, advice
):
    """The programs of this machine are hidden, and others with their names do as they are told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, cases in programs.items():
        (folder / name).write_text(PROGRAM.format(cases=cases))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sandbox, "PYTHON", Path("/nowhere/python"))
    monkeypatch.setattr(sandbox, "SETTINGS", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(SystemExit) as refusal:
        grade.main(["tiny", "--course", str(class_of(anna=FULL))])
    said = str(refusal.value)
    assert all(sentence in said for sentence in [*advice, "--without-isolation"])
    if "build" in said:  # the command that it gives names a file and a folder that exist
        *_, file, folder = said.partition("-f ")[2].partition("\n")[0].split()
        assert Path(file).read_text(encoding="utf-8").count("FROM ") == 1
        assert (Path(folder) / "calibkit" / "__init__.py").is_file()


@pytest.mark.parametrize(
    ("setting", "forbids", "allows"),
    [
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "10000"),
    ],
)
def test_a_refusal_names_the_setting_that_forbids_user_namespaces(
    sandbox, tmp_path, monkeypatch, setting, forbids, allows
):
    """A setting that allows them is not the reason."""
    monkeypatch.setattr(sandbox, "SETTINGS", tmp_path)
    monkeypatch.setattr(sandbox.shutil, "which", {"bwrap": "/usr/bin/bwrap"}.get)
    monkeypatch.setattr(sys, "platform", "linux")
    file = tmp_path / setting.replace(".", "/")
    file.parent.mkdir()
    for value, is_reason in ((forbids, True), (allows, False)):
        file.write_text(f"{value}\n")
        said = sandbox.how_to_isolate()
        assert (f"{setting} is {forbids}, which forbids user namespaces." in said) is is_reason
        assert (f"Allow them: sudo sysctl -w {setting}={allows}\n" in said) is is_reason


def test_where_bubblewrap_is_absent_a_container_is_used(sandbox, tmp_path, monkeypatch):
    (tmp_path / "podman").write_text("#!/bin/sh\necho hello\n")
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox.choose().name == "podman"


def test_a_build_of_the_image_reads_only_what_it_copies():
    """Some versions of Docker copy the whole folder first, with the virtual environment in it."""
    lines = (ASSIGNMENTS / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]}
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in allowed
    assert {line[1:] for line in allowed if line.startswith("!")} == copied


def test_a_container_ends_by_itself_after_the_time_of_a_student(sandbox):
    command = sandbox.named("docker").command(sandbox.EXECUTE, sandbox.Limits(student_seconds=5))
    own = command[command.index(sandbox.IMAGE) + 1 :]
    assert own[:4] == ["timeout", "--kill-after=5", "65", "python"]


def test_an_unknown_assignment_is_named(class_of, grade):
    with pytest.raises(SystemExit, match=r"no assignment 'tini' .* holds \['tiny'\]"):
        grade.main(["tini", "--course", str(class_of())])


def test_a_class_that_handed_in_nothing_is_told_where_to_put_it(class_of, grade, capsys):
    assert grade.main(["tiny", "--course", str(class_of()), "--without-isolation"]) == 0
    told = "submitted/ holds no notebook of tiny: put what you downloaded into "
    assert f"{told}downloaded/tiny/archive/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{ torn", "tiny.ipynb is incomplete"),
        (None, "holds no tiny.ipynb"),
    ],
)
def test_what_cannot_be_graded_is_named(class_of, grade, content, message):
    course = class_of()
    folder = course / "submitted" / "anna" / "tiny"
    folder.mkdir(parents=True)
    if content:
        (folder / "tiny.ipynb").write_text(content, encoding="utf-8")
    said = grade.Grader(course, "tiny", "", 1).grade("anna")
    assert message in said
    assert log(course, "anna") == f"Not graded: {said}\n"


def test_a_submission_that_is_too_large_is_refused(class_of, grade, monkeypatch):
    import repair

    course = class_of(anna=FULL)
    grader = grade.Grader(course, "tiny", "", 1)
    for path in (graded(course, "anna"), grader.log("anna")):  # an earlier version was graded
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(repair, "MOST_BYTES", 100)
    assert not grader.is_graded("anna")
    assert "larger than 100 bytes" in grader.grade("anna")


def test_outputs_have_room_in_a_cell_and_in_a_notebook(outputs_of, sandbox, isolation):
    """What is left out costs no points: an error stays, and the next cells run."""
    many = "for k in range(10_000): display(k)\nraise ValueError('kept')"
    large = "print('x' * 40_000)"
    cells = [new_code_cell(text) for text in ("from IPython.display import display", many)]
    cells += [new_code_cell(large) for _ in range(4)]
    cells.append(new_code_cell(f"{large}\nraise KeyError('kept')"))
    notebook = new_notebook(cells=cells)
    sandbox.execute(notebook, sandbox.named(isolation), sandbox.Limits(notebook_bytes=200_000))
    outputs = [cell.outputs for cell in notebook.cells]
    assert len(outputs[1]) == sandbox.Limits.outputs + 2
    assert "The rest is left out" in outputs[1][-2].text
    assert outputs[1][-1].ename == "ValueError"
    assert len(outputs[2][0].text) > 40_000
    assert "are left out" in outputs[-1][0].text
    assert outputs[-1][1].ename == "KeyError"


def test_a_file_in_memory_is_limited_like_one_on_disk(outputs_of):
    code = """
        import os
        file = os.memfd_create("x")
        try:
            while os.write(file, bytes(2**20)):
                pass
        except OSError as error:
            print(os.fstat(file).st_size, error)
    """
    (found,), _ = outputs_of(code, disk_bytes=2**23)
    assert found.startswith(f"{2**23} ")


WORKS_ON = """
import sys
import grade, os, time

def work(_):
    os.write(1, b"works\\n")  # Two workers cannot mix what they write at once.
    time.sleep(60)

with grade.pool(2) as pool:
    list(pool.map(work, range(2)))
"""


@pytest.mark.slow
def test_a_worker_that_the_system_kills_costs_one_student_a_turn(
    class_of, grade, isolation, monkeypatch, capsys
):
    """The others are graded in the same run, and the student in the next one."""
    names = ("anna", "ben", "carl", "dora", "emil")
    course = class_of(**dict.fromkeys(names, FULL))
    monkeypatch.setattr(grade, "at_once", lambda: 2)
    stage = grade.Grader._stage

    def killed(grader, student, folder):
        if student == "carl":
            os.kill(os.getpid(), signal.SIGKILL)
        return stage(grader, student, folder)

    monkeypatch.setattr(grade.Grader, "_stage", killed)
    command = ["tiny", "--course", str(course)]
    assert grade.main(command) == 1
    said = capsys.readouterr().out
    assert "NOT GRADED carl: the system ended the program that graded this notebook" in said
    assert said.count("NOT GRADED") == 2  # check_grades.py says it, too
    assert log(course, "carl") == f"Not graded: {grade.KILLED}\n"
    for student in set(names) - {"carl"}:
        assert scores(course, student) == points(2, 3)
    assert [row["student"] for row in grades_csv(course) if row["remarks"] == "NOT GRADED"] == [
        "carl"
    ]

    monkeypatch.setattr(grade.Grader, "_stage", stage)
    assert grade.main(command) == 0
    assert "1/1" in capsys.readouterr().err
    assert scores(course, "carl") == points(2, 3)


STOPPED = """
import runpy, sys
import sandbox

script, kind, course = sys.argv[1:]
sandbox.choose = lambda: sandbox.named(kind)
sys.argv = [script, "tiny", "--course", course]
runpy.run_path(script, run_name="__main__")
"""
SLEEP = ["sleep", f"{86400 + os.getpid()}"]  # which no other test runs meanwhile


def sleeps(is_expected: bool) -> bool:
    """Wait until a sandbox runs the program ``SLEEP``, or none does any more."""
    for _ in range(120):
        if is_expected == (SLEEP in [process.info["cmdline"] for process in all_processes()]):
            break
        time.sleep(0.5)
    return SLEEP in [process.info["cmdline"] for process in all_processes()]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_sandbox_outlives_a_command_that_is_stopped(
    class_of, grade, each_isolation, how, capsys
):
    """Whether the system kills it or the teacher presses Ctrl-C. It then goes on where it was."""
    sleeping = f"import subprocess\nsubprocess.run({SLEEP})\n{DOUBLE}"
    course = class_of(anna=FULL)
    command = ["tiny", "--course", str(course)]
    assert grade.main(command) == 0
    waiting = [f"mallory{number}" for number in range(grade.at_once() + 1)]
    for student in waiting:
        hand_in(course, student, {**FULL, "double": sleeping})
    stopped = subprocess.Popen(
        [sys.executable, "-c", STOPPED, grade.__file__, each_isolation, str(course)],
        env={**os.environ, "PYTHONPATH": str(ASSIGNMENTS)},
        start_new_session=True,
    )
    assert sleeps(True)
    if how == signal.SIGINT:  # It reaches all that runs in a terminal.
        os.killpg(stopped.pid, how)
    else:
        stopped.send_signal(how)
    assert stopped.wait(20) == -how
    assert not sleeps(False)
    for student in waiting:
        assert not grade.Grader(course, "tiny", "", 1).log(student).exists()
        shutil.rmtree(course / "submitted" / student)
    hand_in(course, "ben", FULL)
    capsys.readouterr()
    assert grade.main(command) == 0
    assert "1/1" in capsys.readouterr().err
    assert scores(course, "ben") == points(2, 3)


def test_no_worker_outlives_the_command():
    variables = {**os.environ, "PYTHONPATH": str(ASSIGNMENTS)}
    command = subprocess.Popen(
        [sys.executable, "-c", WORKS_ON], env=variables, stdout=subprocess.PIPE, text=True
    )
    workers = [command.stdout.readline() for _ in range(2)]
    assert workers == ["works\n"] * 2
    children = psutil.Process(command.pid).children(recursive=True)
    assert len(children) >= 2
    command.kill()
    command.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    for process in alive:
        process.kill()
    assert alive == []


def test_an_output_cannot_run_anything_in_the_browser(sandbox):
    html = {"text/html": "<script>alert(1)</script>", "text/plain": "table"}
    (found,) = sandbox.safe([{"output_type": "display_data", "data": html, "metadata": {"x": 1}}])
    assert found == {"output_type": "display_data", "data": {"text/plain": "table"}, "metadata": {}}


@pytest.mark.parametrize("output", [3, {}, {"output_type": "stream", "text": 4}, {"data": 1}])
def test_an_output_that_is_none_becomes_an_error(sandbox, output):
    (found,) = sandbox.safe([output])
    assert found.ename == "OutputError"


def test_a_result_gives_a_test_no_points(grade):
    """nbgrader would take 917 for the points of the test."""
    result = new_output("execute_result", data={"text/plain": "917"}, execution_count=1)
    assert grade._without_points(result).output_type == "display_data"


def test_for_each_student_there_must_be_a_core_and_memory(grade, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for gigabytes, n in ((64, 8), (16, 4), (2, 1)):
        memory = SimpleNamespace(total=gigabytes * 2**30)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        assert grade.at_once() == n


def test_a_container_shows_the_cache_and_nothing_else(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("CALIBKIT_CACHE", str(tmp_path))
    command = sandbox.named("podman").command(sandbox.EXECUTE, sandbox.Limits())
    assert "--network none --read-only --cap-drop ALL" in " ".join(command)
    mounts = [value for option, value in zip(command, command[1:]) if option == "--volume"]  # noqa: B905, RUF007
    assert mounts == [f"{tmp_path}:/calibkit-sandbox/cache:ro"]


@pytest.mark.slow
def test_the_model_answers_get_all_points_in_the_sandbox(course, grade, isolation, tmp_path):
    name = "ps1_temperature_scaling"
    own = shutil.copytree(course, tmp_path / "course")
    folder = own / "submitted" / "full" / name
    folder.mkdir(parents=True)
    shutil.copy(own / "source" / name / f"{name}.ipynb", folder)
    assert grade.main([name, "--course", str(own)]) == 0
    with Gradebook(f"sqlite:///{own / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook(name, name, "full").grades
        tests = [grade for grade in grades if grade.name.startswith("tests_")]
        assert [grade.auto_score for grade in tests] == [grade.max_score for grade in tests]
        assert len(tests) > 5


CURIOUS = """
import sandbox
from nbformat.v4 import new_code_cell, new_notebook

cells = [
    "print(open('/proc/1/environ').read())",
    "import os\\nprint(open(f'/proc/{os.getppid()}/fd/0').read())",
    "open(f'/proc/{os.getppid()}/fd/2', 'w').write('forged')",
    "print('honest')",
]
notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
sandbox.execute(notebook, sandbox.Bubblewrap(), sandbox.Limits(cell_seconds=20))
for cell in notebook.cells:
    print(cell.outputs[0].get("ename") or cell.outputs[0].text.strip())
"""


def test_a_submission_of_an_ordinary_user_reads_no_other_process():
    """Here all processes have the same user. One of them knows the tests of the later cells."""
    unshare = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    program = [*unshare, sys.executable, "-c", CURIOUS]
    if shutil.which("bwrap") is None or shutil.which("unshare") is None:
        pytest.skip("bubblewrap or unshare is not installed")
    variables = {**os.environ, "PYTHONPATH": str(ASSIGNMENTS), "SECRET": "of the teacher"}
    done = subprocess.run(program, check=False, env=variables, capture_output=True, text=True)
    if "namespace" in done.stderr:
        pytest.skip("this machine has no namespaces for ordinary users")
    assert done.stdout.split() == ["PermissionError"] * 3 + ["honest"], done.stderr
