"""The real program, started as a user starts it, on real data."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SECONDS = 60.0
PROGRAM = (sys.executable, "-m", "dragoman")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(*words: str, stdin: str = "", environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PROGRAM, *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, **(environment or {})},
    )


@dataclass
class Serving:
    """A server that runs until it is told to end."""

    words: Sequence[str]
    folder: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        with (self.folder / "out.log").open("w") as out, (self.folder / "err.log").open("w") as err:
            self.process = subprocess.Popen(
                [*PROGRAM, *self.words, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.folder,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def out(self) -> str:
        return (self.folder / "out.log").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return (self.folder / "err.log").read_text(encoding="utf-8")

    def wait_until_announced(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not re.search(r"^Try:$", self.out, re.MULTILINE):
            assert self.process.poll() is None, self.err
            assert time.monotonic() < deadline, self.out + self.err
            time.sleep(0.02)

    def end(self, how: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(SECONDS)
        finally:
            self.process.kill()


@pytest.fixture(scope="session")
def targets(shared_data: Path) -> list[str]:
    return [str(shared_data / "chinook.sqlite"), str(shared_data / "handbook")]


@pytest.fixture(scope="module")
def serving(targets: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = Serving(["serve", *targets], tmp_path_factory.mktemp("serving"))
    try:
        server.wait_until_announced()
        yield server
    finally:
        status = server.end(signal.SIGTERM)
    assert status == 0, server.err
