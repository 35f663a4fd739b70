import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = ROOT / "notebooks" / "assignments"


@pytest.fixture(scope="module", autouse=True)
def _is_not_measured(without_coverage_in_module):
    """Grading runs little of calibkit."""


@pytest.fixture(scope="session", autouse=True)
def _scripts_can_be_imported():
    """The scripts of the assignments import each other from their own folder."""
    sys.path.insert(0, str(ASSIGNMENTS))
    yield
    sys.path.remove(str(ASSIGNMENTS))
