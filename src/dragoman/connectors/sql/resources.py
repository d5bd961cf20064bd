"""The schema as resources: `sql://<name>/<table>`, listed, completed, and read as JSON."""

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from dragoman import Context, ResourceInfo, ResourceNotFound, Server, ToolError, quote_segment
from dragoman.connectors.sql.catalog import fold
from dragoman.connectors.sql.description import counted_columns
from dragoman.connectors.sql.engines.engine import SqlFault
from dragoman.connectors.sql.guard import UnknownRelation

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql

_log = logging.getLogger(__name__)
_MOST_SUGGESTED = 100


def add_resources(server: Server, sql: "Sql") -> None:
    """Add the tables of a database to a server."""
    name = sql.name

    async def read(table: str, context: Context) -> str:
        """Read what one table holds."""
        try:
            description = await sql.describe(table, principal=context.principal)
        except UnknownRelation:
            raise ResourceNotFound(_uri(name, table)) from None
        except SqlFault as fault:
            raise ToolError(str(fault)) from fault
        view = await sql.gate.view(context.principal)
        relation = view.find(table)
        if relation is None or view.called(relation) != table:  # one URI each, else a role's pattern is got around
            raise ResourceNotFound(_uri(name, table))
        return msgspec.json.encode(description).decode()

    async def listed(context: Context) -> AsyncIterator[ResourceInfo]:
        """List the tables; a database that can't be read just now has none."""
        try:
            view = await sql.gate.view(context.principal, fresh=True)
        except SqlFault as fault:
            _log.warning("connector %r lists no tables: %s", name, fault)
            return
        for relation in view.relations.values():
            yield ResourceInfo(
                uri=_uri(name, view.called(relation)),
                name=relation.name,
                description=f"{relation.kind} of {name}, {counted_columns(relation)}",
                mime_type="application/json",
            )

    async def complete(begin: str, context: Context) -> list[str]:
        """Suggest names of tables: those that begin so, then those that hold it."""
        try:
            view = await sql.gate.view(context.principal)
        except SqlFault:
            return []
        wanted = fold(begin)
        called = map(view.called, view.relations.values())
        names = [each for each in called if wanted in fold(each)]
        return sorted(names, key=lambda each: (not fold(each).startswith(wanted), each))[:_MOST_SUGGESTED]

    server.add_resource_template(
        f"sql://{name}/{{table}}",
        read,
        name=f"{name}_table",
        title=f"Tables of {name}",
        description="A table's columns, keys, indexes, row count and three sample rows",
        mime_type="application/json",
        list=listed,
        complete={"table": complete},
    )


def _uri(name: str, table: str) -> str:
    return f"sql://{name}/{quote_segment(table)}"
