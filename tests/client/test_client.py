"""The client and a real server, over every wire and in both eras; what only a strange server does is scripted."""

import asyncio
import contextlib
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import dragoman
from dragoman import Server
from dragoman.client.client import PAGES, Client
from dragoman.errors import ConnectionFault, RequestTimeout, ServerFault, ToolCallError, UsageError
from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import Implementation, LogParams
from dragoman.transports.uvicorn import listen, url_of
from tests.client.peers import DISCOVERED, Reply, Sent, http_peer, modern, result, unused
from tests.client.shop import make_shop

SHOP = Path(__file__).with_name("shop.py")
Connect = Callable[..., Client]


@contextlib.asynccontextmanager
async def served(server: Server) -> AsyncIterator[str]:
    """The URL of a server on a free port."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(server.asgi(), http="httptools", ws="none", lifespan="on", log_config=None)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    try:
        yield url_of(listening, "/mcp")
    finally:
        running.should_exit = True
        await task
        listening.close()


@pytest.fixture(params=["memory", "http", "stdio"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Makes clients of the shop over one wire."""
    if request.param == "memory":
        server = make_shop()
        yield lambda **options: Client(server, **options)
    elif request.param == "stdio":
        yield lambda **options: Client([sys.executable, str(SHOP)], **options)
    else:
        async with served(make_shop()) as url:
            yield lambda **options: Client(url, **options)


ERAS = pytest.mark.parametrize("revision", ["auto", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
BOTH_ERAS = pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25"])


@ERAS
async def test_everything_a_server_has(connect: Connect, revision: str) -> None:
    async with connect(revision=revision) as client:
        assert client.revision == ("2026-07-28" if revision == "auto" else revision)
        assert client.server_info == Implementation("shop", "1.2")
        assert client.instructions == "Ask for the price first."
        assert {"tools", "resources", "prompts"} <= client.capabilities.keys()
        assert "add" in [tool.name for tool in await client.list_tools()]
        assert sorted(resource.uri for resource in await client.list_resources()) == ["shop://hours", "shop://logo"]
        assert [template.name for template in await client.list_resource_templates()] == ["item"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["greet"]
        (hours,) = await client.read_resource("shop://hours")
        assert (hours.text, hours.data) == ("9 to 5", b"9 to 5")
        (logo,) = await client.read_resource("shop://logo")
        assert (logo.text, logo.data, logo.mime_type) == (None, b"\x89PNG", "image/png")
        (item,) = await client.read_resource("shop://items/caf%C3%A9")
        assert item.text == "An item called café."
        prompt = await client.get_prompt("greet", {"name": "Ada"})
        assert [message.content for message in prompt.messages] == [TextContent("Say hello to Ada.")]
        await client.ping()


@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25", "2025-06-18"])
async def test_values_come_back_as_they_were(connect: Connect, revision: str) -> None:
    async with connect(revision=revision) as client:
        reply = await client.call_tool("add", {"a": 1, "b": 2})
        assert reply.data == 3
        assert reply.text == "3"
        assert (await client.call_tool("basket")).data == {"items": ["Apfel", "苹果"], "total": 3.5}


async def test_without_structured_content_there_is_text(connect: Connect) -> None:
    async with connect(revision="2025-03-26") as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == "3"


@BOTH_ERAS
async def test_a_failing_tool(connect: Connect, revision: str) -> None:
    async with connect(revision=revision) as client:
        with pytest.raises(ToolCallError, match=r"^There is no stock left\.$"):
            await client.call_tool("fail")
        reply = await client.call_tool("fail", raise_on_error=False)
        assert reply.is_error
        assert reply.text == "There is no stock left."


@BOTH_ERAS
async def test_what_is_not_there(connect: Connect, revision: str) -> None:
    async with connect(revision=revision) as client:
        with pytest.raises(ServerFault):
            await client.call_tool("ad")
        with pytest.raises(ServerFault) as caught:
            await client.read_resource("shop://nothing")
        assert caught.value.code == (-32602 if revision == "2026-07-28" else -32002)
        with pytest.raises(ServerFault) as caught:
            await client.request("no/such/method")
        assert caught.value.code == -32601


@BOTH_ERAS
async def test_progress_and_logs_come_before_the_answer(connect: Connect, revision: str) -> None:
    heard: list[Any] = []
    async with connect(revision=revision, on_log=heard.append) as client:
        reply = await client.call_tool("tell", on_progress=lambda *progress: heard.append(progress))
        heard.append(reply.data)
    assert heard == [(1.0, 2.0, "half"), LogParams("warning", {"stock": 0}), (2.0, 2.0, None), "told"]


@BOTH_ERAS
async def test_progress_for_every_call(connect: Connect, revision: str) -> None:
    heard: list[Any] = []
    async with connect(revision=revision, on_progress=lambda *progress: heard.append(progress)) as client:
        await client.call_tool("tell")
        await client.read_resource("shop://hours")
        await client.get_prompt("greet", {"name": "Ada"})
    assert heard == [(1.0, 2.0, "half"), (2.0, 2.0, None)]


@BOTH_ERAS
async def test_a_timeout_cancels_the_tool(connect: Connect, revision: str) -> None:
    name = f"timeout {revision} {id(connect)}"
    async with connect(revision=revision) as client:
        with pytest.raises(RequestTimeout, match=r"did not answer tools/call within 0\.2 seconds"):
            await client.call_tool("sleep", {"name": name}, timeout=0.2)
        assert (await client.call_tool("was_cancelled", {"name": name})).data is True


@BOTH_ERAS
async def test_a_cancelled_caller_cancels_the_tool(connect: Connect, revision: str) -> None:
    name = f"cancelled {revision} {id(connect)}"
    async with connect(revision=revision) as client:
        task = asyncio.create_task(client.call_tool("sleep", {"name": name}))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.call_tool("was_cancelled", {"name": name})).data is True


@BOTH_ERAS
async def test_calls_run_side_by_side(connect: Connect, revision: str) -> None:
    async with connect(revision=revision) as client:
        replies = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(50)))
    assert [reply.data for reply in replies] == [2 * n for n in range(50)]


@BOTH_ERAS
async def test_any_request(connect: Connect, revision: str) -> None:
    async with connect(revision=revision) as client:
        value = await client.request("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}}, timeout=math.inf)
    assert value["content"] == [{"type": "text", "text": "5"}]


async def test_a_client_connects_more_than_once_but_not_at_the_same_time(connect: Connect) -> None:
    client = connect()
    for _ in range(2):
        async with client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            with pytest.raises(UsageError, match="already connected"):
                await client.__aenter__()
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


async def test_nothing_is_left_behind(connect: Connect) -> None:
    async with connect():
        pass
    before = asyncio.all_tasks()
    for revision in ("2026-07-28", "2025-11-25"):
        async with connect(revision=revision, on_log=lambda _: None) as client:
            await client.call_tool("tell")
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before


async def test_a_client_names_itself_after_this_package() -> None:
    async with http_peer(modern(unused)) as peer, Client(peer.url):
        pass
    sent = peer.requests[0].message["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]
    assert sent == {"name": "dragoman", "version": dragoman.__version__}


def test_a_client_that_is_not_connected_says_so() -> None:
    client = Client(make_shop())
    for use in ("revision", "server_info", "capabilities", "instructions"):
        with pytest.raises(UsageError, match="not connected"):
            getattr(client, use)


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("shop.db", {}, "'shop.db' is no URL"),
        (5, {}, "a Server, a URL or a command .*, not to int"),
        ("http://127.0.0.1/mcp", {"revision": "2030-01-01"}, "no revision '2030-01-01'; use 'auto' or one of 2024"),
        (
            "http://127.0.0.1/mcp",
            {"cwd": "/", "env": {}},
            "option cwd, env does not go with a URL; it takes auth, headers",
        ),
        (["x"], {"headers": {}}, "option headers does not go with a command; it takes cwd, env"),
        (["x"], {"colour": 1}, "option colour does not go with a command"),
        (Server("x"), {"headers": {}}, "option headers does not go with a Server; it takes none"),
    ],
)
def test_what_cannot_work_is_said_at_once(target: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Client(target, **options)


def test_the_client_loads_its_wires_when_they_are_used() -> None:
    code = (
        "import sys; from dragoman import Client, Server; Client(Server('x'));"
        "print(sorted({'httpx2', 'uvicorn', 'dragoman.client.process'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def paging(cursors: list[str | None]) -> Callable[[Sent], Any]:
    """A server whose listing names these cursors, one page after the other."""
    left = iter(cursors)

    async def script(sent: Sent) -> Reply:
        if sent.method == "server/discover":
            return result(sent, DISCOVERED)
        page: dict[str, Any] = {"prompts": [{"name": sent.message["params"].get("cursor", "first")}]}
        cursor = next(left)
        return result(sent, page if cursor is None else page | {"nextCursor": cursor})

    return script


async def test_all_pages_are_fetched() -> None:
    async with http_peer(paging(["a", "", "b", None])) as peer, Client(peer.url) as client:
        assert [prompt.name for prompt in await client.list_prompts()] == ["first", "a", "", "b"]


async def test_a_listing_that_goes_round_in_circles() -> None:
    async with http_peer(paging(["a", "b", "a"])) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match="prompts/list does not end: the server gave the same cursor twice"):
            await client.list_prompts()


async def test_a_listing_without_end() -> None:
    cursors: list[str | None] = [str(n) for n in range(PAGES)]
    async with http_peer(paging(cursors)) as peer, Client(peer.url) as client:
        with pytest.raises(ConnectionFault, match=f"prompts/list does not end: {PAGES} pages"):
            await client.list_prompts()


async def test_a_tool_that_fails_without_a_word() -> None:
    async def script(sent: Sent) -> Reply:
        value = DISCOVERED if sent.method == "server/discover" else {"content": [], "isError": True}
        return result(sent, value)

    async with http_peer(script) as peer, Client(peer.url) as client:
        with pytest.raises(ToolCallError, match="The tool 't' failed without saying why"):
            await client.call_tool("t")
