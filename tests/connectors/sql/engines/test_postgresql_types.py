"""PostgreSQL's types at both borders; what the server makes of it is tried in `test_postgresql`."""

import datetime as dt
import decimal
import uuid

import pytest
from msgspec import Struct

from dragoman.connectors.sql.engines import postgresql_types as types
from dragoman.connectors.sql.engines.engine import EngineFault, Query, Scalar


class Kind(Struct, frozen=True):
    name: str
    kind: str = "scalar"
    schema: str = "pg_catalog"


@pytest.mark.parametrize(
    ("kind", "value", "bound"),
    [
        ("int4", 5, 5),
        ("int4", "5", 5),
        ("int4", 5.0, 5),
        ("int8", "9223372036854775807", 2**63 - 1),
        ("numeric", 1.1, decimal.Decimal("1.1")),
        ("float8", "1e3", 1000.0),
        ("text", 5, "5"),
        ("text", True, "true"),
        ("bool", "TRUE", True),
        ("bool", 0, False),
        ("date", "2024-02-29", dt.date(2024, 2, 29)),
        ("timestamp", "2024-02-29T10:00:00Z", dt.datetime(2024, 2, 29, 10)),  # noqa: DTZ001 (a timestamp without zone)
        ("timestamptz", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00+00:00"),
        ("time", "10:00", dt.time(10)),
        ("uuid", "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
        ("bytea", b"x", b"x"),
        ("jsonb", 5, "5"),
        ("jsonb", '{"a":1}', '{"a":1}'),
        ("interval", "1 day", "1 day"),
        ("int4", None, None),
    ],
)
def test_a_value_becomes_what_its_place_needs(kind: str, value: Scalar, bound: object) -> None:
    assert types.bound(Kind(kind), value) == bound


@pytest.mark.parametrize(
    ("kind", "value", "needed"),
    [
        ("int4", True, "whole number"),
        ("int4", 1.5, "whole number"),
        ("int4", "1; DROP", "whole number"),
        ("int2", 40000, "smaller number"),
        ("numeric", "1e99999", "smaller number"),
        ("numeric", True, "number"),
        ("float8", "x", "number"),
        ("float8", 10**400, "number"),
        ("text", b"x", "text"),
        ("text", "\0", "text without NUL"),
        ("text", "\ud800", "text"),
        ("numeric", "sNaN", "number"),
        ("bool", 2, "truth"),
        ("bool", 1.0, "truth"),
        ("date", "2024-02-30", "date"),
        ("timestamp", "2024-02-29T10:00:00+02:00", "date and time without zone"),
        ("timestamptz", "soon", "date and time"),
        ("time", "25:00", "time"),
        ("uuid", "x", "uuid"),
        ("bytea", "x", "bytes"),
        ("json", "{", "json"),
        ("json", b"{}", "json"),
    ],
)
def test_a_value_that_does_not_fit_says_what_would(kind: str, value: Scalar, needed: str) -> None:
    with pytest.raises(EngineFault) as raised:
        types.bound(Kind(kind), value)
    assert raised.value.message == f"argument {needed}"


def test_types_of_the_database_are_read_from_text_by_the_database() -> None:
    assert types.as_text(Kind("int4")) is None
    assert types.as_text(Kind("timestamptz")) == '"pg_catalog"."timestamptz"'
    assert types.as_text(Kind('my"mood', schema="public")) == '"public"."my""mood"'
    assert types.as_text(Kind("mood[]", "array", "public")) == '"public"."mood"[]'
    assert types.bound(Kind("text", schema="public"), 5) == "5"


def test_casts_stand_where_their_parameters_do() -> None:
    query = Query(("SELECT ", " + ", "{}"), (1, 2))
    assert types.with_casts(query, {}) == "SELECT $1 + $2{}"
    assert types.with_casts(query, {2: "$2::bigint"}) == "SELECT $1 + $2::bigint{}"
    for text in ("SELECT '\0'", "SELECT '\udc80'"):
        with pytest.raises(EngineFault, match="refused"):
            types.with_casts(Query((text,)), {})
    assert [types.guessed(value) for value in ("a", 1, 1.5, True, b"", None)] == [
        *("text", "bigint", "float8", "boolean", "bytea", "text")
    ]


def test_what_is_fetched_at_one_time_has_a_bound_whatever_the_columns() -> None:
    text, number = Kind("text"), Kind("int4")
    few = types.output("SELECT", [("a", text), ("b", number)], 65536)
    assert few.cut == (True, False)
    assert few.at_once * 65536 <= types.IN_FLIGHT_BYTES
    many = types.output("SELECT", [("a", text)] * 1600, 65536)
    assert many.at_once >= 1
    assert many.at_once * many.size * 1600 <= types.IN_FLIGHT_BYTES
    assert types.output("SELECT", [("b", number)], 65536).at_once == types.MOST_AT_ONCE


def test_a_row_is_read_with_what_was_cut_behind_it() -> None:
    output = types.output("SELECT", [("a", Kind("text")), ("n", Kind("int4")), ("b", Kind("bytea"))], 16)
    long_text = (80).to_bytes(8, "big") + b"t" + "é".encode() * 8
    long_bytes = (20).to_bytes(8, "big") + b"b" + b"x" * 16
    assert output.cells([None, 5, None, long_text, long_bytes]) == [
        "éééééééé… [cut: 80 bytes in all]",
        5,
        {"base64": "eHh4eHh4eHh4eHh4eHh4eA==", "cut": "20 bytes in all"},
    ]
    assert output.cells(["short", None, b"x", None, None]) == ["short", None, {"base64": "eA=="}]
