"""The guard alone: what it lets through, what it refuses, and that it is bounded."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.sql.catalog import Column, Relation
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard import Guard, Refused, UnknownRelation
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import SqlSettings
from tests.connectors.sql.attacks import ATTACKS
from tests.connectors.sql.chinook import RELATIONS, catalog_of
from tests.connectors.sql.workload import QUERIES

NAME = Column("Name", "TEXT", nullable=True, default=None, key=0)


def view_of(*relations: Relation, hidden: tuple[str, ...] = ()) -> View:
    return Policy(SqlSettings(url="shop.db"), SQLITE, b"").view(catalog_of(*relations, hidden=hidden))


SHOP = view_of(
    *RELATIONS,
    Relation("Order Details", "table", (NAME,)),
    Relation("notes", "virtual", (NAME,)),
    Relation("shapes", "virtual", (NAME,)),
    Relation("broken", "view", (), readable=False),
    hidden=("notes_content", "notes_data", "shapes_node"),
)
GUARD = Guard(SQLITE, SqlLimits(), "shop_describe")


@pytest.mark.parametrize("sql", QUERIES)
def test_useful_queries_pass_unchanged(sql: str) -> None:
    assert GUARD.check(sql, SHOP).sql == sql


@pytest.mark.parametrize(
    ("sql", "relations"),
    [
        ("SELECT 1", ()),
        ("SELECT * FROM artist a JOIN ARTIST b ON 1 JOIN Album c ON 1", ("Artist", "Album")),
        ('SELECT * FROM main."order details"', ("Order Details",)),
        ("SELECT * FROM (SELECT * FROM Track WHERE GenreId IN (SELECT GenreId FROM Genre))", ("Track", "Genre")),
        ("WITH artist AS (SELECT 1 AS x) SELECT x FROM artist", ()),
        ("SELECT * FROM notes('word')", ("notes",)),
        ("SELECT * FROM json_each('[1]') UNION SELECT * FROM json_tree('[1]')", ()),
        ("SELECT value FROM generate_series(1, 3)", ()),
    ],
)
def test_named_relations_are_noted(sql: str, relations: tuple[str, ...]) -> None:
    assert set(GUARD.check(sql, SHOP).relations) == set(relations)


@pytest.mark.parametrize(
    ("sql", "told"),
    [row for row in ATTACKS if not row[1].startswith(("stopped", "larger", "more than 100", "too many", "refused"))],
)
def test_attacks_are_refused_with_the_reason(sql: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        GUARD.check(sql, SHOP)


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT * FROM Artists", "no such table: Artists at column 15: did you mean Artist?"),
        (
            "SELECT *\nFROM xyzzy",
            "no such table: xyzzy at line 2, column 6: call shop_describe to see tables and columns",
        ),
        ("SELECT * FROM Artist UNION SELECT * FROM Albun", "no such table: Albun at column 42: did you mean Album?"),
    ],
)
def test_unknown_tables_name_the_nearest(sql: str, sentence: str) -> None:
    with pytest.raises(UnknownRelation) as caught:
        GUARD.check(sql, SHOP)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM broken", "broken can't be read at column 15: it refers to what is missing"),
        ("SELECT year(Name) FROM Artist", r"'year' can't be used at column 8: did you mean strftime\('%Y', x\)\?"),
        ("SELECT lenght(Name) FROM Artist", "did you mean length"),
        ("SELECT qqqq(Name) FROM Artist", "not on the list of allowed functions"),
        ("SELECT Name FROM Artist WHERE", "no query|syntax error"),
        ("SELECT FROM WHERE", "syntax error"),
        ("SELECT * FRM Artist", "syntax error at column 14, near 'Artist'"),
        ("SELECT *\n  FRM Artist", "syntax error at line 2, column 7, near 'Artist'"),
        ("SELECT * FROM Artist LATERAL VIEW x", "no part of a query|syntax error"),
        ("SELECT * FROM Artist, LATERAL (SELECT 1)", "no part of a query"),
        ("SELECT (", "syntax error: the statement ends too early|syntax error"),
        ("SELECT * FROM a.main.Artist", "is not served"),
        ("SELECT current_user", "can't be used"),
        ("SELECT date_trunc('month', Name) FROM Artist", "did you mean strftime"),
    ],
)
def test_sentences(sql: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        GUARD.check(sql, SHOP)


def test_tables_of_a_table_function_are_no_table_functions() -> None:
    with pytest.raises(Refused, match="table function 'Artist' can't be used at column 15; allowed are"):
        GUARD.check("SELECT * FROM Artist('x')", SHOP)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM Artist" + " JOIN Artist" * 600,
        "SELECT * FROM " + "(SELECT * FROM " * 32 + "Artist" + ")" * 32,
        "SELECT " + "CASE WHEN 1 THEN " * 32 + "1" + " END" * 32,
        "SELECT " + "- " * 1900 + "1",
        "SELECT " + "abs(" * 32 + "1" + ")" * 32,
        "SELECT " + "[" * 1900,
        "SELECT 1" + " BETWEEN 1 AND 1" * 390,
        "SELECT * FROM Artist" + " NATURAL JOIN Artist" * 300,
        "SELECT * FROM Artist" + " LEFT JOIN Artist" * 300,
        "WITH " + ", ".join(f"c{n} AS (SELECT 1)" for n in range(220)) + " SELECT 1",
        "SELECT " + "EXISTS (SELECT " * 32 + "1" + ")" * 32,
        "SELECT " + "1 IN (SELECT " * 31 + "1" + ")" * 31,
    ],
)
def test_the_worst_statements_are_decided_quickly(sql: str) -> None:
    begin = time.monotonic()
    with contextlib.suppress(Refused):  # either answer will do, but soon
        GUARD.check(sql, SHOP)
    assert time.monotonic() - begin < 10  # exponential work takes hours; a busy machine takes its time


WORDS = (
    "select from where ( ) , ; * 1 'x' \"Artist\" Artist Album Name a.Name as join on using with recursive union all "
    "delete insert into values update set drop table pragma attach sqlite_schema notes_content load_extension exists "
    "case when then else end not in is null like -- /* */ [ ] ` ' \" $ ? : @ || -> = < . group by order limit over "
    "window json_each main. temp. { } explain returning begin"
).split()


@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join) | st.text(max_size=200))
def test_any_text_is_refused_or_let_through(sql: str) -> None:
    try:
        statement = GUARD.check(sql, SHOP)
    except Refused:
        return
    assert statement.sql == sql
    assert set(statement.relations) <= {relation.name for relation in SHOP.relations.values()}
