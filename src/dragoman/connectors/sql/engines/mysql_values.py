"""Values at both borders of MySQL and MariaDB: literals of a statement, and cells of the text protocol.

Knows no connection. What is bound becomes a literal whose reading depends on no setting of the session: text and
bytes in hexadecimal, numbers in digits. Nothing is escaped, because nothing needs to be.
"""

import datetime as dt
import math
import re
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from dragoman.connectors.sql import values
from dragoman.connectors.sql.engines.engine import EngineFault, Query, Scalar

MOST_DIGITS = 65
BINARY = 63  # the number of the character set of bytes

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)")
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


def literal(value: Scalar) -> str:
    """Return a value as a literal.

    Raises:
        EngineFault: it is a number that MySQL does not have, or text that is not Unicode.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        if abs(value) >= 10**MOST_DIGITS:
            raise EngineFault("statement", "argument smaller number")
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EngineFault("statement", "argument number")
        digits = repr(value) if "e" in repr(value) else f"{value!r}e0"
        return digits if value >= 0 else f"({digits})"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    try:
        return f"_utf8mb4 x'{_plain_moment(value).encode().hex()}'"
    except UnicodeEncodeError:
        raise EngineFault("statement", "argument text") from None


def _plain_moment(text: str) -> str:
    """Return a moment of ISO 8601 with a zone in UTC and without one, as MySQL compares it; other text as it is."""
    if not _ZONED.fullmatch(text):
        return text
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ")


def with_literals(query: Query) -> str:
    """Return a statement with its values in their places.

    Raises:
        EngineFault: a value that MySQL does not have, or a statement that is not Unicode text.
    """
    first, *rest = query.parts
    text = first + "".join(f" {literal(value)} {part}" for value, part in zip(query.arguments, rest, strict=True))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise EngineFault("refused", "not Unicode text") from None
    return text


class Field(Protocol):
    """A column as the driver describes it."""

    name: str
    type_code: int
    charsetnr: int
    flags: int


class Long(Struct, frozen=True):
    """A value of which only the beginning was kept: how long it is, and how it begins."""

    total: int
    head: bytes


def _integer(raw: bytes) -> Any:
    return values.integer(int(raw))


def _real(raw: bytes) -> Any:
    return values.real(float(raw))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _moment(raw: bytes) -> str:
    found = _MOMENT.fullmatch(text := _text(raw))
    return f"{found[1]}T{found[2]}" if found else text


def _bits(raw: bytes) -> Any:
    return values.integer(int.from_bytes(raw, "big"))


def _json(raw: bytes) -> Any:
    return values.from_json(_text(raw))


def _shape(raw: bytes) -> str:
    return raw.hex().upper()


# Numbers of types: MySQL, Client/Server Protocol, "Field Types".
_READERS: dict[int, Callable[[bytes], Any]] = {
    **dict.fromkeys((1, 2, 3, 8, 9, 13), _integer),
    **dict.fromkeys((4, 5), _real),
    **dict.fromkeys((0, 246), _text),
    **dict.fromkeys((10, 11, 14), _text),
    **dict.fromkeys((7, 12), _moment),
    16: _bits,
}
_JSON, _GEOMETRY = 245, 255
_ENUM, _SET = 247, 248


def reader(field: Field, size: int) -> Callable[[bytes | Long | None], Any]:
    """Return how the cells of a column are read.

    Args:
        field: the column.
        size: the longest cell, bytes.
    """
    known = {_JSON: _json, _GEOMETRY: _shape}.get(field.type_code) or _READERS.get(field.type_code)
    # Of numbers, times and documents the character set says nothing: their bytes are digits or letters.
    binary = field.charsetnr == BINARY and known is None and field.type_code not in (_ENUM, _SET)

    def read(raw: bytes | Long | None) -> Any:
        if raw is None:
            return None
        total, head = (raw.total, raw.head) if isinstance(raw, Long) else (len(raw), raw)
        if binary:
            return values.blob(head, total, size)
        if total > size:
            return values.cut_text(head if field.type_code != _GEOMETRY else _shape(head).encode(), total, size)
        return known(head) if known is not None else _text(head)

    return read
