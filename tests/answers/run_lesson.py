"""Run a lesson as a script, then try answers to its exercises: ``run_lesson.py LESSON``.

Beside this file lies one with the same name as the lesson. Its ``right`` and ``wrong`` take the
names that the lesson leaves and return the answers by exercise: one that the check must accept, and
a list that it must refuse.
"""

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

EXERCISE = re.compile(r"^# %%\n(\w+) = (?:None|\[\]|\{\})\n(if .*?)(?=^# %%|\Z)", re.M | re.S)


def try_answers(lesson: Path, names: dict[str, object]) -> None:
    """Raise if a check takes a wrong answer or refuses the right one; names is what was left."""
    checks = dict(EXERCISE.findall(lesson.read_text(encoding="utf-8")))
    answers = runpy.run_path(str(Path(__file__).with_name(lesson.name)))
    left = SimpleNamespace(**names)
    right, wrong = answers["right"](left), answers["wrong"](left)
    if not checks.keys() == right.keys() == wrong.keys():
        raise SystemExit(f"exercises {set(checks)}, answers {set(right)} and {set(wrong)}")
    for exercise, check in checks.items():
        exec(check, {**names, exercise: right[exercise]})
        for answer in wrong[exercise]:
            if not refuses(check, {**names, exercise: answer}):
                raise SystemExit(f"{exercise}: the check takes the wrong answer {answer!r}")


def refuses(check: str, names: dict[str, object]) -> bool:
    try:
        exec(check, names)
    except AssertionError as error:
        if not str(error):
            raise SystemExit(f"no hint in\n{check}") from None
        return True
    return False


if __name__ == "__main__":
    script = Path(sys.argv[1])
    try_answers(script, runpy.run_path(str(script)))
