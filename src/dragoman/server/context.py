"""What a tool, resource or prompt may ask for while it runs.

A function receives the Context by annotating a parameter with it; the parameter never shows in the schema.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec
from msgspec import UNSET

from dragoman.auth.principal import Principal
from dragoman.protocol.asking import CreateMessageResult, Root, SamplingMessage
from dragoman.protocol.jsonrpc import RequestId
from dragoman.protocol.messages import LOG_LEVELS, Implementation, LogLevel, LogParams, ProgressParams
from dragoman.secrets import masked, masked_bytes
from dragoman.server.ask import ask_all, once
from dragoman.server.questions import Answer, Confirm, Elicit, Question, Roots, Sample, Visit

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.server import Server

T = TypeVar("T")


class Context:
    """The request that a function is answering.

    It is valid until the function returns; what is sent after that is dropped.
    """

    __slots__ = ("_exchange", "_home", "_progress")

    def __init__(self, exchange: "Exchange", home: "Server") -> None:
        self._exchange = exchange
        self._home = home
        self._progress = float("-inf")  # the last value sent; progress must grow (Progress)

    @property
    def server(self) -> "Server":
        """The server that the function is registered on, whose lifespan made its `state`; mounted or not."""
        return self._home

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

    def count_rows(self, rows: int) -> None:
        """Say how many rows the result has, for limits and the audit log; several counts add up."""
        self._exchange.rows = (self._exchange.rows or 0) + rows

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the work is; nothing is sent when it did not ask or the value did not grow.

        Args:
            progress: the work done so far, in any unit.
            total: all the work, in the same unit, when known.
            message: what is being done, for people.
        """
        exchange = self._exchange
        if exchange.progress_token is UNSET or not self._progress < progress < math.inf:
            return
        self._progress = progress
        params = ProgressParams(exchange.progress_token, progress)
        if total is not None and math.isfinite(total):
            params.total = total
        if message is not None and exchange.revision.progress_message:
            params.message = masked(message)
        await exchange.notify("notifications/progress", params)

    @overload
    async def elicit(self, message: str, kind: type[T], *, key: str | None = None) -> Answer[T]: ...
    @overload
    async def elicit(self, message: str, kind: Any, *, key: str | None = None) -> Answer[Any]: ...
    async def elicit(self, message: str, kind: Any, *, key: str | None = None) -> Answer[Any]:
        """Ask the user to fill in a form.

        Args:
            message: why it is asked.
            kind: the type of the answer: a flat dataclass, TypedDict, Struct or pydantic model, or a single value.
            key: names the question on the wire; its place among the questions of the call by default.

        Raises:
            UsageError: the type has a field that forms do not have.
        """
        answers = await self.ask_all(Elicit(message, kind, key=key))
        answer: Answer[Any] = answers[0]
        return answer

    async def confirm(self, message: str) -> bool:
        """Ask the user for a yes; whatever is not a plain yes is False."""
        answers = await self.ask_all(Confirm(message))
        return bool(answers[0])

    async def visit(self, message: str, url: str) -> bool:
        """Ask the user to open a link, for what must not pass through the client; True when they agreed to."""
        answers = await self.ask_all(Visit(message, url))
        return bool(answers[0])

    async def sample(self, messages: str | Sequence[SamplingMessage], **options: Any) -> CreateMessageResult:
        """Ask the client's model; the options are those of `Sample`."""
        answers = await self.ask_all(Sample(messages, **options))
        result: CreateMessageResult = answers[0]
        return result

    async def roots(self) -> list[Root]:
        """Ask which folders and files the client lets servers work on."""
        answers = await self.ask_all(Roots())
        roots: list[Root] = answers[0]
        return roots

    async def ask_all(self, *questions: Question) -> list[Any]:
        """Ask several questions at once: `Elicit`, `Confirm`, `Visit`, `Sample`, `Roots`.

        The function may run again from its start before the answers are here (2026-07-28), so it must ask in the same
        order each time; see `once`.

        Raises:
            ToolError: the client cannot or will not answer.
        """
        return await ask_all(self._exchange, questions)

    async def start_task(self) -> None:
        """Let this call become a task now; only for a tool with `task_start="told"`, elsewhere nothing happens."""
        await self._exchange.start_task()

    async def release_connection(self) -> None:
        """Close the client's connection while the work goes on: the client comes back for the answer.

        Only clients of 2025-11-25 over HTTP can; elsewhere nothing happens.
        """
        await self._exchange.release_connection()

    async def once(self, key: str, function: Callable[[], Any]) -> Any:
        """Do something once, however often this call is run again for its questions.

        Args:
            key: names it within this call.
            function: sync or async, without parameters; what it gives must be JSON, and is what is returned later on.
        """
        return await once(self._exchange, key, function)

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
        params = LogParams(level, _without_secrets(data), UNSET if logger is None else logger)
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


def _without_secrets(data: Any) -> Any:
    """Any JSON value, with known secrets masked."""
    if isinstance(data, str):
        return masked(data)
    encoded = msgspec.json.encode(data)
    shown = masked_bytes(encoded)
    return data if shown == encoded else msgspec.Raw(shown)
