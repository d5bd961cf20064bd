"""The endpoint as an ASGI application: bodies, streams, slow and absent readers, failures, the life of the server."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from dragoman import Limits, Server, UsageError
from dragoman.testing import HttpRequest, assert_canonical_error
from dragoman.transports.http import Endpoint
from tests.transports.endpoint import House, going_on, modern, older, open_session, text_of
from tests.transports.peers import HELLO, call, mirrored, request

Event = MutableMapping[str, Any]


class Wire:
    """An ASGI server's end of one request: what it gives is a list, what it does with answers is up to the test."""

    def __init__(self, *events: Event, **scope: Any) -> None:
        self.events = [*events]
        self.sent: list[Event] = []
        self.stall = False
        self.error: BaseException | None = None
        self.gone = asyncio.Event()
        headers = {"host": "localhost", "content-type": "application/json", "accept": "*/*"} | mirrored("add")
        headers |= scope.pop("headers", {})
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/mcp",
            "query_string": b"",
            "raw_path": b"/mcp",
        } | scope
        self.scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def receive(self) -> Event:
        if self.events:
            return self.events.pop(0)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        if self.error is not None:
            raise self.error
        if self.stall and event["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.sent.append(event)

    async def ask(self, house: House) -> int:
        await house.endpoint(self.scope, self.receive, self.send)
        return int(self.sent[0]["status"]) if self.sent else 0


def body(content: bytes, *, more: bool = False) -> Event:
    return {"type": "http.request", "body": content, "more_body": more}


# Bodies


async def test_a_body_in_pieces() -> None:
    content = call("add", a=1, b=2)
    wire = Wire(body(content[:10], more=True), {"type": "http.request", "more_body": True}, body(content[10:]))
    assert await wire.ask(House()) == 200
    assert b'"3"' in wire.sent[1]["body"]


@pytest.mark.parametrize(
    ("length", "status"), [("x", 400), ("-1", 400), ("", 400), ("3000", 413), ("9" * 50, 413), ("2000", 200)]
)
async def test_the_announced_length(length: str, status: int) -> None:
    wire = Wire(body(call("add", a=1, b=2)), headers={"content-length": length})
    assert await wire.ask(House(body_bytes=2000)) == status


async def test_a_body_larger_than_announced() -> None:
    wire = Wire(
        body(b"x" * 900, more=True), body(b"x" * 900, more=True), body(b"x" * 900), headers={"content-length": "5"}
    )
    assert await wire.ask(House(body_bytes=2000)) == 413
    assert (b"connection", b"close") in wire.sent[0]["headers"]


async def test_a_body_that_never_comes() -> None:
    wire = Wire()
    assert await wire.ask(House(body_seconds=0.05, disconnect_check_seconds=0.01)) == 408
    wire = Wire(body(b"{", more=True))
    assert await wire.ask(House(body_seconds=0.05, disconnect_check_seconds=0.01)) == 408


async def test_a_client_that_leaves_before_its_body_is_whole_gets_nothing() -> None:
    wire = Wire(body(b"{", more=True), {"type": "http.disconnect"})
    assert await wire.ask(House()) == 0


async def test_a_cancelled_request_is_a_cancelled_task() -> None:
    wire, house = Wire(body(b"{", more=True)), House(disconnect_check_seconds=0.01)
    task = asyncio.create_task(wire.ask(house))
    await asyncio.sleep(0.03)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Streams


async def test_a_silent_answer_is_json_and_one_that_speaks_is_a_stream() -> None:
    house = House()
    silent, spoken = await modern(house, "tell"), await modern(house, "tell", token=1)
    assert silent.headers["content-type"] == "application/json"
    assert spoken.headers["content-type"] == "text/event-stream"
    assert spoken.headers["x-accel-buffering"] == "no"
    assert [message.get("method") for message in spoken.messages] == ["notifications/progress"] * 2 + [None]
    assert text_of(silent) == text_of(spoken) == "told"


async def test_a_client_that_takes_no_stream_gets_the_answer_alone() -> None:
    house = House()
    reply = await modern(house, "tell", {"accept": "application/json"}, token=1, count=1000)
    assert reply.headers["content-type"] == "application/json"
    assert text_of(reply) == "told"


async def test_a_function_that_only_speaks_does_not_hold_the_event_loop() -> None:
    house = House()
    for headers in ({}, {"accept": "application/json"}):
        endless = modern(house, "tell", headers, token=1, name="endless", count=10**9)
        async with going_on(endless):
            await house.wait_for("endless", "running")
            assert text_of(await modern(house, "add", a=1, b=2)) == "3"
            endless.leave()
            await house.wait_for("endless", "cancelled")


async def test_nothing_is_sent_after_the_answer() -> None:
    house = House()
    for token in (1, None):
        reply = await modern(house, "keep", token=token)
        before = reply.body
        await house.contexts[-1].progress(2)
        await house.contexts[-1].log("error", "late")
        assert reply.body == before


async def test_a_silent_stream_is_kept_alive() -> None:
    house = House(keep_alive_seconds=0.01)

    @house.server.tool
    async def pause() -> str:
        await asyncio.sleep(0.1)
        return "rested"

    session = await open_session(house)
    stream = HttpRequest(house.endpoint, method="GET", headers=session | {"accept": "text/event-stream"})
    heard: list[bytes] = []
    stream._on_chunk = heard.append  # noqa: SLF001
    async with going_on(stream):
        await asyncio.sleep(0.1)
    assert heard.count(b": keep-alive\n\n") >= 3


# Readers


async def test_a_client_that_leaves_cancels_its_call() -> None:
    house = House()
    asked = modern(house, "slow", name="left")
    async with going_on(asked) as task:
        await house.wait_for("left", "running")
        asked.leave()
        await house.wait_for("left", "cancelled")
        assert (await task).body == b""


async def test_a_client_that_leaves_while_its_answer_is_written_changes_nothing() -> None:
    house = House(disconnect_check_seconds=0.001)
    wire = Wire(body(call("slow", name="late", seconds=0.02)), headers=mirrored("slow"))

    async def send(event: Event) -> None:
        wire.gone.set()
        await asyncio.sleep(0.01)
        wire.sent.append(event)

    await house.endpoint(wire.scope, wire.receive, send)
    assert wire.sent[0]["status"] == 200
    assert house.became["late"] == "finished"


async def test_a_modern_call_whose_stream_nobody_reads_is_cancelled() -> None:
    house = House(write_stall_seconds=0.05)
    wire = Wire(body(call("tell", token=1, name="unread", count=100)), headers=mirrored("tell"))
    wire.stall = True
    async with asyncio.timeout(3):
        await wire.ask(house)
    assert house.became["unread"] == "cancelled"


async def test_an_older_call_whose_stream_nobody_reads_goes_on() -> None:
    house = House(write_stall_seconds=0.05)
    session = await open_session(house, "2025-06-18")
    content = call("tell", modern=False, token=1, name="unread", count=100)
    wire = Wire(body(content), headers=session | {"mcp-method": "", "mcp-name": ""})
    wire.stall = True
    async with asyncio.timeout(3):
        await wire.ask(house)
    assert house.became["unread"] == "finished"


async def test_a_stream_that_stalls_between_two_messages_ends_its_keeper() -> None:
    house = House(write_stall_seconds=0.02, keep_alive_seconds=0.01)
    session = await open_session(house)
    wire = Wire(method="GET", headers=session | {"accept": "text/event-stream"})
    task = asyncio.create_task(wire.ask(house))
    await asyncio.sleep(0.05)
    wire.stall = True
    async with asyncio.timeout(3):
        await task
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Failures


async def test_what_an_asgi_server_says_of_a_client_that_left_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(body(call("add", a=1, b=2)))
    wire.error = OSError("client left")
    assert await wire.ask(House()) == 0
    assert not caplog.records


async def test_an_unforeseen_failure_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    with caplog.at_level(logging.CRITICAL):
        reply = await modern(house, "crash")
    assert b"hunter2" not in reply.body
    assert b"Internal error" in reply.body


@pytest.mark.parametrize("tool", ["own_cancel", "leave"])
async def test_what_a_function_may_not_raise_is_an_answer_all_the_same(
    tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        reply = await modern(House(), tool)
    assert b"Internal error" in reply.body
    message = reply.json
    if "error" in message:
        assert reply.status == 500
        assert_canonical_error(message, code=-32603, request_id=1)


async def test_a_call_that_outlasts_the_grace_is_told_so() -> None:
    house = House()
    wire = Wire(body(call("slow", name="grace")), headers=mirrored("slow"))
    task = asyncio.create_task(wire.ask(house))
    await house.wait_for("grace", "running")
    house.endpoint.stop_streams()
    task.cancel()
    assert await task == 500
    assert b"shutting down" in wire.sent[1]["body"]


# Paths and mounting


@pytest.mark.parametrize(
    ("endpoint", "root", "path", "status"),
    [
        ("/mcp", "", "/mcp", 200),
        ("/mcp", "", "/mcp/", 200),
        ("mcp/", "", "/mcp", 200),
        ("/mcp", "", "//mcp", 404),
        ("/mcp", "", "/mcp//", 404),
        ("/mcp", "", "/", 404),
        ("/mcp", "", "", 404),
        ("/mcp", "/api", "/api/mcp", 200),
        ("/mcp", "/api", "/mcp", 200),
        ("/mcp", "/api", "/apix/mcp", 404),
        ("/mcp", "/mcp", "/mcp", 200),
        ("/mcp", "/mcp", "/mcp/", 200),
        ("/mcp", "/mcp", "/mcp/mcp", 200),
        ("/mcp", "/mcp", "/mcp/mcp/mcp", 404),
        ("/", "", "/", 200),
        ("/", "/api", "/api/", 200),
        ("/", "/api", "/api", 200),
        ("/", "/api", "/api/mcp", 404),
        ("/a/b", "", "/a/b", 200),
    ],
)
async def test_where_the_endpoint_is(endpoint: str, root: str, path: str, status: int) -> None:
    house = House()
    house.endpoint = Endpoint(house.server, endpoint)
    wire = Wire(body(call("add", a=1, b=2)), path=path, root_path=root)
    assert await wire.ask(house) == status


async def test_the_guard_stands_before_every_path_and_method() -> None:
    house = House()
    for path in ("/mcp", "/", "/elsewhere", "/mcp/mcp"):
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"):
            wire = Wire(body(b""), path=path, method=method, headers={"host": "evil.com"})
            assert await wire.ask(house) == 403


# The life of the server


async def lifespan(endpoint: Endpoint, *kinds: str) -> list[Event]:
    events = [{"type": f"lifespan.{kind}"} for kind in kinds]
    sent: list[Event] = []

    async def receive() -> Event:
        return events.pop(0)

    async def send(event: Event) -> None:
        sent.append(event)

    await endpoint({"type": "lifespan"}, receive, send)
    return sent


def counted(**options: Any) -> tuple[Server, list[str]]:
    said: list[str] = []

    @contextlib.asynccontextmanager
    async def life(server: Server) -> AsyncIterator[None]:
        said.append("start")
        yield
        said.append("close")

    return Server("counted", lifespan=life, limits=Limits(**options)), said


async def test_a_lifespan_starts_and_closes_the_server() -> None:
    server, said = counted()
    sent = await lifespan(Endpoint(server), "startup", "shutdown")
    assert [event["type"] for event in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert said == ["start", "close"]


async def test_without_a_lifespan_the_first_request_starts_the_server_once() -> None:
    server, said = counted()
    endpoint = Endpoint(server)
    await asyncio.gather(*(HttpRequest(endpoint, request("initialize", HELLO))._run() for _ in range(5)))  # noqa: SLF001
    assert said == ["start"]
    await endpoint.close()
    assert said == ["start", "close"]
    await endpoint.close()
    assert said == ["start", "close"]


async def test_a_server_that_cannot_start_says_so() -> None:
    class Life(contextlib.AbstractAsyncContextManager[None]):
        async def __aenter__(self) -> None:
            raise UsageError("no database")

        async def __aexit__(self, *_: object) -> None:
            """Never reached."""

    sent = await lifespan(Endpoint(Server("broken", lifespan=lambda _: Life())), "startup")
    assert sent == [{"type": "lifespan.startup.failed", "message": "no database"}]


async def test_a_websocket_is_closed() -> None:
    sent: list[Event] = []

    async def receive() -> Event:
        return {"type": "websocket.connect"}

    async def send(event: Event) -> None:
        sent.append(event)

    await House().endpoint({"type": "websocket"}, receive, send)
    assert [event["type"] for event in sent] == ["websocket.close"]


async def test_closing_ends_the_sessions() -> None:
    house = House()
    session = await open_session(house)
    stream = HttpRequest(house.endpoint, method="GET", headers=session | {"accept": "text/event-stream"})
    async with going_on(stream) as streamed, going_on(older(house, session, "slow", name="x")) as called:
        await house.wait_for("x", "running")
        await house.endpoint.close()
        assert (await streamed).status == 200
        assert (await called).status == 200
        assert house.became["x"] == "cancelled"
    assert len(house.endpoint.sessions) == 0
