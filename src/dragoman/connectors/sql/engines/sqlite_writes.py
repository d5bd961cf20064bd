"""The write side of SQLite files: one program that holds a transaction while it is asked, killed when it is late.

The reading programs stay as they are, read-only. A cancelled caller's program is ended at once, and the file is as it
was or as it was meant to be: SQLite knows nothing between.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines import processes
from dragoman.connectors.sql.engines.engine import EngineFault, Page, Query, SqlLimits
from dragoman.connectors.sql.engines.sqlite import HARD_WATCHDOG_SECONDS, LOCK_SECONDS, path_of
from dragoman.connectors.sql.engines.writing import LEDGER, Cascade, Exact, Target, WriteColumn, named, packed, unpacked
from dragoman.connectors.sql.settings import SqlSettings

WORKER = Path(__file__).with_name("sqlite_write_worker.py")
FILE_BYTES = 16 * 2**40  # the journal and the file itself may grow: what limits them is the disk


class SqliteTransaction:
    """One transaction of one program.

    Args:
        program: who holds it.
        limits: what queries may use.
        end: when its time is over, on the monotonic clock.
    """

    def __init__(self, program: processes.Program, limits: SqlLimits, end: float) -> None:
        self._program = program
        self._limits = limits
        self._end = end

    async def target(self, relation: Relation) -> Target:
        """Return a table of the catalog as a writer sees it."""
        found = await self.exchange("target", name=relation.name)
        return Target(
            schema="",
            name=relation.name,
            columns=tuple(
                WriteColumn(each["name"], each["key"], each["generated"], "", named('"', each["name"]))
                for each in found["columns"]
            ),
            triggers=tuple(found["triggers"]),
            cascades=tuple(
                Cascade(each["table"], tuple(each["columns"]), each["deletes"], each["updates"])
                for each in found["cascades"]
            ),
        )

    async def read(self, query: Query, most: int, types: Sequence[str]) -> list[list[Exact]]:
        """Run a query that the guard let through and return its exact values."""
        sql, arguments = query.text("?{n}"), [*map(packed, query.arguments)]
        found = await self.exchange("read", sql=sql, arguments=arguments, most=most, width=len(types))
        return _exact(found["rows_"])

    async def page(self, query: Query, rows: int) -> Page:
        """Run a query that the guard let through and return its rows as callers see them."""
        found = await self.exchange(
            "page",
            sql=query.text("?{n}"),
            arguments=[*map(packed, query.arguments)],
            rows=rows,
            result_bytes=self._limits.result_bytes,
        )
        return Page(found["columns"], found["rows"], found["more"])

    async def ask(self, query: Query) -> list[list[Exact]]:
        """Run a query of ours."""
        found = await self.exchange("ask", sql=query.text("?{n}"), arguments=[*map(packed, query.arguments)])
        return _exact(found["rows_"])

    async def change(self, query: Query) -> int:
        """Run a statement of ours and return how many rows it met."""
        found = await self.exchange("ask", sql=query.text("?{n}"), arguments=[*map(packed, query.arguments)])
        return int(found["count"])

    async def insert(self, query: Query, target: Target, given: dict[str, Exact]) -> list[Exact]:
        """Run an INSERT of ours of one row and return the row's key."""
        del given
        *first, last = query.parts
        keys = ", ".join(column.read for column in target.key)
        (row,) = await self.ask(Query((*first, f"{last} RETURNING {keys}"), query.arguments))
        return row

    async def commit(self) -> None:
        """Make it durable; when this raises, it is not known whether it is."""
        await self.exchange("commit")

    async def exchange(self, operation: str, **request: Any) -> dict[str, Any]:
        """Ask the program, and turn every way of failing into an `EngineFault`; a cancelled caller ends it."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise EngineFault("timeout")
        frame = json.dumps({"operation": operation, **request}).encode()
        work = asyncio.ensure_future(
            asyncio.to_thread(self._program.exchange, frame, left + LOCK_SECONDS + HARD_WATCHDOG_SECONDS)
        )
        try:
            payload = await asyncio.shield(work)
        except asyncio.CancelledError:
            self._program.kill()
            await asyncio.wait({work})
            work.exception()
            raise
        except processes.ProgramLate:
            raise EngineFault("timeout") from None
        except processes.ProgramLost:
            raise EngineFault("lost") from None
        reply: dict[str, Any] = json.loads(payload)
        fault = reply.get("fault")
        if fault is not None:
            raise EngineFault(fault["kind"], fault["message"])
        return reply


def _exact(rows: list[list[Any]]) -> list[list[Exact]]:
    return [[unpacked(cell) for cell in row] for row in rows]


class SqliteWriter:
    """The write side of one SQLite file.

    Args:
        path: the file, absolute.
        limits: what queries within a write may use.
        functions: names of functions that an administrator allows besides the known safe ones.
    """

    quote = '"'
    lock = ""
    overriding = ""
    ledger_schema = ""
    text = ("", "")
    ledger = (
        (
            f"CREATE TABLE IF NOT EXISTS {LEDGER} (id TEXT PRIMARY KEY, request TEXT NOT NULL UNIQUE, "
            "principal TEXT NOT NULL, statements TEXT NOT NULL, state TEXT NOT NULL, written_at TEXT NOT NULL, "
            "undone_at TEXT, changed TEXT NOT NULL, undo TEXT, refusal TEXT NOT NULL)"
        ),
    )

    def __init__(self, path: Path, limits: SqlLimits, functions: Sequence[str] = ()) -> None:
        self.limits = limits
        settings = {
            "path": str(path),
            "uri": f"{path.as_uri()}?mode=rw",
            "functions": sorted(SQLITE.allowing(tuple(functions)).functions),
            "table_functions": sorted(SQLITE.table_functions),
            "limits": {
                "cell_bytes": limits.cell_bytes,
                "value_bytes": limits.value_bytes,
                "seconds": limits.seconds,
                "lock_seconds": LOCK_SECONDS,
            },
        }
        self._greeting = json.dumps(settings).encode()
        self._idle: list[processes.Program] = []
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def transaction(self, seconds: float, *, writing: bool = True) -> AsyncIterator[SqliteTransaction]:
        """Begin a transaction that may take so many seconds in all.

        Args:
            seconds: its time.
            writing: whether it takes the write lock; without it, nothing can be written.

        Raises:
            EngineFault: the file can't be written now; `locked` when somebody else writes.
        """
        if self._waiting >= self.limits.parallel + self.limits.waiting:
            raise EngineFault("busy")
        self._waiting += 1
        try:
            program = await self._program()
            healthy = False
            try:
                transaction = SqliteTransaction(program, self.limits, time.monotonic() + seconds)
                await transaction.exchange("begin", seconds=seconds, writing=writing)
                try:
                    yield transaction
                except Exception:  # and what cancels a caller ends the program instead
                    healthy = await self._rolled_back(program)
                    raise
                healthy = await self._rolled_back(program)
            finally:
                if healthy and program.alive() and len(self._idle) < self.limits.parallel:
                    self._idle.append(program)
                else:
                    await asyncio.to_thread(program.close)
        finally:
            self._waiting -= 1

    async def has_ledger(self) -> bool:
        """Return whether the table in which writes are noted is there."""
        async with self.transaction(self.limits.seconds, writing=False) as transaction:
            question = f"SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '{LEDGER}'"  # noqa: S608
            return bool(await transaction.ask(Query((question,))))

    async def make_ledger(self) -> None:
        """Make that table where it is missing."""
        if await self.has_ledger():
            return
        async with self.transaction(self.limits.seconds) as transaction:
            for statement in self.ledger:
                await transaction.change(Query((statement,)))
            await transaction.commit()

    async def close(self) -> None:
        """End the programs; the next write starts new ones."""
        while self._idle:
            await asyncio.to_thread(self._idle.pop().close)

    async def _rolled_back(self, program: processes.Program) -> bool:
        """Forget a transaction; False when its program can't be used again, which forgets it as well."""
        try:
            await SqliteTransaction(program, self.limits, time.monotonic() + 1).exchange("rollback")
        except EngineFault:
            return False
        return True

    async def _program(self) -> processes.Program:
        while self._idle:
            program = self._idle.pop()
            if program.alive():
                return program
            program.close()
        arguments = [str(self.limits.memory_bytes), str(FILE_BYTES)]
        starting = asyncio.ensure_future(asyncio.to_thread(processes.Program, WORKER, arguments, self._greeting))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_close)
            raise
        except processes.ProgramLost:
            raise EngineFault("lost") from None


def _close(starting: "asyncio.Future[processes.Program]") -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().close()


def open_writer(settings: SqlSettings) -> SqliteWriter:
    """Return the write side of a file that need not exist yet.

    Raises:
        ValueError: the URL names no file.
    """
    return SqliteWriter(path_of(settings.url), settings.limits(), settings.allow_functions)
