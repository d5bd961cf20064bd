"""PostgreSQL as an engine: one statement at a time, in a read-only transaction that is always rolled back.

The extended protocol takes one statement and no second (security finding 2): agents' statements go no other way.
What the driver is asked in the simple protocol are constants of this module. A connection that is handed back is
as it was when it was new (invariant P20); one on which anything went wrong, or somebody gave up, is dropped after
what it runs has been cancelled in the server. This module is loaded, and with it the
driver, asyncpg, by the first such URL.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg
from msgspec import Struct

from dragoman.connectors.sql.catalog import Catalog, Count, Details, Relation
from dragoman.connectors.sql.dialects import POSTGRESQL
from dragoman.connectors.sql.engines import postgresql_catalog as schema
from dragoman.connectors.sql.engines import postgresql_types as types
from dragoman.connectors.sql.engines.addresses import address_of, tls_context
from dragoman.connectors.sql.engines.counting import count_in_time
from dragoman.connectors.sql.engines.engine import EngineFault, Page, Plan, Query, Rights, SqlLimits
from dragoman.connectors.sql.engines.pool import Pool
from dragoman.connectors.sql.engines.postgresql_faults import fault_of, may_be_stale
from dragoman.connectors.sql.settings import PoolSettings, SqlSettings, TlsSettings
from dragoman.connectors.sql.values import weight

WATCHDOG_SECONDS = 0.5
SCHEMA_SECONDS = 10.0
LOCK_SECONDS = 1.0
CANCEL_SECONDS = 1.0
CATALOG_SECONDS = 60.0
REMEMBERED = 200

# What the parser of statements assumes, and what keeps a session from outliving its use. In force for each
# transaction; nothing of it is a string of anybody else.
_PINNED = {
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "row_security": "on",
    "DateStyle": "'ISO, YMD'",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "default_transaction_read_only": "on",
    "max_parallel_workers_per_gather": "0",  # a cursor is never run in parallel: let plans say so
}
_RESET = (
    "ROLLBACK; RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *; "
    "SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD SEQUENCES; DISCARD TEMP"
)
_UNTYPED = re.compile(r"parameter \$(\d+)")

_BROKEN = (OSError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError)

Answer = TypeVar("Answer")


class _Prepared(Struct, frozen=True):
    """A statement as it is asked: with casts of its parameters, what stands around it, what its parameters need."""

    inner: str
    output: types.Output
    parameters: tuple[Any, ...]


class _Stale(Exception):
    """A connection that had been free turned out to be broken before anything was asked."""


class PostgresqlEngine:
    """One PostgreSQL database, read-only.

    Args:
        url: `postgresql://user:password@host:port/database`; `?host=/folder` names the folder of a socket.
        limits: what one statement may use.
        pool: how many connections, and how long they are kept.
        tls: how connections are encrypted.
        schemas: schemas that are served; empty for `public`.

    Raises:
        ValueError: the URL or the files of `tls` can't be used.
    """

    dialect = POSTGRESQL

    def __init__(
        self,
        url: str,
        limits: SqlLimits,
        *,
        pool: PoolSettings | None = None,
        tls: TlsSettings | None = None,
        schemas: Sequence[str] = (),
    ) -> None:
        self.address = address_of(url, ("postgresql", "postgres"), 5432)
        self.limits = limits
        self.schemas = tuple(schemas) or (self.dialect.schema,)
        self._settings = pool or PoolSettings()
        tls = tls or TlsSettings()
        plain = tls.mode == "prefer" and tls.ca is None and tls.certificate is None
        self._tls: Any = "prefer" if plain else (tls_context(tls) or False)
        self._checks_clients: bool | None = None
        self._pool: Pool[Any] | None = None
        self._catalog: tuple[Catalog, float] | None = None
        self._prepared: dict[Any, _Prepared] = {}

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return what the login may read; `fresh` asks anew instead of trusting the answer of the last minute.

        Raises:
            EngineFault: the database can't be read.
        """
        if not fresh and self._catalog is not None and time.monotonic() - self._catalog[1] < CATALOG_SECONDS:
            return self._catalog[0]
        catalog = await self._ask(SCHEMA_SECONDS, lambda session: schema.read(session, self.schemas))
        if self._catalog is not None and self._catalog[0].version != catalog.version:
            self._prepared.clear()
        self._catalog = (catalog, time.monotonic())
        return catalog

    async def run(self, query: Query, *, skip: int, rows: int, limits: SqlLimits | None = None) -> Page:
        """Run one statement and return some of its rows; `limits` instead of the engine's own.

        Raises:
            EngineFault: the statement failed, took too long or asked for too much, or the server is not there.
        """
        limits = limits or self.limits
        return await self._ask(limits.seconds, lambda session: self._page(session, query, skip, rows, limits))

    async def explain(self, query: Query) -> Plan:
        """Return how one statement would be run, without running any of it.

        Raises:
            EngineFault: the statement can't be planned, or the server is not there.
        """
        known = await self.catalog()

        async def ask(session: Any) -> Plan:
            if not query.arguments:
                rows = await session.fetch(f"EXPLAIN (FORMAT JSON) {query.parts[0]}")
                return schema.plan(json.loads(rows[0][0]), known)
            # A plan for any values names none: a bound value may be a secret of the policy.
            inner = (await self._prepare(session, query, self.limits)).inner
            await session.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            await session.fetch(f"PREPARE dragoman_plan AS {inner}")
            try:
                nothing = ", ".join(["NULL"] * len(query.arguments))
                rows = await session.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE dragoman_plan({nothing})")
            finally:
                await session.execute("ROLLBACK; DEALLOCATE dragoman_plan")
            return schema.plan(json.loads(rows[0][0]), known)

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
        name = f"{types.quoted(relation.schema or self.schemas[0])}.{types.quoted(relation.name)}"
        question = f"SELECT count(*) FROM {name}"  # noqa: S608 (a name of the catalog, quoted)
        return int(await self._ask(seconds, lambda session: session.fetchval(question)))

    async def _page(self, session: Any, query: Query, skip: int, rows: int, limits: SqlLimits) -> Page:
        """Run a statement through a cursor of the server, and stop when rows or bytes are enough."""
        end = time.monotonic() + limits.seconds
        cursor, output = await self._open(session, query, limits)
        if skip:
            await cursor.forward(skip)
        room = limits.result_bytes - weight(list(output.columns))
        kept: list[list[Any]] = []
        while True:
            if time.monotonic() > end:
                raise EngineFault("timeout")
            wanted = min(output.at_once, rows + 1 - len(kept))
            some = await cursor.fetch(wanted)
            for row in some:
                cells = output.cells(row)
                room -= weight(cells)
                if room < 0 and not kept:
                    raise EngineFault("wide_row")
                if room < 0 or len(kept) == rows:
                    return Page(output.columns, kept, more=True)
                kept.append(cells)
            if len(some) < wanted:
                return Page(output.columns, kept, more=False)

    async def _open(self, session: Any, query: Query, limits: SqlLimits) -> tuple[Any, types.Output]:
        """Return a cursor over a statement, and how its rows are read.

        Raises:
            _Stale: what was remembered of the statement is no longer true.
        """
        remembered = self._key(query, limits) in self._prepared
        prepared = await self._prepare(session, query, limits)
        bound = [types.bound(kind, value) for kind, value in zip(prepared.parameters, query.arguments, strict=True)]
        try:
            return await session.cursor(prepared.output.sql, *bound), prepared.output
        except asyncpg.PostgresError as error:
            if not remembered or not may_be_stale(error.sqlstate):
                raise
            self._forget()
            raise _Stale from None

    @staticmethod
    def _key(query: Query, limits: SqlLimits) -> Any:
        return (query.parts, tuple(map(type, query.arguments)), limits.cell_bytes)

    async def _prepare(self, session: Any, query: Query, limits: SqlLimits) -> _Prepared:
        """Return how a statement is asked, from memory or by having the server look at it alone."""
        key = self._key(query, limits)
        known = self._prepared.get(key)
        if known is not None:
            return known
        casts: dict[int, str] = {}
        state = await self._look_at(session, query, casts)
        parameters = state.get_parameters()
        for n, kind in enumerate(parameters, 1):
            name = types.as_text(kind)
            if name is not None:
                casts[n] = f"(${n}::pg_catalog.text)::{name}"
        columns = [(each.name, each.type) for each in state.get_attributes()]
        if not columns:
            raise EngineFault("refused", "not a query")
        inner = types.with_casts(query, casts)
        made = _Prepared(inner, types.output(inner, columns, limits.cell_bytes), tuple(parameters))
        while len(self._prepared) >= REMEMBERED:
            del self._prepared[next(iter(self._prepared))]
        self._prepared[key] = made
        return made

    async def _look_at(self, session: Any, query: Query, casts: dict[int, str]) -> Any:
        """Have the server parse a statement; a parameter of no known type gets the one of its value."""
        for _ in range(len(query.arguments) + 1):
            await session.execute("SAVEPOINT dragoman_look")
            try:
                return await session.prepare(types.with_casts(query, casts), name="")
            except asyncpg.PostgresError as error:
                found = _UNTYPED.search(str(error)) if error.sqlstate in ("42P18", "42P08") else None
                if found is None or not 0 < int(found[1]) <= len(query.arguments) or int(found[1]) in casts:
                    raise
                n = int(found[1])
                casts[n] = f"${n}::{types.guessed(query.arguments[n - 1])}"
                await session.execute("ROLLBACK TO SAVEPOINT dragoman_look")
        raise EngineFault("statement", "42P18 parameters")

    async def _ask(self, seconds: float, question: Callable[[Any], Awaitable[Answer]]) -> Answer:
        """Ask within one transaction; when a connection was found broken before anything ran, ask once more."""
        try:
            return await self._ask_once(seconds, question, fresh=False)
        except _Stale:
            return await self._ask_once(seconds, question, fresh=True)

    async def _ask_once(self, seconds: float, question: Callable[[Any], Awaitable[Answer]], *, fresh: bool) -> Answer:
        pool = self._connections()
        async with pool.connection(seconds, fresh=fresh) as session:
            try:
                async with asyncio.timeout(seconds + WATCHDOG_SECONDS):
                    return await self._within(session, seconds, question, fresh=fresh)
            except TimeoutError:
                raise EngineFault("timeout") from None
            except _Answered as answered:
                fault = answered.fault
            except _BROKEN:
                raise EngineFault("away") from None
        raise fault

    async def _within(
        self, session: Any, seconds: float, question: Callable[[Any], Awaitable[Answer]], *, fresh: bool
    ) -> Answer:
        """Begin, ask, roll back.

        Raises:
            _Answered: the server refused, and the connection is as new.
            _Stale: the connection was broken before anything was asked.
            EngineFault: it is not known what state the connection is in.
        """
        try:
            await session.execute(self._begin(seconds))
        except (*_BROKEN, asyncpg.PostgresError):
            if fresh:
                raise
            raise _Stale from None
        answer = await self._answer(session, question, fresh=fresh)
        await session.execute(_RESET)
        if isinstance(answer, EngineFault):
            raise _Answered(answer)
        return answer

    async def _answer(
        self, session: Any, question: Callable[[Any], Awaitable[Answer]], *, fresh: bool
    ) -> Answer | EngineFault:
        """Return the answer, or the fault after which the connection can be used again."""
        try:
            return await question(session)
        except (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError):
            self._forget()
            if fresh:
                raise EngineFault("away") from None
            raise _Stale from None
        except asyncpg.PostgresError as error:
            if may_be_stale(error.sqlstate):
                self._forget()
            fault = fault_of(error.sqlstate, str(error.args[0]))
            if fault.kind == "away":
                raise fault from None
            return fault
        except EngineFault as fault:
            return fault
        except asyncpg.UnsupportedClientFeatureError:
            return EngineFault("refused")

    def _forget(self) -> None:
        """Trust nothing that was learned of the schema: it may have changed."""
        self._prepared.clear()
        self._catalog = None

    def _begin(self, seconds: float) -> str:
        """Return what begins a transaction: read-only, with limits of the server and what parsing depends on."""
        milliseconds = max(1, round(seconds * 1000))
        settings = {
            **_PINNED,
            "statement_timeout": str(milliseconds),
            "lock_timeout": str(min(milliseconds, round(LOCK_SECONDS * 1000))),
            "idle_in_transaction_session_timeout": str(milliseconds + 5000),
            "search_path": ", ".join(map(types.quoted, self.schemas)),
        }
        if self._checks_clients:
            settings["client_connection_check_interval"] = "1000"
        return "BEGIN READ ONLY; " + "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())

    def _connections(self) -> Pool[Any]:
        if self._pool is None:
            self._pool = Pool(
                self._connect,
                lambda session: not session.is_closed(),
                self._drop,
                size=self._settings.size,
                waiting=self._settings.waiting,
                idle=float(self._settings.idle),
            )
        return self._pool

    async def _connect(self) -> Any:
        address = self.address
        session = None
        try:
            async with asyncio.timeout(float(self._settings.connect_timeout)):
                session = await asyncpg.connect(
                    host=address.socket or address.host,
                    port=address.port,
                    user=address.user,
                    password=address.password,
                    database=address.database,
                    ssl=False if address.socket else self._tls,
                    statement_cache_size=REMEMBERED // 2,
                    max_cacheable_statement_size=0,
                    server_settings={"application_name": "dragoman"},
                )
                await self._learn(session)
        except (*_BROKEN, asyncpg.PostgresError, TimeoutError, asyncio.CancelledError) as error:
            if session is not None:
                session.terminate()
            raise _connect_fault(error) from None
        return session

    async def _learn(self, session: Any) -> None:
        """Find out, once, whether this server notices by itself that a client has gone (PostgreSQL 14)."""
        if self._checks_clients is None:
            try:
                await session.execute("SET client_connection_check_interval = 1000; RESET ALL")
            except asyncpg.PostgresError:
                self._checks_clients = False
            else:
                self._checks_clients = True

    async def _drop(self, session: Any) -> None:
        """Close a connection once what it ran is cancelled; one that does not answer is cut off."""
        try:
            await session.close(timeout=CANCEL_SECONDS)
        except (*_BROKEN, asyncpg.PostgresError, TimeoutError, asyncio.CancelledError):
            session.terminate()


def _connect_fault(error: BaseException) -> BaseException:
    """Return what is raised when connecting failed; errors that are not about connecting as they are."""
    if isinstance(error, asyncpg.PostgresError):
        fault = fault_of(error.sqlstate, "")
        return fault if fault.kind in ("login", "crowded") else EngineFault("unreachable", fault.message)
    if isinstance(error, (*_BROKEN, TimeoutError)):
        return EngineFault("unreachable", type(error).__name__)
    return error


class _Answered(Exception):
    """The server refused what was asked; the connection is as new."""

    def __init__(self, fault: EngineFault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


def open_engine(settings: SqlSettings) -> PostgresqlEngine:
    """Return the engine of a connector, connected to nothing yet.

    Raises:
        ValueError: the URL or the files of `tls` can't be used.
    """
    return PostgresqlEngine(
        settings.url, settings.limits(), pool=settings.pool, tls=settings.tls, schemas=settings.schemas
    )
