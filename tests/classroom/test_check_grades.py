"""What a teacher is told: points, what waits, repairs, and code that a person should read."""

import re
import shutil
import time
from copy import deepcopy
from pathlib import Path
from zipfile import ZipFile

import jupytext
import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.answers import submissions

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "notebooks" / "assignments").glob("ps*.py"))
PS2 = "ps2_measuring_calibration"
ECE = """
def ece(confidence, correct, n_bins=15):
    total = 0.0
    for k in range(n_bins):
        low, high = k / n_bins, (k + 1) / n_bins
        here = (confidence > low) & (confidence <= high)
        if here.any():
            total += abs(correct[here].mean() - confidence[here].mean()) * here.mean()
    return float(total)
"""


@pytest.fixture(scope="module")
def sources():
    """The notebooks of source/, made without nbgrader, which would take long."""
    from make_assignments import with_nbgrader_metadata

    made = [with_nbgrader_metadata(jupytext.read(s, fmt="py:percent")) for s in SCRIPTS]
    return dict(zip([script.stem for script in SCRIPTS], made, strict=True))


def only(source, question, code):
    """A notebook with one answer and nothing else."""
    cell = deepcopy(marked(source)[question])
    cell.source = code
    return nbformat.v4.new_notebook(cells=[cell])


def marked(notebook):
    from course import marked_cells_of

    return marked_cells_of(notebook)


def answered(source, answers):
    notebook = deepcopy(source)
    cells = marked(notebook)
    for name, text in answers.items():
        cells[name].source = text
    return notebook


@pytest.mark.parametrize("name", [script.stem for script in SCRIPTS])
def test_no_right_answer_is_flagged(sources, name):
    """Neither the model answers, nor those that look different; several fit into one notebook."""
    from cheats import flags
    from repair import released

    source = sources[name]
    assert list(flags(source, source)) == []
    assert list(flags(released(source), source)) == []
    lists = {question: list(given) for question, given in submissions(name)["DIFFERENT"].items()}
    while any(lists.values()):
        answers = {question: left.pop() for question, left in lists.items() if left}
        assert list(flags(answered(source, answers), source)) == []


CHEATS = {
    "drops_asserts": "get_ipython().input_transformers_cleanup.append(lambda lines: [])",
    "magic": "%run ../../../source/ps2/ps2.ipynb",
    "shell": "!cat /etc/passwd",
    "shell_cell": "%%bash\nls",
    "reads_source": "text = open('../../../source/ps2/ps2.ipynb').read()",
    "reads_with_pathlib": "from pathlib import Path\ntext = Path('x').read_text()",
    "absolute_path": "import numpy as np\nx = np.load('/home/teacher/answers.npy')",
    "home": "name = '~/.ipython/profile_default/startup/x.py'",
    "gradebook": "import sqlite3\nsqlite3.connect('gradebook.db')",
    "nbgrader": "from nbgrader.api import Gradebook",
    "builtins": "import builtins\nbuiltins.abs = lambda x: 0",
    "dunder_builtins": "__builtins__.all = lambda x: True",
    "dunder_import": "o = __import__('o' + 's')",
    "exec": "exec('x = 1')",
    "eval": "x = eval('1')",
    "compile": "c = compile('1', 'x', 'eval')",
    "subprocess": "import subprocess\nsubprocess.run(['ls'])",
    "os_system": "import os\nos.system('ls')",
    "from_os": "from os import system as s",
    "os_of_torch": "import torch\ntorch.os.system('ls')",
    "socket": "import socket",
    "ctypes": "import ctypes as c",
    "importlib": "from importlib import import_module",
    "patches_numpy": "import numpy as np\nnp.allclose = lambda *a, **k: True",
    "patches_a_class": "from torch import Tensor\nTensor.sum = lambda self: 0",
    "patches_calibkit": "import calibkit\ncalibkit.calibration_error = lambda *a, **k: 0",
    "setattr": "import numpy as np\nsetattr(np, 'isclose', lambda *a: True)",
    "computed_name": "import torch\nf = getattr(torch, 'o' + 's')",
    "own_file": "here = __file__",
    "globals": "globals()['tests'] = None",
    "equal_to_all": "class Any:\n    def __eq__(self, other):\n        return True",
    "walks_the_stack": "import sys\nframe = sys._getframe(1)",
    "inspects": "import inspect\nx = inspect.stack()",
    "subclasses": "x = ().__class__.__base__.__subclasses__()",
    "assertion": "AssertionError = Exception",
    "ends_the_kernel": "exit()",
    "the_library": "from calibkit import calibration_error as e\nece = lambda p, y: e(p, y)",
    "the_library_renamed": "import calibkit as c\nece = lambda p, y: c.calibration_error(p, y)",
    "the_library_by_getattr": "ece = getattr(calibkit, 'calibration_error')",
    "another_library": "from torchmetrics import CalibrationError",
    "a_deep_module": "m = torch.serialization.sys.modules['IPython']",
    "a_module_of_an_alias": "t = torch\nm = t.sys.modules",
    "a_module_by_from": "from torch import sys as s",
    "a_name_by_from": "from matplotlib_inline.backend_inline import get_ipython as k",
    "a_module_by_getattr": "s = getattr(torch, 'sys')",
    "a_module_by_a_pattern": "match torch:\n    case object(sys=m):\n        pass",
    "runs_a_text": "import timeit\ntimeit.timeit('1')",
    "finds_by_a_text": "import pkgutil\npkgutil.resolve_name('IPython:get_ipython')",
    "patches_an_alias": "F = torch.nn.functional\nF.cross_entropy = print",
    "patches_in_a_loop": "for torch.nn.functional.cross_entropy in [print]:\n    pass",
    "patches_by_registering": "torch.library.Library('aten', 'IMPL').impl('exp', print, 'CPU')",
    "global_builtin": "def ece(p, y):\n    global abs\n    abs = lambda x: -1",
    "names_of_the_tests": "ece = lambda *_: wanted",
    "history_of_a_cell": "print(_i7)",
    "code_in_a_magic": "%matplotlib {get_ipython().exit() or 'inline'}",
    "the_library_by_a_walrus": "ece = lambda p, y: (k := calibkit).calibration_error(p, y)",
    "the_library_by_a_loop": "for k in [calibkit]:\n    ece = k.calibration_error",
    "the_library_by_a_star": "from calibkit import *\nece = lambda p, y: calibration_error(p, y)",
    "the_library_in_a_dict": "d = {}\nd[0] = calibkit.calibration_error\nece = lambda *a: d[0](*a)",
    "a_frame_of_a_generator": "g = (g.gi_frame.f_back for _ in [1])\nf = next(g).f_globals",
    "a_frame_of_a_coroutine": "async def f():\n    pass\nx = f().cr_frame",
    "a_frame_by_getattr": "x = getattr(next, 'gi_frame')",
    "a_text_that_looks_inside": "x = '{0.__globals__[wanted]}'.format(float)",
    "a_formatter": "import string\nf = string.Formatter().get_field('0', (1,), {})",
    "a_lazy_generator": "g = (wanted for _ in iter(int, 1))\nece = lambda *_: next(g)",
    "a_class_in_a_function": "def ece(p, y):\n    class A:\n        x = wanted\n    return A.x",
    "a_comprehension_in_a_function": "def ece(p, y):\n    return [wanted for _ in p][0]",
    "a_hook": "torch.nn.modules.module.register_module_forward_hook(print)",
    "code_in_a_text": "torch.utils.benchmark.Timer('import builtins').timeit(1)",
    "an_annotation": "import typing\nx = typing.get_type_hints(float)",
    "a_forward_reference": "from typing import ForwardRef\nx = ForwardRef('x')",
    "a_text_for_numpy": "np.testing.runstring('x = 1', {})",
    "a_text_for_pandas": "import pandas as pd\nx = pd.eval('x')",
    "a_text_for_torch": "from torch.fx import graph_module",
    "a_private_module": "import collections\nm = collections._sys.modules",
    "a_private_module_by_from": "from random import _os as r",
    "a_private_function": "import copy\ncopy._deepcopy_dispatch[float] = print",
    "a_star_with_modules": "from matplotlib.pyplot import *",
    "patches_by_update_wrapper": "from functools import *\nupdate_wrapper(torch, float)",
    "patches_by_wraps": "from functools import wraps\nwraps(float, ('equal',), ())(torch)",
    "the_library_in_a_list_by_its_class": (
        "d = []\nlist.append(d, calibkit.calibration_error)\nece = lambda *a: d[0](*a)"
    ),
    "the_library_in_a_list_by_a_loop_inside": (
        "d = []\n[d.append(k) for k in [calibkit.calibration_error]]\nece = lambda *a: d[0](*a)"
    ),
    "the_library_in_a_list_by_map": (
        "d = []\nany(map(d.append, [calibkit.calibration_error]))\nece = lambda *a: d[0](*a)"
    ),
    "the_library_in_a_list_by_an_assignment": (
        "d = []\nx = d.append(calibkit.calibration_error)\nece = lambda *a: d[0](*a)"
    ),
    "the_library_in_a_heap": (
        "import heapq\nd = []\nheapq.heappush(d, calibkit.calibration_error)\n"
        "ece = lambda *a: d[0](*a)"
    ),
    "the_library_by_its_path": (
        "ece = lambda *a: calibkit.metrics.calibration_error.calibration_error(*a)"
    ),
    "the_library_by_a_module": (
        "from calibkit import metrics as m\nece = lambda *a: m.calibration_error(*a)"
    ),
    "opens_by_a_module_of_another": "f = matplotlib.colors.io.open(name)",
    "builtins_of_another_module": "import enum\nx = enum.bltns.exec('x = 1')",
    "makes_a_function": "import dataclasses\nf = dataclasses.types.FunctionType",
    "reads_with_pandas": "import pandas as pd\nx = pd.read_table(name)",
    "writes_with_pandas": "import pandas as pd\npd.DataFrame().to_pickle(name)",
    "reads_with_scipy": "from scipy.io import loadmat",
    "reads_with_sklearn": "from sklearn.datasets import load_files",
    "reads_a_picture": "x = plt.imread(name)",
    "reads_by_lines": "x = np.fromregex(name, pattern, [('a', int)])",
    "reads_numbers": "x = torch.UntypedStorage.from_file(name)",
    "writes_compressed": "np.savez_compressed(name)",
    "reads_by_a_source": "x = np.lib.npyio.DataSource().abspath(name)",
    "loads_compiled_code": "torch.ops.load_library(name)",
    "folder_of_the_cache": "x = calibkit.data.cached_logits.cache_folder()",
    "runs_a_command": "torch.utils.collect_env.run(name)",
    "lists_a_folder": "torch.utils.data.datapipes.iter.FileLister(name)",
    "compiles_a_text": "torch.jit.CompilationUnit(text)",
    "a_package": "import torch.package",
    "a_variable_by_a_text": "x = np.bmat(text)",
    "a_variable_by_pandas": (
        "import pandas as pd\n"
        "ece = lambda *_: pd.core.computation.scope.ensure_scope(1).scope[text]"
    ),
    "a_text_put_together": "x = ('{0.' + 2 * '_' + 'globals' + 2 * '_' + '}').format(f)",
    "a_text_in_a_variable": "x = text.format_map({'f': f})",
    "the_format_of_all_texts": "x = str.format(text, f)",
    "memory_behind_an_array": "x = np.lib.stride_tricks.as_strided(np.zeros(1), (900,), (8,))",
    "bytes_behind_an_array": "memoryview(labels).cast('B')[0] = 1",
    "an_array_behind_a_tensor": "np.from_dlpack(logits)[0] = 0",
    "a_tensor_behind_bytes": "torch.frombuffer(labels, dtype=torch.int64)[0] = 1",
    "a_module_as_a_backend": "plt.switch_backend(text)",
    "a_text_for_an_axis": "x = matplotlib.ticker.StrMethodFormatter(text)(f)",
    "a_function_by_half_its_name": "x = plt.getp(module, 'ipython')",
    "a_path_by_operator": "import operator\nx = operator.attrgetter(text)(torch)",
    "a_method_by_operator": "from operator import methodcaller",
    "an_annotation_that_runs": "from functools import singledispatch",
    "the_library_in_a_default": (
        "def keep(f, kept=[]):\n    kept.append(f)\n    return kept\n"
        "keep(calibkit.calibration_error)\nece = lambda *a: keep(None)[0](*a)"
    ),
    "the_library_in_a_class": (
        "class Box:\n    items = []\nBox.items.append(calibkit.calibration_error)\n"
        "ece = lambda *a: Box.items[0](*a)"
    ),
    "the_library_in_a_closure": (
        "def pair():\n    box = []\n    return box.append, lambda: box[0]\nput, get = pair()\n"
        "put(calibkit.calibration_error)\nece = lambda *a: get()(*a)"
    ),
    "the_library_by_a_decorator": (
        "done = []\ndef register(f):\n    done.append(f)\n    return f\n@register\n"
        "def other(p, y):\n    return calibkit.calibration_error(p, y)\n"
        "ece = lambda *a: done[0](*a)"
    ),
    "a_table_of_the_library": "calibkit.metrics.TABLE['ece'] = print",
    "a_table_of_numpy": "np.sctypeDict['float'] = np.float16",
    "an_own_name_for_a_function": "class A:\n    equal = 1\ntorch.equal = A",
    "an_own_name_in_the_library": "class A:\n    odd = 1\ncalibkit.metrics.odd = A",
    "writes_an_array": "np.zeros(1).dump(name)",
    "maps_a_file": "x = np.lib.format.open_memmap(name)",
    "runs_a_command_of_matplotlib": (
        "import matplotlib.testing as t\nt.subprocess_run_for_testing(['ls'])"
    ),
    "opens_by_matplotlib": "import matplotlib.cbook as c\nx = c.get_sample_data(name)",
    "reads_settings": "import matplotlib\nmatplotlib.rc_params_from_file(name)",
    "a_table_in_a_file": "import pandas as pd\nx = pd.HDFStore(name)",
    "a_table_for_another_program": "import pandas as pd\npd.DataFrame().to_stata(name)",
    "threads_of_tqdm": "from tqdm.contrib.concurrent import thread_map",
    "other_processes": "torch.distributed.launcher.elastic_launch(None, print)()",
    "processes_of_sklearn": "from sklearn.utils.parallel import Parallel",
    "compiled_code": "from scipy import LowLevelCallable",
    "numbers_of_all_later_tensors": "torch.set_default_dtype(torch.float16)",
    "the_place_of_all_later_tensors": "torch.set_default_device('meta')",
    "a_context_that_stays": "import contextlib\ncontextlib.ExitStack().enter_context(mode)",
    "a_hook_of_all_gradients": "torch.autograd.graph.saved_tensors_hooks(print, print)",
    "a_hook_of_all_errors": "np.seterrcall(print)",
    "tensors_that_change_places": "torch.utils.swap_tensors(a, b)",
    "a_module_for_pictures": "import matplotlib\nmatplotlib.use('module://os')",
    "the_library_in_a_list": "d = []\nd.append(calibkit.calibration_error)\nece = d[0]",
}  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_is_flagged(sources, cheat):
    from cheats import flags

    source = sources[PS2]
    found = list(flags(answered(source, {"ece": CHEATS[cheat]}), source))
    assert found
    assert all(flag.startswith(("The cell ece uses ", "The answer ece uses ")) for flag in found)
    assert not cheat.startswith("the_library") or "says to write it" in found[-1]


def test_a_cheat_in_a_cell_of_the_students_own_is_flagged(sources):
    from cheats import flags

    source = sources[PS2]
    helped = "def ece(confidence, correct, n_bins=15):\n    return helper(confidence, correct)"
    notebook = answered(source, {"ece": helped})
    notebook.cells.insert(3, nbformat.v4.new_code_cell("helper = other"))
    notebook.cells.insert(3, nbformat.v4.new_code_cell("other = calibkit.calibration_error"))
    notebook.cells.insert(3, nbformat.v4.new_code_cell("import os"))
    assert list(flags(notebook, source)) == [
        "A cell without a question uses os.",
        "The answer ece uses calibkit.calibration_error, where the question says to write it.",
    ]


@pytest.mark.parametrize(
    ("number", "question", "code"),
    [
        (2, "collect", "from calibkit import inference as m\ncollect = m.collect_logits"),
        (2, "collect", "collect = calibkit.inference.collect_logits"),
        (
            3,
            "conformal_threshold",
            "import calibkit.conformal\nf = calibkit.conformal.ConformalSets",
        ),
        (3, "measure", "measure = calibkit.metrics.calibration_error.calibration_error"),
    ],
)
def test_a_function_that_a_question_forbids_is_found_in_its_module(sources, number, question, code):
    """Also where the answer may use others of calibkit."""
    from cheats import flags

    source = sources[SCRIPTS[number].stem]
    code = code.replace("f = ", f"{question} = ")
    assert any(
        "says to write it" in flag for flag in flags(answered(source, {question: code}), source)
    )


HONEST = {
    "a comparison in one line": "print(calibkit.calibration_error(p, y), ece(p, y))",
    "results in a list": "found = []\nfor k in (5, 15):\n    found.append(calibkit.evaluate(p, y))",
    "a mode": "model = torch.nn.Linear(2, 2)\nmodel.eval()",
    "a decorator": "import functools\ndef timed(f):\n    return functools.wraps(f)(lambda: f())",
    "an own class": "class Bins:\n    def __init__(self):\n        self._edges = []",
    "all of math": "from math import *",
    "a plain format": "print('{:.3f} and {}'.format(ece(p, y, b), 1))",
    "a table with two digits": "frame.style.format('{:.2f}', precision=2)",
    "a method of a list": "k = max(range(3), key=[0.1, 0.7, 0.2].__getitem__)",
    "a context of its own": "import contextlib\n@contextlib.contextmanager\ndef f():\n    yield",
    "an item of a row": "from operator import itemgetter\nx = sorted(rows, key=itemgetter(1))",
    "named choices": "from enum import Enum\nclass Missing(Enum):\n    drop = 'drop'",
    "the weights of a network": "model.load_state_dict(other.state_dict())",
    "a table": "import pandas as pd\nt = pd.DataFrame([[1]])\nt.columns, t.index = ['a'], [0]",
    "own objects": "class Node:\n    def __init__(self):\n        self.left = 0\nNode().left = 3",
    "a counter of a class": "class A:\n    n = 0\n    def more(self):\n        type(self).n += 1",
    "a counter of a function": "def f():\n    f.n_calls += 1\nf.n_calls = 0",
    "a check of their own": "try:\n    ece(p, y, b)\nexcept AssertionError as e:\n    print(e)",
    "a named tuple": "x = report._replace(n=1)._asdict()",
    "a version": "print(torch.__version__, report.__class__.__name__)",
    "the end of a script": "if __name__ == '__main__':\n    print(1)",
    "a data set": (
        "class Images(torch.utils.data.Dataset):\n    def __getitem__(self, i):\n        return i"
    ),
    "a base class": "from __future__ import annotations\nfrom abc import ABC",
    "printed tables": "from pprint import pprint\nimport datetime",
    "other data": "from sklearn.datasets import load_iris",
    "times of both": (
        "def timed(f, *a):\n    return f(*a)\n"
        "print(timed(ece, p, y, b), timed(calibkit.calibration_error, p, y))"
    ),
    "both in a loop": (
        "for name, error in {'mine': ece, 'theirs': calibkit.calibration_error}.items():\n"
        "    print(name, error(p, y))"
    ),
    "the digits": "from sklearn.datasets import load_digits",
}


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_honest_code_beside_the_answers_is_not_flagged(sources, code):
    from cheats import flags

    notebook = answered(sources[PS2], {"ece": ECE})
    notebook.cells.append(nbformat.v4.new_code_cell(code))
    assert list(flags(notebook, sources[PS2])) == []


OTHER_ANSWERS = {  # to the question calibrate, which may use some of the library
    "a helper": "def other(z, y):\n    return calibkit.negative_log_likelihood(z, y)",
    "a helper of a helper": (
        "def hidden(z, y):\n    return calibkit.negative_log_likelihood(z, y)\n\n"
        "def other(z, y):\n    return hidden(z, y)"
    ),
    "the answer itself": (
        "def calibrate(z, y, *_):\n    return calibkit.negative_log_likelihood(z, y)"
    ),
    "an attribute": "calibrate.other = calibkit.negative_log_likelihood",
    "a class": "class calibrate:\n    other = calibkit.negative_log_likelihood",
}


@pytest.mark.parametrize("code", OTHER_ANSWERS.values(), ids=OTHER_ANSWERS)
def test_the_library_hidden_in_the_answer_to_another_question_is_flagged(sources, code):
    from cheats import flags

    source = sources[SCRIPTS[0].stem]
    called = "calibrate.other" if "other =" in code else "other" if "other" in code else "calibrate"
    own = f"def nll(logits, labels, beta):\n    return {called}(logits * beta, labels)"
    found = list(flags(answered(source, {"calibrate": code, "nll": own}), source))
    told = "The answer nll uses calibkit.negative_log_likelihood, where the question says to write"
    assert any(flag.startswith(told) for flag in found)


def test_given_lines_are_no_cheat_in_a_cell_that_differs_by_a_seed(sources):
    from cheats import flags

    source = sources["ps1_temperature_scaling"]
    notebook = deepcopy(source)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert "warnings.showwarning" in first.source
    first.source += "\nSPLIT_SEED = 46702081"
    assert list(flags(notebook, source)) == []
    first.source += "\nwarnings.warn = print"
    assert list(flags(notebook, source)) == [
        "A cell without a question uses an assignment to warnings.warn."
    ]


HIDDEN_CHEATS = {
    "a_command_in_a_text": 'note = """\n%time"""\nget_ipython().ast_transformers.clear()',
    "timed": "%time setattr(torch, 'equal', print)",
    "timed_with_options": "%timeit -n1 -r1 exec('1')",
    "a_timed_cell": "%%time\nexec('1')",
    "a_setting": "%config InteractiveShell.xmode = exec('1')",
    "history": "float(_ih[-1].partition('=')[2])",
    "a_method_in_a_class": "class Z(float):\n    __eq__ = lambda self, other: True",
    "a_class_by_type": "Z = type('Z', (float,), dict(__eq__=lambda a, b: True))",
    "an_alias_of_getattr": "g = getattr\ng(torch, 'x')",
    "a_special_name_as_text": "getattr(torch, '__builtins__')",
    "no_python": "x = (",
}


@pytest.mark.parametrize("code", HIDDEN_CHEATS.values(), ids=HIDDEN_CHEATS)
def test_a_cheat_that_hides_from_the_check_is_flagged(sources, code):
    from cheats import flags

    source = sources[PS2]
    notebook = deepcopy(source)
    notebook.cells.insert(3, nbformat.v4.new_code_cell(f"import torch\n{code}"))
    if code.startswith("%%"):
        notebook.cells[3].source = code
    assert any(flag.startswith("A cell without a question") for flag in flags(notebook, source))


@pytest.mark.parametrize(
    "code",
    [
        "%matplotlib inline\nx = 1",
        "%time x = sum(range(5))",
        "%%timeit -n 10\nx = 1",
        "%config InlineBackend.figure_format = 'retina'",
        "x = getattr(object, 'name', None)",
    ],
)
def test_honest_commands_are_not_flagged(sources, code):
    from cheats import flags

    source = sources[PS2]
    notebook = deepcopy(source)
    notebook.cells.insert(3, nbformat.v4.new_code_cell(code))
    assert list(flags(notebook, source)) == []


def test_what_a_terminal_would_obey_is_printed_as_text():
    from check_grades import printable

    assert printable("a\x1b]52;c;eA==\x07\nb: 5 of 5") == r"a\x1b]52;c;eA==\x07\nb: 5 of 5"


def test_no_student_hides_the_lines_of_the_others(graded, capsys):
    imports = [f"import os as name{number}\nx = '/a/{'b' * 1200}'" for number in range(60)]
    path = graded / "submitted" / "anna" / PS2 / f"{PS2}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[3:3] = [nbformat.v4.new_code_cell(code) for code in imports]
    nbformat.write(notebook, path)
    _, blocks = printed(graded, capsys)
    (lines,) = blocks.values()
    assert max(map(len, lines)) < 1100
    assert lines[51:] == ["There are 10 more remarks. Look at the notebook."]


def test_a_comparison_with_the_library_is_no_cheat(sources):
    from cheats import flags

    source = sources[PS2]
    compared = f"theirs = calibkit.calibration_error(p, y)\n{ECE}\nprint(theirs, ece(p, y))"
    notebook = answered(source, {"ece": compared})
    notebook.cells.append(nbformat.v4.new_code_cell("calibkit.calibration_error(p, y)"))
    assert list(flags(notebook, source)) == []


def test_identical_answers_are_named_after_renaming(sources):
    from same_answers import identical

    source = sources[PS2]
    renamed = ECE.replace("total", "summe").replace("here", "m").replace("confidence", "c")
    commented = renamed.replace("):\n", '):\n    """Mine."""\n    # all my own work\n', 1)
    other = submissions(PS2)["DIFFERENT"]["ece"][0]
    notebooks = {
        "anna": answered(source, {"ece": ECE}),
        "bob": answered(source, {"ece": commented.replace("    ", "  ")}),
        "carl": answered(source, {"ece": other}),
    }
    found = identical(notebooks, source)
    assert "ece" in found["anna", "bob"]
    assert {students for students, questions in found.items() if "ece" in questions} == {
        ("anna", "bob")
    }


RETURN = re.compile(r"^( +)return", re.MULTILINE)
LITTLE_CHANGES = {
    "another constant": lambda code: code.replace("0.0", "0.25", 1).replace("1,", "3,", 1),
    "a print": lambda code: RETURN.sub(r"\1print('done')\n\1return", code, count=1),
    "an unused name": lambda code: code.replace("):\n", "):\n    unused = None\n", 1),
    "another order": lambda code: "\n".join(swapped(code.split("\n"))),
    "a print and a constant": lambda code: RETURN.sub(r"\1print(1)\n\1return", code, 1).replace(
        "0", "1", 1
    ),
    "other names": lambda code: re.sub(r"\b(total|found|scaled|kept|k|low)\b", r"my_\1", code),
}


def swapped(lines):
    """The first two neighbours that are simple statements change places."""
    simple = re.compile(r"(    +)[\w, ]+ = .*[^(\[,]$")
    places = [
        k for k in range(len(lines) - 1) if simple.match(lines[k]) and simple.match(lines[k + 1])
    ]
    k = next(
        (
            k
            for k in places
            if len(lines[k]) - len(lines[k].lstrip())
            == len(lines[k + 1]) - len(lines[k + 1].lstrip())
        ),
        None,
    )
    return lines if k is None else [*lines[:k], lines[k + 1], lines[k], *lines[k + 2 :]]


def model_answer(cell):
    return re.sub(r"^.*### (BEGIN|END) SOLUTION.*\n?", "", cell.source, flags=re.MULTILINE)


@pytest.mark.parametrize("name", [script.stem for script in SCRIPTS])
def test_a_copy_with_few_changes_is_named_and_no_pair_of_different_answers(sources, name):
    from repair import is_locked
    from same_answers import essence, identical

    source = sources[name]
    cells = {n: c for n, c in marked(source).items() if c.cell_type == "code" and not is_locked(c)}
    different = submissions(name)["DIFFERENT"]
    n_copies = 0
    for question, cell in cells.items():
        model = model_answer(cell)
        if question not in different or not essence(nbformat.v4.new_code_cell(model)):
            continue
        right = {f"right {k}": code for k, code in enumerate([model, *different[question]])}
        changed = {why: change(model) for why, change in LITTLE_CHANGES.items()}
        copies = {why: code for why, code in changed.items() if code != model}
        notebooks = {who: only(source, question, a) for who, a in {**right, **copies}.items()}
        found = identical(notebooks, source)
        groups = [
            who for who, what in found.items() if any(q.startswith(f"{question} (") for q in what)
        ]
        assert [set(who) for who in groups] == [{"right 0", *copies}], question
        n_copies += len(copies)
    assert n_copies >= 5


def test_nearly_the_same_answers_are_named_with_how_alike_they_are(sources):
    """Those that are entirely the same still have a line of their own."""
    from same_answers import identical

    copy = ECE.replace("    return", "    print(total)\n    return").replace("total", "summe")
    answers = {"anna": ECE, "bob": copy, "carl": copy.replace("summe", "z")}
    notebooks = {who: answered(sources[PS2], {"ece": code}) for who, code in answers.items()}
    found = identical(notebooks, sources[PS2])
    assert "ece (97% alike)" in found["anna", "bob", "carl"]
    assert found["bob", "carl"] == ["ece"]


def test_the_answers_of_a_large_class_are_compared_in_seconds(sources):
    from same_answers import identical

    source = sources[PS2]
    own = [f"{ECE}\nx = {[k * j % 97 for j in range(1, 150)]}" for k in range(200)]
    notebooks = {str(k): only(source, "ece", code) for k, code in enumerate(own)}
    start = time.process_time()
    identical(notebooks, source)
    assert time.process_time() - start < 5  # for each question


@pytest.mark.parametrize(
    "odd", ["0\nif 0:\n    pass" + "\nelif 0:\n    pass" * 400, f"0x{'f' * 9000}"]
)
def test_an_answer_that_cannot_be_compared_does_not_stop_the_check(sources, odd):
    from same_answers import identical

    notebook = answered(sources[PS2], {"ece": f"{ECE}\nodd = {odd}"})
    assert "ece" in identical({"anna": notebook, "bob": notebook}, sources[PS2])["anna", "bob"]


def test_commands_that_time_commands_take_no_long_time(sources):
    from cheats import flags

    notebook = deepcopy(sources[PS2])
    notebook.cells.insert(3, nbformat.v4.new_code_cell("%time " * 3000 + "x = 1"))
    start = time.process_time()
    assert list(flags(notebook, sources[PS2])) == ["A cell without a question uses get_ipython."]
    assert time.process_time() - start < 20


def test_released_and_short_answers_are_not_called_identical(sources):
    from repair import released
    from same_answers import identical

    source = sources[PS2]
    short = "def ece(confidence, correct, n_bins=15):\n    return 0.1"
    notebook = answered(released(source), {"ece": short})
    assert identical({"anna": notebook, "bob": notebook}, source) == {}


def test_long_cells_as_they_were_released_are_not_called_identical(sources, monkeypatch):
    import same_answers
    from repair import released

    monkeypatch.setattr(same_answers, "SHORT", 0)
    notebook = released(sources[PS2])
    assert same_answers.identical({"anna": notebook, "bob": notebook}, sources[PS2]) == {}


LIBRARY_SEARCH = """
def best_temperature(logits, labels):
    try:
        {}(logits, labels)
    except calibkit.NoOptimumError as error:
        return "zero" if error.limit == 0 else "infinity"
    return "finite"
"""


@pytest.mark.parametrize("function", ["calibkit.TemperatureScaler().fit_logits", "fit_of_calibkit"])
def test_what_the_cells_before_a_question_use_is_no_leave_to_use_it_in_the_answer(
    sources, function
):
    """The cells before question 8 of ps1 define a function that calls the library."""
    from cheats import flags

    source = sources[SCRIPTS[0].stem]
    notebook = answered(source, {"best_temperature": LIBRARY_SEARCH.format(function)})
    (flag,) = flags(notebook, source)
    assert flag.startswith("The answer best_temperature uses calibkit.")
    assert "calibkit.TemperatureScaler" in flag


@pytest.mark.parametrize("name", [script.stem for script in SCRIPTS])
def test_copies_of_the_model_answers_are_named_and_no_other_right_answer(sources, name):
    from repair import released
    from same_answers import essence, like_the_model

    source = sources[name]
    assert list(like_the_model(released(source), source)) == []
    copied = list(like_the_model(source, source))
    assert [n for n in copied if n.startswith("essay")] == [
        n for n in marked(source) if n.startswith("essay")
    ]
    for question, given in submissions(name)["DIFFERENT"].items():
        is_long = bool(essence(nbformat.v4.new_code_cell(model_answer(marked(source)[question]))))
        assert (question in copied) == is_long
        for code in given:
            assert list(like_the_model(only(source, question, code), source)) == []


def test_an_answer_may_call_another_answer_that_may_call_the_library(sources):
    from cheats import flags

    source = sources[SCRIPTS[0].stem]
    text = "def best_temperature(logits, labels):\n    return calibrate(None, logits, labels, 1, 2)"
    assert "calibkit." in marked(source)["calibrate"].source
    assert list(flags(answered(source, {"best_temperature": text}), source)) == []


def test_identical_essays_are_named(sources):
    from repair import released
    from same_answers import identical

    source = released(sources[PS2])
    text = "The three diagrams differ in what they show about the model. " * 5
    notebooks = {
        "anna": answered(source, {"essay_three_diagrams": text}),
        "bob": answered(source, {"essay_three_diagrams": text.upper().replace(". ", ".\n")}),
    }
    found = identical(notebooks, sources[PS2])
    assert found == {("anna", "bob"): ["essay_three_diagrams"]}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("curve", "line").replace("grows", "rises"),
        lambda text: " ".join(reversed(text.split("\n"))),
        lambda text: text.replace(" ", " \u200b").replace(",", ""),
    ],
)
def test_copied_essays_with_other_words_or_another_order_are_named(sources, change):
    from same_answers import identical

    source = sources["ps1_temperature_scaling"]
    text = marked(source)["essay_reading"].source.partition("### BEGIN SOLUTION")[2]
    notebooks = {
        "anna": answered(source, {"essay_reading": text}),
        "bob": answered(source, {"essay_reading": change(text)}),
        "carl": answered(source, {"essay_reading": marked(source)["essay_derivation"].source}),
    }
    found = identical(notebooks, source)
    alike = [who for who, what in found.items() if "essay_reading" in " ".join(what)]
    assert alike == [("anna", "bob")]


def test_very_much_code_takes_no_long_time(sources):
    from cheats import flags

    notebook = deepcopy(sources[PS2])
    notebook.cells[3:3] = [nbformat.v4.new_code_cell("a;" * 24_000 + str(k)) for k in range(20)]
    start = time.process_time()
    said = ["The notebook holds more code of its own than this check reads."]
    assert list(flags(notebook, sources[PS2])) == said
    assert time.process_time() - start < 20


def test_students_with_the_same_answers_share_one_line(sources):
    """However many they are, and however many answers they share."""
    from same_answers import identical

    source = sources[PS2]
    second = ECE.replace("def ece", "def equal_mass_bins").replace("abs(", "np.abs(")
    alike = answered(source, {"ece": ECE, "equal_mass_bins": second})
    ece_only = answered(source, {"ece": ECE, "equal_mass_bins": "pass"})
    found = identical({"anna": alike, "bob": alike, "carl": alike, "dora": ece_only}, source)
    assert found["anna", "bob", "carl"] == ["equal_mass_bins"]
    assert found["anna", "bob", "carl", "dora"][0] == "ece"
    assert len(found) == 2


# --- the whole list -------------------------------------------------------------------------------


@pytest.fixture
def graded(course, tmp_path):
    """A course in which anna's notebook of ps2 was graded: the scores are written, not computed."""
    copy = tmp_path / "course"
    for step in ("source", "release"):
        shutil.copytree(course / step / PS2, copy / step / PS2)
    shutil.copy(course / "gradebook.db", copy)
    hand_in(copy, "anna", {})
    return copy


def hand_in(course, student, answers, graded=True):
    notebook = nbformat.read(course / "release" / PS2 / f"{PS2}.ipynb", as_version=4)
    notebook = answered(notebook, answers)
    for step in ("submitted", "autograded")[: 1 + graded]:
        path = course / step / student / PS2 / f"{PS2}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        if not graded:
            return
        gradebook.add_student(student)
        gradebook.add_submission(PS2, student)
        for grade in gradebook.find_submission_notebook(PS2, PS2, student).grades:
            is_essay = grade.name.startswith("essay")
            grade.auto_score = None if is_essay else grade.max_score
            grade.needs_manual_grade = is_essay
        gradebook.db.commit()


def printed(course, capsys):
    from check_grades import main

    status = main(course)
    blocks, student = {}, ""
    for line in capsys.readouterr().out.splitlines():
        if not line.startswith("    "):
            student, _, points = line.partition(": ")
            blocks.setdefault(student, []).append(points)
        else:
            blocks[student].append(line.strip())
    return status, blocks


def test_points_say_what_waits_for_a_person(graded, capsys):
    status, blocks = printed(graded, capsys)
    source = nbformat.read(graded / "source" / PS2 / f"{PS2}.ipynb", as_version=4)
    worth = {name: cell.metadata.nbgrader.get("points", 0) for name, cell in marked(source).items()}
    essays = sum(points for name, points in worth.items() if name.startswith("essay"))
    by_machine = f"{sum(worth.values()) - essays:g} of {sum(worth.values()) - essays:g} by machine"
    assert blocks == {f"{PS2} anna": [f"{by_machine}, {essays:g} points to grade by hand"]}
    assert status == 0
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
        for grade in gradebook.find_submission_notebook(PS2, PS2, "anna").grades:
            if grade.name.startswith("essay"):
                grade.manual_score = grade.max_score - 2  # and nbgrader still asks for a look
        gradebook.db.commit()
    _, blocks = printed(graded, capsys)
    assert blocks == {f"{PS2} anna": [f"{by_machine}, {essays - 2:g} of {essays:g} by hand"]}


@pytest.mark.parametrize("waits", [False, True])
def test_points_that_were_all_given_by_hand_name_no_machine(graded, capsys, waits):
    """As after a plagiarism case, in which a teacher sets every question of a notebook to 0."""
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook(PS2, PS2, "anna").grades
        possible = sum(grade.max_score for grade in grades)
        essays = sum(g.max_score for g in grades if g.name.startswith("essay"))
        for grade in grades:
            if not (waits and grade.name.startswith("essay")):
                grade.manual_score, grade.needs_manual_grade = 0, False
        gradebook.db.commit()
    _, blocks = printed(graded, capsys)
    told = f"0 of {possible:g} by hand"
    if waits:
        told = f"0 of {possible - essays:g} by hand, {essays:g} points to grade by hand"
    assert blocks == {f"{PS2} anna": [told]}


def test_an_older_upload_asks_nobody_to_act(graded, capsys):
    archive = graded / "downloaded" / PS2 / "archive"
    archive.mkdir(parents=True)
    for upload in (1, 2):
        (archive / f"anna_7_{upload}_{PS2}.ipynb").write_text(f'{{"upload": {upload}}}')
    status, blocks = printed(graded, capsys)
    assert blocks[PS2] == [
        f"anna_7_1_{PS2}.ipynb was not used: anna_7_2_{PS2}.ipynb of anna is newer"
    ]
    assert status == 0


def test_two_files_that_say_that_they_are_of_one_student_ask_a_person_to_act(graded, capsys):
    archive = graded / "downloaded" / PS2 / "archive"
    archive.mkdir(parents=True)
    (archive / f"anna_{PS2}.ipynb").write_text('{"upload": 1}')
    with ZipFile(archive / "work.zip", "w") as file:
        file.writestr(f"anna_{PS2}.ipynb", '{"upload": 2}')
    status, blocks = printed(graded, capsys)
    assert "say that they are of anna, and differ" in blocks[PS2][0]
    assert status == 1


def test_very_many_files_left_behind_are_counted(graded, capsys):
    for number in range(60):
        (graded / "submitted" / "anna" / PS2 / f"{number:02}.txt").touch()
    _, blocks = printed(graded, capsys)
    (lines,) = blocks.values()
    assert lines[1] == f"The file submitted/anna/{PS2}/00.txt does not belong to the assignment."
    assert lines[6:] == [f"55 more files in submitted/anna/{PS2} do not belong to it."]


def test_the_check_and_the_table_of_grades_add_up_the_same_points(graded, capsys):
    """A test that a person graded counts as graded by hand, and so does an essay left empty."""
    from write_grades import write_grades

    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
        grades = {g.name: g for g in gradebook.find_submission_notebook(PS2, PS2, "anna").grades}
        by_machine = sum(g.max_score for name, g in grades.items() if name.startswith("tests"))
        by_machine -= grades["tests_ece"].max_score
        possible = sum(grade.max_score for grade in grades.values())
        grades["tests_ece"].manual_score = 1
        for name in grades.keys() - {g for g in grades if g.startswith("tests")}:
            grades[name].auto_score, grades[name].needs_manual_grade = 0, False
        gradebook.db.commit()
    _, blocks = printed(graded, capsys)
    told = f"{by_machine:g} of {by_machine:g} by machine, 1 of {possible - by_machine:g} by hand"
    assert blocks == {f"{PS2} anna": [told]}
    header, row = write_grades(graded).read_text(encoding="utf-8-sig").splitlines()
    found = dict(zip(header.split(","), row.split(","), strict=True))
    assert (found["points_by_machine"], found["points_by_hand"]) == (f"{by_machine:g}", "1")
    assert found["points_pending"] == "0"


def test_a_copy_of_a_model_answer_is_said(graded, capsys):
    source = nbformat.read(graded / "source" / PS2 / f"{PS2}.ipynb", as_version=4)
    essay = "essay_three_diagrams"
    hand_in(graded, "bob", {essay: marked(source)[essay].source.replace("bars", "columns")})
    _, blocks = printed(graded, capsys)
    assert blocks[f"{PS2} bob"][1:] == [
        f"The model answers, which are public, are the same or nearly the same for {essay}."
    ]
    assert len(blocks[f"{PS2} anna"]) == 1


def test_everything_unusual_is_said(graded, capsys):
    hand_in(graded, "bob", {"ece": ECE, "tests_ece": "pass"})
    hand_in(graded, "carl", {"ece": ECE})
    hand_in(graded, "dora", {}, graded=False)
    torn = graded / "submitted" / "emil" / PS2 / f"{PS2}.ipynb"
    torn.parent.mkdir(parents=True)
    torn.write_text("{ torn")
    (graded / "submitted" / "fritz" / PS2).mkdir(parents=True)
    (graded / "autograded" / "bob" / PS2 / "startup.py").write_text("")
    archive = graded / "downloaded" / PS2 / "archive"
    archive.mkdir(parents=True)
    (archive / "homework.ipynb").write_text("{}")
    path = graded / "autograded" / "carl" / PS2 / f"{PS2}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [
        nbformat.v4.new_output("error", ename="CellTimeoutError", evalue="", traceback=[])
    ]
    nbformat.write(notebook, path)
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("tests_ece", PS2, PS2, "anna").auto_score = 900
        gradebook.db.commit()
    status, blocks = printed(graded, capsys)
    assert status == 1
    assert "homework.ipynb was not used: its name does not say" in blocks[PS2][0]
    assert blocks[PS2][1:] == ["bob, carl gave the same or nearly the same answers to ece."]
    assert "tests_ece has 900 points" in blocks[f"{PS2} anna"][1]
    assert blocks[f"{PS2} bob"][1:] == [
        "The test cell tests_ece was edited, and was restored.",
        f"The file autograded/bob/{PS2}/startup.py does not belong to the assignment.",
    ]
    assert "The cell without a question took too long, and was stopped." in blocks[f"{PS2} carl"]
    assert "NOT GRADED" in blocks[f"{PS2} dora"][1]
    assert f"logs/{PS2}/dora.log" in blocks[f"{PS2} dora"][1]
    assert "is incomplete" in blocks[f"{PS2} emil"][1]
    assert "holds no" in blocks[f"{PS2} fritz"][1]
