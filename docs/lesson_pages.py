"""What the site adds to the lessons: cards, thumbnails, and a box on top of each page.

Name, question, time and needs of a lesson stand once, in the README's table. The slug of the
repository stands once, in pyproject.toml.
"""

import re
import tomllib
import zipfile
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
SLUG = REPOSITORY.removeprefix("https://github.com/")
ROW = re.compile(
    r"^\| \[(.*)\]\(notebooks/(.*)\.ipynb\) \| (.*\?) \| (.*) \| (.*) \|$", re.MULTILINE
)
THUMBNAIL_SIZE = (640, 420)

# the figure on a lesson's card, by how its title begins
TELLING_FIGURES = {
    "10_temperature_scaling": "One number closes the gap between confidence and accuracy",
    "20_reading_reliability_diagrams": "One perfect model: with few images",
    "30_pitfalls": "The fewer images, the more T is chance",
    "40_beyond_temperature": "Histogram and isotonic spoil more answers",
    "50_proper_scores": "On 1000 images the NLL has one valley",
    "60_dataset_shift": "Accuracy falls faster than confidence",
    "70_decisions": "After scaling the bill is lowest",
    "80_your_own_model": "T = 6.1 takes away the false certainty",
}
NO_FIGURE = "A cloud and a downward arrow: this lesson needs the network"


class Lesson(NamedTuple):
    name: str
    stem: str
    question: str
    time: str
    needs: str


class Figure(NamedTuple):
    path: str
    title: str


def lessons() -> list[Lesson]:
    return [Lesson(*row) for row in ROW.findall(README.read_text(encoding="utf-8"))]


def telling_figure(gallery: Path, stem: str) -> Figure | None:
    """The figure for the card of a lesson, None if the lesson was not run."""
    page = (gallery / f"{stem}.rst").read_text(encoding="utf-8")
    figures = [Figure(*f) for f in re.findall(r"image-sg:: /(\S+)\n +:alt: (.*)", page)]
    if not figures:
        return None
    beginning = TELLING_FIGURES.get(stem, "")
    for figure in figures:
        if figure.title.startswith(beginning):
            return figure
    raise ValueError(f"no figure of {stem} has a title that begins with {beginning!r}")


def make_thumbnails(app: Sphinx) -> None:
    """Put the telling figures in place of sphinx-gallery's thumbnails, which are the first ones."""
    gallery = app.srcdir / "auto_lessons"
    for lesson in lessons():
        if figure := telling_figure(gallery, lesson.stem):
            with Image.open(app.srcdir / figure.path.replace(".png", "_2_00x.png")) as image:
                image.thumbnail(THUMBNAIL_SIZE)
                image.save(gallery / "images" / "thumb" / f"sphx_glr_{lesson.stem}_thumb.png")


def make_zip(app: Sphinx) -> None:
    """All lessons in one file, scripts beside notebooks."""
    with zipfile.ZipFile(app.srcdir / "auto_lessons" / "calibkit_lessons.zip", "w") as archive:
        for lesson in lessons():
            for path in (
                app.srcdir / "lessons" / f"{lesson.stem}.py",
                ROOT / "notebooks" / f"{lesson.stem}.ipynb",
            ):
                archive.write(path, f"calibkit_lessons/{path.name}", zipfile.ZIP_DEFLATED)


def box(lesson: Lesson) -> str:
    """Time, needs, downloads, and doors to Colab and Binder."""
    notebook = f"notebooks/{lesson.stem}.ipynb"
    colab = f"https://colab.research.google.com/github/{SLUG}/blob/main/{notebook}"
    binder = f"https://mybinder.org/v2/gh/{SLUG}/main?urlpath=lab/tree/{notebook}"
    return f"""
.. container:: lesson-box

   **Estimated time on two cores:** {lesson.time}. **You need:** {lesson.needs}.

   .. rst-class:: lesson-links

   - :download:`Download the notebook </../{notebook}>`
   - :download:`Download the script <{lesson.stem}.py>`
   - :download:`Download all lessons <calibkit_lessons.zip>`
   - `Open in Colab <{colab}>`__
   - `Open in Binder <{binder}>`__

   Binder starts with calibkit installed, after some minutes. In Colab run
   ``%pip install "calibkit @ git+{REPOSITORY}"`` first, in a cell of its own.

"""


def add_box(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the box below the title, in place of sphinx-gallery's links at both ends of the page."""
    for lesson in lessons():
        if docname == f"auto_lessons/{lesson.stem}":
            _, title_class, page = content[0].partition(".. rst-class:: sphx-glr-example-title")
            page, _, _ = page.partition(".. _sphx_glr_download_")
            below_title = page.index("\n\n", page.index("\n==="))
            content[0] = title_class + page[:below_title] + box(lesson) + page[below_title:]


def figure_title(gallery: Path, stem: str) -> str:
    """What a card tells those who do not see its figure."""
    figure = telling_figure(gallery, stem)
    return figure.title if figure else NO_FIGURE


def describe_thumbnails(app: Sphinx, doctree: nodes.document) -> None:
    """sphinx-gallery leaves the alternative text of its thumbnails empty."""
    for image in doctree.findall(nodes.image):
        if thumbnail := re.search(r"/thumb/sphx_glr_(\w+)_thumb\.", image["uri"]):
            image["alt"] = figure_title(app.srcdir / "auto_lessons", thumbnail[1])


class LessonCards(SphinxDirective):
    """All lessons as cards."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(README)
        cards = "".join(indent(self.card(lesson), "   ") for lesson in lessons())
        return self.parse_text_to_nodes(f".. grid:: 1 2 2 2\n   :gutter: 3\n{cards}")

    def card(self, lesson: Lesson) -> str:
        gallery = self.env.srcdir / "auto_lessons"
        (thumbnail,) = gallery.glob(f"images/thumb/sphx_glr_{lesson.stem}_thumb.*")
        return f"""
.. grid-item-card:: {lesson.name}
   :link: /auto_lessons/{lesson.stem}
   :link-type: doc
   :link-alt: Lesson {lesson.name}
   :img-top: /auto_lessons/images/thumb/{thumbnail.name}
   :img-alt: {figure_title(gallery, lesson.stem)}

   {lesson.question}

   | Time: {lesson.time}
   | Needs: {lesson.needs}
"""


class LessonFigure(SphinxDirective):
    """The telling figure of one lesson, in its full size."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        figure = telling_figure(self.env.srcdir / "auto_lessons", self.arguments[0])
        if figure is None:
            raise self.error(f"{self.arguments[0]} was not run, so it has no figure")
        return self.parse_text_to_nodes(
            f".. image-sg:: /{figure.path}\n   :alt: {figure.title}\n"
            f"   :srcset: /{figure.path}, /{figure.path.replace('.png', '_2_00x.png')} 2.00x\n"
            "   :class: sphx-glr-single-img\n"
        )


def setup(app: Sphinx) -> dict[str, bool]:
    # after sphinx-gallery has run the lessons
    app.connect("builder-inited", make_thumbnails, priority=600)
    app.connect("builder-inited", make_zip, priority=600)
    app.connect("source-read", add_box)
    app.connect("doctree-read", describe_thumbnails)
    app.add_directive("lesson-cards", LessonCards)
    app.add_directive("lesson-figure", LessonFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
