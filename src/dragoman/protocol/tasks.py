"""Tasks: calls that go on after their request was answered (extension io.modelcontextprotocol/tasks; 2025-11-25).

The two have the same states and other words for them: the extension's `ttlMs` and `pollIntervalMs` were `ttl` and
`pollInterval`, and what a task asks or gave came by `tasks/result` before it came by `tasks/get`.
"""

from typing import Any, Final, Literal

from msgspec import UNSET, Raw, UnsetType

from dragoman.protocol.asking import InputRequest
from dragoman.protocol.jsonrpc import ErrorBody
from dragoman.protocol.messages import Params, Result

EXTENSION: Final = "io.modelcontextprotocol/tasks"
RELATED: Final = "io.modelcontextprotocol/related-task"
CHANGED: Final = "notifications/tasks"

CAPABILITIES: Final[dict[str, dict[str, Any]]] = {
    "requested": {"tasks": {"cancel": {}, "requests": {"tools": {"call": {}}}}},
    "extension": {"extensions": {EXTENSION: {}}},
}
"""What a server with tasks declares, by how the revision has them."""

TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
FINAL: Final = frozenset({"completed", "failed", "cancelled"})


class TaskParams(Params, rename="camel", kw_only=True):
    """Parameters of `tasks/get`, `tasks/cancel` and `tasks/result`."""

    task_id: str


class UpdateTaskParams(TaskParams, rename="camel", kw_only=True):
    """Parameters of `tasks/update`: answers to what the task asks, by key."""

    input_responses: dict[str, Raw]


class TaskResult(Result, rename="camel", kw_only=True):
    """A task as the extension shows it: its state, and with `tasks/get` what it asks or gave."""

    task_id: str
    status: TaskStatus
    status_message: str | UnsetType = UNSET
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    poll_interval_ms: int
    input_requests: dict[str, InputRequest] | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: ErrorBody | UnsetType = UNSET


class LegacyTask(Result, rename="camel", kw_only=True):
    """A task as 2025-11-25 shows it; it is a result itself with `tasks/get` and `tasks/cancel`."""

    task_id: str
    status: TaskStatus
    status_message: str | UnsetType = UNSET
    created_at: str
    last_updated_at: str
    ttl: int | None
    poll_interval: int


class LegacyCreateTaskResult(Result, kw_only=True):
    """The answer to a request that became a task (2025-11-25)."""

    task: LegacyTask


class ListTasksResult(Result, rename="camel", kw_only=True):
    """The caller's tasks (2025-11-25)."""

    tasks: list[LegacyTask]
    next_cursor: str | UnsetType = UNSET


def declared(capabilities: Any) -> bool:
    """Whether a client declared the extension."""
    extensions = capabilities.get("extensions") if isinstance(capabilities, dict) else None
    return isinstance(extensions, dict) and EXTENSION in extensions
