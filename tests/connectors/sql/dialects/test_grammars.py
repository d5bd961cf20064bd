"""What is written means what was read: functions keep their names, operators their operands, names get quotes."""

import pytest
from sqlglot import exp

from dragoman.connectors.sql.dialects.grammars import GRAMMARS, slot_text


@pytest.mark.parametrize(
    ("dialect", "sql", "written"),
    [
        ("sqlite", "SELECT Max(a, b), strftime('%Y', c)", "SELECT Max(`a`, `b`), strftime('%Y', `c`)"),
        ("sqlite", "SELECT a -> '$.b[0]' ->> 'c'", "SELECT `a` -> '$.b[0]' ->> 'c'"),
        ("sqlite", "SELECT CAST(a AS DECIMAL), CAST(b AS DATE)", "SELECT CAST(`a` AS DECIMAL), CAST(`b` AS DATE)"),
        ("sqlite", "SELECT * FROM a, b", "SELECT * FROM `a`, `b`"),
        ("postgresql", "SELECT now(), a ^ 2, |/ 4", 'SELECT now(), "a" ^ 2, |/ 4'),
        ("postgresql", "SELECT x[1], y[1:2]", 'SELECT "x"[1], "y"[1:2]'),
        ("postgresql", "SELECT a #>> '{b}', c @> d", 'SELECT "a" #>> \'{b}\', "c" @> "d"'),
        ("mysql", "SELECT a REGEXP 'b', POSITION('c' IN d)", "SELECT `a` REGEXP 'b', POSITION('c' IN `d`)"),
        ("mysql", "SELECT timestampdiff(MONTH, a, b)", "SELECT timestampdiff(MONTH, `a`, `b`)"),
        ("mysql", "SELECT CAST(a AS INTEGER), GROUP_CONCAT(b)", "SELECT CAST(`a` AS SIGNED), GROUP_CONCAT(`b`)"),
        ("duckdb", "SELECT a ~ 'b', [1, 2][1], MAP {'k': 1}", "SELECT \"a\" ~ 'b', [1, 2][1], MAP {'k': 1}"),
        ("duckdb", "SELECT TRIM(BOTH 'x' FROM a)", "SELECT TRIM(BOTH 'x' FROM \"a\")"),
    ],
)
def test_what_is_written(dialect: str, sql: str, written: str) -> None:
    grammar = GRAMMARS[dialect]
    (tree,) = grammar.parse(sql)
    assert tree is not None
    assert grammar.generate(tree, identify=True, normalize_functions=False) == written


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql", "duckdb"])
def test_values_have_places(dialect: str) -> None:
    (tree,) = GRAMMARS[dialect].parse("SELECT :from, f(:a)")
    assert isinstance(tree, exp.Select)
    written = GRAMMARS[dialect].generate(tree, normalize_functions=False)
    assert written == f"SELECT {slot_text('from')}, f({slot_text('a')})"
