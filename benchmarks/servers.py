"""Programs under load: started on a core of their own, known by their pid, ended by it; what they used of the machine.

Processor time and memory are those of the whole family of processes, read from /proc.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from benchmarks.peers import Missing, Peer

START_SECONDS = 30.0
STOP_SECONDS = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Cores:
    """Which processors serve and which make the load.

    With two or more they are apart; with one both share it, and the table says so.
    """

    def __init__(self) -> None:
        usable = sorted(os.sched_getaffinity(0))
        self.all = ",".join(map(str, usable))
        self.serve = str(usable[0])
        self.load = str(usable[1 % len(usable)])
        self.apart = len(usable) > 1


def pinned(cores: str, command: Sequence[str]) -> list[str]:
    """A command that stays on the given cores."""
    return ["taskset", "-c", cores, *command]


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def family(pid: int) -> list[int]:
    """A process and its living descendants."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                children += map(int, (task / "children").read_text("utf-8").split())
    return [pid, *(one for child in children for one in family(child))]


def cpu_seconds(pid: int) -> float:
    """The processor time, user and system, of a process and its descendants so far."""
    ticks = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text("utf-8").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def resident_bytes(pid: int) -> int:
    """The memory that a process and its descendants have in RAM."""
    kilobytes = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{one}/status").read_text("utf-8").splitlines():
                if line.startswith("VmRSS:"):
                    kilobytes += int(line.split()[1])
    return kilobytes * 1024


class Program:
    """A process that serves, until `stop`.

    Args:
        command: the words that start it.
        environment: all of its environment.
        cores: where it runs, such as `0` or `0,1`.
        streams: `stdin=` and `stdout=` for `subprocess.Popen`; nothing by default.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        cores: str,
        streams: Mapping[str, Any] | None = None,
    ) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **(streams or {})}
        words = pinned(cores, command)
        self.process = subprocess.Popen(
            words, env=dict(environment), stderr=self.errors, start_new_session=True, **given
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def wait_for_port(self, port: int, seconds: float = START_SECONDS) -> None:
        """Wait until something listens.

        Raises:
            Missing: the process ended before, or takes too long.
        """
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            if self.process.poll() is not None:
                raise Missing(f"it ended at its start: {self.complaint()}")
            if time.monotonic() > deadline:
                raise Missing(f"it did not listen within {seconds:g} s: {self.complaint()}")
            time.sleep(0.02)

    def complaint(self) -> str:
        """The end of what it wrote to standard error, on one line."""
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace").strip()
        return " | ".join(text.splitlines()[-3:])[-400:] or "it said nothing"

    def stop(self) -> None:
        """End it: kindly, and after a while at once, with its descendants."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.errors.close()


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], cores: str, port: int) -> Iterator[Program]:
    """Start a program that listens on a port, and end it afterwards."""
    program = Program(command, environment, cores)
    try:
        program.wait_for_port(port)
        yield program
    finally:
        program.stop()


@contextlib.contextmanager
def serving(peer: Peer, settings: Mapping[str, str], cores: str) -> Iterator[tuple[Program, int]]:
    """Start a peer over HTTP: the process, and the port of its endpoint /mcp."""
    port = free_port()
    with running(peer.command("http", port), peer.environment(settings), cores, port) as program:
        yield program, port
