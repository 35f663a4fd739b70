"""What holds for every public name: it resolves, and its docstring tells what a user needs."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import calibkit

PACKAGE = Path(calibkit.__file__).parent
NAMES = sorted(calibkit.__all__)


def test_the_stub_lists_each_name_once():
    stub = (PACKAGE / "__init__.pyi").read_text()
    listed = re.findall(r"^from \.[\w.]+ import (\w+) as (\w+)$", stub, re.MULTILINE)
    assert sorted(name for name, _ in listed) == NAMES
    assert all(name == alias for name, alias in listed)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_explains_itself(name):
    public = getattr(calibkit, name)
    docstring = inspect.getdoc(public)
    assert "See Also\n--------\n" in docstring
    neighbours = re.findall(r"^calibkit\.(\w+) : .+\.$", docstring, re.MULTILINE)
    assert neighbours, "its See Also names no neighbour"
    assert name not in neighbours
    assert set(neighbours) <= set(NAMES)
    assert "of the wrong kind" not in docstring
    if inspect.isfunction(public) and inspect.signature(public).parameters:
        assert "Parameters\n----------\n" in docstring
        assert "Raises\n------\n" in docstring


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_are_those_that_the_docstring_states(name):
    public = getattr(calibkit, name)
    stated = dict(re.findall(r"^(\w+) : .*, default (\S+)$", inspect.getdoc(public), re.MULTILINE))
    for parameter, text in stated.items():
        signature = inspect.signature(public).parameters
        if parameter in signature:
            assert ast.literal_eval(text) == signature[parameter].default, parameter


def test_import_takes_nothing_that_is_not_needed_yet():
    heavy = "matplotlib", "scipy", "sklearn", "torch", "torchmetrics", "torchvision", "tqdm"
    program = f"import calibkit, sys; print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert printed.strip() == "[]"


def test_a_temperature_needs_little_more_than_torch():
    heavy = "matplotlib", "scipy", "sklearn", "torchmetrics", "torchvision"
    program = (
        "import sys; from calibkit import TemperatureScaler; TemperatureScaler(); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert printed.strip() == "[]"


def test_a_report_needs_neither_scikit_learn_nor_torchmetrics():
    """Both take as long to import as torch does."""
    heavy = "sklearn", "torchmetrics", "torchvision"
    program = (
        "import sys, torch; from calibkit import evaluate; "
        "print(evaluate(torch.tensor([[2.0, 0.0]] * 9), torch.tensor([0, 0, 1] * 3))); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert printed.strip().endswith("[]")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_no_file_holds_more_than_a_reader_can_take_in(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420


def test_a_name_that_does_not_exist_is_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        calibkit.no_such_name  # noqa: B018
