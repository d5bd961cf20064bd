"""What every database engine offers the connector, and the one way in which it fails.

Knows no SQL text and no driver. An engine runs one checked statement at a time under `SqlLimits`, describes
its relations, and raises `EngineFault` of a closed set of kinds, never a driver's exception (security
invariant P21). The shapes that cross the border between engine and connector live here.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct

from dragoman.connectors.sql.catalog import Catalog, Count, Details, Relation
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
    "unreachable",  # a database server that is down, or an address that is wrong
    "login",  # the server refuses who we are
    "away",  # the connection broke while the statement ran
    "crowded",  # the server takes no more connections
    "lost",  # the process that ran the statement ended
    "busy",
]


Scalar = str | int | float | bool | bytes | None
"""A value that is bound to a statement."""


class SqlFault(Exception):
    """A statement that was not answered; its text is one sentence for the model."""


class EngineFault(Exception):
    """A failure of an engine, of a known kind.

    Args:
        kind: one of `FaultKind`.
        message: the engine's own words, after its SQLSTATE and a space where it has one. Only those of kind
            `statement` may be shown, and only through `faults`, which takes from them what is known to name no value.
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


class Query(Struct, frozen=True):
    """One statement that the guard let through, and the values that are bound to it.

    Args:
        parts: its text, cut where values stand: one part more than there are arguments.
        arguments: the values in the order of their places; never part of the text.
    """

    parts: tuple[str, ...]
    arguments: tuple[Scalar, ...] = ()

    def text(self, placeholder: str) -> str:
        """Return the statement with placeholders.

        Args:
            placeholder: how the driver writes the n-th one, such as `?{n}` or `${n}`.
        """
        first, *rest = self.parts
        return first + "".join(placeholder.format(n=n) + part for n, part in enumerate(rest, 1))


class Page(Struct, frozen=True):
    """Some rows of a statement's result, as JSON values; `more` says that rows follow."""

    columns: list[str]
    rows: list[list[Any]]
    more: bool


class Scan(Struct, frozen=True):
    """A relation that a plan reads from end to end, and how many rows the planner expects there."""

    relation: str
    rows: float | None


class Plan(Struct, frozen=True):
    """How a statement would be run; nothing of it was.

    Args:
        text: the plan for people and models, one step a line, without any value of the data.
        rows: rows that the planner expects to read, or None when it does not say.
        cost: in the planner's own units, or None.
        scans: relations that are read from end to end.
    """

    text: str
    rows: float | None
    cost: float | None
    scans: tuple[Scan, ...]


class Rights(Struct, frozen=True):
    """What the login may do beyond reading what is served.

    Args:
        excess: a sentence for each right that is not needed; empty for the right login.
        remedy: the statements that make the right one, for an administrator to run.
        unknown: a sentence where they can't be told; empty where they can.
    """

    excess: tuple[str, ...] = ()
    remedy: tuple[str, ...] = ()
    unknown: str = ""


class Engine(Protocol):
    """One database behind one dialect; it never sees a statement that the guard has not rewritten.

    Whatever fails raises `EngineFault`. A cancelled call ends what it runs in the database, too. A database that
    is not there raises at every call and is tried again by the next one: nothing needs a restart.
    """

    dialect: Dialect

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return what the database holds; `fresh` asks it anew instead of trusting the last answer."""

    async def run(self, query: Query, *, skip: int, rows: int, limits: SqlLimits | None = None) -> Page:
        """Run one statement, read-only, and return some of its rows; `limits` instead of the engine's own."""

    async def explain(self, query: Query) -> Plan:
        """Return how one statement would be run, without running any of it."""

    async def describe(self, relation: Relation) -> Details:
        """Return keys, indexes and row count of a relation of the catalog, and no row."""

    async def counts(self, relations: Sequence[Relation]) -> list[Count]:
        """Return the row counts of relations of the catalog, as far as one second reaches."""

    async def rights(self) -> Rights:
        """Return what the login may do beyond reading."""

    async def close(self) -> None:
        """End what runs and release what is held."""
