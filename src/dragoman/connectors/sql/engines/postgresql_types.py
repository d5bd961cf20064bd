"""PostgreSQL's types at both borders: values that are bound to a statement, and columns that come out of it.

Knows no connection. Columns of unbounded size are cut by the database, never here, so that a cell of half a
gigabyte does not reach this process; a second column says how long a cut one was.
"""

import datetime as dt
import decimal
import functools
import json
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from dragoman.connectors.sql import values
from dragoman.connectors.sql.engines.engine import EngineFault, Query, Scalar

IN_FLIGHT_BYTES = 8 * 2**20
WIDEST_ROW_BYTES = 4 * 2**20
MOST_AT_ONCE = 500
SMALL_CELL = 64


class Type(Protocol):
    """A type as the driver describes it: `kind` is scalar, array, composite or range; an array's name ends in []."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def schema(self) -> str: ...  # noqa: D102


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Misfit(Exception):
    """A value that is not what its place needs; the text is what is needed there."""


# --- values that are bound ---

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_RANGES = {"int2": 2**15, "int4": 2**31, "int8": 2**63}


def _whole(value: Scalar, bound: int) -> int:
    whole = (
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, float) and value.is_integer())
        or (isinstance(value, str) and _WHOLE.fullmatch(value) is not None)
    )
    if not whole:
        raise Misfit("whole number")
    number = int(value or 0)
    if not -bound <= number < bound:
        raise Misfit("smaller number")
    return number


def _decimal(value: Scalar) -> decimal.Decimal:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = decimal.Decimal(str(value))
        except decimal.InvalidOperation:
            raise Misfit("number") from None
        if number.is_snan():
            raise Misfit("number")
        if not number.is_nan() and (number.is_infinite() or abs(number.adjusted()) > 1000):  # noqa: PLR2004 (far beyond use)
            raise Misfit("smaller number")
        return number
    raise Misfit("number")


def _real(value: Scalar) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            raise Misfit("number") from None
    raise Misfit("number")


def _text(value: Scalar) -> str:
    if isinstance(value, bytes):
        raise Misfit("text")
    if isinstance(value, bool):
        return "true" if value else "false"
    told = str(value)
    if "\0" in told:
        raise Misfit("text without NUL")
    if not _is_unicode(told):
        raise Misfit("text")
    return told


def _truth(value: Scalar) -> bool:
    if value in (0, 1) and not isinstance(value, float):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Misfit("truth")


def _date(value: Scalar) -> dt.date:
    try:
        return dt.date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise Misfit("date") from None


def _moment(value: Scalar) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise Misfit("date and time") from None
    if found.utcoffset():
        raise Misfit("date and time without zone")
    return found.replace(tzinfo=None)


def _zoned(value: Scalar) -> str:
    try:
        return dt.datetime.fromisoformat(value if isinstance(value, str) else "").isoformat()
    except ValueError:
        raise Misfit("date and time") from None


def _time(value: Scalar) -> dt.time:
    try:
        return dt.time.fromisoformat(value if isinstance(value, str) else "").replace(tzinfo=None)
    except ValueError:
        raise Misfit("time") from None


def _identifier(value: Scalar) -> uuid.UUID:
    try:
        return uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise Misfit("uuid") from None


def _bytes(value: Scalar) -> bytes:
    if not isinstance(value, bytes):
        raise Misfit("bytes")
    return value


def _document(value: Scalar) -> str:
    if isinstance(value, bytes):
        raise Misfit("json")
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        raise Misfit("json") from None
    return _text(value)


_NATIVE: dict[str, Callable[[Scalar], Any]] = {
    **{name: functools.partial(_whole, bound=bound) for name, bound in _RANGES.items()},
    "float4": _real,
    "float8": _real,
    "numeric": _decimal,
    "text": _text,
    "varchar": _text,
    "bpchar": _text,
    "name": _text,
    "bool": _truth,
    "date": _date,
    "timestamp": _moment,
    "time": _time,
    "uuid": _identifier,
    "bytea": _bytes,
    "json": _document,
    "jsonb": _document,
}
# Checked here, read by the database: what a moment without a zone means is its business.
_AS_TEXT: dict[str, Callable[[Scalar], str]] = {"timestamptz": _zoned}


def bound(kind: Type, value: Scalar) -> Any:
    """Return what is bound for a value where a type is needed.

    Raises:
        EngineFault: the value is not what is needed; the message begins with `argument`.
    """
    if value is None:
        return None
    native = kind.schema == "pg_catalog"
    convert = (_NATIVE.get(kind.name) or _AS_TEXT.get(kind.name)) if native else None
    try:
        return (convert or _text)(value)
    except Misfit as misfit:
        raise EngineFault("statement", f"argument {misfit}") from None


def as_text(kind: Type) -> str | None:
    """Return the SQL name of a type whose values are bound as text and read by the database; None for others."""
    if kind.schema == "pg_catalog" and kind.name in _NATIVE:
        return None
    name = kind.name.removesuffix("[]")
    return f"{quoted(kind.schema)}.{quoted(name)}{'[]' if kind.name.endswith('[]') else ''}"


# What stands for a parameter whose type nothing in the statement tells.
_GUESS = {str: "text", int: "bigint", float: "float8", bool: "boolean", bytes: "bytea", type(None): "text"}


def guessed(value: Scalar) -> str:
    """Return the SQL type that a value has by itself."""
    return _GUESS[type(value)]


def with_casts(query: Query, casts: dict[int, str]) -> str:
    """Return a statement with numbered parameters.

    Args:
        query: the statement.
        casts: what stands for a parameter, by its number from 1, instead of the parameter alone.

    Raises:
        EngineFault: it holds what is no text for the database.
    """
    first, *rest = query.parts
    text = first + "".join(f"{casts.get(n) or f'${n}'}{part}" for n, part in enumerate(rest, 1))
    if "\0" in text or not _is_unicode(text):
        raise EngineFault("refused", "not Unicode text")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- columns that come out ---

Reader = Callable[[Any, int], Any]

_MOMENT = re.compile(r"(\d+-\d\d-\d\d) (\d\d:.*)")
_HOURS = re.compile(r"([+-]\d\d)$")


def _read_moment(value: str, _size: int) -> str:
    """Return a timestamp in ISO 8601; infinities, and years before Christ, as the database writes them."""
    found = _MOMENT.fullmatch(value)
    return f"{found[1]}T{_read_zoned_time(found[2], 0)}" if found else value


def _read_zoned_time(value: str, _size: int) -> str:
    return _HOURS.sub(r"\1:00", value)


def _read_real(value: str, _size: int) -> float | str:
    return values.real(float(value))


def _read_text(value: str, _size: int) -> str:
    return value


def _read_json(value: str, _size: int) -> Any:
    return values.from_json(value)


def _read_decimals(value: str, _size: int) -> Any:
    return values.from_json(value, exact=True)


def _read_blobs(value: str, size: int) -> Any:
    def blobs(each: Any) -> Any:
        if isinstance(each, list):
            return [blobs(inner) for inner in each]
        if isinstance(each, str) and each.startswith("\\x"):
            raw = bytes.fromhex(each[2:])
            return values.blob(raw, len(raw), size)
        return each

    return blobs(values.from_json(value))


_PLAIN = frozenset({"bool", "int2", "int4", "int8", "oid", "uuid", "float8"})
_SHORT: dict[str, Reader] = {
    "float4": _read_real,
    "date": _read_text,
    "timestamp": _read_moment,
    "timestamptz": _read_moment,
    "time": _read_text,
    "timetz": _read_zoned_time,
    **dict.fromkeys(("interval", "money", "inet", "cidr", "macaddr", "macaddr8", "char", "name"), _read_text),
    **dict.fromkeys(("xid", "xid8", "cid", "tid", "pg_lsn", "box", "circle", "line", "lseg", "point"), _read_text),
}
_ARRAYS: dict[str, Reader] = {"numeric[]": _read_decimals, "bytea[]": _read_blobs}
_AS_IS = frozenset({"text", "varchar", "bpchar", "bytea"})  # a cast of char(n) to text would lose its blanks


class Output(Struct, frozen=True):
    """How the rows of a statement are fetched.

    Args:
        sql: the statement around the statement.
        columns: names of the columns that callers see.
        readers: for each of them how a value is read; None for what Python has already.
        cut: for each of them whether a second column of the row, behind all first ones, has what was cut.
        size: the longest cell that comes whole, bytes.
        at_once: how many rows may be fetched at one time.
    """

    sql: str
    columns: list[str]
    readers: tuple[Reader | None, ...]
    cut: tuple[bool, ...]
    size: int
    at_once: int

    def cells(self, row: Sequence[Any]) -> list[Any]:
        """Return the cells of one row."""
        cells: list[Any] = []
        spare = len(self.columns)
        for place, reader in enumerate(self.readers):
            value = row[place]
            long = None
            if self.cut[place]:
                long = row[spare]
                spare += 1
            if value is not None:
                cells.append(reader(value, self.size) if reader else values.cell(value, self.size))
            elif long is None:
                cells.append(None)
            else:
                total, binary = int.from_bytes(long[:8], "big"), long[8:9] == b"b"
                convert = values.blob if binary else values.cut_text
                cells.append(convert(long[9:], total, self.size))
        return cells


def output(inner: str, columns: Sequence[tuple[str, Type]], cell_bytes: int) -> Output:
    """Return how a statement with these columns is fetched.

    What is on its way at one time has a bound: few rows are asked for when they may be wide, and cells are cut
    shorter when there are more than 64 of any length.

    The fence in the middle (`OFFSET 0`) has every value computed once; the order of rows is the statement's own,
    because a subquery with an order is read in that order.

    Args:
        inner: the statement, which the database has accepted as exactly one.
        columns: names and types of what it returns, at least one.
        cell_bytes: the longest cell, bytes.
    """
    kinds = [kind for _, kind in columns]
    cut = tuple(not _is_short(kind) for kind in kinds)
    size = min(cell_bytes, WIDEST_ROW_BYTES // max(1, sum(cut)))
    widest = sum(cut) * (size + SMALL_CELL) + len(kinds) * SMALL_CELL
    names = [f"c{n}" for n in range(len(kinds))]
    casts = [_cast(name, kind) for name, kind in zip(names, kinds, strict=True)]
    first = [
        f"CASE WHEN pg_catalog.octet_length({name}) <= {size} THEN {name} END" if long else name
        for name, long in zip(names, cut, strict=True)
    ]
    second = [
        _long(name, size, binary=kind.name == "bytea")
        for name, kind, long in zip(names, kinds, cut, strict=True)
        if long
    ]
    listed = ", ".join(names)
    sql = (
        f"SELECT {', '.join([*first, *second])} "  # noqa: S608 (names of ours around what the database has parsed)
        f"FROM (SELECT {', '.join(casts)} FROM (\n{inner}\n) AS s({listed}) OFFSET 0) AS t({listed})"
    )
    return Output(
        sql=sql,
        columns=[name for name, _ in columns],
        readers=tuple(_reader(kind) for kind in kinds),
        cut=cut,
        size=size,
        at_once=max(1, min(MOST_AT_ONCE, IN_FLIGHT_BYTES // max(1, widest))),
    )


def _is_short(kind: Type) -> bool:
    return kind.schema == "pg_catalog" and (kind.name in _PLAIN or kind.name in _SHORT)


def _reader(kind: Type) -> Reader | None:
    if kind.schema == "pg_catalog":
        if kind.name in _PLAIN or kind.name == "bytea":
            return None
        if kind.name in _SHORT:
            return _SHORT[kind.name]
        if kind.name in ("json", "jsonb"):
            return _read_json
    if kind.kind == "array":
        return _ARRAYS.get(kind.name) or _read_json
    return _read_text


def _cast(name: str, kind: Type) -> str:
    if kind.kind == "array":
        return f"pg_catalog.to_json({name})::pg_catalog.text"
    if kind.schema == "pg_catalog" and (kind.name in _PLAIN or kind.name in _AS_IS):
        return name
    return f"{name}::pg_catalog.text"


def _long(name: str, size: int, *, binary: bool) -> str:
    """Return the expression that says of a value above the size how long it is, and how it begins."""
    head = (
        f"'b'::pg_catalog.bytea || pg_catalog.substring({name}, 1, {size})"
        if binary
        else f"'t'::pg_catalog.bytea || pg_catalog.substring("
        f"pg_catalog.convert_to(pg_catalog.left({name}::pg_catalog.text, {size}), 'UTF8'), 1, {size})"
    )
    return (
        f"CASE WHEN pg_catalog.octet_length({name}) > {size} "
        f"THEN pg_catalog.int8send(pg_catalog.octet_length({name})) || {head} END"
    )
