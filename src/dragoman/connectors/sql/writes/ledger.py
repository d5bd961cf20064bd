"""What was written, noted in the database itself, in the transaction of the change.

So the note is there exactly when the change is (invariants P27 and P29), and the unique request makes a second one of
the same impossible. No caller ever sees the table: `Policy` leaves it out of every view.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dragoman import Principal
from dragoman.connectors.sql.engines.engine import Scalar
from dragoman.connectors.sql.engines.writing import LEDGER, LEDGER_COLUMNS, Exact, Transaction, Writer, named
from dragoman.connectors.sql.writes.images import Phrase

DONE = "done"
UNDONE = "undone"


class Entry(Struct, frozen=True):
    """One write.

    Args:
        id: what callers call it.
        request: digest of what makes a request the same one: who asked, and the idempotency key.
        principal: digest of who wrote.
        statements: digest of the statements and their values.
        state: `done` or `undone`.
        written_at: when, ISO 8601 in UTC.
        undone_at: when it was undone.
        changed: how many rows each statement changed, as JSON.
        undo: the rows before and after, as JSON; None when it can't be undone.
        refusal: why it can't be.
    """

    id: str
    request: str
    principal: str
    statements: str
    state: str
    written_at: str
    undone_at: str | None
    changed: str
    undo: str | None
    refusal: str

    @property
    def rows(self) -> list[int]:
        """How many rows each statement changed."""
        counts: list[int] = json.loads(self.changed)
        return counts


class Ledger:
    """The notes of one database, within one transaction.

    Args:
        writer: how its names and values are written.
        transaction: where it happens.
    """

    def __init__(self, writer: Writer, transaction: Transaction) -> None:
        self._writer = writer
        self._transaction = transaction
        self._table = named(writer.quote, writer.ledger_schema, LEDGER)
        self._columns = ", ".join(named(writer.quote, name) for name in LEDGER_COLUMNS)

    async def find(self, column: str, value: str, *, lock: bool = False) -> Entry | None:
        """Return the entry with this value in `id` or `request`; `lock` holds it until the end."""
        phrase = Phrase(f"SELECT {self._columns} FROM {self._table} WHERE {named(self._writer.quote, column)} = ")  # noqa: S608 (names of the catalog, bound values)
        phrase.bind(value, self._writer.text)
        if lock:
            phrase.add(self._writer.lock)
        return _entry(await self._transaction.ask(phrase.query()))

    async def last(self, principal: str, statements: str) -> Entry | None:
        """Return the last write of the same statements by the same caller."""
        phrase = Phrase(f"SELECT {self._columns} FROM {self._table} WHERE principal = ")  # noqa: S608 (names of the catalog, bound values)
        phrase.bind(principal, self._writer.text).add(" AND statements = ").bind(statements, self._writer.text)
        return _entry(await self._transaction.ask(phrase.add(" ORDER BY written_at DESC LIMIT 1").query()))

    async def note(self, entry: Entry) -> None:
        """Note a write.

        Raises:
            EngineFault: there is one of the same request, or it can't be noted.
        """
        phrase = Phrase(f"INSERT INTO {self._table} ({self._columns}) VALUES (")  # noqa: S608 (names of the catalog, bound values)
        for place, name in enumerate(LEDGER_COLUMNS):
            phrase.add(", " if place else "").bind(getattr(entry, name), self._writer.text)
        await self._transaction.change(phrase.add(")").query())

    async def mark_undone(self, entry_id: str, at: str) -> bool:
        """Note that a write was undone; False when it was before."""
        quote = self._writer.quote
        phrase = Phrase(f"UPDATE {self._table} SET {named(quote, 'state')} = ").bind(UNDONE, self._writer.text)  # noqa: S608 (names of the catalog, bound values)
        phrase.add(f", {named(quote, 'undone_at')} = ").bind(at, self._writer.text)
        phrase.add(f" WHERE {named(quote, 'id')} = ").bind(entry_id, self._writer.text)
        phrase.add(f" AND {named(quote, 'state')} = ").bind(DONE, self._writer.text)
        return await self._transaction.change(phrase.query()) == 1


def _entry(rows: list[list[Exact]]) -> Entry | None:
    if not rows:
        return None
    texts: list[Any] = [cell.decode() if isinstance(cell, bytes) else cell for cell in rows[0]]
    return Entry(*texts)


def now() -> str:
    """Return this moment as it is noted and told."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def digest(*values: Any) -> str:
    """Return a digest of JSON values."""
    text = json.dumps(values, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_principal(principal: Principal) -> str:
    """Return what stands for a caller in the notes."""
    return digest("principal", list(principal.identity))


def digest_of_statements(statements: Sequence[str], values: Mapping[str, Scalar]) -> str:
    """Return what stands for what was asked for."""
    return digest("statements", list(statements), dict(values))
