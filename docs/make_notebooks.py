"""Make or renew the notebooks: ``python docs/make_notebooks.py``, of all lessons or ``20 30``."""

import base64
import os
import sys
from pathlib import Path

import nbformat
from jupytext.cli import jupytext
from nbclient import NotebookClient

LESSONS = Path(__file__).parent / "lessons"
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
README_FIGURE = Path(__file__).parent / "_static" / "one_number.png"
README_FIGURE_TITLE = "One number closes the gap between confidence and accuracy"


def needs_network(notebook: nbformat.NotebookNode) -> bool:
    """Tell whether the first cell says so; such a notebook is kept without outputs."""
    return "network" in notebook.cells[0].metadata.get("tags", ())


def readme_figure(notebook: nbformat.NotebookNode) -> bytes:
    """Return the figure of the first lesson that the README also shows."""
    (cell,) = (cell for cell in notebook.cells if f'"{README_FIGURE_TITLE}"' in cell.source)
    (image,) = (o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", ()))
    return base64.b64decode(image)


def make_notebook(script: Path) -> None:
    """Sync the notebook of a lesson with its script, and execute it."""
    jupytext(["--sync", "--set-kernel", "python3", str(script)])
    path = NOTEBOOKS / f"{script.stem}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    if needs_network(notebook):
        return
    # timings and the moments at which a cell prints would make every execution a change
    NotebookClient(
        notebook,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    ).execute()
    nbformat.write(notebook, path)
    if script.stem == "10_temperature_scaling":
        README_FIGURE.write_bytes(readme_figure(notebook))


if __name__ == "__main__":
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    for number in sys.argv[1:] or ["[0-9][0-9]"]:
        for script in sorted(LESSONS.glob(f"{number}_*.py")):
            make_notebook(script)
