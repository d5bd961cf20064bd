"""Tool calls that are not done with their first answer: headers to learn, questions to answer, tasks to wait for."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Raw

from dragoman.client.caller import Caller
from dragoman.client.listener import ProgressCallback
from dragoman.client.mirror import Mirror
from dragoman.client.probe import Agreement
from dragoman.client.replies import ToolReply, Unfinished, kind_of, read, reply_or_raise
from dragoman.client.rounds import Asking
from dragoman.client.task_info import TaskState
from dragoman.client.tasks import Dialect, Extension, Requested, TaskHandle, offers_tasks, requested_task_of, task_of
from dragoman.errors import ClientError, HeaderMismatch, MethodNotFound, ServerFault
from dragoman.protocol.messages import CallToolResult


class Calls:
    """Goes on with calls.

    Args:
        caller: the connection.
        asking: answers questions and sends requests again.
        mirror: the headers of the tools that were listed.
        agreed: what client and server agreed on.
        relearn: lists the tools anew.
    """

    def __init__(
        self,
        caller: Caller,
        asking: Asking,
        mirror: Mirror,
        agreed: Callable[[], Agreement],
        relearn: Callable[[], Awaitable[None]],
    ) -> None:
        self._caller = caller
        self._asking = asking
        self._mirror = mirror
        self._agreed = agreed
        self._relearn = relearn

    async def finish(
        self,
        first: ClientError,
        params: dict[str, Any],
        timeout: float | None,  # noqa: ASYNC109  (see Client.call_tool)
        on_progress: ProgressCallback | None,
    ) -> Raw | TaskHandle:
        """Go on with a call that was not done with its first answer; raise that answer where there is no way on."""
        mirrored = self._mirror.headers(params["name"], params["arguments"])
        if isinstance(first, ServerFault):
            if first.code == MethodNotFound.code and self.requests_tasks:
                return await self.request_task(params, on_progress)  # always a task (Tool-Level Negotiation)
            if first.code != HeaderMismatch.code or not self._caller.wire.mirrors:
                raise first
            # Learn the tools' headers and repeat a call that lacked some (Streamable HTTP, Client Behavior).
            await self._relearn()
            learned = self._mirror.headers(params["name"], params["arguments"])
            if learned == mirrored:
                raise first
            mirrored = learned
            raw = await self._caller.ask(
                "tools/call", params, timeout=timeout, on_progress=on_progress, mirrored=mirrored
            )
            try:
                read(raw, CallToolResult, "tools/call")
            except Unfinished as second:
                first = second
            else:
                return raw
        if not isinstance(first, Unfinished) or not self._agreed().revision.modern:
            raise first
        raw, kind = first.raw, first.kind
        if kind == "input_required":
            raw = await self._asking.finish(
                raw, "tools/call", params, timeout=timeout, on_progress=on_progress, mirrored=mirrored
            )
            kind = kind_of(raw) or ""
        return raw if kind != "task" else self._handle(task_of(raw))

    @property
    def requests_tasks(self) -> bool:
        """Whether a call becomes a task by asking for one (2025-11-25)."""
        agreed = self._agreed()
        return agreed.revision.tasks == "requested" and offers_tasks(agreed.capabilities)

    def dialect(self) -> Dialect:
        """How the revision in force speaks of tasks; raises ClientError where there are none."""
        agreed = self._agreed()
        if agreed.revision.tasks == "extension":
            return Extension(self._caller, self._asking.answers)
        if self.requests_tasks:
            return Requested(self._caller)
        raise ClientError(f"There are no tasks here: the server speaks {agreed.revision.name} and does not offer any.")

    async def request_task(self, params: Mapping[str, Any], on_progress: ProgressCallback | None) -> TaskHandle:
        """Call a tool and ask for a task (2025-11-25)."""
        raw = await self._caller.ask("tools/call", {**params, "task": {}}, on_progress=on_progress)
        created = requested_task_of(raw)
        return TaskHandle(self._caller, self.dialect(), None, raw) if created is None else self._handle(created)

    def _handle(self, state: TaskState) -> TaskHandle:
        return TaskHandle(self._caller, self.dialect(), state.task_id, known=state.info)

    async def follow(
        self,
        task: TaskHandle,
        name: str,
        timeout: float | None,  # noqa: ASYNC109  (see Client.call_tool)
        on_progress: ProgressCallback | None,
        raise_on_error: bool,  # noqa: FBT001
    ) -> ToolReply:
        """Wait for the task that a call became, and take it back when nobody waits any more."""
        limit = self._caller.timeout if timeout is None else timeout
        message = "The server did not finish the task of tools/call within {} seconds; it was cancelled."
        try:
            async with self._caller.within(limit, message):
                raw = await task.wait(on_progress)
        except BaseException:
            if not task.ended:
                await task.abandon()
            raise
        return reply_or_raise(read(raw, CallToolResult, "tools/call"), name, raise_on_error)
