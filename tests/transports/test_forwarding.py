"""Sessions behind a balancer: a request that reaches the wrong process is sent on to the right one, once."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import quote

import pytest
import uvicorn

from dragoman import Limits, UsageError
from dragoman.server.seal import Seal
from dragoman.transports.forwarding import Forwarder, session_id
from dragoman.transports.http import Endpoint
from tests.transports.reading import Reading, Visitor, said, until
from tests.transports.stage import Stage

SECRET = "a secret that all processes of this test share"
QUICK = Limits(disconnect_check_seconds=0.01)
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def make(home: str, limits: Limits = QUICK) -> Stage:
    """One process of several, as far as it matters here."""
    stage = Stage(limits)
    stage.server.seal = Seal([SECRET])
    stage.app = Endpoint(stage.server, home=home, sse=("/sse", "/messages"))
    return stage


class There:
    """A process that other processes reach at its home; `requests` are those that reached it."""

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.stage = make(f"http://127.0.0.1:{self.port}/mcp")
        self.requests: list[dict[str, Any]] = []
        config = uvicorn.Config(self._count, lifespan="off", interface="asgi3", log_level="warning")
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve([listening]))  # noqa: SLF001 - `serve` takes the signals
        await until(lambda: self._server.started)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.end()

    async def end(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        await self._task
        await self.stage.app.close()

    async def _count(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.requests.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await self.stage.app(scope, receive, send)


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await until(lambda: asyncio.all_tasks() - before == {asyncio.current_task()})


@pytest.fixture
async def there() -> AsyncIterator[There]:
    async with There() as there:
        yield there


@pytest.fixture
async def here() -> AsyncIterator[Stage]:
    stage = make("http://127.0.0.1:1/mcp")
    yield stage
    await stage.app.close()


@contextlib.asynccontextmanager
async def visiting(there: There, here: Stage) -> AsyncIterator[Visitor]:
    """A client whose session is there, and whose requests come here from now on."""
    async with Visitor(there.stage.app) as visitor:
        visitor.app = here.app
        yield visitor


@contextlib.asynccontextmanager
async def answering(here: Stage, answer: Answer) -> AsyncIterator[Visitor]:
    """A client whose session is in a process that answers like this, and whose requests come here."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        visitor = Visitor(here.app)
        visitor.session = session_id(here.server.seal, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp")
        yield visitor
        await visitor.__aexit__()


# --- what is sent on --------------------------------------------------------------------------------------------------


async def test_a_call_is_answered_where_its_session_is(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        reply = await visitor.call("add", a=2, b=3).end()
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        assert said(reply.messages) == ["5"]
        (sent,) = there.requests
        assert sent["x-dragoman-forwarded"] == "1"
        assert (sent["mcp-session-id"], sent["host"]) == (visitor.session, f"127.0.0.1:{there.port}")


async def test_only_known_header_fields_are_sent_on(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        await visitor.open("POST", ping, cookie="a=b", authorization="Bearer x", x_forwarded_for="1.2.3.4").end()
        (sent,) = there.requests
        assert sent["authorization"] == "Bearer x"
        assert sent["accept-encoding"] == "identity"
        assert not {"cookie", "x-forwarded-for"} & set(sent)


async def test_what_a_token_lacks_is_told_through_the_wrong_process_too(here: Stage) -> None:
    challenge = 'Bearer error="insufficient_scope", scope="write"'

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nset-cookie: a=b\r\n")
        writer.write(f"www-authenticate: {challenge}\r\n\r\n".encode())
        await writer.drain()

    async with answering(here, answer) as visitor:
        reply = await visitor.call("add", a=2, b=3).end()
        assert (reply.status, reply.headers["www-authenticate"]) == (403, challenge)
        assert "set-cookie" not in reply.headers


async def test_a_stream_is_passed_on_as_it_comes(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        call = visitor.call("steps", name="a")
        assert said(await call.until(1)) == [1]
        assert not call.complete
        there.stage.gate("a").set()
        await call.end()
        assert said(call.messages) == [1, 2, 3, "a done"]
        assert (await call.begun()).headers["x-accel-buffering"] == "no"


async def test_questions_and_their_answers_find_each_other(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        visitor.revision = "2025-06-18"
        call = visitor.call("ask")
        listening = visitor.resume((await primed(call)).last_id)
        (question,) = await listening.until(1)
        answer = {"id": question["id"], "result": {"action": "accept", "content": {"confirm": True}}}
        assert (await visitor.send(answer).end()).status == 202
        assert said(await listening.until(2)) == ["elicitation/create", "yes"]


async def primed(call: Reading) -> Reading:
    """Wait until a stream was let go."""
    await call.end()
    return call


async def test_the_event_stream_and_the_end_of_a_session_are_sent_on(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        listening = visitor.listen()
        assert (await listening.begun()).status == 200
        there.stage.server.remove_tool("add")
        assert said(await listening.until(1)) == ["notifications/tools/list_changed"]
        assert (await visitor.open("DELETE").end()).status == 204
        await listening.end()
        assert len(there.stage.app.sessions) == 0
        assert (await visitor.request("tools/list").end()).status == 404


async def test_a_batch_is_sent_on(there: There, here: Stage) -> None:
    async with Visitor(there.stage.app, "2025-03-26") as visitor:
        visitor.app = here.app
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        reply = await visitor.open("POST", [ping, {**ping, "id": 2}]).end()
        assert [message["id"] for message in reply.json] == [1, 2]


async def test_a_posted_message_of_2024_11_05_is_sent_on(there: There, here: Stage) -> None:
    stream = Reading(at(there.stage.app, "/sse"), b"", {"accept": "text/event-stream"}, "GET")
    await until(lambda: bool(stream.events))
    url = stream.events.pop(0).data.decode()
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert (await Reading(at(here.app, url), ping, {}, "POST").end()).status == 202
    await until(lambda: bool(stream.events))
    assert stream.messages == [{"jsonrpc": "2.0", "id": 1, "result": {}}]
    stream.leave()
    await stream.end()


def at(app: Endpoint, url: str) -> Endpoint:
    """The endpoint, asked at another URL."""
    path, _, query = url.partition("?")

    async def asked(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, "path": path, "query_string": query.encode()}, receive, send)

    return cast("Endpoint", asked)


# --- what is not ------------------------------------------------------------------------------------------------------


def test_a_home_needs_a_secret_that_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAGOMAN_SECRET", raising=False)
    with pytest.raises(UsageError, match="home= needs a secret that all processes share"):
        Endpoint(Stage().server, home="http://127.0.0.1:1/mcp")


async def test_a_request_is_sent_on_once_at_most(there: There, here: Stage) -> None:
    """Two processes with each other's home would send a request to and fro for ever."""
    async with visiting(there, here) as visitor:
        reply = await visitor.open("DELETE", x_dragoman_forwarded="1").end()
        assert (reply.status, there.requests) == (404, [])


async def test_ids_that_others_made_lead_nowhere(there: There, here: Stage) -> None:
    home = f"http://127.0.0.1:{there.port}/mcp"
    visitor = Visitor(here.app)
    for made in (session_id(Seal(["another secret, of somebody else, long"]), home), "x", "é", home):
        visitor.session = made
        assert (await visitor.open("DELETE").end()).status == 404
    visitor.session = here.server.seal.seal(home.encode(), b"requestState")
    assert (await visitor.open("DELETE").end()).status == 404
    assert there.requests == []
    await visitor.__aexit__()


async def test_a_session_that_ended_here_is_not_sought_elsewhere(here: Stage) -> None:
    async with Visitor(here.app) as visitor:
        assert (await visitor.open("DELETE").end()).status == 204
        assert (await visitor.request("tools/list").end()).status == 404


async def test_without_a_home_nothing_is_sent_on(there: There) -> None:
    alone = Stage()
    async with Visitor(there.stage.app) as visitor:
        visitor.app = alone.app
        assert (await visitor.open("DELETE").end()).status == 404
    assert there.requests == []
    await alone.app.close()


# --- when an end fails ------------------------------------------------------------------------------------------------


async def test_a_process_that_is_gone_is_a_404_and_the_client_begins_anew(here: Stage) -> None:
    async with There() as there:
        visitor = Visitor(there.stage.app)
        await visitor.__aenter__()
    visitor.app = here.app
    reply = await visitor.call("add", a=1, b=1).end()
    assert (reply.status, reply.body) == (
        404,
        b"Session not found: the process that had it is gone. Send 'initialize' to begin a new one.",
    )
    async with Visitor(here.app) as anew:
        assert said((await anew.call("add", a=1, b=1).end()).messages) == ["2"]
    await visitor.__aexit__()


async def test_a_process_that_ends_before_it_answers_may_have_done_its_work(here: Stage) -> None:
    async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        pass

    async with answering(here, hang_up) as visitor:
        reply = await visitor.call("add", a=1, b=1).end()
        assert reply.status == 502
        assert b"may be done or not" in reply.body


async def test_half_an_answer_is_none(here: Stage) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"jsonrpc"')
        await writer.drain()

    async with answering(here, answer) as visitor:
        assert (await visitor.call("add", a=1, b=1).end()).status == 502


async def test_a_process_that_takes_no_connections_may_do_so_later(here: Stage) -> None:
    """A full backlog: connections are neither taken nor refused."""
    here.app._forwarder = Forwarder(0.2)  # noqa: SLF001 - no test waits five seconds
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        visitor = Visitor(here.app)
        visitor.session = session_id(here.server.seal, f"http://127.0.0.1:{port}/mcp")
        reply = await visitor.call("add", a=1, b=1).end()
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        for each in waiting:
            each.close()
    await visitor.__aexit__()


async def test_a_stream_ends_with_the_process_that_writes_it(here: Stage) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head + b'e\r\ndata: {"a":1}\n\r\n2\r\n\n\n\r\n')
        await writer.drain()

    async with answering(here, answer) as visitor:
        call = visitor.call("steps", name="a")
        assert (await call.end()).status == 200
        assert call.complete
        assert call.messages == [{"a": 1}]


async def test_a_client_that_leaves_its_event_stream_leaves_it_everywhere(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        listening = visitor.listen()
        await listening.begun()
        session = there.stage.session_of(visitor)
        await until(lambda: session.streaming is not None)
        listening.leave()
        await listening.end()
        await until(lambda: session.streaming is None)


async def test_a_client_that_leaves_a_call_does_not_cancel_it(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        call.leave()
        there.stage.gate("a").set()
        await call.end()
        assert there.stage.ended == ["a"]
        assert len(there.requests) == 1


async def test_a_client_that_hangs_is_dropped(there: There) -> None:
    here = make("http://127.0.0.1:1/mcp", Limits(write_stall_seconds=0.05))
    async with visiting(there, here) as visitor:
        call = visitor.call("steps", name="a", count=50)
        await call.until(1)
        call.hang()
        there.stage.gate("a").set()
        async with asyncio.timeout(2):
            await call.task
        assert there.stage.ended == ["a"]
    await here.app.close()


async def test_an_asgi_server_may_say_that_nobody_reads(there: There, here: Stage) -> None:
    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        async def sent(event: Any) -> None:
            if event["type"] == "http.response.body":
                raise BrokenPipeError
            await send(event)

        await here.app(scope, receive, sent)

    async with visiting(there, here) as visitor:
        visitor.app = cast("Endpoint", breaking)
        call = visitor.call("steps", name="a")
        there.stage.gate("a").set()
        await call.task
        assert call.raw == b""


async def test_more_streams_than_a_pool_holds(there: There, here: Stage) -> None:
    """Streams stay open; those before must not keep the ones after waiting."""
    async with visiting(there, here) as visitor:
        calls = [visitor.call("steps", name="a") for _ in range(110)]
        for call in calls:
            await call.until(1)
        there.stage.gate("a").set()
        for call in calls:
            assert said((await call.end()).messages)[-1] == "a done"


async def test_a_shutdown_ends_the_event_streams_that_are_passed_on(there: There, here: Stage) -> None:
    async with visiting(there, here) as visitor:
        listening = visitor.listen()
        await listening.begun()
        await until(lambda: len(here.server.changes) == 1)
        here.app.stop_streams()
        assert (await listening.end()).status == 200
        assert len(here.server.changes) == 0
        late = visitor.listen()
        await late.end()
        assert late.events == []


async def test_a_home_may_be_a_socket_of_this_machine(here: Stage, tmp_path: Path) -> None:
    """Many of them, as workers come and go: a request in flight keeps its connection, the others are let go."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"POST /mcp HTTP/1.1\r\n")
            assert b"\r\nHost: localhost\r\n" in head
            if patient.is_set():
                patient.clear()
                await go_on.wait()
            body = b'{"jsonrpc":"2.0","id":1,"result":{}}'
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
            writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))

    patient, go_on = asyncio.Event(), asyncio.Event()
    patient.set()
    async with contextlib.AsyncExitStack() as opened:
        asking: list[asyncio.Task[Any]] = []
        for number in range(70):
            path = tmp_path / f"{number} %.sock"
            await opened.enter_async_context(await asyncio.start_unix_server(take, path))
            visitor = Visitor(here.app)
            visitor.session = session_id(here.server.seal, f"http+unix://{quote(str(path), safe='')}/mcp")
            ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            asking.append(asyncio.create_task(visitor.open("POST", ping).end()))
            if number == 0:
                await until(lambda: not patient.is_set())
            else:
                assert (await asking[-1]).status == 200
        go_on.set()
        assert (await asking[0]).status == 200
