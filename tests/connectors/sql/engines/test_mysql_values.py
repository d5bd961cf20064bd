"""Literals that no setting reads otherwise, and cells of the text protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from dragoman.connectors.sql.engines.engine import EngineFault, Query, Scalar
from dragoman.connectors.sql.engines.mysql_values import Long, literal, reader, with_literals


class Field(Struct):
    type_code: int
    charsetnr: int = 45
    name: str = "a"
    flags: int = 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (5, "5"),
        (-5, "(-5)"),
        (1.5, "1.5e0"),
        (-1e-7, "(-1e-07)"),
        (b"\0'", "x'0027'"),
        ("it's", "_utf8mb4 x'69742773'"),
        ("2024-02-29T10:00:00+02:00", f"_utf8mb4 x'{b'2024-02-29 08:00:00'.hex()}'"),
        ("2024-02-30T10:00:00Z", f"_utf8mb4 x'{b'2024-02-30T10:00:00Z'.hex()}'"),
    ],
)
def test_a_value_is_a_literal(value: Scalar, text: str) -> None:
    assert literal(value) == text


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.binary())
def test_no_text_and_no_bytes_reach_beyond_their_literal(value: str | bytes) -> None:
    assert set(literal(value)) <= set("_utf8mb4 x'0123456789abcdef")


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 10**65, -(10**65), "\udc80"])
def test_what_mysql_does_not_have_is_refused(value: Scalar) -> None:
    with pytest.raises(EngineFault, match="argument"):
        literal(value)


def test_literals_stand_apart_from_what_is_around_them() -> None:
    assert with_literals(Query(("SELECT 1 -", "LIMIT ", ""), (-2, 3))) == "SELECT 1 - (-2) LIMIT  3 "
    with pytest.raises(EngineFault, match="refused"):
        with_literals(Query(("SELECT '\udc80'",)))


@pytest.mark.parametrize(
    ("field", "raw", "cell"),
    [
        (Field(8, 63), b"18446744073709551615", "18446744073709551615"),
        (Field(3, 63), b"5", 5),
        (Field(5, 63), b"0.1", 0.1),
        (Field(246, 63), b"1.50", "1.50"),
        (Field(12, 63), b"2024-02-29 01:02:03.004", "2024-02-29T01:02:03.004"),
        (Field(12, 63), b"0000-00-00 00:00:00", "0000-00-00T00:00:00"),
        (Field(10, 63), b"2024-02-29", "2024-02-29"),
        (Field(11, 63), b"-838:59:59", "-838:59:59"),
        (Field(16, 63), b"\2\1", 513),
        (Field(245, 63), b'{"a": [1.10, 12345678901234567890]}', {"a": [1.1, "12345678901234567890"]}),
        (Field(252, 63), b"\0", {"base64": "AA=="}),
        (Field(252), "é".encode(), "é"),
        (Field(253), b"\xff", "\ufffd"),
        (Field(255, 63), b"\1\2", "0102"),
        (Field(3), None, None),
        (Field(253), Long(100, b"x" * 16), "x" * 16 + "… [cut: 100 bytes in all]"),
        (Field(252, 63), Long(100, b"x" * 3), {"base64": "eHh4", "cut": "100 bytes in all"}),
        (Field(245, 63), Long(100, b'{"a":'), '{"a":… [cut: 100 bytes in all]'),
    ],
)
def test_a_cell_is_read_by_its_columns_type(field: Field, raw: bytes | Long | None, cell: object) -> None:
    assert reader(field, 64)(raw) == cell
