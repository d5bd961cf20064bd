"""The two tools of a database that may be written: `execute` and `undo`; there are none where `write` is off."""

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from dragoman import Context, Finding, Server, ToolAnnotations, UsageError
from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.engines.engine import EngineFault, SqlFault
from dragoman.connectors.sql.engines.writing import LEDGER, open_writer
from dragoman.connectors.sql.tools import scalars, told
from dragoman.connectors.sql.writes.told import counted, write_sentence
from dragoman.connectors.sql.writes.writes import Writes, Written

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql

WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False)


def open_writes(sql: "Sql") -> Writes | None:
    """Return the writes of a connector; None where they are off.

    Raises:
        UsageError: they are on, but can't be.
    """
    if sql.settings.write == "off":
        return None
    if not sql.settings.write_tables:
        raise UsageError(
            f"connector {sql.name!r}: write needs write_tables, the names of the tables that may be written"
        )
    try:
        writer = open_writer(sql.settings)
    except ValueError as error:
        raise UsageError(f"connector {sql.name!r}: {error}") from None
    return Writes(sql.name, sql.gate, sql.settings, writer)


def add_write_tools(server: Server, sql: "Sql", writes: Writes) -> None:
    """Add the tools that change rows."""
    verbs, tables = "/".join(sql.settings.write_verbs).upper(), ", ".join(sql.settings.write_tables)
    server.add_tool(
        _execute_tool(sql, writes),
        name=f"{sql.name}_execute",
        description=f"{verbs} rows of {tables}, one transaction; the user sees a preview and is asked.",
        annotations=WRITES,
    )
    server.add_tool(
        _undo_tool(sql, writes),
        name=f"{sql.name}_undo",
        description=f"Undo a write of {sql.name}_execute, unless its rows were changed since; the user is asked.",
        annotations=WRITES,
    )


def _execute_tool(sql: "Sql", writes: Writes) -> Any:
    async def execute(
        context: Context,
        statements: str | list[str],
        params: dict[str, Any] | UnsetType = UNSET,
        key: str | UnsetType = UNSET,
    ) -> Any:
        """Change rows.

        Args:
            context: the call
            statements: all or none
            params: values of :name
            key: the same for a retry: it is never done twice
        """
        with told(sql):
            batch = [statements] if isinstance(statements, str) else statements
            values = scalars({} if params is UNSET else params)
            written = await _told_faults(
                sql,
                writes.execute(
                    batch, values, None if key is UNSET else key, context.principal, context.once, context.confirm
                ),
            )
        return results.shown(sql.settings.results, as_text(sql.name, written), written)

    return execute


def _undo_tool(sql: "Sql", writes: Writes) -> Any:
    async def undo(context: Context, id: str) -> Any:  # noqa: A002 (an argument by name)
        """Undo a write.

        Args:
            context: the call
            id: of the write
        """
        with told(sql):
            written = await _told_faults(sql, writes.undo(id, context.principal, context.once, context.confirm))
        return results.shown(sql.settings.results, as_text(sql.name, written), written)

    return undo


async def _told_faults(sql: "Sql", work: Any) -> Written:
    """Await a write; a fault of the engine that nobody told yet is told."""
    try:
        written: Written = await work
    except EngineFault as fault:
        raise SqlFault(f"{write_sentence(fault, sql.gate, None)}; nothing was changed") from fault
    return written


def as_text(name: str, written: Written) -> str:
    """Return what became of a write, for the model."""
    if written.state == "declined":
        return "Not confirmed: nothing was changed."
    if written.state == "unchanged":
        return "No row is meant: nothing was changed, and nobody was asked."
    rows = " + ".join(counted(each) for each in written.rows)
    head = {"done": "Committed", "already done": "Already committed", "undone": "Undone"}[written.state]
    lines = [f"{head} at {written.at}: {rows}; id {written.id}"]
    if written.undoable:
        lines.append(f"{name}_undo takes the id.")
    if written.note:
        lines.append(f"{written.note[0].upper()}{written.note[1:]}.")
    return "\n".join(lines)


async def write_findings(sql: "Sql", writes: Writes) -> list[Finding]:
    """Return what whoever runs the server should do before rows can be written."""
    try:
        if await writes.writer.has_ledger():
            return []
    except EngineFault as fault:
        return [Finding(text=f"{sql.name}: it can't be written: {sql.gate.sentence(fault, None, None)}")]
    return [
        Finding(
            level="note",
            text=f"{sql.name}: writes are noted in the table {LEDGER}, made by the first one",
            remedy="\n".join(f"{statement};" for statement in writes.writer.ledger),
        )
    ]
