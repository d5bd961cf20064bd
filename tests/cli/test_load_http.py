"""Lines over HTTP against servers that answer as the test wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from dragoman import ConnectionFault
from dragoman.cli.load import Load, Outcome
from dragoman.cli.load_http import Place, last_event, open_lines
from tests.transports.peers import Peer

GOOD = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
Answer = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


def whole(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Place]:
    served = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
                served += 1
                await answer(writer, served)
                await writer.drain()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield Place(f"http://127.0.0.1:{port}/mcp?a=b", {"x-test": "yes"})


async def measure(place: Place, *, most: int = 10, lines: int = 2, patience: float = 5.0) -> Outcome:
    load = Load(warm_up=0, seconds=30, most=most, rate=None, patience=patience)
    opened = await open_lines(load, place, [place.request(b"{}", {"Mcp-Name": "add"})] * lines)
    try:
        async with asyncio.timeout(20):
            return await load.run(list(opened))
    finally:
        for line in opened:
            await line.close()


def failures(outcome: Outcome) -> dict[str, int]:
    return dict(outcome.failures)


def test_a_request() -> None:
    sent = Place("http://127.0.0.1:8000/mcp?a=b", {"X-Test": "yes"}).request(b"{}", {"Mcp-Name": "add"})
    assert sent.startswith(b"POST /mcp?a=b HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n")
    assert sent.endswith(b"content-length: 2\r\nx-test: yes\r\nmcp-name: add\r\n\r\n{}")
    assert Place("https://mcp.example.com", {}).port == 443
    assert b"\r\nhost: mcp.example.com\r\n" in Place("https://me:word@mcp.example.com", {}).request(b"", {})


async def test_answers_in_pieces_and_as_events() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        if number % 2:
            sent = whole(GOOD)
            writer.write(sent[:-10])
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(sent[-10:])
        else:
            event = b"event: message\ndata: {}\n\ndata: " + GOOD + b"\n\n"
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            writer.write(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))

    async with serving(answer) as place:
        outcome = await measure(place)
    assert (len(outcome.latencies), failures(outcome)) == (10, {})


async def test_a_server_that_closes_each_connection() -> None:
    async def answer(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(whole(GOOD, headers="connection: close\r\n"))
        await writer.drain()
        writer.close()

    async with serving(answer) as place:
        outcome = await measure(place)
    assert (len(outcome.latencies), failures(outcome)) == (10, {})


async def test_each_kind_of_failure() -> None:
    refusal = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}'

    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        if number == 1:
            writer.write(whole(b"slow down", "429 Too Many Requests"))
        elif number == 2:
            writer.write(whole(refusal))
        elif number == 3:
            writer.write(b"nonsense\r\n\r\n")
        elif number == 4:
            writer.close()
        elif number == 5:
            await asyncio.sleep(1)
        else:
            writer.write(whole(GOOD))

    async with serving(answer) as place:
        outcome = await measure(place, lines=1, patience=0.3)
    assert failures(outcome) == {
        "HTTP 429": 1,
        "JSON-RPC error -32000": 1,
        "not HTTP": 1,
        "connection lost": 1,
        "no answer in time": 1,
    }
    assert len(outcome.latencies) == 5
    assert outcome.examples["HTTP 429"] == "slow down"


async def test_a_server_that_goes_away() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(whole(GOOD))
        if number == 4:
            writer.close()
            gone.set()

    gone = asyncio.Event()
    async with serving(answer) as place:
        load = Load(warm_up=0, seconds=1, most=None, rate=None, patience=5)
        (line,) = await open_lines(load, place, [place.request(b"{}", {})])
        running = asyncio.create_task(load.run([line]))
        await gone.wait()
    outcome = await running
    await line.close()
    assert set(outcome.failures) >= {"no connection"}
    assert len(outcome.failures) <= 2
    assert outcome.failures.total() < 50  # it waits between two tries


async def test_nobody_is_there() -> None:
    async def answer(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.close()

    async with serving(answer) as place:
        pass
    with pytest.raises(ConnectionFault, match="Not all of 2 connections can be made"):
        await measure(place)
    with pytest.raises(ConnectionFault, match="No session of 2025-11-25 can be begun"):
        await asyncio.to_thread(place.open_session, "2025-11-25")


async def test_a_session_of_an_older_revision() -> None:
    with Peer() as peer:
        place = Place(f"http://127.0.0.1:{peer.port}/mcp", {})
        named = await asyncio.to_thread(place.open_session, "2025-11-25")
        assert named.keys() == {"mcp-protocol-version", "mcp-session-id"}
        assert peer.health()["sessions"] == 1


def test_the_last_event_is_the_answer() -> None:
    assert last_event(b'{"a": 1}') == b'{"a": 1}'
    assert last_event(b": hello\ndata: 1\n\nid: x\ndata: 2\n\n") == b"2"
    assert last_event(b"neither") == b"neither"
