"""A folder with the files of a small problem, and a way to run commands in it."""

from pathlib import Path

import numpy as np
import pytest

from calibkit.__main__ import main
from calibkit._command_line import card
from tests.helpers import calibrated_problem

BLANK = "data:image/svg+xml;base64,PHN2Zy8+"


class CommandLine:
    """Runs commands in a folder, and keeps what the last one printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture) -> None:
        self.folder = folder
        self.capsys = capsys
        self.out = self.err = ""

    def run(self, *arguments: str) -> int:
        self.capsys.readouterr()
        try:
            return main(arguments)
        except SystemExit as ended:
            return ended.code
        finally:
            self.out, self.err = self.capsys.readouterr()

    def refusal(self, *arguments: str) -> str:
        """Run a command that must be refused, and return its single sentence."""
        assert self.run(*arguments) == 1
        assert self.err.startswith("calibkit: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("calibkit: ").strip()


@pytest.fixture
def drawn() -> None:
    """Ask for the true diagrams of cards."""


@pytest.fixture(autouse=True)
def _blank_diagrams(request, monkeypatch) -> None:
    """Leave the diagrams of cards blank, because they take longer to draw than all else."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(card, "_pictures", lambda report: [BLANK] * len(report.bins))


@pytest.fixture
def here(tmp_path, monkeypatch, capsys) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


@pytest.fixture(scope="session")
def problem() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Two disjoint sets of logits of three classes, twice too large, with their labels."""
    logits, labels = (x.numpy() for x in calibrated_problem(800, 3, 2.0))
    return {"calibration": (logits[:400], labels[:400]), "test": (logits[400:], labels[400:])}


@pytest.fixture
def files(here, problem) -> CommandLine:
    """A folder with both sets in npz files."""
    for name, (logits, labels) in problem.items():
        np.savez(here.folder / f"{name}.npz", logits=logits, labels=labels)
    return here
