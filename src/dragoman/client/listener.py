"""What a server says besides its answers: progress and log messages, handed to the user's callbacks.

A callback that raises is logged with its traceback and the call goes on: it watches the call, it does not decide it.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import UNSET, Struct

from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import LogParams, ProgressParams

ProgressCallback = Callable[[float, float | None, str | None], Awaitable[None] | None]
"""Called with the progress so far, the total or None, and the message or None."""
LogCallback = Callable[[LogParams], Awaitable[None] | None]
"""Called with a log message: its level, data and logger."""

logger: Final = logging.getLogger("dragoman.client")
_progress: Final = msgspec.json.Decoder(ProgressParams)
_log: Final = msgspec.json.Decoder(LogParams)


class _Token(Struct, rename="camel"):
    progress_token: int | str


_token: Final = msgspec.json.Decoder(_Token)


class Listener:
    """Finds the callback for each notification.

    Args:
        on_log: receives log messages, or None.
    """

    def __init__(self, on_log: LogCallback | None) -> None:
        self._on_log = on_log
        self.progress: dict[int, ProgressCallback] = {}  # by progress token; owned by the call in flight

    async def hear(self, message: Message) -> None:
        """Take one notification; what nobody asked for is left aside."""
        try:
            if message.method == "notifications/progress" and self.progress:
                await self._hear_progress(message)
            elif message.method == "notifications/message" and self._on_log is not None:
                outcome = self._on_log(_log.decode(message.params))
                if inspect.isawaitable(outcome):
                    await outcome
        except msgspec.ValidationError as error:
            logger.warning("The server sent a malformed %s, which is ignored: %s", message.method, error)
        except Exception:
            logger.exception("The callback for %s failed", message.method)

    async def _hear_progress(self, message: Message) -> None:
        params = _progress.decode(message.params)
        callback = self.progress.get(params.progress_token) if isinstance(params.progress_token, int) else None
        if callback is None:
            return
        total = None if params.total is UNSET else params.total
        words = None if params.message is UNSET else params.message
        outcome = callback(params.progress, total, words)
        if inspect.isawaitable(outcome):
            await outcome


def progress_token(message: Message) -> int | str | None:
    """The token of a progress notification; None for every other message."""
    if message.method != "notifications/progress":
        return None
    try:
        return _token.decode(message.params).progress_token
    except msgspec.ValidationError:
        return None
