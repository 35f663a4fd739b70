"""Run lessons in forks of one process, each as ``python -m tests.run_lesson`` runs it.

The process has imported all that lessons import, which takes more time than most of them need for
anything else. A fork of it starts with these modules, and with nothing that another lesson left.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import calibkit
from tests import run_lesson


class Outcome(NamedTuple):
    """How a lesson ended, and what it and the imports before it wrote."""

    returncode: int
    stdout: str
    stderr: str


class ForkedLessons:
    """The process that forks itself for each lesson, behind the words of another command."""

    def __init__(self, prefix: list[str], cwd: Path) -> None:
        root = Path(__file__).parents[1]
        self.log = cwd / "imports.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "tests.forked_lessons"],
                cwd=cwd,
                env=os.environ | {"PYTHONPATH": str(root)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def run(self, *arguments: str, cwd: Path) -> Outcome:
        """Run a lesson in a folder."""
        self.process.stdin.write(json.dumps([str(cwd), *arguments]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        log = self.log.read_text()
        if not answer:
            return Outcome(self.process.wait(), "", log)
        returncode, stdout, stderr = json.loads(answer)
        return Outcome(returncode, stdout, log + stderr)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def import_all() -> None:
    for module in ("matplotlib.pyplot", "sklearn.isotonic", "torchmetrics", "torchvision.datasets"):
        import_module(module)
    for name in calibkit.__all__:  # Each is imported on its first use.
        getattr(calibkit, name)


def serve() -> None:
    """Run the lessons that lines on stdin name, and write the outcome of each in a line."""
    for line in sys.stdin:
        cwd, *arguments = json.loads(line)
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            child = os.fork()
            if child == 0:
                os.dup2(out.fileno(), sys.stdout.fileno())
                os.dup2(err.fileno(), sys.stderr.fileno())
                os.chdir(cwd)
                run_lesson.main(*arguments)
                return  # This ends the fork as a script ends, and so does an error before it.
            _, status = os.waitpid(child, 0)
            written = [file.seek(0) or file.read() for file in (out, err)]
        print(json.dumps([os.waitstatus_to_exitcode(status), *written]), flush=True)


if __name__ == "__main__":
    import_all()
    serve()
