"""One channel that all requests of a connection share: what comes is sorted by id to those who wait.

Messages that belong to a request are handled in the task that asked, so a callback may itself use the client. A log
message belongs to nobody on such a wire: whoever has waited longest handles it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from dragoman.client.listener import Listener, progress_token
from dragoman.client.wire import Call, error_for, is_response
from dragoman.errors import ConnectionFault
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.revisions import Revision

logger: Final = logging.getLogger("dragoman.client")

_WAITING_MESSAGES: Final = 1000  # of one request; what comes faster than a callback takes it is advice, not data


class Channel:
    """The requests in flight, and who gets what comes.

    Args:
        listener: hears what comes before an answer.
        send: writes one message.
    """

    def __init__(self, listener: Listener, send: Callable[[bytes], Awaitable[None]]) -> None:
        self.fault: ConnectionFault | None = None  # why nothing can be asked any more
        self._listener = listener
        self._send = send
        self._waiting: dict[int, asyncio.Queue[Message | None]] = {}  # by request id, oldest first
        self._hearing: set[asyncio.Task[None]] = set()

    async def exchange(self, call: Call) -> Message:
        """Send a request and wait for its response.

        Raises:
            ConnectionFault: the connection broke.
        """
        messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._waiting[call.id] = messages
        try:
            await self._send(call.body)
            while True:
                message = await messages.get()
                if message is None:
                    raise self.why()
                if is_response(message):
                    return message
                await self._listener.hear(message)
        finally:
            self._waiting.pop(call.id, None)

    def sort(self, message: Message, revision: Revision | None) -> None:
        """Give a message to whoever it belongs to."""
        if is_response(message):
            # What comes after its answer is for others, so a request with an answer waits no more.
            waiting = self._waiting.pop(message.id, None) if isinstance(message.id, int) else None
            if waiting is not None:  # else it was cancelled, and its answer comes too late
                waiting.put_nowait(message)
        elif isinstance(message.id, int | str):
            if revision is not None and revision.modern:
                words = "The server sent the request %s, which its revision does not allow; ignored"
                logger.warning(words, message.method)
            else:
                self._listener.answers.begin(message, self._send)
        elif not self._listener.notice(message):
            self._pass_on(message)

    def take_unread(self, body: bytes) -> bool:
        """Take an error without an id as the answer to the only request in flight, if there is only one."""
        if len(self._waiting) != 1:
            return False
        call_id, waiting = next(iter(self._waiting.items()))
        failure = error_for(call_id, body)
        if failure is None:
            return False
        del self._waiting[call_id]
        waiting.put_nowait(failure)
        return True

    def why(self) -> ConnectionFault:
        """Why nothing can be asked, as an exception of its own: one that is raised twice would collect tracebacks."""
        fault = self.fault or ConnectionFault("The connection was closed.")
        return type(fault)(*fault.args)

    def fail(self, fault: ConnectionFault) -> None:
        """End everything in flight; only the first reason counts."""
        if self.fault is None:
            self.fault = fault
            for waiting in self._waiting.values():
                waiting.put_nowait(None)
            self._listener.changes.end(self.why())

    def close(self) -> None:
        """Stop hearing; calls in flight fail."""
        self.fail(ConnectionFault("The connection was closed."))
        for task in self._hearing:
            task.cancel()

    def _pass_on(self, notification: Message) -> None:
        token = progress_token(notification)
        if token is not None:
            waiting = self._waiting.get(token) if isinstance(token, int) else None
        else:
            waiting = next(iter(self._waiting.values()), None)
            if waiting is None:
                self._hear_alone(notification)
        if waiting is not None and waiting.qsize() < _WAITING_MESSAGES:
            waiting.put_nowait(notification)

    def _hear_alone(self, notification: Message) -> None:
        """Hear a message that comes while nobody waits."""
        task = asyncio.get_running_loop().create_task(self._listener.hear(notification))
        self._hearing.add(task)
        task.add_done_callback(self._hearing.discard)
