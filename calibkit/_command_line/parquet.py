"""Parquet files."""

from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from calibkit._command_line.tables import Table

_Array = NDArray[Any]


class Parquet(Table):
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
                raise ValueError(f"{path} is not a valid parquet file") from error
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
