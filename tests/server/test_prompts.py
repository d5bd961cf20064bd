"""Prompts: messages from functions, and what goes wrong."""

import asyncio
import enum
from typing import Any, Literal

import pytest

from dragoman import (
    Audio,
    Context,
    EmbeddedResource,
    File,
    Icon,
    Image,
    InvalidParams,
    Message,
    ResourceContents,
    ResourceLink,
    Server,
    TextContent,
    ToolError,
    UsageError,
)
from dragoman.protocol.messages import PromptMessage
from dragoman.server.prompts import messages_of
from tests.server.clients import ERAS, EVERY_REVISION, MODERN, Talker, accept


class Colour(enum.StrEnum):
    RED = "red"


def serve(function: Any, **options: Any) -> Server:
    server = Server("prompts")
    server.add_prompt(function, name="it", **options)
    return server


async def get(function: Any, arguments: dict[str, Any] | None = None, revision: str = MODERN) -> dict[str, Any]:
    return await Talker(serve(function), revision).result("prompts/get", {"name": "it", "arguments": arguments or {}})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hello", [("user", "text")]),
        (Colour.RED, [("user", "text")]),
        (None, []),
        ([], []),
        (["a", "b"], [("user", "text"), ("user", "text")]),
        (("a", Message("b", role="assistant")), [("user", "text"), ("assistant", "text")]),
        (Message("a"), [("user", "text")]),
        (Message(Image(b"\x89PNG\r\n\x1a\n")), [("user", "image")]),
        (Message(["a", Image(b"\x89PNG\r\n\x1a\n")]), [("user", "text"), ("user", "image")]),
        (Audio(b"x", format="wav"), [("user", "audio")]),
        (File("t"), [("user", "resource")]),
        (b"x", [("user", "resource")]),
        ({"a": 1}, [("user", "text")]),
        (TextContent("t"), [("user", "text")]),
        (ResourceLink("a://b", "b"), [("user", "resource_link")]),
        (EmbeddedResource(ResourceContents("a://b", text="t")), [("user", "resource")]),
        (PromptMessage("assistant", TextContent("t")), [("assistant", "text")]),
    ],
)
async def test_every_kind_of_result(value: Any, expected: list[tuple[str, str]]) -> None:
    shown = await get(lambda: value)
    assert [(message["role"], message["content"]["type"]) for message in shown["messages"]] == expected
    assert shown["resultType"] == "complete"


def test_text_is_text_and_the_rest_json() -> None:
    assert [message.content for message in messages_of(["a", Colour.RED, {"b": 1}, 2])] == [
        TextContent("a"),
        TextContent("red"),
        TextContent('{"b":1}'),
        TextContent("2"),
    ]


async def test_arguments_are_texts_that_become_values() -> None:
    async def it(
        day: int, kind: Literal["a", "b"], colour: Colour, *, loud: bool = False, note: str | None = None
    ) -> str:
        return repr((day, kind, colour.value, loud, note))

    shown = await get(it, {"day": "7", "kind": "b", "colour": "red", "loud": "true"})
    assert shown["messages"][0]["content"]["text"] == "(7, 'b', 'red', True, None)"


@pytest.mark.parametrize(
    "arguments", [{}, {"day": "x"}, {"day": "1", "other": "2"}, {"day": 1}, {"day": None}, [], "text"]
)
async def test_wrong_arguments_are_invalid(arguments: Any) -> None:
    async def it(day: int) -> str:
        return str(day)

    talker = Talker(serve(it))
    error = await talker.error("prompts/get", {"name": "it", "arguments": arguments})
    assert error["code"] == -32602


async def test_the_context_is_no_argument() -> None:
    async def it(name: str, context: Context) -> str:
        return f"{name} {context.revision}"

    talker = Talker(serve(it))
    assert (await get(it, {"name": "a"}))["messages"][0]["content"]["text"] == f"a {MODERN}"
    (entry,) = (await talker.result("prompts/list"))["prompts"]
    assert entry["arguments"] == [{"name": "name", "required": True}]


@pytest.mark.parametrize("is_async", [True, False])
async def test_errors_of_prompts(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    def failing(error: BaseException) -> Any:
        async def slow() -> str:
            raise error

        def quick() -> str:
            raise error

        return slow if is_async else quick

    async def error_of(error: BaseException) -> dict[str, Any]:
        return await asyncio.wait_for(Talker(serve(failing(error))).error("prompts/get", {"name": "it"}), 5)

    assert await error_of(ToolError("Not today.")) == {"code": -32602, "message": "Not today."}
    assert (await error_of(InvalidParams("Mine.", 7)))["data"] == 7
    for error in (OSError("hunter2"), SystemExit("hunter2"), StopIteration("hunter2")):
        shown = await error_of(error)
        assert shown["code"] == -32603
        assert "prompt 'it'" in shown["message"]
        assert "hunter2" not in str(shown)
    assert "hunter2" in caplog.text


async def test_what_cannot_be_sent_is_masked() -> None:
    def it() -> Any:
        return object()

    assert (await Talker(serve(it)).error("prompts/get", {"name": "it"}))["code"] == -32603


@pytest.mark.parametrize("revision", ERAS)
async def test_a_prompt_may_ask(revision: str) -> None:
    async def it(context: Context) -> str:
        return str((await context.elicit("which?", str)).data)

    talker = Talker(serve(it), revision, script=lambda *_: accept(value="this"))
    shown = await talker.finish("prompts/get", {"name": "it"})
    assert shown["messages"][0]["content"]["text"] == "this"


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_an_entry_shows_what_the_revision_knows(revision: str) -> None:
    async def it(day: int, note: str = "") -> str:
        """Write.

        Args:
            day: which one.
            note: more.
        """
        return f"{day} {note}"

    options: dict[str, Any] = {"title": "T", "icons": [Icon("https://example.com/a.png")], "meta": {"k": 1}}
    talker = Talker(serve(it, **options), revision)
    (entry,) = (await talker.result("prompts/list"))["prompts"]
    assert entry["arguments"] == [
        {"name": "day", "description": "which one.", "required": True},
        {"name": "note", "description": "more."},
    ]
    assert entry["description"] == "Write."
    later = {"title": "2025-06-18", "_meta": "2025-06-18", "icons": "2025-11-25"}
    assert {name for name in later if name in entry} == {name for name, since in later.items() if since <= revision}
    got = await talker.result("prompts/get", {"name": "it", "arguments": {"day": "1"}})
    assert got["description"] == "Write."


def test_names_are_checked_and_renaming_makes_another_prompt() -> None:
    def it() -> str:
        return "x"

    prompt = serve(it).prompts.named["it"]
    assert prompt.renamed("shop_it").key == "shop_it"
    assert prompt.key == "it"
    with pytest.raises(UsageError, match="prompt name 'a b'"):
        prompt.renamed("a b")
    with pytest.raises(UsageError, match="prompt name 'a b'"):
        Server("prompts").add_prompt(it, name="a b")
