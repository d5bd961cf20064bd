"""Dragoman's client visits servers nobody here wrote: they list, count, ask, are read, change and are cancelled.

Every harbour is the same small server on another SDK. Each is visited once on each wire and in each era it has; the
tests look at what the visitor brought home.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pytest

from dragoman import Change, Client, Elicitation, RequestTimeout
from tests.interop.runs import HERE, INSTALLED, PEERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Wire = Literal["stdio", "http", "sse"]
FLAG = "harbour://flag"
TOOLS = {"add", "count", "berth", "wait", "waited", "raise_flag"}
MODERN, OLDER = "2026-07-28", "2025-11-25"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Visit:
    """One harbour, as it is entered.

    Parameters:
        server: whose SDK it is made with.
        revision: the newest that both speak there.
        wire: how it is entered.
        path: of its URL.
        lacks: what this SDK does not do there.
    """

    server: str
    revision: str
    wire: Wire
    path: str = "/mcp"
    lacks: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.server}-{self.revision}-{self.wire}"


# MCPServer of the Python SDK tells older clients of no changes.
QUIET = frozenset({"changes"})
# The TypeScript SDK 2.x serves older clients over HTTP without sessions: it can neither ask nor tell them anything.
STATELESS = frozenset({"changes", "questions", "cancellation"})
# The Go SDK lets a call of 2026-07-28 go on when its client has left.
GOES_ON = frozenset({"cancellation"})

VISITS = (
    Visit("python1", OLDER, "stdio"),
    Visit("python1", OLDER, "http"),
    Visit("python1", OLDER, "sse", "/sse"),
    Visit("python2", MODERN, "stdio"),
    Visit("python2", MODERN, "http"),
    Visit("python2", OLDER, "stdio", lacks=QUIET),
    Visit("python2", OLDER, "http", lacks=QUIET),
    Visit("ts1", OLDER, "stdio"),
    Visit("ts1", OLDER, "http"),
    Visit("ts2", MODERN, "stdio"),
    Visit("ts2", MODERN, "http"),
    Visit("ts2", OLDER, "stdio"),
    Visit("ts2", OLDER, "http", lacks=STATELESS),
    Visit("go", MODERN, "stdio"),
    Visit("go", MODERN, "http", lacks=GOES_ON),
    Visit("go", OLDER, "stdio"),
    Visit("go", OLDER, "http", "/sessions"),
)


@dataclass
class Brought:
    """What the visitor brought home."""

    revision: str = ""
    server: str = ""
    tools: set[str] = field(default_factory=set)
    sum: str = ""
    counted: str = ""
    progress: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    berth: str = ""
    resources: list[str] = field(default_factory=list)
    flag: list[str | None] = field(default_factory=list)
    changes: set[Change] = field(default_factory=set)
    timed_out: bool = False
    cancelled: str = ""


async def look_around(client: Client, visit: Visit, asked: list[str]) -> Brought:
    """Do everything that the harbour lets a visitor do."""
    brought = Brought(client.revision, client.server_info.name if client.server_info else "", asked=asked)
    brought.tools = {tool.name for tool in await client.list_tools()}
    brought.sum = (await client.call_tool("add", {"a": 1, "b": 2})).text
    counted = await client.call_tool("count", {"to": 3}, on_progress=lambda *step: brought.progress.append(step))
    brought.counted = counted.text
    brought.resources = [resource.uri for resource in await client.list_resources()]
    brought.flag = [part.text for part in await client.read_resource(FLAG)]
    if "questions" not in visit.lacks:
        brought.berth = (await client.call_tool("berth")).text
    if "changes" not in visit.lacks:
        async with asyncio.timeout(20), client.listen(tools=True, uris=[FLAG]) as changes:
            await client.call_tool("raise_flag")
            brought.changes = {await anext(changes), await anext(changes)}
    try:
        await client.call_tool("wait", timeout=0.5)
    except RequestTimeout:
        brought.timed_out = True
    if "cancellation" not in visit.lacks:
        brought.cancelled = (await client.call_tool("waited")).text
    return brought


async def enter(visit: Visit, command: list[str]) -> Brought:
    """Visit a harbour once."""
    asked: list[str] = []

    def on_elicit(question: Elicitation) -> dict[str, Any]:
        asked.append(question.message)
        return {"length": 30}

    options: dict[str, Any] = {"on_elicit": on_elicit}
    if visit.revision == OLDER and visit.server not in ("python1", "ts1"):
        options["revision"] = OLDER
    if visit.wire == "stdio":
        async with Client([*command, "stdio"], on_stderr=lambda _: None, **options) as client:
            return await look_around(client, visit, asked)
    async with serving(command, visit.wire) as origin, Client(origin + visit.path, **options) as client:
        return await look_around(client, visit, asked)


@contextlib.asynccontextmanager
async def serving(command: list[str], wire: Wire) -> AsyncIterator[str]:
    """The origin of a harbour while it can be reached over HTTP, in the transport of today or of 2024-11-05."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(*command, wire, str(port), stderr=asyncio.subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            assert process.returncode is None, f"{command} ended with {process.returncode}"
            assert time.monotonic() < end, f"{command} did not start on port {port}"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Harbours:
    """Every visit so far; one that failed is not tried again for the next test."""

    def __init__(self) -> None:
        self._states = {**_check(HERE / "setup"), **_renamed(_check(HERE / "servers" / "setup"))}
        self._brought: dict[str, Brought | Exception] = {}

    def get(self, visit: Visit) -> Brought:
        """What was brought from there; skipped by name where the server cannot be had."""
        if reason := self._states[_key(visit.server)].get("missing"):
            pytest.skip(f"{visit.server} server: {reason}")
        if visit.name not in self._brought:
            try:
                self._brought[visit.name] = asyncio.run(enter(visit, self._command(visit.server)))
            except Exception as error:  # noqa: BLE001  (kept, and raised below for every test that asks)
                self._brought[visit.name] = error
        brought = self._brought[visit.name]
        if isinstance(brought, Exception):
            raise brought
        return brought

    def _command(self, server: str) -> list[str]:
        program = self._states[_key(server)]["program"]
        if server == "go":
            return [program]
        if server.startswith("python"):
            return [program, str(PEERS / server / "server.py")]
        # A module of Node finds its packages beside itself.
        source, place = PEERS / server, INSTALLED / server
        if server == "ts2":
            source, place = HERE / "servers" / "ts2", INSTALLED / "servers" / "ts2"
        shutil.copyfile(source / "server.mjs", place / "server.mjs")
        return [program, str(place / "server.mjs")]


def _check(setup: Any) -> dict[str, dict[str, str]]:
    answer = subprocess.run([sys.executable, str(setup), "--check"], capture_output=True, text=True, check=True)
    states: dict[str, dict[str, str]] = json.loads(answer.stdout)
    return states


def _renamed(states: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {f"servers/{name}": state for name, state in states.items()}


def _key(server: str) -> str:
    return f"servers/{server}" if server in ("ts2", "go") else server


@pytest.fixture(scope="session")
def harbours() -> Harbours:
    """Everything brought home in this session."""
    return Harbours()


def visits(without: str = "") -> pytest.MarkDecorator:
    """Run a test for every visit, but for those that lack something; the Go server takes its time to build."""
    return pytest.mark.parametrize(
        "visit",
        [
            pytest.param(visit, id=visit.name, marks=[pytest.mark.slow] if visit.server == "go" else [])
            for visit in VISITS
            if without not in visit.lacks
        ],
    )


@visits()
def test_the_newest_common_revision_is_found(harbours: Harbours, visit: Visit) -> None:
    brought = harbours.get(visit)
    assert (brought.revision, brought.server) == (visit.revision, "harbour")


@visits()
def test_tools_are_listed_and_called(harbours: Harbours, visit: Visit) -> None:
    brought = harbours.get(visit)
    assert brought.tools >= TOOLS
    assert brought.sum == "3"


@visits()
def test_progress_is_heard(harbours: Harbours, visit: Visit) -> None:
    brought = harbours.get(visit)
    assert brought.counted == "3"
    assert brought.progress == [(step, 3, f"step {step}") for step in (1, 2, 3)]


@visits(without="questions")
def test_a_question_is_answered_with_its_default(harbours: Harbours, visit: Visit) -> None:
    brought = harbours.get(visit)
    assert brought.asked == ["How long is the ship?"]
    assert brought.berth == "30 m, with pilot"


@visits()
def test_resources_are_listed_and_read(harbours: Harbours, visit: Visit) -> None:
    brought = harbours.get(visit)
    assert brought.resources == [FLAG]
    assert brought.flag == ["blue and white"]


@visits(without="changes")
def test_changes_are_told(harbours: Harbours, visit: Visit) -> None:
    assert harbours.get(visit).changes == {Change("resource", FLAG), Change("tools")}


@visits()
def test_a_call_that_takes_too_long_is_given_up(harbours: Harbours, visit: Visit) -> None:
    assert harbours.get(visit).timed_out


@visits(without="cancellation")
def test_what_is_given_up_is_cancelled(harbours: Harbours, visit: Visit) -> None:
    assert harbours.get(visit).cancelled == "cancelled"
