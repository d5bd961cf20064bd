"""The music shop of the shared data as statements for another database: types, keys, rows and comments."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

TYPES = {"NVARCHAR": "varchar", "DATETIME": "timestamp(0)", "INTEGER": "integer", "NUMERIC": "numeric"}
COMMENTS = {
    ("Customer", ""): "People who bought at least one track",
    ("Customer", "Email"): "Unique in practice, not by constraint",
    ("Track", "Milliseconds"): "Length of the track",
}
ROWS_AT_ONCE = 500


def literal(value: object) -> str:
    """Return a value of the file as a literal; a backslash in it means itself."""
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def statements(path: Path, quoted: Callable[[str], str], types: dict[str, str] = TYPES) -> Iterator[str]:
    """Return the statements that make the shop: tables, rows, then keys and indexes.

    Args:
        path: the SQLite file.
        quoted: how the dialect quotes a name.
        types: what the dialect calls the file's types.
    """
    shop = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in shop.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
        for table in tables:
            yield _table(shop, table, quoted, types)
            rows = shop.execute(f'SELECT * FROM "{table}"')
            while some := rows.fetchmany(ROWS_AT_ONCE):
                values = ", ".join(f"({', '.join(map(literal, row))})" for row in some)
                yield f"INSERT INTO {quoted(table)} VALUES {values}"
        for table in tables:
            yield from _keys(shop, table, quoted)
    finally:
        shop.close()


def _table(shop: sqlite3.Connection, table: str, quoted: Callable[[str], str], types: dict[str, str]) -> str:
    lines, key = [], []
    for _, name, declared, required, _, place in shop.execute(f'PRAGMA table_info("{table}")'):
        kind, bracket, size = declared.partition("(")
        lines.append(f"{quoted(name)} {types[kind]}{bracket}{size}{' NOT NULL' if required else ''}")
        if place:
            key.append((place, quoted(name)))
    lines.append(f"PRIMARY KEY ({', '.join(name for _, name in sorted(key))})")
    return f"CREATE TABLE {quoted(table)} ({', '.join(lines)})"


def _keys(shop: sqlite3.Connection, table: str, quoted: Callable[[str], str]) -> Iterator[str]:
    for _, _, target, column, reference, *_ in shop.execute(f'PRAGMA foreign_key_list("{table}")'):
        name = quoted(f"FK_{table}{column}")
        yield (
            f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {name} FOREIGN KEY ({quoted(column)}) "
            f"REFERENCES {quoted(target)} ({quoted(reference)})"
        )
        yield f"CREATE INDEX {quoted(f'IFK_{table}{column}')} ON {quoted(table)} ({quoted(column)})"
