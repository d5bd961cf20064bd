"""Streams as such: ids, what they say and what is read from them, who is woken, a store that fails, restarts."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.auth.principal import ANONYMOUS, Principal
from dragoman.protocol import sse
from dragoman.store.events import MemoryEvents, StreamEvent
from dragoman.store.sqlite import SqliteEvents
from dragoman.transports.streams import Stream, event_id, owner_key, read_event_id
from tests.transports.reading import Visitor, ids, said, until
from tests.transports.stage import Stage


class BrokenStore(MemoryEvents):
    """A store whose disk is full after some events."""

    def __init__(self, most: int) -> None:
        super().__init__(2**20, 60)
        self.most = most
        self.asked = 0

    def append(self, owner: str, stream: str, event: StreamEvent) -> None:
        self.asked += 1
        if self.asked > self.most:
            raise OSError(28, "No space left on device")
        super().append(owner, stream, event)


def stream_of(store: MemoryEvents) -> Stream:
    return Stream("owner", "name", store)


@given(st.text("abcDEF_019", min_size=1, max_size=20), st.integers(1, 999_999_999))
def test_an_id_says_which_stream_and_which_place(name: str, number: int) -> None:
    assert read_event_id(event_id(name, number)) == (name, number)


@given(st.text(max_size=50))
def test_reading_an_id_never_fails(text: str) -> None:
    place = read_event_id(text)
    assert place is None or (place[0] and 0 <= place[1] < 10**9)


@pytest.mark.parametrize(
    "text",
    ["", "-", "a", "a-", "-1", "a-x", "a-1.5", "a--", "a-²", "a-١", "a-+1", "a- 1", "a-1_0", "a-1234567890", "a-1\n"],
)
def test_what_is_no_id_of_ours(text: str) -> None:
    assert read_event_id(text) is None


def test_streams_are_kept_under_session_and_owner() -> None:
    somebody, tenant = Principal("a"), Principal("a", tenant="t")
    keys = {owner_key(session, owner) for session in ("s", "t") for owner in (ANONYMOUS, somebody, tenant)}
    assert len(keys) == 6
    assert owner_key("s", Principal("a")) in keys
    assert all("s" not in key for key in keys), "a session's id is not to be read from the store"


def test_events_are_numbered_and_kept() -> None:
    store = MemoryEvents(2**20, 60)
    stream = stream_of(store)
    assert [stream.append(b"a"), stream.append(b""), stream.append(b"c", last=True)] == ["name-1", "name-2", "name-3"]
    assert stream.ended
    assert store.after("owner", "name", 0) == [
        StreamEvent(1, b"a"),
        StreamEvent(2, b""),
        StreamEvent(3, b"c", last=True),
    ]


async def test_who_waits_is_woken_and_one_that_left_is_no_harm() -> None:
    stream = stream_of(MemoryEvents(2**20, 60))
    waiting = [asyncio.create_task(stream.grown()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    stream.append(b"a")
    await asyncio.gather(waiting[0], waiting[2])
    assert waiting[1].cancelled()


async def test_an_abandoned_stream_wakes_and_keeps_nothing_more() -> None:
    store = MemoryEvents(2**20, 60)
    stream = stream_of(store)
    stream.append(b"a")
    waiting = asyncio.create_task(stream.grown())
    await asyncio.sleep(0)
    stream.abandon()
    await waiting
    stream.append(b"b")
    assert stream.ended
    assert [event.data for event in store.after("owner", "name", 0) or ()] == [b"a"]


def test_a_store_that_fails_does_not_stop_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    store = BrokenStore(2)
    stream = stream_of(store)
    with caplog.at_level(logging.ERROR, logger="dragoman"):
        ids = [stream.append(b"x") for _ in range(5)]
    assert ids == [f"name-{number}" for number in range(1, 6)]
    assert store.asked == 3, "after the first failure the stream has a gap: nothing more is kept"
    assert [event.number for event in store.after("owner", "name", 0) or ()] == [1, 2]
    assert len(caplog.records) == 1
    assert "can no longer be taken up again" in caplog.records[0].getMessage()
    assert "No space left" in caplog.text


# --- restarts ---------------------------------------------------------------------------------------------------------


async def test_an_answer_outlives_a_restart(tmp_path: Path) -> None:
    events = SqliteEvents(tmp_path / "events.sqlite3")
    stage = Stage(events=events)
    async with Visitor(stage.app) as visitor:
        done = visitor.call("steps", name="a")
        await done.until(1)
        done.leave()
        running = visitor.call("steps", name="b")
        listening = visitor.listen()
        await running.until(1)
        await listening.begun()
        await asyncio.sleep(0.01)
        stage.gate("a").set()
        await until(lambda: "a" in stage.ended)
        await asyncio.sleep(0.02)
        await stage.app.close()
        await running.end()
    events.close()

    events = SqliteEvents(tmp_path / "events.sqlite3")
    later = Stage(events=events)
    async with Visitor(later.app) as other:
        other.session, fresh = visitor.session, other.session
        again = other.resume(done.last_id)
        await again.end()
        assert said(again.messages) == [2, 3, "a done"]
        reply = await other.resume(running.last_id).end()
        assert reply.status == 404
        assert reply.body.decode() == (
            "The server was restarted before the request was answered, and its session has ended. "
            "Send 'initialize' to begin a new one, then the request again."
        )
        reply = await other.resume(ids(listening)[0]).end()
        assert reply.status == 404
        other.session = fresh
        assert (await other.resume(done.last_id).end()).status == 400, "another session has no such stream"
    await later.app.close()
    events.close()


class Program:
    """A server as a process of its own, on uvicorn."""

    CODE = """
import asyncio, sys
from dragoman import Context, Server
from dragoman.store.sqlite import SqliteEvents
from dragoman.transports.http import Endpoint
from dragoman.transports.uvicorn import listen, serve_http
server = Server("program", "1")

@server.tool
async def steps(context: Context, count: int, seconds: float) -> str:
    for number in range(count):
        await context.progress(number + 1)
        await asyncio.sleep(seconds)
    return "done"

@server.tool
async def shout(context: Context, count: int, size: int) -> str:
    for number in range(count):
        await context.progress(number + 1, message="x" * size)
    return "shouted"

@server.tool
async def away(context: Context, seconds: float) -> str:
    await context.release_connection()
    await asyncio.sleep(seconds)
    return "back"

listening = listen("127.0.0.1", 0)
print(listening.getsockname()[1], flush=True)
endpoint = Endpoint(server, events=SqliteEvents(sys.argv[1]))
asyncio.run(serve_http(endpoint, listening))
"""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-W", "error", "-c", self.CODE, str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}/mcp"

    def end(self, number: int) -> str:
        os.kill(self.process.pid, number)
        _, errors = self.process.communicate(timeout=20)
        return errors


@pytest.fixture
def program(tmp_path: Path) -> Any:
    programs: list[Program] = []

    def start() -> Program:
        programs.append(Program(tmp_path / "events.sqlite3"))
        return programs[-1]

    yield start
    for each in programs:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


class Remote:
    """A client over a real socket."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(timeout=10, headers={"accept": "application/json, text/event-stream"})
        self.url = url
        self.decoder = sse.EventDecoder(2**22)
        self.messages: list[Any] = []

    async def hello(self) -> str:
        client = {"name": "c", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        reply = await self.http.post(self.url, json=body)
        self.http.headers["mcp-session-id"] = str(reply.headers["mcp-session-id"])
        return str(reply.headers["mcp-session-id"])

    async def read(self, response: httpx.Response, most: int) -> None:
        """Read messages until there are as many, or the answer ends."""
        async for chunk in response.aiter_bytes():
            for event in self.decoder.feed(chunk):
                if event.data:
                    self.messages.append(json.loads(event.data))
            if len(self.messages) >= most:
                return

    async def call(self, tool: str, most: int = 100, **arguments: Any) -> None:
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with self.http.stream("POST", self.url, json=body) as response:
            await self.read(response, most)

    async def resume(self, most: int = 100) -> int:
        self.decoder = self.decoder.next_stream()
        headers = {"last-event-id": self.decoder.last_id, "accept": "text/event-stream"}
        async with self.http.stream("GET", self.url, headers=headers) as response:
            await self.read(response, most)
            return int(response.status_code)


@contextlib.asynccontextmanager
async def remote(url: str) -> AsyncIterator[Remote]:
    client = Remote(url)
    async with client.http:
        await client.hello()
        yield client


async def test_over_a_real_socket(program: Callable[[], Program]) -> None:
    running = program()
    async with remote(running.url) as client:
        await client.call("steps", most=2, count=6, seconds=0.1)
        assert await client.resume(most=4) == 200
        assert await client.resume() == 200
        assert said(client.messages) == [1, 2, 3, 4, 5, 6, "done"]
    async with remote(running.url) as client:
        await client.call("away", seconds=0.3)
        assert client.messages == []
        assert client.decoder.retry_milliseconds == 1000
        assert await client.resume() == 200
        assert said(client.messages) == ["back"]
    assert running.end(signal.SIGTERM) == ""


async def test_a_connection_that_is_not_read_is_taken_over_at_once(program: Callable[[], Program]) -> None:
    running = program()
    async with remote(running.url) as client:
        size, count = 1_000_000, 12
        params = {"name": "shout", "arguments": {"count": count, "size": size}, "_meta": {"progressToken": 1}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with client.http.stream("POST", client.url, json=body) as response:
            await client.read(response, 1)  # and no more, though the connection stays
            await asyncio.sleep(0.5)
            begun = time.monotonic()
            other = Remote(client.url)
            other.decoder = client.decoder
            async with other.http:
                other.http.headers["mcp-session-id"] = client.http.headers["mcp-session-id"]
                assert await other.resume() == 200
            assert time.monotonic() - begun < 10, "far below the patience with a client that does not read"
        assert said(client.messages + other.messages) == [*range(1, count + 1), "shouted"]
    assert running.end(signal.SIGTERM) == ""


async def test_a_killed_server_over_a_real_socket(program: Callable[[], Program]) -> None:
    first = program()
    async with remote(first.url) as done, remote(first.url) as broken:
        await done.call("steps", most=1, count=3, seconds=0.05)
        await broken.call("steps", most=1, count=1000, seconds=0.05)
        await asyncio.sleep(0.5)
        first.end(signal.SIGKILL)
        second = program()
        done.url = broken.url = second.url
        assert await done.resume() == 200
        assert said(done.messages) == [1, 2, 3, "done"]
        assert await broken.resume() == 404
        assert said(broken.messages) == [1]
    assert second.end(signal.SIGTERM) == ""
