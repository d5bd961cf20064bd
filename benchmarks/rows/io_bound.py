"""A tool that waits: one Redis read, then one HTTP call to a local service, 50 connections.

Redis and the service run on the core of the load generator. All Python servers use the same clients, redis-py with
hiredis and aiohttp, on connections that are kept.
"""

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from benchmarks.load import Answer, tool_call
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.peers import INSTALLED, Missing
from benchmarks.race import Entry, Run, http_race
from benchmarks.servers import free_port, running

CONNECTIONS = 50
KEY, VALUE = "weather", "Tuesday"
PAGE = Path(__file__).resolve().parents[1] / "page.py"


@contextlib.contextmanager
def backends(run: Run) -> Iterator[dict[str, str]]:
    """A private Redis with one key, and the service; their addresses as the programs take them.

    Raises:
        Missing: there is no redis-server.
    """
    if which("redis-server") is None:
        raise Missing("redis-server is not installed (Debian: apt-get install redis-server)")
    python = INSTALLED / "dragoman" / "bin" / "python"
    if not python.exists():
        raise Missing("the local service runs in the environment of dragoman, which is not installed")
    redis, page = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", folder]
        command = ["redis-server", "--port", str(redis), *quiet]
        stack.enter_context(running(command, dict(os.environ), run.cores.load, redis))
        stack.enter_context(running([str(python), str(PAGE), str(page)], dict(os.environ), run.cores.load, page))
        with socket.create_connection(("127.0.0.1", redis)) as connection:
            connection.sendall(f"SET {KEY} {VALUE}\r\n".encode())
            if not connection.recv(64).startswith(b"+OK"):
                raise Missing("redis-server does not keep a value")
        yield {"BENCH_REDIS_URL": f"redis://127.0.0.1:{redis}/0", "BENCH_HTTP_URL": f"http://127.0.0.1:{page}/"}


def _has_both(answer: Answer) -> bool:
    return answer.text == f"{VALUE} It is sunny."


def measure(run: Run) -> Outcome:
    """Read both, one after the other."""
    outcome = Outcome()
    call = tool_call("io", {"key": KEY}, _has_both)
    peers = run.choose(("dragoman", "fastmcp", "python_sdk", "typescript", "go", "rust"), outcome)
    with backends(run) as addresses:
        settings = {"BENCH_SET": "all", **addresses}
        return http_race(run, [Entry(peer.name, peer, call, settings, CONNECTIONS) for peer in peers], outcome)


ROWS = [
    Row(
        "io",
        "I/O-bound: one Redis read and one HTTP call in the tool, 50 connections",
        (
            Goal("dragoman", "fastmcp", at_least=8),
            Goal("dragoman", "go", at_least=1),
            Goal("dragoman", "rust", at_least=0.9),
        ),
        measure,
    )
]
