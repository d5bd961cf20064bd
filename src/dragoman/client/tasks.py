"""Calls that became tasks: asked about until they end, answered when they ask, taken back when nobody waits.

Source: the extension io.modelcontextprotocol/tasks (2026-07-28 on) and Tasks of 2025-11-25. The two have different
requests for the same steps; a `Dialect` is those of one.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping
from typing import Any, Final, Protocol

from msgspec import UNSET, Raw, Struct

from dragoman.client.answers import Answers
from dragoman.client.caller import Caller
from dragoman.client.listener import ProgressCallback, call_back
from dragoman.client.replies import ToolReply, read, reply_or_raise
from dragoman.client.task_info import TaskInfo, TaskState, read_created, read_task
from dragoman.errors import ClientError, ConnectionFault, ServerFault
from dragoman.protocol.messages import CallToolResult

logger: Final = logging.getLogger("dragoman.client")

_GOODBYE_SECONDS: Final = 2.0
_BROKEN_POLLS: Final = 5  # in a row, over a wire that connects anew


class Dialect(Protocol):
    """How one revision speaks of tasks."""

    async def get(self, task_id: str) -> TaskState:
        """Ask for a task's state."""

    async def attend(self, state: TaskState, answered: set[str]) -> None:
        """Answer what a task asks, once each."""

    async def outcome(self, state: TaskState) -> Raw:
        """What a task that ended gave; raises ServerFault when it failed."""


class Extension(Struct, frozen=True):
    """Tasks from 2026-07-28 on: what a task asks and gave comes with its state.

    Args:
        caller: the connection.
        answers: who knows the answers.
    """

    caller: Caller
    answers: Answers

    async def get(self, task_id: str) -> TaskState:
        """Ask for a task's state."""
        return read_task(await self.caller.ask("tasks/get", {"taskId": task_id}), "tasks/get")

    async def attend(self, state: TaskState, answered: set[str]) -> None:
        """Answer the questions that were not answered before."""
        asked = {key: question for key, question in state.questions.items() if key not in answered}
        if not asked:
            return
        responses = await self.answers.answer_all(asked)
        answered.update(asked)
        await self.caller.ask("tasks/update", {"taskId": state.task_id, "inputResponses": responses})

    async def outcome(self, state: TaskState) -> Raw:
        """What the task gave."""
        if state.error is not None:
            raise ServerFault(state.error.code, state.error.message, state.error.data)
        if state.result is UNSET:
            raise ConnectionFault(f"The server says that the task {state.status} and sends no result.")
        return state.result


class Requested(Struct, frozen=True):
    """Tasks of 2025-11-25: `tasks/result` waits, and meanwhile the server asks with requests of its own.

    Args:
        caller: the connection.
    """

    caller: Caller

    async def get(self, task_id: str) -> TaskState:
        """Ask for a task's state."""
        return read_task(await self.caller.ask("tasks/get", {"taskId": task_id}), "tasks/get")

    async def attend(self, state: TaskState, answered: set[str]) -> None:
        """Wait on `tasks/result`, on whose stream the questions come (2025-11-25, Input Required Status)."""
        del answered  # each question is a request that comes once
        with contextlib.suppress(ServerFault):
            await self.outcome(state)

    async def outcome(self, state: TaskState) -> Raw:
        """What the task gave, or the error that it ended with."""
        return await self.caller.ask("tasks/result", {"taskId": state.task_id}, timeout=math.inf)


class TaskHandle:
    """A call that goes on at the server; keep `task_id` and come back with `Client.task`.

    Args:
        caller: the connection.
        dialect: how its revision speaks of tasks.
        task_id: names the task; None where the server answered the call at once.
        raw: the answer it gave at once.
        known: the task's state, where it was told just now.
    """

    def __init__(
        self,
        caller: Caller,
        dialect: Dialect,
        task_id: str | None,
        raw: Raw | None = None,
        known: TaskInfo | None = None,
    ) -> None:
        self.task_id = task_id
        self.ended = task_id is None  # as far as was heard
        self._known = known
        self._caller = caller
        self._dialect = dialect
        self._raw = raw
        self._answered: set[str] = set()

    async def status(self) -> TaskInfo:
        """Ask the server how the task is.

        Raises:
            ServerFault: there is no such task, or no longer.
            ConnectionFault: no usable answer.
        """
        if self.task_id is None:
            return TaskInfo(task_id="", status="completed")
        return (await self._dialect.get(self.task_id)).info

    async def result(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  (it says what happened to the task, which callers cannot)
        on_progress: ProgressCallback | None = None,
        raise_on_error: bool = True,
    ) -> ToolReply:
        """Wait for the end of the task, answer what it asks meanwhile, and return what the tool gave.

        Args:
            timeout: seconds to wait, None for no limit; the task goes on when they are over.
            on_progress: hears what the task is doing, as messages, numbered as they come.
            raise_on_error: whether a failure of the tool is raised.

        Raises:
            ToolCallError: the tool failed; the message is what it said.
            ServerFault: the call failed, or there is no such task.
            ClientError: the task was cancelled, or asks what nobody here answers.
            RequestTimeout: it did not end in time.
        """
        async with self._caller.within(timeout, "The task did not end within {} seconds; it goes on."):
            raw = await self.wait(on_progress)
        return reply_or_raise(read(raw, CallToolResult, "tools/call"), self.task_id or "the task", raise_on_error)

    async def cancel(self) -> None:
        """Ask the server to stop the task, which it may do or not.

        Raises:
            ServerFault: there is no such task, or it has ended (2025-11-25).
            ConnectionFault: no usable answer.
        """
        if self.task_id is not None:
            await self._caller.ask("tasks/cancel", {"taskId": self.task_id})

    async def wait(self, on_progress: ProgressCallback | None = None) -> Raw:
        """What the task gave, as received; raises what `result` raises but for the tool's own failure."""
        told: str | None = None
        messages = 0
        known, self._known = self._known, None
        if known is not None:
            await asyncio.sleep(known.poll_seconds)
        while self._raw is None:
            state = await self._poll(self.task_id or "")
            self.ended = state.info.ended
            if on_progress is not None and state.status_message not in (None, told):
                told, messages = state.status_message, messages + 1
                await call_back(on_progress, float(messages), None, told)
            if state.status == "cancelled":
                reason = f": {state.status_message}" if state.status_message else "."
                raise ClientError(f"The task was cancelled{reason}")
            if self.ended:
                self._raw = await self._dialect.outcome(state)
                break
            if state.status == "input_required":
                await self._dialect.attend(state, self._answered)
            await asyncio.sleep(state.info.poll_seconds)
        return self._raw

    async def abandon(self) -> None:
        """Cancel the task for a caller who no longer waits; what the server says to it is not heard."""
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self.cancel()
        except (ClientError, TimeoutError) as error:
            logger.debug("The task could not be cancelled: %s", error)

    async def _poll(self, task_id: str) -> TaskState:
        """Ask for the state; over a wire that connects anew, a server may be away for a while."""
        pause, broken = 0.5, 0
        while True:
            try:
                return await self._dialect.get(task_id)
            except ConnectionFault:
                broken += 1
                if broken > _BROKEN_POLLS or not self._caller.wire.mirrors:
                    raise
            await asyncio.sleep(pause)
            pause *= 2


def task_of(raw: Raw) -> TaskState:
    """The task that a call became (2026-07-28 on)."""
    return read_task(raw, "tools/call")


def requested_task_of(raw: Raw) -> TaskState | None:
    """The task that a call became because it asked for one (2025-11-25); None when it was answered itself."""
    return read_created(raw)


def offers_tasks(capabilities: Mapping[str, Any]) -> bool:
    """Whether a server of 2025-11-25 takes `task` with `tools/call` (Tasks, Capability Negotiation)."""
    found: Any = capabilities.get("tasks")
    for step in ("requests", "tools", "call"):
        found = found.get(step) if isinstance(found, dict) else None
    return found is not None
