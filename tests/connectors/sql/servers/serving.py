"""A `dragoman serve` of its own for tests: a configuration, a port, its process and those below it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.conftest import PROGRAM, free_port

START_SECONDS = 30.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Serving:
    """A running server.

    Args:
        process: it.
        port: where it listens.
        log: the file for what it says.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self.url = f"http://127.0.0.1:{port}/mcp"

    def resident(self) -> int:
        """Return the memory of the process and of all below it, bytes; what two share counts twice."""
        return sum(map(_resident, self._tree()))

    def _tree(self) -> list[int]:
        found, unseen = [], [self.process.pid]
        while unseen:
            pid = unseen.pop()
            found.append(pid)
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    unseen += map(int, (task / "children").read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


@contextmanager
def serving(configuration: str, folder: Path) -> Iterator[Serving]:
    """Serve a configuration until the block ends.

    Args:
        configuration: the text of its `dragoman.toml`.
        folder: where that is written, and the log.
    """
    port, log = free_port(), folder / "log"
    target = folder / "dragoman.toml"
    target.write_text(configuration, encoding="utf-8")
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*PROGRAM, "serve", str(target), "--port", str(port), "--log-level", "warning"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DRAGOMAN_STATE": str(folder / "state")},
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield Serving(process, port, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
