"""Connections of SQLAlchemy, each with one place where its work is done: a thread of its own, or the event loop.

A thread is a daemon: a driver that can't be stopped keeps it, but never the process. What runs is stopped by the
driver's own means where it has some; then the connection is broken and never used again.
"""

import asyncio
import contextlib
import inspect
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

END_SECONDS = 1.0
_STOPS = ("interrupt", "cancel_safe", "cancel")  # of sqlite3; psycopg; oracledb, psycopg2, pymssql

Answer = TypeVar("Answer")


class Session(Protocol):
    """One connection."""

    usable: bool

    async def open(self, prepare: Callable[[Connection], None]) -> None:
        """Connect and prepare."""

    async def do(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do a piece of work with the connection; when the caller gives up, it is not usable any more."""

    async def end(self) -> None:
        """Stop what runs and close; it does not raise."""


class ThreadSession:
    """A connection of a driver that blocks, in a thread of its own.

    Args:
        url: the database.
    """

    def __init__(self, url: sqlalchemy.URL) -> None:
        self.usable = True
        self._engine = sqlalchemy.create_engine(
            url, poolclass=sqlalchemy.NullPool, pool_reset_on_return=None, hide_parameters=True
        )
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._busy = False
        threading.Thread(target=self._run, name="dragoman-sqlalchemy", daemon=True).start()

    async def open(self, prepare: Callable[[Connection], None]) -> None:
        """Connect and prepare."""

        def connect() -> None:
            self._connection = self._engine.connect()
            prepare(self._connection)

        await self._in_thread(connect)

    async def do(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do a piece of work in the thread; when the caller gives up, the connection is not usable any more."""

        def run() -> Answer:
            assert self._connection is not None  # noqa: S101 (it was opened)
            return work(self._connection)

        answer: Answer = await self._in_thread(run)
        return answer

    async def end(self) -> None:
        """Stop what runs and close, in the thread if it still listens."""
        self.usable = False
        connection = self._connection
        if self._busy and connection is not None:
            await asyncio.to_thread(_stop, connection)
        done = self._in_thread(self._close)
        self._work.put(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await done

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def tell(answer: Any, error: BaseException | None) -> None:
            self._busy = False
            if future.done():
                return
            if error is None:
                future.set_result(answer)
            else:
                future.set_exception(error)

        def run() -> None:
            answer, error = None, None
            try:
                answer = work()
            except BaseException as raised:  # noqa: BLE001 (it is raised where it is waited for)
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(tell, answer, error)

        self._busy = True
        self._work.put(run)
        try:
            return await future
        except asyncio.CancelledError:
            self.usable = False
            raise

    def _close(self) -> None:
        with contextlib.suppress(SQLAlchemyError):
            if self._connection is not None:
                self._connection.invalidate()
                self._connection.close()
        self._engine.dispose()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class EventLoopSession:
    """A connection of a driver for asyncio.

    Args:
        url: the database.
    """

    def __init__(self, url: sqlalchemy.URL) -> None:
        self.usable = True
        self._engine = create_async_engine(
            url, poolclass=sqlalchemy.NullPool, pool_reset_on_return=None, hide_parameters=True
        )
        self._connection: AsyncConnection | None = None

    async def open(self, prepare: Callable[[Connection], None]) -> None:
        """Connect and prepare."""
        self._connection = await self._engine.connect()
        await self._connection.run_sync(prepare)

    async def do(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do a piece of work; when the caller gives up, the connection is not usable any more."""
        assert self._connection is not None  # noqa: S101 (it was opened)
        task: asyncio.Task[Answer] = asyncio.create_task(self._connection.run_sync(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.usable = False
            # First the driver: one with a thread of its own hears of nothing while it waits for its statement.
            if self._connection.sync_connection is not None:
                stopped = _stop(self._connection.sync_connection)
                if inspect.isawaitable(stopped):
                    await stopped
            task.cancel()
            await asyncio.wait({task}, timeout=END_SECONDS)
            if task.done() and not task.cancelled():
                task.exception()
            raise

    async def end(self) -> None:
        """Close; a connection that runs something is broken off."""
        self.usable = False
        with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                if self._connection is not None:
                    await self._connection.invalidate()
                    await self._connection.close()
        await self._engine.dispose()


def _stop(connection: Connection) -> Any:
    """Have a driver stop what it runs, by its own means where it has some; what it returns may be awaitable."""
    with contextlib.suppress(Exception):
        driver: Any = connection.connection.driver_connection
        for name in _STOPS:
            stop = getattr(driver, name, None)
            if callable(stop):
                return stop()
    return None
