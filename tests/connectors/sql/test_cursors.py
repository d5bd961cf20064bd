"""Cursors: sealed, and of one connector, caller, statement, view and hour."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import ANONYMOUS, Principal, Server
from dragoman.connectors.sql import cursors
from dragoman.connectors.sql.cursors import BadCursor, Cursors, Place

SQL = "SELECT Name FROM Artist WHERE ArtistId > :id"
SERVER = Server("test")
SHOP = Cursors("shop", SERVER.seal)


FIRST = Place(200)


def give(place: Place = FIRST, values: Mapping[str, Any] | None = None, principal: Principal = ANONYMOUS) -> str:
    return SHOP.give(place, SQL, values or {"id": 1}, principal, "1")


@given(st.integers(0, 2**63), st.lists(st.text() | st.integers(-(2**53), 2**53), max_size=3))
def test_a_cursor_gives_back_its_place(skip: int, after: list[str | int]) -> None:
    place = Place(skip, tuple(after))
    assert SHOP.take(give(place), SQL, {"id": 1}, ANONYMOUS, "1") == place


@pytest.mark.parametrize(("sql", "values"), [(SQL + " ", {"id": 1}), (SQL, {"id": 2}), (SQL, {}), ("", {"id": 1})])
def test_a_cursor_of_another_statement_is_refused(sql: str, values: dict[str, Any]) -> None:
    with pytest.raises(BadCursor, match="belongs to another statement: repeat the sql it came from, unchanged"):
        SHOP.take(give(), sql, values, ANONYMOUS, "1")


def test_values_are_the_same_in_any_order() -> None:
    cursor = SHOP.give(Place(1), SQL, {"a": 1, "b": 2}, ANONYMOUS, "1")
    assert SHOP.take(cursor, SQL, {"b": 2, "a": 1}, ANONYMOUS, "1") == Place(1)


def test_a_cursor_of_somebody_else_is_refused() -> None:
    mine = give(principal=Principal("ann", "issuer"))
    assert SHOP.take(mine, SQL, {"id": 1}, Principal("ann", "issuer", roles=("new",)), "1") == Place(200)
    for other in (ANONYMOUS, Principal("bob", "issuer"), Principal("ann", "other"), Principal("ann", "issuer", "app")):
        with pytest.raises(BadCursor, match="no cursor of a query of yours"):
            SHOP.take(mine, SQL, {"id": 1}, other, "1")


def test_a_cursor_of_another_connector_or_server_is_refused() -> None:
    for taker in (Cursors("other", SERVER.seal), Cursors("shop", Server("test").seal)):
        with pytest.raises(BadCursor, match="no cursor of a query of yours"):
            taker.take(give(), SQL, {"id": 1}, ANONYMOUS, "1")


def test_a_cursor_ends_with_what_it_was_given_on() -> None:
    with pytest.raises(BadCursor, match="changed since"):
        SHOP.take(give(), SQL, {"id": 1}, ANONYMOUS, "2")


def test_a_cursor_ends_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = give()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + cursors.LIFETIME - 2)
    assert SHOP.take(cursor, SQL, {"id": 1}, ANONYMOUS, "1") is not None
    monkeypatch.setattr(time, "time", lambda: now + cursors.LIFETIME + 2)
    with pytest.raises(BadCursor, match="older than an hour"):
        SHOP.take(cursor, SQL, {"id": 1}, ANONYMOUS, "1")


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "=" * 32, "A" * 133, "200", "\ud800"])
def test_anything_else_is_no_cursor(cursor: str) -> None:
    with pytest.raises(BadCursor, match="no cursor"):
        SHOP.take(cursor, SQL, {"id": 1}, ANONYMOUS, "1")


def test_no_changed_character_is_taken() -> None:
    cursor = give()
    for place in range(len(cursor) - 1):  # the last one has bits that mean nothing
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(BadCursor):
            SHOP.take(changed, SQL, {"id": 1}, ANONYMOUS, "1")
