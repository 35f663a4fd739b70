import gzip
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import coverage
import matplotlib
import pytest
from filelock import FileLock

matplotlib.use("agg")


PACKED = (".css", ".html", ".js", ".svg")


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; of a file named in ``cut``, only the first half, then hangs up."""

    cut: tuple[str, ...] = ()
    packed = False

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if not (self.packed and path.is_file() and path.suffix in PACKED):
            return super().send_head()
        body = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)

    def copyfile(self, source, outputfile):
        body = source.read()
        half = Path(self.path).name in self.cut
        outputfile.write(body[: len(body) // 2] if half else body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def course(tmp_path_factory, worker_id) -> Path:
    """A course folder with source/ and release/. A test that changes it works on a copy.

    The first worker that needs it makes it for all, because this takes many seconds.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent  # of all workers of this run
    folder, is_made = shared / "course", shared / "course_is_made"
    with FileLock(shared / "course.lock"):
        if not is_made.exists():
            make_course(folder)
            is_made.touch()
    return folder


def make_course(folder: Path) -> None:
    script = Path(__file__).parents[1] / "notebooks" / "assignments" / "make_assignments.py"
    made = subprocess.run(
        [sys.executable, str(script), str(folder)],
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr


def _serve() -> Iterator[Callable[..., str]]:
    """Serve a folder on a free local port; returns the address.

    With ``packed``, text is sent as a host of pages sends it: compressed, over connections that
    stay open.
    """
    servers = []
    try:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            socket.create_connection(probe.getsockname()).close()
    except OSError as error:
        pytest.skip(f"the loopback interface is down ({error})")

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # a browser opens many connections at once

    def start(folder: Path, cut: tuple[str, ...] = (), packed: bool = False) -> str:
        fields = {"cut": cut, "packed": packed}
        if packed:
            fields["protocol_version"] = "HTTP/1.1"
        handler = partial(type("FolderHandler", (Handler,), fields), directory=str(folder))
        server = Server(("127.0.0.1", 0), handler)
        # shutdown() waits for the end of an interval, which is half a second by default.
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


serve = pytest.fixture(_serve, name="serve")
serve_for_module = pytest.fixture(_serve, scope="module", name="serve_for_module")


def _without_coverage() -> Iterator[None]:
    """Stop measuring what is covered, also in new processes.

    Grading, lessons and simulations run little of calibkit that no other test runs, and measuring
    makes some of them take almost twice as long.
    """
    measuring = coverage.Coverage.current()
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("COVERAGE_PROCESS_START", raising=False)
        if measuring:
            measuring.stop()
        yield
        if measuring:
            measuring.start()


without_coverage = pytest.fixture(_without_coverage, name="without_coverage")
without_coverage_in_module = pytest.fixture(
    _without_coverage, scope="module", name="without_coverage_in_module"
)


@pytest.fixture(autouse=True)
def _no_figures_left():
    from matplotlib import pyplot as plt

    yield
    plt.close("all")
