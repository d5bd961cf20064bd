"""The bounded pool in which synchronous functions run."""

import asyncio
import contextvars
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from dragoman.server.threads import Threads
from tests.server.clients import settle

CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("CALLER", default="nobody")


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(2)
    yield pool
    pool.close()


async def test_it_runs_in_a_thread_with_the_callers_context_variables(threads: Threads) -> None:
    def where() -> tuple[str, bool]:
        said = CALLER.get()
        CALLER.set("changed in the thread")
        return said, threading.current_thread() is threading.main_thread()

    CALLER.set("somebody")
    assert await threads.bind(where)() == ("somebody", False)
    assert CALLER.get() == "somebody", "a function in a thread has a copy of the variables"


async def test_it_passes_arguments_and_exceptions(threads: Threads) -> None:
    assert await threads.bind(max)(1, 3, 2) == 3
    with pytest.raises(ZeroDivisionError):
        await threads.bind(divmod)(1, 0)


async def test_stop_iteration_does_not_hang_the_call(threads: Threads) -> None:
    def first_of_none() -> Any:
        return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(threads.bind(first_of_none)(), 5)


async def test_no_more_run_at_one_time_than_there_are_threads(threads: Threads) -> None:
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(5)  # passes only in pairs: two did run at one time
        with lock:
            running -= 1

    bound = threads.bind(work)
    await asyncio.gather(*(bound() for _ in range(8)))
    assert most == 2


async def test_the_name_of_the_function_is_kept(threads: Threads) -> None:
    assert getattr(threads.bind(divmod), "__name__", "") == "divmod"


async def test_a_cancelled_call_that_waits_for_a_thread_never_runs(threads: Threads) -> None:
    release = threading.Event()
    ran: list[str] = []
    hold = threads.bind(release.wait)
    held = [asyncio.ensure_future(hold(5)) for _ in range(2)]
    waiting = asyncio.ensure_future(threads.bind(ran.append)("ran"))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    await asyncio.gather(*held)
    assert ran == []


async def test_after_close_a_call_starts_the_pool_anew(threads: Threads) -> None:
    assert await threads.bind(abs)(-1) == 1
    threads.close()
    threads.close()
    assert await threads.bind(abs)(-2) == 2


async def test_close_gives_up_what_waits_and_lets_the_rest_end() -> None:
    threads, release = Threads(1), threading.Event()
    held = asyncio.ensure_future(threads.bind(release.wait)(5))
    await settle()
    waiting = asyncio.ensure_future(threads.bind(abs)(-1))
    await settle()
    threads.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    assert await held


async def test_a_cancelled_call_goes_on_and_what_it_gives_is_dropped(threads: Threads) -> None:
    release, ran = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(5)
        ran.set()

    call = asyncio.ensure_future(threads.bind(work)())
    await settle()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    release.set()
    assert await threads.bind(ran.wait)(5)


def test_a_function_that_outlasts_its_loop_does_not_end_the_thread() -> None:
    threads, release = Threads(1), threading.Event()

    async def leave() -> None:
        asyncio.ensure_future(threads.bind(release.wait)(5))  # noqa: RUF006 - nobody waits for it
        await settle()

    async def stay() -> int:
        release.set()
        answer: int = await asyncio.wait_for(threads.bind(abs)(-1), 5)
        return answer

    asyncio.run(leave())
    assert asyncio.run(stay()) == 1
    threads.close()


async def test_what_came_out_is_held_by_nobody(threads: Threads) -> None:
    class Thing:
        pass

    seen = weakref.ref(await threads.bind(Thing)())
    await threads.bind(abs)(1)
    assert seen() is None
