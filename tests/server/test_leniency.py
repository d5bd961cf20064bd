"""What is taken equals what was meant; what would lose something is left for the strict decoder to refuse."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Raw

from dragoman.server.annotations import decodable
from dragoman.server.leniency import mend, parse, takes_null, write


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Shouting(enum.Enum):
    A = "x"
    a = "y"


class Point(NamedTuple):
    x: int
    y: int = 0


class Filter(TypedDict):
    limit: NotRequired[int]
    text: str


@dataclass
class Order:
    number: int
    note: str = "none"
    tags: tuple[str, ...] = ()


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    lives: float


@dataclass
class Other:
    total: int


def mended(kind: Any, text: str) -> Any:
    return mend(parse(text), msgspec.inspect.type_info(decodable(kind)))


TAKEN = [
    (int, '"5"', 5),
    (int, '"-17"', -17),
    (int, "5.0", 5),
    (int, "5e2", 500),
    (int, '"123456789012345678901234567890"', 123456789012345678901234567890),
    (Annotated[int, Meta(ge=1)], '"5"', 5),
    (float, '"1.5"', 1.5),
    (float, '"5"', 5),
    (float, '"1e3"', 1000),
    (bool, '"true"', True),
    (bool, '"False"', False),
    (str, "5", "5"),
    (str, "-12345678901234567890123", "-12345678901234567890123"),
    (int | None, '"null"', None),
    (int | None, '"5"', 5),
    (str | None, "5", "5"),
    (int | bool, '"true"', True),
    (int | float, '"5"', 5),
    (int | float, '"5.5"', 5.5),
    (list[str], '"[\\"a\\"]"', ["a"]),
    (list[int], '" [1, \\"2\\"]"', [1, 2]),
    (list[int] | None, '"[1]"', [1]),
    (list[int] | int, '["1", 2.0]', [1, 2]),
    (set[int], '["1", 2]', [1, 2]),
    (tuple[int, str], '["1", 2]', [1, "2"]),
    (tuple[int, str], '["1", 2, 3]', [1, "2", 3]),
    (Point, '["1"]', [1]),
    (Sequence[int], '"[1]"', [1]),
    (dict[str, int], '"{\\"x\\": 1}"', {"x": 1}),
    (dict[str, int], '{"x": "1"}', {"x": 1}),
    (dict, '"{\\"x\\": 1}"', {"x": 1}),
    (Order, '{"number": "5", "note": null, "tags": "[\\"a\\"]"}', {"number": 5, "tags": ["a"]}),
    (Order, '"{\\"number\\": 5}"', {"number": 5}),
    (Order | None, '{"number": "5"}', {"number": 5}),
    (Filter, '{"limit": "5", "text": 3}', {"limit": 5, "text": "3"}),
    (Cat | Dog, '{"type": "Dog", "lives": "9"}', {"type": "Dog", "lives": 9}),
    (Cat | Dog | None, '{"type": "Cat", "lives": "9"}', {"type": "Cat", "lives": 9}),
    (Order | Other, '{"total": "5"}', {"total": 5}),
    (list[int] | tuple[str, str], '"[1, 2, 3]"', [1, 2, 3]),
    (Color, '"RED"', "r"),
    (Color, '"red"', "r"),
    (Color, '"B"', "b"),
    (Color | None, '"Blue"', "b"),
    (Level, '"2"', 2),
    (Level, '"high"', 2),
    (Level, "2.0", 2),
    (Literal["asc", "desc"], '"DESC"', "desc"),
    (Literal[1, 2], '"2"', 2),
    (Literal["1", "2"], "2", "2"),
    (Literal["auto"] | int, '"5"', 5),
    (Literal["auto"] | int, '"AUTO"', "auto"),
    (Shouting, '"X"', "x"),
]


@pytest.mark.parametrize(("kind", "text", "expected"), TAKEN)
def test_taken(kind: Any, text: str, expected: Any) -> None:
    result = mended(kind, text)
    assert result == expected
    assert isinstance(result, Decimal) or type(result) is type(expected)


LEFT = [
    (int, '"5.5"'),
    (int, '"05"'),
    (int, '"+5"'),
    (int, '" 5"'),
    (int, '"-0"'),
    (int, '"1_000"'),
    (int, '"٣"'),
    (int, '""'),
    (int, "5.5"),
    (int, "1e300"),
    (int, "9007199254740993.0"),
    (int, "true"),
    (int, f'"{"9" * 401}"'),
    (float, '"NaN"'),
    (float, '"Infinity"'),
    (float, '"1e999"'),
    (float, '"0x10"'),
    (float, '"0.1000000000000000055"'),
    (float, '"12345678901234567890"'),
    (bool, "1"),
    (bool, '"yes"'),
    (bool, '"1"'),
    (str, "5.0"),
    (str, "true"),
    (str, "null"),
    (str, "[]"),
    (int | None, '""'),
    (str | None, '"null"'),
    (int | str, '"5"'),
    (date | int, '"20260728"'),
    (UUID | int, '"12345678123456781234567812345678"'),
    (float | str, "5.5"),
    (list[str], '"a,b"'),
    (list[str], '"a"'),
    (list[str], "{}"),
    (list[str], '"{}"'),
    (list[str], '"[1"'),
    (list[int], f'"{"[" * 5000}"'),
    (dict[str, int], '"[1]"'),
    (dict[str, int], "5"),
    (Order, '"5"'),
    (Order, '{"unknown": 5}'),
    (Color, '"green"'),
    (Color, '"r"'),
    (Color, "5"),
    (Shouting, '"A "'),
    (Literal["a", "A"], '"á"'),
    (Literal[1, 2], '"3"'),
    (Literal[1, 2], "true"),
    (Literal["auto"] | int, '"often"'),
    (Literal["auto"] | int, '"auto"'),
    (Order | Other, '"5"'),
    (Order | None, "5"),
    (list[int] | None, "{}"),
    (dict[str, int] | None, "[]"),
    (Cat | Dog, '{"type": "Cow", "lives": "9"}'),
    (Any, '"5"'),
]


@pytest.mark.parametrize(("kind", "text"), LEFT)
def test_left_as_it_is(kind: Any, text: str) -> None:
    sent = parse(text)
    result = mended(kind, text)
    assert result == sent
    assert type(result) is type(sent)


def test_a_name_that_two_members_share_but_for_case_is_ambiguous() -> None:
    assert mended(Shouting, '"a"') == "a"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (None, True),
        (int, False),
        (int | None, True),
        (Any, True),
        (Raw, True),
        (Literal[None, 1], True),  # noqa: PYI061 -- as users write it
        (Literal[1], False),
        (Annotated[int | None, Meta(description="x")], True),
        (Annotated[str, Meta(extra_json_schema={"x": 1})], False),
    ],
)
def test_which_types_take_null(kind: Any, expected: bool) -> None:
    assert takes_null(msgspec.inspect.type_info(kind)) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KINDS: list[Any] = [
    int,
    float,
    bool,
    str,
    int | None,
    int | float,
    list[int],
    list[str] | None,
    dict[str, float],
    dict[str, list[bool]],
    Order,
    Order | Other,
    Cat | Dog,
    Filter,
    Point,
    Color,
    Literal["a", 1],
]


def decode(kind: Any, data: bytes) -> Any:
    return msgspec.json.decode(data, type=kind)


@given(st.integers())
def test_an_integer_in_a_text_is_that_integer(number: int) -> None:
    assert mended(int, f'"{number}"') == number
    assert mended(str, str(number)) == str(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_in_a_text_is_that_number(number: float) -> None:
    assert float(mended(float, f'"{number!r}"')) == number


@given(st.text())
def test_a_text_taken_for_a_number_says_the_same_number(text: str) -> None:
    for kind in (int, float):
        result = mended(kind, write(text).decode())
        if result != text:
            assert Decimal(text) == Decimal(result)
            assert Decimal(write(decode(kind, write(result))).decode().strip('"')) == Decimal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_a_fraction_is_never_cut(number: Decimal) -> None:
    result = mended(int, f"{number:f}")
    assert result == number


@given(JSON)
def test_json_in_a_text_is_that_json(value: Any) -> None:
    text = write(value)
    for kind, wanted in ((list, list), (dict, dict)):
        result = mended(kind, write(text.decode()).decode())
        assert result == (parse(text) if isinstance(value, wanted) else text.decode())


@given(st.sampled_from(KINDS), JSON)
def test_what_the_strict_decoder_takes_is_never_changed_into_something_else(kind: Any, value: Any) -> None:
    data = write(value)
    plain = decodable(kind)
    try:
        taken = msgspec.json.decode(data, type=plain)
    except (msgspec.ValidationError, NotImplementedError):
        return
    result = mend(parse(data), msgspec.inspect.type_info(plain))
    assert msgspec.json.decode(write(result), type=plain) == taken


@given(st.sampled_from(KINDS), JSON)
def test_mending_twice_is_mending_once(kind: Any, value: Any) -> None:
    info = msgspec.inspect.type_info(decodable(kind))
    once = mend(parse(write(value)), info)
    assert mend(parse(write(once)), info) == once
