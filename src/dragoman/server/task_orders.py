"""What is asked of a task that runs in another process: said over the bus, done there, seen in the store.

The request that asks was checked where it came in: whoever finds the task there may cancel and answer it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Raw, Struct

from dragoman.errors import InternalFault, ToolError
from dragoman.protocol.tasks import FINAL
from dragoman.server.task_workers import bus_of
from dragoman.store.bus import Bus
from dragoman.store.tasks import TaskRecord

if TYPE_CHECKING:
    from dragoman.server.tasks import Tasks

_TOPIC: Final = "tasks"
_LOOK_SECONDS: Final = 0.02  # how often it is looked whether it did
_FOLLOW_SECONDS: Final = 0.25  # how often while a client waits for a task's end


class Order(Struct):
    """What is to be done with a task."""

    task_id: str
    what: Literal["cancel", "answer", "refuse"]
    responses: dict[str, Raw] = {}
    refused: dict[str, str] = {}  # by the question's key, why it is not answered


class Orders:
    """Orders between the processes on a bus.

    Args:
        tasks: those of this process, for orders that come.
        bus: what carries them.
        seconds: how long another process may take to do what it is asked.
    """

    def __init__(self, tasks: "Tasks", bus: Bus, seconds: float = 5.0) -> None:
        self._tasks = tasks
        self._bus = bus
        self._seconds = seconds
        bus.listen(_TOPIC, self._take)

    def reach(self, record: TaskRecord) -> bool:
        """Whether the process that runs a task is on this bus."""
        return bus_of(record.worker) == self._bus.name

    def send(self, order: Order) -> None:
        """Have something done, some time."""
        self._bus.publish(_TOPIC, msgspec.json.encode(order))

    async def cancel(self, record: TaskRecord) -> TaskRecord:
        """Have a task cancelled; gives it as it ended.

        Raises:
            InternalFault: the process that runs it did not do so in time.
        """
        self.send(Order(record.task_id, "cancel"))
        return await self._see(record, lambda now: now.status in FINAL)

    async def answer(self, record: TaskRecord, responses: dict[str, Raw]) -> None:
        """Have questions of a task answered; answers to no question that waits are ignored.

        Raises:
            InternalFault: the process that runs it did not take them in time.
        """
        known = {key: response for key, response in responses.items() if key in record.asked}
        if known:
            self.send(Order(record.task_id, "answer", known))
            await self._see(record, lambda now: now.status in FINAL or not known.keys() & now.asked.keys())

    async def _see(self, record: TaskRecord, is_done: Callable[[TaskRecord], bool]) -> TaskRecord:
        latest = time.monotonic() + self._seconds
        while time.monotonic() < latest:
            await asyncio.sleep(_LOOK_SECONDS)
            now = self._tasks.look_up(record.task_id)
            if now is None:
                break
            if is_done(now):
                return now
        raise elsewhere()

    def _take(self, news: bytes) -> None:
        order = msgspec.json.decode(news, type=Order)
        running = self._tasks.running(order.task_id)
        if running is None:
            return
        if order.what == "cancel":
            self._tasks.cancel(running.record)
        elif order.what == "answer":
            running.answer(order.responses)
        else:
            for key, why in order.refused.items():
                running.refuse(key, ToolError(why))


class TaskElsewhere:
    """A task that runs in another process, followed by what the store has of it (see `RunningTask`).

    Args:
        tasks: where it is looked up.
        orders: what reaches it.
        record: as it was found.
    """

    def __init__(self, tasks: "Tasks", orders: Orders, record: TaskRecord) -> None:
        self.record = record
        self.changed = self
        self._tasks = tasks
        self._orders = orders

    @property
    def ended(self) -> bool:
        """Whether it has its last state."""
        return self.record.status in FINAL

    async def wait(self) -> None:
        """Wait until it changes."""
        before = self.record.updated
        while not self.ended and self.record.updated == before:
            await asyncio.sleep(_FOLLOW_SECONDS)
            self.record = self._tasks.look_up(self.record.task_id) or self._gone()

    def answer(self, responses: dict[str, Raw]) -> None:
        """Have questions answered."""
        self._orders.send(Order(self.record.task_id, "answer", responses))

    def refuse(self, key: str, error: ToolError) -> None:
        """Tell the function that asked that there is no answer."""
        self._orders.send(Order(self.record.task_id, "refuse", refused={key: str(error)}))

    def _gone(self) -> TaskRecord:
        return msgspec.structs.replace(self.record, status="failed", message="The task expired.")


def elsewhere() -> InternalFault:
    """What is said where the process that runs a task is not reached."""
    return InternalFault(
        "The task runs in another process of this server, which this request did not reach. Send it again; where "
        "several processes serve, route requests of a task by their Mcp-Name header."
    )
