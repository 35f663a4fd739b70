"""Find unusual code: names, attributes and texts that an honest answer hardly needs."""

import ast
import math
import re
import symtable
from collections.abc import Iterator
from functools import cache
from textwrap import dedent

import numpy as np
import scipy
import torch

import calibkit

FLAGGED_NAMES = {
    "get_ipython", "builtins", "__builtins__", "__import__", "exec", "eval", "compile", "setattr",
    "delattr", "globals", "locals", "vars", "open", "exit", "quit", "AssertionError", "__file__",
    "In", "Out", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "breakpoint", "make_dataclass",
    "memoryview",
}  # fmt: skip
FLAGGED_MODULES = {
    "builtins", "subprocess", "socket", "ctypes", "os", "sys", "shutil", "pathlib", "importlib",
    "inspect", "gc", "sqlite3", "nbgrader", "IPython", "multiprocessing", "threading", "signal",
    "atexit", "pickle", "urllib", "requests", "http", "glob", "tempfile", "site", "runpy", "pty",
    "linecache", "ast", "code", "unittest", "pytest", "jupyter_client", "ipykernel", "psutil",
    "library", "overrides", "fx", "f2py", "ctypeslib", "cpp_extension", "hub", "jit", "package",
    "collect_env", "datapipes", "core", "concurrent", "distributed", "externals", "tensorboard",
    "parallel", "texmanager", "dviread", "model_zoo",
    # other modules lead to these, by just these names
    "io", "types", "bltns",
}  # fmt: skip
# No list can name all modules that run texts as code or lead to other modules, so every module is
# flagged that the assignment does not import itself and that is not one of these.
HONEST_MODULES = {
    "__future__", "abc", "datetime", "pprint",
    "bisect", "calibkit", "cmath", "collections", "contextlib", "copy", "dataclasses", "decimal",
    "enum", "fractions", "functools", "heapq", "itertools", "math", "matplotlib", "numbers",
    "numpy", "operator", "pandas", "random", "re", "scipy", "seaborn", "sklearn", "statistics",
    "string", "textwrap", "time", "torch", "tqdm", "typing", "warnings",
}  # fmt: skip
READS_OR_WRITES = {
    "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rmtree", "glob", "rglob",
    "iterdir", "listdir", "load", "loadtxt", "genfromtxt", "fromfile", "tofile", "save", "savez",
    "savetxt", "read_csv", "memmap", "expanduser", "home", "getsource", "system", "popen",
    "settrace", "get_ipython", "DataSource", "cache_folder", "savez_compressed",
    # these run or follow a text, or change the object that they are given
    "runstring", "rundocs", "measure", "Timer", "get_type_hints", "ForwardRef", "Formatter",
    "update_wrapper", "attrgetter", "methodcaller", "singledispatch",
    "singledispatchmethod", "bmat", "getp", "setp", "StrMethodFormatter", "ensure_scope",
    "as_strided", "from_dlpack", "to_dlpack", "frombuffer", "switch_backend",
    "subprocess_run_for_testing", "LowLevelCallable",
    # these keep files, or what all later code does, also that of the tests
    "dump", "open_memmap", "open_file_cm", "get_sample_data", "HDFStore", "ExcelFile",
    "ExcelWriter", "temppath", "tempdir", "enter_context", "seterrcall", "saved_tensors_hooks",
    "set_default_dtype", "set_default_device", "set_default_tensor_type", "swap_tensors",
}  # fmt: skip
# Libraries have very many functions for files, whose names are alike.
FILES = re.compile(
    r"(?:read|write|load|save|fetch|dump|export)_\w+|im(?:read|save)|(?:load|save)mat|from_?file"
    r"|fromregex|rc_\w*file"
    r"|to_(?:csv|excel|feather|hdf|html|json|latex|markdown|orc|parquet|pickle|sql|stata|xml)"
)
HARMLESS_LOADS = {
    "load_digits", "load_iris", "load_wine", "load_breast_cancer", "load_state_dict",
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
HARMLESS_METHODS = {
    "__init__", "__call__", "__repr__", "__len__", "__iter__", "__post_init__", "__getitem__",
    "__str__", "__next__", "__enter__", "__exit__",
}  # fmt: skip
HARMLESS_ATTRIBUTES = {
    "__init__", "__name__", "__doc__", "__getitem__", "__contains__", "__len__", "__version__",
    "__class__",
}  # fmt: skip
HARMLESS_PRIVATE = {"_replace", "_asdict", "_fields"}  # of named tuples
LIBRARIES = {"calibkit", "math", "np", "numpy", "scipy", "torch"}
USED_BY_TESTS = (
    math, np, np.linalg, np.random, np.random.Generator, np.ndarray, torch, torch.nn, torch.optim,
    torch.nn.functional, torch.nn.Module, torch.Tensor, torch.Generator, torch.optim.Optimizer,
    calibkit, calibkit.TemperatureScaler, calibkit.ConformalSets, calibkit.Report, scipy.optimize,
)  # fmt: skip
HISTORY = re.compile(r"_i+\d*")  # IPython keeps the code of each cell, also of the tests
OUTSIDE = re.compile(
    r"^(/[\w.-]+/|~[/\\]|~$|[A-Za-z]:[\\/]|module://)|(^|[/\\])\.\.([/\\]|$)|gradebook|\$HOME"
)


def unusual(tree: ast.Module) -> Iterator[str]:
    """Yield what is unusual in a cell, in words."""
    yield from _assignments(tree)
    yield from _flagged(tree)
    yield from _inner_parts(tree)
    yield from _odd_names(tree)


def _assignments(tree: ast.Module) -> Iterator[str]:
    """Yield assignments to attributes, and to tables of a library, which can change the tests."""
    own = _own_attributes(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attribute, ctx=ast.Store() | ast.Del()) if not (
                _is_own(node) or (attribute in own and _root(node) not in LIBRARIES)
            ):
                yield f"an assignment to {ast.unparse(node)}"
            case ast.Subscript(value=ast.Attribute() as table, ctx=ast.Store() | ast.Del()) if (
                _root(table) in LIBRARIES
            ):
                yield f"an assignment to {ast.unparse(node)}"


def _flagged(tree: ast.Module) -> Iterator[str]:
    """Yield unusual names, attributes, imports and paths."""
    prose = _prose(tree)
    for node in ast.walk(tree):
        match node:
            # Their own checks may raise and catch it, and nothing may stand for it.
            case ast.Name(id="AssertionError", ctx=ast.Load()):
                pass
            case ast.Name(id=name) if name in FLAGGED_NAMES or HISTORY.fullmatch(name):
                yield name
            case ast.Import(names=names):
                yield from (one.name for one in names if _is_flagged(one.name))
            case ast.ImportFrom(module=str(module), names=names):
                paths = [module, *(f"{module}.{one.name}" for one in names)]
                yield from [path for path in paths if _is_flagged(path)][:1]
            case ast.Attribute(attr=attribute) if attribute in FLAGGED_MODULES:
                yield ast.unparse(node)
            case ast.MatchClass(kwd_attrs=[_, *_]):
                yield "a pattern with attributes"
            case ast.Global(names=names):
                yield f"global {', '.join(names)}"
            case ast.Attribute(attr=attribute) if _reads_or_writes(attribute):
                yield f".{attribute}"
            case ast.Attribute(attr=attribute) if (
                _is_special(attribute) and attribute not in HARMLESS_ATTRIBUTES
            ):
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
            case ast.Call(
                ast.Attribute(text, attr="format" | "format_map"), arguments, keywords
            ) if not isinstance(text, ast.Constant) and not _are_constants(arguments, keywords):
                yield "format of a computed text"
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
            case ast.Constant(value=str(text)) if (
                id(node) not in prose and text != "__main__" and INSIDE_TEXT.search(text)
            ):
                yield f"the name {text!r}"
            case ast.Name(id="getattr") if id(node) not in plain_getattr:
                yield "getattr with a computed name"
            case ast.Call(ast.Name(id="getattr"), [_, ast.Constant(value=str(name)), *_]) if (
                name in FLAGGED_MODULES or _reads_or_writes(name) or _is_inside(name)
            ):
                yield f"getattr with {name!r}"
            case ast.Call(func=ast.Name(id="type"), args=[_, _, _]):
                yield "a class made by type"


def _are_constants(arguments: list[ast.expr], keywords: list[ast.keyword]) -> bool:
    """Say whether a call gets only numbers and texts as they are, which lead nowhere."""
    values = [*arguments, *(keyword.value for keyword in keywords)]
    return all(isinstance(value, ast.Constant) for value in values)


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
    return (is_private and name not in HARMLESS_PRIVATE) or bool(INSIDE.fullmatch(name))


def names_from_outside(tree: ast.Module) -> set[str]:
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


def _own_attributes(tree: ast.Module) -> set[str]:
    """Return the attributes of classes and functions of the student, and of tables of pandas.

    No module has them, nor have numbers, arrays or tensors: to change them disarms no test.
    """
    names = set()
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(body=body):
                names |= {name.id for line in body for name in _stored(line)}
            case ast.Attribute(ast.Name(id=root), name, ast.Store()) if (
                root == "self" or root in functions
            ):
                names.add(name)
    own = {name for name in names if not _is_of_a_library(name) and not _is_special(name)}
    return own | {"columns", "index"}


def _stored(line: ast.stmt) -> Iterator[ast.Name]:
    """Yield the names that a line of a class gives."""
    targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
    yield from (target for target in targets if isinstance(target, ast.Name))


@cache
def _is_of_a_library(name: str) -> bool:
    """Say whether something that tests use has an attribute of this name."""
    return any(hasattr(one, name) for one in USED_BY_TESTS)


def _root(node: ast.expr) -> str:
    """Return the name with which a path of attributes begins, or nothing."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_own(target: ast.Attribute) -> bool:
    """Say whether an assignment changes an object as honest code does, and nothing imported."""
    is_of_self = isinstance(target.value, ast.Name) and target.value.id == "self"
    return is_of_self or target.attr in {"data", "grad", "requires_grad", "training"}


def _is_flagged(path: str) -> bool:
    """Say whether a module, or a name in it, is unusual."""
    root, *inside = path.split(".")
    unusual = FLAGGED_MODULES | FLAGGED_NAMES
    return (
        root not in HONEST_MODULES
        or not unusual.isdisjoint(inside)
        or any(_is_inside(name) or _reads_or_writes(name) for name in inside)
        or path.startswith(OTHER_LIBRARIES)
    )


def _reads_or_writes(name: str) -> bool:
    """Say whether a function of this name works on files, or runs or follows a text."""
    is_for_files = FILES.fullmatch(name) is not None and name not in HARMLESS_LOADS
    return name in READS_OR_WRITES or is_for_files


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
