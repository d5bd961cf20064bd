"""DuckDB files, and data files as tables, as an engine: where they are, and what the worker processes are asked.

Everything that touches the database runs in `duckdb_worker`, in another process; here stand the paths, the requests,
and the answers as typed values. Nothing of this module blocks the event loop, and nothing loads the driver.
"""

import importlib.util
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from dragoman.connectors.sql.catalog import Catalog, Count, Details, Relation, fold
from dragoman.connectors.sql.dialects import DUCKDB
from dragoman.connectors.sql.engines import processes
from dragoman.connectors.sql.engines.duckdb_files import tables_of
from dragoman.connectors.sql.engines.engine import (
    EngineFault,
    FaultKind,
    Page,
    Plan,
    Query,
    Rights,
    Scalar,
    SqlLimits,
)
from dragoman.connectors.sql.settings import SqlSettings

WORKER: Final = Path(__file__).with_name("duckdb_worker.py")
COUNT_SECONDS: Final = 1.0

# What a worker gets beyond the time of the statement itself: to start, to open the file, to answer.
HARD_WATCHDOG_SECONDS: Final = 0.75
SCHEMA_SECONDS: Final = 10.0

_URL: Final = re.compile(r"duckdb(?:\+\w+)?://(?P<host>[^/]*)/(?P<path>.*)", re.DOTALL)
_NEEDED: Final = ("duckdb", "msgspec")

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
    version: str


class _Counts(msgspec.Struct):
    counts: list[Count]


def path_of(url: str | Path) -> Path:
    """Return the absolute path of a database file.

    Args:
        url: a path, or `duckdb:///relative` or `duckdb:////absolute` as SQLAlchemy writes them; what stands in such a
            URL is taken as it is, so that no character of a file's name needs escaping.

    Raises:
        ValueError: a URL that names a host or no file.
    """
    if isinstance(url, Path):
        return url.absolute()
    found = _URL.fullmatch(url)
    if found is None and url.startswith("duckdb:"):
        raise ValueError("write duckdb:///relative or duckdb:////absolute")
    if found is not None and found["host"]:
        raise ValueError("a duckdb URL names no host: write duckdb:///relative or duckdb:////absolute")
    text = found["path"] if found is not None else url
    if not text or text == ":memory:":
        raise ValueError("a database in memory can't be served: name a file")
    return Path(text).absolute()


def open_engine(settings: SqlSettings) -> "DuckdbEngine":
    """Return the engine of a file, or of data files, that need not exist yet.

    Raises:
        ValueError: the URL names no file, the files can't be tables, or the driver is not installed.
    """
    if settings.files:
        return DuckdbEngine(tables_of(settings.files), settings.limits())
    return DuckdbEngine(path_of(settings.url), settings.limits(), settings.schemas)


class DuckdbEngine:
    """One DuckDB file, or data files as tables, read-only.

    Args:
        source: the database file, absolute; or data files by the names of their tables. They need not exist yet.
        limits: what one statement may use.
        schemas: schemas that are served; empty for the default one.

    Raises:
        ValueError: the driver is not installed.
    """

    dialect = DUCKDB

    def __init__(self, source: Path | Mapping[str, Path], limits: SqlLimits, schemas: Sequence[str] = ()) -> None:
        self.source = source
        self.limits = limits
        self.schemas = tuple(schemas) or (DUCKDB.schema,)
        self._folders = folders_of_the_driver()
        self._catalog: Catalog | None = None
        self._pool: processes.Pool | None = None  # made by the first question, and again after `close`
        self._scratch: _Scratch | None = None  # as long as the pool

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """Return what the database holds; `fresh` asks it anew instead of trusting the last answer.

        Raises:
            EngineFault: the database can't be read.
        """
        if self._catalog is None or fresh:
            listing = await self._ask("catalog", SCHEMA_SECONDS, _Listing)
            relations = {fold(self._called(relation)): relation for relation in listing.relations}
            self._catalog = Catalog(listing.version, relations, frozenset())
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
            sql=query.text("${n}"),
            arguments=_bound(query.arguments),
            skip=skip,
            rows=rows,
            seconds=limits.seconds,
            result_bytes=limits.result_bytes,
            cell_bytes=limits.cell_bytes,
        )

    async def explain(self, query: Query) -> Plan:
        """Return how one statement would be run, without running any of it.

        Raises:
            EngineFault: the statement can't be planned, or the database can't be read.
        """
        return await self._ask(
            "explain", self.limits.seconds, Plan, sql=query.text("${n}"), arguments=_bound(query.arguments)
        )

    async def rights(self) -> Rights:
        """Return nothing: files are opened for reading, and statements run in read-only transactions."""
        return Rights()

    async def describe(self, relation: Relation) -> Details:
        """Return keys, indexes and row count of a relation of the catalog.

        Raises:
            EngineFault: the database can't be read.
        """
        return await self._ask(
            "describe", SCHEMA_SECONDS, Details, schema=relation.schema or self.schemas[0], name=relation.name
        )

    async def counts(self, relations: Sequence[Relation]) -> list[Count]:
        """Return the row counts of relations of the catalog, as far as one second reaches.

        Raises:
            EngineFault: the database can't be read.
        """
        names = [[relation.schema or self.schemas[0], relation.name] for relation in relations]
        return (await self._ask("counts", SCHEMA_SECONDS, _Counts, names=names)).counts

    async def close(self) -> None:
        """End the workers and what they run; the next question starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.close()

    def _called(self, relation: Relation) -> str:
        """Return how a relation is called: with its schema where that is not the first one that is served."""
        return relation.name if relation.schema == self.schemas[0] else f"{relation.schema}.{relation.name}"

    def _workers(self) -> processes.Pool:
        if self._pool is None:
            self._scratch = _Scratch()
            limits = self.limits
            self._pool = processes.Pool(
                WORKER,
                [str(limits.memory_bytes), str(limits.scratch_bytes), *self._folders],
                self._greeting(self._scratch.folder),
                size=limits.parallel,
                waiting=limits.waiting,
            )
        return self._pool

    def _greeting(self, scratch: Path) -> bytes:
        files = {} if isinstance(self.source, Path) else {name: str(path) for name, path in self.source.items()}
        return msgspec.json.encode(
            {
                "database": str(self.source) if isinstance(self.source, Path) else "",
                "files": files,
                "schemas": list(self.schemas),
                "scratch": str(scratch),
                "memory_bytes": self.limits.memory_bytes,
                "scratch_bytes": self.limits.scratch_bytes,
                "seconds": self.limits.seconds,
                "count_seconds": COUNT_SECONDS,
            }
        )

    async def _ask(self, operation: str, patience: float, answer: type[Answer], **request: Any) -> Answer:
        """Ask a worker, and turn every way of failing into an `EngineFault`."""
        frame = msgspec.json.encode({"operation": operation, **request})
        try:
            payload = await self._workers().ask(frame, patience + HARD_WATCHDOG_SECONDS)
        except processes.ProgramLate:
            self._sweep()
            raise EngineFault("timeout") from None
        except processes.ProgramLost:
            self._sweep()
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

    def _sweep(self) -> None:
        if self._scratch is not None:
            self._scratch.sweep()

    def _note(self, version: str) -> None:
        """Forget a catalog of another version of the schema."""
        if self._catalog is not None and version != self._catalog.version:
            self._catalog = None


class _Scratch:
    """A folder where each worker has one of its own for temporary files, called by its process."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dragoman-duckdb-"))
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what workers left that were killed."""
        for each in self.folder.iterdir():
            if each.name.isdigit() and not _runs(int(each.name)):
                shutil.rmtree(each, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _bound(arguments: Sequence[Scalar]) -> list[Any]:
    """Return values as a worker reads them: bytes in an object, because JSON has none."""
    return [{"bytes": each} if isinstance(each, bytes) else each for each in arguments]


def folders_of_the_driver() -> list[str]:
    """Return where the packages are installed that a worker needs.

    Raises:
        ValueError: one is not.
    """
    folders = []
    for name in _NEEDED:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise ValueError(
                f"serving DuckDB, Parquet, CSV and JSON files needs the package {name!r}: install it with "
                "`pip install 'dragoman[duckdb]'`"
            )
        folders.append(str(Path(found.origin).parent.parent))
    return list(dict.fromkeys(folders))
