"""SQLite files as an engine: where the file is, and what its worker processes are asked.

Everything that touches the database runs in `sqlite_worker`, in another process; here stand the path, the
requests, and the answers as typed values. Nothing of this module blocks the event loop.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from dragoman.connectors.sql.catalog import Catalog, Count, Details, Relation, fold
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines import processes
from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind, Page, Plan, Query, Rights, SqlLimits
from dragoman.connectors.sql.settings import SqlSettings

WORKER = Path(__file__).with_name("sqlite_worker.py")
COUNT_SECONDS = 1.0
LOCK_SECONDS = 1.0

# What a worker gets beyond the time of the statement itself: to open the file, to wait for a lock, to answer.
HARD_WATCHDOG_SECONDS = 0.75
SCHEMA_SECONDS = 10.0

URL = re.compile(r"sqlite(?:\+\w+)?://(?P<host>[^/]*)/(?P<path>.*)", re.DOTALL)


Answer = TypeVar("Answer")


class _Fault(msgspec.Struct):
    kind: FaultKind
    message: str


class _Reply(msgspec.Struct):
    """An answer of the worker: a fault, or the fields of what was asked for, and the schema's version."""

    fault: _Fault | None = None
    version: str = ""


class _Page(Page, frozen=True):
    """A page and the schema's version, in one."""

    version: str = ""


class _Listing(msgspec.Struct):
    relations: list[Relation]
    hidden: list[str]
    version: str


class _Counts(msgspec.Struct):
    counts: list[Count]


def path_of(url: str | Path) -> Path:
    """Return the absolute path of a database file.

    Args:
        url: a path, or `sqlite:///relative` or `sqlite:////absolute` as SQLAlchemy writes them; what stands
            in such a URL is taken as it is, so that no character of a file's name needs escaping.

    Raises:
        ValueError: a URL of another kind, or one that names a host, options or no file.
    """
    if isinstance(url, Path):
        return url.absolute()
    found = URL.fullmatch(url)
    if found is None:
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", url) and not Path(url).exists():
            raise ValueError(f"{url.split(':')[0]!r} is no kind of database that can be served: use sqlite:///")
        text = url
    else:
        if found["host"]:
            raise ValueError("a sqlite URL names no host: write sqlite:///relative or sqlite:////absolute")
        text = found["path"]
    if not text or text == ":memory:":
        raise ValueError("a database in memory can't be served: name a file")
    return Path(text).absolute()


def open_engine(settings: SqlSettings) -> "SqliteEngine":
    """Return the engine of a file that need not exist yet.

    Raises:
        ValueError: the URL names no file.
    """
    return SqliteEngine(path_of(settings.url), settings.limits(), settings.allow_functions)


class SqliteEngine:
    """One SQLite file, read-only.

    Args:
        path: the database file, absolute; it need not exist yet.
        limits: what one statement may use.
        functions: names of functions that an administrator allows besides the known safe ones.
    """

    dialect = SQLITE

    def __init__(self, path: Path, limits: SqlLimits, functions: Sequence[str] = ()) -> None:
        self.path = path
        self.limits = limits
        self._catalog: Catalog | None = None
        self._pool: processes.Pool | None = None  # made by the first question, and again after `close`
        settings = {
            "path": str(path),
            "uri": f"{path.as_uri()}?mode=ro",  # percent-encoded: `?`, `#` and `%` belong to the name
            "functions": sorted(SQLITE.allowing(tuple(functions)).functions),
            "table_functions": sorted(SQLITE.table_functions),
            "limits": {
                **msgspec.structs.asdict(limits),
                "count_seconds": COUNT_SECONDS,
                "lock_seconds": min(LOCK_SECONDS, limits.seconds / 2),
            },
        }
        self._greeting = json.dumps(settings).encode()  # passes on a path that is not Unicode; msgspec does not

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return what the database holds; `fresh` asks it anew instead of trusting the last answer.

        Raises:
            EngineFault: the database can't be read.
        """
        if self._catalog is None or fresh:
            listing = await self._ask("catalog", SCHEMA_SECONDS, _Listing)
            self._catalog = Catalog(
                listing.version,
                {fold(relation.name): relation for relation in listing.relations},
                frozenset(fold(name) for name in listing.hidden),
            )
        return self._catalog

    async def run(self, query: Query, *, skip: int, rows: int, limits: SqlLimits | None = None) -> Page:
        """Run one statement that the guard let through and return some of its rows.

        Args:
            query: the statement and its values.
            skip: rows to leave out at the beginning.
            rows: most rows to return.
            limits: its time and sizes, instead of the engine's own.

        Raises:
            EngineFault: the statement failed, took too long or asked for too much.
        """
        limits = limits or self.limits
        return await self._ask(
            "run",
            limits.seconds,
            _Page,
            sql=query.text("?{n}"),
            arguments=list(query.arguments),
            skip=skip,
            rows=rows,
            seconds=limits.seconds,
            result_bytes=limits.result_bytes,
            cell_bytes=limits.cell_bytes,
        )

    async def explain(self, query: Query) -> Plan:
        """Return how one statement would be run, without running any of it.

        Raises:
            EngineFault: the statement can't be prepared, or the database can't be read.
        """
        return await self._ask("explain", self.limits.seconds, Plan, sql=query.text("?{n}"), size=len(query.arguments))

    async def rights(self) -> Rights:
        """Return nothing: the file is opened for reading, by processes that the system lets write nothing."""
        return Rights()

    async def describe(self, relation: Relation) -> Details:
        """Return keys, indexes and row count of a relation of the catalog.

        Raises:
            EngineFault: the database can't be read.
        """
        return await self._ask("describe", SCHEMA_SECONDS, Details, name=relation.name)

    async def counts(self, relations: Sequence[Relation]) -> list[Count]:
        """Return the row counts of relations of the catalog, as far as one second reaches.

        Raises:
            EngineFault: the database can't be read.
        """
        return (
            await self._ask("counts", SCHEMA_SECONDS, _Counts, names=[relation.name for relation in relations])
        ).counts

    async def close(self) -> None:
        """End the workers and what they run; the next question starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _workers(self) -> processes.Pool:
        if self._pool is None:
            self._pool = processes.Pool(
                WORKER,
                [str(self.limits.memory_bytes), str(self.limits.scratch_bytes)],
                self._greeting,
                size=self.limits.parallel,
                waiting=self.limits.waiting,
            )
        return self._pool

    async def _ask(self, operation: str, patience: float, answer: type[Answer], **request: Any) -> Answer:
        """Ask a worker, and turn every way of failing into an `EngineFault`."""
        frame = msgspec.json.encode({"operation": operation, **request})
        try:
            payload = await self._workers().ask(frame, patience + HARD_WATCHDOG_SECONDS)
        except processes.ProgramLate:
            raise EngineFault("timeout") from None
        except processes.ProgramLost:
            raise EngineFault("lost") from None
        except processes.PoolFull:
            raise EngineFault("busy") from None
        if answer is _Page and not payload.startswith(b'{"fault"'):
            page = msgspec.json.decode(payload, type=_Page)
            self._note(page.version)
            return cast("Answer", page)
        reply = msgspec.json.decode(payload, type=_Reply)
        self._note(reply.version)
        if reply.fault is not None:
            raise EngineFault(reply.fault.kind, reply.fault.message)
        return msgspec.json.decode(payload, type=answer)

    def _note(self, version: str) -> None:
        """Forget a catalog of another version of the schema."""
        if self._catalog is not None and version != self._catalog.version:
            self._catalog = None
