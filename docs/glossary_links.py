"""Links the first appearance of each glossary term on the page of a lesson."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

GLOSSARY = Path(__file__).parent / "glossary.rst"
TERM = re.compile(r"^ {3}(\S.*)\n(?= {3}\S| {6}\S)", re.MULTILINE)
EVERYDAY_WORDS = {"answer"}  # most often no term where it stands
NOT_PROSE = (nodes.literal, nodes.reference, nodes.math, nodes.title, addnodes.pending_xref)


@cache
def terms() -> dict[str, str]:
    """Return the terms of the glossary, by their spelling in small letters."""
    found = TERM.findall(GLOSSARY.read_text(encoding="utf-8"))
    return {term.lower(): term for term in found if term not in EVERYDAY_WORDS and term[0] != ":"}


@cache
def any_term() -> re.Pattern[str]:
    """Return an expression for a term or its plural. It finds the longest of several."""
    longest_first = sorted(terms(), key=len, reverse=True)
    choice = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<![\w-])({choice})s?(?![\w-])", re.IGNORECASE)


def link(term: str, words: str) -> addnodes.pending_xref:
    """Return a link to a term, shown as these words."""
    shown = nodes.inline(words, words, classes=["xref", "std", "std-term"])
    return addnodes.pending_xref(
        "",
        shown,
        refdomain="std",
        reftype="term",
        reftarget=term,
        refexplicit=True,
        refwarn=True,
    )


def texts(doctree: nodes.document) -> Iterator[nodes.Text]:
    """Yield the prose of a page, in its order."""
    for paragraph in list(doctree.findall(nodes.paragraph)):
        for text in list(paragraph.findall(nodes.Text)):
            if isinstance(text.parent, nodes.paragraph | nodes.emphasis | nodes.strong):
                yield text


def link_first_appearances(app: Sphinx, doctree: nodes.document) -> None:
    """Link each term once on the page of a lesson."""
    if not re.fullmatch(r"auto_lessons/\d+_\w+", app.env.docname):
        return
    linked: set[str] = set()
    for text in texts(doctree):
        parts: list[nodes.Node] = []
        end = 0
        for match in any_term().finditer(text):
            term = terms()[match[1].lower()]
            if term not in linked:
                linked.add(term)
                parts += [nodes.Text(text[end : match.start()]), link(term, match[0])]
                end = match.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register this with Sphinx."""
    app.connect("doctree-read", link_first_appearances)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
