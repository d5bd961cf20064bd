import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import msgspec
import pytest
from msgspec import Meta
from pydantic import BaseModel

from dragoman.server.annotations import decodable
from dragoman.server.schemas import inlined, schema_of


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


@dataclass
class Node:
    value: int
    children: list["Node"] = field(default_factory=list)


@dataclass
class Leaf:
    color: Color


@dataclass
class Holder:
    node: Node
    leaf: Leaf | None
    path: Path


class Twin(BaseModel):
    name: str
    other: "Twin | None" = None


def shape(annotation: Any) -> dict[str, Any]:
    schema = schema_of(decodable(annotation))
    jsonschema_rs.meta.validate(schema)
    return schema


def test_a_reference_at_the_root_becomes_what_it_refers_to() -> None:
    assert shape(Leaf) == {
        "title": "Leaf",
        "type": "object",
        "properties": {"color": {"type": "string", "enum": ["b", "r"]}},
        "required": ["color"],
    }


def test_a_recursive_type_keeps_its_definition() -> None:
    schema = shape(Node)
    assert schema["type"] == "object"
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert list(schema["$defs"]) == ["Node"]
    assert jsonschema_rs.is_valid(schema, {"value": 1, "children": [{"value": 2}]})
    assert not jsonschema_rs.is_valid(schema, {"value": 1, "children": [{"value": "a"}]})


def test_only_what_is_referred_to_is_defined() -> None:
    assert set(shape(Holder)["$defs"]) == {"Node", "Leaf"}
    assert "$defs" not in shape(list[int])
    assert shape(list[Node])["items"] == {"$ref": "#/$defs/Node"}


def test_words_beside_the_reference_stay() -> None:
    schema = shape(Annotated[Leaf, Meta(description="words", title="T")])
    assert (schema["description"], schema["title"], schema["type"]) == ("words", "T", "object")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Color, {"type": "string", "enum": ["b", "r"]}),
        (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
        (Literal[1, "a"], {"enum": [1, "a"]}),
        (Literal[True], {"enum": [True]}),
        (Mixed, {"enum": [1, "two"]}),
        (Path, {"type": "string"}),
        (list[Mixed], {"type": "array", "items": {"enum": [1, "two"]}}),
        (Annotated[Mixed, "words"], {"description": "words", "enum": [1, "two"]}),
        (Leaf | dict[str, int] | None, None),
    ],
)
def test_shapes(annotation: Any, expected: dict[str, Any] | None) -> None:
    schema = shape(annotation)
    if expected is None:
        assert schema["anyOf"][0] == {"$ref": "#/$defs/Leaf"}
        assert schema["anyOf"][-1] == {"type": "object", "additionalProperties": {"type": "integer"}}
    else:
        assert schema == expected


def test_foreign_types_inside_foreign_types() -> None:
    schema = shape(list[Leaf | dict[str, Node | dict[str, Mixed]]])
    members = schema["items"]["anyOf"]
    assert members[1]["additionalProperties"]["anyOf"][1]["additionalProperties"] == {"enum": [1, "two"]}
    assert set(schema["$defs"]) == {"Leaf", "Node"}


def test_a_type_used_twice_is_described_twice() -> None:
    kind = decodable(Leaf | dict[str, int])
    struct = msgspec.defstruct("S", [("a", kind), ("b", kind | None)])
    schema = schema_of(struct)
    assert schema["properties"]["a"] == schema["properties"]["b"]["anyOf"][0]


def test_definitions_of_pydantic_join_ours() -> None:
    schema = shape(list[Twin] | None)
    assert schema["$defs"]["Twin"]["properties"]["other"]["anyOf"][0] == {"$ref": "#/$defs/Twin"}
    assert shape(Twin)["properties"]["name"]["type"] == "string"


def test_definitions_of_one_name_are_kept_apart() -> None:
    @dataclass
    class Other:
        number: int

    Other.__name__ = Other.__qualname__ = "Twin"
    struct = msgspec.defstruct("S", [("ours", list[Other]), ("theirs", decodable(list[Twin])), ("model", Twin)])
    schema = schema_of(struct)
    assert schema["properties"]["ours"]["items"] == {"$ref": "#/$defs/Twin"}
    assert set(schema["$defs"]["Twin"]["properties"]) == {"number"}
    reference = schema["properties"]["theirs"]["items"]["$ref"]
    assert reference != "#/$defs/Twin"
    theirs = schema["$defs"][reference.removeprefix("#/$defs/")]
    assert set(theirs["properties"]) == {"name", "other"}
    assert theirs["properties"]["other"]["anyOf"][0] == {"$ref": reference}
    assert jsonschema_rs.is_valid(
        schema, {"ours": [{"number": 1}], "theirs": [{"name": "a", "other": {"name": "b"}}], "model": {"name": "c"}}
    )


@pytest.mark.parametrize("annotation", [complex, list[complex], dict[str, type]])
def test_what_has_no_schema_is_a_type_error(annotation: Any) -> None:
    with pytest.raises(TypeError):
        schema_of(annotation)


def test_data_that_looks_like_a_schema_is_left_alone() -> None:
    schema = {"type": "object", "default": {"enum": ["a"], "$ref": "x"}, "properties": {"enum": {"type": "string"}}}
    assert inlined(schema) == schema


def test_a_reference_elsewhere_is_left_alone() -> None:
    assert inlined({"$ref": "https://example.com/s"}) == {"$ref": "https://example.com/s"}
