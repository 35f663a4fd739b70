"""Read cells as syntax trees: what a cell runs, and which names it gives to other cells."""

import ast
import re
from functools import lru_cache

from repair import MAGIC, parses

import calibkit

# what these commands run is read like all other code
TIMING = ("time", "timeit")
BACKEND = re.compile(r"\w*\s*")
HARMLESS_SETTING = re.compile(r"InlineBackend\.\w+\s*=\s*(\w+|(['\"])\w+\2)\s*")
OPTIONS = re.compile(r"^(\s*-\w+(\s*\d+)?\s)+")


@lru_cache(2000)
def tree_of(text: str) -> ast.Module:
    """Return the syntax tree of a cell; an empty one if it is no valid Python.

    What a timing command runs stands in its place, and harmless commands are left out. Whoever
    changes a tree asks for one of its own, because many students have cells with the same text.
    """
    return own_tree_of(text)


def own_tree_of(text: str) -> ast.Module:
    """Return the syntax tree of a cell as ``tree_of`` does, but one that may be changed."""
    if not parses(text):
        return ast.Module([], [])
    tree = ast.parse(MAGIC.transform_cell(text))
    return ast.Module([part for line in tree.body for part in _run_by(line)], [])


def _run_by(line: ast.stmt) -> list[ast.stmt]:
    """Return the statements that a command of IPython runs, and another line as it is."""
    match line:
        case ast.Expr(
            ast.Call(
                ast.Attribute(ast.Call(ast.Name("get_ipython")), "run_line_magic"),
                [ast.Constant(str(command)), ast.Constant(str(rest))],
            )
        ):
            pass
        case ast.Expr(
            ast.Call(
                ast.Attribute(ast.Call(ast.Name("get_ipython")), "run_cell_magic"),
                [ast.Constant(str(command)), ast.Constant(str(first)), ast.Constant(str(body))],
            )
        ):
            rest = f"{OPTIONS.sub('', f'{first} ')}\n{body}"
        case _:
            return [line]
    harmless = {"matplotlib": BACKEND, "config": HARMLESS_SETTING}.get(command)
    if harmless is not None and harmless.fullmatch(rest):
        return []
    # A command that times another one is read no further: it could hold thousands of them.
    if command in TIMING and not rest.lstrip().startswith("%"):
        return tree_of(OPTIONS.sub("", rest).strip() or "pass").body
    return [line]


def given_by(tree: ast.Module) -> set[str]:
    """Return the names that other cells can use after this one."""
    return set().union(*map(gives, tree.body))


def gives(statement: ast.stmt) -> set[str]:
    """Return the names that other statements can use after this one."""
    if is_scope(statement):
        return {statement.name}
    changed = {
        node.value.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute | ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.ctx, ast.Store)
    }
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(id=root)))):
            changed.add(root)
        case ast.ImportFrom(module="calibkit", names=[ast.alias(name="*")]):
            changed |= set(dir(calibkit))
    return bound(statement) | imported(statement) | changed


def touches(statement: ast.stmt) -> set[str]:
    """Return the variables that a statement can change: whose methods it names, or that it passes.

    A list gets a new item in either way, however the statement hides the call.
    """
    if is_scope(statement):
        return set()
    nodes = list(ast.walk(statement))
    passed = [argument for node in nodes if isinstance(node, ast.Call) for argument in node.args]
    passed += [node.value for node in nodes if isinstance(node, ast.Attribute)]
    return {node.id for node in passed if isinstance(node, ast.Name)}


def is_scope(statement: ast.stmt) -> bool:
    """Say whether a statement is a function or a class, which keeps its variables to itself."""
    return isinstance(statement, ast.FunctionDef | ast.ClassDef)


def needs(statement: ast.stmt) -> set[str]:
    """Return the names that a statement takes from others."""
    loaded = {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return loaded - bound(statement) if is_scope(statement) else loaded


def imported(tree: ast.AST) -> set[str]:
    """Return the names under which a cell imports something."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(one.asname or one.name).partition(".")[0] for node in imports for one in node.names}


def bound(tree: ast.AST) -> set[str]:
    """Return the names that a cell gives: functions, classes, arguments and variables."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names
