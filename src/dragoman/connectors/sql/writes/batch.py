"""Carrying out a batch within one transaction: which rows are meant, what becomes of them, and whether that may be.

What decides is read through the guard, as its author sees it; what changes are rows by their keys. Every rule is held
here, on the rows themselves: the row cap, the row filter before and after, no rows of other tables taken along.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from dragoman import Principal
from dragoman.connectors.sql.catalog import fold
from dragoman.connectors.sql.engines.engine import EngineFault, Query, Scalar, SqlFault
from dragoman.connectors.sql.engines.writing import Target, Transaction, Writer, packed, to_json, unpacked
from dragoman.connectors.sql.gate import Gate, attributes_of
from dragoman.connectors.sql.guard.statement import Statement
from dragoman.connectors.sql.guard.writes import Change, WriteGuard, names_of
from dragoman.connectors.sql.policy import Served, View
from dragoman.connectors.sql.writes.images import AT_ONCE, Image, Key, Rows
from dragoman.connectors.sql.writes.ledger import digest
from dragoman.connectors.sql.writes.told import write_sentence

SAMPLE_ROWS = 3
SAMPLE_COLUMNS = 6
CHANGED_MEANWHILE = "its rows changed just now, while this was run"


class RowChange(Struct, frozen=True):
    """One row: its key, and what it was and is; None where it was not or is no more."""

    key: Key
    before: Image | None
    after: Image | None


class Sample(Struct):
    """A few rows as their author sees them, before and after."""

    columns: list[str]
    keys: list[Key]
    before: list[list[Any]]
    after: list[list[Any]]


class Outcome(Struct):
    """What one statement did."""

    change: Change
    target: Target
    rows: list[RowChange]
    planned: list[list[Any]]
    sample: Sample

    def seals(self) -> dict[str, str]:
        """Return a digest of what each row that was changed or deleted was before, by the text of its key."""
        return {to_json(row.key): digest(row.before)[:12] for row in self.rows if row.before is not None}


class Batch:
    """One batch of one caller.

    Args:
        gate: what its author sees, and sentences.
        guard: lets queries of ours through.
        writer: how statements of ours are written.
        principal: its author.
        most: rows that it may change in all.
    """

    def __init__(self, gate: Gate, guard: WriteGuard, writer: Writer, principal: Principal, most: int) -> None:
        self._gate = gate
        self._guard = guard
        self._writer = writer
        self._known = attributes_of(principal)
        self._most = most

    async def run(
        self,
        transaction: Transaction,
        changes: Sequence[Change],
        values: Mapping[str, Scalar],
        view: View,
        planned: Sequence[list[list[Any]] | None],
        *,
        sampled: bool,
    ) -> list[Outcome]:
        """Carry out statements, one after the other.

        Args:
            transaction: where.
            changes: what they would change.
            values: of their parameters.
            view: what their author sees.
            planned: values that were computed before and are to be written now, by statement; None to compute them.
            sampled: whether a few rows are shown before and after.

        Raises:
            SqlFault: one of them can't be carried out; the transaction must not be committed.
        """
        outcomes: list[Outcome] = []
        for number, (change, known) in enumerate(zip(changes, planned, strict=True), 1):
            left = self._most - sum(len(outcome.rows) for outcome in outcomes)
            step = _Step(self._gate, self._guard, self._writer, self._known, transaction, change, values, view)
            try:
                outcomes.append(await step.run(left, self._most, known, sampled=sampled))
            except SqlFault as fault:
                which = f"statement {number} of {len(changes)}: " if len(changes) > 1 else ""
                raise SqlFault(f"{which}{fault}; nothing was changed") from fault
        return outcomes


class _Step:
    """One statement of a batch."""

    def __init__(
        self,
        gate: Gate,
        guard: WriteGuard,
        writer: Writer,
        known: Mapping[str, Scalar],
        transaction: Transaction,
        change: Change,
        values: Mapping[str, Scalar],
        view: View,
    ) -> None:
        self.change = change
        self.transaction = transaction
        self.values = values
        self.known = known
        self.view = view
        self.gate = gate
        self.writer = writer
        self.seen = Seen(gate, guard, transaction, view, known)

    async def run(self, left: int, most: int, planned: list[list[Any]] | None, *, sampled: bool) -> Outcome:
        """Carry it out; `left` is how many rows it may change."""
        relation = self.change.served.base
        target = await self.told(self.transaction.target(relation), relation.name)
        self.check(target)
        rows = Rows(self.writer, self.transaction, target)
        sample = Sample(self.sampled_columns(), [], [], [])
        done: list[RowChange]
        if self.change.verb == "insert":
            done, planned = await self.insert(rows, left, most, planned)
        else:
            keys = await self.keys(left, most)
            before = await self.told(rows.images(keys, lock=True), target.name)
            if len(before) != len(keys):
                raise SqlFault(CHANGED_MEANWHILE)
            if sampled:
                sample.keys = keys[:SAMPLE_ROWS]
                sample.before = await self.seen.rows(self.change.served, sample.columns, sample.keys)
            if self.change.verb == "update":
                done, planned = await self.update(rows, before, planned)
            else:
                if await self.told(rows.delete(keys), target.name) != len(keys):
                    raise SqlFault(CHANGED_MEANWHILE)
                done, planned = [RowChange(key, before[to_json(key)], None) for key in keys], []
        if self.change.verb != "delete":
            await self.seen.check(self.change.served, [row.key for row in done])
            if sampled:
                sample.keys = [row.key for row in done[:SAMPLE_ROWS]]
                sample.after = await self.seen.rows(self.change.served, sample.columns, sample.keys)
                self.leave_out_new_key(sample)
        return Outcome(self.change, target, done, planned, sample)

    def check(self, target: Target) -> None:
        """Refuse a table that can't be written so that all of it is shown."""
        change, name = self.change, target.name
        if target.obstacle:
            raise SqlFault(f"{name} can't be written: {target.obstacle}")
        if not target.key:
            raise SqlFault(f"{name} has no primary key: without one its rows can't be told apart")
        generated = {column.name for column in target.columns if column.generated}
        for column in change.columns:
            if column in generated:
                raise SqlFault(f"{column} of {name} is computed by the database: leave it out")
        written = {fold(column) for column in change.columns}
        for cascade in target.cascades:
            if change.verb == "delete" and cascade.deletes:
                raise SqlFault(
                    f"rows of other tables would be changed or deleted with rows of {name}: begin with those"
                )
            if change.verb == "update" and cascade.updates and written & {fold(each) for each in cascade.columns}:
                raise SqlFault(
                    f"rows of other tables would be changed with rows of {name}: leave their column as it is"
                )

    async def keys(self, left: int, most: int) -> list[Key]:
        """Return the keys of the rows that are meant."""
        assert self.change.keys is not None  # noqa: S101 (only an insert has none)
        found = await self.read(self.change.keys, left + 1, [""] * self._width)
        _check_cap(len(found), left, most)
        return [[packed(cell) for cell in row] for row in found]

    async def update(
        self, rows: Rows, before: dict[str, Image], planned: list[list[Any]] | None
    ) -> tuple[list[RowChange], list[list[Any]]]:
        """Give rows their new values."""
        change, width = self.change, self._width
        if planned is not None and {to_json(row[:width]) for row in planned} != set(before):
            raise SqlFault("other rows are meant than in the preview: others changed them since")
        if planned is None:
            assert change.values is not None  # noqa: S101 (an update has them)
            types = [""] * width + self.types(rows.target)
            found = await self.read(change.values, len(before) + 1, types)
            planned = [[packed(cell) for cell in row] for row in found]
        if {to_json(row[:width]) for row in planned} != set(before) or len(planned) != len(before):
            raise SqlFault(
                "what it would change depends on chance, or on an aggregate of all rows: put that into (SELECT)"
            )
        for row in planned:
            if await self.told(rows.update(row[:width], change.columns, row[width:]), rows.target.name) != 1:
                raise SqlFault(CHANGED_MEANWHILE)
        keys = [row[:width] for row in planned]
        after = await self.told(rows.images(keys, lock=False), rows.target.name)
        if set(after) != set(before):
            raise SqlFault(CHANGED_MEANWHILE)
        return [RowChange(key, before[to_json(key)], after[to_json(key)]) for key in keys], planned

    async def insert(
        self, rows: Rows, left: int, most: int, planned: list[list[Any]] | None
    ) -> tuple[list[RowChange], list[list[Any]]]:
        """Add rows."""
        change = self.change
        if planned is None:
            assert change.values is not None  # noqa: S101 (an insert has them)
            types = self.types(rows.target)
            found = await self.read(change.values, left + 1, types * change.groups)
            cells = [[packed(cell) for cell in row] for row in found]
            size = len(change.columns)
            planned = [row[start : start + size] for row in cells for start in range(0, len(row), size)]
        _check_cap(len(planned), left, most)
        keys = [await self.told(rows.insert(change.columns, row), rows.target.name) for row in planned]
        after = await self.told(rows.images(keys, lock=False), rows.target.name)
        if len(after) != len(keys):
            raise SqlFault(f"rows of {rows.target.name} can't be told apart once they are there: give them their keys")
        return [RowChange(key, None, after[to_json(key)]) for key in keys], planned

    def types(self, target: Target) -> list[str]:
        """Return what the values of the columns that are written are cast to."""
        known = {column.name: column.type for column in target.columns}
        return [known.get(name, "") for name in self.change.columns]

    def sampled_columns(self) -> list[str]:
        """Return the columns that a sample shows, the key first."""
        served = self.change.served
        key = [column.name for column in sorted(served.base.columns, key=lambda each: each.key) if column.key]
        chosen = self.change.columns or [column.name for column in served.relation.columns]
        others = [name for name in chosen if name not in key]
        return [*key, *(others if self.change.columns else others[:SAMPLE_COLUMNS])]

    def leave_out_new_key(self, sample: Sample) -> None:
        """Leave out a key that the database gives: the row that is committed may get another one."""
        if self.change.verb == "insert" and not set(sample.columns[: self._width]) <= set(self.change.columns):
            sample.columns = sample.columns[self._width :]
            sample.after = [row[self._width :] for row in sample.after]

    @property
    def _width(self) -> int:
        return sum(1 for column in self.change.served.base.columns if column.key)

    async def read(self, statement: Statement, most: int, types: Sequence[str]) -> list[list[Any]]:
        """Run a query of its author's."""
        names = names_of(statement)
        values = {name: value for name, value in self.values.items() if name in names}
        query = statement.bind(values, self.known, limit=most)
        try:
            return [list(row) for row in await self.transaction.read(query, most, types)]
        except EngineFault as fault:
            if fault.kind == "statement" and fault.message == "width":
                size = len(types)
                raise SqlFault(
                    f"the SELECT must give {size} column{'s' if size > 1 else ''}, as many as are named"
                ) from None
            raise SqlFault(write_sentence(fault, self.gate, None, statement, self.view)) from fault

    async def told(self, work: Any, name: str) -> Any:
        """Await a statement of ours about a table, and say what went wrong with it."""
        return await told(work, self.gate, name)


class Seen:
    """Rows by their keys as a caller sees them.

    Args:
        gate: whose names are written.
        guard: lets the queries through.
        transaction: where they are run.
        view: what the caller sees.
        known: what is known of the caller.
    """

    def __init__(
        self, gate: Gate, guard: WriteGuard, transaction: Transaction, view: View, known: Mapping[str, Scalar]
    ) -> None:
        self._gate = gate
        self._guard = guard
        self._transaction = transaction
        self._view = view
        self._known = known

    async def check(self, served: Served, keys: Sequence[Key]) -> None:
        """Refuse rows that the caller would not see.

        Raises:
            SqlFault: the row filter leaves one of them out.
        """
        if served.restriction is None or not served.restriction.conditions:
            return
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            page = await self._ask(served, "count(*)", some)
            if int(page[0][0]) != len(some):
                raise SqlFault(f"rows of {served.relation.name} would lie outside of what you may see")

    async def rows(self, served: Served, columns: Sequence[str], keys: Sequence[Key]) -> list[list[Any]]:
        """Return columns of rows, the key first, in the order of the keys."""
        if not keys:
            return []
        return await self._ask(
            served, ", ".join(self._quoted(column) for column in columns), keys, ordered=len(keys[0])
        )

    async def _ask(self, served: Served, what: str, keys: Sequence[Key], *, ordered: int = 0) -> list[list[Any]]:
        names = [column.name for column in sorted(served.base.columns, key=lambda each: each.key) if column.key]
        values: dict[str, Scalar] = {}
        conditions = []
        for key in keys:
            terms = []
            for name, value in zip(names, key, strict=True):
                place = f"k{len(values)}"
                values[place] = _scalar(value)
                terms.append(f"{self._quoted(name)} = :{place}")
            conditions.append(f"({' AND '.join(terms)})")
        sql = f"SELECT {what} FROM {self._gate.named(served.base)} WHERE {' OR '.join(conditions)}"  # noqa: S608 (names of the catalog, bound values)
        if ordered:
            sql += " ORDER BY " + ", ".join(map(str, range(1, ordered + 1)))
        statement = self._guard.keyed(sql, self._view, frozenset(values))
        query: Query = statement.bind(values, self._known, limit=len(keys))
        try:
            return (await self._transaction.page(query, len(keys))).rows
        except EngineFault as fault:
            raise SqlFault(write_sentence(fault, self._gate, served.relation.name)) from fault

    def _quoted(self, name: str) -> str:
        mark = "`" if self._gate.dialect.name == "mysql" else '"'
        return mark + name.replace(mark, mark * 2) + mark


async def told(work: Any, gate: Gate, name: str) -> Any:
    """Await a statement of ours about a table.

    Raises:
        SqlFault: it failed; the sentence names no value.
    """
    try:
        return await work
    except EngineFault as fault:
        raise SqlFault(write_sentence(fault, gate, name)) from fault


def _scalar(value: Any) -> Scalar:
    exact = unpacked(value)
    return exact if exact is None or isinstance(exact, bool | int | float | str | bytes) else str(exact)


def _check_cap(found: int, left: int, most: int) -> None:
    if found > left:
        raise SqlFault(f"it would change more than the {most} rows that one batch may change: do less at a time")
