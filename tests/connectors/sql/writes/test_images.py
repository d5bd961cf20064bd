"""Statements of ours are written with names and bound values, never with values in their text."""

from dragoman.connectors.sql.writes.images import Phrase


def test_values_are_bound_where_they_stand() -> None:
    query = Phrase("UPDATE t SET a = ").bind("x'y", ("CAST(", " AS text)")).add(" WHERE b = ").bind(2).query()
    assert query.text("?{n}") == "UPDATE t SET a = CAST(?1 AS text) WHERE b = ?2"
    assert query.arguments == ("x'y", 2)
