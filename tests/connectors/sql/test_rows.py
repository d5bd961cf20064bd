"""Text of results."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.sql.rows import QueryResult, as_text, cell, escape, shown, table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("NULL", "\\NULL"),
        ("", ""),
        (3, "3"),
        (1.5, "1.5"),
        ("a\tb\nc\rd\\e|f", "a\\tb\\nc\\rd\\\\e\\|f"),
        ("\x1b[31m\x00\x85\u2028", "\\u001b[31m\\u0000\\u0085\\u2028"),
        ("naïve 日本", "naïve 日本"),
        (True, "true"),
        ({"a": [1, "x|y"]}, '{"a":[1,"x\\|y"]}'),
        (["NULL", None], '["NULL",null]'),
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
    assert "|" not in escape(text).replace("\\|", "")


def test_results_say_what_was_left_out() -> None:
    result = QueryResult(["a", "b"], [[1, None], ["x", 2.5]], truncated=True, next="CURSOR")
    assert as_text(result) == "a|b\n1|NULL\nx|2.5\n(2 rows, and there are more: cursor=CURSOR)"


def test_empty_results_say_so() -> None:
    assert as_text(QueryResult(["a"], [], truncated=False, next=None)) == "a\n(no rows)"


def test_dates_that_are_all_at_midnight_say_so_once() -> None:
    rows = [[1, f"2024-02-0{day} 00:00:00"] for day in range(1, 4)] + [[4, None]]
    assert table(["Id", "At"], rows).splitlines()[:2] == ["Id|At (all at 00:00:00)", "1|2024-02-01"]
    assert table(["Id", "At"], rows).endswith("4|NULL")
    assert "all at" not in table(["Id", "At"], [*rows, [5, "2024-02-05 00:00:01"]])
    assert "all at" not in table(["Id", "At"], rows[:2])
    assert "all at" not in table(["At"], [["0123456789 00:00:00"]] * 3)
    assert "all at" in table(["At"], [["2024-02-05T00:00:00"]] * 3)


def test_results_are_shown_in_the_forms_that_are_configured() -> None:
    assert (shown("text", "t", {"a": 1}).content, shown("text", "t", {"a": 1}).structured) == ("t", None)
    assert (shown("structured", "t", {"a": 1}).content, shown("structured", "t", 1).structured) == ([], 1)
    assert (shown("both", "t", 1).content, shown("both", "t", 1).structured) == ("t", 1)


@given(st.lists(st.lists(st.none() | st.text(max_size=8) | st.integers() | st.booleans(), min_size=2, max_size=2)))
def test_columns_are_told_as_their_cells_are(rows: list[list[object]]) -> None:
    lines = table(["a", "b"], rows).split("\n")
    assert lines == ["a|b", *("|".join(map(cell, row)) for row in rows)]
