"""Resources and templates: reading, listing, matching, and what goes wrong."""

import asyncio
import base64
import enum
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import date
from typing import Any

import pytest
from msgspec import UNSET, Struct

from dragoman import (
    Annotations,
    Context,
    InvalidParams,
    Limits,
    ResourceContents,
    ResourceInfo,
    ResourceNotFound,
    Server,
    ToolError,
    UsageError,
)
from dragoman.server.encoders import ReturnError
from dragoman.server.resources import contents_of
from tests.server.clients import ERAS, EVERY_REVISION, MODERN, Talker, accept

URI = "config://settings"


class Point(Struct):
    x: int


class Colour(enum.StrEnum):
    RED = "red"


def serve(function: Callable[..., Any], uri: str = URI, **options: Any) -> Server:
    server = Server("resources")
    server.resource(uri, **options)(function)
    return server


async def read(server: Server, uri: str = URI, revision: str = MODERN) -> dict[str, Any]:
    (contents,) = (await Talker(server, revision).result("resources/read", {"uri": uri}))["contents"]
    shown: dict[str, Any] = contents
    return shown


@pytest.mark.parametrize(
    ("value", "mime_type", "text"),
    [
        ("plain", "text/plain", "plain"),
        (Colour.RED, "text/plain", "red"),
        ({"a": [1]}, "application/json", '{"a":[1]}'),
        ([], "application/json", "[]"),
        (["a", "b"], "application/json", '["a","b"]'),
        (None, "application/json", "null"),
        (7, "application/json", "7"),
        (Point(3), "application/json", '{"x":3}'),
        (date(2026, 7, 28), "application/json", '"2026-07-28"'),
        (range(3), "application/json", "[0,1,2]"),
    ],
)
async def test_text_and_json(value: Any, mime_type: str, text: str) -> None:
    assert await read(serve(lambda: value, name="it")) == {"uri": URI, "mimeType": mime_type, "text": text}


@pytest.mark.parametrize("value", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff")])
async def test_bytes_are_base64(value: Any) -> None:
    shown = await read(serve(lambda: value, name="it"))
    assert shown == {"uri": URI, "mimeType": "application/octet-stream", "blob": base64.b64encode(b"\x00\xff").decode()}


@pytest.mark.parametrize("value", ["a,b", b"a,b", {"a": 1}])
async def test_the_registered_type_is_said(value: Any) -> None:
    assert (await read(serve(lambda: value, name="it", mime_type="text/csv")))["mimeType"] == "text/csv"


def test_contents_stand_as_they_are_and_several_may_be_mixed() -> None:
    one = ResourceContents("a://1", "text/x", text="one")
    assert contents_of(one, URI, UNSET) == [one]
    mixed = contents_of([one, "two", b"3"], URI, UNSET)
    assert [(part.uri, part.mime_type) for part in mixed] == [
        ("a://1", "text/x"),
        (URI, "text/plain"),
        (URI, "application/octet-stream"),
    ]


def test_what_has_no_json_is_refused() -> None:
    with pytest.raises(ReturnError, match="has no JSON"):
        contents_of(object(), URI, UNSET)


async def test_a_read_is_private_and_stale_at_once() -> None:
    result = await Talker(serve(lambda: "x", name="it")).result("resources/read", {"uri": URI})
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")


@pytest.mark.parametrize(("revision", "code"), [*((name, -32002) for name in EVERY_REVISION[:-1]), (MODERN, -32602)])
async def test_what_is_not_there_has_the_code_of_the_revision(revision: str, code: int) -> None:
    def it(number: int) -> str:
        raise ResourceNotFound(f"n://{number}")

    talker = Talker(serve(it, "n://{number}"), revision)
    for uri in ("config://other", "n://1", "n://no-number", "n://1/2", ""):
        error = await talker.error("resources/read", {"uri": uri})
        assert error == {"code": code, "message": "Resource not found", "data": {"uri": uri}}


@pytest.mark.parametrize("is_async", [True, False])
async def test_errors_of_readers(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    def failing(error: BaseException) -> Callable[..., Any]:
        async def slow() -> str:
            raise error

        def quick() -> str:
            raise error

        return slow if is_async else quick

    async def error_of(error: BaseException) -> dict[str, Any]:
        return await asyncio.wait_for(Talker(serve(failing(error))).error("resources/read", {"uri": URI}), 5)

    assert await error_of(ToolError("Not today.")) == {"code": -32602, "message": "Not today.", "data": {"uri": URI}}
    assert (await error_of(InvalidParams("Mine.")))["message"] == "Mine."
    for error in (OSError("hunter2"), SystemExit("hunter2"), asyncio.CancelledError("hunter2")):
        shown = await error_of(error)
        assert shown["code"] == -32603
        assert f"resource '{URI}'" in shown["message"]
        assert "hunter2" not in str(shown)
    assert "hunter2" in caplog.text


async def test_a_strangers_uri_is_quoted_and_cut_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def it(name: str) -> str:
        raise OSError

    uri = "n://x\nERROR dragoman: forged " + "y" * 1000
    error = await Talker(serve(it, "n://{name}")).error("resources/read", {"uri": uri})
    assert error["code"] == -32603
    assert "\n" not in error["message"]
    assert "\n" not in caplog.records[0].getMessage()
    assert len(error["message"]) < 400


@pytest.mark.parametrize(
    ("template", "uri", "variables"),
    [
        ("u://{name}", "u://ada", {"name": "ada"}),
        ("u://{name}", "u://a%2Fb", {"name": "a/b"}),
        ("u://{name}", "u://a%252Fb", {"name": "a%2Fb"}),
        ("u://{name}", "u://%C3%A4", {"name": "ä"}),
        ("u://{name}/x/{other}", "u://1/x/2", {"name": "1", "other": "2"}),
        ("u://{+path}", "u://a/b/c", {"path": "a/b/c"}),
        ("u://{name}/{path*}", "u://a/b/c", {"name": "a", "path": "b/c"}),
    ],
)
async def test_variables_are_decoded_exactly_once(template: str, uri: str, variables: dict[str, str]) -> None:
    async def with_name(name: str = "", other: str = "", path: str = "") -> dict[str, str]:
        given = {"name": name, "other": other, "path": path}
        return {key: value for key, value in given.items() if value}

    parameters = ", ".join(f"{name}: str" for name in variables)
    scope: dict[str, Any] = {"with_name": with_name}
    names = ", ".join(f"{name}={name}" for name in variables)
    exec(f"async def it({parameters}) -> dict: return await with_name({names})", scope)  # noqa: S102 - our own text
    assert (await read(serve(scope["it"], template), uri))["text"] == str(variables).replace("'", '"').replace(
        ": ", ":"
    ).replace(", ", ",")


@pytest.mark.parametrize("uri", ["u://%", "u://%zz", "u://%ff", "u://a/b", "u://", "U://a", "v://a"])
async def test_what_does_not_fit_the_template_is_not_found(uri: str) -> None:
    async def it(name: str) -> str:
        return name

    error = await Talker(serve(it, "u://{name}")).error("resources/read", {"uri": uri})
    assert error["message"] == "Resource not found"


async def test_variables_are_typed() -> None:
    async def it(count: int, context: Context) -> Any:
        return [count, context.revision]

    assert (await read(serve(it, "u://{count}"), "u://7"))["text"] == f'[7,"{MODERN}"]'


async def test_a_fixed_uri_comes_before_templates_and_these_in_their_order() -> None:
    server = Server("resources")
    server.add_resource_template("u://{first}", lambda first: f"first {first}", name="first")
    server.add_resource_template("u://{second}", lambda second: f"second {second}", name="second")
    server.add_resource("u://fixed", lambda: "fixed", name="fixed")
    assert (await read(server, "u://a"))["text"] == "first a"
    assert (await read(server, "u://fixed"))["text"] == "fixed"
    server.remove_resource("u://{first}")
    assert (await read(server, "u://a"))["text"] == "second a"


def named(*names: str) -> list[ResourceInfo]:
    return [ResourceInfo(uri=f"u://{name}", name=name) for name in names]


def at_once() -> list[ResourceInfo]:
    return named("a", "b")


def one_by_one() -> Iterator[ResourceInfo]:
    yield from named("a", "b")


async def later() -> Iterable[ResourceInfo]:
    return named("a", "b")


async def later_one_by_one() -> AsyncIterator[ResourceInfo]:
    for info in named("a", "b"):
        yield info


def promised() -> Awaitable[Iterable[ResourceInfo]]:
    return later()


def promised_one_by_one() -> AsyncIterator[ResourceInfo]:
    return later_one_by_one()


@pytest.mark.parametrize("lister", [at_once, one_by_one, later, later_one_by_one, promised, promised_one_by_one])
@pytest.mark.parametrize("mounted", [True, False])
async def test_every_kind_of_lister(lister: Any, mounted: bool) -> None:
    server = serve(lambda name: name, "u://{name}", name="u", list=lister)
    if mounted:
        inner, server = server, Server("outer")
        server.mount(inner, prefix="p")
    shown = (await Talker(server).result("resources/list"))["resources"]
    prefix = "u://p/" if mounted else "u://"
    assert shown == [{"uri": f"{prefix}{name}", "name": name} for name in "ab"]


async def test_a_synchronous_lister_runs_in_a_thread_to_its_end() -> None:
    seen = []

    def lister() -> Iterator[ResourceInfo]:
        seen.append(threading.current_thread() is threading.main_thread())
        yield from named("a")
        seen.append(threading.current_thread() is threading.main_thread())

    await Talker(serve(lambda name: name, "u://{name}", name="u", list=lister)).result("resources/list")
    assert seen == [False, False]


async def test_pages_go_over_fixed_and_listed_resources() -> None:
    server = Server("resources", limits=Limits(page_size=2))
    for name in "abc":
        server.add_resource(f"f://{name}", lambda: "x", name=name)
    server.add_resource_template("u://{name}", lambda name: name, name="u", list=lambda: named("d", "e"))
    talker, seen, cursor = Talker(server), [], None
    pages = 0
    while cursor is not None or not pages:
        shown = await talker.result("resources/list", {} if cursor is None else {"cursor": cursor})
        seen += [entry["name"] for entry in shown["resources"]]
        cursor, pages = shown.get("nextCursor"), pages + 1
    assert (seen, pages) == (list("abcde"), 3)
    assert (await talker.error("resources/list", {"cursor": "made up"}))["code"] == -32602


async def test_a_lister_that_fails_is_masked() -> None:
    def lister() -> Iterable[ResourceInfo]:
        raise OSError("hunter2")

    error = await Talker(serve(lambda name: name, "u://{name}", name="u", list=lister)).error("resources/list")
    assert error["code"] == -32603
    assert "hunter2" not in error["message"]


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_entries_show_what_the_revision_knows(revision: str) -> None:
    options: dict[str, Any] = {"title": "T", "description": "D", "mime_type": "text/x", "meta": {"k": 1}}
    options["annotations"] = Annotations(priority=0.5)
    server = serve(lambda: "x", name="fixed", **options)
    server.add_resource_template("u://{name}", lambda name: name, name="u", **options)
    talker = Talker(server, revision)
    (fixed,) = (await talker.result("resources/list"))["resources"]
    (template,) = (await talker.result("resources/templates/list"))["resourceTemplates"]
    since_2025_06 = {"title": "T", "_meta": {"k": 1}} if revision >= "2025-06-18" else {}
    common = {"description": "D", "mimeType": "text/x", "annotations": {"priority": 0.5}, **since_2025_06}
    assert fixed == {"uri": URI, "name": "fixed", **common}
    assert template == {"uriTemplate": "u://{name}", "name": "u", **common}


@pytest.mark.parametrize("revision", ERAS)
async def test_a_reader_may_ask(revision: str) -> None:
    async def it(name: str, context: Context) -> str:
        answer = await context.elicit("which?", str)
        return f"{name} {answer.data}"

    talker = Talker(serve(it, "u://{name}"), revision, script=lambda *_: accept(value="this"))
    shown = await talker.finish("resources/read", {"uri": "u://a"})
    assert shown["contents"][0]["text"] == "a this"


@pytest.mark.parametrize(
    ("uri", "function", "reason"),
    [
        ("settings", lambda: "x", "begin the URI with a scheme"),
        (URI, lambda a, b: "x", "its function wants a, b; name them in the URI as {a, b}"),
        ("u://{a}", lambda: "x", "has the variables a, its function the parameters none"),
        ("u://{a}", lambda b: "x", "its function the parameters b"),
        ("u://{a}", lambda a, b: "x", "its function the parameters a, b"),
        ("{a}", lambda a: "x", "begin it with a scheme"),
        ("u://{a}{b}", lambda a, b: "x", "put a character between"),
    ],
)
def test_what_cannot_be_registered(uri: str, function: Any, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        serve(function, uri, name="it")
    assert reason in str(raised.value)


def test_variables_belong_to_templates() -> None:
    server = Server("resources")
    with pytest.raises(UsageError, match="add_resource_template"):
        server.add_resource("u://{a}", lambda: "x", name="it")
    with pytest.raises(UsageError, match="has no variable"):
        server.add_resource_template("u://a", lambda: "x", name="it")


async def test_a_parameter_with_a_default_needs_no_variable() -> None:
    async def it(name: str, limit: int = 5) -> Any:
        return [name, limit]

    assert (await read(serve(it, "u://{name}"), "u://a"))["text"] == '["a",5]'
