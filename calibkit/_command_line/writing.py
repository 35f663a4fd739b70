"""Output files that appear complete or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def check_outputs(outputs: list[Path], inputs: Sequence[Path | None]) -> None:
    """Raise an error, before anything is computed, if an output cannot be written where it is.

    Two outputs must not be the same file, and none may replace an input.
    """
    places = [path.resolve() for path in outputs]
    for path, place in zip(outputs, places, strict=True):
        if not place.parent.is_dir():
            raise FileNotFoundError(f"the folder of {path} must exist; create {path.parent} first")
        if place.is_dir():
            raise IsADirectoryError(f"{path} must be a file, but it is a folder; add a file name")
        if places.count(place) > 1:
            raise ValueError(f"two outputs must be two files, got {path} for both")
        if any(one is not None and place == one.resolve() for one in inputs):
            raise ValueError(f"{path} is read, so the output must be another file")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a new file, which takes the place of another one if no error is raised."""
    # A link stays one, and what it points to is replaced.
    place = path.resolve()
    # The name keeps the ending, because some libraries choose the format by it.
    unfinished = place.with_name(f".{os.getpid()}-unfinished-{place.name}")
    try:
        yield unfinished
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
