"""The prompt `<name>_guide`: what a model should know before it writes statements for this database."""

from typing import TYPE_CHECKING

from dragoman import Context, Server, ToolError
from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.engines.engine import SqlFault, SqlLimits
from dragoman.connectors.sql.policy import View
from dragoman.connectors.sql.rows import escape

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql

_MOST_TABLES = 40
_MOST_COLUMNS = 40


def add_guide(server: Server, sql: "Sql") -> None:
    """Add the guide of a database to a server; one whose dialect nobody can judge has none, and no `query`."""
    if not sql.gate.dialect.parsed:
        return

    async def guide(context: Context) -> str:
        """Return the guide as it is now."""
        try:
            view = await sql.gate.view(context.principal)
        except SqlFault as fault:
            raise ToolError(f"{sql.name}: {fault}") from fault
        return guide_of(sql, view, sql.gate.limits_of(context.principal))

    server.add_prompt(
        guide,
        name=f"{sql.name}_guide",
        title=f"Guide to {sql.name}",
        description=f"The dialect, the rules and the tables of the database {sql.name!r}",
    )


def guide_of(sql: "Sql", view: View, limits: SqlLimits) -> str:
    """Return what to know: how to ask, the dialect, the tables."""
    dialect, name = sql.gate.dialect, sql.name
    lines = [
        f"The database {name!r} speaks {dialect.title}.",
        f"{name}_query runs one SELECT, VALUES or WITH ... SELECT at a time; nothing can be written.",
        f"A result has at most {limits.rows} rows and {limits.result_bytes} bytes, a statement {limits.seconds:g} s.",
        "Aggregate and filter in SQL; order by a unique column.",
        "`next` of a result, as `cursor` with the same sql, gives the rows after it.",
        "Values go into `params`, as :name in the statement.",
    ]
    if dialect.foreign_functions:
        instead = ", ".join(f"{theirs} -> {ours}" for theirs, ours in sorted(dialect.foreign_functions.items()))
        lines.append(f"Functions of other dialects and what to write here: {instead}.")
    relations = list(view.relations.values())
    lines.append(f"Tables ({len(relations)}):")
    lines += [_line(relation, view) for relation in relations[:_MOST_TABLES]]
    if len(relations) > _MOST_TABLES:
        lines.append(f"... and {len(relations) - _MOST_TABLES} more: {name}_describe finds them with `search`.")
    lines.append(f"{name}_describe with `table` tells keys and types, with `detail` indexes and sample rows, too.")
    return "\n".join(lines)


def _line(relation: Relation, view: View) -> str:
    masked = set(view.masked(relation))
    columns = [
        escape(column.name) + (" (masked)" if column.name in masked else "")
        for column in relation.columns[:_MOST_COLUMNS]
    ]
    more = ", ..." if len(relation.columns) > _MOST_COLUMNS else ""
    comment = f" -- {escape(relation.comment)}" if relation.comment else ""
    return f"- {escape(relation.name)} ({', '.join(columns)}{more}){comment}"
