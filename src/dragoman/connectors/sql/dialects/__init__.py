"""What each SQL dialect allows, and how it is read and written."""

from dragoman.connectors.sql.dialects.dialect import Dialect
from dragoman.connectors.sql.dialects.duckdb import DUCKDB
from dragoman.connectors.sql.dialects.mysql import MYSQL
from dragoman.connectors.sql.dialects.postgresql import POSTGRESQL
from dragoman.connectors.sql.dialects.sqlite import SQLITE

__all__ = ["DUCKDB", "MYSQL", "POSTGRESQL", "SQLITE", "Dialect"]
