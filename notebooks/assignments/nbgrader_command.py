"""Run commands of nbgrader in a process that has imported it, which takes seconds, already."""

import io
import os
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from course import PYTHON
from nbgrader.apps import NbGrader


def run_nbgrader(app: type[NbGrader], *arguments: str, course: Path) -> tuple[str, bool]:
    """Run an nbgrader command in this process; return what it said, and whether it succeeded.

    This process must be one of a pool, because it goes to the course folder.
    """
    os.chdir(course)
    # nbgrader calls alembic by name, which lies beside python
    os.environ["PATH"] = f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbgrader's own, about its use of SQLAlchemy
        try:
            running = app()
            running.initialize(list(arguments))
            running.start()
        except SystemExit as end:
            return said.getvalue(), not end.code
        except Exception:  # of nbgrader, whatever it is: the others are graded all the same
            return said.getvalue() + traceback.format_exc(), False
    return said.getvalue(), True
