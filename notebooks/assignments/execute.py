"""Run code cells one after another, inside of a sandbox: ``sandbox.py`` starts this script there.

It reads a job from standard input, ``{"cells": ["x = 1", ...], "seconds": [120, ...], ...}``. It
writes a line of JSON after each cell, beginning with a cell of its own. If a cell takes the kernel
with it, this script ends, and ``sandbox.py`` starts a new one for the cells that are left. Nothing
here is trusted outside, because submitted code could change this process as well.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

# exit() would end the kernel after the cell; as an error it only ends the cell
EXIT_IS_AN_ERROR = "import sys as _sys\nget_ipython().ask_exit = _sys.exit\ndel _sys"
PR_SET_DUMPABLE = 4
EXIT_SECONDS = 60
TOO_LONG = "the cell took longer than {} seconds and was stopped"


class Client(NotebookClient):
    """A client that keeps a limited amount of what each cell puts out, and every error."""

    room = 0  # bytes of output that the running cell has left
    output_bytes = 0
    n_outputs = 0

    def output(self, outs, msg, display_id, cell_index):
        """Keep an output if there is room for it, or else say once that there is none."""
        if self.room < 0 or len(outs) > self.n_outputs:
            return None
        self.room -= len(json.dumps(msg["content"]))
        if self.room < 0 or len(outs) == self.n_outputs:
            text = (
                f"\n[The cell put out more than {self.output_bytes} bytes, or more than "
                f"{self.n_outputs} outputs. The rest is left out.]\n"
            )
            outs.append(new_output("stream", name="stdout", text=text))
            return None
        return super().output(outs, msg, display_id, cell_index)

    def keep_error(self, cell: NotebookNode, execute_reply: dict[str, Any], **_: Any) -> None:
        """Add the error of a cell to its outputs, if it is not among them: it decides the points.

        It is missing after a time-out, and if there was no room for it.
        """
        reply = execute_reply["content"]
        errors = {output.ename for output in cell.outputs if output.output_type == "error"}
        if reply["status"] == "error" and reply["ename"] not in errors:
            fields = {key: reply[key] for key in ("ename", "evalue", "traceback")}
            cell.outputs.append(new_output("error", **fields))


def main() -> None:
    """Run the cells of the job, up to the first one that takes the kernel with it."""
    job = json.load(sys.stdin)
    become_nobody(job["uid"])
    hide_memory()
    limit_resources(job["memory_bytes"], job["disk_bytes"], job["processes_of_user"])
    Path.home().mkdir(parents=True, exist_ok=True)
    os.chdir(Path.home())  # where the kernel will be: the files to talk to it have relative paths
    link_cache(Path(job["cache"]))
    cells = [new_code_cell(source) for source in [EXIT_IS_AN_ERROR, *job["cells"]]]
    client = Client(
        new_notebook(cells=cells),
        kernel_name="python3",
        interrupt_on_timeout=True,
        # a kernel that does not even stop within these seconds is given up
        iopub_timeout=10,
        raise_on_iopub_timeout=True,
        allow_errors=True,
        store_widget_state=False,
        shutdown_kernel="immediate",
    )
    client.output_bytes, client.n_outputs = job["output_bytes"], job["outputs"]
    client.on_cell_executed = client.keep_error
    client.create_kernel_manager()
    client.km.transport = job["transport"]
    nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with client.setup_kernel(cwd=str(Path.home()), cleanup_kc=True, **nowhere):
        for place, seconds in enumerate([EXIT_SECONDS, *job["seconds"]]):
            cell = cells[place]
            limit_time(client, seconds)
            fault = fault_of(client, cell, place)
            fault = fault or excess(
                job["first_process"], job["most_processes"], job["memory_bytes"]
            )
            if fault:
                say(fault=fault)
                break
            say(outputs=cell.outputs, count=cell.execution_count)


def hide_memory() -> None:
    """Let no other process of the same user read this one, which knows the tests to come."""
    with contextlib.suppress(OSError, AttributeError):  # only Linux has it
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit_time(client: Client, seconds: int) -> None:
    """Give the next cell some seconds, and the error that it gets if they are over."""
    text = TOO_LONG.format(seconds)
    client.timeout = seconds
    client.error_on_timeout = {
        "ename": "CellTimeoutError",
        "evalue": text,
        "traceback": [f"CellTimeoutError: {text}"],
    }


def fault_of(client: Client, cell: NotebookNode, place: int) -> str:
    """Run a cell, and say why no other can be run in this kernel, or nothing."""
    client.room = client.output_bytes
    try:
        client.execute_cell(cell, place)
    except CellTimeoutError:
        return "CellTimeoutError: " + TOO_LONG.format(client.timeout)
    except Exception as error:
        return f"DeadKernelError: the kernel died in this cell ({type(error).__name__})"
    is_alive = run_sync(client.km.is_alive)()
    return "" if is_alive else "DeadKernelError: the kernel died in this cell"


def excess(pid: int | None, most_processes: int, most_bytes: int) -> str:
    """Say what the descendants of a process, or else of this one, use too much of, or nothing."""
    memory = n_processes = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                n_processes += 1
                memory += child.memory_info().rss
    if n_processes > most_processes:
        return f"DeadKernelError: this cell started more than {most_processes} processes"
    if memory > most_bytes:
        return f"DeadKernelError: this cell used more than {most_bytes} bytes"
    return ""


def say(**content: Any) -> None:
    """Write a line for ``sandbox.py``."""
    print(json.dumps(content), flush=True)


def become_nobody(uid: int | None) -> None:
    """Give up the rights of root, for which no limit of processes holds."""
    if uid is not None:
        home = Path.home()
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, uid, uid)
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)


def limit_resources(memory_bytes: int, disk_bytes: int, processes: int | None) -> None:
    """Limit the memory of each process, each file, and the number of processes and threads.

    A file can be one in memory, which the limit of memory does not count.
    """
    if os.name == "nt":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (disk_bytes, disk_bytes))
    if processes is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))


def link_cache(cache: Path) -> None:
    """Let the student's own cache folder begin with the files of the teacher's, read-only."""
    own = Path(os.environ["CALIBKIT_CACHE"])
    own.mkdir(parents=True, exist_ok=True)
    for path in cache.glob("*.npz"):
        (own / path.name).symlink_to(path)


if __name__ == "__main__":
    main()
