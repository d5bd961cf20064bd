"""What the server does for `tasks/...`, and for a `tools/call` whose tool may become a task."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from dragoman.errors import InvalidParams, MethodNotFound, MissingCapability, StoredFault
from dragoman.protocol.messages import CallToolParams, EmptyResult, ListParams, NotificationFilter, Result
from dragoman.protocol.tasks import (
    EXTENSION,
    FINAL,
    RELATED,
    LegacyCreateTaskResult,
    ListTasksResult,
    TaskParams,
    UpdateTaskParams,
    declared,
)
from dragoman.server.features import read_cursor, write_cursor
from dragoman.server.tasks import RunningTask, legacy_task, task_result
from dragoman.server.watch import Subscriber

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.tools import Tool
    from dragoman.store.tasks import TaskRecord


async def call(exchange: "Exchange", tool: "Tool", params: CallToolParams) -> Result:
    """`tools/call` of a tool that may become a task.

    Raises:
        MissingCapability: the tool is always a task and the client did not declare the extension (2026-07-28).
        MethodNotFound: the tool is always a task and the request did not ask for one (2025-11-25).
    """
    server, style = exchange.server, exchange.revision.tasks
    wanted = declared(exchange.capabilities) if style == "extension" else params.task is not UNSET
    required = tool.task == "required"
    if not wanted or style == "none":
        if required and style == "extension":
            raise _missing()
        if required and style == "requested":
            raise MethodNotFound(f"Tool '{tool.key}' is always a task: call it with the 'task' parameter.")
        return await tool.run(params.arguments, exchange)
    if tool.task_start == "told":
        wait = float("inf")
    elif required or style == "requested":
        wait = 0.0
    else:
        wait = server.limits.task_after_seconds
    outcome = await server.tasks.call(tool, params.arguments, exchange, wait=wait)
    if not isinstance(outcome, RunningTask):
        return outcome
    poll = server.limits.task_poll_seconds
    if style == "requested":
        return LegacyCreateTaskResult(task=legacy_task(outcome.record, poll))
    created = task_result(outcome.record, poll, detailed=False)
    created.result_type = "task"
    return created


async def get(exchange: "Exchange", params: TaskParams) -> Result:
    """`tasks/get`."""
    record = _find(exchange, params)
    poll = exchange.server.limits.task_poll_seconds
    if exchange.revision.tasks == "extension":
        return task_result(record, poll, detailed=True)
    return legacy_task(record, poll)


async def update(exchange: "Exchange", params: UpdateTaskParams) -> Result:
    """`tasks/update` (the extension): answers to what the task asks."""
    record = _find(exchange, params)
    running = exchange.server.tasks.running_of(record)
    if running is not None:
        running.answer(params.input_responses)
    return EmptyResult()


async def cancel(exchange: "Exchange", params: TaskParams) -> Result:
    """`tasks/cancel`."""
    record = _find(exchange, params)
    if exchange.revision.tasks == "extension":
        exchange.server.tasks.cancel(record)
        return EmptyResult()
    if record.status in FINAL:
        raise InvalidParams(f"The task has ended already: {record.status}.")
    exchange.server.tasks.cancel(record)
    return legacy_task(record, exchange.server.limits.task_poll_seconds)


async def result(exchange: "Exchange", params: TaskParams) -> Result | Raw:
    """`tasks/result` (2025-11-25): waits for the end, asks meanwhile what the task asks, then gives what it gave."""
    tasks = exchange.server.tasks
    record = _find(exchange, params)
    running = tasks.running_of(record)
    if running is not None:
        await _accompany(exchange, running)
    record = _find(exchange, params)
    if record.result is not UNSET and record.status == "completed":
        return Raw(_related(record.result, record.task_id))
    raise StoredFault(*(record.error or (InvalidParams.code, record.message or "The task was cancelled.", None)))


async def list_(exchange: "Exchange", params: ListParams) -> Result:
    """`tasks/list` (2025-11-25): the caller's own; not offered to callers who cannot be told apart."""
    if exchange.principal.is_anonymous:
        raise MethodNotFound("'tasks/list' is offered to callers who signed in.")
    server = exchange.server
    offset = 0 if params.cursor is UNSET else read_cursor(params.cursor, "tasks")
    records, size = server.tasks.owned(exchange), server.limits.page_size
    page = [legacy_task(record, server.limits.task_poll_seconds) for record in records[offset : offset + size]]
    more = write_cursor(offset + size, "tasks") if offset + size < len(records) else UNSET
    return ListTasksResult(tasks=page, next_cursor=more)


def agree(exchange: "Exchange", subscriber: Subscriber, wanted: NotificationFilter, agreed: NotificationFilter) -> None:
    """Follow the tasks that a subscription names and the caller has (Task Status Notifications).

    Raises:
        MissingCapability: it names some and the client did not declare the extension.
    """
    if wanted.task_ids and not declared(exchange.capabilities):
        raise _missing()
    for task_id in wanted.task_ids:
        with contextlib.suppress(InvalidParams):
            agreed.task_ids.append(exchange.server.tasks.find(task_id, exchange).task_id)
    subscriber.tasks.update(agreed.task_ids)


def notification(exchange: "Exchange", task_id: str) -> dict[str, Any]:
    """The parameters of `notifications/tasks`: the task as `tasks/get` shows it now."""
    record = exchange.server.tasks.find(task_id, exchange)
    shown: dict[str, Any] = msgspec.to_builtins(
        task_result(record, exchange.server.limits.task_poll_seconds, detailed=True), enc_hook=msgspec.json.decode
    )
    return shown


async def _accompany(exchange: "Exchange", running: RunningTask) -> None:
    """Ask the client what a task asks, until the task has ended."""
    told: set[str] = set()
    while not running.ended.is_set():
        for key, (method, params) in list(running.record.asked.items()):
            if key not in told:
                told.add(key)
                related = {**params, "_meta": {RELATED: {"taskId": running.record.task_id}}}
                running.answer({key: await exchange.ask(method, related)})
        ended, asked = asyncio.create_task(running.ended.wait()), asyncio.create_task(running.asked.wait())
        try:
            await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            asked.cancel()


def _find(exchange: "Exchange", params: TaskParams) -> "TaskRecord":
    """The task a request names, of a server that has some.

    Raises:
        MissingCapability: the client did not declare the extension (2026-07-28).
        InvalidParams: there is no such task of this caller.
    """
    if exchange.revision.tasks == "extension" and not declared(exchange.capabilities):
        raise _missing()
    return exchange.server.tasks.find(params.task_id, exchange)


def _related(encoded: Raw, task_id: str) -> bytes:
    """A result that says which task it is of (2025-11-25, Associating Task-Related Messages)."""
    given: dict[str, Any] = msgspec.json.decode(encoded)
    given["_meta"] = {**given.get("_meta", {}), RELATED: {"taskId": task_id}}
    return msgspec.json.encode(given)


def _missing() -> MissingCapability:
    needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    return MissingCapability(f"This needs the extension '{EXTENSION}', which the client did not declare.", needed)
