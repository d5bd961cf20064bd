"""One timer looks at all that lasts."""

import asyncio

from dragoman.transports.attention import Attention
from tests.transports.reading import until


class Someone:
    def __init__(self) -> None:
        self.looks = 0

    def look(self) -> None:
        self.looks += 1


async def test_what_lasts_is_looked_at_once_and_not_before_its_time() -> None:
    attention, someone = Attention(0.05, Someone.look), Someone()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    attention.take(someone)
    await until(lambda: someone.looks == 1)
    assert loop.time() - begun >= 0.05
    await asyncio.sleep(0.15)
    assert someone.looks == 1


async def test_what_ends_early_is_left_alone_and_the_timer_ends() -> None:
    attention, someone, other = Attention(0.02, Someone.look), Someone(), Someone()
    attention.take(someone)
    attention.take(other)
    attention.drop(someone)
    await until(lambda: attention.loop is None)
    assert (someone.looks, other.looks) == (0, 1)
    attention.take(someone)
    await until(lambda: someone.looks == 1)


def test_a_timer_that_died_with_its_loop_is_set_anew() -> None:
    attention, first, second = Attention(0.01, Someone.look), Someone(), Someone()

    async def leave() -> None:
        attention.take(first)

    async def stay() -> None:
        attention.take(second)
        await until(lambda: second.looks == 1)

    asyncio.run(leave())
    asyncio.run(stay())
    assert first.looks == 1
