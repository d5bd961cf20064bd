"""The tools of every database: `query`, `describe`, `explain`; what a model reads of them, and their results.

Every byte of a listing and of a result costs the reader tokens: descriptions are short, results say nothing twice.
"""

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

from msgspec import UNSET, Meta, UnsetType

from dragoman import Context, Server, ToolAnnotations, ToolError
from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.description import as_text, compact
from dragoman.connectors.sql.engines.engine import Plan, Scalar, SqlFault
from dragoman.connectors.sql.kept import CutResult, with_kept
from dragoman.connectors.sql.rows import QueryResult
from dragoman.connectors.sql.search import Hit

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql

READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_LONGEST_SEARCH = 200
_PARAMETER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")


def add_tools(server: Server, sql: "Sql") -> None:
    """Add the three tools of a database to a server; of one without a grammar only `describe`."""
    dialect, name, most = sql.gate.dialect, sql.name, sql.gate.limits.rows
    if dialect.parsed:
        server.add_tool(
            _query_tool(sql),
            name=f"{name}_query",
            description=f"Run one {dialect.title} SELECT (read-only), at most {most} rows.",
            annotations=READ_ONLY,
        )
    server.add_tool(
        _describe_tool(sql),
        name=f"{name}_describe",
        description=f"List the tables of {name}, find some, or tell one's columns and keys.",
        annotations=READ_ONLY,
    )
    if not dialect.parsed:
        return
    server.add_tool(
        _explain_tool(sql),
        name=f"{name}_explain",
        description="Tell the plan of a SELECT; nothing is run.",
        annotations=READ_ONLY,
    )


def _query_tool(sql_connector: "Sql") -> Any:
    most, kept = sql_connector.gate.limits.rows, sql_connector.kept

    async def query(
        context: Context,
        sql: str,
        params: dict[str, Any] | UnsetType = UNSET,
        limit: Annotated[int, Meta(ge=1, le=most)] | UnsetType = UNSET,
        cursor: str | UnsetType = UNSET,
    ) -> QueryResult:
        """Run one query.

        Args:
            context: the call
            sql: one SELECT
            params: values of :name
            limit: most rows
            cursor: `next` of the last result
        """
        with told(sql_connector):
            began, values = time.monotonic(), scalars({} if params is UNSET else params)
            rows = most if limit is UNSET else limit
            result = await sql_connector.page(
                sql, values, context.principal, rows=rows, cursor=cursor or None, confirm=context.confirm
            )
            shown = results.shown(sql_connector.settings.results, results.as_text(result), result)
            by_cap = rows >= most or len(result.rows) < rows
            if kept is not None and result.truncated and by_cap and not cursor:
                until = began + sql_connector.gate.limits_of(context.principal).seconds
                found = await kept.keep(sql, values, context.principal, seconds=until - time.monotonic())
                if found is not None:
                    shown = with_kept(shown, result, *found)
        context.count_rows(len(result.rows))
        return cast("QueryResult", shown)

    if sql_connector.settings.results != "structured":
        query.__annotations__["return"] = Any  # its text says it all; a schema of it would cost tokens
    elif kept is not None:
        query.__annotations__["return"] = CutResult
    return query


def _describe_tool(sql: "Sql") -> Any:
    async def describe(
        context: Context,
        table: str | UnsetType = UNSET,
        search: str | UnsetType = UNSET,
        detail: bool | UnsetType = UNSET,  # noqa: FBT001 (an argument by name)
    ) -> Any:
        """Tell what the database holds.

        Args:
            context: the call
            table: its name
            search: by name or meaning
            detail: with indexes and sample rows
        """
        full = detail is True
        with told(sql):
            if table:
                description = await sql.describe(table, sample=full, principal=context.principal)
            elif search:
                words = search[:_LONGEST_SEARCH]
                return _found(sql, words, await sql.search(words, principal=context.principal))
            else:
                description = await sql.describe_all(principal=context.principal)
        text = as_text(description, detail=full)
        return results.shown(sql.settings.results, text, compact(description, detail=full))

    return describe


def _found(sql: "Sql", search: str, hits: list[Hit]) -> Any:
    if not hits:
        text = f"Nothing fits {results.escape(search)}: {sql.name}_describe without `search` lists all tables."
        return results.shown(sql.settings.results, text, {"columns": ["table", "fitting"], "rows": []})
    columns = ["table", "fitting"]
    rows = [[hit.relation.name, ", ".join(hit.columns)] for hit in hits]
    if any(hit.relation.comment for hit in hits):
        columns.append("comment")
        for row, hit in zip(rows, hits, strict=True):
            row.append(hit.relation.comment)
    return results.shown(sql.settings.results, results.table(columns, rows), {"columns": columns, "rows": rows})


def _explain_tool(connector: "Sql") -> Any:
    async def explain(context: Context, sql: str) -> Any:
        """Tell how a statement would be run.

        Args:
            context: the call
            sql: one SELECT
        """
        with told(connector):
            values = dict.fromkeys(_PARAMETER.findall(sql))
            plan = await connector.explain(sql, values, principal=context.principal)
        return results.shown(connector.settings.results, plan_as_text(plan), plan)

    return explain


def plan_as_text(plan: Plan) -> str:
    """Return a plan as lines: the steps, then what the planner expects."""
    lines = [results.escape(line) for line in plan.text.split("\n")]
    if plan.rows is not None:
        lines.append(f"rows: about {plan.rows:.0f}")
    if plan.cost is not None:
        lines.append(f"cost: {plan.cost:.4g}")
    if plan.scans:
        lines.append(f"read from end to end: {', '.join(results.escape(scan.relation) for scan in plan.scans)}")
    return "\n".join(lines)


def scalars(params: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the values of a statement's parameters.

    Raises:
        SqlFault: one is a list or an object.
    """
    for name, value in params.items():
        if isinstance(value, dict | list):
            raise SqlFault(f"parameter {name[:60]!r} is no single value: give text, a number, true, false or null")
    return dict(params)


@contextlib.contextmanager
def told(sql: "Sql") -> Iterator[None]:
    """Show faults of this connector to the model."""
    try:
        yield
    except SqlFault as fault:
        raise ToolError(f"{sql.name}: {fault}") from fault
