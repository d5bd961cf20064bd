"""Following changes: a real server on every wire and in both eras, and what only strange servers do."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dragoman import Change, Client, ConnectionFault, RequestTimeout, ServerFault, Subscription
from dragoman.client.changes import Wanted
from tests.client.conftest import Reach
from tests.client.peers import (
    DISCOVERED,
    Chunks,
    Reply,
    Sent,
    error,
    event,
    events,
    http_peer,
    legacy,
    modern,
    notification,
    program,
    response,
    result,
    streaming,
)

BOARD = "desk://board"
era = pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25", "2024-11-05"])
ID = "io.modelcontextprotocol/subscriptionId"
QUIET: list[str] = []


async def first(changes: AsyncIterator[Change], number: int) -> list[Change]:
    """So many changes, sorted."""
    async with asyncio.timeout(10):
        return sorted([await anext(changes) for _ in range(number)], key=lambda change: change.key)


@era
async def test_changes_come_while_somebody_listens(reach: Reach, revision: str) -> None:
    async with reach(revision=revision) as client:
        async with client.listen(tools=True, uris=[BOARD]) as changes:
            assert changes.agreed == Wanted(frozenset({"tools"}), frozenset({BOARD}))
            await client.call_tool("change")
            assert await first(changes, 2) == [Change("resource", BOARD), Change("tools")]
        assert "added" in [tool.name for tool in await client.list_tools()]
        with pytest.raises(StopAsyncIteration):
            await anext(changes)


@era
async def test_each_hears_what_it_wants(reach: Reach, revision: str) -> None:
    async with (
        reach(revision=revision) as client,
        client.listen(tools=True) as tools,
        client.listen(uris=[BOARD]) as board,
        client.listen(prompts=True, uris=[BOARD]) as both,
    ):
        await client.call_tool("change")
        assert await first(tools, 1) == [Change("tools")]
        assert await first(board, 1) == [Change("resource", BOARD)]
        assert await first(both, 1) == [Change("resource", BOARD)]


async def test_tasks_are_followed(reach: Reach) -> None:
    async with reach() as client:
        task = await client.start_task("work")
        assert task.task_id is not None
        async with client.listen(task_ids=[task.task_id]) as changes:
            assert changes.agreed.task_ids == {task.task_id}
            async with asyncio.timeout(10):
                async for change in changes:
                    assert change.task is not None
                    if change.task.ended:
                        break
        assert change == Change("task", task=await task.status())


async def test_what_the_server_does_not_tell_of(reach: Reach, caplog: pytest.LogCaptureFixture) -> None:
    async with reach() as client, client.listen(uris=["desk://nothing", BOARD]) as changes:
        assert changes.agreed.uris == {BOARD}
    assert "does not tell when these change: desk://nothing" in caplog.text


async def test_the_end_of_the_client_ends_the_following(reach: Reach) -> None:
    async with reach() as client:
        changes = client.listen(tools=True)
        await changes.__aenter__()
    with pytest.raises(ConnectionFault, match=r"closed|ended"):
        await first(changes, 1)
    await changes.__aexit__(None, None, None)


def acknowledged(request_id: int, **agreed: Any) -> dict[str, Any]:
    method = "notifications/subscriptions/acknowledged"
    return notification(method, _meta={ID: request_id}, notifications=agreed)


async def test_the_request_and_its_stream() -> None:
    async def script(sent: Sent) -> Reply:
        number = sent.message["id"]
        return events(
            acknowledged(number, toolsListChanged=True, resourceSubscriptions=["a://b"]),
            notification("notifications/tools/list_changed", _meta={ID: number + 1}),
            notification("notifications/prompts/list_changed", _meta={ID: number}),
            notification("notifications/resources/updated", _meta={ID: number}),
            notification("notifications/resources/updated", _meta={ID: number}, uri="a://b/part"),
            notification("notifications/resources/updated", _meta={ID: number}, uri="a://bc"),
            response(sent, {"resultType": "complete", "_meta": {ID: number}}),
        )

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        async with client.listen(tools=True, resources=True, uris=["a://b"]) as changes:
            assert [change async for change in changes] == [Change("resource", "a://b/part")]
        assert changes.agreed == Wanted(frozenset({"tools"}), frozenset({"a://b"}))
    sent = peer.requests[-1]
    assert sent.headers["mcp-method"] == "subscriptions/listen"
    wanted = {"resourcesListChanged": True, "toolsListChanged": True, "resourceSubscriptions": ["a://b"]}
    assert sent.message["params"]["notifications"] == wanted


async def test_a_stream_that_breaks_raises() -> None:
    async def script(sent: Sent) -> Reply:
        return events(acknowledged(sent.message["id"], toolsListChanged=True))

    async with http_peer(modern(script)) as peer, Client(peer.url) as client, client.listen(tools=True) as changes:
        with pytest.raises(ConnectionFault, match="ended the stream of subscriptions/listen"):
            await first(changes, 1)


async def test_a_server_without_subscriptions() -> None:
    async def script(sent: Sent) -> Reply:
        return error(sent, -32601, "no such method", status=404)

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ServerFault, match="no such method"):
            async with client.listen(tools=True):
                pass


async def test_an_end_before_the_acknowledgement() -> None:
    async def script(sent: Sent) -> Reply:
        return result(sent, {"resultType": "complete"})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match="without having acknowledged"):
            async with client.listen(tools=True):
                pass


async def test_no_acknowledgement_in_time() -> None:
    async def script(sent: Sent) -> Reply:
        async def stream() -> Chunks:
            yield b": quiet\n\n"
            await asyncio.sleep(60)

        return streaming(stream())

    async with http_peer(modern(script)) as peer, Client(peer.url, timeout=0.3) as client:
        with pytest.raises(RequestTimeout, match=r"did not acknowledge the subscription within 0\.3 seconds"):
            async with client.listen(tools=True):
                pass
        await peer.dropped.wait()


async def test_on_stdio_the_server_may_cancel_the_subscription(tmp_path: Path) -> None:
    script = f"""
    discover()
    listen = read()
    write({{"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": {{"_meta": {{"{ID}": listen["id"]}}, "notifications": {{"toolsListChanged": True}}}}}})
    write({{"jsonrpc": "2.0", "method": "notifications/tools/list_changed",
            "params": {{"_meta": {{"{ID}": listen["id"]}}}}}})
    write({{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {{"requestId": listen["id"]}}}})
    assert read()["method"] == "notifications/cancelled"
    read()
    """
    async with (
        Client(program(tmp_path, script), on_stderr=QUIET.append) as client,
        client.listen(tools=True) as changes,
    ):
        assert [change async for change in changes] == [Change("tools")]


async def test_an_older_server_that_tells_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def script(sent: Sent) -> Reply:
        return Reply(405)

    async with (
        http_peer(legacy(script, tools={})) as peer,
        Client(peer.url) as client,
        client.listen(tools=True, uris=["a://b"]) as changes,
    ):
        assert changes.agreed == Wanted()
    assert "the list of tools, a://b" in caplog.text
    assert "resources/subscribe" not in peer.methods()


async def test_older_subscriptions_are_counted_and_made_again_in_a_new_session() -> None:
    sessions: list[str] = []

    async def script(sent: Sent) -> Reply:
        if sent.verb == "GET":
            return Reply(405)
        if sent.method == "tools/list" and len(sessions) == 1:
            return Reply(404)
        return result(sent, {"tools": []} if sent.method == "tools/list" else {})

    async def serve(sent: Sent) -> Reply:
        if sent.method == "initialize":
            sessions.append(f"s{len(sessions) + 1}")
        return await legacy(script, session=sessions[-1] if sessions else None, resources={"subscribe": True})(sent)

    async with (
        http_peer(serve) as peer,
        Client(peer.url) as client,
        client.listen(uris=["a://b"]),
        client.listen(uris=["a://b"]),
    ):
        await client.list_tools()
    methods = [method for method in peer.methods() if method and method.startswith("resources/")]
    assert methods == ["resources/subscribe", "resources/subscribe", "resources/unsubscribe"]


async def test_a_subscription_that_an_older_server_refuses() -> None:
    async def script(sent: Sent) -> Reply:
        return Reply(405) if sent.verb == "GET" else error(sent, -32002, "not found")

    async with http_peer(legacy(script, resources={"subscribe": True})) as peer, Client(peer.url) as client:
        with pytest.raises(ServerFault, match="not found"):
            async with client.listen(uris=["a://b"]):
                pass


async def test_the_event_stream_of_an_older_server_is_there_before_anything_is_missed() -> None:
    open_ = asyncio.Event()

    async def script(sent: Sent) -> Reply:
        if sent.verb != "GET":
            return result(sent, {})

        async def stream() -> Chunks:
            open_.set()
            yield event(notification("notifications/tools/list_changed"))
            await asyncio.sleep(60)

        return streaming(stream())

    async with (
        http_peer(legacy(script, tools={"listChanged": True})) as peer,
        Client(peer.url) as client,
        client.listen(tools=True) as changes,
    ):
        assert open_.is_set()
        assert await first(changes, 1) == [Change("tools")]


async def test_malformed_changes_are_left_aside(caplog: pytest.LogCaptureFixture) -> None:
    async def script(sent: Sent) -> Reply:
        number = sent.message["id"]
        return events(
            acknowledged(number, toolsListChanged=None, promptsListChanged=True),
            notification("notifications/tasks", _meta={ID: number}, taskId=3),
            notification("notifications/prompts/list_changed", _meta=[]),
            notification("notifications/prompts/list_changed", _meta={ID: number}),
            response(sent, {}),
        )

    with caplog.at_level(logging.WARNING):
        async with (
            http_peer(modern(script)) as peer,
            Client(peer.url) as client,
            client.listen(prompts=True) as changes,
        ):
            assert [change async for change in changes] == [Change("prompts")]
    assert caplog.text.count("malformed") == 2


def test_a_subscription_is_public() -> None:
    assert Subscription.__module__ == "dragoman.client.subscription"
    assert DISCOVERED["resultType"] == "complete"
