"""Types as forms that a client can show."""

import enum
import gc
import json
import weakref
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

import jsonschema_rs
import msgspec
import pydantic
import pytest
from msgspec import Raw, Struct

from dragoman import Meta, UsageError
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN
from dragoman.server.forms import Form, form_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


@dataclass
class Inner:
    x: int


@dataclass
class Trip:
    to: str
    nights: Annotated[int, Meta(ge=1, le=30, description="how long")] = 3
    colour: Colour = Colour.RED
    extras: list[Colour] = field(default_factory=list)
    note: str | None = None
    hurry: bool = False


class TripStruct(Struct):
    to: str
    nights: int = 3


class TripDict(TypedDict):
    to: str
    nights: NotRequired[int]


class TripModel(pydantic.BaseModel):
    to: str
    nights: int = pydantic.Field(3, ge=1, description="how long")
    colour: Colour = Colour.RED


def raw(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))


def test_a_dataclass() -> None:
    choices = ["blue", "red"]
    assert form_of(Trip).schema == {
        "type": "object",
        "properties": {
            "to": {"type": "string"},
            "nights": {"type": "integer", "minimum": 1, "maximum": 30, "description": "how long", "default": 3},
            "colour": {"type": "string", "enum": choices, "default": "red"},
            "extras": {"type": "array", "items": {"type": "string", "enum": choices}},
            "note": {"type": "string"},
            "hurry": {"type": "boolean", "default": False},
        },
        "required": ["to"],
    }
    answer = {"to": "Rome", "extras": ["blue"], "colour": "blue", "hurry": True, "nights": 2}
    assert form_of(Trip).read(raw(answer)) == Trip("Rome", 2, Colour.BLUE, [Colour.BLUE], None, hurry=True)
    assert form_of(Trip).read(raw({"to": "Rome"})) == Trip("Rome")
    assert form_of(Trip).read(raw({"to": "Rome", "note": None})) == Trip("Rome")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (TripStruct, TripStruct("Rome", 2)),
        (TripDict, {"to": "Rome", "nights": 2}),
        (TripModel, TripModel(to="Rome", nights=2)),
    ],
)
def test_other_records(kind: Any, expected: Any) -> None:
    schema = form_of(kind).schema
    assert schema["properties"]["to"]["type"] == "string"
    assert schema["properties"]["nights"]["type"] == "integer"
    assert schema["required"] == ["to"]
    assert form_of(kind).read(raw({"to": "Rome", "nights": 2})) == expected
    wrongs: list[Any] = [{}, {"to": 1}, {"to": "Rome", "nights": "many"}, [], "x", None]
    for wrong in wrongs:
        with pytest.raises((ValueError, msgspec.MsgspecError)):
            form_of(kind).read(raw(wrong))


@pytest.mark.parametrize(
    ("kind", "shown", "answer", "value"),
    [
        (str, {"type": "string"}, "a", "a"),
        (int, {"type": "integer"}, 3, 3),
        (float, {"type": "number"}, 3, 3.0),
        (bool, {"type": "boolean"}, True, True),
        (date, {"type": "string", "format": "date"}, "2026-07-28", date(2026, 7, 28)),
        (datetime, {"type": "string", "format": "date-time"}, "2026-07-28T10:00:00", datetime(2026, 7, 28, 10)),  # noqa: DTZ001
        (UUID, {"type": "string"}, "0" * 32, UUID(int=0)),
        (Colour, {"type": "string", "enum": ["blue", "red"]}, "red", Colour.RED),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, "b", "b"),
        (Colour | None, {"type": "string", "enum": ["blue", "red"]}, "red", Colour.RED),
        (int | None, {"type": "integer"}, 3, 3),
        (list[Colour], {"type": "array", "items": {"type": "string", "enum": ["blue", "red"]}}, ["red"], [Colour.RED]),
        (set[Literal["a"]], {"type": "array", "items": {"type": "string", "enum": ["a"]}}, ["a"], {"a"}),
        (
            Annotated[list[Colour], Meta(min_length=1, max_length=2)],
            {"type": "array", "items": {"type": "string", "enum": ["blue", "red"]}, "minItems": 1, "maxItems": 2},
            ["red"],
            [Colour.RED],
        ),
        (Annotated[int, Meta(gt=0, lt=5)], {"type": "integer", "minimum": 1, "maximum": 4}, 3, 3),
        (Annotated[str, Meta(min_length=2, title="T")], {"type": "string", "minLength": 2, "title": "T"}, "ab", "ab"),
    ],
)
def test_a_single_value_is_a_form_of_one_field(kind: Any, shown: Any, answer: Any, value: Any) -> None:
    assert form_of(kind).schema == {"type": "object", "properties": {"value": shown}, "required": ["value"]}
    assert form_of(kind).read(raw({"value": answer})) == value
    wrongs: list[Any] = [{}, {"value": {"x": 1}}, [], "x", None]
    for wrong in wrongs:
        with pytest.raises((ValueError, msgspec.MsgspecError)):
            form_of(kind).read(raw(wrong))


@pytest.mark.parametrize("revision", [LATEST_LEGACY, LATEST_MODERN], ids=lambda revision: revision.name)
@pytest.mark.parametrize("kind", [Trip, TripStruct, TripDict, TripModel, Colour, bool, list[Colour], date])
def test_every_form_fits_the_official_schema(kind: Any, revision: Any, shared_data: Path) -> None:
    document = json.loads((shared_data / "schema" / f"{revision.name}.json").read_text("utf-8"))
    check = jsonschema_rs.validator_for({**document, "$ref": "#/$defs/ElicitRequestFormParams"})
    assert check.is_valid({"message": "m", "mode": "form", "requestedSchema": form_of(kind).schema})
    assert not check.is_valid({"message": "m", "mode": "form", "requestedSchema": {"type": "object"}})


@dataclass
class WithInner:
    inner: Inner


@dataclass
class WithList:
    names: list[str]


@dataclass
class WithNumbers:
    which: Literal[1, 2]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (WithInner, "WithInner: 'inner' is neither text, a number, a yes or no, nor a choice"),
        (WithList, "WithList: 'names' is neither"),
        (list[str], "'value' is neither"),
        (list[Inner], "'value' is neither"),
        (list, "'value' is neither"),
        (dict[str, int], "'value' is neither"),
        (str | int, "'value' is neither"),
        (Any, "'value' is neither"),
        (None, "'value' is neither"),
        (Literal["a", 1], "'value' is neither"),
        (WithNumbers, "'which' chooses among numbers; make them texts"),
        (Number, "'value' chooses among numbers"),
        (list[Number], "'value' chooses among numbers"),
        (complex, "A form cannot ask for complex: "),
        (type("Own", (), {}), "A form cannot ask for Own: "),
    ],
)
def test_what_a_form_cannot_ask_for(kind: Any, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        form_of(kind)
    assert reason in str(raised.value)


def test_a_form_is_made_once_for_its_type() -> None:
    assert form_of(Trip) is form_of(Trip)
    assert form_of(int) is not form_of(bool)
    unhashable = Annotated[str, {"no": "key"}]
    assert form_of(unhashable) is not form_of(unhashable)
    assert form_of(unhashable).schema == form_of(str).schema


def test_forms_of_passing_classes_are_forgotten() -> None:
    first: weakref.ref[Form] | None = None
    for number in range(300):
        kind = msgspec.defstruct(f"Passing{number}", [("to", str)])
        form = form_of(kind)
        first = first or weakref.ref(form)
    del kind, form
    gc.collect()
    assert first is not None
    assert first() is None
