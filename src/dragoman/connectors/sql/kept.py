"""Results that were cut, kept for a while as resources: `sql://<name>/results/<id>`, page by page as JSON.

A kept result came through the gate like any other. It belongs to the caller that asked, with the roles and facts it
was computed for, and to one version of schema and policy; for everybody and everything else it is not there. It is held
in the memory of this process, bounded by count and bytes, the oldest going first, and nothing lists it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from dragoman import Context, Principal, ResourceLink, ResourceNotFound, Server, ToolError, ToolResult
from dragoman.connectors.sql.engines.engine import Page, Scalar, SqlFault
from dragoman.connectors.sql.gate import Gate, attributes_of
from dragoman.connectors.sql.rows import QueryResult, escape

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql
    from dragoman.connectors.sql.settings import SqlSettings

MOST_RESULTS: Final = 32
MOST_BYTES: Final = 32 * 2**20
PAGE_BYTES: Final = 256 * 1024
_LEAST_SECONDS: Final = 0.05  # a statement gets no less time than this, or is not run again
_MOST_DISTINCT: Final = 1000
_LONGEST_SUMMARY: Final = 600
_DATE: Final = 10


class Kept(Struct, frozen=True):
    """Where a result that was cut is kept, how many rows of it, and whether these are all."""

    uri: str
    rows: int
    complete: bool


class CutResult(QueryResult, frozen=True):
    """The rows of a query, and where more of them are kept."""

    kept: Kept | UnsetType = UNSET


class ColumnSummary(Struct, frozen=True, omit_defaults=True):
    """What the kept rows have in one column; `distinct` is left out above a thousand values."""

    name: str
    type: str
    nulls: int = 0
    distinct: int | None = None
    min: Any = None
    max: Any = None


class KeptPage(Struct, frozen=True):
    """One page of a kept result as JSON, and how many rows it has."""

    text: str
    rows: int


class _Held(Struct, frozen=True):
    owner: bytes
    pages: tuple[tuple[bytes, int], ...]  # rows as JSON, and how many
    summary: tuple[ColumnSummary, ...]
    columns: tuple[str, ...]
    told: Kept
    expires: float
    size: int


class KeptResults:
    """The kept results of one connector.

    Args:
        name: the connector's.
        gate: what lets statements through.
        settings: how much is kept, and how long.
        clock: seconds that only grow.
    """

    def __init__(
        self, name: str, gate: Gate, settings: "SqlSettings", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._gate = gate
        self._settings = settings
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._one = asyncio.Lock()  # one wide result at a time, so that memory stays bounded
        self._timers: set[asyncio.TimerHandle] = set()

    async def keep(
        self, sql: str, values: Mapping[str, Scalar], principal: Principal, *, seconds: float
    ) -> tuple[Kept, ResourceLink] | None:
        """Run a statement once more with wider caps and keep its rows; None when that fails or brings no more.

        Args:
            sql: a statement whose result was cut.
            values: of its parameters by name.
            principal: who asks.
            seconds: what is left of the time that the statement may run.
        """
        until, usual = self._clock() + seconds, self._gate.limits_of(principal)
        if seconds < _LEAST_SECONDS or usual.rows < self._gate.limits.rows:
            return None  # a role with fewer rows gets no more of them in this way
        if usual.result_bytes < self._gate.limits.result_bytes:
            return None
        async with self._one:
            left = until - self._clock()
            if left < _LEAST_SECONDS:
                return None
            limits = structs.replace(
                self._gate.limits,
                rows=max(self._settings.keep_rows, usual.rows),
                result_bytes=max(self._settings.keep_bytes, usual.result_bytes),
                seconds=min(left, usual.seconds),
            )
            try:
                before = await self._owner(principal)
                page = await self._gate.run(sql, values, principal, rows=limits.rows, limits=limits)
                if await self._owner(principal) != before:
                    return None
            except SqlFault:
                return None  # the rows that were cut are answered all the same
            held = await asyncio.to_thread(self._made, page, before)
        self._put(held)
        return held.told, self._link(held)

    async def read(self, key: str, number: int, principal: Principal) -> KeptPage | None:
        """Return one page as JSON; None when there is none for this caller.

        Args:
            key: the result's.
            number: of the page, from 1.
            principal: who asks.

        Raises:
            SqlFault: the database can't be read.
        """
        self._expire()
        held = self._held.get(key)
        if held is None or not 1 <= number <= len(held.pages):
            return None
        if not secrets.compare_digest(held.owner, await self._owner(principal)):
            return None
        head: dict[str, Any] = {"page": number, "pages": len(held.pages), "columns": held.columns}
        if number == 1:
            head |= {"kept": held.told.rows, "complete": held.told.complete, "summary": held.summary}
        if number < len(held.pages):
            head["next"] = f"{held.told.uri}/{number + 1}"
        rows, count = held.pages[number - 1]
        return KeptPage((msgspec.json.encode(head)[:-1] + b',"rows":' + rows + b"}").decode(), count)

    @property
    def held_bytes(self) -> int:
        """How much is held, bytes."""
        return sum(held.size for held in self._held.values())

    def close(self) -> None:
        """Forget everything."""
        self._held.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    async def _owner(self, principal: Principal) -> bytes:
        """Who may read what is computed now: the caller with all that is known of it, and what it may see."""
        view = await self._gate.view(principal)
        known = sorted(attributes_of(principal).items())
        owner = [principal.identity, known, sorted(principal.roles), sorted(principal.scopes), view.version]
        return msgspec.json.encode(owner)

    def _made(self, page: Page, owner: bytes) -> _Held:
        key = secrets.token_urlsafe(24)
        told = Kept(f"sql://{self._name}/results/{key}", len(page.rows), not page.more)
        pages = pages_of(page.rows, min(PAGE_BYTES, self._settings.max_bytes))
        summary = tuple(summary_of(page))
        size = sum(len(rows) for rows, _ in pages) + len(owner)
        expires = self._clock() + self._settings.keep_seconds
        return _Held(owner, pages, summary, tuple(page.columns), told, expires, size)

    def _put(self, held: _Held) -> None:
        self._held[held.told.uri.rpartition("/")[2]] = held
        self._expire()
        while len(self._held) > 1 and (len(self._held) > MOST_RESULTS or self.held_bytes > self._most_bytes):
            del self._held[next(iter(self._held))]
        loop = asyncio.get_running_loop()
        self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
        self._timers.add(loop.call_later(self._settings.keep_seconds + _LEAST_SECONDS, self._expire))

    @property
    def _most_bytes(self) -> int:
        return max(MOST_BYTES, self._settings.keep_bytes)

    def _expire(self) -> None:
        now = self._clock()
        for key in [key for key, held in self._held.items() if held.expires <= now]:
            del self._held[key]

    def _link(self, held: _Held) -> ResourceLink:
        return ResourceLink(
            uri=held.told.uri,
            name=f"{self._name}_result",
            description=summary_text(held.summary),
            mime_type="application/json",
        )


def add_kept_results(server: Server, sql: "Sql", kept: KeptResults) -> None:
    """Add the kept results of a database to a server, unlisted."""

    async def page(key: str, number: int, context: Context) -> str:
        try:
            found = await kept.read(key, number, context.principal)
        except SqlFault as fault:
            raise ToolError(str(fault)) from fault
        if found is None:
            raise ResourceNotFound(f"sql://{sql.name}/results/{key}")
        context.count_rows(found.rows)
        return found.text

    async def first(key: str, context: Context) -> str:
        """Read the first page of a kept result."""
        return await page(key, 1, context)

    async def later(key: str, number: str, context: Context) -> str:
        """Read one page of a kept result."""
        return await page(key, int(number) if number.isdecimal() and len(number) < _DATE else 0, context)

    where = f"sql://{sql.name}/results/{{key}}"
    described = "Rows of a result that was cut, with a summary; `next` is the page after"
    server.add_resource_template(
        where, first, name=f"{sql.name}_result", description=described, mime_type="application/json"
    )
    server.add_resource_template(
        f"{where}/{{number}}",
        later,
        name=f"{sql.name}_result_page",
        description=described,
        mime_type="application/json",
    )


def with_kept(shown: ToolResult, result: QueryResult, kept: Kept, link: ResourceLink) -> ToolResult:
    """Return a tool's result that says where its rows are kept, in the forms that it has."""
    content: list[Any] = [link]
    if shown.content:
        which = "all of them" if kept.complete else "and there are more"
        content = [f"{shown.content}\n(kept: {kept.rows} rows, {which}: {kept.uri})", link]
    if shown.structured is None:
        return ToolResult(content)
    return ToolResult(content, CutResult(result.columns, result.rows, result.truncated, result.next, kept))


def pages_of(rows: Sequence[Sequence[Any]], most: int) -> tuple[tuple[bytes, int], ...]:
    """Return rows as JSON arrays of at most so many bytes, or of one row that is larger; one at least.

    Each comes with how many rows it has.
    """
    pages, lines, size = [], list[bytes](), 2
    for row in rows:
        line = msgspec.json.encode(row)
        if lines and size + len(line) + 1 > most:
            pages.append((b"[" + b",".join(lines) + b"]", len(lines)))
            lines, size = [], 2
        lines.append(line)
        size += len(line) + 1
    return (*pages, (b"[" + b",".join(lines) + b"]", len(lines)))


def summary_of(page: Page) -> list[ColumnSummary]:
    """Return what rows have in each column: kind, nulls, distinct values, least and greatest number or date."""
    columns = list(zip(*page.rows, strict=True)) or [()] * len(page.columns)
    return [_column(name, values) for name, values in zip(page.columns, columns, strict=True)]


def summary_text(summary: Sequence[ColumnSummary]) -> str:
    """Return a summary as one short line."""
    told = []
    for column in summary:
        parts = [f"{escape(column.name)} {column.type}"]
        if column.min is not None:
            parts.append(f"{column.min}..{column.max}")
        if column.distinct is not None:
            parts.append(f"{column.distinct} distinct")
        if column.nulls:
            parts.append(f"{column.nulls} null")
        told.append(" ".join(parts))
    text = "; ".join(told)
    return text if len(text) <= _LONGEST_SUMMARY else text[: _LONGEST_SUMMARY - 1] + "…"


def _column(name: str, values: Sequence[Any]) -> ColumnSummary:
    there = [value for value in values if value is not None]
    distinct: set[Any] = set()
    for value in there:
        distinct.add(value if isinstance(value, str | int | float) else msgspec.json.encode(value))
        if len(distinct) > _MOST_DISTINCT:
            break
    kind = _kind(there)
    ordered = kind in ("number", "date")
    return ColumnSummary(
        name,
        kind,
        len(values) - len(there),
        len(distinct) if len(distinct) <= _MOST_DISTINCT else None,
        min(there) if ordered else None,
        max(there) if ordered else None,
    )


def _kind(values: Sequence[Any]) -> str:
    kinds = set(map(type, values))
    if not kinds:
        return "null"
    if kinds <= {int, float}:
        return "number"
    if kinds == {bool}:
        return "boolean"
    if kinds == {str}:
        return "date" if all(map(_is_date, values)) else "text"
    return "json" if kinds <= {dict, list} else "mixed"


def _is_date(value: str) -> bool:
    digits = value[:4] + value[5:7] + value[8:_DATE]
    return (
        len(value) >= _DATE and value[4] == value[7] == "-" and digits.isdecimal() and value[_DATE : _DATE + 1] in " T"
    )
