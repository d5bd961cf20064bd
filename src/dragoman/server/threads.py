"""The one place where a synchronous function leaves the event loop.

A job goes to the threads by a queue and comes back by one call to the loop: an `Executor` and its two kinds of futures
cost twice as much.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Awaitable, Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple


class _Job(NamedTuple):
    """A function to run, and where its result is awaited."""

    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    context: contextvars.Context
    function: Callable[..., Any]
    values: tuple[Any, ...]


class Workers:
    """Threads that take turns at a queue and end with the process, whatever they are doing.

    A function stuck in a thread cannot be stopped; `ThreadPoolExecutor` lets it keep the process from ending.

    Args:
        most: how many threads there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self._open = 0  # jobs that are handed over and not answered; known to the event loop alone
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def submit(self, job: _Job) -> None:
        """Run a function in the next thread that is free."""
        self._open += 1
        self._jobs.put(job)
        if self._open > self._started < self._most:
            self._started += 1
            Thread(target=self._work, name=f"dragoman_{self._started}", daemon=True).start()

    def close(self) -> None:
        """Let running functions end, give up those that wait, and start no more."""
        with contextlib.suppress(Empty):
            while (job := self._jobs.get_nowait()) is not None:
                job.future.cancel()
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            value: Any = None
            error: BaseException | None = None
            if not job.future.cancelled():
                try:
                    value = job.context.run(job.function, *job.values)
                except StopIteration as stop:  # no future can carry it: the call would never end
                    error = RuntimeError("the function raised StopIteration")
                    error.__cause__ = stop
                except BaseException as raised:  # noqa: BLE001 - whatever it is, it is the caller's
                    error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                job.loop.call_soon_threadsafe(self._answer, job.future, value, error)
            del job, value, error  # held no longer than they run

    def _answer(self, future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
        self._open -= 1
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


class Threads:
    """A bounded pool of threads, started when first needed.

    Args:
        most: how many functions may run at one time; more wait their turn.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool: Workers | None = None

    def bind(self, function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """An async function that runs `function` in a thread, with the caller's context variables."""

        @functools.wraps(function)
        async def in_thread(*values: Any) -> Any:
            if self._pool is None:
                self._pool = Workers(self._most)
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            self._pool.submit(_Job(loop, future, contextvars.copy_context(), function, values))
            return await future

        return in_thread

    def close(self) -> None:
        """Let running functions end and start no more; a later call starts the pool anew."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
