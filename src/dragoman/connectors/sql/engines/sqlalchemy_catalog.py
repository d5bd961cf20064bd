"""What SQLAlchemy's inspector says of a database, as a catalog; no statement here is anybody else's.

Where its answer would offer what a policy could not follow, the database is asked itself: SQLite for the tables
behind full-text ones, PostgreSQL for partitions and foreign tables.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import SQLAlchemyError

from dragoman.connectors.sql.catalog import Catalog, Column, ForeignKey, Index, Relation, RelationKind, fold

_SHADOWS = "SELECT name, type FROM pragma_table_list WHERE schema = 'main'"
_PARTS = """
    SELECT n.nspname, c.relname, c.relkind, pn.nspname, p.relname
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
    LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
    LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
    WHERE i.inhrelid IS NOT NULL OR c.relkind IN ('f', 'm')
"""


def read(connection: Connection, schemas: Sequence[str]) -> Catalog:
    """Return the tables and views of some schemas.

    Args:
        connection: in a transaction.
        schemas: which; none for the default one.
    """
    inspector = sqlalchemy.inspect(connection)
    default = inspector.default_schema_name
    found: dict[str, Relation] = {}
    hidden: set[str] = set()
    special = _special(connection)
    for number, schema in enumerate(schemas or (None if connection.dialect.name == "sqlite" else default,)):
        kinds: dict[str, RelationKind] = dict.fromkeys(_names(inspector.get_view_names, schema), "view")
        kinds |= dict.fromkeys(_names(inspector.get_materialized_view_names, schema), "materialized")
        columns = inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY)
        keys = inspector.get_multi_pk_constraint(schema=schema, kind=ObjectKind.TABLE)
        for place, reflected in columns.items():
            name = _real(connection, place[1])
            where = _real(connection, schema or "")
            kind, parent = special.get((where, name), (kinds.get(place[1], "table"), ""))
            if kind == "shadow":
                hidden.add(fold(name))
                continue
            key = keys.get(place)
            order = key["constrained_columns"] if key else []
            relation = Relation(
                name, kind, tuple(_column(connection, each, order) for each in reflected), schema=where, parent=parent
            )
            found[fold(name if number == 0 else f"{where}.{name}")] = relation
    ordered = dict(sorted(found.items()))
    version = hashlib.sha256(msgspec.json.encode((list(ordered.values()), sorted(hidden)))).hexdigest()[:16]
    return Catalog(version, ordered, frozenset(hidden))


def keys_and_indexes(connection: Connection, relation: Relation) -> tuple[tuple[ForeignKey, ...], tuple[Index, ...]]:
    """Return the foreign keys and indexes of a relation of the catalog."""
    if relation.kind != "table":
        return (), ()
    inspector = sqlalchemy.inspect(connection)
    name, schema = _plain(connection, relation.name), _plain(connection, relation.schema) or None
    keys = tuple(
        ForeignKey(
            tuple(_real(connection, each) for each in key["constrained_columns"]),
            _real(connection, key["referred_table"]),
            tuple(_real(connection, each) for each in key["referred_columns"]),
        )
        for key in inspector.get_foreign_keys(name, schema=schema)
    )
    indexes = tuple(
        Index(
            str(index["name"]),
            tuple(_real(connection, each) if each else "(expression)" for each in index["column_names"]),
            bool(index["unique"]),
        )
        for index in inspector.get_indexes(name, schema=schema)
    )
    return keys, indexes


def written(connection: Connection, relation: Relation) -> str:
    """Return the name of a relation as it stands in a statement."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    return ".".join(quote(part) for part in (relation.schema, relation.name) if part)


def _names(ask: Any, schema: str | None) -> list[str]:
    try:
        return list(ask(schema))
    except (NotImplementedError, SQLAlchemyError):
        return []


def _special(connection: Connection) -> dict[tuple[str, str], tuple[Any, str]]:
    """Return the kind and the parent of relations that are neither plain tables nor views."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(_SHADOWS)
        return {("", name): (kind, "") for name, kind in rows if kind in ("shadow", "virtual")}
    if connection.dialect.name == "postgresql":
        kinds = {"f": "foreign", "m": "materialized"}
        return {
            (schema, name): (kinds.get(_text(kind), "partition"), f"{above}.{parent}" if parent else "")
            for schema, name, kind, above, parent in connection.exec_driver_sql(_PARTS)
        }
    return {}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _column(connection: Connection, reflected: ReflectedColumn, key: Sequence[str]) -> Column:
    name = reflected["name"]
    return Column(
        _real(connection, name),
        _type(reflected["type"], connection),
        bool(reflected["nullable"]),
        reflected.get("default"),
        key.index(name) + 1 if name in key else 0,
        reflected.get("comment") or "",
    )


def _type(kind: Any, connection: Connection) -> str:
    try:
        return str(kind.compile(connection.dialect))
    except SQLAlchemyError:
        return str(kind)


def _real(connection: Connection, name: str) -> str:
    """Return a name as the database keeps it; SQLAlchemy lowers those of databases that raise them."""
    dialect: Any = connection.dialect
    if dialect.requires_name_normalize:
        return str(dialect.denormalize_name(name) or "")
    return str(name)


def _plain(connection: Connection, name: str) -> str:
    """Return a name as SQLAlchemy's inspector takes it."""
    dialect: Any = connection.dialect
    return str(dialect.normalize_name(name) if name and dialect.requires_name_normalize else name)
