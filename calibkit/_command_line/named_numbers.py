"""What every file of named numbers can be asked, whatever its format is."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from calibkit import _sentences

_Array = NDArray[Any]


class NamedNumbers(ABC):
    """A file that has been opened, with the names of what it holds."""

    # What a name stands for: "array" or "column".
    word: ClassVar[str]
    # Whether a comma in a number stands for the decimal point.
    has_decimal_commas = False
    # Whether the file itself names what it holds.
    has_names = True

    def __init__(self, path: Path, names: list[str]) -> None:
        self.path = path
        self.names = names

    @abstractmethod
    def scores(self, names: list[str]) -> _Array:
        """Return scores (N, C, ...) or (N,) of these names, or raise an error if not numbers."""

    @abstractmethod
    def may_be_scores(self, label_name: str | None) -> list[str]:
        """Return the names of what may be scores beside the labels, if no name says that it is."""

    @abstractmethod
    def labels(self, name: str) -> _Array:
        """Return labels, which may be text."""

    @abstractmethod
    def may_be_labels(self) -> list[str]:
        """Return the names of what may be labels by what it holds."""

    def beside_scores(self) -> list[str]:
        """Return the names of what counts or names the samples, or holds the model's answers."""
        return []

    def beside_declared(self) -> list[str]:
        """Return the names of numbers that may be scores, although no name says so."""
        return []

    def with_fractions(self) -> list[str]:
        """Return the names of numbers that are no labels, whatever the names say."""
        return []

    def identifiers(self, names: list[str]) -> list[str]:
        """Return which of several scores may be numbers of the samples."""
        return []

    def one_hot(self) -> list[str]:
        """Return the names of labels of which each class has its own, or none."""
        return []

    def splits(self, names: list[str]) -> dict[str, list[str]]:
        """Return which of these names tell to which set a sample belongs, with their words."""
        return {}

    def place(self, row: int) -> str:
        """Say where a row is that Python counts from 0."""
        return _sentences.ROW_OF_ARRAY.format(row=row)

    @abstractmethod
    def class_names(self, names: list[str]) -> list[str] | None:
        """Return the names of the classes whose scores have these names, if the file has them."""

    @abstractmethod
    def described(self) -> str:
        """Describe everything in the file."""

    @abstractmethod
    def write(self, path: Path, names: list[str], new: _Array) -> None:
        """Write a copy of the file in which the scores of these names are new."""


def is_number(text: str) -> bool:
    """Say whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
