"""Any database that SQLAlchemy reaches: one statement at a time, in a transaction that is always rolled back.

A driver that blocks runs in threads of its own, one for each connection; one for asyncio runs in the event loop. What
runs is the text that the guard has written, never SQLAlchemy's own SQL. How a kind of database is told to be read-only
and to hold to a time is a table in `sqlalchemy_kinds`; one that is not there is held by the guard, the rollback, and
a watchdog that breaks the connection. This module is loaded, and with it SQLAlchemy, by the first such URL.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from dragoman import Secret
from dragoman.connectors.sql.catalog import Catalog, Count, Details, Relation
from dragoman.connectors.sql.dialects.generic import dialect_of
from dragoman.connectors.sql.engines import sqlalchemy_catalog as schema
from dragoman.connectors.sql.engines.counting import count_in_time
from dragoman.connectors.sql.engines.engine import EngineFault, Page, Plan, Query, Rights, SqlLimits
from dragoman.connectors.sql.engines.pool import Pool
from dragoman.connectors.sql.engines.sqlalchemy_kinds import Kind, fault_of, kind_of, package_of
from dragoman.connectors.sql.engines.sqlalchemy_sessions import EventLoopSession, Session, ThreadSession
from dragoman.connectors.sql.settings import PoolSettings, SqlSettings
from dragoman.connectors.sql.values import cell, weight

CATALOG_SECONDS = 60.0
SCHEMA_SECONDS = 10.0
WATCHDOG_SECONDS = 0.5
ROWS_AT_ONCE = 100
_UNTOLD = "the plan of this kind of database is not told"

Answer = TypeVar("Answer")


class SqlalchemyEngine:
    """One database behind a driver of SQLAlchemy, read-only.

    Args:
        url: as SQLAlchemy writes it, perhaps secret.
        limits: what one statement may use.
        pool: how many connections, and how long they are kept.
        schemas: schemas that are served; empty for the default one.

    Raises:
        ValueError: the URL can't be used, or what it needs is not installed.
    """

    def __init__(
        self, url: str, limits: SqlLimits, *, pool: PoolSettings | None = None, schemas: Sequence[str] = ()
    ) -> None:
        self.limits = limits
        self.schemas = tuple(schemas)
        self._settings = pool or PoolSettings()
        self._url, self._is_async = _readable(url)
        self.kind: Kind = kind_of(self._url.get_backend_name())
        self.dialect = dialect_of(self._url.get_backend_name())
        self._pool: Pool[Session] | None = None
        self._catalog: tuple[Catalog, float] | None = None

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return what the inspector finds; `fresh` asks anew instead of trusting the answer of the last minute.

        Raises:
            EngineFault: the database can't be read.
        """
        if not fresh and self._catalog is not None and time.monotonic() - self._catalog[1] < CATALOG_SECONDS:
            return self._catalog[0]
        catalog = await self._ask(SCHEMA_SECONDS, lambda connection: schema.read(connection, self.schemas))
        self._catalog = (catalog, time.monotonic())
        return catalog

    async def run(self, query: Query, *, skip: int, rows: int, limits: SqlLimits | None = None) -> Page:
        """Run one statement and return some of its rows; `limits` instead of the engine's own.

        Raises:
            EngineFault: the statement failed, took too long or asked for too much, or the server is not there.
        """
        limits = limits or self.limits
        return await self._ask(limits.seconds, lambda connection: _page(connection, query, skip, rows, limits))

    async def explain(self, query: Query) -> Plan:
        """Have the database plan a statement, without running any of it; what its plan says is not told.

        Raises:
            EngineFault: the statement can't be planned, or the server is not there.
        """
        prefix = self.kind.explain
        if prefix is None:
            return Plan(_UNTOLD, None, None, ())
        first, *rest = query.parts
        asked = Query((f"{prefix} {first}", *rest), query.arguments)
        limits = SqlLimits(seconds=self.limits.seconds, rows=1000, result_bytes=4 * 2**20)
        page = await self._ask(self.limits.seconds, lambda connection: _page(connection, asked, 0, 1000, limits))
        # Texts of plans hold values of the statement and of its masks; SQLite's hold names only.
        steps = [str(row[-1]) for row in page.rows] if self.kind.tells_plan else [f"it can be run; {_UNTOLD}"]
        return Plan("\n".join(steps), None, None, ())

    async def describe(self, relation: Relation) -> Details:
        """Return keys, indexes and row count of a relation of the catalog, and no row.

        Raises:
            EngineFault: the database can't be read.
        """
        keys, indexes = await self._ask(
            SCHEMA_SECONDS, lambda connection: schema.keys_and_indexes(connection, relation)
        )
        (count,) = await self.counts([relation])
        return Details(foreign_keys=keys, indexes=indexes, count=count)

    async def counts(self, relations: Sequence[Relation]) -> list[Count]:
        """Return the row counts of relations of the catalog, as far as one second reaches.

        Raises:
            EngineFault: the database can't be read.
        """
        return await count_in_time(relations, lambda relation, seconds: self._ask(seconds, _counting(relation)))

    async def rights(self) -> Rights:
        """Return that nothing is known: what a login may do is told differently by every kind of database."""
        held = "" if self.kind.read_only else ", and this kind of database has no read-only transactions"
        return Rights(
            unknown=f"what the login may do can't be told for {self.dialect.title}{held}: give it one that may only "
            "read what is served"
            + ("" if self.dialect.parsed else "; statements can't be judged either, so only declared queries run")
        )

    async def close(self) -> None:
        """End what runs and close the connections; the next question opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _ask(self, seconds: float, work: Callable[[Connection], Answer]) -> Answer:
        """Do a piece of work in a transaction that is rolled back.

        Raises:
            EngineFault: it failed. A connection of which it is not known what became of it is dropped.
        """
        fault: EngineFault
        async with self._connections().connection(seconds) as session:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(seconds + WATCHDOG_SECONDS):
                    return await session.do(lambda connection: self._within(connection, seconds, work))
            except TimeoutError:
                raise EngineFault("timeout") from None
            except DBAPIError as error:
                fault = fault_of(self.kind, error)
                if fault.kind == "away" or not session.usable:
                    raise fault from None
                if fault.kind == "statement" and time.monotonic() - begun >= seconds:
                    fault = EngineFault("timeout")
            except EngineFault as told:
                fault = told
            except Exception as error:  # noqa: BLE001 (drivers raise their own errors, too, while rows are read)
                raise fault_of(self.kind, error) from None
        raise fault

    def _within(self, connection: Connection, seconds: float, work: Callable[[Connection], Answer]) -> Answer:
        try:
            for statement in self.kind.openings(connection, seconds):
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
            return work(connection)
        finally:
            connection.rollback()

    def _connections(self) -> Pool[Session]:
        if self._pool is None:
            self._pool = Pool(
                self._connect,
                lambda session: session.usable,
                lambda session: session.end(),
                size=self._settings.size,
                waiting=self._settings.waiting,
                idle=float(self._settings.idle),
            )
        return self._pool

    async def _connect(self) -> Session:
        session: Session = EventLoopSession(self._url) if self._is_async else ThreadSession(self._url)
        try:
            async with asyncio.timeout(float(self._settings.connect_timeout)):
                await session.open(self.kind.prepare)
        except (DBAPIError, OSError, TimeoutError) as error:
            await session.end()
            raise _connect_fault(self.kind, error) from None
        except BaseException:
            with contextlib.suppress(Exception):
                await session.end()
            raise
        return session


def _page(connection: Connection, query: Query, skip: int, rows: int, limits: SqlLimits) -> Page:
    """Run a statement, take its rows as they come, and stop when rows or bytes are enough."""
    end = time.monotonic() + limits.seconds
    result = execute(connection, query, most=min(ROWS_AT_ONCE, skip + rows + 1))
    try:
        if not result.returns_rows:
            raise EngineFault("refused")
        columns = list(result.keys())
        room = limits.result_bytes - weight(list(columns))
        kept: list[list[Any]] = []
        for raw in result:
            if time.monotonic() > end:
                raise EngineFault("timeout")
            if skip:
                skip -= 1
                continue
            cells = [cell(value, limits.cell_bytes) for value in raw]
            room -= weight(cells)
            if room < 0 and not kept:
                raise EngineFault("wide_row")
            if room < 0 or len(kept) == rows:
                return Page(columns, kept, more=True)
            kept.append(cells)
        return Page(columns, kept, more=False)
    finally:
        result.close()


def execute(connection: Connection, query: Query, *, most: int) -> Any:
    """Start a statement whose values are bound as its driver binds them.

    Args:
        connection: in a transaction.
        query: the statement.
        most: how many rows are fetched at one time.
    """
    style = connection.dialect.paramstyle
    options = {"stream_results": True, "max_row_buffer": most}
    if not query.arguments:
        (text,) = query.parts
        return connection.exec_driver_sql(text, execution_options={**options, "no_parameters": True})
    named = {f"p{number}": value for number, value in enumerate(query.arguments, 1)}
    mark = {"qmark": "?", "format": "%s", "pyformat": "%(p{n})s", "named": ":p{n}"}.get(style)
    if mark is None:
        mark = "${n}" if style == "numeric_dollar" else ":{n}"
    parts = tuple(part.replace("%", "%%") for part in query.parts) if "%" in mark else query.parts
    text = Query(parts, query.arguments).text(mark)
    values: Any = named if style in ("pyformat", "named") else tuple(query.arguments)
    return connection.exec_driver_sql(text, values, execution_options=options)


def _counting(relation: Relation) -> Callable[[Connection], int]:
    def count(connection: Connection) -> int:
        name = schema.written(connection, relation)
        return int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {name}").scalar_one())  # noqa: S608 (quoted)

    return count


def _connect_fault(kind: Kind, error: BaseException) -> EngineFault:
    if isinstance(error, DBAPIError):
        fault = fault_of(kind, error)
        if fault.kind in ("login", "crowded", "cannot_open"):
            return fault
    return EngineFault("unreachable", type(error).__name__)


def _readable(url: str) -> tuple[sqlalchemy.URL, bool]:
    """Return a URL and whether its driver is one for asyncio.

    Raises:
        ValueError: it can't be used, or what it needs is not installed.
    """
    text = url.reveal() if isinstance(url, Secret) else url
    try:
        parsed = sqlalchemy.make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("the URL of the database can't be read: dialect+driver://user@host/database") from None
    name = parsed.drivername
    try:
        loaded = parsed.get_dialect()
        loaded.import_dbapi()
    except NoSuchModuleError:
        package = package_of(name)
        hint = f"install it with `pip install {package}`" if package else "see docs.sqlalchemy.org/dialects"
        raise ValueError(f"{name}:// needs a dialect for SQLAlchemy that is not installed: {hint}") from None
    except ImportError as error:
        raise ValueError(
            f"{name}:// needs the driver {error.name!r}: install it with `pip install {package_of(name) or error.name}`"
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("a database in memory has no tables to serve: name a file")
    return parsed, bool(loaded.is_async)


def open_engine(settings: SqlSettings) -> SqlalchemyEngine:
    """Return the engine of a connector, connected to nothing yet.

    Raises:
        ValueError: the URL can't be used, what it needs is not installed, or the policy can't be kept there.
    """
    engine = SqlalchemyEngine(settings.url, settings.limits(), pool=settings.pool, schemas=settings.schemas)
    if settings.tables and not engine.dialect.parsed:
        raise ValueError(
            f"masks, columns and rows of `tables` can't be kept for {engine.dialect.title}: no grammar of it is known, "
            "so only declared queries run; leave `tables` out and narrow what the login may read"
        )
    return engine
