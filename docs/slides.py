"""Makes the slides of each lesson: one file of HTML that needs neither network nor other files.

A cell of the lesson's script that is tagged ``slide`` holds a slide: its heading, its sentences,
and behind "Say:" what the teacher says about it. It shows the last figure of the code cell above
it, if that is the cell directly above. The figures come from the executed notebook.
"""

import base64
import importlib.util
from html import escape
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
from docutils import nodes
from lesson_source import (
    NOT_IN_THE_LESSON,
    NOTEBOOKS,
    code_cells,
    figures,
    number,
    scripts,
    tags,
    title,
)
from light_pictures import webp
from markdown_it import MarkdownIt
from nbformat import NotebookNode
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

STYLE = Path(__file__).parent / "slides.css"
ICON = Path(__file__).parent / "_static" / "icon.svg"
SPEAKER_NOTES = "\nSay:"


class Slide(NamedTuple):
    """What a slide shows, what the teacher says, and a figure as WebP."""

    text: str
    notes: str
    figure: bytes | None


def figure_of(cell: NotebookNode) -> bytes | None:
    """Return the last figure of an executed cell."""
    shown = figures(cell)
    if not shown:
        return None
    figure = BytesIO()
    webp(BytesIO(base64.b64decode(shown[-1])), figure)
    return figure.getvalue()


def slides(script: Path) -> list[Slide]:
    """Return the slides of a lesson."""
    notebook = nbformat.read(NOTEBOOKS / script.name.replace(".py", ".ipynb"), as_version=4)
    executed = iter(code_cells(notebook))
    found = []
    figure = None
    for cell in jupytext.read(script).cells:
        if "slide" in tags(cell):
            text, _, notes = cell.source.partition(SPEAKER_NOTES)
            found.append(Slide(text, notes, figure))
            figure = None
        elif cell.cell_type == "code" and not tags(cell) & NOT_IN_THE_LESSON:
            figure = figure_of(next(executed))
        else:
            figure = None
    return found


def layout(figure: bytes, n_points: int) -> str:
    """Tell where a figure has more room: below the points of its slide or beside them."""
    width, height = Image.open(BytesIO(figure)).size
    ratio = width / height
    # the room that slides.css leaves, in pixels
    width_below = min(1168, ratio * (560 - 52 * n_points))
    width_beside = min(756, ratio * 560)
    return "below" if width_below > width_beside else "beside"


def section(slide: Slide) -> str:
    """Return a slide as HTML."""
    markdown = MarkdownIt()
    heading, _, below_heading = slide.text.split("\n", 2)
    picture, place = "", "words"
    if slide.figure:
        source = f"data:image/webp;base64,{base64.b64encode(slide.figure).decode()}"
        picture = f'<img src="{source}" alt="Figure: {escape(heading)}">'
        place = layout(slide.figure, below_heading.count("\n- "))
    return (
        f'<section class="{place}"><h2>{markdown.renderInline(heading)}</h2>'
        f"<div>{markdown.render(below_heading)}</div>{picture}"
        f'<aside class="notes">{markdown.render(slide.notes)}</aside></section>'
    )


def reveal_file(name: str) -> str:
    """Return a file of reveal.js, which sphinx-revealjs brings along."""
    package = importlib.util.find_spec("sphinx_revealjs")
    folder = Path(package.origin).parent / "_static" / "revealjs"
    return (folder / name).read_text(encoding="utf-8")


def deck(script: Path) -> str:
    """Return the slides of a lesson as one page."""
    heading = escape(title(jupytext.read(script)))
    sections = "\n".join(map(section, slides(script)))
    icon = base64.b64encode(ICON.read_bytes()).decode()
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading} (slides)</title>
<link rel="icon" href="data:image/svg+xml;base64,{icon}">
<style>{reveal_file("dist/reveal.css")}</style>
<style>{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<div class="reveal"><div class="slides">
{sections}
</div></div>
<script>{reveal_file("dist/reveal.js")}</script>
<script>{reveal_file("plugin/notes/notes.js")}</script>
<script>
// a telephone that is held upright has slides as high as it is
const upright = matchMedia("(orientation: portrait)");
const size = () =>
  upright.matches ? {{ width: 720, height: 1280 }} : {{ width: 1280, height: 720 }};
Reveal.initialize({{
  ...size(), margin: 0, center: false, hash: true, slideNumber: "c/t",
  transition: "none", scrollActivationWidth: null, plugins: [RevealNotes],
}});
upright.addEventListener("change", () => Reveal.configure(size()));
</script>
</body>
</html>
"""


def write_decks(app: Sphinx, exception: Exception | None) -> None:
    """Write the slides of all lessons into the site."""
    if exception is None and app.builder.format == "html":
        folder = Path(app.outdir) / "slides"
        folder.mkdir(exist_ok=True)
        for script in scripts():
            (folder / f"{script.stem}.html").write_text(deck(script), encoding="utf-8")


class SlideList(SphinxDirective):
    """Lists links to the slides of all lessons."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        items = "".join(
            f'<li><a href="slides/{script.stem}.html">{number(script)} '
            f"{escape(title(jupytext.read(script)))}</a></li>"
            for script in scripts()
        )
        return [nodes.raw("", f"<ul>{items}</ul>", format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register this with Sphinx."""
    app.add_directive("slide-list", SlideList)
    app.connect("build-finished", write_decks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
