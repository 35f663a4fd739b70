"""Find answers that call the library where the question says to write it."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec

from course import marked_cells_of
from nbformat import NotebookNode
from repair import is_locked
from syntax import bound, given_by, gives, is_scope, needs, touches, tree_of

import calibkit

HEADING = re.compile(r"^## Question ", re.MULTILINE)
WITHOUT = re.compile(r"without\s+((?:`?calibkit\.\w+`?(?:,| and| or)?\s*)+)")


def library_calls(statements: list[ast.stmt], source: NotebookNode) -> Iterator[str]:
    """Yield the questions whose answer calls what it should write itself, also by a helper.

    A comparison with calibkit beside the answer is no cheat: only what the answer needs counts.
    """
    models = {name: tree_of(cell.source) for name, cell in _solutions(source).items()}
    names = {name: given_by(tree) | {name} for name, tree in models.items()}
    aliases = {"calibkit"}.union(*(_aliases(statement) for statement in statements))
    used_by = {name: _of_calibkit(tree, {"calibkit"}) for name, tree in models.items()}
    variables = set().union(*(bound(s) for s in statements if not is_scope(s)))
    scopes = {s.name for s in statements if is_scope(s)}
    given = {
        id(s): gives(s)
        | ((touches(s) | _put_into(s)) & variables)
        | (_handed_to(s, aliases) & (scopes | variables))
        for s in statements
    }
    for question, forbidden in _forbidden(source).items():
        if not forbidden:
            continue
        sought = set(names[question])
        needed: list[ast.stmt] = []
        while more := [s for s in statements if s not in needed and given[id(s)] & sought]:
            needed += more
            sought |= set().union(*map(needs, more))
            # What is made together may share what it keeps, such as a function that puts and one
            # that gets, and a function may put what it gets into a list.
            sought |= set().union(*({s.name} if is_scope(s) else bound(s) for s in more))
        used = set()
        for statement in needed:
            # An answer that this one calls may use what the model answer to its question uses.
            others = [o for o in names if o != question and names[o] & given[id(statement)]]
            allowed = [used_by[other] for other in others]
            used |= _of_calibkit(statement, aliases).difference(*allowed)
        if found := used & {*forbidden, "*"}:
            calls = ", ".join(f"calibkit.{one}" for one in sorted(found))
            yield f"The answer {question} uses {calls}, where the question says to write it."


def _solutions(source: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells of a source that hold code of the student."""
    cells = marked_cells_of(source).items()
    return {name: c for name, c in cells if c.cell_type == "code" and not is_locked(c)}


def _forbidden(source: NotebookNode) -> dict[str, set[str]]:
    """Return for each question what an answer may not call of calibkit.

    This is what the text of the question names after "without". If the model answer calls nothing
    of calibkit, it is also everything that the text does not name.
    """
    solutions = _solutions(source)
    forbidden, text = {}, ""
    for cell in source.cells:
        # What stands before the heading is about the results of the question before.
        text = HEADING.split(f"{text}\n{cell.source}")[-1]
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in solutions:
            excluded = " ".join(WITHOUT.findall(text))
            forbidden[name] = set(re.findall(r"calibkit\.(\w+)", excluded))
            if not _of_calibkit(tree_of(cell.source), {"calibkit"}):
                named = re.findall(r"calibkit\.(\w+)", WITHOUT.sub("", text))
                forbidden[name] |= set(dir(calibkit)) - set(named)
        if name is not None:
            text = ""
    return forbidden


def _handed_to(statement: ast.stmt, aliases: set[str]) -> set[str]:
    """Return what gets something of calibkit, and may keep it: functions, classes, decorators."""
    if is_scope(statement):
        receivers = statement.decorator_list if _of_calibkit(statement, aliases) else []
    else:
        receivers = [
            node.func
            for node in ast.walk(statement)
            if isinstance(node, ast.Call)
            and any(_of_calibkit(a, aliases) for a in [*node.args, *node.keywords])
        ]
    return {_beginning(receiver) for receiver in receivers}


def _put_into(scope: ast.stmt) -> set[str]:
    """Return the variables outside of a function or class into which it may put something."""
    if not is_scope(scope):
        return set()
    receivers = [
        node.func.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    receivers += [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    ]
    return {_beginning(receiver) for receiver in receivers} - bound(scope)


def _beginning(node: ast.expr) -> str:
    """Return the name with which a path of attributes, calls and items begins, or nothing."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _of_calibkit(tree: ast.AST, aliases: set[str]) -> set[str]:
    """Return what code uses of calibkit, which has other names too, and "*" for all of it."""
    names = set()
    plain = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name))
    }
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=members) if (
                module.partition(".")[0] == "calibkit"
            ):
                names |= {member.name for member in members}
            case ast.Attribute(attr=name) if _root(node) in aliases:
                names.add(name)
            case ast.Call(
                func=ast.Name(id="getattr"),
                args=[ast.Name(id=root), ast.Constant(value=str(name)), *_],
            ) if root in aliases:
                names.add(name)
            case ast.Name(id=root) if root in aliases and id(node) not in plain:
                names.add("*")
    return names


def _root(node: ast.expr) -> str:
    """Return the name with which a path of attributes begins, or nothing."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _aliases(tree: ast.AST) -> set[str]:
    """Return the other names that code gives to calibkit and its modules."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=modules):
                names |= {m.asname for m in modules if m.asname and m.name.startswith("calibkit")}
            case ast.ImportFrom(module=str(module), names=members) if (
                module.partition(".")[0] == "calibkit"
            ):
                paths = {one.asname or one.name: f"{module}.{one.name}" for one in members}
                names |= {name for name, path in paths.items() if _is_module(path)}
            case ast.Assign(value=ast.Name(id="calibkit"), targets=[ast.Name(id=alias)]):
                names.add(alias)
    return names


def _is_module(path: str) -> bool:
    """Say whether a path names a module of calibkit, which no function is."""
    try:
        return find_spec(path) is not None
    except ModuleNotFoundError:  # what stands before the last dot is no module
        return False
