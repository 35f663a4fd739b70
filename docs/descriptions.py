"""What a search engine or a chat shows of a page: its title, a description and a picture.

The description is made of the page's own first sentences. An address of the site is written only if
``html_baseurl`` in conf.py gives one.
"""

import re
from html import escape, unescape
from urllib.parse import urljoin

from docutils import nodes
from social_card import ALT, NAME, draw
from sphinx import addnodes
from sphinx.application import Sphinx

SHORTEST, LONGEST = 80, 200  # letters; others show about as many as the longest has
WITHOUT_TEXT = {
    "genindex": ("Index", "All terms of the glossary and all names of the library."),
    "search": ("Search", "Search the lessons, the glossary and the reference of the library."),
    "_modules/index": ("Overview: module code", "The source code of the library, by its modules."),
}


def own_description(doctree: nodes.document) -> str | None:
    """Return what the page itself gives as its description, if it does."""
    given = (n["content"] for n in doctree.findall(nodes.meta) if n.get("name") == "description")
    return next(given, None)


def prose(page: str, doctree: nodes.document) -> str:
    """Return the text above the first heading of a page, or the summary of a page of the API."""
    if page.startswith("generated/"):
        docstring = next(doctree.findall(addnodes.desc_content))
        return docstring.next_node(nodes.paragraph).astext()
    places = list(doctree.findall(nodes.section))
    if page == "index":
        places = [c for c in doctree.findall(nodes.container) if "landing-words" in c["classes"]]
    paragraphs = [found for found in doctree.findall(nodes.paragraph) if found.parent in places]
    above = [found for found in paragraphs if found.parent is places[0]]
    texts = [found.astext() for found in above or paragraphs]
    before_code = next((k for k, text in enumerate(texts) if text.endswith(":")), len(texts))
    return re.sub(":$", ".", " ".join(texts[: before_code + 1]))


def shorten(text: str, longest: int) -> str:
    """Return as many whole sentences as fit, or the start of the first one."""
    found = ""
    for sentence in re.split("(?<=[.?!]) ", " ".join(text.split())):
        longer = f"{found} {sentence}".strip()
        if len(longer) > longest:
            break
        found = longer
    return found or f"{text[:longest].rpartition(' ')[0]} ..."


def description(page: str, title: str, doctree: nodes.document) -> str:
    """Return a sentence or a few about a page that has text."""
    if given := own_description(doctree):
        return given
    text = prose(page, doctree)
    opens_with_question = page.startswith(("auto_lessons/", "auto_solutions/"))
    if opens_with_question or (len(text) < SHORTEST and not page.startswith("generated/")):
        title = title if title.endswith("?") else f"{title}."
        return f"{title} {shorten(text, LONGEST - len(title) - 1)}"
    return shorten(text, LONGEST)


def add_tags(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, object],
    doctree: nodes.document | None,
) -> None:
    """Write the tags into the head of a page."""
    if doctree is None:
        source = context.get("title"), f"The source code of {context.get('title')}."
        title, told = WITHOUT_TEXT.get(page, source)
    else:
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
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines, ""])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both functions with Sphinx."""
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
