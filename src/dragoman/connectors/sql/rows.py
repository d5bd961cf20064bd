"""Results as agents read them: a table of few bytes.

Pure functions of values; knows no database. The text says everything that the structured form says, in different
bytes: columns once, one line a row, NULL apart from the text "NULL". Cells stand between bars, because a bar is one
byte in JSON where a tab is two.
"""

import re
from collections.abc import Sequence
from types import NoneType
from typing import Any, Final

import msgspec
from msgspec import Struct

from dragoman import ToolResult
from dragoman.connectors.sql.settings import Results

_SPECIAL: Final = re.compile(r"[\\|\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPES: Final = {"\\": "\\\\", "|": "\\|", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_MIDNIGHT: Final = 8  # characters of 00:00:00, after a date and one that parts them
_DATE: Final = 10
_NUMBERS: Final = frozenset({int, float})
_TEXTS: Final = frozenset({str, NoneType})
_FEWEST: Final = 3  # dates that make the note in the head of their column worth its bytes


class QueryResult(Struct, frozen=True):
    """The rows of a query: `truncated` says that there are more, and `next` is the cursor that gives them."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    next: str | None


def shown(results: Results, text: str, structured: Any) -> ToolResult:
    """Return a result in the forms that are configured, none of them twice."""
    if results == "text":
        return ToolResult(text)
    return ToolResult([] if results == "structured" else text, structured)


def as_text(result: QueryResult) -> str:
    """Return a result as lines of cells between bars, the columns first, then what was left out."""
    lines = [table(result.columns, result.rows)]
    if not result.rows:
        lines.append("(no rows)")
    if result.truncated:
        more = f": cursor={result.next}" if result.next else ""
        lines.append(f"({len(result.rows)} rows, and there are more{more})")
    return "\n".join(lines)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as lines of cells between bars, the columns first.

    A column of dates that are all at midnight says so once, in its head.
    """
    heads = [escape(column) for column in columns]
    told = []
    for place, values in enumerate(zip(*rows, strict=True)):
        cells, note = _column(values)
        told.append(cells)
        heads[place] += note
    return "\n".join(["|".join(heads), *map("|".join, zip(*told, strict=True))])


def _column(values: Sequence[Any]) -> tuple[Sequence[str], str]:
    """Return the cells of a column and a note for its head; columns of one plain kind go the short way.

    Numbers are written as in the structured form.
    """
    kinds = set(map(type, values))
    if kinds <= _NUMBERS:
        return msgspec.json.encode(values)[1:-1].decode().split(","), ""
    if not kinds <= _TEXTS:
        return list(map(cell, values)), ""
    if _all_at_midnight(values):
        return [cell(value if value is None else value[:_DATE]) for value in values], " (all at 00:00:00)"
    plain = values if NoneType not in kinds else [value or "" for value in values]
    together = "".join(plain)
    if not together.isprintable() or "|" in together or "\\" in together or ("NULL" in together and "NULL" in values):
        return list(map(cell, values)), ""
    return (values if plain is values else ["NULL" if value is None else value for value in values]), ""


def _all_at_midnight(values: Sequence[str | None]) -> bool:
    dates = [value for value in values if value is not None]
    if len(dates) < _FEWEST or not dates[0].endswith("00:00:00"):
        return False
    return all(
        len(date) == _DATE + 1 + _MIDNIGHT and date.endswith("00:00:00") and date[_DATE] in " T" and date[4] == "-"
        for date in dates
    )


def cell(value: Any) -> str:
    r"""Return one cell: NULL for null, `\NULL` for the text NULL, bars and line breaks as \| and \n."""
    if isinstance(value, str):
        return "\\NULL" if value == "NULL" else escape(value)
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and "base64" in value:
        cut = f" [cut: {value['cut']}]" if "cut" in value else ""
        return f"base64:{value['base64']}{cut}"
    if isinstance(value, dict | list):
        return escape(json_text(value))
    return json_text(value) if isinstance(value, float) else str(value)


def json_text(value: Any) -> str:
    """Return a value of a JSON or array column as text."""
    return msgspec.json.encode(value).decode()


def escape(text: str) -> str:
    """Return a text without the characters that would break its line or reach a terminal (invariant P26)."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", text)
