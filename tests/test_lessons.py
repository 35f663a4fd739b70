"""Every lesson is one text: script and notebook agree, and prose claims what outputs show."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "docs" / "lessons").glob("[0-9][0-9]_*.py"))
HEADINGS = (
    "What you will do",
    "What you will learn",
    "What you need",
    "What we have seen",
    "Exercises",
    "References",
)
FORBIDDEN = {
    "directive": r"^\.\. ",
    "role": r":[a-z:]+:`",
    "Markdown link": r"\]\(",
    "reST link": r"`_",
    "# heading": r"^#",
    "numbered heading, a list to Markdown": r"^\d+\. .*\n-+$",
    "bar in math": r"\$[^$\n]*(?<!\\)\|[^$\n]*\$",
}
MEASURED = r"(?<![\w.])\d+\.\d+|(?<![\w.])\d+(?= ?%)"


def notebook_of(script: Path) -> Path:
    return ROOT / "notebooks" / f"{script.stem}.ipynb"


def contents(notebook) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def prose(notebook, *, published: bool = True) -> str:
    """The text of a notebook; cells tagged "published" quote numbers that others measured."""
    return "\n\n".join(
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        and (published or "published" not in cell.metadata.get("tags", ()))
    )


def printed(notebook) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )


def needs_network(notebook) -> bool:
    return "network" in notebook.cells[0].metadata.get("tags", ())


def unsupported_numbers(notebook) -> set[str]:
    """Decimals and percentages of the prose that no output of the notebook shows."""
    own_words = re.sub(r'https?://\S+|"[^"]*"', "", prose(notebook, published=False))
    return set(re.findall(MEASURED, own_words)) - set(re.findall(MEASURED, printed(notebook)))


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem)
def script(request) -> Path:
    return request.param


@pytest.fixture
def notebook(script):
    return nbformat.read(notebook_of(script), as_version=4)


def test_there_are_lessons_and_no_notebook_without_a_script():
    assert SCRIPTS
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert notebooks == [notebook_of(script) for script in SCRIPTS]


def test_script_and_notebook_are_in_step(script, notebook):
    assert contents(jupytext.read(script)) == contents(notebook)


def test_a_script_out_of_step_is_noticed(script, notebook):
    changed = jupytext.reads(script.read_text().replace("scal", "skal", 1), fmt="py:percent")
    assert contents(changed) != contents(notebook)


def test_prose_claims_only_numbers_that_an_output_shows(notebook):
    assert unsupported_numbers(notebook) == set()


def test_an_untrue_number_is_noticed(notebook):
    notebook.cells.append(nbformat.v4.new_markdown_cell("The ECE is 98.7 % and T is 7.654."))
    assert unsupported_numbers(notebook) >= {"98.7", "7.654"}


def test_headings(notebook):
    text = prose(notebook)
    positions = [text.find(f"\n{heading}\n{'-' * len(heading)}\n") for heading in HEADINGS]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_prose_stays_in_what_both_formats_understand(notebook):
    text = prose(notebook)
    assert [name for name, rule in FORBIDDEN.items() if re.search(rule, text, re.MULTILINE)] == []


def test_cells_are_short_and_begin_with_code(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25
            assert not cell.source.startswith("#")


def test_notebooks_are_executed_in_order_and_hold_results_only(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    if needs_network(notebook):  # nothing in it comes from other than the public data
        assert not outputs
        assert {cell.execution_count for cell in code} == {None}
    else:
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(set(cell.metadata) <= {"tags", "cell_marker"} for cell in notebook.cells)


def test_one_lesson_needs_a_network():
    notebooks = [nbformat.read(notebook_of(script), as_version=4) for script in SCRIPTS]
    assert [needs_network(notebook) for notebook in notebooks] == [
        script.stem == "90_cifar100" for script in SCRIPTS
    ]


def test_the_readme_lists_every_lesson_with_question_time_and_needs():
    """The site makes its cards of this table."""
    readme = re.findall(
        r"^\| \[(.*)\]\(notebooks/(.*)\.ipynb\) \| .*\? \| .* \| .* \|$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
    assert [stem for _, stem in readme] == [script.stem for script in SCRIPTS]
    assert all(name.startswith(stem[:3].replace("_", " ")) for name, stem in readme)


def test_the_figure_of_the_readme_is_that_of_the_first_lesson():
    figure = "docs/_static/one_number.png"
    assert f"({figure})" in (ROOT / "README.md").read_text()
    notebook = nbformat.read(notebook_of(SCRIPTS[0]), as_version=4)
    images = [
        base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", ())
    ]
    assert (ROOT / figure).read_bytes() in images


def test_the_page_on_the_embedded_model_quotes_the_first_lesson():
    page = (ROOT / "docs" / "glyphs100.rst").read_text()
    (table,) = re.findall(r"list-table::(.*?)\n\n[^ ]", page, re.DOTALL)
    lesson = nbformat.read(notebook_of(SCRIPTS[0]), as_version=4)
    quoted = re.findall(MEASURED, table)
    assert len(quoted) == 9
    assert set(quoted) <= set(re.findall(MEASURED, printed(lesson)))


@pytest.fixture
def copied_notebook(tmp_path) -> Path:
    """Store a notebook outside the repository: a figure, a progress bar and a printed number."""
    notebook = nbformat.v4.new_notebook()
    figure = {"text/plain": "<Figure size 640x480 with 1 Axes>"}
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "from matplotlib import pyplot as plt\n_ = plt.plot([1, 2])",
            execution_count=1,
            outputs=[nbformat.v4.new_output("display_data", figure)],
        ),
        nbformat.v4.new_code_cell(
            "from tqdm import tqdm\nprint(sum(tqdm([1, 2])))",
            execution_count=2,
            outputs=[nbformat.v4.new_output("stream", name="stdout", text="3\n")],
        ),
    ]
    nbformat.write(notebook, tmp_path / "copy.ipynb")
    return tmp_path / "copy.ipynb"


def run_notebook(path: Path, **variables: str) -> str:
    shell = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), str(path)],
        cwd=ROOT,
        env=shell | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout


@pytest.mark.parametrize("variables", [{"MPLBACKEND": "Agg"}, {"TQDM_DISABLE": "1"}])
def test_a_copied_notebook_passes_whatever_the_shell_says(variables, copied_notebook):
    assert " 2 passed" in run_notebook(copied_notebook, **variables)


def test_a_wrong_number_in_a_copied_notebook_is_noticed(copied_notebook):
    copied_notebook.write_text(copied_notebook.read_text().replace('"3\\n"', '"4\\n"'))
    assert " 1 failed, 1 passed" in run_notebook(copied_notebook)
