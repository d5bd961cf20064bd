"""Which statements go on after the last key, and that they lose and repeat nothing."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Server, Sql
from dragoman.connectors.sql.catalog import Catalog, Column, Relation, fold
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.keyset import Key, continued, key_of
from dragoman.connectors.sql.policy import Policy
from dragoman.connectors.sql.settings import SqlSettings, TablePolicy
from tests.connectors.sql.conftest import MakeDatabase


def column(name: str, kind: str = "INTEGER", key: int = 0) -> Column:
    return Column(name, kind, nullable=not key, default=None, key=key)


RELATIONS = (
    Relation("Artist", "table", (column("Id", key=1), column("Name", "TEXT"))),
    Relation("Code", "table", (column("Code", "VARCHAR(3)", key=1), column("Name", "TEXT"))),
    Relation("Pair", "table", (column("A", key=1), column("B", key=2))),
    Relation("Day", "table", (column("At", "DATE", key=1),)),
    Relation("Seen", "view", (column("Id", key=1),)),
)
CATALOG = Catalog("1", {fold(relation.name): relation for relation in RELATIONS}, frozenset())
VIEW = Policy(SqlSettings(url="x"), SQLITE, b"").view(CATALOG)


@pytest.mark.parametrize(
    ("sql", "key"),
    [
        ("select Id, Name from Artist order by Id", Key(0, "Id", descending=False, is_number=True)),
        ("select * from artist order by id desc;", Key(0, "Id", descending=True, is_number=True)),
        ("select Name, a.Id as Number from Artist a where Name > 'x' order by 2", Key(1, "Number", False, True)),
        ("select Name, Id as Number from Artist order by Number", Key(1, "Number", False, True)),
        ("SELECT Name, Code FROM Code ORDER BY Code", Key(1, "Code", False, False)),
        ("select upper(Name), Id from Artist order by Id", Key(1, "Id", False, True)),
    ],
)
def test_statements_that_go_on_after_a_key(sql: str, key: Key) -> None:
    assert key_of(sql, VIEW) == key


@pytest.mark.parametrize(
    "sql",
    [
        "select Id from Artist",
        "select Id from Artist order by Name",
        "select Id from Artist order by Id, Name",
        "select Name from Artist order by Id",
        "select Id from Artist order by Id limit 5",
        "select Id, Id from Artist order by Id",
        "select Name as Id, Id as Name from Artist order by Id",
        "select distinct Id from Artist order by Id",
        "select max(Id) as Id from Artist order by Id",
        "select Id, (select 1) from Artist order by Id",
        "select a.Id from Artist a, Code order by a.Id",
        "select a.Id from Artist a join Code on 1 order by a.Id",
        "select Id from Artist union select 1 order by Id",
        "with Artist as (select 1 as Id) select Id from Artist order by Id",
        "select A, B from Pair order by A",
        "select At from Day order by At",
        "select Id from Seen order by Id",
        "select Code from Code order by Code desc",
        "select Id from Artist order by Id -- and a word",
        "select Id from Nope order by Id",
        "select Id from Artist order by Id + 1",
        "select a.*, Id from Artist a order by Id",
        "select (",
        "select Id from Artist where Name = '" + "x" * 1000 + "' order by Id",
    ],
)
def test_statements_that_do_not(sql: str) -> None:
    assert key_of(sql, VIEW) is None


def test_a_masked_key_is_none() -> None:
    settings = SqlSettings(url="x", tables={"Code": TablePolicy(mask={"Code": "partial"})})
    assert key_of("select Code from Code order by Code", Policy(settings, SQLITE, b"").view(CATALOG)) is None


def test_values_that_do_not_compare_are_no_keys() -> None:
    number, text = Key(0, "a", descending=False, is_number=True), Key(0, "a", descending=False, is_number=False)
    assert [number.value([each]) for each in (1, "9007199254740993", None, True)] == [1, None, None, None]
    assert [text.value([each]) for each in ("x", 1, None, "x" * 201)] == ["x", None, None, None]


def test_the_statement_that_goes_on() -> None:
    key = Key(0, 'a"b', descending=True, is_number=True)
    assert (
        continued("select x; ", key, '"')
        == 'SELECT * FROM (select x) AS page WHERE "a""b" < :last_key ORDER BY "a""b" DESC'
    )
    assert '`a"b` <' in continued("select x", key, "`")


async def pages(client: Client, sql: str, between: Any = None, **more: Any) -> list[list[Any]]:
    rows: list[list[Any]] = []
    cursor = None
    while True:
        arguments = {"sql": sql, "limit": 2, **more, **({"cursor": cursor} if cursor else {})}
        reply = await client.call_tool("shop_query", arguments)
        rows += reply.data["rows"]
        cursor = reply.data["next"]
        if cursor is None:
            return rows
        if between is not None:
            between()


@pytest.mark.parametrize("order", ["id", "id desc", "2", "code"])
async def test_no_row_comes_twice_or_never_while_others_come_and_go(make_database: MakeDatabase, order: str) -> None:
    table = "by_code" if order == "code" else "numbered"
    path = make_database(
        "CREATE TABLE numbered (name TEXT, id INTEGER PRIMARY KEY)",
        "CREATE TABLE by_code (code VARCHAR(9) PRIMARY KEY, name TEXT)",
        *(f"INSERT INTO numbered VALUES ('n{number}', {number})" for number in range(10, 40)),
        *(f"INSERT INTO by_code VALUES ('c{number}', 'n')" for number in range(10, 40)),
    )
    writer = sqlite3.connect(path, isolation_level=None)
    number = 0

    def disturb() -> None:
        nonlocal number
        number += 1
        if number <= 5:
            writer.execute("INSERT INTO numbered VALUES ('new', ?)", (number,))
            writer.execute("INSERT INTO numbered VALUES ('new', ?)", (1000 + number,))
            writer.execute("INSERT INTO by_code VALUES (?, 'new')", (f"a{number}",))

    server = Server("test")
    server.connect(Sql("shop", path))
    async with Client(server) as client:
        sql = f"select * from {table} where name <> :x order by {order}"
        rows = await pages(client, sql, disturb, params={"x": "y"})
    writer.close()
    keys = [row[0] if order == "code" else row[1] for row in rows]
    assert len(keys) == len(set(keys))
    expected = [f"c{each}" for each in range(10, 40)] if order == "code" else list(range(10, 40))
    assert set(expected) <= set(keys)


async def test_every_row_of_a_masked_table_comes_once(chinook: Path) -> None:
    server = Server("test")
    rules = {"Customer": {"mask": {"Email": "partial"}, "rows": "Country = 'USA'", "deny_columns": ["Fax"]}}
    server.connect(Sql("shop", chinook, tables=rules))
    async with Client(server) as client:
        rows = await pages(client, "select * from Customer order by CustomerId")
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})
    assert len(rows) == 13
    assert all("***@" in str(row) for row in rows)
