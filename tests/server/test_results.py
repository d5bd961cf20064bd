import datetime as dt
import enum
import sys
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Never, NoReturn, TypedDict

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Raw

from dragoman.protocol.content import ContentBlock, ImageContent, ResourceContents, ResourceLink, TextContent
from dragoman.protocol.messages import CallToolResult
from dragoman.server.annotations import UnsupportedType
from dragoman.server.encoders import ReturnError
from dragoman.server.results import encode_any, read_return
from dragoman.server.returns import Audio, File, Image, ToolResult


class Color(enum.Enum):
    RED = "r"


@dataclass
class Order:
    number: int
    price: float = 0.0
    note: str | None = None


@dataclass
class Shop:
    name: str


@dataclass
class Upper:
    name: str
    made = 0

    def __post_init__(self) -> None:
        type(self).made += 1
        self.name = self.name.upper()


class Row(TypedDict):
    a: int


class Point(NamedTuple):
    x: int
    y: int


class Tree(msgspec.Struct):
    value: int
    inner: "list[Tree]" = []


def structured(result: CallToolResult) -> Any:
    assert isinstance(result.structured_content, Raw)
    return msgspec.json.decode(result.structured_content)


def texts(result: CallToolResult) -> list[str]:
    return [block.text for block in result.content if isinstance(block, TextContent)]


TODAY = dt.date(2026, 7, 28)


@pytest.mark.parametrize(
    ("annotation", "value", "data", "text"),
    [
        (int, 5, 5, "5"),
        (float, 5, 5, "5"),
        (bool, True, True, "true"),
        (int | None, None, None, "null"),
        (dict[str, int], {"a": 1}, {"a": 1}, '{"a":1}'),
        (dict, {"a": "b"}, {"a": "b"}, '{"a":"b"}'),
        (list[int], [1, 2], [1, 2], "[1,2]"),
        (list[int], (1, 2), [1, 2], "[1,2]"),
        (Iterable[int], range(2), [0, 1], "[0,1]"),
        (set[int], {1}, [1], "[1]"),
        (tuple[int, str], (1, "a"), [1, "a"], '[1,"a"]'),
        (list[str], ["a"], ["a"], '["a"]'),
        (Order, Order(1), {"number": 1, "price": 0.0, "note": None}, '{"number":1,"price":0.0,"note":null}'),
        (Order | None, None, None, "null"),
        (Order | Shop, Shop("s"), {"name": "s"}, '{"name":"s"}'),
        (list[Order | Shop], [Shop("s")], [{"name": "s"}], '[{"name":"s"}]'),
        (Row, {"a": 1}, {"a": 1}, '{"a":1}'),
        (Point, Point(1, 2), [1, 2], "[1,2]"),
        (Tree, Tree(1, [Tree(2)]), {"value": 1, "inner": [{"value": 2, "inner": []}]}, None),
        (Color, Color.RED, "r", "r"),
        (Literal["a"], "a", "a", "a"),
        (TODAY.__class__, TODAY, "2026-07-28", "2026-07-28"),
        (Path, Path("a"), "a", "a"),
        (str | int, "a", "a", "a"),
        (str | dict[str, int], {"a": 1}, {"a": 1}, '{"a":1}'),
        (Annotated[dict[str, int], Meta(description="x")], {"a": 1}, {"a": 1}, '{"a":1}'),
        (Upper, Upper("a"), {"name": "A"}, '{"name":"A"}'),
        (list[Upper], [Upper("a")], [{"name": "A"}], '[{"name":"A"}]'),
    ],
)
def test_data(annotation: Any, value: Any, data: Any, text: str | None) -> None:
    schema, encode = read_return("f", annotation)
    assert schema is not None
    jsonschema_rs.meta.validate(schema)
    assert "$ref" not in schema
    result = encode(value)
    assert structured(result) == data
    assert jsonschema_rs.is_valid(schema, data)
    assert result.is_error is UNSET
    if text is not None:
        assert texts(result) == [text]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "5"),
        (int, 5.5),
        (int, True),
        (int, None),
        (float, float("nan")),
        (float, float("inf")),
        (list[float], [1.0, float("nan")]),
        (Order, Order(1, float("nan"))),
        (Order, Order("1")),  # type: ignore[arg-type]
        (Order, {"price": 1.0}),
        (Order, Shop("s")),
        (Order, "text"),
        (Order, TextContent("text")),
        (Order | Shop, 5),
        (list[int], ["a"]),
        (list[int], "a"),
        (list[int], iter([1])),
        (dict[str, int], {"a": "b"}),
        (dict[str, int], {"a": object()}),
        (dict[str, int], {(1, 2): 3}),
        (Row, {}),
        (Color, "x"),
        (Literal["a"], "b"),
        (Annotated[int, Meta(ge=1)], 0),
        (Upper, {"name": 5}),
        (Upper, Shop("s")),
        (list[Upper], [Shop("s")]),
        (Image | dict[str, int] | None, object()),
    ],
)
def test_what_breaks_the_annotation_is_the_authors_mistake(annotation: Any, value: Any) -> None:
    _, encode = read_return("find", annotation)
    with pytest.raises(ReturnError) as refused:
        encode(value)
    assert "\n" not in str(refused.value)


def test_the_complaint_names_function_annotation_and_place() -> None:
    _, encode = read_return("find", list[int])
    with pytest.raises(ReturnError, match=r"^'find' returned something else than its annotation list\[int\] says: "):
        encode(["a"])
    _, encode = read_return("find", float)
    with pytest.raises(ReturnError, match=r"annotation float says: .* NaN and infinity become null in JSON"):
        encode(float("nan"))
    with pytest.raises(ReturnError, match=r"^'find': An object of type builtins.object has no JSON"):
        encode(object())


def test_a_models_own_code_does_not_run_again() -> None:
    _, encode = read_return("f", dict[str, list[Upper] | None])
    value = {"a": [Upper("x")], "b": None}
    made = Upper.made
    encode(value)
    assert Upper.made == made
    _, encode = read_return("f", Upper | Shop | list[int])
    encode(Upper("x"))
    assert Upper.made == made + 1


@pytest.mark.parametrize(
    "annotation",
    [
        Any,
        object,
        None,
        type(None),
        str,
        bytes,
        str | None,
        bytes | str,
        Annotated[str, "words"],
        Image,
        Audio,
        File,
        list[Image],
        Image | None,
        list[str | Image],
        tuple[str, Image],
        dict[str, int] | Image,
        ToolResult,
        ToolResult | str,
        CallToolResult,
        TextContent,
        ContentBlock,
        list[ContentBlock],
        ResourceContents,
        NoReturn,
        Never,
    ],
)
def test_content_has_no_output_schema(annotation: Any) -> None:
    schema, encode = read_return("f", annotation)
    assert schema is None
    assert encode("text") == CallToolResult(content=[TextContent("text")])


@pytest.mark.parametrize("annotation", [list[bytes], dict[str, bytes], list[str]])
def test_text_and_bytes_inside_data_are_data(annotation: Any) -> None:
    assert read_return("f", annotation)[0] is not None


@pytest.mark.parametrize(
    "annotation",
    [Iterator[int], Generator[int, None, None], AsyncIterator[int], Iterator, complex, list[complex], dict[str, type]],
)
def test_unsendable_annotations(annotation: Any) -> None:
    with pytest.raises(UnsupportedType):
        read_return("f", annotation)


def test_an_iterator_says_what_to_return_instead() -> None:
    with pytest.raises(UnsupportedType, match="return a list of what it yields"):
        read_return("f", Iterator[int] | None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ("text", ["text"]),
        ("", [""]),
        (5, ["5"]),
        (True, ["true"]),
        (TODAY, ["2026-07-28"]),
        (Color.RED, ["r"]),
        ([1, 2], ["[1,2]"]),
        ((), ["[]"]),
        ({1}, ["[1]"]),
        (["a", TextContent("b")], ["a", "b"]),
        (float("nan"), ["null"]),
    ],
)
def test_whatever_without_a_schema(value: Any, expected: list[str]) -> None:
    result = encode_any(value)
    assert texts(result) == expected
    assert len(result.content) == len(expected)
    assert result.structured_content is UNSET
    assert result.is_error is UNSET


@pytest.mark.parametrize("value", [{"a": 1}, Order(1), Tree(1), {}])
def test_an_object_is_structured_even_without_a_schema(value: Any) -> None:
    result = encode_any(value)
    assert structured(result) == msgspec.to_builtins(value)
    assert msgspec.json.decode(texts(result)[0]) == structured(result)


def test_media_and_links() -> None:
    link = ResourceLink("a://b", "b")
    image = Image(b"\x89PNG\r\n\x1a\n")
    result = encode_any(["see", image, link, b"\0"])
    assert result.content[0] == TextContent("see")
    assert isinstance(result.content[1], ImageContent)
    assert result.content[2] == link
    assert len(encode_any(image).content) == len(encode_any(link).content) == len(encode_any(b"").content) == 1


def test_a_finished_result_passes() -> None:
    finished = CallToolResult(content=[])
    assert encode_any(finished) is finished
    assert read_return("f", dict[str, Any])[1](finished) is finished


def test_a_tool_result_without_a_schema() -> None:
    result = encode_any(ToolResult("failed", {"code": 5}, is_error=True, meta={"a": 1}))
    assert texts(result) == ["failed"]
    assert structured(result) == {"code": 5}
    assert (result.is_error, result.meta) == (True, {"a": 1})
    result = encode_any(ToolResult(structured=[1]))
    assert (texts(result), structured(result), result.is_error, result.meta) == (["[1]"], [1], UNSET, UNSET)
    assert encode_any(ToolResult(["a", "b"])).content == [TextContent("a"), TextContent("b")]
    with pytest.raises(ReturnError):
        encode_any(ToolResult(structured=object()))


@pytest.mark.parametrize("annotation", [Order, Upper])
def test_a_tool_result_keeps_to_the_schema(annotation: Any) -> None:
    _, encode = read_return("f", annotation)
    good = Order(1) if annotation is Order else Upper("a")
    result = encode(ToolResult("short", good))
    assert texts(result) == ["short"]
    assert structured(result) == msgspec.to_builtins(good)
    with pytest.raises(ReturnError, match="does not fit the output schema"):
        encode(ToolResult(structured={"other": 1}))
    with pytest.raises(ReturnError, match=r"give its ToolResult structured=\.\.\., too"):
        encode(ToolResult("short"))
    assert encode(ToolResult("failed", is_error=True)).is_error is True
    assert structured(encode(ToolResult("failed", {"why": "x"}, is_error=True))) == {"why": "x"}


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(Any, "text"), (Any, {"a": 1}), (dict[str, int], {"a": 1}), (Order, Order(1)), (list[Order], [Order(1)])],
)
def test_at_most_two_frames_of_ours(annotation: Any, value: Any) -> None:
    _, encode = read_return("f", annotation)
    encode(value)
    frames = []

    def count(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            frames.append(frame.f_code.co_name)

    sys.setprofile(count)
    try:
        encode(value)
    finally:
        sys.setprofile(None)
    assert len(frames) <= 2, frames


@given(st.lists(st.builds(Order, st.integers(), st.floats(), st.none() | st.text(st.characters(codec="utf-8")))))
def test_what_is_sent_conforms(orders: list[Order]) -> None:
    schema, encode = read_return("f", list[Order])
    assert schema is not None
    try:
        result = encode(orders)
    except ReturnError:
        assert any(order.price != order.price or abs(order.price) == float("inf") for order in orders)
    else:
        assert jsonschema_rs.is_valid(schema, structured(result))
