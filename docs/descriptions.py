"""What a search engine or a chat shows of a page: its title, a description and a picture.

The description is made of the page's own first sentences. An address of the site is written only if
``html_baseurl`` in conf.py gives one.
"""

import re
from collections.abc import Iterator
from html import escape, unescape
from urllib.parse import urljoin

from docutils import nodes
from social_card import ALT, NAME, draw
from sphinx import addnodes
from sphinx.application import Sphinx

LONGEST = 200  # letters, about as many as others show
WITH_TITLE = ("auto_lessons/", "auto_solutions/")  # a lesson opens with its question
WITHOUT_TEXT = {
    "genindex": "All terms of the glossary and all names of the library, in alphabetical order.",
    "search": "Search the lessons, the glossary and the reference of the library.",
    "_modules/index": "The source code of the library, by its modules.",
}


def own_description(doctree: nodes.document) -> str | None:
    """Return what the page itself gives as its description, if it does."""
    given = (n["content"] for n in doctree.findall(nodes.meta) if n.get("name") == "description")
    return next(given, None)


def paragraphs(page: str, doctree: nodes.document) -> Iterator[str]:
    """Yield the prose of a page; on a page of the API that is the docstring."""
    kinds = (nodes.section, addnodes.desc_content)
    if page == "index":
        kinds = (nodes.container,)
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, kinds):
            yield " ".join(paragraph.astext().split())


def shorten(text: str) -> str:
    """Return as many whole sentences as fit, or the start of the first one."""
    found = ""
    for sentence in re.split(r"(?<=[.?!]) (?=[A-Z])", text):
        longer = f"{found} {sentence}".strip()
        if len(longer) > LONGEST:
            break
        found = longer
    if not found:
        found = text[:LONGEST].rpartition(" ")[0] + " ..."
    return re.sub(":$", ".", found)


def description(page: str, title: str, doctree: nodes.document | None) -> str:
    """Return a sentence or a few about a page."""
    if doctree is None:
        return WITHOUT_TEXT.get(page, f"The source code of {title}.")
    if given := own_description(doctree):
        return given
    text = " ".join(paragraphs(page, doctree))
    if page.startswith(WITH_TITLE):
        text = f"{title if title[-1] in '.?!' else title + '.'} {text}"
    return shorten(text)


def add_tags(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, object],
    doctree: nodes.document | None,
) -> None:
    """Write the tags into the head of a page."""
    title = unescape(re.sub(r"<[^>]*>", "", context["title"]))
    told = description(page, title, doctree)
    image = context["pathto"](f"_static/{NAME}", resource=True)
    tags = {
        "og:title": title,
        "og:description": told,
        "og:type": "website",
        "og:site_name": app.config.project,
        "og:image": urljoin(context["pageurl"], image) if context["pageurl"] else image,
        "og:image:alt": ALT,
    }
    if context["pageurl"]:
        tags["og:url"] = context["pageurl"]
    lines = [f'<meta property="{name}" content="{escape(text)}">' for name, text in tags.items()]
    if doctree is None or not own_description(doctree):
        lines.append(f'<meta name="description" content="{escape(told)}">')
    lines.append('<meta name="twitter:card" content="summary_large_image">')
    context["metatags"] += "\n".join(["", *lines, ""])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both functions with Sphinx."""
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
