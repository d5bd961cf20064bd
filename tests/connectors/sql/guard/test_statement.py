"""Pieces and what is put between them."""

import pytest

from dragoman.connectors.sql.guard.statement import NO_LIMIT, Slot, Statement
from dragoman.connectors.sql.parsing import Refused

STATEMENT = Statement(
    "the author's",
    ("t",),
    ("a ", " b ", " c ", " d ", " e ", ""),
    (
        Slot("known", "x"),
        Slot("principal", "x"),
        Slot("value", value="v"),
        Slot("parameter", "p"),
        Slot("limit", value=7),
    ),
)


def test_values_are_bound_and_our_own_numbers_are_pasted() -> None:
    query = STATEMENT.bind({"p": "'; --"}, {"x": "y"}, limit=20)
    assert query.parts == ("a 1 b ", " c ", " d ", " e 7")
    assert query.arguments == ("y", "v", "'; --")


def test_what_is_not_known_is_null_and_meets_nothing() -> None:
    query = STATEMENT.bind({"p": None}, {}, limit=3)
    assert query.parts[0] == "a 0 b "
    assert query.arguments == (None, "v", None)
    assert query.parts[-1] == " e 3"


def test_no_limit_is_one_that_nothing_reaches() -> None:
    assert Statement("", (), ("", ""), (Slot("limit"),)).bind({}, {}).parts == (str(NO_LIMIT),)


@pytest.mark.parametrize("values", [{}, {"p": 1, "q": 2}])
def test_names_must_fit(values: dict[str, int]) -> None:
    with pytest.raises(Refused, match=r"parameter 'p' has no value|has no parameter 'q'"):
        STATEMENT.bind(values, {})


def test_size_counts_what_is_kept() -> None:
    assert STATEMENT.size == len("the author's") + len("a  b  c  d  e ") + 500
