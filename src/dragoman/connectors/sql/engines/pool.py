"""Connections to a database server: so many and no more, opened when needed, closed when idle, never shared.

Knows no driver and no SQL: a driver's connection is opened, looked at, cleaned and dropped by the functions it is
given. A server that is down is asked again after a pause that grows and is never the same twice; until then every
question fails at once, and the first one after it that finds the server there ends the outage.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from dragoman.connectors.sql.engines.engine import EngineFault

C = TypeVar("C")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
LEAST_PATIENCE = 0.5


class Pauses:
    """How long to wait after the n-th failure in a row: twice as long each time, shortened by chance.

    Args:
        first: the longest pause after the first failure, seconds.
        longest: the longest pause of all, seconds.
        chance: returns a number from 0 to 1.
    """

    def __init__(
        self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE, chance: Callable[[], float] = random.random
    ) -> None:
        self.first = first
        self.longest = longest
        self.chance = chance
        self.failures = 0

    def next(self) -> float:
        """Count one more failure and return the pause after it, seconds: between half of the longest and all of it."""
        whole = min(self.longest, self.first * (1 << min(self.failures, 16)))
        self.failures += 1
        return whole * (0.5 + self.chance() / 2)

    def over(self) -> None:
        """Begin anew: it worked."""
        self.failures = 0


class _Place:
    """One of the places of a pool; once it is handed over, somebody else than its holder frees it."""

    handed_over = False


class Pool(Generic[C]):
    """The connections of one engine.

    Args:
        connect: opens one; raises `EngineFault` when it can't.
        usable: whether one may be handed out again.
        drop: ends one and what it runs; it does not raise and takes no longer than a second or two.
        size: most connections at one time.
        waiting: most callers that may wait for one.
        idle: when an unused connection is closed, seconds.
        pauses: how long a server that is down is left alone.
    """

    def __init__(
        self,
        connect: Callable[[], Coroutine[Any, Any, C]],
        usable: Callable[[C], bool],
        drop: Callable[[C], Coroutine[Any, Any, None]],
        *,
        size: int,
        waiting: int,
        idle: float,
        pauses: Pauses | None = None,
    ) -> None:
        self._connect = connect
        self._usable = usable
        self._drop = drop
        self._most_waiting = waiting
        self._idle_seconds = idle
        self._pauses = pauses or Pauses()
        self._places = asyncio.Semaphore(size)
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0
        self._free: list[tuple[C, float]] = []  # the one used last is at the end, and is used first
        self._opening: set[asyncio.Task[C]] = set()
        self._dropping: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._fault: EngineFault | None = None
        self._again_at = 0.0

    @contextlib.asynccontextmanager
    async def connection(self, patience: float, *, fresh: bool = False) -> AsyncIterator[C]:
        """Lend a connection; it is dropped, with what it runs, when anything is raised while it is lent.

        Args:
            patience: how long to wait for one that others have, and how long for a new one, seconds.
            fresh: whether to open a new one and drop all that are free: they may be broken.

        Raises:
            EngineFault: `busy` when too many wait already or for too long, or whatever `connect` raises.
        """
        await self._take_place(patience)
        place = _Place()
        try:
            connection = await self._take(place, max(patience, LEAST_PATIENCE), fresh=fresh)
        except BaseException:
            if not place.handed_over:
                self._places.release()
            raise
        try:
            yield connection
        except BaseException:
            # What it runs must have ended before its place is free; our caller need not wait for that.
            self._start_dropping(connection, place=True)
            raise
        if self._usable(connection):
            self._free.append((connection, self._now()))
            self._places.release()
            self._watch()
        else:
            self._start_dropping(connection, place=True)

    def again_in(self) -> float | None:
        """Return in how many seconds a server that is down is asked again; None when it is not known to be down."""
        return None if self._fault is None else max(0.0, self._again_at - self._now())

    async def close(self) -> None:
        """Drop what is free and wait until all that was dropped has ended."""
        while self._opening:
            await asyncio.wait(set(self._opening))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        free, self._free = self._free, []
        for connection, _ in free:
            self._start_dropping(connection)
        while self._dropping:
            await asyncio.wait(set(self._dropping))

    async def _take_place(self, patience: float) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        if self._waiting >= self._most_waiting:
            raise EngineFault("busy")
        self._waiting += 1
        try:
            async with asyncio.timeout(patience):
                await self._places.acquire()
        except TimeoutError:
            raise EngineFault("busy") from None
        finally:
            self._waiting -= 1

    async def _take(self, place: "_Place", patience: float, *, fresh: bool) -> C:
        while self._free:
            connection, _ = self._free.pop()
            if not fresh and self._usable(connection):
                return connection
            self._start_dropping(connection)
        if self._fault is None:
            return await self._open(place, patience)
        self._refuse_while_down()
        async with self._one_at_a_time:
            self._refuse_while_down()
            return await self._open(place, patience)

    def _refuse_while_down(self) -> None:
        if self._fault is not None and self._now() < self._again_at:
            raise EngineFault(self._fault.kind, f"tried again in {self._again_at - self._now():.1f} s")

    async def _open(self, place: "_Place", patience: float) -> C:
        """Open a connection in a task of its own: a driver that is stopped half-way in may leave pieces behind.

        When the caller gives up, the connection is kept for the next one, and the place until it is there.
        """
        task = asyncio.create_task(self._attempt())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        try:
            async with asyncio.timeout(patience):
                return await asyncio.shield(task)
        except (asyncio.CancelledError, TimeoutError) as error:
            place.handed_over = True
            task.add_done_callback(self._came_late)
            if isinstance(error, TimeoutError):
                raise EngineFault("unreachable", "no connection in time") from None
            raise

    async def _attempt(self) -> C:
        try:
            connection = await self._connect()
        except EngineFault as fault:
            self._fault = fault
            self._again_at = self._now() + self._pauses.next()
            raise
        self._fault = None
        self._pauses.over()
        return connection

    def _came_late(self, task: "asyncio.Task[C]") -> None:
        self._places.release()
        if not task.cancelled() and task.exception() is None:
            self._free.append((task.result(), self._now()))
            self._watch()

    def _start_dropping(self, connection: C, *, place: bool = False) -> None:
        task = asyncio.create_task(self._drop(connection))
        self._dropping.add(task)

        def dropped(task: asyncio.Task[None]) -> None:
            self._dropping.discard(task)
            if place:
                self._places.release()

        task.add_done_callback(dropped)

    def _watch(self) -> None:
        """Close, in time, what nobody uses."""
        if self._timer is None and self._free:
            oldest = self._free[0][1]
            delay = max(0.0, oldest + self._idle_seconds - self._now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._close_idle)

    def _close_idle(self) -> None:
        self._timer = None
        now = self._now()
        while self._free and now - self._free[0][1] >= self._idle_seconds:
            self._start_dropping(self._free.pop(0)[0])
        self._watch()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
