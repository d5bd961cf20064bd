"""The gate: every request's token becomes who calls and what of the server they see, before anything reads the body.

One gate stands before every route that is not public (P1). What it found out is remembered for as long as the kind of
credential allows, under a digest of the token, for a bounded number of callers. A caller learns that a token is
missing, not accepted or not enough; why, the log says, without any part of the token (P11).
"""

import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from dragoman.auth.credentials import Credentials, Known, Refused
from dragoman.auth.policy import Access, Role
from dragoman.auth.principal import Principal
from dragoman.errors import HttpFault
from dragoman.server.views import view_of

if TYPE_CHECKING:
    from dragoman.server.server import Server

logger = logging.getLogger("dragoman.auth")

LONGEST_TOKEN: Final = 8192
_BEARER: Final = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+)")  # RFC 6750, 2.1
_IN_URL: Final = re.compile(rb"(?:^|&)(?:access_token|api_key|apikey|key|token)=|drg_[a-z2-7]{12}_", re.IGNORECASE)


class Views:
    """What each set of roles sees of a server, made once.

    Args:
        server: the whole.
        roles: every role by name; None where there are none, and whoever is let in sees everything.
        most: views that are kept; there are as many as sets of roles in use.
    """

    def __init__(self, server: "Server", roles: Mapping[str, Role] | None, most: int = 256) -> None:
        self.server = server
        self.roles = roles
        self._most = most
        self._views: OrderedDict[tuple[str, ...], Server] = OrderedDict()

    def of(self, principal: Principal) -> "Server":
        """The server as a caller sees it."""
        if self.roles is None:
            return self.server
        held = tuple(sorted(name for name in set(principal.roles) if name in self.roles))
        view = self._views.get(held)
        if view is None:
            view = self._views[held] = view_of(self.server, Access(self.roles, held))
            if len(self._views) > self._most:
                _, old = self._views.popitem(last=False)
                old.changes.end_all()
        return view


class Gate:
    """Lets requests in.

    Args:
        views: what callers see.
        credentials: the kinds of tokens that are accepted, in the order in which they are asked.
        challenge: what `WWW-Authenticate` says besides `Bearer` (RFC 6750, 3; RFC 9728, 5.1), such as
            `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"`.
        anonymous: the roles of callers without a token; None refuses them.
        most: callers that are remembered.
    """

    def __init__(
        self,
        views: Views,
        credentials: Sequence[Credentials],
        *,
        challenge: str = "",
        anonymous: Iterable[str] | None = None,
        most: int = 10_000,
    ) -> None:
        self.views = views
        self.challenge = challenge
        self._credentials = tuple(credentials)
        self._anonymous = None if anonymous is None else Principal(roles=tuple(anonymous))
        self._most = most
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    async def admit(self, headers: Mapping[bytes, bytes], query: bytes = b"") -> tuple[Principal, "Server"]:
        """Say who calls and what they see.

        Args:
            headers: the header fields of the request.
            query: the query of its URL, where no credential may be.

        Raises:
            HttpFault: 401 where the token is missing or not accepted, 400 where it stands in the URL.
        """
        if query and _IN_URL.search(query):
            raise HttpFault(400, "A URL is no place for a credential: it ends up in logs. Send Authorization: Bearer.")
        sent = headers.get(b"authorization")
        if sent is None:
            if self._anonymous is None:
                raise self._unauthorized("", "Sign in: send Authorization: Bearer with a key or token of this server.")
            return self._anonymous, self.views.of(self._anonymous)
        digest = hashlib.sha256(sent).digest()
        known = self._known.get(digest)
        if known is None or known.until <= time.monotonic():
            known = await self._check(sent)
            self._remember(digest, known)
        return known.principal, self.views.of(known.principal)

    async def _check(self, sent: bytes) -> Known:
        try:
            return await self._ask(sent)
        except Refused as refused:
            logger.info("Refused: %s.", refused)
            message = "The token is not accepted: it is unknown, expired, revoked or for another server."
            raise self._unauthorized("invalid_token", message) from None

    async def _ask(self, sent: bytes) -> Known:
        found = _BEARER.fullmatch(sent.strip()) if len(sent) <= LONGEST_TOKEN else None
        if found is None:
            raise Refused("Authorization is no bearer token, or too long")
        token = found[1].decode("ascii")
        for one in self._credentials:
            if one.is_mine(token):
                return await one.check(token)
        raise Refused("the token is of no kind that is accepted here")

    def _remember(self, digest: bytes, known: Known) -> None:
        self._known[digest] = known
        self._known.move_to_end(digest)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def _unauthorized(self, error: str, message: str) -> HttpFault:
        parts = [f'error="{error}"'] if error else []
        parts += [self.challenge] if self.challenge else []
        header = ("Bearer " + ", ".join(parts)).strip()
        return HttpFault(401, message, ((b"www-authenticate", header.encode("latin-1", "replace")),))

    def forget(self) -> None:
        """Believe nothing that was found out before: settings or roles have changed."""
        self._known.clear()

    async def close(self) -> None:
        """Let go of what checking opened."""
        for one in self._credentials:
            await one.close()
