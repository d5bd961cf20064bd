"""Runs the official conformance suite and reads its checks, and the server that it is run against.

The suite writes one checks.json per scenario, in a folder named after scenario and time. Checks that succeeded or only
inform are dropped here: whatever is left must be explained by the test that asks.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
SECONDS: Final = 100.0
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0
_TIME: Final = len("-2026-07-28T00-00-00-000Z")  # what a folder's name ends with
_FINE: Final = frozenset({"SUCCESS", "INFO"})


@dataclass(frozen=True)
class Check:
    """One check that did not simply succeed."""

    name: str
    status: str
    words: str

    def __str__(self) -> str:
        return f"{self.status} {self.name}: {self.words}"


@dataclass(frozen=True)
class Outcome:
    """What a scenario gave.

    Args:
        succeeded: how many checks did.
        others: those that did not.
        ended: the exit status of the process that ran it.
        output: what that process said, of the client it started too.
    """

    succeeded: int
    others: Sequence[Check]
    ended: int
    output: str


@dataclass(frozen=True)
class Suite:
    """The installed suite.

    Args:
        program: the Node that runs it.
        script: its entry point.
    """

    program: str
    script: str

    def say(self, *arguments: str) -> str:
        """What a command of the suite prints."""
        command = [self.program, self.script, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout

    def run(self, scratch: Path, *arguments: str) -> Mapping[str, Outcome]:
        """Run scenarios in one process; the outcomes by scenario.

        Args:
            scratch: an empty folder for results.
            arguments: the command and its options.
        """
        command = [self.program, self.script, *arguments, "--output-dir", str(scratch)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        output = done.stdout + done.stderr
        prefix = f"{arguments[0]}-" if arguments[0] == "server" else ""
        outcomes: dict[str, Outcome] = {}
        for path in scratch.rglob("checks.json"):
            scenario = path.parent.relative_to(scratch).as_posix()[:-_TIME].removeprefix(prefix)
            checks: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
            succeeded = sum(check["status"] == "SUCCESS" for check in checks)
            others = [_read(check) for check in checks if check["status"] not in _FINE]
            outcomes[scenario] = Outcome(succeeded, others, done.returncode, output)
        assert outcomes, f"the suite ran nothing:\n{output}"
        return outcomes


def _read(check: Mapping[str, Any]) -> Check:
    details = json.dumps(check.get("details", {}))[:2000]
    words = f"{check['description']}\n    {check.get('errorMessage', 'no message')}\n    {details}"
    return Check(check["id"], check["status"], words)


@cache
def state() -> Mapping[str, str]:
    """What tests/conformance/setup says of the suite."""
    command = [sys.executable, str(HERE / "setup"), "--check"]
    answer: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """The URL of the server while it runs; it must end with status 0 when it is told to.

    Args:
        log: where its output goes; its tasks are kept beside.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("dragoman")), "serve", str(HERE / "server.py"), "--port", str(port)]
    environment = {**os.environ, "DRAGOMAN_STATE": str(log.parent)}
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    try:
        _wait_until_served(server, port, log)
        yield f"http://127.0.0.1:{port}/mcp"
        server.send_signal(signal.SIGTERM)
        assert server.wait(_STOP_SECONDS) == 0, log.read_text()
    finally:
        server.kill()  # nothing where it has ended
        server.wait()


def _wait_until_served(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"dragoman serve did not start on port {port}:\n{log.read_text()}")
