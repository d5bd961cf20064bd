"""How an answer is written: by one call of the system where the ASGI server offers that, and never for ever.

Knows no request: who writes says what, and what follows when nobody reads.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final, Protocol, cast

_TURN: Final = 8  # parts of a stream that are written before others have their turn
_TURN_SECONDS: Final = 0.001  # or for how long

DIRECT: Final = "dragoman.direct"
"""The extension of an ASGI server that has a `Direct` way to write."""


class Direct(Protocol):
    """An ASGI server that writes a head and what follows it by one call of the system, each once for a request.

    It ends by itself the connections that nobody reads.
    """

    async def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Write a whole answer; a header field says how long the body is."""

    async def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Write the beginning of an answer that is sent in parts."""

    def add(self, body: bytes) -> bool:
        """Write a part of an answer that has begun, not an empty one; False when that would wait or nobody reads."""


class Turns:
    """When a function that only speaks lets others have their turn: after some parts of its stream, or a while."""

    __slots__ = ("_begun", "_written")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Take note that others just had theirs."""
        self._written = 0
        self._begun = time.monotonic()

    def is_over(self) -> bool:
        """Count a part that was written; whether others should have their turn."""
        self._written += 1
        return self._written >= _TURN or time.monotonic() - self._begun > _TURN_SECONDS

    async def give(self) -> None:
        """Let others have their turn, cancellation too."""
        await asyncio.sleep(0)
        self.begin()


class Write:
    """One write of a stream, which may wait for the client; `late` says that it is given up.

    Args:
        task: the task that waits.
    """

    __slots__ = ("_before", "_task", "late")

    def __init__(self, task: "asyncio.Task[Any] | None") -> None:
        self._task = cast("asyncio.Task[Any]", task)
        self._before = self._task.cancelling()
        self.late = False

    def give_up(self) -> None:
        """Wait no longer."""
        self.late = True
        self._task.cancel()

    def was_given_up(self) -> bool:
        """Whether that is why the task was cancelled, and nobody else wants it to end; told by the task itself."""
        return self.late and self._task.uncancel() <= self._before
