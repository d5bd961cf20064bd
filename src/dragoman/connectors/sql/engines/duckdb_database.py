"""One DuckDB file, or some data files as tables, as the worker's process has them: what it is asked, what it answers.

Standard library, msgspec and the driver only. The second lock stands here (security invariants P15 to P20): the
database is opened for reading, files and other servers are out of reach, settings are locked, and each statement is
one SELECT in a read-only transaction of a connection that nothing else uses. A file is let go a moment after the
last statement, because DuckDB keeps everybody who would write out of a file that somebody reads.
"""

import contextlib
import os
import re
import select
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import duckdb
import msgspec

from dragoman.connectors.sql.engines import duckdb_catalog as catalog
from dragoman.connectors.sql.engines.duckdb_cells import Columns
from dragoman.connectors.sql.engines.duckdb_errors import Refusal, fault_of
from dragoman.connectors.sql.engines.duckdb_files import definition, pattern_of
from dragoman.connectors.sql.engines.sqlite_cells import Rows, encode, encode_reply
from dragoman.connectors.sql.engines.sqlite_deadline import Deadline
from dragoman.connectors.sql.engines.sqlite_worker import read_frame, write_frame

if sys.platform != "win32":
    import resource

FIRST_ROWS: Final = 16
MOST_ROWS: Final = 256  # that are fetched and encoded together
IDLE_SECONDS: Final = 1.0  # after which a database file is let go
GRACE_SECONDS: Final = 2.0  # beyond its time, after which this process ends itself: whoever asked is gone
SCHEMA_SECONDS: Final = 8.0
_ABSENT: Final = re.compile(r"Catalog Error: Table with name (.+) does not exist")
_NUMBERED: Final = re.compile(r"_\d+$")
_OUTSIDE: Final = 120 * 2**20  # bytes of data that the driver maps besides, most of which it never touches

Identity = tuple[int, ...]


class Settings(msgspec.Struct):
    """What the server's process says at the start.

    Args:
        database: the path of a database file; empty for data files.
        files: data files by the names of their tables.
        schemas: schemas that are served, the default one first.
        scratch: a folder for temporary files; nobody else writes there.
        memory_bytes: what statements may take.
        scratch_bytes: what sorting may write.
        seconds: time of a plan.
        count_seconds: time of counting.
    """

    database: str
    files: dict[str, str]
    schemas: list[str]
    scratch: str
    memory_bytes: int
    scratch_bytes: int
    seconds: float
    count_seconds: float


class Database:
    """One database, opened strictly for reading, and opened anew when another file takes its place.

    Args:
        settings: where it is and what it may use.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._deadline = Deadline()
        self._connection: Any = None
        self._identity: Identity = ()
        self._signatures: dict[str, Identity] = {}
        self._listing: list[dict[str, Any]] = []
        self.version = ""

    @property
    def is_held(self) -> bool:
        """Whether a database file is open, which keeps writers out."""
        return self._connection is not None and bool(self._settings.database)

    def is_file(self, name: str) -> bool:
        """Whether a table is a data file."""
        return name.casefold() in {each.casefold() for each in self._settings.files}

    def close(self) -> None:
        """Let go of the database; the next question opens it anew."""
        connection, self._connection = self._connection, None
        self._signatures = {}
        if connection is not None:
            with contextlib.suppress(duckdb.Error, RuntimeError):
                connection.close()

    def run(
        self, sql: str, arguments: list[Any], skip: int, rows: int, seconds: float, result_bytes: int, cell_bytes: int
    ) -> dict[str, Any]:
        """Run one statement of an agent: skip rows, then return at most `rows` within the size of a result.

        Raises:
            Refusal: the statement is no query, or one row alone is above the size of a result.
            duckdb.Error: whatever DuckDB says.
        """
        bound = [_argument(each) for each in arguments]
        with self._asking(seconds) as cursor:
            _check(cursor, sql)
            cursor.execute(f"SELECT * FROM ({sql}\n) LIMIT 0", bound)  # noqa: S608 (the guard's, and one SELECT)
            described = cursor.description
            columns = Columns([kind for _, kind, *_ in described], cell_bytes)
            around = columns.around(sql)
            names = [name for name, *_ in described] if around != sql else []
            if any(_NUMBERED.search(name) for name in names):  # in a subquery, DuckDB numbers equal names
                names = [name for name, *_ in cursor.execute(f"DESCRIBE {sql}", bound).fetchall()]
            cursor.execute(around, bound)
            names = names or [name for name, *_ in cursor.description]
            left = skip
            while left and (passed := cursor.fetchmany(min(left, 1000))):
                left -= len(passed)
            return self._page(cursor, names, columns, rows, result_bytes)

    def _page(self, cursor: Any, names: list[str], columns: Columns, rows: int, result_bytes: int) -> dict[str, Any]:
        kept = Rows(result_bytes - len(encode(names)))
        wanted, more = FIRST_ROWS, False
        while not more and (fetched := cursor.fetchmany(min(wanted, rows + 1 - len(kept)))):
            more = len(kept) + len(fetched) > rows
            if not kept.take([columns.row(row) for row in fetched[: rows - len(kept)]]):
                more = True
            # The next ones are as many as surely fit, should they be as long as these: memory is bounded, too.
            wanted = min(MOST_ROWS, max(FIRST_ROWS, kept.room // max(1, kept.longest)))
        if more and not kept:
            raise Refusal("wide_row")
        return {"columns": names, "rows": kept, "more": more, "version": self.version}

    def explain(self, sql: str, arguments: list[Any]) -> dict[str, Any]:
        """Return the plan of one statement, without expressions: these may hold values of the policy.

        Raises:
            Refusal: the statement is no query.
            duckdb.Error: whatever DuckDB says.
        """
        with self._asking(self._settings.seconds) as cursor:
            _check(cursor, sql)
            cursor.execute(f"EXPLAIN (FORMAT json) {sql}", [_argument(each) for each in arguments])
            ((_, document),) = cursor.fetchall()
            named = [name for name in self._settings.files if _names(sql, name)]
            return {**catalog.plan(document, self._listing, named), "version": self.version}

    def catalog(self) -> dict[str, Any]:
        """Return the relations of the schemas that are served, with their columns."""
        with self._asking(SCHEMA_SECONDS):
            return {"version": self.version, "relations": self._listing}

    def describe(self, schema: str, name: str) -> dict[str, Any]:
        """Return keys, indexes and row count of one relation of the catalog."""
        with self._asking(SCHEMA_SECONDS) as cursor:
            keys, indexes = catalog.keys_and_indexes(cursor, schema, name)
        counted = self.counts([[schema, name]])["counts"]
        return {"foreign_keys": keys, "indexes": indexes, "count": counted[0], "version": self.version}

    def counts(self, names: list[list[str]]) -> dict[str, Any]:
        """Return the row counts of relations, in `count_seconds` for all of them together."""
        end = time.monotonic() + self._settings.count_seconds
        return {
            "counts": [self._count(schema, name, end - time.monotonic()) for schema, name in names],
            "version": self.version,
        }

    def _count(self, schema: str, name: str, seconds: float) -> dict[str, Any]:
        """Count rows; when that takes too long or can't be done, tell what DuckDB expects."""
        with contextlib.suppress(duckdb.Error, Refusal):
            if seconds > 0:
                with self._asking(seconds) as cursor:
                    place = f"{catalog.quoted(schema)}.{catalog.quoted(name)}"
                    (rows,) = cursor.execute(f"SELECT count(*) FROM {place}").fetchone()  # noqa: S608 (names)
                return {"rows": rows, "exact": True}
        expected = [each["rows"] for each in self._listing if (each["schema"], each["name"]) == (schema, name)]
        return {"rows": expected[0] if expected else None, "exact": False}

    @contextlib.contextmanager
    def _asking(self, seconds: float) -> Iterator[Any]:
        """Give a connection of its own, in a read-only transaction, that is interrupted when the time is over."""
        with _alarm(seconds + GRACE_SECONDS), self._deadline.within(seconds):
            self._open()
            cursor = self._connection.cursor()
            try:
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                with self._deadline.within(self._deadline.at - time.monotonic(), cursor):
                    yield cursor
            finally:
                with contextlib.suppress(duckdb.Error, RuntimeError):
                    cursor.close()  # rolls back

    # --- opening ---

    def _open(self) -> None:
        if self._settings.database:
            self._open_database(self._settings.database)
        else:
            self._open_files()

    def _open_database(self, path: str) -> None:
        identity = _identify(path)
        if self._connection is not None and identity == self._identity:
            return
        self.close()
        connection = duckdb.connect(path, read_only=True, config=self._config())
        self._connection, self._identity = connection, identity
        self._lock([])
        self._learn()

    def _open_files(self) -> None:
        """Make a view of each file that is new or has changed, and drop those of files that have gone."""
        files = self._settings.files
        if self._connection is None:
            self._connection = duckdb.connect(":memory:", config=self._config())
            self._lock([*files.values(), *map(pattern_of, files.values())])
        found: dict[str, Identity] = {}
        for name, path in files.items():
            with contextlib.suppress(Refusal):
                found[name] = _identify(path)
        if not found:
            raise Refusal("missing")
        if found == self._signatures:
            return
        for name, path in files.items():
            if found.get(name) != self._signatures.get(name):
                self._define(name, path, found.get(name))
        self._signatures = found
        self._learn()

    def _define(self, name: str, path: str, identity: Identity | None) -> None:
        self._connection.execute(f"DROP VIEW IF EXISTS {catalog.quoted(name)}")
        if identity is not None:
            with contextlib.suppress(duckdb.Error):  # no such file after all: its table can't be read
                query = definition(self._connection, path, identity[2])
                self._connection.execute(f"CREATE VIEW {catalog.quoted(name)} AS {query}")

    def _config(self) -> dict[str, Any]:
        """Return the settings that hold from the first moment."""
        return {
            "threads": 1,
            "memory_limit": f"{self._settings.memory_bytes * 3 // 4 // 1000}KB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_unsigned_extensions": "false",
            "allow_persistent_secrets": "false",
            "enable_external_file_cache": "false",
        }

    def _lock(self, paths: list[str]) -> None:
        """Put everything but these files out of reach, for good."""
        allowed = ", ".join(catalog.literal(path) for path in paths)
        for setting in (
            f"allowed_paths = [{allowed}]",
            f"temp_directory = {catalog.literal(self._scratch())}",
            f"max_temp_directory_size = '{self._settings.scratch_bytes // 1000}KB'",
            "TimeZone = 'UTC'",
            # Else plans, and errors, tell the least and greatest values of rows that a filter holds back.
            "disabled_optimizers = 'statistics_propagation'",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET GLOBAL {setting}")

    def _scratch(self) -> str:
        return str(Path(self._settings.scratch, str(os.getpid())))

    def _learn(self) -> None:
        """Read the schema again."""
        broken = [name for name in self._settings.files if name not in self._signatures]
        self._listing = catalog.relations(self._connection, self._settings.schemas, self._settings.files, broken)
        self.version = catalog.version(self._listing)

    def put_away(self) -> None:
        """Close, and remove what sorting may have left."""
        self.close()
        shutil.rmtree(self._scratch(), ignore_errors=True)


def _identify(path: str) -> Identity:
    """Return what differs between two states of a file.

    Raises:
        Refusal: there is no regular, readable file at the path.
    """
    try:
        status = Path(path).stat()
    except PermissionError:
        raise Refusal("forbidden") from None
    except OSError:
        raise Refusal("missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise Refusal("not_file")
    if not os.access(path, os.R_OK):
        raise Refusal("forbidden")
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _check(cursor: Any, sql: str) -> None:
    """Refuse what is not exactly one SELECT, whatever the guard made of it.

    Raises:
        Refusal: it is something else.
    """
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise Refusal("refused", "not one query")


def _names(sql: str, table: str) -> bool:
    """Whether a statement may name a table: its name stands there, as a word or between quotes."""
    return re.search(rf"(?<!\w){re.escape(table)}(?!\w)", sql, re.IGNORECASE) is not None


def _argument(value: Any) -> Any:
    """Return a value that is bound; bytes come in an object, because JSON has none."""
    return msgspec.convert(value["bytes"], bytes) if isinstance(value, dict) else value


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End this process when it is still at work after so many seconds, even if whoever asked is gone."""
    if sys.platform == "win32":
        yield
        return
    before, _ = signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, before)


def answer(database: Database, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request; whatever goes wrong becomes a `fault`, and most faults let go of the database."""
    operations: dict[str, Callable[..., dict[str, Any]]] = {
        "run": database.run,
        "explain": database.explain,
        "catalog": database.catalog,
        "describe": database.describe,
        "counts": database.counts,
    }
    operation = operations[request.pop("operation")]
    try:
        return operation(**request)
    except (duckdb.Error, Refusal, RuntimeError, MemoryError, UnicodeError, OverflowError) as error:
        kind, message = fault_of(error)
    if (absent := _ABSENT.match(message)) and database.is_file(absent[1]):
        message = f"missing file: {absent[1]}"
    if kind not in ("statement", "refused", "timeout", "wide_row", "scratch"):
        database.close()
    return {"fault": {"kind": kind, "message": message}, "version": database.version}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Read the settings, say so, then answer requests until the other side goes."""
    settings = read_frame(source)
    if settings is None:
        return
    database = Database(msgspec.json.decode(settings, type=Settings))
    write_frame(sink, b"ready")
    try:
        while (request := _next(source, database)) is not None:
            write_frame(sink, encode_reply(answer(database, msgspec.json.decode(request))))
    finally:
        database.put_away()


def _next(source: BinaryIO, database: Database) -> bytes | None:
    """Return the next request; when none comes for a while, let go of a database file meanwhile."""
    if database.is_held and sys.platform != "win32" and not select.select([source], [], [], IDLE_SECONDS)[0]:
        database.close()
    return read_frame(source)


def confine(memory_bytes: int, scratch_bytes: int) -> None:
    """Give up what this process does not need: memory, large files, core dumps, the terminal's interrupts.

    DuckDB's own limit holds for most of its memory, not for long texts and lists: the system's is behind it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        for limit, size in (
            (resource.RLIMIT_FSIZE, scratch_bytes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_DATA, memory_bytes + _OUTSIDE),
        ):
            with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
                resource.setrlimit(limit, (size, size))
