import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = ROOT / "notebooks" / "assignments"


@pytest.fixture(scope="session", autouse=True)
def _scripts_can_be_imported():
    """The scripts of the assignments import each other from their own folder."""
    sys.path.insert(0, str(ASSIGNMENTS))
    yield
    sys.path.remove(str(ASSIGNMENTS))


@pytest.fixture(scope="session")
def course(tmp_path_factory) -> Path:
    """A course folder with source/ and release/. A test that changes it works on a copy."""
    folder = tmp_path_factory.mktemp("course")
    made = subprocess.run(
        [sys.executable, str(ASSIGNMENTS / "make_assignments.py"), str(folder)],
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return folder
