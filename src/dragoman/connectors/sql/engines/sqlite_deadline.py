"""The time that a statement of SQLite may take, kept in two ways.

A part of `sqlite_worker`: standard library only.
"""

import contextlib
import math
import sqlite3
import threading
import time
from collections.abc import Iterator

WATCHDOG_TICK = 0.02  # seconds between two looks at the clock
WATCHDOG_SECONDS = 2.0  # without a statement, after which nobody looks any more


class Deadline:
    """The end of the time a statement may take, on the monotonic clock.

    A thread looks at the clock while statements run, and ends when there was none for a while: to start one for each
    statement would cost more than most statements do.
    """

    def __init__(self) -> None:
        self.at = math.inf
        self._lock = threading.Lock()  # guards the two fields below
        self._watched: tuple[sqlite3.Connection, ...] = ()
        self._watchdog: threading.Thread | None = None

    def passed(self) -> bool:
        """Whether the time is over: what the progress handler asks."""
        return time.monotonic() >= self.at

    @contextlib.contextmanager
    def within(self, seconds: float, *connections: sqlite3.Connection) -> Iterator[None]:
        """Interrupt the connections after so many seconds.

        Both ways are needed: the progress handler is not asked within long single operations (`count(*)` of
        a large table), and an interrupt that comes between two statements is forgotten.
        """
        self.at = time.monotonic() + seconds
        with self._lock:
            self._watched = connections
            if self._watchdog is None and connections:
                self._watchdog = threading.Thread(target=self._watch, name="sqlite deadline", daemon=True)
                self._watchdog.start()
        try:
            yield
        finally:
            with self._lock:
                self._watched = ()  # the connection may be closed next: nothing may interrupt it then
            self.at = math.inf

    def _watch(self) -> None:
        """Interrupt what is watched when its time is over, until nothing was watched for a while."""
        idle = 0.0
        while idle < WATCHDOG_SECONDS:
            time.sleep(WATCHDOG_TICK)
            with self._lock:
                idle = 0.0 if self._watched else idle + WATCHDOG_TICK
                if self.passed():
                    for connection in self._watched:
                        connection.interrupt()
                if idle >= WATCHDOG_SECONDS:
                    self._watchdog = None
