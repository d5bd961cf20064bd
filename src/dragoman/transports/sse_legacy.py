"""HTTP+SSE of 2024-11-05, on two routes of its own and off unless asked for: an event stream, and where to post.

The stream is the connection: it begins with the URL to post to, and carries every answer. A posted message is accepted
at once and answered in the task of its POST. An id is found together with its owner, like any session's.
"""

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from dragoman.errors import HttpFault
from dragoman.server.watch import Change
from dragoman.transports.connection import Connection
from dragoman.transports.guards import Headers, takes_events

if TYPE_CHECKING:
    from dragoman.transports.http import Endpoint, HttpExchange

_ID: Final = "session_id"


class SseRoutes:
    """The two routes of one endpoint.

    Args:
        endpoint: whose server is served.
        path: where the event stream is opened.
        messages: where messages are posted.
    """

    def __init__(self, endpoint: "Endpoint", path: str, messages: str) -> None:
        self._endpoint = endpoint
        self._path = "/" + path.strip("/")
        self._messages = "/" + messages.strip("/")
        self._connections: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def has(self, path: str) -> bool:
        """Whether a path is one of the two."""
        return path in (self._path, self._messages)

    async def serve(self, exchange: "HttpExchange", scope: Any, path: str, headers: Headers) -> None:
        """Answer a request on one of the two routes.

        Raises:
            HttpFault: 404 for an unknown id, 405, 406 without event streams, 503 when there are too many.
        """
        if path == self._path and scope["method"] == "GET":
            await self._stream(exchange, scope, headers)
        elif path == self._messages and scope["method"] == "POST":
            await self._post(exchange, scope, headers)
        else:
            allowed = b"GET" if path == self._path else b"POST"
            raise HttpFault(405, f"Use {allowed.decode()} here.", ((b"allow", allowed),))

    async def _stream(self, exchange: "HttpExchange", scope: Any, headers: Headers) -> None:
        if not takes_events(headers):
            raise HttpFault(406, "Accept must list text/event-stream.")
        if len(self._connections) >= self._endpoint.server.limits.sessions:
            raise HttpFault(503, "Too many sessions; try again later.", ((b"retry-after", b"30"),))
        session_id = secrets.token_urlsafe(24)
        server = self._endpoint.server
        connection = Connection(server, exchange.write_event, exchange.principal)
        subscriber = connection.session.subscriber
        self._connections[session_id] = connection

        async def tell(change: Change) -> None:
            if connection.agreed is not None:
                await exchange.notify(change.method, change.params())

        server.changes.add(subscriber)  # which also tells this stream of the shutdown
        try:
            await exchange.open_stream()
            await exchange.write_kept(self._url(scope, session_id), event=b"endpoint")
            exchange.watch()
            if not self._endpoint.closing:
                await subscriber.changes(tell)
        finally:
            del self._connections[session_id]
            connection.close()
        await exchange.finish_empty(200)

    async def _post(self, exchange: "HttpExchange", scope: Any, headers: Headers) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        connection = self._connections.get(query.get(_ID, [""])[0])
        if connection is None or connection.principal != exchange.principal:
            raise HttpFault(404, f"Session not found: open the event stream at {self._path} first.")
        body = await exchange.read(headers)
        await exchange.finish_empty(202)
        reply = await connection.answer(body)
        if reply is not None:
            await connection.write(reply)

    def _url(self, scope: Any, session_id: str) -> bytes:
        return f"{scope.get('root_path', '')}{self._messages}?{_ID}={session_id}".encode()
