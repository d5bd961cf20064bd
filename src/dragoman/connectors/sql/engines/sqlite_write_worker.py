"""The program that writes to SQLite files, in a process of its own that is started for writing alone.

Standard library and parts of the reading program only. Between `begin` and its end one transaction holds the file's
write lock. What the guard let through is read behind the same second lock as every query; that is lifted only for
statements of ours. Killed at any instant, SQLite's journal leaves the old state or the new one (invariant P29).
"""

import base64
import json
import math
import sqlite3
import sys
from typing import Any, BinaryIO

if __name__ == "__main__":  # nothing but the standard library is on the path of this program
    sys.path.insert(0, __file__.rpartition("dragoman")[0])

from dragoman.connectors.sql.engines.sqlite_cells import encode_reply
from dragoman.connectors.sql.engines.sqlite_worker import (
    Database,
    Refusal,
    confine,
    kind_of,
    quoted,
    read_frame,
    write_frame,
)

WIDE = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 10_000_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 1000,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000_000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 32_766,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 500,
}
NARROW = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 2000,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
}
TAKES_ALONG = ("CASCADE", "SET NULL", "SET DEFAULT")


def packed(value: Any) -> Any:
    """Return a value as JSON; the same as `writing.packed`, which this program may not import."""
    if isinstance(value, bytes):
        return {"b": base64.b64encode(value).decode("ascii")}
    if isinstance(value, float) and not math.isfinite(value):
        return {"f": repr(value)}
    return value


def unpacked(value: Any) -> Any:
    """Return what `packed` gave as it was."""
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return base64.b64decode(text) if kind == "b" else float(text)


def exact_text(raw: bytes) -> str:
    """Return a text; one that is not UTF-8 can't be kept and put back."""
    return raw.decode("utf-8")


class Writing(Database):
    """One SQLite file, opened for writing: `agent` is the connection of the transaction.

    Args:
        settings: those of the reading program, with a URI that allows to write.
    """

    def begin(self, seconds: float, *, writing: bool) -> dict[str, Any]:
        """Begin a transaction and, to write, take the write lock."""
        agent, _ = self.connections()
        self._open(agent)
        if agent.in_transaction:
            agent.execute("ROLLBACK").close()
        only = "OFF" if writing else "ON"
        for pragma in (f"query_only={only}", "foreign_keys=ON", "cache_spill=OFF", "synchronous=FULL"):
            agent.execute(f"PRAGMA {pragma}").close()
        self._within = self.deadline.within(seconds, agent)
        self._within.__enter__()  # it ends with another request
        agent.execute("BEGIN IMMEDIATE" if writing else "BEGIN").close()
        agent.execute("PRAGMA defer_foreign_keys=ON").close()
        return {"version": self.version}

    def read(self, sql: str, arguments: list[Any], most: int, width: int) -> dict[str, Any]:
        """Run a query that the guard let through, behind the second lock, and return exact values."""
        agent = self._agent()
        self._lock(agent)
        try:
            cursor = agent.execute(sql, [unpacked(each) for each in arguments])
            try:
                if cursor.description is None:
                    raise Refusal("refused", "not a query")
                if len(cursor.description) != width:
                    raise Refusal("statement", "width")
                found = cursor.fetchmany(most)
            finally:
                cursor.close()
        finally:
            self._open(agent)
        return {"rows_": [[packed(cell) for cell in row] for row in found], "version": self.version}

    def page(self, sql: str, arguments: list[Any], rows: int, result_bytes: int) -> dict[str, Any]:
        """Run a query that the guard let through and return rows as callers see them."""
        agent = self._agent()
        self._lock(agent)
        try:
            return self._run(agent, sql, [unpacked(each) for each in arguments], 0, rows, result_bytes)
        finally:
            self._open(agent)

    def ask(self, sql: str, arguments: list[Any]) -> dict[str, Any]:
        """Run a statement of ours and return its rows and how many it met."""
        cursor = self._agent().execute(sql, [unpacked(each) for each in arguments])
        try:
            rows = [[packed(cell) for cell in row] for row in cursor.fetchall()]
            return {"rows_": rows, "count": cursor.rowcount, "version": self.version}
        finally:
            cursor.close()

    def target(self, name: str) -> dict[str, Any]:
        """Return columns, triggers and what hangs on a table."""
        agent = self._agent()
        columns = [
            {"name": column, "key": key, "generated": concealed in (2, 3)}
            for _, column, _, _, _, key, concealed in agent.execute(f"PRAGMA main.table_xinfo({quoted(name)})")
            if concealed != 1
        ]
        triggers = agent.execute(
            "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?) ORDER BY 1",
            [name],
        )
        cascades: list[dict[str, Any]] = []
        for (table,) in agent.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
            keys: dict[int, dict[str, Any]] = {}
            found = agent.execute(f"PRAGMA main.foreign_key_list({quoted(table)})").fetchall()
            for number, _, parent, _, column, updates, deletes, *_ in found:
                if parent.lower() != name.lower():
                    continue
                key = keys.setdefault(
                    number,
                    {
                        "table": table,
                        "columns": [],
                        "deletes": deletes in TAKES_ALONG,
                        "updates": updates in TAKES_ALONG,
                    },
                )
                if column is not None:
                    key["columns"].append(column)
            cascades += keys.values()
        return {
            "columns": columns,
            "triggers": [row[0] for row in triggers],
            "cascades": cascades,
            "version": self.version,
        }

    def commit(self) -> dict[str, Any]:
        """Make the transaction durable."""
        self._agent().execute("COMMIT").close()
        self._end()
        return {"version": self.version}

    def rollback(self) -> dict[str, Any]:
        """Forget the transaction."""
        try:
            if self.agent is not None and self.agent.in_transaction:
                self._open(self.agent)
                self.agent.execute("ROLLBACK").close()
        finally:
            self._end()
        return {"version": self.version or ""}

    def close(self) -> None:
        """Close both connections, which rolls back."""
        self._end()
        super().close()

    _within: Any = None

    def _end(self) -> None:
        within, self._within = self._within, None
        if within is not None:
            within.__exit__(None, None, None)

    def _agent(self) -> sqlite3.Connection:
        if self.agent is None or not self.agent.in_transaction:
            raise Refusal("lost", "no transaction")
        return self.agent

    def _lock(self, agent: sqlite3.Connection) -> None:
        """Put the agent's limits and the second lock in force."""
        for limit, size in NARROW.items():
            agent.setlimit(limit, size)
        agent.set_authorizer(self.lock)

    @staticmethod
    def _open(agent: sqlite3.Connection) -> None:
        """Lift the second lock, for statements of ours."""
        agent.set_authorizer(None)
        for limit, size in WIDE.items():
            agent.setlimit(limit, size)
        agent.text_factory = exact_text


def answer(database: Writing, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request; whatever goes wrong becomes a `fault`, and the transaction is over."""
    operation = getattr(database, request.pop("operation"))
    try:
        return dict(operation(**request))
    except Refusal as refusal:
        kind, message = refusal.kind, refusal.message
    except MemoryError:
        kind, message = "memory", ""
    except (sqlite3.Error, sqlite3.Warning) as error:
        kind, message = kind_of(error), str(error)
        if kind == "recovery":  # SQLITE_READONLY: what a reader calls a journal left behind
            kind = "forbidden"
        if str(error).startswith("Could not decode to UTF-8"):
            kind, message = "statement", "not UTF-8"
    except UnicodeError:
        kind, message = "refused", "not Unicode text"
    database.close()
    return {"fault": {"kind": kind, "message": message}, "version": ""}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Read the settings, say so, then answer requests until the other side goes."""
    settings = read_frame(source)
    if settings is None:
        return
    database = Writing(json.loads(settings))
    write_frame(sink, b"ready")
    try:
        while (request := read_frame(source)) is not None:
            write_frame(sink, encode_reply(answer(database, json.loads(request))))
    finally:
        database.close()


if __name__ == "__main__":
    confine(int(sys.argv[1]), int(sys.argv[2]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
