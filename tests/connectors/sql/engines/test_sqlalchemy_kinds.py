"""What is known of kinds of databases: how a transaction begins, what to install, and what an error means."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.exc import DBAPIError

from dragoman.connectors.sql.engines.sqlalchemy_kinds import fault_of, kind_of, package_of


class DriverError(Exception):
    """What a driver raises."""


def raised(*arguments: Any, away: bool = False, **attributes: Any) -> DBAPIError:
    original = DriverError(*arguments)
    for name, value in attributes.items():
        setattr(original, name, value)
    return DBAPIError("SELECT 'hidden'", {}, original, connection_invalidated=away)


@pytest.fixture
def sqlite(tmp_path: Path) -> Any:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/made.db", poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_kind_that_is_not_known_promises_nothing(sqlite: sqlalchemy.Connection) -> None:
    kind = kind_of("strange")
    assert (kind.read_only, kind.explain, kind.tells_plan, kind.faults) == (False, None, False, "")
    assert kind.openings(sqlite, 1.0) == []


def test_sqlite_can_not_be_written_after_its_openings(sqlite: sqlalchemy.Connection) -> None:
    for statement in kind_of("sqlite").openings(sqlite, 1.0):
        sqlite.exec_driver_sql(statement)
    with pytest.raises(sqlalchemy.exc.OperationalError, match="readonly") as caught:
        sqlite.exec_driver_sql("CREATE TABLE t (n INT)")
    assert fault_of(kind_of("sqlite"), caught.value).kind == "refused"


def test_sqlite_is_given_the_function_of_hash_masks(sqlite: sqlalchemy.Connection) -> None:
    kind_of("sqlite").prepare(sqlite)
    names = [row[0] for row in sqlite.exec_driver_sql("SELECT name FROM pragma_function_list")]
    assert [name for name in names if "hash" in name and "dragoman" in name]


@pytest.mark.parametrize("name", ["postgresql", "mysql", "mariadb", "redshift", "snowflake"])
def test_the_database_gets_the_deadline(name: str, sqlite: sqlalchemy.Connection) -> None:
    begin = " ".join(kind_of(name).openings(sqlite, 2.0)).lower()
    assert "time" in begin
    assert "2000" in begin or "= 2" in begin


@pytest.mark.parametrize("name", ["postgresql", "mysql", "mariadb", "oracle", "sqlite"])
def test_transactions_are_read_only(name: str, sqlite: sqlalchemy.Connection) -> None:
    begin = " ".join(kind_of(name).openings(sqlite, 2.0)).upper()
    assert kind_of(name).read_only
    assert "READ ONLY" in begin or "QUERY_ONLY" in begin


@pytest.mark.parametrize(
    ("driver", "package"),
    [
        ("oracle", "oracledb"),
        ("oracle+cx_oracle", "oracledb"),
        ("mssql+pymssql", "pymssql"),
        ("mssql+pyodbc", "pyodbc"),
        ("postgresql+psycopg", "psycopg[binary]"),
        ("gopher", None),
    ],
)
def test_what_to_install(driver: str, package: str | None) -> None:
    assert package_of(driver) == package


@pytest.mark.parametrize(
    ("name", "error", "kind", "message"),
    [
        ("postgresql", raised("ERROR:  x", sqlstate="57014"), "timeout", None),
        ("postgresql", raised("ERROR:  x", pgcode="57014"), "timeout", None),
        ("mysql", raised(1969, "Query execution was interrupted"), "timeout", None),
        ("sqlite", raised("interrupted"), "timeout", ""),
        ("sqlite", raised("database is locked"), "locked", ""),
        ("sqlite", raised("file is not a database"), "not_database", ""),
        ("sqlite", raised("no such column: x"), "statement", "no such column: x"),
        ("strange", raised("the value 'hidden' is no number"), "statement", ""),
        ("strange", raised("gone", away=True), "away", ""),
        ("strange", ConnectionResetError(104, "hidden"), "away", ""),
    ],
)
def test_errors_of_drivers(name: str, error: Exception, kind: str, message: str | None) -> None:
    fault = fault_of(kind_of(name), error)
    assert fault.kind == kind
    assert message is None or fault.message == message
    assert "hidden" not in str(fault)
