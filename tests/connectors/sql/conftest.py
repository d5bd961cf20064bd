"""Databases for the tests: the real one, read-only, and small ones made for one test."""

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from dragoman import Sql
from tests.connectors.sql.servers import duckdb_engines, duckdb_shop, mariadb, postgresql

__all__ = ["duckdb_engines", "duckdb_shop", "mariadb", "postgresql"]  # fixtures of every test below this folder

MakeDatabase = Callable[..., Path]


@pytest.fixture
def chinook(shared_data: Path) -> Path:
    """The music shop of the shared data."""
    return shared_data / "chinook.sqlite"


@pytest.fixture
def make_database(tmp_path: Path) -> MakeDatabase:
    """Make a database file out of statements."""

    def make(*statements: str, name: str = "made.sqlite") -> Path:
        path = tmp_path / name
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return path

    return make


@pytest.fixture
async def shop(chinook: Path) -> AsyncIterator[Sql]:
    """The music shop, served with a short time limit."""
    connector = Sql("shop", chinook, timeout=2)
    yield connector
    await connector.close()


@pytest.fixture
def fingerprint() -> Callable[[Path], tuple[str, list[str]]]:
    """What must not change: the bytes of a file, and the names of the files beside it."""

    def take(path: Path) -> tuple[str, list[str]]:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return digest, sorted(each.name for each in path.parent.iterdir())

    return take
