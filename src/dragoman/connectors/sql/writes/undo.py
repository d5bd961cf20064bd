"""Undoing a write: what it needs is kept with the note of it, and used only while the rows are as the write left them.

A batch is undone as a whole: what a row was before the batch comes back, in the inverse order of the changes.
"""

import json
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from dragoman.connectors.sql.catalog import fold
from dragoman.connectors.sql.engines.engine import SqlFault
from dragoman.connectors.sql.engines.writing import Target, Transaction, Writer, to_json
from dragoman.connectors.sql.gate import Gate
from dragoman.connectors.sql.policy import Served, View, matches_key
from dragoman.connectors.sql.settings import SqlSettings
from dragoman.connectors.sql.writes.batch import Outcome, RowChange, Seen, told
from dragoman.connectors.sql.writes.images import Rows

MOST_BYTES = 1_000_000
MOST_TOLD = 5


class Table(Struct):
    """One table of a record: where it is, and its columns in the order of the images."""

    schema: str
    name: str
    columns: list[str]


class Record(Struct):
    """What undoing needs: tables, and by place of the table, each row that was changed, in the order of the changes."""

    tables: list[Table]
    rows: list[tuple[int, RowChange]]

    def packed(self) -> str:
        """Return it as it is noted."""
        tables = [[each.schema, each.name, each.columns] for each in self.tables]
        return to_json([tables, [[place, row.key, row.before, row.after] for place, row in self.rows]])


def record_of(outcomes: Sequence[Outcome]) -> Record:
    """Return what undoing a batch needs: of each row what it was before all, and is after all."""
    tables: list[Table] = []
    rows: dict[tuple[int, str], RowChange] = {}
    for outcome in outcomes:
        target = outcome.target
        table = Table(target.schema, target.name, [column.name for column in target.columns])
        if table not in tables:
            tables.append(table)
        place = tables.index(table)
        for change in outcome.rows:
            key = (place, to_json(change.key))
            first = rows.pop(key, change)  # the last change of a row says where it stands in the order
            rows[key] = RowChange(change.key, first.before, change.after)
    kept = [(place, row) for (place, _), row in rows.items() if row.before != row.after]
    return Record(tables, kept)


def record_from(text: str) -> Record:
    """Return the record of a note."""
    tables, rows = json.loads(text)
    return Record([Table(*each) for each in tables], [(place, RowChange(*row)) for place, *row in rows])


class Undoing:
    """The undoing of one write within one transaction.

    Args:
        gate: sentences.
        settings: which tables may be written now.
        writer: how statements of ours are written.
        transaction: where.
        view: what the caller sees now.
        seen: rows as the caller sees them.
    """

    def __init__(
        self, gate: Gate, settings: SqlSettings, writer: Writer, transaction: Transaction, view: View, seen: Seen
    ) -> None:
        self._gate = gate
        self._settings = settings
        self._writer = writer
        self._transaction = transaction
        self._view = view
        self._seen = seen

    async def run(self, record: Record) -> list[tuple[str, int]]:
        """Put rows back and return how many of each table.

        Raises:
            SqlFault: a row is not as the write left it, or may not be written any more.
        """
        counts: list[tuple[str, int]] = []
        known: list[tuple[Rows, Served]] = []
        problems: list[str] = []
        for place, table in enumerate(record.tables):
            rows, served = await self._open(table)
            known.append((rows, served))
            changes = [row for number, row in record.rows if number == place]
            problems += await self._differences(rows, served, changes)
            counts.append((table.name, len(changes)))
        if problems:
            more = f" and {len(problems) - MOST_TOLD} more" if len(problems) > MOST_TOLD else ""
            raise SqlFault(
                f"it can't be undone, others changed its rows since: {'; '.join(problems[:MOST_TOLD])}{more}"
            )
        for place, change in reversed(record.rows):
            await self._restore(*known[place], change)
        for place, (rows, served) in enumerate(known):
            again = [row.key for number, row in record.rows if number == place and row.before is not None]
            await self._seen.check(served, again)
            found = await told(rows.images(again, lock=False), self._gate, rows.target.name)
            for number, row in record.rows:
                if number == place and row.before is not None and found.get(to_json(row.key)) != row.before:
                    raise SqlFault(f"a row of {rows.target.name} can't be put back as it was: nothing was changed")
        return counts

    async def _open(self, table: Table) -> tuple[Rows, Served]:
        served = self._view.lookup(table.schema or None, table.name)
        if served is None or not any(
            matches_key(self._gate.dialect, key, served.base, self._view.schemas) for key in self._settings.write_tables
        ):
            raise SqlFault(f"{table.name} may not be written any more, so what was written there can't be undone")
        target: Target = await told(self._transaction.target(served.base), self._gate, table.name)
        if [column.name for column in target.columns] != table.columns:
            raise SqlFault(
                f"the columns of {table.name} are not what they were: what was written there can't be undone"
            )
        if target.triggers:
            raise SqlFault(f"{table.name} has triggers by now: what was written there can't be undone")
        return Rows(self._writer, self._transaction, target), served

    async def _differences(self, rows: Rows, served: Served, changes: Sequence[RowChange]) -> list[str]:
        """Return which rows are not as the write left them, and in what."""
        keys = [change.key for change in changes]
        found = await told(rows.images(keys, lock=True), self._gate, rows.target.name)
        await self._seen.check(served, [change.key for change in changes if to_json(change.key) in found])
        shown = {fold(column.name) for column in served.relation.columns if column.name not in served.masks}
        problems = []
        for change in changes:
            now = found.get(to_json(change.key))
            if now == change.after:
                continue
            pairs = zip(rows.target.key, change.key, strict=True)
            row = ", ".join(f"{column.name}={value}" for column, value in pairs)
            if now is None:
                what = "is gone"
            elif change.after is None:
                what = "is there again"
            else:
                names = [
                    column.name
                    for column, old, new in zip(rows.target.columns, change.after, now, strict=True)
                    if old != new
                ]
                told_names = [name for name in names if fold(name) in shown]
                what = f"has another {', '.join(told_names)}" if told_names else "is not the same"
            problems.append(f"{rows.target.name} {row} {what}")
        return problems

    async def _restore(self, rows: Rows, served: Served, change: RowChange) -> None:
        del served
        target = rows.target
        count: Any = 1
        if change.before is None:
            count = await told(rows.delete([change.key]), self._gate, target.name)
        else:
            image = dict(zip((column.name for column in target.columns), change.before, strict=True))
            names = [column.name for column in target.written]
            if change.after is None:
                await told(rows.insert(names, [image[name] for name in names], again=True), self._gate, target.name)
            else:
                after = dict(zip((column.name for column in target.columns), change.after, strict=True))
                names = [name for name in names if image[name] != after[name]]
                if names:
                    values = [image[name] for name in names]
                    count = await told(rows.update(change.key, names, values), self._gate, target.name)
        if count != 1:
            raise SqlFault(f"a row of {target.name} was changed just now by others: nothing was undone")
