"""The stdio wire: requests as lines to a child process, its lines to those who wait for them.

One line that is no JSON-RPC message ends the connection: nothing after it can be trusted to be framed. Who waits for
what is the channel's business, how a process lives and ends is `process.py`'s.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dragoman.client.channel import Channel
from dragoman.client.listener import Listener
from dragoman.client.process import ServerProcess
from dragoman.client.wire import RESPONSE_BYTES, UNCANCELLED, Call, ServerEnded, messages_in, quote
from dragoman.errors import ConnectionFault, Fault, UsageError
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, Notification
from dragoman.protocol.revisions import Revision

SILENCE_SECONDS: Final = 5.0
"""How long the probe may go unanswered before the server counts as an older one."""


class StdioWire:
    """A connection to a server that this client starts.

    Args:
        command: the program and its arguments.
        listener: hears what comes before an answer.
        env: variables to add to this process's environment.
        cwd: the directory to start in.
        on_stderr: receives each line of the server's stderr; None passes them on to this process's stderr.
        response_bytes: the largest line taken.

    Raises:
        UsageError: the command is empty.
    """

    mirrors = False
    silence_seconds: float | None = SILENCE_SECONDS

    def __init__(
        self,
        command: Sequence[str],
        listener: Listener,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        on_stderr: Callable[[str], None] | None = None,
        response_bytes: int = RESPONSE_BYTES,
    ) -> None:
        if not command or not all(isinstance(part, str) for part in command):
            raise UsageError(
                "The command is a list of strings, for example ['dragoman', 'serve', '--stdio', 'shop.db']."
            )
        self.revision: Revision | None = None
        self._command = list(command)
        self._env = env
        self._cwd = cwd
        self._on_stderr = on_stderr
        self._most = response_bytes
        self._listener = listener
        self._process: ServerProcess | None = None
        self._channel = Channel(listener, self._write)

    async def open(self) -> None:
        """Start the server.

        Raises:
            ConnectionFault: it cannot be started.
        """
        self._channel = Channel(self._listener, self._write)
        self._process = ServerProcess(self._command, self._take_line, self._take_end, self._on_stderr, self._most)
        await self._process.start(self._env, self._cwd)

    async def exchange(self, call: Call) -> Message:
        """Send a request and return its response; when cancelled, say so to the server.

        Raises:
            ServerEnded: the process ended.
            ConnectionFault: it wrote something that is no JSON-RPC message.
        """
        try:
            return await self._channel.exchange(call)
        except asyncio.CancelledError:
            self._cancel(call)
            raise

    async def notify(self, method: str, body: bytes) -> None:
        """Send a message that has no answer.

        Raises:
            ConnectionFault: the process ended before.
        """
        del method  # the wire has no headers
        await self._write(body)

    async def restart(self) -> None:
        """Start the server anew after it ended."""
        await self.close()
        await self.open()

    async def fall_back(self) -> bool:
        """There is nothing to fall back to."""
        return False

    async def listen(self, *, ready: bool = False) -> None:
        """Do nothing: everything comes on the one stream."""

    async def close(self) -> None:
        """Shut the server down; calls in flight fail."""
        self._channel.close()
        process, self._process = self._process, None
        if process is not None:
            await process.stop()

    async def _write(self, body: bytes) -> None:
        process = self._process
        if process is None or self._channel.fault is not None:
            raise self._channel.why()
        process.write(body)
        await process.drain()

    def _take_line(self, line: bytes) -> None:
        if self._channel.fault is not None:
            return
        try:
            messages = messages_in(line)
        except Fault as fault:
            if not self._channel.take_unread(line):
                words = f"The server wrote a line to stdout that is no JSON-RPC message: {quote(line)} ({fault})"
                self._channel.fail(ConnectionFault(words + " Its logs belong on stderr."))
            return
        for message in messages:
            self._channel.sort(message, self.revision)

    def _cancel(self, call: Call) -> None:
        """Tell the server that nobody waits any more (Cancellation)."""
        if self._process is not None and self._channel.fault is None and call.method not in UNCANCELLED:
            params = {"requestId": call.id, "reason": "The caller gave up."}
            self._process.write(jsonrpc.encode(Notification("notifications/cancelled", params)))

    def _take_end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.overflow:
            words = f"The server wrote a line of more than {self._most} bytes (response_bytes)."
            self._channel.fail(ConnectionFault(words))
        else:
            self._channel.fail(ServerEnded(process.describe_end()))
