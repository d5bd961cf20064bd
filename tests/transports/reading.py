"""A client of event streams, in this process: it reads events as they come, hangs, hangs up, and comes back."""

import asyncio
import json
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Self

from dragoman.protocol import sse
from dragoman.protocol.sse import Event
from dragoman.testing import HttpReply, HttpRequest
from dragoman.transports.http import Endpoint

SECONDS = 10.0
REVISION = "2025-11-25"
CAPABILITIES: Final[dict[str, Any]] = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}


class Reading(HttpRequest):
    """One request whose answer is read as it comes; `hang` stops reading, as a stuck connection does."""

    def __init__(self, app: Endpoint, body: Any, headers: dict[str, str | None], method: str) -> None:
        super().__init__(app, body, headers, method=method, on_chunk=self._take)
        self.events: list[Event] = []
        self.decoder = sse.EventDecoder(2**30)
        self.raw = b""
        self.complete = False  # the answer has ended, though what answered it may go on
        self._reads = asyncio.Event()
        self._reads.set()
        self._grown = asyncio.Condition()
        self.task = asyncio.create_task(self._run())
        self.task.add_done_callback(lambda _task: asyncio.ensure_future(self._notify()))

    def _take(self, chunk: bytes) -> None:
        self.raw += chunk
        if not chunk.startswith((b"{", b"[")):
            self.events += self.decoder.feed(chunk)

    async def _send(self, event: MutableMapping[str, Any]) -> None:
        await self._reads.wait()
        assert not self.complete, "nothing follows the end of an answer"
        await super()._send(event)
        self.complete = event["type"] == "http.response.body" and not event.get("more_body", False)
        await self._notify()

    async def _notify(self) -> None:
        async with self._grown:
            self._grown.notify_all()

    def hang(self) -> None:
        """Read no more."""
        self._reads.clear()

    @property
    def messages(self) -> list[Any]:
        """What came so far."""
        return [json.loads(event.data) for event in self.events if event.data]

    @property
    def last_id(self) -> str:
        """The id of the newest event."""
        return self.decoder.last_id

    async def until(self, count: int) -> list[Any]:
        """Wait until this many messages came, or the answer ended."""
        async with asyncio.timeout(SECONDS), self._grown:
            await self._grown.wait_for(lambda: len(self.messages) >= count or self.task.done())
        assert len(self.messages) >= count, (self.messages, self._reply)
        return self.messages

    async def begun(self) -> HttpReply:
        """Wait for the head of the answer."""
        async with asyncio.timeout(SECONDS), self._grown:
            await self._grown.wait_for(lambda: self._reply.status or self.task.done())
        return self._reply

    async def end(self) -> HttpReply:
        """Wait for the end of the answer."""
        async with asyncio.timeout(SECONDS), self._grown:
            await self._grown.wait_for(lambda: self.complete or self.task.done())
        return await self.task if self.task.done() else self._reply


class Visitor:
    """A client of an older revision with its session.

    Args:
        app: the endpoint.
        revision: what it opens with.
    """

    def __init__(self, app: Endpoint, revision: str = REVISION) -> None:
        self.app = app
        self.revision = revision
        self.session = ""
        self.readings: list[Reading] = []
        self._count = 0

    async def __aenter__(self) -> Self:
        client = {"name": "visitor", "version": "1"}
        params = {"protocolVersion": self.revision, "capabilities": CAPABILITIES, "clientInfo": client}
        reply = await self.request("initialize", params).end()
        assert reply.status == 200, reply
        self.session = reply.headers["mcp-session-id"]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for reading in self.readings:
            reading.leave()
            reading.task.cancel()
        await asyncio.gather(*(reading.task for reading in self.readings), return_exceptions=True)

    def open(self, method: str, body: Any = b"", **headers: str | None) -> Reading:
        """Send any request with the session's headers."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {"mcp-session-id": self.session, "mcp-protocol-version": self.revision} if self.session else {}
        reading = Reading(self.app, body, {**known, **given}, method)
        self.readings.append(reading)
        return reading

    def request(self, method: str, params: dict[str, Any] | None = None) -> Reading:
        """Post a request."""
        self._count += 1
        message = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params or {}}
        return self.open("POST", message)

    def call(self, tool: str, **arguments: Any) -> Reading:
        """Post a call that wants progress."""
        token = self._count + 1
        return self.request("tools/call", {"name": tool, "arguments": arguments, "_meta": {"progressToken": token}})

    def send(self, message: dict[str, Any]) -> Reading:
        """Post a notification or an answer."""
        return self.open("POST", {"jsonrpc": "2.0", **message})

    def listen(self) -> Reading:
        """Open the event stream of the session."""
        return self.open("GET", accept="text/event-stream")

    def resume(self, last_id: str) -> Reading:
        """Take a stream up again."""
        return self.open("GET", accept="text/event-stream", last_event_id=last_id)


def said(messages: list[Any]) -> list[Any]:
    """What messages say, in short: the progress, the text of the answer, or the method."""
    short: list[Any] = []
    for message in messages:
        if message.get("method") == "notifications/progress":
            short.append(message["params"]["progress"])
        elif "method" in message:
            short.append(message["method"])
        elif "result" in message:
            short.append(message["result"]["content"][0]["text"])
        else:
            short.append(message["error"]["code"])
    return short


def ids(reading: Reading) -> list[str]:
    """The ids of all events that came, also of the empty ones."""
    return [line.removeprefix(b"id: ").decode() for line in reading.raw.split(b"\n") if line.startswith(b"id: ")]


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, but not for ever."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to hold")
