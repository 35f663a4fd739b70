"""Keeps jsonschema from building the 38 parsers of this package, none of which notebooks need.

Every process that imports nbformat, as those of pytest and nbgrader do, takes two seconds to build
them. `tests/workers.py` puts this folder before that of the real package. jsonschema takes the
error to mean that the package is not installed, and then leaves some addresses unchecked.
"""

raise ImportError(__doc__)
