"""What the server does for `tasks/...`, and for a `tools/call` whose tool may become a task."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from dragoman.errors import InvalidParams, MethodNotFound, MissingCapability, StoredFault, ToolError
from dragoman.protocol.messages import CallToolParams, EmptyResult, ListParams, NotificationFilter, Result
from dragoman.protocol.tasks import (
    CHANGED,
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
from dragoman.server.task_orders import Orders, TaskElsewhere, elsewhere
from dragoman.server.task_shapes import legacy_task, related, task_result
from dragoman.server.tasks import RunningTask
from dragoman.server.watch import Change, Subscriber

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.tools import Tool
    from dragoman.store.tasks import TaskRecord


async def call(exchange: "Exchange", tool: "Tool", params: CallToolParams) -> Result:
    """`tools/call` of a tool that may become a task, or that is asked to.

    Raises:
        MissingCapability: the tool is always a task and the client did not declare the extension (2026-07-28).
        MethodNotFound: the tool is always a task and the request did not ask for one, or the other way round
            (2025-11-25, Tool-Level Negotiation).
    """
    server, style = exchange.server, exchange.revision.tasks
    wanted = declared(exchange.capabilities) if style == "extension" else params.task is not UNSET
    required = tool.task == "required"
    if tool.task is None:
        if style == "requested" and server.has_tasks():
            raise MethodNotFound(f"Tool '{tool.key}' is never a task: call it without the 'task' parameter.")
        return await tool.run(params.arguments, exchange)
    if not wanted or style == "none":
        if required and style == "extension":
            raise _missing()
        if required and style == "requested":
            raise MethodNotFound(f"Tool '{tool.key}' is always a task: call it with the 'task' parameter.")
        return await tool.run(params.arguments, exchange)
    seconds = None
    if style == "requested":  # who asks for a task is given one at once (Result Retrieval)
        wait = 0.0
        asked = None if params.task is UNSET else params.task.ttl
        seconds = max(0, asked) / 1000 if isinstance(asked, int) else None
    elif tool.task_start == "told":
        wait = float("inf")
    else:
        wait = 0.0 if required else server.limits.task_after_seconds
    outcome = await server.tasks.call(tool, params.arguments, exchange, wait=wait, seconds=seconds)
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
    """`tasks/update` (the extension): answers to what the task asks.

    Raises:
        InternalFault: the task runs in another process.
    """
    record = _find(exchange, params)
    running = exchange.server.tasks.running_of(record)
    if running is not None:
        running.answer(params.input_responses)
    elif record.status not in FINAL:
        await _orders(exchange, record).answer(record, params.input_responses)
    return EmptyResult()


async def cancel(exchange: "Exchange", params: TaskParams) -> Result:
    """`tasks/cancel`.

    Raises:
        InvalidParams: the task has ended (2025-11-25).
        InternalFault: the task runs in another process.
    """
    record = _find(exchange, params)
    is_extension = exchange.revision.tasks == "extension"
    if record.status in FINAL:
        if not is_extension:
            raise InvalidParams(f"The task has ended already: {record.status}.")
    elif exchange.server.tasks.running_of(record) is None:
        record = await _orders(exchange, record).cancel(record)
    else:
        exchange.server.tasks.cancel(record)
    if is_extension:
        return EmptyResult()
    return legacy_task(record, exchange.server.limits.task_poll_seconds)


async def result(exchange: "Exchange", params: TaskParams) -> Result | Raw:
    """`tasks/result` (2025-11-25): waits for the end, asks meanwhile what the task asks, then gives what it gave."""
    record = _find(exchange, params)
    while record.status not in FINAL:
        tasks = exchange.server.tasks
        running = tasks.running_of(record)
        if running is not None:
            await _accompany(exchange, running)
        elif tasks.orders is not None and tasks.orders.reach(record):
            await _accompany(exchange, TaskElsewhere(tasks, tasks.orders, record))
        else:  # in a process that nobody reaches from here
            await asyncio.sleep(exchange.server.limits.task_poll_seconds)
        record = _find(exchange, params)
    if record.result is not UNSET and record.status == "completed":
        return related(record.result, record.task_id)
    raise StoredFault(*(record.error or (InvalidParams.code, record.message, None)))


async def list_(exchange: "Exchange", params: ListParams) -> Result:
    """`tasks/list` (2025-11-25): the caller's own; not offered to callers who cannot be told apart."""
    _check_offered(exchange)
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
    if not wanted.task_ids or not exchange.server.has_tasks():
        return
    if not declared(exchange.capabilities):
        raise _missing()
    most = exchange.server.limits.subscribed_resources
    if len(wanted.task_ids) > most:
        raise InvalidParams(f"One subscription may name {most} tasks; open several.")
    for task_id in dict.fromkeys(wanted.task_ids):
        with contextlib.suppress(InvalidParams):
            tasks = exchange.server.tasks
            record = tasks.find(task_id, exchange)
            if record.status not in FINAL and not (
                tasks.running_of(record) or (tasks.orders is not None and tasks.orders.reach(record))
            ):
                continue  # another process runs it and tells nobody here; its client asks about it instead
            agreed.task_ids.append(task_id)
            if record.status != "working":  # it may have changed for the last time
                subscriber.post(Change(CHANGED, task=task_id))
    subscriber.tasks.update(agreed.task_ids)


def notification(exchange: "Exchange", task_id: str) -> dict[str, Any] | None:
    """The parameters of `notifications/tasks`: the task as `tasks/get` shows it now; None where it is gone."""
    try:
        record = exchange.server.tasks.find(task_id, exchange)
    except InvalidParams:
        return None
    shown = task_result(record, exchange.server.limits.task_poll_seconds, detailed=True)
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shown))
    return told


async def _accompany(exchange: "Exchange", running: RunningTask | TaskElsewhere) -> None:
    """Ask the client what a task asks, one question after the other, until the task has ended."""
    told: set[str] = set()
    while not running.ended:
        key = next((key for key in running.record.asked if key not in told), None)
        if key is None:
            await running.changed.wait()
        else:
            told.add(key)
            await _ask(exchange, running, key)


async def _ask(exchange: "Exchange", running: RunningTask | TaskElsewhere, key: str) -> None:
    """Ask one question of a task, until it is answered here or anywhere."""
    method, params = running.record.asked[key]
    related_params = {**params, "_meta": {RELATED: {"taskId": running.record.task_id}}}
    asking = asyncio.create_task(exchange.ask(method, related_params))
    try:
        while not asking.done() and key in running.record.asked:
            change = asyncio.create_task(running.changed.wait())
            await asyncio.wait((asking, change), return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
        if asking.done():
            running.answer({key: asking.result()})
    except ToolError as error:
        running.refuse(key, error)
    finally:
        asking.cancel()


def _find(exchange: "Exchange", params: TaskParams) -> "TaskRecord":
    """The task a request names, of a server that has some.

    Raises:
        MethodNotFound: the server has no tasks.
        MissingCapability: the client did not declare the extension (2026-07-28).
        InvalidParams: there is no such task of this caller.
    """
    _check_offered(exchange)
    if exchange.revision.tasks == "extension" and not declared(exchange.capabilities):
        raise _missing()
    return exchange.server.tasks.find(params.task_id, exchange)


def _check_offered(exchange: "Exchange") -> None:
    if not exchange.server.has_tasks():
        raise MethodNotFound("This server has no tasks.")


def _orders(exchange: "Exchange", record: "TaskRecord") -> Orders:
    """What reaches the process that runs a task.

    Raises:
        InternalFault: nothing does.
    """
    orders = exchange.server.tasks.orders
    if orders is None or not orders.reach(record):
        raise elsewhere()
    return orders


def _missing() -> MissingCapability:
    needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    return MissingCapability(f"This needs the extension '{EXTENSION}', which the client did not declare.", needed)
