"""Find tests that pass although nonsense replaces the answer that they test.

A notebook runs in one kernel with its tests, so something in it can disarm them. When all cells
have run, ``grade.py`` therefore lets each test run again in the same kernel, with an answer that
gives nonsense. A test that passes both times has been disarmed.
"""

import ast
from collections.abc import Iterator
from copy import deepcopy

from course import marked_cells_of
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from repair import is_locked
from syntax import given_by, tree_of

AGAIN = "again:"  # begins the name of a test that runs again
SECONDS = 10  # for each: the answer runs in it, and may be endless
# Nonsense of the kind that the answer gives, so that a comparison decides and no error before it.
# The answer gets copies of its arguments, or else it could be right by changing them.
REPLACE = """
def _nonsense(answer):
    from builtins import Exception, dict, isinstance, list, tuple, type
    from copy import deepcopy
    nan = 1e999 - 1e999

    def of_kind(found):
        if isinstance(found, dict):
            return {key: of_kind(value) for key, value in found.items()}
        if isinstance(found, (list, tuple)):
            return type(found)([of_kind(value) for value in found])
        try:
            return found * nan
        except Exception:
            return nan

    def replaced(*arguments, **named):
        return of_kind(answer(*deepcopy(arguments), **deepcopy(named)))

    return replaced


"""


def again(notebook: NotebookNode, source: NotebookNode) -> list[NotebookNode]:
    """Return a cell for each test of a notebook, which runs it with an answer that gives nonsense.

    The last test comes first, because a later answer may call an earlier one, which must not give
    nonsense yet: a loop might never end.
    """
    answers = answers_to(source)
    cells = []
    for name, test in reversed(marked_cells_of(notebook).items()):
        if name in answers:
            cell = new_code_cell(REPLACE, metadata=deepcopy(test.metadata))
            cell.source += "".join(f"{one} = _nonsense({one})\n" for one in answers[name])
            cell.source += test.source
            cell.metadata.nbgrader.grade_id = f"{AGAIN} {name}"
            cell.metadata.seconds = SECONDS
            cells.append(cell)
    return cells


def answers_to(source: NotebookNode) -> dict[str, list[str]]:
    """Return for each test the names of the answer that it uses."""
    found, given = {}, set[str]()
    for name, cell in marked_cells_of(source).items():
        tree = tree_of(cell.source)
        if is_locked(cell):
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            found[name] = sorted(given & used)
        else:
            given = given_by(tree)
    return found


def disarmed(notebook: NotebookNode, again: list[NotebookNode]) -> Iterator[str]:
    """Yield the names of the tests that passed both times, in the order of the notebook."""
    passed_again = {
        cell.metadata.nbgrader.grade_id.removeprefix(f"{AGAIN} ")
        for cell in again
        if not _failed(cell)
    }
    for name, cell in marked_cells_of(notebook).items():
        if name in passed_again and not _failed(cell):
            yield name


def _failed(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)
