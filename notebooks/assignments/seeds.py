"""Seeds of each student, so that copied numbers show.

The constants of an assignment's first code cell whose names end in SEED decide which data a student
gets. ``make_assignments.py --per-student roster.csv`` gives them other values for each student and
remembers them in seeds.csv. The tests use the same constants, so they follow.

After grading, ``python seeds.py ps1_temperature_scaling`` names the students who changed these
constants, and those whose written numbers come out with the seeds of somebody else.
"""

import argparse
import ast
import csv
import hashlib
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path

import nbformat
import repair
import spreadsheet
from course import Version, graded_notebook, graded_version
from nbformat import NotebookNode
from nbformat.v4.rwbase import rejoin_lines

COLUMNS = ["student", "platform_id", "assignment", "constant", "seed"]
# The network has to run for half a minute for each value, so all students share these images.
SHARED = {"IMAGES_SEED"}
MOST_TIMES_PRINTED = 5  # times as many numbers as the notebook in the middle prints
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+")
# In a text, the decimal sign may be a comma, which LaTeX wants in braces.
WRITTEN_NUMBER = re.compile(r"(?<![\w.,])(\d+)(?:[.,]|\{,\})(\d+)")
Seeds = dict[str, int]


def settings(source: str) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield each name ending in SEED that some code sets, with its value if that stands there."""
    # lines for IPython are no Python
    lines = ["" if re.match(r"\s*[%!]", line) else line for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return
    values: dict[int, ast.expr] = {}
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            values |= {id(name): value for name, value in pairs}
    for node in ast.walk(tree):
        is_set = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if is_set and node.id.endswith("SEED"):
            yield node.id, values.get(id(node))
        # other statements give a name, too, such as "case SEED:" and "import x as SEED"
        name = getattr(node, "name", None) if not isinstance(node, ast.alias) else node.asname
        if isinstance(name, str) and name.endswith("SEED"):
            yield name, None


def first_code(notebook: NotebookNode) -> NotebookNode:
    """Return the cell that holds the constants."""
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


def seeds_in(notebook: NotebookNode) -> Seeds:
    """Return the constants of a released notebook that each student gets for themselves."""
    return {
        name: value.value
        for name, value in settings(first_code(notebook).source)
        if name not in SHARED and isinstance(value, ast.Constant)
    }


def with_seeds(notebook: NotebookNode, seeds: Seeds) -> NotebookNode:
    """Return a copy of a notebook with other values of these constants."""
    changed = deepcopy(notebook)
    cell = first_code(changed)
    lines = cell.source.encode().splitlines(keepends=True)  # ast counts bytes
    places = [(value, seeds[name]) for name, value in settings(cell.source) if name in seeds]
    for value, seed in sorted(places, key=lambda place: -place[0].col_offset):
        line = lines[value.lineno - 1]
        before, after = line[: value.col_offset], line[value.end_col_offset :]
        lines[value.lineno - 1] = before + str(seed).encode() + after
    cell.source = b"".join(lines).decode()
    return changed


def drawn(secret: str, assignment: str, student: str, names: Iterable[str]) -> Seeds:
    """Draw a seed of at most eight digits for each name, which nobody can guess."""
    return {
        name: int.from_bytes(
            hashlib.blake2b(
                "\0".join([assignment, student, name]).encode(), key=secret.encode(), digest_size=8
            ).digest()
        )
        % 10**8
        for name in names
    }


def secret_of(course: Path) -> str:
    """Return the secret of the course, which is drawn once and kept in a file."""
    path = course / "course_secret.txt"
    if not path.is_file():
        path.write_text(secrets.token_hex(16), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def remembered_rows(course: Path) -> list[dict[str, str]]:
    """Read the rows of seeds.csv, if it exists."""
    return spreadsheet.read(course / "seeds.csv")


def remembered(course: Path) -> dict[tuple[str, str], Seeds]:
    """Return the seeds of each student and assignment."""
    found: dict[tuple[str, str], Seeds] = {}
    for row in remembered_rows(course):
        key = row["student"], row["assignment"]
        found.setdefault(key, {})[row["constant"]] = int(row["seed"])
    return found


def read_roster(path: Path) -> dict[str, str]:
    """Read the students, with their ids on the platform, and refuse what is no folder name."""
    if not path.is_file():
        raise SystemExit(f"There is no file {path}. It needs a column named student.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if "student" not in (reader.fieldnames or ()):
            raise SystemExit(
                f"{path.name} has the columns {reader.fieldnames}, but one named student is needed."
            )
        rows = [((row["student"] or "").strip(), row.get("platform_id") or "") for row in reader]
    seen: set[str] = set()
    for student, _ in rows:
        if not re.fullmatch(r"[\w@+-][\w@+. '’-]*", student):
            raise SystemExit(
                f"{path.name} names the student {student!r}, but the name becomes a folder: use "
                "letters, digits, spaces, apostrophes and . _ - + @ only."
            )
        if student.casefold() in seen:
            raise SystemExit(f"{path.name} names the student {student!r} twice.")
        seen.add(student.casefold())
    return dict(rows)


def graded_students(course: Path, assignment: str) -> list[str]:
    """Return the students whose newest notebook was graded."""
    folders = sorted((course / "autograded").glob(f"*/{assignment}/"))
    students = [folder.parent.name for folder in folders]
    return [s for s in students if graded_version(course, assignment, s) is Version.NEWEST]


def remarks_on_seeds(course: Path, student: str, assignment: str) -> Iterator[str]:
    """Yield a sentence for each constant of a graded notebook that is not what the student got."""
    given = remembered(course)
    mine = given.get((student, assignment))
    if mine is None:
        return
    notebook = nbformat.read(graded_notebook(course, assignment, student), as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    found: dict[str, set[str]] = {name: set() for name in mine}
    for name, value in (pair for source in sources for pair in settings(source)):
        if name in mine:
            found[name].add("another value" if value is None else ast.unparse(value))
    for name, seed in mine.items():
        for value in sorted(found[name] - {str(seed)}):
            owners = [
                other
                for (other, of), seeds in given.items()
                if of == assignment and other != student and str(seeds.get(name)) == value
            ]
            whose = f", which is a seed of {', '.join(owners)}" if owners else ""
            yield f"{name} is set to {value}{whose}, but this student got {seed}"
        if not found[name]:
            yield f"{name} is no longer set, but this student got {seed}"


def copied_numbers(course: Path, assignment: str) -> Iterator[tuple[str, str]]:
    """Yield a student and a sentence if their numbers come out with another student's seeds.

    The numbers in written answers, and in the outputs that were handed in, should be those that the
    student's own notebook prints when it is graded. Somebody whose numbers another notebook
    explains better has probably copied.
    """
    given = {student for student, of in remembered(course) if of == assignment}
    graded = {
        student: nbformat.read(graded_notebook(course, assignment, student), as_version=4)
        for student in graded_students(course, assignment)
        if student in given
    }
    explained = {
        student: rounded(numbers_printed(notebook)) for student, notebook in graded.items()
    }
    path = course / "release" / assignment / f"{assignment}.ipynb"
    released = nbformat.read(path, as_version=4)
    asked, given_code = numbers_written(released), numbers_typed(released)
    usual = sorted(len(numbers) for numbers in explained.values())[len(explained) // 2]
    for student, notebook in graded.items():
        for what, numbers in (
            ("writes", numbers_written(notebook) - asked),
            ("handed in outputs with", numbers_handed_in(course, assignment, student)),
        ):
            long = {number for number in numbers if len(number.replace(".", "").lstrip("0")) >= 3}
            # Whoever types a number and prints it has not computed it.
            own = (long & explained[student]) - (numbers_typed(notebook) - given_code)
            for other in [name for name in graded if name != student]:
                theirs = long & explained[other]
                # Whoever prints nearly all numbers explains every answer, and proves nothing.
                if len(explained[other]) > MOST_TIMES_PRINTED * usual:
                    continue
                if len(theirs - own) >= 3 and len(theirs) > len(own):
                    shown = ", ".join(sorted(theirs - own)[:5])
                    yield student, f"{what} {shown}, which the seeds of {other} produce"


def numbers_written(notebook: NotebookNode) -> set[str]:
    """Return the numbers in the written answers."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    essays = [cell.source for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return {".".join(number) for essay in essays for number in WRITTEN_NUMBER.findall(essay)}


def numbers_typed(notebook: NotebookNode) -> set[str]:
    """Return the numbers in the code."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {number for cell in cells for number in NUMBER.findall(cell.source)}


def numbers_printed(notebook: NotebookNode) -> set[str]:
    """Return the numbers in the outputs."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = [output.get("text", "") for output in outputs]
    texts += [output.get("data", {}).get("text/plain", "") for output in outputs]
    return {number for text in texts for number in NUMBER.findall(text)}


def numbers_handed_in(course: Path, assignment: str, student: str) -> set[str]:
    """Return the numbers in the outputs of a notebook as it was handed in; none of an odd one."""
    path = course / "submitted" / student / assignment / f"{assignment}.ipynb"
    try:
        return numbers_printed(rejoin_lines(repair.read(path)[0]))
    except Exception as error:  # whatever a file holds, the others are checked
        print(f"{student}: the outputs that were handed in could not be read ({error})")
        return set()


def rounded(numbers: set[str]) -> set[str]:
    """Return numbers as they are and with fewer decimals."""
    return numbers | {
        f"{float(number):.{decimals}f}"
        for number in numbers
        for decimals in range(1, min(len(number.partition(".")[2]), 8))
    }


def main(arguments: list[str] | None = None) -> int:
    """Print each remark on seeds and numbers; return 1 if somebody should look."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("assignment")
    parser.add_argument("--course", type=Path, default=Path(__file__).parent, help="course folder")
    options = parser.parse_args(arguments)
    course, assignment = options.course, options.assignment
    if not remembered(course):
        raise SystemExit(
            f"There is no seeds.csv in {course}. Only make_assignments.py --per-student writes it."
        )
    students = graded_students(course, assignment)
    remarks = [
        (student, remark)
        for student in students
        for remark in remarks_on_seeds(course, student, assignment)
    ]
    given = {student for student, of in remembered(course) if of == assignment}
    unknown = [student for student in students if student not in given]
    if set(students) & given:
        remarks += copied_numbers(course, assignment)
    for student, remark in remarks:
        print(f"{student}: {remark}")
    if unknown:
        print(
            f"seeds.csv knows no seeds of {', '.join(unknown)}, so nothing was compared for them. "
            "The names in roster.csv must be those of the folders in submitted/."
        )
    print(f"Graded notebooks: {len(students)}. Remarks: {len(remarks)}.")
    return int(bool(remarks or unknown))


if __name__ == "__main__":
    sys.exit(main())
