"""Tasks: calls of tools that go on after their request was answered, and are asked about until they end.

A task runs in an asyncio task of the server that made it, and is kept in a store whenever it changes, before anybody is
told of it. What was running in a process that is gone is marked as failed: its work is lost, its record is not. A store
that fails stops no task: what it did not take is kept here and offered again.
"""

import asyncio
import contextlib
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from dragoman.errors import Fault, InternalFault, InvalidParams, ToolError
from dragoman.protocol.messages import CallToolResult, ProgressParams
from dragoman.protocol.tasks import CHANGED, FINAL
from dragoman.server.ask import owner_of
from dragoman.server.exchange import Exchange
from dragoman.server.mask import mask
from dragoman.server.task_orders import Orders
from dragoman.server.task_shapes import words_of_progress, words_of_result
from dragoman.server.task_workers import SAY_SECONDS, Worker, is_lost
from dragoman.server.watch import Change
from dragoman.store.bus import Bus
from dragoman.store.tasks import MemoryTasks, TaskRecord, TaskStore

if TYPE_CHECKING:
    from dragoman.server.server import Server
    from dragoman.server.tools import Tool

_KEEP_SECONDS: Final = 2.0  # how often what is not in the store yet is offered to it
_STOP_SECONDS: Final = 5.0  # how long a tool may take to notice that the server stops
_CANCELLED: Final = "The task was cancelled."
_STOPPED: Final = "The server was stopped before the task was done; call the tool again."


class TaskExchange(Exchange):
    """The exchange of a call that may become a task.

    Until it has become one it speaks for the request that made it: a question ends the call with the question. After
    that it speaks for the task: progress becomes its message, a question waits for `tasks/update`.
    """

    def __init__(self, origin: Exchange, tasks: "Tasks", tool: "Tool", seconds: float) -> None:
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
        self.seconds = seconds  # how long the task is kept
        self._origin, self._tasks, self._tool = origin, tasks, tool

    async def notify(self, method: str, params: Any) -> None:
        """Tell the client; once it is a task, progress is kept as the task's message and the rest dropped."""
        if self.running is None:
            await self._origin.notify(method, params)
        elif isinstance(params, ProgressParams):
            self.running.say(words_of_progress(params))

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Ask the client: on the request's own wire, or through the task."""
        if self.running is None:
            return await self._origin.ask(method, params)
        known = None if self.dialogue is None else self.dialogue.recall(method, params)
        return await self.running.ask(method, params) if known is None else known

    async def release_connection(self) -> None:
        """Let the connection of the request go; a task has none."""
        if self.running is None:
            await self._origin.release_connection()

    async def start_task(self) -> None:
        """Become a task now; a request that cannot become one waits for its result instead."""
        if self._tool.task_start == "told":
            with contextlib.suppress(InternalFault):
                self.begin()

    def begin(self) -> "RunningTask":
        """The task of this call, made now if it is not one yet.

        Raises:
            InternalFault: too many tasks are running, or this one cannot be kept.
        """
        if self.running is None:
            self.running = self._tasks.begin(self, self._tool.key)
            self.asks_by_retry = False
            self.progress_token = self.running.record.task_id  # a task says how far it is, whoever asked for it
            self.begun.set_result(None)
        return self.running


class RunningTask:
    """A task that runs in this process.

    `answers` holds a future for each question that waits; its keys are never used again. `changed` is set, and
    replaced, whenever a question comes or goes and at the end.
    """

    def __init__(self, tasks: "Tasks", record: TaskRecord, question_seconds: float) -> None:
        self.record = record
        self.work: asyncio.Task[CallToolResult] | None = None
        self.limit: asyncio.TimerHandle | None = None
        self.changed = asyncio.Event()
        self.answers: dict[str, asyncio.Future[Raw]] = {}
        self.unsaid = False  # whether the message is newer than what is kept
        self._tasks = tasks
        self._question_seconds = question_seconds
        self._questions = 0
        self._said = 0.0

    @property
    def ended(self) -> bool:
        """Whether it has its last state."""
        return self.record.status in FINAL

    def say(self, message: str) -> None:
        """Tell what the task is doing; kept at once unless the last words are only just kept."""
        if self.ended:
            return
        self.record.message = message
        now = time.monotonic()
        if now - self._said > _KEEP_SECONDS:
            self._said = now
            self._tasks.save(self.record)
        else:
            self.unsaid, self.record.updated = True, time.time()
            self._tasks.tell(self.record)

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Ask the client through the task and wait for the answer.

        Raises:
            ToolError: the client refused, or did not answer in time.
        """
        self._questions += 1
        key = f"q{self._questions}"
        future = self.answers[key] = asyncio.get_running_loop().create_future()
        self.record.asked[key] = (method, params)
        self.record.status = "input_required"
        self._save()
        try:
            async with asyncio.timeout(self._question_seconds):
                answer: Raw = await future
                return answer
        except TimeoutError:
            seconds = f"{self._question_seconds:g}"
            raise ToolError(f"The client did not answer '{method}' within {seconds} seconds.") from None
        finally:
            self._take_back([key])

    def answer(self, responses: dict[str, Raw]) -> None:
        """Take answers; those to no question that waits are ignored."""
        for key, response in responses.items():
            future = self.answers.get(key)
            if future is not None and not future.done():
                future.set_result(response)
        self._take_back(list(responses))

    def refuse(self, key: str, error: ToolError) -> None:
        """Tell the function that asked that there is no answer."""
        future = self.answers.get(key)
        if future is not None and not future.done():
            future.set_exception(error)
        self._take_back([key])

    def end(
        self,
        status: Any,
        message: str = "",
        *,
        result: Raw | UnsetType = UNSET,
        error: tuple[int, str, Any] | None = None,
    ) -> None:
        """Give the task its last state, unless it has one."""
        if self.ended:
            return
        record, now = self.record, time.time()
        record.status, record.message, record.result, record.error = status, message, result, error
        record.asked = {}
        if record.seconds is not None and now > record.created + record.seconds:
            record.seconds += now - record.created  # it ended after its time: whoever waits for it has as long again
        for future in self.answers.values():
            future.cancel()
        self._save()

    def _take_back(self, keys: list[str]) -> None:
        """Let go of questions that were answered or are not asked any more."""
        gone = [key for key in keys if self.answers.pop(key, None) is not None]
        if not gone or self.ended:
            return
        for key in gone:
            del self.record.asked[key]
        if not self.answers:
            self.record.status = "working"
        self._save()

    def _save(self) -> None:
        self._tasks.save(self.record)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


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
        self._unsaved: dict[str, TaskRecord] = {}  # what the store did not take
        self._worker = Worker()
        self.orders: Orders | None = None  # where other processes run some of these tasks and can be reached
        self._keeper: asyncio.Task[None] | None = None  # lives while something runs or is unsaved

    def __len__(self) -> int:
        return len(self._running)

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what is kept."""
        return not isinstance(self._store, MemoryTasks)

    def join(self, bus: Bus) -> None:
        """From now on pass on what is asked of tasks that run in other processes on a bus."""
        self._worker.bus = bus.name
        self.orders = Orders(self, bus)

    def save(self, record: TaskRecord) -> None:
        """Keep a task that changed, then tell who listens."""
        record.updated = time.time()
        self._keep(record)
        self.tell(record)

    def tell(self, record: TaskRecord) -> None:
        """Tell who listens that a task changed."""
        self._server.changes.post(Change(CHANGED, task=record.task_id))

    async def call(
        self, tool: "Tool", arguments: Raw, origin: Exchange, *, wait: float, seconds: float | None = None
    ) -> "CallToolResult | RunningTask":
        """Run a tool that may become a task.

        Args:
            tool: the tool.
            arguments: its arguments, raw.
            origin: the request.
            wait: how long the request waits for the result before the call becomes a task, seconds; infinite for a
                tool that says itself when, 0 for one that must become a task.
            seconds: how long the client wants the task kept; as long as the server keeps tasks by default, and at
                most.

        Returns:
            The result where it came in time, else the task.

        Raises:
            InternalFault: it must become a task and cannot.
        """
        longest = self._server.limits.task_seconds
        kept = longest if seconds is None else min(seconds, longest)
        exchange = TaskExchange(origin, self, tool, kept)
        work = exchange.work = asyncio.create_task(tool.run(arguments, exchange))
        try:
            if wait == 0:
                return exchange.begin()
            timeout = None if wait == float("inf") else wait
            await asyncio.wait((work, exchange.begun), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and exchange.running is None:
                with contextlib.suppress(InternalFault):  # the request waits for its result instead
                    exchange.begin()
            return await work if exchange.running is None else exchange.running
        except BaseException:
            work.cancel()
            await asyncio.wait((work,))  # a tool that is cancelled has its time to clean up, task or not
            raise

    def begin(self, exchange: TaskExchange, name: str) -> RunningTask:
        """Make a task of a call and keep it.

        Raises:
            InternalFault: too many tasks are running, or the store does not take it.
        """
        limits = self._server.limits
        if len(self._running) >= limits.tasks:
            raise InternalFault(f"Too many tasks are running: at most {limits.tasks}. Try again when some have ended.")
        now = time.time()
        record = TaskRecord(
            task_id=secrets.token_urlsafe(24),
            owner=owner_of(exchange),
            name=name,
            status="working",
            message="",
            created=now,
            updated=now,
            seconds=exchange.seconds,
            worker=self._worker.begin(),
            seen=now,
        )
        try:
            self._store.expire(now)
            self._store.make_room(limits.tasks_kept - 1)
            self._store.save(record)
        except Exception as error:  # noqa: BLE001 - whatever a store raises; told masked, and said in the log
            raise InternalFault(mask(error, f"keeping a new task of tool '{name}', which was not begun")) from None
        running = self._running[record.task_id] = RunningTask(self, record, limits.question_seconds)
        running.work = exchange.work
        if exchange.work is not None:
            exchange.work.add_done_callback(partial(self._finish, running, exchange))
        loop = asyncio.get_running_loop()
        running.limit = loop.call_later(limits.task_seconds, self._end_late, running, limits.task_seconds)
        self._begin_keeping()
        return running

    def _finish(self, running: RunningTask, exchange: TaskExchange, work: "asyncio.Task[CallToolResult]") -> None:
        """Keep what the tool gave."""
        if running.limit is not None:
            running.limit.cancel()
        self._running.pop(running.record.task_id, None)
        try:
            result = work.result()
            revision = exchange.revision
            stamped = revision.stamp(result, revision, self._server.identity)
            running.end("completed", words_of_result(result), result=Raw(msgspec.json.encode(stamped)))
        except Fault as fault:
            running.end("failed", fault.message, error=(exchange.revision.code_of(fault), fault.message, fault.data))
        except asyncio.CancelledError:
            running.end("cancelled", _CANCELLED)
        except BaseException as error:  # noqa: BLE001 - whatever ends the work ends the task
            message = mask(error, f"task '{running.record.name}'")
            running.end("failed", message, error=(InternalFault.code, message, None))

    def _end_late(self, running: RunningTask, seconds: float) -> None:
        message = f"The task ran longer than {seconds:g} seconds and was stopped."
        running.end("failed", message, error=(InternalFault.code, message, None))
        if running.work is not None:
            running.work.cancel()

    def find(self, task_id: str, exchange: Exchange) -> TaskRecord:
        """The caller's task of this id.

        Raises:
            InvalidParams: there is none, or it is somebody else's.
        """
        record = self._here(task_id) or self._store.load(task_id)
        if record is None or record.owner != owner_of(exchange) or self._is_over(record) or _withheld(record, exchange):
            raise InvalidParams("There is no such task; it may have expired.")
        return self._alive(record)

    def look_up(self, task_id: str) -> TaskRecord | None:
        """The task of this id as it is now, whoever has it."""
        record = self._here(task_id) or self._store.load(task_id)
        return None if record is None else self._alive(record)

    def running_of(self, record: TaskRecord) -> RunningTask | None:
        """The task where it runs in this process and has not ended."""
        return self.running(record.task_id)

    def running(self, task_id: str) -> RunningTask | None:
        """The task of this id where it runs in this process and has not ended."""
        running = self._running.get(task_id)
        return None if running is None or running.ended else running

    def owned(self, exchange: Exchange) -> list[TaskRecord]:
        """Everything the caller has, oldest first."""
        self._store.expire(time.time())
        records = self._store.owned(owner_of(exchange))
        shown = (record for record in records if not _withheld(record, exchange))
        return [self._alive(self._here(record.task_id) or record) for record in shown]

    def cancel(self, record: TaskRecord) -> None:
        """Stop a task that runs here; one that has ended stays as it is."""
        running = self.running_of(record)
        if running is not None:
            running.end("cancelled", _CANCELLED)
            if running.work is not None:
                running.work.cancel()

    def recover(self) -> None:
        """Mark as failed what ran in processes that are gone; at the server's start."""
        for record in self._store.running():
            self._alive(record)

    async def close(self) -> None:
        """Stop everything that runs here and let go of the store."""
        works = [running.work for running in self._running.values() if running.work is not None]
        for running in list(self._running.values()):
            running.end("failed", _STOPPED, error=(InternalFault.code, _STOPPED, None))
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works, timeout=_STOP_SECONDS)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
            self._keeper = None
        for record in list(self._unsaved.values()):
            self._keep(record)
        self._worker.stop()
        self._store.close()

    def _here(self, task_id: str) -> TaskRecord | None:
        """The record as this process has it, which is newer than what is kept."""
        running = self._running.get(task_id)
        return self._unsaved.get(task_id) if running is None else running.record

    def _is_over(self, record: TaskRecord) -> bool:
        """Whether a task was kept long enough; one that runs here is kept until it ends."""
        expires = float("inf") if record.seconds is None else record.created + record.seconds
        return expires < time.time() and record.task_id not in self._running

    def _alive(self, record: TaskRecord) -> TaskRecord:
        """The record, marked as failed where whoever ran it is gone."""
        if record.status in FINAL or self._here(record.task_id) is not None:
            return record
        if is_lost(record.worker, record.seen, time.time()):
            record.status, record.message, record.asked = "failed", _STOPPED, {}
            record.error = (InternalFault.code, _STOPPED, None)
            self.save(record)
        return record

    def _keep(self, record: TaskRecord) -> None:
        """Give a record to the store; what it does not take stays here and is offered again."""
        running = self._running.get(record.task_id)
        if running is not None:
            record.seen, running.unsaid = time.time(), False
        try:
            self._store.save(record)
            self._unsaved.pop(record.task_id, None)
        except Exception as error:  # noqa: BLE001 - whatever a store raises; said in the log
            if record.task_id not in self._unsaved:
                mask(error, f"keeping task '{record.task_id}'; it is tried again")
            self._unsaved[record.task_id] = record
            self._begin_keeping()

    def _begin_keeping(self) -> None:
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._go_on_keeping())

    async def _go_on_keeping(self) -> None:
        """Offer the store what it has not yet, and say that this process still runs its tasks."""
        while self._running or self._unsaved:
            await asyncio.sleep(_KEEP_SECONDS)
            now = time.time()
            silent = [
                running.record
                for running in self._running.values()
                if running.unsaid or now - running.record.seen > SAY_SECONDS
            ]
            for record in [*silent, *self._unsaved.values()]:
                self._keep(record)
                if self.orders is not None:
                    self.tell(record)  # who listens in another process sees only what is kept
            over = [record.task_id for record in self._unsaved.values() if self._is_over(record)]
            for task_id in over:
                del self._unsaved[task_id]
        self._keeper = None


def _withheld(record: TaskRecord, exchange: Exchange) -> bool:
    """Whether a task is of a tool that its caller may not use with what it has just now (P13)."""
    server = exchange.server
    return server.access is not None and record.name not in server.tools.named
