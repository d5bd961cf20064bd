"""SQLite files of the server's own: what survives a restart on one machine.

Each store owns its file, opened on first use and used from one thread, the event loop's. A write is durable when it
returns: the file is in WAL mode with full synchronisation.
"""

import os
import re
import sqlite3
import sys
import time
from pathlib import Path

import msgspec

from dragoman.errors import UsageError
from dragoman.store.events import StreamEvent
from dragoman.store.tasks import TaskRecord


def state_file(name: str) -> Path:
    """A file of ours in the user's state folder; `DRAGOMAN_STATE` names another folder."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    chosen = os.environ.get("DRAGOMAN_STATE")
    if chosen:
        return Path(chosen) / safe
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "dragoman" / safe


def connect(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file of ours, and make it where it is not there yet.

    Raises:
        UsageError: it cannot be opened or is no database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(schema)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"The store '{path}' cannot be opened: {error}. Give a file that may be written.") from error
    return connection


class SqliteEvents:
    """Keeps the events of streams in a file, so that an answer outlives a restart (see `EventStore`).

    Args:
        path: the file.
        seconds: how long a stream is kept after its last event.

    Raises:
        UsageError: the file cannot be opened.
    """

    def __init__(self, path: str | Path, *, seconds: float = 300.0) -> None:
        self._seconds = seconds
        self._connection = connect(
            Path(path),
            """
            CREATE TABLE IF NOT EXISTS event(
                owner TEXT, stream TEXT, number INTEGER, data BLOB, last INTEGER, at REAL,
                PRIMARY KEY(owner, stream, number)
            ) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS event_at ON event(at);
            """,
        )

    def append(self, owner: str, stream: str, event: StreamEvent) -> None:
        """Keep an event, and let go of what is too old."""
        now = time.time()
        with self._connection:
            self._connection.execute("DELETE FROM event WHERE at < ?", (now - self._seconds,))
            self._connection.execute(
                "INSERT OR REPLACE INTO event VALUES(?, ?, ?, ?, ?, ?)",
                (owner, stream, event.number, event.data, event.last, now),
            )

    def after(self, owner: str, stream: str, number: int) -> list[StreamEvent] | None:
        """The events after `number`; None where nothing is known of the stream."""
        rows = self._connection.execute(
            "SELECT number, data, last FROM event WHERE owner = ? AND stream = ? ORDER BY number", (owner, stream)
        ).fetchall()
        if not rows:
            return None
        return [StreamEvent(at, bytes(data), bool(last)) for at, data, last in rows if at > number]

    def forget(self, owner: str) -> None:
        """Drop every stream of a session."""
        self._connection.execute("DELETE FROM event WHERE owner = ?", (owner,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class SqliteTasks:
    """Keeps tasks in a file, so that what they gave outlives a restart (see `TaskStore`).

    Args:
        path: the file; opened with the first task.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._opened: sqlite3.Connection | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = connect(
                self._path,
                """
                CREATE TABLE IF NOT EXISTS task(
                    task_id TEXT PRIMARY KEY, owner TEXT, status TEXT, created REAL, ends REAL, record BLOB
                ) WITHOUT ROWID;
                CREATE INDEX IF NOT EXISTS task_owner ON task(owner, created);
                CREATE INDEX IF NOT EXISTS task_ends ON task(ends);
                """,
            )
        return self._opened

    def save(self, record: TaskRecord) -> None:
        """Keep a task as it is now."""
        ends = None if record.seconds is None else record.created + record.seconds
        self._connection.execute(
            "INSERT OR REPLACE INTO task VALUES(?, ?, ?, ?, ?, ?)",
            (record.task_id, record.owner, record.status, record.created, ends, msgspec.json.encode(record)),
        )

    def load(self, task_id: str) -> TaskRecord | None:
        """The task of this id."""
        found = self._select("task_id = ?", task_id)
        return found[0] if found else None

    def owned(self, owner: str) -> list[TaskRecord]:
        """Everything an owner has, oldest first."""
        return self._select("owner = ? ORDER BY created, task_id", owner)

    def running(self) -> list[TaskRecord]:
        """Every task that has not ended."""
        return self._select("status IN ('working', 'input_required')")

    def expire(self, now: float) -> None:
        """Drop what was kept long enough."""
        self._connection.execute("DELETE FROM task WHERE ends < ?", (now,))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _select(self, where: str, *values: str) -> list[TaskRecord]:
        rows = self._connection.execute(f"SELECT record FROM task WHERE {where}", values)  # noqa: S608 - our words
        return [msgspec.json.decode(record, type=TaskRecord) for (record,) in rows]
