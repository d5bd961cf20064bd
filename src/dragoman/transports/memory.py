"""A client and a server in one process: no socket, no subprocess, the same road."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dragoman.transports.connection import Connection

if TYPE_CHECKING:
    from dragoman.server.server import Server


class MemoryConnection(Connection):
    """A connection to a server in this process.

    Args:
        server: what to talk to; the caller starts and closes it.
    """

    def __init__(self, server: "Server") -> None:
        super().__init__(server, self._deliver)
        self.on_notification: Callable[[bytes], Awaitable[None]] | None = None

    async def send(self, line: bytes) -> bytes | None:
        """Hand one message over and wait for its answer; None where it wants none."""
        return await self.answer(line)

    async def _deliver(self, message: bytes) -> None:
        if self.on_notification is not None:
            await self.on_notification(message)
