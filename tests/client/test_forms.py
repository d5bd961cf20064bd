"""Forms: what their fields allow, and how a mistake is told."""

from typing import Any

import pytest

from dragoman.client.forms import complaints, defaults_of

COLOURS = ["red", "green", "blue"]


def form(field: Any, *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": field}, "required": list(required)}


FITTING = [
    ({"type": "string"}, ""),
    ({"type": "string", "minLength": 2, "maxLength": 3}, "äöü"),
    ({"type": "string", "enum": COLOURS}, "red"),
    ({"type": "string", "oneOf": [{"const": "#f00", "title": "Red"}, {"const": "#0f0"}]}, "#f00"),
    ({"type": "string", "format": "email"}, "ada@example.org"),
    ({"type": "string", "format": "uri"}, "https://a.example/b?c"),
    ({"type": "string", "format": "date"}, "2024-02-29"),
    ({"type": "string", "format": "date-time"}, "2024-02-29T10:00:00.5Z"),
    ({"type": "string", "format": "date-time"}, "2024-02-29t10:00:00+02:00"),
    ({"type": "string", "format": "unknown"}, "anything"),
    ({"type": "number", "minimum": 0.5}, 0.5),
    ({"type": "number"}, 3),
    ({"type": "integer", "maximum": 3}, 3),
    ({"type": "integer"}, 3.0),
    ({"type": "boolean"}, False),
    ({"type": "array", "items": {"type": "string", "enum": COLOURS}, "minItems": 1}, ["red", "blue"]),
    ({"type": "array", "items": {"anyOf": [{"const": "a"}, {"const": "b"}]}, "maxItems": 1}, ("a",)),
    ({"type": "array"}, [1, "a"]),
    ({"type": "object"}, {"not": "checked"}),
    ({"type": ["string", "null"]}, None),
    ({}, object()),
]


@pytest.mark.parametrize(("field", "value"), FITTING)
def test_what_fits(field: Any, value: Any) -> None:
    assert complaints({"x": value}, form(field, "x")) == []


WRONG = [
    ({"type": "string"}, 3, "'x' takes text, not int"),
    ({"type": "string"}, None, "'x' takes text, not null"),
    ({"type": "string", "minLength": 2}, "a", "'x' takes at least 2 characters"),
    ({"type": "string", "maxLength": 2.0}, "abc", "'x' takes at most 2 characters"),
    ({"type": "string", "enum": COLOURS}, "pink", "'x' is none of 'red', 'green', 'blue'"),
    ({"type": "string", "enum": list("abcdefghijkl")}, "z", f"'x' is none of {', '.join(map(repr, 'abcdefghij'))}, …"),
    ({"type": "string", "oneOf": [{"const": "a"}, "b"]}, "b", "'x' is none of 'a'"),
    ({"type": "string", "format": "email"}, "ada", "'x' is not a email"),
    ({"type": "string", "format": "uri"}, "a.example", "'x' is not a uri"),
    ({"type": "string", "format": "date"}, "2023-02-29", "'x' is not a date"),
    ({"type": "string", "format": "date"}, "20240229", "'x' is not a date"),
    ({"type": "string", "format": "date-time"}, "2024-02-29 10:00:00Z", "'x' is not a date-time"),
    ({"type": "number"}, True, "'x' takes a number, not bool"),
    ({"type": "number"}, float("nan"), "'x' takes a number, not float"),
    ({"type": "number"}, "3", "'x' takes a number, not str"),
    ({"type": "number", "minimum": 1}, 0.5, "'x' takes at least 1"),
    ({"type": "integer"}, 3.5, "'x' takes a whole number"),
    ({"type": "boolean"}, "true", "'x' takes true or false, not str"),
    ({"type": "array"}, "red", "'x' takes a list, not str"),
    ({"type": "array", "maxItems": 1}, ["a", "b"], "'x' takes at most 1 choices"),
    ({"type": "array", "items": {"enum": ["a", "b"]}}, ["c"], "'x' has 'c', which is none of 'a', 'b'"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "words"), WRONG)
def test_what_does_not(field: Any, value: Any, words: str) -> None:
    assert complaints({"x": value}, form(field)) == [words]


def test_fields_that_are_missing_or_unknown() -> None:
    assert complaints({"y": 1}, form({"type": "string"}, "x")) == ["'x' is missing", "the form has no field 'y'"]


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"properties": {"x": 3}, "required": 5}])
def test_a_form_that_is_none(schema: Any) -> None:
    assert complaints({}, schema) == []
    assert defaults_of(schema) == {}


def test_defaults() -> None:
    schema = {"properties": {"a": {"default": None}, "b": {"type": "string"}, "c": {"default": 0}}}
    assert defaults_of(schema) == {"a": None, "c": 0}
