"""Forms as a server asks for them: defaults, and what is wrong with an answer (Elicitation, Requested Schema).

Only what forms are allowed to say is looked at; a field of another kind is the server's mistake and passes unchecked.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from dragoman.client.wire import quote
from dragoman.protocol.uri import is_uri

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def fields_of(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The fields of a form, by name; what is no field is left out."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    return {name: field for name, field in properties.items() if isinstance(field, Mapping)}


def defaults_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a default, with it."""
    return {name: field["default"] for name, field in fields_of(schema).items() if "default" in field}


def complaints(content: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with a filled-in form, one half-sentence each; nothing when it may be sent.

    Args:
        content: the fields' values.
        schema: the requested schema.
    """
    fields = fields_of(schema)
    required = schema.get("required")
    missing = [name for name in required if name not in content] if isinstance(required, list) else []
    found = [f"{quote(str(name))} is missing" for name in missing]
    for name, value in content.items():
        if name not in fields:
            found.append(f"the form has no field {quote(str(name))}")
            continue
        found += [f"{quote(name)} {complaint}" for complaint in _field(value, fields[name])]
    return found


def _field(value: Any, field: Mapping[str, Any]) -> Iterator[str]:
    check = _CHECKS.get(str(field.get("type")))
    if check is not None:
        yield from check(value, field)


def _text(value: Any, field: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"takes text, not {_kind(value)}"
        return
    yield from _within(len(value), field, "minLength", "maxLength", "characters")
    choices = _choices(field)
    if choices is not None and value not in choices:
        yield f"is none of {_list(choices)}"
    check = _FORMATS.get(str(field.get("format")))
    if check is not None and not check(value):
        yield f"is not a {field['format']}"


def _number(value: Any, field: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield f"takes a number, not {_kind(value)}"
        return
    if field["type"] == "integer" and value != value // 1:
        yield "takes a whole number"
    yield from _within(value, field, "minimum", "maximum", "")


def _boolean(value: Any, _field: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"takes true or false, not {_kind(value)}"


def _list_of_choices(value: Any, field: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, list | tuple):
        yield f"takes a list, not {_kind(value)}"
        return
    yield from _within(len(value), field, "minItems", "maxItems", "choices")
    items = field.get("items")
    choices = _choices(items) if isinstance(items, Mapping) else None
    strangers = [item for item in value if choices is not None and item not in choices]
    if strangers:
        yield f"has {_list(strangers)}, which is none of {_list(choices or [])}"


def _within(size: float, field: Mapping[str, Any], least: str, most: str, unit: str) -> Iterator[str]:
    for key, word, breaks in ((least, "least", operator.lt), (most, "most", operator.gt)):
        limit = field.get(key)
        if isinstance(limit, int | float) and not isinstance(limit, bool) and breaks(size, limit):
            yield f"takes at {word} {limit:g} {unit}".rstrip()


def _choices(field: Mapping[str, Any]) -> list[Any] | None:
    """What may be chosen: `enum`, or `oneOf` and `anyOf` of titled constants."""
    plain = field.get("enum")
    if isinstance(plain, list):
        return plain
    titled = field.get("oneOf", field.get("anyOf"))
    if isinstance(titled, list):
        return [choice["const"] for choice in titled if isinstance(choice, Mapping) and "const" in choice]
    return None


def _is_date(value: str) -> bool:
    return _DATE.fullmatch(value) is not None and _parses(date.fromisoformat, value)


def _is_time(value: str) -> bool:
    return _TIME.fullmatch(value) is not None and _parses(datetime.fromisoformat, value.upper())


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _list(values: list[Any]) -> str:
    shown = [quote(str(value), 40) for value in values[:10]]
    return ", ".join(shown) + (", …" if len(values) > len(shown) else "")


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "email": lambda value: _EMAIL.fullmatch(value) is not None,
    "uri": is_uri,
    "date": _is_date,
    "date-time": _is_time,
}
_CHECKS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Iterator[str]]]] = {
    "string": _text,
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "array": _list_of_choices,
}
