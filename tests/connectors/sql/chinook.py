"""The music shop's tables as a catalog, so that the guard can be tested without a database."""

import re

from dragoman.connectors.sql.catalog import Catalog, Column, Relation, fold

_TABLES = """
    Album: AlbumId INTEGER, Title NVARCHAR(160), ArtistId INTEGER
    Artist: ArtistId INTEGER, Name NVARCHAR(120)
    Customer: CustomerId INTEGER, FirstName NVARCHAR(40), LastName NVARCHAR(20), Company NVARCHAR(80),
        Address NVARCHAR(70), City NVARCHAR(40), State NVARCHAR(40), Country NVARCHAR(40), PostalCode
        NVARCHAR(10), Phone NVARCHAR(24), Fax NVARCHAR(24), Email NVARCHAR(60), SupportRepId INTEGER
    Employee: EmployeeId INTEGER, LastName NVARCHAR(20), FirstName NVARCHAR(20), Title NVARCHAR(30),
        ReportsTo INTEGER, BirthDate DATETIME, HireDate DATETIME, Address NVARCHAR(70), City NVARCHAR(40),
        State NVARCHAR(40), Country NVARCHAR(40), PostalCode NVARCHAR(10), Phone NVARCHAR(24), Fax
        NVARCHAR(24), Email NVARCHAR(60)
    Genre: GenreId INTEGER, Name NVARCHAR(120)
    Invoice: InvoiceId INTEGER, CustomerId INTEGER, InvoiceDate DATETIME, BillingAddress NVARCHAR(70),
        BillingCity NVARCHAR(40), BillingState NVARCHAR(40), BillingCountry NVARCHAR(40), BillingPostalCode
        NVARCHAR(10), Total NUMERIC(10;2)
    InvoiceLine: InvoiceLineId INTEGER, InvoiceId INTEGER, TrackId INTEGER, UnitPrice NUMERIC(10;2),
        Quantity INTEGER
    MediaType: MediaTypeId INTEGER, Name NVARCHAR(120)
    Playlist: PlaylistId INTEGER, Name NVARCHAR(120)
    PlaylistTrack: PlaylistId INTEGER, TrackId INTEGER
    Track: TrackId INTEGER, Name NVARCHAR(200), AlbumId INTEGER, MediaTypeId INTEGER, GenreId INTEGER,
        Composer NVARCHAR(220), Milliseconds INTEGER, Bytes INTEGER, UnitPrice NUMERIC(10;2)
"""


def _relation(line: str) -> Relation:
    name, _, columns = " ".join(line.split()).partition(": ")
    pairs = [column.split(" ", 1) for column in columns.split(", ")]
    return Relation(
        name, "table", tuple(Column(each, kind, nullable=True, default=None, key=0) for each, kind in pairs)
    )


RELATIONS = tuple(_relation(line) for line in re.split(r"\n    (?=\w)", _TABLES.strip()))


def catalog_of(*relations: Relation, hidden: tuple[str, ...] = (), version: str = "1") -> Catalog:
    """Return a catalog of relations."""
    return Catalog(version, {fold(each.name): each for each in relations}, frozenset({"sqlite_schema", *hidden}))
