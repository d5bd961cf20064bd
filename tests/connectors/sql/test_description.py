"""What is told of databases and tables, as data and as text."""

import msgspec

from dragoman.connectors.sql.catalog import Column, Count, Details, ForeignKey, Index, Relation
from dragoman.connectors.sql.description import as_text, counted_columns, of_database, of_relation, of_unreadable
from dragoman.connectors.sql.engines.engine import Page

ID = Column("Id", "INTEGER", nullable=False, default=None, key=1)
LINE = Column("Line", "INTEGER", nullable=False, default=None, key=2)
NAME = Column("Na\tme", "TEXT", nullable=False, default="'x\ny'", key=0)
BARE = Column("Bare", "", nullable=True, default=None, key=0)
NOTHING = Details((), (), Count(0, exact=True))
EMPTY = Page(["Id"], [], more=False)


def test_a_database_is_a_list_of_tables() -> None:
    relations = [
        Relation("A", "table", (ID,)),
        Relation("B", "view", (ID, NAME)),
        Relation("C", "table", (ID,)),
        Relation("D", "view", (), readable=False),
    ]
    counts = {"A": Count(3, exact=True), "B": Count(None, exact=False), "C": Count(1000, exact=False)}
    description = of_database("shop", relations, counts)
    assert msgspec.to_builtins(description) == {
        "database": "shop",
        "tables": [
            {"name": "A", "kind": "table", "columns": 1, "rows": 3},
            {"name": "B", "kind": "view", "columns": 2},
            {"name": "C", "kind": "table", "columns": 1, "rows": 1000, "about": True},
            {
                "name": "D",
                "kind": "view",
                "columns": 0,
                "problem": "it can't be read: it refers to what is missing, or needs a part of the engine that is not "
                "here",
            },
        ],
    }
    assert as_text(description).splitlines()[:4] == [
        "table\tkind\tcolumns\trows",
        "A\ttable\t1\t3",
        "B\tview\t2\tnot counted in time",
        "C\ttable\t1\tabout 1000",
    ]


def test_an_empty_database_says_so() -> None:
    assert as_text(of_database("shop", [], {})) == "The database shop is empty: it has no tables."


def test_a_table_with_everything() -> None:
    details = Details(
        (ForeignKey(("Id",), "Other", ("Id",)), ForeignKey(("Id", "Line"), "Pair", ("A", "B"))),
        (Index("i", ("Id", "(expression)"), unique=True), Index("j", ("Line",), unique=False)),
        Count(2, exact=True),
    )
    sample = Page(["Id", "Line"], [[1, None], [2, "x\ty"]], more=False)
    description = of_relation("shop", Relation("T", "table", (ID, LINE, NAME, BARE)), details, sample)
    data = msgspec.to_builtins(description)
    assert data["primary_key"] == ["Id", "Line"]
    assert data["columns"][0] == {
        "name": "Id",
        "type": "INTEGER",
        "nullable": False,
        "key": 1,
        "references": "Other.Id",
    }
    assert data["foreign_keys"][1] == {"columns": ["Id", "Line"], "table": "Pair", "references": ["A", "B"]}
    assert as_text(description).splitlines() == [
        "T (table, rows: 2)",
        "Id INTEGER not null -> Other.Id",
        "Line INTEGER not null",
        "Na\\tme TEXT not null default 'x\\ny'",
        "Bare",
        "primary key (Id, Line)",
        "(Id, Line) -> Pair (A, B)",
        "unique index on (Id, (expression))",
        "index on (Line)",
        "Id\tLine",
        "1\tNULL",
        "2\tx\\ty",
        "...",
    ]


def test_a_reference_without_columns_is_to_the_primary_key() -> None:
    details = Details((ForeignKey(("Id",), "Other", ()),), (), Count(0, exact=True))
    text = as_text(of_relation("shop", Relation("T", "table", (ID,)), details, EMPTY))
    assert "Id INTEGER primary key -> Other" in text


def test_a_table_that_was_not_counted_and_has_no_sample() -> None:
    relation = Relation("V", "view", (BARE,))
    unknown = of_relation("shop", relation, Details((), (), Count(None, exact=False)), None)
    assert as_text(unknown).startswith("V (view, rows: not counted in time)\nBare\nit can't be read")
    slow = of_relation("shop", relation, Details((), (), Count(7, exact=False)), None)
    assert as_text(slow) == "V (view, rows: about 7)\nBare\nits rows can't be shown"
    assert as_text(of_unreadable("shop", relation)).startswith("V (view): it can't be read")


def test_columns_are_counted_in_words() -> None:
    assert counted_columns(Relation("A", "table", (ID,))) == "1 column"
    assert counted_columns(Relation("A", "table", ())) == "0 columns"


def test_keys_of_a_table_are_in_their_own_order() -> None:
    first = Column("B", "", nullable=False, default=None, key=2)
    second = Column("A", "", nullable=False, default=None, key=1)
    assert of_relation("shop", Relation("T", "table", (first, second)), NOTHING, EMPTY).primary_key == ["A", "B"]
