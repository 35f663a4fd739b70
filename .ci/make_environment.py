"""Write environment.yml, the conda environment, from what pyproject.toml asks for.

Run it as ``python .ci/make_environment.py`` after a change of the dependencies.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# Made from pyproject.toml by .ci/make_environment.py. Change that file and run the script again.
name: calibkit
channels:
  - conda-forge
  - nodefaults
dependencies:
"""
# Packages that have another name on conda-forge than on PyPI.
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
ONLY_ON_PYPI = {
    "axe-playwright-python",
    "jupyterquiz",
    "playwright",
    "sphinx-mathjax-offline",
    "sphinx-revealjs",
}
# The libraries that calibkit is compared with are on PyPI alone, and nobody needs them to use it.
# The packages that run a language model need a third one, which pip has to install without its
# dependencies.
LEFT_OUT = {"bench", "lm"}


def environment(project: dict) -> str:
    """Return the text of environment.yml for the table `project` of pyproject.toml."""
    groups = {"run time": project["dependencies"]}
    groups |= project["optional-dependencies"]
    lines = [f"  - python{project['requires-python']}", "  - pip"]
    from_pypi = []
    for group, requirements in groups.items():
        if group in LEFT_OUT:
            continue
        from_conda = []
        for requirement in requirements:
            name, versions = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
            if name in ONLY_ON_PYPI:
                from_pypi.append(f"      - {requirement}")
            elif name != "calibkit":  # one extra that includes another
                line = f"  - {CONDA_NAMES.get(name, name)}{versions}"
                if line not in lines:  # two extras ask for the same
                    from_conda.append(line)
        if from_conda:
            lines += [f"  # {group}", *from_conda]
    lines += ["  - pip:", "      - -e .", "      # not on conda-forge", *sorted(from_pypi)]
    return HEADER + "\n".join(lines) + "\n"


def main() -> None:
    """Write the file at the top of the repository."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = environment(pyproject["project"])
    (ROOT / "environment.yml").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
