"""Are the model answers right with the seeds of every student?

``python -m tests.classroom.many_seeds`` runs every assignment with the seeds of fifty students, in
this process and without a kernel: its cells, the model answers and all tests, hidden ones too. It
prints the questions that fail. Name assignments to run only these, and ``--seeds 5`` to run fewer.
"""

import argparse
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import jupytext
from tqdm import tqdm

from tests.answers import ASSIGNMENTS


def failures(script: Path, student: str) -> Iterator[str]:
    """Yield the cells of an assignment that fail with the seeds of a student, and why."""
    import seeds
    from matplotlib import pyplot as plt

    notebook = jupytext.read(script, fmt="py:percent")
    drawn = seeds.drawn("many seeds", script.stem, student, seeds.seeds_in(notebook))
    space = {"__name__": "__main__"}
    heading = ""
    for cell in seeds.with_seeds(notebook, drawn).cells:
        if cell.cell_type == "markdown":
            heading = cell.source.partition("\n")[0] if cell.source.startswith("#") else heading
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(cell.source, space)
        except Exception as error:  # whatever a cell raises costs a student the question
            name = cell.metadata.get("tests", "a cell without points")
            yield f"{script.stem} {drawn} {heading} ({name}): {type(error).__name__}: {error}"
        plt.close("all")


def main() -> int:
    """Print each failure; return 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("assignments", nargs="*", help="such as ps1_temperature_scaling")
    parser.add_argument("--seeds", type=int, default=50)
    options = parser.parse_args()
    os.environ["MPLBACKEND"] = "Agg"
    sys.path.insert(0, str(ASSIGNMENTS))
    scripts = sorted(ASSIGNMENTS.glob("ps*.py"))
    chosen = [script for script in scripts if script.stem in options.assignments] or scripts
    runs = [(script, f"student{k}") for script in chosen for k in range(options.seeds)]
    n_failures = 0
    for script, student in tqdm(runs, unit="notebook"):
        for failure in failures(script, student):
            tqdm.write(failure)
            n_failures += 1
    print(f"{len(runs)} notebooks, {n_failures} failures")
    return int(n_failures > 0)


if __name__ == "__main__":
    sys.exit(main())
