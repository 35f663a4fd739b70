"""Run the cells of a submitted notebook where they can change nothing and reach nobody.

A sandbox shows a submission the programs of this machine, this Python environment, the cached
logits and its own cells, all read-only. It has an empty home in memory and no network, and all its
processes end with it. What comes back is lines of text with the outputs of the cells.

``choose`` finds a kind of sandbox that works on this machine. ``execute`` runs a notebook in it.
"""

import contextlib
import json
import os
import queue
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
import psutil
from course import PYTHON
from execute import excess
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from platformdirs import user_cache_path

EXECUTE = Path(__file__).resolve().with_name("execute.py")
IMAGE = "calibkit-grade"  # the container image, which Containerfile describes
# Settings by which Debian, Ubuntu and any Linux forbid user namespaces, and what allows them again
SETTINGS = Path("/proc/sys")
FORBID_USER_NAMESPACES = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "10000"),
)
SPARE_SECONDS = 60  # after which a container ends by itself, because nobody has ended it
MEGABYTE = 2**20
MOST_BYTES = 64 * MEGABYTE  # that a sandbox may put out
HELLO = """
from importlib.util import find_spec
if find_spec("nbclient") and find_spec("ipykernel"):
    print("hello")
"""
# What a program needs from the system. Nothing here is a secret of the teacher.
SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/alternatives",
    "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/sys/devices/system/cpu",
)  # fmt: skip
# Other outputs, such as HTML, could run scripts in the browser of the teacher.
SAFE_TYPES = ("text/plain", "image/png", "image/jpeg")


@dataclass(frozen=True)
class Limits:
    """What one notebook may use."""

    cell_seconds: int = 120
    student_seconds: int = 900
    memory_bytes: int = 4096 * MEGABYTE
    disk_bytes: int = 512 * MEGABYTE
    output_bytes: int = 2 * MEGABYTE  # of one cell
    outputs: int = 500  # of one cell
    notebook_bytes: int = 10 * MEGABYTE  # of the outputs of all cells
    processes: int = 100


# --- kinds of sandboxes ---------------------------------------------------------------------------


class Sandbox(ABC):
    """A kind of sandbox."""

    name: str
    # This folder of the sandbox must hide none that a teacher may have, such as /work or /home.
    root = "/calibkit-sandbox"
    home = f"{root}/home"
    cache = f"{root}/cache"
    is_watched = True  # whether this machine sees its processes and their memory
    first_process: int | None = 1  # number, inside, of the one from which all others descend
    counts_processes = False  # whether it counts them apart from all others of the same user
    transport = "ipc"  # to the kernel: files, because there is no network
    uid: int | None = None

    @abstractmethod
    def command(self, script: Path, limits: Limits) -> list[str]:
        """Return the command that runs a script of this machine in a new sandbox."""

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End the sandbox with everything in it."""
        process.kill()

    def works(self) -> bool:
        """Try the sandbox on this machine."""
        with tempfile.TemporaryDirectory(prefix="calibkit-") as folder:
            script = Path(folder) / "hello.py"
            script.write_text(HELLO, encoding="utf-8")
            try:
                done = subprocess.run(
                    self.command(script, Limits()),
                    check=False,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=120,
                )
            except (OSError, subprocess.TimeoutExpired):
                return False
            return done.stdout.strip() == b"hello"

    def environment_outside(self) -> dict[str, str] | None:
        """Return the environment of the command, or None for that of the teacher."""
        return None

    def environment(self) -> dict[str, str]:
        """Return the environment of a submission, which holds nothing of the teacher's."""
        return {
            "CALIBKIT_CACHE": f"{self.home}/.cache/calibkit",
            "HOME": self.home,
            "LANG": "C.UTF-8",
            "NBGRADER_EXECUTION": "autograde",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "PATH": os.pathsep.join([str(PYTHON.parent), "/usr/bin", "/bin"]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": self.root,
            "USER": "student",
        }


class Bubblewrap(Sandbox):
    """User namespaces through bubblewrap, which many Linux systems have."""

    name = "bubblewrap"
    counts_processes = True

    def __init__(self) -> None:
        # A number of its own for each sandbox, whose processes are counted together. An ordinary
        # user gets a user namespace instead, in which they are counted.
        self.uid = 100_000 + os.getpid() % 100_000 if os.geteuid() == 0 else None

    def environment_outside(self) -> dict[str, str]:
        """Return no secret of the teacher: a submission of the same user could read them."""
        return {"PATH": os.environ.get("PATH", os.defpath)}

    def command(self, script: Path, limits: Limits) -> list[str]:
        """Return a command that begins with ``bwrap``."""
        size = ["--size", str(limits.disk_bytes)]
        rights = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        rights += ["--cap-add", "CAP_CHOWN"]
        own = own_packages()
        folders = [*python_folders(), *own]
        # bubblewrap makes the folders above these, but for root alone
        above = sorted({str(parent) for path in folders for parent in Path(path).parents} - {"/"})
        variables = {**self.environment(), "PYTHONPATH": os.pathsep.join(own.values())}
        return [
            "bwrap",
            *("--die-with-parent", "--new-session"),
            # Bubblewrap's own first process keeps the environment in which it was started. A
            # submission of another user cannot read it, and one of the same user could.
            *(() if self.uid else ("--as-pid-1",)),
            *("--unshare-ipc", "--unshare-net", "--unshare-pid", "--unshare-uts"),
            *("--unshare-cgroup-try", *(rights if self.uid else ["--unshare-user"])),
            *("--proc", "/proc", "--dev", "/dev", *size, "--tmpfs", "/dev/shm"),
            *(part for path in above for part in ("--perms", "0755", "--dir", path)),
            *(part for path in SYSTEM for part in ("--ro-bind-try", path, path)),
            *(part for path in folders for part in ("--ro-bind", path, path)),
            *(*size, "--tmpfs", self.root, "--dir", self.home),
            *("--ro-bind-try", str(cache_folder()), self.cache),
            *("--ro-bind", str(script), "/script.py", "--remount-ro", "/dev", "--remount-ro", "/"),
            "--clearenv",
            *(part for item in variables.items() for part in ("--setenv", *item)),
            *(str(PYTHON), "/script.py"),
        ]


class Container(Sandbox):
    """A container of Podman or Docker, made from the image that ``Containerfile`` describes."""

    is_watched = False

    def __init__(self, program: str) -> None:
        self.name = self.program = program
        self.label = ""

    def command(self, script: Path, limits: Limits) -> list[str]:
        """Return a command that begins with ``podman run`` or ``docker run``."""
        self.label = f"calibkit-{uuid4().hex}"
        variables = {**self.environment(), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        cache = cache_folder()
        mount = ["--volume", f"{cache}:{self.cache}:ro"] if cache.is_dir() else []
        return [
            *(self.program, "run", "--rm", "--interactive", "--name", self.label),
            *("--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65534:65534"),
            *("--security-opt", "no-new-privileges", "--pids-limit", str(4 * limits.processes)),
            *("--memory", str(limits.memory_bytes), "--shm-size", str(limits.disk_bytes)),
            *("--tmpfs", f"{self.root}:rw,mode=1777,size={limits.disk_bytes}"),
            # SELinux would hide the cache, which belongs to the home of the teacher.
            *(*mount, "--security-opt", "label=disable"),
            *(part for item in variables.items() for part in ("--env", "=".join(item))),
            # A container does not end with the command that started it.
            *(IMAGE, "timeout", "--kill-after=5", str(limits.student_seconds + SPARE_SECONDS)),
            # The script goes in as a text: the user of the container may not be allowed to read it.
            *("python", "-P", "-c", script.read_text(encoding="utf-8")),
        ]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Remove the container, which does not end with the command that started it.

        The command ends first, because it could otherwise still start what is removed.
        """
        process.kill()
        process.wait()
        subprocess.run(
            [self.program, "rm", "--force", self.label], check=False, capture_output=True
        )


class NoSandbox(Sandbox):
    """Nothing is isolated: submitted code runs with the rights of the teacher."""

    name = "no isolation"
    first_process = None
    transport = "tcp"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="calibkit-")
        self.home = self._folder.name
        self.cache = str(cache_folder())

    def environment_outside(self) -> dict[str, str]:
        """Return what a submission may see: nothing else is between it and the command."""
        return self.environment()

    def command(self, script: Path, limits: Limits) -> list[str]:
        """Return a command that begins with ``python``."""
        return [str(PYTHON), str(script)]

    def environment(self) -> dict[str, str]:
        """Change only the variables that a submission must not share."""
        own = {**super().environment(), "PATH": os.environ.get("PATH", ""), "TMPDIR": self.home}
        return {**os.environ, **own}

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End all processes that still descend from the one that was started."""
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.kill()


KINDS: dict[str, Callable[[], Sandbox]] = {
    "bubblewrap": Bubblewrap,
    "podman": lambda: Container("podman"),
    "docker": lambda: Container("docker"),
    "no isolation": NoSandbox,
}


def named(name: str) -> Sandbox:
    """Return the kind of sandbox that has a name."""
    return KINDS[name]()


def choose() -> Sandbox | None:
    """Return the first kind of sandbox that works on this machine."""
    kinds = (named(name) for name in KINDS if name != NoSandbox.name)
    return next((kind for kind in kinds if kind.works()), None)


def _why_bubblewrap_fails() -> str:
    """Return what forbids user namespaces and allows them again, or how to find out."""
    for setting, forbids, allows in FORBID_USER_NAMESPACES:
        file = SETTINGS / setting.replace(".", "/")
        if file.is_file() and file.read_text(encoding="utf-8").strip() == forbids:
            command = f"sudo sysctl -w {setting}={allows}"
            return f"{setting} is {forbids}, which forbids user namespaces. Allow them: {command}"
    return "does not run. Find out why: bwrap --unshare-all --ro-bind / / true"


def how_to_isolate() -> str:
    """Return what a teacher can do on this machine, on which no kind of sandbox works."""
    advice = []
    if sys.platform == "linux" and shutil.which("bwrap"):
        advice.append(f"Bubblewrap is installed, but {_why_bubblewrap_fails()}")
    elif sys.platform == "linux":
        advice.append(
            "Install the package bubblewrap, for example with: sudo apt install bubblewrap"
        )
    programs = [program for program in ("podman", "docker") if shutil.which(program)]
    for program in programs:
        if not _succeeds(program, "info"):
            advice.append(f"{program} is installed, but does not run. Start it.")
        elif not _succeeds(program, "image", "inspect", IMAGE):
            file = EXECUTE.with_name("Containerfile")
            advice.append(
                f"{program} is installed, but lacks the image. Make it with: {program} build "
                f"-t {IMAGE} -f {shlex.quote(str(file))} {shlex.quote(str(file.parents[2]))}"
            )
        else:
            advice.append(
                f"{program} cannot run the image. Find out why: {program} run --rm {IMAGE} true"
            )
    if not programs:
        begin = "Or install" if advice else "Install"
        advice.append(f"{begin} Podman or Docker, and run grade.py again, which says what to do.")
    return "\n".join(advice)


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def python_folders() -> list[str]:
    """Return the folders of this Python, and of its virtual environment."""
    return sorted({str(Path(folder).resolve()) for folder in (sys.base_prefix, sys.prefix)})


def own_packages() -> dict[str, str]:
    """Return the folder of calibkit and the one above it, if it is installed from a clone.

    Only the package itself may be seen: the clone holds the solutions.
    """
    found = find_spec("calibkit")
    if found is None or found.origin is None:
        return {}
    folder = Path(found.origin).resolve().parent
    return {str(folder): str(folder.parent)}


def cache_folder() -> Path:
    """Return the folder in which calibkit keeps logits; to ask calibkit would import PyTorch."""
    chosen = os.environ.get("CALIBKIT_CACHE")
    return (Path(chosen).expanduser() if chosen else user_cache_path("calibkit")).resolve()


# --- running a notebook ---------------------------------------------------------------------------


def execute(
    notebook: NotebookNode,
    sandbox: Sandbox,
    limits: Limits = Limits(),
    say: Callable[[str], object] = print,
) -> None:
    """Run the code cells of a notebook in a sandbox, and give them their outputs.

    If a cell takes its sandbox with it, the cell gets an error. The next ones run in a new sandbox,
    in which the cells before them run again, except those that did so and the tests.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    deadline = time.monotonic() + limits.student_seconds
    harmful: set[int] = set()
    done, room = 0, limits.notebook_bytes
    while done < len(cells) and time.monotonic() < deadline:
        again = [k for k in range(done) if k not in harmful and not _is_test(cells[k])]
        plan = [*again, *range(done, len(cells))]
        run = Run(sandbox, limits, [cells[k] for k in plan], deadline)
        answers = run.answers()
        if "outputs" not in next(answers, {}):  # of the cell with which execute.py begins
            answers.close()
            complaints = run.complaints.decode(errors="replace")
            raise SandboxError(f"The sandbox ({sandbox.name}) did not start:\n{complaints}")
        for place in plan:
            answer = next(answers, {})
            fault = "" if "outputs" in answer else str(answer.get("fault", run.why_ended))[:1000]
            if place >= done:
                outputs = [_error(fault)] if fault else safe(answer["outputs"], limits.outputs)
                room -= len(json.dumps(outputs))
                cells[place].outputs = outputs if room >= 0 else _errors_alone(outputs)
                count = answer.get("count")
                cells[place].execution_count = count if isinstance(count, int) else None
                done = place + 1
            if fault:
                harmful.add(place)
                say(f"{_name(cells[place], place)}: {fault}.")
                break
        answers.close()
    for cell in cells[done:]:
        cell.outputs = [
            _error("CellTimeoutError: the time of the notebook was over before this cell")
        ]
    if done < len(cells):
        say(f"{_name(cells[done], done)}: the time of the notebook was over before this cell.")


class SandboxError(RuntimeError):
    """The sandbox itself does not work, whatever a student has written."""


def _errors_alone(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Leave out what has no room in the notebook. The errors decide the points."""
    text = "[This notebook puts out more than can be kept. These outputs are left out.]\n"
    errors = [output for output in outputs if output.output_type == "error"]
    return [new_output("stream", name="stdout", text=text), *errors[:1]]


def safe(outputs: Any, most: int = Limits.outputs) -> list[NotebookNode]:
    """Return copies of the outputs that are valid, with what a page can show without running it.

    ``execute.py`` adds two to the most outputs: what it says about the rest, and an error.
    """
    kept = []
    for output in outputs[: most + 2] if isinstance(outputs, list) else []:
        try:
            found = nbformat.from_dict(output)
            if "data" in found:
                found.data = {key: found.data[key] for key in SAFE_TYPES if key in found.data}
                found.data.setdefault("text/plain", "")
                found.metadata = {}
            cell = new_code_cell(outputs=[found])
            nbformat.validate(new_notebook(cells=[cell]))
        except Exception as error:  # a hostile notebook can put anything here
            found = _error(f"OutputError: an output was not valid ({type(error).__name__})")
        kept.append(found)
    return kept


def _is_test(cell: NotebookNode) -> bool:
    own = cell.metadata.get("nbgrader", {})
    return bool(own.get("grade")) and not own.get("solution")


def _name(cell: NotebookNode, place: int) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", f"code cell {place + 1}")


def _error(text: str) -> NotebookNode:
    name, _, message = text.partition(": ")
    return new_output("error", ename=name, evalue=message, traceback=[text])


# What runs now, for a process that has to end at once: a container does not end with it.
RUNNING: dict[int, tuple[Sandbox, subprocess.Popen[bytes]]] = {}
CHANGES = threading.Lock()  # of what runs


def end_all() -> None:
    """End all sandboxes that this process has started, and let it start and finish no other.

    It would take the end for the fault of a cell, and go on with the next one.
    """
    CHANGES.acquire()
    for sandbox, process in list(RUNNING.values()):
        with contextlib.suppress(psutil.NoSuchProcess):
            sandbox.kill(process)


@dataclass
class Run:
    """One sandbox with the cells that it runs."""

    sandbox: Sandbox
    limits: Limits
    cells: list[NotebookNode]
    deadline: float
    why_ended: str = "DeadKernelError: this cell ended the sandbox"
    complaints: bytes = field(default=b"", init=False)

    def answers(self) -> Iterator[dict[str, Any]]:
        """Yield what the sandbox says, until it ends or has to be ended."""
        job = {
            "cells": [cell.source for cell in self.cells],
            "seconds": [
                cell.metadata.get("seconds", self.limits.cell_seconds) for cell in self.cells
            ],
            "output_bytes": self.limits.output_bytes,
            "outputs": self.limits.outputs,
            "memory_bytes": self.limits.memory_bytes,
            "disk_bytes": self.limits.disk_bytes,
            "most_processes": self.limits.processes,
            "processes_of_user": (
                4 * self.limits.processes if self.sandbox.counts_processes else None
            ),
            "first_process": self.sandbox.first_process,
            "cache": self.sandbox.cache,
            "transport": self.sandbox.transport,
            "uid": self.sandbox.uid,
        }
        with tempfile.TemporaryFile() as input_file, tempfile.TemporaryFile() as complaints:
            input_file.write(json.dumps(job).encode())
            input_file.seek(0)
            with CHANGES:
                process = subprocess.Popen(
                    self.sandbox.command(EXECUTE, self.limits),
                    cwd=tempfile.gettempdir(),  # Podman can leave a file where it was started.
                    env=self.sandbox.environment_outside(),
                    stdin=input_file,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                )
                RUNNING[process.pid] = self.sandbox, process
            try:
                yield from self._lines(process)
            finally:
                self.sandbox.kill(process)
                process.wait()
                with CHANGES:
                    del RUNNING[process.pid]
                complaints.seek(0)
                self.complaints = complaints.read(MEGABYTE)

    def _lines(self, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
        lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=0.5)
            except queue.Empty:
                line = None
            if line == b"":
                return
            if line is not None:
                try:
                    yield dict(json.loads(line))
                except (ValueError, TypeError, RecursionError):
                    self.why_ended = "DeadKernelError: this cell put out more than can be kept"
                    return
            if fault := self._fault(process):
                self.why_ended = fault
                return

    def _fault(self, process: subprocess.Popen[bytes]) -> str:
        if time.monotonic() > self.deadline:
            return (
                f"CellTimeoutError: the notebook took longer than {self.limits.student_seconds} "
                "seconds and was stopped in this cell"
            )
        if not self.sandbox.is_watched:
            return ""
        return excess(process.pid, self.limits.processes, self.limits.memory_bytes)


def _read(stream: Any, lines: "queue.Queue[bytes]") -> None:
    """Put each line of a stream into a queue, and an empty one at the end or if it is too long."""
    room = MOST_BYTES
    while line := stream.readline(room):
        lines.put(line)
        room -= len(line)
    lines.put(b"")
