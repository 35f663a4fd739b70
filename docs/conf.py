"""The site: prose, API reference, and the gallery of lessons."""

import importlib.util
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from lesson_pages import REPOSITORY  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

# The pages show results and no progress bars.
os.environ["TQDM_DISABLE"] = "1"

project = "calibkit"
copyright = "2026, the calibkit developers"  # noqa: A001
version = release = installed_version("calibkit")

extensions = [
    "breakable_names",
    "descriptions",
    "glossary_links",
    "landing_figure",
    "lesson_pages",
    "light_pages",
    "search_words",
    "slides",
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
exclude_patterns = ["_build", "generated/gallery", "lessons"]
templates_path = ["_templates"]

autodoc_inherit_docstrings = False
autodoc_typehints = "none"
# scikit-learn adds these to its classes. Their docstrings mention pages that only its site has.
autodoc_default_options = {"exclude-members": "set_fit_request, set_score_request"}
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_ivar = False  # else names of fields become links to fields of other classes


# A build needs no network: each inventory is a text file, in the first version of Sphinx's format,
# with the names that we mention. A line holds a name, its kind and its page, and Sphinx adds the
# anchor. To make a link of another name, add a line.
intersphinx_mapping = {
    "matplotlib": ("https://matplotlib.org/stable/", "inventories/matplotlib.inv"),
    "numpy": ("https://numpy.org/doc/stable/", "inventories/numpy.inv"),
    "python": ("https://docs.python.org/3/", "inventories/python.inv"),
    "sklearn": ("https://scikit-learn.org/stable/", "inventories/sklearn.inv"),
    "torch": ("https://docs.pytorch.org/docs/stable/", "inventories/torch.inv"),
    "torchmetrics": (
        "https://lightning.ai/docs/torchmetrics/stable/",
        "inventories/torchmetrics.inv",
    ),
    "torchvision": ("https://docs.pytorch.org/vision/stable/", "inventories/torchvision.inv"),
}

# The site itself serves MathJax, as one file.
mathjax_package = importlib.util.find_spec("sphinx-mathjax-offline")
mathjax_file = Path(mathjax_package.origin).parent / "static" / "mathjax" / "tex-svg.js"
mathjax_path = "formulas.js"  # loads that file when it is needed
mathjax3_config = {
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
    "options": {"enableMenu": False},  # the menu would fetch its parts one by one
}

sphinx_gallery_conf = {
    "examples_dirs": ["generated/gallery/lessons", "generated/gallery/solutions"],
    "gallery_dirs": ["auto_lessons", "auto_solutions"],
    "filename_pattern": r"/\d+_",
    "within_subsection_order": "lesson_source.number",  # by name, 100 would come before 20
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("calibkit",),
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "parallel": True,  # as many lessons at once as sphinx-build's -j says, a thread each
    "remove_config_comments": True,
    "show_signature": False,
    "thumbnail_size": (640, 420),
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
html_copy_source = False
html_static_path = ["_static", str(mathjax_file)]
html_css_files = ["site.css"]
html_js_files = ["sidebar.js", ("copy_output.js", {"defer": "defer"})]
html_search_scorer = str(HERE / "search_scorer.js")
# Only lessons and API have neighbours to show in a left column. Elsewhere it would be empty.
html_sidebars = {page.stem: [] for page in HERE.glob("*.rst") if page.stem != "api"} | {
    page: [] for page in ("explore/*", "genindex", "search", "_modules/*", "_modules/calibkit/*")
}
html_theme_options = {
    "github_url": REPOSITORY,
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "pygments_dark_style": "a11y-high-contrast-dark",
    "pygments_light_style": "a11y-high-contrast-light",
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}


def name_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """Write the address of the repository, also in commands, where docutils replaces nothing."""
    source[0] = source[0].replace("|repository|", REPOSITORY)


def skip_tuple_fields(
    app: Sphinx, what: str, name: str, member: object, skip: bool, options: object
) -> bool | None:
    """Leave out "Alias for field number 0": the section Attributes describes the fields."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field") else None


def setup(app: Sphinx) -> None:
    """Register both functions with Sphinx."""
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.connect("source-read", name_repository)
