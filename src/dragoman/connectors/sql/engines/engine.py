"""What every database engine offers the connector, and the one way in which it fails.

Knows no SQL text and no driver. An engine runs one checked statement at a time under `SqlLimits`, describes
its relations, and raises `EngineFault` of a closed set of kinds, never a driver's exception (security
invariant P21). The shapes that cross the border between engine and connector live here.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct

from dragoman.connectors.sql.catalog import Catalog, Count, Details
from dragoman.connectors.sql.dialects import Dialect

FaultKind = Literal[
    "statement",  # the engine refused the statement; the message names identifiers of the statement
    "refused",  # the second lock refused what the guard had let through
    "timeout",
    "memory",
    "scratch",  # sorting needed more temporary space than allowed
    "too_big",  # one value or intermediate string above the limit
    "wide_row",  # one row above the limit of a whole result
    "missing",
    "not_file",
    "forbidden",
    "not_database",
    "corrupt",
    "locked",
    "cannot_open",
    "recovery",  # a writer died in the middle of a write; only a writer can repair it
    "input_output",
    "old_library",
    "lost",  # the process that ran the statement ended
    "busy",
]


class SqlFault(Exception):
    """A statement that was not answered; its text is one sentence for the model."""


class EngineFault(Exception):
    """A failure of an engine, of a known kind.

    Args:
        kind: one of `FaultKind`.
        message: the engine's own words. Only those of kind `statement` may be shown, and only through
            `faults.sentence`, which takes from them what is known to name no value.
    """

    def __init__(self, kind: FaultKind, message: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind: FaultKind = kind
        self.message = message


class SqlLimits(Struct, frozen=True, kw_only=True):
    """What one statement may use; every field is a setting of the connector or derived from one."""

    seconds: Annotated[float, Meta(gt=0, description="time a statement may run, seconds")] = 5.0
    rows: Annotated[int, Meta(ge=1, description="most rows of one result")] = 200
    result_bytes: Annotated[int, Meta(ge=1000, description="largest result, bytes of JSON")] = 1_000_000
    cell_bytes: Annotated[int, Meta(ge=16, description="longest cell; longer ones are cut, bytes")] = 64 * 1024
    statement_bytes: Annotated[int, Meta(ge=16, description="longest statement, bytes of UTF-8")] = 16 * 1024
    tokens: Annotated[int, Meta(ge=4, description="most tokens of a statement")] = 2000
    nesting: Annotated[int, Meta(ge=1, description="deepest nesting of parentheses and CASE")] = 32
    value_bytes: Annotated[int, Meta(ge=1024, description="largest value the engine may read or build, bytes")] = (
        16 * 2**20
    )
    memory_bytes: Annotated[int, Meta(ge=8 * 2**20, description="memory the engine may take per statement, bytes")] = (
        64 * 2**20
    )
    scratch_bytes: Annotated[int, Meta(ge=2**20, description="largest temporary file of a sort, bytes")] = 256 * 2**20
    parallel: Annotated[int, Meta(ge=1, description="statements that run at one time")] = 4
    waiting: Annotated[int, Meta(ge=0, description="statements that may wait for a free place")] = 32


class Page(Struct, frozen=True):
    """Some rows of a statement's result; `more` says that rows follow."""

    columns: list[str]
    rows: list[list[Any]]
    more: bool


class Engine(Protocol):
    """One database behind one dialect."""

    dialect: Dialect

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return what the database holds; `fresh` asks it anew instead of trusting the last answer."""

    async def run(self, sql: str, *, skip: int, rows: int) -> Page:
        """Run one statement that the guard let through and return some of its rows."""

    async def describe(self, name: str) -> Details:
        """Return keys, indexes, row count and sample rows of a relation of the catalog."""

    async def counts(self, names: Sequence[str]) -> list[Count]:
        """Return the row counts of relations of the catalog, as far as one second reaches."""

    async def close(self) -> None:
        """End what runs and release what is held."""
