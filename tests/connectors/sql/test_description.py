"""What is told of databases and tables, as data and as text."""

import msgspec
from msgspec.structs import replace

from dragoman.connectors.sql.catalog import Catalog, Column, Count, Details, ForeignKey, Index, Relation, fold
from dragoman.connectors.sql.description import (
    as_text,
    compact,
    counted_columns,
    of_database,
    of_relation,
    of_unreadable,
)
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines.engine import Page
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import SqlSettings, TablePolicy

ID = Column("Id", "INTEGER", nullable=False, default=None, key=1)
LINE = Column("Line", "INTEGER", nullable=False, default=None, key=2)
NAME = Column("Na\tme", "TEXT", nullable=False, default="'x\ny'", key=0)
BARE = Column("Bare", "", nullable=True, default=None, key=0)
NOTHING = Details((), (), Count(0, exact=True))
EMPTY = Page(["Id"], [], more=False)

OTHERS = (
    Relation("Other", "table", (ID,)),
    Relation("Pair", "table", (BARE, replace(BARE, name="A"), replace(BARE, name="B"))),
)


TABLE = Relation("T", "table", (ID, LINE, NAME, BARE))


def seeing(relation: Relation = TABLE, **policy: TablePolicy) -> View:
    """What callers see of a relation and the others."""
    relations = {fold(each.name): each for each in (relation, *OTHERS)}
    catalog = Catalog("1", relations, frozenset())
    return Policy(SqlSettings(url="x", tables=policy), SQLITE, b"").view(catalog)


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
        "table|kind|columns|rows",
        "A|table|1|3",
        "B|view|2|not counted in time",
        "C|table|1|about 1000",
    ]
    assert compact(description)["rows"][:2] == [["A", "table", 1, 3], ["B", "view", 2, "not counted in time"]]


def test_an_empty_database_says_so() -> None:
    assert as_text(of_database("shop", [], {})) == "The database shop is empty: it has no tables."


def test_a_table_with_everything() -> None:
    details = Details(
        (ForeignKey(("Id",), "Other", ("Id",)), ForeignKey(("Id", "Line"), "Pair", ("A", "B"))),
        (Index("i", ("Id", "(expression)"), unique=True), Index("j", ("Line",), unique=False)),
        Count(2, exact=True),
    )
    sample = Page(["Id", "Line"], [[1, None], [2, "x\ty"]], more=False)
    description = of_relation("shop", Relation("T", "table", (ID, LINE, NAME, BARE)), details, sample, seeing())
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
        "Id|Line",
        "1|NULL",
        "2|x\\ty",
        "...",
    ]


def test_a_reference_without_columns_is_to_the_primary_key() -> None:
    details = Details((ForeignKey(("Id",), "Other", ()),), (), Count(0, exact=True))
    text = as_text(of_relation("shop", Relation("T", "table", (ID,)), details, EMPTY, seeing()))
    assert "Id INTEGER primary key -> Other" in text


def test_a_table_that_was_not_counted_and_has_no_sample() -> None:
    relation = Relation("V", "view", (BARE,))
    unknown = of_relation("shop", relation, Details((), (), Count(None, exact=False)), None, seeing(relation))
    assert as_text(unknown).startswith("V (view, rows: not counted in time)\nBare\nit can't be read")
    slow = of_relation("shop", relation, Details((), (), Count(7, exact=False)), None, seeing(relation))
    assert as_text(slow) == "V (view, rows: about 7)\nBare\nits rows can't be shown"
    assert as_text(of_unreadable("shop", relation)).startswith("V (view): it can't be read")


def test_columns_are_counted_in_words() -> None:
    assert counted_columns(Relation("A", "table", (ID,))) == "1 column"
    assert counted_columns(Relation("A", "table", ())) == "0 columns"


def test_keys_of_a_table_are_in_their_own_order() -> None:
    first = Column("B", "", nullable=False, default=None, key=2)
    second = Column("A", "", nullable=False, default=None, key=1)
    assert of_relation("shop", Relation("T", "table", (first, second)), NOTHING, EMPTY, seeing()).primary_key == [
        "A",
        "B",
    ]


def test_what_callers_do_not_see_is_told_in_no_key_and_no_index() -> None:
    view = seeing(T=TablePolicy(deny_columns=("Line",), mask={"Bare": "null"}))
    relation = view.find("T")
    assert relation is not None
    details = Details(
        (
            ForeignKey(("Line",), "Other", ("Id",)),
            ForeignKey(("Id",), "Gone", ("Id",)),
            ForeignKey(("Id",), "Other", ()),
        ),
        (Index("i", ("Id", "Line"), unique=True), Index("j", ("Id",), unique=False)),
        Count(2, exact=True),
    )
    description = of_relation("shop", relation, details, EMPTY, view)
    data = msgspec.to_builtins(description)
    assert [column["name"] for column in data["columns"]] == ["Id", "Na\tme", "Bare"]
    assert data["columns"][2]["masked"] is True
    assert data["foreign_keys"] == [{"columns": ["Id"], "table": "Other", "references": []}]
    assert [index["name"] for index in data["indexes"]] == ["j"]
    assert "Bare masked" in as_text(description)


def test_detail_is_told_on_demand() -> None:
    details = Details((), (Index("j", ("Id",), unique=False),), Count(2, exact=True))
    sample = Page(["Id"], [[1]], more=False)
    relation = Relation("T", "table", (replace(ID, comment="who"), BARE), comment="All of them")
    description = of_relation("shop", relation, details, sample, seeing(relation))
    assert as_text(description, detail=False).splitlines() == [
        "T (table, rows: 2)",
        "All of them",
        "Id INTEGER primary key -- who",
        "Bare",
    ]
    assert compact(description, detail=False) == {
        "table": "T",
        "rows": 2,
        "comment": "All of them",
        "columns": [["Id", "INTEGER", "primary key -- who"], ["Bare", ""]],
    }
    assert {"indexes", "sample"} <= set(compact(description))
    unasked = of_relation("shop", relation, details, None, seeing(relation), sampled=False)
    assert "problem" not in msgspec.to_builtins(unasked)
