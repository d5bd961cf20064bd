"""What may occur in a tree, and what its author is told of the rest."""

import pytest

from dragoman.connectors.sql.dialects import DUCKDB, MYSQL, POSTGRESQL, SQLITE, Dialect
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard.nodes import Nodes
from dragoman.connectors.sql.parsing import Refused, Text


def judge(dialect: Dialect, sql: str, parameters: frozenset[str] = frozenset()) -> None:
    Nodes(dialect).check(sql, Text(dialect, SqlLimits()).query(sql), parameters)


@pytest.mark.parametrize(
    ("dialect", "sql", "told"),
    [
        (SQLITE, 'SELECT "upper"(a)', "function 'upper' stands in quotes at column 8: write it without"),
        (SQLITE, "SELECT upper(a AS b)", "AS can't stand here"),
        (SQLITE, "SELECT lenght(a)", "function 'lenght' can't be used at column 8: did you mean length"),
        (SQLITE, "SELECT 'a' 'b'", "two texts side by side can't be taken: write one, or || between them"),
        (SQLITE, "SELECT a IN b", "IN needs parentheses here"),
        (SQLITE, "SELECT 1 FROM t, t.u.v.w", "no part of a query|syntax error"),
        (POSTGRESQL, "SELECT a::mood", "type MOOD at column 11 can't be used: cast to a plain type"),
        (POSTGRESQL, "SELECT CAST(a AS interval day)", "type .*can't be used: cast to a plain type"),
        (POSTGRESQL, "SELECT * FROM ONLY t", "ONLY at column 20 is no part of a query that is taken"),
        (POSTGRESQL, "SELECT 1 FOR UPDATE", "LOCK is no part of a query that is taken"),
        (POSTGRESQL, "SELECT (a).b", "DOT at column 12 is no part of a query that is taken"),
        (MYSQL, "SELECT SQL_NO_CACHE 1", "OPERATION MODIFIERS is no part of a query|no part of a query"),
        (MYSQL, "SELECT * FROM t PARTITION (p)", "PARTITION.* is no part of a query that is taken"),
        (DUCKDB, "SELECT main.upper(a)", "function 'upper' can't be used with a name before it"),
        (DUCKDB, "SELECT * REPLACE (1 AS a) FROM t", "REPLACE at column 8 is no part of a query that is taken"),
    ],
)
def test_refusals(dialect: Dialect, sql: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        judge(dialect, sql)


def test_parameters_are_taken_when_they_are_known() -> None:
    judge(SQLITE, "SELECT :a, $b", frozenset({"a", "b"}))
    with pytest.raises(Refused, match="found a parameter without a value; there are a"):
        judge(SQLITE, "SELECT :b", frozenset({"a"}))
