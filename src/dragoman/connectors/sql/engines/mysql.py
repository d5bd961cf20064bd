"""MySQL and MariaDB as an engine: one statement at a time, in a read-only transaction that is always rolled back.

The connection takes one statement and no second. A connection that is handed back is reset by the server itself
(invariant P20). One on which anything went wrong, or somebody gave up, is dropped, after a second one has killed
what it runs: these servers do not notice by themselves that a client has gone. This module is loaded, and with it
the driver, aiomysql, by the first such URL.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pymysql

from dragoman.connectors.sql.catalog import Catalog, Count, Details, Relation
from dragoman.connectors.sql.dialects import MYSQL
from dragoman.connectors.sql.engines import mysql_catalog as schema
from dragoman.connectors.sql.engines.addresses import address_of, tls_context
from dragoman.connectors.sql.engines.counting import count_in_time
from dragoman.connectors.sql.engines.engine import EngineFault, Page, Plan, Query, Rights, SqlLimits
from dragoman.connectors.sql.engines.mysql_faults import UNTRUE, fault_of, may_be_stale
from dragoman.connectors.sql.engines.mysql_values import reader, with_literals
from dragoman.connectors.sql.engines.mysql_wire import Rows, Session
from dragoman.connectors.sql.engines.pool import Pool
from dragoman.connectors.sql.settings import PoolSettings, SqlSettings, TlsSettings
from dragoman.connectors.sql.values import weight

WATCHDOG_SECONDS = 0.5
SCHEMA_SECONDS = 10.0
KILL_SECONDS = 1.0
CATALOG_SECONDS = 60.0
LEFT_OVER = 50
LEFT_OVER_SECONDS = 0.05

# What would have the parser of the server read a statement otherwise than ours has written it.
_READING_MODES = frozenset(
    "ANSI ANSI_QUOTES DB2 EMPTY_STRING_IS_NULL HIGH_NOT_PRECEDENCE IGNORE_SPACE MAXDB MSSQL NO_BACKSLASH_ESCAPES "
    "NO_FIELD_OPTIONS NO_KEY_OPTIONS NO_TABLE_OPTIONS ORACLE PIPES_AS_CONCAT POSTGRESQL REAL_AS_FLOAT".split()
)
_BROKEN = (OSError, EOFError, pymysql.err.InterfaceError)

Answer = TypeVar("Answer")


class _Stale(Exception):
    """A connection that had been free turned out to be broken before anything was asked."""


class _Answered(Exception):
    """The server refused what was asked; the connection is as new."""

    def __init__(self, fault: EngineFault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


class MysqlEngine:
    """One database of MySQL or MariaDB, read-only.

    Args:
        url: `mysql://user:password@host:port/database`; `?socket=/file` names a socket.
        limits: what one statement may use.
        pool: how many connections, and how long they are kept.
        tls: how connections are encrypted.
        schemas: databases that are served; empty for the one of the URL.

    Raises:
        ValueError: the URL or the files of `tls` can't be used.
    """

    dialect = MYSQL

    def __init__(
        self,
        url: str,
        limits: SqlLimits,
        *,
        pool: PoolSettings | None = None,
        tls: TlsSettings | None = None,
        schemas: Sequence[str] = (),
    ) -> None:
        self.address = address_of(url, ("mysql", "mariadb"), 3306)
        self.limits = limits
        self.schemas = tuple(schemas) or (self.address.database,)
        self._settings = pool or PoolSettings()
        tls = tls or TlsSettings()
        self._tls = None if self.address.socket else tls_context(tls)
        plain = tls.mode == "prefer" and tls.ca is None and tls.certificate is None
        self._tls_required = self._tls is not None and not plain
        self._mariadb = False
        self._modes = ""
        self._pool: Pool[Session] | None = None
        self._catalog: tuple[Catalog, float] | None = None

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return what the login may read; `fresh` asks anew instead of trusting the answer of the last minute.

        Raises:
            EngineFault: the database can't be read.
        """
        if not fresh and self._catalog is not None and time.monotonic() - self._catalog[1] < CATALOG_SECONDS:
            return self._catalog[0]
        catalog = await self._ask(SCHEMA_SECONDS, lambda session: schema.read(session, self.schemas))
        self._catalog = (catalog, time.monotonic())
        return catalog

    async def run(self, query: Query, *, skip: int, rows: int, limits: SqlLimits | None = None) -> Page:
        """Run one statement and return some of its rows; `limits` instead of the engine's own.

        Raises:
            EngineFault: the statement failed, took too long or asked for too much, or the server is not there.
        """
        limits = limits or self.limits
        sql = with_literals(query)
        return await self._ask(limits.seconds, lambda session: self._page(session, sql, skip, rows, limits))

    async def explain(self, query: Query) -> Plan:
        """Return how one statement would be run, without running any of it.

        Raises:
            EngineFault: the statement can't be planned, or the server is not there.
        """
        sql = with_literals(query)

        async def ask(session: Session) -> Plan:
            page = await self._page(session, f"EXPLAIN FORMAT=JSON {sql}", 0, 1, _PLAN_LIMITS)
            return schema.plan(page.rows[0][0])

        return await self._ask(self.limits.seconds, ask)

    async def describe(self, relation: Relation) -> Details:
        """Return keys, indexes and row count of a relation of the catalog, and no row.

        Raises:
            EngineFault: the database can't be read.
        """
        keys, indexes = await self._ask(
            SCHEMA_SECONDS, lambda session: schema.keys_and_indexes(session, relation, self.schemas)
        )
        (count,) = await self.counts([relation])
        return Details(foreign_keys=keys, indexes=indexes, count=count)

    async def counts(self, relations: Sequence[Relation]) -> list[Count]:
        """Return the row counts of relations of the catalog, as far as one second reaches.

        Raises:
            EngineFault: the database can't be read.
        """
        return await count_in_time(relations, self._count)

    async def rights(self) -> Rights:
        """Return what the login may do beyond reading.

        Raises:
            EngineFault: the database can't be read.
        """
        known = await self.catalog()
        return await self._ask(SCHEMA_SECONDS, lambda session: schema.rights(session, known, self.schemas))

    async def close(self) -> None:
        """End what runs and close the connections; the next question opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _count(self, relation: Relation, seconds: float) -> int:
        name = f"{schema.quoted(relation.schema or self.schemas[0])}.{schema.quoted(relation.name)}"
        question = f"SELECT count(*) FROM {name}"  # noqa: S608 (a name of the catalog, quoted)
        rows = await self._ask(seconds, lambda session: session.ask(question))
        return int(rows[0][0])

    async def _page(self, session: Session, sql: str, skip: int, rows: int, limits: SqlLimits) -> Page:
        """Run a statement, take its rows as they come, and stop when rows or bytes are enough."""
        end = time.monotonic() + limits.seconds
        found = await session.start(sql, limits.cell_bytes, 2 * limits.result_bytes)
        columns = [field.name for field in found.fields]
        readers = [reader(field, limits.cell_bytes) for field in found.fields]
        room = limits.result_bytes - weight(list(columns))
        kept: list[list[Any]] = []
        more = False
        while (raw := await found.next()) is not None:
            if time.monotonic() > end:
                raise EngineFault("timeout")
            if skip:
                skip -= 1
                continue
            cells = [read(cell) for read, cell in zip(readers, raw, strict=True)]
            room -= weight(cells)
            if room < 0 and not kept:
                raise EngineFault("wide_row")
            if room < 0 or len(kept) == rows:
                more = True
                break
            kept.append(cells)
        if more:
            await self._finish(found)
        elif found.warnings:
            await self._look_at_warnings(session)
        return Page(columns, kept, more=more)

    @staticmethod
    async def _finish(found: Rows) -> None:
        """Read the few rows that may be left, so that the connection need not be dropped for them."""
        with contextlib.suppress(TimeoutError, EngineFault, pymysql.err.MySQLError):
            async with asyncio.timeout(LEFT_OVER_SECONDS):
                for _ in range(LEFT_OVER):
                    if await found.next() is None:
                        return

    @staticmethod
    async def _look_at_warnings(session: Session) -> None:
        """Refuse a result of which the server itself says that it is not what was asked for.

        Raises:
            EngineFault: the fault that a warning is.
        """
        for _, number, _ in await session.ask("SHOW WARNINGS LIMIT 64"):
            fault = UNTRUE.get(int(number))
            if fault is not None:
                raise EngineFault(fault.kind, fault.message)

    async def _ask(self, seconds: float, question: Callable[[Session], Awaitable[Answer]]) -> Answer:
        """Ask within one transaction; when a connection was found broken before anything ran, ask once more."""
        try:
            return await self._ask_once(seconds, question, fresh=False)
        except _Stale:
            return await self._ask_once(seconds, question, fresh=True)

    async def _ask_once(
        self, seconds: float, question: Callable[[Session], Awaitable[Answer]], *, fresh: bool
    ) -> Answer:
        async with self._connections().connection(seconds, fresh=fresh) as session:
            try:
                async with asyncio.timeout(seconds + WATCHDOG_SECONDS):
                    return await self._within(session, seconds, question, fresh=fresh)
            except TimeoutError:
                raise EngineFault("timeout") from None
            except _Answered as answered:
                fault = answered.fault
            except (*_BROKEN, pymysql.err.MySQLError):
                raise EngineFault("away") from None
        raise fault

    async def _within(
        self, session: Session, seconds: float, question: Callable[[Session], Awaitable[Answer]], *, fresh: bool
    ) -> Answer:
        """Begin, ask, reset.

        Raises:
            _Answered: the server refused, and the connection is as new.
            _Stale: the connection was broken before anything was asked.
            EngineFault: it is not known what state the connection is in.
        """
        try:
            await session.ask(self._pins(seconds))
            await session.ask("START TRANSACTION READ ONLY")
        except (*_BROKEN, pymysql.err.MySQLError):
            if fresh:
                raise
            raise _Stale from None
        answer: Answer | EngineFault
        try:
            answer = await question(session)
        except pymysql.err.MySQLError as error:
            answer = self._fault_of(error)
            session.running = False
            if answer.kind == "away":
                raise answer from None
        except EngineFault as fault:
            answer = fault
        if session.running or session.broken:  # rows are left that nobody wants: dropping it kills what runs
            if isinstance(answer, EngineFault):
                raise answer
            return answer
        await session.reset()
        if isinstance(answer, EngineFault):
            raise _Answered(answer)
        return answer

    def _fault_of(self, error: pymysql.err.MySQLError) -> EngineFault:
        number, message = (*error.args, 2013, "")[:2] if error.args else (2013, "")
        if not isinstance(number, int):
            return EngineFault("away")
        if may_be_stale(number):
            self._catalog = None
        return fault_of(number, str(message))

    def _pins(self, seconds: float) -> str:
        """Return what sets a session up: how statements are read, and how long they may take."""
        read_only, deadline = (
            ("tx_read_only", f"max_statement_time = {seconds:.3f}")
            if self._mariadb
            else ("transaction_read_only", f"max_execution_time = {max(1, round(seconds * 1000))}")
        )
        return (
            f"SET SESSION sql_mode = '{self._modes}', SESSION {read_only} = 1, SESSION {deadline}, "
            "SESSION character_set_client = utf8mb4, SESSION character_set_connection = utf8mb4, "
            "SESSION character_set_results = utf8mb4, SESSION lock_wait_timeout = 1, SESSION autocommit = 1, "
            f"SESSION innodb_lock_wait_timeout = 1, SESSION net_write_timeout = {round(seconds) + 5}"
        )

    def _connections(self) -> Pool[Session]:
        if self._pool is None:
            self._pool = Pool(
                self._connect,
                lambda session: session.usable,
                self._drop,
                size=self._settings.size,
                waiting=self._settings.waiting,
                idle=float(self._settings.idle),
            )
        return self._pool

    def _session(self) -> Session:
        address = self.address
        return Session(
            tls=self._tls,
            tls_required=self._tls_required,
            host=address.host or None,
            port=address.port,
            unix_socket=address.socket or None,
            user=address.user,
            password=address.password or "",
            db=address.database,
            program_name="dragoman",
        )

    async def _connect(self) -> Session:
        session = self._session()
        try:
            async with asyncio.timeout(float(self._settings.connect_timeout)):
                await session.open()
                ((version, modes),) = await session.ask("SELECT VERSION(), @@SESSION.sql_mode")
        except (*_BROKEN, pymysql.err.MySQLError, TimeoutError, asyncio.CancelledError) as error:
            session.close()
            raise _connect_fault(error) from None
        self._mariadb = "mariadb" in version.lower()
        self._modes = ",".join(mode for mode in modes.split(",") if mode and mode not in _READING_MODES)
        return session

    async def _drop(self, session: Session) -> None:
        """Close a connection; when it runs something, have that killed through another one first."""
        with contextlib.suppress(*_BROKEN, pymysql.err.MySQLError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(KILL_SECONDS):
                if session.running or session.broken:
                    await self._kill(session)
                else:
                    await session.ensure_closed()
        session.close()

    async def _kill(self, session: Session) -> None:
        thread = session.thread_id()
        session.close()
        other = self._session()
        try:
            await other.open()
            await other.ask(f"KILL {int(thread)}")
        finally:
            other.close()


def _connect_fault(error: BaseException) -> BaseException:
    """Return what is raised when connecting failed; a cancelled call stays one."""
    if isinstance(error, asyncio.CancelledError):
        return error
    if isinstance(error, pymysql.err.MySQLError) and error.args and isinstance(error.args[0], int):
        fault = fault_of(error.args[0], "")
        if fault.kind in ("login", "crowded"):
            return fault
    return EngineFault("unreachable", type(error).__name__)


_PLAN_LIMITS = SqlLimits(result_bytes=4 * 2**20, cell_bytes=2**20)


def open_engine(settings: SqlSettings) -> MysqlEngine:
    """Return the engine of a connector, connected to nothing yet.

    Raises:
        ValueError: the URL or the files of `tls` can't be used.
    """
    return MysqlEngine(settings.url, settings.limits(), pool=settings.pool, tls=settings.tls, schemas=settings.schemas)
