"""What a server says besides its answers: progress, log messages, changes and questions, each to whom it concerns.

A callback that raises is logged with its traceback and the call goes on: it watches the call, it does not decide it.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from dragoman.client.answers import Answers, Handlers
from dragoman.client.changes import Changes
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import LogLevel, LogParams

ProgressCallback = Callable[[float, float | None, str | None], Awaitable[None] | None]
"""Called with the progress so far, the total or None, and the message or None."""
LogCallback = Callable[[LogParams], Awaitable[None] | None]
"""Called with a log message: its level, data and logger."""

logger: Final = logging.getLogger("dragoman.client")


class _Token(Struct, rename="camel"):
    progress_token: int | str


class _Progress(_Token, rename="camel"):
    """Progress of a server that may write null for what it does not know."""

    progress: float
    total: float | None = None
    message: str | None = None


class _Log(Struct):
    """A log message of a server that may write null where it has no logger."""

    level: LogLevel
    data: Any = None
    logger: str | None = None


_log: Final = msgspec.json.Decoder(_Log)
_token: Final = msgspec.json.Decoder(_Token)
_progress: Final = msgspec.json.Decoder(_Progress)


class Listener:
    """Finds the callback for each notification.

    Args:
        on_log: receives log messages, or None.
        handlers: what answers the server's questions.
    """

    def __init__(self, on_log: LogCallback | None, handlers: Handlers | None = None) -> None:
        self._on_log = on_log
        self.answers = Answers(handlers or Handlers())
        self.changes = Changes()
        self.progress: dict[int, ProgressCallback] = {}  # by progress token; owned by the call in flight

    def notice(self, message: Message) -> bool:
        """Take a notification that waits for nobody: a change, or a question that the server takes back."""
        try:
            return self.changes.take(message) or self.answers.take_back(message)
        except msgspec.ValidationError as error:
            logger.warning("The server sent a malformed %s, which is ignored: %s", message.method, error)
            return True

    async def hear(self, message: Message) -> None:
        """Take one notification; what nobody asked for is left aside."""
        if self.notice(message):
            return
        try:
            if message.method == "notifications/progress" and self.progress:
                await self._hear_progress(message)
            elif message.method == "notifications/message" and self._on_log is not None:
                said = _log.decode(message.params)
                outcome = self._on_log(LogParams(said.level, said.data, UNSET if said.logger is None else said.logger))
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
        outcome = callback(params.progress, params.total, params.message)
        if inspect.isawaitable(outcome):
            await outcome


async def call_back(callback: ProgressCallback, progress: float, total: float | None, message: str | None) -> None:
    """Tell of progress; a callback that raises is logged, and what it watches goes on."""
    try:
        outcome = callback(progress, total, message)
        if inspect.isawaitable(outcome):
            await outcome
    except Exception:
        logger.exception("The callback for progress failed")


def progress_token(message: Message) -> int | str | None:
    """The token of a progress notification; None for every other message."""
    if message.method != "notifications/progress":
        return None
    try:
        return _token.decode(message.params).progress_token
    except msgspec.ValidationError:
        return None
