"""The write side of an engine: transactions over several questions, exact values, and what a table is to a writer.

Nothing here, and nothing behind it, ever runs a statement of an agent: agents' expressions are read through the guard
like every query, and what changes rows are statements of ours over names of the catalog and bound values. Reading
goes through connections of its own that can't write; this is the only way to one that can.
"""

import base64
import decimal
import importlib
import json
import math
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from msgspec import Struct

from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.engines.engine import Page, Query
from dragoman.connectors.sql.engines.schemes import module_of
from dragoman.connectors.sql.settings import SqlSettings

LEDGER = "dragoman_writes"
"""The table in which writes are noted; no caller ever sees it."""

LEDGER_COLUMNS = (
    "id", "request", "principal", "statements", "state", "written_at", "undone_at", "changed", "undo", "refusal",
)  # fmt: skip

Exact = bool | int | float | str | bytes | decimal.Decimal | None
"""A value of a column, of which nothing is lost."""


class WriteColumn(Struct, frozen=True):
    """One column as a writer needs it.

    Args:
        name: as the database writes it.
        key: its place in the primary key, from 1, or 0.
        generated: whether the database computes it, so that nobody writes it.
        type: what values are cast to before they are written; empty where the database does so by itself.
        read: the expression that gives its exact value.
        write: what stands before and behind a bound value for it.
    """

    name: str
    key: int
    generated: bool
    type: str
    read: str
    write: tuple[str, str] = ("", "")


class Cascade(Struct, frozen=True):
    """A foreign key of another table that changes or deletes rows there when rows here change or go."""

    table: str
    columns: tuple[str, ...]
    deletes: bool
    updates: bool


class Target(Struct, frozen=True):
    """A table as a writer sees it.

    Args:
        schema: where it is; empty where there is only one.
        name: as the database writes it.
        columns: all of them.
        triggers: names of its triggers, whose effects elsewhere nobody can show or undo.
        cascades: foreign keys of other tables that would take rows along.
        obstacle: why it can't be written, or nothing.
    """

    schema: str
    name: str
    columns: tuple[WriteColumn, ...]
    triggers: tuple[str, ...] = ()
    cascades: tuple[Cascade, ...] = ()
    obstacle: str = ""

    @property
    def key(self) -> tuple[WriteColumn, ...]:
        """The columns of the primary key, in its order."""
        return tuple(sorted((each for each in self.columns if each.key), key=lambda column: column.key))

    @property
    def written(self) -> tuple[WriteColumn, ...]:
        """The columns whose values are stored as they are given."""
        return tuple(each for each in self.columns if not each.generated)


class Transaction(Protocol):
    """One transaction that may write; it is rolled back unless `commit` returned.

    Whatever fails raises `EngineFault`.
    """

    async def target(self, relation: Relation) -> Target:
        """Return a table of the catalog as a writer sees it."""

    async def read(self, query: Query, most: int, types: Sequence[str]) -> list[list[Exact]]:
        """Run a query that the guard let through and return its exact values.

        Args:
            query: the query.
            most: rows after which no more are read.
            types: what each of its columns is cast to; as many as it must have.

        Raises:
            EngineFault: `statement`, with the message `width`, when it has another number of columns.
        """

    async def page(self, query: Query, rows: int) -> Page:
        """Run a query that the guard let through and return its rows as callers see them."""

    async def ask(self, query: Query) -> list[list[Exact]]:
        """Run a query of ours."""

    async def change(self, query: Query) -> int:
        """Run a statement of ours and return how many rows it met."""

    async def insert(self, query: Query, target: Target, given: dict[str, Exact]) -> list[Exact]:
        """Run an INSERT of ours of one row and return the row's key.

        Args:
            query: the statement, without RETURNING.
            target: the table.
            given: the values by column.
        """

    async def commit(self) -> None:
        """Make it durable; when this raises, it is not known whether it is."""


class Writer(Protocol):
    """The write side of one engine.

    `quote` is what stands around names, `lock` what makes a query of ours hold its rows until the end, `overriding`
    what lets an INSERT give a column that the database would number itself; `ledger` are the statements that make the
    table in which writes are noted, `ledger_schema` where it is, `text` what stands around a bound text of ours.
    """

    quote: str
    lock: str
    overriding: str
    ledger: tuple[str, ...]
    ledger_schema: str
    text: tuple[str, str]

    def transaction(self, seconds: float, *, writing: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that may take so many seconds in all; one that is not `writing` can't."""

    async def has_ledger(self) -> bool:
        """Return whether the table in which writes are noted is there."""

    async def make_ledger(self) -> None:
        """Make that table where it is missing.

        Raises:
            EngineFault: `refused` when the login may not.
        """

    async def close(self) -> None:
        """End what runs and release what is held."""


def open_writer(settings: SqlSettings) -> Writer:
    """Return the write side of a connector's engine, connected to nothing yet.

    Raises:
        ValueError: this kind of database can't be written.
    """
    name = module_of(settings.url)
    try:
        module = importlib.import_module(f"dragoman.connectors.sql.engines.{name}_writes")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("dragoman."):
            raise
        raise ValueError(f"databases of the kind {name!r} can't be written: leave out `write`") from None
    return cast("Writer", module.open_writer(settings))


def named(quote: str, *names: str) -> str:
    """Return a name, qualified by those before it that are not empty, in quotes."""
    return ".".join(quote + name.replace(quote, quote * 2) + quote for name in names if name)


# --- exact values as JSON ---


def packed(value: Exact) -> Any:
    """Return an exact value as a JSON value that `unpacked` turns back."""
    if isinstance(value, bytes):
        return {"b": base64.b64encode(value).decode("ascii")}
    if isinstance(value, decimal.Decimal):
        return {"d": str(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"f": repr(value)}
    return value


def unpacked(value: Any) -> Exact:
    """Return the exact value of what `packed` gave."""
    if not isinstance(value, dict):
        return cast("Exact", value)
    ((kind, text),) = value.items()
    if kind == "b":
        return base64.b64decode(text)
    return decimal.Decimal(text) if kind == "d" else float(text)


def to_json(value: Any) -> str:
    """Return packed values as the one JSON text that stands for them."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
