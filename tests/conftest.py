import socket
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import matplotlib
import pytest

matplotlib.use("agg")


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; of a file named in ``cut``, only the first half, then hangs up."""

    cut: tuple[str, ...] = ()

    def copyfile(self, source, outputfile):
        body = source.read()
        half = Path(self.path).name in self.cut
        outputfile.write(body[: len(body) // 2] if half else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve a folder on a free local port; returns the address."""
    servers = []
    try:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            socket.create_connection(probe.getsockname()).close()
    except OSError as error:
        pytest.skip(f"the loopback interface is down ({error})")

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # a browser opens many connections at once

    def start(folder: Path, cut: tuple[str, ...] = ()) -> str:
        handler = partial(type("CutHandler", (Handler,), {"cut": cut}), directory=str(folder))
        server = Server(("127.0.0.1", 0), handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_figures_left():
    from matplotlib import pyplot as plt

    yield
    plt.close("all")
