"""What a database or a table holds, as agents read it: data for programs, few lines of text for models.

Pure functions of what the engine told and of what callers see: a key or an index with a column that they don't see is
left out, so is one whose expression or name may tell of such a column, and of a masked column its default. The text
says in fewer bytes what the data say.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.catalog import UNREADABLE, Column, Count, Details, ForeignKey, Relation, fold
from dragoman.connectors.sql.engines.engine import Page
from dragoman.connectors.sql.policy import View, names_any

EXPRESSION = "(expression)"
_UNREADABLE = f"it can't be read: {UNREADABLE}"


class TableEntry(Struct, omit_defaults=True):
    """One table of the list: `rows` is left out when they were not counted in time."""

    name: str
    kind: str
    columns: int
    rows: int | UnsetType = UNSET
    about: bool = False
    comment: str = ""
    problem: str | UnsetType = UNSET


class ColumnEntry(Struct, omit_defaults=True):
    """One column; `key` is its place in the primary key, `references` the table.column it points to.

    `masked` says that other values are shown than there are.
    """

    name: str
    type: str = ""
    nullable: bool = True
    default: str | None = None
    key: int = 0
    references: str = ""
    masked: bool = False
    comment: str = ""


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
    filtered: bool = False
    comment: str = ""
    sample: SampleEntry | UnsetType = UNSET
    problem: str | UnsetType = UNSET


def of_database(database: str, relations: Iterable[Relation], counts: Mapping[str, Count]) -> Description:
    """Return the list of relations; those without a count can't be read."""
    entries = []
    for relation in relations:
        entry = TableEntry(relation.name, relation.kind, len(relation.columns), comment=relation.comment)
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


def of_relation(
    database: str, relation: Relation, details: Details, sample: Page | None, view: View, *, sampled: bool = True
) -> Description:
    """Return what callers see of one relation.

    Args:
        database: the connector's name.
        relation: as callers see it.
        details: what the engine told.
        sample: the first rows as callers see them; None when they can't be read.
        view: what else callers see.
        sampled: whether they were asked for.
    """
    seen = {fold(column.name) for column in relation.columns}
    keys = [key for key in details.foreign_keys if seen.issuperset(map(fold, key.columns)) and _leads_to(key, view)]
    masked = {fold(name) for name in view.masked(relation)}
    concealed = view.concealed(relation)
    description = Description(
        database,
        table=relation.name,
        kind=relation.kind,
        columns=[_column(column, keys, masked=fold(column.name) in masked) for column in relation.columns],
        indexes=[
            IndexEntry(index.name, list(index.columns), index.unique)
            for index in details.indexes
            if seen.issuperset(fold(column) for column in index.columns if column != EXPRESSION)
            and not (concealed and (EXPRESSION in index.columns or names_any(index.name, concealed)))
        ],
        comment=relation.comment,
        filtered=view.is_filtered(relation),
    )
    primary = sorted((column.key, column.name) for column in relation.columns if column.key)
    if primary:
        description.primary_key = [name for _, name in primary]
    if keys:
        description.foreign_keys = [Reference(list(key.columns), key.table, list(key.references)) for key in keys]
    if details.count.rows is not None:
        description.rows = details.count.rows
        description.about = not details.count.exact
    if not sampled:
        return description
    if sample is None:
        description.problem = _UNREADABLE if details.count.rows is None else "its rows can't be shown"
    else:
        description.sample = SampleEntry(sample.columns, sample.rows)
    return description


def _leads_to(key: ForeignKey, view: View) -> bool:
    """Whether callers see what a foreign key refers to."""
    target = view.find(key.table)
    return target is not None and {fold(column.name) for column in target.columns}.issuperset(map(fold, key.references))


def _column(column: Column, keys: list[ForeignKey], *, masked: bool) -> ColumnEntry:
    """Return a column; a foreign key of several columns is told once for the table, not here."""
    references = ""
    for key in keys:
        if key.columns == (column.name,):
            references = ".".join([key.table, *key.references])
    default = None if masked else column.default
    return ColumnEntry(
        column.name, column.type, column.nullable, default, column.key, references, masked, column.comment
    )


def counted_columns(relation: Relation) -> str:
    """Return how many columns a relation has, for a sentence."""
    number = len(relation.columns)
    return f"{number} column{'' if number == 1 else 's'}"


def compact(description: Description, *, detail: bool = True) -> dict[str, Any]:
    """Return a description as data of few bytes: lists of columns and rows, as results of queries are.

    Args:
        description: of the database or of one table.
        detail: whether indexes and sample rows are told, too.
    """
    if description.tables is not UNSET:
        return tables_of(description.tables)
    told: dict[str, Any] = {"table": description.table}
    told |= {name: value for name, value in _said(description) if not _is_usual(value)}
    if description.columns is not UNSET:
        composite = _is_composite(description)
        told["columns"] = [_column_words(column, composite=composite) for column in description.columns]
        if composite:
            told["primary_key"] = description.primary_key
    wide = [key for key in _given(description.foreign_keys) if len(key.columns) > 1]
    if wide:
        told["foreign_keys"] = wide
    if detail:
        told["indexes"] = _given(description.indexes)
        if description.sample is not UNSET:
            told["sample"] = description.sample
    return told


def _is_usual(value: Any) -> bool:
    """Whether a value goes without saying."""
    return value is UNSET or value is False or value in ("", "table")


def _said(description: Description) -> list[tuple[str, Any]]:
    names = ("kind", "rows", "about", "filtered", "comment", "problem")
    return [(name, getattr(description, name)) for name in names]


def tables_of(tables: list[TableEntry]) -> dict[str, Any]:
    """Return a list of tables as columns and rows; a column that would say the same of all is left out."""
    columns = ["table"]
    cells: list[list[Any]] = [[entry.name] for entry in tables]
    for head, said, usual in (
        ("kind", [entry.kind for entry in tables], "table"),
        ("columns", [entry.columns for entry in tables], None),
        ("rows", [_rows_of(entry) for entry in tables], None),
        ("comment", [entry.comment for entry in tables], ""),
    ):
        if any(value != usual for value in said):
            columns.append(head)
            for row, value in zip(cells, said, strict=True):
                row.append(value)
    return {"columns": columns, "rows": cells}


def _rows_of(entry: TableEntry) -> int | str:
    if entry.problem is not UNSET:
        return entry.problem
    if entry.rows is UNSET:
        return "not counted in time"
    return f"about {entry.rows}" if entry.about else entry.rows


def as_text(description: Description, *, detail: bool = True) -> str:
    """Return a description as lines.

    Args:
        description: of the database or of one table.
        detail: whether indexes and sample rows are told, too.
    """
    if description.tables is not UNSET:
        return _list_as_text(description.database, description.tables)
    return _table_as_text(description, detail=detail)


def _list_as_text(database: str, tables: list[TableEntry]) -> str:
    if not tables:
        return f"The database {database} is empty: it has no tables."
    told = tables_of(tables)
    return results.table(told["columns"], told["rows"])


def _rows(description: Description) -> str:
    if description.rows is UNSET:
        return "not counted in time"
    shown = f"{'about ' if description.about else ''}{description.rows}"
    return f"{shown}, only those that you may see" if description.filtered else shown


def _is_composite(description: Description) -> bool:
    return description.primary_key is not UNSET and len(description.primary_key) > 1


def _table_as_text(description: Description, *, detail: bool) -> str:
    head = f"{results.escape(str(description.table))} ({description.kind}"
    if description.columns is UNSET:
        return f"{head}): {description.problem}"
    lines = [f"{head}, rows: {_rows(description)})"]
    if description.comment:
        lines.append(results.escape(description.comment))
    composite = _is_composite(description)
    lines += [
        " ".join(results.escape(word) for word in _column_words(column, composite=composite) if word)
        for column in description.columns
    ]
    if composite:
        lines.append(f"primary key ({_names(description.primary_key)})")
    for key in _given(description.foreign_keys):
        if len(key.columns) > 1:
            lines.append(f"({_names(key.columns)}) -> {results.escape(key.table)} ({_names(key.references)})")
    if detail:
        for index in _given(description.indexes):
            lines.append(f"{'unique ' if index.unique else ''}index on ({_names(index.columns)})")
    if description.problem is not UNSET:
        lines.append(description.problem)
    if detail and description.sample is not UNSET:
        lines.append(results.table(description.sample.columns, description.sample.rows) + "\n...")
    return "\n".join(lines)


def _column_words(column: ColumnEntry, *, composite: bool) -> list[str]:
    """Return a column's name, type and what else is to say of it."""
    words = []
    if column.key and not composite:
        words.append("primary key")
    elif not column.nullable:
        words.append("not null")
    if column.default is not None:
        words.append(f"default {column.default}")
    if column.references:
        words.append(f"-> {column.references}")
    if column.masked:
        words.append("masked")
    if column.comment:
        words.append(f"-- {column.comment}")
    told = [column.name, column.type, " ".join(words)]
    return told if words else told[:2]


def _names(names: Any) -> str:
    return ", ".join(map(results.escape, names))


def _given(values: list[Any] | UnsetType) -> list[Any]:
    return [] if values is UNSET else values
