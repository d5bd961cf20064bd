"""Tasks: calls of tools that go on after their request was answered, and are asked about until they end.

A task runs in an asyncio task of the server that made it, and is kept in a store whenever it changes, before anybody is
told of it. What was running in a process that is gone is marked as failed: its work is lost, its record is not.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Raw

from dragoman.errors import Fault, InternalFault, InvalidParams
from dragoman.protocol.asking import InputRequest
from dragoman.protocol.jsonrpc import ErrorBody
from dragoman.protocol.messages import CallToolResult, ProgressParams
from dragoman.protocol.tasks import CHANGED, FINAL, LegacyTask, TaskResult
from dragoman.server.ask import owner_of
from dragoman.server.exchange import Exchange
from dragoman.server.mask import mask
from dragoman.server.tools import failure
from dragoman.server.watch import Change
from dragoman.store.tasks import TaskRecord, TaskStore

if TYPE_CHECKING:
    from dragoman.server.server import Server
    from dragoman.server.tools import Tool

_HOST: Final = socket.gethostname()
_WORKER: Final = f"{_HOST}:{os.getpid()}:{secrets.token_hex(4)}"
_SAY_SECONDS: Final = 15.0  # how often a process says that it still runs its tasks
_LOST_SECONDS: Final = 60.0  # silence after which its tasks count as lost


class TaskExchange(Exchange):
    """The exchange of a call that may become a task.

    Until `begun` is set it speaks for the request that made it: a question ends the call with the question. After that
    it speaks for the task: progress becomes its message, a question waits for `tasks/update`.
    """

    def __init__(self, origin: Exchange, tasks: "Tasks", tool: "Tool") -> None:
        self.server = origin.server
        self.principal = origin.principal
        self.revision = origin.revision
        self.id = origin.id
        self.capabilities = origin.capabilities
        self.client_info = origin.client_info
        self.progress_token = origin.progress_token
        self.log_level = origin.log_level
        self.method, self.params = origin.method, origin.params
        self.dialogue = origin.dialogue
        self.asks_by_retry = origin.asks_by_retry
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running: RunningTask | None = None
        self.work: asyncio.Task[CallToolResult] | None = None  # the tool's own function
        self._origin, self._tasks, self._tool = origin, tasks, tool

    async def notify(self, method: str, params: Any) -> None:
        """Tell the client; once it is a task, progress is kept as the task's message and the rest dropped."""
        if self.running is None:
            await self._origin.notify(method, params)
        elif isinstance(params, ProgressParams):
            self.running.say(_words(params))

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Ask the client: on the request's own wire, or through the task."""
        if self.running is None:
            return await self._origin.ask(method, params)
        return await self.running.ask(method, params)

    async def start_task(self) -> None:
        """Become a task now."""
        self.begin()

    def begin(self) -> "RunningTask":
        """The task of this call, made now if it is not one yet."""
        if self.running is None:
            self.running = self._tasks.begin(self, self._tool.key)
            self.asks_by_retry = False
            self.begun.set_result(None)
        return self.running


class RunningTask:
    """A task that runs in this process.

    `answers` holds a future for each question that waits; its keys are never used again.
    """

    def __init__(self, tasks: "Tasks", record: TaskRecord) -> None:
        self.record = record
        self.work: asyncio.Task[Any] | None = None
        self.ended = asyncio.Event()
        self.asked = asyncio.Event()  # set while a question waits
        self.answers: dict[str, asyncio.Future[Raw]] = {}
        self._tasks = tasks
        self._questions = 0

    def say(self, message: str) -> None:
        """Keep what the task is doing."""
        if self.record.status not in FINAL:
            self.record.message = message
            self._tasks.save(self.record)

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Ask the client through the task and wait for the answer."""
        self._questions += 1
        key = f"q{self._questions}"
        future = self.answers[key] = asyncio.get_running_loop().create_future()
        self.record.asked[key] = (method, params)
        self.record.status = "input_required"
        self.asked.set()
        self._tasks.save(self.record)
        try:
            answer: Raw = await future
        finally:
            self.answers.pop(key, None)
            self.record.asked.pop(key, None)
        return answer

    def answer(self, responses: dict[str, Raw]) -> None:
        """Take answers; those to no question that waits are ignored."""
        for key, response in responses.items():
            future = self.answers.pop(key, None)
            if future is not None:
                self.record.asked.pop(key, None)
                future.set_result(response)
        if not self.answers and self.record.status == "input_required":
            self.record.status = "working"
            self.asked.clear()
        self._tasks.save(self.record)

    def end(self, status: Any, message: str = "") -> None:
        """Give the task its last state, unless it has one."""
        if self.record.status not in FINAL:
            self.record.status, self.record.message = status, message or self.record.message
            self.record.asked = {}
            self._tasks.save(self.record)
        self.ended.set()


class Tasks:
    """All tasks of a server.

    Args:
        server: whose they are.
        store: where they are kept.
    """

    def __init__(self, server: "Server", store: TaskStore) -> None:
        self._server = server
        self._store = store
        self._running: dict[str, RunningTask] = {}
        self._keeper: asyncio.Task[None] | None = None  # says that this process runs its tasks, while it has some

    def save(self, record: TaskRecord) -> None:
        """Keep a task that changed, then tell who listens."""
        record.updated = time.time()
        self._store.save(record)
        self._server.changes.post(Change(CHANGED, task=record.task_id))

    async def call(
        self, tool: "Tool", arguments: Raw, origin: Exchange, *, wait: float
    ) -> CallToolResult | RunningTask:
        """Run a tool that may become a task.

        Args:
            tool: the tool.
            arguments: its arguments, raw.
            origin: the request.
            wait: how long the request waits for the result before the call becomes a task, seconds; infinite for a
                tool that says itself when.

        Returns:
            The result where it came in time, else the task.
        """
        exchange = TaskExchange(origin, self, tool)
        if wait == 0:
            exchange.begin()
        work = exchange.work = asyncio.create_task(tool.run(arguments, exchange))
        try:
            timeout = None if wait == float("inf") else wait
            await asyncio.wait((work, exchange.begun), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            work.cancel()
            raise
        if work.done() and exchange.running is None:
            return await work
        return exchange.begin()

    def begin(self, exchange: TaskExchange, name: str) -> RunningTask:
        """Make a task of a call and keep it.

        Raises:
            InvalidParams: too many tasks are running.
        """
        limits = self._server.limits
        if len(self._running) >= limits.tasks:
            if exchange.work is not None:
                exchange.work.cancel()
            raise InvalidParams(f"Too many tasks are running: at most {limits.tasks}. Try again when some have ended.")
        now = time.time()
        self._store.expire(now)
        record = TaskRecord(
            task_id=secrets.token_urlsafe(24),
            owner=owner_of(exchange),
            name=name,
            status="working",
            message="",
            created=now,
            updated=now,
            seconds=limits.task_seconds,
            worker=_WORKER,
            seen=now,
        )
        self._store.save(record)
        running = self._running[record.task_id] = RunningTask(self, record)
        running.work = asyncio.create_task(self._finish(running, exchange))
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        return running

    async def _finish(self, running: RunningTask, exchange: TaskExchange) -> None:
        """Wait for the tool and keep what it gave."""
        record, revision, work = running.record, exchange.revision, exchange.work
        try:
            result = await work if work is not None else failure("The tool was not started.")
            stamped = revision.stamp(result, revision, self._server.identity)
            record.result = Raw(msgspec.json.encode(stamped))
            running.end("completed")
        except Fault as fault:
            record.error = (revision.code_of(fault), fault.message, fault.data)
            running.end("failed", fault.message)
        except asyncio.CancelledError:
            running.end("cancelled", "The task was cancelled.")
        except BaseException as error:  # noqa: BLE001 - whatever ends the work ends the task
            message = mask(error, f"task '{record.name}'")
            record.error = (InternalFault.code, message, None)
            running.end("failed", message)
        finally:
            if work is not None:
                work.cancel()
            self._running.pop(record.task_id, None)

    def find(self, task_id: str, exchange: Exchange) -> TaskRecord:
        """The caller's task of this id.

        Raises:
            InvalidParams: there is none, or it is somebody else's.
        """
        running = self._running.get(task_id)
        record = running.record if running is not None else self._store.load(task_id)
        now = time.time()
        if record is None or record.owner != owner_of(exchange):
            raise InvalidParams("There is no such task; it may have expired.")
        if record.seconds is not None and record.created + record.seconds < now and running is None:
            raise InvalidParams("There is no such task; it may have expired.")
        if running is None and record.status not in FINAL and _is_lost(record, now):
            self._fail_lost(record)
        return record

    def running_of(self, record: TaskRecord) -> RunningTask | None:
        """The task where it runs in this process."""
        return self._running.get(record.task_id)

    def owned(self, exchange: Exchange) -> list[TaskRecord]:
        """Everything the caller has, oldest first."""
        self._store.expire(time.time())
        return self._store.owned(owner_of(exchange))

    def cancel(self, record: TaskRecord) -> None:
        """Stop a task that runs; one that has ended stays as it is."""
        running = self._running.get(record.task_id)
        if running is None:
            return
        if running.work is not None:
            running.work.cancel()
        running.end("cancelled", "The task was cancelled.")

    def recover(self) -> None:
        """Mark as failed what ran in processes that are gone; at the server's start."""
        now = time.time()
        for record in self._store.running():
            if record.task_id not in self._running and _is_lost(record, now):
                self._fail_lost(record)

    async def close(self) -> None:
        """Stop everything that runs here and let go of the store."""
        for running in list(self._running.values()):
            running.record.error = (InternalFault.code, "The server was stopped.", None)
            running.end("failed", "The server was stopped before the task was done.")
            if running.work is not None:
                running.work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running.work
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        self._store.close()

    def _fail_lost(self, record: TaskRecord) -> None:
        message = "The server was stopped before the task was done; call the tool again."
        record.status, record.message, record.asked = "failed", message, {}
        record.error = (InternalFault.code, message, None)
        self.save(record)

    async def _keep(self) -> None:
        """Say from time to time that this process still runs its tasks."""
        while True:
            await asyncio.sleep(_SAY_SECONDS)
            for running in list(self._running.values()):
                running.record.seen = time.time()
                self._store.save(running.record)


def task_result(record: TaskRecord, poll_seconds: float, *, detailed: bool) -> TaskResult:
    """A task as the extension shows it."""
    shown = TaskResult(
        task_id=record.task_id,
        status=record.status,
        status_message=record.message or UNSET,
        created_at=_iso(record.created),
        last_updated_at=_iso(record.updated),
        ttl_ms=None if record.seconds is None else round(record.seconds * 1000),
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
    """A task as 2025-11-25 shows it: a tool's own failure is a failed task there."""
    status = record.status
    if status == "completed" and record.result is not UNSET and _is_failure(record.result):
        status = "failed"
    return LegacyTask(
        task_id=record.task_id,
        status=status,
        status_message=record.message or UNSET,
        created_at=_iso(record.created),
        last_updated_at=_iso(record.updated),
        ttl=None if record.seconds is None else round(record.seconds * 1000),
        poll_interval=max(1, round(poll_seconds * 1000)),
    )


def _is_failure(result: Raw) -> bool:
    return bool(msgspec.json.decode(result).get("isError"))


def _is_lost(record: TaskRecord, now: float) -> bool:
    """Whether the process that ran a task is gone: dead on this machine, or silent on another."""
    host, _, rest = record.worker.partition(":")
    process = rest.partition(":")[0]
    if record.worker == _WORKER:
        return True
    if host == _HOST and process.isdigit() and hasattr(os, "kill") and os.name == "posix":
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        if int(process) == os.getpid():
            return True
    return now - record.seen > _LOST_SECONDS


def _words(params: ProgressParams) -> str:
    share = f"{params.progress:g}" if params.total is UNSET else f"{params.progress:g} of {params.total:g}"
    return share if params.message is UNSET else f"{params.message} ({share})"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
