"""The stdio wire: requests as lines to a child process, its lines sorted by id to those who wait.

Messages that belong to a request are handled in the task that asked, so a callback may itself use the client. A log
message belongs to nobody on this wire: whoever has waited longest handles it. One line that is no JSON-RPC message
ends the connection: nothing after it can be trusted to be framed.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dragoman.client.answers import answer
from dragoman.client.listener import Listener, progress_token
from dragoman.client.process import ServerProcess
from dragoman.client.wire import (
    RESPONSE_BYTES,
    UNCANCELLED,
    Call,
    ServerEnded,
    error_for,
    is_response,
    messages_in,
    quote,
)
from dragoman.errors import ConnectionFault, Fault, UsageError
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, Notification
from dragoman.protocol.revisions import Revision

logger: Final = logging.getLogger("dragoman.client")

SILENCE_SECONDS: Final = 5.0
"""How long the probe may go unanswered before the server counts as an older one."""

_WAITING_MESSAGES: Final = 1000  # of one request; what comes faster than a callback takes it is advice, not data


class _Waiting:
    """A request in flight and what came for it."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message | None] = asyncio.Queue()


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
        self._fault: ConnectionFault | None = None  # why nothing can be asked any more
        self._waiting: dict[int, _Waiting] = {}  # by request id, oldest first
        self._hearing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start the server.

        Raises:
            ConnectionFault: it cannot be started.
        """
        self._fault = None
        self._process = ServerProcess(self._command, self._take_line, self._take_end, self._on_stderr, self._most)
        await self._process.start(self._env, self._cwd)

    async def exchange(self, call: Call) -> Message:
        """Send a request and return its response; when cancelled, say so to the server.

        Raises:
            ServerEnded: the process ended.
            ConnectionFault: it wrote something that is no JSON-RPC message.
        """
        waiting = self._waiting[call.id] = _Waiting()
        try:
            await self._write(call.body)
            while True:
                message = await waiting.messages.get()
                if message is None:
                    raise self._why()
                if is_response(message):
                    return message
                await self._listener.hear(message)
        except asyncio.CancelledError:
            self._cancel(call)
            raise
        finally:
            self._waiting.pop(call.id, None)

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

    async def listen(self) -> None:
        """Do nothing: everything comes on the one stream."""

    async def close(self) -> None:
        """Shut the server down; calls in flight fail."""
        self._fail(ConnectionFault("The connection was closed."))
        process, self._process = self._process, None
        if process is not None:
            await process.stop()
        for task in self._hearing:
            task.cancel()

    async def _write(self, body: bytes) -> None:
        if self._process is None or self._fault is not None:
            raise self._why()
        self._process.write(body)
        await self._process.drain()

    def _why(self) -> ConnectionFault:
        """The reason as an exception of its own: one that is raised twice would collect tracebacks."""
        fault = self._fault or ConnectionFault("The connection was closed.")
        return type(fault)(*fault.args)

    def _take_line(self, line: bytes) -> None:
        if self._fault is not None:
            return
        try:
            messages = messages_in(line)
        except Fault as fault:
            if not self._take_unread(line):
                words = f"The server wrote a line to stdout that is no JSON-RPC message: {quote(line)} ({fault})"
                self._fail(ConnectionFault(words + " Its logs belong on stderr."))
            return
        for message in messages:
            self._sort(message)

    def _sort(self, message: Message) -> None:
        """Give a message to whoever it belongs to."""
        if is_response(message):
            # What comes after its answer is for others, so a request with an answer waits no more.
            waiting = self._waiting.pop(message.id, None) if isinstance(message.id, int) else None
            if waiting is not None:  # else it was cancelled, and its answer comes too late
                waiting.messages.put_nowait(message)
        elif isinstance(message.id, int | str):
            self._answer(message)
        else:
            self._pass_on(message)

    def _pass_on(self, notification: Message) -> None:
        token = progress_token(notification)
        if token is not None:
            waiting = self._waiting.get(token) if isinstance(token, int) else None
        else:
            waiting = next(iter(self._waiting.values()), None)
            if waiting is None:
                self._hear_alone(notification)
        if waiting is not None and waiting.messages.qsize() < _WAITING_MESSAGES:
            waiting.messages.put_nowait(notification)

    def _hear_alone(self, notification: Message) -> None:
        """Hear a message that comes while nobody waits."""
        task = asyncio.get_running_loop().create_task(self._listener.hear(notification))
        self._hearing.add(task)
        task.add_done_callback(self._hearing.discard)

    def _answer(self, message: Message) -> None:
        if self.revision is not None and self.revision.modern:
            logger.warning("The server sent the request %s, which its revision does not allow; ignored", message.method)
        elif self._process is not None:
            self._process.write(answer(message))

    def _take_unread(self, line: bytes) -> bool:
        """Take an error without an id as the answer to the only request in flight, if there is only one."""
        if len(self._waiting) != 1:
            return False
        call_id, waiting = next(iter(self._waiting.items()))
        failure = error_for(call_id, line)
        if failure is None:
            return False
        del self._waiting[call_id]
        waiting.messages.put_nowait(failure)
        return True

    def _cancel(self, call: Call) -> None:
        """Tell the server that nobody waits any more (Cancellation)."""
        if self._process is not None and self._fault is None and call.method not in UNCANCELLED:
            params = {"requestId": call.id, "reason": "The caller gave up."}
            self._process.write(jsonrpc.encode(Notification("notifications/cancelled", params)))

    def _take_end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.overflow:
            self._fail(ConnectionFault(f"The server wrote a line of more than {self._most} bytes (response_bytes)."))
        else:
            self._fail(ServerEnded(process.describe_end()))

    def _fail(self, fault: ConnectionFault) -> None:
        if self._fault is None:
            self._fault = fault
            for waiting in self._waiting.values():
                waiting.messages.put_nowait(None)
