"""One channel shared by all requests: eras beside each other, ids, batches, and what a function may raise."""

import asyncio
import json
import logging
from typing import Any

import pytest

from dragoman import Context
from dragoman.protocol import jsonrpc
from dragoman.testing import assert_canonical_error
from dragoman.transports.connection import Connection
from tests.transports.endpoint import House, notification
from tests.transports.peers import HELLO, META, call, request

VERSION = "io.modelcontextprotocol/protocolVersion"


class Peer:
    """The client of a connection."""

    def __init__(self, house: House, slots: int = 0) -> None:
        self.heard: list[Any] = []
        self.connection = Connection(house.server, self._hear, slots=asyncio.Semaphore(slots) if slots else None)

    async def _hear(self, message: bytes) -> None:
        self.heard.append(json.loads(message))

    async def say(self, message: bytes) -> Any:
        reply = await self.connection.answer(message)
        return None if reply is None else json.loads(reply)

    async def agree(self, version: str = "2025-11-25") -> "Peer":
        reply = await self.say(request("initialize", HELLO | {"protocolVersion": version}))
        assert reply["result"]["protocolVersion"] == version
        return self


async def test_each_request_has_its_own_era() -> None:
    peer = await Peer(House()).agree()
    modern = await peer.say(call("add", a=1, b=2))
    older = await peer.say(call("add", modern=False, a=1, b=2))
    assert modern["result"]["resultType"] == "complete"
    assert "resultType" not in older["result"]


async def test_metadata_does_not_last() -> None:
    peer = Peer(House())
    assert "result" in await peer.say(call("add", a=1, b=2))
    assert_canonical_error(await peer.say(call("add", modern=False, a=1, b=2)), code=-32602, request_id=1)


async def test_before_the_handshake_only_a_ping_is_answered() -> None:
    peer = Peer(House())
    assert "result" in await peer.say(request("ping"))
    assert_canonical_error(await peer.say(request("tools/list")), code=-32602)


async def test_the_field_in_an_argument_makes_no_request_modern() -> None:
    peer = await Peer(House()).agree()
    hidden = {"level": "debug", "note": {VERSION: "2026-07-28"}}
    assert (await peer.say(request("logging/setLevel", hidden)))["result"] == {}
    assert (await peer.say(request("ping", {"x": {VERSION: 1}})))["result"] == {}
    reply = await peer.say(request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}, "x": {VERSION: "y"}}))
    assert reply["result"]["content"][0]["text"] == "3"


async def test_a_modern_request_for_an_older_method_is_refused_in_modern_words() -> None:
    peer = await Peer(House()).agree()
    reply = await peer.say(request("ping", {"_meta": META}))
    assert_canonical_error(reply, code=-32601)
    assert "2026-07-28" in reply["error"]["message"]


@pytest.mark.parametrize("meta", [{VERSION: "2031-01-01"}, {VERSION: "2026-07-28"}, {VERSION: 5}])
async def test_metadata_that_is_wrong(meta: Any) -> None:
    reply = await Peer(House()).say(request("tools/list", {"_meta": meta}))
    assert reply["error"]["code"] in (-32022, -32602)


async def test_a_new_handshake_changes_the_version() -> None:
    peer = await Peer(House()).agree("2024-11-05")
    await peer.agree("2025-06-18")
    assert peer.connection.session.revision.name == "2025-06-18"


async def test_a_handshake_is_kept_and_therefore_small() -> None:
    peer = Peer(House())
    reply = await peer.say(request("initialize", HELLO | {"capabilities": {"x": "y" * 70_000}}))
    assert_canonical_error(reply, code=-32602, request_id=1)
    assert peer.connection.agreed is None


async def test_two_requests_with_one_id() -> None:
    house = House()
    peer = Peer(house)
    first = asyncio.create_task(peer.say(call("slow", request_id=7, name="x", seconds=0.05)))
    await house.wait_for("x", "running")
    assert_canonical_error(await peer.say(call("add", request_id=7, a=1, b=2)), code=-32600, request_id=7)
    assert "result" in await peer.say(call("add", request_id="7", a=1, b=2))
    assert "result" in await first
    assert "result" in await peer.say(call("add", request_id=7, a=1, b=2))


async def test_a_request_that_is_taken_back_has_no_answer_and_leaves_the_task_alive() -> None:
    house = House()
    peer = Peer(house)
    for tool, state in (("slow", "cancelled"), ("stubborn", "held back")):

        async def caller(tool: str = tool) -> int:
            assert await peer.say(call(tool, request_id=1, name=tool)) is None
            task = asyncio.current_task()
            assert task is not None
            return task.cancelling()

        task = asyncio.create_task(caller())
        await house.wait_for(tool, "running")
        assert await peer.say(notification("notifications/cancelled", requestId=1)) is None
        assert await task == 0
        assert house.became[tool] == state


async def test_a_failure_of_a_request_that_is_taken_back_is_not_told() -> None:
    house = House()

    @house.server.resource("house://slow")
    async def slow() -> str:
        house.became["read"] = "running"
        try:
            await asyncio.sleep(30)
        finally:
            message = "worse"
            raise RuntimeError(message)

    peer = Peer(house)
    task = asyncio.create_task(peer.say(request("resources/read", {"uri": "house://slow", "_meta": META})))
    await house.wait_for("read", "running")
    await peer.say(notification("notifications/cancelled", requestId=1))
    assert await task is None


async def test_a_caller_that_is_cancelled_is_cancelled() -> None:
    house = House()
    task = asyncio.create_task(Peer(house).say(call("slow", name="x")))
    await house.wait_for("x", "running")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert house.became["x"] == "cancelled"


@pytest.mark.parametrize("tool", ["own_cancel", "leave", "crash"])
async def test_whatever_a_function_raises_is_answered(tool: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL):
        reply = await Peer(House()).say(call(tool))
    assert "Internal error" in json.dumps(reply)


async def test_nothing_is_sent_after_the_answer() -> None:
    house = House()
    peer = Peer(house)
    await peer.say(call("keep", token=1))
    assert len(peer.heard) == 1
    await house.contexts[0].progress(2)
    assert len(peer.heard) == 1


async def test_subscribing_is_for_the_connection() -> None:
    house = House()
    peer = await Peer(house).agree()
    assert (await peer.say(request("resources/subscribe", {"uri": "house://key"})))["result"] == {}
    house.server.notify_resource_updated("house://key")
    await asyncio.sleep(0.01)
    assert peer.heard[0]["params"] == {"uri": "house://key"}


async def test_slots_are_for_functions() -> None:
    house = House()
    peer = await Peer(house, slots=1).agree()
    first = asyncio.create_task(peer.say(call("slow", request_id=1, name="x", seconds=0.1)))
    await house.wait_for("x", "running")
    second = asyncio.create_task(peer.say(call("add", request_id=2, a=1, b=2)))
    assert "result" in await peer.say(request("ping", request_id=3))
    assert "result" in await peer.say(request("tools/list", request_id=4))
    assert not second.done()
    assert "result" in await first
    assert "result" in await second


async def test_batches_only_where_the_version_has_them() -> None:
    house = House()
    body = b" [" + request("ping", request_id=1) + b"," + request("ping", request_id=2) + b"]"
    assert_canonical_error(await Peer(house).say(body), code=-32600)
    for version in ("2024-11-05", "2025-06-18", "2025-11-25"):
        assert_canonical_error(await (await Peer(house).agree(version)).say(body), code=-32600)
    peer = await Peer(house).agree("2025-03-26")
    assert [message["id"] for message in await peer.say(body)] == [1, 2]


async def test_what_is_wrong_with_a_batch() -> None:
    peer = await Peer(House()).agree("2025-03-26")
    assert_canonical_error(await peer.say(b"[]"), code=-32600)
    assert_canonical_error(await peer.say(b"[1,"), code=-32700)
    assert_canonical_error(await peer.say(b"[" + b",".join([request("ping")] * 51) + b"]"), code=-32600)
    nested = await peer.say(b"[[" + request("ping") + b"]," + request("initialize", HELLO) + b"]")
    assert [message["error"]["code"] for message in nested] == [-32600, -32600]
    assert await peer.say(b"[" + notification("notifications/made_up") + b"]") is None


async def test_a_part_of_a_batch_is_taken_back() -> None:
    house = House()
    peer = await Peer(house).agree("2025-03-26")
    parts = (call("slow", modern=False, request_id=1, name="x"), request("ping", request_id=2))
    task = asyncio.create_task(peer.say(b"[" + b",".join(parts) + b"]"))
    await house.wait_for("x", "running")
    await peer.say(notification("notifications/cancelled", requestId=1))
    assert [message["id"] for message in await task] == [2]


async def test_changes_are_told_after_the_handshake_only() -> None:
    house = House()
    before, after = Peer(house), await Peer(house).agree()
    house.server.remove_tool("crash")
    await asyncio.sleep(0.01)
    assert before.heard == []
    assert [message["method"] for message in after.heard] == ["notifications/tools/list_changed"]
    after.connection.close()
    house.server.remove_tool("leave")
    await asyncio.sleep(0.01)
    assert len(after.heard) == 1


async def test_a_connection_that_closes_while_it_tells() -> None:
    house = House()
    peer = await Peer(house).agree()
    held = asyncio.Event()

    async def hold(message: bytes) -> None:
        await held.wait()

    peer.connection.write = hold
    house.server.remove_tool("crash")
    await asyncio.sleep(0.01)
    peer.connection.close()
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_takes_everything_back() -> None:
    house = House()
    peer = Peer(house)
    task = asyncio.create_task(peer.say(call("slow", name="x")))
    await house.wait_for("x", "running")
    peer.connection.close()
    assert await task is None
    assert house.became["x"] == "cancelled"


async def test_a_tool_asks_the_client_on_the_same_channel() -> None:
    house = House(question_seconds=0.2)

    @house.server.tool
    async def sure(context: Context) -> str:
        return "yes" if await context.confirm("Sure?") else "no"

    @house.server.tool
    async def level(context: Context) -> str:
        return context.revision

    peer = Peer(house)
    hello = HELLO | {"capabilities": {"elicitation": {}}}
    await peer.say(request("initialize", hello))
    task = asyncio.create_task(peer.say(call("sure", modern=False, request_id=5)))
    async with asyncio.timeout(3):
        while not peer.heard:  # noqa: ASYNC110 - the peer is as simple as a client
            await asyncio.sleep(0.005)
    question = peer.heard[0]
    assert question["method"] == "elicitation/create"
    answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}}
    assert await peer.say(jsonrpc.encode(answer)) is None
    assert await peer.say(jsonrpc.encode(answer)) is None
    assert "result" in await task
    late = await peer.say(call("sure", modern=False, request_id=6))
    assert late["result"]["isError"] is True
