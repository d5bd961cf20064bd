"""What each SQL dialect allows, and how it is read and written."""

from dragoman.connectors.sql.dialects.dialect import Dialect
from dragoman.connectors.sql.dialects.sqlite import SQLITE

__all__ = ["SQLITE", "Dialect"]
