"""Declared queries of databases whose grammar nobody knows."""

from typing import Any

import pytest

from dragoman.connectors.sql.guard import Refused, Verbatim

VIEW: Any = None  # nothing of it is read


@pytest.mark.parametrize(
    ("sql", "pieces"),
    [
        ("select 1;", ("select 1",)),
        ("select a from t where b = :x and c = :y", ("select a from t where b = ", " and c = ", "")),
        ("select ':x', \":x\", `:x` -- :x\n/* :x */ from t where b = :x", None),
        ("select a::x, '''' || :x", ("select a::x, '''' || ", "")),
        ("select :other", ("select :other",)),
    ],
)
def test_only_parameters_outside_of_quotes_are_places(sql: str, pieces: tuple[str, ...] | None) -> None:
    statement = Verbatim([sql], "Strange").check(sql, VIEW, frozenset({"x", "y"}))
    assert statement.pieces == (pieces or (sql.removesuffix(":x"), ""))
    assert len(statement.slots) == len(statement.pieces) - 1


def test_what_was_not_declared_is_refused() -> None:
    with pytest.raises(Refused, match="Strange can't be judged here: only declared queries run"):
        Verbatim(["select 1"], "Strange").check("select 2", VIEW)
