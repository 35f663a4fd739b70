"""Files of named numbers: the arrays of an npz or npy file, the columns of a csv or parquet file.

What the numbers mean is decided in `calibkit._command_line.samples`.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibkit import _sentences
from calibkit._command_line.named_numbers import NamedNumbers
from calibkit._command_line.names import shortly
from calibkit._command_line.parquet import Parquet
from calibkit._command_line.tables import CSV

_Array = NDArray[Any]


class _Arrays(NamedNumbers):
    """The arrays of an npz file, or the single one of an npy file."""

    word = "array"

    def __init__(self, path: Path, arrays: dict[str, _Array]) -> None:
        super().__init__(path, list(arrays))
        self._arrays = arrays

    def scores(self, names: list[str]) -> _Array:
        if len(names) > 1:
            advice = "name one of them with --score-names"
            words = {"n": len(names), "names": shortly(names), "advice": advice}
            raise ValueError(_sentences.SEVERAL_ARRAYS.format(path=self.path, **words))
        found = self._arrays[names[0]]
        if found.dtype.kind != "f":
            raise ValueError(
                _sentences.NO_FLOATS.format(path=self.path, name=names[0], dtype=found.dtype)
            )
        if found.ndim == 0:
            words = {"name": names[0] or "scores", "shape": (), "advice": "save a row per sample"}
            raise ValueError(f"{self.path}: {_sentences.SHAPE_OF_LOGITS.format(**words)}")
        return found

    def may_be_scores(self, label_name: str | None) -> list[str]:
        names = [name for name, array in self._arrays.items() if array.dtype.kind == "f"]
        return [name for name in names if name != label_name]

    def labels(self, name: str) -> _Array:
        return self._arrays[name]

    def may_be_labels(self) -> list[str]:
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


def open_numbers(path: Path) -> NamedNumbers:
    """Return what a file holds, or raise an error if it is of no kind that we know."""
    kind = path.suffix.lower()
    if kind not in _KINDS:
        known, advice = ", ".join(_KINDS), _ADVICE_ON_KIND.get(kind, _sentences.OF_ANOTHER_KIND)
        raise ValueError(_sentences.UNKNOWN_KIND.format(path=path, known=known, advice=advice))
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


_ADVICE_ON_KIND = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), _sentences.OF_A_SPREADSHEET),
    **dict.fromkeys((".txt", ".dat", ".tab"), _sentences.OF_A_TEXT),
    **dict.fromkeys((".pt", ".pth"), _sentences.OF_TENSORS),
}
_KINDS: dict[str, Callable[[Path], NamedNumbers]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".csv": CSV,
    ".tsv": CSV,
    ".parquet": Parquet,
}
