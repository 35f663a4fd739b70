"""Makes every page of the built site show its text soon, also on a slow telephone.

A browser shows nothing before it has the styles and the scripts that stand in the head of a page.
Therefore scripts wait until the text is there, and all styles come in one file (light_styles).
Pictures below the first one load when the reader comes near, and so does MathJax (formulas.js).
"""

import json
import re
from pathlib import Path

import light_pictures
import light_styles
from sphinx.application import Sphinx

# Icons of one's own and tabs, which no page of ours has, and hints to load scripts first.
UNUSED = re.compile(
    r'<script[^>]* src="[^"]*/(fontawesome|sg-tags|design-tabs)\.js[^"]*"></script>'
    r'|<link rel="preload" as="script"[^>]*>'
)
# What a reader uses after the first look: search, menus, copy buttons, and what moves a figure.
NAMES = (
    r"doctools|sphinx_highlight|clipboard\.min|copybutton|copy_output|searchtools|language_data"
    r"|searchindex|bootstrap|pydata-sphinx-theme|(?:explore|playground)/\w+"
)
LATER = re.compile(rf'<script[^>]* src="((?:[^"]*/)?(?:{NAMES})\.js[^"]*)"[^>]*></script>')
SCRIPT = re.compile(r'<script(?![^>]* defer)(?=[^>]* src="[^"])')
OPTIONS = re.compile(r'<script src="[^"]*/documentation_options\.js[^"]*"></script>')
# sphinx-gallery links a variable to the type of any variable of that name, which is often wrong
VARIABLE = re.compile(
    r'<a(?=[^>]* class="[^"]*sphx-glr-backref-instance)[^>]*>((?:<span[^>]*>[^<]*</span>)*)</a>'
)
# names, punctuation and blanks, which have the colour of all other text
PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')
# The theme's script comes after the text, and turns "auto" into one of both themes. Until then no
# colour and no border has a value, so the text would move when the script comes.
THEME = 'dataset.theme = localStorage.getItem("theme") || '
SYSTEM = '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
PREFORMATTED = re.compile(r"(<pre.*?</pre>|<script.*?</script>|<textarea.*?</textarea>)", re.DOTALL)
# the copies that Sphinx makes for its own work, and maps for those who change the theme
NOT_FOR_READERS = ("plot_directive/**/*", "_static/**/*.map", "_static/scripts/fontawesome*")


def options_of(site: Path) -> str:
    """Return the script that the others read, which is shorter than a request for it."""
    options = site / "_static" / "documentation_options.js"
    return f"<script>{options.read_text(encoding='utf-8')}</script>"


def loader(addresses: list[str]) -> str:
    """Return a script that loads others, in this order, as soon as the page has been painted.

    Until all are loaded, the buttons of the page do nothing, and its root says so.
    """
    return f"""<script>
document.documentElement.dataset.scripts = "awaited";
addEventListener("DOMContentLoaded", () => new PerformanceObserver((paints, observer) => {{
observer.disconnect();
for (const src of {json.dumps(addresses)}) {{
const script = Object.assign(document.createElement("script"), {{ src, async: false }});
document.head.append(script);
}}
document.head.lastElementChild.onload = () => delete document.documentElement.dataset.scripts;
}}).observe({{ type: "paint", buffered: true }}));
</script>
"""


def lighter(page: str, options: str, is_search: bool) -> str:
    """Return a page whose scripts wait for its text, except for the one that is all scripts."""
    page = UNUSED.sub("", page)
    page = OPTIONS.sub(lambda _: options, page).replace(f'{THEME}"auto"', f"{THEME}{SYSTEM}")
    later = LATER.findall(page)
    if later and not is_search:
        page = LATER.sub("", page).replace("</head>", f"{loader(later)}</head>")
    page = SCRIPT.sub("<script defer", page)
    page = PLAIN.sub(r"\1", VARIABLE.sub(r"\1", page))
    return without_indents(page)


def without_indents(page: str) -> str:
    """Return a page whose lines begin at once, but for those that are shown as they are."""
    parts = PREFORMATTED.split(page)
    parts[::2] = [re.sub(r"\n\s+", "\n", part) for part in parts[::2]]
    return "".join(parts)


def remove_what_no_reader_needs(site: Path) -> None:
    """Delete files that no page leads to."""
    for pattern in NOT_FOR_READERS:
        for path in site.glob(pattern):
            if path.is_file():
                path.unlink()


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Rewrite the pages that were built."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    remove_what_no_reader_needs(site)
    options = options_of(site)
    folders_of_their_own = (site / "slides", site / "_static")
    pages = {
        path: lighter(path.read_text(encoding="utf-8"), options, path.name == "search.html")
        for path in site.rglob("*.html")
        if not any(path.is_relative_to(folder) for folder in folders_of_their_own)
    }
    pages = light_pictures.with_light_pictures(site, pages)
    pages = light_styles.with_one_stylesheet(site, pages)
    for path, page in pages.items():
        path.write_text(page, encoding="utf-8")


def keep_doctrees_outside(app: Sphinx) -> None:
    """Store what the next build reads beside the site and not in it."""
    inside = Path(app.doctreedir)
    app.doctreedir = Path(app.outdir).parent / "doctrees"
    app.doctreedir.mkdir(parents=True, exist_ok=True)
    if inside.is_dir() and not any(inside.iterdir()):
        inside.rmdir()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register this with Sphinx, after all that writes pages."""
    keep_doctrees_outside(app)
    app.connect("build-finished", lighten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
