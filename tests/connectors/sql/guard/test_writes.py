"""The guard for writes alone: what a change becomes, and which tables, verbs and columns there are."""

import pytest

from dragoman.connectors.sql.catalog import Column, Relation
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard import Refused
from dragoman.connectors.sql.guard.writes import Change, WriteGuard
from dragoman.connectors.sql.policy import Policy
from dragoman.connectors.sql.settings import SqlSettings, TablePolicy
from tests.connectors.sql.chinook import catalog_of

PEOPLE = Relation(
    "people",
    "table",
    tuple(
        Column(name, "TEXT", nullable=True, default=None, key=key)
        for name, key in (("id", 1), ("mail", 0), ("note", 0))
    ),
)


def check(sql: str, *parameters: str) -> Change:
    settings = SqlSettings(
        url="x",
        write_tables=("people",),
        tables={"people": TablePolicy(mask={"mail": "null"}, rows="note <> 'secret'")},
    )
    view = Policy(settings, SQLITE, b"key").view(catalog_of(PEOPLE))
    return WriteGuard(SQLITE, SqlLimits(), settings, "shop_describe").check(sql, view, frozenset(parameters))


def test_an_update_becomes_queries_over_what_is_seen() -> None:
    change = check("UPDATE people SET note = mail || :x WHERE mail = :y", "x", "y")
    assert (change.verb, change.columns, change.parameters) == ("update", ("note",), frozenset("xy"))
    for statement in (change.keys, change.values):
        assert statement is not None
        text = "".join(statement.pieces)
        assert text.startswith("SELECT")
        assert "CASE WHEN 0 THEN" in text, "the mask stands where the column stood"
        assert "'secret'" in text, "the row filter holds"


def test_rows_of_values_stand_side_by_side() -> None:
    change = check("INSERT INTO people (id, note) VALUES ('a', 'b'), ('c', :x)", "x")
    assert (change.groups, change.columns, change.keys) == (2, ("id", "note"), None)


def test_a_clock_is_noticed() -> None:
    assert check("UPDATE people SET note = CURRENT_TIMESTAMP WHERE id = 'a'").moving
    assert not check("UPDATE people SET note = upper(note) WHERE id = 'a'").moving


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE people SET mail = 'x' WHERE id = 'a'", "mail at column 19 is shown masked"),
        ("UPDATE people SET id = 'x' WHERE id = 'a'", "of the primary key"),
        ("DELETE FROM people", "needs a WHERE"),
        ("DELETE FROM peple WHERE id = 'a'", "did you mean people"),
        ("INSERT INTO people (nota) VALUES ('x')", "did you mean note"),
    ],
)
def test_what_is_refused_is_told(sql: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        check(sql)
