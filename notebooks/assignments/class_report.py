"""Show what a class got wrong: ``python class_report.py ps1_temperature_scaling``.

Run it after grading. It reads source/, autograded/ and gradebook.db of the course folder, by
default the one of this file, and writes a page and a table for a spreadsheet into reports/. No
student is named in either.
"""

import argparse
import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from graded_class import Failure, GradedClass, Question, read_class
from item_statistics import Discrimination, ItemStatistics, item_statistics
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from spreadsheet import harmless

HERE = Path(__file__).resolve().parent
N_FAILURES, N_MESSAGES, N_EXAMPLES, N_FIRST = 5, 3, 2, 3
NUMBER = re.compile(r"[-+]?\b(?:\d[\d.]*(?:e[-+]?\d+)?|nan|inf)\b")
EXPLANATIONS = {
    "empty": "Nothing was written: the answer is still the one that was handed out.",
    "time-out": (
        "The answer or its tests ran longer than a cell may. Look for a loop that never ends, or "
        "for work that grows much faster than the data."
    ),
    "died": (
        "Python ended before the tests did. An answer that calls exit() or needs too much memory "
        "does this."
    ),
}
FIELDS = [
    "question", "title", "points", "n_graded", "n_pending", "share_of_points",
    "discrimination", "discrimination_low", "discrimination_high",
    "kind", "error", "line_of_tests", "n_students", "message",
]  # fmt: skip


class Message(NamedTuple):
    """A message in its commonest wording, and how many students got it with whatever numbers."""

    text: str
    n_students: int
    has_other_numbers: bool


class CommonFailure(NamedTuple):
    """Students who lost the points of a question at the same place of its tests."""

    question: str
    kind: str
    line: int
    statement: str
    error: str
    n_students: int
    messages: list[Message]
    examples: list[tuple[str, int]]

    @property
    def explanation(self) -> str:
        """What probably went wrong. The message of an assertion is written to say it."""
        if self.kind in EXPLANATIONS:
            return EXPLANATIONS[self.kind]
        text = self.messages[0].text
        if self.kind == "assertion":
            return text or "This assertion of the tests has no message."
        where = "while it was tested" if self.kind == "error" else "before it was tested"
        return f"The answer raised {self.error} {where}{': ' if text else '.'}{text}"


class Row(NamedTuple):
    """All that the report says about one question."""

    question: Question
    statistics: ItemStatistics
    failures: list[CommonFailure]


def main() -> None:
    """Write the report that the command line asks for."""
    parser = argparse.ArgumentParser(description="Show what a class got wrong.")
    parser.add_argument("assignment", help="for example ps1_temperature_scaling")
    parser.add_argument("--course", type=Path, default=HERE, help="folder of the course")
    options = parser.parse_args()
    for path in write_report(options.course, options.assignment):
        print(f"wrote {path}")


def write_report(course: Path, assignment: str) -> list[Path]:
    """Write the page and the table; returns their paths."""
    graded = read_class(course, assignment)
    rows = rows_of(graded)
    folder = course / "reports"
    texts = {
        folder / f"{assignment}.html": page(graded, rows),
        folder / f"{assignment}.csv": table(rows),
    }
    folder.mkdir(exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def rows_of(graded: GradedClass) -> list[Row]:
    """Return what there is to say about each question."""
    points = np.array([question.points for question in graded.questions])
    statistics = item_statistics(graded.scores, points)
    failures = common_failures(graded.failures)
    return [
        Row(question, found, [group for group in failures if group.question == question.name])
        for question, found in zip(graded.questions, statistics, strict=True)
    ]


def common_failures(failures: list[Failure]) -> list[CommonFailure]:
    """Group failures by where the tests stopped, not by messages, and sort them by students."""
    groups: dict[tuple[str | int, ...], list[Failure]] = {}
    for failure in failures:
        place = failure.question, failure.kind, failure.line, failure.statement, failure.error
        groups.setdefault(place, []).append(failure)
    found = [
        CommonFailure(
            *group[0][:5],
            n_students=len(group),
            messages=common_messages([failure.message for failure in group]),
            examples=in_order(Counter(failure.code for failure in group))[:N_EXAMPLES],
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda group: (-group.n_students, *group[:5]))


def common_messages(messages: list[str]) -> list[Message]:
    """Count messages that differ in numbers only as one."""
    wordings: dict[str, Counter[str]] = {}
    for message in messages:
        wordings.setdefault(NUMBER.sub("#", message), Counter())[message] += 1
    found = [
        Message(in_order(texts)[0][0], texts.total(), len(texts) > 1) for texts in wordings.values()
    ]
    return sorted(found, key=lambda message: (-message.n_students, message.text))


def in_order(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the commonest first. The order of equally common ones must not follow the students."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def page(graded: GradedClass, rows: list[Row]) -> str:
    """Return the report as one page that needs no other file and no network."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    every = [(row.question, group) for row in rows for group in row.failures]
    stopped = [pair for pair in every if pair[1].kind in ("time-out", "died")]
    wrong = [pair for pair in every if pair[1].kind not in ("time-out", "died", "empty")]
    wrong.sort(key=lambda pair: -pair[1].n_students)
    return environment.get_template("class_report.html.jinja").render(
        graded=graded,
        rows=rows,
        n_students=len(graded.scores),
        first=wrong[:N_FIRST],
        stopped=stopped,
        n_failures=N_FAILURES,
        n_messages=N_MESSAGES,
    )


def table(rows: list[Row]) -> str:
    """Return the report as CSV: a line for each failure, or for a question without failures."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for question, statistics, failures in rows:
        separation = statistics.discrimination or Discrimination(*[None] * 3)
        about = [
            question.name, question.title, question.points, statistics.n_graded,
            statistics.n_pending, statistics.share, *separation,
        ]  # fmt: skip
        for group in failures or [None]:
            found = (
                [group.kind, group.error, group.line, group.n_students, group.explanation]
                if group
                else [""] * 5
            )
            writer.writerow(dict(zip(FIELDS, map(cell, [*about, *found]), strict=True)))
    return text.getvalue()


def cell(value: object) -> str:
    """Write a value for a spreadsheet."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return harmless("" if value is None else str(value))


if __name__ == "__main__":
    main()
