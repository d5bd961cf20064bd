"""Tasks as records: what a store of them does, and memory."""

from itertools import islice
from typing import Any, Final, Literal, Protocol

from msgspec import UNSET, Raw, Struct, UnsetType

_RUNNING: Final = ("working", "input_required")


class TaskRecord(Struct):
    """A task as it is kept.

    Args:
        task_id: its id, which nobody can guess.
        owner: whose it is; for anybody else there is no such task.
        name: the tool.
        status: one of the five states.
        message: what it is doing, or why it ended.
        created: when it was made, seconds since 1970.
        updated: when it last changed.
        seconds: how long it is kept after `created`; None for good.
        asked: what it asks now, by key: method and parameters.
        result: what it gave, encoded.
        error: the JSON-RPC error it ended with: code, message, data.
        worker: the process that runs it.
        seen: when that process last said so.
    """

    task_id: str
    owner: str
    name: str
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    message: str
    created: float
    updated: float
    seconds: float | None
    asked: dict[str, tuple[str, dict[str, Any]]] = {}
    result: Raw | UnsetType = UNSET
    error: tuple[int, str, Any] | None = None
    worker: str = ""
    seen: float = 0.0


class TaskStore(Protocol):
    """Where tasks are kept; a save is durable when it returns."""

    def save(self, record: TaskRecord) -> None:
        """Keep a task as it is now."""

    def load(self, task_id: str) -> TaskRecord | None:
        """The task of this id."""

    def owned(self, owner: str) -> list[TaskRecord]:
        """Everything an owner has, oldest first."""

    def running(self) -> list[TaskRecord]:
        """Every task that has not ended."""

    def expire(self, now: float) -> None:
        """Drop what was kept long enough."""

    def make_room(self, most: int) -> None:
        """Drop the oldest tasks that have ended until there are so many, or only those that run."""

    def close(self) -> None:
        """Let go of the store."""


class MemoryTasks:
    """Keeps tasks in this process; they end with it."""

    def __init__(self) -> None:
        self._records: dict[str, TaskRecord] = {}

    def save(self, record: TaskRecord) -> None:
        """Keep a task as it is now."""
        self._records[record.task_id] = record

    def load(self, task_id: str) -> TaskRecord | None:
        """The task of this id."""
        return self._records.get(task_id)

    def owned(self, owner: str) -> list[TaskRecord]:
        """Everything an owner has, oldest first."""
        return [record for record in self._records.values() if record.owner == owner]

    def running(self) -> list[TaskRecord]:
        """Every task that has not ended."""
        return [record for record in self._records.values() if record.status in _RUNNING]

    def expire(self, now: float) -> None:
        """Drop what was kept long enough."""
        for record in list(self._records.values()):
            if record.seconds is not None and record.created + record.seconds < now:
                del self._records[record.task_id]

    def make_room(self, most: int) -> None:
        """Drop the oldest tasks that have ended until there are so many, or only those that run."""
        excess = len(self._records) - most
        if excess > 0:
            ended = (record.task_id for record in self._records.values() if record.status not in _RUNNING)
            for task_id in [*islice(ended, excess)]:
                del self._records[task_id]

    def close(self) -> None:
        """Nothing to let go of."""
