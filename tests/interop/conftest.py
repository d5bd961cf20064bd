"""Fixtures: what each client saw in each scene, on each wire. Every server and every client runs once a session."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

import pytest

from tests.interop.runs import DATABASE_AND_HANDBOOK, HERE, RUNS, Run, Scene, Seen, look_over_http, look_over_stdio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Wire = Literal["http", "stdio"]
START_SECONDS = 30.0
STOP_SECONDS = 15.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `seen` runs for every client and wire in the SCENES of its module."""
    if "seen" in metafunc.fixturenames:
        choices = [(scene, run, wire) for scene in metafunc.module.SCENES for run in RUNS for wire in ("http", "stdio")]
        many = len(metafunc.module.SCENES) > 1
        ids = [f"{scene.name}-{run.name}-{wire}" if many else f"{run.name}-{wire}" for scene, run, wire in choices]
        metafunc.parametrize("seen", choices, indirect=True, ids=ids)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_served(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"dragoman serve did not start on port {port}:\n{log.read_text()}")


@contextmanager
def _serving(scene: Scene, log: Path) -> Iterator[str]:
    """The URL of a scene's server while it runs; it must end with status 0 when it is told to."""
    port = _free_port()
    with log.open("wb") as output:
        server = subprocess.Popen([*scene.command, "--port", str(port)], stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_served(server, port, log)
        yield f"http://127.0.0.1:{port}/mcp"
        server.send_signal(signal.SIGTERM)
        assert server.wait(STOP_SECONDS) == 0, log.read_text()
    finally:
        server.kill()  # nothing where it has ended
        server.wait()


class Looks:
    """What was seen so far; a run that failed is not tried again for the next test."""

    def __init__(self, folders: pytest.TempPathFactory, servers: ExitStack) -> None:
        self._folders = folders
        self._servers = servers
        self._urls: dict[str, str] = {}
        self._seen: dict[tuple[str, str, Wire], Seen | Exception] = {}
        answer = subprocess.run(
            [sys.executable, str(HERE / "setup"), "--check"], capture_output=True, text=True, check=True
        )
        self._peers: dict[str, dict[str, str]] = json.loads(answer.stdout)

    def get(self, scene: Scene, run: Run, wire: Wire) -> Seen:
        """What the client saw there; skipped by name where the client cannot be had."""
        if reason := self._peers[run.peer].get("missing"):
            pytest.skip(f"{run.peer}: {reason}")
        key = (scene.name, run.name, wire)
        if key not in self._seen:
            try:
                self._seen[key] = self._look(scene, run, wire)
            except Exception as error:  # noqa: BLE001  (kept, and raised below for every test that asks)
                self._seen[key] = error
        seen = self._seen[key]
        if isinstance(seen, Exception):
            raise seen
        return seen

    def _look(self, scene: Scene, run: Run, wire: Wire) -> Seen:
        program = self._peers[run.peer]["program"]
        scratch = self._folders.mktemp(f"{scene.name}-{run.name}-{wire}")
        if wire == "stdio":
            return asyncio.run(look_over_stdio(scene, run, program, scratch))
        if scene.name not in self._urls:
            log = self._folders.mktemp(scene.name) / "log"
            self._urls[scene.name] = self._servers.enter_context(_serving(scene, log))
        return asyncio.run(look_over_http(scene, run, program, self._urls[scene.name], scratch))


@pytest.fixture(scope="session")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    """Everything seen in this session; the servers end with it."""
    with ExitStack() as servers:
        yield Looks(tmp_path_factory, servers)


@pytest.fixture
def seen(request: pytest.FixtureRequest, looks: Looks) -> Seen:
    """One client on one wire in one scene."""
    scene, run, wire = request.param
    if scene is DATABASE_AND_HANDBOOK:
        request.getfixturevalue("shared_data")
    return looks.get(scene, run, wire)
