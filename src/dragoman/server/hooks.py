"""Hooks: the one kind of middleware, around every request that a server answers.

Hooks are folded into one function when they are added, so a request pays for those that are there and nothing for
the possibility. The first one added is the outermost. A hook sees a request after its parameters were decoded and
before its answer is encoded, in every era and on every wire.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msgspec import Raw

    from dragoman.protocol.messages import Result
    from dragoman.server.exchange import Exchange
    from dragoman.server.methods import Method

Run = Callable[["Exchange", "Method", Any], Awaitable["Result | Raw"]]
"""Answers a request: the exchange, the row of its method, the decoded parameters."""

Hook = Callable[[Run], Run]
"""Makes of what answers requests something that does a little more."""


async def answer(exchange: "Exchange", method: "Method", params: Any) -> "Result | Raw":
    """Answer a request without any hook."""
    return await method.run(exchange, params)


class Hooks:
    """The hooks of a server.

    `run` is all of them as one, None while there are none.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self._hooks: list[Hook] = []

    def add(self, hook: Hook) -> None:
        """Put a hook inside those that are there."""
        self._hooks.append(hook)
        self._fold()

    def surround(self, *hooks: Hook) -> None:
        """Put hooks outside of those that are there, the first one outermost."""
        self._hooks[:0] = hooks
        self._fold()

    def remove(self, hook: Hook) -> None:
        """Take a hook away."""
        self._hooks.remove(hook)
        self._fold()

    def _fold(self) -> None:
        run: Run = answer
        for each in reversed(self._hooks):
            run = each(run)
        self.run = run if self._hooks else None
