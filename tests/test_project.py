"""The files around the code say the same thing."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def requirements(entries: list[str]) -> set[tuple[str, str]]:
    """Names, as conda-forge has them, with their version ranges."""
    pairs = (re.fullmatch(r"([\w-]+)(.*)", entry).groups() for entry in entries)
    return {(CONDA_NAMES.get(name, name), versions) for name, versions in pairs}


@pytest.fixture
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_environment_and_pyproject_ask_for_the_same(project):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *packages, from_pypi = environment["dependencies"]
    itself, *others = from_pypi["pip"]
    assert itself == "-e ."
    wanted = [f"python{project['requires-python']}", "pip", *project["dependencies"]]
    for name, extra in project["optional-dependencies"].items():
        if name != "bench":  # the peers are on PyPI alone
            wanted += [entry for entry in extra if not entry.startswith("calibkit[")]
    assert requirements(packages + others) == requirements(wanted)


def test_versions_are_ranges(project):
    extras = project["optional-dependencies"].values()
    entries = project["dependencies"] + [entry for extra in extras for entry in extra]
    for entry in entries:
        assert entry.startswith("calibkit[") or re.search(r">=[\d.]+,<\d+$", entry), entry


def test_readme_gives_the_commands_that_ci_runs():
    readme = (ROOT / "README.md").read_text()
    test_command = 'python -m pip install -e ".[test]" && python -m pytest\n'
    assert (
        "python -m pip install -e . && jupyter lab notebooks/10_temperature_scaling.ipynb\n"
        in readme
    )
    assert "python docs/lessons/10_temperature_scaling.py\n" in readme
    assert test_command in readme
    assert test_command.strip() in (ROOT / ".ci" / "run").read_text()


def test_top_level_holds_what_the_design_names():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    top = {path.split("/")[0] for path in listed.stdout.split()}
    assert {name for name in top if not name.startswith(".")} == {
        "CITATION.cff",
        "LICENSE",
        "README.md",
        "calibkit",
        "docs",
        "environment.yml",
        "notebooks",
        "pyproject.toml",
        "tests",
    }


def test_font_licences_lie_beside_the_masks():
    assets = ROOT / "calibkit" / "assets"
    assert "Bitstream" in (assets / "LICENSE_DEJAVU").read_text(errors="replace")
    assert "STI Pub" in (assets / "LICENSE_STIX").read_text(errors="replace")
