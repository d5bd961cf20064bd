"""The connection without a wire."""

import asyncio
import json

from dragoman.transports.memory import MemoryConnection
from tests.transports.endpoint import House, notification
from tests.transports.peers import call


async def test_a_message_and_its_answer() -> None:
    connection = MemoryConnection(House().server)
    reply = await connection.send(call("add", a=1, b=2))
    assert reply is not None
    assert json.loads(reply)["result"]["structuredContent"] == 3
    assert await connection.send(notification("notifications/made_up")) is None


async def test_notifications_are_handed_over_before_the_answer_or_dropped() -> None:
    connection = MemoryConnection(House().server)
    assert await connection.send(call("tell", token=1)) is not None
    heard: list[bytes] = []

    async def hear(message: bytes) -> None:
        heard.append(message)

    connection.on_notification = hear
    assert await connection.send(call("tell", token=1)) is not None
    assert len(heard) == 2


async def test_a_cancelled_caller_is_cancelled_and_its_function_too() -> None:
    house = House()
    task = asyncio.create_task(MemoryConnection(house.server).send(call("slow", name="x")))
    await house.wait_for("x", "running")
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert house.became["x"] == "cancelled"
