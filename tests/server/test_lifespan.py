"""Starting and ending a server."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dragoman import Connector, Server, UsageError
from dragoman.store.sqlite import SqliteTasks
from dragoman.store.tasks import TaskRecord
from tests.server.clients import Talker, settle


class Traced(Connector):
    """Says when it starts and closes; perhaps fails."""

    def __init__(self, name: str, log: list[str], *, start: bool = True, close: bool = True) -> None:
        super().__init__(name)
        self.log, self._start, self._close = log, start, close

    def attach(self, server: Server) -> None:
        """Add nothing."""

    async def start(self) -> None:
        self.log.append(f"start {self.name}")
        if not self._start:
            raise OSError(f"{self.name} cannot start")

    async def close(self) -> None:
        self.log.append(f"close {self.name}")
        if not self._close:
            raise OSError(f"{self.name} cannot close")


def traced(log: list[str], name: str = "server", gate: asyncio.Event | None = None) -> Server:
    @asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[dict[str, Any]]:
        log.append(f"enter {name}")
        if gate is not None:
            await gate.wait()
        try:
            yield {"of": server.info.name}
        finally:
            log.append(f"leave {name}")

    return Server(name, lifespan=lifespan)


async def test_the_lifespan_then_what_is_mounted_then_connectors_and_back() -> None:
    log: list[str] = []
    server, inner = traced(log), traced(log, "inner")
    inner.connect(Traced("c", log))
    server.mount(inner)
    server.connect(Traced("a", log))
    server.connect(Traced("b", log))
    async with server as entered:
        assert entered is server
        assert server.state == {"of": "server"}
        assert log == ["enter server", "enter inner", "start c", "start a", "start b"]
        log.clear()
    assert log == ["close b", "close a", "close c", "leave inner", "leave server"]
    assert server.state is None


async def test_a_server_without_anything_starts_and_ends() -> None:
    async with Server("plain") as server:
        assert server.state is None
        assert await Talker(server).send("server/discover")


async def test_two_transports_share_one_life() -> None:
    log: list[str] = []
    server = traced(log)
    await server.start()
    await server.start()
    await server.close()
    assert (log, server.state) == (["enter server"], {"of": "server"})
    await server.close()
    assert (log, server.state) == (["enter server", "leave server"], None)


async def test_the_second_transport_waits_until_the_first_has_started() -> None:
    log: list[str] = []
    gate = asyncio.Event()
    server = traced(log, gate=gate)
    first, second = asyncio.create_task(server.start()), asyncio.create_task(server.start())
    await settle()
    assert not first.done()
    assert not second.done()
    gate.set()
    await asyncio.gather(first, second)
    assert log == ["enter server"]
    await server.close()
    await server.close()
    assert log == ["enter server", "leave server"]


async def test_a_server_can_start_again_and_more_closes_than_starts_do_nothing() -> None:
    log: list[str] = []
    server = traced(log)
    await server.close()
    for _ in range(2):
        async with server:
            pass
        await server.close()
    assert log == ["enter server", "leave server"] * 2


async def test_a_failing_start_closes_what_was_opened_and_can_be_tried_again() -> None:
    log: list[str] = []
    server = traced(log)
    server.connect(Traced("a", log))
    bad = Traced("b", log, start=False)
    server.connect(bad)
    server.connect(Traced("c", log))
    with pytest.raises(OSError, match="b cannot start"):
        await server.start()
    assert log == ["enter server", "start a", "start b", "close b", "close a", "leave server"]
    assert server.state is None
    bad._start = True  # noqa: SLF001 - the backend is there now
    log.clear()
    async with server:
        assert log == ["enter server", "start a", "start b", "start c"]


async def test_when_the_first_start_fails_the_second_tries_itself() -> None:
    log: list[str] = []
    gate = asyncio.Event()
    server = traced(log, gate=gate)
    bad = Traced("b", log, start=False)
    server.connect(bad)
    outcomes = asyncio.gather(server.start(), server.start(), return_exceptions=True)
    await settle()
    gate.set()
    assert [type(outcome) for outcome in await outcomes] == [OSError, OSError]
    assert log == ["enter server", "start b", "close b", "leave server"] * 2
    bad._start = True  # noqa: SLF001 - the backend is there now
    async with server:
        assert server.state == {"of": "server"}


async def test_a_lifespan_that_fails_leaves_nothing() -> None:
    @asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[None]:
        if server.state is None:
            raise OSError("no database")
        yield

    server = Server("server", lifespan=lifespan)
    with pytest.raises(OSError, match="no database"):
        await server.start()
    assert server.state is None


async def test_a_cancelled_start_closes_what_was_opened() -> None:
    log: list[str] = []
    server = Server("server")
    server.connect(Traced("a", log))
    gate = asyncio.Event()

    class Slow(Traced):
        async def start(self) -> None:
            await gate.wait()

    server.connect(Slow("slow", log))
    task = asyncio.create_task(server.start())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["start a", "close slow", "close a"]


async def test_a_failing_close_does_not_keep_the_others_open() -> None:
    log: list[str] = []
    server = traced(log)
    for name in "abc":
        server.connect(Traced(name, log, close=name != "b"))
    await server.start()
    with pytest.raises(OSError, match="b cannot close"):
        await server.close()
    assert log[-4:] == ["close c", "close b", "close a", "leave server"]
    assert server.state is None


async def test_the_end_of_a_server_ends_its_subscriptions() -> None:
    server = Server("server")
    server.add_tool(settle, name="x")
    async with server:
        listen = Talker(server).send("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        task = asyncio.create_task(listen)
        await settle()
    assert (await asyncio.wait_for(task, 5))["result"]["resultType"] == "complete"


async def test_threads_are_let_go_with_the_server() -> None:
    server = Server("server")
    threads: list[threading.Thread] = []
    server.add_tool(lambda: threads.append(threading.current_thread()), name="x")
    async with server:
        await Talker(server).call("x")
    (thread,) = threads
    thread.join(5)
    assert not thread.is_alive()


async def test_a_tool_whose_user_interface_is_missing_keeps_the_server_from_starting() -> None:
    log: list[str] = []
    server = traced(log)
    server.add_tool(settle, name="x", ui="ui://missing/view.html")
    with pytest.raises(UsageError, match=r"tool 'x' has ui='ui://missing/view\.html', and nothing is there"):
        await server.start()
    assert log == ["enter server", "leave server"]


async def test_tasks_of_processes_that_are_gone_are_marked_at_the_start(tmp_path: Path) -> None:
    store = SqliteTasks(tmp_path / "tasks.sqlite3")
    begun = time.time() - 3600
    store.save(TaskRecord("t-1", "ada", "x", "working", "", begun, begun, None, worker="elsewhere:1:x", seen=begun))
    server = Server("server", tasks=store)
    server.add_tool(settle, name="x", task="optional")
    async with server:
        record = store.load("t-1")
        assert record is not None
        assert record.status == "failed"
