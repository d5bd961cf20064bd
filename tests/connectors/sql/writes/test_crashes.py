"""A server that is killed at any moment of a write, lost replies, retries: one commit or none, told truly."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg
import httpx2
import pymysql
import pytest

from dragoman import ToolCallError
from tests.connectors.sql.writes.shops import Person, Shop, client
from tests.e2e.conftest import PROGRAM, SECONDS, free_port

STATEMENT: Final = "UPDATE pair SET v = v + 1 WHERE a = 1 AND b = 'x'"
INSERT: Final = "INSERT INTO thing (name) VALUES ('sofa')"


class Process:
    """One server program after the other, all with one secret, on one port."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "log"
        self.target = folder / "dragoman.toml"
        self.target.write_text(
            f'[connectors.shop]\ntype = "sql"\nurl = "{shop.url}"\n'
            'write = "confirm"\nwrite_tables = ["thing", "pair"]\n'
        )
        self._running: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        environment = {**os.environ, "DRAGOMAN_SECRET": "what all the servers of this one test share"}
        with self.log.open("wb") as said:
            self._running = subprocess.Popen(  # noqa: ASYNC220 (it ends with the test)
                [*PROGRAM, "serve", str(self.target), "--port", str(self.port), "--log-level", "warning"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert self._running.poll() is None, self.log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    def kill(self) -> None:
        process, self._running = self._running, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(SECONDS)

    async def post(self, tool: str, arguments: dict[str, Any], **members: Any) -> Any:
        """Call a tool once (2026-07-28)."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        }
        params = {"name": tool, "arguments": arguments, "_meta": meta, **members}
        headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": tool}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with httpx2.AsyncClient(trust_env=False, timeout=SECONDS) as session:
            reply = await session.post(f"http://127.0.0.1:{self.port}/mcp", json=body, headers=headers)
            return reply.json()


@pytest.fixture
def process(shop: Shop, tmp_path: Path) -> Iterator[Process]:
    process = Process(shop, tmp_path)
    yield process
    process.kill()


def yes(asked: Any) -> dict[str, Any]:
    """Return what a retry brings back: the state, and a yes to the question."""
    return {
        "requestState": asked["result"]["requestState"],
        "inputResponses": {
            key: {"action": "accept", "content": {"confirm": True}} for key in asked["result"]["inputRequests"]
        },
    }


def value(shop: Shop) -> float:
    return float(shop.execute("SELECT v FROM pair WHERE a = 1 AND b = 'x'")[0][0])


async def test_killed_between_preview_and_commit(shop: Shop, process: Process) -> None:
    await process.start()
    asked = await process.post("shop_execute", {"statements": STATEMENT})
    process.kill()
    assert value(shop) == 1.5
    await process.start()
    done = await process.post("shop_execute", {"statements": STATEMENT}, **yes(asked))
    assert done["result"]["structuredContent"]["state"] == "done"
    assert value(shop) == 2.5
    assert shop.noted() == 1


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, None])
async def test_killed_in_the_middle_of_the_commit_or_behind_it(
    shop: Shop, process: Process, delay: float | None
) -> None:
    await process.start()
    arguments = {"statements": [STATEMENT, INSERT]}
    asked = await process.post("shop_execute", arguments)
    answer = asyncio.ensure_future(process.post("shop_execute", arguments, **yes(asked)))
    if delay is None:
        while "sofa" not in shop.names():  # noqa: ASYNC110 (another program is waited for)
            await asyncio.sleep(0.001)
    else:
        await asyncio.sleep(delay)
    process.kill()
    await asyncio.wait({answer})  # the reply is lost, whether or not it came
    answer.exception()
    left = value(shop)
    assert (left, "sofa" in shop.names()) in ((1.5, False), (2.5, True)), "all or nothing"
    await process.start()
    again = await process.post("shop_execute", arguments, **yes(asked))
    told = again["result"]["structuredContent"]
    assert told["state"] == ("done" if left == 1.5 else "already done")
    assert told["rows"] == [1, 1]
    assert value(shop) == 2.5
    assert shop.names().count("sofa") == 1
    assert shop.noted() == 1
    # Undoing is of one piece, too.
    undo = {"id": told["id"]}
    asked = await process.post("shop_undo", undo)
    answer = asyncio.ensure_future(process.post("shop_undo", undo, **yes(asked)))
    await asyncio.sleep(delay or 0.02)
    process.kill()
    await asyncio.wait({answer})
    answer.exception()
    left = value(shop)
    assert (left, "sofa" in shop.names()) in ((1.5, False), (2.5, True)), "all or nothing"
    await process.start()
    again = await process.post("shop_undo", undo, **yes(asked))
    assert again["result"]["structuredContent"]["state"] == "undone"
    assert value(shop) == 1.5
    assert "sofa" not in shop.names()


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_a_lost_reply_and_a_call_with_the_same_key(shop: Shop, process: Process, revision: str) -> None:
    await process.start()
    url = f"http://127.0.0.1:{process.port}/mcp"
    call = {"statements": INSERT, "key": "order 12"}

    async def first() -> None:
        async with client(url, Person(), revision) as agent:
            await agent.call_tool("shop_execute", call)

    lost = asyncio.ensure_future(first())
    while "sofa" not in shop.names():  # noqa: ASYNC110 (another program is waited for)
        await asyncio.sleep(0.001)
    process.kill()
    await asyncio.wait({lost}, timeout=SECONDS)
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)
    await process.start()
    person = Person()
    async with client(url, person, revision) as agent:
        again = await agent.call_tool("shop_execute", call)
    assert again.data["state"] == "already done"
    assert again.data["rows"] == [1]
    assert person.asked == []
    assert shop.names().count("sofa") == 1


async def test_a_caller_that_gives_up_leaves_no_doubt(shop: Shop) -> None:
    server = shop.server()
    for n, wait in enumerate((0.0, 0.004, 0.012, 0.05)):
        call = {"statements": f"INSERT INTO pair (a, b) VALUES (50, '{n}')", "key": f"given up {n}"}
        async with client(server, Person()) as agent:
            task = asyncio.ensure_future(agent.call_tool("shop_execute", call))
            await asyncio.sleep(wait)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            again = await agent.call_tool("shop_execute", call)
        assert again.data["state"] in ("done", "already done")
        assert len(shop.execute(f"SELECT 1 FROM pair WHERE a = 50 AND b = '{n}'")) == 1


async def test_somebody_else_holds_the_row(shop: Shop) -> None:
    async with held(shop), client(shop.server(), Person()) as agent:
        began = time.monotonic()
        with pytest.raises(ToolCallError, match="others write"):
            await agent.call_tool("shop_execute", {"statements": STATEMENT})
        assert time.monotonic() - began < 6
    assert value(shop) == 1.5


@contextlib.asynccontextmanager
async def held(shop: Shop) -> AsyncIterator[None]:
    """Hold the row, or for SQLite the file, in a transaction of somebody else's."""
    if shop.engine == "sqlite":
        other = sqlite3.connect(shop.url, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()
        return
    if shop.engine == "postgresql":
        session = await asyncpg.connect(shop.url)
        await session.execute(f"BEGIN; {STATEMENT}")
        try:
            yield
        finally:
            await session.close()
        return
    address = urlsplit(shop.url)
    connection = pymysql.connect(
        host=address.hostname,
        port=address.port,
        user=address.username,
        password=unquote(address.password or ""),
        database=address.path[1:],
    )
    try:
        connection.cursor().execute(STATEMENT)
        yield
    finally:
        connection.close()
