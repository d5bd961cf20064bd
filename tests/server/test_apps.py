"""User interfaces for tools, as a host sees them and as one that knows none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman import Context, Csp, Icon, Limits, ResourceContents, Server, ToolError, UsageError
from dragoman.protocol.apps import EXTENSION, MIME_TYPE
from tests.server.clients import EVERY_REVISION, MODERN, Talker

PAGE = "<!doctype html><title>Clock</title>"
CLOCK = "ui://clock/view.html"
HOST: dict[str, Any] = {"extensions": {EXTENSION: {"mimeTypes": [MIME_TYPE]}}}


async def now() -> str:
    """Tell the time."""
    return "12:00"


def make_server(**options: Any) -> Server:
    server = Server("apps", **options)
    server.add_app(CLOCK, PAGE)
    server.add_tool(now, ui=CLOCK)
    server.add_tool(now, name="tick", ui=CLOCK, visibility=["app"])
    server.add_tool(now, name="plain")
    return server


async def read(server: Server, uri: str = CLOCK) -> dict[str, Any]:
    [contents] = (await Talker(server).result("resources/read", {"uri": uri}))["contents"]
    assert isinstance(contents, dict)
    return contents


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_the_extension_is_declared(revision: str) -> None:
    server = make_server()
    for shown in (server, Server("plain")):
        declared = {EXTENSION: {"mimeTypes": [MIME_TYPE]}} if shown is server else {}
        assert shown.declared_extensions() == declared
    talker = Talker(server, revision)
    talker._open = True  # noqa: SLF001 - this test opens the session itself
    hello: dict[str, Any] = {
        "protocolVersion": revision,
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    }
    result = await talker.result("server/discover") if revision == MODERN else await talker.result("initialize", hello)
    assert result["capabilities"]["extensions"] == {EXTENSION: {"mimeTypes": [MIME_TYPE]}}


async def test_a_tool_names_its_user_interface() -> None:
    tools = (await Talker(make_server(), capabilities=HOST).result("tools/list"))["tools"]
    assert {tool["name"]: tool.get("_meta") for tool in tools} == {
        "now": {"ui": {"resourceUri": CLOCK}},
        "tick": {"ui": {"resourceUri": CLOCK, "visibility": ["app"]}},
        "plain": None,
    }


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_who_shows_no_user_interfaces_sees_no_tools_for_them(revision: str) -> None:
    server = make_server()
    for capabilities, names in (({}, ["now", "plain"]), (HOST, ["now", "tick", "plain"])):
        talker = Talker(server, revision, capabilities=capabilities)
        assert [tool["name"] for tool in (await talker.result("tools/list"))["tools"]] == names
        assert await talker.text("now") == "12:00", "the text is for everybody"


async def test_tools_for_models_come_in_pages() -> None:
    server = make_server(limits=Limits(page_size=1))
    talker = Talker(server, capabilities={})
    first = await talker.result("tools/list")
    second = await talker.result("tools/list", {"cursor": first["nextCursor"]})
    assert [tool["name"] for page in (first, second) for tool in page["tools"]] == ["now", "plain"]
    assert "nextCursor" not in second
    server.remove_tool("tick")
    page = await talker.result("tools/list")
    assert [tool["name"] for tool in page["tools"]] == ["now"]


async def test_everything_that_can_be_said_of_a_user_interface() -> None:
    server = Server("apps")
    resource = server.add_app(
        CLOCK,
        PAGE,
        name="clock",
        title="Clock",
        description="Shows the time.",
        icons=[Icon("https://a.example/i.png")],
        meta={"com.example/a": 1},
        csp=Csp(connect_domains=["https://time.example"]),
        permissions=["geolocation"],
        domain="clock.example.com",
        prefers_border=False,
    )
    wanted = {
        "csp": {"connectDomains": ["https://time.example"]},
        "permissions": {"geolocation": {}},
        "domain": "clock.example.com",
        "prefersBorder": False,
    }
    assert resource.key == CLOCK
    [listed] = (await Talker(server).result("resources/list"))["resources"]
    assert listed == {
        "uri": CLOCK,
        "name": "clock",
        "title": "Clock",
        "description": "Shows the time.",
        "mimeType": MIME_TYPE,
        "icons": [{"src": "https://a.example/i.png"}],
        "_meta": {"com.example/a": 1, "ui": wanted},
    }
    assert await read(server) == {"uri": CLOCK, "mimeType": MIME_TYPE, "text": PAGE, "_meta": {"ui": wanted}}


async def test_nothing_is_said_that_nobody_said() -> None:
    server = Server("apps")
    server.add_app(CLOCK, PAGE)
    [listed] = (await Talker(server).result("resources/list"))["resources"]
    assert listed == {"uri": CLOCK, "name": "clock/view.html", "mimeType": MIME_TYPE}
    assert await read(server) == {"uri": CLOCK, "mimeType": MIME_TYPE, "text": PAGE}


async def test_a_page_in_a_file_is_read_anew(tmp_path: Path) -> None:
    page = tmp_path / "view.html"
    page.write_text(PAGE)
    server = Server("apps")
    server.add_app(CLOCK, page)
    assert (await read(server))["text"] == PAGE
    page.write_text("\ufeff\n<p>ü", "utf-8")
    assert (await read(server))["text"] == "\ufeff\n<p>ü"
    page.unlink()
    error = await Talker(server).error("resources/read", {"uri": CLOCK})
    assert error["code"] == -32603
    assert str(tmp_path) not in error["message"]


def given() -> str:
    return "<p>sync"


async def given_later(context: Context) -> str:
    return f"<p>{context.principal.is_anonymous}"


async def given_bytes() -> bytes:
    return b"<p>bytes"


async def given_contents() -> ResourceContents:
    meta = {"a/b": 1, "ui": {"prefersBorder": True}}
    return ResourceContents("other://uri", "text/html", text="<p>own", meta=meta)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (given, {"text": "<p>sync"}),
        (given_later, {"text": "<p>True"}),
        (given_bytes, {"blob": "PHA+Ynl0ZXM="}),
    ],
)
async def test_a_function_gives_the_page(function: Callable[..., Any], expected: dict[str, str]) -> None:
    server = Server("apps")
    server.add_app(CLOCK, function)
    assert await read(server) == {"uri": CLOCK, "mimeType": MIME_TYPE, **expected}


async def test_what_the_function_says_itself_comes_first() -> None:
    server = Server("apps")
    server.add_app(CLOCK, given_contents, prefers_border=False, domain="a.example")  # type: ignore[arg-type]
    contents = await read(server)
    assert (contents["uri"], contents["mimeType"]) == (CLOCK, MIME_TYPE)
    assert contents["_meta"] == {"a/b": 1, "ui": {"domain": "a.example", "prefersBorder": True}}


@pytest.mark.parametrize("value", ["no page", "", {"a": 1}, 7])
async def test_a_function_that_gives_no_page(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    server = Server("apps")
    server.add_app(CLOCK, lambda: value)
    error = await Talker(server).error("resources/read", {"uri": CLOCK})
    assert (error["code"], f"app '{CLOCK}'" in error["message"]) == (-32603, True)
    assert "is no HTML" in str(caplog.records[0].exc_info)


async def test_a_function_that_refuses() -> None:
    def refuse() -> str:
        raise ToolError("Not today.")

    server = Server("apps")
    server.add_app(CLOCK, refuse)
    assert (await Talker(server).error("resources/read", {"uri": CLOCK}))["message"] == "Not today."


def test_what_cannot_be_a_page(tmp_path: Path) -> None:
    server = Server("apps")
    (tmp_path / "text.html").write_text("no page")
    (tmp_path / "latin.html").write_bytes(b"<p>\xe9")
    html: Any
    for html, reason in (
        ("view.html", r"html='view\.html' is no HTML; to serve a file, give its Path"),
        (tmp_path / "nowhere.html", r"the file '.*nowhere\.html' cannot be read: "),
        (tmp_path, "cannot be read: "),
        (tmp_path / "latin.html", "cannot be read: 'utf-8' codec"),
        (tmp_path / "text.html", "has no HTML in it"),
        (b"<p>", "html is b'<p>'; give HTML as text, the Path of a file, or a function"),
        (lambda name: name, "wants name"),
    ):
        with pytest.raises(UsageError, match=reason):
            server.add_app(CLOCK, html)
    assert not server.resources.named


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"prefer_border": True}, "no option 'prefer_border' here; did you mean 'prefers_border'?"),
        ({"mime_type": "text/html"}, "no option 'mime_type'"),
        ({"permissions": ["usb"]}, "no permission 'usb'"),
        ({"csp": {"connectDomains": []}}, "csp is"),
        ({"meta": {"ui": {}}, "prefers_border": True}, "app 'ui://.*': its meta has 'ui' already"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], reason: str) -> None:
    server = Server("apps")
    with pytest.raises(UsageError, match=reason):
        server.add_app(CLOCK, PAGE, **options)


def test_a_uri_is_one_of_a_user_interface_and_taken_once() -> None:
    server = Server("apps")
    with pytest.raises(UsageError, match="write its URI as"):
        server.add_app("https://a.example", PAGE)
    server.add_app(CLOCK, PAGE)
    with pytest.raises(UsageError, match="exists already"):
        server.add_app(CLOCK, PAGE)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ui": "clock.html"}, "write its URI as"),
        ({"visibility": []}, "tool 'now': visibility is"),
        ({"ui": CLOCK, "meta": {"ui": {}}}, "tool 'now': its meta has 'ui' already"),
    ],
)
def test_a_tool_cannot_be_bound_to(options: dict[str, Any], reason: str) -> None:
    server = Server("apps")
    with pytest.raises(UsageError, match=reason):
        server.add_tool(now, **options)
    assert not server.tools.named


async def test_a_tool_may_say_it_by_hand_or_not_at_all() -> None:
    server = Server("apps")
    server.add_tool(now, name="by_hand", meta={"ui": {"visibility": ["app"]}, "a/b": 1})
    server.add_tool(now, name="none", ui=None, visibility=None, meta={"a/b": 1})
    server.add_tool(now, name="nothing", ui=None)
    assert server.declared_extensions() == {}
    tools = (await Talker(server, capabilities={}).result("tools/list"))["tools"]
    assert {tool["name"]: tool.get("_meta") for tool in tools} == {
        "by_hand": {"ui": {"visibility": ["app"]}, "a/b": 1},
        "none": {"a/b": 1},
        "nothing": None,
    }


async def test_a_user_interface_that_nobody_added_keeps_the_server_from_starting() -> None:
    server = Server("apps")
    server.tool(ui=CLOCK)(now)
    with pytest.raises(UsageError, match=f"tool 'now' has ui='{CLOCK}', and nothing is there; add it with"):
        await server.start()
    server.remove_tool("now")
    async with server:
        pass
    server = Server("apps")
    server.tool(ui=CLOCK)(now)
    server.add_app(CLOCK, PAGE)
    async with server:
        assert (await read(server))["text"] == PAGE


async def test_a_mounted_servers_user_interfaces() -> None:
    outer = Server("outer")
    outer.mount(make_server(), prefix="team")
    talker = Talker(outer, capabilities=HOST)
    tools = (await talker.result("tools/list"))["tools"]
    [shown] = [tool["_meta"]["ui"] for tool in tools if tool["name"] == "team_now"]
    assert shown == {"resourceUri": "ui://team/clock/view.html"}
    contents = await read(outer, shown["resourceUri"])
    assert contents == {"uri": "ui://team/clock/view.html", "mimeType": MIME_TYPE, "text": PAGE}
    names = [tool["name"] for tool in (await Talker(outer, capabilities={}).result("tools/list"))["tools"]]
    assert names == ["team_now", "team_plain"]
    async with outer:
        pass
