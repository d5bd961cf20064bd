"""What a database or a table holds, as agents read it: data for programs, few lines of text for models.

Pure functions of what the engine told; the text says in fewer bytes what the data say.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.catalog import UNREADABLE, Column, Count, Details, Relation
from dragoman.connectors.sql.engines.engine import Page

_UNREADABLE = f"it can't be read: {UNREADABLE}"


class TableEntry(Struct, omit_defaults=True):
    """One table of the list: `rows` is left out when they were not counted in time."""

    name: str
    kind: str
    columns: int
    rows: int | UnsetType = UNSET
    about: bool = False
    problem: str | UnsetType = UNSET


class ColumnEntry(Struct, omit_defaults=True):
    """One column; `key` is its place in the primary key, `references` the table.column it points to."""

    name: str
    type: str = ""
    nullable: bool = True
    default: str | None = None
    key: int = 0
    references: str = ""


class Reference(Struct):
    """A foreign key."""

    columns: list[str]
    table: str
    references: list[str]


class IndexEntry(Struct, omit_defaults=True):
    """An index over columns."""

    name: str
    columns: list[str]
    unique: bool = False


class SampleEntry(Struct):
    """The first rows, long cells cut."""

    columns: list[str]
    rows: list[list[Any]]


class Description(Struct, omit_defaults=True):
    """What a database or one of its tables holds: `tables` for all of them, the other fields for one."""

    database: str
    tables: list[TableEntry] | UnsetType = UNSET
    table: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    columns: list[ColumnEntry] | UnsetType = UNSET
    primary_key: list[str] | UnsetType = UNSET
    foreign_keys: list[Reference] | UnsetType = UNSET
    indexes: list[IndexEntry] | UnsetType = UNSET
    rows: int | UnsetType = UNSET
    about: bool = False
    sample: SampleEntry | UnsetType = UNSET
    problem: str | UnsetType = UNSET


def of_database(database: str, relations: Iterable[Relation], counts: Mapping[str, Count]) -> Description:
    """Return the list of relations; those without a count can't be read."""
    entries = []
    for relation in relations:
        entry = TableEntry(relation.name, relation.kind, len(relation.columns))
        count = counts.get(relation.name)
        if count is None:
            entry.problem = _UNREADABLE
        elif count.rows is not None:
            entry.rows = count.rows
            entry.about = not count.exact
        entries.append(entry)
    return Description(database, tables=entries)


def of_unreadable(database: str, relation: Relation) -> Description:
    """Return what can be told of a relation that can't be read."""
    return Description(database, table=relation.name, kind=relation.kind, problem=_UNREADABLE)


def of_relation(database: str, relation: Relation, details: Details, sample: Page | None) -> Description:
    """Return what one relation holds; there is no sample when its rows can't be read."""
    description = Description(
        database,
        table=relation.name,
        kind=relation.kind,
        columns=[_column(column, details) for column in relation.columns],
        indexes=[IndexEntry(index.name, list(index.columns), index.unique) for index in details.indexes],
    )
    keys = sorted((column.key, column.name) for column in relation.columns if column.key)
    if keys:
        description.primary_key = [name for _, name in keys]
    if details.foreign_keys:
        description.foreign_keys = [
            Reference(list(key.columns), key.table, list(key.references)) for key in details.foreign_keys
        ]
    if details.count.rows is not None:
        description.rows = details.count.rows
        description.about = not details.count.exact
    if sample is None:
        description.problem = _UNREADABLE if details.count.rows is None else "its rows can't be shown"
    else:
        description.sample = SampleEntry(sample.columns, sample.rows)
    return description


def _column(column: Column, details: Details) -> ColumnEntry:
    """Return a column; a foreign key of several columns is told once for the table, not here."""
    references = ""
    for key in details.foreign_keys:
        if key.columns == (column.name,):
            references = ".".join([key.table, *key.references])
    return ColumnEntry(column.name, column.type, column.nullable, column.default, column.key, references)


def counted_columns(relation: Relation) -> str:
    """Return how many columns a relation has, for a sentence."""
    number = len(relation.columns)
    return f"{number} column{'' if number == 1 else 's'}"


def as_text(description: Description) -> str:
    """Return a description as lines."""
    if description.tables is not UNSET:
        return _list_as_text(description.database, description.tables)
    return _table_as_text(description)


def _list_as_text(database: str, tables: list[TableEntry]) -> str:
    if not tables:
        return f"The database {database} is empty: it has no tables."
    lines = ["table\tkind\tcolumns\trows"]
    for entry in tables:
        rows = entry.problem if entry.problem is not UNSET else _rows(entry.rows, about=entry.about)
        lines.append(f"{results.escape(entry.name)}\t{entry.kind}\t{entry.columns}\t{rows}")
    return "\n".join(lines)


def _rows(rows: int | UnsetType, *, about: bool) -> str:
    if rows is UNSET:
        return "not counted in time"
    return f"{'about ' if about else ''}{rows}"


def _table_as_text(description: Description) -> str:
    head = f"{results.escape(str(description.table))} ({description.kind}"
    if description.columns is UNSET:
        return f"{head}): {description.problem}"
    lines = [f"{head}, rows: {_rows(description.rows, about=description.about)})"]
    composite = description.primary_key is not UNSET and len(description.primary_key) > 1
    lines += [_column_as_text(column, composite=composite) for column in description.columns]
    if composite:
        lines.append(f"primary key ({_names(description.primary_key)})")
    for key in _given(description.foreign_keys):
        if len(key.columns) > 1:
            lines.append(f"({_names(key.columns)}) -> {results.escape(key.table)} ({_names(key.references)})")
    for index in _given(description.indexes):
        lines.append(f"{'unique ' if index.unique else ''}index on ({_names(index.columns)})")
    if description.problem is not UNSET:
        lines.append(description.problem)
    if description.sample is not UNSET:
        lines.append(results.table(description.sample.columns, description.sample.rows) + "\n...")
    return "\n".join(lines)


def _column_as_text(column: ColumnEntry, *, composite: bool) -> str:
    words = [results.escape(column.name), results.escape(column.type)]
    if column.key and not composite:
        words.append("primary key")
    elif not column.nullable:
        words.append("not null")
    if column.default is not None:
        words.append(f"default {results.escape(column.default)}")
    if column.references:
        words.append(f"-> {results.escape(column.references)}")
    return " ".join(filter(None, words))


def _names(names: Any) -> str:
    return ", ".join(map(results.escape, names))


def _given(values: list[Any] | UnsetType) -> list[Any]:
    return [] if values is UNSET else values
