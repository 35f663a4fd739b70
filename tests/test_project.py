"""The files around the code say the same thing."""

import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_conda_environment_is_the_one_that_its_script_makes(project):
    script = runpy.run_path(str(ROOT / ".ci" / "make_environment.py"))
    committed = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert committed == script["environment"](project), "run python .ci/make_environment.py"


def test_conda_environment_holds_every_dependency_but_the_peers(project):
    *packages, from_pypi = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    itself, *others = from_pypi["pip"]
    assert itself == "-e ."
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [
        entry
        for name, extra in extras.items()
        for entry in extra
        if name not in {"bench", "lm"} and not entry.startswith("calibkit[")
    ]
    on_conda_forge = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    wanted = {re.sub(r"^[\w-]+", lambda m: on_conda_forge.get(m[0], m[0]), w) for w in wanted}
    assert set(packages + others) == wanted | {f"python{project['requires-python']}", "pip"}


def test_versions_are_ranges(project):
    extras = project["optional-dependencies"].values()
    entries = project["dependencies"] + [entry for extra in extras for entry in extra]
    for entry in entries:
        assert entry.startswith("calibkit[") or re.search(r">=[\d.]+,<\d+$", entry), entry


def test_readme_gives_the_commands_that_ci_runs():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    test_command = 'python -m pip install -e ".[test]" && python -m pytest\n'
    assert (
        'python -m pip install -e ".[course]" && '
        "jupyter lab notebooks/10_temperature_scaling.ipynb\n" in readme
    )
    assert test_command in readme
    assert test_command.strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_top_level_holds_what_the_design_names():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=False,
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


def test_the_licences_of_others_lie_beside_their_files():
    assets = ROOT / "calibkit" / "data" / "assets"
    assert "Bitstream" in (assets / "LICENSE_DEJAVU").read_text(errors="replace")
    assert "STI Pub" in (assets / "LICENSE_STIX").read_text(errors="replace")
    of_model = (assets / "LICENSE_SMOLLM2").read_text(encoding="utf-8")
    assert "SmolLM2-135M-Instruct" in of_model
    assert "Apache License" in of_model


def test_no_file_of_the_package_is_too_long():
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "calibkit").rglob("*.py*")
        if path.suffix in {".py", ".pyi"}
    }
    assert {path: length for path, length in lengths.items() if length > 420} == {}


def test_no_script_of_the_site_is_too_long_or_too_wide():
    """What another script has made is no text that anybody reads."""
    found = []
    for path in (ROOT / "docs" / "_static").rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        if text.startswith("// made by"):
            continue
        lines = text.splitlines()
        wide = [number for number, line in enumerate(lines, 1) if len(line) > 100]
        if wide or len(lines) > 420:
            found.append((path.name, len(lines), wide))
    assert found == []


def test_the_citation_and_pyproject_give_the_same_version(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project["version"]
