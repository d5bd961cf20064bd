"""Transactions of SQLite files: taken back unless committed, alone with the write lock, ended with their caller."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.engines.engine import EngineFault, Query, SqlLimits
from dragoman.connectors.sql.engines.sqlite_writes import SqliteWriter
from tests.connectors.sql.conftest import MakeDatabase


@pytest.fixture
async def writer(make_database: MakeDatabase) -> AsyncIterator[SqliteWriter]:
    path: Path = make_database(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c GENERATED ALWAYS AS (a + 1))",
        "CREATE TABLE u (a INTEGER PRIMARY KEY, t INTEGER REFERENCES t (a) ON DELETE CASCADE)",
        "CREATE TRIGGER g AFTER DELETE ON t BEGIN SELECT 1; END",
        "INSERT INTO t (a, b) VALUES (1, 'x')",
    )
    writer = SqliteWriter(path, SqlLimits())
    yield writer
    await writer.close()


INSERT = Query(("INSERT INTO main.t (b) VALUES (", ")"), ("y",))
COUNT = Query(("SELECT count(*) FROM main.t",))


async def test_only_what_is_committed_stays(writer: SqliteWriter) -> None:
    relation = Relation("t", "table", ())
    async with writer.transaction(2) as transaction:
        assert await transaction.insert(INSERT, await transaction.target(relation), {}) == [2]
    async with writer.transaction(2) as transaction:
        assert await transaction.ask(COUNT) == [[1]]
        assert await transaction.change(INSERT) == 1
        await transaction.commit()
    async with writer.transaction(2, writing=False) as transaction:
        assert await transaction.ask(COUNT) == [[2]]
        with pytest.raises(EngineFault):
            await transaction.change(INSERT)


async def test_a_table_as_a_writer_sees_it(writer: SqliteWriter) -> None:
    async with writer.transaction(2, writing=False) as transaction:
        target = await transaction.target(Relation("t", "table", ()))
    assert [(column.name, column.key, column.generated) for column in target.columns] == [
        ("a", 1, False),
        ("b", 0, False),
        ("c", 0, True),
    ]
    assert target.triggers == ("g",)
    assert [(each.table, each.deletes, each.updates) for each in target.cascades] == [("u", True, False)]


async def test_one_writer_at_a_time(writer: SqliteWriter) -> None:
    async with writer.transaction(5):
        with pytest.raises(EngineFault) as caught:
            async with writer.transaction(5):
                pass
    assert caught.value.kind == "locked"


async def test_a_caller_that_gives_up(writer: SqliteWriter) -> None:
    slow = Query(("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",))

    async def give_up() -> None:
        async with asyncio.timeout(0.5), writer.transaction(30) as transaction:
            await transaction.change(INSERT)
            await transaction.ask(slow)

    with pytest.raises(TimeoutError):
        await give_up()
    async with writer.transaction(2) as transaction:
        assert await transaction.ask(COUNT) == [[1]]
    async with contextlib.AsyncExitStack() as stack:
        transaction = await stack.enter_async_context(writer.transaction(0.3))
        with pytest.raises(EngineFault) as caught:
            await transaction.ask(slow)
    assert caught.value.kind == "timeout"


async def test_the_notes(writer: SqliteWriter) -> None:
    assert not await writer.has_ledger()
    await writer.make_ledger()
    await writer.make_ledger()
    assert await writer.has_ledger()
