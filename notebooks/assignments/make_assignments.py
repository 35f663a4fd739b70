"""Make source/, release/ and students.zip from the ps*.py beside this file.

``python notebooks/assignments/make_assignments.py`` makes them here,
``python notebooks/assignments/make_assignments.py FOLDER`` in another course folder. With
``--per-student roster.csv``, it writes release_per_student/ in place of students.zip: there each
student of the roster has notebooks with seeds of their own, and a zip of them.

A source is a notebook in jupytext's percent format. Four kinds of cells count for the grade, told
by their first line; all others are for reading:

- ``# %% solution="NAME"``: the student's code, with ``### BEGIN SOLUTION`` and ``### END SOLUTION``
- ``# %% tests="NAME" points=2``: its checks, the secret ones between ``### BEGIN HIDDEN TESTS`` and
  ``### END HIDDEN TESTS``
- ``# %% [markdown] essay="NAME" points=4``: a written answer, graded by hand
- ``# %% essay="NAME" points=4``: a figure or code, graded by hand
"""

import argparse
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import jupytext
import nbformat
import sandbox
import seeds
import spreadsheet
from nbformat import NotebookNode
from nbgrader.apps import GenerateAssignmentApp
from nbgrader_command import run_nbgrader
from tqdm import tqdm

SOURCES = Path(__file__).resolve().parent
PER_STUDENT = "release_per_student"
# Like nbgrader, this takes a whole line as a marker, whatever else the line holds.
SECRET = re.compile(
    r"BEGIN (SOLUTION|HIDDEN TESTS)[^\n]*\n(.*?)^[^\n]*END \1", re.DOTALL | re.MULTILINE
)


def make_course(course: Path) -> list[Path]:
    """Make all assignments in a course folder; returns the released notebooks."""
    course.mkdir(parents=True, exist_ok=True)
    if course != SOURCES:
        shutil.copy(SOURCES / "nbgrader_config.py", course)
    scripts = tqdm(sorted(SOURCES.glob("ps*.py")), desc="assignments", unit="notebook")
    return [make_assignment(script, course) for script in scripts]


def make_for_each_student(course: Path, roster: dict[str, str]) -> Path:
    """Write release_per_student/ from release/, and seeds.csv; return the folder."""
    released = {
        script.stem: nbformat.read(
            course / "release" / script.stem / f"{script.stem}.ipynb", as_version=4
        )
        for script in sorted(SOURCES.glob("ps*.py"))
    }
    secret, given = seeds.secret_of(course), seeds.remembered(course)
    rows = [row for row in seeds.remembered_rows(course) if row["student"] not in roster]
    folder = course / PER_STUDENT
    for student, platform_id in tqdm(roster.items(), desc="students", unit="student"):
        own = folder / student
        own.mkdir(parents=True, exist_ok=True)
        for name, notebook in released.items():
            constants = seeds.seeds_in(notebook)
            drawn = seeds.drawn(secret, name, student, constants)
            # what a student already has stays, even if the secret was lost
            values = {**drawn, **given.get((student, name), {})}
            nbformat.write(seeds.with_seeds(notebook, values), own / f"{name}.ipynb")
            cells = [(student, platform_id, name, key, str(values[key])) for key in constants]
            rows += [dict(zip(seeds.COLUMNS, row, strict=True)) for row in cells]
        pack([own / f"{name}.ipynb" for name in released], folder / f"{student}.zip")
    spreadsheet.write(course / "seeds.csv", seeds.COLUMNS, rows)
    return folder


def make_assignment(script: Path, course: Path) -> Path:
    """Write source/NAME/NAME.ipynb and let nbgrader release it; returns the released notebook."""
    notebook = with_nbgrader_metadata(jupytext.read(script, fmt="py:percent"))
    source = course / "source" / script.stem / f"{script.stem}.ipynb"
    if source.is_file() and code_of(nbformat.read(source, as_version=4)) != code_of(notebook):
        try_model_answers(notebook, script.name)
    source.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, source)
    release(script.stem, course)
    released = course / "release" / script.stem / source.name
    leaked = secret_lines(notebook) & {line.strip() for line in lines(released)}
    if leaked:
        released.unlink()
        raise SystemExit(f"{script.name}: released cells would show {sorted(leaked)[0]!r}")
    return released


def code_of(notebook: NotebookNode) -> list[str]:
    """Return the code of a notebook, on which its points depend."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def try_model_answers(notebook: NotebookNode, name: str) -> None:
    """Run a changed source, and refuse to hand it out if its own answers fail its tests."""
    tried = deepcopy(notebook)
    sandbox.execute(tried, sandbox.named(sandbox.NoSandbox.name), say=tqdm.write)
    for cell in tried.cells:
        errors = [output for output in cell.get("outputs", ()) if output.output_type == "error"]
        if errors:
            mark = cell.metadata.get("nbgrader", {}).get("grade_id", "without a question")
            raise SystemExit(
                f"{name}: with the model answers, the cell {mark} ends with {errors[0].ename}: "
                f"{errors[0].evalue}. Nothing was changed. Correct the file and run this again."
            )


def with_nbgrader_metadata(notebook: NotebookNode) -> NotebookNode:
    """Turn ``solution``, ``tests``, ``essay`` and ``points`` into what nbgrader reads."""
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place}"  # not a random one: the same source gives the same notebook
        own, cell.metadata = cell.metadata, NotebookNode()
        kind = next((kind for kind in ("solution", "tests", "essay") if kind in own), None)
        if kind is None:
            continue
        cell.metadata.nbgrader = {
            "schema_version": 3,
            "grade_id": own[kind] if kind == "solution" else f"{kind}_{own[kind]}",
            "grade": kind != "solution",
            "solution": kind != "tests",
            "locked": kind == "tests",
            "task": False,
        }
        if kind != "solution":
            cell.metadata.nbgrader["points"] = own["points"]
    return notebook


def release(name: str, course: Path) -> None:
    """Let nbgrader write an assignment for students, in a process that is a copy of this one."""
    with ProcessPoolExecutor(1) as pool:
        arguments = (GenerateAssignmentApp, name, "--create", "--force")
        said, is_done = pool.submit(run_nbgrader, *arguments, course=course).result()
    if not is_done:
        raise SystemExit(f"nbgrader generate_assignment {name} failed:\n{said}")


def secret_lines(notebook: NotebookNode) -> set[str]:
    """Lines that stand between the markers and nowhere else in the notebook."""
    sources = [cell.source for cell in notebook.cells]
    secret = {line.strip() for source in sources for line in secrets(source)}
    shown = {line.strip() for source in sources for line in SECRET.sub("", source).splitlines()}
    return secret - shown - {""}


def secrets(source: str) -> Iterator[str]:
    """Yield the lines of a source that students must not see."""
    for match in SECRET.finditer(source):
        yield from match[2].splitlines()


def lines(path: Path) -> Iterator[str]:
    """Yield the source lines of a notebook."""
    for cell in nbformat.read(path, as_version=4).cells:
        yield from cell.source.splitlines()


def pack(notebooks: list[Path], target: Path) -> Path:
    """Zip notebooks without their times, so that the same notebooks give the same bytes."""
    with ZipFile(target, "w") as archive:
        for notebook in notebooks:
            entry = ZipInfo(f"{notebook.stem}/{notebook.name}")
            archive.writestr(entry, notebook.read_bytes(), ZIP_DEFLATED)
    return target


def main(arguments: list[str] | None = None) -> None:
    """Make all assignments, and those of each student if there is a roster."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("course", nargs="?", type=Path, default=SOURCES, help="course folder")
    parser.add_argument(
        "--per-student", type=Path, metavar="ROSTER", help="csv file with a column named student"
    )
    options = parser.parse_args(arguments)
    roster = seeds.read_roster(options.per_student) if options.per_student else None
    course = options.course.resolve()
    released, for_all = make_course(course), course / "students.zip"
    if roster is not None:
        print(f"wrote {make_for_each_student(course, roster)} and {course / 'seeds.csv'}")
    elif (course / PER_STUDENT).is_dir():
        print(
            f"wrote release/, but no students.zip, because {PER_STUDENT}/ holds zips with data for "
            "each student: add --per-student to write these anew, or delete the folder"
        )
    else:
        print(f"wrote {pack(released, for_all)}")
        return
    for_all.unlink(missing_ok=True)  # nobody should hand it out by mistake


if __name__ == "__main__":
    main()
