"""A server with tools that become tasks and go on when the test says so, and a client of them."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from dragoman import ANONYMOUS, Context, Limits, Principal, Server, ToolError
from dragoman.errors import InvalidParams
from dragoman.protocol.tasks import EXTENSION
from dragoman.server.questions import Confirm
from dragoman.store.tasks import MemoryTasks, TaskStore
from tests.server.clients import ALL_CAPABILITIES, Script, Talker

WITH_TASKS: Final[dict[str, Any]] = {**ALL_CAPABILITIES, "extensions": {EXTENSION: {}}}
LEGACY: Final = "2025-11-25"
FINAL: Final = ("completed", "failed", "cancelled")


class TaskStage:
    """Gates and a record of what the tools did.

    Args:
        store: where tasks are kept; in memory by default.
        limits: of the server.
    """

    def __init__(self, store: TaskStore | None = None, **limits: Any) -> None:
        given = {"task_after_seconds": 0.05, "task_poll_seconds": 0.01, **limits}
        self.server = Server("tasks", "1", tasks=MemoryTasks() if store is None else store, limits=Limits(**given))
        self.gates: dict[str, asyncio.Event] = {}
        self.done: list[str] = []
        self._clients: list[TaskTalker] = []
        add = self.server.add_tool
        for name, function in self.functions().items():
            add(function, name=name, task="required")
            add(function, name=f"{name}_optional", task="optional")
        add(self.told, name="told", task="optional", task_start="told")
        add(self.told, name="told_required", task="required", task_start="told")
        add(self.ask_late, name="ask_late", task="optional")
        add(self.plain, name="plain")

    def functions(self) -> dict[str, Any]:
        return {
            "wait": self.wait,
            "ask": self.ask,
            "ask_two": self.ask_two,
            "ask_hastily": self.ask_hastily,
            "fail": self.fail,
            "stubborn": self.stubborn,
            "quick": self.quick,
        }

    def gate(self, name: str) -> asyncio.Event:
        return self.gates.setdefault(name, asyncio.Event())

    async def plain(self) -> str:
        return "plain"

    async def quick(self) -> str:
        return "quick"

    async def wait(self, context: Context, name: str = "a") -> str:
        """Say something, wait at the gate, say something else."""
        try:
            await context.progress(1, 3, "first")
            await context.info("hello")
            await self.gate(name).wait()
            await context.progress(2, 3, "second")
        except asyncio.CancelledError:
            self.done.append(f"{name} cancelled")
            raise
        self.done.append(name)
        return f"waited for {name}"

    async def ask(self, context: Context, times: int = 1) -> str:
        answers = [str(await context.confirm(f"Number {number}?")) for number in range(times)]
        return " ".join(answers)

    async def ask_two(self, context: Context) -> str:
        first, second = await context.ask_all(Confirm("First?"), Confirm("Second?"))
        return f"{first} {second}"

    async def ask_late(self, context: Context) -> str:
        """Ask the same twice, the first time perhaps after it became a task."""
        await self.gate("late").wait()
        return f"{await context.confirm('Same?')} {await context.confirm('Same?')}"

    async def ask_hastily(self, context: Context) -> str:
        """Give up a question that takes too long, and go on."""
        try:
            async with asyncio.timeout(0.05):
                await context.confirm("Quick?")
        except TimeoutError:
            await self.gate("hasty").wait()
            return "went on"
        return "answered"

    async def fail(self, how: str) -> str:
        if how == "tool error":
            raise ToolError("the tool refuses")
        if how == "fault":
            raise InvalidParams("the request is wrong", {"why": "test"})
        raise RuntimeError("secret detail")

    async def stubborn(self, name: str = "s") -> str:
        """Hold a cancellation back."""
        try:
            await self.gate(name).wait()
        except asyncio.CancelledError:
            await self.gate(f"{name} really").wait()
        self.done.append(name)
        return "done all the same"

    async def told(self, context: Context, *, ask: bool = False, start: bool = True) -> str:
        """Become a task when it says so, perhaps after a question."""
        answer = await context.confirm("Begin?") if ask else None
        if start:
            await context.start_task()
        await self.gate("told").wait()
        return f"told {answer}"

    def client(
        self,
        revision: str = "2026-07-28",
        *,
        principal: Principal = ANONYMOUS,
        script: Script | None = None,
        capabilities: dict[str, Any] | None = None,
    ) -> "TaskTalker":
        declared = WITH_TASKS if capabilities is None else capabilities
        client = TaskTalker(self.server, revision, principal=principal, script=script, capabilities=declared)
        self._clients.append(client)
        return client

    def hang_up(self) -> None:
        """Close the connections of all clients."""
        for client in self._clients:
            client.connection.close()


class TaskTalker(Talker):
    """A client that begins tasks and asks about them, in either dialect."""

    async def begin(self, name: str, arguments: dict[str, Any] | None = None, **task: Any) -> str:
        """Begin a task; gives its id."""
        if self.revision.tasks == "extension":
            handle = await self.call(name, arguments)
            assert handle["resultType"] == "task", handle
            return str(handle["taskId"])
        handle = await self.call(name, arguments, task=task)
        assert handle["task"]["status"] == "working", handle
        return str(handle["task"]["taskId"])

    async def get(self, task_id: str) -> dict[str, Any]:
        return await self.result("tasks/get", {"taskId": task_id})

    async def until(self, task_id: str, *statuses: str) -> dict[str, Any]:
        """Ask about a task until it has one of these states, its last ones by default."""
        for _ in range(1000):
            task = await self.get(task_id)
            if task["status"] in (statuses or FINAL):
                return task
            await asyncio.sleep(0.005)
        raise AssertionError(f"still {task}")

    async def answer(self, task_id: str, **answers: Any) -> dict[str, Any]:
        return await self.result("tasks/update", {"taskId": task_id, "inputResponses": answers})

    async def cancel(self, task_id: str) -> dict[str, Any]:
        return await self.result("tasks/cancel", {"taskId": task_id})


def text_of(task: dict[str, Any]) -> str:
    """What a completed task of the extension gave."""
    return str(task["result"]["content"][0]["text"])


def yes(_method: str, params: dict[str, Any]) -> Any:
    """A script that agrees to everything."""
    return {"action": "accept", "content": dict.fromkeys(params["requestedSchema"]["properties"], True)}


def answer_of(question: dict[str, Any], value: Any = True) -> dict[str, Any]:
    """An answer to a form that a task asks to be filled in."""
    fields = question["params"]["requestedSchema"]["properties"]
    return {"action": "accept", "content": dict.fromkeys(fields, value)}


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, but not for ever."""
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to hold")
