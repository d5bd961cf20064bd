"""Results with columns and rows as a table of text: numbers to the right, as wide as the terminal at most."""

from collections.abc import Sequence
from typing import Any, Final

from dragoman.cli.widths import cut, pad, width

_GAP: Final = "  "
_NARROWEST: Final = 8
_NULL: Final = "NULL"


def is_table(value: Any) -> bool:
    """Whether a structured result is one of rows with named columns."""
    return (
        isinstance(value, dict)
        and isinstance(names := value.get("columns"), list)
        and isinstance(rows := value.get("rows"), list)
        and all(isinstance(row, list) and len(row) == len(names) for row in rows)
        and bool(names)
    )


def table(result: dict[str, Any], columns: int | None = None) -> str:
    """A table with its number of rows below.

    Args:
        result: `columns`, `rows`, and perhaps `truncated` and `next`.
        columns: how wide it may be; None for as wide as it is.
    """
    head = [_cell(name) for name in result["columns"]]
    body = [[_cell(value) for value in row] for row in result["rows"]]
    widths = [max(map(width, column)) for column in zip(head, *body, strict=True)]
    if columns is not None:
        widths = shrink(widths, columns)
    numeric = [
        bool(result["rows"]) and all(row[index] is None or _is_number(row[index]) for row in result["rows"])
        for index in range(len(head))
    ]
    lines = [_line(head, widths, numeric), _GAP.join("-" * wide for wide in widths)]
    lines += [_line(row, widths, numeric) for row in body]
    return "\n".join([*lines, _below(result)])


def shrink(widths: Sequence[int], columns: int) -> list[int]:
    """Take from the widest columns until the table fits, as far as that leaves something to read."""
    shrunk = list(widths)
    excess = sum(shrunk) + len(_GAP) * (len(shrunk) - 1) - columns
    while excess > 0 and (widest := max(shrunk)) > _NARROWEST:
        shrunk[shrunk.index(widest)] -= 1
        excess -= 1
    return shrunk


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = (pad(cut(cell, wide), wide, right=right) for cell, wide, right in zip(cells, widths, numeric, strict=True))
    return _GAP.join(padded).rstrip()


def _below(result: dict[str, Any]) -> str:
    count = len(result["rows"])
    rows = f"{count:,} row" if count == 1 else f"{count:,} rows"
    if result.get("next"):
        return f"({rows}; there are more: cursor={result['next']})"
    return f"({rows}; there are more)" if result.get("truncated") else f"({rows})"


def _cell(value: Any) -> str:
    if value is None:
        return _NULL
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return " ".join(text.split()) if any(letter.isspace() for letter in text) else text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
