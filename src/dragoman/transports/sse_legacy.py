"""HTTP+SSE of 2024-11-05, on two routes of its own and off unless asked for: an event stream, and where to post.

The stream is the connection: it begins with the URL to post to, and carries every answer. A posted message is accepted
at once and answered in the task of its POST. An id is found together with its owner, and sent on to its process, like
any session's.
"""

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote

from dragoman.errors import Fault, HttpFault
from dragoman.limits import Limits
from dragoman.protocol import jsonrpc
from dragoman.server.watch import Change
from dragoman.transports.connection import Connection
from dragoman.transports.forwarding import Elsewhere, check_home, session_id
from dragoman.transports.guards import Headers, takes_events

if TYPE_CHECKING:
    from dragoman.server.server import Server
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
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def has(self, path: str) -> bool:
        """Whether a path is one of the two."""
        return path in (self._path, self._messages)

    async def serve(self, exchange: "HttpExchange", scope: Any, path: str, headers: Headers) -> None:
        """Answer a request on one of the two routes.

        Raises:
            Elsewhere: the stream is in another process.
            HttpFault: 404 for an unknown id, 405, 406 without event streams, 413 for a handshake too large to keep,
                503 when there are too many.
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
        server = exchange.server
        if len(self._lines) >= server.limits.sessions:
            raise HttpFault(503, "Too many sessions; try again later.", ((b"retry-after", b"30"),))
        named, line = self._new_id(), _Line(Connection(server, exchange.write_event, exchange.principal), server)
        connection = line.connection
        connection.address = exchange.address
        self._lines[named] = line

        async def tell(change: Change) -> None:
            if connection.agreed is not None:
                await exchange.notify(change.method, change.params())

        try:
            await exchange.open_stream()
            await exchange.write_kept(self._url(scope, named), event=b"endpoint")
            exchange.watch()
            if not self._endpoint.closing:
                server.changes.add(connection.session.subscriber)  # which also tells this stream of the shutdown
                await connection.session.subscriber.changes(tell)
            if line.answering:
                await asyncio.wait(line.answering)
        finally:
            del self._lines[named]
            connection.close()
        await exchange.finish_empty(200)

    async def _post(self, exchange: "HttpExchange", scope: Any, headers: Headers) -> None:
        named = parse_qs(scope["query_string"].decode("latin-1")).get(_ID, [""])[0]
        line = self._lines.get(named)
        if line is None:
            await self._check_home(exchange, headers, named)
        if line is None or not line.is_of(exchange):
            raise self._unknown()
        connection = line.connection
        body = await exchange.read(headers)
        _check_handshake(body, connection.server.limits)
        if named not in self._lines:
            raise self._unknown()
        answered = asyncio.get_running_loop().create_future()
        line.answering.add(answered)
        try:
            await exchange.finish_empty(202)
            exchange.answered = True
            reply = None if connection.session.ended else await connection.answer(body)
            if reply is not None:
                await connection.write(reply)
        finally:
            line.answering.discard(answered)
            answered.set_result(None)

    def _new_id(self) -> str:
        endpoint = self._endpoint
        return secrets.token_urlsafe(24) if endpoint.home is None else session_id(endpoint.server.seal, endpoint.home)

    async def _check_home(self, exchange: "HttpExchange", headers: Headers, named: str) -> None:
        """See whether the stream is in another process.

        Raises:
            Elsewhere: it is; with the URL to post to there.
        """
        try:
            check_home(exchange, named)
        except Elsewhere as elsewhere:
            exchange.body = await exchange.read(headers)
            root = elsewhere.url.rstrip("/").removesuffix(self._endpoint.path)
            raise Elsewhere(f"{root}{self._messages}?{_ID}={quote(named, safe='')}") from None

    def _unknown(self) -> HttpFault:
        return HttpFault(404, f"Session not found: open the event stream at {self._path} first.")

    def _url(self, scope: Any, named: str) -> bytes:
        return quote(f"{scope.get('root_path', '')}{self._messages}").encode() + f"?{_ID}={named}".encode()


class _Line:
    """One open stream, what its client sees of the server, and the posts that are being answered on it."""

    def __init__(self, connection: Connection, view: "Server") -> None:
        self.connection = connection
        self.answering: set[asyncio.Future[None]] = set()
        self._view = view

    def is_of(self, exchange: "HttpExchange") -> bool:
        """Whether a post comes from who opened the stream, with a token that gives neither more nor less (P13)."""
        opener, sender = self.connection.principal, exchange.principal
        return opener == sender and self._view is exchange.server and set(opener.claims) == set(sender.claims)


def _check_handshake(body: bytes, limits: Limits) -> None:
    """Refuse an `initialize` that is too large to be kept for as long as the stream lasts."""
    if len(body) <= limits.handshake_bytes:
        return
    try:
        method = jsonrpc.decode(body, limits.json_depth).method
    except Fault:
        return  # answered on the stream
    if method == "initialize":
        raise HttpFault(413, f"'initialize' is kept for the session: at most {limits.handshake_bytes} bytes are taken.")
