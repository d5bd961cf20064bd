"""The road of a write: preview, consent, and one commit that is noted in the database and never happens twice.

What is committed is what was consented to: rows are compared with those of the preview, and values that a clock or
chance would make anew are the ones that were shown. Who asks again with the same key is told what is noted.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from dragoman import Principal
from dragoman.connectors.sql.engines.engine import EngineFault, Scalar, SqlFault
from dragoman.connectors.sql.engines.writing import Transaction, Writer, to_json
from dragoman.connectors.sql.gate import Confirm, Gate, attributes_of
from dragoman.connectors.sql.guard import UnknownRelation
from dragoman.connectors.sql.guard.writes import Change, WriteGuard
from dragoman.connectors.sql.policy import View
from dragoman.connectors.sql.settings import SqlSettings
from dragoman.connectors.sql.writes import told
from dragoman.connectors.sql.writes.batch import Batch, Outcome, Seen
from dragoman.connectors.sql.writes.ledger import (
    DONE,
    UNDONE,
    Entry,
    Ledger,
    digest,
    digest_of_principal,
    digest_of_statements,
    now,
)
from dragoman.connectors.sql.writes.undo import MOST_BYTES, Undoing, record_from, record_of

MOST_STATEMENTS = 20
LONGEST_KEY = 200
KEPT_BYTES = 24_000
Once = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Does something once in all rounds of a call and keeps what it gave; `Context.once`."""


class Written(Struct, omit_defaults=True):
    """What became of a write: `state` is `done`, `already done`, `declined`, `unchanged` or `undone`.

    `rows` are counts by statement, `at` is when it was committed, `undoable` says whether `undo` may take its `id`.
    """

    state: str
    id: str = ""
    at: str = ""
    rows: list[int] = []
    undoable: bool = False
    note: str = ""


class _Preview(Struct):
    """What is kept between the question and the answer."""

    id: str
    message: str
    seals: list[dict[str, str]]
    whole: list[str]
    planned: list[list[list[Any]] | None]


class Writes:
    """Writes of one connector.

    Args:
        name: the connector's.
        gate: what callers see.
        settings: what they may write.
        writer: the engine's write side.
    """

    def __init__(self, name: str, gate: Gate, settings: SqlSettings, writer: Writer) -> None:
        self.name = name
        self.settings = settings
        self.writer = writer
        self._gate = gate
        self._guard = WriteGuard(gate.dialect, gate.limits, settings, f"{name}_describe")

    async def execute(
        self,
        statements: Sequence[str],
        values: Mapping[str, Scalar],
        key: str | None,
        principal: Principal,
        once: Once,
        confirm: Confirm,
    ) -> Written:
        """Change rows, if whoever is asked consents; all statements or none.

        Args:
            statements: the batch.
            values: of its parameters.
            key: what makes a second call the same as this one; None for this call and its retries alone.
            principal: who asks.
            once: keeps the preview between the question and the answer.
            confirm: asks.

        Raises:
            SqlFault: it was refused or failed; the text is one sentence that says whether anything was changed.
        """
        if not 1 <= len(statements) <= MOST_STATEMENTS:
            raise SqlFault(f"give 1 to {MOST_STATEMENTS} statements; they are one transaction")
        if key is not None and not 1 <= len(key) <= LONGEST_KEY:
            raise SqlFault(f"a key has 1 to {LONGEST_KEY} characters")
        owner, asked = digest_of_principal(principal), digest_of_statements(statements, values)
        changes, view = await self._changes(statements, values, principal)
        given = digest("key", owner, key) if key is not None else None
        if given is not None and (entry := await self._find("request", given)) is not None:
            return _again(entry, asked)
        batch = Batch(self._gate, self._guard, self.writer, principal, self.settings.max_write_rows)

        async def preview() -> Any:
            return msgspec.to_builtins(await self._preview(batch, changes, values, view, owner, asked))

        shown = msgspec.convert(await once("preview", preview), _Preview)
        if not shown.message:
            return Written("unchanged", note="no row is meant")
        if not await confirm(shown.message):
            return Written("declined", note="nothing was changed")
        request = given or digest("call", owner, shown.id)
        entry = Entry(shown.id, request, owner, asked, DONE, now(), None, "[]", None, "")
        return await self._commit(batch, changes, values, view, shown, entry)

    async def undo(self, entry_id: str, principal: Principal, once: Once, confirm: Confirm) -> Written:
        """Put back what a write changed, if whoever is asked consents, and no row was changed since.

        Args:
            entry_id: the write's id.
            principal: who asks: only who wrote may undo.
            once: keeps the preview between the question and the answer.
            confirm: asks.

        Raises:
            SqlFault: it can't be undone; the text is one sentence.
        """
        owner = digest_of_principal(principal)
        entry = await self._find("id", entry_id[:LONGEST_KEY])
        if entry is None or entry.principal != owner:
            raise SqlFault("there is no write of yours with this id")
        if entry.state == UNDONE:
            return _undone(entry, note="it was undone before")
        if entry.undo is None:
            raise SqlFault(f"it can't be undone: {entry.refusal}")

        async def preview() -> str:
            counts = await self._undo(entry, principal, commit=False)
            rows = ", ".join(f"{told.counted(count)} of {name}" for name, count in counts)
            return f"{self.name}: shall the write of {entry.written_at} be undone? It puts back {rows or 'nothing'}."

        if not await confirm(await once("undo", preview)):
            return Written("declined", entry.id, note="nothing was changed")
        try:
            await self._undo(entry, principal, commit=True)
        except (SqlFault, EngineFault):
            later = await self._settled("id", entry.id)
            if later is not None and later.state == UNDONE:
                return _undone(later)
            raise
        later = await self._find("id", entry.id)
        return _undone(later or entry)

    async def _changes(
        self, statements: Sequence[str], values: Mapping[str, Scalar], principal: Principal
    ) -> tuple[list[Change], View]:
        view = await self._gate.view(principal)
        try:
            changes = await self._checked(statements, values, view)
        except UnknownRelation:  # unless it was made a moment ago
            view = await self._gate.view(principal, fresh=True)
            changes = await self._checked(statements, values, view)
        used = frozenset(name for change in changes for name in change.parameters)
        unused = [name for name in values if name not in used]
        if unused:
            raise SqlFault(f"no statement has the parameter {unused[0][:60]!r}: write :{unused[0][:60]} where it goes")
        return changes, view

    async def _checked(self, statements: Sequence[str], values: Mapping[str, Scalar], view: View) -> list[Change]:
        names = frozenset(values)
        changes = []
        for number, sql in enumerate(statements, 1):
            try:
                changes.append(await asyncio.to_thread(self._guard.check, sql, view, names))
            except UnknownRelation:
                raise
            except SqlFault as fault:
                which = f"statement {number} of {len(statements)}: " if len(statements) > 1 else ""
                raise SqlFault(f"{which}{fault}") from fault
        return changes

    async def _preview(
        self, batch: Batch, changes: list[Change], values: Mapping[str, Scalar], view: View, owner: str, asked: str
    ) -> _Preview:
        """Carry a batch out, look at what it did, and take it all back."""
        noted = await self.writer.has_ledger()
        async with self._transaction() as transaction:
            earlier = None
            if noted:
                last = await Ledger(self.writer, transaction).last(owner, asked)
                earlier = last.written_at if last is not None and last.state == DONE else None
            outcomes = await batch.run(transaction, changes, values, view, [None] * len(changes), sampled=True)
        _record(outcomes)
        message = told.preview(self.name, outcomes, earlier) if any(outcome.rows for outcome in outcomes) else ""
        planned = [
            outcome.planned if change.moving else None for change, outcome in zip(changes, outcomes, strict=True)
        ]
        if len(to_json(planned)) > KEPT_BYTES:
            raise SqlFault("its values depend on a clock or on chance, and are too many to be kept: write them out")
        seals = [outcome.seals() for outcome in outcomes]
        if len(to_json(seals)) > KEPT_BYTES:
            seals = []
        return _Preview(secrets.token_hex(8), message, seals, _wholes(outcomes), planned)

    async def _commit(
        self,
        batch: Batch,
        changes: list[Change],
        values: Mapping[str, Scalar],
        view: View,
        shown: _Preview,
        entry: Entry,
    ) -> Written:
        """Carry a batch out again, see that it is what was shown, note it, and commit."""
        with self._gate.told():
            await self._make_ledger()
        if (found := await self._find("request", entry.request)) is not None:
            return _again(found, entry.statements)
        try:
            async with self._transaction() as transaction:
                outcomes = await batch.run(transaction, changes, values, view, shown.planned, sampled=False)
                _compare(outcomes, shown)
                undo, refusal = _record(outcomes)
                noted = msgspec.structs.replace(
                    entry,
                    written_at=now(),
                    changed=to_json([len(outcome.rows) for outcome in outcomes]),
                    undo=undo,
                    refusal=refusal,
                )
                await Ledger(self.writer, transaction).note(noted)
                await transaction.commit()
        except (EngineFault, SqlFault) as fault:
            found = await self._settled("request", entry.request)
            if found is not None:
                return _again(found, entry.statements)
            if isinstance(fault, SqlFault):
                raise
            raise SqlFault(f"{told.write_sentence(fault, self._gate, None)}; nothing was changed") from fault
        note = refusal and f"it can't be undone: {refusal}"
        return Written(DONE, noted.id, noted.written_at, noted.rows, undo is not None, note)

    async def _undo(self, entry: Entry, principal: Principal, *, commit: bool) -> list[tuple[str, int]]:
        """Undo within a transaction, which is committed or taken back."""
        view = await self._gate.view(principal)
        known = attributes_of(principal)
        async with self._transaction() as transaction:
            ledger = Ledger(self.writer, transaction)
            if not await ledger.mark_undone(entry.id, now()):
                raise SqlFault("it was undone before")
            seen = Seen(self._gate, self._guard, transaction, view, known)
            undoing = Undoing(self._gate, self.settings, self.writer, transaction, view, seen)
            counts = await undoing.run(record_from(entry.undo or "[[],[]]"))
            if commit:
                await transaction.commit()
        return counts

    @contextlib.asynccontextmanager
    async def _transaction(self, *, writing: bool = True) -> AsyncIterator[Transaction]:
        """Begin a transaction that takes as long as a statement may."""
        async with self.writer.transaction(self._gate.limits.seconds, writing=writing) as transaction:
            yield transaction

    async def _make_ledger(self) -> None:
        try:
            await self.writer.make_ledger()
        except EngineFault as fault:
            if fault.kind not in ("refused", "forbidden"):
                raise
            raise SqlFault(
                "nothing was changed: the table in which writes are noted is missing, and the login may not make it; "
                "an administrator does so with what `dragoman check` prints"
            ) from fault

    async def _find(self, column: str, value: str) -> Entry | None:
        """Return what is noted."""
        with self._gate.told():
            if not await self.writer.has_ledger():
                return None
            async with self._transaction(writing=False) as transaction:
                return await Ledger(self.writer, transaction).find(column, value)

    async def _settled(self, column: str, value: str) -> Entry | None:
        """Return what is noted once nobody writes it any more, after something went wrong in the middle.

        Raises:
            SqlFault: that can't be told now.
        """
        try:
            if not await self.writer.has_ledger():
                return None
            async with self._transaction() as transaction:
                ledger = Ledger(self.writer, transaction)
                entry = await ledger.find(column, value, lock=True)
                if entry is None and column == "request":
                    # A note that is not yet committed would be in the way of this one, until it is or is not.
                    try:
                        await ledger.note(Entry(value[:32], value, "", "", "", "", None, "[]", None, ""))
                    except EngineFault as fault:
                        if not told.is_duplicate(fault):
                            raise
                    else:
                        return None
                else:
                    return entry
            return await self._find(column, value)
        except EngineFault as fault:
            raise SqlFault(
                "the database went away in the middle, and whether it was written can't be told now: call again with "
                "the same key or id in a moment, it is never done twice"
            ) from fault


def _record(outcomes: Sequence[Outcome]) -> tuple[str | None, str]:
    """Return what undoing needs, or why there is no undoing.

    Raises:
        SqlFault: it would be too large to be kept.
    """
    for outcome in outcomes:
        if outcome.target.triggers:
            return None, f"{outcome.target.name} has triggers, whose effects elsewhere are not known"
    text = record_of(outcomes).packed()
    if len(text) > MOST_BYTES:
        raise SqlFault(f"its rows are too large to be kept for undoing ({len(text)} bytes): change fewer at a time")
    return text, ""


def _wholes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a digest of each statement's rows as they were, and of the values they get unless those are kept."""
    return [
        digest(
            outcome.change.verb,
            sorted(outcome.seals().items()),
            len(outcome.rows),
            [] if outcome.change.moving else sorted(map(to_json, outcome.planned)),
        )
        for outcome in outcomes
    ]


def _compare(outcomes: Sequence[Outcome], shown: _Preview) -> None:
    """Refuse what is not what was consented to.

    Raises:
        SqlFault: rows or values are others by now.
    """
    for number, (outcome, whole) in enumerate(zip(outcomes, _wholes(outcomes), strict=True)):
        if whole == shown.whole[number]:
            continue
        name = outcome.target.name
        about = f"{name} was changed by others since the preview"
        if shown.seals:
            before, today = shown.seals[number], outcome.seals()
            changed = sorted(key for key in {*before, *today} if before.get(key) != today.get(key))
            columns = ", ".join(column.name for column in outcome.target.key)
            if changed:
                about = f"rows of {name} were changed by others since the preview: {columns} {', '.join(changed[:5])}"
        raise SqlFault(f"{about}; nothing was changed. Call again to see what it would do now")


def _again(entry: Entry, asked: str) -> Written:
    """Return what is told about a request that was carried out before.

    Raises:
        SqlFault: it was another one.
    """
    if entry.statements != asked:
        raise SqlFault("this key was used for other statements: nothing was changed; take a new key")
    if entry.state == UNDONE:
        return _undone(entry, note="it was done before with this key, and undone since; nothing was changed now")
    note = "it was done before with this key; nothing was changed now"
    return Written("already done", entry.id, entry.written_at, entry.rows, entry.undo is not None, note)


def _undone(entry: Entry, note: str = "") -> Written:
    return Written("undone", entry.id, entry.undone_at or "", entry.rows, undoable=False, note=note)
