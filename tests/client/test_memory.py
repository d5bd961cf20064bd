"""The memory wire: no task, no queue, and an end that takes the server along."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import pytest

from dragoman import Client, Server
from dragoman.client.listener import Listener
from dragoman.client.memory import MemoryWire
from dragoman.client.wire import Call
from dragoman.errors import ConnectionFault, UsageError
from tests.client.shop import make_shop


def test_only_servers_will_do() -> None:
    with pytest.raises(UsageError, match=r"not to object\."):
        MemoryWire(object(), Listener(None))


async def test_the_server_runs_as_long_as_the_client() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(server: Server) -> AsyncIterator[str]:
        events.append("start")
        yield "state"
        events.append("end")

    server = Server("x", lifespan=lifespan)
    async with Client(server), Client(server):
        assert events == ["start"]
    assert events == ["start", "end"]


async def test_a_wire_that_is_not_open() -> None:
    wire = MemoryWire(make_shop(), Listener(None))
    with pytest.raises(ConnectionFault, match="closed"):
        await wire.exchange(Call(1, "ping", {}, b"{}", {}))
    with pytest.raises(ConnectionFault, match="closed"):
        await wire.notify("x", b"{}")
    await wire.close()


async def test_a_restart_is_a_new_connection() -> None:
    wire = MemoryWire(make_shop(), Listener(None))
    await wire.open()
    await wire.restart()
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    assert (await wire.exchange(Call(1, "ping", {}, body, {}))).id == 1
    with pytest.raises(ConnectionFault, match="took x for a notification"):
        await wire.exchange(Call(1, "x", {}, b'{"jsonrpc":"2.0","method":"x"}', {}))
    await wire.listen()
    await wire.close()


async def test_a_call_runs_in_the_callers_task() -> None:
    server = Server("x")
    tasks: list[Any] = []

    @server.tool
    async def whose() -> str:
        tasks.append(asyncio.current_task())
        return "done"

    async with Client(server) as client:
        await client.call_tool("whose")
    assert tasks == [asyncio.current_task()]


async def test_a_call_costs_few_frames_of_the_client() -> None:
    entered: list[str] = []

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and "/dragoman/client/" in frame.f_code.co_filename.replace("\\", "/"):
            entered.append(frame.f_code.co_qualname)

    async with Client(make_shop()) as client:
        await client.call_tool("add", {"a": 1, "b": 2})
        sys.setprofile(profile)
        try:
            await client.call_tool("add", {"a": 1, "b": 2})
        finally:
            sys.setprofile(None)
    assert len(entered) <= 13, entered
