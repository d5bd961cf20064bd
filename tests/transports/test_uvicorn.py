"""The socket, the URL, and the protocol that ends what uvicorn would wait for (see also test_http_abuse)."""

import asyncio
import gc
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest
import uvicorn

from dragoman import Context, Limits, Server, UsageError
from dragoman.server.watch import TOOLS, Change
from dragoman.transports.http import Endpoint
from dragoman.transports.uvicorn import (
    GracefulServer,
    Watchful,
    _loop_factory,
    collect_seldom,
    listen,
    run_http,
    serve_http,
    url_of,
)
from tests.transports.endpoint import House
from tests.transports.peers import META, MODERN, modern_call, post, request, wait_for
from tests.transports.reading import until


def test_a_free_port() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert url_of(listening, "/mcp") == f"http://127.0.0.1:{port}/mcp"
        with pytest.raises(UsageError, match=f"Port {port} on 127.0.0.1 is taken"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "256.1.1.1", "203.0.113.1"])
def test_an_address_that_is_not_this_machines(host: str) -> None:
    with pytest.raises(UsageError, match="Cannot listen"):
        listen(host, 0)


def test_urls_that_can_be_opened() -> None:
    with listen("0.0.0.0", 0) as listening:  # noqa: S104
        assert url_of(listening, "/x").startswith("http://127.0.0.1:")
    if socket.has_ipv6:
        with listen("::1", 0) as listening:
            assert url_of(listening, "/x").startswith("http://[::1]:")


def test_the_collector_runs_seldom_unless_somebody_chose() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        collect_seldom()
        assert gc.get_threshold()[0] >= 10_000
        gc.set_threshold(500, 5, 5)
        collect_seldom()
        assert gc.get_threshold() == (500, 5, 5)
    finally:
        gc.set_threshold(*before)


async def ask(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer


async def test_serving_in_this_process() -> None:
    """As in a notebook or a test: with signals that belong to somebody else, ended by a signal all the same."""
    house = House(header_seconds=0.3, write_stall_seconds=0.3)
    before = signal.getsignal(signal.SIGTERM)
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(serve_http(house.endpoint, listening))
    await asyncio.sleep(0.1)
    assert (await ask(port, modern_call("add", a=1, b=2))).startswith(b"HTTP/1.1 200")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /mcp HTTP/1.1\r\nhost: ")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(5):
        await serving
    assert signal.getsignal(signal.SIGTERM) is before


def test_serving_in_a_thread() -> None:
    """Signals are the main thread's; whoever owns the process stops the server."""
    house = House()
    listening = listen("127.0.0.1", 0)
    server = GracefulServer(uvicorn.Config(house.endpoint, log_config=None), house.endpoint)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    wait_for(lambda: server.started)
    server.should_exit = True
    thread.join(5)
    assert not thread.is_alive()


def test_run_http_says_that_the_port_is_taken() -> None:
    with listen("127.0.0.1", 0) as listening, pytest.raises(UsageError, match="taken"):
        run_http(Server("x"), port=listening.getsockname()[1])


def test_run_http_serves_until_a_signal() -> None:
    def stop() -> None:
        time.sleep(0.5)
        signal.raise_signal(signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    run_http(Server("x"), host="127.0.0.1", port=0)
    thread.join()


async def test_the_event_loop_where_uvloop_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _loop_factory() is not None
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert _loop_factory() is None


class Transport:
    """What a protocol asks of a transport."""

    def __init__(self) -> None:
        self.unread = 0
        self.closed = self.aborted = False
        self.written = b""
        self.writes = 0

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: bytes) -> None:
        self.written += data
        self.writes += 1

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def get_extra_info(self, name: str) -> Any:
        return None

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""


def some_server() -> Server:
    server = Server("x")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def steps(context: Context, count: int) -> str:
        for number in range(count):
            await context.progress(number)
        return "done"

    @server.tool
    async def say(size: int) -> str:
        return "x" * size

    return server


def connected(server: Server | None = None, **limits: Any) -> tuple[Watchful, Transport]:
    from uvicorn.server import ServerState

    server = server or some_server()
    config = uvicorn.Config(Endpoint(server), log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    protocol = Watchful(config, server_state=ServerState(), app_state={}, _loop=loop, limits=Limits(**limits))
    transport = Transport()
    protocol.connection_made(transport)  # type: ignore[arg-type]
    return protocol, transport


async def test_a_silent_connection_has_a_deadline() -> None:
    protocol, transport = connected(header_seconds=10)
    for now in (0.0, 5.0, 9.9):
        protocol.look(now)
    assert not transport.aborted
    protocol.look(10.1)
    assert transport.aborted


async def test_what_is_unread_has_a_deadline_that_reading_moves() -> None:
    protocol, transport = connected(write_stall_seconds=10, header_seconds=1000)
    for now, unread in ((0.0, 100), (9.0, 50), (18.0, 120), (18.5, 40), (28.0, 40)):
        transport.unread = unread
        protocol.look(now)
        assert not transport.aborted
    transport.unread = 0
    protocol.look(28.2)
    transport.unread = 10
    protocol.look(28.4)
    protocol.look(38.0)
    assert not transport.aborted
    protocol.look(38.5)
    assert transport.aborted


async def test_a_header_section_that_grows_is_refused_once() -> None:
    protocol, transport = connected(header_bytes=1024, url_bytes=64)
    protocol.data_received(b"POST /mcp HTTP/1.1\r\nx-long: ")
    for _ in range(3):
        protocol.data_received(b"y" * 900)
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert transport.written.count(b"HTTP/1.1") == 1
    assert transport.closed
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head


async def test_an_answer_is_one_write() -> None:
    protocol, transport = connected()
    protocol.data_received(modern_call("add", a=1, b=2))
    await until(lambda: protocol.cycle.response_complete)
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert transport.writes == 1
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: %d" % len(body) in head.split(b"\r\n")
    assert b"connection:" not in head
    assert not transport.closed


async def test_a_long_answer_is_one_write_too() -> None:
    protocol, transport = connected()
    protocol.data_received(modern_call("say", size=100_000))
    await until(lambda: protocol.cycle.response_complete)
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert transport.writes == 1
    assert b"content-length: %d" % len(body) in head.split(b"\r\n")
    assert b"x" * 100_000 in body


async def test_a_stream_begins_with_one_write() -> None:
    protocol, transport = connected()
    protocol.data_received(modern_call("steps", count=2, token=7))
    await until(lambda: protocol.cycle.response_complete)
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert transport.writes == 3
    assert {b"content-type: text/event-stream", b"transfer-encoding: chunked"} <= set(head.split(b"\r\n"))
    assert body.count(b"notifications/progress") == 2
    assert body.endswith(b"0\r\n\r\n")
    assert body.count(b"0\r\n\r\n") == 1


async def test_a_stream_for_a_client_that_left_is_not_written() -> None:
    protocol, transport = connected()
    protocol.pause_writing()
    protocol.data_received(modern_call("steps", count=2, token=7))
    await asyncio.sleep(0.05)
    protocol.connection_lost(None)
    await until(lambda: not protocol.server_state.tasks)
    assert transport.writes == 0


async def test_an_answer_that_ends_the_connection_says_so() -> None:
    protocol, transport = connected()
    protocol.data_received(modern_call("add", a=1, b=2).replace(b"HTTP/1.1", b"HTTP/1.0"))
    await until(lambda: transport.closed)
    assert b"connection: close" in transport.written.partition(b"\r\n\r\n")[0].split(b"\r\n")


async def test_a_request_leaves_nothing_to_the_collector_of_cycles() -> None:
    """A cycle in what each request makes costs more than answering it."""
    protocol, _ = connected()
    for count in (10, 100):
        gc.collect()
        gc.disable()
        for _ in range(count):
            protocol.data_received(modern_call("add", a=1, b=2))
            await until(lambda: protocol.cycle.response_complete)
        found = gc.collect()
        gc.enable()
    assert found < 100


async def test_requests_in_a_row_are_answered_in_their_order() -> None:
    protocol, transport = connected()
    protocol.data_received(b"".join(modern_call("add", a=1, b=number) for number in (1, 2, 3)))
    await until(lambda: transport.writes == 3)
    assert [part[:1] for part in transport.written.split(b'"text":"')[1:]] == [b"2", b"3", b"4"]


async def test_an_answer_waits_until_the_client_reads() -> None:
    protocol, transport = connected()
    protocol.pause_writing()
    protocol.data_received(modern_call("add", a=1, b=2))
    await asyncio.sleep(0.05)
    assert transport.writes == 0
    protocol.resume_writing()
    await until(lambda: transport.writes == 1)


async def test_an_answer_for_a_client_that_left_is_not_written() -> None:
    protocol, transport = connected()
    protocol.data_received(modern_call("add", a=1, b=2))
    cycle = protocol.cycle
    protocol.connection_lost(None)
    await until(lambda: not protocol.server_state.tasks)
    assert cycle.disconnected
    assert transport.writes == 0


async def test_an_idle_connection_has_a_deadline_of_its_own() -> None:
    protocol, transport = connected(header_seconds=10)
    protocol.timeout_keep_alive = 75
    for _ in range(2):
        protocol.data_received(modern_call("add", a=1, b=2))
        await until(lambda: protocol.cycle.response_complete)
    assert protocol.timeout_keep_alive_task is None
    protocol.look(0.0)
    protocol.look(74.0)
    assert not transport.aborted
    protocol.data_received(b"POST /mcp HTTP/1.1\r\n")
    protocol.look(76.0)
    protocol.look(85.0)
    assert not transport.aborted, "what has begun has the time of a header section"
    protocol.look(86.5)
    assert transport.aborted


async def test_an_idle_connection_ends() -> None:
    protocol, transport = connected()
    protocol.timeout_keep_alive = 75
    protocol.data_received(modern_call("add", a=1, b=2))
    await until(lambda: transport.writes == 1)
    protocol.look(0.0)
    protocol.look(75.5)
    assert transport.aborted


async def test_a_function_that_computes_between_two_steps_lets_others_have_their_turn() -> None:
    """A turn after each step but the first, which begins the stream, because each took long; not only after so many."""
    server = Server("x")
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    @server.tool
    async def compute(context: Context) -> int:
        seen = []
        for number in range(4):
            time.sleep(0.003)  # noqa: ASYNC251 - as a function that computes
            before = len(turns)
            await context.progress(number)
            seen.append(len(turns) > before)
        return seen.count(True)

    protocol, transport = connected(server)
    busy = asyncio.create_task(others())
    protocol.data_received(modern_call("compute", token=7))
    await until(lambda: protocol.cycle.response_complete)
    busy.cancel()
    assert b'"text":"3"' in transport.written


LISTEN = request("subscriptions/listen", {"_meta": META, "notifications": {"toolsListChanged": True}}, "l-1")
LISTENING = {"mcp-protocol-version": MODERN, "mcp-method": "subscriptions/listen"}
CHANGED = b"notifications/tools/list_changed"


async def test_a_change_is_written_without_waking_the_listener() -> None:
    server = some_server()
    protocol, transport = connected(server)
    protocol.data_received(post(LISTEN, LISTENING))
    await until(lambda: b"acknowledged" in transport.written)
    begun, transport.written = transport.written, b""
    server.changes.post(Change(TOOLS))
    await asyncio.sleep(0)
    size, _, chunk = transport.written.partition(b"\r\n")
    assert begun.endswith(b"\r\n")
    assert chunk[int(size, 16) :] == b"\r\n"
    assert CHANGED in chunk
    assert b'"io.modelcontextprotocol/subscriptionId":"l-1"' in chunk
    protocol.pause_writing()
    for _ in range(3):
        server.changes.post(Change(TOOLS))
        await asyncio.sleep(0.01)
    assert transport.written.count(CHANGED) == 1, "the client does not read"
    protocol.resume_writing()
    await until(lambda: transport.written.count(CHANGED) == 3)  # one was on its way, the others were one
    server.changes.post(Change(TOOLS))
    await asyncio.sleep(0)
    assert transport.written.count(CHANGED) == 4
    server.changes.end_all()
    await until(lambda: transport.written.endswith(b"0\r\n\r\n"))
    assert transport.written.index(b'"result"') > transport.written.rindex(CHANGED)
