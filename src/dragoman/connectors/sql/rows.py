"""Results as agents read them: a table of few bytes, and cursors that continue a statement.

Pure functions of values; knows no database. The text says everything that the structured form says, in
different bytes: columns once, one line a row, NULL apart from the text "NULL".
"""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from dragoman.connectors.sql.engines.engine import SqlFault

_CURSOR = struct.Struct(">Q16s")
_SPECIAL = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


class BadCursor(SqlFault):
    """The cursor is not one that this statement on this connector gave."""


class QueryResult(Struct, frozen=True):
    """The rows of a query: `truncated` says that there are more, and `next` is the cursor that gives them."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    next: str | None


def cursor_at(offset: int, connector: str, sql: str) -> str:
    """Return the cursor that continues a statement after so many rows."""
    return base64.urlsafe_b64encode(_CURSOR.pack(offset, _digest(offset, connector, sql))).decode("ascii")


def offset_of(cursor: str, connector: str, sql: str) -> int:
    """Return how many rows a cursor skips.

    The digest ties it to the statement; it is no seal, and none is needed: a forged cursor names a number of
    rows to skip in the forger's own statement.

    Raises:
        BadCursor: it was given by another statement or connector, or is no cursor.
    """
    try:
        offset, digest = _CURSOR.unpack(base64.b64decode(cursor.encode("ascii"), b"-_", validate=True))
    except (ValueError, binascii.Error, struct.error):
        raise BadCursor("this is no cursor of a query: repeat `next` of the last result as it is") from None
    if not hmac.compare_digest(digest, _digest(offset, connector, sql)):
        raise BadCursor("this cursor belongs to another statement: repeat the sql it came from, unchanged")
    return int(offset)


def _digest(offset: int, connector: str, sql: str) -> bytes:
    return hashlib.sha256(f"{offset}\0{connector}\0{sql}".encode("utf-8", "surrogatepass")).digest()[:16]


def as_text(result: QueryResult) -> str:
    """Return a result as lines of cells between tabs, the columns first, then what was left out."""
    lines = [table(result.columns, result.rows)]
    if not result.rows:
        lines.append("(no rows)")
    if result.truncated:
        lines.append(f"({len(result.rows)} rows, and there are more: cursor={result.next})")
    return "\n".join(lines)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as lines of cells between tabs, the columns first."""
    return "\n".join(["\t".join(map(escape, columns)), *("\t".join(map(cell, row)) for row in rows)])


def cell(value: Any) -> str:
    r"""Return one cell: NULL for null, `\NULL` for the text NULL, tabs and line breaks as \t and \n."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "\\NULL" if value == "NULL" else escape(value)
    if isinstance(value, dict):
        cut = f" [cut: {value['cut']}]" if "cut" in value else ""
        return f"base64:{value['base64']}{cut}"
    return str(value)


def escape(text: str) -> str:
    """Return a text without the characters that would break its line or reach a terminal (invariant P26)."""
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", text)
