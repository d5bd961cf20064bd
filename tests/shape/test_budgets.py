"""The budgets of the design, section 6: counts of work per `tools/call`, exact on any machine.

A number here may shrink; one that must grow needs a line in CHANGELOG and a reason beside it.
"""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import dragoman
from dragoman import Server
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN
from dragoman.transports.http import Endpoint
from dragoman.transports.stdio import StdioServer

SOURCE = str(Path(dragoman.__file__).parent)
META = {
    "io.modelcontextprotocol/protocolVersion": LATEST_MODERN.name,
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = {"name": "add", "arguments": {"a": 1, "b": 2}}
ANSWER = b'"text":"3"'
MOST_BYTES = 6000  # that one call holds at one time; 3,300 to 3,900 where nothing measures coverage


def server_of(tools: int) -> Server:
    server = Server("budget", "1")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    for number in range(tools - 1):
        server.add_tool(add, name=f"add_{number}")
    return server


def request(method: str, params: dict[str, Any], request_id: int = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()


class Counts:
    """What happened while a call was answered."""

    def __init__(self) -> None:
        self.frames: Counter[str] = Counter()
        self.decodes = 0
        self.encodes = 0
        self.tasks = 0
        self.queues = 0

    def watch(self, frame: FrameType, event: str, argument: Any) -> None:
        """A profile function: own frames, and calls of the codec whoever makes them."""
        if event == "call":
            name, file = frame.f_code.co_name, frame.f_code.co_filename
            if file.startswith(SOURCE):
                self.frames[f"{Path(file).name}:{name}"] += 1
            elif name == "create_task":
                self.tasks += 1
            elif file.endswith("queues.py") and name == "__init__":
                self.queues += 1
        elif event == "c_call" and "msgspec" in str(getattr(argument, "__self__", "")):
            of_reply = frame.f_code.co_filename.endswith("results.py")  # a result is held against its own schema
            self.decodes += argument.__name__ == "decode" and not of_reply
            self.encodes += argument.__name__ == "encode"

    @property
    def own(self) -> int:
        return sum(self.frames.values())


async def counted(call: Callable[[], Awaitable[Any]]) -> Counts:
    for _ in range(3):
        await call()
    counts = Counts()
    sys.setprofile(counts.watch)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return counts


class Post:
    """One HTTP request after another, straight into the ASGI application."""

    def __init__(self, server: Server) -> None:
        self.endpoint = Endpoint(server)
        self.sent: list[Any] = []
        self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def modern(self) -> "Post":
        self.body = request("tools/call", {**CALL, "_meta": META})
        self.headers = [(b"mcp-protocol-version", LATEST_MODERN.name.encode()), (b"mcp-method", b"tools/call")]
        self.headers.append((b"mcp-name", b"add"))
        return self

    async def legacy(self) -> "Post":
        hello = {"protocolVersion": LATEST_LEGACY.name, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        self.body = request("initialize", hello)
        await self()
        session = dict(self.sent[0]["headers"])[b"mcp-session-id"]
        self.body = request("tools/call", CALL)
        self.headers = [(b"mcp-session-id", session), (b"mcp-protocol-version", LATEST_LEGACY.name.encode())]
        return self

    async def __call__(self) -> None:
        self.sent = []
        headers = [
            (b"host", b"127.0.0.1:8000"),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json, text/event-stream"),
            *self.headers,
        ]
        scope = {"type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "query_string": b""}
        await self.endpoint({**scope, "headers": headers}, self.receive, self.send)

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, event: Any) -> None:
        self.sent.append(event)


async def modern_http(tools: int) -> Counts:
    post = Post(server_of(tools)).modern()
    counts = await counted(post)
    assert post.sent[0]["status"] == 200
    assert ANSWER in post.sent[1]["body"]
    assert len(post.sent) == 2
    return counts


async def legacy_http(tools: int) -> Counts:
    post = await Post(server_of(tools)).legacy()
    counts = await counted(post)
    assert ANSWER in post.sent[1]["body"]
    return counts


class Line:
    """One line of stdio after another, from the task that answers it to the bytes to write."""

    def __init__(self, server: Server) -> None:
        self.stdio = StdioServer(server, -1, 1)
        self.stdio._output.write = self.write  # type: ignore[method-assign]  # noqa: SLF001 - counted without a pipe
        self.written: list[bytes] = []
        self.body = request("tools/call", {**CALL, "_meta": META})

    async def write(self, message: bytes) -> None:
        self.written = [message]

    async def __call__(self) -> None:
        await self.stdio._answer(self.body)  # noqa: SLF001 - what each line costs


async def line(tools: int) -> Counts:
    """What one line costs on stdio."""
    one = Line(server_of(tools))
    counts = await counted(one)
    assert ANSWER in one.written[-1]
    return counts


WIRES = {"modern http": (modern_http, 18), "older session": (legacy_http, 18), "stdio": (line, 14)}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("tools", [1, 1000])
async def test_own_frames(wire: str, tools: int) -> None:
    measure, budget = WIRES[wire]
    counts = await measure(tools)
    assert counts.own <= budget, f"{counts.own} frames: {dict(counts.frames)}"


@pytest.mark.parametrize("wire", WIRES)
async def test_cost_does_not_grow_with_the_number_of_tools(wire: str) -> None:
    measure, _ = WIRES[wire]
    one, thousand = await measure(1), await measure(1000)
    assert one.frames == thousand.frames


@pytest.mark.parametrize("wire", WIRES)
async def test_no_task_and_no_queue(wire: str) -> None:
    measure, _ = WIRES[wire]
    counts = await measure(1)
    assert (counts.tasks, counts.queues) == (0, 0)


@pytest.mark.parametrize("wire", WIRES)
async def test_decodes_and_encodes(wire: str) -> None:
    measure, _ = WIRES[wire]
    counts = await measure(1)
    assert 1 <= counts.decodes <= 3
    assert 1 <= counts.encodes <= 2


async def modern_post() -> Post:
    return Post(server_of(1)).modern()


async def legacy_post() -> Post:
    return await Post(server_of(1)).legacy()


async def line_of_stdio() -> Line:
    return Line(server_of(1))


KEPT: dict[str, Callable[[], Awaitable[Post | Line]]] = {
    "modern http": modern_post,
    "older session": legacy_post,
    "stdio": line_of_stdio,
}


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What is freed is freed because nothing refers to it any more, not by the collector of cycles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("wire", KEPT)
@pytest.mark.usefixtures("without_collector")
async def test_a_call_leaves_nothing_behind(wire: str) -> None:
    """Not one block of memory for a thousand calls, but for the number that says so."""
    call = await KEPT[wire]()
    growths = []
    for _ in range(4):
        before = sys.getallocatedblocks()
        for _ in range(1000):
            await call()
        growths.append(sys.getallocatedblocks() - before)
    assert min(growths[1:]) <= 1, f"1,000 calls left {growths[1:]} blocks"


@pytest.mark.parametrize("wire", KEPT)
async def test_memory_that_one_call_needs(wire: str) -> None:
    """The most that is held at one time, in bytes."""
    call = await KEPT[wire]()
    for _ in range(10):
        await call()
    tracemalloc.start()
    try:
        await call()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        await call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < peak - before <= MOST_BYTES, peak - before


# A reply says these things and nothing else: not a space, not a field more.
RESULT = b'"content":[{"type":"text","text":"3"}],"structuredContent":'
IDENTITY = b'"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"budget","version":"1"}},'
REPLIES = {
    "modern http": b'{"jsonrpc":"2.0","id":1,"result":{' + IDENTITY + RESULT + b"3}}",
    "older session": b'{"jsonrpc":"2.0","id":1,"result":{"_meta":{"dragoman/wrapped":true},'
    + RESULT
    + b'{"result":3}}}',
}


@pytest.mark.parametrize("wire", REPLIES)
async def test_bytes_of_a_reply(wire: str) -> None:
    post = await KEPT[wire]()
    await post()
    assert isinstance(post, Post)
    head, body = post.sent
    assert body["body"] == REPLIES[wire]
    length = b"%d" % len(REPLIES[wire])
    assert [*head["headers"]] == [(b"content-type", b"application/json"), (b"content-length", length)]


async def test_bytes_of_a_line() -> None:
    line = await line_of_stdio()
    await line()
    assert line.written == [REPLIES["modern http"]]


def loaded(code: str) -> list[str]:
    """The modules that a fresh Python has after running some code; nothing measures it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    show = f"{code}; import sys, json; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", show], check=True, capture_output=True, text=True, env=plain).stdout
    modules: list[str] = json.loads(output)
    return modules


def test_import_is_light() -> None:
    modules, bare = loaded("import dragoman; dragoman.Server('x')"), loaded("pass")
    third = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"dragoman", "__main__"}
    third -= {name.partition(".")[0] for name in bare}
    assert len(modules) <= 250, len(modules)
    assert len(third) <= 5, third
