"""Connections: so many and no more, opened when needed, dropped when anything went wrong, never shared."""

import asyncio

import pytest

from dragoman.connectors.sql.engines.engine import EngineFault
from dragoman.connectors.sql.engines.pool import Pauses, Pool


class Link:
    """A connection that counts what happens to it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.usable = True
        self.dropped = False


class Driver:
    """Opens links, slowly or not at all."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.attempts = 0
        self.at_once = 0
        self.most_at_once = 0
        self.down = False
        self.seconds = 0.0

    async def connect(self) -> Link:
        self.attempts += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        if self.down:
            raise EngineFault("unreachable", "refused")
        self.links.append(Link(len(self.links)))
        return self.links[-1]

    async def drop(self, link: Link) -> None:
        await asyncio.sleep(0.01)
        link.dropped = True

    def pool(self, size: int = 2, waiting: int = 1, idle: float = 60, pauses: Pauses | None = None) -> Pool[Link]:
        return Pool(
            self.connect, lambda link: link.usable, self.drop, size=size, waiting=waiting, idle=idle, pauses=pauses
        )


async def test_a_connection_is_opened_once_and_used_again() -> None:
    driver = Driver()
    pool = driver.pool()
    for _ in range(3):
        async with pool.connection(1) as link:
            assert link.number == 0
    await pool.close()
    assert driver.links[0].dropped


async def test_one_that_is_broken_or_on_which_something_failed_is_never_lent_again() -> None:
    driver = Driver()
    pool = driver.pool(size=1)
    with pytest.raises(RuntimeError):
        async with pool.connection(1):
            raise RuntimeError
    async with pool.connection(1) as link:
        assert link.number == 1
        link.usable = False
    async with pool.connection(1) as link:
        assert link.number == 2
    async with pool.connection(1, fresh=True) as link:
        assert link.number == 3
    await pool.close()
    assert all(link.dropped for link in driver.links)


async def test_a_place_is_free_only_when_what_held_it_has_ended() -> None:
    driver = Driver()
    pool = driver.pool(size=1)
    with pytest.raises(RuntimeError):
        async with pool.connection(1):
            raise RuntimeError
    async with pool.connection(1):
        assert driver.links[0].dropped
    await pool.close()


async def test_so_many_wait_and_no_more_and_not_for_ever() -> None:
    driver = Driver()
    pool = driver.pool(size=1, waiting=1)
    async with pool.connection(1):
        first = asyncio.create_task(pool.connection(0.05).__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(EngineFault, match="busy"):
            await pool.connection(1).__aenter__()
        with pytest.raises(EngineFault, match="busy"):
            await first
    async with pool.connection(1) as link:
        assert link.number == 0
    await pool.close()


async def test_a_caller_that_gives_up_while_connecting_leaves_the_connection_to_the_next() -> None:
    driver = Driver()
    driver.seconds = 0.05
    pool = driver.pool(size=1)
    for _ in range(5):
        task = asyncio.create_task(pool.connection(1).__aenter__())
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with pool.connection(1) as link:
        assert link.number == 0
    assert driver.most_at_once == 1
    await pool.close()
    assert [link.dropped for link in driver.links] == [True]


async def test_a_connection_that_takes_too_long_is_an_error_now_and_there_for_the_next() -> None:
    driver = Driver()
    driver.seconds = 0.7
    pool = driver.pool(size=1)
    with pytest.raises(EngineFault, match="unreachable"):
        await pool.connection(0.1).__aenter__()
    async with pool.connection(1) as link:
        assert link.number == 0
    assert driver.attempts == 1
    await pool.close()


async def test_a_server_that_is_down_is_left_alone_for_a_while_and_asked_by_one_at_a_time() -> None:
    driver = Driver()
    driver.down = True
    pool = driver.pool(size=4, pauses=Pauses(first=0.05, longest=0.1, chance=lambda: 1.0))
    for _ in range(20):
        with pytest.raises(EngineFault, match="unreachable"):
            await pool.connection(1).__aenter__()
    assert driver.attempts == 1
    assert 0 < (pool.again_in() or 0) <= 0.05
    await asyncio.sleep(0.06)
    driver.seconds = 0.02
    answers = await asyncio.gather(*(pool.connection(1).__aenter__() for _ in range(4)), return_exceptions=True)
    assert [type(each) for each in answers] == [EngineFault] * 4
    assert driver.attempts == 2
    driver.down = False
    await asyncio.sleep(0.11)
    async with pool.connection(1) as link:
        assert link.number == 0
    assert pool.again_in() is None
    await pool.close()


async def test_what_nobody_uses_is_closed_in_time() -> None:
    driver = Driver()
    pool = driver.pool(idle=0.05)
    async with pool.connection(1), pool.connection(1):
        pass
    await asyncio.sleep(0.15)
    assert [link.dropped for link in driver.links] == [True, True]
    await pool.close()


def test_pauses_grow_to_a_bound_and_differ() -> None:
    whole = Pauses(first=1, longest=8, chance=lambda: 1.0)
    assert [whole.next() for _ in range(6)] == [1, 2, 4, 8, 8, 8]
    whole.over()
    assert whole.next() == 1
    half = Pauses(first=1, longest=8, chance=lambda: 0.0)
    assert [half.next() for _ in range(3)] == [0.5, 1, 2]
    assert all(Pauses().next() <= 0.25 for _ in range(10))
