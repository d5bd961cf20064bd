"""From text to trees and back, within bounds."""

import pytest
from sqlglot import exp

from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.parsing import Refused, Text, place

TEXT = Text(SQLITE, SqlLimits(statement_bytes=100, tokens=20, nesting=3))


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT " + "x" * 100, "the statement has 107 bytes; at most 100 are allowed"),
        ("SELECT " + "1, " * 10 + "1", "the statement has 22 tokens; at most 20 are allowed"),
        ("SELECT ((((1))))", "nested more than 3 levels deep at column 11: use WITH"),
        ("SELECT 1; SELECT 2", "more than one statement: found ; at column 9. Send them one by one"),
        (";", "there is no statement: write one SELECT"),
        ("SELECT a FROM FROM b", "the statement is not complete, or could be understood in two ways: check its syntax"),
    ],
)
def test_bounds(sql: str, told: str) -> None:
    with pytest.raises(Refused) as caught:
        TEXT.write(TEXT.query(sql))
    assert told in str(caught.value)


def test_expressions_stand_alone() -> None:
    assert isinstance(TEXT.expression("a + 1"), exp.Add)
    for sql in ("a, b", "a FROM b", "a AS b", "a WHERE b", "DISTINCT a", "1 UNION SELECT 2"):
        with pytest.raises(Refused, match=r"it is not one expression|it has an alias"):
            TEXT.expression(sql)


def test_a_tree_that_says_something_else_is_not_written() -> None:
    tree = TEXT.query("SELECT a FROM b")
    tree.set("where", exp.Where(this=exp.Literal.number("1 OR 1")))
    with pytest.raises(Refused, match="could be understood in two ways"):
        TEXT.write(tree)


@pytest.mark.parametrize(
    ("sql", "offset", "where"),
    [("SELECT 1", 7, " at column 8"), ("SELECT\n1", 7, " at line 2, column 1"), ("\nSELECT 1\n", 8, " at column 8")],
)
def test_places(sql: str, offset: int, where: str) -> None:
    assert place(sql, offset) == where
