"""Joins all stylesheets of the site into one, without the rules that no page uses.

The theme brings Bootstrap and every icon of Font Awesome. A rule stays if each class that it asks
for stands in a page or in a script.
"""

import posixpath
import re
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import tinycss2
from fontTools.subset import main as subset_font

ONE = "site-styles.css"
LINK = re.compile(r'<link[^>]* rel="stylesheet"[^>]*>')
HREF = re.compile(r'href="([^"?]*_static/)([^"?]*)[^"]*"')
IMPORT = re.compile(r'@import "([^"]+)";')
ADDRESS = re.compile(r"""url\((["']?)(?!data:|#|https?:)([^"')]+)\1\)""")
FONT = re.compile(r'url\("([^"]+\.woff2)"\)')
ICON = re.compile("[\ue000-\uf8ff]")  # the block of Unicode that fonts of icons use
NO_GAPS = {"skip_comments": True, "skip_whitespace": True}
GROUPS = ("media", "supports", "layer", "container")


def words_in_use(site: Path, pages: dict[Path, str]) -> set[str]:
    """Return the classes of all pages, and every word of the scripts, which may add classes."""
    words = set()
    for page in pages.values():
        for classes in re.findall(r'class\s*=\s*"([^"]*)"', page):
            words.update(classes.split())
    for script in (site / "_static").rglob("*.js"):
        if script.name != "tex-svg.js":
            words.update(re.findall(r"[\w-]+", script.read_text(encoding="utf-8")))
    return words


def classes_of(selector: list) -> set[str]:
    """Return the classes that an element must have, or one of its ancestors."""
    return {name.value for dot, name in pairwise(selector) if dot == "." and name.type == "ident"}


def selectors_in_use(prelude: list, words: set[str]) -> str:
    """Return those of the selectors of a rule that some element may match."""
    selectors: list[list] = [[]]
    for token in prelude:
        if token == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    used = [selector for selector in selectors if classes_of(selector) <= words]
    return ",".join(tinycss2.serialize(selector).strip() for selector in used)


def rules_in_use(rules: list, words: set[str]) -> str:
    """Return the rules that some element may need."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = selectors_in_use(rule.prelude, words)
            kept += [f"{selectors}{{{tinycss2.serialize(rule.content)}}}"] if selectors else []
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content:
            inside = tinycss2.parse_rule_list(
                rule.content, skip_comments=True, skip_whitespace=True
            )
            group = rules_in_use(inside, words)
            head = f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}"
            kept += [f"{head}{{{group}}}"] if group else []
        else:
            kept.append(rule.serialize())
    return "\n".join(kept)


def stylesheet(static: Path, name: str) -> str:
    """Return a stylesheet with those it imports, whose addresses start from the folder _static."""
    text = (static / name).read_text(encoding="utf-8")
    folder = posixpath.dirname(name)

    def from_static(match: re.Match[str]) -> str:
        return f'url("{posixpath.normpath(posixpath.join(folder, match[2]))}")'

    def imported(match: re.Match[str]) -> str:
        return stylesheet(static, posixpath.normpath(posixpath.join(folder, match[1])))

    return IMPORT.sub(imported, ADDRESS.sub(from_static, text))


def with_one_stylesheet(site: Path, pages: dict[Path, str]) -> dict[Path, str]:
    """Write the joined stylesheet, and return the pages with a link to it alone."""
    static = site / "_static"
    # Sphinx writes this page in every build.
    head, _, _ = pages[site / "search.html"].partition("</head>")
    names = [HREF.search(link)[2] for link in LINK.findall(head)]
    if names == [ONE]:  # nothing was built
        return pages
    text = "\n".join(stylesheet(static, name) for name in names)
    rules = tinycss2.parse_stylesheet(text, **NO_GAPS)
    joined = rules_in_use(rules, words_in_use(site, pages))
    (static / ONE).write_text(joined, encoding="utf-8")
    keep_icons_in_use(static, joined)
    for name in names:
        (static / name).unlink()
    version = sha256(joined.encode()).hexdigest()[:8]
    return {path: with_link(page, version) for path, page in pages.items()}


def keep_icons_in_use(static: Path, styles: str) -> None:
    """Leave in each font of icons only those that the styles name."""
    icons = "".join(sorted(set(ICON.findall(styles))))
    for name in set(FONT.findall(styles)):
        font = static / name
        options = [f"--text={icons}", "--flavor=woff2", f"--output-file={font}"]
        subset_font([str(font), *options])


def with_link(page: str, version: str) -> str:
    """Return a page that links to the joined stylesheet in place of all in its head."""
    head, end, body = page.partition("</head>")
    links = LINK.findall(head)
    folder = HREF.search(links[0])[1]
    one = f'<link rel="stylesheet" href="{folder}{ONE}?v={version}">'
    head = head.replace(links[0], one, 1)
    for link in links[1:]:
        head = head.replace(link, "")
    return head + end + body
