"""The site: prose, API reference, and the gallery of lessons."""

import importlib.util
import os
import sys
import zlib
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from lesson_pages import REPOSITORY  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

# captured pages hold results, no progress bars
os.environ["TQDM_DISABLE"] = "1"

project = "calibkit"
copyright = "2026, the calibkit developers"
version = release = installed_version("calibkit")

extensions = [
    "lesson_pages",
    "matplotlib.sphinxext.plot_directive",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx_math_dollar",
]
default_role = "py:obj"
exclude_patterns = ["_build", "lessons"]
templates_path = ["_templates"]

autodoc_inherit_docstrings = False
autodoc_typehints = "none"
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_ivar = True


def write_inventory(listing: Path) -> tuple[str, str]:
    """Turn a list of names, as in ``inventories/torch.txt``, into what intersphinx reads."""
    url, *lines = listing.read_text().splitlines()
    rows = [line.split() for line in lines]
    objects = "".join(f"{name} {role} 1 {page.replace('$', name)} -\n" for name, role, page in rows)
    built = HERE / "_build" / "inventories" / f"{listing.stem}.inv"
    built.parent.mkdir(parents=True, exist_ok=True)
    header = (
        "# Sphinx inventory version 2\n"
        f"# Project: {listing.stem}\n"
        "# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    built.write_bytes(header.encode() + zlib.compress(objects.encode()))
    return url, str(built)


# no network while building: the few names that we mention are listed by hand
intersphinx_mapping = {
    listing.stem: write_inventory(listing) for listing in sorted(HERE.glob("inventories/*.txt"))
}

# MathJax in one file, from the site itself
mathjax_package = importlib.util.find_spec("sphinx-mathjax-offline")
mathjax_file = Path(mathjax_package.origin).parent / "static" / "mathjax" / "tex-svg.js"
mathjax_path = mathjax_file.name
mathjax3_config = {
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
    "options": {"enableMenu": False},  # its extras would be fetched one by one
}

# lesson 90 is shown without running where what it fetches is not there
cifar100_is_here = (HERE / "lessons" / "data" / "cifar-100-python").is_dir()

sphinx_gallery_conf = {
    "examples_dirs": "lessons",
    "gallery_dirs": "auto_lessons",
    "filename_pattern": r"/\d\d_" if cifar100_is_here else r"/(?!90_)\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "default_thumb_file": str(HERE / "_static" / "needs_network.svg"),
    "doc_module": ("calibkit",),
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}

plot_formats = ["svg"]
plot_html_show_formats = False
plot_html_show_source_link = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "calibkit"
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_static_path = ["_static", str(mathjax_file)]
html_css_files = ["site.css"]
# a column of neighbours beside lessons and API alone; elsewhere it would be empty
html_sidebars = {page.stem: [] for page in HERE.glob("*.rst") if page.stem != "api"} | {
    page: [] for page in ("genindex", "search", "_modules/*", "_modules/calibkit/*")
}
html_theme_options = {
    "github_url": REPOSITORY,
    "navigation_with_keys": False,
    "pygments_dark_style": "a11y-high-contrast-dark",
    "pygments_light_style": "a11y-high-contrast-light",
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}


def name_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """In commands too, where docutils replaces nothing."""
    source[0] = source[0].replace("|repository|", REPOSITORY)


def setup(app: Sphinx) -> None:
    app.connect("source-read", name_repository)
