"""The questions at the end of each lesson."""

import importlib.util
import json
import sys
from pathlib import Path
from textwrap import fill
from typing import Any

from calibkit._checks import check_integer

QUIZZES = Path(__file__).parent / "quizzes"
INSTALL = (
    'To answer here and read the explanations, run pip install "calibkit[course]" and run this '
    "cell again. The page of the lesson on the site has the same questions."
)


def check_yourself(lesson: int) -> None:
    """Show the questions of a lesson, with an explanation for every answer.

    In a notebook, ``jupyterquiz`` shows the questions, and each answer that you click is explained.
    It comes with ``pip install "calibkit[course]"``. Without it, and outside a notebook, the
    questions are printed.

    Parameters
    ----------
    lesson : int
        Number of the lesson, such as 10.

    Raises
    ------
    TypeError
        If `lesson` is not an integer.
    ValueError
        If no lesson has this number.

    See Also
    --------
    calibkit.glyphs100_logits : Get the logits that most lessons use.

    Examples
    --------
    >>> import calibkit
    >>> calibkit.check_yourself(10)  # doctest: +SKIP
    """
    questions = read_questions(lesson)
    if in_a_notebook() and importlib.util.find_spec("jupyterquiz"):
        from jupyterquiz import display_quiz

        display_quiz(with_verdicts(questions), colors="fdsp")
    else:
        print(as_plain_text(questions))


def in_a_notebook() -> bool:
    """Tell whether a kernel runs this code."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def read_questions(lesson: int) -> list[dict[str, Any]]:
    """Read the questions of a lesson, in the format of jupyterquiz."""
    files = {int(path.name.partition("_")[0]): path for path in QUIZZES.glob("*.json")}
    advice = f"the lessons are {', '.join(map(str, sorted(files)))}"
    check_integer(lesson, "lesson", least=min(files), advice=advice)
    if lesson not in files:
        raise ValueError(f"there is no lesson {lesson}; {advice}")
    questions: list[dict[str, Any]] = json.loads(files[lesson].read_text(encoding="utf-8"))
    return questions


def verdict(answer: dict[str, Any]) -> str:
    """Return the words that stand before the explanation of an answer."""
    return "Right." if answer.get("correct") else "Not quite."


def with_verdicts(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the questions with verdicts in words, since jupyterquiz shows a colour only."""
    return [
        question
        | {
            "answers": [
                answer | {"feedback": f"{verdict(answer)} {answer['feedback']}"}
                for answer in question["answers"]
            ]
        }
        for question in questions
    ]


def as_plain_text(questions: list[dict[str, Any]]) -> str:
    """Return the questions with their answers as a list, without the explanations."""
    blocks = []
    for number, question in enumerate(questions, start=1):
        lines = [fill(f"{number}. {question['question']}", 88, subsequent_indent="   ")]
        if question["type"] != "numeric":
            lines += [
                fill(answer["answer"], 88, initial_indent="   - ", subsequent_indent="     ")
                for answer in question["answers"]
            ]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, fill(INSTALL, 88)])
