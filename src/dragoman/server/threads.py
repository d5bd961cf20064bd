"""The one place where a synchronous function leaves the event loop."""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Threads:
    """A bounded pool of threads, started when first needed.

    Args:
        most: how many functions may run at one time; more wait their turn.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool: ThreadPoolExecutor | None = None

    def bind(self, function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """An async function that runs `function` in a thread, with the caller's context variables."""

        @functools.wraps(function)
        async def in_thread(*values: Any) -> Any:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="dragoman")
            context = contextvars.copy_context()
            return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, _run, function, values)

        return in_thread

    def close(self) -> None:
        """Let running functions end and start no more; a later call starts the pool anew."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _run(function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    try:
        return function(*values)
    except StopIteration as error:  # no future can carry it: the call would never end
        raise RuntimeError("the function raised StopIteration") from error
