"""What is told of a table names no column that its reader does not see, however the database words it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dragoman import Client, Server, Sql
from tests.connectors.sql.conftest import MakeDatabase
from tests.connectors.sql.servers.mariadb import MariaDB
from tests.connectors.sql.servers.postgresql import PostgreSQL

_GENERATED = "GENERATED ALWAYS AS (lower(hidden_note))"
_TABLE = "CREATE TABLE secretive (id integer PRIMARY KEY, hidden_note varchar(40), shown varchar(40)"
_EMPTY = "DROP TABLE IF EXISTS secretive"


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "duckdb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A table with a column that is computed of a hidden one, and an index over an expression of it."""
    if request.param == "sqlite":
        make: MakeDatabase = request.getfixturevalue("make_database")
        index = "CREATE INDEX of_hidden_note ON secretive (lower(hidden_note))"
        yield f"sqlite:///{make(f'{_TABLE}, computed text {_GENERATED})', index)}"
    elif request.param == "duckdb":
        path = tmp_path / "made.duckdb"
        with duckdb.connect(path) as connection:
            connection.execute(f"{_TABLE}, computed varchar {_GENERATED})")
            connection.execute("CREATE INDEX of_hidden_note ON secretive (lower(hidden_note))")
        yield f"duckdb:///{path}"
    else:
        server: PostgreSQL | MariaDB = request.getfixturevalue(request.param)
        index = "CREATE INDEX of_hidden_note ON secretive (lower(hidden_note))"
        statements = [_EMPTY, f"{_TABLE}, computed varchar(40) {_GENERATED} STORED)"]
        statements += [index, "GRANT SELECT ON secretive TO reader"] if request.param == "postgresql" else []
        server.execute(*statements)
        yield server.url()
        server.execute(_EMPTY)


async def test_defaults_and_indexes_name_no_hidden_column(url: str) -> None:
    server = Server("test")
    server.connect(Sql("shop", url, tables={"secretive": {"deny_columns": ["hidden_note"]}}))
    async with Client(server) as client:
        told = str(await client.call_tool("shop_describe", {"table": "secretive", "detail": True}))
        told += str(await client.read_resource("sql://shop/secretive"))
        told += str(await client.get_prompt("shop_guide"))
        told += str(await client.call_tool("shop_describe", {"search": "hidden note"}))
    assert "computed" in told
    assert "hidden_note" not in told.replace("hidden note", "")
