"""Starting and ending a server: its lifespan, the servers mounted on it, its connectors, in this order and back."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.errors import UsageError

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
        lifespan: entered first and left last; then the server's threads are let go.
    """

    def __init__(self, server: "Server", lifespan: Lifespan | None) -> None:
        self._server = server
        self._lifespan = lifespan
        self.has_lifespan = lifespan is not None
        self._users = 0  # transports that started the server and have not closed it
        self._changing = asyncio.Lock()  # who comes while the server starts or ends waits until it has
        self._opened = AsyncExitStack()

    def refuse_if_on(self, what: str) -> None:
        """Refuse what would have to be started with the server.

        Raises:
            UsageError: the server runs.
        """
        if self._users:
            raise UsageError(f"{what}: it starts with the server, which runs already; do this before.")

    async def start(self) -> None:
        """Start everything for the first user; when a part fails, those before it are closed again."""
        async with self._changing:
            if self._users == 0:
                self._opened = await self._open()
            self._users += 1

    async def close(self) -> None:
        """End everything for the last user."""
        async with self._changing:
            if self._users == 0:
                return
            self._users -= 1
            if self._users == 0:
                self._server.changes.end_all()
                await self._opened.aclose()

    async def _open(self) -> AsyncExitStack:
        server = self._server
        async with AsyncExitStack() as opening:
            opening.callback(self._let_go)
            if self._lifespan is not None:
                server.state = await opening.enter_async_context(self._lifespan(server))
            for other in server.mounted:
                await opening.enter_async_context(other)
            for connector in server.connectors.values():
                opening.push_async_callback(connector.close)
                await connector.start()
            _check_views(server)
            opening.push_async_callback(server.tasks.close)
            if server.has_tasks():
                server.tasks.recover()
            return opening.pop_all()

    def _let_go(self) -> None:
        self._server.state = None
        self._server.threads.close()


def _check_views(server: "Server") -> None:
    """See that the user interfaces that tools name are there (MCP Apps, Resource Discovery).

    Raises:
        UsageError: one is not.
    """
    for tool, uri in server.views.items():
        if tool in server.tools.named and not server.has_resource(uri):
            raise UsageError(f"tool '{tool}' has ui='{uri}', and nothing is there; add it with server.add_app.")
