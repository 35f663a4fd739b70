"""Flag code that a person should read, because an honest answer hardly needs it.

A flag is no judgement: it says what stands in a cell. The rules look at the code alone and run
nothing, so who hides well is not seen. ``grade.py`` keeps harm away, not these rules.
"""

import ast
import io
import re
import symtable
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from textwrap import dedent

from course import marked_cells_of
from nbformat import NotebookNode
from repair import MAGIC, is_locked, parses, released

import calibkit

FLAGGED_NAMES = {
    "get_ipython", "builtins", "__builtins__", "__import__", "exec", "eval", "compile", "setattr",
    "delattr", "globals", "locals", "vars", "open", "exit", "quit", "AssertionError", "__file__",
    "In", "Out", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "breakpoint", "make_dataclass",
}  # fmt: skip
FLAGGED_MODULES = {
    "builtins", "subprocess", "socket", "ctypes", "os", "sys", "shutil", "pathlib", "importlib",
    "inspect", "gc", "sqlite3", "nbgrader", "IPython", "multiprocessing", "threading", "signal",
    "atexit", "pickle", "urllib", "requests", "http", "glob", "tempfile", "site", "runpy", "pty",
    "linecache", "ast", "code", "unittest", "pytest", "jupyter_client", "ipykernel", "psutil",
    "library", "overrides", "fx", "f2py", "ctypeslib", "cpp_extension", "hub",
}  # fmt: skip
# No list can name all modules that run texts as code or lead to other modules, so every module is
# flagged that the assignment does not import itself and that is not one of these.
HONEST_MODULES = {
    "bisect", "calibkit", "cmath", "collections", "copy", "dataclasses", "decimal", "fractions",
    "functools", "heapq", "itertools", "math", "matplotlib", "numbers", "numpy", "pandas", "random",
    "re", "scipy", "seaborn", "sklearn", "statistics", "string", "textwrap", "time", "torch",
    "tqdm", "typing", "warnings",
}  # fmt: skip
READS_OR_WRITES = {
    "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmtree", "glob", "rglob",
    "iterdir", "listdir", "load", "loadtxt", "genfromtxt", "fromfile", "tofile", "save", "savez",
    "savetxt", "read_csv", "memmap", "expanduser", "home", "getsource", "system", "popen",
    "settrace", "get_ipython",
    # these run or follow a text, or change the object that they are given
    "runstring", "rundocs", "measure", "Timer", "get_type_hints", "ForwardRef", "Formatter",
    "update_wrapper",
}  # fmt: skip
# Their star gives functions and no modules, such as sys.
HONEST_STARS = {"calibkit", "cmath", "itertools", "math", "numpy", "random", "statistics", "torch"}
# These lead from a function, or an error, to the variables of whoever called it.
FRAME = r"(?:(?:gi|cr|ag)_(?:frame|code)|tb_(?:frame|next)|f_(?:back|globals|locals|builtins))"
# A hook of all modules sees and changes what every network gives, also in the tests.
INSIDE = re.compile(rf"{FRAME}|register_module_\w+")
INSIDE_TEXT = re.compile(rf"__\w+__|\b{FRAME}\b")
# other libraries in which an answer to a question about calibration can be had
OTHER_LIBRARIES = ("torchmetrics", "netcal", "sklearn.calibration", "mapie", "relplot")
HARMLESS_METHODS = {"__init__", "__call__", "__repr__", "__len__", "__iter__", "__post_init__"}
# what these commands run is read like all other code
TIMING = ("time", "timeit")
HISTORY = re.compile(r"_i+\d*")  # IPython keeps the code of each cell, also of the tests
BACKEND = re.compile(r"\w*\s*")
HARMLESS_SETTING = re.compile(r"InlineBackend\.\w+\s*=\s*(\w+|(['\"])\w+\2)\s*")
OPTIONS = re.compile(r"^(\s*-\w+(\s*\d+)?\s)+")
OUTSIDE = re.compile(
    r"^(/[\w.-]+/|~[/\\]|~$|[A-Za-z]:[\\/])|(^|[/\\])\.\.([/\\]|$)|gradebook|\$HOME"
)
WITHOUT = re.compile(r"without\s+((?:`?calibkit\.\w+`?(?:,| and| or)?\s*)+)")
MOST_SHARED = 0.7  # of the runs of words of an essay that another one may have, too
# The same for tokens of code. Of 580 pairs of right answers in tests/submissions, none shares more
# than 0.75. A copy with one other line or token shares 0.9 and more.
MOST_SHARED_OF_CODE = 0.85
MOST_CODE = 100_000  # characters; an honest notebook has a tenth, and more would take hours
SHORT = 80  # nodes of a syntax tree; whoever writes less may well write the same as another student


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
            yield f"{_where(cell)} is no Python that this check can read."
    locked = [cell for cell in marked_cells_of(given).values() if is_locked(cell)]
    shown = [code for code in given_code if code not in {cell.source for cell in locked}]
    secrets = _names_of_tests(source) - set().union(*(_bound(tree_of(code)) for code in shown))
    for cell, tree in zip(own, trees, strict=True):
        peeks = (f"{name} of the tests" for name in sorted(_from_outside(tree) & secrets))
        if found := dict.fromkeys(
            [*_flagged(tree), *_inner_parts(tree), *_odd_names(tree), *peeks]
        ):
            yield f"{_where(cell)} uses {', '.join(found)}."
    statements = [statement for tree in trees for statement in tree.body]
    yield from _library_calls(statements, source)


def _where(cell: NotebookNode) -> str:
    name = cell.metadata.get("nbgrader", {}).get("grade_id")
    return f"The cell {name}" if name else "A cell without a question"


# --- answers that call the library ----------------------------------------------------------------


def _library_calls(statements: list[ast.stmt], source: NotebookNode) -> Iterator[str]:
    """Yield the questions whose answer calls what it should write itself, also by a helper.

    A comparison with calibkit beside the answer is no cheat: only what the answer needs counts.
    """
    models = {name: tree_of(cell.source) for name, cell in _solutions(source).items()}
    names = {name: given_by(tree) | {name} for name, tree in models.items()}
    aliases = {"calibkit"}.union(*(_aliases(statement) for statement in statements))
    used_by = {name: _of_calibkit(tree, {"calibkit"}) for name, tree in models.items()}
    variables = set().union(*(_bound(s) for s in statements if not _is_scope(s)))
    given = {id(s): _gives(s) | (_touches(s) & variables) for s in statements}
    for question, forbidden in _forbidden(source).items():
        if not forbidden:
            continue
        sought = set(names[question])
        needed: list[ast.stmt] = []
        while more := [s for s in statements if s not in needed and given[id(s)] & sought]:
            needed += more
            sought |= set().union(*map(_needs, more))
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
        text += f"\n{cell.source}"
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


def given_by(tree: ast.Module) -> set[str]:
    """Return the names that other cells can use after this one."""
    return set().union(*map(_gives, tree.body))


def _gives(statement: ast.stmt) -> set[str]:
    """Return the names that other statements can use after this one."""
    if _is_scope(statement):
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
    return _bound(statement) | _imported(statement) | changed


def _touches(statement: ast.stmt) -> set[str]:
    """Return the variables that a statement can change: whose methods it names, or that it passes.

    A list gets a new item in either way, however the statement hides the call.
    """
    if _is_scope(statement):
        return set()
    nodes = list(ast.walk(statement))
    passed = [argument for node in nodes if isinstance(node, ast.Call) for argument in node.args]
    passed += [node.value for node in nodes if isinstance(node, ast.Attribute)]
    return {node.id for node in passed if isinstance(node, ast.Name)}


def _is_scope(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.ClassDef)


def _needs(statement: ast.stmt) -> set[str]:
    """Return the names that a statement takes from others."""
    loaded = {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return loaded - _bound(statement) if _is_scope(statement) else loaded


# --- unusual code ---------------------------------------------------------------------------------


def tree_of(text: str) -> ast.Module:
    """Return the syntax tree of a cell; an empty one if it is no valid Python.

    What a timing command runs stands in its place, and harmless commands are left out.
    """
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


def _flagged(tree: ast.Module) -> Iterator[str]:
    """Yield what is unusual in a cell."""
    prose = _prose(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in FLAGGED_NAMES or HISTORY.fullmatch(name):
                yield name
            case ast.Import(names=names):
                yield from (one.name for one in names if _is_flagged(one.name))
            case ast.ImportFrom(module=str(module), names=names):
                paths = [module, *(f"{module}.{one.name}" for one in names)]
                yield from [path for path in paths if _is_flagged(path)][:1]
            case ast.Attribute(attr=attribute, ctx=ast.Store() | ast.Del()) if not _is_own(node):
                yield f"an assignment to {ast.unparse(node)}"
            case ast.Attribute(attr=attribute) if attribute in FLAGGED_MODULES:
                yield ast.unparse(node)
            case ast.MatchClass(kwd_attrs=[_, *_]):
                yield "a pattern with attributes"
            case ast.Global(names=names):
                yield f"global {', '.join(names)}"
            case ast.Attribute(attr=attribute) if attribute in READS_OR_WRITES:
                yield f".{attribute}"
            case ast.Attribute(attr=attribute) if _is_special(attribute) and attribute not in {
                "__init__",
                "__name__",
                "__doc__",
            }:
                yield f".{attribute}"
            case ast.Constant(value=str(text)) if id(node) not in prose and OUTSIDE.search(text):
                yield f"the path {text!r}"


def _inner_parts(tree: ast.Module) -> Iterator[str]:
    """Yield what leads into modules, functions or texts, in which other code can be reached."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=[ast.alias("*")]) if (
                module not in HONEST_STARS
            ):
                yield f"all names of {module}"
            case ast.Attribute(attr=attribute) if _is_inside(attribute) and not _is_own(node):
                yield f".{attribute}"
            case ast.Call(ast.Attribute(attr="eval" | "query" as attribute), [_, *_]):
                yield f".{attribute} of a text"
            case ast.Call(ast.Attribute(attr="wraps") | ast.Name("wraps"), arguments, keywords) if (
                len(arguments) + len(keywords) > 1
            ):
                yield "wraps with more than a function"
            case ast.Constant(value=str(text)) if "import" in text and _imports(text):
                yield f"code in the text {text!r}"


def _odd_names(tree: ast.Module) -> Iterator[str]:
    """Yield special methods, however they are given to a class, and computed names."""
    prose = _prose(tree)
    plain_getattr = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and [type(argument) for argument in node.args[1:2]] == [ast.Constant]
    }
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) if _is_special(name) and name not in HARMLESS_METHODS:
                yield f"a method {name}"
            case ast.Name(id=name, ctx=ast.Store()) if _is_special(name):
                yield f"a method {name}"
            case ast.keyword(arg=str(name)) if _is_special(name):
                yield f"a method {name}"
            case ast.Constant(value=str(text)) if id(node) not in prose and INSIDE_TEXT.search(
                text
            ):
                yield f"the name {text!r}"
            case ast.Name(id="getattr") if id(node) not in plain_getattr:
                yield "getattr with a computed name"
            case ast.Call(ast.Name(id="getattr"), [_, ast.Constant(value=str(name)), *_]) if (
                name in FLAGGED_MODULES | READS_OR_WRITES or _is_inside(name)
            ):
                yield f"getattr with {name!r}"
            case ast.Call(func=ast.Name(id="type"), args=[_, _, _]):
                yield "a class made by type"


def _imports(text: str) -> bool:
    """Say whether a text is code that imports something: many functions run a text."""
    try:
        found = ast.walk(ast.parse(dedent(text)))
        return any(isinstance(node, ast.Import | ast.ImportFrom) for node in found)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _prose(tree: ast.Module) -> set[int]:
    """Return the nodes of texts that no code uses, such as docstrings."""
    alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    return {id(value) for value in alone if isinstance(value, ast.Constant)}


def _is_inside(name: str) -> bool:
    """Say whether an attribute belongs to the inside of a module, a class or a running function."""
    is_private = name.startswith("_") and not _is_special(name)
    return is_private or bool(INSIDE.fullmatch(name))


def _names_of_tests(source: NotebookNode) -> set[str]:
    """Return the names that tests give, which hold the right results while an answer runs."""
    tests = [cell for cell in marked_cells_of(source).values() if is_locked(cell)]
    tables = [symtable.symtable(ast.unparse(tree_of(cell.source)), "", "exec") for cell in tests]
    symbols = [symbol for table in tables for symbol in table.get_symbols()]
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned()}


def _from_outside(tree: ast.Module) -> set[str]:
    """Return the names that functions take from outside of themselves when they are called."""
    names = set()
    tables = [(symtable.symtable(ast.unparse(tree), "", "exec"), False)]
    while tables:
        table, is_called = tables.pop()
        # A class and a comprehension run at once, and a generator when somebody asks it for more.
        is_function = table.get_type() == "function" and not table.get_name().endswith("comp")
        is_called |= is_function
        tables += [(inner, is_called) for inner in table.get_children()]
        if is_called:
            names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return names


def _is_own(target: ast.Attribute) -> bool:
    """Say whether an assignment changes an object as honest code does, and nothing imported."""
    is_of_self = isinstance(target.value, ast.Name) and target.value.id == "self"
    return is_of_self or target.attr in {"data", "grad", "requires_grad", "training"}


def _is_flagged(path: str) -> bool:
    """Say whether a module, or a name in it, is unusual."""
    root, *inside = path.split(".")
    unusual = FLAGGED_MODULES | FLAGGED_NAMES | READS_OR_WRITES
    return (
        root not in HONEST_MODULES
        or not unusual.isdisjoint(inside)
        or any(map(_is_inside, inside))
        or path.startswith(OTHER_LIBRARIES)
    )


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _imported(tree: ast.AST) -> set[str]:
    """Return the names under which a cell imports something."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(one.asname or one.name).partition(".")[0] for node in imports for one in node.names}


def _bound(tree: ast.AST) -> set[str]:
    """Return the names that a cell gives: functions, classes, arguments and variables."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


# --- answers that are alike -----------------------------------------------------------------------


@dataclass
class Group:
    """Students whose answers to a question are alike: by their runs, the first student's first."""

    students: dict[frozenset[int], list[str]]
    share: float = 1.0  # the smallest that another answer has with the first


def identical(
    notebooks: dict[str, NotebookNode], source: NotebookNode
) -> dict[tuple[str, ...], list[str]]:
    """Return for each group of students the questions to which they gave the same answer.

    Names of variables, comments, docstrings and the layout do not count, and few other changes do
    not hide a copy: the question then says how alike the answers are. Answers as they were released
    do not count, nor do short ones, which many students write.
    """
    given = {name: _runs(essence(cell)) for name, cell in marked_cells_of(released(source)).items()}
    found: dict[str, list[Group]] = defaultdict(list)
    for student, notebook in notebooks.items():
        for name, cell in marked_cells_of(notebook).items():
            runs, is_code = _runs(essence(cell)), cell.cell_type == "code"
            if runs and not is_locked(cell) and not _share(runs, given[name], is_code):
                _add(found[name], student, runs, is_code)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, of_question in found.items():
        for group in of_question:
            for who in group.students.values():
                if len(who) > 1:
                    groups[tuple(who)].append(name)
            if len(group.students) > 1:
                everybody = tuple(one for who in group.students.values() for one in who)
                groups[everybody].append(f"{name} ({100 * group.share:.0f}% alike)")
    return groups


def _add(groups: list[Group], student: str, runs: frozenset[int], is_code: bool) -> None:
    """Add a student to the group that has the same answer, or the first one with one like it."""
    for group in groups:
        if runs in group.students:
            group.students[runs].append(student)
            return
    for group in groups:
        if share := _share(runs, next(iter(group.students)), is_code):
            group.students[runs] = [student]
            group.share = min(group.share, share)
            return
    groups.append(Group({runs: [student]}))


def _share(runs: frozenset[int], others: frozenset[int], is_code: bool) -> float:
    """Return the share of their runs that two answers have in common, or 0 if it is too small.

    An essay can also be a part of another one. Whoever copies code copies all of it.
    """
    sizes = len(runs), len(others)
    share = len(runs & others) / max(1.0, sum(sizes) / 2 if is_code else min(sizes))
    return share if share > (MOST_SHARED_OF_CODE if is_code else MOST_SHARED) else 0.0


def _runs(words: list[str]) -> frozenset[int]:
    """Return all runs of three words, as numbers; those that repeat each time as another one."""
    seen: Counter[tuple[str, ...]] = Counter()
    numbers = set()
    for run in zip(words, words[1:], words[2:], strict=False):
        seen[run] += 1
        numbers.add(hash((*run, seen[run])))
    return frozenset(numbers) or frozenset(map(hash, words))


def essence(cell: NotebookNode) -> list[str]:
    """Return the words, or the tokens of code, that copies share; nothing for a short answer."""
    if cell.cell_type != "code":
        text = " ".join(cell.source.lower().split())
        return (re.findall(r"\w+", text) or [text]) if len(text) > 2 * SHORT else []
    tree = tree_of(cell.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            node.body = [one for one in node.body if not _is_prose(one)] or [ast.Pass()]
    if sum(1 for _ in ast.walk(tree)) < SHORT:
        return []
    own = _bound(tree)
    try:
        lines = io.StringIO(ast.unparse(tree)).readline
        tokens = [token.string.strip() for token in tokenize.generate_tokens(lines)]
    # Deep nesting or a huge number must not stop the check.
    except (RecursionError, ValueError, SyntaxError, tokenize.TokenError):
        return cell.source.split()
    return ["own name" if token in own else token for token in tokens]


def _is_prose(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
