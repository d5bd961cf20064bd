"""Values of databases as cells of a result: JSON values that lose nothing but what is above the size of a cell.

Pure functions; they know types of Python, not of databases. What JSON can't hold is text: decimals, identifiers,
intervals, NaN and infinities, integers beyond 2^53-1; dates and times are ISO 8601; bytes are `{"base64": ...}`.
SQLite's worker, which may import nothing of this package, keeps the same rules for itself.
"""

import base64
import codecs
import datetime as dt
import decimal
import json
import math
import re
import uuid
from typing import Any

import msgspec

SAFE_INTEGER = 2**53 - 1
DEEPEST_JSON = 64
_OPENING = re.compile(r"[\[{]")


def integer(number: int) -> int | str:
    """Return a whole number; as text beyond what every reader of JSON keeps exactly."""
    return number if -SAFE_INTEGER <= number <= SAFE_INTEGER else str(number)


def real(number: float) -> float | str:
    """Return a floating-point number; as text when it is none or has no end."""
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def text(value: str, size: int) -> str:
    """Return a text; one of more bytes of UTF-8 than `size` is cut at a character and says so."""
    if len(value) * 4 <= size:
        return value
    raw = value.encode("utf-8", "surrogatepass")
    return value if len(raw) <= size else cut_text(raw, len(raw), size)


def cut_text(head: bytes, total: int, size: int) -> str:
    """Return the first bytes of a longer text, as text that says that it was cut.

    Args:
        head: its beginning in UTF-8, perhaps with a part of a character at the end.
        total: how long it is, bytes.
        size: how much of it is kept at most, bytes.
    """
    kept = codecs.getincrementaldecoder("utf-8")("replace").decode(head[:size])
    return f"{kept}… [cut: {total} bytes in all]"


def blob(head: bytes, total: int, size: int) -> dict[str, str]:
    """Return bytes as base64; more of them than `size` are cut, and the cell says so.

    Args:
        head: the bytes, or the beginning of them.
        total: how many there are.
        size: how many are kept at most.
    """
    cell = {"base64": base64.b64encode(head[:size]).decode("ascii")}
    if total > size:
        cell["cut"] = f"{total} bytes in all"
    return cell


def moment(value: dt.date | dt.time) -> str:
    """Return a date, a time or both in ISO 8601."""
    return value.isoformat()


def from_json(document: str, *, exact: bool = False) -> Any:
    """Return a JSON document as the value it stands for; as text when it can't be one.

    Args:
        document: the document.
        exact: whether all numbers of it are decimals, which are text.
    """
    parse = str if exact else _exact_number
    if len(_OPENING.findall(document)) > DEEPEST_JSON and _depth(document) > DEEPEST_JSON:
        return document
    try:
        return json.loads(document, parse_float=parse, parse_int=str if exact else _exact_integer, parse_constant=str)
    except (ValueError, RecursionError):
        return document


def _exact_integer(digits: str) -> int | str:
    return digits if len(digits) > 17 else integer(int(digits))  # noqa: PLR2004 (2^53 has 16 digits, and a sign)


def _exact_number(digits: str) -> float | str:
    number = float(digits)
    if not math.isfinite(number) or decimal.Decimal(repr(number)) != decimal.Decimal(digits):
        return digits
    return number


def _depth(document: str) -> int:
    depth = deepest = 0
    inside = escaped = False
    for character in document:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = inside
        elif character == '"':
            inside = not inside
        elif not inside and character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif not inside and character in "]}":
            depth -= 1
    return deepest


def cell(value: Any, size: int) -> Any:
    """Return what stands in a result for a value of Python.

    Args:
        value: None, a number, text, bytes, a date, a time, a duration, an identifier, or lists and maps of these.
        size: the longest text or bytes that are kept whole, bytes.
    """
    if value is None or isinstance(value, bool):
        return value
    convert = _CONVERT.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, str):
        return text(value, size)
    if isinstance(value, bytes | bytearray | memoryview):
        return blob(bytes(value[:size]), len(value), size)
    if isinstance(value, list | tuple):
        return [cell(each, size) for each in value]
    if isinstance(value, dict):
        return {str(key): cell(each, size) for key, each in value.items()}
    return text(str(value), size)


def duration(value: dt.timedelta) -> str:
    """Return a duration as hours, minutes and seconds, as databases write a time: `-1:02:03.5` is `-01:02:03.5`."""
    microseconds = value // dt.timedelta(microseconds=1)
    sign = "-" if microseconds < 0 else ""
    seconds, fraction = divmod(abs(microseconds), 10**6)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}{tail}"


_CONVERT: dict[type, Any] = {
    int: integer,
    float: real,
    decimal.Decimal: str,
    uuid.UUID: str,
    dt.date: moment,
    dt.datetime: moment,
    dt.time: moment,
    dt.timedelta: duration,
}


def weight(cells: list[Any]) -> int:
    """Return how many bytes of JSON a row takes."""
    return len(msgspec.json.encode(cells)) + 1
