"""What is particular to kinds of databases behind SQLAlchemy: read-only transactions, times, plans, faults, packages.

Data and pure functions. A kind that is not in the table gets none of it.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dragoman.connectors.sql.engines import mysql_faults, postgresql_faults
from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind
from dragoman.connectors.sql.engines.sqlite_worker import HASH, keyed_hash

_MYSQL_MODE: Final = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"


def _nothing(_connection: Connection, _seconds: float) -> list[str]:
    return []


def _leave(_connection: Connection) -> None:
    """Leave a new connection as it is."""


class Kind(Struct, frozen=True, kw_only=True):
    """What is known of a kind of database.

    Args:
        openings: statements at the beginning of every transaction, given the connection and the time, seconds.
        read_only: whether they make it read-only.
        prepare: what is done with every new connection.
        explain: what has a statement planned when it stands before it; None when nothing does.
        tells_plan: whether what it answers holds names only, so that it can be shown.
        faults: how errors of its drivers are told apart.
    """

    openings: Callable[[Connection, float], list[str]] = _nothing
    read_only: bool = False
    prepare: Callable[[Connection], None] = _leave
    explain: str | None = None
    tells_plan: bool = False
    faults: str = ""


def _sqlite(_connection: Connection, _seconds: float) -> list[str]:
    return ["PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF"]


def _add_hash(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.create_function(HASH, 3, keyed_hash, deterministic=True)


def _postgresql(_connection: Connection, seconds: float) -> list[str]:
    return [
        "SET TRANSACTION READ ONLY",
        f"SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}",
        "SET LOCAL standard_conforming_strings = on",
        "SET LOCAL search_path = pg_catalog",
    ]


def _mysql(connection: Connection, seconds: float) -> list[str]:
    mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    deadline = f"max_statement_time = {seconds:.3f}" if mariadb else f"max_execution_time = {round(seconds * 1000)}"
    return [
        f"SET SESSION sql_mode = '{_MYSQL_MODE}', SESSION {deadline}",
        "SET SESSION TRANSACTION READ ONLY",
        "ROLLBACK",
        "START TRANSACTION READ ONLY",
    ]


def _snowflake(_connection: Connection, seconds: float) -> list[str]:
    return [f"ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {max(1, round(seconds))}"]


_POSTGRESQL: Final = Kind(openings=_postgresql, read_only=True, explain="EXPLAIN", faults="postgresql")
_MYSQL: Final = Kind(openings=_mysql, read_only=True, explain="EXPLAIN", faults="mysql")
_KINDS: Final = {
    "sqlite": Kind(
        openings=_sqlite,
        read_only=True,
        prepare=_add_hash,
        explain="EXPLAIN QUERY PLAN",
        tells_plan=True,
        faults="sqlite",
    ),
    "postgresql": _POSTGRESQL,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "oracle": Kind(openings=lambda _connection, _seconds: ["SET TRANSACTION READ ONLY"], read_only=True),
    "mssql": Kind(openings=lambda _connection, _seconds: ["SET LOCK_TIMEOUT 1000", "SET QUOTED_IDENTIFIER ON"]),
    "snowflake": Kind(openings=_snowflake, explain="EXPLAIN USING TEXT"),
    "redshift": Kind(
        openings=lambda _connection, seconds: [f"SET statement_timeout TO {max(1, round(seconds * 1000))}"],
        explain="EXPLAIN",
    ),
    "trino": Kind(explain="EXPLAIN"),
}
_UNKNOWN: Final = Kind()

_PACKAGES: Final = {
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "clickhousedb": "clickhouse-connect",
    "databricks": "databricks-sqlalchemy",
    "mssql": "pyodbc",
    "mssql+pymssql": "pymssql",
    "oracle": "oracledb",
    "postgresql+psycopg": "psycopg[binary]",
    "postgresql+psycopg2": "psycopg2-binary",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
    "trino": "trino[sqlalchemy]",
}


def kind_of(name: str) -> Kind:
    """Return what is known of a kind of database, by SQLAlchemy's name for it."""
    return _KINDS.get(name, _UNKNOWN)


def package_of(drivername: str) -> str | None:
    """Return the package to install for a `dialect+driver`; None when it is not known."""
    return _PACKAGES.get(drivername) or _PACKAGES.get(drivername.partition("+")[0])


def fault_of(kind: Kind, error: Exception) -> EngineFault:
    """Return the fault for an error of a driver; what it says is only kept where a vocabulary is known for it."""
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    if kind.faults == "postgresql":
        state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
        if state is not None:
            return postgresql_faults.fault_of(state, _first_line(original))
    number, message = (*getattr(original, "args", ()), None, "")[:2]
    if kind.faults == "mysql" and isinstance(number, int):
        return mysql_faults.fault_of(number, str(message))
    if kind.faults == "sqlite":
        return _sqlite_fault(str(original))
    if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return EngineFault("away")
    return EngineFault("statement")


def _first_line(error: Any) -> str:
    message = getattr(getattr(error, "diag", None), "message_primary", None)
    return message or str(error).split("\n")[0].partition(": ")[2]


def _sqlite_fault(message: str) -> EngineFault:
    for words, kind in _SQLITE:
        if words in message:
            return EngineFault(kind)
    return EngineFault("statement", message)


_SQLITE: Final[tuple[tuple[str, FaultKind], ...]] = (
    ("interrupted", "timeout"),
    ("locked", "locked"),
    ("readonly", "refused"),
    ("too big", "too_big"),
    ("not a database", "not_database"),
    ("malformed", "corrupt"),
    ("unable to open", "cannot_open"),
    ("disk I/O", "input_output"),
    ("out of memory", "memory"),
)
