"""A recording reverse proxy between a client and an MCP server on HTTP.

It knows HTTP framing and nothing of MCP beyond the two headers it keeps with each message. What crosses it
is handed on as it comes; a client that hangs up hangs up on the server too. Host and Origin are rewritten to
the server's own, so that the server sees what it would see from a direct client.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import h11

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

CHUNK = 65536
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"expect", b"host", b"origin"}
Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


@dataclass(frozen=True)
class WireMessage:
    """One JSON text as it crossed the wire.

    Parameters:
        sender: who sent it.
        channel: the HTTP exchange or the server process it belongs to.
        text: the bytes between the framing: a body, one event's data, or a line without its end.
        revision: the MCP-Protocol-Version header of its HTTP request.
        session: the Mcp-Session-Id of its HTTP exchange.
    """

    sender: Literal["client", "server"]
    channel: str
    text: bytes
    revision: str | None = None
    session: str | None = None

    def decode(self) -> Any:
        """Decode the text; a ValueError says that it is no UTF-8 or no JSON."""
        return json.loads(self.text.decode("utf-8"))


@dataclass
class HttpExchange:
    """One HTTP request and its answer; header names are lower case, complete says the answer ended."""

    channel: str
    method: str
    path: str
    request_headers: dict[str, str]
    status: int = 0
    response_headers: dict[str, str] = field(default_factory=dict)
    complete: bool = False

    @property
    def session(self) -> str | None:
        name = "mcp-session-id"
        return self.response_headers.get(name) or self.request_headers.get(name)


class EventSplitter:
    """Takes an event stream apart into the data of its events (HTML standard, server-sent events, 9.2.6)."""

    def __init__(self) -> None:
        self._pending = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of each event that the chunk completes."""
        lines = (self._pending + chunk).replace(b"\r\n", b"\n").split(b"\n")
        self._pending = lines.pop()
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                data = b"\n".join(self._data)
                self._data = []
                if data:
                    yield data


class _Recorder:
    """Writes one exchange's answer down while it passes."""

    def __init__(self, exchange: HttpExchange, messages: list[WireMessage]) -> None:
        self._exchange = exchange
        self._messages = messages
        self._events: EventSplitter | None = None
        self._body = b""

    def request(self, body: bytes) -> None:
        if body:
            self._note("client", body)

    def head(self, response: h11.Response) -> None:
        self._exchange.status = response.status_code
        self._exchange.response_headers = _readable(response.headers)
        if self._exchange.response_headers.get("content-type", "").startswith("text/event-stream"):
            self._events = EventSplitter()

    def data(self, chunk: bytes) -> None:
        if self._events is None:
            self._body += chunk
            return
        for event in self._events.feed(chunk):
            self._note("server", event)

    def end(self) -> None:
        self._exchange.complete = True
        if self._body and self._exchange.response_headers.get("content-type", "").startswith("application/json"):
            self._note("server", self._body)

    def _note(self, sender: Literal["client", "server"], text: bytes) -> None:
        exchange = self._exchange
        revision = exchange.request_headers.get("mcp-protocol-version")
        self._messages.append(WireMessage(sender, exchange.channel, text, revision, exchange.session))


class HttpTap:
    """The proxy: `async with HttpTap(url) as tap`, then clients use `tap.url`.

    Parameters:
        upstream: the server's URL, http only.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"A tap needs an http URL with a host, not {upstream!r}.")
        self._host = parts.hostname
        self._port = parts.port or 80
        self._path = parts.path
        self._numbers = itertools.count(1)
        self._serving: set[asyncio.Task[None]] = set()
        self.messages: list[WireMessage] = []
        self.exchanges: list[HttpExchange] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{self._path}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A connection is served in a task.")
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass  # the client or the server hung up, or the tap closes: the recording shows how far it came
        finally:
            self._serving.discard(task)
            await _close(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = h11.Connection(h11.SERVER)
        while isinstance(request := await _next_event(client, reader), h11.Request):
            body = b""
            while isinstance(event := await _next_event(client, reader), h11.Data):
                body += event.data
            if not isinstance(event, h11.EndOfMessage):
                return
            await self._forward(request, body, client, reader, writer)
            if client.our_state is not h11.DONE or client.their_state is not h11.DONE:
                return
            client.start_next_cycle()

    async def _forward(
        self,
        request: h11.Request,
        body: bytes,
        client: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Pass one request on and its answer back, until either side ends it."""
        exchange = HttpExchange(
            f"http-{next(self._numbers)}",
            request.method.decode(),
            request.target.decode(),
            _readable(request.headers),
        )
        self.exchanges.append(exchange)
        recorder = _Recorder(exchange, self.messages)
        recorder.request(body)
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        server = h11.Connection(h11.CLIENT)
        try:
            await self._send_request(request, body, server, up_writer)
            answer = asyncio.ensure_future(_pass_answer(server, up_reader, client, writer, recorder))
            hangup = asyncio.ensure_future(reader.read(CHUNK))
            try:
                await asyncio.wait({answer, hangup}, return_when=asyncio.FIRST_COMPLETED)
                early = hangup.result() if hangup.done() and not hangup.cancelled() else None
                if early == b"" and not answer.done():
                    raise ConnectionResetError("the client hung up before the answer ended")
                await answer
                if early is not None:
                    client.receive_data(early)
            finally:
                for task in (answer, hangup):
                    task.cancel()
                await asyncio.gather(answer, hangup, return_exceptions=True)
        finally:
            await _close(up_writer)

    async def _send_request(
        self, request: h11.Request, body: bytes, server: h11.Connection, up_writer: asyncio.StreamWriter
    ) -> None:
        place = f"{self._host}:{self._port}".encode()
        headers = [(name, value) for name, value in request.headers if name not in HOP_BY_HOP]
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        headers += [(b"host", place), (b"connection", b"close")]
        if origin := dict(request.headers).get(b"origin"):
            ours = self.url.removesuffix(self._path).encode()
            headers.append((b"origin", b"http://" + place if origin == ours else origin))
        if body or request.method in {b"POST", b"PUT", b"PATCH"}:
            headers.append((b"content-length", str(len(body)).encode()))
        up_writer.write(server.send(h11.Request(method=request.method, target=request.target, headers=headers)))
        if body:
            up_writer.write(server.send(h11.Data(data=body)))
        up_writer.write(server.send(h11.EndOfMessage()))
        await up_writer.drain()


async def _pass_answer(
    server: h11.Connection,
    up_reader: asyncio.StreamReader,
    client: h11.Connection,
    writer: asyncio.StreamWriter,
    recorder: _Recorder,
) -> None:
    while True:
        event = await _next_event(server, up_reader)
        if isinstance(event, h11.Response):
            recorder.head(event)
            headers = [(name, value) for name, value in event.headers if name not in HOP_BY_HOP]
            event = h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)
        elif isinstance(event, h11.Data):
            recorder.data(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            recorder.end()
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("the server closed the connection without an answer")
        else:
            continue
        with suppress(ConnectionError):
            if sent := client.send(event):
                writer.write(sent)
                await writer.drain()
        if isinstance(event, h11.EndOfMessage):
            return


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> Event:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(CHUNK))
    return event


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode().lower(): value.decode("latin-1") for name, value in headers}


def read_recordings(folder: Path) -> list[WireMessage]:
    """Read what the stdio tap wrote: one file a server process, in the order of their starts."""
    messages = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            entry = json.loads(line)
            if "text" in entry:
                text = entry["text"].encode("utf-8", "surrogateescape")
                messages.append(WireMessage(entry["sender"], path.stem, text))
    return messages


def read_exits(folder: Path) -> list[dict[str, Any]]:
    """Read how each recorded server process ended: `{"exit": status, "signals": [numbers sent to it]}`."""
    last_lines = [path.read_text("utf-8").splitlines()[-1] for path in sorted(folder.glob("*.jsonl"))]
    return [json.loads(line) for line in last_lines]
