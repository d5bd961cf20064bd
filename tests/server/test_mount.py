"""Features that come from elsewhere: of a mounted server, of a connector."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dragoman import Connector, Context, ResourceInfo, Server, UsageError
from tests.server.clients import MODERN, SUBSCRIPTION, Talker, settle


def make_inner(name: str = "inner") -> Server:
    server = Server(name)

    @server.tool
    async def look() -> str:
        return name

    @server.resource("config://settings")
    async def settings() -> str:
        return name

    @server.resource("users://{user}", list=lambda: [ResourceInfo(uri="users://ada", name="ada")])
    async def user(user: str) -> str:
        return f"{name} {user}"

    @server.prompt
    async def write() -> str:
        return name

    return server


def all_names(server: Server) -> list[list[str]]:
    kinds: list[Any] = [server.tools, server.resources, server.templates, server.prompts]
    return [list(kind.named) for kind in kinds]


SHOWN = [["p_look"], ["config://p/settings"], ["users://p/{user}"], ["p_write"]]


async def test_everything_is_shown_under_the_prefix_and_works() -> None:
    outer = Server("outer")
    outer.mount(make_inner(), prefix="p")
    assert all_names(outer) == SHOWN
    talker = Talker(outer)
    assert await talker.text("p_look") == "inner"
    for uri, text in (("config://p/settings", "inner"), ("users://p/ada", "inner ada")):
        (contents,) = (await talker.result("resources/read", {"uri": uri}))["contents"]
        assert (contents["uri"], contents["text"]) == (uri, text)
    listed = (await talker.result("resources/list"))["resources"]
    assert [entry["uri"] for entry in listed] == ["config://p/settings", "users://p/ada"]
    got = await talker.result("prompts/get", {"name": "p_write"})
    assert got["messages"][0]["content"]["text"] == "inner"
    assert "error" in await talker.send("resources/read", {"uri": "config://settings"})


async def test_without_a_prefix_names_stay() -> None:
    outer = Server("outer")
    outer.mount(make_inner())
    assert all_names(outer) == [["look"], ["config://settings"], ["users://{user}"], ["write"]]


def test_a_uri_without_slashes_has_its_prefix_too() -> None:
    inner, outer = Server("inner"), Server("outer")
    inner.add_resource("urn:isbn:1", lambda: "x", name="book")
    outer.mount(inner, prefix="p")
    assert list(outer.resources.named) == ["urn:p/isbn:1"]


async def test_servers_may_be_mounted_on_mounted_servers_and_twice() -> None:
    outer, middle, inner = Server("outer"), Server("middle"), make_inner()
    middle.mount(inner, prefix="b")
    outer.mount(middle, prefix="a")
    outer.mount(middle, prefix="c")
    assert list(outer.tools.named) == ["a_b_look", "c_b_look"]
    assert list(outer.resources.named) == ["config://a/b/settings", "config://c/b/settings"]
    assert await Talker(outer).text("c_b_look") == "inner"
    inner.remove_tool("look")
    assert not outer.tools.named


def test_what_comes_and_goes_later_comes_and_goes_here() -> None:
    outer, inner = Server("outer"), make_inner()
    outer.mount(inner, prefix="p")

    @inner.tool
    async def more() -> None: ...

    inner.remove_prompt("write")
    inner.remove_resource("users://{user}")
    assert all_names(outer) == [["p_look", "p_more"], ["config://p/settings"], [], []]
    inner.remove_tool("look")
    inner.add_tool(more, name="look")
    assert list(outer.tools.named) == ["p_more", "p_look"]


def take_tool(server: Server) -> None:
    async def taken() -> None: ...

    server.add_tool(taken, name="p_look")


def take_resource(server: Server) -> None:
    server.add_resource("config://p/settings", lambda: "x", name="taken")


def take_template(server: Server) -> None:
    server.add_resource_template("users://p/{user}", lambda user: user, name="taken")


def take_prompt(server: Server) -> None:
    server.add_prompt(lambda: "x", name="p_write")


@pytest.mark.parametrize("take", [take_tool, take_resource, take_template, take_prompt])
def test_a_clash_mounts_nothing(take: Callable[[Server], None]) -> None:
    outer, inner = Server("outer"), make_inner()
    take(outer)
    before = all_names(outer)
    with pytest.raises(UsageError, match="exists already"):
        outer.mount(inner, prefix="p")
    assert all_names(outer) == before
    assert not outer.mounted
    inner.add_tool(settle, name="more")
    assert all_names(outer) == before, "nothing of it listens either"


@pytest.mark.parametrize("prefix", ["a b", "ä", "x" * 125])
def test_a_prefix_that_makes_no_name_mounts_nothing(prefix: str) -> None:
    outer = Server("outer")
    with pytest.raises(UsageError, match="tool name"):
        outer.mount(make_inner(), prefix=prefix)
    assert all_names(outer) == [[], [], [], []]


def test_a_later_clash_is_refused_where_it_is_made() -> None:
    outer, middle, inner = Server("outer"), Server("middle"), make_inner()
    middle.mount(inner, prefix="b")
    outer.mount(middle, prefix="a")

    async def more() -> None: ...

    outer.add_tool(more, name="a_b_more")
    with pytest.raises(UsageError, match="tool 'a_b_more' exists already"):
        inner.add_tool(more)
    assert list(inner.tools.named) == ["look"]
    assert list(middle.tools.named) == ["b_look"]
    inner.add_tool(more, name="other")
    assert list(outer.tools.named) == ["a_b_look", "a_b_more", "a_b_other"]


def test_what_was_removed_here_stays_removed_and_its_name_is_free() -> None:
    outer, inner = Server("outer"), make_inner()
    outer.mount(inner, prefix="p")
    outer.remove_tool("p_look")
    take_tool(outer)
    inner.remove_tool("look")
    assert list(outer.tools.named) == ["p_look"], "the outer server's own tool is not the mounted one"
    inner.add_tool(settle, name="more")
    assert list(outer.tools.named) == ["p_look", "p_more"]


def test_a_server_cannot_contain_itself() -> None:
    one, two, three = Server("one"), Server("two"), Server("three")
    one.mount(two)
    two.mount(three)
    for outer, inner in ((one, one), (two, one), (three, one), (three, two)):
        with pytest.raises(UsageError, match="it would contain itself"):
            outer.mount(inner)


async def test_changes_are_told_on_the_outer_server() -> None:
    outer, inner = Server("outer"), make_inner()
    outer.mount(inner, prefix="p")
    talker = Talker(outer)
    wanted = {"toolsListChanged": True, "resourcesListChanged": True, "resourceSubscriptions": ["config://p/settings"]}
    task = asyncio.create_task(talker.send("subscriptions/listen", {"notifications": wanted}, 1))
    await settle()
    talker.heard.clear()
    inner.notify_resource_updated("config://settings")
    inner.notify_resource_updated("config://other")
    inner.notify_resources_changed()
    inner.add_tool(settle, name="more")
    await settle()
    meta = {"_meta": {SUBSCRIPTION: 1}}
    told = {message["method"]: message["params"] for message in talker.heard}
    assert told == {
        "notifications/resources/updated": {"uri": "config://p/settings", **meta},
        "notifications/resources/list_changed": meta,
        "notifications/tools/list_changed": meta,
    }
    assert len(talker.heard) == 3
    task.cancel()


def stateful(name: str, log: list[str]) -> Server:
    @asynccontextmanager
    async def lifespan(_server: Server) -> AsyncIterator[str]:
        log.append(f"{name} begins")
        yield f"state of {name}"
        log.append(f"{name} ends")

    server = Server(name, lifespan=lifespan)

    @server.tool(f"state_of_{name}")
    async def state(context: Context) -> str:
        return f"{context.server.state}, {context.revision}"

    return server


async def test_a_mounted_server_starts_and_ends_with_the_outer_and_keeps_its_state() -> None:
    log: list[str] = []
    outer, inner = stateful("outer", log), stateful("inner", log)
    outer.mount(inner, prefix="p")
    async with outer:
        talker = Talker(outer)
        assert await talker.text("p_state_of_inner") == f"state of inner, {MODERN}"
        assert await talker.text("state_of_outer") == f"state of outer, {MODERN}"
    assert log == ["outer begins", "inner begins", "inner ends", "outer ends"]


async def test_what_would_never_be_started_is_refused_while_the_server_runs() -> None:
    outer, inner, middle = Server("outer"), stateful("inner", []), Server("middle")
    middle.mount(inner)
    async with outer:
        for late in (inner, middle):
            with pytest.raises(UsageError, match="runs already"):
                outer.mount(late)
        with pytest.raises(UsageError, match="runs already"):
            outer.connect(Shelf("shelf"))
        outer.mount(make_inner(), prefix="p")
        assert await Talker(outer).text("p_look") == "inner"


class Shelf(Connector):
    """Adds one feature of each kind, then perhaps fails."""

    def __init__(self, name: str, error: BaseException | None = None) -> None:
        super().__init__(name)
        self.error = error

    def attach(self, server: Server) -> None:
        server.add_tool(settle, name=f"{self.name}_look")
        server.add_resource(f"{self.name}://all", lambda: "x", name="all")
        server.add_resource_template(f"{self.name}://{{book}}", lambda book: book, name="book")
        server.add_prompt(lambda: "x", name=f"{self.name}_write")
        if self.error is not None:
            raise self.error


def test_a_connector_adds_its_features() -> None:
    server = make_inner()
    server.connect(Shelf("shelf"))
    assert list(server.connectors) == ["shelf"]
    assert list(server.tools.named) == ["look", "shelf_look"]
    with pytest.raises(UsageError, match="connector 'shelf' exists already"):
        server.connect(Shelf("shelf"))


@pytest.mark.parametrize("error", [UsageError("no"), OSError("no"), KeyboardInterrupt()])
def test_a_connector_that_fails_leaves_nothing(error: BaseException) -> None:
    server = make_inner()
    before = all_names(server)
    with pytest.raises(type(error)):
        server.connect(Shelf("shelf", error))
    assert all_names(server) == before
    assert not server.connectors


def test_a_connector_that_clashes_leaves_nothing() -> None:
    server = make_inner()
    server.add_prompt(lambda: "x", name="shelf_write")
    before = all_names(server)
    with pytest.raises(UsageError, match="prompt 'shelf_write' exists already"):
        server.connect(Shelf("shelf"))
    assert all_names(server) == before
