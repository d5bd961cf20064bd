"""The `sql` connector: a database as tools, resources and a prompt, read-only.

Written on the public names of Dragoman alone. Here are the connector's life and what it answers in code; what agents
read is made in `tools`, `resources`, `prompt`, what may run is decided in `gate`, how it runs is the engine's.
"""

import logging
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from msgspec import Struct

from dragoman import (
    ANONYMOUS,
    Connector,
    Exposed,
    Finding,
    Foreseen,
    Principal,
    Server,
    SettingsError,
    UsageError,
    read_settings,
)
from dragoman.connectors.sql import keyset
from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.cursors import BadCursor, Cursors, Place
from dragoman.connectors.sql.declared import Declared
from dragoman.connectors.sql.description import Description, of_database, of_relation, of_unreadable
from dragoman.connectors.sql.engines.engine import Engine, EngineFault, Plan, Scalar, SqlFault, SqlLimits
from dragoman.connectors.sql.engines.schemes import open_engine
from dragoman.connectors.sql.foresight import foresee
from dragoman.connectors.sql.gate import Confirm, Gate
from dragoman.connectors.sql.guard import UnknownRelation
from dragoman.connectors.sql.kept import KeptResults, add_kept_results
from dragoman.connectors.sql.prompt import add_guide
from dragoman.connectors.sql.resources import add_resources
from dragoman.connectors.sql.review import exposed_of, faults_of, review_of
from dragoman.connectors.sql.rows import QueryResult
from dragoman.connectors.sql.search import Hit, search
from dragoman.connectors.sql.settings import RolePolicy, SqlSettings
from dragoman.connectors.sql.tools import add_tools
from dragoman.connectors.sql.writes.tools import add_write_tools, open_writes, write_findings

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_MOST_FOUND = 10


class Sql(Connector):
    """A database, read-only: tools, `sql://<name>/<table>` resources and a guide for models.

    The tools are `<name>_query`, `<name>_describe`, `<name>_explain` and one for each declared query. A SQLite
    statement runs in a process of its own with little memory, which is killed when a call is cancelled or late. A
    SQLite database in WAL mode gets its `-shm` and `-wal` files beside it, because SQLite needs them even to read.

    Args:
        name: what tools and URIs are called after: a letter, then letters, digits, `_` and `-`.
        url: the database: `sqlite:///relative`, `sqlite:////absolute`, a path, `postgresql://`, `mysql://`,
            `duckdb:///`; left out when `files=["sales.parquet", "data/*.csv"]` names data files that are tables.
        settings: what callers may do: the fields of `SqlSettings`, such as `deny=["Employee"]`, `max_rows=50`,
            `tables={"Customer": {"mask": {"Email": "partial"}}}`; sizes and times take units, as in `"1MB"`.

    Raises:
        UsageError: the name, the URL or a setting can't be used.
    """

    Settings: ClassVar[type[Struct] | None] = SqlSettings

    def __init__(self, name: str, url: str | Path = "", **settings: Any) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"connector name {name!r} can't be used: begin with a letter, then up to 63 of A-Z a-z 0-9 _ and -"
            )
        super().__init__(name)
        self.settings = read_settings({**settings, "url": str(url)}, SqlSettings, name)
        try:
            self.engine: Engine = open_engine(self.settings)
        except ValueError as error:
            raise SettingsError(
                f"connector {name!r}: {error}", path=("url" if self.settings.url else "files",)
            ) from None
        self.gate = Gate(name, self.engine, self.settings, secrets.token_bytes(32))
        self.limits = self.gate.limits
        self._of_statements = (f"{name}_query", f"{name}_explain")
        self._cursors: Cursors | None = None  # sealed by the server that this is attached to
        self.kept = KeptResults(name, self.gate, self.settings) if self.settings.keep_rows else None
        self.writes = open_writes(self)
        self._declared = [Declared(self, key, query) for key, query in self.settings.tools.items()]

    @classmethod
    def from_settings(cls, name: str, settings: Struct) -> Self:
        """Make a connector of a `SqlSettings`.

        Args:
            name: what tools and URIs are called after.
            settings: the database and what callers may do with it.

        Raises:
            UsageError: the name, the URL or a setting can't be used.
        """
        given = cast("SqlSettings", settings)
        fields = {field: getattr(given, field) for field in given.__struct_fields__}
        return cls(name, fields.pop("url"), **fields)

    def attach(self, server: Server) -> None:
        """Add the tools, the resources and the prompt of this database to a server."""
        self._cursors = Cursors(self.name, server.seal)
        self.gate.use_key(server.seal.derive(b"sql masks"))
        add_tools(server, self)
        if self.writes is not None:
            add_write_tools(server, self, self.writes)
        for declared in self._declared:
            declared.add(server)
        add_resources(server, self)
        if self.kept is not None:
            add_kept_results(server, self, self.kept)
        add_guide(server, self)

    def narrow(self, roles: Mapping[str, Mapping[str, Any]]) -> None:
        """Show callers with roles less than the connector serves, besides what its own settings say of them.

        Args:
            roles: by the role's name, the fields of a `RolePolicy`.

        Raises:
            UsageError: one can't be kept; what was before holds.
        """
        both = sorted(set(roles) & set(self.settings.roles))
        if both:
            raise UsageError(
                f"role {both[0]!r} is narrowed in the connector's own settings, too; leave one of them out"
            )
        read = {}
        for role, said in roles.items():
            try:
                read[role] = read_settings(said, RolePolicy)
            except SettingsError as error:
                raise SettingsError(error.problem, error.key, (role, *error.path)) from None
        self.gate.use_roles({**self.settings.roles, **read})

    async def foresee(self, tool: str, arguments: Mapping[str, Any], principal: Principal) -> list[Foreseen]:
        """Say what would become of a statement; nothing of it is run."""
        return await foresee(self, arguments, principal) if tool in self._of_statements else []

    async def start(self) -> None:
        """Read the schema once and plan the declared queries, so that the first call finds everything ready.

        A database that is not there yet, or not well, is no reason not to serve: `health` says so, each call
        says so, and it is served as soon as it is well. So it is with a declared query that can't run.
        """
        try:
            await self.gate.view(ANONYMOUS)
        except SqlFault as fault:
            _log.warning("connector %r: %s", self.name, fault)
            return
        for finding in await faults_of(self):
            _log.warning("%s", finding.text)

    async def health(self) -> str | None:
        """Return None when the database can be read and every declared query can run, else why not."""
        try:
            await self.gate.view(ANONYMOUS, fresh=True)
        except SqlFault as fault:
            return str(fault)
        return "; ".join(await self.declared_problems()) or None

    async def exposed(self) -> list[Exposed]:
        """Return what callers see of each table; nothing when the database can't be read."""
        try:
            view = await self.gate.view(ANONYMOUS)
            catalog = await self.engine.catalog()
        except (SqlFault, EngineFault):
            return []
        return exposed_of(catalog.relations.values(), view, self.settings)

    async def review(self) -> list[Finding]:
        """Return what should be better: unmasked personal columns, a login that may too much, lines without effect."""
        findings = await review_of(self)
        return findings if self.writes is None else [*findings, *await write_findings(self, self.writes)]

    async def close(self) -> None:
        """End what runs and release what is held."""
        if self.writes is not None:
            await self.writes.writer.close()
        if self.kept is not None:
            self.kept.close()
        await self.engine.close()

    async def declared_problems(self) -> list[str]:
        """Return why declared queries can't run, a sentence each."""
        return [problem for declared in self._declared if (problem := await declared.problem()) is not None]

    async def query(
        self,
        sql: str,
        params: Mapping[str, Scalar] | None = None,
        *,
        skip: int = 0,
        rows: int | None = None,
        principal: Principal = ANONYMOUS,
    ) -> QueryResult:
        """Run one statement of somebody who is not trusted.

        Args:
            sql: the statement.
            params: values of its parameters by name.
            skip: rows to leave out at the beginning.
            rows: most rows to return, not above the connector's own limit.
            principal: who asks.

        Raises:
            SqlFault: it was refused or failed; the text is one sentence for its author.
        """
        most = self.limits.rows if rows is None else min(rows, self.limits.rows)
        page = await self.gate.run(sql, params or {}, principal, skip=skip, rows=most)
        return QueryResult(page.columns, page.rows, page.more, None)

    async def page(
        self,
        sql: str,
        values: Mapping[str, Scalar],
        principal: Principal,
        *,
        rows: int,
        cursor: str | None = None,
        limits: SqlLimits | None = None,
        confirm: Confirm | None = None,
    ) -> QueryResult:
        """Run one statement and seal where it goes on.

        Args:
            sql: the statement.
            values: of its parameters by name.
            principal: who asks.
            rows: most rows to return.
            cursor: `next` of the result before.
            limits: its time and sizes, instead of the connector's.
            confirm: asks the caller about a dear statement.

        Raises:
            SqlFault: it was refused or failed, or the cursor is not its own; the text is one sentence.
        """
        place, statement, bound = Place(), sql, dict(values)
        if cursor is not None and self._cursors is not None:
            _, view = await self.gate.check(sql, principal, frozenset(values))
            place = self._cursors.take(cursor, sql, values, principal, view.version)
            key = keyset.key_of(sql, view) if place.after else None
            if place.after and key is None:  # another release of this server gave it
                raise BadCursor("this cursor can't go on here: run the statement again without it")
            if key is not None:
                statement = keyset.continued(sql, key, self.gate.mark)
                bound[keyset.PARAMETER] = place.after[0]
        page = await self.gate.run(
            statement, bound, principal, skip=place.skip, rows=rows, limits=limits, confirm=confirm
        )
        following = None
        if page.more and self._cursors is not None:
            view = await self.gate.view(principal)
            key = keyset.key_of(sql, view)
            last = None if key is None else key.value(page.rows[-1])
            place = Place(place.skip + len(page.rows)) if last is None else Place(after=(last,))
            following = self._cursors.give(place, sql, values, principal, view.version)
        return QueryResult(page.columns, page.rows, page.more, following)

    async def explain(
        self, sql: str, params: Mapping[str, Scalar] | None = None, *, principal: Principal = ANONYMOUS
    ) -> Plan:
        """Return how a statement would be run, without running any of it.

        Args:
            sql: the statement.
            params: values of its parameters by name.
            principal: who asks.

        Raises:
            SqlFault: it is refused or can't be planned.
        """
        return await self.gate.explain(sql, params or {}, principal)

    async def search(self, words: str, most: int = _MOST_FOUND, *, principal: Principal = ANONYMOUS) -> list[Hit]:
        """Return the tables that fit words by name or meaning, best first.

        Args:
            words: what to look for.
            most: the most tables to return.
            principal: who asks.

        Raises:
            SqlFault: the database can't be read.
        """
        view = await self.gate.view(principal)
        return search(words, view.relations.values(), most)

    async def describe_all(self, *, principal: Principal = ANONYMOUS) -> Description:
        """Return the list of tables, with their row counts as far as one second reaches.

        Raises:
            SqlFault: the database can't be read.
        """
        relations = list((await self.gate.view(principal)).relations.values())
        readable = [relation for relation in relations if relation.readable]
        return of_database(self.name, relations, await self.gate.counts(readable, principal))

    async def describe(self, table: str, *, sample: bool = True, principal: Principal = ANONYMOUS) -> Description:
        """Return what callers see of one table.

        Args:
            table: its name.
            sample: whether the first rows are shown, too.
            principal: who asks.

        Raises:
            UnknownRelation: there is no such table.
            SqlFault: the database can't be read.
        """
        view = await self.gate.view(principal)
        if view.find(table) is None:
            view = await self.gate.view(principal, fresh=True)
        relation = view.find(table)
        if relation is None:
            near = view.nearest_relations(table)
            hint = f"did you mean {' or '.join(near)}?" if near else f"{self.name}_describe lists what there is"
            raise UnknownRelation(f"no such table: {results.escape(table[:100])}: {hint}")
        if not relation.readable:
            return of_unreadable(self.name, relation)
        with self.gate.told():
            details = await self.engine.describe(relation)
        if view.is_filtered(relation):
            counts = await self.gate.counts([relation], principal)
            details = details.__class__(details.foreign_keys, details.indexes, counts[relation.name])
        rows = await self.gate.sample(relation, principal) if sample else None
        return of_relation(self.name, relation, details, rows, view, sampled=sample)
