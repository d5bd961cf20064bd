"""The writing program: what the guard let through is read behind the second lock, and a fault takes everything back."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dragoman.connectors.sql.engines.sqlite_write_worker import Writing, answer
from tests.connectors.sql.conftest import MakeDatabase


@pytest.fixture
def path(make_database: MakeDatabase) -> Path:
    return make_database("CREATE TABLE t (a INTEGER PRIMARY KEY, b)", "INSERT INTO t VALUES (1, x'00ff')")


@pytest.fixture
def database(path: Path) -> Any:
    limits = {"cell_bytes": 1000, "value_bytes": 100_000, "seconds": 2.0, "lock_seconds": 0.5}
    database = Writing(
        {
            "path": str(path),
            "uri": f"{path.as_uri()}?mode=rw",
            "functions": ["max"],
            "table_functions": [],
            "limits": limits,
        }
    )
    yield database
    database.close()


def ask(database: Writing, operation: str, **request: Any) -> dict[str, Any]:
    return answer(database, {"operation": operation, **request})


def test_the_second_lock_holds_for_what_is_read(database: Writing) -> None:
    ask(database, "begin", seconds=2.0, writing=True)
    read = ask(database, "read", sql="SELECT a, b FROM main.t", arguments=[], most=5, width=2)
    assert read["rows_"] == [[1, {"b": "AP8="}]]
    assert ask(database, "ask", sql="UPDATE main.t SET b = ?1", arguments=[{"b": "AA=="}])["count"] == 1
    for forbidden in ("DELETE FROM main.t", "SELECT hex(b) FROM main.t", "PRAGMA query_only = 1", "COMMIT"):
        ask(database, "begin", seconds=2.0, writing=True)
        refused = ask(database, "read", sql=forbidden, arguments=[], most=5, width=1)
        assert refused["fault"]["kind"] == "refused", forbidden


def test_a_fault_takes_everything_back(database: Writing, path: Path) -> None:
    ask(database, "begin", seconds=2.0, writing=True)
    ask(database, "ask", sql="INSERT INTO main.t VALUES (2, NULL)", arguments=[])
    assert "UNIQUE" in ask(database, "ask", sql="INSERT INTO main.t VALUES (1, 1)", arguments=[])["fault"]["message"]
    assert ask(database, "commit")["fault"]["kind"] == "lost"
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
    connection.close()


def test_another_number_of_columns(database: Writing) -> None:
    ask(database, "begin", seconds=2.0, writing=True)
    told = ask(database, "read", sql="SELECT a FROM main.t", arguments=[], most=5, width=2)
    assert told["fault"] == {"kind": "statement", "message": "width"}
