"""Cursors: where a statement goes on, sealed (security invariant P14).

A cursor is bound to its connector, its caller, its statement with its values, what the caller could see, and an hour.
It holds how many rows to leave out, or, of a statement in the order of a unique key, the last key that was given: then
every row comes at most once, whatever is added or removed meanwhile. With a number of rows to leave out, a row may come
twice or never when rows before it come or go between two pages.
"""

import hashlib
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from dragoman import Principal
from dragoman.connectors.sql.engines.engine import SqlFault

LIFETIME: Final = 3600.0
"""Seconds that a cursor is taken."""
_DIGEST: Final = 12


class Seal(Protocol):
    """What seals: `Server.seal`."""

    def seal(self, plain: bytes, purpose: bytes) -> str:
        """Seal bytes into a text."""

    def open(self, text: str, purpose: bytes) -> bytes:
        """Open a sealed text; ValueError when it was not sealed here for this purpose."""


class BadCursor(SqlFault):
    """The cursor is not one that this statement on this connector gave to this caller within the hour."""


class Place(Struct, frozen=True, array_like=True):
    """Where a statement goes on: after so many rows, or after the row whose key is `after`."""

    skip: int = 0
    after: tuple[str | int, ...] = ()


class _Sealed(Struct, frozen=True, array_like=True):
    place: Place
    statement: bytes
    version: bytes
    expires: int


class Cursors:
    """Gives and takes the cursors of one connector.

    Args:
        connector: its name.
        seal: what seals them.
    """

    def __init__(self, connector: str, seal: Seal) -> None:
        self._connector = connector
        self._seal = seal

    def give(self, place: Place, sql: str, values: Mapping[str, Any], principal: Principal, version: str) -> str:
        """Return the cursor of a place.

        Args:
            place: where the statement goes on.
            sql: the statement.
            values: its parameters' values.
            principal: who may use the cursor.
            version: of the schema and of what may be seen of it.
        """
        expires = int(time.time() + LIFETIME)
        sealed = _Sealed(place, _digest(sql, dict(values)), _digest(version), expires)
        return self._seal.seal(msgspec.msgpack.encode(sealed), self._purpose(principal))

    def take(self, cursor: str, sql: str, values: Mapping[str, Any], principal: Principal, version: str) -> Place:
        """Return where a statement goes on.

        Raises:
            BadCursor: the cursor was changed, is somebody else's, of another statement or schema, or too old.
        """
        try:
            plain = self._seal.open(cursor, self._purpose(principal))
            sealed = msgspec.msgpack.decode(plain, type=_Sealed)
        except ValueError:
            raise BadCursor(
                "this is no cursor of a query of yours: repeat `next` of the last result as it is"
            ) from None
        if sealed.statement != _digest(sql, dict(values)):
            raise BadCursor("this cursor belongs to another statement: repeat the sql it came from, unchanged")
        if sealed.expires < time.time():
            raise BadCursor("this cursor is older than an hour: run the statement again without it")
        if sealed.version != _digest(version):
            raise BadCursor("the tables, or what you may see of them, changed since: run the statement without cursor")
        return sealed.place

    def _purpose(self, principal: Principal) -> bytes:
        return msgspec.json.encode(["sql cursor", self._connector, principal.identity])


def _digest(*values: Any) -> bytes:
    return hashlib.sha256(msgspec.json.encode(values, order="deterministic")).digest()[:_DIGEST]
