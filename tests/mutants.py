"""Change the model answers of the assignments in the ways in which students get them wrong.

``python -m tests.mutants ps2_measuring_calibration`` changes one thing at a time (off by one, the
other axis, the sum for the mean, a missing case, ...) and prints every changed answer that keeps
its points, although KEPT in tests/submissions gives no reason for it.
``python -m tests.mutants ps2_measuring_calibration ece`` does so for one question.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import matplotlib
import torch
from tqdm import tqdm

from tests.answers import Assignment, submissions

SECONDS = 10  # a change can make a search endless
SWAPPED = dict(
    pair
    for a, b in (
        ("sum", "mean"),
        ("max", "min"),
        ("amax", "amin"),
        ("argmax", "argmin"),
        ("maximum", "minimum"),
        ("floor", "ceil"),
        ("any", "all"),
        ("zeros", "ones"),
        ("std", "var"),
        ("median", "mean"),
        ("softmax", "log_softmax"),
        ("exp", "log"),
    )
    for pair in ((b, a), (a, b))
)
OTHER_OPERATORS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Div],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
}
OTHER_COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}


class Mutant(NamedTuple):
    """A changed answer; the change is written as ``statement before -> statement after``."""

    change: str
    answer: str


def mutants(answer: str) -> Iterator[Mutant]:
    """Yield every answer that differs from the given one in one place."""
    tree = ast.parse(answer)
    seen = {ast.unparse(tree)}
    for statement, node, put in list(_places(tree)):
        before = _first_line(statement)
        for other in _changes(node):
            put(other)
            changed = ast.unparse(tree)
            replaced = other if node is statement else statement
            if changed not in seen:
                seen.add(changed)
                yield Mutant(f"{before} -> {_first_line(replaced)}", changed)
            put(node)


def _places(tree: ast.Module) -> Iterator[tuple[ast.stmt, ast.AST, Callable[[Any], None]]]:
    """Yield every node with the statement that it is in, and how it is replaced."""

    def inside(
        parent: ast.AST, statement: ast.stmt | None
    ) -> Iterator[tuple[ast.stmt, ast.AST, Callable[[Any], None]]]:
        for field, value in ast.iter_fields(parent):
            if isinstance(value, list):
                children = [(child, partial(value.__setitem__, k)) for k, child in enumerate(value)]
            else:
                children = [(value, partial(setattr, parent, field))]
            for child, put in children:
                if isinstance(child, ast.AST) and not _is_docstring(child):
                    own = child if isinstance(child, ast.stmt) else statement
                    if own is not None:
                        yield own, child, put
                    yield from inside(child, own)

    yield from inside(tree, None)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _first_line(statement: ast.AST) -> str:
    """Return the first line of a statement, and of a function also the first that it runs."""
    line = ast.unparse(statement).partition("\n")[0]
    if isinstance(statement, ast.FunctionDef):
        run = next(child for child in statement.body if not _is_docstring(child))
        return f"{line} {_first_line(run)}"
    return line


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a student could have written in place of a node."""
    match node:
        case ast.Constant():
            yield from _changed_constants(node.value)
        case ast.BinOp() | ast.Compare() | ast.BoolOp() | ast.UnaryOp():
            yield from _changed_operations(node)
        case ast.Call():
            yield from _changed_calls(node)
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.comprehension(target, iterable, ifs, is_async):
            for k in range(len(ifs)):
                yield ast.comprehension(target, iterable, ifs[:k] + ifs[k + 1 :], is_async)
        case ast.Slice(lower, upper, step):
            ends = [lower, upper, step]
            for k, end in enumerate(ends):
                if end:
                    yield ast.Slice(*ends[:k], None, *ends[k + 1 :])
        case ast.stmt():
            yield from _changed_statements(node)


def _changed_constants(value: object) -> Iterator[ast.expr]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int():
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case float():
            yield ast.Constant(2 * value)


def _changed_operations(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, [operator], [right]):
            for other in OTHER_COMPARISONS[type(operator)]:
                yield ast.Compare(left, [other()], [right])
        case ast.BinOp(left, operator, right):
            for swapped in OTHER_OPERATORS.get(type(operator), []):
                yield ast.BinOp(left, swapped(), right)
            yield from (left, right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            yield from values
        case ast.UnaryOp(operand=operand):
            yield operand


def _changed_statements(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.If(_, body, orelse):
            yield ast.If(ast.Constant(False), body, orelse)
            yield ast.If(ast.Constant(True), body, orelse)
        case ast.AugAssign(target, _, value):
            yield ast.Assign([target], value, lineno=0)
            yield ast.Pass()
        case ast.Expr() | ast.Assign():
            yield ast.Pass()
        case ast.FunctionDef(name, arguments, body) if arguments.defaults:
            with_default = arguments.args[-len(arguments.defaults) :]
            for argument, default in zip(with_default, arguments.defaults, strict=True):
                ignored = ast.Assign([ast.Name(argument.arg)], default, lineno=0)
                n = int(_is_docstring(body[0]))
                own_body = [*body[:n], ignored, *body[n:]]
                yield ast.FunctionDef(name, arguments, own_body, [], lineno=0)


def _changed_calls(call: ast.Call) -> Iterator[ast.expr]:
    """Yield calls of a similar function, without an argument, or what the call is applied to."""
    function, arguments, keywords = call.func, call.args, call.keywords
    for k in range(len(keywords)):
        yield ast.Call(function, arguments, keywords[:k] + keywords[k + 1 :])
    match function:
        case ast.Name(name):
            if name in SWAPPED:
                yield ast.Call(ast.Name(SWAPPED[name]), arguments, keywords)
            if len(arguments) == 1:
                yield arguments[0]
        case ast.Attribute(value, name):
            if name in SWAPPED:
                yield ast.Call(ast.Attribute(value, SWAPPED[name]), arguments, keywords)
            of_module = isinstance(value, ast.Name) and value.id in ("np", "torch", "math")
            if of_module and len(arguments) == 1:
                yield arguments[0]
            if not of_module:
                yield value


def kept(assignment: Assignment, question: str) -> Iterator[Mutant | None]:
    """Yield every mutant that keeps its points, and None for each that loses them."""
    for mutant in mutants(assignment.questions[question].solution):
        found = assignment.fault(question, mutant.answer, SECONDS)
        yield None if found else mutant


def main(name: str, only: str | None = None) -> int:
    """Print the mutants that keep their points without a reason."""
    matplotlib.use("agg")
    torch.set_num_threads(1)
    assignment = Assignment(name)
    reasons = submissions(name).get("KEPT", {})
    n_unexplained = 0
    for question in [only] if only else assignment.questions:
        tried = list(tqdm(kept(assignment, question), desc=question, unit="mutant"))
        survivors = [mutant for mutant in tried if mutant]
        unexplained = [m for m in survivors if (question, m.change) not in reasons]
        print(f"{question}: {len(tried)} mutants, {len(survivors)} keep their points")
        for mutant in unexplained:
            print(f"    no reason: {mutant.change}")
        n_unexplained += len(unexplained)
    return int(n_unexplained > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
