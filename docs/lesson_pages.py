"""What the site adds to the lessons: a list, a box on top of each page, its quiz, and links.

The name, the question, the time and the needs of a lesson are written once, in the README's table.
The address of the repository is written once, in pyproject.toml. A lesson's script chooses the
figure for its card in the gallery, with sphinx-gallery's thumbnail number.
"""

import json
import re
import tomllib
import zipfile
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

from docutils import nodes
from gallery_scripts import GALLERY, write_gallery_scripts
from lesson_source import QUIZ_TOP
from light_notebooks import light_notebook
from quiz_form import QUIZZES, quiz_form
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
NOTEBOOKS = "generated/notebooks"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
SLUG = REPOSITORY.removeprefix("https://github.com/")
ROW = re.compile(
    r"^\| \[(.*)\]\(notebooks/(.*)\.ipynb\) \| (.*\?) \| (.*) \| (.*) \|$", re.MULTILINE
)
READING = "about half an hour"
OPENING_HEADING = re.compile(r"\nWhat you (?:will do|will learn|need)\n-+\n")
THUMBNAIL_NUMBER = re.compile(r"^# sphinx_gallery_thumbnail_number = (\d+)$", re.MULTILINE)


# the pages that let a reader explore the main idea of a lesson
EXPLORABLES = {
    "10_temperature_scaling": ["playground"],
    "20_reading_reliability_diagrams": ["explore/bins_and_noise"],
    "30_pitfalls": ["explore/bins_and_noise"],
    "55_two_classes": ["explore/shifting_prior"],
    "60_dataset_shift": ["explore/shifting_prior"],
    "70_decisions": ["explore/cost_threshold", "explore/conformal_sets"],
    "100_language_model": ["explore/option_positions"],
}


class Lesson(NamedTuple):
    """A row of the README's table. Its time is that of the code."""

    name: str
    stem: str
    question: str
    time: str
    needs: str

    @property
    def number(self) -> str:
        """Return the number of the lesson, which its name begins with."""
        return self.name.partition(" ")[0]


def lessons() -> list[Lesson]:
    """Read the README's table."""
    return [Lesson(*row) for row in ROW.findall(README.read_text(encoding="utf-8"))]


def title_of_card(source: Path, stem: str) -> str:
    """Return the sentence above the figure that the gallery shows on the card of a lesson."""
    page = (source / "auto_lessons" / f"{stem}.rst").read_text(encoding="utf-8")
    titles = re.findall(r"image-sg:: /\S+\n +:alt: (.*)", page)
    script = (GALLERY / "lessons" / f"{stem}.py").read_text(encoding="utf-8")
    chosen = THUMBNAIL_NUMBER.search(script)
    return titles[int(chosen[1]) - 1 if chosen else 0]


def make_downloads(app: Sphinx) -> None:
    """Write the notebook of each lesson, and all into one file with solutions and scripts."""
    folder = app.srcdir / NOTEBOOKS
    folder.mkdir(parents=True, exist_ok=True)
    zipped = app.srcdir / "auto_lessons" / "calibkit_lessons.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for lesson in lessons():
            notebook = f"{lesson.stem}.ipynb"
            script = f"{lesson.stem}.py"
            light = light_notebook(ROOT / "notebooks" / notebook)
            solutions = light_notebook(ROOT / "notebooks" / "solutions" / notebook)
            (folder / notebook).write_text(light, encoding="utf-8")
            archive.write(GALLERY / "lessons" / script, f"calibkit_lessons/{script}")
            archive.writestr(f"calibkit_lessons/{notebook}", light)
            archive.writestr(f"calibkit_lessons/solutions/{notebook}", solutions)


def keep_solutions_out_of_the_api(app: Sphinx) -> None:
    """Let "Lessons that use it" on a page of the API show lessons only."""
    path = app.srcdir / "generated" / "backreferences" / "backreferences_all.json"
    pages = json.loads(path.read_text(encoding="utf-8"))
    lessons_only = {
        name: [page for page in using if not page[0].endswith("_solutions.py")]
        for name, using in pages.items()
    }
    used = {name: using for name, using in lessons_only.items() if using}
    path.write_text(json.dumps(used), encoding="utf-8")


def box(lesson: Lesson, doing: str, learning: str, needs: str) -> str:
    """Write the box: what the lesson does, teaches and needs, its downloads, Colab and Binder."""
    notebook = f"notebooks/{lesson.stem}.ipynb"
    colab = f"https://colab.research.google.com/github/{SLUG}/blob/main/{notebook}"
    binder = f"https://mybinder.org/v2/gh/{SLUG}/main?urlpath=lab/tree/{notebook}"
    explorables = "".join(
        f"   - Explore: :doc:`/{page}`\n" for page in EXPLORABLES.get(lesson.stem, [])
    )
    return f"""
.. container:: lesson-box

   :What you will do:
{indent(doing, " " * 6)}
   :What you will learn:
{indent(learning, " " * 6)}
   :What you need:
{indent(needs_of(lesson, needs), " " * 6)}

   .. rst-class:: lesson-links

   - :download:`Download the notebook </{NOTEBOOKS}/{lesson.stem}.ipynb>`
   - :download:`Download the script <{lesson.stem}.py>`
   - :download:`Download all lessons <calibkit_lessons.zip>`
   - `Open in Colab <{colab}>`__
   - `Open in Binder <{binder}>`__
   - :doc:`Solutions </auto_solutions/{lesson.stem}_solutions>`
{explorables}
   Binder starts with calibkit installed, after some minutes. In Colab run
   ``%pip install "calibkit @ git+{REPOSITORY}"`` first, in a cell of its own.

"""


def needs_of(lesson: Lesson, needs: str) -> str:
    """Return needs and time as the README has them, and what a lesson says beyond both.

    The first sentence of its section "What you need" says the same as the README.
    """
    _, _, more = needs.replace("\n", " ").partition(". ")
    first = f"{lesson.needs[0].upper()}{lesson.needs[1:]}"
    times = f"Reading it takes {READING}. On two cores, its code runs in {lesson.time}."
    return f"{first}. {times} {more}"


def with_box(page: str, lesson: Lesson) -> str:
    """Return a page whose three opening sections have become a box below its title.

    In a notebook the sections are a cell to read. On a page their headings would fill the screen.
    """
    below_title = page.index("\n\n", page.index("\n==="))
    opening, mark, rest = page[below_title:].partition("\n.. GENERATED FROM")
    introduction, *sections = OPENING_HEADING.split(opening)
    return page[:below_title] + box(lesson, *sections) + introduction + mark + rest


def quiz(stem: str) -> str:
    """Write the questions of a lesson."""
    return f"""
{QUIZ_TOP}

.. raw:: html

{indent(quiz_form(stem), "   ")}

"""


def how_to_do_exercises(stem: str) -> str:
    """Write how exercises differ from the quiz, where to do them, and where the solutions are."""
    return f"""
The questions above ask what you remember. In these exercises you try it yourself, in :download:`the
notebook of this lesson </{NOTEBOOKS}/{stem}.ipynb>`. Write your answers into its cells. A check
below each of them tells you what it found. The solutions are on :doc:`a page of their own
</auto_solutions/{stem}_solutions>`.

"""


def list_of_solutions() -> str:
    """Write the page that leads to all solutions; most have no figure that a card could show."""
    pages = "\n".join(f"   {lesson.stem}_solutions" for lesson in lessons())
    return f"""
Solutions
=========

Each page has the exercises of a lesson, an answer to each of them, and what it shows. Try them
yourself first: every check tells you more than whether you were right.

.. toctree::
   :maxdepth: 1

{pages}
"""


def with_numbers(page: str) -> str:
    """Return the list of lessons with the number of each on its card."""
    for lesson in lessons():
        page = page.replace(
            f'title">{lesson.question}<', f'title">{lesson.number} {lesson.question}<'
        )
    return page


def without_ends(page: str) -> str:
    """Return a page without what sphinx-gallery puts at both ends.

    These are links, and the time that the code took, which on a busy machine contradicts the box.
    """
    _, title_class, page = page.partition(".. rst-class:: sphx-glr-example-title")
    page = page.partition(".. _sphx_glr_download_")[0]
    return title_class + page.partition(".. rst-class:: sphx-glr-timing")[0]


def add_to_lesson(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the box below the title, and the quiz and a guide to the exercises where they belong."""
    if docname == "auto_solutions/index":
        content[0] = list_of_solutions()
    elif docname == "auto_lessons/index":
        content[0] = with_numbers(content[0])
    elif docname.startswith("auto_solutions/"):
        content[0] = without_ends(content[0])
    for lesson in lessons():
        if docname == f"auto_lessons/{lesson.stem}":
            app.env.note_dependency(str(QUIZZES / f"{lesson.stem}.json"))
            page = with_box(without_ends(content[0]), lesson)
            start, heading, rest = page.partition("\nExercises\n---------\n")
            guide = how_to_do_exercises(lesson.stem)
            content[0] = start + quiz(lesson.stem) + heading + guide + rest


def number_title(app: Sphinx, doctree: nodes.document) -> None:
    """Let the sidebar, lists and links show the number of a lesson before its question.

    The page's own heading and the title in results of a search stay as they are.
    """
    folder, _, stem = app.env.docname.partition("/")
    number = {lesson.stem: lesson.number for lesson in lessons()}.get(stem)
    if folder == "auto_lessons" and number:
        entry = next(app.env.tocs[app.env.docname].findall(nodes.reference))
        for title in (app.env.titles[app.env.docname], entry):
            title.insert(0, nodes.Text(f"{number} "))


def load_quiz_script(
    app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object
) -> None:
    """Load the script that explains answers, on the pages of lessons only."""
    if page.startswith("auto_lessons/"):
        app.add_js_file("quiz.js", loading_method="defer")


def describe_thumbnails(app: Sphinx, doctree: nodes.document) -> None:
    """Give thumbnails the alternative text that sphinx-gallery leaves empty."""
    for image in doctree.findall(nodes.image):
        if thumbnail := re.search(r"/thumb/sphx_glr_(\w+)_thumb\.", image["uri"]):
            image["alt"] = title_of_card(app.srcdir, thumbnail[1])


class LessonList(SphinxDirective):
    """Lists all lessons with their questions."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        self.env.note_dependency(README)
        items = "".join(
            f"- :doc:`{lesson.name} </auto_lessons/{lesson.stem}>`\n\n  {lesson.question}\n"
            for lesson in lessons()
        )
        return self.parse_text_to_nodes(f".. rst-class:: lesson-list\n\n{items}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of this with Sphinx."""
    # sphinx-gallery reads the scripts, and makes the folder of the zip file, with priority 500
    app.connect("builder-inited", lambda app: write_gallery_scripts(), priority=400)
    app.connect("builder-inited", make_downloads, priority=600)
    app.connect("builder-inited", keep_solutions_out_of_the_api, priority=600)
    app.connect("source-read", add_to_lesson)
    app.connect("html-page-context", load_quiz_script)
    app.connect("doctree-read", describe_thumbnails)
    app.connect("doctree-read", number_title, priority=600)  # after Sphinx has found the title
    app.add_directive("lesson-list", LessonList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
