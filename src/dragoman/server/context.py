"""What a tool, resource or prompt may ask for while it runs.

A function receives the Context by annotating a parameter with it; the parameter never shows in the schema.
"""

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from dragoman.auth.principal import Principal
from dragoman.protocol.jsonrpc import RequestId
from dragoman.protocol.messages import LOG_LEVELS, Implementation, LogLevel, LogParams, ProgressParams

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.server import Server


class Context:
    """The request that a function is answering.

    It is valid until the function returns; what is sent after that is dropped.
    """

    __slots__ = ("_exchange", "_progress")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._progress = float("-inf")  # the last value sent; progress must grow (Progress)

    @property
    def server(self) -> "Server":
        """The server that answers."""
        return self._exchange.server

    @property
    def principal(self) -> Principal:
        """Who calls."""
        return self._exchange.principal

    @property
    def request_id(self) -> RequestId:
        """The request's id, as the client chose it."""
        request_id = self._exchange.id
        return "" if request_id is UNSET else request_id

    @property
    def revision(self) -> str:
        """The protocol version in force, such as `2026-07-28`."""
        return self._exchange.revision.name

    @property
    def client_info(self) -> Implementation | None:
        """What the client says it is; for display, never for decisions."""
        info = self._exchange.client_info
        return None if info is UNSET else info

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the work is; nothing is sent when it did not ask or the value did not grow.

        Args:
            progress: the work done so far, in any unit.
            total: all the work, in the same unit, when known.
            message: what is being done, for people.
        """
        exchange = self._exchange
        if exchange.progress_token is UNSET or progress <= self._progress:
            return
        self._progress = progress
        params = ProgressParams(exchange.progress_token, progress)
        if total is not None:
            params.total = total
        if message is not None and exchange.revision.progress_message:
            params.message = message
        await exchange.notify("notifications/progress", params)

    async def log(self, level: LogLevel, data: Any, *, logger: str | None = None) -> None:
        """Send a log message to the client; nothing is sent when it did not ask for this level.

        Args:
            level: one of the eight syslog severities.
            data: a sentence or any JSON value; no secrets, no personal data.
            logger: where the message comes from.
        """
        wanted = self._exchange.log_level
        if wanted is UNSET or LOG_LEVELS.index(level) < LOG_LEVELS.index(wanted):
            return
        params = LogParams(level, data, UNSET if logger is None else logger)
        await self._exchange.notify("notifications/message", params)

    async def debug(self, data: Any) -> None:
        """Log at level debug."""
        await self.log("debug", data)

    async def info(self, data: Any) -> None:
        """Log at level info."""
        await self.log("info", data)

    async def warning(self, data: Any) -> None:
        """Log at level warning."""
        await self.log("warning", data)

    async def error(self, data: Any) -> None:
        """Log at level error."""
        await self.log("error", data)
