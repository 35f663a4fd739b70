"""How long the lessons are, and how many numbers they hold: ``python -m tests.lesson_prose``.

It prints a table of all lessons, or of the scripts that are named. The words are those that a
learner reads, headings included; code, references, solutions and slides do not count. A number is
whatever is written in digits, but for the markers of lists, years of publication, code, formulas,
and numbers that are names: "lesson 30", "Step 1", "ResNet-20", "class 3".
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import jupytext
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from lesson_source import is_heading, is_prose, lesson_cells, scripts

MAX_WORDS = 1500
MAX_NUMBERS_PER_100_WORDS = 3
CODE = re.compile(r"``[^`]*``|`[^`]*`")
FORMULA = re.compile(r"\$[^$]*\$")
NUMBER = re.compile(r"(?<![\w.-])\d+(?: \d{3})*(?:\.\d+)?(?![\w-])")
NAMES = re.compile(
    r"(?m)^ *\d+\. |\b(?:[Ll]essons?|[Ss]teps?|class|exercises?) \d+(?: and \d+)?|\w-\d+"
)
YEARS = re.compile(r"\((?:[^()]*\s)?(?:19|20)\d\d\)|\bet al\. (?:19|20)\d\d|, (?:19|20)\d\d\b")


def prose(cells: Iterable[NotebookNode]) -> str:
    """Return the text of a lesson up to its references."""
    parts = []
    for cell in cells:
        if is_heading(cell, "References"):
            break
        if is_prose(cell):
            parts.append(cell.source)
    return "\n\n".join(parts)


def count_words(text: str) -> int:
    """Count what has a letter or a digit in it and stands between two spaces."""
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def count_numbers(text: str) -> int:
    """Count the numbers of a text."""
    for left_out in (CODE, FORMULA, YEARS, NAMES):
        text = left_out.sub(" ", text)
    return len(NUMBER.findall(text))


def size(script: Path) -> tuple[int, int]:
    """Return the number of words and that of numbers of a lesson."""
    text = prose(lesson_cells(jupytext.read(script)))
    return count_words(text), count_numbers(text)


def main(paths: list[Path]) -> None:
    """Print a line for each lesson."""
    print(f"{'lesson':36} words  numbers  per 100 words")
    for path in paths:
        words, numbers = size(path)
        print(f"{path.stem:36} {words:5}  {numbers:7}  {100 * numbers / words:13.1f}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or scripts())
