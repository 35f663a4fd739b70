"""Lets long names in code break between their parts, so that a telephone breaks no word.

``AreaUnderRiskCoverageCurve`` may break before each of its capitals, and ``glyphs100_logits``
behind its underscore. The mark for a possible break is no character, so a copied name stays whole.
An option such as ``--force`` does not break behind its hyphens, where a browser would break it.
"""

import re

from sphinx.application import Sphinx

PLACES = re.compile(
    r'(?<=<span class="pre">)[^<]+|(?<=<h1>)[^<]+|(?<=<td><p>)[^<]+|(?<=\.html">)[^<]+(?=</a></li>)'
)
OPTION = re.compile(r"--[a-z][\w-]*")
LONG_NAME = re.compile(r"[A-Za-z_.][\w.()=/]{11,}")
BETWEEN_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_(=/])(?=[^_\W])|(?<=\w)(?=\.[A-Za-z])")


def with_breaks(text: str) -> str:
    """Return a text whose long names may break between their parts, and its options nowhere."""
    text = LONG_NAME.sub(lambda name: BETWEEN_PARTS.sub("<wbr>", name[0]), text)
    return OPTION.sub(r'<span class="option-name">\g<0></span>', text)


def mark_breaks(
    app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object
) -> None:
    """Mark the breaks in the text of a page, and in the names of both its neighbours."""
    if "body" in context:
        body = str(context["body"])
        context["body"] = PLACES.sub(lambda text: with_breaks(text[0]), body)
    for neighbour in (context.get("prev"), context.get("next")):
        if isinstance(neighbour, dict):
            neighbour["title"] = with_breaks(neighbour["title"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register this with Sphinx."""
    app.connect("html-page-context", mark_breaks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
