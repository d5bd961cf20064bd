"""One connection and its place: work is done one after the other, and what nobody waits for is stopped."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Connection

from dragoman.connectors.sql.engines.sqlalchemy_sessions import END_SECONDS, EventLoopSession, Session, ThreadSession

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture(params=["thread", "event loop"])
async def session(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Session]:
    if request.param == "thread":
        made: Session = ThreadSession(sqlalchemy.make_url(f"sqlite+pysqlite:///{tmp_path}/made.db"))
    else:
        pytest.importorskip("aiosqlite")
        made = EventLoopSession(sqlalchemy.make_url(f"sqlite+aiosqlite:///{tmp_path}/made.db"))
    yield made
    await made.end()


def first(sql: str) -> Any:
    def work(connection: Connection) -> Any:
        return connection.exec_driver_sql(sql).scalar()

    return work


async def test_it_connects_prepares_and_works(session: Session) -> None:
    prepared = []
    await session.open(lambda connection: prepared.append(connection.dialect.name))
    assert prepared == ["sqlite"]
    assert await asyncio.gather(*(session.do(first(f"SELECT {n}")) for n in range(5))) == list(range(5))
    assert session.usable


async def test_what_work_raises_is_raised_and_the_session_goes_on(session: Session) -> None:
    await session.open(lambda _: None)
    with pytest.raises(sqlalchemy.exc.OperationalError, match="no such table"):
        await session.do(first("SELECT * FROM missing"))
    assert await session.do(first("SELECT 1")) == 1


async def test_a_caller_who_gives_up_ends_the_statement(session: Session) -> None:
    await session.open(lambda _: None)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await session.do(first(ENDLESS))
    assert not session.usable
    await session.end()
    assert time.monotonic() - begun < 0.2 + 3 * END_SECONDS
    end = time.monotonic() + 5
    while named() and time.monotonic() < end:  # noqa: ASYNC110 (of a thread)
        await asyncio.sleep(0.02)
    assert named() == []


def named() -> list[str]:
    """Return the threads of sessions that are alive."""
    return [thread.name for thread in threading.enumerate() if thread.name == "dragoman-sqlalchemy"]


async def test_it_ends_twice_and_without_having_been_opened(session: Session) -> None:
    await session.end()
    await session.end()
    assert not session.usable


async def test_errors_of_connecting_are_raised(tmp_path: Path) -> None:
    session = ThreadSession(sqlalchemy.make_url(f"sqlite:///{tmp_path}/no/such/folder.db"))
    with pytest.raises(sqlalchemy.exc.OperationalError):
        await session.open(lambda _: None)
    await session.end()
