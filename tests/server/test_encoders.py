import enum
from collections import ChainMap, UserList, defaultdict, deque, namedtuple
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from dragoman.server.encoders import ReturnError, json_of, text_of


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Opaque(enum.Enum):
    NEAR = (0, 1)


class Color(enum.StrEnum):
    RED = "r"


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Part(float):
    pass


class Blob(bytes):
    pass


class Stamp(datetime):
    pass


class Row:
    def _asdict(self) -> dict[str, int]:
        return {"a": 1}


class Model(BaseModel):
    name: str
    where: Path = Path("x")


class Scalar:
    """As numpy's scalars and arrays are: of its module, with `tolist`."""

    def tolist(self) -> list[int]:
        return [1, 2]


Scalar.__module__ = "numpy.core"
Named = namedtuple("Named", "a b")  # noqa: PYI024 -- the untyped kind is the point


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PurePosixPath("a/b"), b'"a/b"'),
        ({"p": PurePosixPath("a")}, b'{"p":"a"}'),
        (Mixed.ONE, b"1"),
        ([Mixed.TWO], b'["two"]'),
        (Opaque.NEAR, b"[0,1]"),
        (Row(), b'{"a":1}'),
        (Named(1, 2), b"[1,2]"),
        (Model(name="n"), b'{"name":"n","where":"x"}'),
        (Scalar(), b"[1,2]"),
        (deque([1]), b"[1]"),
        (range(3), b"[0,1,2]"),
        (UserList([1]), b"[1]"),
        ({"a": 1}.keys(), b'["a"]'),
        ({"a": 1}.values(), b"[1]"),
        (MappingProxyType({"a": 1}), b'{"a":1}'),
        (ChainMap({"a": 1}), b'{"a":1}'),
        (Text("a"), b'"a"'),
        (Whole(5), b"5"),
        ({Whole(5): Part(1.5)}, b'{"5":1.5}'),
        (Blob(b"\0"), b'"AA=="'),
        (Stamp(2026, 7, 28, 9, tzinfo=UTC), b'"2026-07-28T09:00:00+00:00"'),
        (defaultdict(int, a=1), b'{"a":1}'),
        (Decimal("1.50"), b'"1.50"'),
        (10**30, b"1" + b"0" * 30),
        ({1: 2}, b'{"1":2}'),
    ],
)
def test_json(value: Any, expected: bytes) -> None:
    assert json_of(value) == expected
    assert msgspec.json.decode(expected) is not None


class Itself:
    def _asdict(self) -> "dict[str, Itself]":
        return {"again": self}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "builtins.object has no JSON; return text, a dict or a list"),
        ({"x": [complex(1, 2)]}, "builtins.complex has no JSON"),
        (Fraction(1, 3), "fractions.Fraction has no JSON"),
        (ValueError("x"), "builtins.ValueError has no JSON"),
        (iter([1]), "return a list of what it yields"),
        ((number for number in range(3)), "return a list of what it yields"),
        ({(1, 2): 3}, "A dict has a key of type tuple; in JSON keys are text or numbers"),
        ({None: 1}, "A dict has a key of type NoneType"),
        ("\ud800", "str has no JSON"),
        (Itself(), "has no JSON"),
    ],
)
def test_what_has_no_json(value: Any, reason: str) -> None:
    with pytest.raises(ReturnError) as refused:
        json_of(value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (Color.RED, "r"),
        (PurePosixPath("a"), "a"),
        (Decimal("1.50"), "1.50"),
        (5, "5"),
        (True, "true"),
        (1.5, "1.5"),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_text(value: Any, expected: str) -> None:
    assert text_of(value) == expected
    assert type(text_of(value)) is str
