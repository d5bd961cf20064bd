"""Two servers that serve together, in one process for the test."""

import asyncio
from functools import partial

import pytest

from dragoman import MemoryTasks, Server, UsageError
from dragoman.server import watch
from dragoman.server.ask import UsedStates
from dragoman.server.together import check_shared, join
from dragoman.server.watch import Change, Subscriber
from dragoman.store.bus import MemoryBus

SECRET = "a secret that all processes of this test share"


def keep(heard: list[tuple[int, Change]], number: int, change: Change) -> None:
    heard.append((number, change))


async def test_a_change_reaches_the_subscribers_of_all_and_used_states_are_one() -> None:
    bus, used = MemoryBus("test"), UsedStates()
    servers = [Server("x", secrets=[SECRET]) for _ in range(3)]
    heard: list[tuple[int, Change]] = []
    subscribers: list[Subscriber] = []
    for number, server in enumerate(servers):
        join(server, bus.place(), used)
        subscriber = Subscriber([watch.TOOLS], ["note://x"])
        server.changes.add(subscriber)
        subscribers.append(subscriber)
        server.changes.forwards.append(partial(keep, heard, number))
    servers[0].notify_resource_updated("note://x")
    servers[1].changes.post(Change(watch.TOOLS))
    await asyncio.sleep(0.01)
    for subscriber in subscribers:
        assert set(subscriber.take()) == {Change(watch.UPDATED, "note://x"), Change(watch.TOOLS)}
    assert sorted(heard) == sorted(
        (n, c) for n in range(3) for c in (Change(watch.UPDATED, "note://x"), Change(watch.TOOLS))
    )
    assert servers[0].used_states.use("nonce", 1e12)
    assert not servers[2].used_states.use("nonce", 1e12)


def test_what_works_in_one_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAGOMAN_SECRET", raising=False)
    with pytest.raises(UsageError, match="Several processes need one secret"):
        check_shared(Server("x"))
    server = Server("x", secrets=[SECRET], tasks=MemoryTasks())
    check_shared(server)

    @server.tool(task="optional")
    async def long() -> str:
        return "done"

    with pytest.raises(UsageError, match=r"x keeps its tasks in the memory of one process.*SqliteTasks"):
        check_shared(server)
