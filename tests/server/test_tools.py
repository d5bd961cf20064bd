"""Tools: registered once, run per call, and whatever they raise is answered."""

import asyncio
import contextvars
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import Raw

from dragoman import (
    Audio,
    Context,
    EmbeddedResource,
    File,
    Icon,
    Image,
    InvalidParams,
    ResourceContents,
    ResourceLink,
    Server,
    TextContent,
    ToolAnnotations,
    ToolError,
    ToolResult,
    UsageError,
)
from dragoman.protocol.messages import CallToolResult
from dragoman.secrets import register
from tests.server.clients import ERAS, EVERY_REVISION, MODERN, Talker, accept

LEGACY = [name for name in EVERY_REVISION if name != MODERN]
PNG = b"\x89PNG\r\n\x1a\n"
CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("CALLER", default="nobody")


@dataclass
class Dog:
    name: str


@dataclass
class Cat:
    name: str
    lives: int = 9


def serve(function: Any, **options: Any) -> Server:
    server = Server("tools")
    server.add_tool(function, name="it", **options)
    return server


async def outcome(function: Any, arguments: dict[str, Any] | None = None, revision: str = MODERN) -> dict[str, Any]:
    return await Talker(serve(function), revision).call("it", arguments)


async def test_a_tool_is_called_with_typed_values_and_its_defaults() -> None:
    async def it(day: int, names: list[str], kind: str = "x", *, loud: bool = False) -> str:
        return repr((day, names, kind, loud))

    shown = await outcome(it, {"day": 2, "names": ["a"], "loud": True})
    assert shown["content"] == [{"type": "text", "text": "(2, ['a'], 'x', True)"}]
    assert "isError" not in shown


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("text", ["text"]),
        (None, []),
        (3, ["text"]),
        ({"a": 1}, ["text"]),
        ([1, 2], ["text"]),
        (b"\x00", ["resource"]),
        (Image(PNG), ["image"]),
        (Audio(b"x", format="wav"), ["audio"]),
        (File("text", name="a.txt"), ["resource"]),
        (["words", Image(PNG)], ["text", "image"]),
        (TextContent("t"), ["text"]),
        (ResourceLink("a://b", "b"), ["resource_link"]),
        (EmbeddedResource(ResourceContents("a://b", text="t")), ["resource"]),
        (ResourceContents("a://b", text="t"), ["resource"]),
        (ToolResult("t", {"a": 1}, meta={"k": 1}), ["text"]),
        (CallToolResult(content=[TextContent("t")]), ["text"]),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_kind_of_result(value: Any, kinds: list[str]) -> None:
    def it() -> Any:
        return value

    shown = await outcome(it)
    assert [block["type"] for block in shown["content"]] == kinds
    assert "isError" not in shown


async def test_structured_content_of_an_annotated_result() -> None:
    async def it() -> Cat:
        return Cat("Tom")

    assert (await outcome(it))["structuredContent"] == {"name": "Tom", "lives": 9}


@pytest.mark.parametrize("revision", LEGACY)
async def test_a_value_that_is_no_object_is_wrapped_with_its_schema(revision: str) -> None:
    async def it() -> list[int]:
        return [1, 2]

    talker = Talker(serve(it), revision)
    (entry,) = (await talker.result("tools/list"))["tools"]
    shown = await talker.call("it")
    if "outputSchema" in entry:
        assert entry["outputSchema"]["properties"]["result"]["type"] == "array"
        assert shown["structuredContent"] == {"result": [1, 2]}
        assert shown["_meta"] == {"dragoman/wrapped": True}
    else:
        assert "structuredContent" not in shown


@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25"])
async def test_an_object_is_wrapped_where_its_schema_was(revision: str) -> None:
    async def it() -> Cat | Dog:
        return Dog("Rex")

    talker = Talker(serve(it), revision)
    (entry,) = (await talker.result("tools/list"))["tools"]
    assert entry["outputSchema"]["type"] == "object"
    assert "anyOf" in entry["outputSchema"]["properties"]["result"]
    shown = await talker.call("it")
    assert shown["structuredContent"] == {"result": {"name": "Rex"}}
    assert (await Talker(serve(it)).call("it"))["structuredContent"] == {"name": "Rex"}


@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25"])
async def test_structured_content_without_a_schema_is_an_object_too(revision: str) -> None:
    def it() -> ToolResult:
        return ToolResult("two numbers", [1, 2], meta={"k": 1})

    shown = await outcome(it, revision=revision)
    assert shown["structuredContent"] == {"result": [1, 2]}
    assert shown["_meta"] == {"k": 1, "dragoman/wrapped": True}
    assert (await outcome(it))["structuredContent"] == [1, 2]


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_a_result_that_is_returned_again_is_not_changed(revision: str) -> None:
    always = CallToolResult(content=[TextContent("t")], structured_content=Raw(b'{"name":"Rex"}'), meta={"k": 1})

    def it() -> Cat | Dog:
        return always  # type: ignore[return-value]

    talker = Talker(serve(it), revision)
    assert await talker.call("it") == await talker.call("it")
    assert always.structured_content == Raw(b'{"name":"Rex"}')
    assert always.meta == {"k": 1}


@pytest.mark.parametrize("revision", ERAS)
async def test_a_tool_error_is_shown_to_the_model(revision: str) -> None:
    def it() -> str:
        raise ToolError("There is no such region; try 'north'.")

    shown = await outcome(it, revision=revision)
    assert shown["isError"] is True
    assert shown["content"] == [{"type": "text", "text": "There is no such region; try 'north'."}]
    assert "structuredContent" not in shown


async def test_no_tool_error_shows_a_secret() -> None:
    register("tl-4b02zz")

    def it() -> str:
        raise ToolError("cannot reach postgresql://u:tl-4b02zz@h")

    assert (await outcome(it))["content"] == [{"type": "text", "text": "cannot reach postgresql://u:***@h"}]


async def test_wrong_arguments_are_shown_to_the_model() -> None:
    async def it(count: int) -> int:
        return count

    for arguments in ({}, {"count": "many"}, {"count": 1, "cuont": 2}):
        shown = await outcome(it, arguments)
        assert shown["isError"] is True
        assert "count" in shown["content"][0]["text"]


@pytest.mark.parametrize("revision", ERAS)
async def test_a_fault_is_a_protocol_error(revision: str) -> None:
    def it() -> str:
        raise InvalidParams("No.", {"why": "because"})

    error = await Talker(serve(it), revision).error("tools/call", {"name": "it"})
    assert error == {"code": -32602, "message": "No.", "data": {"why": "because"}}


class Unforeseen(Exception):
    """Raised with a secret in it."""


@pytest.mark.parametrize(
    "error",
    [
        Unforeseen("hunter2"),
        SystemExit("hunter2"),
        StopIteration("hunter2"),
        asyncio.CancelledError("hunter2"),
        RecursionError("hunter2"),
        ExceptionGroup("hunter2", [Unforeseen("hunter2"), ToolError("hunter2")]),
        BaseExceptionGroup("hunter2", [SystemExit("hunter2")]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_whatever_else_it_raises_is_masked(
    error: BaseException, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow() -> str:
        raise error

    def quick() -> str:
        raise error

    talker = Talker(serve(slow if is_async else quick))
    shown = await asyncio.wait_for(talker.call("it"), 5)
    assert shown["isError"] is True
    (block,) = shown["content"]
    assert "Internal error in tool 'it'" in block["text"]
    assert "hunter2" not in block["text"]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    reference = block["text"].rpartition("reference ")[2].rstrip(".")
    assert reference in record.getMessage()
    assert "hunter2" in caplog.text
    assert await talker.send("tools/list"), "the server goes on"


async def test_a_tool_that_cancels_a_task_of_its_own_is_answered() -> None:
    async def it() -> str:
        inner = asyncio.create_task(asyncio.sleep(60))
        inner.cancel()
        await inner
        return "never"

    shown = await asyncio.wait_for(outcome(it), 5)
    assert "Internal error" in shown["content"][0]["text"]


async def test_a_tool_error_out_of_a_task_group_is_shown() -> None:
    async def refuse() -> None:
        raise ToolError("No.")

    async def it() -> str:
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse())
        return "never"

    shown = await outcome(it)
    assert shown["content"][0]["text"] == "No."


@pytest.mark.parametrize("revision", ERAS)
async def test_questions_may_be_asked_in_a_task_group(revision: str) -> None:
    async def it(context: Context) -> str:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(context.elicit("first?", str))
            second = group.create_task(context.elicit("second?", str))
        return f"{first.result().data} {second.result().data}"

    talker = Talker(serve(it), revision, script=lambda _, params: accept(value=params["message"].upper()))
    assert await talker.text("it") == "FIRST? SECOND?"


async def test_what_it_returns_but_cannot_be_sent_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    async def it() -> Any:
        return object()

    async def promised() -> int:
        return "no number"  # type: ignore[return-value]

    for function, reason in ((it, "has no JSON"), (promised, "something else than its annotation")):
        shown = await outcome(function)
        assert "Internal error in tool 'it'" in shown["content"][0]["text"]
        assert reason in caplog.text


async def test_a_synchronous_tool_sees_the_callers_context_variables() -> None:
    def it() -> str:
        return CALLER.get()

    CALLER.set("somebody")
    assert (await outcome(it))["content"][0]["text"] == "somebody"


async def test_a_cancelled_call_cancels_its_tool() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def it() -> str:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "never"

    talker = Talker(serve(it))
    call = asyncio.create_task(talker.send("tools/call", {"name": "it"}, request_id="mine"))
    await begun.wait()
    await talker.notify("notifications/cancelled", {"requestId": "mine"})
    assert await call is None, "a request that was taken back has no answer"
    assert ended.is_set()


@pytest.mark.parametrize("place", ["first", "middle", "last", "keyword"])
async def test_the_context_may_stand_anywhere(place: str) -> None:
    async def first(context: Context, a: int, b: int) -> str:
        return f"{context.revision} {a} {b}"

    async def middle(a: int, context: Context, b: int) -> str:
        return f"{context.revision} {a} {b}"

    async def last(a: int, b: int, context: Context) -> str:
        return f"{context.revision} {a} {b}"

    async def keyword(a: int, *, context: Context, b: int) -> str:
        return f"{context.revision} {a} {b}"

    functions = {"first": first, "middle": middle, "last": last, "keyword": keyword}
    shown = await outcome(functions[place], {"a": 1, "b": 2})
    assert shown["content"][0]["text"] == f"{MODERN} 1 2"


@pytest.mark.parametrize("name", ["", "a b", "a,b", "ä", "a/b", "a\n", "x" * 129])
def test_a_malformed_name_is_refused(name: str) -> None:
    server = Server("tools")

    def it() -> None: ...

    if name:
        with pytest.raises(UsageError, match="characters A-Z a-z 0-9 _ - and"):
            server.add_tool(it, name=name)
    else:
        assert server.add_tool(it, name=name).key == "it", "an empty name is none"


@pytest.mark.parametrize("name", ["getUser", "DATA_EXPORT_v2", "admin.tools.list", "a-b", "x" * 128])
def test_names_of_the_specification(name: str) -> None:
    def it() -> None: ...

    assert Server("tools").add_tool(it, name=name).key == name


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_an_entry_shows_what_the_revision_knows(revision: str) -> None:
    async def it(day: int) -> Cat:
        """Look.

        Args:
            day: which one.
        """
        return Cat(str(day))

    options: dict[str, Any] = {
        "title": "It",
        "description": "Looks.",
        "annotations": ToolAnnotations(read_only_hint=True),
        "icons": [Icon("https://example.com/a.png")],
        "meta": {"k": 1},
    }
    (entry,) = (await Talker(serve(it, **options), revision).result("tools/list"))["tools"]
    assert entry["name"] == "it"
    assert entry["description"] == "Looks."
    assert entry["inputSchema"]["properties"]["day"] == {"type": "integer", "description": "which one."}
    later = {
        "annotations": "2025-03-26",
        "title": "2025-06-18",
        "outputSchema": "2025-06-18",
        "_meta": "2025-06-18",
        "icons": "2025-11-25",
    }
    assert {name for name in later if name in entry} == {name for name, since in later.items() if since <= revision}


def test_renaming_makes_another_tool_and_checks_its_name() -> None:
    async def it() -> int:
        return 1

    tool = serve(it).tools.named["it"]
    other = tool.renamed("shop_it")
    assert (tool.key, other.key) == ("it", "shop_it")
    assert other.wraps is tool.wraps
    with pytest.raises(UsageError, match="tool name 'a b'"):
        tool.renamed("a b")
