"""Names as the database compares them, and the nearest ones."""

import pytest

from dragoman.connectors.sql.catalog import Catalog, Count, Relation, fold, nearest


@pytest.mark.parametrize(
    ("name", "folded"), [("Artist", "artist"), ("ÄRGER", "Ärger"), ("İ", "İ"), ("ſ", "ſ"), ("a b", "a b")]
)
def test_only_ascii_letters_have_no_case(name: str, folded: str) -> None:
    assert fold(name) == folded


def test_relations_are_found_as_sqlite_finds_them() -> None:
    relation = Relation("Ärger", "table", ())
    catalog = Catalog("1", {fold("Ärger"): relation}, frozenset())
    assert catalog.find("ÄRGER") is relation
    assert catalog.find("ärger") is None


def test_nearest_names_come_best_first_and_at_most_three() -> None:
    known = ["Name", "Names", "Nam", "Game", "Composer"]
    assert nearest("nme", known)[0] == "Name"
    assert len(nearest("name", known)) == 3
    assert nearest("xyzzy", known) == []


def test_looking_for_the_nearest_is_bounded() -> None:
    assert nearest("n" * 129, ["n" * 129]) == []
    assert nearest("name", [f"x{number}" for number in range(2000)] + ["name"]) == []


def test_nearest_relations() -> None:
    catalog = Catalog("1", {"artist": Relation("Artist", "table", ())}, frozenset())
    assert catalog.nearest_relations("Artists") == ["Artist"]


def test_counts() -> None:
    assert Count(3, exact=True) == Count(3, exact=True)
