import json
import os
import socket
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import nbval.kernel
import pytest

collect_ignore = ["assignments"]  # tests/test_assignments.py
SOCKETS = TemporaryDirectory()
CIFAR100_IS_HERE = (Path(__file__).parent / "data" / "cifar-100-python").is_dir()

if os.name == "posix":
    # kernels on sockets of the file system run with every network interface down
    nbval.kernel.KernelManager = partial(
        nbval.kernel.KernelManager, transport="ipc", ip=str(Path(SOCKETS.name, "kernel"))
    )


@cache
def needs_network(notebook: Path) -> bool:
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]
    return "network" in first["metadata"].get("tags", ())


def pytest_collectstart(collector):
    if not hasattr(collector, "skip_compare"):
        return
    # progress bars and warnings go there, with timings
    collector.skip_compare += ("stderr",)
    # it is kept without outputs: its cells are run, not compared
    if needs_network(collector.path):
        collector.compare_outputs = False


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb":
            if needs_network(item.path) and not CIFAR100_IS_HERE:
                reason = "CIFAR-100 is not in notebooks/data: run the notebook once"
                item.add_marker(pytest.mark.skip(reason=reason))
            if "torch.distributed.run" in item.path.read_text(encoding="utf-8"):
                item.add_marker(
                    pytest.mark.skipif(not loopback_is_up(), reason="the loopback is down")
                )


@cache
def loopback_is_up() -> bool:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
    except OSError:
        return False
    return True
