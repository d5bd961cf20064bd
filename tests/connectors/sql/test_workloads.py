"""Useful queries of each dialect: they pass, quickly, and what runs in their place answers the same.

On SQLite, PostgreSQL and MariaDB the answers are compared with those of the bare driver; DuckDB's are only let
through here.
"""

import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import msgspec
import pymysql
import pytest

from dragoman.connectors.sql import dialects
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import Query, SqlLimits
from dragoman.connectors.sql.guard import Guard
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import MaskRule, SqlSettings, TablePolicy
from tests.connectors.sql.chinook import RELATIONS, catalog_of
from tests.connectors.sql.servers import MariaDB, PostgreSQL
from tests.connectors.sql.workload import QUERIES as SQLITE
from tests.connectors.sql.workloads.duckdb import QUERIES as DUCKDB
from tests.connectors.sql.workloads.mysql import QUERIES as MYSQL
from tests.connectors.sql.workloads.postgresql import QUERIES as POSTGRESQL

WORKLOADS: tuple[tuple[Dialect, Sequence[str]], ...] = (
    (dialects.SQLITE, SQLITE),
    (dialects.POSTGRESQL, POSTGRESQL),
    (dialects.MYSQL, MYSQL),
    (dialects.DUCKDB, DUCKDB),
)
SCHEMAS = {"postgresql": "public", "mysql": "chinook"}
MEDIAN_FIRST_MS, MEDIAN_AGAIN_US = 5.0, 50.0

Run = Callable[[str, Query | None], Any]


def view_of(dialect: Dialect, **settings: Any) -> View:
    schema = SCHEMAS.get(dialect.name, "")
    catalog = catalog_of(*(msgspec.structs.replace(relation, schema=schema) for relation in RELATIONS))
    return Policy(SqlSettings(url="x", **settings), dialect, b"secret").view(catalog)


def query_of(guard: Guard, view: View, sql: str) -> Query:
    return guard.check(sql, view).bind({}, {}, limit=100_000)


def guards(dialect: Dialect) -> tuple[Guard, View]:
    return Guard(dialect, SqlLimits(), "describe"), view_of(dialect)


@pytest.mark.parametrize(("dialect", "queries"), WORKLOADS, ids=lambda value: getattr(value, "name", ""))
def test_there_are_enough_and_all_pass(dialect: Dialect, queries: Sequence[str]) -> None:
    assert len(set(queries)) >= 60
    guard, view = guards(dialect)
    for sql in queries:
        assert guard.check(sql, view).sql == sql


@pytest.mark.parametrize(("dialect", "queries"), WORKLOADS, ids=lambda value: getattr(value, "name", ""))
def test_the_guard_is_quick(dialect: Dialect, queries: Sequence[str]) -> None:
    """Processor time, not the clock's: other programs may run beside this one."""
    guard, view = guards(dialect)
    guard.check("SELECT 1", view)
    first, again = [], []
    for sql in queries:
        begin = time.process_time()
        guard.check(sql, view)
        first.append(time.process_time() - begin)
        begin = time.process_time()
        for _ in range(20):
            query_of(guard, view, sql)
        again.append((time.process_time() - begin) / 20)
    assert statistics.median(first) * 1e3 <= MEDIAN_FIRST_MS
    assert statistics.median(again) * 1e6 <= MEDIAN_AGAIN_US


def test_sqlite_answers_the_same(chinook: Path) -> None:
    connection = sqlite3.connect(f"{chinook.as_uri()}?mode=ro", uri=True)
    guard, view = guards(dialects.SQLITE)
    for sql in SQLITE:
        expected = connection.execute(sql).fetchall()
        query = query_of(guard, view, sql)
        assert connection.execute(query.text("?{n}"), query.arguments).fetchall() == expected, sql
    connection.close()


async def test_postgresql_answers_the_same(postgresql: PostgreSQL) -> None:
    connection = await asyncpg.connect(postgresql.url())
    guard, view = guards(dialects.POSTGRESQL)
    try:
        for sql in POSTGRESQL:
            bare = await connection.prepare(sql)
            query = query_of(guard, view, sql)
            ours = await connection.prepare(query.text("${n}"))
            assert [each.name for each in ours.get_attributes()] == [each.name for each in bare.get_attributes()], sql
            assert repr(await ours.fetch(*query.arguments)) == repr(await bare.fetch()), sql
    finally:
        await connection.close()


def test_mariadb_answers_the_same(mariadb: MariaDB) -> None:
    url = urlsplit(mariadb.url())
    connection = pymysql.connect(
        host=url.hostname, port=url.port or 0, user=url.username, password=unquote(url.password or ""),
        database="chinook", charset="utf8mb4",
    )  # fmt: skip
    guard, view = guards(dialects.MYSQL)

    def answer(sql: str) -> tuple[list[str], Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return [column[0] for column in cursor.description], cursor.fetchall()

    try:
        for sql in MYSQL:
            query = query_of(guard, view, sql)
            assert query.arguments == ()
            assert repr(answer(query.text(""))) == repr(answer(sql)), sql
    finally:
        connection.close()


@pytest.mark.parametrize(("dialect", "queries"), WORKLOADS, ids=lambda value: getattr(value, "name", ""))
def test_they_pass_with_a_policy_too(dialect: Dialect, queries: Sequence[str]) -> None:
    quote = "`" if dialect.name == "mysql" else '"'
    rules = TablePolicy(
        deny_columns=("Fax",),
        mask={"Email": "partial", "Phone": "hash", "LastName": "null", "City": MaskRule(constant="x")},
        rows=f"{quote}Country{quote} = :principal.country",
    )
    view = view_of(dialect, tables={"Customer": rules, "Employee": TablePolicy(mask={"LastName": "partial"})})
    assert view.problems == ()
    guard = Guard(dialect, SqlLimits(), "describe")
    for sql in queries:
        guard.check(sql, view)
