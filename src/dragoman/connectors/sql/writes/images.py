"""Rows of one table by their keys: read as exact images, changed by statements of ours with bound values.

Knows no agent and no policy: who calls has decided which rows and columns. Images are JSON values (`writing.packed`)
in the order of the table's columns, so that they can be compared, kept and put back.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from dragoman.connectors.sql.engines.engine import Query
from dragoman.connectors.sql.engines.writing import (
    Exact,
    Target,
    Transaction,
    WriteColumn,
    Writer,
    named,
    packed,
    to_json,
    unpacked,
)

AT_ONCE = 50

Image = list[Any]
Key = list[Any]


class Phrase:
    """A statement of ours, written piece by piece; values are bound."""

    def __init__(self, text: str = "") -> None:
        self._parts = [text]
        self._arguments: list[Any] = []

    def add(self, text: str) -> "Phrase":
        """Write on."""
        self._parts[-1] += text
        return self

    def bind(self, value: Exact, around: tuple[str, str] = ("", "")) -> "Phrase":
        """Put a value, with what stands around it."""
        self._parts[-1] += around[0]
        self._parts.append(around[1])
        self._arguments.append(value)
        return self

    def query(self) -> Query:
        """Return the statement."""
        return Query(tuple(self._parts), tuple(self._arguments))


class Rows:
    """The rows of one table within one transaction.

    Args:
        writer: how names are written and rows are held.
        transaction: where it happens.
        target: the table.
    """

    def __init__(self, writer: Writer, transaction: Transaction, target: Target) -> None:
        self.target = target
        self._writer = writer
        self._transaction = transaction
        self._table = named(writer.quote, target.schema, target.name)
        self._columns = {column.name: column for column in target.columns}

    async def images(self, keys: Sequence[Key], *, lock: bool) -> dict[str, Image]:
        """Return the rows that there are of these, by the text of their keys; `lock` holds them until the end."""
        found: dict[str, Image] = {}
        places = [self.target.columns.index(column) for column in self.target.key]
        for some in _chunks(keys):
            reads = ", ".join(column.read for column in self.target.columns)
            phrase = Phrase(f"SELECT {reads} FROM {self._table} WHERE ")  # noqa: S608 (names of the catalog, bound values)
            self._meet(phrase, some)
            if lock:
                phrase.add(self._writer.lock)
            for row in await self._transaction.ask(phrase.query()):
                image = [packed(cell) for cell in row]
                found[to_json([image[place] for place in places])] = image
        return found

    async def insert(self, names: Sequence[str], values: Sequence[Any], *, again: bool = False) -> Key:
        """Add a row and return its key; `again` puts back one that was there, with the number that it had."""
        columns = [self._columns[name] for name in names]
        phrase = Phrase(f"INSERT INTO {self._table} ({', '.join(self._named(column) for column in columns)}) ")
        phrase.add(f"{self._writer.overriding if again else ''}VALUES (")
        for place, (column, value) in enumerate(zip(columns, values, strict=True)):
            phrase.add(", " if place else "").bind(unpacked(value), column.write)
        given = {column.name: unpacked(value) for column, value in zip(columns, values, strict=True)}
        key = await self._transaction.insert(phrase.add(")").query(), self.target, given)
        return [packed(each) for each in key]

    async def update(self, key: Key, names: Sequence[str], values: Sequence[Any]) -> int:
        """Give columns of a row new values and return how many rows that met."""
        phrase = Phrase(f"UPDATE {self._table} SET ")  # noqa: S608 (names of the catalog, bound values)
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            column = self._columns[name]
            phrase.add(f"{', ' if place else ''}{self._named(column)} = ").bind(unpacked(value), column.write)
        phrase.add(" WHERE ")
        self._meet(phrase, [key])
        return await self._transaction.change(phrase.query())

    async def delete(self, keys: Sequence[Key]) -> int:
        """Delete rows and return how many that met."""
        count = 0
        for some in _chunks(keys):
            phrase = Phrase(f"DELETE FROM {self._table} WHERE ")  # noqa: S608 (names of the catalog, bound values)
            self._meet(phrase, some)
            count += await self._transaction.change(phrase.query())
        return count

    def _meet(self, phrase: Phrase, keys: Iterable[Key]) -> None:
        for number, key in enumerate(keys):
            phrase.add(" OR (" if number else "(")
            for place, (column, value) in enumerate(zip(self.target.key, key, strict=True)):
                phrase.add(f"{' AND ' if place else ''}{self._named(column)} = ").bind(unpacked(value), column.write)
            phrase.add(")")

    def _named(self, column: WriteColumn) -> str:
        return named(self._writer.quote, column.name)


def _chunks(keys: Sequence[Key]) -> Iterable[Sequence[Key]]:
    return (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))
