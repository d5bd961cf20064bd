from typing import Any

import pytest

from dragoman.cli.tables import is_table, shrink, table


def test_a_table() -> None:
    result = {"columns": ["id", "name", "price"], "rows": [[1, "Hammer", 19.5], [20, "鑿", None]]}
    assert table(result).splitlines() == [
        "id  name    price",
        "--  ------  -----",
        " 1  Hammer   19.5",
        "20  鑿       NULL",
        "(2 rows)",
    ]


def test_one_row_and_none() -> None:
    assert table({"columns": ["n"], "rows": [[True]]}).splitlines() == ["n", "----", "true", "(1 row)"]
    assert table({"columns": ["n"], "rows": []}).splitlines() == ["n", "-", "(0 rows)"]


def test_more_rows_are_announced() -> None:
    assert table({"columns": ["n"], "rows": [[1]], "truncated": True, "next": "abc"}).endswith(
        "(1 row; there are more: cursor=abc)"
    )
    assert table({"columns": ["n"], "rows": [[1]], "truncated": True}).endswith("(1 row; there are more)")


def test_a_cell_is_one_line() -> None:
    assert "two lines" in table({"columns": ["n"], "rows": [["two\n lines"]]})


def test_a_narrow_screen_cuts_the_widest_cells() -> None:
    shown = table({"columns": ["id", "text"], "rows": [[1, "word " * 30]]}, columns=40)
    assert max(map(len, shown.splitlines())) == 40
    assert "…" in shown


def test_what_cannot_fit_keeps_something_to_read() -> None:
    assert shrink([20, 20, 3], 10) == [8, 8, 3]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {"columns": ["a"]},
        {"columns": [], "rows": []},
        {"columns": ["a"], "rows": [[1, 2]]},
        {"columns": ["a"], "rows": [1]},
        {"columns": "a", "rows": []},
        {"columns": ["a"], "rows": {}},
    ],
)
def test_what_is_no_table(value: Any) -> None:
    assert not is_table(value)
