"""The write side of MySQL and MariaDB: connections of its own, whose transactions may write.

READ COMMITTED, with the rows that are meant locked before they are looked at. What is written is strict: a value that
does not fit is an error, never cut. Values become literals whose reading depends on no setting of the session.
"""

import asyncio
import contextlib
import decimal
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pymysql
from aiomysql.connection import MySQLResult
from pymysql.constants import CLIENT

from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.engines.engine import EngineFault, Page, Query
from dragoman.connectors.sql.engines.mysql import WATCHDOG_SECONDS, MysqlEngine
from dragoman.connectors.sql.engines.mysql_catalog import quoted
from dragoman.connectors.sql.engines.mysql_values import BINARY, Long, literal, with_literals
from dragoman.connectors.sql.engines.mysql_wire import QUERY, Session
from dragoman.connectors.sql.engines.writing import LEDGER, Cascade, Exact, Target, WriteColumn
from dragoman.connectors.sql.settings import SqlSettings

_BROKEN = (OSError, EOFError, pymysql.err.InterfaceError)
_WHOLE = frozenset({1, 2, 3, 8, 9, 13})
_REAL = frozenset({4, 5})
_DECIMAL = frozenset({0, 246})
_BIT = 16
_TEXTUAL = frozenset({7, 10, 11, 12, 14, 245, 247, 248})  # times, documents, ENUM, SET: their bytes are characters

_COLUMNS = """
SELECT c.column_name, c.data_type, coalesce(c.generation_expression, ''), coalesce(k.ordinal_position, 0)
FROM information_schema.columns c
LEFT JOIN information_schema.key_column_usage k
  ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name
  AND k.constraint_name = 'PRIMARY'
WHERE c.table_schema = {schema} AND c.table_name = {name} ORDER BY c.ordinal_position
"""
_TRIGGERS = """
SELECT trigger_name FROM information_schema.triggers
WHERE event_object_schema = {schema} AND event_object_table = {name} ORDER BY 1
"""
_CASCADES = """
SELECT r.table_name, r.delete_rule, r.update_rule, k.referenced_column_name, r.constraint_schema, r.constraint_name
FROM information_schema.referential_constraints r
JOIN information_schema.key_column_usage k
  ON k.constraint_schema = r.constraint_schema AND k.constraint_name = r.constraint_name AND k.table_name = r.table_name
WHERE k.referenced_table_schema = {schema} AND k.referenced_table_name = {name}
"""
_TRANSACTIONS = """
SELECT e.transactions FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema = {schema} AND t.table_name = {name}
"""
_TAKES_ALONG = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


class _Stale(Exception):
    """A connection that had been free turned out to be broken before anything was asked."""


class WriteSession(Session):
    """A connection that says how many rows a statement met, whether or not it changed them."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.client_flag |= CLIENT.FOUND_ROWS

    async def change(self, sql: str) -> tuple[int, int, list[tuple[Any, ...]]]:
        """Run a statement of ours and return the rows it met, the number it gave, and its own rows."""
        self.running = True
        await self._execute_command(QUERY, sql.encode())
        result = MySQLResult(self)
        await result.read()
        self.running = False
        return int(result.affected_rows or 0), int(result.insert_id or 0), list(result.rows or ())


class MysqlWriter(MysqlEngine):
    """The write side of one database of MySQL or MariaDB; its arguments are those of the engine."""

    quote = "`"
    lock = " FOR UPDATE"
    overriding = ""
    text = ("", "")

    @property
    def ledger_schema(self) -> str:
        """Where writes are noted: in the default database."""
        return self.schemas[0]

    @property
    def ledger(self) -> tuple[str, ...]:
        """The statements that make the table in which writes are noted."""
        short = "varchar(64) CHARACTER SET ascii COLLATE ascii_bin"
        return (
            (
                f"CREATE TABLE IF NOT EXISTS {quoted(self.ledger_schema)}.{quoted(LEDGER)} (id {short} PRIMARY KEY, "
                f"request {short} NOT NULL UNIQUE, principal {short} NOT NULL, statements {short} NOT NULL, "
                f"state {short} NOT NULL, written_at {short} NOT NULL, undone_at {short}, changed text NOT NULL, "
                "`undo` longtext, refusal text NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4"
            ),
        )

    @property
    def is_mariadb(self) -> bool:
        """Whether the server, once it was asked, is MariaDB."""
        return self._mariadb

    async def has_ledger(self) -> bool:
        """Return whether the table in which writes are noted is there."""
        question = (
            f"SELECT 1 FROM information_schema.tables WHERE table_schema = {literal(self.ledger_schema)} "  # noqa: S608
            f"AND table_name = {literal(LEDGER)}"
        )
        async with self.transaction(self.limits.seconds, writing=False) as transaction:
            return bool(await transaction.ask(Query((question,))))

    async def make_ledger(self) -> None:
        """Make that table where it is missing.

        Raises:
            EngineFault: `refused` when the login may not.
        """
        if await self.has_ledger():
            return
        async with self.transaction(self.limits.seconds) as transaction:
            for statement in self.ledger:
                await transaction.change(Query((statement,)))

    @contextlib.asynccontextmanager
    async def transaction(self, seconds: float, *, writing: bool = True) -> AsyncIterator["MysqlTransaction"]:
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
                    yield MysqlTransaction(self, session)
                    if session.usable:
                        await session.ask("ROLLBACK")
                        await session.reset()
            except TimeoutError:
                raise EngineFault("timeout") from None
            except (*_BROKEN, pymysql.err.MySQLError):
                raise EngineFault("away") from None

    async def _begun(
        self, stack: contextlib.AsyncExitStack, seconds: float, *, writing: bool, fresh: bool
    ) -> WriteSession:
        """Return a connection in a transaction; it is given back when the stack ends."""
        async with contextlib.AsyncExitStack() as own:
            session = await own.enter_async_context(self._connections().connection(seconds, fresh=fresh))
            assert isinstance(session, WriteSession)  # noqa: S101 (`_session` makes no others)
            pins = self._pins(seconds)
            if writing:
                pins = pins.replace("read_only = 1", "read_only = 0")
            try:
                async with asyncio.timeout(seconds):
                    await session.ask(pins)
                    await session.ask("SET SESSION sql_mode = concat(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')")
                    await session.ask("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                    await session.ask(f"START TRANSACTION READ {'WRITE' if writing else 'ONLY'}")
            except (*_BROKEN, pymysql.err.MySQLError, TimeoutError):
                if fresh:
                    raise EngineFault("away") from None
                raise _Stale from None
            stack.push_async_exit(own.pop_all())
            return session

    def _session(self) -> WriteSession:
        address = self.address
        return WriteSession(
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

    async def shown(self, session: Session, query: Query, rows: int) -> Page:
        """Return rows of a query of an agent as callers see them."""
        return await self._page(session, with_literals(query), 0, rows, self.limits)

    @contextlib.contextmanager
    def faults(self) -> Iterator[None]:
        """Turn what the driver raises into an `EngineFault`."""
        try:
            yield
        except _BROKEN:
            raise EngineFault("away") from None
        except pymysql.err.MySQLError as error:
            raise self._fault_of(error) from None


class MysqlTransaction:
    """One transaction of one connection.

    Args:
        writer: whose it is.
        session: the connection.
    """

    def __init__(self, writer: MysqlWriter, session: WriteSession) -> None:
        self._writer = writer
        self._session = session

    async def target(self, relation: Relation) -> Target:
        """Return a table of the catalog as a writer sees it."""
        schema = relation.schema or self._writer.schemas[0]
        where = {"schema": literal(schema), "name": literal(relation.name)}
        with self._writer.faults():
            columns = await self._session.ask(_COLUMNS.format(**where))
            triggers = await self._session.ask(_TRIGGERS.format(**where))
            cascades = await self._session.ask(_CASCADES.format(**where))
            safe = await self._session.ask(_TRANSACTIONS.format(**where))
        keys: dict[tuple[str, str], Cascade] = {}
        for table, deletes, updates, column, space, constraint in cascades:
            known = keys.get((space, constraint))
            keys[space, constraint] = Cascade(
                table, (*(known.columns if known else ()), column), deletes in _TAKES_ALONG, updates in _TAKES_ALONG
            )
        return Target(
            schema=schema,
            name=relation.name,
            columns=tuple(
                WriteColumn(
                    name=name,
                    key=int(key),
                    generated=bool(generated),
                    type="",
                    read=f"({quoted(name)} + 0e0)" if kind.lower() == "float" else quoted(name),
                )
                for name, kind, generated, key in columns
            ),
            triggers=tuple(row[0] for row in triggers),
            cascades=tuple(keys.values()),
            obstacle="" if safe and safe[0][0] == "YES" else "its storage engine can't take anything back",
        )

    async def read(self, query: Query, most: int, types: Sequence[str]) -> list[list[Exact]]:
        """Run a query that the guard let through and return its exact values."""
        return await self._rows(with_literals(query), most, len(types))

    async def page(self, query: Query, rows: int) -> Page:
        """Run a query that the guard let through and return its rows as callers see them."""
        with self._writer.faults():
            return await self._writer.shown(self._session, query, rows)

    async def ask(self, query: Query) -> list[list[Exact]]:
        """Run a query of ours."""
        return await self._rows(_with_exact(query), None, None)

    async def change(self, query: Query) -> int:
        """Run a statement of ours and return how many rows it met."""
        with self._writer.faults():
            return (await self._session.change(_with_exact(query)))[0]

    async def insert(self, query: Query, target: Target, given: dict[str, Exact]) -> list[Exact]:
        """Run an INSERT of ours of one row and return the row's key."""
        if self._writer.is_mariadb:
            *first, last = query.parts
            keys = ", ".join(column.read for column in target.key)
            rows = await self.ask(Query((*first, f"{last} RETURNING {keys}"), query.arguments))
            return rows[0]
        with self._writer.faults():
            _, number, _ = await self._session.change(_with_exact(query))
        missing = [column.name for column in target.key if given.get(column.name) is None]
        if missing and (len(target.key) > 1 or not number):
            raise EngineFault("statement", "1364 no key")
        return [number if column.name in missing else given[column.name] for column in target.key]

    async def commit(self) -> None:
        """Make it durable; when this raises, it is not known whether it is."""
        with self._writer.faults():
            await self._session.ask("COMMIT")

    async def _rows(self, sql: str, most: int | None, width: int | None) -> list[list[Exact]]:
        size = self._writer.limits.value_bytes
        with self._writer.faults():
            found = await self._session.start(sql, size, 2 * size)
            rows: list[list[Exact]] = []
            while (raw := await found.next()) is not None:
                if most is None or len(rows) < most:
                    rows.append([_exact(field, cell) for field, cell in zip(found.fields, raw, strict=True)])
            if width is not None and len(found.fields) != width:
                raise EngineFault("statement", "width")
            return rows


def _exact(field: Any, raw: bytes | Long | None) -> Exact:
    """Return a cell of the text protocol as the value it is."""
    if raw is None:
        return None
    if isinstance(raw, Long):
        raise EngineFault("too_big")
    kind = field.type_code
    if kind in _WHOLE:
        return int(raw)
    if kind in _REAL:
        return float(raw)
    if kind in _DECIMAL:
        return decimal.Decimal(raw.decode("ascii"))
    if kind == _BIT:
        return int.from_bytes(raw, "big")
    if field.charsetnr == BINARY and kind not in _TEXTUAL:
        return bytes(raw)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise EngineFault("statement", "not UTF-8") from None


def _with_exact(query: Query) -> str:
    """Return a statement of ours with its values in their places, each as it is and none read otherwise."""
    first, *rest = query.parts
    return first + "".join(f" {_literal(value)} {part}" for value, part in zip(query.arguments, rest, strict=True))


def _literal(value: Any) -> str:
    if isinstance(value, decimal.Decimal):
        return f"({value:f})"
    if isinstance(value, str):
        return f"_utf8mb4 x'{value.encode('utf-8').hex()}'"
    return literal(value)


def open_writer(settings: SqlSettings) -> MysqlWriter:
    """Return the write side of a connector's engine, connected to nothing yet.

    Raises:
        ValueError: the URL or the files of `tls` can't be used.
    """
    return MysqlWriter(settings.url, settings.limits(), pool=settings.pool, tls=settings.tls, schemas=settings.schemas)
