"""Try answers to the assignments in this process, which is much faster than a kernel.

``python -m tests.answers ps2_measuring_calibration`` tries all answers of tests/submissions, and
prints those that keep points which they should lose, or lose points which they should keep.
``python -m tests.answers ps2_measuring_calibration ece`` tries those to one question.
"""

import contextlib
import io
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jupytext
import matplotlib
import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
ASSIGNMENTS = ROOT / "notebooks" / "assignments"
NAMES = [script.stem for script in sorted(ASSIGNMENTS.glob("ps*.py"))]
SUBMISSIONS = ROOT / "tests" / "submissions"


class Question(NamedTuple):
    """One question that a machine grades."""

    solution: str
    tests: str
    points: float


class TooSlow(BaseException):
    """An answer ran longer than it may; no ``except Exception`` of the answer catches this."""


class Assignment:
    """The questions of an assignment, and the names that its cells define before the first."""

    def __init__(self, name: str) -> None:
        cells = jupytext.read(ASSIGNMENTS / f"{name}.py", fmt="py:percent").cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        first = next(k for k, cell in enumerate(code) if "solution" in cell.metadata)
        solutions = {c.metadata["solution"]: c.source for c in code if "solution" in c.metadata}
        tests = {c.metadata["tests"]: c for c in code if "tests" in c.metadata}
        self.questions = {
            question: Question(solution, tests[question].source, tests[question].metadata["points"])
            for question, solution in solutions.items()
        }
        # The cells from the first answer on, without the tests and what is graded by hand. The
        # other cells show what the answers give: they are the figures.
        self.answers_and_figures = [
            (cell.metadata.get("solution"), cell.source)
            for cell in code[first:]
            if not {"tests", "essay"} & set(cell.metadata)
        ]
        self.space: dict[str, Any] = {"__name__": "__main__"}
        with contextlib.redirect_stdout(io.StringIO()):
            for cell in code[:first]:
                exec(cell.source, self.space)

    def names_for(self, question: str) -> dict[str, Any]:
        """Return what an answer finds: the data, anew, and the right answers to all questions."""
        names = {name: _own(value) for name, value in self.space.items()}
        for other, (solution, *_) in self.questions.items():
            if other != question:
                exec(solution, names)
        return names

    def fault(self, question: str, answer: str, seconds: float = 60) -> str | None:
        """Return what the tests of a question say about an answer, or None where it is right."""
        names = self.names_for(question)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                with _time_limit(seconds):
                    exec(answer, names)
                    exec(self.questions[question].tests, names)
            except (Exception, TooSlow, SystemExit) as error:
                return f"{type(error).__name__}: {error}"
        return None


def _own(value: Any) -> Any:
    """Return a copy of data, because an answer may write into it."""
    if isinstance(value, Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlow(f"stopped after {seconds:g} seconds of processor time")

    # This counts processor time, so that the verdict is the same on a busy machine.
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def submissions(name: str) -> dict[str, Any]:
    """Return WRONG, DIFFERENT and KEPT of an assignment."""
    return runpy.run_path(str(SUBMISSIONS / f"{name}.py"))


def wrong_answers(name: str) -> dict[str, tuple[str, str]]:
    """Return question and answer of every wrong answer, by a name that says what is wrong."""
    return submissions(name)["WRONG"]


def right_answers(name: str) -> list[tuple[str, str]]:
    """Return question and answer of every right answer that looks different from the model."""
    given = submissions(name)["DIFFERENT"]
    return [(question, answer) for question, answers in given.items() for answer in answers]


def main(name: str, only: str | None = None) -> int:
    """Print every answer that comes out as it should not, and how many there are."""
    matplotlib.use("agg")
    torch.set_num_threads(1)
    assignment = Assignment(name)
    n_surprises = 0
    for question in [only] if only else assignment.questions:
        own = [answer for asked, answer in right_answers(name) if asked == question]
        for answer in [assignment.questions[question].solution, *own]:
            if found := assignment.fault(question, answer):
                n_surprises += 1
                print(f"{question}: a right answer loses its points: {found}\n{answer}")
        wrong = {k: a for k, (asked, a) in wrong_answers(name).items() if asked == question}
        for label, answer in wrong.items():
            found = assignment.fault(question, answer)
            print(f"    {question}, {label}: {(found or 'KEEPS ITS POINTS').splitlines()[0][:150]}")
            n_surprises += found is None
        print(f"{question}: {len(wrong)} wrong answers, {len(own)} right ones beside the model")
    print(f"{n_surprises} answers came out as they should not")
    return int(n_surprises > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
