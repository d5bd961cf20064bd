"""Sentences on arguments that do not fit, written for the model that sent them.

Knows msgspec's wording of errors and turns it into words about JSON: which argument, what was expected, what came.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec import inspect

from dragoman.server.leniency import write
from dragoman.server.suggest import nearest

_SHOWN: Final = 60
_CHOICES: Final = 20
_PLACE: Final = re.compile(r" - at `(?:key` in `)?\$?([^`]*)`$")
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`(?:, got `[^`]+`)?(.*)", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")
_WORDS: Final = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "null": "null",
    "array": "a list",
    "object": "an object",
    "bytes": "base64 text",
    "datetime": "an ISO 8601 date and time",
    "date": "a date (YYYY-MM-DD)",
    "time": "a time (HH:MM:SS)",
    "duration": "an ISO 8601 duration",
    "uuid": "a UUID",
    "decimal": "a decimal number",
}
_PHRASES: Final = {
    "Invalid UUID": "a UUID",
    "Invalid RFC3339 encoded datetime": "an ISO 8601 date and time, such as 2026-07-28T09:30:00Z",
    "Invalid RFC3339 encoded date": "a date, such as 2026-07-28",
    "Invalid RFC3339 encoded time": "a time, such as 09:30:00",
    "Invalid ISO8601 duration": "an ISO 8601 duration, such as PT1H30M",
    "Invalid decimal string": "a decimal number",
    "Invalid base64 encoded string": "base64 text",
    "Number out of range": "a number that fits 64 bits",
    "Integer value out of range": "a smaller integer",
}


def unknown(name: str, known: list[str]) -> str:
    """Say that there is no such argument, which one was probably meant, and which there are."""
    if not known:
        return f"Unknown argument '{_cut(name)}'. This takes no arguments."
    meant = nearest(name, known)
    hint = f" Did you mean '{meant}'?" if meant else ""
    return f"Unknown argument '{_cut(name)}'.{hint} Known: {', '.join(known)}."


def missing(names: list[str]) -> str:
    """Say which required arguments are not there."""
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"Missing required argument{'s' if len(names) > 1 else ''} {quoted}."


def sentence(name: str, kind: inspect.Type, error: str, sent: Any) -> str:
    """Say what is wrong with one argument.

    Args:
        name: the argument's name.
        kind: its type.
        error: what msgspec said of the value alone.
        sent: the value as it was sent.
    """
    place = _PLACE.search(error)
    error = _PLACE.sub("", error)
    steps = [(key, index, each) for key, index, each in _STEP.findall(place[1])] if place else []
    where, value = name, sent
    at: inspect.Type | None = kind
    for key, index, each in steps:
        where += f".{key}" if key else f"[{index or each}]"
        value, at = _inside(value, key, index), _type_inside(at, key, index)
    expected = _expected(error, at)
    if expected is None:
        return f"Argument '{where}': {error.rstrip('.')}."
    came = "" if value is _LOST else f", got {_shown(value)}"
    return f"Argument '{where}': expected {expected}{came}."


def _expected(error: str, kind: inspect.Type | None) -> str | None:
    if error.startswith("Invalid enum value") and (choices := _choices(kind)):
        return f"one of {', '.join(choices[:_CHOICES])}{' ...' if len(choices) > _CHOICES else ''}"
    if error in _PHRASES:
        return _PHRASES[error]
    match = _EXPECTED.fullmatch(error)
    if match is None:
        return None
    words = " or ".join(_WORDS.get(word, word) for word in match[1].split(" | "))
    return words + match[2]


def _choices(kind: inspect.Type | None) -> list[str]:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.EnumType):
        return [_shown(member.value) for member in kind.cls]
    if isinstance(kind, inspect.LiteralType):
        return [_shown(value) for value in kind.values]
    if isinstance(kind, inspect.UnionType):
        return [choice for member in kind.types for choice in _choices(member)]
    return []


class _Lost:
    """The value cannot be found by msgspec's path, as for one entry of a dict."""


_LOST: Final = _Lost()


def _inside(value: Any, key: str, index: str) -> Any:
    if key and isinstance(value, dict):
        return value.get(key, _LOST)
    if index and isinstance(value, list) and int(index) < len(value):
        return value[int(index)]
    return _LOST


def _type_inside(kind: inspect.Type | None, key: str, index: str) -> inspect.Type | None:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        found = (_type_inside(member, key, index) for member in kind.types)
        return next((one for one in found if one is not None), None)
    fields: Iterable[inspect.Field] = getattr(kind, "fields", ())
    if key:
        return next((field.type for field in fields if field.encode_name == key), None)
    if isinstance(kind, inspect.DictType):
        return kind.value_type
    if isinstance(kind, inspect.TupleType | inspect.NamedTupleType):
        kinds = kind.item_types if isinstance(kind, inspect.TupleType) else [field.type for field in fields]
        return kinds[int(index)] if index and int(index) < len(kinds) else None
    return getattr(kind, "item_type", None)


def _shown(value: Any) -> str:
    return _cut(write(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
