"""A write that waits is given up; what else ends a task is not taken for that."""

import asyncio

import pytest

from dragoman.transports.writes import Write


async def wait(given_up: list[bool]) -> None:
    write = Write(asyncio.current_task())
    asyncio.get_running_loop().call_soon(write.give_up)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        given_up.append(write.was_given_up())
        if not given_up[-1]:
            raise


async def test_a_write_that_is_given_up_ends_nothing_else() -> None:
    given_up: list[bool] = []
    task = asyncio.create_task(wait(given_up))
    await task
    assert given_up == [True]
    assert task.cancelling() == 0


async def test_a_task_that_somebody_else_ends_too_ends() -> None:
    given_up: list[bool] = []
    task = asyncio.create_task(wait(given_up))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert given_up == [False]


async def test_a_task_that_is_cancelled_was_not_given_up() -> None:
    async def cancelled() -> bool:
        write = Write(asyncio.current_task())
        asyncio.get_running_loop().call_soon(write._task.cancel)  # noqa: SLF001 - somebody ends the task
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return write.was_given_up()
        return True

    assert not await asyncio.create_task(cancelled())
