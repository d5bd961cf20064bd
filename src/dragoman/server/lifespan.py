"""Starting and ending a server: its lifespan, the servers mounted on it, its connectors, in this order and back."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.server.threads import Threads

if TYPE_CHECKING:
    from dragoman.server.server import Server

Lifespan = Callable[["Server"], AbstractAsyncContextManager[Any]]


class Attachable(Protocol):
    """What a server asks of a connector; `dragoman.Connector` is the class to subclass."""

    name: str

    def attach(self, server: "Server") -> None:
        """Add the connector's features."""

    async def start(self) -> None:
        """Get ready to serve."""

    async def close(self) -> None:
        """Let go of everything."""


class Running:
    """Whether a server runs, and for how many transports.

    Args:
        server: whose life this is; its `state` holds what the lifespan yielded, while it lasts.
        lifespan: entered first and left last.
        threads: let go when nothing runs any more.
    """

    def __init__(self, server: "Server", lifespan: Lifespan | None, threads: Threads) -> None:
        self._server = server
        self._lifespan = lifespan
        self._threads = threads
        self._users = 0  # transports that started the server and have not closed it
        self._opened: AsyncExitStack | None = None

    async def start(self) -> None:
        """Start everything for the first user; when a part fails, those before it are closed again."""
        self._users += 1
        if self._users > 1:
            return
        server = self._server
        if server.has_tasks():
            server.tasks.recover()
        try:
            async with AsyncExitStack() as opening:
                if self._lifespan is not None:
                    server.state = await opening.enter_async_context(self._lifespan(server))
                for other in server.mounted:
                    await opening.enter_async_context(other)
                for connector in server.connectors.values():
                    opening.push_async_callback(connector.close)
                    await connector.start()
                self._opened = opening.pop_all()
        except BaseException:
            self._users -= 1
            raise

    async def close(self) -> None:
        """End everything for the last user."""
        self._users -= 1
        if self._users > 0 or self._opened is None:
            return
        opened, self._opened = self._opened, None
        try:
            await self._server.tasks.close()
            await opened.aclose()
        finally:
            self._server.state = None
            self._threads.close()
