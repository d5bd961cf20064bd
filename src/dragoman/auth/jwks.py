"""The public keys of one issuer (JWKS, RFC 7517): fetched when they are needed, by one at a time, and not too often.

A key that is unknown has them fetched again, at most once a minute; while nobody answers, those that were good last
are still good for a day, and after that none are.
"""

import asyncio
import json
import logging
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dragoman.auth.fetch import Fetcher, FetchFault
from dragoman.auth.settings import JwtSettings
from dragoman.errors import HttpFault

logger = logging.getLogger("dragoman.auth")

FRESH_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 5.0  # while there are no keys at all
STALE_SECONDS: Final = 86400.0
_MOST_KEYS: Final = 100
_SMALLEST_RSA: Final = 2048
_TYPES: Final = {"RSA", "EC", "OKP"}

Read = Callable[[], Awaitable[bytes]]


class Keys:
    """The keys of one source.

    Args:
        read: reads the document.
        name: what the log calls the source.
        clock: seconds, such as `time.monotonic`.
    """

    def __init__(self, read: Read, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._name = name
        self._clock = clock
        self._by_id: dict[str, Any] = {}
        self._every: list[Any] = []
        self._got: float | None = None
        self._tried: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, key_id: str | None) -> Any:
        """The key of an id; where a token names none, the only key there is. None where there is no such key.

        Raises:
            HttpFault: there are no keys, and nobody answers (503).
        """
        if self._got is None or self._clock() - self._got > FRESH_SECONDS:
            await self._refresh()
        found = self._pick(key_id)
        if found is None:
            await self._refresh()
            found = self._pick(key_id)
        return found

    def _pick(self, key_id: str | None) -> Any:
        if key_id is not None:
            return self._by_id.get(key_id)
        return self._every[0] if len(self._every) == 1 else None

    async def _refresh(self) -> None:
        before = self._tried
        async with self._lock:
            pause = PAUSE_SECONDS if self._every else FIRST_PAUSE_SECONDS
            is_due = self._tried is None or self._clock() - self._tried > pause
            if self._tried == before and is_due:  # else somebody else has just tried
                self._tried = self._clock()
                await self._fetch()
        if self._got is None or self._clock() - self._got > STALE_SECONDS:
            self._by_id, self._every = {}, []
            message = "Sign-in is not possible just now: the keys of the issuer cannot be had. Try again later."
            raise HttpFault(503, message, ((b"retry-after", b"5"),))

    async def _fetch(self) -> None:
        try:
            by_id, every = read_keys(await self._read())
        except (FetchFault, OSError, ValueError) as error:
            logger.warning("The keys of %s cannot be read, those of before stay: %s.", self._name, error)
            return
        self._by_id, self._every, self._got = by_id, every, self._clock()


def read_keys(document: bytes) -> tuple[dict[str, Any], list[Any]]:
    """The keys for signatures in a document, by id, and all of them. Symmetric and weak keys are none.

    Raises:
        ValueError: it is no key set.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    said = json.loads(document)
    listed = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError("it is no key set (JWKS)")
    by_id: dict[str, Any] = {}
    every = []
    for one in listed:
        if not isinstance(one, dict) or one.get("kty") not in _TYPES or one.get("use", "sig") != "sig":
            continue
        if "key_ops" in one and "verify" not in one["key_ops"]:
            continue
        public = {name: value for name, value in one.items() if name not in _PRIVATE}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it is weak is seen below
                key = import_key(public)
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # of a kind that is not known here
        if one["kty"] == "RSA" and key.public_key.key_size < _SMALLEST_RSA:  # type: ignore[union-attr]
            continue
        every.append(key)
        if isinstance(one.get("kid"), str):
            by_id.setdefault(one["kid"], key)
    return by_id, every


_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "x5u", "x5c", "x5t", "x5t#S256", "key_ops"})


class Source:
    """Where an issuer's keys are, as its settings say; found out from its metadata where they don't.

    Args:
        settings: of its tokens.
    """

    def __init__(self, settings: JwtSettings) -> None:
        self._settings = settings
        self._url = settings.jwks_url
        self._fetcher = Fetcher(settings.jwks_url or settings.issuer, settings.allow_networks)

    async def read(self) -> bytes:
        """Read the document.

        Raises:
            FetchFault: it cannot be had.
            OSError: the file cannot be read.
        """
        if self._settings.jwks_file is not None:
            return await asyncio.to_thread(Path(self._settings.jwks_file).read_bytes)
        if self._url is None:
            self._url = await self._discover()
        return await self._fetcher.get(self._url)

    async def _discover(self) -> str:
        """Ask the issuer's metadata (RFC 8414, 3; OpenID Connect Discovery, 4)."""
        issuer = self._settings.issuer
        parts = urlsplit(issuer)
        path = parts.path.rstrip("/")
        root = f"{parts.scheme}://{parts.netloc}"
        problem: Exception | None = None
        for place in (
            f"{root}/.well-known/oauth-authorization-server{path}",
            f"{root}{path}/.well-known/openid-configuration",
        ):
            try:
                said = json.loads(await self._fetcher.get(place))
            except (FetchFault, ValueError) as error:
                problem = error
                continue
            if not isinstance(said, dict) or said.get("issuer") != issuer:
                raise FetchFault(f"{place} is of another issuer than {issuer}")
            if isinstance(said.get("jwks_uri"), str):
                return str(said["jwks_uri"])
        raise FetchFault(f"the metadata of {issuer} names no keys: {problem}")

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()
