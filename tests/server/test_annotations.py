import enum
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NewType, TypeVar
from uuid import UUID

import annotated_types
import msgspec
import pytest
from msgspec import Meta, ValidationError

from dragoman.server.annotations import AnyOf, Choices, Marker, UnsupportedType, build, decodable


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float
    name: str = ""


@dataclass
class Ring:
    radius: float
    inner: float = 0.0


class Mixed(enum.Enum):
    ONE = 1
    YES = True
    TWO = "two"


class Opaque(enum.Enum):
    NEAR = (0, 1)
    FAR = (9, 9)


class Empty(enum.Enum):
    pass


class Documented:
    documentation = "as PEP 727 has it"


Identifier = NewType("Identifier", int)
Bound = TypeVar("Bound", bound=int)
Free = TypeVar("Free")


def decode(annotation: Any, text: str) -> Any:
    return msgspec.json.decode(text, type=decodable(annotation), dec_hook=build)


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (object, "[1]", [1]),
        (Free, "[1]", [1]),
        (Bound, "5", 5),
        (Identifier, "5", 5),
        (Annotated[Identifier, "a number"], "5", 5),
        (Iterable[int], "[5]", [5]),
        (Collection[int], "[5]", [5]),
        (Sequence[Circle], '[{"radius":1}]', [Circle(1)]),
        (Sequence, "[5]", [5]),
        (Iterable, "[5]", [5]),
        (Mapping[str, Path], '{"a":"b"}', {"a": Path("b")}),
        (tuple[int, ...], "[1,2]", (1, 2)),
        (tuple[Circle | Square, ...], '[{"side":1}]', (Square(1),)),
        (dict[str, Circle | Square], '{"a":{"radius":1}}', {"a": Circle(1)}),
        (Path, '"a/b"', Path("a/b")),
        (PurePosixPath | None, '"a/b"', PurePosixPath("a/b")),
        (Path | str, '"a"', Path("a")),
        (datetime, '"2026-07-28T09:30:00"', datetime(2026, 7, 28, 9, 30)),  # noqa: DTZ001 -- as it was sent
        (Circle | Square, '{"side":1}', Square(1)),
        (Circle | Square | None, "null", None),
        (Circle | Square | int | list[int], "[5]", [5]),
        (Circle | Ring, '{"radius":1}', Circle(1)),
        (Circle | Ring, '{"radius":1,"inner":2}', Ring(1, 2)),
        (Ring | Circle, '{"radius":1}', Ring(1)),
        (dict[str, float] | Circle, '{"radius":1}', Circle(1)),
        (dict[str, float] | Circle, '{"other":1}', {"other": 1.0}),
        (str | UUID, '"12345678-1234-5678-1234-567812345678"', UUID("12345678-1234-5678-1234-567812345678")),
        (str | UUID, '"none"', "none"),
        (str | date | None, '"2026-07-28"', date(2026, 7, 28)),
        (float | int | Circle | Square, "5", 5),
        (list[int] | set[str], '["a"]', {"a"}),
        (Annotated[str, Meta(pattern="^a")] | UUID, '"abc"', "abc"),
        (Mixed, "1", Mixed.ONE),
        (Mixed, '"two"', Mixed.TWO),
        (Opaque, '"NEAR"', Opaque.NEAR),
        (Opaque | None, "null", None),
        (list[Opaque], '["FAR"]', [Opaque.FAR]),
        (Literal["a", 1, None], "null", None),  # noqa: PYI061 -- as users write it
        (Annotated[int | None, Meta(ge=1)], "null", None),
        (Annotated[int | None, Meta(ge=1, description="x")], "1", 1),
        (Annotated[int, annotated_types.Ge(1)], "1", 1),
        (Annotated[int, "unknown", 3.5, "notes"], "1", 1),
    ],
)
def test_decoded(annotation: Any, text: str, expected: Any) -> None:
    result = decode(annotation, text)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Circle | Square, '{"other":1}'),
        (Circle | Square, "5"),
        (Path, "5"),
        (Mixed, "2"),
        (Mixed, "[]"),
        (Mixed, "false"),
        (Opaque, '"near"'),
        (Annotated[int | None, Meta(ge=1)], "0"),
        (Annotated[int, annotated_types.Ge(1)], "0"),
        (Annotated[int, annotated_types.Interval(ge=1, le=5)], "6"),
        (Annotated[str, annotated_types.MaxLen(2)], '"abc"'),
    ],
)
def test_refused(annotation: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        decode(annotation, text)


def test_true_and_one_are_told_apart() -> None:
    class Pair(enum.Enum):
        A = 0
        B = "b"

    assert decode(Pair, "0") is Pair.A
    with pytest.raises(ValidationError):
        decode(Pair, "false")


def test_a_refused_union_names_its_members() -> None:
    with pytest.raises(ValidationError, match=r"Circle \| Square \| null"):
        decode(Circle | Square | None, "5")
    with pytest.raises(ValidationError, match=r"UUID \| date \| str"):
        decode(Annotated[str, Meta(max_length=3)] | UUID | date, '"long text"')


@pytest.mark.parametrize(
    "annotation",
    [
        Empty,
        Empty | None,
        Annotated[int | Circle | Square, Meta(pattern="a")],
    ],
)
def test_what_nothing_becomes_is_refused_at_once(annotation: Any) -> None:
    with pytest.raises(UnsupportedType):
        decodable(annotation)


def test_a_callable_is_left_for_the_schema_to_refuse() -> None:
    assert decodable(Callable[[int], str]) == Callable[[int], str]


def test_an_unknown_class_has_no_decoder() -> None:
    with pytest.raises(NotImplementedError):
        build(complex, "1j")


def test_what_msgspec_knows_stays_the_same() -> None:
    for annotation in (int, list[int], dict[str, Circle], Circle | None, Literal["a"], Decimal):
        assert decodable(annotation) == annotation


def test_times_name_their_format_for_input_only() -> None:
    assert msgspec.json.schema(decodable(date)) == {"type": "string", "format": "date"}
    assert decodable(date, output=True) is date


def test_an_enum_without_json_values_is_no_output() -> None:
    assert isinstance(decodable(Mixed, output=True), Marker)
    with pytest.raises(UnsupportedType, match="return its value or its name"):
        decodable(list[Opaque], output=True)


@pytest.mark.parametrize(
    ("annotation", "description"),
    [
        (Annotated[int, "words"], "words"),
        (Annotated[int, Meta(description="meta")], "meta"),
        (Annotated[int, "words", Meta(description="meta")], "meta"),
        (Annotated[int, Meta(description="meta"), "words"], "meta"),
        (Annotated[int, "words", Meta(ge=1)], "words"),
        (Annotated[int | None, "words"], "words"),
        (Annotated[Circle | Square, "words"], "words"),
        (Annotated[int, Documented()], "as PEP 727 has it"),
    ],
)
def test_descriptions(annotation: Any, description: str) -> None:
    kind = decodable(annotation)
    schema = msgspec.json.schema(kind, schema_hook=lambda _: {})
    assert schema["description"] == description


def test_a_header_annotation_goes_through() -> None:
    kind = decodable(Annotated[str, Meta(extra_json_schema={"x-mcp-header": "Region"})])
    assert msgspec.json.schema(kind) == {"type": "string", "x-mcp-header": "Region"}


def test_schemas_of_foreign_types() -> None:
    assert AnyOf([int, str]).schema([{"a": 1}, {"b": 2}]) == {"anyOf": [{"a": 1}, {"b": 2}]}
    assert Choices(Opaque).schema([]) == {"enum": ["NEAR", "FAR"]}
    kind = decodable(Mixed)
    assert isinstance(kind, Marker)
    assert kind.foreign.schema([])["enum"] == [1, "two"]
