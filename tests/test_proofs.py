"""Proofs that take minutes: what CI would notice, and what a user's machine would do."""

import hashlib
import json
import re
import shutil
import subprocess
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from scipy.io import savemat
from torchvision.datasets import SVHN
from torchvision.datasets.utils import calculate_md5

import calibkit.data.resnet
from calibkit import Glyphs100
from tests.forked_lessons import ForkedLessons
from tests.helpers import NOBODY, REAL, needs_real_data, publish_cifar100
from tests.run_lesson import Exercise, faults
from tests.test_lessons import ROOT, SCRIPTS, notebook_of, printed, tags

pytestmark = pytest.mark.slow
SITE = ROOT / "docs" / "_build" / "html"
LESSON = ROOT / "docs" / "lessons" / "10_temperature_scaling.py"
CIFAR100_LESSON = ROOT / "docs" / "lessons" / "90_cifar100.py"


def run(*command: str, cwd: Path, env: dict | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def without_network() -> list[str]:
    loopback_only = 'ip link set lo up && exec "$0" "$@"'
    isolate = ["unshare", "--net", "--map-root-user", "sh", "-c", loopback_only]
    if shutil.which("unshare") is None:
        return []
    works = subprocess.run([*isolate, "true"], check=False).returncode == 0
    return isolate if works else []


def printed_lines(script: Path) -> list[str]:
    lines = printed(nbformat.read(notebook_of(script), as_version=4)).splitlines()
    return [line for line in lines if line and not line.startswith("<Figure")]


def strict_nbval(notebook: Path) -> subprocess.CompletedProcess:
    return run(
        *(sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), str(notebook)),
        cwd=ROOT,
    )


def test_strict_nbval_notices_a_stored_digit_and_a_number_in_the_code(tmp_path):
    """Only the cells up to the second fault are run, because the network comes after them."""
    notebook = nbformat.read(notebook_of(LESSON), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    stored = next(k for k, cell in enumerate(code) if 'print(f"T = {T}: {a:.2f}' in cell.source)
    number = next(k for k, cell in enumerate(code) if 'print(f"ECE {ece:.2f}")' in cell.source)
    notebook.cells = code[: number + 1]
    text, digit = code[stored].outputs[0]["text"], "cat 0.87"
    assert text.count(digit) == 1
    code[stored].outputs[0]["text"] = text.replace(digit, "cat 0.88")
    assert code[number].source.count("confidence < 0.75") == 1
    code[number].source = code[number].source.replace("confidence < 0.75", "confidence < 0.6")
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    result = strict_nbval(tmp_path / "lesson.ipynb")
    assert result.returncode == 1, result.stdout
    failed = re.findall(r"^FAILED .*::Cell (\d+)", result.stdout, re.MULTILINE)
    assert failed == [str(stored), str(number)], result.stdout


@pytest.fixture(scope="module")
def lessons(tmp_path_factory) -> Iterator[ForkedLessons]:
    started = ForkedLessons(without_network(), tmp_path_factory.mktemp("lessons"))
    yield started
    started.close()


def run_lesson(lessons: ForkedLessons, *arguments: str, cwd: Path) -> str:
    """Run a lesson without a network; return what it prints. It must leave no file behind."""
    before = run("git", "status", "--porcelain", "--ignored", cwd=ROOT).stdout
    result = lessons.run(*arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert list(cwd.iterdir()) == []
    assert run("git", "status", "--porcelain", "--ignored", cwd=ROOT).stdout == before
    return result.stdout


# The wrong answers of these lessons use more of the lesson than the solutions do.
NEED_WHOLE_LESSON = {"80_your_own_model", "99_capstone"}
OTHERS = [script for script in SCRIPTS if script != LESSON]


@pytest.mark.parametrize("script", OTHERS, ids=lambda script: script.stem)
def test_the_checks_of_a_lesson_accept_its_solutions_and_no_wrong_answer(script, lessons, tmp_path):
    whole = ["--whole"] if script.stem in NEED_WHOLE_LESSON else []
    run_lesson(lessons, str(script), *whole, cwd=tmp_path)


def test_the_first_lesson_prints_as_a_script_what_its_notebook_shows(lessons, tmp_path):
    """Its checks are tried as well. The pages of the others show what their scripts print."""
    printed_by_script = run_lesson(lessons, str(LESSON), "--whole", cwd=tmp_path).splitlines()
    assert printed_lines(LESSON) == [line for line in printed_by_script if line]


def test_a_check_that_is_wrong_is_noticed():
    exercise = Exercise(
        name="mean",
        answer="mean = None\n",
        solution="mean = 2",
        wrong="wrong = [3, 4]",
        check="if mean is not None:\n    assert mean == 2, 'too large' if mean > 3 else ''",
    )
    assert faults(exercise, {}) == ["mean: the check refuses 3 without a hint"]
    (accepted,) = faults(exercise._replace(wrong="wrong = [2]"), {})
    assert "accepts the wrong answer 2" in accepted
    (refused,) = faults(exercise._replace(solution="mean = 4", wrong="wrong = [5]"), {})
    assert "refuses the solution: too large" in refused


@pytest.fixture
def stand_ins(tmp_path, monkeypatch) -> None:
    """Real images and weights of the shape of the public ones, where those would be fetched to.

    10 000 images made of the 916 at hand, and glyphs that belong to no class in place of SVHN.
    """
    with np.load(REAL / "cifar100_test_first916.npz") as arrays:
        repeat = np.arange(10_000) % 916
        images, labels = arrays["images"][repeat], arrays["fine_labels"][repeat].tolist()
    publish_cifar100(tmp_path / "data", images, labels, monkeypatch)

    glyphs = (Glyphs100(500, unseen=True).images * 255).byte().permute(2, 3, 1, 0).numpy()
    svhn = tmp_path / "data" / "test_32x32.mat"
    savemat(svhn, {"X": glyphs, "y": np.ones((500, 1))})
    entry = [f"{NOBODY}/{svhn.name}", svhn.name, calculate_md5(svhn)]
    monkeypatch.setattr(SVHN, "split_list", {"test": entry})

    weights = (REAL / "resnet20_cifar100_state_dict.pt").read_bytes()
    name = f"cifar100_resnet20-{hashlib.sha256(weights).hexdigest()[:8]}.pt"
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / name).write_bytes(weights)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", f"{NOBODY}/{name}")
    monkeypatch.chdir(tmp_path)


@needs_real_data
@pytest.mark.usefixtures("stand_ins")
def test_two_lines_move_the_lesson_to_cifar100(capsys):
    text, _, _ = LESSON.read_text().partition("# %% [markdown]\n# When does it hold?")
    new_lines = re.findall(r"^# - ``(.*)``$", text, re.MULTILINE)
    assert len(new_lines) == 2
    for new in new_lines:
        variable = new.split(" = ")[0]
        text, changed = re.subn(rf"^{variable} = .*$", new, text, flags=re.MULTILINE)
        assert changed == 1
    names: dict = {}
    exec(compile(text, "lesson on CIFAR-100", "exec"), names)
    assert "accuracy 70." in capsys.readouterr().out
    assert 1 < names["scaler"].temperature < 2
    assert names["ece_after"] < names["ece_before"]


@needs_real_data
@pytest.mark.usefixtures("stand_ins")
def test_every_cell_of_the_lesson_on_cifar100_runs(capsys):
    """On the stand-ins: what it prints is not the truth about the public model, and is not kept."""
    names: dict = {}
    for cell in jupytext.read(CIFAR100_LESSON).cells:
        if cell.cell_type == "code" and (
            "network" in tags(cell) or not tags(cell) & {"answer", "solution", "wrong", "check"}
        ):
            exec(compile(cell.source, "a cell of lesson 90", "exec"), names)
    printed_text = capsys.readouterr().out
    assert "10,000 images of CIFAR-100" in printed_text
    assert "accuracy           70." in printed_text
    assert "mean confidence on SVHN" in printed_text
    assert len(names["house_numbers"]) == 500
    assert names["lost"] > 0.05
    assert names["report"].after.ece.value < names["report"].before.ece.value
    assert len(plt.get_fignums()) == 5


def module_names(table: symtable.SymbolTable, *, assigned: bool) -> set[str]:
    """Names of the module that code assigns, or that it uses or assigns in any scope."""
    in_module = table.get_type() == "module"
    names = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if (symbol.is_assigned() if assigned else in_module or symbol.is_global())
    }
    if assigned:
        return names
    return names.union(*(module_names(t, assigned=False) for t in table.get_children()))


def test_no_other_cell_of_the_lesson_on_cifar100_needs_what_a_network_cell_defines():
    defined: set[str] = set()
    used_by_others: set[str] = set()
    for cell in jupytext.read(CIFAR100_LESSON).cells:
        if cell.cell_type == "code":
            table = symtable.symtable(cell.source, "a cell of lesson 90", "exec")
            if "network" in tags(cell):
                defined |= module_names(table, assigned=True)
            else:
                used_by_others |= module_names(table, assigned=False)
    assert {"model", "report"} <= defined
    assert {"measurements", "plt"} <= used_by_others
    assert not defined & used_by_others


@pytest.fixture
def site() -> Path:
    if not SITE.is_dir():
        pytest.skip("the site is not built: sphinx-build -W docs docs/_build/html")
    return SITE


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_gallery_page_of_a_lesson(script, site):
    page = (site / "auto_lessons" / f"{script.stem}.html").read_text()
    for line in printed_lines(script):
        assert line.replace("<", "&lt;").replace(">", "&gt;") in page
    described = (
        rf'<img[^>]* src="../_images/sphx_glr_{script.stem}_\d+\w*.webp"[^>]*alt="[^"]{{20,}}"'
    )
    assert re.search(described, page)
    assert "Total running time of the script" not in page  # The lesson promises another time.
    for suffix in (".py", ".ipynb"):
        (link,) = set(re.findall(rf'href="([^"]*_downloads/[^"]*/{script.stem}{suffix})"', page))
        assert (site / "auto_lessons" / link).resolve().is_file()
    index = (site / "auto_lessons" / "index.html").read_text()
    assert f"sphx_glr_{script.stem}_thumb.webp" in index


def test_the_page_of_the_lesson_on_cifar100_says_where_the_outputs_of_the_network_cells_are(site):
    page = (site / "auto_lessons" / "90_cifar100.html").read_text()
    assert "in the stored notebook they have no outputs" in re.sub(r"\s+", " ", page)
    assert "lesson-90-with-outputs" in page
    assert "calibkit/actions/workflows/weekly.yml" in page
    assert "sphx-glr-script-out" in page
    assert "images of CIFAR-100\n" not in page  # what the first of these cells prints
    workflow = (ROOT / ".github" / "workflows" / "weekly.yml").read_text()
    assert "name: weekly" in workflow
    assert "name: lesson-90-with-outputs" in workflow


def test_the_api_leads_back_to_the_lesson(site):
    page = (site / "generated" / "calibkit.TemperatureScaler.html").read_text()
    assert "Lessons that use it" in page
    assert "10_temperature_scaling.html" in page


def test_the_built_notebook_is_valid(site):
    (path,) = (site / "_downloads").rglob("10_temperature_scaling.ipynb")
    assert json.loads(path.read_text())["nbformat"] == 4
