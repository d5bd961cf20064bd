"""Every method of the protocol, as a client sees it."""

import asyncio
from typing import Annotated, Any

import pytest
from msgspec import Raw, ValidationError

from dragoman import Context, Limits, Meta, Server
from dragoman.errors import HeaderMismatch
from dragoman.protocol.messages import CallToolParams, Params
from dragoman.protocol.revisions import REVISIONS, SUPPORTED
from dragoman.server.exchange import Exchange
from dragoman.server.methods import METHODS
from tests.server.clients import EVERY_REVISION, MODERN, SUBSCRIPTION, Talker, settle

LEGACY = EVERY_REVISION[:-1]


def make_server(**options: Any) -> Server:
    server = Server("methods", "2", instructions="Ask first.", **options)

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.resource("config://settings")
    async def settings() -> str:
        return "x"

    @server.resource("users://{name}")
    async def user(name: str) -> str:
        return name

    @server.prompt
    async def write(topic: str) -> str:
        return topic

    return server


def test_every_row_is_found_by_its_name_and_decodes_parameters() -> None:
    assert all(row.name == name for name, row in METHODS.items())
    assert isinstance(METHODS["tools/list"].decode(Raw(b"{}")), Params)
    with pytest.raises(ValidationError, match="missing required field `name`"):
        METHODS["tools/call"].decode(Raw(b"{}"))


async def test_discover_says_what_there_is() -> None:
    result = await Talker(make_server()).result("server/discover")
    assert result["supportedVersions"] == SUPPORTED
    assert result["capabilities"]["tools"] == {"listChanged": True}
    assert result["instructions"] == "Ask first."
    assert (result["ttlMs"], result["cacheScope"]) == (0, "public")
    assert "instructions" not in await Talker(Server("plain")).result("server/discover")


@pytest.mark.parametrize("asked", [*LEGACY, "1999-01-01", "2026-07-28"])
async def test_initialize_agrees_on_a_version(asked: str) -> None:
    talker = Talker(make_server(), "2025-11-25")
    talker._open = True  # noqa: SLF001 - this test opens the session itself
    hello = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    result = await talker.result("initialize", hello)
    assert result["protocolVersion"] == (asked if asked in LEGACY else "2025-11-25")
    assert result["serverInfo"] == {"name": "methods", "version": "2"}
    assert result["instructions"] == "Ask first."
    assert {"resultType", "_meta", "ttlMs"}.isdisjoint(result)


async def test_initialize_needs_to_know_the_client() -> None:
    talker = Talker(make_server(), "2025-11-25")
    talker._open = True  # noqa: SLF001 - this test opens the session itself
    assert (await talker.error("initialize", {"protocolVersion": "2025-11-25"}))["code"] == -32602


@pytest.mark.parametrize("revision", LEGACY)
async def test_ping_and_levels(revision: str) -> None:
    talker = Talker(make_server(), revision)
    assert await talker.result("ping") == {}
    assert await talker.result("logging/setLevel", {"level": "error"}) == {}
    assert (await talker.error("logging/setLevel", {"level": "loud"}))["code"] == -32602


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_listings(revision: str) -> None:
    talker = Talker(make_server(), revision)
    assert [entry["name"] for entry in (await talker.result("tools/list"))["tools"]] == ["add"]
    assert [entry["uri"] for entry in (await talker.result("resources/list"))["resources"]] == ["config://settings"]
    listed = await talker.result("resources/templates/list")
    assert [entry["uriTemplate"] for entry in listed["resourceTemplates"]] == ["users://{name}"]
    assert [entry["name"] for entry in (await talker.result("prompts/list"))["prompts"]] == ["write"]


@pytest.mark.parametrize("method", ["tools/list", "resources/list", "resources/templates/list", "prompts/list"])
async def test_a_cursor_of_another_listing_is_refused(method: str) -> None:
    server = make_server(limits=Limits(page_size=1))

    async def more() -> str:
        return ""

    server.add_tool(more)
    cursor = (await Talker(server).result("tools/list"))["nextCursor"]
    message = await Talker(server).send(method, {"cursor": cursor})
    assert ("error" in message) == (method != "tools/list")
    for wrong in ("", "x", "LTE"):
        assert (await Talker(server).error(method, {"cursor": wrong}))["code"] == -32602


@pytest.mark.parametrize(
    ("method", "name", "hint"),
    [
        ("tools/call", "ad", "Unknown tool: 'ad'. Did you mean 'add'?"),
        ("tools/call", "ADD", "Unknown tool: 'ADD'. Did you mean 'add'?"),
        ("tools/call", "zzz", "Unknown tool: 'zzz'. List the tools to see what there is."),
        ("prompts/get", "wrte", "Unknown prompt: 'wrte'. Did you mean 'write'?"),
        ("prompts/get", "zzz", "Unknown prompt: 'zzz'. List the prompts to see what there is."),
        ("tools/call", "a\nTraceback", "Unknown tool: 'a\\nTraceback'. List the tools to see what there is."),
        ("tools/call", "x" * 300, f"Unknown tool: '{'x' * 128}'. List the tools to see what there is."),
    ],
)
@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
async def test_an_unknown_name_is_invalid_and_the_nearest_is_told(
    method: str, name: str, hint: str, revision: str
) -> None:
    error = await Talker(make_server(), revision).error(method, {"name": name})
    assert error == {"code": -32602, "message": hint}


async def test_a_call_of_a_registered_tool() -> None:
    assert await Talker(make_server()).text("add", {"a": 1, "b": 2}) == "3"


async def test_arguments_may_be_left_out_or_null() -> None:
    server = Server("methods")

    @server.tool
    async def nothing() -> str:
        return "done"

    talker = Talker(server)
    for params in ({"name": "nothing"}, {"name": "nothing", "arguments": None}, {"name": "nothing", "arguments": {}}):
        assert (await talker.result("tools/call", params))["content"][0]["text"] == "done"


@pytest.mark.parametrize("revision", LEGACY)
async def test_older_clients_subscribe_to_what_is_there(revision: str) -> None:
    server = make_server()
    talker = Talker(server, revision)
    for uri in ("config://settings", "users://ada"):
        assert await talker.result("resources/subscribe", {"uri": uri}) == {}
    assert await talker.error("resources/subscribe", {"uri": "none://x"}) == {
        "code": -32002,
        "message": "Resource not found",
        "data": {"uri": "none://x"},
    }
    server.notify_resource_updated("users://ada")
    server.notify_resource_updated("users://bob")
    await settle()
    assert talker.told("notifications/resources/updated") == [{"uri": "users://ada"}]
    await talker.result("resources/unsubscribe", {"uri": "users://ada"})
    await talker.result("resources/unsubscribe", {"uri": "never subscribed"})
    server.notify_resource_updated("users://ada")
    await settle()
    assert len(talker.told("notifications/resources/updated")) == 1


async def test_a_session_follows_a_bounded_number_of_resources() -> None:
    talker = Talker(make_server(limits=Limits(subscribed_resources=2)), "2025-11-25")
    for uri in ("users://1", "users://2", "users://1"):
        await talker.result("resources/subscribe", {"uri": uri})
    error = await talker.error("resources/subscribe", {"uri": "users://3"})
    assert (error["code"], "unsubscribe" in error["message"]) == (-32602, True)
    await talker.result("resources/unsubscribe", {"uri": "users://1"})
    await talker.result("resources/subscribe", {"uri": "users://3"})


async def listening(talker: Talker, request_id: Any = "mine", **wanted: Any) -> "asyncio.Task[Any]":
    task = asyncio.create_task(talker.send("subscriptions/listen", {"notifications": wanted}, request_id))
    await settle()
    return task


async def test_listening_is_acknowledged_first_with_what_is_agreed() -> None:
    server = make_server()
    talker = Talker(server)
    task = await listening(
        talker,
        toolsListChanged=True,
        resourcesListChanged=True,
        resourceSubscriptions=["users://ada", "none://x", "config://settings"],
    )
    assert talker.heard == [
        {
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {
                "notifications": {
                    "toolsListChanged": True,
                    "resourcesListChanged": True,
                    "resourceSubscriptions": ["users://ada", "config://settings"],
                },
                "_meta": {SUBSCRIPTION: "mine"},
            },
        }
    ]
    task.cancel()


async def test_only_what_was_asked_for_is_told_each_with_its_subscription() -> None:
    server = make_server()
    talker = Talker(server)
    one = await listening(talker, 1, toolsListChanged=True)
    two = await listening(talker, 2, promptsListChanged=True, resourceSubscriptions=["users://ada"])
    none = await listening(talker, 3)
    talker.heard.clear()
    server.add_tool(settle, name="more")
    server.notify_resource_updated("users://ada")
    server.notify_resource_updated("users://bob")
    server.notify_resources_changed()
    server.add_prompt(settle, name="more")
    await settle()
    told = sorted((message["params"]["_meta"][SUBSCRIPTION], message["method"]) for message in talker.heard)
    assert told == [
        (1, "notifications/tools/list_changed"),
        (2, "notifications/prompts/list_changed"),
        (2, "notifications/resources/updated"),
    ]
    for task in (one, two, none):
        task.cancel()


async def test_what_the_server_does_not_have_is_not_agreed_to() -> None:
    talker = Talker(Server("empty"))
    wanted = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
    task = await listening(talker, **wanted, resourceSubscriptions=["a://b"])
    assert talker.heard[0]["params"]["notifications"] == {}
    task.cancel()


async def test_a_subscription_ends_with_a_result_that_says_which() -> None:
    server = make_server()
    talker = Talker(server)
    task = await listening(talker, 9, toolsListChanged=True)
    server.changes.end_all()
    message = await asyncio.wait_for(task, 5)
    assert message["id"] == 9
    assert message["result"]["resultType"] == "complete"
    assert message["result"]["_meta"][SUBSCRIPTION] == 9
    assert "io.modelcontextprotocol/serverInfo" in message["result"]["_meta"]
    assert len(server.changes) == 0


async def test_a_cancelled_subscription_is_forgotten() -> None:
    server = make_server()
    talker = Talker(server)
    task = await listening(talker, 9, toolsListChanged=True)
    assert len(server.changes) == 1
    await talker.notify("notifications/cancelled", {"requestId": 9})
    assert await task is None
    assert len(server.changes) == 0


async def test_a_subscription_names_a_bounded_number_of_resources() -> None:
    talker = Talker(make_server(limits=Limits(subscribed_resources=2)))
    wanted = {"resourceSubscriptions": ["users://1", "users://2", "users://3"]}
    error = await talker.error("subscriptions/listen", {"notifications": wanted})
    assert error["code"] == -32602
    assert "at most" in error["message"] or "may name 2" in error["message"]


async def test_a_mirrored_argument_is_held_against_the_body() -> None:
    server = Server("methods")

    @server.tool
    async def ask(region: Annotated[str, Meta(extra_json_schema={"x-mcp-header": "Region"})], context: Context) -> str:
        return region

    assert [header.name for header in server.tools.named["ask"].headers] == ["Mcp-Param-Region"]
    assert await Talker(server).text("ask", {"region": "north"}) == "north", "without HTTP there is nothing to hold"
    exchange = Exchange()
    exchange.server, exchange.id = server, 1
    params = CallToolParams(name="ask", arguments=Raw(b'{"region":"north"}'))
    exchange.mirrored = {b"mcp-param-region": b"north"}
    await METHODS["tools/call"].run(exchange, params)
    for headers in ({}, {b"mcp-param-region": b"south"}):
        exchange.mirrored = headers
        with pytest.raises(HeaderMismatch):
            await METHODS["tools/call"].run(exchange, params)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_methods_of_other_revisions_are_not_found(revision: str) -> None:
    talker = Talker(make_server(), revision)
    for method in METHODS.keys() - REVISIONS[revision].methods - {"initialize"}:
        assert (await talker.error(method))["code"] == -32601


async def test_a_shared_channel_hears_that_its_subscription_was_ended() -> None:
    server = Server("server")
    server.add_tool(settle, name="x")
    talker = Talker(server)
    async with server:
        task = await listening(talker, 9, toolsListChanged=True)
    assert (await asyncio.wait_for(task, 5))["id"] == 9
    last = talker.heard[-1]
    assert (last["method"], last["params"]["requestId"]) == ("notifications/cancelled", 9)
