"""Every lesson is one text: script and notebooks agree, and prose claims what outputs show."""

import ast
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from tests.lesson_prose import MAX_NUMBERS_PER_100_WORDS, MAX_WORDS, size
from tests.run_lesson import exercises

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import lesson_source  # noqa: E402
import make_notebooks  # noqa: E402
from lesson_source import lesson_cells, number, solution_cells, tags  # noqa: E402
from quiz_form import QUIZZES  # noqa: E402

pytestmark = pytest.mark.usefixtures("without_coverage_in_module")

SCRIPTS = lesson_source.scripts()
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
QUESTION_TYPES = {"multiple_choice", "many_choice", "numeric"}
VERDICT = re.compile(r"(?:Yes|No|Right|Wrong|Correct|Exactly|Not quite)[.,:!]")
MAX_COLUMNS = 79  # a page of 1280 pixels shows no more


def notebook_of(script: Path) -> Path:
    return ROOT / "notebooks" / f"{script.stem}.ipynb"


def solutions_of(script: Path) -> Path:
    return ROOT / "notebooks" / "solutions" / f"{script.stem}.ipynb"


def contents(notebook) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def prose(cells, *, published: bool = True) -> str:
    """The text of cells; those tagged "published" quote numbers that others measured."""
    return "\n\n".join(
        cell.source
        for cell in cells
        if cell.cell_type == "markdown" and (published or "published" not in tags(cell))
    )


def printed(notebook) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )


def unsupported_numbers(cells, *notebooks) -> set[str]:
    """Decimals and percentages of the prose that no output of these notebooks shows."""
    own_words = re.sub(r'https?://\S+|"[^"]*"', "", prose(cells, published=False))
    shown = "\n".join(map(printed, notebooks))
    return set(re.findall(MEASURED, own_words)) - set(re.findall(MEASURED, shown))


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem)
def script(request) -> Path:
    return request.param


@pytest.fixture
def notebook(script):
    return nbformat.read(notebook_of(script), as_version=4)


@pytest.fixture
def solutions(script):
    return nbformat.read(solutions_of(script), as_version=4)


@pytest.fixture
def source(script):
    return jupytext.read(script)


def test_there_are_lessons_and_no_notebook_without_a_script():
    assert SCRIPTS
    for folder, path_of in (("notebooks", notebook_of), ("notebooks/solutions", solutions_of)):
        assert set((ROOT / folder).glob("*.ipynb")) == {path_of(script) for script in SCRIPTS}


def test_script_and_notebooks_are_in_step(script, notebook, solutions):
    assert contents(make_notebooks.lesson(script)) == contents(notebook)
    assert contents(make_notebooks.solutions(script)) == contents(solutions)


def test_a_script_out_of_step_is_noticed(script, notebook, tmp_path, monkeypatch):
    changed = tmp_path / script.name
    title = lesson_source.title(jupytext.read(script))
    changed.write_text(script.read_text().replace(title, title.replace("?", "!"), 1))
    others = [path for path in SCRIPTS if path != script]
    monkeypatch.setattr(make_notebooks, "scripts", lambda: sorted([*others, changed], key=number))
    assert contents(make_notebooks.lesson(changed)) != contents(notebook)


def test_a_lesson_shows_no_solution(source, notebook):
    hidden = [cell.source for cell in source.cells if tags(cell) & {"solution", "wrong", "slide"}]
    assert hidden
    assert not set(hidden) & {cell.source for cell in notebook.cells}


def test_prose_claims_only_numbers_that_an_output_shows(source, notebook, solutions):
    assert unsupported_numbers(lesson_cells(source), notebook) == set()
    assert unsupported_numbers(solution_cells(source), notebook, solutions) == set()
    slides = [cell for cell in source.cells if "slide" in tags(cell)]
    assert unsupported_numbers(slides, notebook) == set()


def test_an_untrue_number_is_noticed(notebook):
    cells = [nbformat.v4.new_markdown_cell("The ECE is 98.7% and T is 7.654.")]
    assert unsupported_numbers(cells, notebook) == {"98.7", "7.654"}


def test_a_lesson_is_short_and_its_prose_holds_few_numbers(script):
    words, numbers = size(script)
    assert words <= MAX_WORDS
    assert 100 * numbers / words <= MAX_NUMBERS_PER_100_WORDS


def test_headings(source):
    text = prose(lesson_cells(source))
    positions = [text.find(f"\n{heading}\n{'-' * len(heading)}\n") for heading in HEADINGS]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_prose_stays_in_what_both_formats_understand(source):
    text = prose(source.cells)
    assert [name for name, rule in FORBIDDEN.items() if re.search(rule, text, re.MULTILINE)] == []


def test_cells_are_short_and_begin_with_code(source):
    for cell in source.cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= 25
            assert max(map(len, lines)) <= MAX_COLUMNS
            assert not cell.source.startswith("#")


def test_a_lesson_asks_for_predictions(source):
    assert prose(lesson_cells(source)).count("Before you run this:") in (2, 3)


def test_every_check_has_a_solution_and_wrong_answers(source):
    found = exercises(source)
    assert len(found) >= 2
    for exercise in found:
        assert "print(" in exercise.check, f"{exercise.name}: nothing says what was shown"


def test_slides_hold_little_text_and_what_the_teacher_says(source):
    slides = [cell.source for cell in source.cells if "slide" in tags(cell)]
    assert 6 <= len(slides) <= 12
    for slide in slides:
        shown, _, said = slide.partition("\nSay:")
        bullets = re.findall(r"^- (.*(?:\n  .*)*)", shown, re.MULTILINE)
        assert len(shown.splitlines()[0]) <= 55, slide
        assert len(bullets) <= 3, slide
        assert all(len(bullet.split()) <= 14 for bullet in bullets), slide
        assert 30 <= len(said.split()) <= 95, slide
        assert "$" not in slide


def test_there_is_a_quiz_for_every_lesson():
    assert {path.stem for path in QUIZZES.glob("*")} == {script.stem for script in SCRIPTS}


def test_every_answer_of_a_quiz_is_explained(script):
    questions = json.loads((QUIZZES / f"{script.stem}.json").read_text(encoding="utf-8"))
    assert len(questions) >= 5
    for question in questions:
        answers = question["answers"]
        n_correct = sum(answer.get("correct", False) for answer in answers)
        assert question["type"] in QUESTION_TYPES
        assert n_correct == 1 if question["type"] == "multiple_choice" else n_correct >= 1
        assert all(len(answer["feedback"].split()) >= 4 for answer in answers), question
        assert not re.search(r"[$`<]|[0-9] per ?cent", json.dumps(question))
        assert not any(VERDICT.match(answer["feedback"]) for answer in answers), question
        if question["type"] == "numeric":
            assert answers[-1]["type"] == "default"
            values = [answer["value"] for answer in answers if "value" in answer]
            digits = question.get("precision", 15)  # jupyterquiz rounds what the reader enters
            assert values == [float(f"{value:.{digits}g}") for value in values]
        else:
            assert len(answers) >= 3


@pytest.mark.parametrize(
    ("feedback", "doubled"),
    [
        ("Right: one option is longer.", True),
        ("Yes. The order stays.", True),
        ("Yes, this is what it says.", True),
        ("No, the order stays.", True),
        ("Not quite: the order stays.", True),
        ("No p-value proves it.", False),
        ("The right option stands first.", False),
    ],
)
def test_a_verdict_in_an_explanation_is_noticed(feedback, doubled):
    assert bool(VERDICT.match(feedback)) == doubled


def all_questions(kind: str) -> list[dict]:
    """Return the questions of one type from all lessons."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(QUIZZES.glob("*"))]
    return [question for quiz in found for question in quiz if question["type"] == kind]


def test_the_length_of_an_option_does_not_give_away_that_it_is_right():
    """Who always chooses the longest option, or the shortest, does about as well as by chance."""
    n_longest = n_clearly_longest = n_shortest = by_chance = clearly_by_chance = 0.0
    for question in (questions := all_questions("multiple_choice")):
        answers = question["answers"]
        lengths = [len(answer["answer"]) for answer in answers]
        right = next(len(answer["answer"]) for answer in answers if answer["correct"])
        shortest, *_, second, longest = sorted(lengths)
        n_longest += right == longest
        n_shortest += right == shortest
        by_chance += 1 / len(answers)
        n_clearly_longest += right > 1.15 * second
        clearly_by_chance += (longest > 1.15 * second) / len(answers)
    assert len(questions) > 60
    deviation = 2 * (by_chance * (1 - by_chance / len(questions))) ** 0.5
    assert abs(n_longest - by_chance) <= deviation
    assert abs(n_shortest - by_chance) <= deviation
    assert n_clearly_longest <= 1.25 * clearly_by_chance


@pytest.mark.parametrize("extreme", [max, min], ids=["longest", "shortest"])
def test_in_no_lesson_does_length_give_away_the_right_option(extreme, script):
    """Who reads a lesson sees only its own questions: see that one cannot learn to guess there."""
    questions = json.loads((QUIZZES / f"{script.stem}.json").read_text(encoding="utf-8"))
    options = [q["answers"] for q in questions if q["type"] == "multiple_choice"]
    limits = [extreme(len(answer["answer"]) for answer in answers) for answers in options]
    right = [next(len(a["answer"]) for a in answers if a["correct"]) for answers in options]
    n_right = sum(length == limit for length, limit in zip(right, limits, strict=True))
    assert len(options) < 4 or 1 <= n_right <= len(options) / 2


def test_a_question_for_a_number_says_in_which_unit_it_wants_it():
    """In a notebook, the field takes no percent sign."""
    for question in all_questions("numeric"):
        text = question["question"]
        (right,) = (answer["value"] for answer in question["answers"] if answer.get("correct"))
        feedback = {answer.get("value"): answer["feedback"] for answer in question["answers"]}
        if question.get("percent"):
            assert "in percent" in text
            assert "You entered a share" in feedback[right / 100]
        elif right < 1 and "Brier score" not in text:
            assert text.endswith("Enter a number between 0 and 1."), text


def test_a_lesson_ends_with_its_neighbours_and_its_solutions(script, notebook):
    links = re.findall(r"\]\((.*?)\)", notebook.cells[-1].source)
    place = SCRIPTS.index(script)
    neighbours = SCRIPTS[max(place - 1, 0) : place] + SCRIPTS[place + 1 : place + 2]
    expected = [notebook_of(path) for path in neighbours] + [solutions_of(script)]
    assert [ROOT / "notebooks" / link for link in links] == expected


def test_notebooks_are_executed_in_order_and_hold_results_only(notebook, solutions):
    for book in (notebook, solutions):
        code = [cell for cell in book.cells if cell.cell_type == "code"]
        executed = [cell for cell in code if "network" not in tags(cell)]
        outputs = [output for cell in code for output in cell.outputs]
        counts = [cell.execution_count for cell in executed]
        assert counts == list(range(1, len(executed) + 1))
        assert not [output for output in outputs if output.output_type == "error"]
        assert not [output for output in outputs if output.get("name") == "stderr"]
        assert book.metadata.kernelspec.name == "python3"
        assert all(set(cell.metadata) <= {"tags"} for cell in book.cells)


def test_cells_that_need_the_network_are_stored_without_outputs(notebook):
    for cell in notebook.cells:
        if "network" in tags(cell):
            assert not cell.outputs
            assert "nbval-skip" in tags(cell)


def test_the_readme_lists_every_lesson_with_question_time_and_needs():
    """The site makes its cards of this table."""
    readme = re.findall(
        r"^\| \[(.*)\]\(notebooks/(.*)\.ipynb\) \| .*\? \| .* \| .* \|$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
    assert [stem for _, stem in readme] == [script.stem for script in SCRIPTS]
    assert all(name.startswith(f"{number(stem)} ") for name, stem in readme)


def test_the_map_of_the_course_is_the_same_as_a_figure_a_list_and_a_table():
    figure = ast.parse((ROOT / "docs" / "course_map_figure.py").read_text(encoding="utf-8"))
    (lessons,) = (
        ast.literal_eval(node.value)
        for node in figure.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LESSONS"
    )
    expected = {
        (f"{key} {topic}".replace("\n", " "), before)
        for key, (_, _, topic, before) in lessons.items()
    }
    page = " ".join((ROOT / "docs" / "course.rst").read_text(encoding="utf-8").split())
    entries = re.findall(
        r"- :doc:`([^<]+) <auto_lessons/(\w+)>`, (?:after ([\d, and]+)|where)", page
    )
    assert {(name, numbers(after)) for name, _, after in entries} == expected
    assert [stem for _, stem, _ in entries] == [script.stem for script in SCRIPTS]
    rows = re.findall(r"\* - :doc:`([^<]+) <[^>]+>` - [^*]*? - ([\d, ]+|basic PyTorch) - ", page)
    assert {(name, numbers(after)) for name, after in rows} == expected


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


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
