"""How long the lessons are, and how many numbers they hold: ``python -m tests.lesson_prose``.

It prints a table of all lessons, or of the scripts that are named. The prose is what a learner
reads, headings included; code cells, references, solutions and slides do not count. A word holds a
letter. A number is whatever is written in digits, also in a formula, a year or the marker of a
list: each of them slows a reader down.
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
NUMBER = re.compile(r"\d+(?: \d{3}\b)*(?:[.,]\d+)*")


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
    """Count what holds a letter and stands between two spaces."""
    return sum(any(map(str.isalpha, word)) for word in text.split())


def count_numbers(text: str) -> int:
    """Count what is written in digits."""
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
