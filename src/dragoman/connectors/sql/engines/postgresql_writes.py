"""The write side of PostgreSQL: connections of its own, whose transactions may write.

READ COMMITTED, with the rows that are meant locked before they are looked at: what is read of them is the latest, and
stays so until the end. Every value travels as text, so that nothing of it is lost on either way.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.engines import postgresql_types as types
from dragoman.connectors.sql.engines.engine import EngineFault, Page, Query
from dragoman.connectors.sql.engines.postgresql import WATCHDOG_SECONDS, PostgresqlEngine
from dragoman.connectors.sql.engines.postgresql_faults import fault_of
from dragoman.connectors.sql.engines.writing import LEDGER, Cascade, Exact, Target, WriteColumn, named
from dragoman.connectors.sql.settings import SqlSettings

_BEGIN = "BEGIN READ ONLY"
_RESET = (
    "ROLLBACK; RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *; "
    "SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD SEQUENCES; DISCARD TEMP"
)
_BROKEN = (OSError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_COLUMNS = """
SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, -1) AS type,
       coalesce(pg_catalog.array_position(k.conkey, a.attnum), 0) AS key, a.attgenerated::text <> '' AS generated
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = $1::pg_catalog.text::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_TRIGGERS = """
SELECT tgname::text FROM pg_catalog.pg_trigger
WHERE tgrelid = $1::pg_catalog.text::pg_catalog.regclass AND NOT tgisinternal ORDER BY 1
"""
_CASCADES = """
SELECT k.conrelid::pg_catalog.regclass::text AS name, k.confdeltype::text IN ('c', 'n', 'd') AS deletes,
       k.confupdtype::text IN ('c', 'n', 'd') AS updates,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = k.confrelid AND a.attnum = ANY(k.confkey)) AS columns
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.confrelid = $1::pg_catalog.text::pg_catalog.regclass
"""
_OBSTACLES = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1')
            THEN 'rules say what writing it does'
            WHEN c.relkind = 'r' AND c.relhassubclass THEN 'other tables inherit from it'
            ELSE '' END
FROM pg_catalog.pg_class c WHERE c.oid = $1::pg_catalog.text::pg_catalog.regclass
"""


class _Stale(Exception):
    """A connection that had been free turned out to be broken before anything was asked."""


class PostgresqlWriter(PostgresqlEngine):
    """The write side of one PostgreSQL database; its arguments are those of the engine."""

    quote = '"'
    lock = " FOR UPDATE"
    overriding = "OVERRIDING SYSTEM VALUE "
    text = ("", "::pg_catalog.text")

    @property
    def ledger_schema(self) -> str:
        """Where writes are noted: in the default schema."""
        return self.schemas[0]

    @property
    def ledger(self) -> tuple[str, ...]:
        """The statements that make the table in which writes are noted."""
        table = named(self.quote, self.ledger_schema, LEDGER)
        return (
            (
                f"CREATE TABLE IF NOT EXISTS {table} (id text PRIMARY KEY, request text NOT NULL UNIQUE, "
                "principal text NOT NULL, statements text NOT NULL, state text NOT NULL, written_at text NOT NULL, "
                "undone_at text, changed text NOT NULL, undo text, refusal text NOT NULL)"
            ),
        )

    async def has_ledger(self) -> bool:
        """Return whether the table in which writes are noted is there."""
        async with self.transaction(self.limits.seconds, writing=False) as transaction:
            name = named(self.quote, self.ledger_schema, LEDGER)
            query = Query(
                ("SELECT (pg_catalog.to_regclass(", "::pg_catalog.text) IS NOT NULL)::pg_catalog.text"), (name,)
            )
            return (await transaction.ask(query))[0][0] == "true"

    async def make_ledger(self) -> None:
        """Make that table where it is missing.

        Raises:
            EngineFault: `refused` when the login may not.
        """
        for _ in range(2):  # two that make it at one time meet in the catalog, and one of them fails
            if await self.has_ledger():
                return
            with contextlib.suppress(_Met):
                async with self.transaction(self.limits.seconds) as transaction:
                    for statement in self.ledger:
                        await _met(transaction.change(Query((statement,))))
                    await transaction.commit()

    @contextlib.asynccontextmanager
    async def transaction(self, seconds: float, *, writing: bool = True) -> AsyncIterator["PostgresqlTransaction"]:
        """Begin a transaction that may take so many seconds in all.

        Raises:
            EngineFault: the server is not there, or its time was over.
        """
        async with contextlib.AsyncExitStack() as stack:
            try:
                session = await self._begun(stack, seconds, writing=writing, fresh=False)
            except _Stale:
                session = await self._begun(stack, seconds, writing=writing, fresh=True)
            try:
                async with asyncio.timeout(seconds + WATCHDOG_SECONDS):
                    yield PostgresqlTransaction(self, session)
                    await session.execute(_RESET)
            except TimeoutError:
                raise EngineFault("timeout") from None
            except (*_BROKEN, asyncpg.PostgresError):
                raise EngineFault("away") from None

    async def _begun(self, stack: contextlib.AsyncExitStack, seconds: float, *, writing: bool, fresh: bool) -> Any:
        """Return a connection in a transaction; it is given back when the stack ends."""
        begin = self._begin(seconds)
        if writing:
            begin = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE{begin.removeprefix(_BEGIN)}"
        async with contextlib.AsyncExitStack() as own:
            session = await own.enter_async_context(self._connections().connection(seconds, fresh=fresh))
            try:
                async with asyncio.timeout(seconds):
                    await session.execute(begin)
            except (*_BROKEN, asyncpg.PostgresError, TimeoutError):
                if fresh:
                    raise EngineFault("away") from None
                raise _Stale from None
            stack.push_async_exit(own.pop_all())
            return session

    async def prepared(self, session: Any, query: Query) -> tuple[str, list[Any], int]:
        """Return a query of an agent as it is asked, the values that are bound, and how many columns it has."""
        casts: dict[int, str] = {}
        state = await self._look_at(session, query, casts)
        bound = []
        for n, (kind, value) in enumerate(zip(state.get_parameters(), query.arguments, strict=True), 1):
            name = types.as_text(kind)
            if name is not None:
                casts[n] = f"(${n}::pg_catalog.text)::{name}"
            bound.append(types.bound(kind, value))
        return types.with_casts(query, casts), bound, len(state.get_attributes())

    async def shown(self, session: Any, query: Query, rows: int) -> Page:
        """Return rows of a query of an agent as callers see them."""
        return await self._page(session, query, 0, rows, self.limits)


class PostgresqlTransaction:
    """One transaction of one connection.

    Args:
        writer: whose it is.
        session: the connection.
    """

    def __init__(self, writer: PostgresqlWriter, session: Any) -> None:
        self._writer = writer
        self._session = session

    async def target(self, relation: Relation) -> Target:
        """Return a table of the catalog as a writer sees it."""
        schema = relation.schema or self._writer.schemas[0]
        name = named('"', schema, relation.name)
        with _faults():
            columns = await self._session.fetch(_COLUMNS, name)
            triggers = await self._session.fetch(_TRIGGERS, name)
            cascades = await self._session.fetch(_CASCADES, name)
            obstacle = await self._session.fetchval(_OBSTACLES, name)
        return Target(
            schema=schema,
            name=relation.name,
            columns=tuple(
                WriteColumn(
                    name=row["name"],
                    key=row["key"],
                    generated=row["generated"],
                    type=row["type"],
                    read=f"{types.quoted(row['name'])}::pg_catalog.text",
                    write=("CAST(", f"::pg_catalog.text AS {row['type']})"),
                )
                for row in columns
            ),
            triggers=tuple(row[0] for row in triggers),
            cascades=tuple(
                Cascade(row["name"], tuple(row["columns"]), row["deletes"], row["updates"]) for row in cascades
            ),
            obstacle=obstacle,
        )

    async def read(self, query: Query, most: int, types: Sequence[str]) -> list[list[Exact]]:
        """Run a query that the guard let through and return its exact values, cast to types."""
        with _faults():
            inner, bound, width = await self._writer.prepared(self._session, query)
            if width != len(types):
                raise EngineFault("statement", "width")
            names = [f"c{n}" for n in range(width)]
            casts = [
                f"CAST(w.{name} AS {kind})" if kind else f"w.{name}" for name, kind in zip(names, types, strict=True)
            ]
            what = ", ".join(f"({cast})::pg_catalog.text" for cast in casts)
            sql = f"SELECT {what} FROM ({inner}) AS w({', '.join(names)})"  # noqa: S608 (what the guard wrote)
            return [list(row) for row in await self._session.fetch(sql, *bound)][:most]

    async def page(self, query: Query, rows: int) -> Page:
        """Run a query that the guard let through and return its rows as callers see them."""
        with _faults():
            return await self._writer.shown(self._session, query, rows)

    async def ask(self, query: Query) -> list[list[Exact]]:
        """Run a query of ours."""
        with _faults():
            return [list(row) for row in await self._session.fetch(query.text("${n}"), *query.arguments)]

    async def change(self, query: Query) -> int:
        """Run a statement of ours and return how many rows it met."""
        with _faults():
            state = await self._session.prepare(query.text("${n}"), name="")
            await state.fetch(*query.arguments)
            *_, count = state.get_statusmsg().split()
            return int(count) if count.isdigit() else 0

    async def insert(self, query: Query, target: Target, given: dict[str, Exact]) -> list[Exact]:
        """Run an INSERT of ours of one row and return the row's key."""
        del given
        *first, last = query.parts
        keys = ", ".join(column.read for column in target.key)
        rows = await self.ask(Query((*first, f"{last} RETURNING {keys}"), query.arguments))
        if len(rows) != 1:
            raise EngineFault("statement", "nothing inserted")
        return rows[0]

    async def commit(self) -> None:
        """Make it durable; when this raises, it is not known whether it is."""
        with _faults():
            await self._session.execute("COMMIT")


@contextlib.contextmanager
def _faults() -> Any:
    """Turn what the driver raises into an `EngineFault`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise fault_of(error.sqlstate, str(error.args[0])) from None
    except asyncpg.UnsupportedClientFeatureError:
        raise EngineFault("refused") from None
    except _BROKEN:
        raise EngineFault("away") from None


class _Met(Exception):
    """Two made the same table at one time."""


async def _met(work: Any) -> None:
    try:
        await work
    except EngineFault as fault:
        if fault.kind == "statement" and fault.message[:5] in ("23505", "42P07", "42710", "XX000"):
            raise _Met from None
        raise


def open_writer(settings: SqlSettings) -> PostgresqlWriter:
    """Return the write side of a connector's engine, connected to nothing yet.

    Raises:
        ValueError: the URL or the files of `tls` can't be used.
    """
    return PostgresqlWriter(
        settings.url, settings.limits(), pool=settings.pool, tls=settings.tls, schemas=settings.schemas
    )
