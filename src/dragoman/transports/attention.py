"""One timer for all requests of an endpoint: what lasts a while is looked at, what ends early costs two set operations.

A timer of its own for each request, and for each write of a stream, costs more than the rest of an answer. This one
runs only while there is something to look at.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Attention(Generic[T]):
    """Looks once at whatever lasts longer than so many seconds, at the latest after twice that.

    What is in `young` or `old` is waited for; who put it there takes it out when it ends.

    Args:
        seconds: how long.
        look: what is called.
    """

    def __init__(self, seconds: float, look: Callable[[T], None]) -> None:
        self.young: set[T] = set()  # what came since the timer came last
        self.old: set[T] = set()  # what came before that
        self.loop: asyncio.AbstractEventLoop | None = None  # where the timer is set; None while it is not
        self._seconds = seconds
        self._look = look

    def take(self, one: T) -> None:
        """Wait for one more."""
        self.young.add(one)
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self.begin(loop)

    def drop(self, one: T) -> None:
        """Wait no longer for this one."""
        self.young.discard(one)
        self.old.discard(one)

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the timer."""
        self.loop = loop
        loop.call_later(self._seconds, self._come)

    def _come(self) -> None:
        due, self.old, self.young = self.old, self.young, set()
        for one in due:
            self._look(one)
        self.loop = None
        if self.old or self.young:
            self.begin(asyncio.get_running_loop())
