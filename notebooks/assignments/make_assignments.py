"""Make source/, release/ and students.zip from the ps*.py beside this file.

``python notebooks/assignments/make_assignments.py`` makes them here,
``python notebooks/assignments/make_assignments.py FOLDER`` in another course folder.

A source is a notebook in jupytext's percent format. Four kinds of cells count for the grade, told
by their first line; all others are for reading:

- ``# %% solution="NAME"``: the student's code, with ``### BEGIN SOLUTION`` and ``### END SOLUTION``
- ``# %% tests="NAME" points=2``: its checks, the secret ones between ``### BEGIN HIDDEN TESTS`` and
  ``### END HIDDEN TESTS``
- ``# %% [markdown] essay="NAME" points=4``: a written answer, graded by hand
- ``# %% essay="NAME" points=4``: a figure or code, graded by hand
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import jupytext
import nbformat
from nbformat import NotebookNode

SOURCES = Path(__file__).resolve().parent
SECRET = re.compile(r"BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)^[^\n]*END \1", re.DOTALL | re.MULTILINE)


def make_course(course: Path) -> Path:
    """Make all assignments in a course folder; returns the zip for the students."""
    course.mkdir(parents=True, exist_ok=True)
    if course != SOURCES:
        shutil.copy(SOURCES / "nbgrader_config.py", course)
    released = [make_assignment(script, course) for script in sorted(SOURCES.glob("ps*.py"))]
    return pack(released, course / "students.zip")


def make_assignment(script: Path, course: Path) -> Path:
    """Write source/NAME/NAME.ipynb and let nbgrader release it; returns the released notebook."""
    notebook = with_nbgrader_metadata(jupytext.read(script, fmt="py:percent"))
    source = course / "source" / script.stem / f"{script.stem}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, source)
    nbgrader("generate_assignment", script.stem, "--create", "--force", course=course)
    released = course / "release" / script.stem / source.name
    leaked = secret_lines(notebook) & {line.strip() for line in lines(released)}
    if leaked:
        released.unlink()
        raise SystemExit(f"{script.name}: released cells would show {sorted(leaked)[0]!r}")
    return released


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


def nbgrader(*arguments: str, course: Path) -> None:
    """Run nbgrader in the course folder; it calls alembic by name, which lies beside python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        check=False,
        cwd=course,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"nbgrader {' '.join(arguments)} failed:\n{done.stderr}")


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


if __name__ == "__main__":
    print(f"wrote {make_course(Path(sys.argv[1]).resolve() if sys.argv[1:] else SOURCES)}")
