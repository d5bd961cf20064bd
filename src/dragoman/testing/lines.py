"""The wires a transcript is played on: memory, stdio over pipes, HTTP without a socket.

Each sends a message at once and puts what comes back into an inbox, as it comes.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any, Final

from dragoman.protocol import sse
from dragoman.protocol.headers import encode_value
from dragoman.protocol.revisions import Revision
from dragoman.server.server import Server
from dragoman.testing.checks import hold
from dragoman.testing.http import HttpRequest
from dragoman.testing.transcript import Wire
from dragoman.transports.http import Endpoint
from dragoman.transports.memory import MemoryConnection
from dragoman.transports.stdio import Lines, StdioServer

VERSION: Final = "io.modelcontextprotocol/protocolVersion"
_SECONDS: Final = 10.0  # what takes longer never ends
_LARGEST: Final = 2**30  # bytes of a message
_CHUNK: Final = 65536


class Line:
    """What a play speaks on: messages go out at once, what comes back is received in order."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def send(self, body: bytes) -> None:
        """Send one message; its answer comes to the inbox."""
        self._tasks.append(asyncio.create_task(self.exchange(body)))

    async def exchange(self, body: bytes) -> None:
        """Send one message and take what comes for it."""
        raise NotImplementedError

    def take(self, body: bytes) -> None:
        """Put a message that came into the inbox."""
        self._inbox.put_nowait(json.loads(body))

    async def receive(self) -> Any:
        """The next message; an exchange that failed fails here."""
        waiting = asyncio.create_task(self._inbox.get())
        pending: set[asyncio.Task[Any]] = {waiting, *self._tasks}
        try:
            while not waiting.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {waiting}:
                    await task
            return await waiting
        finally:
            waiting.cancel()

    async def finish(self) -> None:
        """Wait for what is still going on."""
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stop what is still going on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def unread(self) -> list[Any]:
        """What came and was not received."""
        return [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]


class MemoryLine(Line):
    """Straight into the connection."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._connection = MemoryConnection(server)
        self._connection.on_notification = self._hear

    async def exchange(self, body: bytes) -> None:
        """Hand one message over."""
        reply = await self._connection.send(body)
        if reply is not None:
            self.take(reply)

    async def _hear(self, body: bytes) -> None:
        self.take(body)

    async def close(self) -> None:
        """Let the connection go."""
        self._connection.close()
        await super().close()


class StdioLine(Line):
    """Through two pipes, with everything that stdio does between them."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._source, self._input = os.pipe()
        self._output, self._target = os.pipe()
        self._lines = Lines(_LARGEST)
        self._heard_all = asyncio.Event()
        self._tasks.append(asyncio.create_task(StdioServer(server, self._source, self._target).run()))
        asyncio.get_running_loop().add_reader(self._output, self._read)

    def send(self, body: bytes) -> None:
        """Write one message and its line end."""
        os.write(self._input, body.replace(b"\n", b" ") + b"\n")

    def _read(self) -> None:
        data = os.read(self._output, _CHUNK)
        for line in self._lines.feed(data):
            self.take(line or b"null")
        if not data:
            self._heard_all.set()
            asyncio.get_running_loop().remove_reader(self._output)

    async def finish(self) -> None:
        """End the input, wait until the server has ended, read what it wrote last."""
        os.close(self._input)
        self._input = -1
        await super().finish()
        os.close(self._target)
        self._target = -1
        await self._heard_all.wait()

    async def close(self) -> None:
        """Close what is open."""
        await super().close()
        asyncio.get_running_loop().remove_reader(self._output)
        for descriptor in (self._source, self._input, self._output, self._target):
            if descriptor >= 0:
                os.close(descriptor)


class HttpLine(Line):
    """A POST for each message; hanging up takes a request back where the era says so."""

    def __init__(self, server: Server, revision: Revision) -> None:
        super().__init__()
        self._endpoint = Endpoint(server)
        self._revision = revision
        self._session: str | None = None
        self._open: dict[Any, HttpRequest] = {}

    async def exchange(self, body: bytes) -> None:
        """Post one message."""
        message = decoded(body)
        if self._revision.modern and message.get("method") == "notifications/cancelled":
            self._open[message["params"]["requestId"]].leave()
            return
        decoder = sse.EventDecoder(_LARGEST)

        def hear(chunk: bytes) -> None:
            if not chunk.startswith((b"{", b"[")):
                for event in decoder.feed(chunk):
                    if event.data:  # an empty one only tells where to resume
                        self.take(event.data)

        request = HttpRequest(self._endpoint, body, self._headers(message), on_chunk=hear)
        self._open[message.get("id")] = request
        reply = await request
        self._session = reply.headers.get("mcp-session-id", self._session)
        kind = reply.headers.get("content-type", "")
        hold(not kind.startswith("text/plain"), f"HTTP {reply.status}: {reply.body.decode()}")
        if kind == "application/json":
            self.take(reply.body)

    def _headers(self, message: dict[str, Any]) -> dict[str, str | None]:
        """The header fields that the era wants with this message."""
        revision, method = self._revision, str(message.get("method"))
        if not revision.modern:
            opens = method == "initialize" or self._session is None
            return {} if opens else {"mcp-session-id": self._session, "mcp-protocol-version": revision.name}
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        version = meta.get(VERSION) if isinstance(meta, dict) else None
        headers: dict[str, str | None] = {"mcp-protocol-version": str(version or revision.name), "mcp-method": method}
        source = revision.name_sources.get(method)
        if source is not None and isinstance(params.get(source), str):
            headers["mcp-name"] = encode_value(params[source])
        return headers

    async def close(self) -> None:
        """End the sessions."""
        await self._endpoint.close()
        await super().close()


def decoded(body: bytes) -> dict[str, Any]:
    """A message as an object; empty where it is none."""
    try:
        message = json.loads(body)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


@contextlib.asynccontextmanager
async def open_line(wire: Wire, server: Server, revision: Revision) -> AsyncIterator[Line]:
    """A line to the server; at the end it waits for what is still going on, and closes."""
    async with server:
        line: Line
        if wire == "memory":
            line = MemoryLine(server)
        elif wire == "stdio":
            line = StdioLine(server)
        else:
            line = HttpLine(server, revision)
        try:
            yield line
            async with asyncio.timeout(_SECONDS):
                await line.finish()
        finally:
            await line.close()
