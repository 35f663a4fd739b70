"""The rules by which the tests run a notebook, in whichever folder it is stored.

pyproject.toml loads this module as a plugin of pytest (``-p tests.notebook_rules``). A copy outside
the repository needs the same options: ``python -m pytest -c pyproject.toml /a/folder/copy.ipynb``.
"""

import json
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
        # with another backend than the notebook's own, cells would not show their figures
        variables = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        super().start_kernel(env=variables, **options)


nbval.kernel.KernelManager = NotebookKernelManager


@cache
def needs_network(notebook: Path) -> bool:
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]
    return "network" in first["metadata"].get("tags", ())


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
    # such a notebook is stored without outputs: its cells are run and not compared
    if needs_network(collector.path):
        collector.compare_outputs = False


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb":
            cifar100 = item.path.parent / "data" / "cifar-100-python"
            if needs_network(item.path) and not cifar100.is_dir():
                reason = f"CIFAR-100 is not in {cifar100.parent}: run the notebook once"
                item.add_marker(pytest.mark.skip(reason=reason))
            if "torch.distributed.run" in item.path.read_text(encoding="utf-8"):
                item.add_marker(
                    pytest.mark.skipif(not loopback_is_up(), reason="the loopback is down")
                )
