import re
import shutil
from copy import deepcopy
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from tests.classroom.conftest import ASSIGNMENTS

pytest_plugins = ("tests.browser",)

NAME = "ps1_temperature_scaling"
MESSAGE = "the slope is -0.5, got 1.5 " + "and_a_long_word_that_no_page_may_clip" * 6
ESSAY = (
    "<script>document.title = 'mine'</script> <b>bold</b> $a < b$ $\\text{<b>x</b>}$ $\\frac{$\n\n"
    "$$L(\\beta) = " + " + ".join(["\\sum_{i=1}^n z_i"] * 30) + "$$\n\n"
    "![](https://example.org/tracks.png) [link](javascript:alert(1)) "
    "![](attachment:lost.png)"
)


def source_notebook():
    from make_assignments import with_nbgrader_metadata

    text = (ASSIGNMENTS / f"{NAME}.py").read_text(encoding="utf-8")
    return with_nbgrader_metadata(jupytext.reads(text, fmt="py:percent"))


def write(folder: Path, notebook) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")


def graded_notebook(notebook):
    """The notebook of a student who failed Question 3 and wrote something odd into an essay."""
    notebook = deepcopy(notebook)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name == "tests_nll_slope":
            trace = ["\x1b[31mAssertionError\x1b[0m: " + MESSAGE]
            cell.outputs = [
                new_output("error", ename="AssertionError", evalue=MESSAGE, traceback=trace)
            ]
        if name == "essay_derivation":
            cell.source = ESSAY
    # a heading that the student deleted is still named
    notebook.cells = [cell for cell in notebook.cells if "## Question 4" not in cell.source]
    html = {"text/html": "<script>document.title = 'mine'</script>", "text/plain": "as text"}
    endless = new_output("stream", text="again and again\n" * 100_000)
    outputs = [new_output("execute_result", data=html), endless]
    notebook.cells.append(new_code_cell("1 + 1", outputs=outputs))
    return notebook


@pytest.fixture(scope="module")
def classroom(tmp_path_factory) -> Path:
    from nbgrader.api import Gradebook

    folder, source = tmp_path_factory.mktemp("course"), source_notebook()
    write(folder / "source" / NAME, source)
    write(folder / "autograded" / "anna" / NAME, graded_notebook(source))
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        gradebook.add_assignment(NAME)
        gradebook.add_notebook(NAME, NAME)
        for cell in source.cells:
            own = cell.metadata.get("nbgrader", {})
            if own.get("grade"):
                gradebook.add_grade_cell(
                    own.grade_id, NAME, NAME, max_score=own.points, cell_type=cell.cell_type
                )
            if own.get("solution"):
                gradebook.add_solution_cell(own.grade_id, NAME, NAME)
        gradebook.add_student("anna")
        submission = gradebook.add_submission(NAME, "anna").notebooks[0]
        for grade in submission.grades:
            is_essay = grade.name.startswith("essay")
            is_right = not is_essay and grade.name != "tests_nll_slope"
            grade.auto_score = None if is_essay else grade.max_score * is_right
            grade.needs_manual_grade = is_essay
        gradebook.find_grade("essay_reading", NAME, NAME, "anna").manual_score = 2.5
        gradebook.find_comment("essay_reading", NAME, NAME, "anna").manual_comment = "Good <i>!"
        gradebook.db.commit()
    return folder


def make(classroom) -> Path:
    import feedback

    assert feedback.main([NAME, "--course", str(classroom)]) == 0
    return classroom / "feedback" / "anna" / NAME / f"{NAME}.html"


def test_without_a_shared_folder_it_says_what_to_do_in_its_place(classroom, capsys):
    make(classroom)
    assert capsys.readouterr().out.splitlines()[-1] == "Send each page to its student."


@pytest.fixture(scope="module")
def page(classroom) -> Path:
    return make(classroom)


def rows(page: Path) -> list[tuple[str, str, str]]:
    """The rows of the first table: where its link leads, the question, and the points."""
    table = page.read_text(encoding="utf-8").partition("<tbody>")[2].partition("</tbody>")[0]
    pattern = r'<a href="#(\w+)">(.*?)</a>.*?<td class="points \w+">(.*?)</td>'
    return re.findall(pattern, table, re.DOTALL)


def test_each_question_is_named_with_its_points_and_a_link(page):
    found = {question: told for _, question, told in rows(page)}
    assert list(found)[:4] == [
        "Question 1: Write the NLL",
        "Question 2: Derive the slope and the curvature",
        "Question 3: Write the slope",
        "Question 4: Write the curvature",
    ]
    assert found["Question 1: Write the NLL"] == "2 of 2 points"
    assert found["Question 2: Derive the slope and the curvature"] == "not graded yet, 5 points"
    assert found["Question 3: Write the slope"] == "0 of 2 points"
    assert found["Question 9: Read the result"] == "2.5 of 3 points"
    text = page.read_text(encoding="utf-8")
    for target, _, _ in rows(page):
        assert text.count(f'id="{target}"') == 1
    assert "17.5 of 20 points" in text
    assert "has not graded the other 5 points" in text
    assert "Good &lt;i&gt;!" in text


def test_being_late_is_told_with_its_reason_and_what_remains(classroom, page, tmp_path):
    """The copy has the same points, and a notebook that came two days late."""
    text = page.read_text(encoding="utf-8")
    assert "late" not in text.partition("<table>")[0]
    copy = shutil.copytree(classroom, tmp_path / "course")
    shutil.rmtree(copy / "autograded" / "ben", ignore_errors=True)  # of another test
    (copy / "submitted" / "anna" / NAME).mkdir(parents=True)
    (copy / "submitted/anna" / NAME / "timestamp.txt").write_text("2026-03-08 12:00:00 UTC")
    (copy / "due.csv").write_text(
        f"assignment,due,percent_per_day,latest\n{NAME},2026-03-06T23:59+01:00,10,\n"
    )
    told = " ".join(re.sub("<.*?>", "", make(copy).read_text(encoding="utf-8")).split())
    assert (
        "17.5 of 20 points. Your teacher has not graded the other 5 points yet. Handing in late "
        "costs 20% of the points of the assignment (handed in 2026-03-08 12:00 UTC, due "
        "2026-03-06T23:59+01:00). You lose 5 points, and 12.5 points remain so far."
    ) in told


def test_an_old_page_is_replaced(classroom, page):
    before = page.read_text(encoding="utf-8")
    page.write_text("old", encoding="utf-8")
    assert make(classroom).read_text(encoding="utf-8") == before


def test_a_page_needs_little_room(page):
    assert page.stat().st_size < 300_000


def test_without_grades_there_is_one_sentence(tmp_path):
    import feedback

    with pytest.raises(SystemExit, match="Grade the assignment first"):
        feedback.main([NAME, "--course", str(tmp_path)])


def test_a_page_that_cannot_be_made_is_no_reason_to_grade_again(
    classroom, page, capsys, monkeypatch
):
    import feedback

    def fail(*_: object) -> str:
        raise RuntimeError("odd")

    monkeypatch.setattr(feedback, "page", fail)
    assert feedback.main([NAME, "--course", str(classroom)]) == 1
    said = capsys.readouterr().out
    assert "no page could be made (RuntimeError: odd). Look at autograded/" in said
    assert "Grade it again" not in said
    assert "wrote 0 pages" in said


def test_a_notebook_without_points_is_named_and_the_others_get_pages(classroom, page, capsys):
    import feedback

    write(classroom / "autograded" / "ben" / NAME, source_notebook())
    assert feedback.main([NAME, "--course", str(classroom)]) == 1
    assert "ben: gradebook.db has no points" in capsys.readouterr().out
    assert not (classroom / "feedback" / "ben").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1200])
def test_a_page_fits_the_screen_and_asks_nothing_of_the_network(page, browser, scheme, width):
    asked = []
    browser.page.on("request", lambda request: asked.append(request.url))
    browser.set_media(color_scheme=scheme)
    browser.resize(width, 800)
    browser.open(page.as_uri())
    assert browser.run("return document.documentElement.scrollWidth") == width
    wide = """return [...document.querySelectorAll("body *")]
        .filter(e => !e.closest(".formula") && e.getBoundingClientRect().right > arguments[0])
        .map(e => e.outerHTML)"""
    assert browser.run(wide, width) == []
    assert browser.run("return document.body.innerText").count(MESSAGE) == 2
    # no script of the student ran, and the picture on another machine was not fetched
    assert browser.run("return document.title").endswith("feedback for anna")
    assert browser.run("return document.querySelectorAll('math').length") > 50
    assert asked == [page.as_uri()]
    dark = "return getComputedStyle(document.body).backgroundColor"
    assert (browser.run(dark) == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_page_is_accessible(page, browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for scheme in ("light", "dark"):
        browser.set_media(color_scheme=scheme)
        browser.open(page.as_uri())
        found = axe.run(browser.page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    ("ename", "said"),
    [
        ("CellTimeoutError", "took too long, and was stopped"),
        ("SyntaxError", "is not valid Python"),
        ("DeadKernelError", "ended the program"),
    ],
)
def test_the_reason_is_in_the_answer_and_not_in_its_tests(classroom, tmp_path, ename, said):
    copy = shutil.copytree(classroom, tmp_path / "course")
    shutil.rmtree(copy / "autograded" / "ben", ignore_errors=True)  # of another test
    path = copy / "autograded" / "anna" / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "nll_slope":
            cell.outputs = [new_output("error", ename=ename, evalue="", traceback=[])]
    write(path.parent, notebook)
    text = make(copy).read_text(encoding="utf-8")
    table = text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert said in table
    assert MESSAGE not in table


def test_a_text_that_would_take_the_renderer_long_is_shown_as_it_is(monkeypatch):
    import feedback
    from nbformat.v4 import new_markdown_cell

    monkeypatch.setattr(feedback, "LONGEST", 100)
    assert "<strong>" in feedback.html_of(new_markdown_cell("**short**"))
    for html in (
        feedback.html_of(new_markdown_cell("**long** " * 20)),
        feedback.html_of(new_markdown_cell("**one of many**"), is_rendered=False),
    ):
        assert "<strong>" not in html
        assert "too long" in html
