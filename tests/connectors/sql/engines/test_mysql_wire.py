"""The connection to MariaDB: one statement, no files, no password in the clear, rows of any size in little memory."""

import asyncio
from collections.abc import AsyncIterator

import pymysql
import pytest
from pymysql.constants import CLIENT

from dragoman.connectors.sql.engines.engine import EngineFault
from dragoman.connectors.sql.engines.mysql_values import Long
from dragoman.connectors.sql.engines.mysql_wire import Session
from tests.connectors.sql.servers import MariaDB
from tests.connectors.sql.servers.mariadb import PASSWORDS


def session_to(port: int, *, tls_required: bool = False) -> Session:
    return Session(
        tls=None,
        tls_required=tls_required,
        host="127.0.0.1",
        port=port,
        user="reader",
        password=PASSWORDS["reader"],
        db="chinook",
    )


@pytest.fixture
async def session(mariadb: MariaDB) -> AsyncIterator[Session]:
    session = session_to(mariadb.port)
    await session.open()
    yield session
    session.close()
    await asyncio.sleep(0)


async def test_it_offers_neither_several_statements_nor_files(session: Session) -> None:
    assert not session.client_flag & (CLIENT.MULTI_STATEMENTS | CLIENT.LOCAL_FILES)
    with pytest.raises(pymysql.err.ProgrammingError):
        await session.start("SELECT 1; SELECT 2", 64, 1000)


@pytest.mark.parametrize("size", [0, 1, 250, 251, 65535, 65536, 262_000, 263_000, 15_999_999])
async def test_cells_of_every_size_are_read_and_long_ones_kept_in_part(session: Session, size: int) -> None:
    rows = await session.start(f"SELECT REPEAT('x', {size}), NULL, 'b' FROM seq_1_to_2", 64, 1000)
    for _ in range(2):
        first, nothing, last = await rows.next() or []
        assert first == (b"x" * size if size <= 64 else Long(size, b"x" * 64))
        assert (nothing, last) == (None, b"b")
    assert await rows.next() is None
    assert session.usable
    assert await session.ask("SELECT 1") == [(1,)]


async def test_a_row_that_spans_packets_is_read_to_its_end(session: Session) -> None:
    parts = ", ".join(["REPEAT('x', 9000000)", "'a'"] * 4)
    rows = await session.start(f"SELECT {parts}", 16, 1000)
    assert await rows.next() == [Long(9_000_000, b"x" * 16), b"a"] * 4
    assert await rows.next() is None
    assert await session.ask("SELECT 1") == [(1,)]


async def test_a_row_that_would_fill_memory_with_its_cells_is_given_up(session: Session) -> None:
    parts = ", ".join(["REPEAT('x', 300000)"] * 10)
    rows = await session.start(f"SELECT {parts}", 65536, 100_000)
    with pytest.raises(EngineFault, match="wide_row"):
        await rows.next()
    assert not session.usable


async def test_a_connection_is_not_usable_while_rows_are_left(session: Session) -> None:
    rows = await session.start("SELECT seq FROM seq_1_to_1000", 64, 1000)
    assert await rows.next() == [b"1"]
    assert not session.usable


async def test_what_is_no_query_is_refused(session: Session) -> None:
    with pytest.raises(EngineFault, match="refused"):
        await session.start("DO 1", 64, 1000)
    assert not session.usable


async def test_a_reset_connection_has_no_memory(session: Session) -> None:
    assert await session.ask("SELECT @a := 5") == [(5,)]
    await session.reset()
    assert await session.ask("SELECT @a") == [(None,)]


async def test_a_server_without_encryption_gets_nothing_where_it_is_required(mariadb: MariaDB) -> None:
    session = session_to(mariadb.port, tls_required=True)
    with pytest.raises(pymysql.err.OperationalError):
        await session.open()


async def test_a_server_that_asks_for_the_password_in_the_clear_does_not_get_it() -> None:
    told: list[bytes] = []

    async def ask_for_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        capabilities = (CLIENT.CAPABILITIES | CLIENT.PLUGIN_AUTH) & ~CLIENT.SSL
        greeting = (
            b"\x0a8.0.0\0" + (1).to_bytes(4, "little") + b"saltsalt\0" + (capabilities & 0xFFFF).to_bytes(2, "little")
            + b"\x2d\x02\0" + (capabilities >> 16).to_bytes(2, "little") + b"\x15" + b"\0" * 10 + b"saltsaltsalt\0"
            + b"mysql_native_password\0"
        )  # fmt: skip
        writer.write(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
        header = await reader.readexactly(4)
        told.append(await reader.readexactly(int.from_bytes(header[:3], "little")))
        switch = b"\xfemysql_clear_password\0"
        writer.write(len(switch).to_bytes(3, "little") + b"\x02" + switch)
        told.append(await reader.read())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(ask_for_it, "127.0.0.1", 0)
    session = session_to(server.sockets[0].getsockname()[1])
    with pytest.raises((OSError, pymysql.err.MySQLError)):
        await session.open()
    session.close()
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.05)
    assert told
    assert PASSWORDS["reader"].encode() not in b"".join(told)
