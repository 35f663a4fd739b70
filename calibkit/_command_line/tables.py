"""Tables of named columns, and the csv files of spreadsheets and programs."""

import codecs
import csv
import re
from abc import abstractmethod
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibkit import _sentences
from calibkit._command_line import strays
from calibkit._command_line.cells import (
    advice_on,
    is_percentage,
    is_unseparated,
    is_with_comma,
)
from calibkit._command_line.named_numbers import NamedNumbers, is_number
from calibkit._command_line.names import (
    EVENTS,
    ONE_HOT,
    SET,
    SPLIT,
    are_named,
    is_of_class,
    names_score,
)

_Array = NDArray[Any]

_LEAST_IDENTIFIERS = 20
_WRITTEN_OUTCOMES = {"0", "1", "0.0", "1.0", "false", "true"}
# So much of a row is shown that has no delimiters.
_LONGEST_SHOWN = 60
_SWAPPED = str.maketrans(",.", ".,")
# How a column is called that has no name.
NO_NAME = "(no name)"
# The first line with which Excel is told what separates the cells.
_DELIMITER_OF_EXCEL = re.compile(r"\"?sep=(.)\"?", re.IGNORECASE)
# A line such as NumPy writes above the samples, and the sign before its first name.
_COMMENT = re.compile(r" *\"?[#%]")
_SIGN = re.compile(
    r"""
    ^([ ]*"?)                # perhaps in quotation marks, which stay
    [#%]+[ ]*
    (?!"?[#% ,;\t]|\s*$)     # before a name
    (?!.*[,;\t][ ]*"?[#%])   # unless other names begin with a sign, too
    """,
    re.VERBOSE,
)


class Table(NamedNumbers):
    """A table whose columns have names, unless it has no head."""

    word = "column"

    def __init__(self, path: Path, names: list[str], *, has_head: bool = True) -> None:
        super().__init__(path, names)
        self.has_names = has_head
        self._known_numbers: dict[str, _Array | None] = {}
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            names_twice = ", ".join(repeated)
            raise ValueError(_sentences.REPEATED_COLUMNS.format(path=path, names=names_twice))

    def scores(self, names: list[str]) -> _Array:
        found = np.stack([self._numbers(name) for name in names], 1)
        return found[:, 0] if len(names) == 1 else found

    def may_be_scores(self, label_name: str | None) -> list[str]:
        names = [name for name in self._named() if name != label_name]
        found = [name for name in names if not self._holds_words(name)]
        if set(found) <= set(self.beside_scores()):
            # These are no numbers yet, but the error about them says how they become some.
            found += [name for name in names if self._holds_strange_numbers(name)]
        return found

    def may_be_labels(self) -> list[str]:
        others = self.beside_scores()
        names = [name for name in self._named() if name not in others]
        if found := self._words_or_outcomes(names):
            return found
        if self.has_names and len(names) > 2:
            return []  # It may be a number of the row or a prediction as well.
        return [name for name in names if self._is_whole(name)]

    def _words_or_outcomes(self, names: list[str]) -> list[str]:
        """Return the columns of words or of outcomes that may be the labels, or none."""
        outcomes = [name for name in names if self._holds_outcomes(name)]
        words = [name for name in names if name not in outcomes and self._holds_classes(name)]
        others = [*outcomes, *self._indices(names)]
        naming = [name for name in words if self._name_scores(name, [*others, *words])]
        words = naming if len(naming) == 1 else words
        # The only column of words that repeat is that of the labels, unless another one may be.
        if len(words) == 1 and (not others or self._name_scores(words[0], others)):
            return words
        events = [name for name in outcomes if names_score(name, names)]
        if len(events) == 1:
            return events
        if len(words) == 1:
            return words + others
        answers = [name for name in outcomes if self._holds_words(name)]
        if not words and len(answers) == 1:
            return answers
        is_event = len(outcomes) == 1 and EVENTS.fullmatch(outcomes[0].lower())
        return outcomes if is_event else []

    def class_names(self, names: list[str]) -> list[str] | None:
        return names if self.has_names and len(names) > 1 else None

    def beside_scores(self) -> list[str]:
        found = {name: self._numbers_or_none(name) for name in self._named()}
        kinds = strays.is_number_of_samples, strays.is_prediction
        return [name for name, values in found.items() if any(is_(name, values) for is_ in kinds)]

    def beside_declared(self) -> list[str]:
        others = self.beside_scores()
        return [n for n in self.may_be_scores(None) if n not in others and not self._is_whole(n)]

    def with_fractions(self) -> list[str]:
        found = {name: self._numbers_or_none(name) for name in self._named()}
        return [
            name for name, values in found.items() if values is not None and _holds_fraction(values)
        ]

    def identifiers(self, names: list[str]) -> list[str]:
        return [name for name in names if len(names) > 1 and self._is_identifier(name)]

    def one_hot(self) -> list[str]:
        names = self._named()
        mine = [n for n in names if ONE_HOT.fullmatch(n.lower()) or is_of_class(n, names)]
        found = [name for name in mine if self._holds_outcomes(name) and self._is_whole(name)]
        sums = sum(self._numbers(name) for name in found)
        return found if len(found) > 1 and bool(np.all(sums == 1)) else []

    def splits(self, names: list[str]) -> dict[str, list[str]]:
        splits = [name for name in names if SPLIT.fullmatch(name.lower())]
        return {name: sorted(set(map(str, self.labels(name)))) for name in splits}

    def described(self) -> str:
        return f"the columns {', '.join(name or NO_NAME for name in self.names)}"

    def _named(self) -> list[str]:
        # The column without a name is the index of a pandas table.
        return [name for name in self.names if name not in {"", "Unnamed: 0"}]

    def _holds_words(self, name: str) -> bool:
        """Say whether a column holds no number at all. A single word may be a fault in a score."""
        if self._numbers_or_none(name) is not None:
            return False
        return not any(is_number(text) for text in map(str, self.labels(name)))

    def _holds_strange_numbers(self, name: str) -> bool:
        """Say whether a column holds percentages, or decimal commas that nothing says are such."""
        return self._holds_words(name) and any(
            is_percentage(text) or is_with_comma(text) for text in map(str, self.labels(name))
        )

    def _holds_classes(self, name: str) -> bool:
        texts = list(map(str, self.labels(name)))
        are_words = self._holds_words(name) and not self._holds_strange_numbers(name)
        if all(SET.fullmatch(text.lower()) for text in set(texts)):
            return False
        return are_words and 2 * len(set(texts)) <= max(len(texts), 4)

    def _indices(self, names: list[str]) -> list[str]:
        """Return the columns that may count three classes or more, from 0 or from 1."""
        n_classes = len(self.with_fractions())
        found = {name: self._numbers(name) for name in names if self._is_whole(name)}
        return [
            name
            for name, values in found.items()
            if len(values) and 0 <= values.min() <= 1 < values.max() <= n_classes
        ]

    def _name_scores(self, name: str, others: list[str]) -> bool:
        columns = [other for other in self._named() if other not in {name, *others}]
        return are_named(set(map(str, self.labels(name))), columns)

    def _holds_outcomes(self, name: str) -> bool:
        texts = {str(text).lower() for text in self.labels(name)}
        return len(texts) == 2 and texts <= _WRITTEN_OUTCOMES

    def _is_identifier(self, name: str) -> bool:
        # Scores of few samples may be whole numbers that differ by chance.
        n = len(self._cells(name))
        return (
            n >= _LEAST_IDENTIFIERS and self._is_whole(name) and len(set(self._numbers(name))) == n
        )

    def _is_whole(self, name: str) -> bool:
        values = self._numbers_or_none(name)
        return values is not None and bool((values == np.trunc(values)).all())

    def _numbers_or_none(self, name: str) -> _Array | None:
        # Several rules look at the same column before its numbers are used.
        if name not in self._known_numbers:
            try:
                self._known_numbers[name] = self._as_numbers(self._cells(name))
            except (TypeError, ValueError):
                self._known_numbers[name] = None
        return self._known_numbers[name]

    def _numbers(self, name: str) -> _Array:
        numbers = self._numbers_or_none(name)
        if numbers is not None:
            return numbers
        cells = self._cells(name)
        for i, cell in enumerate(cells):
            self._check_number(cell, name, i)
        return self._as_numbers(cells)

    def _as_numbers(self, cells: _Array) -> _Array:
        return cells.astype(np.float64)

    def _check_number(self, cell: object, name: str, row: int) -> None:
        try:
            self._as_numbers(np.array([cell]))
        except (TypeError, ValueError):
            raise ValueError(
                _sentences.NO_NUMBER.format(
                    path=self.path,
                    name=name,
                    found=repr(str(cell)),
                    place=self.place(row),
                    advice=advice_on(str(cell), self.has_decimal_commas),
                )
            ) from None

    @abstractmethod
    def _cells(self, name: str) -> _Array: ...


class CSV(Table):
    """A table in a text file."""

    def __init__(self, path: Path) -> None:
        with path.open(newline="", encoding=_encoding_of(path)) as file:
            try:
                lines = file.readlines()
                declared = _DELIMITER_OF_EXCEL.fullmatch(lines[0].strip()) if lines else None
                self._first_lines = lines[: declared is not None]
                rows = self._parsed(lines[declared is not None :], declared and declared[1])
            except UnicodeError:
                why = _sentences.NOT_UTF_8
                raise ValueError(_sentences.NO_CSV.format(path=path, why=why)) from None
            except csv.Error as error:
                raise ValueError(_sentences.NO_CSV.format(path=path, why=error)) from None
        if not rows:
            raise ValueError(_sentences.NO_ROWS.format(path=path))
        # Where another sign ends a cell, a comma has no other meaning.
        self.has_decimal_commas = self._delimiter != "," and any(
            is_with_comma(cell) for _, row in rows for cell in row
        )
        self._head = [" ".join(cell.split()) for cell in rows[0][1]]
        has_head = self._is_head(self._head)
        self._places = [number for number, _ in rows[has_head:]]
        self._rows = [row for _, row in rows[has_head:]]
        names = self._head if has_head else [str(i + 1) for i in range(len(self._head))]
        for i, row in enumerate(self._rows):
            if len(row) != len(names):
                is_longer = len(row) > len(names)
                advice = _sentences.MORE_CELLS if is_longer else _sentences.FEWER_CELLS
                if all(len(row) == len(names) + 1 for row in self._rows):
                    advice = _sentences.ROW_NAMES
                words = {"expected": len(names), "found": len(row), "place": self.place(i)}
                raise ValueError(
                    _sentences.WRONG_LENGTH_OF_ROW.format(path=path, advice=advice, **words)
                )
        if len(names) == 1 and self._rows and is_unseparated(self._rows[0][0]):
            found = repr(self._rows[0][0][:_LONGEST_SHOWN])
            raise ValueError(_sentences.NO_DELIMITER.format(path=path, found=found))
        super().__init__(path, names, has_head=has_head)
        if has_head:
            self._check_head()

    def _parsed(self, lines: list[str], delimiter: str | None) -> list[tuple[int, list[str]]]:
        """Return the rows. Of the comments before them, the last may hold the names."""
        comments = list(takewhile(_COMMENT.match, lines))
        below = next((line for line in lines[len(comments) :] if line.strip()), "")
        first = below or next(reversed(comments), "")
        self._delimiter = delimiter or next((sign for sign in "\t;," if sign in first), ",")
        *skipped, head = comments or [""]
        self._sign = ""
        if comments and (not below or self._width(head) == self._width(below)):
            bare = _SIGN.sub(r"\1", head)
            self._sign = "" if bare == head else head[: len(head) - len(bare)].strip(' "') + " "
            lines = [bare, *lines[len(comments) :]]
        else:
            skipped, lines = comments, lines[len(comments) :]
        self._first_lines += skipped
        return _filled(csv.reader(lines, delimiter=self._delimiter), len(skipped) + 1)

    def _width(self, line: str) -> int:
        return len(next(csv.reader([line], delimiter=self._delimiter)))

    def _is_head(self, cells: list[str]) -> bool:
        """Say whether these are names. A class may be called 0 or 1, but none is called 0.3."""
        numbers = [self._as_number(cell) for cell in cells]
        return None in numbers and all(x is None or x == np.trunc(x) for x in numbers)

    def _check_head(self) -> None:
        """Refuse a sample such as 3,cat in the place of the names, if cat is a label below it."""
        words = [name for name in self.names if self._as_number(name) is None]
        is_mixed = len(words) < len(self.names)
        if is_mixed and any(name in self._cells(name) for name in words if name):
            found = repr(self._delimiter.join(self._head))
            raise ValueError(_sentences.FIRST_ROW_IS_DATA.format(path=self.path, found=found))

    def _as_number(self, cell: str) -> float | None:
        try:
            number = float(self._as_numbers(np.array([cell]))[0])
        except ValueError:
            return None
        return number if np.isfinite(number) else None

    def place(self, row: int) -> str:
        return _sentences.ROW_OF_TABLE.format(row=self._places[row])

    def labels(self, name: str) -> _Array:
        cells = self._cells(name)
        return np.array([c.replace(",", ".") if self._is_decimal(c) else c for c in cells])

    def _cells(self, name: str) -> _Array:
        at = self.names.index(name)
        return np.array([row[at].strip() for row in self._rows])

    def _is_decimal(self, cell: str) -> bool:
        return self.has_decimal_commas and is_with_comma(cell)

    def _as_numbers(self, cells: _Array) -> _Array:
        # Beside decimal commas, a point may separate thousands, so it is refused.
        if self.has_decimal_commas:
            cells = np.array([cell.translate(_SWAPPED) for cell in cells])
        return super()._as_numbers(cells)

    def write(self, path: Path, names: list[str], new: _Array) -> None:
        at = [self.names.index(name) for name in names]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self._delimiter, lineterminator="\n")
            file.writelines(self._first_lines)
            if self.has_names:
                file.write(self._sign)
                writer.writerow(self._head)
            for row, values in zip(self._rows, new.reshape(len(new), -1).tolist(), strict=True):
                changed = dict(zip(at, map(self._written, values), strict=True))
                writer.writerow([changed.get(i, cell) for i, cell in enumerate(row)])

    def _written(self, value: float) -> str:
        return str(value).translate(_SWAPPED) if self.has_decimal_commas else str(value)


def _encoding_of(path: Path) -> str:
    """Return how a table is written, of which Excel leaves a mark at its beginning."""
    with path.open("rb") as file:
        is_utf_16 = file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    return "utf-16" if is_utf_16 else "utf-8-sig"


def _filled(lines: Iterable[list[str]], first: int) -> list[tuple[int, list[str]]]:
    """Return the rows with their numbers as a spreadsheet shows them, beginning with ``first``.

    Empty lines are left out, and so are empty cells beyond the last name.
    """
    rows: list[tuple[int, list[str]]] = []
    for number, row in enumerate(lines, first):
        width = len(rows[0][1]) if rows else 0
        while len(row) > width and not row[-1].strip():
            row.pop()
        if any(map(str.strip, row)):
            rows.append((number, row))
    return rows


def _holds_fraction(values: _Array) -> bool:
    return bool((np.isfinite(values) & (values != np.trunc(values))).any())
