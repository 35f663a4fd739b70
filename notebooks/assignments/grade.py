"""Grade an assignment: ``python grade.py ps1_temperature_scaling [--course FOLDER]``.

It collects what was downloaded, repairs each notebook, runs it in a sandbox (see ``sandbox.py``),
lets nbgrader save the points, writes grades.csv, and checks the grades. It grades again only what
is new or changed, and keeps a log for each student in ``logs/ASSIGNMENT/STUDENT.log``.
"""

import argparse
import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory

import check_grades
import collect
import disarmed
import earlier_answers
import nbformat
import psutil
import repair
import sandbox
from course import GRADED, graded_notebook, log_of
from nbformat import NotebookNode
from nbgrader.apps import AutogradeApp
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader_command import run_nbgrader
from tqdm import tqdm
from traitlets import Integer, Unicode
from write_grades import write_grades

HERE = Path(__file__).resolve().parent
# What nbgrader does before it runs a notebook. It then runs none itself.
BEFORE_EXECUTION = (
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
    "grade.RunInSandbox",
)


NO_SANDBOX = (
    "Nothing on this machine can isolate submitted code, which could then read and change all that "
    "you can.\n{}\nOr add --without-isolation on a machine that holds nothing else of value."
)


KILLED = (
    "the system ended the program that graded this notebook, probably because memory was short; "
    "close other programs and run grade.py again"
)


class RunInSandbox(NbGraderPreprocessor):
    """Run a notebook in a sandbox, in place of nbgrader's own ``Execute``."""

    kind = Unicode(help="name of the sandbox").tag(config=True)
    source = Unicode(help="notebook with the model answers").tag(config=True)
    student_seconds = Integer(help="seconds for a notebook").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Give all code cells the outputs that they have in the sandbox."""
        limits = sandbox.Limits(
            cell_seconds=self.config.Execute.get("timeout", sandbox.Limits.cell_seconds),
            student_seconds=self.student_seconds,
        )
        handed_in, again = nb.cells, disarmed.again(nb, nbformat.read(self.source, as_version=4))
        nb.cells = handed_in + again
        sandbox.execute(nb, sandbox.named(self.kind), limits, self.log.warning)
        nb.cells = handed_in
        nb.metadata.disarmed = list(disarmed.disarmed(nb, again))
        for cell in nb.cells:
            if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
                cell.outputs = [_without_points(output) for output in cell.outputs]
        return nb, resources


def _without_points(output: NotebookNode) -> NotebookNode:
    """Turn a result into something displayed: nbgrader takes a result for the points of a test."""
    if output.output_type == "execute_result":
        return nbformat.v4.new_output("display_data", data=output.data)
    return output


@dataclass(frozen=True)
class Grader:
    """What is the same for all students of an assignment."""

    course: Path
    assignment: str
    kind: str
    student_seconds: int

    def students(self) -> list[str]:
        """Return who handed in a folder for the assignment."""
        folders = (self.course / "submitted").glob(f"*/{self.assignment}/")
        return sorted(folder.parent.name for folder in folders)

    def submitted(self, student: str) -> Path:
        """Return the folder that a student handed in."""
        return self.course / "submitted" / student / self.assignment

    def log(self, student: str) -> Path:
        """Return the log of a student."""
        return log_of(self.course, self.assignment, student)

    def is_graded(self, student: str) -> bool:
        """Say whether a submission has been graded as it is now, with the tests as they are now."""
        graded = graded_notebook(self.course, self.assignment, student)
        log = self.log(student)
        if not graded.is_file() or not log.is_file():
            return False
        try:
            return log.read_text(encoding="utf-8").endswith(self._last_line(student))
        except (OSError, ValueError):  # ``grade`` says what is wrong with the file
            return False

    @property
    def file_name(self) -> str:
        """Return the name of the notebook."""
        return f"{self.assignment}.ipynb"

    def grade(self, student: str) -> str | None:
        """Grade one student and write the log; return why the points could not be saved, if so.

        An error of one student is no reason to stop with the others.
        """
        log = self.log(student)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            last_line = self._last_line(student)
            with TemporaryDirectory(prefix="calibkit-") as folder:
                remarks = self._stage(student, Path(folder))
                earlier_answers.keep(self.course, self.assignment, student)
                said, is_graded = self._autograde(Path(folder))
        except Exception as error:  # whatever a file holds, it costs no other student the grades
            text = f"Not graded: {error}\n"
            log.write_text(text, encoding="utf-8", errors="backslashreplace")
            return str(error)
        text = "".join(f"{check_grades.printable(remark)}\n" for remark in remarks) + said
        text += last_line if is_graded else ""
        log.write_text(text, encoding="utf-8", errors="backslashreplace")
        return None if is_graded else f"nbgrader stopped; {log.relative_to(self.course)} says why"

    def _stage(self, student: str, folder: Path) -> list[str]:
        """Write the repaired notebook where nbgrader finds nothing else; return the remarks."""
        submitted = self.submitted(student)
        found, remarks = repair.read(submitted / self.file_name)
        notebook, more = repair.repaired(found, nbformat.read(self._source, as_version=4))
        staged = folder / student / self.assignment
        staged.mkdir(parents=True)
        nbformat.write(notebook, staged / self.file_name)
        timestamp = submitted / "timestamp.txt"
        if timestamp.is_file() and not timestamp.is_symlink():
            shutil.copy(timestamp, staged)
        return remarks + more

    def _autograde(self, folder: Path) -> tuple[str, bool]:
        """Let nbgrader overwrite the tests, run the notebook in the sandbox and save the points."""
        return run_nbgrader(
            AutogradeApp,
            self.assignment,
            "--force",
            f"--CourseDirectory.submitted_directory={folder}",
            "--Execute.enabled=False",
            *(f"--Autograde.sanitize_preprocessors={name}" for name in BEFORE_EXECUTION),
            f"--RunInSandbox.kind={self.kind}",
            f"--RunInSandbox.source={self._source}",
            f"--RunInSandbox.student_seconds={self.student_seconds}",
            course=self.course,
        )

    @property
    def _source(self) -> Path:
        return self.course / "source" / self.assignment / self.file_name

    def _last_line(self, student: str) -> str:
        """Return the last line of the log: it names what was graded, and with which tests."""
        files = (self.submitted(student) / self.file_name, self._source)
        digest = hashlib.sha256(b"".join(map(repair.content, files))).hexdigest()
        return f"{GRADED}{digest}\n"


def grade(grader: Grader, force: bool) -> list[str]:
    """Grade who is new or changed, or all; return a sentence for each failure."""
    students = [name for name in grader.students() if force or not grader.is_graded(name)]
    found = errors(grader, students)
    bar = tqdm(found, desc=grader.assignment, total=len(students), unit="student")
    failed = {student: error for student, error in bar if error}
    return [f"{student}: {failed[student]}." for student in students if student in failed]


def errors(grader: Grader, students: list[str]) -> Iterator[tuple[str, str | None]]:
    """Grade students; yield each with why the points could not be saved, if so.

    If the system kills a worker, for example because memory is short, the pool ends with it. The
    workers take the students in order, so the killed one graded one of the first that are left.
    These are graded again one at a time, and the others at once as before.
    """
    n = at_once()
    while students:
        graded = set()
        for student, error in until_killed(grader, students, n):
            graded.add(student)
            yield student, error
        students = [student for student in students if student not in graded]
        suspects, students = students[:n], students[n:]
        for student in suspects:
            alone = dict(until_killed(grader, [student], 1))
            if student not in alone:
                grader.log(student).parent.mkdir(parents=True, exist_ok=True)
                grader.log(student).write_text(f"Not graded: {KILLED}\n", encoding="utf-8")
            yield student, alone.get(student, KILLED)


def until_killed(grader: Grader, students: list[str], n: int) -> Iterator[tuple[str, str | None]]:
    """Grade students in a new pool; yield those that were graded before a worker was killed."""
    with suppress(BrokenProcessPool), pool(n) as workers:
        started = {workers.submit(grader.grade, student): student for student in students}
        for future in as_completed(started):
            with suppress(BrokenProcessPool):
                yield started[future], future.result()


def pool(n: int) -> ProcessPoolExecutor:
    """Return workers that end with this process, even if it is killed."""
    return ProcessPoolExecutor(n, initializer=_end_with_parent)


def _end_with_parent() -> None:
    # Ctrl-C ends the parent alone. A sandbox that it reached would blame the cell that runs in it.
    if hasattr(os, "setsid"):
        os.setsid()
    threading.Thread(target=_wait_for_end_of_parent, daemon=True).start()


def _wait_for_end_of_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        sandbox.end_all()
        os._exit(1)


def at_once() -> int:
    """Return for how many students at once this machine has a core and memory."""
    by_memory = psutil.virtual_memory().total // sandbox.Limits.memory_bytes
    return max(1, min(os.cpu_count() or 1, by_memory))


def main(arguments: list[str] | None = None) -> int:
    """Collect, grade, export and check; return 1 if somebody was not graded."""
    parser = argparse.ArgumentParser(description="Grade an assignment, each student in a sandbox.")
    parser.add_argument("assignment", help="for example ps1_temperature_scaling")
    parser.add_argument("--course", type=Path, default=HERE, help="course folder")
    parser.add_argument("--seconds", type=int, default=900, help="how long one student may take")
    parser.add_argument(
        "--force", action="store_true", help="grade all again; points given by hand stay"
    )
    parser.add_argument(
        "--without-isolation", action="store_true", help="run submitted code with your own rights"
    )
    options = parser.parse_args(arguments)
    course = options.course.resolve()
    check_course(course, options.assignment)
    kind = sandbox.NoSandbox() if options.without_isolation else sandbox.choose()
    if kind is None:
        raise SystemExit(NO_SANDBOX.format(sandbox.how_to_isolate()))
    print(f"Submitted code runs in: {kind.name}")
    for remark in collect.collect(course, options.assignment):
        print(check_grades.printable(remark))
    grader = Grader(course, options.assignment, kind.name, options.seconds)
    if not grader.students():
        print(
            f"submitted/ holds no notebook of {options.assignment}: put what you downloaded into "
            f"downloaded/{options.assignment}/archive/"
        )
    failures = grade(grader, options.force)
    for failure in failures:
        print(check_grades.printable(f"NOT GRADED {failure}"))
    needs_action = check_grades.main(course)
    print(f"wrote {write_grades(course)}")
    return max(needs_action, int(bool(failures)))


def check_course(course: Path, assignment: str) -> None:
    """Raise an error if the course has no such assignment."""
    found = sorted(folder.name for folder in (course / "source").glob("*/"))
    if assignment not in found:
        raise SystemExit(
            f"{course} has no assignment {assignment!r} in source/, which holds {found}; "
            "name one of these, or run make_assignments.py first"
        )


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would wait for all students in the pool.
    sys.exit(main())
