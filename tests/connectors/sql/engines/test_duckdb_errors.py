"""Errors of DuckDB by their kind, and that none of them holds a value of the database."""

import re
from pathlib import Path

import duckdb
import pytest

from dragoman import Sql
from dragoman.connectors.sql.engines.duckdb_errors import Refusal, fault_of
from dragoman.connectors.sql.engines.engine import SqlFault


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT FirstName::INTEGER FROM Customer",
        "SELECT list_sum([FirstName::DOUBLE]) FROM Customer",
        "SELECT strptime(FirstName, '%Y') FROM Customer",
        "SELECT FirstName::DATE FROM Customer",
        "SELECT json_extract(FirstName, '$.a') FROM Customer",
        "SELECT FirstName::ENUM('a') FROM Customer",
        "SELECT error(FirstName) FROM Customer",
        "SELECT CustomerId::TINYINT + 100::TINYINT FROM Customer",
        "SELECT make_date(CustomerId, CustomerId, CustomerId) FROM Customer",
        "SELECT regexp_matches('x', FirstName || '(') FROM Customer",
    ],
)
async def test_an_error_holds_no_value_of_the_database(duckdb_shop: Path, sql: str) -> None:
    shop = Sql("shop", duckdb_shop, allow_functions=("error",))
    with duckdb.connect(str(duckdb_shop), read_only=True) as driver:
        names = {name for (name,) in driver.execute("SELECT FirstName FROM Customer").fetchall()}
    with pytest.raises(SqlFault) as caught:
        await shop.query(sql)
    await shop.close()
    assert not set(re.findall(r"\w+", str(caught.value))) & names
    assert not re.search(r"\d", str(caught.value).replace("2024-12-31 23:59:59", ""))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Refusal("wide_row"), "wide_row"),
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), "timeout"),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), "memory"),
        (duckdb.OutOfMemoryException("failed to offload ... 'max_temp_directory_size' was set"), "scratch"),
        (duckdb.PermissionException("Permission Error: Cannot access file"), "refused"),
        (duckdb.TransactionException("Cannot write: transaction is launched in read-only mode"), "refused"),
        (duckdb.InvalidInputException('Cannot change "x" - the configuration has been locked'), "refused"),
        (duckdb.IOException('IO Error: Could not set lock on file "x": Conflicting lock is held'), "locked"),
        (
            duckdb.IOException('IO Error: The file "x" exists, but it is not a valid DuckDB database file!'),
            "not_database",
        ),
        (duckdb.IOException("IO Error: No space left on device"), "scratch"),
        (duckdb.IOException('IO Error: No files found that match the pattern "x"'), "missing"),
        (duckdb.IOException("IO Error: Could not read"), "input_output"),
        (duckdb.FatalException("FATAL Error: the database has been invalidated"), "lost"),
        (duckdb.InternalException("INTERNAL Error: Attempted to access index 0"), "lost"),
        (MemoryError(), "memory"),
        (RuntimeError("std::bad_alloc"), "memory"),
        (RuntimeError("something"), "lost"),
        (UnicodeError("x"), "refused"),
        (OverflowError("x"), "refused"),
        (ValueError("x"), "lost"),
    ],
)
def test_kinds(error: Exception, kind: str) -> None:
    assert fault_of(error) == (kind, "")


def test_the_first_line_of_what_a_statement_did_wrong_is_passed_on() -> None:
    error = duckdb.BinderException('Binder Error: Referenced column "x" not found!\nCandidate bindings: "secret"')
    assert fault_of(error) == ("statement", 'Binder Error: Referenced column "x" not found!')
    assert len(fault_of(duckdb.ParserException("x" * 9000))[1]) == 500
