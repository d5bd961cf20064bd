"""SQLite files of the server's own: what survives a restart on one machine.

Each store owns its file, used from one thread, the event loop's, and shares it with other processes. A write is durable
when it returns: the file is in WAL mode with full synchronisation. Whatever SQLite refuses is a UsageError that names
the file; nothing is repaired or deleted by itself.
"""

import contextlib
import hashlib
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from dragoman.errors import UsageError
from dragoman.store.events import StreamEvent, whole
from dragoman.store.tasks import TaskRecord

_LONGEST_NAME: Final = 100  # characters of a file name
_BUSY_SECONDS: Final = 5.0  # how long a write waits for that of another process
_SWEEP_SECONDS: Final = 10.0
_SINGLE_BYTES: Final = 256  # what an event takes besides its data, roughly


def state_file(name: str) -> Path:
    """A file of ours in the user's state folder; `DRAGOMAN_STATE` names another folder."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    if safe != name or len(name) > _LONGEST_NAME:  # what was taken away must not make two names one
        safe = f"{hashlib.sha256(name.encode()).hexdigest()[:12]}-{safe[-_LONGEST_NAME:]}"
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
    """Open a file of ours, and make it where it is not there yet, for this user alone.

    Args:
        path: the file; its folder is made too.
        schema: statements that make what is not there yet.

    Raises:
        UsageError: it cannot be opened or is no database.
    """
    with told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(schema)
        except BaseException:
            connection.close()
            raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode, once for the file; SQLite does not wait by itself for another process that does the same."""
    latest = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > latest:
                raise
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Say of which file it is that something failed, and what to do."""
    try:
        yield
    except (OSError, sqlite3.Error, msgspec.MsgspecError) as error:
        raise UsageError(
            f"The store '{path}' cannot be used: {error}. See that it may be written and its disk has room; a file "
            "that is damaged or something else must be moved away."
        ) from error


class SqliteEvents:
    """Keeps the events of streams in a file, so that an answer outlives a restart (see `EventStore`).

    Args:
        path: the file.
        seconds: how long a stream is kept after its last event.
        most_bytes: about the largest size of the file; the longest untouched streams give way.

    Raises:
        UsageError: the file cannot be opened.
    """

    def __init__(self, path: str | Path, *, seconds: float = 300.0, most_bytes: int = 256 * 2**20) -> None:
        self._path = Path(path)
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._swept = 0.0
        self._connection = connect(
            self._path,
            """
            CREATE TABLE IF NOT EXISTS event(
                owner TEXT, stream TEXT, number INTEGER, data BLOB, last INTEGER, at REAL,
                PRIMARY KEY(owner, stream, number)
            ) WITHOUT ROWID;
            """,
        )

    def append(self, owner: str, stream: str, event: StreamEvent) -> None:
        """Keep an event, and let go of what is too old or too much."""
        now = time.time()
        with told(self._path):
            self._connection.execute(
                "INSERT OR REPLACE INTO event VALUES(?, ?, ?, ?, ?, ?)",
                (owner, stream, event.number, event.data, event.last, now),
            )
            self._make_room()
            if abs(now - self._swept) > min(_SWEEP_SECONDS, self._seconds):
                self._swept = now
                oldest = now - self._seconds
                self._drop(key for *key, _size, touched in self._streams() if touched < oldest)

    def after(self, owner: str, stream: str, number: int) -> list[StreamEvent] | None:
        """The events after `number`; None where nothing is known of the stream, or no longer of all of it."""
        with told(self._path):
            rows = self._connection.execute(
                "SELECT number, data, last, at FROM event WHERE owner = ? AND stream = ? AND number >= ?"
                " ORDER BY number",
                (owner, stream, number),
            ).fetchall()
        if not rows or rows[-1][3] < time.time() - self._seconds:
            return None
        return whole([StreamEvent(place, bytes(data), bool(last)) for place, data, last, _at in rows], number)

    def forget(self, owner: str) -> None:
        """Drop every stream of a session."""
        with told(self._path):
            self._connection.execute("DELETE FROM event WHERE owner = ?", (owner,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _streams(self) -> list[tuple[str, str, int, float]]:
        """Owner, name, bytes and last event's time of every stream, the longest untouched first."""
        return self._connection.execute(
            "SELECT owner, stream, sum(length(data) + ?), max(at) AS touched FROM event"
            " GROUP BY owner, stream ORDER BY touched",
            (_SINGLE_BYTES,),
        ).fetchall()

    def _make_room(self) -> None:
        pages = self._pragma("page_count") - self._pragma("freelist_count")
        excess = pages * self._pragma("page_size") - self._most_bytes
        if excess <= 0:
            return
        for owner, stream, size, _touched in self._streams():
            self._drop([(owner, stream)])
            excess -= size
            if excess <= 0:
                break

    def _drop(self, streams: Any) -> None:
        self._connection.executemany("DELETE FROM event WHERE owner = ? AND stream = ?", streams)

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])


class SqliteTasks:
    """Keeps tasks in a file, so that what they gave outlives a restart (see `TaskStore`).

    Args:
        path: the file; made with the first task.
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
                CREATE INDEX IF NOT EXISTS task_created ON task(created, status);
                """,
            )
        return self._opened

    def save(self, record: TaskRecord) -> None:
        """Keep a task as it is now; one that has ended stays as it ended."""
        with told(self._path):
            self._connection.execute(
                "INSERT INTO task VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(task_id) DO UPDATE"
                " SET status = excluded.status, ends = excluded.ends, record = excluded.record"
                " WHERE task.status IN ('working', 'input_required')",
                (
                    record.task_id,
                    record.owner,
                    record.status,
                    record.created,
                    None if record.seconds is None else record.created + record.seconds,
                    msgspec.json.encode(record),
                ),
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
        with told(self._path):
            if self._is_there():
                self._connection.execute("DELETE FROM task WHERE ends < ?", (now,))

    def make_room(self, most: int) -> None:
        """Drop the oldest tasks that have ended until there are so many, or only those that run."""
        with told(self._path):
            if self._is_there():
                self._connection.execute(
                    "DELETE FROM task WHERE task_id IN (SELECT task_id FROM task WHERE status NOT IN"
                    " ('working', 'input_required') ORDER BY created LIMIT max(0, (SELECT count(*) FROM task) - ?))",
                    (most,),
                )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _is_there(self) -> bool:
        """Whether there is a file; to look for tasks makes none."""
        return self._opened is not None or self._path.exists()

    def _select(self, where: str, *values: str) -> list[TaskRecord]:
        with told(self._path):
            if not self._is_there():
                return []
            rows = self._connection.execute(f"SELECT record FROM task WHERE {where}", values)  # noqa: S608 - our words
            return [msgspec.json.decode(record, type=TaskRecord) for (record,) in rows]
