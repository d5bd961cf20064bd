"""News between processes that serve together: what changed, and what is asked of a task that runs in another one.

A bus carries small messages to everybody else, each at most once, and keeps none. Whoever publishes lives with one
that is lost, as when its reader dies: what must not be lost stands in a store, and news only say where to look.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

Hear = Callable[[bytes], None]


class Bus(Protocol):
    """One place on a bus: that of one server in one process. `name` is the same for all places, and no other bus's."""

    name: str

    def publish(self, topic: str, news: bytes) -> None:
        """Tell everybody else; from any thread, without waiting. News still to be sent are not sent twice."""

    def listen(self, topic: str, hear: Hear) -> None:
        """Call a function in the event loop with what others publish on a topic; called in the event loop."""


class MemoryBus:
    """Servers of one process that hear of each other; every call of `place` makes room for one more.

    Args:
        name: tells it from other buses.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: list[MemoryPlace] = []

    def place(self) -> "MemoryPlace":
        """A place for one more server."""
        self.places.append(MemoryPlace(self))
        return self.places[-1]


class MemoryPlace:
    """One server's place on a `MemoryBus`.

    Args:
        bus: the bus.
    """

    def __init__(self, bus: MemoryBus) -> None:
        self.name = bus.name
        self._bus = bus
        self._heard: dict[str, tuple[asyncio.AbstractEventLoop, Hear]] = {}

    def publish(self, topic: str, news: bytes) -> None:
        """Tell everybody else."""
        for place in self._bus.places:
            if place is not self and topic in place._heard:  # noqa: SLF001 - another one of this class
                loop, hear = place._heard[topic]  # noqa: SLF001
                loop.call_soon_threadsafe(hear, news)

    def listen(self, topic: str, hear: Hear) -> None:
        """Call a function with what others publish on a topic."""
        self._heard[topic] = (asyncio.get_running_loop(), hear)
