"""How many processes share the tests.

pyproject.toml loads this module as a plugin of pytest (``-p tests.workers``) and asks for ``-n
auto``. A folder, and so the whole suite, is tested on all cores. Files, names and ``-k`` are for
those who write a test just now, and run in this process, because every further one takes seconds
to import torch. ``-n 0`` and ``-n 2`` overrule this.
"""

import os
import sys
from pathlib import Path

import pytest

MOST_WORKERS = 4  # each takes up to 2 GB, together with the kernel of a notebook


def n_cores() -> int:
    """Return how many cores this process may use, not how many the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# By default the C library of Linux gives the memory of every large array back to the system, which
# must then fill the pages of the next one with zeros. Tests that compute much take 10 to 30% longer
# for that. Processes read this when they start, so the workers obey it, and what they start.
os.environ.setdefault(
    "GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=4294967296"
)
# This process and those that it starts import notebooks' packages in a third of the time.
QUICK_IMPORTS = str(Path(__file__).parent / "quick_imports")
if QUICK_IMPORTS not in sys.path:  # A worker has it from the process that started it.
    sys.path.insert(0, QUICK_IMPORTS)
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = QUICK_IMPORTS + (os.pathsep + others if others else "")
# In a worker, before anything imports numpy or torch: the workers share the cores.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, n_cores() // int(workers))))


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config) -> int:
    named = [Path(config.invocation_params.dir, arg.split("::")[0]) for arg in config.args]
    workers = min(n_cores(), MOST_WORKERS)
    is_much = any(map(Path.is_dir, named)) and not config.option.keyword
    return workers if is_much and workers > 1 else 0
