"""Try the solutions and wrong answers of a lesson: ``python -m tests.run_lesson SCRIPT``.

First it runs what the exercises need of the lesson, or with ``--whole`` all of it, and prints what
this prints. It raises if a check refuses the solution, if it accepts a wrong answer, or if it
refuses an answer without saying why.
"""

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import NamedTuple

import jupytext

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from lesson_source import NETWORK, exercise_cells, lesson_cells, setup_cells, tags
from nbformat import NotebookNode

FIRST_NAME = re.compile(r"^(?:def |class )?(\w+)", re.MULTILINE)


class Exercise(NamedTuple):
    """The code of an exercise: its parts have the names of their tags."""

    name: str
    answer: str
    solution: str
    wrong: str
    check: str


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """Return the exercises of a script that have a check."""
    found = []
    parts: dict[str, str] = {}
    for cell in exercise_cells(notebook):
        if cell.cell_type == "code":
            for tag in tags(cell) & {"answer", "solution", "wrong", "check"}:
                parts[tag] = parts.get(tag, "") + cell.source + "\n"
            if "check" in tags(cell):
                found.append(Exercise(FIRST_NAME.match(parts["answer"])[1], **parts))
                parts = {}
    return found


def run_quietly(source: str, names: dict[str, object]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, names)


def refusal(check: str, names: dict[str, object]) -> str | None:
    """Return what a check says against an answer, or None if it accepts the answer."""
    try:
        run_quietly(check, names)
    except AssertionError as error:
        return str(error)
    return None


def faults(exercise: Exercise, names: dict[str, object]) -> list[str]:
    """Return what is wrong with the check of an exercise.

    names is what the lesson and the solutions before it left. This solution adds to it.
    """
    found = []
    run_quietly(exercise.answer + exercise.check, dict(names))
    run_quietly(exercise.solution, names)
    if reason := refusal(exercise.check, dict(names)):
        found.append(f"{exercise.name}: the check refuses the solution: {reason}")
    after_wrong = dict(names)
    run_quietly(exercise.wrong, after_wrong)
    for wrong in after_wrong["wrong"]:
        reason = refusal(exercise.check, after_wrong | {exercise.name: wrong})
        if reason is None:
            found.append(f"{exercise.name}: the check accepts the wrong answer {wrong!r}")
        elif not reason:
            found.append(f"{exercise.name}: the check refuses {wrong!r} without a hint")
    return found


def run_cells(cells: list[NotebookNode]) -> dict[str, object]:
    """Run the code of these cells but for the exercises, and return the names that it leaves."""
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        if cell.cell_type == "code" and not tags(cell) & {"answer", "check", NETWORK}:
            exec(compile(cell.source, "a cell of the lesson", "exec"), names)
    return names


def main(*arguments: str) -> None:
    lesson = jupytext.read(Path(arguments[0]))
    names = run_cells(lesson_cells(lesson) if "--whole" in arguments else setup_cells(lesson))
    if found := [fault for exercise in exercises(lesson) for fault in faults(exercise, names)]:
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
