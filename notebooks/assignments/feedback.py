"""Write a feedback page for each student: ``python feedback.py ps1_temperature_scaling``.

Run it after grading. Each page is one file, ``feedback/STUDENT/ASSIGNMENT/ASSIGNMENT.html``, which
needs no network and replaces an older one. It holds no script, and shows of the student's outputs
only text and pictures, because whoever opens it should not run what a student wrote.
"""

import argparse
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from course import ENDINGS, OF_SHARED_FOLDER, questions
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from latex2mathml.converter import convert
from markupsafe import Markup, escape
from nbconvert.filters import Highlight2HTML, ansi2html, strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbgrader.api import Grade, Gradebook, MissingEntry
from points import Points, points_of_class
from pygments.formatters import HtmlFormatter
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
PICTURES = ("image/png", "image/jpeg")
LONGEST = 20_000  # characters of one output or cell, because a loop can print millions
MOST_MARKDOWN = 200_000  # characters; odd texts can take the renderer a time that grows as a square
MESSAGE_OF_NONE = "The tests gave no message. The notebook may have stopped before them."


@dataclass(frozen=True)
class Result:
    """What one graded cell gave."""

    cell: str
    question: str
    points: float
    possible: float
    is_waiting: bool
    message: str = ""

    @property
    def state(self) -> str:
        """The class of the page's style for these points."""
        if self.is_waiting:
            return "waiting"
        return "full" if self.points >= self.possible else "lost"

    @property
    def told(self) -> str:
        """The points in words."""
        if self.is_waiting:
            return f"not graded yet, {self.possible:g} points"
        return f"{self.points:g} of {self.possible:g} points"


class Renderer(IPythonRenderer):
    """Markdown with formulas in MathML, which browsers show without a script."""

    def inline_math(self, body: str) -> str:
        """Turn a formula between single dollar signs into MathML."""
        return mathml(body, "inline")

    def block_math(self, body: str) -> str:
        """Turn a formula between double dollar signs into MathML."""
        return f'<div class="formula" tabindex="0">{mathml(body, "block")}</div>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Show a picture that the notebook holds, and only name one that lies elsewhere."""
        if url.startswith("data:") or self.attachments.get(url.removeprefix("attachment:")):
            return super().image(text, url, title)
        return f"[picture: {escape(text or url)}]"

    def block_mermaidjs(self, code: str) -> str:
        """Show a diagram as its text, because only a script could draw it."""
        return f"<pre>{escape(code)}</pre>"

    def latex_environment(self, name: str, body: str) -> str:
        """Turn an environment such as align into MathML."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def mathml(formula: str, display: str) -> str:
    r"""Convert a formula, whose "<" would otherwise begin a tag inside of \text."""
    try:
        return convert(formula.replace("<", r"\lt "), display=display)
    except Exception:  # a student can write any formula, and the page shows it as it is
        return f"<code>{escape(formula)}</code>"


def main(arguments: list[str] | None = None) -> int:
    """Write all pages; return 1 if the gradebook lacks the points of a graded notebook."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("assignment")
    parser.add_argument("--course", type=Path, default=HERE, help="course folder")
    options = parser.parse_args(arguments)
    course, assignment = options.course, options.assignment
    name = f"{assignment}.ipynb"
    notebooks = sorted((course / "autograded").glob(f"*/{assignment}/{name}"))
    if not notebooks:
        raise SystemExit(
            f"There is no graded notebook autograded/STUDENT/{assignment}/{name} in {course}. "
            "Grade the assignment first."
        )
    source = course / "source" / assignment / name
    if not source.is_file():
        raise SystemExit(f"There is no {source}. Run python make_assignments.py first.")
    headings = questions(nbformat.read(source, as_version=4))
    everyone = points_of_class(course, assignment)
    without_points: list[str] = []
    without_page: list[str] = []
    not_in_shared_folder: list[str] = []
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for path in tqdm(notebooks, desc="feedback", unit="page"):
            student = path.parents[1].name
            target = course / "feedback" / student / assignment / f"{assignment}.html"
            try:
                text = page(path, everyone[student], assignment, headings, gradebook)
            except (KeyError, MissingEntry):
                without_points.append(student)
                continue
            except Exception as error:  # one odd notebook costs no other student the page
                print(
                    f"{student}: no page could be made ({type(error).__name__}: {error}). Look at "
                    f"autograded/{student}/{assignment}/."
                )
                without_page.append(student)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            if not copy_marks(course / "submitted" / student / assignment, target.parent):
                not_in_shared_folder.append(student)
    for student in without_points:
        print(f"{student}: gradebook.db has no points of the newest notebook. Grade it again.")
    n_pages = len(notebooks) - len(without_points) - len(without_page)
    print(f"wrote {n_pages} pages, feedback/*/{assignment}/*.html")
    if len(not_in_shared_folder) == n_pages:
        print("Send each page to its student.")
    else:
        print(how_to_hand_out(assignment, not_in_shared_folder))
    return int(bool(without_points or without_page))


def copy_marks(submitted: Path, target: Path) -> bool:
    """Copy the files by which nbgrader knows whose page it is, and say whether there are any."""
    marks = [submitted / name for name in OF_SHARED_FOLDER]
    if not all(mark.is_file() and not mark.is_symlink() for mark in marks):
        return False
    for mark in marks:
        shutil.copyfile(mark, target / mark.name)
    return True


def how_to_hand_out(assignment: str, to_be_sent: list[str]) -> str:
    """Return the command for the shared folder, and whose pages it cannot hand out."""
    command = f"nbgrader release_feedback {assignment}"
    if not to_be_sent:
        return f"To hand them out in the shared folder, run: {command}"
    students = ",".join(to_be_sent)
    return (
        f"Send their pages to {', '.join(to_be_sent)}, who did not hand in through the shared "
        "folder. To hand out the others, run: "
        f"{command} --CourseDirectory.student_id_exclude={shlex.quote(students)}"
    )


def page(
    path: Path, points: Points, assignment: str, headings: dict[str, str], gradebook: Gradebook
) -> str:
    """Return the page of one student."""
    notebook = nbformat.read(path, as_version=4)
    submission = gradebook.find_submission_notebook(assignment, assignment, points.student)
    grades = {grade.name: grade for grade in submission.grades}
    comments = {comment.name: comment.comment for comment in submission.comments}
    results, cells, ending = [], [], ""
    room = MOST_MARKDOWN
    for cell in notebook.cells:
        room -= len(cell.source) if cell.cell_type == "markdown" else 0
        marked = cell.metadata.get("nbgrader", {}).get("grade_id")
        result = None
        if marked in grades:
            result = result_of(cell, grades[marked], headings.get(marked, marked), ending)
            results.append(result)
        if marked is not None:
            ending = "" if marked in grades else ending_of(cell)
        cells.append(
            {
                "html": html_of(cell, is_rendered=room >= 0),
                "kind": kind_of(cell),
                "outputs": [output_of(output) for output in cell.get("outputs", ())],
                "result": result,
                "comment": comments.get(marked),
            }
        )
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("feedback.html.j2").render(
        title=title_of(notebook, assignment),
        points=points,
        results=results,
        cells=cells,
        light=colours("default"),
        dark=colours("github-dark"),
    )


def colours(style: str) -> Markup:
    """Return the colours of the code; the page sets the background."""
    return Markup(HtmlFormatter(style=style, nobackground=True).get_style_defs(".highlight"))


def title_of(notebook: NotebookNode, assignment: str) -> str:
    """Return the first heading of the notebook."""
    sources = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = (heading for source in sources for heading in re.findall(r"(?m)^# (.+)", source))
    return next(headings, assignment)


def ending_of(answer: NotebookNode) -> str:
    """Say why an answer did not come to its end. The message of its tests would hide that."""
    names = [output.get("ename") for output in answer.get("outputs", ())]
    return next((f"Your answer {ENDINGS[name]}" for name in names if name in ENDINGS), "")


def result_of(cell: NotebookNode, grade: Grade, question: str, ending: str) -> Result:
    """Say what a graded cell gave, with the message of the test or of the answer before it."""
    is_waiting = bool(grade.needs_manual_grade) and grade.manual_score is None
    points = (grade.score or 0) + (grade.extra_credit or 0)
    errors = [output for output in cell.get("outputs", ()) if output.output_type == "error"]
    message = ""
    if not is_waiting and grade.manual_score is None and points < grade.max_score:
        is_test = not cell.metadata.nbgrader.solution
        of_test = message_of(errors[0]) if errors else MESSAGE_OF_NONE if is_test else ""
        message = ending or of_test
    return Result(grade.name, question, points, grade.max_score, is_waiting, message)


def message_of(error: NotebookNode) -> str:
    """Return the sentence of a failed test, and of another error its kind too."""
    text = shortened(strip_ansi(error.evalue))
    return text if error.ename == "AssertionError" and text else f"{error.ename}: {text}"


def kind_of(cell: NotebookNode) -> str:
    """Return what the page calls the cell: an answer, tests, or nothing."""
    own = cell.metadata.get("nbgrader", {})
    if own.get("solution"):
        return "Your answer"
    return "Tests" if own.get("grade") else ""


def html_of(cell: NotebookNode, is_rendered: bool = True) -> Markup:
    """Return the source of a cell, with formulas and colours; of a very long one, its text."""
    if not is_rendered or len(cell.source) > LONGEST:
        note = "This text is too long to be shown with its formulas and colours:"
        return Markup(f"<p>{note}</p><pre>{escape(shortened(cell.source))}</pre>")
    if cell.cell_type == "markdown":
        renderer = Renderer(
            escape=True,
            allow_harmful_protocols=False,
            exclude_anchor_links=True,
            attachments=cell.get("attachments"),
        )
        return Markup(MarkdownWithMath(renderer=renderer).render(cell.source))
    if cell.cell_type == "code":
        return Markup(Highlight2HTML()(cell.source))
    return Markup(f"<pre>{escape(cell.source)}</pre>")


def shortened(text: str) -> str:
    """Cut a text that would make the page too long, and say so."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n[{len(text) - LONGEST} more characters are not shown]"


def coloured(text: str) -> Markup:
    """Turn the text of an output into HTML."""
    return Markup(ansi2html(shortened(text)))


def output_of(output: NotebookNode) -> dict[str, str]:
    """Return one output: a picture, a text, or an error with its message."""
    if output.output_type == "error":
        trace = coloured("\n".join(output.traceback))
        return {"kind": "error", "message": message_of(output), "trace": trace}
    if output.output_type == "stream":
        return {"kind": "text", "text": coloured(output.text)}
    for kind in PICTURES:
        if kind in output.data:
            return {"kind": "picture", "address": f"data:{kind};base64,{output.data[kind]}"}
    return {"kind": "text", "text": coloured(output.data.get("text/plain", ""))}


if __name__ == "__main__":
    sys.exit(main())
