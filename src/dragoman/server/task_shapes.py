"""A task's record as each dialect shows it; the one place that knows both. Nothing here changes a record."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from dragoman.errors import InternalFault
from dragoman.protocol.asking import InputRequest
from dragoman.protocol.jsonrpc import ErrorBody
from dragoman.protocol.messages import CallToolResult, ProgressParams
from dragoman.protocol.tasks import RELATED, LegacyTask, TaskResult
from dragoman.store.tasks import TaskRecord

_LONGEST_MESSAGE = 1000  # characters of a status message; the whole text is in the result


def task_result(record: TaskRecord, poll_seconds: float, *, detailed: bool) -> TaskResult:
    """A task as the extension shows it.

    Args:
        record: the task.
        poll_seconds: how often a client should ask about it.
        detailed: whether what it asks or gave is shown too, as `tasks/get` and `notifications/tasks` do.
    """
    shown = TaskResult(
        task_id=record.task_id,
        status=record.status,
        status_message=record.message or UNSET,
        created_at=_iso(record.created),
        last_updated_at=_iso(record.updated),
        ttl_ms=_milliseconds(record),
        poll_interval_ms=max(1, round(poll_seconds * 1000)),
    )
    if detailed and record.status == "input_required":
        shown.input_requests = {key: InputRequest(*request) for key, request in record.asked.items()}
    if detailed and record.status == "completed" and record.result is not UNSET:
        shown.result = record.result
    if detailed and record.status == "failed":
        shown.error = ErrorBody(*(record.error or (InternalFault.code, record.message, None)))
    return shown


def legacy_task(record: TaskRecord, poll_seconds: float) -> LegacyTask:
    """A task as 2025-11-25 shows it: a tool's own failure is a failed task there (Task Status)."""
    status = record.status
    if status == "completed" and record.result is not UNSET and msgspec.json.decode(record.result).get("isError"):
        status = "failed"
    return LegacyTask(
        task_id=record.task_id,
        status=status,
        status_message=record.message or UNSET,
        created_at=_iso(record.created),
        last_updated_at=_iso(record.updated),
        ttl=_milliseconds(record),
        poll_interval=max(1, round(poll_seconds * 1000)),
    )


def related(encoded: Raw, task_id: str) -> Raw:
    """An encoded result that says which task it is of (2025-11-25, Associating Task-Related Messages)."""
    given: dict[str, Any] = msgspec.json.decode(encoded)
    given["_meta"] = {**given.get("_meta", {}), RELATED: {"taskId": task_id}}
    return Raw(msgspec.json.encode(given))


def words_of_progress(params: ProgressParams) -> str:
    """How far a task is, as its status message."""
    share = f"{params.progress:g}" if params.total is UNSET else f"{params.progress:g} of {params.total:g}"
    return share if params.message is UNSET else f"{params.message[:_LONGEST_MESSAGE]} ({share})"


def words_of_result(result: CallToolResult) -> str:
    """What a task's status message says of its result: why the tool failed, else nothing."""
    texts = [getattr(block, "text", "") for block in result.content or ()] if result.is_error is True else []
    return next((text for text in texts if isinstance(text, str) and text), "")[:_LONGEST_MESSAGE]


def _milliseconds(record: TaskRecord) -> int | None:
    return None if record.seconds is None else round(record.seconds * 1000)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
