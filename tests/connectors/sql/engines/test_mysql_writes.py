"""Transactions that may write, on a real server: taken back unless committed, exact values, the table of notes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.engines.engine import EngineFault, Query, SqlLimits
from dragoman.connectors.sql.engines.mysql_writes import MysqlWriter
from tests.connectors.sql.servers import MariaDB

RELATION = Relation("written", "table", (), schema="chinook")


@pytest.fixture
async def writer(mariadb: MariaDB) -> AsyncIterator[MysqlWriter]:
    mariadb.execute(
        "DROP TABLE IF EXISTS written",
        "CREATE TABLE written (id integer AUTO_INCREMENT PRIMARY KEY, b varchar(9) UNIQUE, c float)",
        "INSERT INTO written (b, c) VALUES ('x', 0.1)",
    )
    writer = MysqlWriter(mariadb.url("admin"), SqlLimits())
    yield writer
    await writer.close()
    mariadb.execute("DROP TABLE IF EXISTS written", "DROP TABLE IF EXISTS dragoman_writes")


INSERT = Query(("INSERT INTO written (b) VALUES ('y')",))
COUNT = Query(("SELECT id FROM written",))


async def test_only_what_is_committed_stays(writer: MysqlWriter) -> None:
    async with writer.transaction(5) as transaction:
        target = await transaction.target(RELATION)
        assert len(await transaction.insert(INSERT, target, {})) == 1
    async with writer.transaction(5) as transaction:
        assert len(await transaction.ask(COUNT)) == 1
        assert await transaction.change(INSERT) == 1
        await transaction.commit()
    async with writer.transaction(5, writing=False) as transaction:
        assert len(await transaction.ask(COUNT)) == 2
        with pytest.raises(EngineFault) as caught:
            await transaction.change(INSERT)
    assert caught.value.kind == "refused"


async def test_a_table_as_a_writer_sees_it(writer: MysqlWriter) -> None:
    async with writer.transaction(5) as transaction:
        target = await transaction.target(RELATION)
        assert [(column.name, column.key) for column in target.columns] == [("id", 1), ("b", 0), ("c", 0)]
        assert (target.triggers, target.cascades, target.obstacle) == ((), (), "")
        with pytest.raises(EngineFault, match="width"):
            await transaction.read(Query(("SELECT id, b FROM written",)), 5, ["", "", ""])


async def test_one_row_is_held_by_one(writer: MysqlWriter) -> None:
    change = Query(("UPDATE written SET c = 2 WHERE id = 1",))
    async with writer.transaction(5) as first:
        assert await first.change(change) == 1
        with pytest.raises(EngineFault) as caught:
            async with writer.transaction(5) as second:
                await second.change(change)
    assert caught.value.kind == "locked"


async def test_the_notes_are_made_once(writer: MysqlWriter) -> None:
    assert not await writer.has_ledger()
    await asyncio.gather(*(writer.make_ledger() for _ in range(3)))
    assert await writer.has_ledger()
