"""Sessions behind a balancer (up to 2025-11-25): a request that reaches another process than its session's is sent on.

The session id says, sealed under the secret that the processes share, where the session lives; nothing else is shared.
The address is one of ours, since nobody else can seal, and a request is sent on at most once.
"""

from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import HttpFault
from dragoman.server.seal import BrokenSeal, Seal

if TYPE_CHECKING:
    from dragoman.transports.http import HttpExchange

_PURPOSE: Final = b"session"
_MARK: Final = b"x-dragoman-forwarded"
_SENT: Final = frozenset(
    {b"accept", b"authorization", b"content-type", b"last-event-id", b"mcp-protocol-version", b"mcp-session-id"}
)
_RETURNED: Final = frozenset({"content-type", "cache-control", "mcp-session-id", "retry-after", "x-accel-buffering"})


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
        self._client: Any = None

    async def forward(self, exchange: "HttpExchange", url: str) -> None:
        """Send a request on and pass the answer back as it comes.

        Raises:
            HttpFault: 404, the process that had the session is gone.
        """
        import httpx2

        if self._client is None:
            timeout = httpx2.Timeout(self._seconds, read=None)
            self._client = httpx2.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False)
        headers = {name: value for name, value in exchange.headers.items() if name in _SENT} | {_MARK: b"1"}
        if exchange.http_method == "GET":
            exchange.watch()
        request = self._client.build_request(exchange.http_method, url, headers=headers, content=exchange.body)
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.TransportError:
            message = "Session not found: the process that had it is gone. Send 'initialize' to begin a new one."
            raise HttpFault(404, message) from None
        try:
            shown = [(name.encode(), value.encode()) for name, value in response.headers.items() if name in _RETURNED]
            await exchange.begin(response.status_code, shown)
            async for chunk in response.aiter_raw():
                await exchange.write_bytes(chunk)
            await exchange.write_bytes(b"", more=False)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
