"""Make or renew the notebook of every lesson: ``python docs/make_notebooks.py``."""

import os
from pathlib import Path

import nbformat
from jupytext.cli import jupytext
from nbclient import NotebookClient

LESSONS = Path(__file__).parent / "lessons"
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def make_notebook(script: Path) -> None:
    jupytext(["--sync", "--set-kernel", "python3", str(script)])
    path = NOTEBOOKS / f"{script.stem}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    # timings would make every execution a change
    NotebookClient(
        notebook, record_timing=False, resources={"metadata": {"path": str(NOTEBOOKS)}}
    ).execute()
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    for script in sorted(LESSONS.glob("[0-9][0-9]_*.py")):
        make_notebook(script)
