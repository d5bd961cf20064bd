"""HTTP+SSE of 2024-11-05: one stream that carries every answer, and where to post."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, Self, cast

import pytest

from dragoman import Context, Limits, Server
from dragoman.auth.principal import Principal
from dragoman.errors import HttpFault
from dragoman.testing import HttpReply, HttpRequest
from dragoman.transports.http import Endpoint, HttpExchange
from tests.transports.reading import CAPABILITIES, SECONDS, Reading, said, until
from tests.transports.stage import Stage

SECRET = "a secret that all processes of this test share"
SMALL = Limits(sessions=2, handshake_bytes=1024, disconnect_check_seconds=0.01)


def stage_with_routes(limits: Limits = SMALL, **settings: Any) -> Stage:
    stage = Stage(limits)
    stage.app = Endpoint(stage.server, sse=("/sse", "messages/"), **settings)
    return stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = stage_with_routes()
    yield stage
    await stage.app.close()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await until(lambda: asyncio.all_tasks() - before == {asyncio.current_task()})


def at(app: Endpoint, url: str, root: str = "") -> Endpoint:
    """The endpoint, asked at another URL."""
    path, _, query = url.partition("?")

    async def asked(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, "path": root + path, "root_path": root, "query_string": query.encode()}, receive, send)

    return cast("Endpoint", asked)


def request(app: Endpoint, method: str, url: str, body: Any = b"", **headers: str | None) -> HttpRequest:
    return HttpRequest(at(app, url), body, headers, method=method)


def post_to(app: Endpoint, url: str) -> tuple[str, dict[str, Any], HttpExchange]:
    """A POST as the routes get it: its path, its scope, its exchange."""
    path, _, query = url.partition("?")
    scope = {"method": "POST", "path": path, "query_string": query.encode(), "headers": []}

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(event: MutableMapping[str, Any]) -> None:
        raise AssertionError(event)

    return path, scope, HttpExchange(app, scope, receive, send)


class Line:
    """A client with its stream; `hello` is off for one that makes no handshake."""

    def __init__(self, app: Endpoint, *, hello: bool = True, root: str = "") -> None:
        self.app = app
        self.url = ""
        self._hello = hello
        self._root = root
        self._count = 0

    async def __aenter__(self) -> Self:
        self.stream = Reading(at(self.app, "/sse", self._root), b"", {"accept": "text/event-stream"}, "GET")
        await until(lambda: bool(self.stream.events))
        first = self.stream.events.pop(0)
        assert first.event == "endpoint"
        self.url = first.data.decode()
        if self._hello:
            client = {"name": "line", "version": "1"}
            params = {"protocolVersion": "2024-11-05", "capabilities": CAPABILITIES, "clientInfo": client}
            await self.request("initialize", params)
            message = await self.next()
            assert message["result"]["protocolVersion"] == "2024-11-05"
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self.stream.leave()
        await self.stream.end()

    def post(self, body: Any) -> asyncio.Task[HttpReply]:
        async def send() -> HttpReply:
            return await request(self.app, "POST", self.url, body)

        return asyncio.create_task(send())

    async def send(self, body: Any) -> HttpReply:
        async with asyncio.timeout(SECONDS):
            return await self.post(body)

    def message(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._count += 1
        return {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params or {}}

    async def request(self, method: str, params: dict[str, Any] | None = None) -> HttpReply:
        return await self.send(self.message(method, params))

    def call(self, tool: str, **arguments: Any) -> asyncio.Task[HttpReply]:
        meta = {"progressToken": self._count + 1}
        return self.post(self.message("tools/call", {"name": tool, "arguments": arguments, "_meta": meta}))

    async def next(self) -> Any:
        """The next message of the stream."""
        await until(lambda: bool(self.stream.events))
        return json.loads(self.stream.events.pop(0).data)


# --- the stream carries everything ------------------------------------------------------------------------------------


async def test_answers_come_on_the_stream(stage: Stage) -> None:
    async with Line(stage.app) as line:
        assert line.url.startswith("/messages?session_id=")
        begun = await line.stream.begun()
        assert (begun.status, begun.headers["content-type"]) == (200, "text/event-stream")
        reply = await line.call("add", a=2, b=3)
        assert (reply.status, reply.body) == (202, b"")
        assert said([await line.next()]) == ["5"]


async def test_messages_are_accepted_at_once_and_answered_when_they_are_done(stage: Stage) -> None:
    async with Line(stage.app) as line:
        slow = line.call("steps", name="a", count=2)
        assert said([await line.next()]) == [1]
        await line.call("add", a=1, b=1)
        assert said([await line.next()]) == ["2"]
        stage.gate("a").set()
        assert said([await line.next(), await line.next()]) == [2, "a done"]
        await slow


async def test_a_notification_has_no_answer_and_a_mistake_has_one(stage: Stage) -> None:
    async with Line(stage.app) as line:
        assert (await line.send({"jsonrpc": "2.0", "method": "notifications/initialized"})).status == 202
        assert (await line.send(b"{oops")).status == 202
        assert (await line.next())["error"]["code"] == -32700
        assert line.stream.events == []


async def test_the_tool_asks_the_client_on_the_stream(stage: Stage) -> None:
    stage.server.add_tool(count_roots)
    async with Line(stage.app) as line:
        call = line.call("count_roots")
        question = await line.next()
        assert question["method"] == "roots/list"
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"roots": [{"uri": "file:///a"}]}}
        assert (await line.send(answer)).status == 202
        assert said([await line.next()]) == ["1"]
        await call


async def count_roots(context: Context) -> int:
    return len(await context.roots())


async def test_changes_are_told_once_the_handshake_is_made(stage: Stage) -> None:
    async with Line(stage.app, hello=False) as early, Line(stage.app) as line:
        stage.server.remove_tool("add")
        assert (await line.next())["method"] == "notifications/tools/list_changed"
        await asyncio.sleep(0)
        assert early.stream.events == []


async def test_a_change_before_the_stream_has_begun_is_not_its_first_event(stage: Stage) -> None:
    reading = Reading(at(stage.app, "/sse"), b"", {"accept": "text/event-stream"}, "GET")
    reading.hang()
    await until(lambda: bool(stage.app.sse))
    stage.server.remove_tool("add")
    await asyncio.sleep(0.01)
    reading._reads.set()  # noqa: SLF001 - it reads again
    await until(lambda: bool(reading.events))
    assert [event.event for event in reading.events] == ["endpoint"]
    reading.leave()
    await reading.end()


async def test_a_call_can_be_cancelled(stage: Stage) -> None:
    async with Line(stage.app) as line:
        call = line.call("steps", name="a")
        assert said([await line.next()]) == [1]
        await line.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
        assert (await call).status == 202
        assert (stage.ended, line.stream.events) == (["a"], [])


async def test_the_url_to_post_to_stands_where_the_application_is_mounted(stage: Stage) -> None:
    async with Line(stage.app, hello=False, root="/a b") as line:
        assert line.url.startswith("/a%20b/messages?session_id=")


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_a_client_that_leaves_ends_its_calls_and_its_id(stage: Stage) -> None:
    async with Line(stage.app) as line:
        call = line.call("steps", name="a")
        await line.next()
        assert len(stage.app.sse or ()) == 1
    await call
    assert stage.ended == ["a"]
    assert (len(stage.app.sse or ()), len(stage.server.changes)) == (0, 0)
    assert (await request(stage.app, "POST", line.url, b"{}")).status == 404


async def test_a_shutdown_lets_calls_finish_and_ends_the_stream(stage: Stage) -> None:
    async with Line(stage.app) as line:
        call = line.call("steps", name="a", count=2)
        await line.next()
        stage.app.stop_streams()
        await asyncio.sleep(0.01)
        assert not line.stream.complete
        stage.gate("a").set()
        assert (await line.stream.end()).status == 200
        assert said(line.stream.messages) == [2, "a done"]
        assert (await call).status == 202
        assert len(stage.server.changes) == 0


async def test_a_shutdown_ends_an_idle_stream_and_one_that_comes_late(stage: Stage) -> None:
    async with Line(stage.app) as line:
        stage.app.stop_streams()
        await line.stream.end()
    async with Line(stage.app, hello=False) as late:
        await late.stream.end()
        assert len(stage.app.sse or ()) == 0


async def test_a_stream_that_ends_while_a_body_comes_takes_no_message(stage: Stage) -> None:
    """A handshake that comes too late may not leave a subscriber behind."""
    async with Line(stage.app, hello=False) as line:
        arrived, gate = asyncio.Event(), asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            async def received() -> Any:
                arrived.set()
                await gate.wait()
                return await receive()

            await at(stage.app, line.url)(scope, received, send)

        params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        post = Reading(cast("Endpoint", slow), line.message("initialize", params), {}, "POST")
        await arrived.wait()
    gate.set()
    assert (await post.end()).status == 404
    assert len(stage.server.changes) == 0


async def test_a_stream_that_ends_while_a_message_is_accepted_runs_nothing(stage: Stage) -> None:
    async with Line(stage.app) as line:
        call = {"name": "steps", "arguments": {"name": "a"}}
        post = Reading(at(stage.app, line.url), line.message("tools/call", call), {}, "POST")
        post.hang()
        await asyncio.sleep(0.01)
    post._reads.set()  # noqa: SLF001 - it reads again
    assert (await post.end()).status == 202
    assert stage.ended == []


async def test_a_stream_that_nobody_reads_is_no_failure_of_the_message(stage: Stage) -> None:
    """Some ASGI servers raise OSError for a connection that is closed; the answer was 202 already."""
    line = Line(stage.app)
    broken = asyncio.Event()

    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        async def sent(event: Any) -> None:
            if broken.is_set() and event["type"] == "http.response.body":
                raise BrokenPipeError
            await send(event)

        await at(stage.app, "/sse")(scope, receive, sent)

    line.stream = Reading(cast("Endpoint", breaking), b"", {"accept": "text/event-stream"}, "GET")
    await until(lambda: bool(line.stream.events))
    line.url = line.stream.events[0].data.decode()
    broken.set()
    assert (await line.send(line.message("ping"))).status == 202
    line.stream.leave()
    await line.stream.end()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/messages", "/messages?session_id=", "/messages?session_id=%ff&session_id=x"])
async def test_an_unknown_session_is_404(stage: Stage, url: str) -> None:
    reply = await request(stage.app, "POST", url, b"{}")
    assert reply.status == 404
    assert reply.body == b"Session not found: open the event stream at /sse first."


async def test_an_id_is_nothing_without_its_owner(stage: Stage) -> None:
    async with Line(stage.app, hello=False) as line:
        path, scope, exchange = post_to(stage.app, line.url)
        exchange.principal = Principal("somebody else")
        assert stage.app.sse is not None
        with pytest.raises(HttpFault, match="Session not found") as refused:
            await stage.app.sse.serve(exchange, scope, path, {})
        assert refused.value.status == 404


@pytest.mark.parametrize(("method", "url", "allowed"), [("POST", "/sse", "GET"), ("GET", "/messages", "POST")])
async def test_the_wrong_method_is_405(stage: Stage, method: str, url: str, allowed: str) -> None:
    reply = await request(stage.app, method, url, b"{}")
    assert (reply.status, reply.headers["allow"], reply.body) == (405, allowed, f"Use {allowed} here.".encode())


async def test_a_client_that_takes_no_events_is_406(stage: Stage) -> None:
    assert (await request(stage.app, "GET", "/sse", accept="application/json")).status == 406


async def test_streams_are_capped(stage: Stage) -> None:
    async with Line(stage.app, hello=False), Line(stage.app, hello=False):
        reply = await request(stage.app, "GET", "/sse")
        assert (reply.status, reply.headers["retry-after"]) == (503, "30")
    async with Line(stage.app):
        pass


async def test_a_handshake_is_capped_and_other_messages_by_the_body_alone(stage: Stage) -> None:
    async with Line(stage.app) as line:
        reply = await line.request("initialize", {"clientInfo": {"name": "x" * 2000}})
        assert reply.status == 413
        assert b"at most 1024 bytes" in reply.body
        assert (await line.request("ping", {"x": "y" * 2000})).status == 202
        assert (await line.next())["result"] == {}
        assert (await line.send(b"[" * 2000)).status == 202
        assert "error" in await line.next()
        assert (await line.send(b"[" + b" " * 5 * 2**20 + b"]")).status == 413


async def test_the_routes_are_off_unless_asked_for() -> None:
    app = Stage().app
    assert (await request(app, "GET", "/sse")).status == 404
    await app.close()


# --- several processes ------------------------------------------------------------------------------------------------


async def test_an_id_says_where_its_stream_is() -> None:
    homes = "http://127.0.0.1:1/agents/mcp", "http://127.0.0.1:2/agents/mcp"
    here, there = (shared(home) for home in homes)
    async with Line(there, hello=False) as line:
        reply = await request(here, "POST", line.url, b"{}")
        assert (reply.status, reply.body[:35]) == (404, b"Session not found: the process that")
        path, scope, exchange = post_to(here, line.url)
        assert here.sse is not None
        with pytest.raises(Exception, match="127") as elsewhere:
            await here.sse.serve(exchange, scope, path, {})
        assert elsewhere.value.args == (f"http://127.0.0.1:2/agents{line.url}",)
        assert exchange.body == b"{}"
        exchange.release()
    await here.close()
    await there.close()


def shared(home: str) -> Endpoint:
    return Server("shared", "1", secrets=[SECRET]).asgi(home=home, sse=("/sse", "/messages"))
