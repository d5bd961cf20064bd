"""The music shop as a DuckDB file: one for all tests, which change nothing in it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.connectors.sql.servers import chinook

TYPES = {**chinook.TYPES, "DATETIME": "timestamp"}

_CREATE = re.compile(r'CREATE TABLE "(\w+)" ')
_INSERT = re.compile(r'INSERT INTO "(\w+)" ')
_FOREIGN = re.compile(r'ALTER TABLE "(\w+)" ADD CONSTRAINT "\w+" (FOREIGN KEY \("\w+"\) REFERENCES "(\w+)" \("\w+"\))')


def quoted(name: str) -> str:
    """Return a name as an identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def make_duckdb(data: Path, path: Path) -> None:
    """Write the music shop into a new DuckDB file; foreign keys are parts of tables, as DuckDB takes no others.

    Args:
        data: the SQLite file of the music shop.
        path: the file.
    """
    tables, rows, keys, last = _sorted(chinook.statements(data, quoted, TYPES))
    connection = duckdb.connect(str(path))
    connection.execute("BEGIN")
    while tables:
        for table in [name for name in tables if not {other for _, other in keys.get(name, ())} & tables.keys()]:
            create = tables.pop(table).removesuffix(")")
            connection.execute(", ".join([create, *(key for key, _ in keys.get(table, ()))]) + ")")
            for insert in rows[table]:
                connection.execute(insert)
    for statement in [*last, *_comments()]:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()


def _sorted(
    statements: Iterable[str],
) -> tuple[dict[str, str], dict[str, list[str]], dict[str, list[tuple[str, str]]], list[str]]:
    """Return what makes tables, rows, foreign keys (and to which table), and the rest."""
    tables: dict[str, str] = {}
    rows: dict[str, list[str]] = {}
    keys: dict[str, list[tuple[str, str]]] = {}
    last: list[str] = []
    for statement in statements:
        if found := _CREATE.match(statement):
            tables[found[1]] = statement
        elif found := _INSERT.match(statement):
            rows.setdefault(found[1], []).append(statement)
        elif found := _FOREIGN.match(statement):
            if found[1] != found[3]:  # rows of one statement can't refer to each other here
                keys.setdefault(found[1], []).append((found[2], found[3]))
        else:
            last.append(statement)
    return tables, rows, keys, last


def _comments() -> Iterator[str]:
    for (table, column), comment in chinook.COMMENTS.items():
        what = f"COLUMN {quoted(table)}.{quoted(column)}" if column else f"TABLE {quoted(table)}"
        yield f"COMMENT ON {what} IS {chinook.literal(comment)}"


@pytest.fixture(scope="session")
def duckdb_shop(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The music shop as a DuckDB file, for tests that change nothing in it."""
    path = tmp_path_factory.mktemp("duckdb") / "shop.duckdb"
    make_duckdb(shared_data / "chinook.sqlite", path)
    return path
