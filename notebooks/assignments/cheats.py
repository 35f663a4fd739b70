"""Flag code that a person should read, because an honest answer hardly needs it.

A flag is no judgement: it says what stands in a cell. The rules look at the code alone and run
nothing, so who hides well is not seen. ``grade.py`` keeps harm away, not these rules.
"""

import ast
import symtable
from collections.abc import Iterator
from functools import lru_cache

from course import marked_cells_of
from library_calls import library_calls
from nbformat import NotebookNode
from repair import is_locked, parses, released
from syntax import bound, is_scope, tree_of
from unusual_code import names_from_outside, unusual

MOST_CODE = 100_000  # characters; an honest notebook has a tenth, and more would take hours


def flags(notebook: NotebookNode, source: NotebookNode) -> Iterator[str]:
    """Yield what a person should read in a repaired notebook, one sentence for each cell."""
    given = released(source)
    given_code = {cell.source for cell in given.cells if cell.cell_type == "code"}
    own = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and cell.source not in given_code
        and not ("nbgrader" in cell.metadata and is_locked(cell))
    ]
    if sum(len(cell.source) for cell in own) > MOST_CODE:
        yield "The notebook holds more code of its own than this check reads."
        return
    # What was handed out is no cheat, even if a student has changed another line of its cell.
    given_trees = [tree_of(code) for code in given_code]
    known = {ast.dump(line) for tree in given_trees for line in tree.body}
    trees = [
        ast.Module([line for line in tree_of(cell.source).body if ast.dump(line) not in known], [])
        for cell in own
    ]
    for cell in own:
        if not parses(cell.source):
            yield f"{_where(cell)} is not Python that this check can read."
    locked = [cell for cell in marked_cells_of(given).values() if is_locked(cell)]
    shown = [code for code in given_code if code not in {cell.source for cell in locked}]
    secrets = _names_of_tests(source) - set().union(*(bound(tree_of(code)) for code in shown))
    for cell, tree in zip(own, trees, strict=True):
        peeks = (f"{name} of the tests" for name in sorted(names_from_outside(tree) & secrets))
        if found := dict.fromkeys([*unusual(tree), *peeks]):
            yield f"{_where(cell)} uses {', '.join(found)}."
    # A function that was handed out can call the library, too.
    handed_out = [line for code in shown for line in tree_of(code).body if is_scope(line)]
    statements = [line for tree in trees for line in tree.body] + handed_out
    yield from library_calls(statements, source)


def _where(cell: NotebookNode) -> str:
    name = cell.metadata.get("nbgrader", {}).get("grade_id")
    return f"The cell {name}" if name else "A cell without a question"


def _names_of_tests(source: NotebookNode) -> set[str]:
    """Return the names that tests give, which hold the right results while an answer runs."""
    tests = [cell for cell in marked_cells_of(source).values() if is_locked(cell)]
    return set().union(*(_assigned(cell.source) for cell in tests))


@lru_cache(200)
def _assigned(code: str) -> frozenset[str]:
    """Return the names that a cell gives. All students have the same test cells."""
    table = symtable.symtable(ast.unparse(tree_of(code)), "", "exec")
    return frozenset(one.get_name() for one in table.get_symbols() if one.is_assigned())
