"""Tokens that say nothing to us: their issuer is asked about each (RFC 7662), and believed for a few seconds.

Who cannot be asked vouches for nobody: then callers are told to come back.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from dragoman.auth.claims import principal_of
from dragoman.auth.credentials import Known, Refused, TooNarrow
from dragoman.auth.fetch import Fetcher, FetchFault
from dragoman.auth.jwt import canonical
from dragoman.auth.settings import IntrospectionSettings
from dragoman.errors import HttpFault

logger = logging.getLogger("dragoman.auth")

_AT_ONCE: Final = 16  # questions that are under way; tokens that nobody knows must not flood the issuer


class Introspection:
    """Asks an issuer.

    Args:
        settings: where and as whom.
        audience: what an answer's `aud` must name one of.
        fetcher: asks; one for the URL of the settings by default.
    """

    def __init__(
        self, settings: IntrospectionSettings, audience: Sequence[str], fetcher: Fetcher | None = None
    ) -> None:
        self._settings = settings
        self._audience = frozenset(map(canonical, audience))
        self._fetcher = fetcher or Fetcher(settings.url, settings.allow_networks)
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def is_mine(self, token: str) -> bool:
        """Whether a token may be one of the issuer's: whatever is no API key."""
        return not token.startswith("drg_")

    async def check(self, token: str) -> Known:
        """Return who a token is of.

        Raises:
            Refused: its issuer does not vouch for it, or it is for another server.
            TooNarrow: it lacks a scope that every request needs.
            HttpFault: the issuer does not answer (503).
        """
        settings = self._settings
        said = await self._ask(token)
        if said.get("active") is not True:
            raise Refused("the issuer does not vouch for the token")
        now = time.time()
        expires, begins = said.get("exp"), said.get("nbf")
        if isinstance(expires, int | float) and now >= expires:
            raise Refused("the token has expired")
        if isinstance(begins, int | float) and now < begins:
            raise Refused("the token is not good yet")
        if said.get("iss", settings.issuer) != settings.issuer:
            raise Refused("the token is of another issuer")
        named = said.get("aud")
        named = [named] if isinstance(named, str) else named
        if not isinstance(named, list) or not any(
            isinstance(one, str) and canonical(one) in self._audience for one in named
        ):
            raise Refused("the token is for another audience")
        principal = principal_of(said, settings.claims, settings.issuer)
        if not set(settings.scopes).issubset(principal.scopes):
            raise TooNarrow(settings.scopes)
        left = (
            settings.fresh_seconds
            if not isinstance(expires, int | float)
            else min(settings.fresh_seconds, expires - now)
        )
        return Known(principal, time.monotonic() + left)

    async def _ask(self, token: str) -> dict[str, Any]:
        settings = self._settings
        user = settings.client_id, settings.client_secret.reveal()
        form = {"token": token, "token_type_hint": "access_token"}
        try:
            async with self._slots:
                said = json.loads(await self._fetcher.post(settings.url, form, user))
        except (FetchFault, ValueError) as error:
            logger.warning("The issuer cannot be asked about a token: %s.", error)
            message = "Sign-in is not possible just now: the issuer of the token does not answer. Try again later."
            raise HttpFault(503, message, ((b"retry-after", b"5"),)) from None
        return said if isinstance(said, dict) else {}

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()
