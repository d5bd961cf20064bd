"""HTTP+SSE of 2024-11-05: when it is chosen, how it is used, and what it must not be talked into."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dragoman import Change, Client, ConnectionFault, RequestTimeout
from dragoman.client import http_sse
from dragoman.client.questions import Elicitation
from tests.client.desk import make_desk
from tests.client.peers import Chunks, HttpPeer, Reply, Sent, event, http_peer, initialized, json_reply, streaming
from tests.client.serving import served


class OldServer:
    """A scripted server of this transport: what is put into `said` goes on the stream."""

    def __init__(self, target: str = "/messages?id=1", status: int = 405) -> None:
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.said.put_nowait(b"event: endpoint\ndata: " + target.encode() + b"\n\n")
        self.status = status
        self.posted: list[Any] = []

    async def serve(self, sent: Sent) -> Reply:
        if sent.verb == "GET":
            assert sent.headers["accept"] == "text/event-stream"
            return streaming(self.stream())
        if sent.path == "/mcp":
            return Reply(self.status)
        self.posted.append(sent)
        message = sent.message
        if message.get("method") == "initialize":
            self.say({"jsonrpc": "2.0", "id": message["id"], "result": initialized("2024-11-05", tools={})})
        elif "id" in message and "method" in message:
            await self.answer(message)
        return Reply(202, b"Accepted")

    async def answer(self, message: Any) -> None:
        content = [{"type": "text", "text": message["params"].get("name", "")}]
        self.say({"jsonrpc": "2.0", "id": message["id"], "result": {"content": content}})

    async def stream(self) -> Chunks:
        while (said := await self.said.get()) is not None:
            yield said

    def say(self, message: Any) -> None:
        self.said.put_nowait(event(message))


@contextlib.asynccontextmanager
async def old(server: OldServer) -> AsyncIterator[HttpPeer]:
    async with http_peer(server.serve) as peer:
        yield peer


@pytest.mark.parametrize("status", [400, 404, 405])
@pytest.mark.parametrize("revision", ["auto", "2024-11-05"])
async def test_a_server_that_takes_no_post_is_asked_for_its_stream(status: int, revision: Any) -> None:
    server = OldServer(status=status)
    async with (
        old(server) as peer,
        Client(peer.url, headers={"Authorization": "Bearer k"}, revision=revision) as client,
    ):
        assert client.revision == "2024-11-05"
        assert [(await client.call_tool(name)).data for name in ("a", "b")] == ["a", "b"]
        replies = await asyncio.gather(*(client.call_tool(str(number)) for number in range(5)))
        assert [reply.data for reply in replies] == list("01234")
    assert {sent.path for sent in server.posted} == {"/messages?id=1"}
    assert {sent.headers["authorization"] for sent in peer.requests} == {"Bearer k"}
    assert {sent.headers["content-type"] for sent in server.posted} == {"application/json"}
    assert [sent.verb for sent in peer.requests if sent.path == "/mcp"][-2:] == ["POST", "GET"]


async def test_dragoman_to_dragoman() -> None:
    asked: list[str] = []

    def on_elicit(question: Elicitation) -> Any:
        asked.append(question.message)
        return {"size": 3} if "size" in question.schema["properties"] else {"confirm": True}

    heard: list[Any] = []
    async with (
        served(make_desk(), "/sse", sse=("/sse", "/messages")) as url,
        Client(url, on_elicit=on_elicit) as client,
        client.listen(tools=True, uris=["desk://board"]) as changes,
    ):
        reply = await client.call_tool("order", {"thing": "cake"}, on_progress=lambda *one: heard.append(one))
        assert reply.text == "cake of size 3, True"
        assert len(asked) == 2
        await client.call_tool("change")
        async with asyncio.timeout(10):
            assert {await anext(changes), await anext(changes)} == {Change("tools"), Change("resource", "desk://board")}


async def test_a_url_of_another_origin_is_not_posted_to() -> None:
    server = OldServer("http://localhost:1/steal")
    async with old(server) as peer:
        with pytest.raises(ConnectionFault, match=r"'http://localhost:1/steal' to post to, which is of another origin"):
            async with Client(peer.url, headers={"Authorization": "Bearer k"}):
                pass
    assert server.posted == []


@pytest.mark.parametrize("target", ["http://[", "//evil.example/x", "ftp://127.0.0.1/x"])
async def test_other_strange_urls(target: str) -> None:
    async with old(OldServer(target)) as peer:
        with pytest.raises(ConnectionFault, match=r"names no URL|another origin"):
            async with Client(peer.url):
                pass


async def test_a_server_that_has_neither_transport() -> None:
    async def serve(sent: Sent) -> Reply:
        return Reply(405)

    async with http_peer(serve) as peer:
        with pytest.raises(ConnectionFault, match="answered HTTP 405"):
            async with Client(peer.url):
                pass
    assert peer.methods() == ["server/discover", "initialize", "GET"]


async def test_other_refusals_do_not_lead_there() -> None:
    async def serve(sent: Sent) -> Reply:
        return Reply(500)

    async with http_peer(serve) as peer:
        with pytest.raises(ConnectionFault, match="answered HTTP 500"):
            async with Client(peer.url):
                pass
    assert peer.methods() == ["server/discover", "initialize"]


async def test_a_redirect_is_named() -> None:
    async def serve(sent: Sent) -> Reply:
        return Reply(302, b"", {"location": "/other"}) if sent.verb == "GET" else Reply(405)

    async with http_peer(serve) as peer:
        with pytest.raises(ConnectionFault, match="redirects to '/other'"):
            async with Client(peer.url):
                pass


async def test_a_stream_that_never_names_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sse, "OPENING_SECONDS", 0.2)
    server = OldServer()
    server.said.get_nowait()
    async with old(server) as peer:
        with pytest.raises(ConnectionFault, match=r"said nothing for 0\.2 seconds"):
            async with Client(peer.url):
                pass


@pytest.mark.parametrize(
    ("said", "words"),
    [(None, "ended its event stream"), (b"data: {not json\n\n", "no JSON-RPC message"), (b"data: [1]\n\n", "no JSON")],
)
async def test_the_end_of_the_stream_ends_everything(said: bytes | None, words: str) -> None:
    class Ending(OldServer):
        async def answer(self, message: Any) -> None:
            self.said.put_nowait(b": comment\n\nevent: endpoint\ndata: /other\n\nevent: strange\ndata: x\n\ndata: \n\n")
            self.said.put_nowait(said)

    async with old(Ending()) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match=words):
            await client.call_tool("t")
        with pytest.raises(ConnectionFault, match=words):
            await client.call_tool("t")


async def test_a_message_that_is_not_accepted() -> None:
    class Refusing(OldServer):
        async def serve(self, sent: Sent) -> Reply:
            if sent.method == "tools/call":
                return json_reply({"error": "session gone"}, 404)
            return await super().serve(sent)

    async with old(Refusing()) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match=r"HTTP 404 .*session gone"):
            await client.call_tool("t")


async def test_a_timeout_cancels() -> None:
    class Silent(OldServer):
        async def answer(self, message: Any) -> None:
            pass

    server = Silent()
    async with old(server) as peer, Client(peer.url) as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("t", timeout=0.1)
    call, cancelled = server.posted[-2:]
    assert cancelled.message["method"] == "notifications/cancelled"
    assert cancelled.message["params"]["requestId"] == call.message["id"]


async def test_a_broken_stream() -> None:
    class Breaking(OldServer):
        async def answer(self, message: Any) -> None:
            self.said.put_nowait(b"data: " + b"x" * 2000)

    async with old(Breaking()) as peer, Client(peer.url, response_bytes=1000) as client:
        with pytest.raises(ConnectionFault, match="larger than 1000 bytes"):
            await client.call_tool("t")
