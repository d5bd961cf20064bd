"""The three wires a transcript is played on: they carry the same, and a failure on one is a failure of the test."""

import asyncio
import os
from typing import Any

import pytest

from dragoman import Context, Server
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, Revision
from dragoman.testing.lines import decoded, open_line
from dragoman.testing.transcript import WIRES, Wire
from tests.transports.peers import HELLO, call, request


def make_server() -> Server:
    server = Server("lines")

    @server.tool
    async def count(context: Context) -> int:
        await context.progress(1)
        return 3

    @server.tool
    async def large() -> str:
        return "x" * 1_000_000

    @server.tool
    async def hang() -> None:
        await asyncio.Event().wait()

    return server


@pytest.mark.parametrize("wire", WIRES)
async def test_what_comes_is_received_in_order(wire: Wire) -> None:
    async with open_line(wire, make_server(), LATEST_MODERN) as line:
        line.send(call("count", token=1))
        assert (await line.receive())["method"] == "notifications/progress"
        assert (await line.receive())["result"]["structuredContent"] == 3
        line.send(b"no json")
        assert (await line.receive())["error"]["code"] == -32700
        line.send(call("count", request_id=2))
    assert [message["id"] for message in line.unread()] == [2]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_session_of_an_older_revision(wire: Wire) -> None:
    async with open_line(wire, make_server(), LATEST_LEGACY) as line:
        line.send(request("initialize", HELLO))
        assert (await line.receive())["result"]["protocolVersion"] == LATEST_LEGACY.name
        line.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        line.send(request("ping", request_id=2))
        assert (await line.receive())["result"] == {}


@pytest.mark.parametrize("wire", WIRES)
async def test_a_test_that_fails_leaves_nothing_behind(wire: Wire) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a glance
    with pytest.raises(KeyError):
        await fail_in_the_middle(wire)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def fail_in_the_middle(wire: Wire) -> None:
    async with open_line(wire, make_server(), LATEST_MODERN) as line:
        line.send(call("hang"))
        await asyncio.sleep(0.05)
        raise KeyError


async def test_what_is_still_unread_at_the_end_is_taken() -> None:
    async with open_line("stdio", make_server(), LATEST_MODERN) as line:
        line.send(call("large"))
    assert len(line.unread()[0]["result"]["content"][0]["text"]) == 1_000_000


async def test_what_http_refuses_in_plain_words_fails_the_test() -> None:
    async with open_line("http", make_server(), LATEST_LEGACY) as line:
        line.send(b"x" * (5 * 2**20))
        with pytest.raises(AssertionError, match="HTTP 413"):
            await line.receive()
        line._tasks.clear()  # noqa: SLF001 - it has failed already


@pytest.mark.parametrize(
    ("body", "message"), [(b'{"a": 1}', {"a": 1}), (b"[]", {}), (b"{", {}), (b"\xff", {}), (b"5", {})]
)
def test_decoded(body: bytes, message: Any) -> None:
    assert decoded(body) == message


def test_revisions_are_told_apart() -> None:
    assert isinstance(LATEST_MODERN, Revision)
    assert LATEST_MODERN.modern
    assert not LATEST_LEGACY.modern
