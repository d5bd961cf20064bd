"""The program that runs SQLite statements, in a process of its own with little memory and few rights.

Standard library only, and two parts of its own: it is started by path, before anything else is loaded, and reads
and writes frames (four bytes of length, then JSON). A process, because some of SQLite's functions can't be
interrupted (`replace` and `instr` on large values), because only a process has a memory limit of its own, and
because a crash of native code must cost one statement (security invariants P7 and P17). One process runs one
statement at a time; `sqlite` is its only caller.
"""

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import stat
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO

if __name__ == "__main__":  # nothing but the standard library is on the path of this program
    sys.path.insert(0, __file__.rpartition("dragoman")[0])

from dragoman.connectors.sql.engines.sqlite_cells import Cells, Rows, decode, encode, encode_reply
from dragoman.connectors.sql.engines.sqlite_deadline import Deadline

if sys.platform != "win32":
    import resource

OPERATIONS_BETWEEN_CHECKS = 1000
FIRST_ROWS = 16
MOST_ROWS = 256  # that are fetched and encoded together
OLDEST_LIBRARY = (3, 37, 0)  # the first with PRAGMA table_list, which tells shadow tables from others
DEFENSIVE = 1010  # SQLITE_DBCONFIG_DEFENSIVE, which has a name from Python 3.12 on
HEADER = struct.Struct(">I")

# What virtual tables ask for themselves; harmless to know (FTS3 reads the page size, FTS5 the data version).
QUIET_PRAGMAS = frozenset({"data_version", "page_size"})


# The function that hash masks are made of; no agent can name it, because the guard has it on no list.
HASH = "dragoman_hash"


class Refusal(Exception):
    """A statement or database that can't be served: a kind of `engine.FaultKind` and SQLite's words."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def keyed_hash(inner: str, outer: str, value: Any) -> str | None:
    """Return 16 hexadecimal characters of the HMAC-SHA-256 (RFC 2104) of a value's text; NULL stays NULL.

    Args:
        inner: the key, padded and combined with the inner padding, in hexadecimal.
        outer: the same with the outer padding.
        value: what is hashed.
    """
    if value is None:
        return None
    text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(bytes.fromhex(inner) + text).digest()
    return hashlib.sha256(bytes.fromhex(outer) + digest).hexdigest()[:16]


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def kind_of(error: sqlite3.Error | sqlite3.Warning) -> str:
    """Say which kind of fault an error of SQLite is, from its result code."""
    message = str(error)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own: several statements, or a value it can't pass on
        return "refused"
    if code == sqlite3.SQLITE_IOERR_WRITE or code & 0xFF == sqlite3.SQLITE_FULL:
        return "scratch"
    if code & 0xFF == sqlite3.SQLITE_ERROR and message.startswith("not authorized"):
        return "refused"
    return KINDS.get(code & 0xFF, "statement")


KINDS = {
    sqlite3.SQLITE_AUTH: "refused",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_CANTOPEN: "cannot_open",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_INTERRUPT: "timeout",
    sqlite3.SQLITE_IOERR: "input_output",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_NOMEM: "memory",
    sqlite3.SQLITE_NOTADB: "not_database",
    sqlite3.SQLITE_PERM: "forbidden",
    sqlite3.SQLITE_READONLY: "recovery",
    sqlite3.SQLITE_TOOBIG: "too_big",
}


class SecondLock:
    """What the statements of agents may touch, whatever the parser made of them: SQLite's authorizer.

    An allow-list: reading relations of the schema, functions by name, recursion. It decides relations, not
    columns: there are forms of queries for which SQLite does not ask about columns (security finding 5).
    Shadow tables are in it, because full-text tables read them for themselves: the guard keeps agents out.

    Args:
        functions: names of functions, lower case.
    """

    def __init__(self, functions: frozenset[str]) -> None:
        self.functions = functions
        self.relations: frozenset[str] = frozenset()

    def __call__(
        self, action: int, first: str | None, second: str | None, _schema: str | None, _view: str | None
    ) -> int:
        """Decide one action; SQLite asks while it prepares a statement (sqlite3_set_authorizer)."""
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            allowed = True
        elif action == sqlite3.SQLITE_READ:
            allowed = self._may_read(first or "", second)
        elif action == sqlite3.SQLITE_FUNCTION:
            allowed = (second or "").lower() in self.functions
        elif action == sqlite3.SQLITE_PRAGMA:
            allowed = first in QUIET_PRAGMAS and second is None
        else:
            allowed = False
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _may_read(self, relation: str, column: str | None) -> bool:
        if column:
            return relation in self.relations
        # Of a relation none of whose columns is used (`count(*)`) SQLite names what the statement wrote, which
        # may be a common table expression; a table of the engine that is no file's can't be connected anyway.
        return not relation.lower().startswith(("sqlite_", "pragma_"))


class Database:
    """One SQLite file, opened strictly for reading, and reopened when another file takes its place.

    Two connections: `agent` runs statements of agents and everything that runs SQL of the schema (views),
    behind the second lock; `schema` asks our own questions about the schema and runs nothing else.

    Args:
        settings: `path`, `uri`, `functions`, `table_functions` and the numbers of `engine.SqlLimits`.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.path: str = settings["path"]
        self.uri: str = settings["uri"]
        self.table_functions: list[str] = settings["table_functions"]
        self.limits: dict[str, Any] = settings["limits"]
        self.lock = SecondLock(frozenset([*settings["functions"], HASH]))
        self.cells = Cells(self.limits["cell_bytes"])
        self.deadline = Deadline()
        self.agent: sqlite3.Connection | None = None
        self.schema: sqlite3.Connection | None = None
        self.identity: tuple[int, int] | None = None
        self.version: str | None = None

    def close(self) -> None:
        """Close both connections; the next question opens them anew."""
        for connection in (self.agent, self.schema):
            if connection is not None:
                connection.close()
        self.agent = self.schema = self.identity = self.version = None

    def connections(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        """Return the agent's and the schema's connection to the file that has the path now.

        Raises:
            Refusal: there is no regular, readable file at the path, or the library is too old.
            sqlite3.Error: it is no database, or it is locked, broken or can't be opened.
        """
        identity = self._identify()
        if self.agent is None or self.schema is None or identity != self.identity:
            self.close()
            self.schema = self._connect()
            self.agent = self._connect()
            self.identity = identity
        version = self._version(self.schema, identity)
        if version != self.version:
            self._learn(self.agent, self.schema)
            self.version = version
        return self.agent, self.schema

    @staticmethod
    def _version(schema: sqlite3.Connection, identity: tuple[int, int]) -> str:
        """Return what differs between two schemas: the file and SQLite's count of changes in it."""
        (changes,) = schema.execute("PRAGMA main.schema_version").fetchone()
        return "{:x}.{:x}.{}".format(*identity, changes)

    def _identify(self) -> tuple[int, int]:
        if sqlite3.sqlite_version_info < OLDEST_LIBRARY:
            raise Refusal("old_library", sqlite3.sqlite_version)
        try:
            status = os.stat(self.path)  # noqa: PTH116 (pathlib would double the time this program starts in)
        except PermissionError:
            raise Refusal("forbidden") from None
        except OSError:
            raise Refusal("missing") from None
        if not stat.S_ISREG(status.st_mode):
            raise Refusal("not_file")
        if not os.access(self.path, os.R_OK):
            raise Refusal("forbidden")
        return status.st_dev, status.st_ino

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.uri,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=self.limits["lock_seconds"],
            cached_statements=0,  # a kept EXPLAIN is not prepared again when the schema changes
        )
        connection.text_factory = decode
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
        for pragma in ("query_only=ON", "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}").close()
        if hasattr(connection, "setconfig"):  # Python 3.12
            connection.setconfig(DEFENSIVE, True)
        connection.create_function(HASH, 3, keyed_hash, deterministic=True)
        connection.set_progress_handler(self.deadline.passed, OPERATIONS_BETWEEN_CHECKS)
        return connection

    def _learn(self, agent: sqlite3.Connection, schema: sqlite3.Connection) -> None:
        """Load the schema and connect its virtual tables before the second lock closes.

        SQLite asks the authorizer for writes when it connects a virtual table, and holds the text of every
        view to the limits of a statement; so both happen here, with neither in force.
        """
        agent.set_authorizer(None)
        for limit, (_, wide) in AGENT_LIMITS.items():
            agent.setlimit(limit, wide)
        # First the schema, because an EXPLAIN alone does not notice that it changed.
        agent.execute("SELECT 1 FROM main.sqlite_schema LIMIT 1").close()
        listing = schema.execute("PRAGMA main.table_list").fetchall()
        names = [name for space, name, *_ in listing if space == "main" and not name.startswith("sqlite_")]
        virtual = [name for space, name, kind, *_ in listing if space == "main" and kind == "virtual"]
        for name in [*virtual, *self.table_functions]:
            with contextlib.suppress(sqlite3.OperationalError):  # its module may be missing here
                agent.execute(f"EXPLAIN SELECT 1 FROM main.{quoted(name)}").close()  # noqa: S608
        self.lock.relations = frozenset([*names, *self.table_functions])
        for limit, (narrow, _) in AGENT_LIMITS.items():
            agent.setlimit(limit, narrow)
        agent.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self.limits["value_bytes"])
        agent.set_authorizer(self.lock)

    def changed(self) -> bool:
        """Whether another program changed the schema since it was last read."""
        if self.schema is None or self.identity is None:
            return False
        return self._version(self.schema, self.identity) != self.version

    def run(
        self, sql: str, arguments: list[Any], skip: int, rows: int, seconds: float, result_bytes: int, cell_bytes: int
    ) -> dict[str, Any]:
        """Run one statement of an agent: skip rows, then return at most `rows` within the size of a result.

        Raises:
            Refusal: the statement is no query, or one row alone is above the size of a result.
            sqlite3.Error: whatever SQLite says.
        """
        self.cells.size = cell_bytes
        agent, _ = self.connections()
        with self.deadline.within(seconds, agent):
            agent.text_factory = str  # the engine's own decoding is quicker, but stops at invalid UTF-8
            try:
                return self._run(agent, sql, arguments, skip, rows, result_bytes)
            except sqlite3.OperationalError as error:
                if not str(error).startswith("Could not decode to UTF-8"):
                    raise
                agent.text_factory = decode
                return self._run(agent, sql, arguments, skip, rows, result_bytes)
            finally:
                agent.text_factory = decode

    def _run(
        self, agent: sqlite3.Connection, sql: str, arguments: list[Any], skip: int, rows: int, result_bytes: int
    ) -> dict[str, Any]:
        cursor = agent.execute(sql, arguments)
        try:
            if cursor.description is None:
                raise Refusal("refused", "not a query")
            left = skip
            while left and (passed := cursor.fetchmany(min(left, 1000))):
                left -= len(passed)
            return self._page(cursor, rows, result_bytes)
        finally:
            cursor.close()

    def _page(self, cursor: sqlite3.Cursor, rows: int, result_bytes: int) -> dict[str, Any]:
        columns = [column[0] for column in cursor.description]
        kept = Rows(result_bytes - len(encode(columns)))
        wanted, more = FIRST_ROWS, False
        while not more and (fetched := cursor.fetchmany(min(wanted, rows + 1 - len(kept)))):
            more = len(kept) + len(fetched) > rows
            if not kept.take(self.cells.rows(fetched[: rows - len(kept)])):
                more = True
            # The next ones are as many as surely fit, should they be as long as these: memory is bounded, too.
            wanted = min(MOST_ROWS, max(FIRST_ROWS, kept.room // max(1, kept.longest)))
        if more and not kept:
            raise Refusal("wide_row")
        return {"columns": columns, "rows": kept, "more": more, "version": self.version}

    def catalog(self) -> dict[str, Any]:
        """Return the relations of the schema with their columns, and the names of what is not served."""
        _, schema = self.connections()
        relations, hidden = [], []
        with self.deadline.within(self.limits["seconds"], schema):
            listing = schema.execute("PRAGMA main.table_list").fetchall()
            for space, name, kind, *_ in sorted(listing, key=lambda row: str(row[1])):
                if space != "main" or kind == "shadow" or name.startswith("sqlite_"):
                    hidden.append(name)
                    continue
                columns = self._columns(schema, name)
                relations.append({"name": name, "kind": kind, "columns": columns, "readable": bool(columns)})
        return {"version": self.version, "relations": relations, "hidden": hidden}

    @staticmethod
    def _columns(schema: sqlite3.Connection, name: str) -> list[dict[str, Any]]:
        """Return the columns of a relation; none when it is a broken view or its module is missing."""
        try:
            found = schema.execute(f"PRAGMA main.table_xinfo({quoted(name)})").fetchall()
        except sqlite3.OperationalError as error:
            if kind_of(error) != "statement":
                raise
            return []
        return [
            {"name": column, "type": kind, "nullable": not required and not key, "default": default, "key": key}
            for _, column, kind, required, default, key, concealed in found
            if concealed != 1  # 1: a virtual table's own; 2 and 3: generated, and served
        ]

    def explain(self, sql: str, size: int) -> dict[str, Any]:
        """Return the plan of one statement, with NULL for each of its values.

        Raises:
            sqlite3.Error: whatever SQLite says.
        """
        agent, _ = self.connections()
        depth: dict[int, int] = {0: -1}
        lines, scans = [], []
        with self.deadline.within(self.limits["seconds"], agent):
            for number, parent, _, step in agent.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * size).fetchall():
                depth[number] = depth.get(parent, -1) + 1
                lines.append("  " * depth[number] + step)
                words = step.split()
                if words[0] == "SCAN" and len(words) > 1:  # a relation by its alias, when it has one
                    scans.append({"relation": words[1], "rows": None})
        return {"text": "\n".join(lines), "rows": None, "cost": None, "scans": scans, "version": self.version}

    def describe(self, name: str) -> dict[str, Any]:
        """Return keys, indexes and row count of one relation of the catalog."""
        agent, schema = self.connections()
        keys: dict[int, dict[str, Any]] = {}
        for number, _, table, column, target, *_ in schema.execute(
            f"PRAGMA main.foreign_key_list({quoted(name)})"
        ).fetchall():
            key = keys.setdefault(number, {"columns": [], "table": table, "references": []})
            key["columns"].append(column)
            if target is not None:
                key["references"].append(target)
        indexes = []
        for _, index, unique, *_ in schema.execute(f"PRAGMA main.index_list({quoted(name)})").fetchall():
            parts = schema.execute(f"PRAGMA main.index_xinfo({quoted(index)})").fetchall()
            columns = [part[2] or "(expression)" for part in parts if part[5]]
            indexes.append({"name": index, "columns": columns, "unique": bool(unique)})
        return {
            "foreign_keys": list(keys.values())[::-1],  # SQLite lists the last one first
            "indexes": indexes[::-1],
            "count": self._count(agent, schema, name, self.limits["count_seconds"]),
            "version": self.version,
        }

    def counts(self, names: list[str]) -> dict[str, Any]:
        """Return the row counts of relations, in `count_seconds` for all of them together."""
        agent, schema = self.connections()
        end = time.monotonic() + self.limits["count_seconds"]
        return {
            "counts": [self._count(agent, schema, name, end - time.monotonic()) for name in names],
            "version": self.version,
        }

    def _count(
        self, agent: sqlite3.Connection, schema: sqlite3.Connection, name: str, seconds: float
    ) -> dict[str, Any]:
        """Count rows; when that takes too long, estimate them from statistics or the largest rowid."""
        table = f"main.{quoted(name)}"
        try:
            if seconds > 0:
                with self.deadline.within(seconds, agent):
                    (rows,) = agent.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
                return {"rows": rows, "exact": True}
        except sqlite3.Error as error:
            kind = kind_of(error)
            if kind in ("statement", "refused", "too_big"):
                return {"rows": None, "exact": False}
            if kind != "timeout":
                raise
        for connection, question in (
            (schema, f"SELECT CAST(stat AS INTEGER) FROM main.sqlite_stat1 WHERE tbl = {literal(name)} LIMIT 1"),  # noqa: S608
            (agent, f"SELECT max(rowid) FROM {table}"),  # noqa: S608
        ):
            with contextlib.suppress(sqlite3.Error), self.deadline.within(0.2, connection):
                found = connection.execute(question).fetchone()
                if found and found[0] is not None:
                    return {"rows": found[0], "exact": False}
        return {"rows": None, "exact": False}


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


# The agent's connection: limit in force for its statements, and while the schema is loaded (SQLite's default).
AGENT_LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: (1_000_000, 1_000_000_000),  # `run` holds statements to less; views may not be
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: (100, 1000),
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: (50, 500),
    sqlite3.SQLITE_LIMIT_VDBE_OP: (25_000, 250_000_000),
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: (1000, 50_000),
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: (2000, 32_766),  # full-text tables bind some, and hash masks
    sqlite3.SQLITE_LIMIT_LENGTH: (16 * 2**20, 1_000_000_000),
}


def answer(database: Database, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request; whatever goes wrong becomes a `fault`, and the connections are made anew."""
    operations: dict[str, Callable[..., dict[str, Any]]] = {
        "run": database.run,
        "explain": database.explain,
        "catalog": database.catalog,
        "describe": database.describe,
        "counts": database.counts,
    }
    operation = operations[request.pop("operation")]
    version = database.version
    try:
        try:
            return operation(**request)
        except sqlite3.Error as error:
            # A schema that changed in this very moment disconnects virtual tables: then once more.
            if kind_of(error) != "refused" or version is None or not database.changed():
                raise
            return operation(**request)
    except Refusal as refusal:
        if refusal.kind in ("missing", "not_file", "forbidden"):
            database.close()
        return fault(database, refusal.kind, refusal.message)
    except MemoryError:
        database.close()
        return fault(database, "memory", "")
    except (sqlite3.Error, sqlite3.Warning) as error:
        kind = kind_of(error)
        if kind not in ("statement", "refused", "timeout", "too_big"):
            database.close()
        return fault(database, kind, str(error))
    except UnicodeError:
        return fault(database, "refused", "not Unicode text")


def fault(database: Database, kind: str, message: str) -> dict[str, Any]:
    """Return the answer to a request that failed; its version is empty when the schema is not known."""
    return {"fault": {"kind": kind, "message": message}, "version": database.version or ""}


def read_frame(source: BinaryIO) -> bytes | None:
    """Return the next frame, or None when the other side has gone."""
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    return source.read(HEADER.unpack(header)[0])


def write_frame(sink: BinaryIO, payload: bytes) -> None:
    """Write one frame."""
    sink.write(HEADER.pack(len(payload)) + payload)
    sink.flush()


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Read the settings, say so, then answer requests until the other side goes."""
    settings = read_frame(source)
    if settings is None:
        return
    database = Database(json.loads(settings))
    write_frame(sink, b"ready")
    try:
        while (request := read_frame(source)) is not None:
            write_frame(sink, encode_reply(answer(database, json.loads(request))))
    finally:
        database.close()


def confine(memory_bytes: int, scratch_bytes: int) -> None:
    """Give up what this process does not need: memory, large files, core dumps, the terminal's interrupts.

    SQLite's own limit holds for all of its memory and makes a statement fail; the system's are behind it.
    It is lowered here and nowhere else, because it holds for a whole process and can't be raised again.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA hard_heap_limit={memory_bytes:d}").close()
    connection.close()
    if sys.platform != "win32":
        for limit, size in (
            (resource.RLIMIT_FSIZE, scratch_bytes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_DATA, 4 * memory_bytes + 128 * 2**20),
        ):
            with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
                resource.setrlimit(limit, (size, size))


if __name__ == "__main__":
    confine(int(sys.argv[1]), int(sys.argv[2]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
