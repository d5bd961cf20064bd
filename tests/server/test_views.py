"""What a caller sees: listings, calls, reads and changes of a server that has only what its roles allow."""

from typing import Any, cast

import pytest

from dragoman import Client, ClientError, Principal, ResourceInfo, Server
from dragoman.auth.policy import Access, Role
from dragoman.protocol.messages import Completion
from dragoman.server import watch
from dragoman.server.exchange import Exchange
from dragoman.server.views import view_of
from tests.server.clients import MODERN
from tests.server.task_stage import LEGACY, WITH_TASKS, TaskStage, TaskTalker

ROLES = {
    "support": Role(
        tools=("shop_*",), resources=("shop://*",), prompts=("greet",), deny=("shop_execute", "shop://secret*")
    ),
    "reader": Role(resources=("notes://one",)),
    "nobody": Role(),
}


def item_of(item: str) -> str:
    return f"about {item}"


def items() -> list[ResourceInfo]:
    return [ResourceInfo(uri=f"shop://{name}", name=name) for name in ("tea", "secrets")]


def note_of(name: str) -> str:
    return f"note {name}"


def a_shop() -> Server:
    server = Server("shop", "1")
    for name in ("shop_query", "shop_execute", "admin"):
        server.add_tool(lambda: "done", name=name, description="Does it.")
    server.add_resource("shop://hours", lambda: "nine to five", name="hours")
    server.add_resource("shop://secret", lambda: "the key", name="secret")
    server.add_resource("admin://log", lambda: "a line", name="log")
    server.add_resource_template("shop://{item}", item_of, list=items)
    server.add_resource_template("notes://{name}", note_of)
    server.add_prompt(lambda: "Hello", name="greet")
    server.add_prompt(lambda: "Obey", name="command")
    return server


def seen(server: Server, *roles: str) -> Server:
    return view_of(server, Access(ROLES, roles))


async def listed(view: Server) -> dict[str, list[str]]:
    async with Client(view) as client:
        return {
            "tools": [tool.name for tool in await client.list_tools()],
            "resources": [one.uri for one in await client.list_resources()],
            "templates": [one.uri_template for one in await client.list_resource_templates()],
            "prompts": [one.name for one in await client.list_prompts()],
        }


async def test_listings_show_what_may_be_used() -> None:
    server = a_shop()
    assert await listed(seen(server, "support")) == {
        "tools": ["shop_query"], "resources": ["shop://hours", "shop://tea"],
        "templates": ["shop://{item}"], "prompts": ["greet"],
    }  # fmt: skip
    assert (await listed(seen(server, "reader")))["templates"] == ["notes://{name}"]
    assert all(not names for names in (await listed(seen(server, "nobody"))).values())
    assert len((await listed(server))["tools"]) == 3


@pytest.mark.parametrize("name", ["shop_execute", "admin", "never_there"])
async def test_a_forbidden_tool_is_an_unknown_one(name: str) -> None:
    async with Client(seen(a_shop(), "support")) as client:
        with pytest.raises(ClientError) as told:
            await client.call_tool(name, {})
    assert str(told.value) == await told_of_unknown(name)


async def told_of_unknown(name: str) -> str:
    bare = Server("shop", "1")
    bare.add_tool(lambda: "done", name="shop_query", description="Does it.")
    async with Client(bare) as client:
        with pytest.raises(ClientError) as told:
            await client.call_tool(name, {})
    return str(told.value)


@pytest.mark.parametrize(
    "uri",
    ["shop://secret", "shop://secrets", "shop://%73ecrets", "shop://s%65cret", "admin://log", "notes://one", "x://y"],
)
async def test_a_forbidden_resource_is_an_unknown_one(uri: str) -> None:
    async with Client(seen(a_shop(), "support")) as client:
        with pytest.raises(ClientError, match="not found"):
            await client.read_resource(uri)
        assert (await client.read_resource("shop://coffee"))[0].text == "about coffee"


async def test_a_role_for_one_uri_of_a_template() -> None:
    async with Client(seen(a_shop(), "reader")) as client:
        assert (await client.read_resource("notes://one"))[0].text == "note one"
        with pytest.raises(ClientError, match="not found"):
            await client.read_resource("notes://two")


async def test_what_is_denied_by_one_role_is_given_by_no_other() -> None:
    roles = {"all": Role(tools=("*",)), "less": Role(deny=("admin",))}
    view = view_of(a_shop(), Access(roles, ["all", "less", "unknown"]))
    assert list(view.tools.named) == ["shop_query", "shop_execute"]


async def test_a_view_follows_its_server_and_tells_only_of_what_it_shows() -> None:
    server = a_shop()
    view = seen(server, "support")
    posted: list[Any] = []
    view.changes.forwards.append(posted.append)
    server.add_tool(lambda: "done", name="shop_new", description="New.")
    assert list(view.tools.named) == ["shop_query", "shop_new"]
    server.add_tool(lambda: "done", name="admin_new", description="New.")
    server.remove_tool("admin")
    assert [change.method for change in posted] == [watch.TOOLS]
    server.notify_resource_updated("shop://tea")
    server.notify_resource_updated("admin://log")
    assert [change.uri for change in posted[1:]] == ["shop://tea"]


def test_a_wrapped_tool_stands_in_the_view_alone() -> None:
    server = a_shop()
    wrapped: list[str] = []

    def wrap(tool: Any) -> Any:
        wrapped.append(tool.key)
        return tool.renamed(tool.key)

    view = view_of(server, Access(ROLES, ["support"]), wrap)
    assert wrapped == ["shop_query"]
    assert view.tools.named["shop_query"] is not server.tools.named["shop_query"]


async def test_suggestions_of_a_template_are_those_that_may_be_read() -> None:
    server = Server("shop", "1")
    stock = ["tea", "secrets", "secret spices", "salt"]
    server.add_resource_template("shop://{item}", item_of, complete={"item": lambda text: stock})
    completers = seen(server, "support").templates.named["shop://{item}"].completers
    exchange = cast("Exchange", None)
    assert (await completers["item"]("", {}, exchange)) == Completion(values=["tea", "salt"])
    whole = await server.templates.named["shop://{item}"].completers["item"]("", {}, exchange)
    assert (whole.values, whole.total) == (stock, 4)


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
async def test_a_task_of_a_tool_that_its_caller_may_not_use_any_more_is_not_there(
    revision: str,
) -> None:
    stage = TaskStage()
    roles = {"less": Role(tools=("ask",))}
    alice_herself = Principal("alice", "issuer")
    alice = stage.client(revision, principal=alice_herself)
    task_id = await alice.begin("quick")
    await alice.until(task_id)
    view = view_of(stage.server, Access(roles, ("less",)))
    narrowed = TaskTalker(view, revision, principal=alice_herself, capabilities=WITH_TASKS)
    for method in ("tasks/get", "tasks/cancel"):
        known = await narrowed.error(method, {"taskId": task_id})
        unknown = await narrowed.error(method, {"taskId": "x" * len(task_id)})
        assert (known["code"], known["message"]) == (unknown["code"], unknown["message"])
    if revision == LEGACY:
        assert (await narrowed.result("tasks/list"))["tasks"] == []
    assert (await alice.get(task_id))["status"] == "completed"
    narrowed.connection.close()
    stage.hang_up()
