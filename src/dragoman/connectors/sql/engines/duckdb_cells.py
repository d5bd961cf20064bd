"""Values of DuckDB as JSON values that lose nothing but what is above the size of a cell.

The driver turns some types into types of Python that hold less: an interval loses its months, a time its nanoseconds,
an infinite date becomes the year 9999. Columns of such types are asked for as text, by a query around the statement;
everything else is read as it comes. Pure: knows types, not connections. Loaded in the worker's process.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from dragoman.connectors.sql import values

Read = Callable[[Any], Any]
Ask = Callable[[str], str]

_PLAIN: Final = frozenset(
    "boolean tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint uhugeint bignum double "
    "decimal varchar blob bit uuid enum null sqlnull".split()
)
_NESTED: Final = frozenset({"list", "array", "struct", "tuple", "map", "variant", "union"})
_MOMENT: Final = re.compile(r"(\d{4,}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d+)?))?([+-]\d\d)?(:\d\d)?(:\d\d)?")
_TIME: Final = re.compile(r"(\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)(:\d\d)?(:\d\d)?")
_SAFE: Final = values.SAFE_INTEGER


class Column:
    """How one column is asked for and read.

    Args:
        kind: the driver's type of it.
        size: the longest text or blob to pass on, bytes.
    """

    def __init__(self, kind: Any, size: int) -> None:
        self._size = size
        self.ask, read = self._of(kind, 0)
        self.read = self._bounded(read) if str(kind.id) in _NESTED else read

    def _bounded(self, read: Read) -> Read:
        """Return a reader that makes of a value whose JSON is above the size of a cell the beginning of that JSON."""

        def read_bounded(value: Any) -> Any:
            cell = read(value)
            encoded = msgspec.json.encode(cell)
            return cell if len(encoded) <= self._size else values.cut_text(encoded, len(encoded), self._size)

        return read_bounded

    def _of(self, kind: Any, depth: int) -> tuple[Ask | None, Read]:
        """Return how a type is asked for, or None for as it is, and how it is read."""
        name = str(kind.id)
        if str(kind) == "JSON":
            return None, self._json
        nested = {
            "list": self._of_list,
            "array": self._of_list,
            "struct": self._of_struct,
            "tuple": self._of_struct,
            "map": self._of_map,
        }
        if name in nested:
            return nested[name](kind, depth)
        if name in _PLAIN:
            return None, self._plain
        if name == "float":
            return _as_text, _float
        if name == "variant":
            return _as_json, self._json
        if name == "union" and all(str(inner.id) in _PLAIN for _, inner in kind.children):
            return None, self._plain
        if name in ("date", "time") or name.startswith(("time", "timestamp")):
            return _as_text, self._moment
        return _as_text, self._plain

    def _of_list(self, kind: Any, depth: int) -> tuple[Ask | None, Read]:
        ask, read = self._of(dict(kind.children)["child"], depth + 1)

        def read_list(value: Any) -> Any:
            return None if value is None else [read(each) for each in value]

        if ask is None:
            return None, read_list
        each = f"e{depth}"
        return lambda text: f"list_transform({text}, lambda {each}: {ask(each)})", read_list

    def _of_struct(self, kind: Any, depth: int) -> tuple[Ask | None, Read]:
        fields = list(kind.children)
        parts = [self._of(inner, depth) for _, inner in fields]
        names = [name for name, _ in fields]
        named = all(names)

        def read_struct(value: Any) -> Any:
            if value is None:
                return None
            cells = value.values() if isinstance(value, dict) else value
            read = [part(cell) for (_, part), cell in zip(parts, cells, strict=True)]
            return dict(zip(names, read, strict=True)) if named else read

        if all(ask is None for ask, _ in parts):
            return None, read_struct

        def ask_struct(text: str) -> str:
            asked = []
            for place, ((ask, _), name) in enumerate(zip(parts, names, strict=True), 1):
                field = f"struct_extract({text}, {_literal(name) if named else place})"
                asked.append((f"{_quoted(name)} := " if named else "") + (field if ask is None else ask(field)))
            made = f"{'struct_pack' if named else 'row'}({', '.join(asked)})"
            return f"CASE WHEN {text} IS NOT NULL THEN {made} END"

        return ask_struct, read_struct

    def _of_map(self, kind: Any, depth: int) -> tuple[Ask | None, Read]:
        """Return maps as objects; they come as lists of entries, because their keys may be of any type."""
        inner = dict(kind.children)
        (ask_key, read_key), (ask, read) = (self._of(inner[part], depth + 1) for part in ("key", "value"))
        each = f"e{depth}"
        key = f"struct_extract({each}, 'key')"
        value = f"struct_extract({each}, 'value')"
        entry = f"struct_pack(k := {ask_key(key) if ask_key else key}, v := {ask(value) if ask else value})"

        def read_map(entries: Any) -> Any:
            if entries is None:
                return None
            return {_key(read_key(each["k"])): read(each["v"]) for each in entries}

        return lambda text: f"list_transform(map_entries({text}), lambda {each}: {entry})", read_map

    def _plain(self, value: Any) -> Any:
        return values.cell(value, self._size)

    def _json(self, value: Any) -> Any:
        if value is None:
            return None
        if len(value) * 4 > self._size and len(value.encode("utf-8", "replace")) > self._size:
            return values.text(value, self._size)
        return values.from_json(value)

    def _moment(self, value: Any) -> Any:
        """Return a date or time as ISO 8601 writes it, where that has a way to write it."""
        if value is None:
            return None
        found = _MOMENT.fullmatch(value)
        if found is not None:
            date, time, hours, minutes, seconds = found.groups()
            zone = hours + (minutes or ":00") + (seconds or "") if hours else ""
            return f"{date}T{time}{zone}" if time else date
        if (found := _TIME.fullmatch(value)) is not None:
            time, hours, minutes, seconds = found.groups()
            return time + hours + (minutes or ":00") + (seconds or "")
        return values.text(value, self._size)


class Columns:
    """How the columns of a result are asked for and read.

    Args:
        kinds: the driver's types of them.
        size: the longest text or blob to pass on, bytes.
    """

    def __init__(self, kinds: Sequence[Any], size: int) -> None:
        self._columns = [Column(kind, size) for kind in kinds]

    def around(self, sql: str) -> str:
        """Return the statement that asks for what can be read without loss; itself when it can."""
        if all(column.ask is None for column in self._columns):
            return sql
        names = [f"c{place}" for place in range(len(self._columns))]
        asked = [
            name if column.ask is None else f"{column.ask(name)} AS {name}"
            for name, column in zip(names, self._columns, strict=True)
        ]
        return f"SELECT {', '.join(asked)} FROM ({sql}\n) AS result({', '.join(names)})"  # noqa: S608 (the guard's)

    def row(self, cells: Sequence[Any]) -> list[Any]:
        """Return what stands in the result for one row; what JSON has as it is goes the short way."""
        return [
            cell if self._is_short(cell) else column.read(cell)
            for cell, column in zip(cells, self._columns, strict=True)
        ]

    @staticmethod
    def _is_short(cell: Any) -> bool:
        return cell is None or (type(cell) is int and -_SAFE <= cell <= _SAFE)


def _as_text(text: str) -> str:
    return f"CAST({text} AS VARCHAR)"


def _as_json(text: str) -> str:
    return f"CAST(CAST({text} AS JSON) AS VARCHAR)"


def _float(value: Any) -> Any:
    """Return a number of single precision with the digits that it has, not those of double precision."""
    return None if value is None else values.real(float(value))


def _key(key: Any) -> str:
    return key if isinstance(key, str) else msgspec.json.encode(key).decode()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
