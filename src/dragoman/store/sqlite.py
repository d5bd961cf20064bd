"""SQLite files of the server's own: what survives a restart on one machine.

Each store owns its file, opened on first use and used from one thread, the event loop's. A write is durable when it
returns: the file is in WAL mode with full synchronisation.
"""

import sqlite3
import time
from pathlib import Path

from dragoman.errors import UsageError
from dragoman.store.events import StreamEvent


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
