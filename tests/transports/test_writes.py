"""A write that waits is given up; what else ends a task is not taken for that."""

import asyncio
import time

import pytest

from dragoman.transports.writes import Turns, Write


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


def test_a_turn_is_over_after_some_parts_or_a_while() -> None:
    turns, over = Turns(), []
    for _ in range(7):
        turns.begin()
        over.append(turns.is_over())
    assert not any(over)
    turns.begin()
    time.sleep(0.002)
    assert turns.is_over()


async def test_a_turn_that_was_given_begins_anew() -> None:
    turns = Turns()
    others: list[int] = []
    asyncio.get_running_loop().call_soon(others.append, 1)
    while not turns.is_over():
        pass
    await turns.give()
    assert others == [1]
    time.sleep(0.002)  # noqa: ASYNC251 - as a function that computes
    assert turns.is_over()
