"""Which sealed states were used, remembered for processes that serve together (see `server/ask.py`)."""

import time
from pathlib import Path
from typing import Protocol

from dragoman.store.sqlite import connect, told


class UsedStateStore(Protocol):
    """Remembers which states were used, so that none is used twice."""

    def use(self, nonce: str, expires: float) -> bool:
        """Use a state; False when it was used before.

        Args:
            nonce: tells it from every other one.
            expires: when it is refused anyway, seconds since 1970.
        """


class SqliteUsedStates:
    """Remembers them in a file that several processes share; it need not outlive them, so nothing waits for the disk.

    Args:
        path: the file.
        sweep_seconds: how often those that have expired are dropped.

    Raises:
        UsageError: the file cannot be opened.
    """

    def __init__(self, path: str | Path, *, sweep_seconds: float = 60.0) -> None:
        self._path = Path(path)
        self._sweep_seconds = sweep_seconds
        self._swept = time.monotonic()
        self._connection = connect(
            self._path, "CREATE TABLE IF NOT EXISTS used(nonce TEXT PRIMARY KEY, expires REAL) WITHOUT ROWID;"
        )
        self._connection.execute("PRAGMA synchronous=OFF")

    def use(self, nonce: str, expires: float) -> bool:
        """Use a state; False when it was used before, in whichever process."""
        with told(self._path):
            if time.monotonic() - self._swept > self._sweep_seconds:
                self._swept = time.monotonic()
                self._connection.execute("DELETE FROM used WHERE expires < ?", (time.time(),))
            done = self._connection.execute("INSERT OR IGNORE INTO used VALUES(?, ?)", (nonce, expires))
            return done.rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
