"""A connector: a backend turned into features. The class that every connector, ours and yours, subclasses."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman import Server


class Connector:
    """A backend, attached to a server.

    A subclass adds its features in `attach`; the server calls `start` before the first request and `close` after the
    last one, both of which do nothing unless overridden.

    Args:
        name: what its features are named after; unique within a server.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def attach(self, server: "Server") -> None:
        """Add the connector's features to a server."""
        raise NotImplementedError

    async def start(self) -> None:
        """Get ready to serve, such as to open connections or to build an index."""

    async def health(self) -> str | None:
        """What keeps the backend from answering, as a sentence; None when it is well."""
        return None

    async def close(self) -> None:
        """Let go of everything that `start` or a call opened."""
