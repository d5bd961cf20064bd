"""One signal behind every notification of a change."""

import asyncio

import pytest

from dragoman import Server
from dragoman.server.watch import PROMPTS, RESOURCES, TOOLS, UPDATED, Change, Changes, Subscriber
from tests.server.clients import Talker, settle


def told(subscriber: Subscriber) -> list[Change]:
    return subscriber.take()


async def test_a_subscriber_hears_what_it_wants_only() -> None:
    changes = Changes()
    subscriber = Subscriber([TOOLS], ["a://1"])
    changes.add(subscriber)
    for change in (
        Change(TOOLS),
        Change(PROMPTS),
        Change(RESOURCES),
        Change(UPDATED, "a://1"),
        Change(UPDATED, "a://2"),
        Change(UPDATED),
    ):
        changes.post(change)
    await settle()
    assert told(subscriber) == [Change(TOOLS), Change(UPDATED, "a://1")]
    assert told(subscriber) == []


def test_the_parameters_of_a_change() -> None:
    assert Change(TOOLS).params() == {}
    assert Change(UPDATED, "a://1").params() == {"uri": "a://1"}


async def test_a_change_is_held_once_until_it_is_told() -> None:
    changes = Changes()
    subscriber = Subscriber([TOOLS, PROMPTS])
    changes.add(subscriber)
    for _ in range(5):
        changes.post(Change(TOOLS))
        changes.post(Change(PROMPTS))
        await settle()
    assert told(subscriber) == [Change(TOOLS), Change(PROMPTS)]
    changes.post(Change(TOOLS))
    await settle()
    assert told(subscriber) == [Change(TOOLS)], "what was told may be told again"


async def test_a_change_that_is_posted_often_is_spread_once() -> None:
    class Counting(Subscriber):
        asked = 0

        def wants(self, change: Change) -> bool:
            self.asked += 1
            return super().wants(change)

    changes, subscriber = Changes(), Counting([TOOLS])
    changes.add(subscriber)
    for _ in range(1000):
        changes.post(Change(TOOLS))
    await settle()
    assert subscriber.asked == 1


async def test_who_left_hears_nothing() -> None:
    changes = Changes()
    subscriber = Subscriber([TOOLS])
    changes.add(subscriber)
    changes.remove(subscriber)
    changes.remove(subscriber)
    changes.post(Change(TOOLS))
    await settle()
    assert told(subscriber) == []
    assert len(changes) == 0


def test_without_subscribers_or_loop_nothing_happens() -> None:
    changes = Changes()
    changes.post(Change(TOOLS))
    changes.end_all()


async def test_what_is_waited_for_is_told_as_it_comes_until_the_end() -> None:
    changes, seen = Changes(), asyncio.Queue[Change]()
    subscriber = Subscriber([TOOLS], ["a://1"])
    changes.add(subscriber)
    task = asyncio.create_task(subscriber.changes(seen.put))
    await settle()
    changes.post(Change(TOOLS))
    assert await seen.get() == Change(TOOLS)
    changes.post(Change(UPDATED, "a://1"))
    changes.post(Change(TOOLS))
    assert [await seen.get(), await seen.get()] == [Change(UPDATED, "a://1"), Change(TOOLS)]
    assert not task.done()
    changes.end_all()
    await asyncio.wait_for(task, 5)


async def test_who_tells_learns_that_it_rested() -> None:
    seen: list[str] = []
    subscriber = Subscriber([TOOLS])

    async def tell(change: Change) -> None:
        seen.append(change.method)

    subscriber.post(Change(TOOLS))
    subscriber.post(Change(UPDATED, "a://1"))
    task = asyncio.create_task(subscriber.changes(tell, lambda: seen.append("rested")))
    await settle()
    assert seen == [TOOLS, UPDATED]
    subscriber.post(Change(TOOLS))
    await settle()
    assert seen[2:] == ["rested", TOOLS]
    subscriber.end()
    await asyncio.wait_for(task, 5)


async def test_what_needs_no_waiting_is_told_at_once_and_in_its_order() -> None:
    seen: list[str] = []
    subscriber, ready = Subscriber([TOOLS]), [True]

    async def tell(change: Change) -> None:
        seen.append(f"woken for {change.uri}")

    def tell_now(change: Change) -> bool:
        if ready[0]:
            seen.append(change.uri)
        return ready[0]

    task = asyncio.create_task(subscriber.changes(tell, tell_now=tell_now))
    await settle()
    subscriber.post(Change(UPDATED, "a://1"))
    assert seen == ["a://1"]
    ready[0] = False
    subscriber.post(Change(UPDATED, "a://2"))
    ready[0] = True
    subscriber.post(Change(UPDATED, "a://3"))
    assert seen == ["a://1"], "what waits is told first"
    await settle()
    assert seen[1:] == ["woken for a://2", "woken for a://3"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    subscriber.post(Change(UPDATED, "a://4"))
    assert len(seen) == 3, "nobody listens any more"


async def test_what_came_before_the_end_is_told_before_it() -> None:
    seen: list[Change] = []
    subscriber = Subscriber([TOOLS])

    async def tell(change: Change) -> None:
        await asyncio.sleep(0)
        seen.append(change)

    subscriber.post(Change(TOOLS))
    subscriber.end()
    await subscriber.changes(tell)
    assert seen == [Change(TOOLS)]


async def test_a_slow_listener_is_told_the_latest_once() -> None:
    changes, seen, gate = Changes(), [], asyncio.Event()
    subscriber = Subscriber([TOOLS])
    changes.add(subscriber)

    async def tell(change: Change) -> None:
        await gate.wait()
        seen.append(change)

    task = asyncio.create_task(subscriber.changes(tell))
    for _ in range(10):
        changes.post(Change(TOOLS))
        await settle(3)
    gate.set()
    await settle()
    assert 1 <= len(seen) <= 2, "one on its way and at most one more"
    task.cancel()


async def test_a_cancelled_wait_can_begin_again() -> None:
    subscriber, seen = Subscriber([TOOLS]), asyncio.Queue[Change]()
    task = asyncio.create_task(subscriber.changes(seen.put))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    subscriber.post(Change(TOOLS))
    again = asyncio.create_task(subscriber.changes(seen.put))
    assert await seen.get() == Change(TOOLS)
    subscriber.end()
    await again


def test_who_is_woken_instead_of_waiting() -> None:
    calls: list[str] = []
    subscriber = Subscriber([TOOLS], woken=lambda: calls.append("woken"))
    subscriber.post(Change(TOOLS))
    subscriber.end()
    assert calls == ["woken", "woken"]
    Subscriber([TOOLS]).post(Change(TOOLS))


async def test_threads_may_post() -> None:
    changes = Changes()
    subscriber = Subscriber((), [f"a://{number}" for number in range(40)])
    changes.add(subscriber)

    def post(start: int) -> None:
        for number in range(start, 40, 4):
            changes.post(Change(UPDATED, f"a://{number}"))

    await asyncio.gather(*(asyncio.to_thread(post, start) for start in range(4)))
    await settle(50)
    assert sorted(told(subscriber)) == sorted(Change(UPDATED, f"a://{number}") for number in range(40))


def test_a_closed_loop_hears_nothing_and_the_next_one_does() -> None:
    changes, subscriber = Changes(), Subscriber([TOOLS])

    async def add() -> None:
        changes.add(subscriber)

    async def late() -> list[Change]:
        changes.add(subscriber)
        changes.post(Change(TOOLS))
        await settle()
        return told(subscriber)

    asyncio.run(add())
    changes.post(Change(TOOLS))
    changes.post(Change(TOOLS))
    assert told(subscriber) == []
    assert asyncio.run(late()) == [Change(TOOLS)]


def test_what_a_loop_did_not_get_to_does_not_silence_the_next() -> None:
    changes, subscriber = Changes(), Subscriber([TOOLS])

    async def leave() -> None:
        changes.add(subscriber)
        changes.post(Change(TOOLS))

    async def come() -> list[Change]:
        changes.add(subscriber)
        changes.post(Change(TOOLS))
        await settle()
        return told(subscriber)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    assert asyncio.run(come()) == [Change(TOOLS)]


async def test_ten_thousand_subscribers_do_not_delay_a_call() -> None:
    server = Server("watch")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    asked = 0

    class Counting(Subscriber):
        def wants(self, change: Change) -> bool:
            nonlocal asked
            asked += 1
            return super().wants(change)

    subscribers = [Counting([TOOLS]) for _ in range(10_000)]
    for subscriber in subscribers:
        server.changes.add(subscriber)
    server.add_tool(add, name="more")
    await asyncio.sleep(0)
    before = asked
    assert 0 < before < 1000, "the first portion only"
    assert await Talker(server).text("add", {"a": 1, "b": 2}) == "3"
    assert asked - before < 1000, "a call waits for no more than a portion in each turn of the loop"
    while asked < 10_000:
        before = asked
        await asyncio.sleep(0)
        assert asked - before <= 256
    assert all(subscriber.take() == [Change(TOOLS)] for subscriber in subscribers)


async def test_a_mounted_servers_changes_reach_the_outer() -> None:
    inner, outer = Changes(), Changes()
    inner.forwards.append(outer.post)
    subscriber = Subscriber([TOOLS])
    outer.add(subscriber)
    inner.post(Change(TOOLS))
    await settle()
    assert told(subscriber) == [Change(TOOLS)]
