"""HTTP to an ASGI application in this process: a request, its answer as it comes, and hanging up. No socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from typing import Any

from msgspec import Struct, field

from dragoman.protocol import sse

Application = Callable[[Any, Any, Any], Awaitable[None]]


class HttpReply(Struct):
    """What an application answered: the status, the header fields in lower case, the whole body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def messages(self) -> list[Any]:
        """The JSON-RPC messages of the body, be it JSON or an event stream."""
        if self.headers.get("content-type") == "text/event-stream":
            return [json.loads(event.data) for event in sse.EventDecoder(2**30).feed(self.body) if event.data]
        return [self.json] if self.body else []


class HttpRequest:
    """One HTTP request to an ASGI application in this process, without a socket.

    Use it as `reply = await HttpRequest(app, body={...})`; in a task, `leave` hangs up in the middle.

    Args:
        app: the application, such as `server.asgi()`.
        body: the bytes to send, or JSON to encode.
        headers: header fields besides Host, Content-Type and Accept, or instead of them; None leaves one out.
        method: the HTTP method.
        path: the path of the URL.
        on_chunk: called with each piece of the answer's body as it comes.
    """

    def __init__(
        self,
        app: Application,
        body: Any = b"",
        headers: Mapping[str, str | None] | None = None,
        *,
        method: str = "POST",
        path: str = "/mcp",
        on_chunk: Callable[[bytes], None] | None = None,
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        known: dict[str, str | None] = {"host": "127.0.0.1:8000", "accept": "application/json, text/event-stream"}
        if content:
            known |= {"content-type": "application/json", "content-length": str(len(content))}
        known |= {name.lower(): value for name, value in (headers or {}).items()}
        self._app = app
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in known.items() if value is not None],
        }
        self._content: bytes | None = content
        self._left = asyncio.Event()
        self._on_chunk = on_chunk
        self._reply = HttpReply()

    def __await__(self) -> Generator[Any, None, HttpReply]:
        return self._run().__await__()

    def leave(self) -> None:
        """Hang up."""
        self._left.set()

    async def _run(self) -> HttpReply:
        await self._app(self._scope, self._receive, self._send)
        return self._reply

    async def _receive(self) -> MutableMapping[str, Any]:
        if self._content is None:
            await self._left.wait()
            return {"type": "http.disconnect"}
        content, self._content = self._content, None
        return {"type": "http.request", "body": content, "more_body": False}

    async def _send(self, event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            self._reply.status = event["status"]
            self._reply.headers = {name.decode(): value.decode("latin-1") for name, value in event["headers"]}
        elif event["type"] == "http.response.body" and not self._left.is_set():
            chunk = event.get("body", b"")
            self._reply.body += chunk
            if self._on_chunk is not None:
                self._on_chunk(chunk)
