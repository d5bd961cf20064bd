"""Fixtures: the one HTTP server, the state of the peers, and each client's run, made once for all tests."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.interop.runs import HERE, RUNS, SERVE, Seen, look_over_http, look_over_stdio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS = 30.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def peers() -> dict[str, dict[str, str]]:
    """What setup says of each peer: the program that runs it, or what is missing."""
    done = subprocess.run([sys.executable, str(HERE / "setup"), "--check"], capture_output=True, text=True, check=True)
    state: dict[str, dict[str, str]] = json.loads(done.stdout)
    return state


@pytest.fixture(scope="session")
def served(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of `dragoman serve`, started once for every client on HTTP."""
    port = _free_port()
    log = tmp_path_factory.mktemp("served") / "log"
    with log.open("wb") as output:
        server = subprocess.Popen([*SERVE, "--port", str(port)], stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if server.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"dragoman serve did not start on port {port}:\n{log.read_text()}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
            raise


@pytest.fixture(
    scope="module",
    params=[(run, wire) for run in RUNS for wire in ("http", "stdio")],
    ids=lambda choice: f"{choice[0].name}-{choice[1]}",
)
def seen(
    request: pytest.FixtureRequest,
    peers: dict[str, dict[str, str]],
    served: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    """One client on one wire, run once; skipped by name where the client cannot be had."""
    run, wire = request.param
    state = peers[run.peer]
    if "missing" in state:
        pytest.skip(f"{run.peer}: {state['missing']}")
    scratch = tmp_path_factory.mktemp(f"{run.name}-{wire}")
    if wire == "http":
        return asyncio.run(look_over_http(run, state["program"], served, scratch))
    return asyncio.run(look_over_stdio(run, state["program"], scratch))
