"""The HTTP wire against scripted servers, polite and not; what only older ones do is in `test_session.py`."""

import asyncio
from typing import Any

import pytest

from dragoman.client.client import Client
from dragoman.client.http import HttpWire
from dragoman.client.listener import Listener
from dragoman.errors import ConnectionFault, RequestTimeout, ServerFault, UsageError
from dragoman.protocol.messages import LogParams
from tests.client.peers import (
    MODERN,
    Chunks,
    Reply,
    Sent,
    answer,
    error,
    event,
    events,
    http_peer,
    json_reply,
    legacy,
    modern,
    notification,
    response,
    result,
    streaming,
    text_result,
)

FOREVER = 60.0


async def test_a_modern_call_carries_its_metadata_and_headers() -> None:
    async with http_peer(modern(answer)) as peer, Client(peer.url, name="tester", version="1.2") as client:
        assert (await client.call_tool("Größe", {"a": 1})).data == "done"
        assert client.revision == MODERN
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("peer", "9.9")
        assert client.capabilities == {"tools": {}}
        assert client.instructions == "Ask politely."
    assert peer.methods() == ["server/discover", "tools/call"]
    sent = peer.requests[1]
    assert sent.path == "/mcp"
    assert sent.message == {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {
            "name": "Größe",
            "arguments": {"a": 1},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {
                    "extensions": {"io.modelcontextprotocol/tasks": {}},
                },
                "io.modelcontextprotocol/clientInfo": {"name": "tester", "version": "1.2"},
            },
        },
    }
    assert sent.headers["mcp-protocol-version"] == MODERN
    assert sent.headers["mcp-method"] == "tools/call"
    assert sent.headers["mcp-name"] == "=?base64?R3LDtsOfZQ==?="
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["accept"] == "application/json, text/event-stream"
    assert "mcp-session-id" not in sent.headers
    assert peer.connections == 1


async def test_resources_and_prompts_are_named_in_a_header() -> None:
    async def script(sent: Sent) -> Reply:
        if sent.method == "resources/read":
            return result(sent, {"contents": [{"uri": "a://b", "text": "hello"}]})
        return result(sent, {"messages": []})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        await client.read_resource("a://b")
        await client.get_prompt("greet")
        await client.request("tools/list")
    assert [sent.headers.get("mcp-name") for sent in peer.requests] == [None, "a://b", "greet", None]


@pytest.mark.parametrize(
    "first",
    [
        Reply(400),
        Reply(400, b"Bad Request", {"content-type": "text/plain"}),
        Reply(404, b"<html>", {"content-type": "text/html"}),
        Reply(405),
        Reply(406, b"{}", {"content-type": "application/json"}),
        Reply(500, b"boom", {"content-type": "text/plain"}),
        Reply(200, b"<html>", {"content-type": "text/html"}),
        Reply(200, b"[]", {"content-type": "application/json"}),
        Reply(202),
    ],
    ids=lambda reply: f"{reply.status} {reply.body.decode()}",
)
async def test_anything_but_a_modern_error_means_an_older_server(first: Reply) -> None:
    inner = legacy(answer)

    async def script(sent: Sent) -> Reply:
        return first if sent.method == "server/discover" else await inner(sent)

    async with http_peer(script) as peer, Client(peer.url) as client:
        assert client.revision == "2025-11-25"


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_an_unknown_method_means_an_older_server(status: int) -> None:
    inner = legacy(answer)

    async def script(sent: Sent) -> Reply:
        if sent.method == "server/discover":
            return error(sent, -32601, "Method not found", status=status)
        return await inner(sent)

    async with http_peer(script) as peer, Client(peer.url) as client:
        assert client.revision == "2025-11-25"


@pytest.mark.parametrize("code", [-32020, -32021])
async def test_a_modern_error_is_no_reason_to_fall_back(code: int) -> None:
    async def script(sent: Sent) -> Reply:
        return error(sent, code, "Header mismatch: a proxy ate one", status=400)

    async with http_peer(script) as peer:
        with pytest.raises(ConnectionFault, match=r"refused a 2026-07-28 request: Header mismatch: a proxy ate one"):
            async with Client(peer.url):
                pass
    assert peer.methods() == ["server/discover"]


async def test_both_failures_are_told_when_nothing_works() -> None:
    async def script(sent: Sent) -> Reply:
        return Reply(401, b"who are you?", {"content-type": "text/plain"})

    async with http_peer(script) as peer:
        with pytest.raises(ConnectionFault) as caught:
            async with Client(peer.url):
                pass
    assert "HTTP 401" in str(caught.value)
    assert "credentials" in str(caught.value)
    assert "'who are you?'" in str(caught.value)
    assert peer.methods() == ["server/discover", "initialize"]


async def test_progress_and_logs_come_before_the_answer() -> None:
    heard: list[Any] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        await asyncio.sleep(0)
        heard.append((progress, total, message))

    async def script(sent: Sent) -> Reply:
        meta = sent.message["params"]["_meta"]
        assert meta["io.modelcontextprotocol/logLevel"] == "debug"
        token = meta["progressToken"]
        return events(
            b"\xef\xbb\xbf: welcome\r\n\r\n",
            notification("notifications/progress", progressToken=token, progress=1, total=2, message="half"),
            notification("notifications/message", level="info", data={"a": 1}, logger="db"),
            notification("notifications/progress", progressToken="other", progress=7),
            notification("notifications/progress", progressToken=token, progress=2),
            notification("notifications/tools/list_changed"),
            response(sent, text_result("done")),
            b": the end\n\n",
        )

    async with (
        http_peer(modern(script)) as peer,
        Client(peer.url, on_log=heard.append, log_level="debug") as client,
    ):
        reply = await client.call_tool("t", on_progress=on_progress)
        heard.append(reply.data)
        assert (await client.call_tool("t", on_progress=on_progress)).data == "done"
    assert heard[:4] == [(1.0, 2.0, "half"), LogParams("info", {"a": 1}, "db"), (2.0, None, None), "done"]
    assert peer.connections == 1, "a stream that ended leaves its connection usable"


async def test_a_stream_that_stays_open_after_the_answer_is_left() -> None:
    async def script(sent: Sent) -> Reply:
        async def stream() -> Chunks:
            yield event(response(sent, text_result("done")))
            await asyncio.sleep(FOREVER)

        return streaming(stream())

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        async with asyncio.timeout(5):
            assert (await client.call_tool("t")).data == "done"
            await peer.dropped.wait()


async def test_a_timeout_closes_the_stream_of_a_modern_call() -> None:
    async def script(sent: Sent) -> Reply:
        async def stream() -> Chunks:
            yield b": working\n\n"
            await asyncio.sleep(FOREVER)

        return streaming(stream())

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(RequestTimeout, match=r"did not answer tools/call within 0\.1 seconds"):
            await client.call_tool("t", timeout=0.1)
        async with asyncio.timeout(5):
            await peer.dropped.wait()
    assert peer.methods() == ["server/discover", "tools/call"], "no notification: the closed stream is the signal"


async def test_an_older_server_may_ask_and_is_answered() -> None:
    async def script(sent: Sent) -> Reply:
        if sent.method != "tools/call":
            return Reply(202 if sent.message["id"] == "p" else 400)
        return events(
            {"jsonrpc": "2.0", "id": "p", "method": "ping"},
            {"jsonrpc": "2.0", "id": 5, "method": "elicitation/create", "params": {}},
            response(sent, text_result("done")),
        )

    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "done"
    replies = [sent.message for sent in peer.requests if sent.verb == "POST" and sent.method is None]
    assert replies == [
        {"jsonrpc": "2.0", "id": "p", "result": {}},
        {
            "jsonrpc": "2.0",
            "id": 5,
            "error": {"code": -32601, "message": "This client does not answer elicitation/create; give it on_elicit."},
        },
    ]


async def test_a_modern_server_may_not_ask() -> None:
    async def script(sent: Sent) -> Reply:
        return events({"jsonrpc": "2.0", "id": 1, "method": "ping"}, response(sent, text_result("done")))

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "done"
    assert len(peer.requests) == 2


async def test_a_batch_is_taken_apart() -> None:
    heard: list[LogParams] = []

    async def script(sent: Sent) -> Reply:
        if sent.method != "tools/call":
            return Reply(405)
        log = notification("notifications/message", level="info", data="x")
        return json_reply([log, response(sent, text_result("done"))])

    async with http_peer(legacy(script, "2025-03-26")) as peer, Client(peer.url, on_log=heard.append) as client:
        assert (await client.call_tool("t")).data == "done"
    assert heard == [LogParams("info", "x")]


async def test_a_modern_stream_that_ends_early_is_an_error() -> None:
    async def script(sent: Sent) -> Reply:
        return events(b"id: 1\ndata:\n\n")

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match="ended the stream of tools/call before its response"):
            await client.call_tool("t")


async def test_a_connection_cut_in_the_middle() -> None:
    async def script(sent: Sent) -> Reply:
        async def stream() -> Chunks:
            yield b": working\n\n"
            raise ConnectionError

        if sent.message["params"]["name"] == "body":
            return Reply(200, b"{", {"content-type": "application/json", "content-length": "99"})
        return streaming(stream())

    async with http_peer(modern(script)) as peer, Client(peer.url, timeout=5) as client:
        with pytest.raises(ConnectionFault, match="The stream of tools/call broke: "):
            await client.call_tool("stream")
        with pytest.raises(ConnectionFault, match="broke before the answer was complete"):
            await client.call_tool("body")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(202), "HTTP 202 and an empty body"),
        (Reply(200, b"<html>\nhello", {"content-type": "text/html"}), r"text/html: '<html>\\nhello'"),
        (Reply(200, b"hello"), "no content type: 'hello'"),
        (Reply(200, b"{", {"content-type": "application/json"}), "no JSON-RPC message: Parse error"),
        (json_reply({"jsonrpc": "2.0", "id": 999, "result": {}}), "not its response"),
        (events(b"data: nonsense\n\n"), "an event that is no JSON-RPC message"),
        (Reply(500), r"HTTP 500 \(Status\)\.$"),
        (Reply(500, b"<h1>Oops", {"content-type": "text/html"}), r"HTTP 500 \(Status\)\.$"),
        (Reply(503, b"later", {"content-type": "text/plain"}), r"HTTP 503 \(Status\): 'later'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_answer_is_told(reply: Reply, words: str) -> None:
    async def script(sent: Sent) -> Reply:
        return reply

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match=words):
            await client.call_tool("t")


async def test_errors_keep_their_code_and_data() -> None:
    async def script(sent: Sent) -> Reply:
        return error(sent, -32602, "Unknown tool 'x'", {"nearest": "y"}, 400)

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ServerFault) as caught:
            await client.call_tool("x")
    assert (caught.value.code, caught.value.message, caught.value.data) == (
        -32602,
        "Unknown tool 'x'",
        {"nearest": "y"},
    )


async def test_an_error_without_an_id_is_the_answer() -> None:
    async def script(sent: Sent) -> Reply:
        return json_reply({"jsonrpc": "2.0", "id": None, "error": {"code": 7, "message": "seven"}})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ServerFault, match="seven"):
            await client.call_tool("x")


async def test_calls_run_side_by_side() -> None:
    together = asyncio.Barrier(10)

    async def script(sent: Sent) -> Reply:
        await together.wait()
        return result(sent, text_result(sent.message["params"]["arguments"]["n"]))

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        replies = await asyncio.gather(*(client.call_tool("t", {"n": str(n)}) for n in range(10)))
    assert [reply.data for reply in replies] == [str(n) for n in range(10)]


async def test_parameters_are_mirrored_into_headers_after_a_mismatch() -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}

    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/list":
            return result(sent, {"tools": [{"name": "t", "inputSchema": schema}]})
        if sent.headers.get("mcp-param-region") != "eu":
            return error(sent, -32020, "Header mismatch: Mcp-Param-Region is missing", status=400)
        return result(sent, text_result("done"))

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t", {"region": "eu"})).data == "done"
        assert (await client.call_tool("t", {"region": "eu"})).data == "done"
        with pytest.raises(ServerFault, match="Header mismatch"):
            await client.call_tool("t", {"region": "us"})
    calls = ["tools/call", "tools/list", "tools/call", "tools/call", "tools/call", "tools/list"]
    assert peer.methods()[1:] == calls


async def test_a_tool_with_bad_annotations_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    bad = {"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}}

    async def script(sent: Sent) -> Reply:
        tools = [{"name": "good", "inputSchema": {"type": "object"}}, {"name": "bad", "inputSchema": bad}]
        return result(sent, {"tools": tools})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        assert [tool.name for tool in await client.list_tools()] == ["good"]
    assert "'bad'" in caplog.text
    async with http_peer(legacy(script)) as peer, Client(peer.url) as client:
        assert [tool.name for tool in await client.list_tools()] == ["good", "bad"]


async def test_notifications_are_posted() -> None:
    async def script(sent: Sent) -> Reply:
        return Reply(202) if sent.method == "notifications/x" else Reply(400, b"no", {"content-type": "text/plain"})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        await client.notify("notifications/x", {"a": 1})
        with pytest.raises(ConnectionFault, match="HTTP 400"):
            await client.notify("notifications/y")
    sent = peer.requests[1]
    assert sent.message == {"jsonrpc": "2.0", "method": "notifications/x", "params": {"a": 1}}
    assert sent.headers["mcp-method"] == "notifications/x"


async def test_a_closed_client_says_so() -> None:
    async with http_peer(modern(answer)) as peer:
        client = Client(peer.url)
        async with client:
            pass
        with pytest.raises(UsageError, match="not connected"):
            await client.call_tool("t")
        wire = HttpWire(peer.url, Listener(None))
        with pytest.raises(ConnectionFault, match="is closed"):
            await wire.notify("x", b"{}")
        await wire.restart()
        await wire.close()
