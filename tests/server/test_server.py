"""Server: registration, removal, capabilities, subscriptions."""

from functools import partial
from typing import Any

import pytest

from dragoman import Context, Icon, InvalidParams, Limits, Server, UsageError
from dragoman.protocol.messages import NotificationFilter
from dragoman.protocol.revisions import REVISIONS
from dragoman.server import watch
from dragoman.transports.http import Endpoint
from tests.server.clients import EVERY_REVISION, MODERN, Talker


async def plain() -> str:
    """Say so."""
    return "plain"


def test_the_function_itself_is_returned_unchanged() -> None:
    server = Server("server")
    assert server.tool(plain) is plain
    assert server.tool("named")(plain) is plain
    assert server.tool(name="by_keyword")(plain) is plain
    assert server.prompt(plain) is plain
    assert server.prompt("named", title="T")(plain) is plain
    assert server.resource("a://b")(plain) is plain
    assert list(server.tools.named) == ["plain", "named", "by_keyword"]
    assert list(server.prompts.named) == ["plain", "named"]


def test_decorators_with_and_without_parentheses() -> None:
    server = Server("server")

    @server.tool
    def first() -> None:
        """One."""

    @server.tool()
    def second() -> None: ...

    @server.tool("third", title="Third", description="Three.")
    def other() -> None:
        """Not shown."""

    @server.prompt
    def a() -> str:
        return ""

    @server.prompt()
    def b() -> str:
        return ""

    @server.prompt("c", description="C.")
    def d() -> str:
        return ""

    assert {name: tool.info.description for name, tool in server.tools.named.items() if name != "second"} == {
        "first": "One.",
        "third": "Three.",
    }
    assert server.tools.named["third"].info.title == "Third"
    assert list(server.tools.named) == ["first", "second", "third"]
    assert list(server.prompts.named) == ["a", "b", "c"]


def test_options_may_come_with_the_function() -> None:
    server = Server("server")
    assert server.tool(plain, name="other", title="T") is plain  # type: ignore[call-overload]
    assert server.tools.named["other"].info.title == "T"


def test_add_gives_the_feature() -> None:
    server = Server("server")
    assert server.add_tool(plain).key == "plain"
    assert server.add_prompt(plain).key == "plain"
    assert server.add_resource("a://b", plain).key == "a://b"
    assert server.add_resource_template("a://{b}", lambda b: b, name="b").key == "a://{b}"


def test_a_resource_decorator_needs_a_uri() -> None:
    with pytest.raises(UsageError, match=r"write @server.resource\('config://settings'\)"):
        Server("server").resource(plain)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["tool", "prompt", "resource", "template"])
def test_a_name_is_taken_once(kind: str) -> None:
    server = Server("server")
    add: dict[str, Any] = {
        "tool": lambda: server.add_tool(plain),
        "prompt": lambda: server.add_prompt(plain),
        "resource": lambda: server.add_resource("a://b", plain),
        "template": lambda: server.add_resource_template("a://{b}", lambda b: b, name="b"),
    }
    add[kind]()
    with pytest.raises(UsageError, match="exists already"):
        add[kind]()


def test_removal() -> None:
    server = Server("server")
    server.add_tool(plain)
    server.add_prompt(plain)
    server.add_resource("a://b", plain)
    server.add_resource_template("a://{b}", lambda b: b, name="b")
    server.remove_tool("plain")
    server.remove_prompt("plain")
    server.remove_resource("a://b")
    server.remove_resource("a://{b}")
    assert server.capabilities(REVISIONS[MODERN]).keys() == {"logging"}
    for remove, name in (
        (server.remove_tool, "plain"),
        (server.remove_prompt, "plain"),
        (server.remove_resource, "a://b"),
        (server.remove_resource, "a://{b}"),
    ):
        with pytest.raises(UsageError, match="there is none of this name"):
            remove(name)
    server.add_tool(plain)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: "x", "A lambda has no name"),
        (lambda *, x: x, "A lambda has no name"),
        (7, "cannot be called"),
        (Server, "is a class"),
    ],
)
def test_what_cannot_be_a_tool(function: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Server("server").add_tool(function)


@pytest.mark.parametrize("revision", EVERY_REVISION)
def test_a_capability_for_each_kind_of_feature(revision: str) -> None:
    server, shown = Server("server"), REVISIONS[revision]
    assert server.capabilities(shown) == {"logging": {}}
    server.add_tool(plain)
    assert server.capabilities(shown) == {"logging": {}, "tools": {"listChanged": True}}
    server.add_prompt(plain)
    server.add_resource_template("a://{b}", lambda b: b, name="b")
    assert server.capabilities(shown) == {
        "logging": {},
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True},
    }
    server.remove_resource("a://{b}")
    assert "resources" not in server.capabilities(shown)
    server.add_resource("a://b", plain)
    assert "resources" in server.capabilities(shown)


@pytest.mark.parametrize("revision", EVERY_REVISION)
@pytest.mark.parametrize("kind", ["prompt", "template"])
def test_completions_are_declared_where_something_is_completed(revision: str, kind: str) -> None:
    server = Server("server")
    if kind == "prompt":
        server.add_prompt(lambda b: b, name="b", complete={"b": lambda text: [text]})
    else:
        server.add_resource_template("a://{b}", lambda b: b, name="b", complete={"b": lambda text: [text]})
    assert ("completions" in server.capabilities(REVISIONS[revision])) is (revision != "2024-11-05")


async def test_the_server_says_who_it_is() -> None:
    server = Server("shop", "1.2", title="The Shop", website_url="https://example.com", icons=[Icon("https://e.com/i")])
    expected = {
        "name": "shop",
        "version": "1.2",
        "title": "The Shop",
        "websiteUrl": "https://example.com",
        "icons": [{"src": "https://e.com/i"}],
    }
    result = await Talker(server).result("server/discover")
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"] == expected
    assert repr(server) == "Server('shop', '1.2')"
    assert repr(Server("plain")) == "Server('plain', '0.0.0')"


def test_limits_are_the_defaults_unless_given() -> None:
    assert Server("server").limits == Limits()
    assert Server("server", limits=Limits(page_size=3)).limits.page_size == 3


def test_a_weak_secret_is_refused() -> None:
    for secret in ("short", "x" * 64, "secret" * 6):
        with pytest.raises(UsageError, match="at least 32 characters that differ"):
            Server("server", secrets=[secret])


def test_whether_a_resource_is_there() -> None:
    server = Server("server")
    server.add_resource("a://b", plain)
    server.add_resource_template("u://{b}", lambda b: b, name="b")
    assert [server.has_resource(uri) for uri in ("a://b", "u://x", "a://c", "u://x/y")] == [True, True, False, False]


def test_a_subscription_is_for_what_is_wanted_and_there() -> None:
    server = Server("server", limits=Limits(subscribed_resources=2))
    server.add_tool(plain)
    server.add_resource("a://b", plain)
    everything = NotificationFilter(
        tools_list_changed=True,
        prompts_list_changed=True,
        resources_list_changed=True,
        resource_subscriptions=["a://b", "a://c"],
    )
    subscriber, agreed = server.subscription(everything)
    assert agreed == NotificationFilter(
        tools_list_changed=True, resources_list_changed=True, resource_subscriptions=["a://b"]
    )
    assert subscriber.methods == {watch.TOOLS, watch.RESOURCES}
    assert subscriber.uris == {"a://b"}
    nothing, agreed = server.subscription(NotificationFilter())
    assert (nothing.methods, nothing.uris, agreed) == (frozenset(), set(), NotificationFilter())
    with pytest.raises(InvalidParams, match="may name 2 resources"):
        server.subscription(NotificationFilter(resource_subscriptions=["1", "2", "3"]))


def test_an_endpoint_of_the_server() -> None:
    server = Server("server")
    endpoint = server.asgi("/agents")
    assert isinstance(endpoint, Endpoint)
    assert endpoint.path == "/agents"


def test_an_unknown_transport_is_refused() -> None:
    with pytest.raises(UsageError, match="use 'stdio' or 'http'"):
        Server("server").run("carrier pigeon")


async def test_one_function_may_be_several_features() -> None:
    server = Server("server")

    async def add(a: int, context: Context, b: int = 1) -> int:
        return a + b

    server.add_tool(add)
    server.add_tool(partial(add, b=10), name="add_ten")
    server.add_prompt(add)
    talker = Talker(server)
    assert await talker.text("add", {"a": 1}) == "2"
    assert await talker.text("add_ten", {"a": 1}) == "11"
    got = await talker.result("prompts/get", {"name": "add", "arguments": {"a": "1"}})
    assert got["messages"][0]["content"]["text"] == "2"
