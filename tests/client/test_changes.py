"""Sorting changes: who hears what, and what happens when nobody reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dragoman.client.changes import Change, Changes, Follower, Wanted
from dragoman.client.task_info import TaskInfo
from dragoman.client.wire import messages_in
from dragoman.errors import ConnectionFault
from dragoman.protocol.jsonrpc import Message

ID = "io.modelcontextprotocol/subscriptionId"


def note(method: str, **params: Any) -> Message:
    (message,) = messages_in(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())
    return message


async def test_a_follower_holds_each_change_once() -> None:
    follower = Follower(Wanted(frozenset({"tools"})))
    task = TaskInfo(task_id="t", status="working")
    later = TaskInfo(task_id="t", status="completed")
    for change in (Change("tools"), Change("tools"), Change("task", task=task), Change("task", task=later)):
        follower.post(change)
    assert await follower.next() == Change("tools")
    assert await follower.next() == Change("task", task=later)
    reading = asyncio.create_task(follower.next())
    await asyncio.sleep(0)
    follower.post(Change("prompts"))
    assert await reading == Change("prompts")
    follower.end()
    follower.end(ConnectionFault("too late"))
    assert await follower.next() is None


async def test_what_came_before_a_fault_is_read_first() -> None:
    follower = Follower(Wanted())
    follower.post(Change("tools"))
    follower.end(ConnectionFault("gone"))
    assert await follower.next() == Change("tools")
    for _ in range(2):
        with pytest.raises(ConnectionFault, match="gone"):
            await follower.next()


async def test_those_who_hear_everything_choose() -> None:
    changes = Changes()
    told: list[Change] = []
    changes.on_change = told.append
    tools, task = Follower(Wanted(frozenset({"tools"}))), Follower(Wanted(task_ids=frozenset({"t"})))
    changes.others.update({tools, task})
    assert changes.take(note("notifications/tools/list_changed"))
    assert changes.take(note("notifications/resources/list_changed"))
    state = {"taskId": "t", "status": "working", "createdAt": "x", "lastUpdatedAt": "y", "ttl": None}
    assert changes.take(note("notifications/tasks/status", **state, pollInterval=500))
    assert not changes.take(note("notifications/message", level="info", data=1))
    changes.end()
    assert await tools.next() == Change("tools")
    assert await tools.next() is None
    change = await task.next()
    assert change is not None
    assert change.task == TaskInfo(
        task_id="t", status="working", created_at="x", updated_at="y", ttl_seconds=None, poll_seconds=0.5
    )
    assert [change.kind for change in told] == ["tools", "resources", "task"]


async def test_only_the_first_acknowledgement_counts() -> None:
    changes = Changes()
    follower = changes.subscribed[3] = Follower(Wanted(frozenset({"tools"})))
    method = "notifications/subscriptions/acknowledged"
    changes.take(note(method, notifications={"toolsListChanged": True}))
    changes.take(note(method, _meta={ID: "3"}, notifications={"toolsListChanged": True}))
    assert not follower.acknowledged.done()
    changes.take(note(method, _meta={ID: 3}, notifications={"toolsListChanged": True, "taskIds": ["t"]}))
    changes.take(note(method, _meta={ID: 3}))
    assert follower.acknowledged.result() == Wanted(frozenset({"tools"}), task_ids=frozenset({"t"}))


async def test_cancelling_what_is_no_subscription_is_not_taken() -> None:
    changes = Changes()
    changes.subscribed[3] = Follower(Wanted())
    assert not changes.take(note("notifications/cancelled", requestId="x"))
    assert not changes.take(note("notifications/cancelled"))
    assert changes.take(note("notifications/cancelled", requestId=3))
    assert await changes.subscribed[3].next() is None


def test_what_others_lack() -> None:
    wanted = Wanted(frozenset({"tools", "prompts"}), frozenset({"a://b"}), frozenset({"t"}))
    assert wanted.without(wanted) == []
    assert wanted.without(Wanted()) == ["the list of prompts", "the list of tools", "a://b", "t"]
    assert not wanted.has(Change("task"))


async def test_changes_do_not_pile_up() -> None:
    follower = Follower(Wanted())
    for number in range(12_000):
        follower.post(Change("resource", f"a://b/{number}"))
    follower.end()
    waiting = [change async for change in taken(follower)]
    assert len(waiting) == 10_000
    assert waiting[-1].uri == "a://b/11999"


async def taken(follower: Follower) -> AsyncIterator[Change]:
    while (change := await follower.next()) is not None:
        yield change
