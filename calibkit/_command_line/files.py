"""Files of named numbers: the arrays of an npz or npy file, the columns of a csv or parquet file.

What the numbers mean is decided in `calibkit._command_line.samples`.
"""

import codecs
import csv
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from calibkit import _sentences

_Array = NDArray[Any]

_LEAST_IDENTIFIERS = 20
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?", re.IGNORECASE)
_SWAPPED = str.maketrans(",.", ".,")


class NamedNumbers(ABC):
    """A file that has been opened, with the names of what it holds."""

    # What a name stands for: "array" or "column".
    word: ClassVar[str]
    # Whether a comma in a number stands for the decimal point.
    has_decimal_commas = False

    def __init__(self, path: Path, names: list[str]) -> None:
        self.path = path
        self.names = names

    @abstractmethod
    def scores(self, names: list[str]) -> _Array:
        """Return scores (N, C, ...) or (N,) of these names, or raise an error if not numbers."""

    @abstractmethod
    def may_be_scores(self) -> list[str]:
        """Return the names of what may be scores, if no name says that it is."""

    @abstractmethod
    def labels(self, name: str) -> _Array:
        """Return labels, which may be text."""

    @abstractmethod
    def with_whole_numbers(self) -> list[str]:
        """Return the names of what may be labels because it holds whole numbers only."""

    def identifiers(self, names: list[str]) -> list[str]:
        """Return which of several scores seem to be numbers of the samples."""
        return []

    @abstractmethod
    def class_names(self, names: list[str]) -> list[str] | None:
        """Return the names of the classes whose scores have these names, if the file has them."""

    @abstractmethod
    def described(self) -> str:
        """Describe everything in the file."""

    @abstractmethod
    def write(self, path: Path, names: list[str], new: _Array) -> None:
        """Write a copy of the file in which the scores of these names are new."""


class _Arrays(NamedNumbers):
    """The arrays of an npz file, or the single one of an npy file."""

    word = "array"

    def __init__(self, path: Path, arrays: dict[str, _Array]) -> None:
        super().__init__(path, list(arrays))
        self._arrays = arrays

    def scores(self, names: list[str]) -> _Array:
        if len(names) > 1:
            raise ValueError(
                f"{self.path} must hold the scores in one array, got {', '.join(names)}; name it "
                "with --score-names"
            )
        found = self._arrays[names[0]]
        if found.dtype.kind != "f":
            raise ValueError(
                _sentences.NO_FLOATS.format(path=self.path, name=names[0], dtype=found.dtype)
            )
        return found

    def may_be_scores(self) -> list[str]:
        return [name for name, array in self._arrays.items() if array.dtype.kind == "f"]

    def labels(self, name: str) -> _Array:
        return self._arrays[name]

    def with_whole_numbers(self) -> list[str]:
        return [name for name, array in self._arrays.items() if array.dtype.kind in "iub"]

    def class_names(self, names: list[str]) -> list[str] | None:
        return None

    def described(self) -> str:
        return ", ".join(
            f"{name or 'an array'} {array.dtype} {array.shape}"
            for name, array in self._arrays.items()
        )

    def write(self, path: Path, names: list[str], new: _Array) -> None:
        with path.open("wb") as file:
            if self.path.suffix.lower() == ".npy":
                np.save(file, new, allow_pickle=False)
            else:
                np.savez(file, allow_pickle=False, **(self._arrays | {names[0]: new}))


class _Table(NamedNumbers):
    """A table whose columns have names, unless it has no head."""

    word = "column"

    def __init__(self, path: Path, names: list[str], *, has_head: bool = True) -> None:
        super().__init__(path, names)
        self._has_head = has_head
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            names_twice = ", ".join(repeated)
            raise ValueError(_sentences.REPEATED_COLUMNS.format(path=path, names=names_twice))

    def scores(self, names: list[str]) -> _Array:
        found = np.stack([self._numbers(name) for name in names], 1)
        return found[:, 0] if len(names) == 1 else found

    def may_be_scores(self) -> list[str]:
        # The column without a name is the index of a pandas table.
        return [name for name in self.names if name not in {"", "Unnamed: 0"}]

    def with_whole_numbers(self) -> list[str]:
        names = self.may_be_scores()
        if self._has_head and len(names) > 2:
            return []  # It may be a number of the row or a prediction as well.
        # Beside a score, the only column of words is that of the labels.
        words = [name for name in names if not self._begins_with_number(name)]
        return words if len(words) == 1 else [name for name in names if self._is_whole(name)]

    def class_names(self, names: list[str]) -> list[str] | None:
        return names if self._has_head and len(names) > 1 else None

    def identifiers(self, names: list[str]) -> list[str]:
        return [name for name in names if len(names) > 1 and self._is_identifier(name)]

    def described(self) -> str:
        return f"the columns {', '.join(self.names)}"

    def _is_identifier(self, name: str) -> bool:
        # Scores of few samples may be whole numbers that differ by chance.
        n = len(self._cells(name))
        return (
            n >= _LEAST_IDENTIFIERS and self._is_whole(name) and len(set(self._numbers(name))) == n
        )

    def _begins_with_number(self, name: str) -> bool:
        try:
            self._as_numbers(self._cells(name)[:1])
        except (TypeError, ValueError):
            return False
        return True

    def _is_whole(self, name: str) -> bool:
        try:
            values = self._numbers(name)
        except ValueError:
            return False
        return bool((values == np.trunc(values)).all())

    def _numbers(self, name: str) -> _Array:
        cells = self._cells(name)
        try:
            return self._as_numbers(cells)
        except (TypeError, ValueError):
            for i, cell in enumerate(cells):
                self._check_number(cell, name, i)
            raise

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
                    row=row + 1,
                    advice="if the column is no score, name those that are with --score-names",
                )
            ) from None

    @abstractmethod
    def _cells(self, name: str) -> _Array: ...


class _CSV(_Table):
    def __init__(self, path: Path) -> None:
        with path.open(newline="", encoding=_encoding_of(path)) as file:
            try:
                first_line = file.readline()
                delimiters = [sign for sign in "\t;," if sign in first_line]
                self._delimiter = delimiters[0] if delimiters else ","
                file.seek(0)
                rows = _filled(csv.reader(file, delimiter=self._delimiter))
            except UnicodeError:
                why = _sentences.NOT_UTF_8
                raise ValueError(_sentences.NO_CSV.format(path=path, why=why)) from None
            except csv.Error as error:
                raise ValueError(_sentences.NO_CSV.format(path=path, why=error)) from None
        if not rows:
            raise ValueError(_sentences.NO_ROWS.format(path=path))
        # Where a semicolon ends a cell, a comma has no other meaning.
        self.has_decimal_commas = self._delimiter == ";" and any(
            _is_with_comma(cell) for row in rows for cell in row
        )
        self._head = [" ".join(cell.split()) for cell in rows[0]]
        has_head = not all(is_number(cell) or self._is_decimal(cell) for cell in self._head)
        self._rows = rows[1:] if has_head else rows
        names = self._head if has_head else [str(i + 1) for i in range(len(self._head))]
        for i, row in enumerate(self._rows):
            if len(row) != len(names):
                raise ValueError(
                    _sentences.WRONG_LENGTH_OF_ROW.format(
                        path=path, expected=len(names), found=len(row), row=i + 1
                    )
                )
        super().__init__(path, names, has_head=has_head)

    def labels(self, name: str) -> _Array:
        cells = self._cells(name)
        return np.array([c.replace(",", ".") if self._is_decimal(c) else c for c in cells])

    def _cells(self, name: str) -> _Array:
        at = self.names.index(name)
        return np.array([row[at].strip() for row in self._rows])

    def _is_decimal(self, cell: str) -> bool:
        return self.has_decimal_commas and _is_with_comma(cell)

    def _as_numbers(self, cells: _Array) -> _Array:
        # Beside decimal commas, a point may separate thousands, so it is refused.
        if self.has_decimal_commas:
            cells = np.array([cell.translate(_SWAPPED) for cell in cells])
        return super()._as_numbers(cells)

    def write(self, path: Path, names: list[str], new: _Array) -> None:
        at = [self.names.index(name) for name in names]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self._delimiter, lineterminator="\n")
            if self._has_head:
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


def _filled(lines: Iterable[list[str]]) -> list[list[str]]:
    """Return the rows without empty lines, and without empty cells beyond the last name."""
    rows: list[list[str]] = []
    for row in lines:
        width = len(rows[0]) if rows else 0
        while len(row) > width and not row[-1].strip():
            row.pop()
        if any(map(str.strip, row)):
            rows.append(row)
    return rows


def _is_with_comma(cell: str) -> bool:
    return "," in cell and _DECIMAL_COMMA.fullmatch(cell.strip()) is not None


class _Parquet(_Table):
    def __init__(self, path: Path) -> None:
        try:
            pandas: Any = import_module("pandas")
            import_module("pyarrow")
        except ImportError:
            raise ValueError(
                f"{path} can be read only with pandas and pyarrow; install both, or save the table "
                "as a csv file"
            ) from None
        with path.open("rb") as file:
            try:
                self._frame = pandas.read_parquet(file, engine="pyarrow")
            except Exception as error:
                # What is raised depends on what the file is.
                raise ValueError(f"{path} is no parquet file") from error
        super().__init__(path, [str(name) for name in self._frame.columns])

    def labels(self, name: str) -> _Array:
        return self._cells(name)

    def _cells(self, name: str) -> _Array:
        found: _Array = self._frame.iloc[:, self.names.index(name)].to_numpy()
        return found

    def write(self, path: Path, names: list[str], new: _Array) -> None:
        columns = new.reshape(len(new), -1).T
        replaced = {
            self._frame.columns[self.names.index(name)]: column
            for name, column in zip(names, columns, strict=True)
        }
        self._frame.assign(**replaced).to_parquet(path)


def open_numbers(path: Path) -> NamedNumbers:
    """Return what a file holds, or raise an error if it is of no kind that we know."""
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise ValueError(_sentences.UNKNOWN_KIND.format(path=path, known=", ".join(_KINDS)))
    return _KINDS[kind](path)


def _npz(path: Path) -> NamedNumbers:
    try:
        # np.load leaves a file open that it has opened itself and cannot read.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return _Arrays(path, dict(file))
    # An npy file gives an array, which is no context.
    except (AttributeError, TypeError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise _refusal(path, "npz", error) from error


def _npy(path: Path) -> NamedNumbers:
    try:
        with path.open("rb") as stream:
            array = np.load(stream, allow_pickle=False)
    except (EOFError, ValueError, zipfile.BadZipFile) as error:
        raise _refusal(path, "npy", error) from error
    if not isinstance(array, np.ndarray):
        raise _refusal(path, "npy", TypeError())
    return _Arrays(path, {"": array})


def _refusal(path: Path, kind: str, error: Exception) -> ValueError:
    if "allow_pickle=False" in str(error) or "Object arrays" in str(error):
        return ValueError(_sentences.PYTHON_OBJECTS.format(path=path))
    function = "np.savez" if kind == "npz" else "np.save"
    return ValueError(_sentences.WRONG_KIND.format(path=path, kind=kind, function=function))


def is_number(text: str) -> bool:
    """Say whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


_KINDS: dict[str, Callable[[Path], NamedNumbers]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".csv": _CSV,
    ".tsv": _CSV,
    ".parquet": _Parquet,
}
