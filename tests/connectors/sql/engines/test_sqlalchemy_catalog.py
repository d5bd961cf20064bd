"""What the inspector says becomes a catalog: kinds, keys, and what lies behind full-text tables and partitions."""

from collections.abc import Iterator

import pytest
import sqlalchemy

from dragoman.connectors.sql.catalog import Relation
from dragoman.connectors.sql.engines import sqlalchemy_catalog as schema
from tests.connectors.sql.conftest import MakeDatabase
from tests.connectors.sql.servers import MariaDB

TABLES = (
    "CREATE TABLE Country (code TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT 'none')",
    'CREATE TABLE "Order Details" (b INT, a INT, code TEXT REFERENCES Country (code), PRIMARY KEY (a, b))',
    'CREATE UNIQUE INDEX by_code ON "Order Details" (code, lower(code))',
    "CREATE VIEW names AS SELECT name FROM Country",
    "CREATE VIRTUAL TABLE words USING fts5(body)",
)


@pytest.fixture
def connection(make_database: MakeDatabase) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(f"sqlite:///{make_database(*TABLES)}", poolclass=sqlalchemy.NullPool)
    with engine.connect() as connected:
        yield connected
    engine.dispose()


def test_relations_have_their_kinds_and_shadows_are_hidden(connection: sqlalchemy.Connection) -> None:
    catalog = schema.read(connection, ())
    assert {relation.name: relation.kind for relation in catalog.relations.values()} == {
        "Country": "table",
        "Order Details": "table",
        "names": "view",
        "words": "virtual",
    }
    assert {"words_data", "words_content", "words_idx"} <= catalog.hidden
    assert list(catalog.relations) == sorted(catalog.relations)


def test_columns_have_types_defaults_and_their_place_in_the_key(connection: sqlalchemy.Connection) -> None:
    catalog = schema.read(connection, ())
    code, name = catalog.relations["country"].columns
    assert (code.name, code.type, code.key) == ("code", "TEXT", 1)
    assert (name.nullable, name.default, name.key) == (False, "'none'", 0)
    assert {column.name: column.key for column in catalog.relations["order details"].columns} == {
        "b": 2,
        "a": 1,
        "code": 0,
    }


def test_keys_and_indexes(connection: sqlalchemy.Connection) -> None:
    catalog = schema.read(connection, ())
    with pytest.warns(sqlalchemy.exc.SAWarning, match="expression"):
        (key,), indexes = schema.keys_and_indexes(connection, catalog.relations["order details"])
    assert (key.columns, key.table, key.references) == (("code",), "Country", ("code",))
    assert indexes == ()  # SQLAlchemy leaves those with an expression out
    assert schema.keys_and_indexes(connection, catalog.relations["names"]) == ((), ())


def test_the_version_follows_the_schema(connection: sqlalchemy.Connection) -> None:
    before = schema.read(connection, ()).version
    assert schema.read(connection, ()).version == before
    connection.exec_driver_sql("ALTER TABLE Country ADD COLUMN people INT")
    assert schema.read(connection, ()).version != before


def test_names_are_quoted_as_the_database_quotes_them(connection: sqlalchemy.Connection) -> None:
    for name, text in (('a"b', '"a""b"'), ("Order Details", '"Order Details"')):
        assert schema.written(connection, Relation(name, "table", ())) == text
        assert schema.written(connection, Relation(name, "table", (), schema="main")) == f'"main".{text}'


def test_other_schemas_are_qualified(mariadb: MariaDB) -> None:
    mariadb.execute("CREATE DATABASE IF NOT EXISTS elsewhere", "CREATE TABLE IF NOT EXISTS elsewhere.thing (n INT)")
    url = mariadb.url("admin").replace("mariadb://", "mariadb+pymysql://")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    try:
        with engine.connect() as connection:
            catalog = schema.read(connection, ("chinook", "elsewhere"))
        assert catalog.relations["artist"].schema == "chinook"
        assert catalog.relations["elsewhere.thing"].name == "thing"
    finally:
        engine.dispose()
        mariadb.execute("DROP DATABASE elsewhere")
