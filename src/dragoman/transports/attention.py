"""One timer for all requests of an endpoint: what lasts a while is looked at, what ends early costs two set operations.

A timer of its own for each request costs more than the rest of an answer. It runs only while there is somebody to
look at.
"""

import asyncio
from typing import Protocol


class Watched(Protocol):
    """What is looked at."""

    def look(self) -> None:
        """It has lasted a while."""


class Attention:
    """Looks once at whatever lasts longer than so many seconds, at the latest after twice that.

    Whoever is in `young` or `old` is waited for, and takes itself out when it ends.

    Args:
        seconds: how long.
    """

    def __init__(self, seconds: float) -> None:
        self.young: set[Watched] = set()  # who came since the timer came last
        self.old: set[Watched] = set()  # who came before that
        self.loop: asyncio.AbstractEventLoop | None = None  # where the timer is set; None while it is not
        self._seconds = seconds

    def take(self, watched: Watched) -> None:
        """Wait for one more."""
        self.young.add(watched)
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self.begin(loop)

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the timer."""
        self.loop = loop
        loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        due, self.old, self.young = self.old, self.young, set()
        for watched in due:
            watched.look()
        self.loop = None
        if self.old or self.young:
            self.begin(asyncio.get_running_loop())
