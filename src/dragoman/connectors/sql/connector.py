"""The `sql` connector: a database as tools and resources, read-only.

Written on the public names of Dragoman alone. Here stand what agents see: names, descriptions, results, and
the sentences of failures. What may run is the guard's business, how it runs is the engine's.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from dragoman import (
    Connector,
    Meta,
    ResourceInfo,
    ResourceNotFound,
    Server,
    ToolAnnotations,
    ToolError,
    ToolResult,
    UsageError,
    quote_segment,
)
from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.catalog import Catalog, Relation
from dragoman.connectors.sql.description import (
    Description,
    as_text,
    counted_columns,
    of_database,
    of_relation,
    of_unreadable,
)
from dragoman.connectors.sql.engines.engine import Engine, EngineFault, Page, SqlFault, SqlLimits
from dragoman.connectors.sql.engines.sqlite import SqliteEngine, path_of
from dragoman.connectors.sql.faults.sentences import sentence
from dragoman.connectors.sql.guard import Guard, Refused, Statement, UnknownRelation
from dragoman.connectors.sql.policy import Policy
from dragoman.connectors.sql.rows import QueryResult
from dragoman.connectors.sql.settings import SqlSettings

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_REMEMBERED = 256
_SAMPLE_ROWS = 3
_SAMPLE_SECONDS = 1.0
_SAMPLE_CELL_BYTES = 200
_UNREADABLE_ROWS = ("statement", "refused", "timeout", "too_big", "wide_row")


class Sql(Connector):
    """A database, read-only: tools `<name>_query` and `<name>_describe`, resources `sql://<name>/<table>`.

    Everything runs in processes of its own with little memory, which are killed when a call is cancelled or late.
    A database in WAL mode gets its `-shm` and `-wal` files beside it, because SQLite needs them even to read.

    Args:
        name: what tools and URIs are called after: a letter, then letters, digits, `_` and `-`.
        url: a SQLite file: a path, or `sqlite:///relative` or `sqlite:////absolute`.
        timeout: time a statement may run, seconds.
        max_rows: most rows of one result.
        max_bytes: largest result, bytes of JSON.
        max_cell_bytes: longest cell of a result, bytes; longer ones are cut and say so.
        max_value_bytes: largest value a statement may read or build, bytes.
        max_memory_bytes: memory one statement may take, bytes.
        parallel: statements that run at one time.

    Raises:
        UsageError: the name, the URL or a limit can't be used.
    """

    def __init__(
        self,
        name: str,
        url: str | Path,
        *,
        timeout: float = 5.0,
        max_rows: int = 200,
        max_bytes: int = 1_000_000,
        max_cell_bytes: int = 64 * 1024,
        max_value_bytes: int = 16 * 2**20,
        max_memory_bytes: int = 64 * 2**20,
        parallel: int = 4,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"connector name {name!r} can't be used: begin with a letter, then up to 63 of A-Z a-z 0-9 _ and -"
            )
        super().__init__(name)
        try:
            path = path_of(url)
            self.limits = msgspec.convert(
                {
                    "seconds": timeout,
                    "rows": max_rows,
                    "result_bytes": max_bytes,
                    "cell_bytes": max_cell_bytes,
                    "value_bytes": max_value_bytes,
                    "memory_bytes": max_memory_bytes,
                    "parallel": parallel,
                },
                SqlLimits,
            )
        except ValueError as error:
            raise UsageError(f"connector {name!r}: {error}") from None
        self.engine: Engine = SqliteEngine(path, self.limits)
        self.dialect = self.engine.dialect
        self._sample_limits = msgspec.structs.replace(
            self.limits, seconds=min(self.limits.seconds, _SAMPLE_SECONDS), cell_bytes=_SAMPLE_CELL_BYTES
        )
        self._policy = Policy(SqlSettings(url=str(url)), self.dialect, b"")
        self._guard = Guard(self.dialect, self.limits, f"{name}_describe")
        # Statements let through under one version of the schema; at most `_REMEMBERED`, the oldest go first.
        self._checked: dict[tuple[str, str], Statement] = {}

    def attach(self, server: Server) -> None:
        """Add the tools and the resources of this database to a server."""
        server.add_tool(
            self._query_tool(),
            name=f"{self.name}_query",
            title=f"Query {self.name}",
            description=f"Run one {self.dialect.title} SELECT on the database {self.name!r} (read-only). "
            f"Returns at most {self.limits.rows} rows; `next` continues.",
            annotations=_READ_ONLY,
        )
        server.add_tool(
            self._describe_tool(),
            name=f"{self.name}_describe",
            title=f"Describe {self.name}",
            description=f"List the tables of the database {self.name!r}, or tell one table's columns, keys, "
            "indexes, row count and first rows.",
            annotations=_READ_ONLY,
        )
        server.add_resource_template(
            f"sql://{self.name}/{{table}}",
            self._read_table,
            name=f"{self.name}_table",
            title=f"Tables of {self.name}",
            description="A table's columns, keys, indexes, row count and three sample rows",
            mime_type="application/json",
            list=self._list_tables,
        )

    async def start(self) -> None:
        """Read the schema once, so that the first call finds everything ready.

        A database that is not there yet, or not well, is no reason not to serve: `health` says so, each call
        says so, and it is served as soon as it is well.
        """
        try:
            await self.engine.catalog()
        except EngineFault as fault:
            _log.warning("connector %r: %s", self.name, self._sentence(fault, None, None))

    async def health(self) -> str | None:
        """Return None when the database can be read, else why not."""
        try:
            await self.engine.catalog(fresh=True)
        except EngineFault as fault:
            return self._sentence(fault, None, None)
        return None

    async def close(self) -> None:
        """End what runs and release what is held."""
        await self.engine.close()

    def _query_tool(self) -> Any:
        most = self.limits.rows

        async def query(
            sql: str, limit: Annotated[int, Meta(ge=1, le=most)] | None = None, cursor: str | None = None
        ) -> QueryResult:
            """Run one query.

            Args:
                sql: one SELECT, VALUES or WITH ... SELECT.
                limit: most rows to return.
                cursor: `next` of the last result, with the same sql, for the rows after it.
            """
            with self._told():
                skip = results.offset_of(cursor, self.name, sql) if cursor is not None else 0
                result = await self.query(sql, skip=skip, rows=limit or most)
            return cast("QueryResult", ToolResult(results.as_text(result), structured=result))

        return query

    def _describe_tool(self) -> Any:
        async def describe(table: str | None = None) -> Description:
            """Tell what the database holds.

            Args:
                table: name of one table or view; all are listed without it.
            """
            with self._told():
                description = await (self.describe_all() if table is None else self.describe(table))
            return cast("Description", ToolResult(as_text(description), structured=description))

        return describe

    async def query(self, sql: str, *, skip: int = 0, rows: int | None = None) -> QueryResult:
        """Run one statement of somebody who is not trusted.

        Args:
            sql: the statement.
            skip: rows to leave out at the beginning.
            rows: most rows to return, not above the connector's own limit.

        Raises:
            SqlFault: it was refused or failed; the text is one sentence for its author.
        """
        rows = self.limits.rows if rows is None else min(rows, self.limits.rows)
        catalog = await self._catalog()
        try:
            statement = await self._check(sql, catalog)
        except UnknownRelation:  # unless it was made a moment ago
            catalog = await self._catalog(fresh=True)
            statement = await self._check(sql, catalog)
        try:
            page = await self.engine.run(statement.bind({}, {}, limit=skip + rows + 1), skip=skip, rows=rows)
        except EngineFault as fault:
            if fault.kind == "statement":
                catalog = await self._catalog()  # the schema may have changed since
            raise SqlFault(self._sentence(fault, statement, catalog)) from fault
        following = results.cursor_at(skip + len(page.rows), self.name, sql) if page.more else None
        return QueryResult(page.columns, page.rows, page.more, following)

    async def describe_all(self) -> Description:
        """Return the list of tables, with their row counts as far as one second reaches.

        Raises:
            SqlFault: the database can't be read.
        """
        relations = list((await self._catalog()).relations.values())
        readable = [relation for relation in relations if relation.readable]
        with self._engine_told():
            counts = await self.engine.counts(readable)
        counted = dict(zip((relation.name for relation in readable), counts, strict=True))
        return of_database(self.name, relations, counted)

    async def describe(self, table: str) -> Description:
        """Return what one table holds.

        Raises:
            UnknownRelation: there is no such table.
            SqlFault: the database can't be read.
        """
        catalog = await self._catalog()
        if catalog.find(table) is None:
            catalog = await self._catalog(fresh=True)
        relation = catalog.find(table)
        if relation is None:
            near = catalog.nearest_relations(table)
            hint = f"did you mean {' or '.join(near)}?" if near else f"{self.name}_describe lists what there is"
            raise UnknownRelation(f"no such table: {results.escape(table[:100])}: {hint}")
        if not relation.readable:
            return of_unreadable(self.name, relation)
        with self._engine_told():
            details = await self.engine.describe(relation)
            return of_relation(self.name, relation, details, await self._sample(relation, catalog))

    async def _sample(self, relation: Relation, catalog: Catalog) -> Page | None:
        """Return the first rows as anybody's query gives them, masks and all; None when they can't be read."""
        try:
            sql = f"SELECT * FROM {quoted(relation.name)} LIMIT {_SAMPLE_ROWS}"  # noqa: S608 (a quoted name)
            statement = await self._check(sql, catalog)
            query = statement.bind({}, {})
            return await self.engine.run(query, skip=0, rows=_SAMPLE_ROWS, limits=self._sample_limits)
        except Refused:
            return None
        except EngineFault as fault:
            if fault.kind in _UNREADABLE_ROWS:
                return None  # a view that is broken, slow or calls what is not allowed
            raise

    async def _read_table(self, table: str) -> str:
        """Read what one table holds."""
        uri = f"sql://{self.name}/{quote_segment(table)}"
        try:
            description = await self.describe(table)
        except UnknownRelation:
            raise ResourceNotFound(uri) from None
        except SqlFault as fault:
            raise ToolError(str(fault)) from fault
        return msgspec.json.encode(description).decode()

    async def _list_tables(self) -> AsyncIterator[ResourceInfo]:
        """List the tables as resources; a database that can't be read just now has none."""
        try:
            catalog = await self.engine.catalog(fresh=True)
        except EngineFault as fault:
            _log.warning("connector %r lists no tables: %s", self.name, self._sentence(fault, None, None))
            return
        for relation in catalog.relations.values():
            yield ResourceInfo(
                uri=f"sql://{self.name}/{quote_segment(relation.name)}",
                name=relation.name,
                description=f"{relation.kind} of {self.name}, {counted_columns(relation)}",
                mime_type="application/json",
            )

    async def _check(self, sql: str, catalog: Catalog) -> Statement:
        """Let a statement through, in a thread: parsing the longest takes a while and some of the stack."""
        key = (catalog.version, sql)
        statement = self._checked.get(key)
        if statement is None:
            statement = await asyncio.to_thread(self._guard.check, sql, self._policy.view(catalog))
            while len(self._checked) >= _REMEMBERED:
                del self._checked[next(iter(self._checked))]
            self._checked[key] = statement
        return statement

    async def _catalog(self, *, fresh: bool = False) -> Catalog:
        with self._engine_told():
            return await self.engine.catalog(fresh=fresh)

    @contextlib.contextmanager
    def _engine_told(self) -> Iterator[None]:
        """Turn an engine's fault into its sentence."""
        try:
            yield
        except EngineFault as fault:
            raise SqlFault(self._sentence(fault, None, None)) from fault

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Show faults of this connector to the model."""
        try:
            yield
        except SqlFault as fault:
            raise ToolError(f"{self.name}: {fault}") from fault

    def _sentence(self, fault: EngineFault, statement: Statement | None, catalog: Catalog | None) -> str:
        return sentence(fault, statement, catalog, self.dialect, self.limits)


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
