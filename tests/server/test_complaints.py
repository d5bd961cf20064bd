import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from dragoman.server.annotations import build, decodable
from dragoman.server.complaints import missing, sentence, unknown
from dragoman.server.leniency import parse


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


def _many() -> Any:
    """An enum of thirty members, made of a list."""
    return enum.IntEnum("Many", " ".join(f"N{number}" for number in range(30)), start=0)


class Leaf(msgspec.Struct):
    color: Color
    size: Annotated[int, Meta(ge=1)] = 1


class Pair(NamedTuple):
    left: int
    right: Color


def complaint(kind: Any, text: str) -> str:
    plain = decodable(kind)
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(text, type=plain, dec_hook=build)
    return sentence("x", msgspec.inspect.type_info(plain), str(refused.value), parse(text))


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (int, '"a"', "Argument 'x': expected an integer, got \"a\"."),
        (int | None, '"a"', "Argument 'x': expected an integer or null, got \"a\"."),
        (bool, "1", "Argument 'x': expected true or false, got 1."),
        (float, "{}", "Argument 'x': expected a number, got {}."),
        (float, "1e400", "Argument 'x': expected a number that fits 64 bits, got 1E+400."),
        (Annotated[int, Meta(ge=1)], "0", "Argument 'x': expected an integer >= 1, got 0."),
        (Annotated[str, Meta(max_length=1)], '"ab"', "Argument 'x': expected a string of length <= 1, got \"ab\"."),
        (Annotated[str, Meta(pattern="^a")], '"b"', "Argument 'x': expected a string matching regex '^a', got \"b\"."),
        (UUID, '"a"', "Argument 'x': expected a UUID, got \"a\"."),
        (dt.date, '"a"', "Argument 'x': expected a date, such as 2026-07-28, got \"a\"."),
        (Decimal, '"a"', "Argument 'x': expected a decimal number, got \"a\"."),
        (bytes, '"!"', "Argument 'x': expected base64 text, got \"!\"."),
        (Color, '"g"', 'Argument \'x\': expected one of "r", "b", got "g".'),
        (Color | int, '"g"', 'Argument \'x\': expected one of "r", "b", got "g".'),
        (Annotated[Literal["a", "b"], Meta(title="t")], '"g"', 'one of "a", "b"'),
        (list[Color], '["r", "g"]', 'Argument \'x[1]\': expected one of "r", "b", got "g".'),
        (list[list[int]], '[[1], [2, "a"]]', "Argument 'x[1][1]': expected an integer, got \"a\"."),
        (dict[str, Color], '{"a":"g"}', 'Argument \'x[...]\': expected one of "r", "b".'),
        (dict[str, int], '{"a":"g"}', "Argument 'x[...]': expected an integer."),
        (dict[int, int], '{"a":1}', "Argument 'x': expected an integer, got {\"a\":1}."),
        (Leaf, '{"color":"g"}', 'Argument \'x.color\': expected one of "r", "b", got "g".'),
        (Leaf | None, '{"color":"g"}', 'Argument \'x.color\': expected one of "r", "b", got "g".'),
        (list[Leaf], '[{"color":"r","size":0}]', "Argument 'x[0].size': expected an integer >= 1, got 0."),
        (Leaf, "{}", "Argument 'x': Object missing required field `color`."),
        (tuple[int, Color], '[1, "g"]', 'Argument \'x[1]\': expected one of "r", "b", got "g".'),
        (tuple[int, int], "[1]", "Argument 'x': expected a list of length 2, got [1]."),
        (Pair, '[1, "g"]', 'Argument \'x[1]\': expected one of "r", "b", got "g".'),
        (list[int], f'["{"a" * 100}"]', "…"),
        (Leaf | list[int], '{"color":5}', "Argument 'x.color': expected a string, got 5."),
    ],
)
def test_sentences(kind: Any, text: str, expected: str) -> None:
    result = complaint(kind, text)
    assert result == expected or (not expected.startswith("Argument") and expected in result)
    assert len(result) < 200


def test_long_lists_of_choices_are_cut() -> None:
    result = complaint(_many(), "99")
    assert result.endswith("18, 19 ..., got 99.")


def test_a_foreign_type_speaks_for_itself() -> None:
    assert complaint(Leaf | dict[str, str], "5") == "Argument 'x': expected Leaf or dict, got 5."


def test_unknown_and_missing() -> None:
    assert unknown("limt", ["limit"]) == "Unknown argument 'limt'. Did you mean 'limit'? Known: limit."
    assert unknown("x", []) == "Unknown argument 'x'. This takes no arguments."
    assert len(unknown("x" * 5000, ["limit"])) < 120
    assert missing(["a"]) == "Missing required argument 'a'."
    assert missing(["a", "b"]) == "Missing required arguments 'a', 'b'."


def test_a_path_that_the_value_does_not_have_leaves_the_value_out() -> None:
    info = msgspec.inspect.type_info(list[int])
    assert sentence("x", info, "Expected `int`, got `str` - at `$[7]`", [1]) == "Argument 'x[7]': expected an integer."
    info = msgspec.inspect.type_info(int)
    assert sentence("x", info, "Expected `int`, got `str` - at `$.a`", 1) == "Argument 'x.a': expected an integer."
    assert sentence("x", info, "Invalid enum value 1 - at `$[0]`", 1) == "Argument 'x[0]': Invalid enum value 1."
    info = msgspec.inspect.type_info(tuple[int, int])
    assert sentence("x", info, "Invalid enum value 1 - at `$[5]`", [1]) == "Argument 'x[5]': Invalid enum value 1."
