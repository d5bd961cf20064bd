"""The gate: every request's token becomes who calls and what of the server they see, before anything reads the body.

One gate stands before every route that is not public (P1). What it found out is remembered for as long as the kind of
credential allows, under a digest of the token, for a bounded number of callers. A caller learns that a token is
missing, not accepted or not enough; why, the log says, without any part of the token (P11).
"""

import hashlib
import logging
import math
import re
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from dragoman.auth.credentials import Credentials, Known, Refused, TooNarrow
from dragoman.auth.policy import Access, Role
from dragoman.auth.principal import Principal
from dragoman.errors import HttpFault
from dragoman.server.views import let_go, view_of

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
        roles: every role by name; None where there are none, and whoever is let in sees everything but the tools that
            ask for a role or scope themselves.
        most: views that are kept; there are as many as sets of roles in use.
        private: listings are for who asked even where everybody sees the same, since not everybody is let in
            (Caching).
    """

    def __init__(
        self, server: "Server", roles: Mapping[str, Role] | None, most: int = 256, *, private: bool = False
    ) -> None:
        self.server = server
        self.roles = roles
        self.generation = 0  # changes when views that were given out are no longer right
        self._most = most
        self._private = private
        self._views: OrderedDict[tuple[tuple[str, ...], tuple[str, ...]], Server] = OrderedDict()
        self._words: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        self._read_tools()
        server.tools.listeners.append(self._read_tools)

    def __len__(self) -> int:
        return len(self._views)

    def of(self, principal: Principal) -> "Server":
        """The server as a caller sees it."""
        roles, scopes = self._words
        if self.roles is None and not roles and not scopes and not self._private:
            return self.server
        held = tuple(sorted(roles.intersection(principal.roles))), tuple(sorted(scopes.intersection(principal.scopes)))
        view = self._views.get(held)
        if view is None:
            view = self._views[held] = view_of(self.server, Access(self.roles, *held))
            if len(self._views) > self._most:
                _, old = self._views.popitem(last=False)
                let_go(self.server, old)
                self.generation += 1
        return view

    def _read_tools(self) -> None:
        """Learn which roles and scopes make a difference: those of the settings, and those that tools ask for."""
        rules = [tool.rule for tool in self.server.tools.named.values() if tool.rule is not None]
        roles = frozenset(self.roles or ()).union(*(rule.roles for rule in rules))
        words = roles, frozenset[str]().union(*(rule.scopes for rule in rules))
        if words != self._words:
            self._words = words
            self._drop_all()

    def _drop_all(self) -> None:
        self.generation += 1
        while self._views:
            let_go(self.server, self._views.popitem()[1])

    def end_all(self) -> None:
        """End every subscription, at shutdown."""
        for view in self._views.values():
            view.changes.end_all()

    def close(self) -> None:
        """Follow the server no more."""
        if self._read_tools in self.server.tools.listeners:
            self.server.tools.listeners.remove(self._read_tools)
        self._drop_all()


class _Caller(Struct, frozen=True):
    """Who was let in, what they see, and since which generation of views."""

    known: Known
    view: "Server"
    generation: int


class Gate:
    """Lets requests in.

    Args:
        views: what callers see.
        credentials: the kinds of tokens that are accepted, in the order in which they are asked.
        challenge: what `WWW-Authenticate` says besides `Bearer` (RFC 6750, 3; RFC 9728, 5.1), such as
            `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"`.
        scopes: what callers who sign in should ask for, as the challenge says.
        anonymous: the roles of callers without a token; None refuses them.
        most: callers that are remembered.
    """

    def __init__(
        self,
        views: Views,
        credentials: Sequence[Credentials],
        *,
        challenge: str = "",
        scopes: Iterable[str] = (),
        anonymous: Iterable[str] | None = None,
        most: int = 10_000,
    ) -> None:
        self.views = views
        self.challenge = challenge
        self.scopes = tuple(scopes)
        self._credentials = tuple(credentials)
        self._anonymous = None if anonymous is None else Known(Principal(roles=tuple(anonymous)), math.inf)
        self._most = most
        self._callers: OrderedDict[bytes, _Caller] = OrderedDict()

    def __len__(self) -> int:
        return len(self._callers)

    @property
    def lets_anybody_in(self) -> bool:
        """Whether callers without a token are let in."""
        return self._anonymous is not None

    async def admit(self, headers: Mapping[bytes, bytes], query: bytes = b"") -> tuple[Principal, "Server"]:
        """Say who calls and what they see.

        Args:
            headers: the header fields of the request.
            query: the query of its URL, where no credential may be.

        Raises:
            HttpFault: 401 where the token is missing or not accepted, 403 where it lacks a scope that every request
                needs, 400 where it stands in the URL, 503 where it cannot be checked just now.
        """
        if query and _IN_URL.search(query):
            raise HttpFault(400, "A URL is no place for a credential: it ends up in logs. Send Authorization: Bearer.")
        sent = headers.get(b"authorization")
        if sent is None:
            if self._anonymous is None:
                raise self._unauthorized("", "Sign in: send Authorization: Bearer with a key or token of this server.")
            digest = b""
        else:
            digest = hashlib.sha256(sent).digest()
        caller = self._callers.get(digest)
        if caller is None or caller.known.until <= time.monotonic() or caller.generation != self.views.generation:
            caller = await self._find(digest, sent, caller)
        return caller.known.principal, caller.view

    async def _find(self, digest: bytes, sent: bytes | None, caller: _Caller | None) -> _Caller:
        if sent is None:
            assert self._anonymous is not None  # noqa: S101 (looked at before)
            known = self._anonymous
        elif caller is not None and caller.known.until > time.monotonic():
            known = caller.known
        else:
            self._callers.pop(digest, None)
            known = await self._check(sent)
        view = self.views.of(known.principal)
        caller = self._callers[digest] = _Caller(known, view, self.views.generation)
        self._callers.move_to_end(digest)
        while len(self._callers) > self._most:
            self._callers.popitem(last=False)
        return caller

    async def _check(self, sent: bytes) -> Known:
        try:
            return await self._ask(sent)
        except Refused as refused:
            logger.info("Refused: %s.", refused)
            message = "The token is not accepted: it is unknown, expired, revoked or for another server."
            raise self._unauthorized("invalid_token", message) from None
        except TooNarrow as narrow:
            logger.info("Refused: %s.", narrow)
            raise self.narrow(narrow.scopes) from None

    async def _ask(self, sent: bytes) -> Known:
        found = _BEARER.fullmatch(sent.strip()) if len(sent) <= LONGEST_TOKEN else None
        if found is None:
            raise Refused("Authorization is no bearer token, or too long")
        token = found[1].decode("ascii")
        for one in self._credentials:
            if one.is_mine(token):
                return await one.check(token)
        raise Refused("the token is of no kind that is accepted here")

    def narrow(self, scopes: Iterable[str]) -> HttpFault:
        """What a caller is told whose token lacks scopes: all that it needs, at once (Authorization, Scope Challenge).

        Args:
            scopes: what the request needs.
        """
        needed = tuple(sorted({*self.scopes, *scopes}))
        message = f"The token is good, but this needs one with the scopes {' '.join(needed)}."
        return HttpFault(403, message, self._challenge("insufficient_scope", needed))

    def _unauthorized(self, error: str, message: str) -> HttpFault:
        return HttpFault(401, message, self._challenge(error, self.scopes))

    def _challenge(self, error: str, scopes: Sequence[str]) -> tuple[tuple[bytes, bytes], ...]:
        parts = [f'error="{error}"'] if error else []
        parts += [f'scope="{" ".join(scopes)}"'] if scopes else []
        parts += [self.challenge] if self.challenge else []
        header = ("Bearer " + ", ".join(parts)).strip()
        return ((b"www-authenticate", header.encode("latin-1", "replace")),)

    def forget(self) -> None:
        """Believe nothing that was found out before: settings or roles have changed."""
        self._callers.clear()

    async def close(self) -> None:
        """Let go of what checking opened, and of every view."""
        self.forget()
        self.views.close()
        for one in self._credentials:
            await one.close()
