"""`key=value` words become a tool's arguments, typed by the tool's input schema.

`key=value`: where a string is allowed the value is that string; elsewhere it is read as JSON. `key:=json` is JSON
whatever the schema says, `key=@file` the text of a file, `key=@@text` text that begins with @. A key that is given
several times makes a list. The server validates; this only understands what was meant.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dragoman.errors import UsageError
from dragoman.server.suggest import nearest

_WORD: Final = re.compile(r"([^=:]+)(:?=)(.*)", re.DOTALL)
_ALL: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_DEEPEST: Final = 16
_UNREADABLE: Final = object()

Schema = Mapping[str, Any]


def read_arguments(owner: str, schema: Any, words: Sequence[str], *, noun: str = "Tool") -> dict[str, Any]:
    """Understand the words after a tool's name.

    Args:
        owner: the tool's name, for errors.
        schema: its input schema.
        words: as typed.
        noun: what the owner is, for errors.

    Raises:
        UsageError: a word is no argument, names an unknown one or holds what cannot be meant; or one is missing.
    """
    whole: Schema = schema if isinstance(schema, dict) else {}
    properties = whole.get("properties")
    known: Schema = properties if isinstance(properties, dict) else {}
    texts: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for word in words:
        key, is_json, text = split_word(word)
        if key not in known and not _takes_others(whole):
            raise UsageError(_unknown(f"{noun} '{owner}'", key, known))
        if is_json:
            values[key] = _from_json(key, text)
        else:
            texts.setdefault(key, []).append(_text(key, text))
    for key, given in texts.items():
        if key in values:
            raise UsageError(f"Argument '{key}' is given both as {key}= and as {key}:=; keep one.")
        values[key] = _value(key, given, known.get(key), whole)
    required = whole.get("required")
    missing = [name for name in required if name not in values] if isinstance(required, list) else []
    if missing:
        raise UsageError(f"{noun} '{owner}' needs {_list(missing)}; write {missing[0]}=VALUE.")
    return values


def read_json(text: str) -> dict[str, Any]:
    """Understand `--json`: an object, or `-` for one on standard input.

    Raises:
        UsageError: it is no JSON object.
    """
    try:
        value = json.loads(sys.stdin.read() if text == "-" else text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--json is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise UsageError('--json must be an object, such as \'{"query": "refunds"}\'.')
    return value


def split_word(word: str) -> tuple[str, bool, str]:
    """Key, whether the value is JSON, and value of a word.

    Raises:
        UsageError: it is no `key=value`, or not text.
    """
    found = _WORD.fullmatch(word)
    if found is None:
        raise UsageError(f"'{word}' is no argument; write key=value.")
    key, mark, text = found.groups()
    check_text(word)
    return key, mark == ":=", text


def check_text(word: str) -> None:
    """Refuse bytes of the command line that are not text; JSON could not carry them.

    Raises:
        UsageError: they are not.
    """
    try:
        word.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{word!r} is not valid UTF-8.") from None


def _takes_others(schema: Schema) -> bool:
    """Whether unknown arguments are allowed: said so, or nothing is said about any."""
    others = schema.get("additionalProperties")
    return isinstance(others, dict) or others is True or (others is None and not schema.get("properties"))


def _unknown(owner: str, key: str, known: Schema) -> str:
    near = nearest(key, known)
    if near is not None:
        return f"{owner} has no argument '{key}'. Did you mean '{near}'?"
    takes = f"it takes {_list(list(known))}" if known else "it takes none"
    return f"{owner} has no argument '{key}'; {takes}."


def _text(key: str, text: str) -> str:
    """The text itself, or that of a file."""
    if text.startswith("@@") or not text.startswith("@"):
        return text[1:] if text.startswith("@@") else text
    try:
        return sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8-sig")
    except OSError as error:
        message = f"Argument '{key}': the file '{text[1:]}' cannot be read: {error.strerror or error}."
        raise UsageError(f"{message} For text that begins with @ write {key}=@{text}") from error
    except ValueError as error:
        raise UsageError(f"Argument '{key}': the file '{text[1:]}' is not text in UTF-8.") from error


def _value(key: str, given: Sequence[str], schema: Any, whole: Schema) -> Any:
    kinds = kinds_of(schema, whole)
    if len(given) == 1:
        return _typed(key, given[0], schema, whole)
    if "array" not in kinds:
        raise UsageError(f"Argument '{key}' is given {len(given)} times and is no list; give it once.")
    return [_typed(key, text, _items(schema, whole), whole) for text in given]


def _typed(key: str, text: str, schema: Any, whole: Schema) -> Any:
    """The value of one text where the schema allows these kinds."""
    kinds = kinds_of(schema, whole)
    if "string" in kinds and kinds != _ALL:
        return text
    value = _parsed(text)
    if value is not _UNREADABLE and _kind(value) & kinds:
        return value
    if "boolean" in kinds and text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    if "string" in kinds:
        return text
    if "array" in kinds and value is not None:  # one item, without brackets
        return [_typed(key, text, _items(schema, whole), whole)]
    raise UsageError(f"Argument '{key}' takes {_list(sorted(kinds))} as JSON, not '{text}'.")


def kinds_of(schema: Any, whole: Schema, depth: int = 0) -> frozenset[str]:
    """The JSON types that a schema allows, as far as can be seen; all of them where it does not say."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return _ALL
    if "$ref" in schema:
        return kinds_of(_referred(schema["$ref"], whole), whole, depth + 1)
    if "type" in schema:
        said = schema["type"]
        return frozenset([said] if isinstance(said, str) else said) & _ALL
    if "const" in schema or "enum" in schema:
        return frozenset().union(*map(_kind, schema.get("enum", [schema.get("const")])))
    for choice in ("anyOf", "oneOf"):
        if isinstance(schema.get(choice), list):
            return frozenset().union(*(kinds_of(one, whole, depth + 1) for one in schema[choice]))
    if isinstance(schema.get("allOf"), list):
        return _ALL.intersection(*(kinds_of(one, whole, depth + 1) for one in schema["allOf"]))
    return _ALL


def _referred(reference: Any, whole: Schema) -> Any:
    """What a reference within the schema points at; None where it leads nowhere."""
    found: Any = whole
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    for step in reference[1:].strip("/").split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _items(schema: Any, whole: Schema) -> Any:
    """The schema of a list's items."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _items(_referred(schema["$ref"], whole), whole)
        for one in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
            if isinstance(one, dict) and "items" in one:
                return one["items"]
    return None


def _kind(value: Any) -> frozenset[str]:
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"number", "integer"} if value.is_integer() else {"number"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _from_json(key: str, text: str) -> Any:
    value = _parsed(text)
    if value is _UNREADABLE:
        raise UsageError(f"Argument '{key}': {key}:= takes JSON, and '{text}' is none; for text write {key}={text}")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
