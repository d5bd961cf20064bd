"""Databases that only SQLAlchemy reaches: SQLite by another driver, MariaDB and PostgreSQL by others than ours."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from dragoman import ANONYMOUS, Client, Principal, Server, Sql, UsageError
from dragoman.connectors.sql.engines.engine import EngineFault, Query, SqlFault, SqlLimits
from dragoman.connectors.sql.engines.sqlalchemy import SqlalchemyEngine
from tests.connectors.sql.conftest import MakeDatabase
from tests.connectors.sql.servers import MariaDB, PostgreSQL

POLICY: dict[str, Any] = {
    "mask": {"Email": "partial", "LastName": "hash", "Phone": "null"},
    "deny_columns": ["Fax"],
    "rows": "Country = :principal.country",
}
CANADIAN = Principal(claims=(("country", "Canada"),))
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


class Strange(SQLiteDialect_pysqlite):
    """A kind of database whose grammar nobody knows."""

    name = "strange"
    supports_statement_cache = True


registry.register("strange", __name__, "Strange")


@pytest.fixture(params=["pysqlite", "aiosqlite"])
async def shop(request: pytest.FixtureRequest, chinook: Path) -> AsyncIterator[Sql]:
    if request.param == "aiosqlite":
        pytest.importorskip("aiosqlite")
    connector = Sql("shop", f"sqlite+{request.param}:///{chinook}", timeout=1, tables={"Customer": POLICY})
    yield connector
    await connector.close()


async def test_the_guard_is_the_same(shop: Sql) -> None:
    result = await shop.query(
        "SELECT Email, LastName, Phone, Country FROM Customer ORDER BY CustomerId LIMIT 1", principal=CANADIAN
    )
    ((email, name, phone, country),) = result.rows
    assert (email, phone, country) == ("f***@gmail.com", None, "Canada")
    assert len(name) == 16
    assert (await shop.query("SELECT count(*) FROM Customer", principal=CANADIAN)).rows == [[8]]
    assert (await shop.query("SELECT count(*) FROM Customer", principal=ANONYMOUS)).rows == [[0]]
    for statement, told in (
        ("SELECT Customer.Fax FROM Customer", "no such column"),
        ("SELECT Fax FROM Customer", "no such column"),
        ("SELECT * FROM sqlite_schema", "not served|no such table"),
        ("DELETE FROM Customer", "read-only"),
        ("SELECT load_extension('x')", "can't be used"),
    ):
        with pytest.raises(SqlFault, match=told):
            await shop.query(statement, principal=CANADIAN)


async def test_values_are_bound_and_marks_in_texts_are_texts(shop: Sql) -> None:
    result = await shop.query("SELECT Name, '?:x%s' FROM Genre WHERE Name LIKE :like", {"like": "Ro%"})
    assert result.rows[0] == ["Rock", "?:x%s"]


async def test_what_takes_too_long_is_stopped_and_the_next_one_runs(shop: Sql) -> None:
    began = time.monotonic()
    with pytest.raises(SqlFault, match="stopped after 1 seconds"):
        await shop.query(ENDLESS)
    assert time.monotonic() - began < 10
    assert (await shop.query("SELECT 1")).rows == [[1]]


async def test_a_cancelled_call_ends_what_it_runs(shop: Sql) -> None:
    task = asyncio.create_task(shop.query(ENDLESS))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await shop.query("SELECT 1")).rows == [[1]]


async def test_rows_and_bytes_are_capped(chinook: Path) -> None:
    shop = Sql("shop", f"sqlite+pysqlite:///{chinook}", max_rows=5, max_bytes=2000)
    try:
        first = await shop.query("SELECT * FROM Track")
        assert len(first.rows) == 5
        assert first.truncated
        with pytest.raises(SqlFault, match="one row alone is larger"):
            await shop.query("SELECT hex(zeroblob(3000))")
    finally:
        await shop.close()


async def test_tables_are_described_with_keys_and_counts(shop: Sql) -> None:
    album = await shop.describe("Album")
    assert album.rows == 347
    assert album.primary_key == ["AlbumId"]
    assert [(key.columns, key.table) for key in album.foreign_keys or ()] == [(["ArtistId"], "Artist")]
    assert (await shop.explain("SELECT * FROM Album")).text == "SCAN Album"


async def test_a_review_says_what_is_not_known(shop: Sql) -> None:
    assert any("what the login may do can't be told for SQLite" in finding.text for finding in await shop.review())


async def test_the_database_itself_refuses_writes(
    make_database: MakeDatabase, fingerprint: Callable[[Path], object]
) -> None:
    path = make_database("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    before = fingerprint(path)
    engine = SqlalchemyEngine(f"sqlite+pysqlite:///{path}", SqlLimits())
    try:
        for statement in ("INSERT INTO t VALUES (2)", "DROP TABLE t", "UPDATE t SET a = 3 RETURNING a"):
            with pytest.raises(EngineFault) as caught:
                await engine.run(Query((statement,)), skip=0, rows=1)
            assert caught.value.kind == "refused"
    finally:
        await engine.close()
    assert fingerprint(path) == before


async def test_tables_behind_full_text_ones_are_hidden(make_database: MakeDatabase) -> None:
    path = make_database("CREATE VIRTUAL TABLE notes USING fts5(body)", "CREATE TABLE t (a)")
    shop = Sql("shop", f"sqlite+pysqlite:///{path}")
    try:
        assert [table.name for table in (await shop.describe_all()).tables or ()] == ["notes", "t"]
    finally:
        await shop.close()


async def test_a_database_that_is_not_there_is_told_and_heals(tmp_path: Path, make_database: MakeDatabase) -> None:
    shop = Sql("shop", f"sqlite+pysqlite:///{tmp_path}/none/made.sqlite")
    try:
        with pytest.raises(SqlFault, match="can't be"):
            await shop.query("SELECT 1")
        (tmp_path / "none").mkdir()
        await asyncio.sleep(0.3)
        assert (await shop.query("SELECT 1")).rows == [[1]]
    finally:
        await shop.close()


async def test_without_a_grammar_only_declared_queries_run(chinook: Path) -> None:
    tools = {
        "tracks_of": {
            "sql": "select Name, ':artist' from Artist where Name = :artist -- :artist",
            "description": "One artist",
            "parameters": {"artist": {}},
        }
    }
    shop = Sql("shop", f"strange:///{chinook}", tools=tools)
    server = Server("music")
    server.connect(shop)
    async with Client(server) as client:
        assert sorted(tool.name for tool in await client.list_tools()) == ["shop_describe", "shop_tracks_of"]
        answer = await client.call_tool("shop_tracks_of", {"artist": "AC/DC"})
        assert answer.structured["rows"] == [["AC/DC", ":artist"]]
        with pytest.raises(SqlFault, match="only declared queries run"):
            await shop.query("SELECT 1")
    assert any("only declared queries run" in finding.text for finding in await shop.review())
    await shop.close()


async def test_without_a_grammar_there_are_no_masks(chinook: Path) -> None:
    with pytest.raises(UsageError, match="can't be kept for strange"):
        Sql("shop", f"strange:///{chinook}", tables={"Customer": POLICY})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("snowflake://u:secret@account/db", "pip install snowflake-sqlalchemy"),
        ("nothing+such://u:secret@host/db", "needs a dialect for SQLAlchemy"),
        ("oracle+oracledb://u:secret@host/db", "pip install oracledb"),
        ("sqlite+pysqlite://", "in memory"),
        ("mssql+pyodbc://u:secret@host:port/db", "can't be read"),
    ],
)
def test_what_is_missing_is_named_with_how_to_get_it(url: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        Sql("shop", url)
    assert "secret" not in str(caught.value)


async def test_mariadb_by_a_driver_that_blocks(mariadb: MariaDB) -> None:
    url = mariadb.url().replace("mariadb://", "mariadb+pymysql://")
    shop = Sql("shop", url, timeout=2, tables={"Customer": {**POLICY, "rows": "Country = 'Canada'"}})
    try:
        result = await shop.query("SELECT Email, Phone, '100%' FROM Customer WHERE City LIKE :x", {"x": "Mont%"})
        assert result.rows == [["f***@gmail.com", None, "100%"]]
        with pytest.raises(SqlFault, match="stopped"):
            await shop.query("SELECT count(*) FROM Track a, Track b, Track c")
        with pytest.raises(SqlFault, match="did you mean Name"):
            await shop.query("SELECT Nam FROM Genre")
        with pytest.raises(EngineFault, match="refused"):
            await shop.engine.run(Query(("DELETE FROM Genre",)), skip=0, rows=1)
    finally:
        await shop.close()
    assert mariadb.running() == []


async def test_postgresql_by_an_asynchronous_driver(postgresql: PostgreSQL) -> None:
    url = postgresql.url("owner").replace("postgresql://", "postgresql+asyncpg://")
    engine = SqlalchemyEngine(url, SqlLimits(seconds=1))
    try:
        assert "customer" in (await engine.catalog()).relations
        page = await engine.run(
            Query(('SELECT "Name" FROM public."Genre" WHERE "Name" = ', ""), ("Rock",)), skip=0, rows=3
        )
        assert page.rows == [["Rock"]]
        with pytest.raises(EngineFault, match="refused"):
            await engine.run(Query(('DELETE FROM public."Genre" RETURNING 1',)), skip=0, rows=1)
        with pytest.raises(EngineFault, match="timeout"):
            await engine.run(Query(("SELECT pg_sleep(30)",)), skip=0, rows=1)
    finally:
        await engine.close()
    assert postgresql.running() == []
