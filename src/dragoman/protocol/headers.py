"""HTTP header values that mirror the body: the Base64 sentinel, and a tool's plan of `Mcp-Param-*` headers.

Source: 2026-07-28, Streamable HTTP, Value Encoding and Custom Headers from Tool Parameters; RFC 9110 section 5.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from dragoman.errors import HeaderMismatch, InvalidParams, UsageError

_PREFIX: Final = "=?base64?"
_SUFFIX: Final = "?="
_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?", re.ASCII)
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,17}(?:\.0{1,17})?")
_SAFE: Final = 2**53
_PRIMITIVES: Final = ("string", "integer", "boolean")
_SCHEMAS_BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES: Final = frozenset({"const", "default", "enum", "example", "examples"})  # data, whatever it looks like


def encode_value(value: str) -> str:
    """Write a value so that it survives as a header field."""
    if _PLAIN.fullmatch(value) and not (value.startswith(_PREFIX) and value.endswith(_SUFFIX)):
        return value
    return _PREFIX + base64.b64encode(value.encode()).decode("ascii") + _SUFFIX


def decode_value(sent: bytes, header: str) -> str:
    """Read a header value back.

    Args:
        sent: the field value; white space around it does not count (RFC 9110, 5.5).
        header: the field's name, for the error.

    Raises:
        HeaderMismatch: characters that no header may hold, or broken Base64.
    """
    text = sent.strip(b" \t").decode("latin-1")
    if not text:
        return text
    if not _PLAIN.fullmatch(text):
        raise HeaderMismatch(f"Header mismatch: {header} has characters that a header may not hold; encode it.")
    if not (text.startswith(_PREFIX) and text.endswith(_SUFFIX) and len(text) >= len(_PREFIX) + len(_SUFFIX)):
        return text
    inner = text[len(_PREFIX) : -len(_SUFFIX)]
    try:
        decoded = base64.b64decode(inner, validate=True)
        if base64.b64encode(decoded) == inner.encode():  # the one spelling of its bytes (RFC 4648, 3.5)
            return decoded.decode()
    except (binascii.Error, UnicodeDecodeError):
        pass
    raise HeaderMismatch(f"Header mismatch: {header} is not valid Base64 of UTF-8 text.")


class ParameterHeader(Struct, frozen=True):
    """One parameter that a header mirrors.

    Args:
        field: the header's name in lower case, as bytes.
        name: the header's name as declared, for errors.
        path: the chain of properties that leads to the value.
    """

    field: bytes
    name: str
    path: tuple[str, ...]


def plan(schema: Any, tool: str) -> tuple[ParameterHeader, ...]:
    """Read the `x-mcp-header` annotations of an input schema, once, when the tool is registered.

    Raises:
        UsageError: an annotation breaks a rule of the specification (Tools, x-mcp-header).
    """
    planned: dict[str, ParameterHeader] = {}
    reachable = set()
    for path, node in _reachable(schema, ()):
        if "x-mcp-header" not in node:
            continue
        reachable.add(id(node))
        name = node["x-mcp-header"]
        where = f"tool '{tool}', parameter '{'.'.join(path)}'"
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise UsageError(f"{where}: x-mcp-header must be a header token such as 'Region', not {name!r}.")
        if name.lower() in planned:
            raise UsageError(f"{where}: x-mcp-header '{name}' is used twice; names differ by more than case.")
        if node.get("type") not in _PRIMITIVES:
            raise UsageError(f"{where}: x-mcp-header needs a parameter of type string, integer or boolean.")
        planned[name.lower()] = ParameterHeader(b"mcp-param-" + name.lower().encode(), f"Mcp-Param-{name}", path)
    if any(id(node) not in reachable for node in _annotated(schema)):
        raise UsageError(f"tool '{tool}': x-mcp-header stands where no chain of properties leads; move or drop it.")
    return tuple(planned.values())


def render(value: Any) -> str | None:
    """A parameter's value as its header says it; None where no header is expected."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def check(planned: tuple[ParameterHeader, ...], arguments: Raw, headers: Mapping[bytes, bytes]) -> None:
    """See that every `Mcp-Param-*` header says what the arguments say.

    Raises:
        HeaderMismatch: one is missing, malformed or says otherwise.
        InvalidParams: the arguments cannot be read, as with a number that no double holds.
    """
    try:
        values = msgspec.json.decode(arguments)
    except msgspec.MsgspecError as error:
        raise InvalidParams(f"Invalid parameters: the arguments cannot be read: {error}.") from None
    for header in planned:
        value: Any = values
        for step in header.path:
            value = value.get(step) if isinstance(value, dict) else None
        expected, sent = render(value), headers.get(header.field)
        if sent is None:
            if expected is not None:
                raise HeaderMismatch(f"Header mismatch: the header {header.name} is missing, the body has its value.")
            continue
        decoded = decode_value(sent, header.name)
        if expected is None or not _same(decoded, expected, value):
            raise HeaderMismatch(f"Header mismatch: {header.name} does not say what the body says.")


def _same(decoded: str, expected: str, value: Any) -> bool:
    """Integers compare as numbers, and only where a double holds them (Server Validation); the rest is text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) >= _SAFE:
            return False
        if value == int(value) and _DECIMAL.fullmatch(decoded):
            return int(decoded.partition(".")[0]) == value
    return decoded == expected


def _reachable(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    properties = node.get("properties") if isinstance(node, dict) else None
    for name, child in properties.items() if isinstance(properties, dict) else ():
        if isinstance(child, dict):
            yield (*path, name), child
            yield from _reachable(child, (*path, name))


def _annotated(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema that carries the annotation, wherever it stands; a property or a value of that name is none."""
    if isinstance(node, list):
        for child in node:
            yield from _annotated(child)
    if not isinstance(node, dict):
        return
    if "x-mcp-header" in node:
        yield node
    for keyword, child in node.items():
        if keyword in _SCHEMAS_BY_NAME and isinstance(child, dict):
            yield from _annotated(list(child.values()))
        elif keyword not in _VALUES:
            yield from _annotated(child)
