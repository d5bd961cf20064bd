"""Text of results, and cursors."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.sql.rows import BadCursor, QueryResult, as_text, cell, cursor_at, escape, offset_of

SQL = "SELECT Name FROM Artist"


@given(st.integers(0, 2**63), st.text(), st.text())
def test_a_cursor_gives_back_its_offset(offset: int, connector: str, sql: str) -> None:
    assert offset_of(cursor_at(offset, connector, sql), connector, sql) == offset


@pytest.mark.parametrize(("connector", "sql"), [("other", SQL), ("shop", SQL + " "), ("shop", "")])
def test_a_cursor_of_another_statement_is_refused(connector: str, sql: str) -> None:
    with pytest.raises(BadCursor, match="belongs to another statement"):
        offset_of(cursor_at(200, "shop", SQL), connector, sql)


def test_a_changed_offset_is_refused() -> None:
    raw = bytearray(base64.urlsafe_b64decode(cursor_at(200, "shop", SQL)))
    raw[7] += 1
    with pytest.raises(BadCursor):
        offset_of(base64.urlsafe_b64encode(raw).decode(), "shop", SQL)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "=" * 32, "A" * 33, "200", "\ud800"])
def test_anything_else_is_no_cursor(cursor: str) -> None:
    with pytest.raises(BadCursor, match="no cursor"):
        offset_of(cursor, "shop", SQL)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("NULL", "\\NULL"),
        ("", ""),
        (3, "3"),
        (1.5, "1.5"),
        ("a\tb\nc\rd\\e", "a\\tb\\nc\\rd\\\\e"),
        ("\x1b[31m\x00\x85\u2028", "\\u001b[31m\\u0000\\u0085\\u2028"),
        ("naïve 日本", "naïve 日本"),
        ({"base64": "AAE="}, "base64:AAE="),
        ({"base64": "AAE=", "cut": "9 bytes in all"}, "base64:AAE= [cut: 9 bytes in all]"),
    ],
)
def test_cells_lose_nothing(value: object, text: str) -> None:
    assert cell(value) == text


@given(st.text())
def test_no_text_breaks_its_line(text: str) -> None:
    assert len(escape(text).splitlines()) <= 1
    assert "\t" not in escape(text)


def test_results_say_what_was_left_out() -> None:
    result = QueryResult(["a", "b"], [[1, None], ["x", 2.5]], truncated=True, next="CURSOR")
    assert as_text(result) == "a\tb\n1\tNULL\nx\t2.5\n(2 rows, and there are more: cursor=CURSOR)"


def test_empty_results_say_so() -> None:
    assert as_text(QueryResult(["a"], [], truncated=False, next=None)) == "a\n(no rows)"
