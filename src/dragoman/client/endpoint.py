"""One HTTP endpoint: requests out, answers in, every failure one sentence. It knows HTTP and nothing of MCP.

Redirects are not followed, proxies of the environment do not see traffic of this machine, a body has a limit.
"""

import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

import httpx2

from dragoman.client.wire import Refusal, quote
from dragoman.errors import ClientError, ConnectionFault, UsageError
from dragoman.secrets import Secret

JSON: Final = "application/json"
STREAM: Final = "text/event-stream"

_EXCERPT: Final = 300
_KEPT_CONNECTIONS: Final = 20


class Credentials(Protocol):
    """What shows a server who asks, and gets something better to show when it refuses."""

    async def headers(self, verb: str, url: str) -> Mapping[str, str]:
        """The header fields for one request."""

    def understand(self, response: httpx2.Response) -> Any:
        """What a refusal wants; None where nothing can be done, or the answer is no refusal."""

    async def answer(self, challenge: Any, attempt: int) -> None:
        """Get what it wants, so that the request can be sent again; raises ConnectionFault when there is no way."""

    async def close(self) -> None:
        """Close all connections."""


class BearerToken:
    """One token for every request, such as an API key; there is no better one.

    Args:
        token: the token.

    Raises:
        UsageError: it cannot stand in a header field.
    """

    def __init__(self, token: str) -> None:
        plain = token.reveal() if isinstance(token, Secret) else token
        if not plain or not plain.isascii() or not plain.isprintable() or " " in plain:
            raise UsageError("The token is empty or holds characters that no token has; copy it again.")
        self._fields: Final = {"authorization": f"Bearer {plain}"}

    async def headers(self, verb: str, url: str) -> Mapping[str, str]:  # noqa: ARG002  (the same for all)
        """The token."""
        return self._fields

    def understand(self, response: httpx2.Response) -> None:
        """Nothing: a refusal stays one."""

    async def answer(self, challenge: Any, attempt: int) -> None:
        """Never asked for."""

    async def close(self) -> None:
        """Nothing to close."""


class Endpoint:
    """Where a server answers.

    Args:
        url: the endpoint.
        headers: header fields for every request, such as `Authorization`.
        most: the largest body taken, bytes.
        credentials: who asks, where the server is told only when it wants to know.

    Raises:
        UsageError: the URL is none.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None, most: int, credentials: Credentials | None = None
    ) -> None:
        try:
            self._url = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise UsageError(f"{quote(url)} is not a URL: {error}.") from None
        if not self._url.host:
            raise UsageError(f"{quote(url)} names no host; write for example http://127.0.0.1:8000/mcp.")
        self.shown = str(self._url.copy_with(username=None, password=None))
        self.most = most
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._credentials = credentials
        self._http: httpx2.AsyncClient | None = None

    def open(self) -> None:
        """Make ready to connect; the first request connects."""
        here = is_loopback(self._url.host)
        # Redirects are not followed, so plain HTTP to this machine never meets TLS: an empty context loads no CAs.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if here and self._url.scheme == "http" else True
        self._http = httpx2.AsyncClient(
            verify=verify,
            trust_env=not here,
            follow_redirects=False,
            timeout=None,  # the caller limits the whole exchange
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=_KEPT_CONNECTIONS),
        )

    async def close(self) -> None:
        """Close all connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()
        if self._credentials is not None:
            await self._credentials.close()

    @contextlib.asynccontextmanager
    async def send(
        self, verb: str, headers: Mapping[str, str], body: bytes | None = None, url: httpx2.URL | None = None
    ) -> AsyncIterator[httpx2.Response]:
        """Send one request; leaving the block before the answer is complete closes its connection.

        Args:
            verb: GET, POST or DELETE.
            headers: header fields, besides those of every request.
            body: the body, if any.
            url: another URL of the same origin; the endpoint itself without one.

        Raises:
            ConnectionFault: no connection, or it broke.
            ClientError: a header field cannot be sent.
        """
        target = url or self._url
        if self._credentials is None:
            async with self._stream(verb, target, headers, body) as response:
                yield response
            return
        attempt = 0
        while True:
            shown = await self._credentials.headers(verb, str(target))
            async with self._stream(verb, target, {**headers, **shown}, body) as response:
                challenge = self._credentials.understand(response)
                if challenge is None:
                    yield response
                    return
            await self._credentials.answer(challenge, attempt)
            attempt += 1

    @contextlib.asynccontextmanager
    async def _stream(
        self, verb: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncIterator[httpx2.Response]:
        """Send one request, once."""
        if self._http is None:
            raise ConnectionFault(f"The connection to {self.shown} is closed.")
        whole = {**self._headers, **headers}
        try:
            async with self._http.stream(verb, url, headers=whole, content=body) as response:
                yield response
        except httpx2.ConnectError as error:
            message = f"Cannot connect to {self.shown}: {reason(error)}. Is the server running there?"
            raise ConnectionFault(message) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            message = f"The connection to {self.shown} broke before the answer was complete: {reason(error)}."
            raise ConnectionFault(message) from error
        except UnicodeEncodeError as error:
            raise ClientError(f"The request to {self.shown} cannot be sent: {error}.") from error

    async def body(self, response: httpx2.Response) -> bytes:
        """Read a body; raises ConnectionFault when it is larger than allowed."""
        parts: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self.most:
                raise ConnectionFault(f"{self.shown} answered with more than {self.most} bytes (response_bytes).")
            parts.append(chunk)
        return b"".join(parts)

    def refusal(self, response: httpx2.Response, body: bytes) -> ConnectionFault:
        """Say what an HTTP error means; a redirect is no answer at all, anything else a `Refusal`."""
        status = response.status_code
        if response.is_redirect:
            where = quote(response.headers.get("location", "nowhere"))
            return ConnectionFault(f"{self.shown} redirects to {where}; redirects are not followed, use the right URL.")
        words = f"{self.shown} answered HTTP {status} ({response.reason_phrase or 'no reason'})"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            words += "; it wants credentials: auth=OAuth() to sign in, or auth='TOKEN' (--sign-in, --token)"
        if body.strip() and media_type(response) in (JSON, "text/plain"):
            words += f": {quote(body, _EXCERPT)}"
        return Refusal(words + ".", None if response.is_success else status)

    def join(self, reference: str) -> httpx2.URL:
        """A URL that the server names, which may be relative; raises InvalidURL when it is none."""
        return self._url.join(reference)

    def is_same_origin(self, url: httpx2.URL) -> bool:
        """Whether a URL has this one's scheme, host and port (RFC 6454)."""
        mine, other = self._url, url
        return (mine.scheme, mine.host, _port(mine)) == (other.scheme, other.host, _port(other))


def _port(url: httpx2.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def media_type(response: httpx2.Response) -> str:
    """The type of a body, in lower case and without parameters; empty when not given."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def reason(error: Exception) -> str:
    """What an exception says, to go on with in a sentence."""
    return str(error).rstrip(".") or type(error).__name__
