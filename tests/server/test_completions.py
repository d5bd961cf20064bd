"""Suggestions for arguments."""

import asyncio
import enum
import itertools
import threading
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import pytest

from dragoman import InvalidParams, Meta, Server, ToolError, UsageError
from dragoman.server.completions import completion_of
from tests.server.clients import EVERY_REVISION, MODERN, Talker

FRUIT = ["apple", "apricot", "banana"]


class Colour(enum.Enum):
    RED = "red"
    ROSE = "rose"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10


class Odd(enum.Enum):
    PAIR = (1, 2)
    POINT = 1.5


def serve(**completers: Any) -> Server:
    server = Server("completions")

    @server.prompt(complete=completers)
    async def eat(fruit: str, size: str = "") -> str:
        return fruit + size

    @server.resource("fruit://{fruit}", complete={"fruit": completers["fruit"]} if "fruit" in completers else {})
    async def fruit(fruit: str) -> str:
        return fruit

    return server


async def complete(
    server: Server, value: str = "", argument: str = "fruit", ref: Any = None, **more: Any
) -> dict[str, Any]:
    params = {
        "ref": ref or {"type": "ref/prompt", "name": "eat"},
        "argument": {"name": argument, "value": value},
        **more,
    }
    completion: dict[str, Any] = (await Talker(server).result("completion/complete", params))["completion"]
    return completion


def at_once(text: str) -> list[str]:
    return [name for name in FRUIT if name.startswith(text)]


def one_by_one(text: str) -> Iterator[str]:
    yield from at_once(text)


async def later(text: str) -> list[str]:
    return at_once(text)


async def later_one_by_one(text: str) -> Iterable[str]:
    return one_by_one(text)


def promised(text: str) -> Awaitable[list[str]]:
    return later(text)


@pytest.mark.parametrize("completer", [at_once, one_by_one, later, later_one_by_one, promised])
async def test_every_kind_of_completer(completer: Any) -> None:
    server = serve(fruit=completer)
    expected = {"values": ["apple", "apricot"], "total": 2, "hasMore": False}
    assert await complete(server, "ap") == expected
    assert await complete(server, "ap", ref={"type": "ref/resource", "uri": "fruit://{fruit}"}) == expected


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_on_every_revision(revision: str) -> None:
    params = {"ref": {"type": "ref/prompt", "name": "eat"}, "argument": {"name": "fruit", "value": "b"}}
    result = await Talker(serve(fruit=at_once), revision).result("completion/complete", params)
    assert result["completion"]["values"] == ["banana"]


async def test_other_arguments_are_told_to_who_wants_them() -> None:
    async def size(text: str, others: Mapping[str, str]) -> list[str]:
        return [f"{text}{name}={value}" for name, value in others.items()]

    server = serve(size=size)
    assert (await complete(server, "x", "size", context={"arguments": {"fruit": "fig"}}))["values"] == ["xfruit=fig"]
    assert (await complete(server, "x", "size"))["values"] == []
    assert (await complete(server, "x", "size", context={}))["values"] == []


async def test_an_argument_without_a_completer_has_no_suggestions() -> None:
    assert await complete(serve(fruit=at_once), argument="size") == {"values": []}


async def test_a_synchronous_completer_runs_in_a_thread() -> None:
    seen: list[bool] = []

    def completer(text: str) -> Iterator[str]:
        seen.append(threading.current_thread() is threading.main_thread())
        yield text

    await complete(serve(fruit=completer))
    assert seen == [False]


@pytest.mark.parametrize(
    ("values", "count", "total", "more"),
    [
        ([str(number) for number in range(100)], 100, 100, False),
        ([str(number) for number in range(101)], 100, 101, True),
        (range(10**12), 100, 10**12, True),
        ((str(number) for number in range(100)), 100, 100, False),
        ((str(number) for number in range(101)), 100, None, True),
        (itertools.count(), 100, None, True),
        ([], 0, 0, False),
        ("one", 1, 1, False),
        ({"a": 1}, 1, 1, False),
    ],
)
def test_at_most_a_hundred_are_told(values: Any, count: int, total: int | None, more: bool) -> None:
    completion = completion_of(values)
    assert len(completion.values) == count
    assert (completion.total if isinstance(completion.total, int) else None, completion.has_more) == (total, more)


def test_suggestions_are_texts() -> None:
    assert completion_of(["a", 1, 2.5, Colour.RED, True]).values == ["a", "1", "2.5", "red", "true"]


@pytest.mark.parametrize(
    ("annotation", "typed", "expected"),
    [
        (Colour, "", ["red", "rose", "blue"]),
        (Colour, "R", ["red", "rose"]),
        (Colour, "zzz", []),
        (Literal["north", "south"], "n", ["north"]),
        (Level, "1", ["1", "10"]),
        (Literal[1, 2, "other"], "", ["1", "2", "other"]),
        (Odd, "p", ["PAIR", "POINT"]),
        (Colour | None, "b", ["blue"]),
        (Literal["a", "b"] | None, "", ["a", "b"]),
        (Literal["a", None], "", ["a"]),  # noqa: PYI061 - users write it
        (Annotated[Literal["a", "b"], Meta(description="which")], "b", ["b"]),
        (Annotated[Colour | None, "which"], "b", ["blue"]),
    ],
)
async def test_choices_need_no_completer(annotation: Any, typed: str, expected: list[str]) -> None:
    server = Server("completions")

    async def eat(fruit: Any) -> str:
        return str(fruit)

    eat.__annotations__["fruit"] = annotation
    server.add_prompt(eat)
    assert (await complete(server, typed))["values"] == expected
    for value in expected:
        got = await Talker(server).result("prompts/get", {"name": "eat", "arguments": {"fruit": value}})
        assert got["messages"], "what was suggested can be used"


async def test_a_completer_comes_before_the_choices_of_the_type() -> None:
    server = Server("completions")

    @server.prompt(complete={"fruit": lambda text: [f"{text}!"]})
    async def eat(fruit: Literal["a", "b"]) -> str:
        return fruit

    assert (await complete(server, "x"))["values"] == ["x!"]


@pytest.mark.parametrize(
    ("ref", "argument", "reason"),
    [
        ({"type": "ref/prompt", "name": "none"}, "fruit", "is not there"),
        ({"type": "ref/prompt"}, "fruit", "is not there"),
        ({"type": "ref/resource", "uri": "none://x"}, "fruit", "is not there"),
        ({"type": "ref/resource"}, "fruit", "is not there"),
        ({"type": "ref/prompt", "uri": "fruit://{fruit}"}, "fruit", "is not there"),
        ({"type": "ref/prompt", "name": "eat"}, "friut", "no argument 'friut' to complete; there are: fruit, size"),
        ({"type": "ref/resource", "uri": "fixed://x"}, "fruit", "there are: none"),
        ({"type": "ref/tool", "name": "eat"}, "fruit", "Invalid parameters"),
    ],
)
async def test_what_is_not_there_cannot_be_completed(ref: Any, argument: str, reason: str) -> None:
    server = serve(fruit=at_once)
    server.add_resource("fixed://x", lambda: "x", name="x")
    params = {"ref": ref, "argument": {"name": argument, "value": ""}}
    error = await Talker(server).error("completion/complete", params)
    assert error["code"] == -32602
    assert reason in error["message"]


@pytest.mark.parametrize("error", [OSError("hunter2"), ToolError("hunter2"), SystemExit("hunter2")])
@pytest.mark.parametrize("is_async", [True, False])
async def test_errors_are_masked(error: BaseException, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def slow(text: str) -> list[str]:
        raise error

    def quick(text: str) -> list[str]:
        raise error

    params = {"ref": {"type": "ref/prompt", "name": "eat"}, "argument": {"name": "fruit", "value": ""}}
    server = serve(fruit=slow if is_async else quick)
    shown = await asyncio.wait_for(Talker(server).error("completion/complete", params), 5)
    assert shown["code"] == -32603
    assert "the completion of 'fruit'" in shown["message"]
    assert "hunter2" not in str(shown)
    assert "hunter2" in caplog.text


async def test_a_fault_is_told() -> None:
    def completer(text: str) -> list[str]:
        raise InvalidParams("Choose a size first.")

    params = {"ref": {"type": "ref/prompt", "name": "eat"}, "argument": {"name": "fruit", "value": ""}}
    error = await Talker(serve(fruit=completer)).error("completion/complete", params)
    assert error == {"code": -32602, "message": "Choose a size first."}


@pytest.mark.parametrize(
    ("completers", "reason"),
    [
        ({"friut": at_once}, "there is no argument 'friut' to complete; it has fruit, size"),
        ({"fruit": lambda: FRUIT}, "the completer of 'fruit' takes the text so far"),
        ({"fruit": lambda a, b, c: []}, "the completer of 'fruit' takes the text so far"),
        ({"fruit": 7}, "the completer of 'fruit' takes the text so far"),
        ({"fruit": dict}, "the completer of 'fruit' takes the text so far"),
    ],
)
def test_what_cannot_complete_is_refused_at_once(completers: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        serve(**completers)


def test_a_prompt_without_arguments_completes_nothing() -> None:
    with pytest.raises(UsageError, match="it has none"):
        Server("completions").add_prompt(lambda: "x", name="x", complete={"a": at_once})


async def test_a_mounted_prompt_is_completed_too() -> None:
    outer = Server("outer")
    outer.mount(serve(fruit=at_once), prefix="p")
    for ref in ({"type": "ref/prompt", "name": "p_eat"}, {"type": "ref/resource", "uri": "fruit://p/{fruit}"}):
        assert (await complete(outer, "b", ref=ref))["values"] == ["banana"]
    assert (await Talker(outer).result("server/discover"))["capabilities"]["completions"] == {}
    assert MODERN
