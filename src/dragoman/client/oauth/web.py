"""Every request of a sign-in that is not to the server itself: metadata, registration, tokens.

Where to ask is told by the server, which may be anybody: only https is spoken, but for this machine where the server is
on it too; no address that only a cloud's own machines know; no redirect to another origin; size and time have limits.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import msgspec
from msgspec import Struct

from dragoman.client.endpoint import JSON, is_loopback, reason
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.wire import quote

SECONDS: Final = 15.0
"""How long one answer may take."""

BODY_BYTES: Final = 256 * 1024
"""The largest answer that is read."""

_REDIRECTS: Final = 3
_LONGEST_URL: Final = 4096


class Answer(Struct, frozen=True):
    """What came back.

    Args:
        status: the HTTP status.
        body: the JSON object in it; empty where there is none.
        nonce: what the server wants in the next proof (RFC 9449, 8).
        challenges: the values of its `WWW-Authenticate` fields.
    """

    status: int
    body: Mapping[str, Any]
    nonce: str | None = None
    challenges: tuple[str, ...] = ()


class Web:
    """Asks others on behalf of a sign-in.

    Args:
        server: the URL of the MCP server; where it is on this machine, others on it are asked over plain HTTP too.
    """

    def __init__(self, server: str) -> None:
        self._local = is_loopback(httpx2.URL(server).host)
        self._http: httpx2.AsyncClient | None = None
        self._http_is_local = False

    async def get(self, url: str, what: str) -> Answer:
        """Fetch a document.

        Args:
            url: where it is.
            what: what it is, for errors.

        Raises:
            SignInFault: it may not be asked for, or nothing answers.
        """
        target = self.check(url, what)
        for _ in range(_REDIRECTS):
            response, body = await self._send("GET", target, what, {"accept": JSON})
            if not response.is_redirect:
                return _answer(response, body)
            onward = target.join(response.headers.get("location", ""))
            if (onward.scheme, onward.host, onward.port) != (target.scheme, target.host, target.port):
                raise SignInFault(f"{what} at {_shown(target)} redirects to another origin; not followed.")
            target = self.check(str(onward), what)
        raise SignInFault(f"{what} at {_shown(target)} redirects without end.")

    async def post(
        self,
        url: str,
        what: str,
        *,
        form: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a form or a JSON document; raises what `get` raises, and follows no redirect.

        Args:
            url: where to.
            what: what is there, for errors.
            form: the fields.
            document: the document, in place of fields.
            headers: further header fields.
        """
        target = self.check(url, what)
        kind = "application/x-www-form-urlencoded" if document is None else JSON
        if document is None:
            content = str(httpx2.QueryParams(dict(form or {}))).encode()
        else:
            content = msgspec.json.encode(document)
        whole = {"accept": JSON, "content-type": kind, **(headers or {})}
        response, body = await self._send("POST", target, what, whole, content)
        return _answer(response, body)

    def check(self, url: str, what: str) -> httpx2.URL:
        """Take a URL that somebody else named; raises SignInFault where it must not be asked or opened.

        Args:
            url: the URL.
            what: what is there, for errors.
        """
        try:
            target = httpx2.URL(url)
        except (httpx2.InvalidURL, TypeError, ValueError):
            raise SignInFault(f"{what} is said to be at {quote(str(url))}, which is no URL.") from None
        if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise SignInFault(f"{what} is said to be at {quote(url)}, which is no URL.")
        if not target.host or target.userinfo or target.fragment:
            raise SignInFault(f"{what} is said to be at {quote(url)}; a host is needed, credentials are not.")
        if target.scheme == "http" and is_loopback(target.host) and self._local:
            return target
        if target.scheme != "https":
            raise SignInFault(f"{what} is said to be at {quote(url)}; only https is used for a sign-in.")
        if _is_out_of_bounds(target.host, local=self._local):
            raise SignInFault(f"{what} is said to be at {quote(url)}, an address that is not asked.")
        return target

    async def close(self) -> None:
        """Close all connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _send(
        self, verb: str, url: httpx2.URL, what: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> tuple[httpx2.Response, bytes]:
        await self._look_up(url, what)
        http = await self._client(plain=url.scheme == "http")
        parts: list[bytes] = []
        size = 0
        try:
            async with (
                asyncio.timeout(SECONDS),
                http.stream(verb, url, headers=dict(headers), content=content) as response,
            ):
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > BODY_BYTES:
                        raise SignInFault(f"{what} at {_shown(url)} answered with more than {BODY_BYTES} bytes.")
                    parts.append(chunk)
                return response, b"".join(parts)
        except TimeoutError:
            raise SignInFault(f"{what} at {_shown(url)} did not answer within {SECONDS:g} seconds.") from None
        except (httpx2.HTTPError, httpx2.StreamError, UnicodeEncodeError) as error:
            raise SignInFault(f"{what} at {_shown(url)} cannot be reached: {reason(error)}.") from error

    async def _look_up(self, url: httpx2.URL, what: str) -> None:
        """Refuse a name that stands for an address that is not asked; one that only a proxy knows is its business."""
        if self._local:
            return
        try:
            async with asyncio.timeout(SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(url.host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            return
        for *_, place in found:
            if _is_out_of_bounds(str(place[0]).partition("%")[0], local=False):
                raise SignInFault(f"{what} at {_shown(url)} stands for {place[0]}, an address that is not asked.")

    async def _client(self, *, plain: bool) -> httpx2.AsyncClient:
        """The HTTP client; for plain HTTP to this machine without proxies and without loading any CAs."""
        if self._http is None or self._http_is_local != plain:
            await self.close()
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True
            self._http = httpx2.AsyncClient(verify=verify, trust_env=not plain, follow_redirects=False, timeout=SECONDS)
            self._http_is_local = plain
        return self._http


def _is_out_of_bounds(host: str, *, local: bool) -> bool:
    """Whether an address, written as one, is of a cloud's inside, or of this machine where the server is elsewhere."""
    if is_loopback(host):
        return not local
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        mapped = getattr(address, "ipv4_mapped", None) or address
        inside = mapped.is_loopback and not local
        return mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified or inside
    return False


def _answer(response: httpx2.Response, body: bytes) -> Answer:
    found: Any = None
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = msgspec.json.decode(body)
    nonce = response.headers.get("dpop-nonce")
    challenges = tuple(response.headers.get_list("www-authenticate"))
    return Answer(response.status_code, found if isinstance(found, dict) else {}, nonce, challenges)


def _shown(url: httpx2.URL) -> str:
    return str(url.copy_with(query=None))
