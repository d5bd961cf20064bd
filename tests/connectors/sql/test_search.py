"""Tables found by name or meaning."""

import pytest

from dragoman.connectors.sql.catalog import Column, Relation
from dragoman.connectors.sql.search import search, words_of


def table(name: str, *columns: str, comment: str = "") -> Relation:
    made = tuple(Column(column, "", nullable=True, default=None, key=0) for column in columns)
    return Relation(name, "table", made, comment=comment)


SHOP = (
    table("Artist", "ArtistId", "Name"),
    table("Track", "TrackId", "Name", "AlbumId", "Milliseconds"),
    table("InvoiceLine", "InvoiceLineId", "InvoiceId", "TrackId", "Quantity"),
    table("invoices", "InvoiceId", "CustomerId", "Total"),
    table("Employee", "EmployeeId", "LastName", "ReportsTo"),
    table("x7", "a", "b", comment="Wages of the warehouse staff"),
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("InvoiceLineID", ["invoice", "line", "id"]),
        ("order_details2", ["order", "detail", "2"]),
        ("HTTPStatus", ["http", "statu"]),
        ("Straße", ["straße"]),
        ("categories of glass", ["category", "of", "glass"]),
        ("", []),
    ],
)
def test_words_of_names(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("artist", "Artist"),
        ("songs", "Track"),
        ("singer", "Artist"),
        ("purchase total", "invoices"),
        ("invoice line", "InvoiceLine"),
        ("who reports to whom", "Employee"),
        ("salary", "x7"),
        ("employe", "Employee"),
        ("invoi", "invoices"),
    ],
)
def test_the_best_table_comes_first(query: str, first: str) -> None:
    assert search(query, SHOP, 10)[0].relation.name == first


def test_fitting_columns_are_named() -> None:
    assert search("duration", SHOP, 10)[0].columns == ["Milliseconds"]


def test_nothing_fits_nothing() -> None:
    assert search("xyzzy", SHOP, 10) == []
    assert search("", SHOP, 10) == []
    assert search("artist", [], 10) == []


def test_the_work_is_bounded() -> None:
    assert len(search("name", SHOP * 200, 7)) == 7
    assert search("zzzz " * 100_000, SHOP, 3) == []
