"""The site: prose, API reference, and the gallery of lessons."""

import os
import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

# captured pages hold results, no progress bars
os.environ["TQDM_DISABLE"] = "1"

project = "calibkit"
copyright = "2026, the calibkit developers"
version = release = installed_version("calibkit")
pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
repository = pyproject["project"]["urls"]["Repository"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "sphinx_math_dollar",
]
default_role = "py:obj"
exclude_patterns = ["_build", "lessons"]
templates_path = ["_templates"]
html_static_path = ["_static"]

autodoc_inherit_docstrings = False
autodoc_typehints = "none"
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_ivar = True

mathjax3_config = {
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
}

# lesson 90 is shown without running where what it fetches is not there
cifar100_is_here = (Path(__file__).parent / "lessons" / "data" / "cifar-100-python").is_dir()

sphinx_gallery_conf = {
    "examples_dirs": "lessons",
    "gallery_dirs": "auto_lessons",
    "filename_pattern": r"/\d\d_" if cifar100_is_here else r"/(?!90_)\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("calibkit",),
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "calibkit"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
html_sidebars = {"**": []}


def name_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """In commands too, where docutils replaces nothing."""
    source[0] = source[0].replace("|repository|", repository)


def setup(app: Sphinx) -> None:
    app.connect("source-read", name_repository)
