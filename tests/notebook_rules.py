"""The rules by which the tests run a notebook, in whichever folder it is stored.

pyproject.toml loads this module as a plugin of pytest (``-p tests.notebook_rules``). A copy outside
the repository needs the same options: ``python -m pytest -c pyproject.toml /a/folder/copy.ipynb``.
"""

import os
import socket
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager

SOCKETS = TemporaryDirectory()


class NotebookKernelManager(KernelManager):
    """Starts kernels that neither the network nor the variables of the shell can disturb."""

    def __init__(self, **options):
        if os.name == "posix":
            # sockets of the file system work even when every network interface is down
            options |= {"transport": "ipc", "ip": str(Path(SOCKETS.name, "kernel"))}
        super().__init__(**options)

    def start_kernel(self, **options):
        # With another backend than the notebook's own, cells would not show their figures. Coverage
        # would make a kernel slower for nothing: nbval kills it before it can write its data.
        left_out = {"MPLBACKEND", "COVERAGE_PROCESS_START"}
        variables = {name: value for name, value in os.environ.items() if name not in left_out}
        super().start_kernel(env=variables, **options)


nbval.kernel.KernelManager = NotebookKernelManager


@cache
def loopback_is_up() -> bool:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
    except OSError:
        return False
    return True


def pytest_collectstart(collector):
    if not hasattr(collector, "skip_compare"):
        return
    # progress bars, with their timings, and warnings are written to stderr
    collector.skip_compare += ("stderr",)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb" and "torch.distributed.run" in item.path.read_text(
            encoding="utf-8"
        ):
            no_loopback = pytest.mark.skipif(not loopback_is_up(), reason="the loopback is down")
            item.add_marker(no_loopback)
