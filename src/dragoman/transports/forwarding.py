"""Sessions behind a balancer (up to 2025-11-25): a request that reaches another process than its session's is sent on.

The session id says, sealed under the secret that the processes share, where the session lives; nothing else is shared.
The address is one of ours, since nobody else can seal, and a request is sent on at most once. It is a URL; that of a
worker (see `workers`) begins with `http+unix://` and has the percent-encoded path of a socket in the place of the host.
"""

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from dragoman.errors import HttpFault
from dragoman.server.seal import BrokenSeal, Seal
from dragoman.server.watch import Subscriber

if TYPE_CHECKING:
    from dragoman.transports.http import HttpExchange

_PURPOSE: Final = b"session"
_MARK: Final = b"x-dragoman-forwarded"
_UNIX: Final = "http+unix://"
_MOST_CLIENTS: Final = 64  # sockets to which connections are kept; workers come and go
_SENT: Final = frozenset(
    {b"accept", b"authorization", b"content-type", b"last-event-id", b"mcp-protocol-version", b"mcp-session-id"}
)
_RETURNED: Final = frozenset(
    {"content-type", "cache-control", "mcp-session-id", "retry-after", "www-authenticate", "x-accel-buffering"}
)


class Elsewhere(Exception):
    """The session of this request lives in another process.

    Args:
        url: where that process is reached.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


def session_id(seal: Seal, home: str) -> str:
    """An id for a session that lives at `home`; no two are alike."""
    return seal.seal(home.encode(), _PURPOSE)


def check_home(exchange: "HttpExchange", named: str) -> None:
    """See whether a session that is unknown here lives in another process.

    Raises:
        Elsewhere: it does.
    """
    endpoint = exchange.endpoint
    if endpoint.home is None or _MARK in exchange.headers:
        return
    try:
        home = endpoint.server.seal.open(named, _PURPOSE).decode()
    except BrokenSeal:
        return
    if home != endpoint.home:
        raise Elsewhere(home)


class Forwarder:
    """Sends requests on to other processes.

    Args:
        seconds: how long to wait for a connection.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._clients: dict[str, Any] = {}  # by the path of a socket; empty for all that TCP reaches
        self._busy: Counter[str] = Counter()  # by the same, the requests that are answered just now

    async def forward(self, exchange: "HttpExchange", url: str) -> None:
        """Send a request on and pass the answer back as it comes.

        Raises:
            HttpFault: 404 where the process that had the session is gone, 502 where it ended meanwhile, 503 where it
                does not take connections.
        """
        import httpx2

        headers = {name: value for name, value in exchange.headers.items() if name in _SENT}
        headers |= {_MARK: b"1", b"accept-encoding": b"identity"}
        is_listening = exchange.http_method == "GET"
        if is_listening:
            exchange.watch()
        path, url = _socket_of(url)
        client = await self._open(path)
        request = client.build_request(exchange.http_method, url, headers=headers, content=exchange.body)
        response = None
        self._busy[path] += 1
        try:
            response = await client.send(request, stream=True)
            streams = response.headers.get("content-type", "") == "text/event-stream"
            body = b"" if streams else await response.aread()
            shown = [(name.encode(), value.encode()) for name, value in response.headers.items() if name in _RETURNED]
            await exchange.begin(response.status_code, shown)
            if is_listening and streams:
                await _pass_until_shutdown(exchange, response)
            elif streams:
                await _pass(exchange, response)
            if exchange.attached:
                await exchange.write_bytes(body, more=False)
        except httpx2.TransportError as error:
            raise _fault_for(error) from None
        finally:
            self._busy[path] -= 1
            if response is not None:
                await response.aclose()

    async def _open(self, path: str) -> Any:
        """The connections, as many as there are requests; kept for less time than their other end keeps them."""
        import httpx2

        client = self._clients.pop(path, None)
        if client is None:
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=2.0)
            timeout = httpx2.Timeout(self._seconds, read=None)
            wire = httpx2.AsyncHTTPTransport(limits=limits, uds=path or None, verify=not path, trust_env=False)
            client = httpx2.AsyncClient(timeout=timeout, transport=wire, trust_env=False, follow_redirects=False)
        self._clients[path] = client  # the last used comes last
        if len(self._clients) > _MOST_CLIENTS:
            idle = next((known for known in self._clients if known != path and not self._busy[known]), None)
            if idle is not None:
                del self._busy[idle]
                await self._clients.pop(idle).aclose()
        return client

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()


def _socket_of(url: str) -> tuple[str, str]:
    """The path of the socket that a URL names, empty for none, and the URL to ask for there."""
    if not url.startswith(_UNIX):
        return "", url
    place, slash, rest = url.removeprefix(_UNIX).partition("/")
    return unquote(place), f"http://localhost{slash}{rest}"


def _fault_for(error: Exception) -> HttpFault:
    """What the client is told: it may begin anew only where nothing of its request can have been done."""
    import httpx2

    if isinstance(error, httpx2.ConnectError):
        message = "Session not found: the process that had it is gone. Send 'initialize' to begin a new one."
        return HttpFault(404, message)
    if isinstance(error, httpx2.ConnectTimeout):
        message = "The process that has this session takes no connections now; try again."
        return HttpFault(503, message, ((b"retry-after", b"1"),))
    message = (
        "The process that has this session ended while it answered: what was asked may be done or not. "
        "Look before you ask again."
    )
    return HttpFault(502, message)


async def _pass(exchange: "HttpExchange", response: Any) -> None:
    """Pass a stream on; it ends with either end."""
    import httpx2

    with contextlib.suppress(httpx2.TransportError):  # the other process ended: the client comes back, or begins anew
        async for chunk in response.aiter_raw():
            try:
                await exchange.write_bytes(chunk)
            except OSError:  # how some ASGI servers say that nobody reads any more
                exchange.attached, exchange.left = False, True
            if exchange.left:
                return


async def _pass_until_shutdown(exchange: "HttpExchange", response: Any) -> None:
    """Pass on what would stay open for ever, so that a shutdown of this process ends it."""
    loop, changes = asyncio.get_running_loop(), exchange.server.changes
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0 if exchange.endpoint.closing else None) as until:
            subscriber = Subscriber((), woken=lambda: until.reschedule(loop.time()))
            changes.add(subscriber)
            try:
                await _pass(exchange, response)
            finally:
                changes.remove(subscriber)
