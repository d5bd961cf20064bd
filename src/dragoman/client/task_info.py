"""What a server says of a task: one shape for the extension and for 2025-11-25, which had other words for times."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.errors import ConnectionFault
from dragoman.protocol.asking import InputRequest
from dragoman.protocol.tasks import FINAL, TaskStatus

POLL_SECONDS: Final = 1.0
"""How often a task is asked about when its server does not say."""

_LEAST_SECONDS: Final = 0.01


class TaskInfo(Struct, frozen=True, kw_only=True):
    """The state of a task when its server was asked.

    Args:
        task_id: what names it; whoever has the id may ask about the task.
        status: `working`, `input_required`, `completed`, `failed` or `cancelled`.
        message: what it is doing, for people.
        created_at: when it was made, ISO 8601.
        updated_at: when it changed, ISO 8601.
        ttl_seconds: how long it is kept after it was made; None for no limit.
        poll_seconds: how often to ask about it.
    """

    task_id: str
    status: TaskStatus
    message: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    ttl_seconds: float | None = None
    poll_seconds: float = POLL_SECONDS

    @property
    def ended(self) -> bool:
        """Whether its state is its last."""
        return self.status in FINAL


class _Question(Struct):
    method: str
    params: dict[str, Any] | None = None


class _Error(Struct):
    code: int
    message: str
    data: Any = None


class TaskState(Struct, rename="camel"):
    """A task as it comes on the wire, in either dialect."""

    task_id: str
    status: TaskStatus
    status_message: str | None = None
    created_at: str | None = None
    last_updated_at: str | None = None
    ttl_ms: float | None = None
    ttl: float | None = None
    poll_interval_ms: float | None = None
    poll_interval: float | None = None
    input_requests: dict[str, _Question] | None = None
    result: Raw | UnsetType = UNSET
    error: _Error | None = None

    @property
    def info(self) -> TaskInfo:
        """The state without what the task asks or gave."""
        kept = self.ttl if self.ttl_ms is None else self.ttl_ms
        poll = self.poll_interval if self.poll_interval_ms is None else self.poll_interval_ms
        return TaskInfo(
            task_id=self.task_id,
            status=self.status,
            message=self.status_message,
            created_at=self.created_at,
            updated_at=self.last_updated_at,
            ttl_seconds=None if kept is None else kept / 1000,
            poll_seconds=POLL_SECONDS if poll is None else max(poll / 1000, _LEAST_SECONDS),
        )

    @property
    def questions(self) -> dict[str, InputRequest]:
        """What the task asks now, by key."""
        return {key: InputRequest(one.method, one.params or {}) for key, one in (self.input_requests or {}).items()}


class _Created(Struct):
    """The answer to a request that became a task (2025-11-25)."""

    task: TaskState


_state: Final = msgspec.json.Decoder(TaskState)
_created: Final = msgspec.json.Decoder(_Created)


def read_task(raw: bytes | Raw, method: str) -> TaskState:
    """Decode a task; raises ConnectionFault when it is none."""
    try:
        return _state.decode(raw)
    except msgspec.ValidationError as error:
        raise ConnectionFault(f"The server's result of {method} is no task: {error}.") from None


def read_created(raw: bytes | Raw) -> TaskState | None:
    """The task in the result of a call (2025-11-25); None when the server answered the call itself."""
    try:
        return _created.decode(raw).task
    except msgspec.ValidationError:
        return None
