"""News between servers of one process."""

import asyncio
from functools import partial

from dragoman.store.bus import Bus, MemoryBus


def keep(heard: list[tuple[int, bytes]], number: int, news: bytes) -> None:
    heard.append((number, news))


async def test_everybody_else_hears_what_one_says() -> None:
    bus = MemoryBus("test")
    places: list[Bus] = [bus.place() for _ in range(3)]
    heard: list[tuple[int, bytes]] = []
    for number, place in enumerate(places):
        place.listen("topic", partial(keep, heard, number))
    places[0].publish("topic", b"one")
    places[1].publish("other topic", b"two")
    assert heard == []
    await asyncio.sleep(0)
    assert heard == [(1, b"one"), (2, b"one")]
    assert {place.name for place in places} == {"test"}


async def test_another_thread_may_speak() -> None:
    bus = MemoryBus("test")
    here, there = bus.place(), bus.place()
    heard = asyncio.Event()
    here.listen("topic", lambda _news: heard.set())
    await asyncio.to_thread(there.publish, "topic", b"news")
    async with asyncio.timeout(5):
        await heard.wait()
