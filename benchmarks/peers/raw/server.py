"""The limit of Python: a protocol of uvloop around httptools' parser that decodes, adds and encodes.

There is no ASGI, no task and no coroutine; the date is written once a second, as uvicorn does.
"""

import asyncio
import sys
from email.utils import formatdate
from pathlib import Path

import httptools
import uvloop

sys.path.append(str(Path(__file__).resolve().parents[1] / "bare"))

from reply import answer


class Clock:
    """The date line of every answer."""

    line = b""

    def tick(self) -> None:
        """Write it anew, once a second."""
        self.line = b"HTTP/1.1 200 OK\r\ndate: %s\r\n" % formatdate(usegmt=True).encode()
        asyncio.get_running_loop().call_later(1, self.tick)


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.parser = httptools.HttpRequestParser(self)
        self.parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keep a part of a request."""
        self.parts.append(body)

    def on_message_complete(self) -> None:
        """Answer a request."""
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts = []
        data = answer(body)
        head = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data)
        self.transport.write(self.clock.line + head + data)


async def serve(port: int) -> None:
    """Serve until ended."""
    clock = Clock()
    clock.tick()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(clock), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[2])))
