"""The end of a statement's time."""

import sqlite3
import threading
import time

import pytest

from dragoman.connectors.sql.engines import sqlite_deadline
from dragoman.connectors.sql.engines.sqlite_deadline import Deadline

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c WHERE x < 0"


class TestDeadline:
    def test_single_long_operations_are_interrupted(self) -> None:
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        deadline = Deadline()
        begin = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="interrupted"), deadline.within(0.2, connection):
            connection.execute(ENDLESS).fetchall()  # no progress handler is set here
        assert time.monotonic() - begin < 1
        assert connection.execute("SELECT 1").fetchone() == (1,)
        connection.close()

    def test_it_passes(self) -> None:
        deadline = Deadline()
        assert not deadline.passed()
        with deadline.within(0.0):
            assert deadline.passed()
        assert not deadline.passed()


def test_one_thread_looks_at_the_clock_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_deadline, "WATCHDOG_SECONDS", 0.1)
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    deadline = Deadline()

    def looking() -> int:
        return sum(thread.name == "sqlite deadline" for thread in threading.enumerate())

    def ends() -> bool:
        end = time.monotonic() + 5
        while looking() and time.monotonic() < end:
            time.sleep(0.02)
        return not looking()

    assert ends()  # those of other tests
    for _ in range(2):
        for _ in range(5):
            with deadline.within(5, connection):
                connection.execute("SELECT 1").close()
        assert looking() == 1
        assert ends()
    connection.close()
