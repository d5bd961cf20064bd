"""Values of SQLite as JSON: cells, rows that are measured as they are made, answers.

A part of `sqlite_worker`: standard library only. What other engines do with values is in `values`, by the same rules.
"""

import base64
import codecs
import json
import math
import sys
from collections.abc import Sequence
from types import NoneType
from typing import Any

SAFE_INTEGER = 2**53 - 1
LARGEST_REAL = sys.float_info.max

_TEXT, _INTEGER, _REAL = {str}, {int}, {float}

ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


class Cells:
    """Values of SQLite as JSON values: nothing is lost but what is above the size of a cell.

    Args:
        size: the longest text or blob to pass on, in bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def text(self, text: str) -> str:
        """Return a text; a long one is cut at a character and says so."""
        raw = text.encode("utf-8")
        if len(raw) <= self.size:
            return text
        kept = codecs.getincrementaldecoder("utf-8")("replace").decode(raw[: self.size])
        return f"{kept}… [cut: {len(raw)} bytes in all]"

    def rows(self, rows: list[tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
        """Return what stands in the result for some rows: they themselves, when each column is plain."""
        if all(map(self._is_plain, zip(*rows, strict=True))):
            return rows
        return [self.row(values) for values in rows]

    def _is_plain(self, values: tuple[Any, ...]) -> bool:
        """Whether JSON has all values of a column as they are."""
        kinds = set(map(type, values))
        if NoneType in kinds:
            values = tuple(value for value in values if value is not None)
            kinds.remove(NoneType)
        if kinds == _TEXT:
            return max(map(len, values)) <= self.size // 4  # characters that surely fit
        if kinds == _INTEGER:
            return bool(min(values) >= -SAFE_INTEGER and max(values) <= SAFE_INTEGER)
        if kinds == _REAL:
            return bool(min(values) >= -LARGEST_REAL and max(values) <= LARGEST_REAL)
        return not kinds

    def row(self, values: tuple[Any, ...]) -> list[Any]:
        """Return what stands in the result for one row; what JSON has as it is goes the short way."""
        short = self.size // 4  # characters that surely fit
        return [
            value
            if value is None
            or ((kind := type(value)) is str and len(value) <= short)
            or (kind is int and -SAFE_INTEGER <= value <= SAFE_INTEGER)
            or (kind is float and -LARGEST_REAL <= value <= LARGEST_REAL)
            else self.value(value)
            for value in values
        ]

    def value(self, value: Any) -> Any:
        """Return what stands in the result for one value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int) and not -SAFE_INTEGER <= value <= SAFE_INTEGER:
            return str(value)
        if isinstance(value, float) and not math.isfinite(value):
            return "Infinity" if value > 0 else "-Infinity"  # SQLite keeps no NaN: it becomes NULL
        if isinstance(value, bytes):
            cell: dict[str, Any] = {"base64": base64.b64encode(value[: self.size]).decode("ascii")}
            if len(value) > self.size:
                cell["cut"] = f"{len(value)} bytes in all"
            return cell
        return value


class Rows(list[Sequence[Any]]):
    """Rows and their JSON, which is made once, to measure them and to send them.

    Args:
        room: bytes that they may have.
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.longest = 1  # bytes of a row, on average of those that came together
        self.encoded = bytearray()

    def take(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Keep rows as far as there is room; False when one had none."""
        if not rows:
            return True
        together = encode(rows)
        self.longest = max(self.longest, len(together) // len(rows))
        if len(together) <= self.room:
            self._keep(rows, together[1:-1])
            return True
        for row in rows:
            alone = encode(row)
            if len(alone) + 1 > self.room:
                return False
            self._keep([row], alone)
        return True

    def _keep(self, rows: Sequence[Sequence[Any]], encoded: bytes) -> None:
        if self:
            self.encoded += b","
        self.encoded += encoded
        self.room -= len(encoded) + 1
        self.extend(rows)


def decode(raw: bytes) -> str:
    """Return a text, which may be invalid UTF-8."""
    return raw.decode("utf-8", "replace")


def encode(value: Any) -> bytes:
    """Return a value as compact JSON in UTF-8."""
    return ENCODER.encode(value).encode("utf-8")


def encode_reply(reply: dict[str, Any]) -> bytes:
    """Return an answer as JSON; rows that were encoded to be measured are not encoded again."""
    rows = reply.get("rows")
    if not isinstance(rows, Rows):
        return encode(reply)
    rest = encode({name: value for name, value in reply.items() if name != "rows"})
    return b"".join((rest[:-1], b',"rows":[', rows.encoded, b"]}"))
