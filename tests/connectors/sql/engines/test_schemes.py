"""Which engine serves which URL."""

from pathlib import Path

import pytest

from dragoman.connectors.sql.engines.schemes import module_of, open_engine
from dragoman.connectors.sql.engines.sqlite import SqliteEngine
from dragoman.connectors.sql.settings import SqlSettings


@pytest.mark.parametrize(
    ("url", "module"),
    [
        ("shop.db", "sqlite"),
        ("sqlite:///shop.db", "sqlite"),
        ("sqlite+aiosqlite:///shop.db", "sqlalchemy"),
        ("postgresql://host/shop", "postgresql"),
        ("postgres://host/shop", "postgresql"),
        ("POSTGRESQL+psycopg://host/shop", "sqlalchemy"),
        ("postgresql+asyncpg://host/shop", "postgresql"),
        ("mysql://host/shop", "mysql"),
        ("mariadb+pymysql://host/shop", "sqlalchemy"),
        ("mysql+aiomysql://host/shop", "mysql"),
        ("oracle://host/shop", "sqlalchemy"),
        ("snowflake://user@account/shop", "sqlalchemy"),
        ("duckdb:///shop.duckdb", "duckdb"),
        ("shop.DuckDB", "duckdb"),
        ("a:b.db", "sqlite"),
    ],
)
def test_a_url_names_its_engine(url: str, module: str) -> None:
    assert module_of(url) == module


def test_an_engine_is_opened_without_a_connection(tmp_path: Path) -> None:
    engine = open_engine(SqlSettings(url=str(tmp_path / "none.db"), timeout=2.0))
    assert isinstance(engine, SqliteEngine)
    assert engine.limits.seconds == 2.0
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="in memory"):
        open_engine(SqlSettings(url="sqlite:///:memory:"))
