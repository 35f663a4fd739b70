"""Start kernels as forks of a process that has imported what the notebooks import.

Most of the time of a kernel goes into these imports. The process is the fork server of
multiprocessing, and each process that starts kernels has its own.
"""

import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Any

import pytest
from jupyter_client.provisioning import local_provisioner

FORKS = multiprocessing.get_context("forkserver")
IMPORTED = (
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "sklearn.model_selection",
    "torch._dynamo",  # The first optimizer of torch imports it.
    "torchmetrics",
    "torchvision.datasets",
    __name__,
)
FORKS.set_forkserver_preload(list(IMPORTED))


class Kernel:
    """A running kernel, with those parts of ``subprocess.Popen`` that jupyter_client needs."""

    stdin = stdout = stderr = None

    def __init__(self, command: list[str], *, cwd: str, env: dict[str, str], **_: Any) -> None:
        own_end, end_of_kernel = FORKS.Pipe()
        arguments = command[command.index("-f") :]
        self.process = FORKS.Process(target=run, args=(end_of_kernel, arguments, cwd, env))
        self.process.start()
        end_of_kernel.close()  # If the kernel ends before it says anything, recv() raises.
        self.pid = self.process.pid
        own_end.recv()  # The kernel has a process group of its own now, to which signals are sent.

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()


def run(started: Connection, arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    """Be a kernel, until it is shut down."""
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    started.send(None)
    launch_new_instance(argv=arguments)


def fork_kernels(patch: pytest.MonkeyPatch) -> None:
    """Let jupyter_client fork each kernel instead of starting a new interpreter."""
    patch.setattr(local_provisioner, "launch_kernel", Kernel)
