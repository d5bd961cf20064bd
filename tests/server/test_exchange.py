"""The contract between wire and server."""

import asyncio
from typing import Any

import pytest

from dragoman.server.exchange import Exchange


async def test_cancelling_ends_the_task_that_answers() -> None:
    exchange = Exchange()

    async def work() -> None:
        exchange.task = asyncio.current_task()
        await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    exchange.cancel()
    assert exchange.gone
    with pytest.raises(asyncio.CancelledError):
        await task


def test_an_exchange_without_a_task_is_only_marked() -> None:
    exchange = Exchange()
    exchange.cancel()
    assert exchange.gone


async def test_what_a_wire_must_say_is_not_guessed() -> None:
    exchange: Any = Exchange()
    for step in (exchange.notify("x", {}), exchange.ask("x", {})):
        with pytest.raises(NotImplementedError):
            await step
    for method, given in ((exchange.subscriber, ()), (exchange.keep_log_level, ("info",))):
        with pytest.raises(NotImplementedError):
            method(*given)


async def test_what_a_wire_may_leave_out_does_nothing() -> None:
    exchange = Exchange()
    await exchange.start_task()
    await exchange.release_connection()
    assert not exchange.answered


def test_nothing_is_shared_between_exchanges() -> None:
    one, other = Exchange(), Exchange()
    one.cancel()
    assert not other.gone
