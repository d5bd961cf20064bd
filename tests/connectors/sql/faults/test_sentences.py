"""Sentences about failures: what SQLite really says, mapped, and nothing of it repeated that is not the agent's."""

import sqlite3
from typing import get_args

import pytest

from dragoman.connectors.sql.catalog import Catalog, Column, Relation
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind, SqlLimits
from dragoman.connectors.sql.faults.sentences import sentence
from dragoman.connectors.sql.guard import Statement


def column(name: str) -> Column:
    return Column(name, "TEXT", nullable=True, default=None, key=0)


CATALOG = Catalog(
    "1",
    {
        "artist": Relation("Artist", "table", (column("ArtistId"), column("Name"))),
        "album": Relation("Album", "table", (column("AlbumId"), column("Title"))),
        "wide": Relation("Wide", "table", tuple(column(f"c{number}") for number in range(50))),
        "notes": Relation("notes", "virtual", (column("body"),)),
    },
    frozenset(),
)


@pytest.fixture(scope="module")
def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE Artist (ArtistId, Name)")
    made.execute("CREATE TABLE Album (AlbumId, Title)")
    made.execute(f"CREATE TABLE Wide ({', '.join(f'c{number}' for number in range(50))})")
    made.execute("CREATE VIRTUAL TABLE notes USING fts5(body)")
    made.execute("INSERT INTO notes VALUES ('secret')")
    made.execute("INSERT INTO Artist VALUES (1, 'secret')")
    made.execute("CREATE VIEW broken AS SELECT hidden_column FROM Artist")
    made.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100)
    made.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50)
    made.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100)
    return made


def told(sql: str, message: str) -> str:
    names = [relation.name for relation in CATALOG.relations.values() if relation.name in sql]
    fault = EngineFault("statement", message)
    return sentence(fault, Statement(sql, tuple(names)), CATALOG, SQLITE, SqlLimits())


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT Nme FROM Artist", "no such column: Nme - did you mean Name?"),
        ("SELECT a.Nme FROM Artist a", "no such column: a.Nme - did you mean Name?"),
        ("SELECT Title FROM Artist", "no such column: Title - it is a column of Album"),
        ("SELECT xyzzy FROM Artist", "no such column: xyzzy - the columns are ArtistId, Name"),
        ("SELECT xyzzy", "no such column: xyzzy"),
        ("SELECT Artists.* FROM Artist", "no such table: Artists - did you mean Artist?"),
        ("SELECT zzz.* FROM Artist", "no such table: zzz"),
        ("SELECT ArtistId FROM Artist a, Artist b", "ambiguous column name: ArtistId; write table.column"),
        ("SELECT len(Name) FROM Artist", "no such function: len - did you mean length?"),
        ("SELECT lengt(Name) FROM Artist", "no such function: lengt - did you mean length?"),
        ("SELECT qqqq(Name) FROM Artist", "no such function: qqqq"),
        ("SELECT abs()", "wrong number of arguments to function abs"),
        ("SELECT sum(count(*)) FROM Artist", "aggregate count can't be used here: use HAVING or a subquery"),
        ("SELECT 1 FROM Artist WHERE sum(Name) > 1", "aggregate sum can't be used here: use HAVING or a subquery"),
        ("SELECT row_number() FROM Artist", "window function row_number can't be used here: use a subquery"),
        ("SELECT Name FROM Artist HAVING Name", "HAVING needs a GROUP BY or an aggregate"),
        ("SELECT 1 FROM Artist GROUP BY sum(1)", "GROUP BY can't hold aggregates"),
        ("WITH c AS (SELECT * FROM c) SELECT * FROM c", "c in WITH refers to itself without an end: use UNION ALL"),
        ("WITH c(x, y) AS (SELECT 1) SELECT * FROM c", "c has 1 values for 2 columns"),
        ("SELECT * FROM Artist JOIN Album USING (Name)", "column Name of USING is not in both tables"),
        ("SELECT * FROM Artist NATURAL JOIN Album ON 1", "a NATURAL JOIN takes no ON or USING"),
        ("SELECT 1 UNION ALL SELECT 1, 2", "both sides of UNION ALL need the same number of columns"),
        ("SELECT 1 EXCEPT SELECT 1, 2", "both sides of EXCEPT need the same number of columns"),
        ("VALUES (1), (1, 2)", "all rows of VALUES need the same number of values"),
        ("SELECT (SELECT 1, 2)", "a subquery returns 2 columns where 1 is expected"),
        ("SELECT (1, 2)", "a row value (a, b) can't stand here"),
        ("SELECT 1 ORDER BY 5", "ORDER BY names a column by a number that is not between 1 and 1"),
        (
            "SELECT 1 AS a UNION SELECT 2 ORDER BY b",
            "ORDER BY of a UNION, EXCEPT or INTERSECT must name a column of the result",
        ),
        ("SELECT 1 ORDER BY 1 UNION SELECT 2", "ORDER BY comes after UNION, not before"),
        ("SELECT 1 LIMIT 1 UNION SELECT 2", "LIMIT comes after UNION, not before"),
        ("SELECT 1 LIMIT 'x'", "LIMIT and OFFSET take whole numbers"),
        (
            "SELECT sum(1) OVER (ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING)",
            "the frame of a window begins after its end, or is of no known kind",
        ),
        (
            "SELECT " + "1 + " * 150 + "1",
            "an expression is more than 100 levels deep: use IN (...) instead of OR, or WITH",
        ),
        ("SELECT 1" + " UNION ALL SELECT 1" * 60, "too many SELECTs in one UNION, EXCEPT or INTERSECT"),
        ("SELECT *", "SELECT * needs a FROM"),
        ("SELECT abs(-9223372036854775807 - 1)", "an integer is too large: compute with real numbers, as in 1.0 * x"),
        ("SELECT 'x' LIKE hex(zeroblob(100))", "the pattern of LIKE or GLOB is too long"),
        ("SELECT 1 WHERE 'x' LIKE 'x' ESCAPE 'ab'", "ESCAPE takes a single character"),
        ("SELECT json(Name) FROM Artist", "a value is no JSON: filter by json_valid(...)"),
        ("SELECT json_extract('{}', Name) FROM Artist", "a JSON path is malformed: it looks like '$.name[0]'"),
        (
            "SELECT * FROM notes WHERE notes MATCH '\"secret'",
            "the pattern of MATCH is malformed: put words in double quotes, as in MATCH '\"word\"'",
        ),
        ("SELECT Name MATCH 'x' FROM Artist", "MATCH works only on a full-text table and its columns"),
        (
            "SELECT group_concat(DISTINCT Name, 1) FROM Artist",
            "DISTINCT in a function takes exactly one argument and no window",
        ),
        ("SELECT 1 FROM Artist INDEXED BY i", "no such index: i"),
        ("SELECT sum(1) OVER w FROM Artist", "no such window: w"),
        ("SELECT Name FROM Artist ORDER BY Name COLLATE x", "no such collation: x; there are BINARY, NOCASE and RTRIM"),
        ("SELECT Name Name Name", "syntax error near Name"),
        ("SELECT 12ab", "unrecognized token: 12ab"),
        ("SELECT", "the statement ends too early"),
        (
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT sum(x) FROM c) SELECT * FROM c",
            "a recursive WITH must name itself once, after UNION ALL, without aggregates",
        ),
        (
            "SELECT * FROM broken",
            "the statement can't be run: something that it uses, perhaps through a view, is missing or wrong",
        ),
        (
            "SELECT * FROM notes WHERE notes MATCH (SELECT Name || ':x' FROM Artist)",
            "the statement can't be run: something that it uses, perhaps through a view, is missing or wrong",
        ),
    ],
)
def test_what_sqlite_says_is_told_in_our_words(connection: sqlite3.Connection, sql: str, expected: str) -> None:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(sql).fetchall()
    assert told(sql, str(caught.value)) == expected


def test_what_this_build_lacks_is_said() -> None:
    assert told("SELECT unhex('00')", "no such function: unhex").endswith("- this build of SQLite lacks it")
    assert told("SELECT 1 FROM generate_series(1)", "no such table: generate_series").endswith("lacks it")


def test_long_lists_of_columns_are_cut() -> None:
    assert told("SELECT x FROM Wide", "no such column: x").endswith("c38, c39 and 10 more")


def test_unknown_words_of_an_engine_are_never_repeated() -> None:
    assert (
        told("SELECT 1", "secret 42 is bad")
        == "the database could not run the statement: check functions, types and names"
    )
    assert "secret" not in told("SELECT 1", "no such column: secret")


@pytest.mark.parametrize("kind", [kind for kind in get_args(FaultKind) if kind != "statement"])
def test_every_kind_has_a_sentence_without_the_engines_words(kind: FaultKind) -> None:
    text = sentence(EngineFault(kind, "secret"), None, None, SQLITE, SqlLimits(seconds=2.5, result_bytes=1500))
    assert text
    assert "secret" not in text
    assert "{" not in text


def test_limits_are_named() -> None:
    limits = SqlLimits(seconds=2.5, result_bytes=1500, value_bytes=2048, memory_bytes=64 * 2**20, cell_bytes=100)

    def text(kind: FaultKind) -> str:
        return sentence(EngineFault(kind), None, None, SQLITE, limits)

    assert "2.5 seconds" in text("timeout")
    assert "1.5 kB" in text("wide_row")
    assert "2.05 kB" in text("too_big")
    assert "67.1 MB" in text("memory")
    tiny = sentence(EngineFault("wide_row"), None, None, SQLITE, SqlLimits(result_bytes=1000 - 1))
    assert "999 bytes" in tiny


def test_a_schema_that_fails_has_a_sentence() -> None:
    fault = EngineFault("statement", "malformed")
    assert "schema can't be read" in sentence(fault, None, None, SQLITE, SqlLimits())
