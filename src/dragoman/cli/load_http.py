"""Lines of load over HTTP/1.1: one connection each, the request's bytes made beforehand, the answer only compared."""

import asyncio
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httptools

from dragoman.cli.load import Load, kind_of
from dragoman.errors import ConnectionFault

_PAUSE_SECONDS: Final = 0.05  # before a connection that was refused is tried again
_ACCEPT: Final = "application/json, text/event-stream"


class Place:
    """Where requests are sent.

    Args:
        url: the endpoint.
        headers: of every request.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.tls = ssl.create_default_context() if parts.scheme.lower() == "https" else None
        self.port = parts.port or (443 if self.tls else 80)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._authority = parts.netloc.rpartition("@")[2]
        self._headers = headers

    def request(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """A whole POST."""
        fields = {
            "host": self._authority,
            "content-type": "application/json",
            "accept": _ACCEPT,
            "content-length": str(len(body)),
            **{name.lower(): value for name, value in {**self._headers, **headers}.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def open_session(self, revision: str) -> dict[str, str]:
        """Begin a session of an older revision; gives the header fields of its requests. To be called in a thread.

        Raises:
            ConnectionFault: there is none to be had.
        """
        hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "dragoman", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
        made: Any = http.client.HTTPConnection if self.tls is None else http.client.HTTPSConnection
        options = {} if self.tls is None else {"context": self.tls}
        fields = {"content-type": "application/json", "accept": _ACCEPT, **self._headers}
        try:
            with contextlib.closing(made(self.host, self.port, timeout=30, **options)) as connection:
                connection.request("POST", self.path, json.dumps(message), fields)
                response = connection.getresponse()
                response.read()
                named = {"mcp-protocol-version": revision}
                session = response.headers.get("mcp-session-id")
                if session is not None:
                    named["mcp-session-id"] = session
                    begun = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
                    connection.request("POST", self.path, begun, fields | named)
                    connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionFault(f"No session of {revision} can be begun: {error}.") from error
        return named


class HttpLine(asyncio.Protocol):
    """One connection, made again when it is lost.

    Args:
        load: who is told what became of each request.
        place: where to connect.
        request: the bytes of each request.
    """

    def __init__(self, load: Load, place: Place, request: bytes) -> None:
        self._load, self._place, self._request = load, place, request
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._began: float | None = None  # of the request that waits for its answer
        self._body: list[bytes] = []
        self._good = b""  # the last answer that was looked at and found as it should be
        self._connecting: asyncio.Task[None] | None = None

    def send(self, began: float) -> None:
        """Send the request, on a new connection where there is none."""
        self._began = began
        if self._transport is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        else:
            self._transport.write(self._request)

    def look(self, now: float) -> None:
        """Give up a request that takes too long."""
        if self._began is not None and now - self._began > self._load.patience:
            self._end("no answer in time", f"nothing came within {self._load.patience:g} seconds")

    async def close(self) -> None:
        """Close the connection."""
        self._began = None
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        self._drop()

    async def _connect(self) -> None:
        place, loop = self._place, asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self, place.host, place.port, ssl=place.tls)
        except OSError as error:
            await asyncio.sleep(_PAUSE_SECONDS)
            self._end("no connection", str(error))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what waits."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        if self._began is not None:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end("not HTTP", str(error))

    def on_body(self, part: bytes) -> None:
        """Keep a part of the answer (httptools calls this)."""
        self._body.append(part)

    def on_message_complete(self) -> None:
        """Look at the answer (httptools calls this)."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        began, self._began = self._began, None
        if not self._parser.should_keep_alive():
            self._drop()
        if began is None:
            return
        if body == self._good:
            self._load.succeed(self, began)
            return
        status = self._parser.get_status_code() if self._parser is not None else 200
        kind = kind_of(last_event(body))
        if kind is None:
            self._good = body
            self._load.succeed(self, began)
        else:
            shown = body.decode(errors="replace")
            self._load.fail(self, began, kind if status == http.client.OK else f"HTTP {status}", shown)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a request that waits as lost."""
        if self._parser is not None:
            self._end("connection lost", "closed by the server" if exc is None else str(exc))

    def _end(self, kind: str, example: str) -> None:
        """Give the request up, and the connection."""
        self._drop()
        began, self._began = self._began, None
        if began is not None:
            # Not at once: what fails at once would call itself without end.
            asyncio.get_running_loop().call_soon(self._load.fail, self, began, kind, example)

    def _drop(self) -> None:
        transport, self._transport, self._parser = self._transport, None, None
        self._body.clear()
        if transport is not None:
            transport.abort()


def last_event(body: bytes) -> bytes:
    """The answer in a body: itself, or the last message of an event stream."""
    if body[:1] in (b"{", b"["):
        return body
    lines = [line for line in body.splitlines() if line.startswith(b"data:")]
    return lines[-1][5:].strip() if lines else body


async def open_lines(load: Load, place: Place, requests: list[bytes]) -> list[HttpLine]:
    """A line for each request, all connected.

    Raises:
        ConnectionFault: one cannot be.
    """
    lines = [HttpLine(load, place, request) for request in requests]
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    try:
        for line in lines:
            await loop.create_connection(lambda line=line: line, place.host, place.port, ssl=place.tls)
    except OSError as error:
        for line in lines:
            await line.close()
        shown = f"after {time.monotonic() - began:.1f} seconds: {error}"
        raise ConnectionFault(f"Not all of {len(lines)} connections can be made, {shown}.") from error
    return lines
