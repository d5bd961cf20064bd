"""What is kept, how long, and what makes it stale."""

import time
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from dragoman import Change, Client
from dragoman.client.cache import Cache
from tests.client.peers import ID, Reply, Sent, error, events, http_peer, modern, notification, response, result

TOOL = {"name": "t", "inputSchema": {"type": "object"}}


def raw(ttl: Any, size: int = 0) -> Raw:
    return Raw(msgspec.json.encode({"ttlMs": ttl, "text": "x" * size}))


def test_only_what_is_fresh_is_given() -> None:
    cache = Cache()
    cache.put("tools/list", None, raw(60_000))
    assert cache.get("tools/list", None) == raw(60_000)
    assert cache.get("tools/list", "2") is None
    assert cache.get("prompts/list", None) is None
    cache.put("tools/list", None, raw(5.5))
    time.sleep(0.01)
    assert cache.get("tools/list", None) is None
    assert len(cache) == 0


@pytest.mark.parametrize("ttl", [0, -5, None, "60000", [1]])
def test_what_is_stale_at_once_is_not_kept(ttl: Any) -> None:
    cache = Cache()
    cache.put("tools/list", None, raw(ttl))
    assert len(cache) == 0


def test_a_cache_that_is_off_or_full() -> None:
    off = Cache(on=False)
    off.put("tools/list", None, raw(60_000))
    assert len(off) == 0
    cache = Cache()
    cache.put("resources/read", "big", raw(60_000, 5 * 2**20))
    assert len(cache) == 0
    for number in range(300):
        cache.put("resources/read", str(number), raw(60_000))
    assert len(cache) == 256
    assert cache.get("resources/read", "43") is None
    assert cache.get("resources/read", "44") is not None


def test_a_change_makes_its_results_stale() -> None:
    cache = Cache()

    def fill() -> None:
        for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
            cache.put(method, None, raw(60_000))
            cache.put(method, "2", raw(60_000))
        cache.put("resources/read", "a", raw(60_000))
        cache.put("resources/read", "b", raw(60_000))

    fill()
    cache.heed(Change("tools"))
    assert cache.get("tools/list", "2") is None
    assert len(cache) == 8
    cache.heed(Change("resources"))
    assert len(cache) == 4
    cache.heed(Change("resource", "a"))
    cache.heed(Change("task"))
    assert cache.get("resources/read", "b") is not None
    assert len(cache) == 3
    cache.forget("prompts/list")
    assert len(cache) == 1
    cache.forget()
    assert len(cache) == 0


def page(sent: Sent) -> dict[str, Any]:
    """Two pages of tools that stay fresh."""
    if sent.message["params"].get("cursor") == "2":
        return {"tools": [], "ttlMs": 60_000, "cacheScope": "private"}
    return {"tools": [TOOL], "nextCursor": "2", "ttlMs": 60_000, "cacheScope": "public"}


async def test_listings_and_resources_are_kept_by_a_client() -> None:
    async def script(sent: Sent) -> Reply:
        if sent.method == "resources/read":
            contents = [{"uri": sent.message["params"]["uri"], "text": "x"}]
            return result(sent, {"contents": contents, "ttlMs": 60_000})
        return result(sent, page(sent))

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        for _ in range(2):
            assert [tool.name for tool in await client.list_tools()] == ["t"]
            assert [part.text for part in await client.read_resource("a://b")] == ["x"]
        await client.read_resource("a://c")
        client.forget()
        await client.list_tools()
    assert peer.methods() == [
        "server/discover", "tools/list", "tools/list", "resources/read", "resources/read", "tools/list", "tools/list",
    ]  # fmt: skip
    async with http_peer(modern(script)) as peer, Client(peer.url, cache=False) as client:
        await client.list_tools()
        await client.list_tools()
    assert len(peer.requests) == 5


async def test_a_notification_makes_a_listing_stale() -> None:
    async def script(sent: Sent) -> Reply:
        number = sent.message["id"]
        if sent.method == "tools/list":
            return result(sent, page(sent) | {"nextCursor": None})
        changed = notification("notifications/tools/list_changed", _meta={ID: number})
        return events(changed, response(sent, {"content": []}))

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        await client.list_tools()
        await client.list_tools()
        await client.call_tool("t")
        await client.list_tools()
    assert peer.methods()[1:] == ["tools/list", "tools/call", "tools/list"]


async def test_a_header_mismatch_looks_past_the_cache() -> None:
    schemas: list[dict[str, Any]] = [
        {"type": "object"},
        {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}},
    ]

    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/list":
            return result(sent, {"tools": [{"name": "t", "inputSchema": schemas.pop(0)}], "ttlMs": 60_000})
        if "mcp-param-region" not in sent.headers:
            return error(sent, -32020, "Header mismatch", status=400)
        return result(sent, {"content": []})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        await client.list_tools()
        await client.call_tool("t", {"region": "eu"})
    assert peer.methods()[1:] == ["tools/list", "tools/call", "tools/list", "tools/call"]


async def test_answers_of_several_rounds_are_not_kept() -> None:
    async def script(sent: Sent) -> Reply:
        if "requestState" not in sent.message["params"]:
            return result(sent, {"resultType": "input_required", "requestState": "s", "ttlMs": 60_000})
        return result(sent, {"contents": [], "ttlMs": 60_000})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        await client.read_resource("a://b")
        await client.read_resource("a://b")
    assert len(peer.requests) == 5
