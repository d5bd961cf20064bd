"""The one place where a synchronous function leaves the event loop."""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from typing import Any

_Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Workers(Executor):
    """Threads that take turns at a queue and end with the process, whatever they are doing.

    A function stuck in a thread cannot be stopped; `ThreadPoolExecutor` lets it keep the process from ending.

    Args:
        most: how many threads there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self._idle = Semaphore(0)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def submit(self, function: Callable[..., Any], /, *values: Any, **named: Any) -> "Future[Any]":
        """Run a function in the next thread that is free."""
        future: Future[Any] = Future()
        self._jobs.put((future, functools.partial(function, **named), values))
        if not self._idle.acquire(blocking=False) and self._started < self._most:
            self._started += 1
            Thread(target=self._work, name=f"dragoman_{self._started}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Let running functions end and start no more."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is not None:
                job[0].cancel()
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, function, values = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*values))
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
                    future.set_exception(error)
            del job, future, function, values  # held no longer than they run
            self._idle.release()


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
            context = contextvars.copy_context()
            return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, _run, function, values)

        return in_thread

    def close(self) -> None:
        """Let running functions end and start no more; a later call starts the pool anew."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()


def _run(function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    try:
        return function(*values)
    except StopIteration as error:  # no future can carry it: the call would never end
        raise RuntimeError("the function raised StopIteration") from error
