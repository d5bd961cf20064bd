import sys
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.server.annotations import decodable
from dragoman.server.arguments import Argument, ArgumentsError, arguments_struct, bind
from dragoman.server.schemas import schema_of


@dataclass
class Range:
    low: int
    high: int | None = None


def binding(*arguments: Argument) -> Any:
    return bind(arguments_struct("search", arguments), arguments)


def search() -> Any:
    return binding(
        Argument("query", str, None),
        Argument("limit", int, repeat(10).__next__),
        Argument("tags", decodable(list[str] | None), [].copy),
        Argument("span", decodable(Range | None), repeat(None).__next__),
    )[0]


@pytest.mark.parametrize("wrap", [bytes, Raw])
def test_the_happy_path_is_one_frame_of_ours(wrap: Any) -> None:
    decode = search()
    raw = wrap(b'{"query":"a","limit":5,"span":{"low":1}}')
    frames = []

    def count(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            frames.append(frame.f_code.co_name)

    sys.setprofile(count)
    try:
        values = decode(raw)
    finally:
        sys.setprofile(None)
    assert values == ("a", 5, [], Range(1))
    assert frames == ["decode"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"query":"a"}', ("a", 10, [], None)),
        (b' {"span":{"low":1,"high":2},"query":"a"} ', ("a", 10, [], Range(1, 2))),
        (b'{"query":5,"limit":"5","tags":"[\\"x\\"]","span":"{\\"low\\":\\"1\\"}"}', ("5", 5, ["x"], Range(1))),
        (b'{"query":"a","limit":null}', ("a", 10, [], None)),
        (b'{"query":"a","tags":null}', ("a", 10, None, None)),
        (b'"{\\"query\\":\\"a\\"}"', ("a", 10, [], None)),
        (b'{"query":"a","query":"b"}', ("b", 10, [], None)),
        (b'{"query":1,"query":2}', ("2", 10, [], None)),
    ],
)
def test_taken(raw: bytes, expected: tuple[Any, ...]) -> None:
    assert search()(raw) == expected
    assert search()(Raw(raw)) == expected


@pytest.mark.parametrize("raw", [b"", b"  ", b"null", b"{}", b'"{}"'])
def test_no_arguments_are_an_empty_object(raw: bytes) -> None:
    assert binding()[0](raw) == ()
    assert binding(Argument("x", int, repeat(1).__next__))[0](raw) == (1,)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{}", "Missing required argument 'query'."),
        (
            b'{"query":"a","limt":5}',
            "Unknown argument 'limt'. Did you mean 'limit'? Known: query, limit, tags, span.",
        ),
        (b'{"query":"a","zzzz":5}', "Unknown argument 'zzzz'. Known: query, limit, tags, span."),
        (b'{"query":null}', "Argument 'query': expected a string, got null."),
        (b'{"query":"a","limit":"5.5"}', "Argument 'limit': expected an integer, got \"5.5\"."),
        (b'{"query":"a","tags":"x,y"}', "Argument 'tags': expected a list or null, got \"x,y\"."),
        (b'{"query":"a","tags":["x",null]}', "Argument 'tags[1]': expected a string, got null."),
        (b'{"query":"a","span":{"low":"x"}}', "Argument 'span.low': expected an integer, got \"x\"."),
        (b'{"query":"a","span":{}}', "Argument 'span': Object missing required field `low`."),
        (
            b'{"query":[],"limit":"x","extra":1}',
            (
                "Unknown argument 'extra'. Known: query, limit, tags, span. "
                "Argument 'query': expected a string, got []. Argument 'limit': expected an integer, got \"x\"."
            ),
        ),
        (b"[1]", "The arguments must be a JSON object of names and values."),
        (b"5", "The arguments must be a JSON object of names and values."),
        (b'"text"', "The arguments must be a JSON object of names and values (JSON is malformed: "),
        (b'{"query":', "The arguments must be a JSON object of names and values (Input data was truncated)."),
        (b'{"query":"\xff"}', "Argument 'query' is not JSON: "),
        (b'{"\xff":1}', "The arguments must be a JSON object of names and values ("),
    ],
)
def test_refused_in_one_message(raw: bytes, message: str) -> None:
    with pytest.raises(ArgumentsError) as refused:
        search()(raw)
    assert refused.value.message.startswith(message)
    assert str(refused.value) == refused.value.message


def test_two_missing_arguments_are_named_together() -> None:
    decode, _ = binding(Argument("a", int, None), Argument("b", int, None))
    with pytest.raises(ArgumentsError, match=r"^Missing required arguments 'a', 'b'\.$"):
        decode(b"{}")


def test_a_function_without_parameters_says_so() -> None:
    with pytest.raises(ArgumentsError, match=r"Unknown argument 'x'\. This takes no arguments\."):
        binding()[0](b'{"x":1}')


def test_only_some_complaints_are_made() -> None:
    raw = msgspec.json.encode({f"unknown{number}": 1 for number in range(1000)})
    with pytest.raises(ArgumentsError) as refused:
        search()(raw)
    assert refused.value.message.count("Unknown argument") == 5


def test_names_of_any_kind_are_arguments() -> None:
    decode, _ = binding(
        Argument("__struct_fields__", int, None), Argument("self", int, None), Argument("a-b", int, None)
    )
    assert decode(b'{"__struct_fields__":1,"self":2,"a-b":3}') == (1, 2, 3)


@pytest.mark.parametrize("depth", [100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    decode, _ = binding(Argument("x", Any, None))
    with pytest.raises(ArgumentsError):
        decode(b'{"x":' + b"[" * depth + b"]" * depth + b"}")

    class Tree(msgspec.Struct):
        inner: "Tree | None" = None

    decode, _ = binding(Argument("x", list[Any], None))
    text = "[" * 900 + "]" * 900
    assert decode(msgspec.json.encode({"x": text}))[0]


def test_a_deep_tree_that_must_be_mended_is_refused() -> None:
    decode, _ = binding(Argument("x", Tree, None))
    depth = 600
    tree = b'{"number":"1","inner":' * depth + b"null" + b"}" * depth
    with pytest.raises(ArgumentsError, match="nested too deeply"):
        decode(b'{"x":' + tree + b"}")


class Tree(msgspec.Struct):
    number: int = 0
    inner: "Tree | None" = None


def test_texts() -> None:
    _, decode = binding(
        Argument("text", str, None),
        Argument("number", int, repeat(10).__next__),
        Argument("flag", bool, repeat(False).__next__),
        Argument("kind", decodable(Literal["a", "b"] | None), repeat(None).__next__),
        Argument("items", list[int], [].copy),
        Argument("anything", Any, repeat(None).__next__),
    )
    values = decode(
        {"text": "5", "number": "5", "flag": "true", "kind": "B", "items": "[1,2]", "anything": "6"},
    )
    assert values == ("5", 5, True, "b", [1, 2], "6")
    assert decode({"text": "x"}) == ("x", 10, False, None, [], None)
    with pytest.raises(ArgumentsError, match=r"Argument 'number': expected an integer, got \"05\"\."):
        decode({"text": "x", "number": "05"})
    with pytest.raises(ArgumentsError, match=r"Missing required argument 'text'\."):
        decode({})
    with pytest.raises(ArgumentsError, match=r"Did you mean 'text'"):
        decode({"txt": "x"})
    with pytest.raises(ArgumentsError, match="surrogate"):
        decode({"text": "\ud800"})


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.floats(allow_nan=False), st.booleans())
def test_texts_become_what_they_say(text: str, number: int, fraction: float, flag: bool) -> None:
    _, decode = binding(
        Argument("text", str, None),
        Argument("number", int, None),
        Argument("fraction", float, None),
        Argument("flag", bool, None),
    )
    sent = {"text": text, "number": str(number), "fraction": repr(fraction), "flag": str(flag)}
    if abs(fraction) == float("inf"):
        with pytest.raises(ArgumentsError):
            decode(sent)
    else:
        assert decode(sent) == (text, number, fraction, flag)


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6) | st.text(max_size=5)
VALUES = (
    SCALARS | st.lists(SCALARS, max_size=3, unique_by=repr) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=3)
)


class Pair(msgspec.Struct):
    left: int
    right: str = ""


TABLE: list[Any] = [
    int,
    float,
    str,
    bool,
    None,
    int | None,
    int | str,
    float | None,
    list[int],
    list[int | str],
    dict[str, int],
    dict[str, Any],
    tuple[int, str],
    tuple[int, ...],
    Literal["a", "b"],
    Literal[1, 2, None],  # noqa: PYI061 -- as users write it
    Pair,
    Pair | None,
    Range,
    list[Range],
    Range | Pair | int,
    Any,
]


@settings(max_examples=400)
@given(
    st.sampled_from(TABLE), VALUES | st.fixed_dictionaries({"left": SCALARS}) | st.fixed_dictionaries({"low": SCALARS})
)
def test_the_schema_says_what_the_decoder_takes(annotation: Any, value: Any) -> None:
    """Strictly taken => valid; valid => taken (an integer may be written 5.0 there, which the second look takes)."""
    argument = Argument("x", decodable(annotation), None)
    struct = arguments_struct("f", [argument])
    decode, _ = bind(struct, [argument])
    raw = msgspec.json.encode({"x": value})
    schema = schema_of(struct)
    valid = jsonschema_rs.validator_for(schema, validate_formats=False).is_valid(msgspec.json.decode(raw))
    try:
        argument._decode(msgspec.json.encode(value))  # noqa: SLF001 -- strict, without the second look
        strict = True
    except msgspec.ValidationError:
        strict = False
    if strict:
        assert valid
    if valid:
        assert len(decode(raw)) == 1


def test_defaults_make_arguments_optional_in_the_schema() -> None:
    struct = arguments_struct("f", [Argument("x", int, None), Argument("y", int, [].copy)])
    schema = schema_of(struct)
    assert schema["required"] == ["x"]
    assert schema["additionalProperties"] is False
