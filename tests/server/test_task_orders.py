"""Tasks that run in another process: here two servers with one store and a bus between them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from dragoman.server.task_orders import Order, Orders
from dragoman.store.bus import MemoryBus
from dragoman.store.tasks import MemoryTasks, TaskRecord
from tests.server.clients import settle
from tests.server.task_stage import LEGACY, TaskStage, answer_of, text_of, until, yes


class Kept(MemoryTasks):
    """Records as another process reads them: copies."""

    def load(self, task_id: str) -> TaskRecord | None:
        record = super().load(task_id)
        return None if record is None else msgspec.json.decode(msgspec.json.encode(record), type=TaskRecord)


@pytest.fixture
async def stages() -> AsyncIterator[tuple[TaskStage, TaskStage]]:
    """Where tasks run, and where they are asked about."""
    store, bus = Kept(), MemoryBus("test")
    there, here = TaskStage(store), TaskStage(store)
    for stage in (there, here):
        place = bus.place()
        stage.server.tasks.join(place)
        stage.server.changes.join(place)
    async with there.server, here.server:
        yield there, here
        there.hang_up()
        here.hang_up()


async def test_a_task_is_cancelled_from_elsewhere(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages
    task_id = await there.client().begin("wait")
    for _ in range(2):
        assert (await here.client().cancel(task_id))["resultType"] == "complete"
    assert (await here.client().get(task_id))["status"] == "cancelled"
    await until(lambda: there.done == ["a cancelled"])


async def test_an_older_client_sees_that_it_is_cancelled(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages
    task_id = await there.client(LEGACY).begin("wait")
    assert (await here.client(LEGACY).cancel(task_id))["status"] == "cancelled"


async def test_a_task_is_answered_from_elsewhere(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages
    task_id = await there.client().begin("ask", {"times": 2})
    client = here.client()
    for number in range(2):
        asked = await client.until(task_id, "input_required")
        ((key, question),) = asked["inputRequests"].items()
        await client.answer(task_id, unknown={"action": "accept"})
        await client.answer(task_id, **{key: answer_of(question, value=number == 0)})
    assert text_of(await client.until(task_id)) == "True False"


async def test_a_result_is_waited_for_and_questions_are_asked_elsewhere(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages
    task_id = await there.client(LEGACY).begin("ask", {"times": 2})
    client = here.client(LEGACY, script=yes)
    async with asyncio.timeout(10):
        result = await client.result("tasks/result", {"taskId": task_id})
    assert result["content"][0]["text"] == "True True"


async def test_a_refusal_reaches_the_function(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages

    def refuse(_method: str, _params: dict[str, Any]) -> Any:
        return RuntimeError("nobody is here")

    task_id = await there.client(LEGACY).begin("ask")
    client = here.client(LEGACY, script=refuse)
    async with asyncio.timeout(10):
        reply = await client.result("tasks/result", {"taskId": task_id})
    assert reply["isError"]


async def test_whoever_listens_elsewhere_is_told(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages
    task_id = await there.client().begin("wait")
    client = here.client()
    listening = asyncio.create_task(
        client.send("subscriptions/listen", {"notifications": {"taskIds": [task_id]}}, request_id="sub")
    )
    await settle()
    there.gate("a").set()
    await until(lambda: [task["status"] for task in client.told("notifications/tasks")][-1:] == ["completed"])
    await client.notify("notifications/cancelled", {"requestId": "sub"})
    await listening


async def test_who_does_not_do_what_it_is_asked(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages
    task_id = await there.client().begin("wait")
    nobody = MemoryBus("test").place()  # of the same name, and without anybody
    here.server.tasks.orders = Orders(here.server.tasks, nobody, seconds=0.1)
    for client in (here.client(), here.client(LEGACY)):
        assert "runs in another process" in (await client.error("tasks/cancel", {"taskId": task_id}))["message"]


async def test_a_task_on_another_bus_is_refused_at_once(stages: tuple[TaskStage, TaskStage]) -> None:
    there, here = stages
    task_id = await there.client().begin("ask")
    here.server.tasks.join(MemoryBus("another").place())
    client = here.client()
    asked = await client.until(task_id, "input_required")
    ((key, question),) = asked["inputRequests"].items()
    answers = {"taskId": task_id, "inputResponses": {key: answer_of(question)}}
    assert "runs in another process" in (await client.error("tasks/update", answers))["message"]


async def test_an_order_for_nobody_is_ignored(stages: tuple[TaskStage, TaskStage]) -> None:
    _there, here = stages
    assert here.server.tasks.orders is not None
    here.server.tasks.orders.send(Order("no such task", "cancel"))
    await settle()
