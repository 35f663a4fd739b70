import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import nbval.kernel

SOCKETS = TemporaryDirectory()

if os.name == "posix":
    # kernels on sockets of the file system run with every network interface down
    nbval.kernel.KernelManager = partial(
        nbval.kernel.KernelManager, transport="ipc", ip=str(Path(SOCKETS.name, "kernel"))
    )


def pytest_collectstart(collector):
    # progress bars and warnings go there, with timings
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
