"""Scripted servers: what a test says is what they answer, byte for byte. No code of ours runs in them."""

import asyncio
import json
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, field

Chunks = AsyncIterator[bytes]

MODERN = "2026-07-28"
SESSION = "session-1"
ID = "io.modelcontextprotocol/subscriptionId"
SERVER_INFO = {"name": "peer", "version": "9.9"}
DISCOVERED: dict[str, Any] = {
    "resultType": "complete",
    "supportedVersions": [MODERN],
    "capabilities": {"tools": {}},
    "instructions": "Ask politely.",
    "ttlMs": 0,
    "cacheScope": "private",
    "_meta": {"io.modelcontextprotocol/serverInfo": SERVER_INFO},
}


def initialized(version: str = "2025-11-25", **capabilities: Any) -> dict[str, Any]:
    """The result of `initialize`."""
    return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": SERVER_INFO}


def text_result(text: str) -> dict[str, Any]:
    """A tool's result of one text block."""
    return {"content": [{"type": "text", "text": text}]}


class Sent(Struct):
    """One HTTP request as it arrived."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        """The body as JSON; None when there is none."""
        return json.loads(self.body) if self.body else None

    @property
    def method(self) -> str | None:
        """The JSON-RPC method."""
        return None if self.message is None else self.message.get("method")


class Reply(Struct):
    """One HTTP answer: a body, or chunks that end when the stream does."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Chunks | None = None


Script = Callable[[Sent], Awaitable[Reply]]


def result(sent: Sent, value: Any, **headers: str) -> Reply:
    """A JSON answer with a result."""
    message = {"jsonrpc": "2.0", "id": sent.message["id"], "result": value}
    return json_reply(message, 200, **headers)


def error(sent: Sent, code: int, words: str, data: Any = None, status: int = 200) -> Reply:
    """A JSON answer with an error."""
    body = {"code": code, "message": words} | ({} if data is None else {"data": data})
    return json_reply({"jsonrpc": "2.0", "id": sent.message["id"], "error": body}, status)


def json_reply(message: Any, status: int = 200, **headers: str) -> Reply:
    """Any JSON as an answer; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(message).encode(), {"content-type": "application/json", **named})


def events(*chunks: bytes | dict[str, Any], **headers: str) -> Reply:
    """An event stream: messages become events, bytes are sent as they are."""

    async def stream() -> Chunks:
        for chunk in chunks:
            yield chunk if isinstance(chunk, bytes) else event(chunk)
            await asyncio.sleep(0)

    return streaming(stream(), **headers)


def streaming(chunks: Chunks, **headers: str) -> Reply:
    """An event stream of chunks that may take their time."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(200, b"", {"content-type": "text/event-stream", **named}, chunks)


def event(message: dict[str, Any]) -> bytes:
    """One event."""
    return b"data: " + json.dumps(message).encode() + b"\n\n"


def modern(script: Script) -> Script:
    """A 2026-07-28 server: discovery as usual, the rest by script."""

    async def serve(sent: Sent) -> Reply:
        return result(sent, DISCOVERED) if sent.method == "server/discover" else await script(sent)

    return serve


def legacy(script: Script, version: str = "2025-11-25", session: str | None = SESSION, **capabilities: Any) -> Script:
    """An older server: refuses what comes before the handshake, then works by script."""

    async def serve(sent: Sent) -> Reply:
        if sent.method == "server/discover":
            return json_reply(
                {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "Bad Request: no session"}}, 400
            )
        if sent.method == "initialize":
            named = {} if session is None else {"mcp_session_id": session}
            return result(sent, initialized(version, **capabilities), **named)
        if sent.method == "notifications/initialized":
            return Reply(202)
        if sent.verb == "DELETE":
            return Reply(204)
        return await script(sent)

    return serve


async def unused(sent: Sent) -> Reply:
    """For servers that should not be asked anything more."""
    message = f"nobody expected {sent.verb} {sent.body!r}"
    raise AssertionError(message)


async def answer(sent: Sent) -> Reply:
    """For servers whose every tool says that it is done."""
    return result(sent, text_result("done"))


def notification(method: str, **params: Any) -> dict[str, Any]:
    """A notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def response(sent: Sent, value: Any) -> dict[str, Any]:
    """The response to a request, for event streams."""
    return {"jsonrpc": "2.0", "id": sent.message["id"], "result": value}


class HttpPeer:
    """A raw HTTP/1.1 server on a free port."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Sent] = []
        self.dropped = asyncio.Event()  # a client closed a connection while a stream was open
        self.connections = 0
        self.url = ""
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self._came = asyncio.Condition()

    async def until(self, method: str, after: int = 0) -> None:
        """Wait until a request of this method, or HTTP verb, has come, not counting so many at the beginning."""
        async with self._came:
            await self._came.wait_for(lambda: method in self.methods()[after:])

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def end(self) -> None:
        """Stop serving; a script that failed fails the test."""
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def methods(self) -> list[str | None]:
        """The JSON-RPC methods that came, in order; the HTTP verb where there is no body."""
        return [sent.method or sent.verb for sent in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while sent := await _read_request(reader):
                async with self._came:
                    self.requests.append(sent)
                    self._came.notify_all()
                await self._answer(await self._script(sent), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.dropped.set()
        finally:
            writer.close()

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {reply.status} Status\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        if reply.chunks is None:
            writer.write(f"{head}content-length: {len(reply.body)}\r\n\r\n".encode() + reply.body)
            await writer.drain()
            return
        writer.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        leaving = asyncio.ensure_future(reader.read(1))
        sending = asyncio.ensure_future(_send_chunks(reply.chunks, writer))
        await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and not sending.done():
            sending.cancel()
            raise ConnectionError
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await sending


async def _send_chunks(chunks: Chunks, writer: asyncio.StreamWriter) -> None:
    async for chunk in chunks:
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _read_request(reader: asyncio.StreamReader) -> Sent | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError as ended:
        if ended.partial:
            raise
        return None
    verb, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Sent(verb, path, headers, body)


@asynccontextmanager
async def http_peer(script: Script) -> AsyncIterator[HttpPeer]:
    """Serve a script over HTTP until the block ends."""
    peer = HttpPeer(script)
    server = await asyncio.start_server(peer.begin, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    try:
        yield peer
    finally:
        server.close()
        await peer.end()
        await server.wait_closed()


_PRELUDE = """
import json, sys, time

def read():
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit(0)

def write(message):
    sys.stdout.write((message if isinstance(message, str) else json.dumps(message)) + "\\n")
    sys.stdout.flush()

def result(request, value):
    write({"jsonrpc": "2.0", "id": request["id"], "result": value})

def error(request, code, words, data=None):
    body = {"code": code, "message": words}
    if data is not None:
        body["data"] = data
    write({"jsonrpc": "2.0", "id": request["id"], "error": body})

def text(request, words):
    result(request, {"content": [{"type": "text", "text": words}]})

def discover(request=None):
    request = request or read()
    assert request["method"] == "server/discover", request
    result(request, DISCOVERED)
    return request

def handshake(version="2025-11-25", **capabilities):
    request = read()
    assert request["method"] == "initialize", request
    result(request, {"protocolVersion": version, "capabilities": capabilities, "serverInfo": SERVER_INFO})
    assert read()["method"] == "notifications/initialized"
    return request
"""


def program(folder: Path, script: str) -> list[str]:
    """Write a scripted stdio server and return the command that runs it."""
    path = folder / "peer.py"
    constants = f"SERVER_INFO = {SERVER_INFO!r}\nDISCOVERED = {DISCOVERED!r}\n"
    path.write_text(constants + _PRELUDE + textwrap.dedent(script), encoding="utf-8")
    return [sys.executable, "-I", "-S", str(path)]
