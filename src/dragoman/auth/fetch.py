"""The one client that asks other servers about tokens (P23): what it will not do is the point of it.

It resolves a name once, checks every address, connects to one of those it checked, follows no redirect, uses no proxy
of the environment, and takes so many bytes in so much time. TLS is checked against the name.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from dragoman.auth.settings import is_here
from dragoman.errors import SettingsError

MOST_BYTES: Final = 2**20
SECONDS: Final = 10.0

_NO_HOST: Final = tuple(  # ordinary addresses that are services of clouds, or old relays
    ip_network(text) for text in ("168.63.129.16/32", "192.88.99.0/24", "100.100.100.200/32")
)
_GLOBAL: Final = IPv6Network("2000::/3")
_EMBEDDING: Final = tuple(  # in here, yet not for hosts, or with an IPv4 address inside
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

Address = IPv4Address | IPv6Address


class FetchFault(Exception):
    """No usable answer. The text is for the log."""


class Fetcher:
    """Asks one other server.

    Args:
        url: what the administrator wrote, which says whether this machine may be asked.
        allow_networks: private networks that may be asked, such as `10.0.0.0/8`.
        seconds: how long an answer may take, altogether.
        most: bytes of an answer.

    Raises:
        SettingsError: what is allowed is no network.
    """

    def __init__(
        self, url: str, allow_networks: Iterable[str] = (), *, seconds: float = SECONDS, most: int = MOST_BYTES
    ) -> None:
        self._is_local = is_here(urlsplit(url).hostname or "")
        self._seconds = seconds
        self._most = most
        try:
            self._allowed = tuple(ip_network(text) for text in allow_networks)
        except ValueError as error:
            raise SettingsError(f"is no network such as 10.0.0.0/8: {error}", path=("allow_networks",)) from None
        self._client: httpx2.AsyncClient | None = None

    async def get(self, url: str) -> bytes:
        """Read what is at a URL.

        Raises:
            FetchFault: it may not be asked, or does not answer as it should.
        """
        return await self._send("GET", url)

    async def post(self, url: str, form: dict[str, str], user: tuple[str, str]) -> bytes:
        """Send a form, as somebody.

        Args:
            url: where.
            form: its fields.
            user: name and password (RFC 7617).

        Raises:
            FetchFault: it may not be asked, or does not answer as it should.
        """
        return await self._send("POST", url, data=form, auth=user)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(self, method: str, url: str, **what: Any) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ask(method, url, **what)
        except TimeoutError:
            raise FetchFault(f"{_place(url)} did not answer within {self._seconds:g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise FetchFault(f"{_place(url)} cannot be asked: {type(error).__name__}: {error}") from None

    async def _ask(self, method: str, url: str, **what: Any) -> bytes:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here(host)):
            raise FetchFault(f"{_place(url)} is not https")
        address = await self._resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
        if self._client is None:
            wire = httpx2.AsyncHTTPTransport(trust_env=False, retries=0)
            timeout = httpx2.Timeout(self._seconds)
            self._client = httpx2.AsyncClient(
                transport=wire, timeout=timeout, trust_env=False, follow_redirects=False, max_redirects=0
            )
        place = httpx2.URL(url).copy_with(host=str(address))
        auth = what.pop("auth", None)
        headers = {"host": parts.netloc, "accept": "application/json", "accept-encoding": "identity"}
        request = self._client.build_request(method, place, headers=headers, extensions={"sni_hostname": host}, **what)
        response = await self._client.send(request, stream=True, auth=auth)
        try:
            if response.status_code != 200:  # noqa: PLR2004
                raise FetchFault(f"{_place(url)} answered {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise FetchFault(f"{_place(url)} answered compressed, which nobody asked for")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > self._most:
                    raise FetchFault(f"{_place(url)} answered more than {self._most} bytes")
            return bytes(body)
        finally:
            await response.aclose()

    async def _resolve(self, host: str, port: int) -> Address:
        """An address of a host; every one that it has must be one that may be asked."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(where[0]).partition("%")[0]) for *_, where in found]
        if not addresses:
            raise FetchFault(f"{host} has no address")
        for address in addresses:
            if not self.may_ask(address):
                raise FetchFault(f"{host} is at {address}, which is no public address; allow_networks can allow it")
        return addresses[0]

    def may_ask(self, address: Address) -> bool:
        """Whether an address may be asked: a public one, one that is allowed, or this machine where it is named."""
        if any(address in network for network in self._allowed if network.version == address.version):
            return True
        return is_public(address) or (self._is_local and address.is_loopback)


def is_public(address: Address) -> bool:
    """Whether an address is one of the Internet, whatever it has inside.

    The library's `is_global` takes forms for such that lead to private IPv4 addresses; here IPv6 addresses are public
    where hosts get theirs, and nowhere else (RFC 4291, 2.4; RFC 6890).
    """
    if isinstance(address, IPv6Address):
        return address in _GLOBAL and address.is_global and not any(address in network for network in _EMBEDDING)
    is_host = address.is_global and not address.is_multicast
    return is_host and not any(address in network for network in _NO_HOST)


def _place(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
