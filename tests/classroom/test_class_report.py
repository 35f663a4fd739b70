"""The report for the teacher: its numbers, its anonymity, and that it changes nothing."""

import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_output
from nbgrader.api import Gradebook, InvalidEntry

from tests.answers import Assignment, submissions
from tests.classroom import made_up_class
from tests.classroom.conftest import ASSIGNMENTS
from tests.classroom.made_up_class import Student, grade_answers, marked, write_class

pytest_plugins = ("tests.browser",)

TINY = "ps9_tiny"
SOURCE = """\
# %% [markdown]
# # A tiny assignment

# %% [markdown]
# ## Question 1: Double a number (2 points)

# %% solution="double"
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% tests="double" points=2
for x in (1, 2.5):
    found = double(x)
    assert (
        abs(found - 2 * x) < 1e-9
    ), f"add the argument to itself: twice {x} is {2 * x}, got {found}"
### BEGIN HIDDEN TESTS
def check(text):
    assert double(text) == 2 * text, f"a text can be doubled too, got {double(text)!r}"

check("ab")
### END HIDDEN TESTS

# %% [markdown]
# ## Question 2: Give it back (1 point)

# %% solution="same"
def same(x):
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION

# %% tests="same" points=1
assert same(1) == 1, "give the argument back"

# %% [markdown]
# ## Question 3: Say why (4 points)

# %% [markdown] essay="why" points=4
# *Write here.*
#
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
"""
RIGHT = {"double": "def double(x):\n    return x + x", "same": "def same(x):\n    return x"}
# Zebulon is a student of the class, and Quentin is none, but comes from the same school.
UNSEEN = ["zebulon", "ogden", "quentin", "90210", "/home", "C:\\"]
NAMED = '''
# Zebulon Ogden, 90210
%cd /home/quentin/calibkit
def double(x):
    """By Quentin, with Zebulon."""
    written_by = "Quentin of /home/quentin"  # Quentin
    zebulonsFactor, of_ogden, seed = 3, 'C:\\\\Users\\\\Quentin', 90210
    miller_total = 0
    note = f"Quentin got {x}" + rb"quentin"
    raise ValueError("Quentin Miller opened /home/quentin/x and asked Zebulon")
'''


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=cwd,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )


def made(folder: Path, script: Path) -> Path:
    """Make a course of one assignment."""
    import make_assignments

    folder.mkdir()
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", folder)
    make_assignments.make_assignment(script, folder)
    return folder


@pytest.fixture(scope="module")
def tiny_course(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    script = folder / f"{TINY}.py"
    script.write_text(SOURCE, encoding="utf-8")
    return made(folder / "course", script)


@pytest.fixture
def tiny(tiny_course, tmp_path) -> Path:
    return shutil.copytree(tiny_course, tmp_path / "course")


def graded(course: Path, question: str, *answers: str) -> list[made_up_class.Graded]:
    tests = marked(course, "source", TINY)[f"tests_{question}"].source
    return grade_answers(answers, tests, dict)


def write_tiny(course: Path, answers: dict[str, dict[str, str]], essays=None) -> None:
    """Grade a class of the tiny assignment; what a student leaves out is right."""
    students = {}
    for who, given in answers.items():
        own = {q: graded(course, q, source)[0] for q, source in {**RIGHT, **given}.items()}
        students[who] = Student(own, {"why": (essays or {}).get(who)})
    write_class(course, TINY, students)


def report(course: Path, name: str = TINY) -> SimpleNamespace:
    import class_report

    html, table = class_report.write_report(course, name)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    page = Page(html.read_text(encoding="utf-8"))
    by_question = {row["question"]: row for row in reversed(rows)}
    return SimpleNamespace(page=page, rows=rows, of=by_question, html=html, csv=table)


class Page(HTMLParser):
    """The words of a page, its links, and its pictures."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source, self.words, self.ids, self.links = source, "", set(), set()
        self.pictures, self.fetched = [], []
        self.feed(source)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        self.links |= {found["href"]} if "href" in found else set()
        self.fetched += [tag] if tag in ("link", "script", "img") or "src" in found else []
        self.pictures += [found] if tag == "svg" else []

    def handle_data(self, data):
        self.words += data


# Statistics


def test_the_numbers_are_those_of_an_independent_computation():
    import item_statistics

    rng = np.random.default_rng(3)
    scores = rng.integers(0, 4, size=(60, 4)).astype(float)
    scores[:25, 3] = np.nan
    found = item_statistics.item_statistics(scores, np.array([3.0, 3.0, 3.0, 6.0]))
    for k in range(3):
        rest = scores[:, [other for other in range(3) if other != k]].sum(axis=1)
        assert found[k].share == pytest.approx(scores[:, k].sum() / 180)
        assert (found[k].n_graded, found[k].n_pending) == (60, 0)
        right = np.corrcoef(scores[:, k], rest)[0, 1]
        assert found[k].discrimination.value == pytest.approx(right)
    assert (found[3].n_graded, found[3].n_pending) == (35, 25)
    assert found[3].share == pytest.approx(scores[25:, 3].mean() / 6)
    right = np.corrcoef(scores[25:, 3], scores[25:, :3].sum(axis=1))[0, 1]
    assert found[3].discrimination.value == pytest.approx(right)


def simulated(rng: np.random.Generator, n: int) -> np.ndarray:
    """Points of a class: ability alone decides question 0, and a coin decides question 1."""
    ability = rng.normal(size=n)
    noisy = ability[:, None] + rng.logistic(size=(n, 6)) > np.linspace(-1, 1, 6)
    return np.column_stack([ability > 0, rng.random(n) < 0.5, noisy]).astype(float)


def test_a_question_that_ability_decides_comes_out_above_a_coin():
    import item_statistics

    rng = np.random.default_rng(0)
    n_above = 0
    for _ in range(100):
        scores = simulated(rng, 40)
        by_ability, by_coin = (
            item_statistics.discrimination(scores[:, k], scores.sum(axis=1) - scores[:, k])
            for k in (0, 1)
        )
        n_above += by_ability.value > by_coin.value
    assert n_above >= 95


def test_the_interval_holds_the_discrimination_of_an_endless_class():
    import item_statistics

    rng = np.random.default_rng(1)
    endless = simulated(rng, 400_000)
    for k in (1, 4):
        right = np.corrcoef(endless[:, k], endless.sum(axis=1) - endless[:, k])[0, 1]
        n_held = 0
        for _ in range(200):
            scores = simulated(rng, 40)
            item = scores[:, k]
            found = item_statistics.discrimination(item, scores.sum(axis=1) - item)
            n_held += found.low <= right <= found.high
        assert 0.9 <= n_held / 200 <= 0.99


@pytest.mark.parametrize(("n", "n_wrong", "is_told"), [(19, 8, 0), (20, 4, 0), (20, 5, 1)])
def test_a_class_that_is_too_small_gets_no_discrimination(n, n_wrong, is_told):
    import item_statistics

    item = (np.arange(n) >= n_wrong).astype(float)
    found = item_statistics.discrimination(item, np.arange(float(n)))
    assert (found is not None) == is_told


# Anonymity


@pytest.mark.parametrize(
    "code",
    [
        NAMED,
        "x = 1  # Zebulon",
        "'''Quentin'''\nx = 1",
        "x = 'Quentin",
        "x = 1 $ Quentin",
        'x = """Quentin\nof Ogden',
        "!cp /home/quentin/double.py .",
        "def double_of_zebulon(x): pass",
        "ZebulonOgden = ogdenZebulon = zebulon2 = 90210",
        "x = b'quentin' + r'C:\\Quentin' + f'{ogden!r:>{zebulon}} Quentin'",
    ],
)
def test_code_names_nobody(code):
    from anonymous import Anonymous

    shown = Anonymous(["zebulon_ogden", "90210"], SOURCE).code(code).casefold()
    assert not [name for name in UNSEEN if name.casefold() in shown]


def test_code_stays_readable():
    from anonymous import Anonymous

    anonymous = Anonymous(["max", "li", "double", "1"], f"{SOURCE} use the key 'found'")
    code = "def double(x):\n    y = max(x, 1)  # why\n\n    return {'found': y}[f'found'] / 2"
    assert anonymous.code(code) == code.replace("  # why\n", "")
    assert anonymous.code('def f():\n    """By Li."""') == 'def f():\n    """…"""'
    assert anonymous.code("li = list(lint)") == "someone = list(lint)"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("got 'Quentin', twice 1 is 2", "got '…', twice 1 is 2"),
        ("No such file: '/home/q/x y'", "No such file: '…'"),
        ("No such file: /home/quentin/x", "No such file: …"),
        (
            "1/T is p / q, name 'double' is not defined",
            "1/T is p / q, name 'double' is not defined",
        ),
        ("zebulon was here", "someone was here"),
        ("Miller was here", "… was here"),
    ],
)
def test_messages_name_nobody(message, shown):
    from anonymous import Anonymous

    anonymous = Anonymous(["zebulon_ogden"], SOURCE)
    assert anonymous.message(message, anonymous.own_words("raise E('Miller')")) == shown


def test_the_report_names_nobody(tiny):
    write_tiny(tiny, {"zebulon_ogden": {"double": NAMED}, "90210": {"same": "Zebulon = 1"}})
    with Gradebook(f"sqlite:///{tiny / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student("n7", first_name="Quentin", last_name="Miller")
    found = report(tiny)
    text = found.page.source + found.csv.read_text(encoding="utf-8")
    assert "written_by" in text
    assert str(tiny) not in text
    assert not [name for name in [*UNSEEN, "miller"] if name.casefold() in text.casefold()]


def test_an_error_that_writes_its_own_name_and_traceback_is_reported_like_others(tiny):
    error = "class zebulon_ogden(Exception):\n    def _render_traceback_(self):\n        return {}"
    raised = "\n\ndef double(x):\n    raise zebulon_ogden"
    lines = ("99999", "9" * 5000)
    forged = [f"[f'Cell In[{{n}}], line {line}' for n in range(60)]" for line in lines]
    students = {f"n{k}": {"double": error.format(text) + raised} for k, text in enumerate(forged)}
    write_tiny(tiny, {**students, "zebulon_ogden": {}})
    rows = [row for row in report(tiny).rows if row["question"] == "tests_double"]
    assert [(row["error"], row["line_of_tests"]) for row in rows] == [("someone", "0")]


# The report on a class


def test_failures_are_grouped_by_the_assertion_and_not_by_its_message(tiny):
    triple = "def double(x):\n    return 3 * x"
    write_tiny(
        tiny,
        {
            "a": {"double": triple},
            "b": {"double": f"{triple}  # mine"},
            "c": {"double": "def double(x):\n    return 4 * x"},
            "d": {"double": "def double(x):\n    return 2.0 * x"},
            "e": {"double": "def double(x):\n    return float(x) * 2"},
            "f": {"double": "def double(x):"},
            "g": {"double": "def double(x):\n    return y"},
            "h": {},
        },
    )
    found = report(tiny)
    rows = [row for row in found.rows if row["question"] == "tests_double"]
    assert [
        (row["kind"], row["error"], row["line_of_tests"], row["n_students"]) for row in rows
    ] == [
        ("assertion", "AssertionError", "3", "3"),
        ("broken", "SyntaxError", "0", "1"),
        ("error", "NameError", "2", "1"),
        ("error", "TypeError", "8", "1"),
        ("error", "ValueError", "8", "1"),
    ]
    assert rows[0]["message"] == "add the argument to itself: twice 1 is 2, got 3"
    assert float(rows[0]["share_of_points"]) == 1 / 8
    assert "3 of 8 students, some with other numbers" in found.page.words
    assert "2 students wrote this, apart from comments: def double(x): return 3 * x" in (
        found.page.words
    )
    assert "assert ( abs(found - 2 * x) < 1e-9 ), f" in found.page.words


def test_an_essay_that_nobody_has_graded_is_pending_and_not_0(tiny):
    write_tiny(tiny, {"a": {}, "b": {}, "c": {}}, essays={"a": 3.0})
    found = report(tiny)
    row = found.of["essay_why"]
    assert (row["n_graded"], row["n_pending"], row["share_of_points"]) == ("1", "2", "0.75")
    assert "Pending: 2 students to grade by hand" in found.page.words
    assert "too few students to tell" in found.page.words


def with_outputs(course: Path, who: str, name: str, outputs: list) -> None:
    """Change what a cell of a graded notebook put out."""
    path = course / "autograded" / who / TINY / f"{TINY}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == name:
            cell.outputs = outputs
    nbformat.write(notebook, path)


def test_time_outs_dead_kernels_and_empty_answers_are_told_apart(tiny):
    empty = marked(tiny, "release", TINY)["double"].source
    write_tiny(tiny, {who: {"double": "x = 1"} for who in "abc"} | {"d": {"double": empty}})
    late = new_output("error", ename="CellTimeoutError", evalue="", traceback=["no reply"])
    with_outputs(tiny, "a", "double", [late])
    with_outputs(tiny, "b", "tests_double", [])
    found = report(tiny)
    kinds = Counter(row["kind"] for row in found.rows if row["question"] == "tests_double")
    assert kinds == {"time-out": 1, "died": 1, "empty": 1, "error": 1}
    assert "Question 1: Double a number, 1 student: time-out." in found.page.words
    assert "Question 1: Double a number, 1 student: Python ended." in found.page.words


def test_a_notebook_that_was_not_graded_is_counted_apart(tiny):
    write_tiny(tiny, {"a": {}, "b": {"same": "x = 1"}})
    shutil.rmtree(tiny / "autograded" / "b")
    found = report(tiny)
    assert found.of["tests_same"]["share_of_points"] == "1"
    assert "It leaves out 1 student whose newest notebook could not be graded" in found.page.words


def test_an_earlier_version_of_a_notebook_that_could_not_be_graded_does_not_count(tiny):
    """Nor does a file from which nothing was ever graded, and the report counts both."""
    write_tiny(tiny, {"a": {}, "b": {"same": "x = 1"}})
    (tiny / "logs" / TINY).mkdir(parents=True)
    (tiny / "logs" / TINY / "b.log").write_text("Graded in jest\nNot graded: torn\n")
    (tiny / "submitted" / "c" / TINY).mkdir(parents=True)
    found = report(tiny)
    assert found.of["tests_same"]["share_of_points"] == "1"
    assert "It leaves out 2 students whose newest notebook could not be graded" in found.page.words


def test_the_page_needs_no_other_file_and_its_pictures_have_words(tiny):
    write_tiny(tiny, {"a": {}, "b": {"same": "def same(x):\n    return '<b>&'"}})
    page = report(tiny).page
    assert page.fetched == []
    assert "http" not in page.source
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert page.pictures
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in page.pictures)
    assert "prefers-color-scheme: dark" in page.source
    assert "<b>" not in page.source


def test_a_spreadsheet_runs_nothing_that_a_student_wrote():
    import class_report

    assert class_report.cell("=1+1") == "'=1+1"
    assert class_report.cell(-0.25) == "-0.25"


def contents(course: Path) -> dict[Path, str]:
    files = [path for path in course.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_command_changes_nothing_but_its_own_folder(tiny):
    write_tiny(tiny, {"a": {}})
    before = contents(tiny)
    done = run(str(ASSIGNMENTS / "class_report.py"), TINY, "--course", str(tiny), cwd=tiny.parent)
    assert done.returncode == 0, done.stderr
    after = contents(tiny)
    written = {tiny / "reports" / f"{TINY}.html", tiny / "reports" / f"{TINY}.csv"}
    assert after.keys() - before.keys() == written
    assert {path: after[path] for path in before} == before


def test_the_gradebook_is_open_for_reading_only(tiny, monkeypatch):
    import graded_class

    monkeypatch.setattr(graded_class, "names_of", lambda gradebook: gradebook.add_student("new"))
    with pytest.raises(InvalidEntry, match="readonly"):
        graded_class.read_class(tiny, TINY)


@pytest.mark.parametrize("missing", ["gradebook.db", f"source/{TINY}/{TINY}.ipynb", "grades"])
def test_a_course_that_is_not_graded_gets_a_sentence_and_no_report(tiny, missing):
    import class_report

    (tiny / missing).unlink(missing_ok=True)
    sentence = f"No notebook of {TINY} is graded" if missing == "grades" else f"no {missing}"
    with pytest.raises(SystemExit, match=sentence):
        class_report.write_report(tiny, TINY)
    assert not (tiny / "reports").exists()
    assert (tiny / "gradebook.db").exists() == (missing != "gradebook.db")


# Slow: what nbgrader itself writes, and a class of 200


@pytest.mark.slow
def test_a_class_that_nbgrader_graded(tiny):
    """The tests above made their notebooks without a kernel; here they come from one."""
    triple = "def double(x):\n    return 3 * x"
    given = {
        "right": {},
        "wrong": {"double": triple, "same": "def same(x):\n    return x / 0"},
        "loop": {"same": "import time\nwhile True:\n    time.sleep(0.1)"},
        "broken": {"double": "def double(x:"},
        "died": {"double": "import os\nos._exit(1)"},
        "empty": {"double": marked(tiny, "release", TINY)["double"].source},
    }
    for who, answers in given.items():
        notebook = nbformat.read(tiny / "release" / TINY / f"{TINY}.ipynb", as_version=4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = {**RIGHT, **answers}.get(name, cell.source)
        folder = tiny / "submitted" / who / TINY
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{TINY}.ipynb")
    run("-m", "nbgrader", "autograde", TINY, "--Execute.timeout=4", cwd=tiny)
    found = report(tiny)
    assert {
        (row["question"], row["kind"], row["error"], row["line_of_tests"])
        for row in found.rows
        if row["kind"]
    } == {
        ("tests_double", "assertion", "AssertionError", "3"),
        ("tests_double", "broken", "SyntaxError", "0"),
        ("tests_double", "empty", "", "0"),
        ("tests_same", "error", "ZeroDivisionError", "1"),
        ("tests_same", "time-out", "", "0"),
    }
    assert "It leaves out 1 student whose newest notebook could not be graded" in found.page.words


@pytest.fixture(scope="module")
def class_of_200(tmp_path_factory) -> SimpleNamespace:
    name, n_wrong = "ps1_temperature_scaling", 3
    course = made(tmp_path_factory.mktemp("large") / "course", ASSIGNMENTS / f"{name}.py")
    assignment, given = Assignment(name), submissions(name)
    source, released = marked(course, "source", name), marked(course, "release", name)
    right, wrong = {}, {}
    for question, (solution, *_) in assignment.questions.items():
        mistakes = [answer for asked, answer in given["WRONG"].values() if asked == question]
        grade = partial(
            grade_answers,
            tests=source[f"tests_{question}"].source,
            names=partial(assignment.names_for, question),
        )
        right[question] = grade([solution])
        wrong[question] = grade([*mistakes[:n_wrong], released[question].source])
        assert [answer.is_right for answer in right[question]] == [True]
        assert not any(answer.is_right for answer in wrong[question])
    essays = {
        key.removeprefix("essay_"): cell.metadata.nbgrader.points
        for key, cell in source.items()
        if key.startswith("essay_")
    }
    students = made_up_class.draw_class(right, wrong, essays, 200, seed=0)
    write_class(course, name, students)
    return SimpleNamespace(**locals(), report=report(course, name))


@pytest.mark.slow
def test_the_numbers_of_a_class_of_200(class_of_200):
    students = list(class_of_200.students.values())
    worth = {q: question.points for q, question in class_of_200.assignment.questions.items()}
    points = {q: np.array([s.answers[q].is_right * worth[q] for s in students]) for q in worth}
    total = sum(points.values())
    for question, got in points.items():
        row = class_of_200.report.of[f"tests_{question}"]
        assert float(row["share_of_points"]) == pytest.approx(
            got.mean() / worth[question], rel=1e-3
        )
        right = np.corrcoef(got, total - got)[0, 1]
        assert float(row["discrimination"]) == pytest.approx(right, rel=1e-3)
        assert float(row["discrimination_low"]) < right < float(row["discrimination_high"])
    for essay, most in class_of_200.essays.items():
        row = class_of_200.report.of[f"essay_{essay}"]
        graded = [s.essays[essay] for s in students if s.essays[essay] is not None]
        assert (int(row["n_graded"]), int(row["n_pending"])) == (len(graded), 200 - len(graded))
        assert float(row["share_of_points"]) == pytest.approx(np.mean(graded) / most, rel=1e-3)


@pytest.mark.slow
def test_the_failures_of_a_class_of_200(class_of_200):
    """Python itself says where each answer failed, without the text that IPython writes."""
    expected = Counter()
    for student in class_of_200.students.values():
        for question, answer in student.answers.items():
            if answer.is_right:
                continue
            is_empty = answer.source == class_of_200.released[question].source
            error = "" if is_empty else answer.outputs[1][0].ename
            expected[question, error, 0 if is_empty else answer.line] += 1
    told = Counter()
    for row in class_of_200.report.rows:
        if row["kind"]:
            place = row["question"].partition("_")[2], row["error"], int(row["line_of_tests"])
            told[place] += int(row["n_students"])
    assert told == expected
    assert "Two answers that failed this way" in class_of_200.report.page.words
    assert not re.search(r"student\d", class_of_200.report.page.source)


@pytest.mark.slow
def test_the_page_fits_a_telephone_in_light_and_dark(class_of_200, browser):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason='the extra "browser" has axe'
    )
    browser.resize(380, 800)
    browser.open(class_of_200.report.html.as_uri())
    for scheme in ("light", "dark"):
        browser.set_media(color_scheme=scheme)
        browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        assert browser.run("return document.documentElement.scrollWidth") <= 380
        faults = axe.Axe().run(browser.page, options={"resultTypes": ["violations"]})
        assert [fault["id"] for fault in faults.response["violations"]] == []
