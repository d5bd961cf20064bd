"""Sessions of older servers: their streams, their ends, and streams taken up again."""

import asyncio
import itertools

import pytest

from dragoman.client.client import Client
from dragoman.errors import ConnectionFault, RequestTimeout
from dragoman.protocol.messages import LogParams
from tests.client.peers import (
    SESSION,
    Chunks,
    Reply,
    Sent,
    answer,
    error,
    event,
    events,
    http_peer,
    initialized,
    legacy,
    notification,
    response,
    result,
    streaming,
    text_result,
    unused,
)

FOREVER = 60.0


async def test_an_older_server_gets_its_handshake_session_and_goodbye() -> None:
    headers = {"Authorization": "Bearer key", "Accept": "text/html"}
    async with http_peer(legacy(answer)) as peer, Client(peer.url, headers=headers) as client:
        assert (await client.call_tool("t")).data == "done"
        assert client.revision == "2025-11-25"
    assert peer.methods() == ["server/discover", "initialize", "notifications/initialized", "tools/call", "DELETE"]
    assert peer.connections == 1
    opening, ready, call, goodbye = peer.requests[1:]
    assert opening.message["params"]["protocolVersion"] == "2025-11-25"
    assert "mcp-protocol-version" not in opening.headers
    assert "mcp-session-id" not in opening.headers
    assert "mcp-method" not in call.headers
    assert "_meta" not in call.message["params"]
    for sent in (ready, call, goodbye):
        assert sent.headers["mcp-session-id"] == SESSION
        assert sent.headers["mcp-protocol-version"] == "2025-11-25"
    assert {sent.headers["authorization"] for sent in peer.requests} == {"Bearer key"}
    assert {sent.headers["accept"] for sent in peer.requests} == {"application/json, text/event-stream"}


@pytest.mark.parametrize("version", ["2025-06-18", "2025-03-26", "2024-11-05"])
async def test_an_older_answer_to_initialize_is_taken(version: str) -> None:
    async with http_peer(legacy(answer, version, session=None)) as peer, Client(peer.url) as client:
        await client.call_tool("t")
        assert client.revision == version
    assert peer.requests[-1].method == "tools/call", "without a session there is no goodbye"
    assert peer.requests[-1].headers["mcp-protocol-version"] == version


async def test_a_cancelled_caller_cancels_on_an_older_server() -> None:
    cancelled = asyncio.Event()

    async def script(sent: Sent) -> Reply:
        if sent.method == "notifications/cancelled":
            cancelled.set()
            return Reply(202)

        async def stream() -> Chunks:
            yield b": working\n\n"
            await asyncio.sleep(FOREVER)

        return streaming(stream())

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        task = asyncio.create_task(client.call_tool("t"))
        await peer.until("tools/call")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await cancelled.wait()
    call, cancellation = (
        sent.message for sent in peer.requests if sent.method in ("tools/call", "notifications/cancelled")
    )
    assert cancellation["params"]["requestId"] == call["id"]


async def test_closing_waits_for_a_cancellation_that_is_on_its_way() -> None:
    async def script(sent: Sent) -> Reply:
        if sent.method == "notifications/cancelled":
            return Reply(500)
        await asyncio.sleep(FOREVER)
        return Reply()

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("t", timeout=0.1)
    assert peer.methods()[-2:] == ["notifications/cancelled", "DELETE"]


async def test_a_session_that_ended_is_opened_again() -> None:
    sessions = iter(["one", "two"])
    ended: set[str] = set()

    async def script(sent: Sent) -> Reply:
        if sent.method == "initialize":
            session = next(sessions, None)
            return result(sent, initialized(), mcp_session_id=session) if session else Reply(503)
        if sent.method == "tools/call":
            if sent.headers["mcp-session-id"] in ended:
                return error(sent, -32001, "Session not found", status=404)
            return result(sent, text_result(sent.headers["mcp-session-id"]))
        return await legacy(unused)(sent)

    async with http_peer(script) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "one"
        ended.add("one")
        replies = await asyncio.gather(*(client.call_tool("t") for _ in range(5)))
        assert {reply.data for reply in replies} == {"two"}
        ended.add("two")
        with pytest.raises(ConnectionFault, match="HTTP 503"):
            await client.call_tool("t")
    assert peer.methods().count("initialize") == 3


async def test_a_broken_stream_is_taken_up_again() -> None:
    async def script(sent: Sent) -> Reply:
        if sent.verb == "POST":
            return events(b"id: 1\nretry: 10\ndata:\n\n")
        assert sent.headers["accept"] == "text/event-stream"
        assert sent.headers["mcp-session-id"] == SESSION
        if sent.headers["last-event-id"] == "1":
            return events(b"id: 2\n\n")
        assert sent.headers["last-event-id"] == "2"
        call = next(sent for sent in peer.requests if sent.method == "tools/call")
        return events(response(call, text_result("resumed")))

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "resumed"


async def test_a_stream_that_cannot_be_taken_up_again() -> None:
    async def script(sent: Sent) -> Reply:
        return events(b"id: 1\nretry: 1\ndata:\n\n") if sent.verb == "POST" else Reply(405)

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match="HTTP 405"):
            await client.call_tool("t")


async def test_a_stream_that_always_breaks_is_given_up() -> None:
    async def script(sent: Sent) -> Reply:
        return events(b"id: 1\nretry: 1\ndata:\n\n")

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match="ended the stream of tools/call before its response"):
            await client.call_tool("t")


async def test_log_messages_of_an_older_server_come_on_a_stream_of_their_own() -> None:
    heard: asyncio.Queue[LogParams] = asyncio.Queue()
    opened = 0

    async def script(sent: Sent) -> Reply:
        nonlocal opened
        if sent.method == "logging/setLevel":
            assert sent.message["params"] == {"level": "warning"}
            return result(sent, {})
        assert sent.verb == "GET"
        assert sent.headers["mcp-session-id"] == SESSION
        opened += 1
        if opened == 1:
            return events(
                b"retry: 10\nid: 7\n",
                notification("notifications/message", level="error", data="first"),
                {"jsonrpc": "2.0", "id": 1, "result": {}},
            )
        assert sent.headers["last-event-id"] == "7"
        if opened == 2:
            return events(b"data: nonsense\n\n")

        async def stream() -> Chunks:
            yield event(notification("notifications/message", level="error", data="second"))
            await asyncio.sleep(FOREVER)

        return streaming(stream())

    async with (
        asyncio.timeout(10),
        http_peer(legacy(script, logging={})) as peer,
        Client(peer.url, on_log=heard.put_nowait, log_level="warning"),
    ):
        assert (await heard.get()).data == "first"
        assert (await heard.get()).data == "second"


async def test_the_stream_is_opened_again_for_a_new_session() -> None:
    sessions = iter(["one", "two"])
    levels: list[str] = []

    async def script(sent: Sent) -> Reply:
        session = sent.headers.get("mcp-session-id", "")
        if sent.method == "initialize":
            return result(sent, initialized(logging={}), mcp_session_id=next(sessions))
        if sent.verb == "GET":
            return Reply(404) if session == "one" else streaming(forever())
        if sent.method == "logging/setLevel":
            levels.append(session)
            return result(sent, {})
        if sent.method == "tools/call":
            return Reply(404) if session == "one" else result(sent, text_result(session))
        return await legacy(unused)(sent)

    async def forever() -> Chunks:
        yield b": here\n\n"
        await asyncio.sleep(FOREVER)

    async with http_peer(script) as peer, Client(peer.url, on_log=lambda _: None) as client:
        await peer.until("GET")
        assert (await client.call_tool("t")).data == "two"
        async with asyncio.timeout(5):
            while [sent.headers["mcp-session-id"] for sent in peer.requests if sent.verb == "GET"] != ["one", "two"]:
                await peer.until("GET", len(peer.requests))
    assert levels == ["one", "two"]


async def test_a_server_without_such_a_stream_is_asked_once() -> None:
    async def script(sent: Sent) -> Reply:
        return error(sent, -32601, "no levels") if sent.verb == "POST" else Reply(405)

    async with http_peer(legacy(script, logging={})) as peer, Client(peer.url, on_log=lambda _: None):
        await peer.until("GET")
        await asyncio.sleep(0.05)
    assert peer.methods().count("GET") == 1


async def test_nobody_listens_unless_asked() -> None:
    async with http_peer(legacy(answer, logging={})) as peer, Client(peer.url) as client:
        await client.call_tool("t")
    assert "GET" not in peer.methods()


async def test_a_goodbye_nobody_takes_is_no_error() -> None:
    inner = legacy(answer)

    async def script(sent: Sent) -> Reply:
        if sent.verb == "DELETE":
            raise ConnectionError
        return await inner(sent)

    async with http_peer(script) as peer, Client(peer.url) as client:
        await client.call_tool("t")
    assert peer.methods()[-1] == "DELETE"


async def test_a_server_may_end_a_stream_again_and_again_and_say_when_to_come_back() -> None:
    times: list[float] = []
    calls: list[Sent] = []

    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/call":
            calls.append(sent)
            return events(b"id: e0\nretry: 50\ndata: \n\n")
        times.append(asyncio.get_running_loop().time())
        assert sent.headers["last-event-id"] == f"e{len(times) - 1}"
        if len(times) < 12:
            return events(f"id: e{len(times)}\ndata: \n\n".encode())
        return events(response(calls[0], text_result("done")))

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "done"
    assert len(times) == 12
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(times))


async def test_a_stream_that_breaks_again_is_taken_up_again() -> None:
    calls: list[Sent] = []

    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/call":
            calls.append(sent)
            return events(b"id: e0\nretry: 1\ndata: \n\n")
        if peer.methods().count("GET") == 1:
            return Reply(200, b"id: e1\n", {"content-type": "text/event-stream", "content-length": "90"})
        return events(response(calls[0], text_result("done")))

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "done"
