"""The memory wire: requests as bytes straight into a server of this process, without socket, pipe or task.

The only module of the client that knows the server side.
"""

from typing import Any

from msgspec import UNSET

from dragoman.client.listener import Listener
from dragoman.client.wire import DEPTH, Call
from dragoman.errors import ConnectionFault, UsageError
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.revisions import Revision
from dragoman.server.server import Server
from dragoman.transports.memory import MemoryConnection


class MemoryWire:
    """A connection to a server object.

    Args:
        server: the `Server`.
        listener: hears what comes before an answer.

    Raises:
        UsageError: the target is something else.
    """

    mirrors = False
    silence_seconds: float | None = None

    def __init__(self, server: Any, listener: Listener) -> None:
        if not isinstance(server, Server):
            kind = type(server).__name__
            raise UsageError(f"A client connects to a Server, a URL or a command (a list of strings), not to {kind}.")
        self.revision: Revision | None = None
        self._server = server
        self._listener = listener
        self._connection: MemoryConnection | None = None

    async def open(self) -> None:
        """Start the server, unless others did, and make a connection of its own."""
        await self._server.start()
        self._connection = MemoryConnection(self._server)
        self._connection.on_notification = self._take

    async def exchange(self, call: Call) -> Message:
        """Hand a request over and return its response; a cancelled caller cancels the call itself."""
        if self._connection is None:
            raise ConnectionFault("The connection was closed.")
        reply = await self._connection.send(call.body)
        if reply is None:
            raise ConnectionFault(f"The server took {call.method} for a notification.")
        return jsonrpc.decode(reply, DEPTH)

    async def notify(self, method: str, body: bytes) -> None:
        """Hand over a message that has no answer."""
        if self._connection is None:
            raise ConnectionFault(f"The connection was closed before {method}.")
        await self._connection.send(body)

    async def restart(self) -> None:
        """Start over."""
        await self.close()
        await self.open()

    async def fall_back(self) -> bool:
        """There is nothing to fall back to."""
        return False

    async def listen(self, *, ready: bool = False) -> None:
        """Do nothing: everything comes through the connection."""

    async def close(self) -> None:
        """Let the connection go, and the server unless others use it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await self._server.close()

    async def _take(self, line: bytes) -> None:
        """Take what comes before a reply: a notification, or a question, which is answered in the task that asks."""
        message, connection = jsonrpc.decode(line, DEPTH), self._connection
        if message.id is UNSET:
            await self._listener.hear(message)
        elif connection is not None:
            await connection.send(await self._listener.answers.reply(message))
